//! The container engine of the host: Docker, or podman by its Docker-compatible socket.

use std::path::{Path, PathBuf};

pub use self::http::{EngineError, ReadOnly};

pub mod api;
pub mod http;
pub mod model;
pub mod socket;

/// The engine's socket: the one that the customer names, else the first of the usual ones that is there.
pub fn find_socket(named: Option<&Path>) -> Option<PathBuf> {
    if let Some(named) = named {
        return Some(named.to_owned());
    }
    let user = rustix::process::geteuid().as_raw();
    let mine = PathBuf::from(format!("/run/user/{user}"));
    let usual = ["/run/docker.sock", "/var/run/docker.sock", "/run/podman/podman.sock"];
    let mine = ["docker.sock", "podman/podman.sock"].map(|name| mine.join(name));
    // A user's own engine comes first: that of the whole machine may be another's.
    let (root, mine) = (usual.map(PathBuf::from).to_vec(), mine.to_vec());
    let all = if user == 0 { [root, mine].concat() } else { [mine, root].concat() };
    all.into_iter().find(|path| path.exists())
}
