//! The audit log of a running server, exported and judged by the command and by a checker in Python that was written from
//! docs/audit.md alone.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Checks;
use super::server::{Server, Tenant, program};
use crate::parts::Parts;
use crate::root;

/// How a checker ended, and what it said.
struct Verdict {
    accepts: bool,
    said: String,
}

/// Has both checkers judge exports: whole ones, one with a person forgotten, and those that somebody has changed.
pub(crate) fn judge(checks: &mut Checks, server: &Server, parts: &Parts) -> Result<()> {
    let (acme, other) = (server.tenant("Logged")?, server.tenant("Elsewhere")?);
    let customer =
        acme.http.create("/api/v1/customers", r#"{"name":"Grace Höpper","email":"grace@navy.example"}"#)?;
    let customer = customer["id"].as_str().context("a customer has an id")?.to_owned();
    let license = format!(r#"{{"name":"A \"quoted\" name","payload":{{}},"customer_id":"{customer}"}}"#);
    let license = acme.http.create("/api/v1/licenses", &license)?;
    let license = license["id"].as_str().context("a license has an id")?;
    acme.http.patch(&format!("/api/v1/licenses/{license}"), r#"{"name":"Größer € 𝄞","max_ips":3}"#)?;
    acme.http.act(&format!("/api/v1/licenses/{license}/suspend"))?;

    let folder = tempfile::tempdir()?;
    let jwks = folder.path().join("jwks.json");
    std::fs::write(&jwks, acme.http.get(&format!("/o/{}/jwks.json", acme.slug))?)?;
    let expect = |checks: &mut Checks, what: &str, lines: &[String], fault: Option<usize>| -> Result<()> {
        let export = folder.path().join("export.jsonl");
        std::fs::write(&export, lines.join("\n") + "\n")?;
        for (name, verdict) in
            [("keyward", command(&export, &jwks)?), ("Python", python(parts, &export, &jwks)?)]
        {
            // The command names the line as `"line":3`, the other as `line 3`.
            let named = fault.is_none_or(|line| {
                name == "Python"
                    || verdict.said.contains(&format!("\"line\":{line},"))
                    || verdict.said.contains(&format!("\"line\":{line}}}"))
            });
            let right = verdict.accepts == fault.is_none() && named;
            checks.check(&format!("the audit log, {name}, {what}"), right, &verdict.said);
        }
        Ok(())
    };

    let lines = export(&acme)?;
    expect(checks, "whole", &lines, None)?;
    let changed = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = lines.clone();
        change(&mut lines);
        lines
    };
    expect(checks, "a line removed", &changed(&|lines| drop(lines.remove(2))), Some(3))?;
    expect(checks, "two lines swapped", &changed(&|lines| lines.swap(2, 3)), Some(3))?;
    let edit = |lines: &mut Vec<String>| lines[2] = lines[2].replace("license.created", "license.deleted");
    expect(checks, "a line edited", &changed(&edit), Some(3))?;
    let rename = |lines: &mut Vec<String>| lines[1] = lines[1].replace("Grace", "Carol");
    expect(checks, "a name edited", &changed(&rename), Some(2))?;
    let end = lines.len();
    expect(checks, "the end removed", &changed(&|lines| lines.truncate(3)), Some(4))?;
    expect(checks, "the first line removed", &changed(&|lines| drop(lines.remove(0))), Some(1))?;
    let foreign = export(&other)?;
    let swap = |lines: &mut Vec<String>| lines[end - 1].clone_from(&foreign[foreign.len() - 1]);
    expect(checks, "another organization's checkpoint", &changed(&swap), Some(end + 1))?;

    acme.http.end(&format!("/api/v1/customers/{customer}/erase"))?;
    let forgotten = export(&acme)?;
    let text = forgotten.join("\n");
    checks.check(
        "who was forgotten is not in the export",
        !text.contains("Höpper") && !text.contains("navy"),
        &text,
    );
    expect(checks, "with a person forgotten", &forgotten, None)
}

fn export(tenant: &Tenant) -> Result<Vec<String>> {
    let text = tenant.http.get("/api/v1/audit-events/export")?;
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    for line in &lines {
        serde_json::from_str::<Value>(line).context("each line is JSON")?;
    }
    Ok(lines)
}

fn command(export: &Path, jwks: &Path) -> Result<Verdict> {
    run(Command::new(program("debug", "keyward")?).args(["audit", "verify", "--jwks"]).args([jwks, export]))
}

fn python(parts: &Parts, export: &Path, jwks: &Path) -> Result<Verdict> {
    let script = root()?.join("bins/xtask/src/interop/audit_check.py");
    run(Command::new(&parts.languages.python).arg(script).args([export, jwks]))
}

fn run(command: &mut Command) -> Result<Verdict> {
    let output = command.output()?;
    let said =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    Ok(Verdict { accepts: output.status.success(), said })
}
