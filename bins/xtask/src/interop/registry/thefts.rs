//! Ways past the gateway that must not be ones.

use anyhow::Result;
use serde_json::json;

use super::images::{self, Image, MANIFEST, digest};
use super::wire::Ask;
use super::{Depot, text};
use crate::interop::Checks;
use crate::interop::server::Server;

pub(crate) fn judge(checks: &mut Checks, depot: &Depot, server: &Server) -> Result<()> {
    let thief = depot.customer("Thief")?;
    Image::new("mine", "amd64")?.push(depot.port, &depot.push, "mine/app", "1")?;
    depot.entitle(&thief.id, &depot.artifact("mine/app")?, "all", &[])?;
    addresses(checks, depot, &thief.token)?;
    mounts(checks, depot, server, &thief.token)?;
    keys(checks, depot, server)?;
    uploads(checks, depot)?;
    Ok(())
}

/// Addresses that are read differently by different programs.
fn addresses(checks: &mut Checks, depot: &Depot, token: &str) -> Result<()> {
    for path in [
        "/v2/mine/app/../../acme/secret/manifests/1.0",
        "/v2/mine/app/%2e%2e/%2e%2e/acme/secret/manifests/1.0",
        "/v2/mine%2fapp/manifests/1",
        "/v2/mine//app/manifests/1",
        "/v2/./mine/app/manifests/1",
        "/v2/acme/secret/manifests/%31.0",
        "/v2/ACME/secret/manifests/1.0",
    ] {
        let answer = depot.get(path, token)?;
        let stopped = answer.status == 400 && answer.error().0 == "NAME_INVALID";
        checks.check(&format!("the address {path}"), stopped, &answer.seen());
    }
    for path in [
        "//v2/acme/secret/manifests/1.0",
        "/%762/acme/secret/manifests/1.0",
        "/v2%2facme/secret/manifests/1.0",
    ] {
        let answer = depot.get(path, token)?;
        checks.check(&format!("the address {path}"), matches!(answer.status, 400 | 404), &answer.seen());
    }
    for (method, path) in [("POST", "/v2/acme/app/manifests/1.0"), ("PUT", "/v2/_catalog"), ("TRACE", "/v2/")]
    {
        let answer = depot.ask(method, path).key(&depot.push).send(depot.port)?;
        checks.check(&format!("{method} {path}"), answer.status == 405, &answer.seen());
    }
    let forwarded = depot
        .ask("POST", "/v2/mine/app/blobs/uploads/")
        .key(&depot.push)
        .header("X-Forwarded-Host", "evil.example")
        .header("Forwarded", "host=evil.example;proto=https")
        .send(depot.port)?;
    let place = forwarded.header("location").unwrap_or_default();
    checks.check(
        "a location stays on this host",
        place.starts_with("/v2/mine/app/blobs/uploads/"),
        &forwarded.seen(),
    );
    let unknown = depot.ask("GET", "/v2/").host("evil.example").key(&depot.pull).send(depot.port)?;
    checks.check("a host that is no registry's", unknown.status == 404, &unknown.seen());
    let forwarded = depot
        .ask("GET", "/v2/")
        .host("evil.example")
        .header("X-Forwarded-Host", "127.0.0.1")
        .key(&depot.pull);
    let forwarded = forwarded.send(depot.port)?;
    checks.check("a host that only a header says", forwarded.status == 404, &forwarded.seen());
    let head = depot.ask("HEAD", "/v2/mine/app/manifests/1").key(token).send(depot.port)?;
    let length = Image::new("mine", "amd64")?.manifest.len().to_string();
    let right = head.status == 200 && head.body.is_empty() && head.header("content-length") == Some(&length);
    checks.check("HEAD tells the length and nothing more", right, &head.seen());
    let layer = Image::new("mine", "amd64")?.layer;
    let part =
        depot.ask("GET", &format!("/v2/mine/app/blobs/{}", digest(&layer))).header("Range", "bytes=100-199");
    let part = part.key(token).send(depot.port)?;
    checks.check("a part of a blob", part.status == 206 && part.body == layer[100..200], &part.seen());
    let same = depot.ask("GET", "/v2/mine/app/manifests/1").key(token);
    let etag = same.send(depot.port)?.header("etag").unwrap_or_default().to_owned();
    let same = same.header("If-None-Match", &etag).send(depot.port)?;
    checks.check("a manifest that is known", same.status == 304, &same.seen());
    Ok(())
}

