//! What one service wants of the host.

use std::collections::BTreeSet;

use super::{Access, Mount, Namespace, Need, Place, mount, port, volumes};
use crate::document::Node;

/// The names of what is written as `[a=b]`, `[a:b]`, `[a]` or `{a: b}`, each with its value.
pub(crate) fn entries_of(node: Option<&Node>) -> Vec<(String, String)> {
    match node {
        Some(Node::Mapping(entries)) => entries
            .iter()
            .map(|(key, value)| (key.clone(), value.text().unwrap_or_default().to_owned()))
            .collect(),
        Some(Node::Sequence(items)) => items
            .iter()
            .filter_map(Node::text)
            .map(|text| {
                let (key, value) = text.split_once(['=', ':']).unwrap_or((text, ""));
                (key.trim().to_owned(), value.trim().to_owned())
            })
            .collect(),
        Some(Node::Scalar(text)) => vec![(text.clone(), String::new())],
        Some(Node::Null) | None => Vec::new(),
    }
}

/// A capability as it is told: in capitals and without `CAP_`.
pub(super) fn capability(name: &str) -> String {
    let name = name.trim().to_ascii_uppercase();
    name.strip_prefix("CAP_").unwrap_or(&name).to_owned()
}

pub(super) fn needs(service: &Node, place: Option<&Place<'_>>, found: &mut BTreeSet<Need>) {
    rights(service, found);
    namespaces(service, found);
    devices(service, found);
    mounts(service, place, found);
    ports(service, found);
    limits(service, found);
    reach(service, found);
}

/// What runs with more rights than a container has.
fn rights(service: &Node, found: &mut BTreeSet<Need>) {
    let hooks = ["post_start", "pre_stop"].into_iter().filter_map(|hook| service.get(hook));
    let hooks = hooks.flat_map(Node::items);
    for node in std::iter::once(service).chain(hooks) {
        if node.get("privileged").is_some_and(Node::is_true) {
            found.insert(Need::Privileged);
        }
        if node.text_of("user").is_some_and(is_root) {
            found.insert(Need::Root);
        }
    }
    for name in texts(service.get("cap_add")) {
        found.insert(Need::Capability(capability(name)));
    }
    for option in texts(service.get("security_opt")) {
        let harmless = ["no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"];
        if !harmless.contains(&option) {
            // `a:b` and `a=b` are the same.
            found.insert(Need::SecurityOption(option.replacen(':', "=", 1)));
        }
    }
}

fn is_root(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or_default().trim();
    name == "root" || (!name.is_empty() && name.chars().all(|c| c == '0' || c == '+'))
}

fn texts(node: Option<&Node>) -> impl Iterator<Item = &str> {
    let single = node.and_then(Node::text).into_iter();
    node.map_or(&[][..], Node::items).iter().filter_map(Node::text).chain(single)
}

fn namespaces(service: &Node, found: &mut BTreeSet<Need>) {
    let modes = [
        ("network_mode", Namespace::Network),
        ("pid", Namespace::Pid),
        ("ipc", Namespace::Ipc),
        ("uts", Namespace::Uts),
        ("userns_mode", Namespace::Userns),
        ("cgroup", Namespace::Cgroup),
    ];
    for (key, namespace) in modes {
        let Some(mode) = service.text_of(key) else { continue };
        match mode.split_once(':') {
            _ if ["", "private", "none", "shareable"].contains(&mode) => {}
            Some(("service", _)) => {}
            Some(("container", name)) => {
                found.insert(Need::Container(name.to_owned()));
            }
            _ if mode == "host" => {
                found.insert(Need::HostNamespace(namespace));
            }
            _ if namespace == Namespace::Network => {
                found.insert(Need::ExternalNetwork(mode.to_owned()));
            }
            // Whatever it means, it is not of its own.
            _ => {
                found.insert(Need::HostNamespace(namespace));
            }
        }
    }
    for source in texts(service.get("volumes_from")) {
        if let Some(name) = source.strip_prefix("container:") {
            let name = name.trim_end_matches(":ro").trim_end_matches(":rw");
            found.insert(Need::Container(name.to_owned()));
        }
    }
    for link in texts(service.get("external_links")) {
        let name = link.split(':').next().unwrap_or_default();
        found.insert(Need::Container(name.to_owned()));
    }
}

