//! What an application takes on by linking the crate.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The crates of the default tree on every target, with those of builds.
fn tree(features: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--package",
            "keyward-client",
            "--no-default-features",
            "--features",
            features,
        ])
        .args([
            "--edges",
            "normal,build",
            "--target",
            "x86_64-unknown-linux-gnu",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn the_tree_is_small_and_brings_no_tls_provider() {
    let names = tree("default");
    assert!(names.contains("keyward-client") && names.contains("rustls"));
    for unwanted in ["ring", "aws-lc-rs", "aws-lc-sys", "cc", "openssl", "native-tls", "tokio", "url"] {
        assert!(!names.contains(unwanted), "{unwanted}");
    }
    assert!(names.len() <= 56, "{} crates: {names:?}", names.len());
    assert!(tree("ring").contains("ring"));
    assert!(!tree("").contains("ureq"));
}

/// An application on rustls as it comes works as before. It is a package of its own, since in this workspace other crates turn
/// ring on.
#[test]
#[ignore = "builds aws-lc-rs, which takes minutes at first"]
fn an_application_with_rustls_of_its_own_works_as_before() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("host");
    fs::create_dir_all(folder.join("src")).unwrap();
    let manifest = fs::read_to_string(here.join("tests/host/Cargo.toml")).unwrap();
    let manifest = manifest.replace("\"../..\"", &format!("{here:?}"));
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::copy(here.join("tests/host/src/main.rs"), folder.join("src/main.rs")).unwrap();
    fs::copy(here.join("../../Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let run = Command::new(env!("CARGO")).args(["run", "--quiet"]).current_dir(&folder).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}
