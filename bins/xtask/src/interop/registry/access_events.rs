//! What was written down.

use anyhow::{Result, ensure};
use serde_json::Value;

use super::Depot;
use super::images::Image;
use crate::interop::Checks;

pub(crate) fn judge(checks: &mut Checks, depot: &Depot) -> Result<()> {
    // It is written beside the answers.
    std::thread::sleep(std::time::Duration::from_millis(1_000));
    let events = |query: &str| -> Result<Vec<Value>> {
        let events = depot.tenant.http.get(&format!("/api/v1/registry-events?limit=200&{query}"))?;
        let events: Value = serde_json::from_str(&events)?;
        Ok(events["items"].as_array().cloned().unwrap_or_default())
    };
    let pulls = events("operation=pull&decision=allowed")?;
    let by_skopeo = |event: &&Value| {
        event["client"].as_str().is_some_and(|client| client.starts_with("skopeo"))
            && event["reference"] == "1.0"
            && event["repository"] == "acme/app"
    };
    let first: Vec<_> = pulls.iter().filter(by_skopeo).collect();
    checks.check("pulls by skopeo are in the log", !first.is_empty(), &format!("{pulls:?}"));
    let one = Image::new("one", "amd64")?;
    let parts = pulls.iter().filter(|event| event["reference"] == one.digest()).count();
    checks.check("the parts of an index are no pulls of their own", parts == 0, &parts.to_string());
    let counted = pulls.iter().any(|event| event["bytes"].as_u64() > Some(10_000));
    checks.check("with their bytes", counted, &format!("{first:?}"));
    let denied = events("decision=denied")?;
    checks.check(
        "and what was refused",
        denied.iter().any(|event| event["repository"] == "acme/secret"),
        &denied.len().to_string(),
    );
    let pushes = events("operation=push&decision=allowed")?;
    checks.check(
        "and pushes",
        pushes.iter().any(|event| event["reference"] == "9.0"),
        &pushes.len().to_string(),
    );
    let tokens = events("operation=token")?;
    for (decision, repository) in [("allowed", "acme/app"), ("denied", "acme/secret")] {
        let is = |event: &Value| event["decision"] == decision && event["repository"] == repository;
        let what = format!("and tokens for the upstream itself, {decision}");
        checks.check(&what, tokens.iter().any(is), &format!("{tokens:?}"));
    }
    let keys: Value = serde_json::from_str(&depot.tenant.http.get("/api/v1/registry-keys")?)?;
    let used = keys["items"].as_array().into_iter().flatten().any(|key| {
        key["name"] == "CI" && key["last_used_from"] == "127.0.0.1" && key["last_used_at"].is_string()
    });
    checks.check("a key knows where it was used", used, &keys.to_string());
    ensure!(keys.to_string().find(&depot.push).is_none(), "a secret shows");
    Ok(())
}
