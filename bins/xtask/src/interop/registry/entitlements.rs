//! Who may pull what, by customers with their tokens.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::clients::pull;
use super::images::{self, Image, MANIFEST, digest};
use super::wire::Ask;
use super::{Customer, Depot, said, text};
use crate::interop::Checks;

pub(crate) fn judge(checks: &mut Checks, depot: &Depot, folder: &Path) -> Result<()> {
    let one = depot.customer("One")?;
    first(checks, depot, folder, &one)?;
    digests(checks, depot, &one.token)?;
    moves(checks, depot, &one.token)?;
    attached(checks, depot, &one.token)?;
    modes(checks, depot)?;
    halted(checks, depot, folder, &one)?;
    roles(checks, depot)
}

/// The first entitlements, and tags of customers who have one each.
fn first(checks: &mut Checks, depot: &Depot, folder: &Path, one: &Customer) -> Result<()> {
    let (two, token) = (depot.customer("Two")?, &one.token);
    let open = pull(depot, folder, "acme/secret:1.0", token)?;
    checks.check("before the first entitlement all is open", open.status.success(), &said(&open));

    let artifact = depot.artifact("acme/app")?;
    let wanted = json!({"customer_id": one.id, "grants": [{"artifact_id": artifact, "mode": "named", "tags": ["1.0"]}]});
    let preview = depot.tenant.http.send("/api/v1/artifact-entitlements/preview", &wanted.to_string())?;
    let loses = preview["closes"] == true
        && preview["lose"]
            .as_array()
            .is_some_and(|lose| lose.iter().any(|who| who["customer_id"] == two.id.as_str()));
    checks.check("the preview names who loses", loses, &preview.to_string());
    let unasked = depot.tenant.http.create("/api/v1/artifact-entitlements", &wanted.to_string());
    let held = unasked.as_ref().is_err_and(|error| error.to_string().contains("would_close_registries"));
    checks.check("the first entitlement is asked for twice", held, &format!("{unasked:?}"));
    depot.entitle(&one.id, &artifact, "named", &["1.0"])?;
    depot.entitle(&two.id, &artifact, "named", &["2.0"])?;

    for (what, name, key, may) in [
        ("the tag that was granted", "acme/app:1.0", token, true),
        ("another tag of the repository", "acme/app:2.0", token, false),
        ("another repository", "acme/secret:1.0", token, false),
        ("the other customer's own tag", "acme/app:2.0", &two.token, true),
        ("the first customer's tag, for the other", "acme/app:1.0", &two.token, false),
    ] {
        let done = pull(depot, folder, name, key)?;
        let told = may || said(&done).contains("your license does not include acme/");
        checks.check(what, done.status.success() == may && told, &said(&done));
    }

    Ok(())
}

/// By digest: what a granted tag consists of, whatever else it is part of.
fn digests(checks: &mut Checks, depot: &Depot, token: &str) -> Result<()> {
    let theirs = Image::new("other", "amd64")?;
    for (what, path, status) in [
        ("an image by the digest of another tag", format!("manifests/{}", theirs.digest()), 403),
        ("its config", format!("blobs/{}", digest(&theirs.config)), 403),
        ("its layer", format!("blobs/{}", digest(&theirs.layer)), 403),
        ("an image of a granted index", format!("manifests/{}", Image::new("one", "amd64")?.digest()), 200),
        ("the layer of one", format!("blobs/{}", digest(&Image::new("two", "arm64")?.layer)), 200),
        ("a digest that is nowhere", format!("blobs/{}", digest(b"nowhere")), 403),
    ] {
        let answer = depot.get(&format!("/v2/acme/app/{path}"), token)?;
        checks.check(what, answer.status == status, &answer.seen());
    }
    let secret = Image::new("secret", "amd64")?;
    let shared = Image::of(secret.layer.clone(), Image::new("one", "amd64")?.config);
    let answer = depot.get(&format!("/v2/acme/app/blobs/{}", digest(&secret.layer)), token)?;
    checks.check("a layer that only another repository has", answer.status == 403, &answer.seen());
    shared.push(depot.port, &depot.push, "acme/app", "3.0")?;
    let answer = depot.get(&format!("/v2/acme/app/blobs/{}", digest(&secret.layer)), token)?;
    checks.check("a layer of a tag that is not granted", answer.status == 403, &answer.seen());
    let answer = depot.get(&format!("/v2/acme/app/blobs/{}", digest(&shared.config)), token)?;
    checks.check("a config that a granted tag has as well", answer.status == 200, &answer.seen());

    Ok(())
}

