//! Where the server goes for an organization: to the upstreams of registries and to sign-in providers.
//!
//! Organizations name these addresses, and may be strangers to the operator. So it is not the name that is judged but
//! the address a connection is about to be opened to, each time: a name may stand for another address tomorrow.
//! The networks are those of the IANA special-purpose registries (RFC 6890 and its successors), and the addresses at
//! which clouds offer a machine its own credentials.

mod embedded;
mod networks;

use std::fmt;
use std::net::IpAddr;

use crate::{Address, AddressRange, Invalid};

pub use networks::{Kind, kind};

/// The private networks that the operator lets organizations name, beside all public addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutboundRules(Box<[AddressRange]>);

/// An address that no connection is opened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub struct Blocked {
    /// The address.
    pub address: IpAddr,
    /// Because of what it is.
    pub kind: Kind,
}

impl OutboundRules {
    /// Public addresses and these networks. A network that is closed whatever is listed is refused, so that nobody
    /// believes it open.
    pub fn new(listed: Vec<AddressRange>) -> Result<Self, Invalid> {
        for range in &listed {
            if let Some(why) = networks::closed(range) {
                return Err(Invalid::new("never_allowed", format!("({range}) is never connected to: {why}")));
            }
        }
        Ok(Self(listed.into()))
    }

    /// Public addresses and this machine.
    pub fn loopback() -> Self {
        Self(networks::LOOPBACK.iter().filter_map(|text| text.parse().ok()).collect())
    }

    /// Public addresses and all private ones: for what the operator names, who is the one to open them.
    pub fn operator() -> Self {
        Self(["0.0.0.0/0", "::/0"].iter().filter_map(|text| text.parse().ok()).collect())
    }

    /// Whether a connection to `address` may be opened. An IPv4 address within an IPv6 one counts as well, since a
    /// gateway on the way may unpack it.
    pub fn judge(&self, address: IpAddr) -> Result<(), Blocked> {
        let address = address.to_canonical();
        let blocked = |kind| Err(Blocked { address, kind });
        for inner in embedded::ipv4(address) {
            // That of a gateway's, not of this machine's.
            if kind(inner.into()) == Kind::Loopback {
                return blocked(Kind::Closed("a loopback address is within it"));
            }
        }
        let embedded = embedded::ipv4(address).into_iter().map(IpAddr::V4);
        for one in embedded.chain([address]) {
            let listed = || self.0.iter().any(|range| range.contains(Address::new(one)));
            match kind(one) {
                Kind::Public => {}
                Kind::Loopback | Kind::Private if listed() => {}
                kind @ (Kind::Loopback | Kind::Private | Kind::Closed(_)) => return blocked(kind),
            }
        }
        Ok(())
    }
}

/// Where a connection to an address ends: at the address of a private network that is within it, or there itself.
pub fn destination(address: IpAddr) -> IpAddr {
    let address = address.to_canonical();
    let mut inner = embedded::ipv4(address).into_iter().map(IpAddr::V4);
    inner.find(|inner| kind(*inner) != Kind::Public).unwrap_or(address)
}

/// Whether anybody reaches an address.
pub fn is_public(address: IpAddr) -> bool {
    kind(address) == Kind::Public
}

impl fmt::Display for OutboundRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("public addresses")?;
        for range in &self.0 {
            write!(f, ", {range}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address;
        match self.kind {
            Kind::Public => write!(f, "{address} is public"),
            Kind::Loopback => {
                write!(f, "{address} is this machine, which KEYWARD_OUTBOUND_ALLOW does not list")
            }
            Kind::Private => write!(f, "{address} is private, and KEYWARD_OUTBOUND_ALLOW does not list it"),
            Kind::Closed(why) => write!(f, "{address} is never connected to: {why}"),
        }
    }
}

#[cfg(test)]
mod tests;
