//! Step 7: what the host has, against what the files take. All that is lacking is told at once.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use keyward_compose::{Document, Published, published};
use keyward_protocol::report::{Block, Step};

use super::prepare::blocked;
use super::work::{Tools, Work};
use super::{Stopped, plan};
use crate::clock::host_now;
use crate::engine::EngineError;
use crate::engine::model::Info;

/// How far the host's clock may be off, in seconds.
const MOST_SKEW: i64 = 300;

/// The most ports that are tried.
const MOST_PORTS: usize = 1000;

const MIB: u64 = 1024 * 1024;

impl Work<'_> {
    /// Whether the host can bear it.
    pub(super) fn checks(&self, tools: &Tools, document: &Document) -> Result<(), Stopped> {
        let away =
            |error: EngineError| Stopped::Transient { step: Step::Checks, message: format!("{error}.") };
        let version = tools.engine.version().map_err(away)?;
        let info = tools.engine.info().map_err(away)?;
        let mut faults = Vec::new();
        faults.extend(too_old(tools.podman, &version.version));
        faults.extend(self.disk(&info));
        faults.extend(memory(document, &info));
        faults.extend(processors(document, &info));
        faults.extend(self.ports(tools, document).map_err(away)?);
        faults.extend(self.clock());
        if faults.is_empty() { Ok(()) } else { Err(blocked(Block::Checks, faults)) }
    }

    /// What is free where the engine keeps its images.
    fn disk(&self, info: &Info) -> Option<String> {
        let wanted = self.config.limits.free_disk_mib;
        // The engine may keep them where the agent can't look.
        let found = rustix::fs::statvfs(&info.docker_root_dir).ok()?;
        let free = found.f_bavail.saturating_mul(found.f_frsize) / MIB;
        (free < wanted).then(|| {
            format!(
                "{free} MiB are free in {}, where the engine keeps its images; {wanted} MiB are needed.",
                info.docker_root_dir
            )
        })
    }

    /// Ports that somebody else has.
    fn ports(&self, tools: &Tools, document: &Document) -> Result<Vec<String>, EngineError> {
        let wanted = published(document);
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let running = tools.engine.running()?;
        let id = self.order.id.to_string();
        let is_ours = |label: &str| label == id;
        let (own, others): (Vec<_>, Vec<_>) =
            running.iter().partition(|container| is_ours(container.label(super::LABEL)));
        let own: BTreeSet<(u16, &str)> = own
            .iter()
            .flat_map(|container| &container.ports)
            .filter_map(|port| Some((port.public_port?, port.protocol.as_str())))
            .collect();
        let mut faults = Vec::new();
        for (one, port) in wanted.iter().flat_map(every).take(MOST_PORTS) {
            if own.contains(&(port, one.protocol.as_str())) || is_free(one, port) {
                continue;
            }
            let holder = others.iter().find(|container| {
                container
                    .ports
                    .iter()
                    .any(|held| held.public_port == Some(port) && held.protocol == one.protocol)
            });
            let by = holder
                .map_or_else(String::new, |container| format!(" by the container {}", container.name()));
            faults.push(format!("Port {port}/{} of this host is taken{by}.", one.protocol));
        }
        Ok(faults)
    }

    fn clock(&self) -> Option<String> {
        let off = host_now().saturating_sub(self.source.now());
        (off.saturating_abs() > MOST_SKEW).then(|| {
            let minutes = off.saturating_abs() / 60;
            let way = if off > 0 { "fast" } else { "slow" };
            format!("The clock of this host is {minutes} minutes {way}; licenses are judged by it.")
        })
    }
}

fn every(published: &Published) -> impl Iterator<Item = (&Published, u16)> {
    (published.ports.0..=published.ports.1).map(move |port| (published, port))
}

/// Whether nobody listens there. What can't be tried, such as a port that only root may have, counts as free: the engine will say.
fn is_free(published: &Published, port: u16) -> bool {
    let address = published.address.as_deref().map(|text| text.trim_start_matches('[').trim_end_matches(']'));
    let address = match address.map(str::parse::<IpAddr>) {
        None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Some(Ok(address)) => address,
        Some(Err(_)) => return true,
    };
    let place = SocketAddr::new(address, port);
    let tried = match published.protocol.as_str() {
        "tcp" => TcpListener::bind(place).map(drop),
        "udp" => UdpSocket::bind(place).map(drop),
        _ => return true,
    };
    tried.err().is_none_or(|error| error.kind() != std::io::ErrorKind::AddrInUse)
}

fn too_old(podman: bool, version: &str) -> Option<String> {
    let mut numbers = version.split(['.', '-', '+', '~']).map(|part| part.parse::<u32>().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let (name, least) = if podman { ("podman", (4, 3)) } else { ("Docker", (20, 10)) };
    (found < least)
        .then(|| format!("{name} {version} is too old; {}.{} or later is needed.", least.0, least.1))
}

fn memory(document: &Document, info: &Info) -> Option<String> {
    let wanted = plan::reserved_memory(document);
    (info.mem_total > 0 && wanted > info.mem_total).then(|| {
        format!(
            "The services reserve {} MiB of memory; this host has {} MiB.",
            wanted / MIB,
            info.mem_total / MIB
        )
    })
}

fn processors(document: &Document, info: &Info) -> Option<String> {
    let (service, wanted) = plan::most_processors(document)?;
    (info.processors > 0 && wanted > f64::from(info.processors))
        .then(|| format!("{service} asks for {wanted} processors; this host has {}.", info.processors))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_are_too_old_or_not() {
        for (podman, version, expected) in [
            (false, "20.10.24+dfsg1", false),
            (false, "19.03.1", true),
            (false, "29.0.1", false),
            (true, "4.3.1", false),
            (true, "4.2.9", true),
            (true, "5.0", false),
            (true, "", true),
        ] {
            assert_eq!(too_old(podman, version).is_some(), expected, "{version}");
        }
    }

    #[test]
    fn a_port_is_free_or_not() {
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = held.local_addr().unwrap().port();
        let at = |address: &str, protocol: &str| Published {
            address: Some(address.to_owned()).filter(|address| !address.is_empty()),
            ports: (port, port),
            protocol: protocol.into(),
        };
        assert!(!is_free(&at("127.0.0.1", "tcp"), port));
        assert!(!is_free(&at("", "tcp"), port));
        assert!(is_free(&at("127.0.0.1", "udp"), port));
        assert!(is_free(&at("nonsense", "tcp"), port));
        drop(held);
        assert!(is_free(&at("127.0.0.1", "tcp"), port));
    }
}
