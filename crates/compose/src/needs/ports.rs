//! The ports of the host that a service is reached at.

use crate::document::{Document, Node};

/// What is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Port {
    /// The address of the host; every one if there is none.
    pub address: Option<String>,
    /// The first and the last port of the host; one that the engine chooses if there is none.
    pub published: Option<(u16, u16)>,
    /// The text of the port within the container.
    pub target: String,
    /// `tcp` or `udp`.
    pub protocol: String,
}

impl Port {
    /// Whether whoever reaches the host reaches it.
    pub(crate) fn is_public(&self) -> bool {
        let every = |address: &str| {
            let address = address.trim_start_matches('[').trim_end_matches(']');
            address.parse::<std::net::IpAddr>().map_or(true, |address| match address {
                std::net::IpAddr::V4(address) => address.is_unspecified(),
                std::net::IpAddr::V6(address) => {
                    address.is_unspecified() || address.to_ipv4_mapped().is_some_and(|v4| v4.is_unspecified())
                }
            })
        };
        self.address.as_deref().is_none_or(every)
    }
}

/// A port of the host, or several, that a service is to be reached at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Published {
    /// At which address; every one if there is none.
    pub address: Option<String>,
    /// The first and the last port.
    pub ports: (u16, u16),
    /// `tcp` or `udp`.
    pub protocol: String,
}

/// The ports of the host that a document names; without those that the engine chooses.
pub fn published(document: &Document) -> Vec<Published> {
    let services = document.services().iter();
    let ports = services.flat_map(|(_, service)| service.get("ports").map_or(&[][..], Node::items));
    ports
        .filter_map(port)
        .filter_map(|port| {
            Some(Published { ports: port.published?, address: port.address, protocol: port.protocol })
        })
        .collect()
}

/// Reads one entry of `ports`, short or long. `None` if it is written in a way that is not known, such as with a variable.
pub(crate) fn port(node: &Node) -> Option<Port> {
    match node {
        Node::Scalar(text) => short(text),
        Node::Mapping(_) => {
            let published = match node.text_of("published") {
                None | Some("" | "0") => None,
                Some(text) => Some(range(text)?),
            };
            Some(Port {
                address: node.text_of("host_ip").filter(|text| !text.is_empty()).map(str::to_owned),
                published,
                target: node.text_of("target")?.to_owned(),
                protocol: node.text_of("protocol").unwrap_or("tcp").to_owned(),
            })
        }
        Node::Null | Node::Sequence(_) => None,
    }
}

/// `[[address:]published:]target[/protocol]`.
fn short(text: &str) -> Option<Port> {
    let (text, protocol) = text.rsplit_once('/').unwrap_or((text, "tcp"));
    let (rest, target) = match text.rsplit_once(':') {
        Some((rest, target)) => (Some(rest), target),
        None => (None, text),
    };
    range(target)?;
    let (address, published) = match rest.map(|rest| rest.rsplit_once(':').ok_or(rest)) {
        None => (None, None),
        Some(Err(published)) => (None, Some(published)),
        Some(Ok((address, published))) => (Some(address), Some(published)),
    };
    let published = match published {
        None | Some("" | "0") => None,
        Some(published) => Some(range(published)?),
    };
    let address = address.filter(|address| !address.is_empty()).map(str::to_owned);
    Some(Port { address, published, target: target.to_owned(), protocol: protocol.to_owned() })
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some((first, last))
}
