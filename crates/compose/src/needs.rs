//! What a Compose file wants of the host beyond the ordinary, and may have only with its owner's consent.
//!
//! Free are: own networks and volumes, files of the version, ports from 1024 on that are open on one address, limits, restarts,
//! health checks, dropped capabilities, and memory file systems. All else is a [`Need`].

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

mod ports;
mod service;
mod volumes;

use crate::document::{Document, Node};

pub(crate) use ports::{Port, port};
pub use ports::{Published, published};
pub(crate) use service::entries_of;
pub(crate) use volumes::{Mount, mount, normal};

/// How a folder of the host is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// It is read.
    ReadOnly,
    /// It is written to.
    ReadWrite,
    /// It is written to, and what is mounted in it is seen by the host.
    Shared,
}

impl Access {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::ReadOnly, Self::ReadWrite, Self::Shared];

    /// As it ends a need's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "ro",
            Self::ReadWrite => "rw",
            Self::Shared => "shared",
        }
    }
}

/// One thing that an application wants of the host and gets only if the host's owner allows it.
///
/// Its text, such as `cap:NET_ADMIN`, is what stands in `agent.toml`:
///
/// ```
/// use keyward_compose::Need;
/// let need: Need = "bind:/srv/acme:rw".parse()?;
/// assert_eq!(need.to_string(), "bind:/srv/acme:rw");
/// assert!(!need.is_line_only());
/// assert!("bind:/etc:ro".parse::<Need>()?.is_line_only());
/// # Ok::<_, keyward_compose::NeedError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// `privileged`: a service runs without any of the walls of a container.
    Privileged,
    /// `cap:NET_ADMIN`: a capability of the kernel.
    Capability(String),
    /// `device:/dev/ttyUSB0`: a device of the host, or a rule (`device:c 1:3 rwm`), or a kind that a driver gives.
    Device(String),
    /// `gpus`: graphics processors.
    Gpus,
    /// `host-network`, `host-pid`, `host-ipc`, `host-uts`, `host-userns`, `host-cgroup`: a namespace of the host.
    HostNamespace(Namespace),
    /// `container:NAME`: the network, processes or volumes of a container of somebody else's.
    Container(String),
    /// `bind:/srv/acme:rw`: a file or folder of the host.
    Bind {
        /// Which.
        path: String,
        /// How.
        access: Access,
    },
    /// `volume-driver:NAME`: volumes that a plug-in makes.
    VolumeDriver(String),
    /// `volume-device:nfs:server:/path`: a volume that is a device or a share.
    VolumeDevice(String),
    /// `external-volume:NAME`: a volume that is not the deployment's own.
    ExternalVolume(String),
    /// `external-network:NAME`: a network that is not the deployment's own.
    ExternalNetwork(String),
    /// `network-driver:macvlan`: networks of another kind than a bridge.
    NetworkDriver(String),
    /// `network-option:KEY`: an option of a network's driver.
    NetworkOption(String),
    /// `port:80`: a port below 1024 of the host.
    Port(u16),
    /// `public-ports`: ports from 1024 on that are open to whoever reaches the host.
    PublicPorts,
    /// `security-opt:seccomp=unconfined`: a wall is taken down.
    SecurityOption(String),
    /// `sysctl:net.core.somaxconn`: a setting of the kernel.
    Sysctl(String),
    /// `cgroup-parent:NAME`: the limits of another group count.
    CgroupParent(String),
    /// `runtime:NAME`: another program runs the containers.
    Runtime(String),
    /// `oom`: when memory runs out, others are ended before it.
    Oom,
    /// `ulimit:memlock`: a limit above the usual.
    Ulimit(String),
    /// `host-gateway`: a name for the host itself, so that its services are reached.
    HostGateway,
    /// `user:root`: runs as root, whatever the image says.
    Root,
    /// `logging:syslog`: what it writes goes elsewhere than into the engine's own log.
    Logging(String),
}

