//! The gateway in front of a real registry, asked by skopeo, podman and Rust's oci-client, and by requests that no
//! client would send.

pub(crate) mod images;
mod oci;
mod pace;
mod thefts;
mod upstream;
mod wire;

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::Tally;
use super::server::{Server, Tenant};
use images::{INDEX, Image, MANIFEST, digest, index};
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

/// All checks, on one server.
pub(crate) fn judge(tally: &mut Tally, server: &Server) -> Result<()> {
    let mut upstream = Upstream::new()?;
    let depot = Depot::open(server, &upstream)?;
    upstream.start(&depot.tenant, &depot.registry)?;
    let folder = tempfile::tempdir()?;
    clients(tally, &depot, folder.path())?;
    entitlements(tally, &depot, folder.path())?;
    lists(tally, &depot)?;
    oci::judge(tally, &depot, folder.path())?;
    thefts::judge(tally, &depot, server)?;
    direct(tally, &depot, folder.path(), &upstream)?;
    happenings(tally, &depot)?;
    upstream.stop();
    let answer = depot.ask("GET", "/v2/acme/app/manifests/1.0").key(&depot.pull).send(depot.port)?;
    let plain = answer.status == 502 && answer.error().0 == "UNAVAILABLE";
    tally.check("an upstream that is gone", plain, &answer.seen());
    Ok(())
}

