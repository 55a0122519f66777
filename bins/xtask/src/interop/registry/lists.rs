//! Lists of tags and repositories: filtered, then paged.

use anyhow::Result;
use serde_json::{Value, json};

use super::Depot;
use super::images::Image;
use crate::interop::Checks;

pub(crate) fn judge(checks: &mut Checks, depot: &Depot) -> Result<()> {
    let lister = depot.customer("Lister")?;
    let token = &lister.token;
    for tag in ["a", "b", "c", "d"] {
        Image::new(tag, "amd64")?.push(depot.port, &depot.push, "acme/list", tag)?;
    }
    depot.entitle(&lister.id, &depot.artifact("acme/list")?, "named", &["a", "c", "d", "gone"])?;
    let page = depot.get("/v2/acme/list/tags/list?n=2", token)?;
    checks.check(
        "a page of granted tags",
        page.json() == json!({"name": "acme/list", "tags": ["a", "c"]}),
        &page.seen(),
    );
    let link = page.header("link").unwrap_or_default().to_owned();
    checks.check(
        "with a link that names no other",
        link == "</v2/acme/list/tags/list?last=c&n=2>; rel=\"next\"",
        &link,
    );
    let next = link.split(['<', '>']).nth(1).unwrap_or("/v2/").to_owned();
    let page = depot.get(&next, token)?;
    let last = page.json()["tags"] == json!(["d"]) && page.header("link").is_none();
    checks.check("the last page", last, &page.seen());
    let none = depot.get("/v2/acme/list/tags/list?n=0", token)?;
    checks.check("n=0", none.json()["tags"] == json!([]), &none.seen());
    let wrong = depot.get("/v2/acme/list/tags/list?n=x", token)?;
    checks.check("n=x", wrong.status == 400 && wrong.error().0 == "PAGINATION_NUMBER_INVALID", &wrong.seen());
    let catalog = depot.get("/v2/_catalog", token)?;
    checks.check(
        "the catalogue of a customer",
        catalog.json() == json!({"repositories": ["acme/list"]}),
        &catalog.seen(),
    );
    let catalog = depot.get("/v2/_catalog?n=1", &depot.pull)?;
    checks.check(
        "the catalogue of a key",
        catalog.json() == json!({"repositories": ["acme/app"]}),
        &catalog.seen(),
    );
    let absent = depot.get("/v2/acme/nothing/tags/list", &depot.pull)?;
    checks.check(
        "a repository that is not there",
        absent.status == 404 && absent.error().0 == "NAME_UNKNOWN",
        &absent.seen(),
    );

    // What a key to delete deletes is gone from the lists, the catalogue too.
    let image = Image::new("d", "amd64")?;
    let path = format!("/v2/acme/list/manifests/{}", image.digest());
    let refused = depot.ask("DELETE", &path).key(&depot.push).send(depot.port)?;
    checks.check("a key to push does not delete", refused.status == 403, &refused.seen());
    let deleted = depot.ask("DELETE", &path).key(&depot.delete).send(depot.port)?;
    checks.check("a key to delete does", deleted.status == 202, &deleted.seen());
    let artifact = depot.artifact("acme/list")?;
    let tags: Value =
        serde_json::from_str(&depot.tenant.http.get(&format!("/api/v1/artifacts/{artifact}/tags"))?)?;
    let names: Vec<_> =
        tags["items"].as_array().into_iter().flatten().map(|item| item["tag"].clone()).collect();
    checks.check("the catalogue knows", json!(names) == json!(["a", "b", "c"]), &tags.to_string());
    Ok(())
}