/// What is shared with the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Namespace {
    /// Its network.
    Network,
    /// Its processes.
    Pid,
    /// Its shared memory.
    Ipc,
    /// Its name.
    Uts,
    /// Its users.
    Userns,
    /// Its control groups.
    Cgroup,
}

impl Namespace {
    /// Every one.
    pub const ALL: [Self; 6] = [Self::Network, Self::Pid, Self::Ipc, Self::Uts, Self::Userns, Self::Cgroup];

    /// As it stands behind `host-`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Pid => "pid",
            Self::Ipc => "ipc",
            Self::Uts => "uts",
            Self::Userns => "userns",
            Self::Cgroup => "cgroup",
        }
    }
}

/// A text that names no need.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no need of an application; such are cap:NET_ADMIN, bind:/srv/acme:rw, port:80, privileged")]
pub struct NeedError(String);

/// Where a deployment is, for what is its own.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The name of its Compose project.
    pub project: &'a str,
    /// Its folder, as an absolute path.
    pub folder: &'a str,
}

/// Every need of a document, each once.
///
/// Of what Compose has made of a file, with its `place`, it is all that the file wants. Of the file itself (`place` is `None`) it is
/// a preview: variables are not filled in, and paths that are relative count as inside the folder.
pub fn needs(document: &Document, place: Option<&Place<'_>>) -> Vec<Need> {
    let mut found = BTreeSet::new();
    for (_, service) in document.services() {
        service::needs(service, place, &mut found);
    }
    for (key, node) in document.root().get("volumes").map_or(&[][..], Node::entries) {
        volumes::of_volume(key, node, place, &mut found);
    }
    for (key, node) in document.root().get("networks").map_or(&[][..], Node::entries) {
        of_network(key, node, place, &mut found);
    }
    for kind in ["secrets", "configs"] {
        for (_, node) in document.root().get(kind).map_or(&[][..], Node::entries) {
            if let Some(path) = node.text_of("file") {
                volumes::of_path(path, Access::ReadOnly, place, &mut found);
            }
        }
    }
    found.into_iter().collect()
}

/// The drivers of networks that end at the host.
const OWN_NETWORKS: [&str; 3] = ["", "default", "bridge"];

fn of_network(key: &str, node: &Node, place: Option<&Place<'_>>, found: &mut BTreeSet<Need>) {
    if let Some(name) = foreign_name(key, node, place) {
        found.insert(Need::ExternalNetwork(name));
    }
    if let Some(driver) = node.text_of("driver")
        && !OWN_NETWORKS.contains(&driver)
    {
        found.insert(Need::NetworkDriver(driver.to_owned()));
    }
    for (option, _) in node.get("driver_opts").map_or(&[][..], Node::entries) {
        found.insert(Need::NetworkOption(option.clone()));
    }
    if let Some(driver) = node.get("ipam").and_then(|ipam| ipam.text_of("driver"))
        && driver != "default"
    {
        found.insert(Need::NetworkDriver(format!("ipam-{driver}")));
    }
}

/// The name of a volume or network that is somebody else's, or could be.
fn foreign_name(key: &str, node: &Node, place: Option<&Place<'_>>) -> Option<String> {
    let external = node.get("external").filter(|external| !matches!(external, Node::Null));
    let is_external = external.is_some_and(|external| external.is_true() || external.text().is_none());
    let named = node.text_of("name").or_else(|| external.and_then(|external| external.text_of("name")));
    if is_external {
        return Some(named.unwrap_or(key).to_owned());
    }
    let own = |name: &&str| place.is_some_and(|place| **name == format!("{}_{key}", place.project));
    named.filter(|name| !own(name)).map(str::to_owned)
}

impl Need {
    /// Whether it is granted only by a line that a person writes into `agent.toml`, not by a command: who has it has the host.
    pub fn is_line_only(&self) -> bool {
        match self {
            Self::Bind { path, .. } => volumes::is_sensitive(path),
            Self::VolumeDevice(device) => volumes::is_sensitive_device(device),
            _ => false,
        }
    }

