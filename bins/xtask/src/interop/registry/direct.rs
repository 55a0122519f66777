//! Clients that go to the upstream itself, with tokens that are fetched here.

use std::path::Path;

use anyhow::Result;

use super::clients::skopeo;
use super::upstream::Upstream;
use super::wire::Ask;
use super::{Depot, said};
use crate::interop::Checks;

pub(crate) fn judge(checks: &mut Checks, depot: &Depot, folder: &Path, upstream: &Upstream) -> Result<()> {
    let (some, every) = (depot.customer("Some")?, depot.customer("Every")?);
    let artifact = depot.artifact("acme/app")?;
    depot.entitle(&some.id, &artifact, "named", &["2.0"])?;
    depot.entitle(&every.id, &artifact, "all", &[])?;
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
    checks.check("the upstream itself is closed", !off.status.success(), &said(&off));
    depot.tenant.http.patch(&format!("/api/v1/registries/{}", depot.registry), r#"{"direct":true}"#)?;
    for (what, key, name, may) in [
        ("a key at the upstream itself", &depot.pull, "acme/app:2.0", true),
        ("a customer with all of a repository", &every.token, "acme/app:2.0", true),
        ("the same, of another repository", &every.token, "acme/secret:1.0", false),
        ("a customer with some of its tags", &some.token, "acme/app:2.0", false),
    ] {
        let done = pull(key, name)?;
        checks.check(what, done.status.success() == may, &said(&done));
    }
    let again = pull(&depot.pull, "acme/app:2.0")?;
    checks.check("and again", again.status.success(), &said(&again));
    let from = format!("dir:{}", folder.join("direct").display());
    for (what, key, may) in
        [("a key pushes there", &depot.push, true), ("a key to read does not", &depot.pull, false)]
    {
        let (creds, to) = (format!("x:{key}"), format!("{there}/acme/direct:1"));
        let done = skopeo(&["copy", "--all", "--dest-tls-verify=false", "--dest-creds", &creds, &from, &to])?;
        checks.check(what, done.status.success() == may, &said(&done));
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
    checks.check(
        "a token by form",
        given.status == 200 && given.json()["token"].is_string() && given.json()["refresh_token"].is_null(),
        &given.seen(),
    );
    let wrong = form("password", "kw_reg_wrong")?;
    checks.check("none for a wrong key", wrong.status == 401, &wrong.seen());
    let refresh = form("refresh_token", &depot.pull)?;
    checks.check(
        "none by another grant",
        refresh.status == 400 && refresh.json()["error"] == "unsupported_grant_type",
        &refresh.seen(),
    );
    Ok(())
}
