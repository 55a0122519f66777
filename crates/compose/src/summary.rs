//! What a Compose file is made of, for people who decide about it.

use crate::document::{Document, Node};
use crate::needs::{Mount, mount, port};

/// A service as a page shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceSummary {
    /// Its name.
    pub name: String,
    /// Its image as the file names it.
    pub image: String,
    /// Each port of the host, such as `127.0.0.1:8080 → 80/tcp`.
    pub ports: Vec<String>,
    /// The volumes that it keeps data in.
    pub volumes: Vec<VolumeMount>,
    /// The files and folders that it has of the host or of the version.
    pub binds: Vec<VolumeMount>,
    /// Whether it has a health check of the file's.
    pub has_healthcheck: bool,
}

/// What is where in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeMount {
    /// The volume, or the path outside.
    pub source: String,
    /// The path inside.
    pub target: String,
}

/// Each service of a document, in its order.
pub fn summary(document: &Document) -> Vec<ServiceSummary> {
    let services = document.services().iter();
    services
        .map(|(name, service)| ServiceSummary { image: image(document, service), ..of(name, service) })
        .collect()
}

/// The image of a service, or of the one that it extends.
fn image(document: &Document, service: &Node) -> String {
    let mut service = Some(service);
    // One that extends itself is an error of Compose's.
    for _ in 0..16 {
        let Some(one) = service else { break };
        if let Some(image) = one.text_of("image") {
            return image.to_owned();
        }
        let extended = one.get("extends").and_then(|extends| extends.text().or(extends.text_of("service")));
        service = extended.and_then(|name| document.root().get("services")?.get(name));
    }
    String::new()
}

fn of(name: &str, service: &Node) -> ServiceSummary {
    let mut summary = ServiceSummary {
        name: name.to_owned(),
        has_healthcheck: has_healthcheck(service),
        ..ServiceSummary::default()
    };
    for node in service.get("ports").map_or(&[][..], Node::items) {
        let written = || node.text().map(str::to_owned);
        summary.ports.extend(port(node).map(|port| describe(&port)).or_else(written));
    }
    for node in service.get("volumes").map_or(&[][..], Node::items) {
        match mount(node) {
            Some(Mount::Bind { source, target, .. }) => summary.binds.push(VolumeMount { source, target }),
            Some(Mount::Volume { source, target }) => summary.volumes.push(VolumeMount { source, target }),
            Some(Mount::Memory) | None => {}
        }
    }
    summary
}

/// Whether the file gives a service a health check.
pub fn has_healthcheck(service: &Node) -> bool {
    service
        .get("healthcheck")
        .is_some_and(|check| !check.get("disable").is_some_and(Node::is_true) && check.get("test").is_some())
}

fn describe(port: &crate::needs::Port) -> String {
    let address = port.address.as_deref().unwrap_or("*");
    let published = match port.published {
        None => "any".to_owned(),
        Some((first, last)) if first == last => first.to_string(),
        Some((first, last)) => format!("{first}-{last}"),
    };
    format!("{address}:{published} → {}/{}", port.target, port.protocol)
}