impl Depot {
    fn open(server: &Server, upstream: &Upstream) -> Result<Self> {
        let tenant = server.tenant("Depot")?;
        // Two servers in a row use the same database machine, but each its own database: the host is free.
        let registry = json!({"name": "Main", "upstream": upstream.url()}).to_string();
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

    /// A customer with a license: the customer's id, the license's, and its token.
    fn customer(&self, name: &str) -> Result<(String, String, String)> {
        let customer = json!({"name": name, "email": "it@example.com"}).to_string();
        let customer = text(&self.tenant.http.create("/api/v1/customers", &customer)?, "id")?;
        let license = json!({"name": format!("{name}'s license"), "customer_id": customer}).to_string();
        let license = text(&self.tenant.http.create("/api/v1/licenses", &license)?, "id")?;
        let token = self.tenant.http.token(&license, "jwt")?;
        Ok((customer, license, token))
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

fn text(json: &Value, name: &str) -> Result<String> {
    json[name].as_str().map(str::to_owned).with_context(|| format!("{name} is missing in {json}"))
}

/// skopeo, on plain HTTP.
fn skopeo(args: &[&str]) -> Result<Output> {
    Command::new("skopeo").args(["--insecure-policy"]).args(args).output().context("running skopeo")
}

fn pull(depot: &Depot, folder: &Path, name: &str, key: &str) -> Result<Output> {
    let to = folder.join("pulled");
    let _ = std::fs::remove_dir_all(&to);
    let creds = format!("customer:{key}");
    let to = format!("dir:{}", to.display());
    skopeo(&["copy", "--all", "--src-tls-verify=false", "--src-creds", &creds, &depot.name(name), &to])
}

fn said(output: &Output) -> String {
    format!("{:?} {}", output.status.code(), String::from_utf8_lossy(&output.stderr))
}

/// Push, pull and login, with keys.
fn clients(tally: &mut Tally, depot: &Depot, folder: &Path) -> Result<()> {
    let (one, two) = (Image::new("one", "amd64")?, Image::new("two", "arm64")?);
    for image in [&one, &two] {
        image.push(depot.port, &depot.push, "acme/app", &image.digest())?;
    }
    let both = index(&[(&one, "amd64"), (&two, "arm64")]);
    images::put(depot.port, &depot.push, "acme/app", "1.0", INDEX, &both)?;
    Image::new("other", "amd64")?.push(depot.port, &depot.push, "acme/app", "2.0")?;
    Image::new("secret", "amd64")?.push(depot.port, &depot.push, "acme/secret", "1.0")?;

    let pulled = pull(depot, folder, "acme/app:1.0", &depot.pull)?;
    tally.check("skopeo pulls an index with all its images", pulled.status.success(), &said(&pulled));
    let from = format!("dir:{}", folder.join("pulled").display());
    let creds = format!("{0}:{0}", depot.push);
    let to = depot.name("acme/copy:1.0");
    let pushed = skopeo(&["copy", "--all", "--dest-tls-verify=false", "--dest-creds", &creds, &from, &to])?;
    tally.check("skopeo pushes, the key as user and password", pushed.status.success(), &said(&pushed));
    let same = depot.get("/v2/acme/copy/manifests/1.0", &depot.pull)?;
    tally.check("what was pushed is what was pulled", digest(&same.body) == digest(&both), &same.seen());
    let creds = format!("x:{}", depot.pull);
    let refused = skopeo(&[
        "copy",
        "--dest-tls-verify=false",
        "--dest-creds",
        &creds,
        &from,
        &depot.name("acme/no:1"),
    ])?;
    let right = !refused.status.success() && said(&refused).contains("this registry key can only pull");
    tally.check("a key to read does not push, and says so", right, &said(&refused));

    let (root, run) = (folder.join("podman"), folder.join("run"));
    let podman = |args: &[&str]| {
        let mut podman = Command::new("podman");
        podman.args(["--storage-driver", "vfs", "--root"]).arg(&root).arg("--runroot").arg(&run);
        podman
            .args(args)
            .env("REGISTRY_AUTH_FILE", folder.join("auth.json"))
            .output()
            .context("running podman")
    };
    let host = format!("127.0.0.1:{}", depot.port);
    let login = podman(&["login", "--tls-verify=false", "-u", &depot.push, "-p", &depot.push, &host])?;
    tally.check("podman login", login.status.success(), &said(&login));
    let wrong = podman(&["login", "--tls-verify=false", "-u", "x", "-p", "kw_reg_wrong", &host])?;
    tally.check(
        "podman login with a wrong key",
        !wrong.status.success() && said(&wrong).contains("invalid username/password"),
        &said(&wrong),
    );
    let login = podman(&["login", "--tls-verify=false", "-u", "ci", "-p", &depot.push, &host])?;
    tally.check("podman login again", login.status.success(), &said(&login));
    let (image, copy) = (format!("{host}/acme/app:2.0"), format!("{host}/acme/podman:1"));
    for args in [
        &["pull", "--tls-verify=false", &image][..],
        &["tag", &image, &copy],
        &["push", "--tls-verify=false", &copy],
    ] {
        let done = podman(args)?;
        tally.check(&format!("podman {}", args[0]), done.status.success(), &said(&done));
    }
    Ok(())
}

/// Who may pull what, by customers with their tokens.
fn entitlements(tally: &mut Tally, depot: &Depot, folder: &Path) -> Result<()> {
    let (one, license, token) = depot.customer("One")?;
    let (two, _, other) = depot.customer("Two")?;
    let open = pull(depot, folder, "acme/secret:1.0", &token)?;
    tally.check("before the first entitlement all is open", open.status.success(), &said(&open));

    let artifact = depot.artifact("acme/app")?;
    let wanted =
        json!({"customer_id": one, "grants": [{"artifact_id": artifact, "mode": "named", "tags": ["1.0"]}]});
    let preview = depot.tenant.http.send("/api/v1/artifact-entitlements/preview", &wanted.to_string())?;
    let loses = preview["closes"] == true
        && preview["lose"]
            .as_array()
            .is_some_and(|lose| lose.iter().any(|who| who["customer_id"] == two.as_str()));
    tally.check("the preview names who loses", loses, &preview.to_string());
    let unasked = depot.tenant.http.create("/api/v1/artifact-entitlements", &wanted.to_string());
    let held = unasked.as_ref().is_err_and(|error| error.to_string().contains("would_close_registries"));
    tally.check("the first entitlement is asked for twice", held, &format!("{unasked:?}"));
    depot.entitle(&one, &artifact, "named", &["1.0"])?;
    depot.entitle(&two, &artifact, "named", &["2.0"])?;

    for (what, name, key, may) in [
        ("the tag that was granted", "acme/app:1.0", &token, true),
        ("another tag of the repository", "acme/app:2.0", &token, false),
        ("another repository", "acme/secret:1.0", &token, false),
        ("the other customer's own tag", "acme/app:2.0", &other, true),
        ("the first customer's tag, for the other", "acme/app:1.0", &other, false),
    ] {
        let done = pull(depot, folder, name, key)?;
        let told = may || said(&done).contains("your license does not include acme/");
        tally.check(what, done.status.success() == may && told, &said(&done));
    }

    // By digest: what a granted tag consists of, whatever else it is part of.
    let theirs = Image::new("other", "amd64")?;
    for (what, path, status) in [
        ("an image by the digest of another tag", format!("manifests/{}", theirs.digest()), 403),
        ("its config", format!("blobs/{}", digest(&theirs.config)), 403),
        ("its layer", format!("blobs/{}", digest(&theirs.layer)), 403),
        ("an image of a granted index", format!("manifests/{}", Image::new("one", "amd64")?.digest()), 200),
        ("the layer of one", format!("blobs/{}", digest(&Image::new("two", "arm64")?.layer)), 200),
        ("a digest that is nowhere", format!("blobs/{}", digest(b"nowhere")), 403),
    ] {
        let answer = depot.get(&format!("/v2/acme/app/{path}"), &token)?;
        tally.check(what, answer.status == status, &answer.seen());
    }
    let secret = Image::new("secret", "amd64")?;
    let shared = Image::of(secret.layer.clone(), Image::new("one", "amd64")?.config);
    let answer = depot.get(&format!("/v2/acme/app/blobs/{}", digest(&secret.layer)), &token)?;
    tally.check("a layer that only another repository has", answer.status == 403, &answer.seen());
    shared.push(depot.port, &depot.push, "acme/app", "3.0")?;
    let answer = depot.get(&format!("/v2/acme/app/blobs/{}", digest(&secret.layer)), &token)?;
    tally.check("a layer of a tag that is not granted", answer.status == 403, &answer.seen());
    let answer = depot.get(&format!("/v2/acme/app/blobs/{}", digest(&shared.config)), &token)?;
    tally.check("a config that a granted tag has as well", answer.status == 200, &answer.seen());

    // A tag that moves in the middle of a pull.
    let old = Image::new("old", "amd64")?;
    old.push(depot.port, &depot.push, "acme/app", "1.0")?;
    let first = depot.get("/v2/acme/app/manifests/1.0", &token)?;
    tally.check("the tag after its first move", digest(&first.body) == old.digest(), &first.seen());
    Image::new("new", "amd64")?.push(depot.port, &depot.push, "acme/app", "1.0")?;
    let rest = depot.get(&format!("/v2/acme/app/blobs/{}", digest(&old.layer)), &token)?;
    tally.check(
        "what the tag pointed to loads on after it moves",
        rest.status == 200 && rest.body == old.layer,
        &rest.seen(),
    );

    // What is about an image goes with it, and is not shown in lists.
    let about = images::about(&old, b"signature");
    let hex = old.digest().replace("sha256:", "");
    about.push(depot.port, &depot.push, "acme/app", &format!("sha256-{hex}.sig"))?;
    let signed = depot.get(&format!("/v2/acme/app/manifests/sha256-{hex}.sig"), &token)?;
    tally.check("the signature of a granted image", signed.status == 200, &signed.seen());
    let blob = depot.get(&format!("/v2/acme/app/blobs/{}", digest(b"signature")), &token)?;
    tally.check("and its blob", blob.status == 200, &blob.seen());
    let cosign = Image::of(b"payload".to_vec(), b"{}".to_vec());
    cosign.push(depot.port, &depot.push, "acme/app", &format!("sha256-{hex}.sbom"))?;
    let blob = depot.get(&format!("/v2/acme/app/blobs/{}", digest(b"payload")), &token)?;
    tally.check("what a fallback tag alone ties to a granted image", blob.status == 200, &blob.seen());
    let forged = format!("/v2/acme/app/manifests/{}?tag=1.0", theirs.digest());
    let forged =
        depot.ask("PUT", &forged).key(&depot.push).body(MANIFEST, &theirs.manifest).send(depot.port)?;
    let opened = depot.get(&format!("/v2/acme/app/manifests/{}", theirs.digest()), &token)?;
    tally.check(
        "a tag that the upstream did not set",
        forged.status == 201 && opened.status == 403,
        &opened.seen(),
    );
    Ask::new("GET", "/v2/acme/app/manifests/2.0")
        .header("Accept", "*/*")
        .key(&depot.pull)
        .send(depot.port)?;
    let known: Value = serde_json::from_str(
        &depot.tenant.http.get(&format!("/api/v1/artifacts/{artifact}/tags/2.0/history"))?,
    )?;
    let once = known["items"]
        .as_array()
        .is_some_and(|items| items.len() == 1 && items[0]["digest"] == theirs.digest());
    tally.check("a form made for one client is not what the tag points to", once, &known.to_string());
    let absent = depot.get(&format!("/v2/acme/app/manifests/sha256-{hex}.att"), &token)?;
    tally.check(
        "an attestation that is not there",
        absent.status == 404 && absent.error().0 == "MANIFEST_UNKNOWN",
        &absent.seen(),
    );
    let hidden = theirs.digest().replace("sha256:", "");
    let foreign = depot.get(&format!("/v2/acme/app/manifests/sha256-{hidden}.sig"), &token)?;
    tally.check("the signature of another's image", foreign.status == 403, &foreign.seen());

    // All there are now, and all there will be.
    let (three, _, current) = depot.customer("Three")?;
    let (four, _, all) = depot.customer("Four")?;
    let ended = depot.entitle(&three, &artifact, "current", &[])?;
    depot.entitle(&four, &artifact, "all", &[])?;
    Image::new("later", "amd64")?.push(depot.port, &depot.push, "acme/app", "9.0")?;
    for (what, name, key, status) in [
        ("current: a tag there was", "2.0", &current, 200),
        ("current: a tag made later", "9.0", &current, 403),
        ("all: a tag there was", "2.0", &all, 200),
        ("all: a tag made later", "9.0", &all, 200),
    ] {
        let answer = depot.get(&format!("/v2/acme/app/manifests/{name}"), key)?;
        tally.check(what, answer.status == status, &answer.seen());
    }
    depot.tenant.http.delete(&format!("/api/v1/artifact-entitlements/{ended}"))?;
    let answer = depot.get("/v2/acme/app/manifests/2.0", &current)?;
    tally.check("an entitlement that was ended", answer.status == 403, &answer.seen());

    // Licenses that open nothing, and say why.
    let http = &depot.tenant.http;
    http.act(&format!("/api/v1/licenses/{license}/suspend"))?;
    let done = pull(depot, folder, "acme/app:1.0", &token)?;
    tally.check("a suspended license", said(&done).contains("is suspended; ask Depot"), &said(&done));
    let login = depot.get("/v2/", &token)?;
    tally.check("logs in all the same", login.status == 200 && login.json() == json!({}), &login.seen());
    http.act(&format!("/api/v1/licenses/{license}/resume"))?;
    let answer = depot.get("/v2/acme/app/manifests/1.0", &token)?;
    tally.check("and opens again when it is resumed", answer.status == 200, &answer.seen());
    let ended = json!({"name": "Ended", "customer_id": one, "not_before": "2020-01-01T00:00:00Z", "expires_at": "2021-01-01T00:00:00Z"});
    let ended = text(&http.create("/api/v1/licenses", &ended.to_string())?, "id")?;
    let done = pull(depot, folder, "acme/app:1.0", &http.token(&ended, "jwt")?)?;
    tally.check(
        "an expired license",
        said(&done).contains("expired on 2021-01-01; ask Depot to renew it"),
        &said(&done),
    );
    http.act(&format!("/api/v1/licenses/{license}/revoke"))?;
    let answer = depot.get("/v2/", &token)?;
    let out = answer.status == 401
        && answer.header("www-authenticate").is_some_and(|value| value.starts_with("Basic "));
    tally.check("a revoked license is out at the next request", out, &answer.seen());

    // Pull roles of a product.
    let product = json!({"name": "Suite", "pull_roles": [{"name": "runtime", "repositories": ["acme/app", "suite/*"]}]});
    let product = text(&http.create("/api/v1/products", &product.to_string())?, "id")?;
    let key = json!({"email": "x@example.com", "name": "Five"}).to_string();
    let key = http.create(&format!("/api/v1/products/{product}/keys"), &key)?;
    let token = http.token(&text(&key["license"], "id")?, "paseto")?;
    for (what, name, status) in [
        ("a pull role opens its repositories, shown a PASETO", "acme/app/manifests/2.0", 200),
        ("and no others", "acme/secret/manifests/1.0", 403),
        ("and what is not there is not there", "suite/x/manifests/1", 404),
    ] {
        let answer = depot.get(&format!("/v2/{name}"), &token)?;
        tally.check(what, answer.status == status, &answer.seen());
    }
    http.act(&format!("/api/v1/products/{product}/archive"))?;
    let answer = depot.get("/v2/acme/app/manifests/2.0", &token)?;
    tally.check("an archived product opens nothing", answer.status == 403, &answer.seen());
    Ok(())
}

/// Lists of tags and repositories: filtered, then paged.
fn lists(tally: &mut Tally, depot: &Depot) -> Result<()> {
    let (customer, _, token) = depot.customer("Lister")?;
    for tag in ["a", "b", "c", "d"] {
        Image::new(tag, "amd64")?.push(depot.port, &depot.push, "acme/list", tag)?;
    }
    depot.entitle(&customer, &depot.artifact("acme/list")?, "named", &["a", "c", "d", "gone"])?;
    let page = depot.get("/v2/acme/list/tags/list?n=2", &token)?;
    tally.check(
        "a page of granted tags",
        page.json() == json!({"name": "acme/list", "tags": ["a", "c"]}),
        &page.seen(),
    );
    let link = page.header("link").unwrap_or_default().to_owned();
    tally.check(
        "with a link that names no other",
        link == "</v2/acme/list/tags/list?last=c&n=2>; rel=\"next\"",
        &link,
    );
    let next = link.split(['<', '>']).nth(1).unwrap_or("/v2/").to_owned();
    let page = depot.get(&next, &token)?;
    let last = page.json()["tags"] == json!(["d"]) && page.header("link").is_none();
    tally.check("the last page", last, &page.seen());
    let none = depot.get("/v2/acme/list/tags/list?n=0", &token)?;
    tally.check("n=0", none.json()["tags"] == json!([]), &none.seen());
    let wrong = depot.get("/v2/acme/list/tags/list?n=x", &token)?;
    tally.check("n=x", wrong.status == 400 && wrong.error().0 == "PAGINATION_NUMBER_INVALID", &wrong.seen());
    let catalog = depot.get("/v2/_catalog", &token)?;
    tally.check(
        "the catalogue of a customer",
        catalog.json() == json!({"repositories": ["acme/list"]}),
        &catalog.seen(),
    );
    let catalog = depot.get("/v2/_catalog?n=1", &depot.pull)?;
    tally.check(
        "the catalogue of a key",
        catalog.json() == json!({"repositories": ["acme/app"]}),
        &catalog.seen(),
    );
    let absent = depot.get("/v2/acme/nothing/tags/list", &depot.pull)?;
    tally.check(
        "a repository that is not there",
        absent.status == 404 && absent.error().0 == "NAME_UNKNOWN",
        &absent.seen(),
    );

    // What a key to delete deletes is gone from the lists, the catalogue too.
    let image = Image::new("d", "amd64")?;
    let path = format!("/v2/acme/list/manifests/{}", image.digest());
    let refused = depot.ask("DELETE", &path).key(&depot.push).send(depot.port)?;
    tally.check("a key to push does not delete", refused.status == 403, &refused.seen());
    let deleted = depot.ask("DELETE", &path).key(&depot.delete).send(depot.port)?;
    tally.check("a key to delete does", deleted.status == 202, &deleted.seen());
    let artifact = depot.artifact("acme/list")?;
    let tags: Value =
        serde_json::from_str(&depot.tenant.http.get(&format!("/api/v1/artifacts/{artifact}/tags"))?)?;
    let names: Vec<_> =
        tags["items"].as_array().into_iter().flatten().map(|item| item["tag"].clone()).collect();
    tally.check("the catalogue knows", json!(names) == json!(["a", "b", "c"]), &tags.to_string());
    Ok(())
}

/// Clients that go to the upstream itself, with tokens that are fetched here.
fn direct(tally: &mut Tally, depot: &Depot, folder: &Path, upstream: &Upstream) -> Result<()> {
    let (some, _, named) = depot.customer("Some")?;
    let (every, _, all) = depot.customer("Every")?;
    let artifact = depot.artifact("acme/app")?;
    depot.entitle(&some, &artifact, "named", &["2.0"])?;
    depot.entitle(&every, &artifact, "all", &[])?;
    let there = upstream.url().replace("http://", "docker://");
    let pull = |key: &str, name: &str| {
        let to = folder.join("direct");
        let _ = std::fs::remove_dir_all(&to);
        let (creds, to) = (format!("customer:{key}"), format!("dir:{}", to.display()));
        skopeo(&[
            "copy",
            "--all",
            "--src-tls-verify=false",
            "--src-creds",
            &creds,
            &format!("{there}/{name}"),
            &to,
        ])
    };
    let off = pull(&depot.pull, "acme/app:2.0")?;
    tally.check("the upstream itself is closed", !off.status.success(), &said(&off));
    depot.tenant.http.patch(&format!("/api/v1/registries/{}", depot.registry), r#"{"direct":true}"#)?;
    for (what, key, name, may) in [
        ("a key at the upstream itself", &depot.pull, "acme/app:2.0", true),
        ("a customer with all of a repository", &all, "acme/app:2.0", true),
        ("the same, of another repository", &all, "acme/secret:1.0", false),
        ("a customer with some of its tags", &named, "acme/app:2.0", false),
    ] {
        let done = pull(key, name)?;
        tally.check(what, done.status.success() == may, &said(&done));
    }
    let again = pull(&depot.pull, "acme/app:2.0")?;
    tally.check("and again", again.status.success(), &said(&again));
    let from = format!("dir:{}", folder.join("direct").display());
    for (what, key, may) in
        [("a key pushes there", &depot.push, true), ("a key to read does not", &depot.pull, false)]
    {
        let (creds, to) = (format!("x:{key}"), format!("{there}/acme/direct:1"));
        let done = skopeo(&["copy", "--all", "--dest-tls-verify=false", "--dest-creds", &creds, &from, &to])?;
        tally.check(what, done.status.success() == may, &said(&done));
    }
    let form = |grant: &str, key: &str| {
        let form = format!(
            "grant_type={grant}&service=127.0.0.1&username=x&password={key}&scope=repository:acme/app:pull"
        );
        Ask::new("POST", "/registry/token")
            .body("application/x-www-form-urlencoded", form.as_bytes())
            .send(depot.port)
    };
    let given = form("password", &depot.pull)?;
    tally.check(
        "a token by form",
        given.status == 200 && given.json()["token"].is_string() && given.json()["refresh_token"].is_null(),
        &given.seen(),
    );
    let wrong = form("password", "kw_reg_wrong")?;
    tally.check("none for a wrong key", wrong.status == 401, &wrong.seen());
    let refresh = form("refresh_token", &depot.pull)?;
    tally.check(
        "none by another grant",
        refresh.status == 400 && refresh.json()["error"] == "unsupported_grant_type",
        &refresh.seen(),
    );
    Ok(())
}

/// What was written down.
fn happenings(tally: &mut Tally, depot: &Depot) -> Result<()> {
    // It is written beside the answers.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let events = |query: &str| -> Result<Vec<Value>> {
        let events = depot.tenant.http.get(&format!("/api/v1/registry-events?limit=200&{query}"))?;
        let events: Value = serde_json::from_str(&events)?;
        Ok(events["items"].as_array().cloned().unwrap_or_default())
    };
    let pulls = events("operation=pull&decision=allowed")?;
    let first: Vec<_> = pulls
        .iter()
        .filter(|event| {
            event["reference"] == "1.0" && event["client"] == "skopeo/1.9.3"
                || event["client"].as_str().is_some_and(|client| client.starts_with("skopeo"))
                    && event["reference"] == "1.0"
                    && event["repository"] == "acme/app"
        })
        .collect();
    tally.check("pulls by skopeo are in the log", !first.is_empty(), &format!("{pulls:?}"));
    let one = Image::new("one", "amd64")?;
    let parts = pulls.iter().filter(|event| event["reference"] == one.digest()).count();
    tally.check("the parts of an index are no pulls of their own", parts == 0, &parts.to_string());
    let counted = pulls.iter().any(|event| event["bytes"].as_u64() > Some(10_000));
    tally.check("with their bytes", counted, &format!("{first:?}"));
    let denied = events("decision=denied")?;
    tally.check(
        "and what was refused",
        denied.iter().any(|event| event["repository"] == "acme/secret"),
        &denied.len().to_string(),
    );
    let pushes = events("operation=push&decision=allowed")?;
    tally.check(
        "and pushes",
        pushes.iter().any(|event| event["reference"] == "9.0"),
        &pushes.len().to_string(),
    );
    let keys: Value = serde_json::from_str(&depot.tenant.http.get("/api/v1/registry-keys")?)?;
    let used = keys["items"].as_array().into_iter().flatten().any(|key| {
        key["name"] == "CI" && key["last_used_from"] == "127.0.0.1" && key["last_used_at"].is_string()
    });
    tally.check("a key knows where it was used", used, &keys.to_string());
    ensure!(keys.to_string().find(&depot.push).is_none(), "a secret shows");
    Ok(())
}