    /// Whether a consent to `self` is one to `need` too.
    pub fn covers(&self, need: &Self) -> bool {
        match (self, need) {
            (Self::Bind { path, access }, Self::Bind { path: wanted, access: how }) => {
                path == wanted && access >= how
            }
            _ => self == need,
        }
    }

    /// What it means, for a person who decides about it: a full sentence.
    pub fn description(&self) -> String {
        match self {
            Self::Privileged => "A service runs with all rights on this host.".into(),
            Self::Capability(name) => format!("A service gets the kernel capability {name}."),
            Self::Device(name) => format!("A service may use the device {name} of this host."),
            Self::Gpus => "A service may use the graphics processors of this host.".into(),
            Self::HostNamespace(namespace) => namespace.description().into(),
            Self::Container(name) => {
                format!("A service shares the network, the processes or the volumes of the container {name}.")
            }
            Self::Bind { path, access: Access::ReadOnly } => format!("A service reads {path} on this host."),
            Self::Bind { path, access: Access::ReadWrite } => {
                format!("A service reads and changes {path} on this host.")
            }
            Self::Bind { path, access: Access::Shared } => {
                format!("A service changes {path} on this host and mounts file systems there.")
            }
            Self::VolumeDriver(name) => format!("A volume is made by the plug-in {name}."),
            Self::VolumeDevice(device) => format!("A volume is the device or share {device}."),
            Self::ExternalVolume(name) => {
                format!("It uses the volume {name}, which does not belong to this deployment.")
            }
            Self::ExternalNetwork(name) => {
                format!("It joins the network {name}, which does not belong to this deployment.")
            }
            Self::NetworkDriver(name) => format!("A network of it is of the kind {name}."),
            Self::NetworkOption(name) => format!("A network of it sets the option {name}."),
            Self::Port(port) => format!("A service is reached at port {port} of this host."),
            Self::PublicPorts => {
                "Services are open, at ports from 1024 on, to everyone who reaches this host.".into()
            }
            Self::SecurityOption(option) => {
                format!("A service changes how it is confined: {option}.")
            }
            Self::Sysctl(name) => format!("A service changes the kernel setting {name}."),
            Self::CgroupParent(name) => format!("A service counts against the limits of the group {name}."),
            Self::Runtime(name) => format!("A service is run by {name}."),
            Self::Oom => "When this host runs out of memory, other programs are ended first.".into(),
            Self::Ulimit(name) => format!("A service has a higher limit of {name} than usual."),
            Self::HostGateway => "A service reaches the services of this host itself.".into(),
            Self::Root => "A service runs as root within its container, whatever its image says.".into(),
            Self::Logging(driver) => format!("What a service writes goes to {driver}."),
        }
    }

    /// The word before the colon, and what stands behind it.
    fn parts(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Privileged => ("privileged", None),
            Self::Capability(name) => ("cap", Some(name)),
            Self::Device(name) => ("device", Some(name)),
            Self::Gpus => ("gpus", None),
            Self::HostNamespace(Namespace::Network) => ("host-network", None),
            Self::HostNamespace(Namespace::Pid) => ("host-pid", None),
            Self::HostNamespace(Namespace::Ipc) => ("host-ipc", None),
            Self::HostNamespace(Namespace::Uts) => ("host-uts", None),
            Self::HostNamespace(Namespace::Userns) => ("host-userns", None),
            Self::HostNamespace(Namespace::Cgroup) => ("host-cgroup", None),
            Self::Container(name) => ("container", Some(name)),
            Self::Bind { path, .. } => ("bind", Some(path)),
            Self::VolumeDriver(name) => ("volume-driver", Some(name)),
            Self::VolumeDevice(device) => ("volume-device", Some(device)),
            Self::ExternalVolume(name) => ("external-volume", Some(name)),
            Self::ExternalNetwork(name) => ("external-network", Some(name)),
            Self::NetworkDriver(name) => ("network-driver", Some(name)),
            Self::NetworkOption(name) => ("network-option", Some(name)),
            Self::Port(_) => ("port", None),
            Self::PublicPorts => ("public-ports", None),
            Self::SecurityOption(option) => ("security-opt", Some(option)),
            Self::Sysctl(name) => ("sysctl", Some(name)),
            Self::CgroupParent(name) => ("cgroup-parent", Some(name)),
            Self::Runtime(name) => ("runtime", Some(name)),
            Self::Oom => ("oom", None),
            Self::Ulimit(name) => ("ulimit", Some(name)),
            Self::HostGateway => ("host-gateway", None),
            Self::Root => ("user:root", None),
            Self::Logging(driver) => ("logging", Some(driver)),
        }
    }
}

