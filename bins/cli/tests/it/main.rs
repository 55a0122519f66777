//! The `keyward` program: what it prints and how it ends.
#![allow(clippy::unwrap_used, reason = "tests")]

mod authority;
mod check;
mod exporter;
mod promtool;
mod server;

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

struct Workdir(TempDir);

impl Workdir {
    fn new() -> Self {
        let workdir = Self(tempfile::tempdir().unwrap());
        assert!(workdir.keyward(&["keygen", "--out", "key.pem"]).status.success());
        workdir
    }

    fn keyward(&self, args: &[&str]) -> Output {
        self.keyward_with(args, "")
    }

    fn keyward_with(&self, args: &[&str], stdin: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyward"));
        command.args(args).current_dir(self.0.path()).env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn sign(&self, more: &[&str]) -> String {
        let args = ["sign", "--key", "key.pem", "--issuer", "https://v.example", "--subject", "l-1"];
        let output = self.keyward(&[&args, more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Exit code, and the JSON on stdout.
    fn verify(&self, token: &str, more: &[&str]) -> (i32, Value) {
        let output =
            self.keyward(&[&["verify", "--any-product", "--key", "key.pem.pub"], more, &[token]].concat());
        (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap_or_default())
    }
}

const PAYLOAD: &str = r#"{"seats":25,"big":123456789012345678901234567890}"#;

#[test]
fn what_is_signed_offline_verifies_offline() {
    let workdir = Workdir::new();
    for format in ["jwt", "paseto"] {
        let token = workdir.sign(&["--no-end", "--format", format, "--payload", PAYLOAD]);
        let output = workdir.keyward(&["verify", "--any-product", "--key", "key.pem.pub", &token]);
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).unwrap().contains("123456789012345678901234567890"));
        let piped = workdir
            .keyward_with(&["verify", "--any-product", "--key", "key.pem.pub", "-"], &format!("{token}\n"));
        assert_eq!(piped.status.code(), Some(0), "a pipe ends its line");
    }
}

#[test]
fn a_refusal_ends_with_1_and_names_its_reason() {
    let workdir = Workdir::new();
    let token = workdir.sign(&["--issued-at", "1000", "--expires-at", "2000"]);
    for (at, exit, code) in
        [("999", 1, "not_yet_valid"), ("1000", 0, ""), ("1999", 0, ""), ("2000", 1, "expired")]
    {
        let (ended, said) = workdir.verify(&token, &["--at", at]);
        assert_eq!((ended, said["code"].as_str().unwrap_or_default()), (exit, code), "at {at}: {said}");
    }
    let (_, said) = workdir.verify(&token, &["--at", "1970-01-01T01:00:00Z"]);
    assert_eq!(said["since"], "1970-01-01T00:33:20Z");
    let now = ["--at", "1500"];
    let refused = |token: &str, more: &[&str]| workdir.verify(token, &[&now, more].concat());
    assert_eq!(refused(&token, &["--audience", "x"]).1["code"], "wrong_audience");
    assert_eq!(refused(&token, &["--issuer", "https://other.example"]).1["code"], "wrong_issuer");
    assert_eq!(refused(&token, &["--subject", "l-2"]).1["code"], "wrong_subject");
    assert_eq!(refused(&token, &["--organization", "o"]).1["code"], "wrong_organization");
    assert_eq!(refused("", &[]).0, 1);
    workdir.keyward(&["keygen", "--out", "other.pem"]);
    let stranger =
        workdir.keyward(&["verify", "--any-product", "--key", "other.pem.pub", "--at", "1500", &token]);
    assert_eq!(stranger.status.code(), Some(1));
}

#[test]
fn tokens_and_keys_are_read_as_they_were_pasted() {
    let workdir = Workdir::new();
    let token = workdir.sign(&["--no-end"]);
    let folded = token.replacen('.', ".\r\n ", 1);
    for pasted in
        [format!(" {token}\n"), format!("\u{feff}“{token}”"), folded, format!("\u{200b}{token}\u{a0}")]
    {
        assert_eq!(workdir.verify(&pasted, &[]).0, 0, "{pasted:?}");
        assert_eq!(workdir.keyward(&["inspect", &pasted]).status.code(), Some(0), "{pasted:?}");
        let piped = workdir.keyward_with(&["verify", "--any-product", "--key", "key.pem.pub", "-"], &pasted);
        assert_eq!(piped.status.code(), Some(0), "{pasted:?}");
    }
    // What PowerShell's > writes.
    let write = |name: &str, text: &str| {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        std::fs::write(workdir.0.path().join(name), units.flat_map(u16::to_le_bytes).collect::<Vec<_>>())
            .unwrap();
    };
    let read = |name: &str| std::fs::read_to_string(workdir.0.path().join(name)).unwrap();
    let (public, secret) = (read("key.pem.pub"), read("key.pem"));
    write("wide.pub", &format!("Our key:\r\n\r\n{}", public.replace('\n', "\r\n")));
    write("wide.pem", &secret);
    write("wide.json", "{\"seats\":25}");
    assert!(workdir.keyward(&["verify", "--any-product", "--key", "wide.pub", &token]).status.success());
    let again = [
        "sign",
        "--key",
        "wide.pem",
        "--issuer",
        "i",
        "--subject",
        "s",
        "--no-end",
        "--payload",
        "@wide.json",
    ];
    let again = String::from_utf8(workdir.keyward(&again).stdout).unwrap();
    assert_eq!(workdir.verify(&again, &[]).1["seats"], 25);
}

#[test]
fn what_is_something_else_is_named() {
    let workdir = Workdir::new();
    let token = workdir.sign(&["--no-end"]);
    let public = std::fs::read_to_string(workdir.0.path().join("key.pem.pub")).unwrap();
    std::fs::write(workdir.0.path().join("license.jwt"), &token).unwrap();
    std::fs::write(workdir.0.path().join("narrow.pub"), b"-\0-\0-\0").unwrap();
    for (text, named) in [
        (public.as_str(), "this is a public key and not a token"),
        ("license.jwt", "this is the name of a file"),
        (&token.replacen('.', "—", 1), "contains U+2014 at"),
    ] {
        let output = workdir.keyward_with(&["verify", "--any-product", "--key", "key.pem.pub", "-"], text);
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((output.status.code(), said["code"].as_str()), (Some(1), Some("malformed")));
        assert!(said["detail"].as_str().unwrap().contains(named), "{said}");
    }
    for (key, named) in [
        ("license.jwt", "this is a token and not a public key"),
        ("narrow.pub", "UTF-16 file without a byte order mark"),
        ("key.pem", "a secret key where a public key belongs"),
    ] {
        let output = workdir.keyward(&["verify", "--any-product", "--key", key, &token]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains(named), "{said}");
    }
    let output = workdir.keyward(&["products", "list", "--token", "kw_mgmt—x"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("KEYWARD_TOKEN: contains U+2014 at 8"));
}

/// What `sign` makes, `verify` accepts; what `verify` would refuse, `sign` does not make.
#[test]
fn signing_and_verifying_have_the_same_bounds() {
    let workdir = Workdir::new();
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    let long = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    for (payload, signs) in [
        (nested(31), true),
        (nested(32), false),
        (long(32 * 1024), true),
        (long(32 * 1024 + 1), false),
        ("{\"a\":1.7e308}".into(), true),
        ("{\"a\":1e999}".into(), false),
    ] {
        std::fs::write(workdir.0.path().join("payload.json"), &payload).unwrap();
        for format in ["jwt", "paseto"] {
            let args = [
                "sign",
                "--key",
                "key.pem",
                "--issuer",
                "i",
                "--subject",
                "s",
                "--no-end",
                "--format",
                format,
            ];
            let output = workdir.keyward(&[&args[..], &["--payload", "@payload.json"]].concat());
            assert_eq!(output.status.success(), signs, "{}", String::from_utf8_lossy(&output.stderr));
            if signs {
                let token = String::from_utf8(output.stdout).unwrap();
                let judged =
                    workdir.keyward_with(&["verify", "--any-product", "--key", "key.pem.pub", "-"], &token);
                assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
            }
        }
    }
}

#[test]
fn a_license_of_another_product_is_refused() {
    let workdir = Workdir::new();
    let of = |more: &[&str]| workdir.sign(&[&["--no-end", "--organization", "o"], more].concat());
    let (server, none) = (of(&["--product", "p-server"]), of(&[]));
    let verify = |token: &str, more: &[&str]| {
        let output = workdir.keyward(&[&["verify", "--key", "key.pem.pub"], more, &[token]].concat());
        let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code().unwrap(), said["code"].as_str().unwrap_or_default().to_owned())
    };
    let (good, wrong) = ((0, String::new()), (1, "wrong_product".to_owned()));
    assert_eq!(verify(&server, &["--product", "p-server"]), good);
    assert_eq!(verify(&server, &["--product", "p-basic"]), wrong);
    assert_eq!(verify(&server, &["--product", "p-basic", "--product", "p-server"]), good);
    assert_eq!(verify(&server, &["--any-product"]), good);
    assert_eq!(verify(&none, &["--product", "p-server"]), wrong);
    assert_eq!(verify(&none, &["--product", "p-server", "--or-without-product"]), good);
    assert_eq!(verify(&server, &["--product", "p-basic", "--or-without-product"]), wrong);
    for said in [&[][..], &["--or-without-product"], &["--product", "p", "--any-product"]] {
        assert_eq!(verify(&server, said).0, 2, "{said:?}");
    }
}

#[test]
fn keys_of_two_times_are_one_set() {
    let workdir = Workdir::new();
    workdir.keyward(&["keygen", "--out", "old.pem"]);
    let token = workdir.sign(&["--no-end"]);
    let verify = |set: &str| {
        std::fs::write(workdir.0.path().join("jwks.json"), set).unwrap();
        workdir.keyward(&["verify", "--any-product", "--key", "jwks.json", &token]).status.code().unwrap()
    };
    let jwks = |files: &[&str]| {
        let output = workdir.keyward(&[&["jwks"], files].concat());
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let (ended, both) = jwks(&["old.pem.pub", "key.pem.pub"]);
    assert_eq!((ended, verify(&both)), (0, 0));
    assert_eq!(serde_json::from_str::<Value>(&both).unwrap()["keys"].as_array().unwrap().len(), 2);
    assert_eq!(verify(&jwks(&["old.pem.pub"]).1), 1);
    for files in [&[][..], &["key.pem.pub", "key.pem.pub"], &["key.pem"], &["nowhere.pem"]] {
        assert_eq!(jwks(files), (2, String::new()), "{files:?}");
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    let workdir = Workdir::new();
    let token = workdir.sign(&["--no-end"]);
    for args in [
        &["verify"][..],
        &["verify", "--any-product", "--key", "nowhere.pem", &token],
        &["verify", "--any-product", "--key", "key.pem", &token],
        &["verify", "--any-product", "--key", "key.pem.pub", "--at", "soon", &token],
        &["sign", "--key", "key.pem", "--issuer", "i", "--subject", "s", "--no-end", "--payload", "[]"],
        &[
            "sign",
            "--key",
            "key.pem",
            "--issuer",
            "i",
            "--subject",
            "s",
            "--no-end",
            "--payload",
            r#"{"exp":1}"#,
        ],
        &[
            "sign",
            "--key",
            "key.pem",
            "--issuer",
            "i",
            "--subject",
            "s",
            "--issued-at",
            "5",
            "--expires-at",
            "5",
        ],
        &["keygen", "--out", "key.pem"],
        &["licenses", "list"],
        &["frobnicate"],
    ] {
        let output = workdir.keyward(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn a_secret_key_is_the_owners_alone_and_never_overwritten() {
    let workdir = Workdir::new();
    let before = std::fs::read(workdir.0.path().join("key.pem")).unwrap();
    assert_eq!(workdir.keyward(&["keygen", "--out", "key.pem"]).status.code(), Some(2));
    assert_eq!(std::fs::read(workdir.0.path().join("key.pem")).unwrap(), before);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(workdir.0.path().join("key.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn inspect_shows_without_believing() {
    let workdir = Workdir::new();
    let token = workdir.sign(&["--no-end", "--payload", PAYLOAD]);
    let output = workdir.keyward(&["inspect", "--json", &token]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("123456789012345678901234567890"), "{text}");
    assert!(text.contains("untrusted_claims"));
    assert_eq!(workdir.keyward(&["inspect", "hello"]).status.code(), Some(1));
}

#[test]
fn every_command_on_a_server_explains_itself() {
    let workdir = Workdir::new();
    for noun in [
        "products",
        "applications",
        "application-entitlements",
        "customers",
        "licenses",
        "organizations",
        "members",
        "tokens",
        "signing-keys",
        "registries",
        "registry-keys",
        "artifacts",
        "artifact-entitlements",
        "alerts",
        "deployment-targets",
        "deployments",
    ] {
        let output = workdir.keyward(&[noun, "--help"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let help = String::from_utf8(output.stdout).unwrap();
        let verbs = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
        // What is indented deeper goes on from the line before.
        let verbs = verbs.lines().filter(|line| !line.starts_with("   "));
        let verbs = verbs.filter_map(|line| line.split_whitespace().next());
        for verb in verbs.filter(|verb| *verb != "help") {
            let output = workdir.keyward(&[noun, verb, "--help"]);
            assert!(output.status.success(), "{noun} {verb}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    let nothing = workdir.keyward(&["application-entitlements", "grant", "x"]);
    assert_eq!(nothing.status.code(), Some(2), "versions or all are asked for");
}

/// Each shell reads its own completions without a complaint, where it is installed.
#[test]
fn shells_read_their_completions() {
    let workdir = Workdir::new();
    for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let output = workdir.keyward(&["completions", shell]);
        assert!(output.status.success());
        let script = String::from_utf8(output.stdout).unwrap();
        for word in ["registry-keys", "artifact-entitlements", "acknowledge", "secret-file"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        std::fs::write(workdir.0.path().join(shell), script).unwrap();
        let Ok(read) = Command::new(shell).arg(check).arg(workdir.0.path().join(shell)).output() else {
            continue;
        };
        assert!(read.status.success(), "{shell}: {}", String::from_utf8_lossy(&read.stderr));
    }
    assert_eq!(workdir.keyward(&["completions", "powershell"]).status.code(), Some(2));
}
