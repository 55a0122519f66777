//! The example with Rust's `oci-client`: as the pipeline that pushes, and as applications at customers' that pull.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{Depot, said, text};
use crate::interop::Checks;
use crate::interop::server::program;

/// The example's repository.
const RULES: &str = "acme/rules";

/// More than goes into one chunk of an upload.
const LARGE: usize = 5 * 1024 * 1024;

pub(crate) fn judge(checks: &mut Checks, depot: &Depot, folder: &Path) -> Result<()> {
    let example = Example { program: program("debug", "example-oci")?, depot, folder };
    let large: Vec<u8> = (0..LARGE).map(|at| (at % 251) as u8).collect();
    let files: [(&str, &[u8]); 2] = [("1.0", &large), ("2.0", b"allow all")];
    for (tag, bytes) in files {
        let pushed = example.push(&depot.push, tag, bytes)?;
        checks.check("oci-client pushes", pushed.status.success(), &said(&pushed));
        let (pulled, same) = example.pull(&depot.pull, tag, bytes)?;
        checks.check("and pulls the same bytes", same, &said(&pulled));
    }
    let refused = example.push(&depot.pull, "3.0", b"x")?;
    let told = !refused.status.success() && said(&refused).contains("this registry key can only pull");
    checks.check("it tells why a key to read does not push", told, &said(&refused));

    let artifact = depot.artifact(RULES)?;
    for (index, (own, bytes)) in files.into_iter().enumerate() {
        let customer = depot.customer(&format!("Application {own}"))?;
        let token = &customer.token;
        depot.entitle(&customer.id, &artifact, "named", &[own])?;
        let listed = example.run(token, &["tags", &example.reference(own)])?;
        checks.check(
            "it lists a customer's own tags",
            listed.stdout == format!("{own}\n").into_bytes(),
            &said(&listed),
        );
        let (pulled, same) = example.pull(token, own, bytes)?;
        checks.check("a customer's tag", same, &said(&pulled));
        let (other, _) = files[1 - index];
        let (refused, same) = example.pull(token, other, b"")?;
        let told = said(&refused).contains(&format!("your license does not include {RULES}:{other}"));
        checks.check("another's tag, and why not", told && !same, &said(&refused));
        depot.tenant.http.act(&format!("/api/v1/licenses/{}/suspend", customer.license))?;
        let (refused, _) = example.pull(token, own, b"")?;
        checks.check(
            "a suspended license, and so it says",
            said(&refused).contains("is suspended; ask Depot"),
            &said(&refused),
        );
    }
    let listed = example.run(&depot.pull, &["tags", &example.reference("1.0")])?;
    checks.check("it lists all tags to a key", listed.stdout == b"1.0\n2.0\n", &said(&listed));

    let wanted = json!({"registry_id": depot.registry, "name": "Short"}).to_string();
    let key = depot.tenant.http.create("/api/v1/registry-keys", &wanted)?;
    let (id, key) = (text(&key, "id")?, text(&key, "secret")?);
    let (pulled, same) = example.pull(&key, "2.0", b"allow all")?;
    checks.check("a new key pulls", same, &said(&pulled));
    depot.tenant.http.delete(&format!("/api/v1/registry-keys/{id}"))?;
    let (refused, _) = example.pull(&key, "2.0", b"")?;
    let told = !refused.status.success() && said(&refused).contains("was revoked");
    checks.check("a revoked key is out at the next request", told, &said(&refused));
    Ok(())
}

/// The example, run as its users run it.
struct Example<'a> {
    program: std::path::PathBuf,
    depot: &'a Depot,
    folder: &'a Path,
}

impl Example<'_> {
    fn reference(&self, tag: &str) -> String {
        format!("127.0.0.1:{}/{RULES}:{tag}", self.depot.port)
    }

    fn run(&self, key: &str, args: &[&str]) -> Result<Output> {
        let mut example = Command::new(&self.program);
        example.args(["--plain-http", "--user", "it"]).args(args).env("REGISTRY_KEY", key);
        example.output().context("running example-oci")
    }

    fn push(&self, key: &str, tag: &str, bytes: &[u8]) -> Result<Output> {
        let file = self.folder.join("pushed");
        std::fs::write(&file, bytes)?;
        self.run(key, &["push", &self.reference(tag), &file.to_string_lossy()])
    }

    /// Pulls into a new file; whether it holds these bytes then.
    fn pull(&self, key: &str, tag: &str, bytes: &[u8]) -> Result<(Output, bool)> {
        let file = self.folder.join(format!("rules-{tag}"));
        let _ = std::fs::remove_file(&file);
        let output = self.run(key, &["pull", &self.reference(tag), &file.to_string_lossy()])?;
        let same = output.status.success() && std::fs::read(&file)? == bytes;
        Ok((output, same))
    }
}
