//! What is about an image: attached by ORAS, listed by a client of the referrers API, and pulled by customers. The
//! registry behind the gateway does not know how to list it; the gateway as the upstream of another does.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::images::{self, INDEX, Image, MANIFEST, about, digest};
use super::upstream::Upstream;
use super::wire::{Answer, Ask};
use super::{Depot, said};
use crate::interop::Checks;
use crate::interop::server::{Server, program};

const REPOSITORY: &str = "acme/signed";

const SIGNATURE: &str = "application/vnd.example.signature";

/// Programs that were written elsewhere.
pub(crate) struct Clients<'a> {
    /// A Python with `oras` and `regshape`.
    pub python: &'a Path,
    pub folder: &'a Path,
}

pub(crate) fn judge(
    checks: &mut Checks,
    depot: &Depot,
    upstream: &Upstream,
    clients: &Clients<'_>,
) -> Result<()> {
    let image = Image::new("signed", "amd64")?;
    image.push(depot.port, &depot.push, REPOSITORY, "1.0")?;
    let none = list(depot, &depot.pull, &image, "")?;
    let empty = none.status == 200 && none.header("content-type") == Some(INDEX) && names(&none).is_empty();
    checks.check("an image that nothing is about", empty, &none.seen());

    let sbom = attached(checks, depot, &image, clients)?;
    let signature = about(&image, b"signed by hand");
    images::upload(depot.port, &depot.push, REPOSITORY, &signature.layer)?;
    images::upload(depot.port, &depot.push, REPOSITORY, &signature.config)?;
    let path = format!("/v2/{REPOSITORY}/manifests/{}", signature.digest());
    let pushed =
        depot.ask("PUT", &path).key(&depot.push).body(MANIFEST, &signature.manifest).send(depot.port)?;
    let told = pushed.header("oci-subject") == Some(&image.digest());
    checks.check("a push is told that it will be listed", pushed.status == 201 && told, &pushed.seen());
    let all = list(depot, &depot.pull, &image, "")?;
    let mut both = [sbom.clone(), signature.digest()];
    both.sort();
    checks.check("both are listed", names(&all) == both, &all.seen());
    let some = list(depot, &depot.pull, &image, &format!("?artifactType={SIGNATURE}"))?;
    let filtered =
        names(&some) == [signature.digest()] && some.header("oci-filters-applied") == Some("artifactType");
    checks.check("those of one type", filtered, &some.seen());
    let entry = some.json()["manifests"][0].clone();
    let right = json!({"mediaType": MANIFEST, "digest": signature.digest(), "size": signature.manifest.len(), "artifactType": SIGNATURE});
    checks.check("as the specification has them", entry == right, &entry.to_string());

    customers(checks, depot, &image, &[sbom.clone(), signature.digest()], clients)?;
    let past = past(checks, depot, upstream, &image)?;
    let mut three = vec![sbom, signature.digest(), past];
    three.sort();
    behind(checks, depot, &image, &three, clients)?;

    let deleted = depot.ask("DELETE", &path).key(&depot.delete).send(depot.port)?;
    let all = list(depot, &depot.pull, &image, "")?;
    three.retain(|digest| *digest != signature.digest());
    checks.check("what is deleted is not listed", deleted.status == 202 && names(&all) == three, &all.seen());
    Ok(())
}

