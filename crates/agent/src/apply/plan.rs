//! What is to run, by what Compose has made of the files.

use keyward_compose::{Document, Node, has_healthcheck};
use serde::{Deserialize, Serialize};

/// A service that is to run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Service {
    /// Its name.
    pub name: String,
    /// Its image, as the file names it.
    pub image: String,
    /// How many containers it has.
    pub replicas: u32,
    /// Whether it may end well: it is not started again whatever happens, and nobody is to reach it.
    pub may_end: bool,
}

/// The services of a document that are started by themselves, which those with a profile are not.
pub(super) fn services(document: &Document) -> Vec<Service> {
    let services = document.services().iter();
    services
        .filter(|(_, service)| service.get("profiles").is_none_or(|profiles| profiles.items().is_empty()))
        .map(|(name, service)| Service {
            name: name.clone(),
            image: service.text_of("image").unwrap_or_default().to_owned(),
            replicas: replicas(service),
            may_end: may_end(service) && (is_awaited(document, name) || !is_to_stay(service)),
        })
        .collect()
}

/// Every image of a document, those of services with a profile too: Compose asks for them all.
pub(super) fn images(document: &Document) -> Vec<(String, String)> {
    let services = document.services().iter();
    services
        .map(|(name, service)| (name.clone(), service.text_of("image").unwrap_or_default().to_owned()))
        .collect()
}

fn replicas(service: &Node) -> u32 {
    let of_deploy = service.get("deploy").and_then(|deploy| deploy.text_of("replicas"));
    service.text_of("scale").or(of_deploy).and_then(|text| text.trim().parse().ok()).unwrap_or(1)
}

fn may_end(service: &Node) -> bool {
    let policy = service.get("deploy").and_then(|deploy| deploy.get("restart_policy")?.text_of("condition"));
    match service.text_of("restart").or(policy).map(str::trim) {
        None | Some("" | "no" | "none" | "false") => true,
        Some(policy) => policy.starts_with("on-failure"),
    }
}

/// Whether it is there for others to reach, or says how it is. Such a service is no job, whatever its restart policy: by default that
/// is the one of jobs.
fn is_to_stay(service: &Node) -> bool {
    has_healthcheck(service) || service.get("ports").is_some_and(|ports| !ports.items().is_empty())
}

/// Whether another service waits until it has ended well.
fn is_awaited(document: &Document, name: &str) -> bool {
    let condition = |service: &Node| {
        let depends = service.get("depends_on")?.get(name)?;
        Some(depends.text_of("condition")? == "service_completed_successfully")
    };
    document.services().iter().any(|(_, service)| condition(service) == Some(true))
}

/// The most processors that one service asks for.
pub(super) fn most_processors(document: &Document) -> Option<(String, f64)> {
    let asked = document.services().iter().filter_map(|(name, service)| {
        let limit =
            service.get("deploy").and_then(|deploy| deploy.get("resources")?.get("limits")?.text_of("cpus"));
        Some((name.clone(), service.text_of("cpus").or(limit)?.trim().parse::<f64>().ok()?))
    });
    asked.max_by(|(_, one), (_, other)| one.total_cmp(other))
}

/// How much memory is set aside for all services together, in bytes.
pub(super) fn reserved_memory(document: &Document) -> u64 {
    let reserved = document.services().iter().filter_map(|(_, service)| {
        let of_deploy = service
            .get("deploy")
            .and_then(|deploy| deploy.get("resources")?.get("reservations")?.text_of("memory"));
        bytes(service.text_of("mem_reservation").or(of_deploy)?)
    });
    reserved.fold(0, u64::saturating_add)
}

/// `512m`, `1.5g`, `1073741824`.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().ok()?;
    let factor = match unit.trim_start().chars().next() {
        None | Some('b') => 1.0,
        Some('k') => 1024.0,
        Some('m') => 1024.0 * 1024.0,
        Some('g') => 1024.0 * 1024.0 * 1024.0,
        Some('t') => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        Some(_) => return None,
    };
    let bytes = number * factor;
    // What does not fit is more than any host has.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bounded, and a cast saturates"
    )]
    bytes.is_finite().then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_read_as_both_versions_write_them() {
        let text = "services:\n  app: {image: a, restart: unless-stopped, scale: 2}\n  job: {image: b, restart: 'no'}\n  \
                    once: {image: c}\n  retried: {image: d, restart: 'on-failure:3', deploy: {replicas: 0}}\n  \
                    debug: {image: e, profiles: [debug]}\n  \
                    web: {image: f, ports: ['80:80']}\n  awaited: {image: g, ports: ['81:81']}\n  \
                    waits: {image: h, depends_on: {awaited: {condition: service_completed_successfully}}}\n";
        let document = Document::read(text).unwrap();
        let found = services(&document);
        let found: Vec<_> =
            found.iter().map(|service| (service.name.as_str(), service.replicas, service.may_end)).collect();
        let jobs = [("app", 2, false), ("job", 1, true), ("once", 1, true), ("retried", 0, true)];
        assert_eq!(found[..4], jobs);
        assert_eq!(found[4..], [("web", 1, false), ("awaited", 1, true), ("waits", 1, true)]);
        assert_eq!(images(&document).len(), 8);
    }

    #[test]
    fn sizes_are_read() {
        for (text, expected) in [
            ("1024", Some(1024)),
            ("1k", Some(1024)),
            ("1.5GiB", Some(1_610_612_736)),
            ("x", None),
            ("1x", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