/// A tag that moves in the middle of a pull.
fn moves(checks: &mut Checks, depot: &Depot, token: &str) -> Result<()> {
    let old = Image::new("old", "amd64")?;
    old.push(depot.port, &depot.push, "acme/app", "1.0")?;
    let first = depot.get("/v2/acme/app/manifests/1.0", token)?;
    checks.check("the tag after its first move", digest(&first.body) == old.digest(), &first.seen());
    Image::new("new", "amd64")?.push(depot.port, &depot.push, "acme/app", "1.0")?;
    let rest = depot.get(&format!("/v2/acme/app/blobs/{}", digest(&old.layer)), token)?;
    checks.check(
        "what the tag pointed to loads on after it moves",
        rest.status == 200 && rest.body == old.layer,
        &rest.seen(),
    );

    Ok(())
}

/// What is about an image goes with it; what is tied to it falsely opens nothing.
fn attached(checks: &mut Checks, depot: &Depot, token: &str) -> Result<()> {
    let (old, theirs) = (Image::new("old", "amd64")?, Image::new("other", "amd64")?);
    let about = images::about(&old, b"signature");
    let hex = old.digest().replace("sha256:", "");
    about.push(depot.port, &depot.push, "acme/app", &format!("sha256-{hex}.sig"))?;
    let signed = depot.get(&format!("/v2/acme/app/manifests/sha256-{hex}.sig"), token)?;
    checks.check("the signature of a granted image", signed.status == 200, &signed.seen());
    let blob = depot.get(&format!("/v2/acme/app/blobs/{}", digest(b"signature")), token)?;
    checks.check("and its blob", blob.status == 200, &blob.seen());
    let cosign = Image::of(b"payload".to_vec(), b"{}".to_vec());
    cosign.push(depot.port, &depot.push, "acme/app", &format!("sha256-{hex}.sbom"))?;
    let blob = depot.get(&format!("/v2/acme/app/blobs/{}", digest(b"payload")), token)?;
    checks.check("what a fallback tag alone ties to a granted image", blob.status == 200, &blob.seen());
    let forged = format!("/v2/acme/app/manifests/{}?tag=1.0", theirs.digest());
    let forged =
        depot.ask("PUT", &forged).key(&depot.push).body(MANIFEST, &theirs.manifest).send(depot.port)?;
    let opened = depot.get(&format!("/v2/acme/app/manifests/{}", theirs.digest()), token)?;
    checks.check(
        "a tag that the upstream did not set",
        forged.status == 201 && opened.status == 403,
        &opened.seen(),
    );
    Ask::new("GET", "/v2/acme/app/manifests/2.0")
        .header("Accept", "*/*")
        .key(&depot.pull)
        .send(depot.port)?;
    let artifact = depot.artifact("acme/app")?;
    let known: Value = serde_json::from_str(
        &depot.tenant.http.get(&format!("/api/v1/artifacts/{artifact}/tags/2.0/history"))?,
    )?;
    let once = known["items"]
        .as_array()
        .is_some_and(|items| items.len() == 1 && items[0]["digest"] == theirs.digest());
    checks.check("a form made for one client is not what the tag points to", once, &known.to_string());
    let absent = depot.get(&format!("/v2/acme/app/manifests/sha256-{hex}.att"), token)?;
    checks.check(
        "an attestation that is not there",
        absent.status == 404 && absent.error().0 == "MANIFEST_UNKNOWN",
        &absent.seen(),
    );
    let hidden = theirs.digest().replace("sha256:", "");
    let foreign = depot.get(&format!("/v2/acme/app/manifests/sha256-{hidden}.sig"), token)?;
    checks.check("the signature of another's image", foreign.status == 403, &foreign.seen());

    Ok(())
}

