//! What a vendor takes on by linking the crate.

use std::{collections::BTreeSet, process::Command};

/// The default tree on every target, with build dependencies and the crate itself.
#[test]
fn the_default_tree_stays_small() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--package", "keyward-token", "--no-default-features"])
        .args(["--edges", "normal,build", "--target", "all", "--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let names: BTreeSet<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains("keyward-token") && names.contains("ed25519-dalek"));
    assert!(names.len() < 35, "{} crates: {names:?}", names.len());
    for unwanted in
        ["getrandom", "rand_core", "tokio", "pasetors", "ed25519-compact", "zeroize_derive", "time"]
    {
        assert!(!names.contains(unwanted), "{unwanted}");
    }
}
