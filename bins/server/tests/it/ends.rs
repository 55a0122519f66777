//! What ends at the operator's command line, and what `check` finds.

use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::{bootstrapped, refuses, run, server, stderr};

fn told(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Types an answer to what the command asks.
fn answered(folder: &Path, args: &[&str], answer: &str) -> Output {
    let mut command = server(folder, args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn an_organization_is_deleted_by_whoever_names_it() {
    let folder = bootstrapped();
    let path = folder.path();
    refuses(
        &run(path, &["organization", "delete", "nobody", "--yes"]),
        "nobody: there is no such organization",
    );
    let wrong = answered(path, &["organization", "delete", "acme"], "acne\n");
    assert!(!wrong.status.success() && stderr(&wrong).contains("nothing was changed"), "{}", stderr(&wrong));
    assert!(stderr(&wrong).contains("1 members"), "{}", stderr(&wrong));
    refuses(&run(path, &["organization", "keep", "acme"]), "no deletion of the organization is scheduled");
    assert!(told(&answered(path, &["organization", "delete", "acme"], "acme\n")).contains("takes it back"));
    assert_eq!(told(&run(path, &["organization", "keep", "acme"])), "acme is kept.\n");
    assert!(told(&run(path, &["organization", "delete", "acme", "--now", "--yes"])).contains("is deleted"));
    refuses(&run(path, &["organization", "export", "acme"]), "no such organization");
    let taken = ["bootstrap", "--organization", "Acme", "--email", "b@acme.example", "--slug", "acme"];
    assert!(!run(path, &taken).status.success());
    told(&run(path, &["check"]));
}

#[test]
fn all_of_an_organization_is_printed_but_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let made = run(folder.path(), &["bootstrap", "--organization", "Acme", "--email", "a@acme.example"]);
    let made: Value = serde_json::from_str(&told(&made)).unwrap();
    let printed = told(&run(folder.path(), &["organization", "export", "acme"]));
    let lines: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[..5], ["export", "organization", "member", "signing_key", "token"]);
    assert_eq!(kinds.last(), Some(&"end"));
    let (first, last) = (&lines[0], lines.last().unwrap());
    assert_eq!((&first["change"], last["lines"].as_u64()), (&last["change"], Some(lines.len() as u64 - 1)));
    assert!(!printed.contains(made["token"].as_str().unwrap()));
    let told =
        lines.iter().any(|line| line["type"] == "audit_event" && line["event"] == "organization.exported");
    assert!(told || printed.contains("organization.exported"), "{printed}");
}

#[test]
fn a_person_is_erased_by_address() {
    let folder = bootstrapped();
    let erase = |what: &str, email: &str| {
        run(folder.path(), &[what, "erase", "--organization", "acme", "--email", email])
    };
    refuses(&erase("member", "a@acme.example"), "owner");
    assert!(told(&erase("member", "nobody@acme.example")).contains("no such member"));
    refuses(&erase("customer", "nobody@acme.example"), "no such customer");
}

#[test]
fn a_destroyed_page_is_found() {
    let folder = bootstrapped();
    told(&run(folder.path(), &["check"]));
    // What is still beside the file goes into it.
    told(&run(folder.path(), &["backup", "copy.db"]));
    let data = folder.path().join("keyward-data");
    for side in ["keyward.db-wal", "keyward.db-shm"] {
        let _ = std::fs::remove_file(data.join(side));
    }
    let whole = std::fs::read(folder.path().join("copy.db")).unwrap();
    let pages = whole.len() / 4096;
    let mut found = 0;
    for page in (2..pages).step_by(pages / 12) {
        let mut damaged = whole.clone();
        damaged[page * 4096..(page + 1) * 4096].fill(0xaa);
        std::fs::write(data.join("keyward.db"), damaged).unwrap();
        let output = run(folder.path(), &["check"]);
        refuses(&output, "");
        found += usize::from(stderr(&output).contains("the database is damaged"));
    }
    assert!(found > 0, "one of them at least is no page that all else needs");
    std::fs::write(data.join("keyward.db"), whole).unwrap();
    told(&run(folder.path(), &["check"]));
}
