//! The gateway in front of a real registry, asked by skopeo, podman, oras and Rust's oci-client, and by requests that
//! no client would send.

mod access_events;
mod clients;
mod direct;
mod entitlements;
pub(crate) mod images;
mod lists;
mod notifications;
mod oci;
mod pace;
mod referrers;
mod thefts;
pub(crate) mod upstream;
mod wire;

use std::path::Path;
use std::process::Output;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::Checks;
use super::server::{Server, Tenant};
pub(crate) use clients::skopeo;
use images::{INDEX, MANIFEST};
pub(crate) use pace::measure;
use upstream::Upstream;
use wire::Ask;

/// A vendor with a registry behind the gateway.
struct Depot {
    port: u16,
    tenant: Tenant,
    registry: String,
    /// Keys: to push, to pull, to delete.
    push: String,
    pull: String,
    delete: String,
}

/// A customer, the id of their license, and its token.
struct Customer {
    id: String,
    license: String,
    token: String,
}

/// All checks, on one server.
pub(crate) fn judge(checks: &mut Checks, server: &Server, python: &Path) -> Result<()> {
    let mut upstream = Upstream::new()?;
    let depot = Depot::open(server, &upstream.url())?;
    upstream.start(&depot.tenant, &depot.registry)?;
    let folder = tempfile::tempdir()?;
    clients::judge(checks, &depot, folder.path())?;
    entitlements::judge(checks, &depot, folder.path())?;
    lists::judge(checks, &depot)?;
    oci::judge(checks, &depot, folder.path())?;
    referrers::judge(checks, &depot, &upstream, &referrers::Clients { python, folder: folder.path() })?;
    thefts::judge(checks, &depot, server)?;
    direct::judge(checks, &depot, folder.path(), &upstream)?;
    notifications::judge(checks, &depot, &upstream)?;
    access_events::judge(checks, &depot)?;
    upstream.stop();
    let answer = depot.ask("GET", "/v2/acme/app/manifests/1.0").key(&depot.pull).send(depot.port)?;
    let plain = answer.status == 502 && answer.error().0 == "UNAVAILABLE";
    checks.check("an upstream that is gone", plain, &answer.seen());
    Ok(())
}

impl Depot {
    fn open(server: &Server, upstream: &str) -> Result<Self> {
        // Two servers in a row use the same database machine, but each its own database: the host is free.
        Self::open_as(server, &json!({"name": "Main", "upstream": upstream}))
    }

    fn open_as(server: &Server, registry: &Value) -> Result<Self> {
        let (tenant, registry) = (server.tenant("Depot")?, registry.to_string());
        let registry = text(&tenant.http.create("/api/v1/registries", &registry)?, "id")?;
        let key = |name: &str, access: &str| {
            let wanted = json!({"registry_id": registry, "name": name, "access": access}).to_string();
            text(&tenant.http.create("/api/v1/registry-keys", &wanted)?, "secret")
        };
        let (push, pull, delete) =
            (key("CI", "read_write")?, key("node", "read")?, key("janitor", "read_write_delete")?);
        Ok(Self { port: server.port(), push, pull, delete, registry, tenant })
    }

    fn ask(&self, method: &str, path: &str) -> Ask {
        let all = format!("{INDEX}, application/vnd.docker.distribution.manifest.list.v2+json, {MANIFEST}");
        Ask::new(method, path).header("Accept", &all)
    }

    fn get(&self, path: &str, key: &str) -> Result<wire::Answer> {
        self.ask("GET", path).key(key).send(self.port)
    }

    /// What clients call `repository`.
    fn name(&self, repository: &str) -> String {
        format!("docker://127.0.0.1:{}/{repository}", self.port)
    }

    /// A new customer with a license.
    fn customer(&self, name: &str) -> Result<Customer> {
        let customer = json!({"name": name, "email": "it@example.com"}).to_string();
        let id = text(&self.tenant.http.create("/api/v1/customers", &customer)?, "id")?;
        let license = json!({"name": format!("{name}'s license"), "customer_id": id}).to_string();
        let license = text(&self.tenant.http.create("/api/v1/licenses", &license)?, "id")?;
        let token = self.tenant.http.token(&license, "jwt")?;
        Ok(Customer { id, license, token })
    }

    fn artifact(&self, repository: &str) -> Result<String> {
        let wanted = json!({"registry_id": self.registry, "repository": repository}).to_string();
        text(&self.tenant.http.create("/api/v1/artifacts", &wanted)?, "id")
    }

    fn entitle(&self, customer: &str, artifact: &str, mode: &str, tags: &[&str]) -> Result<String> {
        let mut grant = json!({"artifact_id": artifact, "mode": mode});
        if mode == "named" {
            grant["tags"] = json!(tags);
        }
        let wanted = json!({"customer_id": customer, "close": true, "grants": [grant]}).to_string();
        text(&self.tenant.http.create("/api/v1/artifact-entitlements", &wanted)?, "id")
    }
}

pub(crate) fn text(json: &Value, name: &str) -> Result<String> {
    json[name].as_str().map(str::to_owned).with_context(|| format!("{name} is missing in {json}"))
}

/// How a program ended, and what it said.
pub(crate) fn said(output: &Output) -> String {
    format!("{:?} {}", output.status.code(), String::from_utf8_lossy(&output.stderr))
}