fn devices(service: &Node, found: &mut BTreeSet<Need>) {
    for device in service.get("devices").map_or(&[][..], Node::items) {
        let source = device.text_of("source").or_else(|| device.text()?.split(':').next());
        found.insert(Need::Device(source.unwrap_or("?").to_owned()));
    }
    for rule in texts(service.get("device_cgroup_rules")) {
        found.insert(Need::Device(rule.to_owned()));
    }
    if service.get("gpus").is_some_and(|gpus| !matches!(gpus, Node::Null)) {
        found.insert(Need::Gpus);
    }
    let reserved = service.get("deploy").and_then(|deploy| deploy.get("resources")?.get("reservations"));
    for device in reserved.and_then(|reserved| reserved.get("devices")).map_or(&[][..], Node::items) {
        let capabilities: Vec<&str> = texts(device.get("capabilities")).collect();
        let driver = device.text_of("driver").unwrap_or_default();
        if capabilities.contains(&"gpu") || driver == "nvidia" {
            found.insert(Need::Gpus);
        } else {
            found.insert(Need::Device(if driver.is_empty() { "reserved".into() } else { driver.to_owned() }));
        }
    }
    for generic in
        reserved.and_then(|reserved| reserved.get("generic_resources")).map_or(&[][..], Node::items)
    {
        let kind = generic.get("discrete_resource_spec").and_then(|spec| spec.text_of("kind"));
        found.insert(Need::Device(kind.unwrap_or("reserved").to_owned()));
    }
}

fn mounts(service: &Node, place: Option<&Place<'_>>, found: &mut BTreeSet<Need>) {
    for node in service.get("volumes").map_or(&[][..], Node::items) {
        match mount(node) {
            Some(Mount::Bind { source, access, .. }) => volumes::of_path(&source, access, place, found),
            Some(Mount::Volume { .. } | Mount::Memory) => {}
            // What it is can't be told, so that no consent is one to it: `check_resolved` refuses it.
            None => {}
        }
    }
    if service.get("use_api_socket").is_some_and(Node::is_true) {
        found.insert(Need::Bind { path: "/var/run/docker.sock".into(), access: Access::ReadWrite });
    }
}

fn ports(service: &Node, found: &mut BTreeSet<Need>) {
    for node in service.get("ports").map_or(&[][..], Node::items) {
        let Some(port) = port(node) else {
            // A variable, in a preview: it may be any.
            found.insert(Need::PublicPorts);
            continue;
        };
        let (first, last) = port.published.unwrap_or((u16::MAX, u16::MAX));
        for privileged in first..=last.min(1023) {
            found.insert(Need::Port(privileged));
        }
        if last >= 1024 && port.is_public() {
            found.insert(Need::PublicPorts);
        }
    }
}

/// Up to which a limit needs no consent.
const LIMITS: [(&str, i64); 3] = [("nofile", 1_048_576), ("nproc", 65_536), ("core", 0)];

fn limits(service: &Node, found: &mut BTreeSet<Need>) {
    for (name, _) in entries_of(service.get("sysctls")) {
        found.insert(Need::Sysctl(name));
    }
    if let Some(parent) = service.text_of("cgroup_parent").filter(|parent| !parent.is_empty()) {
        found.insert(Need::CgroupParent(parent.to_owned()));
    }
    if let Some(runtime) = service.text_of("runtime").filter(|runtime| !["", "runc"].contains(runtime)) {
        found.insert(Need::Runtime(runtime.to_owned()));
    }
    let lower = service.text_of("oom_score_adj").is_some_and(|text| text.trim().parse().unwrap_or(-1) < 0);
    if lower || service.get("oom_kill_disable").is_some_and(Node::is_true) {
        found.insert(Need::Oom);
    }
    for (name, limit) in service.get("ulimits").map_or(&[][..], Node::entries) {
        let bound = LIMITS.iter().find(|(known, _)| known == name).map_or(-1, |(_, bound)| *bound);
        let values = [limit.text(), limit.text_of("soft"), limit.text_of("hard")];
        let above = |text: &str| text.trim().parse::<i64>().map_or(true, |value| value < 0 || value > bound);
        if values.into_iter().flatten().any(above) {
            found.insert(Need::Ulimit(name.clone()));
        }
    }
}

/// The drivers whose logs stay where the engine keeps them.
const OWN_LOGS: [&str; 6] = ["", "json-file", "local", "none", "journald", "k8s-file"];

/// Whom it talks to past its own networks.
fn reach(service: &Node, found: &mut BTreeSet<Need>) {
    for (name, address) in entries_of(service.get("extra_hosts")) {
        if address.contains("host-gateway") || name.contains("host-gateway") {
            found.insert(Need::HostGateway);
        }
    }
    let lists = service.get("extra_hosts").map_or(&[][..], Node::entries);
    if lists.iter().any(|(_, list)| texts(Some(list)).any(|text| text.contains("host-gateway"))) {
        found.insert(Need::HostGateway);
    }
    if let Some(driver) = service.get("logging").and_then(|logging| logging.text_of("driver"))
        && !OWN_LOGS.contains(&driver)
    {
        found.insert(Need::Logging(driver.to_owned()));
    }
}