/// Blobs of a repository that one may not read.
fn mounts(checks: &mut Checks, depot: &Depot, server: &Server, token: &str) -> Result<()> {
    let secret = Image::new("secret", "amd64")?;
    let layer = digest(&secret.layer);
    let stolen = format!("/v2/mine/app/blobs/uploads/?mount={layer}&from=acme/secret");
    let answer = depot.ask("POST", &stolen).key(token).send(depot.port)?;
    checks.check("a customer mounts nothing", answer.status == 403, &answer.seen());
    let alone = format!("/v2/mine/app/blobs/uploads/?mount={layer}");
    let answer = depot.ask("POST", &alone).key(&depot.push).send(depot.port)?;
    checks.check("a mount from nowhere is an upload", answer.status == 202, &answer.seen());
    let answer = depot.ask("POST", &stolen).key(&depot.push).send(depot.port)?;
    checks.check("a key of the registry mounts within it", answer.status == 201, &answer.seen());

    // A second registry in the same upstream, kept apart by its prefix.
    let http = &depot.tenant.http;
    let upstream = serde_json::from_str::<serde_json::Value>(
        &http.get(&format!("/api/v1/registries/{}", depot.registry))?,
    )?;
    let shared =
        json!({"name": "Shared", "host": "localhost", "upstream": upstream["upstream"], "prefix": "acme"});
    let shared = http.create("/api/v1/registries", &shared.to_string())?;
    let neighbour = server.tenant("Neighbour")?;
    let named = upstream["upstream"].as_str().unwrap_or_default();
    for name in ["127.0.0.1", "localhost", "[::1]", "127.1.2.3"].map(|host| named.replace("127.0.0.1", host))
    {
        let theirs =
            json!({"name": "N", "host": "n.example", "upstream": name, "credential": {"kind": "none"}});
        let refused = neighbour.http.create("/api/v1/registries", &theirs.to_string());
        let held = refused.as_ref().is_err_and(|error| error.to_string().contains("in_use"));
        let what = format!("another vendor's registry in front of the same upstream, called {name}");
        checks.check(&what, held, &format!("{refused:?}"));
    }
    let wanted = json!({"registry_id": shared["id"], "name": "S", "access": "read_write"}).to_string();
    let key = text(&http.create("/api/v1/registry-keys", &wanted)?, "secret")?;
    let ask = |path: &str, key: &str| depot.ask("GET", path).host("localhost").key(key).send(depot.port);
    let here = ask("/v2/", &key)?;
    checks.check("the second registry lets its own key in", here.status == 200, &here.seen());
    for (what, host, key) in
        [("its key at the first", "127.0.0.1", &key), ("the first's at it", "localhost", &depot.push)]
    {
        let answer = depot.ask("GET", "/v2/").host(host).key(key).send(depot.port)?;
        checks.check(what, answer.status == 401, &answer.seen());
    }
    // Its upstream trusts the first registry's certificate alone, so nothing behind it opens: the gateway says no more.
    let behind = ask("/v2/app/manifests/2.0", &key)?;
    checks.check("an upstream that does not know its gateway", behind.status == 502, &behind.seen());
    Ok(())
}

