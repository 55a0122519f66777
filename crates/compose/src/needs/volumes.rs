//! Files and folders of the host, and volumes that are more than the engine's own.

use std::collections::BTreeSet;

use super::{Access, Need, Place, foreign_name};
use crate::document::Node;

/// What is mounted into a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mount {
    /// A file or folder of the host.
    Bind {
        /// Where it is on the host.
        source: String,
        /// Where it is in the container.
        target: String,
        /// How.
        access: Access,
    },
    /// A volume, by its key; one without a name if that is empty.
    Volume {
        /// Which.
        source: String,
        /// Where it is in the container.
        target: String,
    },
    /// Memory.
    Memory,
}

/// Reads one entry of `volumes`. `None` if it is written in a way that is not known.
pub(crate) fn mount(node: &Node) -> Option<Mount> {
    match node {
        Node::Scalar(text) => Some(short(text)),
        Node::Mapping(_) => long(node),
        Node::Null | Node::Sequence(_) => None,
    }
}

/// `[source:]target[:options]`.
fn short(text: &str) -> Mount {
    let mut parts = split(text);
    let first = parts.next().unwrap_or_default().to_owned();
    let Some(target) = parts.next().map(str::to_owned) else {
        return Mount::Volume { source: String::new(), target: first };
    };
    let options: Vec<&str> = parts.flat_map(|part| part.split(',')).collect();
    if !is_path(&first) {
        return Mount::Volume { source: first, target };
    }
    let access = if options.iter().any(|option| ["shared", "rshared"].contains(option)) {
        Access::Shared
    } else if options.contains(&"ro") || options.contains(&"readonly") {
        Access::ReadOnly
    } else {
        Access::ReadWrite
    };
    Mount::Bind { source: first, target, access }
}

/// The parts between colons, but not those within `${…}`.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let (mut depth, mut before) = (0_usize, '\0');
    text.split(move |c| {
        match c {
            '{' if before == '$' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        before = c;
        c == ':' && depth == 0
    })
}

fn long(node: &Node) -> Option<Mount> {
    let target = node.text_of("target").unwrap_or_default().to_owned();
    let source = node.text_of("source").unwrap_or_default().to_owned();
    match node.text_of("type")? {
        "bind" => {
            let propagation = node.get("bind").and_then(|bind| bind.text_of("propagation"));
            let read_only = node.get("read_only").is_some_and(Node::is_true);
            let access = match propagation {
                Some("shared" | "rshared") => Access::Shared,
                _ if read_only => Access::ReadOnly,
                _ => Access::ReadWrite,
            };
            Some(Mount::Bind { source, target, access })
        }
        "volume" if is_path(&source) => Some(Mount::Bind { source, target, access: Access::ReadWrite }),
        "volume" => Some(Mount::Volume { source, target }),
        "tmpfs" => Some(Mount::Memory),
        _ => None,
    }
}

/// Whether it is one of a file rather than the name of a volume. A variable may be one.
fn is_path(source: &str) -> bool {
    source.starts_with(['/', '.', '~', '$', '\\']) || source.contains('/')
}

/// The need of a mount, if it has one.
pub(super) fn of_path(source: &str, access: Access, place: Option<&Place<'_>>, found: &mut BTreeSet<Need>) {
    let path = normal(source);
    if !is_own(&path, place) {
        found.insert(Need::Bind { path, access });
    }
}

/// Whether a path is in the project's folder.
fn is_own(path: &str, place: Option<&Place<'_>>) -> bool {
    match place {
        Some(place) => {
            let folder = normal(place.folder);
            path == folder || path.strip_prefix(&folder).is_some_and(|rest| rest.starts_with('/'))
        }
        None => !path.starts_with(['/', '~', '$', '\\']) && path != ".." && !path.starts_with("../"),
    }
}

/// A path without `.`, `..` and doubled slashes, as far as its text tells.
pub(crate) fn normal(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." && !last.starts_with(['$', '~']) => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(".."),
            },
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".into(),
        (false, false) => joined,
    }
}

/// Whoever has one of these, something in it, or a folder that contains it, has the host.
const SENSITIVE: [&str; 24] = [
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib64",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/docker",
    "/var/lib/keyward-agent",
    "/var/lib/kubelet",
    "/var/lib/systemd",
    "/var/log",
    "/var/run",
    "/var/spool/cron",
    "/var/spool/at",
    "/snap",
    "/efi",
];

/// Whether who may write there, or even read, has the host.
pub(super) fn is_sensitive(path: &str) -> bool {
    let path = normal(path);
    let within = |inner: &str, outer: &str| {
        inner == outer || inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
    };
    let socket = [".sock", "/docker.socket"].iter().any(|end| path.ends_with(end));
    path == "/"
        || socket
        || !path.starts_with('/')
        || path.split('/').any(|part| part == ".ssh" || part == ".docker")
        || SENSITIVE.iter().any(|known| within(&path, known) || within(known, &path))
}

/// Whether a kind of volume is on another machine.
fn is_share(kind: &str) -> bool {
    ["nfs", "nfs4", "cifs", "smb3"].contains(&kind)
}

/// Whether who has a device, as a need says it, has the host: all but shares of other machines are something of the host itself.
pub(super) fn is_sensitive_device(device: &str) -> bool {
    let kind = device.split(':').next().unwrap_or_default();
    !is_share(kind)
}

/// What a named volume needs.
pub(super) fn of_volume(key: &str, node: &Node, place: Option<&Place<'_>>, found: &mut BTreeSet<Need>) {
    if let Some(name) = foreign_name(key, node, place) {
        found.insert(Need::ExternalVolume(name));
    }
    if let Some(driver) = node.text_of("driver")
        && !["", "default", "local"].contains(&driver)
    {
        found.insert(Need::VolumeDriver(driver.to_owned()));
    }
    let Some(options) = node.get("driver_opts").filter(|options| !options.entries().is_empty()) else {
        return;
    };
    let option = |name| options.text_of(name).unwrap_or_default();
    let (kind, device, how) = (option("type"), option("device"), option("o"));
    let has = |wanted: &str| how.split(',').any(|part| part.trim() == wanted);
    if kind == "tmpfs" && !has("bind") && !has("rbind") {
        return;
    }
    if device.starts_with('/') && (has("bind") || has("rbind")) {
        let access = if has("ro") { Access::ReadOnly } else { Access::ReadWrite };
        // Also inside the project's folder, which is for reading: the engine knows no such difference for volumes.
        of_path(device, access, None, found);
    } else if is_share(kind) || how.is_empty() {
        found.insert(Need::VolumeDevice(format!("{kind}:{device}")));
    } else {
        // The options of other kinds may name folders of the host, as those of `overlay` do.
        found.insert(Need::VolumeDevice(format!("{kind}:{device},{how}")));
    }
}
