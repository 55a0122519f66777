//! What the registry tells of pushes and deletions that did not pass the gateway.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::super::Checks;
use super::Depot;
use super::images::Image;
use super::upstream::Upstream;
use super::wire::Ask;

const REPOSITORY: &str = "acme/past";

/// The registry lets clients come to the upstream itself.
pub(super) fn judge(checks: &mut Checks, depot: &Depot, upstream: &Upstream) -> Result<()> {
    let image = Image::new("past the gateway", "amd64")?;
    image.push(upstream.port(), &pass(depot, "pull,push", &depot.push)?, REPOSITORY, "1.0")?;
    let seen = waits(depot, |tags| tags == ["1.0"])?;
    checks.check("what is pushed to the upstream itself is known within seconds", seen.0, &seen.1);
    let path = format!("/v2/{REPOSITORY}/manifests/{}", image.digest());
    // A tag that was learned in this very second might have come back.
    std::thread::sleep(Duration::from_secs(1));
    let deleted = Ask::new("DELETE", &path)
        .key(&pass(depot, "pull,push,delete", &depot.delete)?)
        .send(upstream.port())?;
    checks.check("what is deleted there", deleted.status == 202, &deleted.seen());
    let seen = waits(depot, |tags| tags.is_empty())?;
    checks.check("is gone from the catalogue within seconds", seen.0, &seen.1);
    let kept = depot.tenant.http.get(&notifications(depot))?;
    let kept: Value = serde_json::from_str(&kept)?;
    checks.check("the upstream was heard", kept["heard_at"].is_string(), &kept.to_string());
    strangers(checks, depot)
}

/// What others send, and what nobody could read.
fn strangers(checks: &mut Checks, depot: &Depot) -> Result<()> {
    let made = depot.tenant.http.send(&notifications(depot), "{}")?;
    let secret = made["secret"].as_str().context("a secret is made")?;
    let post = |secret: Option<&str>, body: &[u8]| {
        let ask = Ask::new("POST", "/registry/events");
        let ask = ask.body("application/vnd.docker.distribution.events.v1+json", body);
        secret.map_or(ask.clone(), |secret| ask.key(secret)).send(depot.port)
    };
    let long = vec![b' '; 1024 * 1024 + 1];
    let wrong = secret.replace("kw_hook_", "kw_reg_");
    for (what, secret, body, status) in [
        ("events without a secret", None, &b"{\"events\":[]}"[..], 401),
        ("events with a wrong secret", Some(wrong.as_str()), b"{\"events\":[]}", 401),
        ("events with a registry's key", Some(depot.push.as_str()), b"{\"events\":[]}", 401),
        ("no events", Some(secret), b"{\"events\":[]}", 202),
        ("what is no list of events is not sent again", Some(secret), b"<events>", 202),
        ("more than a mebibyte", Some(secret), &long, 413),
    ] {
        let answer = post(secret, body)?;
        checks.check(what, answer.status == status, &answer.seen());
    }
    Ok(())
}

fn notifications(depot: &Depot) -> String {
    format!("/api/v1/registries/{}/notifications", depot.registry)
}

/// A token for the upstream itself.
fn pass(depot: &Depot, actions: &str, key: &str) -> Result<String> {
    let path = format!("/registry/token?service=127.0.0.1&scope=repository:{REPOSITORY}:{actions}");
    let given = Ask::new("GET", &path).key(key).send(depot.port)?;
    given.json()["token"].as_str().map(str::to_owned).with_context(|| given.seen())
}

/// Whether the tags that are known become as they should be, and what they are at last.
fn waits(depot: &Depot, right: impl Fn(&[String]) -> bool) -> Result<(bool, String)> {
    let artifact = depot.artifact(REPOSITORY)?;
    let started = Instant::now();
    loop {
        let known = depot.tenant.http.get(&format!("/api/v1/artifacts/{artifact}/tags"))?;
        let known: Value = serde_json::from_str(&known)?;
        let items = known["items"].as_array().into_iter().flatten();
        let tags: Vec<_> = items.filter_map(|item| item["tag"].as_str().map(str::to_owned)).collect();
        if right(&tags) || started.elapsed() > Duration::from_secs(20) {
            return Ok((right(&tags), format!("{tags:?}")));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