/// ORAS attaches; what it attached is found by the others. Gives its digest.
fn attached(checks: &mut Checks, depot: &Depot, image: &Image, clients: &Clients<'_>) -> Result<String> {
    let file = clients.folder.join("sbom.json");
    std::fs::write(&file, r#"{"spdxVersion":"SPDX-2.3"}"#)?;
    let subject = json!({"mediaType": MANIFEST, "digest": image.digest(), "size": image.manifest.len()});
    let reference = format!("127.0.0.1:{}/{REPOSITORY}:1.0-sbom", depot.port);
    let file = file.to_string_lossy();
    let done = clients.oras(&["attach", &reference, "ci", &depot.push, &subject.to_string(), &file])?;
    let told = String::from_utf8_lossy(&done.stdout).contains(&image.digest());
    checks.check(
        "oras attaches, and is told that it will be listed",
        done.status.success() && told,
        &said(&done),
    );
    let listed = clients.listed(depot.port, &depot.pull, image)?;
    let entries = listed.as_array().cloned().unwrap_or_default();
    let right = entries.len() == 1 && entries[0]["annotations"]["org.example.tool"] == "oras";
    checks.check("regshape finds it, with its annotations", right, &listed.to_string());
    entries
        .first()
        .and_then(|entry| entry["digest"].as_str())
        .map(str::to_owned)
        .with_context(|| format!("nothing is attached: {listed}"))
}

/// What may be pulled goes with what is about it, and nothing else.
fn customers(
    checks: &mut Checks,
    depot: &Depot,
    image: &Image,
    digests: &[String],
    clients: &Clients<'_>,
) -> Result<()> {
    let (buyer, other) = (depot.customer("Signed buyer")?, depot.customer("Unsigned buyer")?);
    let artifact = depot.artifact(REPOSITORY)?;
    Image::new("unsigned", "amd64")?.push(depot.port, &depot.push, REPOSITORY, "2.0")?;
    depot.entitle(&buyer.id, &artifact, "named", &["1.0"])?;
    depot.entitle(&other.id, &artifact, "named", &["2.0"])?;
    let listed = clients.listed(depot.port, &buyer.token, image)?;
    let count = listed.as_array().map_or(0, Vec::len);
    checks.check("a customer finds what is about their image", count == digests.len(), &listed.to_string());
    for digest in digests {
        let path = format!("/v2/{REPOSITORY}/manifests/{digest}");
        let (own, foreign) = (depot.get(&path, &buyer.token)?, depot.get(&path, &other.token)?);
        checks.check("and pulls it", own.status == 200, &own.seen());
        checks.check("who may not have the image does not", foreign.status == 403, &foreign.seen());
    }
    let foreign = list(depot, &other.token, image, "")?;
    checks.check("nor finds it", foreign.status == 403, &foreign.seen());
    let (reference, to) =
        (format!("127.0.0.1:{}/{REPOSITORY}@{}", depot.port, digests[0]), clients.folder.join("attached"));
    let pulled = clients.oras(&["pull", &reference, "customer", &buyer.token, &to.to_string_lossy()])?;
    let same = std::fs::read(to.join("sbom.json")).is_ok_and(|bytes| bytes.starts_with(b"{\"spdx"));
    checks.check("a customer pulls it with oras", pulled.status.success() && same, &said(&pulled));
    let example = Command::new(program("debug", "example-oci")?)
        .args(["--plain-http", "about", &format!("127.0.0.1:{}/{REPOSITORY}@{}", depot.port, image.digest())])
        .env("REGISTRY_KEY", &buyer.token)
        .output()
        .context("running example-oci")?;
    let found = String::from_utf8_lossy(&example.stdout).lines().count() == digests.len();
    checks.check("and lists it with oci-client", example.status.success() && found, &said(&example));
    Ok(())
}

/// What clients have kept under the fallback tag past the gateway is listed as well. Gives its digest.
fn past(checks: &mut Checks, depot: &Depot, upstream: &Upstream, image: &Image) -> Result<String> {
    let direct = |on: bool| {
        depot
            .tenant
            .http
            .patch(&format!("/api/v1/registries/{}", depot.registry), &json!({"direct": on}).to_string())
    };
    direct(true)?;
    let scope = format!("/registry/token?service=127.0.0.1&scope=repository:{REPOSITORY}:pull,push");
    let token = Ask::new("GET", &scope).key(&depot.push).send(depot.port)?.json()["token"].clone();
    let token = token.as_str().context("a token is given")?;
    let past = about(image, b"past the gateway");
    let port = upstream.port();
    past.push(port, token, REPOSITORY, &past.digest())?;
    let entry = json!({"mediaType": MANIFEST, "digest": past.digest(), "size": past.manifest.len(), "artifactType": SIGNATURE});
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).to_string();
    let tag = image.digest().replace(':', "-");
    images::put(port, token, REPOSITORY, &tag, INDEX, index.as_bytes())?;
    let late = about(image, b"told nothing");
    images::upload(depot.port, &depot.push, REPOSITORY, &late.layer)?;
    let path = format!("/v2/{REPOSITORY}/manifests/{}", late.digest());
    let pushed = depot.ask("PUT", &path).key(&depot.push).body(MANIFEST, &late.manifest).send(depot.port)?;
    let untold = pushed.status == 201 && pushed.header("oci-subject").is_none();
    checks.check("where clients also ask the upstream, they keep the fallback tag", untold, &pushed.seen());
    depot.ask("DELETE", &path).key(&depot.delete).send(depot.port)?;
    direct(false)?;
    let all = list(depot, &depot.pull, image, "")?;
    checks.check(
        "what came past the gateway is listed too",
        names(&all).contains(&past.digest()),
        &all.seen(),
    );
    let buyer = depot.customer("Late buyer")?;
    depot.entitle(&buyer.id, &depot.artifact(REPOSITORY)?, "named", &["1.0"])?;
    list(depot, &buyer.token, image, "")?;
    for path in [format!("manifests/{}", past.digest()), format!("blobs/{}", digest(&past.layer))] {
        let pulled = depot.get(&format!("/v2/{REPOSITORY}/{path}"), &buyer.token)?;
        checks.check("and pulled by customers", pulled.status == 200, &pulled.seen());
    }
    Ok(past.digest())
}