impl Namespace {
    fn description(self) -> &'static str {
        match self {
            Self::Network => "A service uses the network of this host as if it were no container.",
            Self::Pid => "A service sees the processes of this host and may end them.",
            Self::Ipc => "A service shares memory with the programs of this host.",
            Self::Uts => "A service may change the name of this host.",
            Self::Userns => "A service has the users of this host.",
            Self::Cgroup => "A service sees the control groups of this host.",
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, rest) = self.parts();
        f.write_str(word)?;
        match (self, rest) {
            (Self::Port(port), _) => write!(f, ":{port}"),
            (Self::Bind { access, .. }, Some(path)) => write!(f, ":{path}:{}", access.as_str()),
            (_, Some(rest)) => write!(f, ":{rest}"),
            (_, None) => Ok(()),
        }
    }
}

impl FromStr for Need {
    type Err = NeedError;

    fn from_str(text: &str) -> Result<Self, NeedError> {
        let error = || NeedError(text.chars().take(200).collect());
        if text.len() > 4096 || text.chars().any(char::is_control) {
            return Err(error());
        }
        alone(text)
            .or_else(|| {
                let (word, rest) = text.split_once(':')?;
                if rest.is_empty() { None } else { with(word, rest) }
            })
            .ok_or_else(error)
    }
}

/// The need that is one word.
fn alone(text: &str) -> Option<Need> {
    Some(match text {
        "privileged" => Need::Privileged,
        "gpus" => Need::Gpus,
        "public-ports" => Need::PublicPorts,
        "oom" => Need::Oom,
        "host-gateway" => Need::HostGateway,
        "user:root" => Need::Root,
        _ => {
            let name = text.strip_prefix("host-")?;
            let namespace = Namespace::ALL.into_iter().find(|namespace| namespace.as_str() == name)?;
            Need::HostNamespace(namespace)
        }
    })
}

fn with(word: &str, rest: &str) -> Option<Need> {
    let text = rest.to_owned();
    Some(match word {
        "cap" => Need::Capability(Some(service::capability(rest)).filter(|name| !name.is_empty())?),
        "device" => Need::Device(text),
        "container" => Need::Container(text),
        "bind" => {
            let (path, access) = rest.rsplit_once(':')?;
            let access = Access::ALL.into_iter().find(|known| known.as_str() == access)?;
            if !path.starts_with(['/', '~', '$', '.']) {
                return None;
            }
            Need::Bind { path: normal(path), access }
        }
        "volume-driver" => Need::VolumeDriver(text),
        "volume-device" => Need::VolumeDevice(text),
        "external-volume" => Need::ExternalVolume(text),
        "external-network" => Need::ExternalNetwork(text),
        "network-driver" => Need::NetworkDriver(text),
        "network-option" => Need::NetworkOption(text),
        "port" => Need::Port(rest.parse().ok().filter(|port| rest == u16::to_string(port))?),
        "security-opt" => Need::SecurityOption(text),
        "sysctl" => Need::Sysctl(text),
        "cgroup-parent" => Need::CgroupParent(text),
        "runtime" => Need::Runtime(text),
        "ulimit" => Need::Ulimit(text),
        "logging" => Need::Logging(text),
        _ => return None,
    })
}