/// Keys that are dead, wrong or another's.
fn keys(checks: &mut Checks, depot: &Depot, server: &Server) -> Result<()> {
    let http = &depot.tenant.http;
    let wanted = json!({"registry_id": depot.registry, "name": "Short"}).to_string();
    let made = http.create("/api/v1/registry-keys", &wanted)?;
    let (id, first) = (text(&made, "id")?, text(&made, "secret")?);
    let status = |key: &str| Ok::<_, anyhow::Error>(depot.get("/v2/", key)?.status);
    checks.check("a new key", status(&first)? == 200, "");
    let second = text(
        &http.send(&format!("/api/v1/registry-keys/{id}/rotate"), r#"{"overlap_seconds":3600}"#)?,
        "secret",
    )?;
    checks.check("rotated with an overlap, both work", status(&first)? == 200 && status(&second)? == 200, "");
    let third = text(&http.send(&format!("/api/v1/registry-keys/{id}/rotate"), "{}")?, "secret")?;
    let alone = status(&first)? == 401 && status(&second)? == 401 && status(&third)? == 200;
    checks.check("rotated without, the last alone does", alone, "");
    http.delete(&format!("/api/v1/registry-keys/{id}"))?;
    checks.check("revoked, none does", status(&third)? == 401, "");
    let other = server.tenant("Elsewhere")?;
    let license = text(&other.http.create("/api/v1/licenses", r#"{"name":"L"}"#)?, "id")?;
    let foreign = other.http.token(&license, "jwt")?;
    checks.check("the token of another vendor's license", status(&foreign)? == 401, "");
    for header in ["Basic", "Basic !!!", "Basic Zm9v", "Digest x", "Bearer "] {
        let answer = Ask::new("GET", "/v2/").header("Authorization", header).send(depot.port)?;
        let challenged = answer.status == 401 && answer.header("www-authenticate").is_some();
        checks.check(&format!("the credential {header:?}"), challenged, &answer.seen());
    }
    let anonymous = Ask::new("HEAD", "/v2/acme/app/manifests/1.0").send(depot.port)?;
    checks.check("nobody", anonymous.status == 401 && anonymous.body.is_empty(), &anonymous.seen());
    Ok(())
}

/// Uploads that belong elsewhere, and manifests that are none.
fn uploads(checks: &mut Checks, depot: &Depot) -> Result<()> {
    let begun = depot.ask("POST", "/v2/mine/app/blobs/uploads/").key(&depot.push).send(depot.port)?;
    let place = begun.header("location").unwrap_or_default().to_owned();
    let moved = place.replacen("mine/app", "mine/other", 1);
    let answer = depot
        .ask("PATCH", &moved)
        .key(&depot.push)
        .body("application/octet-stream", b"x")
        .send(depot.port)?;
    checks.check(
        "an upload of another repository",
        answer.status == 400 || answer.status == 404,
        &answer.seen(),
    );
    let answer = depot
        .ask("PATCH", &place)
        .key(&depot.pull)
        .body("application/octet-stream", b"x")
        .send(depot.port)?;
    checks.check("an upload with a key to read", answer.status == 403, &answer.seen());
    let chunk = depot.ask("PATCH", &place).key(&depot.push).header("Content-Range", "0-4");
    let chunk = chunk.body("application/octet-stream", b"hello").send(depot.port)?;
    let next = chunk.header("location").unwrap_or_default().to_owned();
    checks.check("a chunk", chunk.status == 202 && chunk.header("range") == Some("0-4"), &chunk.seen());
    let end = format!("{next}&digest={}", digest(b"hello"));
    let ended = depot.ask("PUT", &end).key(&depot.push).send(depot.port)?;
    checks.check("and the end", ended.status == 201, &ended.seen());
    let given_up = depot.ask("POST", "/v2/mine/app/blobs/uploads/").key(&depot.push).send(depot.port)?;
    let place = given_up.header("location").unwrap_or_default();
    let given_up = depot.ask("DELETE", place).key(&depot.push).send(depot.port)?;
    checks.check("an upload that is given up", given_up.status == 204, &given_up.seen());
    let put = |bytes: &[u8]| {
        depot.ask("PUT", "/v2/mine/app/manifests/x").key(&depot.push).body(MANIFEST, bytes).send(depot.port)
    };
    let wrong = put(b"{}")?;
    checks.check("a manifest that is none", wrong.status == 400, &wrong.seen());
    let large = put(&vec![b' '; 5 * 1024 * 1024])?;
    checks.check("a manifest that is too large", large.status == 413, &large.seen());
    // Distribution takes this for a fault of its own.
    let elsewhere = json!({
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar", "size": 1,
        "digest": digest(b"elsewhere"), "urls": ["https://store.example.com/blobs/sha256/1"],
    });
    let config = json!({"mediaType": "application/vnd.oci.image.config.v1+json", "size": 5, "digest": digest(b"hello")});
    let foreign = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [elsewhere]});
    let refused = put(foreign.to_string().as_bytes())?;
    let told = refused.status == 400 && refused.error().0 == "MANIFEST_BLOB_UNKNOWN";
    checks.check("a manifest whose layers are elsewhere", told, &refused.seen());
    let past = depot.ask("GET", &format!("/v2/mine/app/blobs/{}", digest(b"hello"))).key(&depot.pull);
    let past = past.header("Range", "bytes=100-200").send(depot.port)?;
    let told = past.status == 416 && past.error().0 == "RANGE_INVALID";
    checks.check("bytes past the end of a blob", told, &past.seen());
    let big = Image::of(vec![7; 20 * 1024 * 1024], b"{}".to_vec());
    big.push(depot.port, &depot.push, "mine/app", "big")?;
    let back = depot.get(&format!("/v2/mine/app/blobs/{}", digest(&big.layer)), &depot.pull)?;
    checks.check(
        "20 MB there and back",
        back.status == 200 && back.body == big.layer,
        &back.status.to_string(),
    );
    images::upload(depot.port, &depot.push, "mine/app", b"")?;
    Ok(())
}