/// An upstream that lists what is about a manifest itself: the gateway, behind another.
fn behind(
    checks: &mut Checks,
    depot: &Depot,
    image: &Image,
    digests: &[String],
    clients: &Clients<'_>,
) -> Result<()> {
    let server = Server::start(None)?;
    let front = Depot::open_as(
        &server,
        &json!({
            "name": "Front", "upstream": format!("http://127.0.0.1:{}", depot.port),
            "credential": {"kind": "basic", "user": "front", "password": depot.push},
        }),
    )?;
    let all = list(&front, &front.pull, image, "")?;
    checks.check("an upstream that lists it is believed", names(&all) == digests, &all.seen());
    let buyer = front.customer("Buyer")?;
    front.entitle(&buyer.id, &front.artifact(REPOSITORY)?, "named", &["1.0"])?;
    let listed = clients.listed(front.port, &buyer.token, image)?;
    let count = listed.as_array().map_or(0, Vec::len);
    checks.check("and its list reaches customers", count == digests.len(), &listed.to_string());
    for digest in digests {
        let pulled = front.get(&format!("/v2/{REPOSITORY}/manifests/{digest}"), &buyer.token)?;
        checks.check("who pull what is on it", pulled.status == 200, &pulled.seen());
    }
    Ok(())
}

fn list(depot: &Depot, key: &str, image: &Image, query: &str) -> Result<Answer> {
    depot.get(&format!("/v2/{REPOSITORY}/referrers/{}{query}", image.digest()), key)
}

fn names(answer: &Answer) -> Vec<String> {
    let entries = answer.json()["manifests"].as_array().cloned().unwrap_or_default();
    entries.iter().filter_map(|entry| entry["digest"].as_str().map(str::to_owned)).collect()
}

impl Clients<'_> {
    fn oras(&self, args: &[&str]) -> Result<Output> {
        let script = crate::root()?.join("bins/xtask/src/interop/registry/attach.py");
        Command::new(self.python).arg(script).args(args).output().context("running oras")
    }

    /// The entries that regshape finds.
    fn listed(&self, port: u16, key: &str, image: &Image) -> Result<Value> {
        let (host, config) = (format!("127.0.0.1:{port}"), self.folder.join("docker"));
        std::fs::create_dir_all(&config)?;
        let auth = json!({"auths": {host.clone(): {"auth": STANDARD.encode(format!("customer:{key}"))}}});
        std::fs::write(config.join("config.json"), auth.to_string())?;
        let output = Command::new(self.python.with_file_name("regshape"))
            .args(["--insecure", "referrer", "list", "--all", "--json", "-i"])
            .arg(format!("{host}/{REPOSITORY}@{}", image.digest()))
            .env("DOCKER_CONFIG", &config)
            .output()
            .context("running regshape")?;
        let found: Value = serde_json::from_slice(&output.stdout).with_context(|| said(&output))?;
        Ok(found["manifests"].clone())
    }
}