/// All tags there are now, and all there will be.
fn modes(checks: &mut Checks, depot: &Depot) -> Result<()> {
    let (three, four) = (depot.customer("Three")?, depot.customer("Four")?);
    let (current, all) = (&three.token, &four.token);
    let artifact = depot.artifact("acme/app")?;
    let ended = depot.entitle(&three.id, &artifact, "current", &[])?;
    depot.entitle(&four.id, &artifact, "all", &[])?;
    Image::new("later", "amd64")?.push(depot.port, &depot.push, "acme/app", "9.0")?;
    for (what, name, key, status) in [
        ("current: a tag there was", "2.0", current, 200),
        ("current: a tag made later", "9.0", current, 403),
        ("all: a tag there was", "2.0", all, 200),
        ("all: a tag made later", "9.0", all, 200),
    ] {
        let answer = depot.get(&format!("/v2/acme/app/manifests/{name}"), key)?;
        checks.check(what, answer.status == status, &answer.seen());
    }
    depot.tenant.http.delete(&format!("/api/v1/artifact-entitlements/{ended}"))?;
    let answer = depot.get("/v2/acme/app/manifests/2.0", current)?;
    checks.check("an entitlement that was ended", answer.status == 403, &answer.seen());

    Ok(())
}

/// Licenses that open nothing, and say why.
fn halted(checks: &mut Checks, depot: &Depot, folder: &Path, one: &Customer) -> Result<()> {
    let (license, token) = (&one.license, &one.token);
    let http = &depot.tenant.http;
    http.act(&format!("/api/v1/licenses/{license}/suspend"))?;
    let done = pull(depot, folder, "acme/app:1.0", token)?;
    checks.check("a suspended license", said(&done).contains("is suspended; ask Depot"), &said(&done));
    let login = depot.get("/v2/", token)?;
    checks.check("logs in all the same", login.status == 200 && login.json() == json!({}), &login.seen());
    http.act(&format!("/api/v1/licenses/{license}/resume"))?;
    let answer = depot.get("/v2/acme/app/manifests/1.0", token)?;
    checks.check("and opens again when it is resumed", answer.status == 200, &answer.seen());
    let ended = json!({"name": "Ended", "customer_id": one.id, "not_before": "2020-01-01T00:00:00Z", "expires_at": "2021-01-01T00:00:00Z"});
    let ended = text(&http.create("/api/v1/licenses", &ended.to_string())?, "id")?;
    let done = pull(depot, folder, "acme/app:1.0", &http.token(&ended, "jwt")?)?;
    checks.check(
        "an expired license",
        said(&done).contains("expired after 2020-12-31; ask Depot to renew it"),
        &said(&done),
    );
    http.act(&format!("/api/v1/licenses/{license}/revoke"))?;
    let answer = depot.get("/v2/", token)?;
    let out = answer.status == 401
        && answer.header("www-authenticate").is_some_and(|value| value.starts_with("Basic "));
    checks.check("a revoked license is out at the next request", out, &answer.seen());

    Ok(())
}

/// Pull roles of a product.
fn roles(checks: &mut Checks, depot: &Depot) -> Result<()> {
    let http = &depot.tenant.http;
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
        checks.check(what, answer.status == status, &answer.seen());
    }
    http.act(&format!("/api/v1/products/{product}/archive"))?;
    let answer = depot.get("/v2/acme/app/manifests/2.0", &token)?;
    checks.check("an archived product opens nothing", answer.status == 403, &answer.seen());
    Ok(())
}
