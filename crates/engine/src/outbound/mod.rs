//! The one way out to servers that organizations name: upstreams of registries and sign-in providers.
//!
//! | to find | look in |
//! |---|---|
//! | which addresses are open | [`keyward_domain::outbound`] |
//! | what is taken from such a server at most | [`bounds`] |
//! | how many requests are under way | [`InFlight`] |
//! | whose certificates count | [`Authorities`] |
//! | how a client is made that asks the guard | `provider::wire`, and `dialler` in `keyward-registry` |

mod authorities;
pub mod bounds;
mod in_flight;
mod resolver;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::sync::Arc;

use keyward_domain::outbound::Blocked;
use keyward_domain::{OrganizationId, OutboundRules};

pub use authorities::{Authorities, hint};
pub use in_flight::{InFlight, Load, Slot};
pub(crate) use resolver::{Plain, agent, agent_with};

/// What the network says. Both may take a while.
pub trait Network: Send + Sync {
    /// The addresses of a host.
    fn lookup(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;

    /// Whether an address is one of this machine's.
    fn is_own(&self, address: IpAddr) -> bool;
}

/// The machine's own network.
#[derive(Debug)]
pub struct SystemNetwork;

impl Network for SystemNetwork {
    fn lookup(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((host, port).to_socket_addrs()?.collect())
    }

    fn is_own(&self, address: IpAddr) -> bool {
        // Only one's own can be bound.
        UdpSocket::bind((address, 0)).is_ok()
    }
}

/// Decides where connections may be opened to, at the moment they are.
#[derive(Clone)]
pub struct Guard {
    rules: OutboundRules,
    network: Arc<dyn Network>,
    lookups: InFlight,
}

/// Why a server that an organization names is not reached. For the operator's log: the organization is told of each in
/// the same words, or it could find out what else is in the operator's network.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// The name stands for nothing.
    #[error("its name is not known: {0}")]
    Name(#[from] io::Error),
    /// No address it stands for is open.
    #[error("{0}")]
    Blocked(Blocked),
    /// It could not be found out in time.
    #[error("it took too long to find out its address")]
    Late,
    /// Another organization's registry is there.
    #[error("it is the upstream of another organization")]
    Claimed,
    /// It asks for no credential.
    #[error("it is to be asked without a credential, and is not on this machine")]
    Unprotected,
    /// The database did not say whose it is.
    #[error(transparent)]
    Database(#[from] keyward_storage::StorageError),
}

impl Guard {
    /// A guard with these rules.
    pub fn new(rules: OutboundRules, network: Arc<dyn Network>) -> Self {
        Self { rules, network, lookups: InFlight::default() }
    }

    /// The same network by other rules.
    pub(crate) fn with_rules(&self, rules: OutboundRules) -> Self {
        Self { rules, ..self.clone() }
    }

    /// The rules.
    pub fn rules(&self) -> &OutboundRules {
        &self.rules
    }

    /// Whether an address is one of this machine's.
    pub fn is_own(&self, address: IpAddr) -> bool {
        self.network.is_own(address)
    }

    /// The addresses of a host (an IPv6 address may stand in brackets) to which connections may be opened now. Those that
    /// are not open are left out; there is at least one. Blocks for as long as the DNS takes.
    pub fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Unreachable> {
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let found = match host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => self.network.lookup(host, port)?,
        };
        let (mut open, mut blocked) = (Vec::new(), None);
        for address in found {
            match self.rules.judge(address.ip()) {
                Ok(()) => open.push(address),
                Err(why) => blocked = Some(why),
            }
        }
        open.truncate(bounds::ADDRESSES);
        match blocked {
            _ if !open.is_empty() => Ok(open),
            Some(blocked) => Err(Unreachable::Blocked(blocked)),
            None => Err(Unreachable::Name(io::ErrorKind::NotFound.into())),
        }
    }

    /// The same, off the thread that asks. An organization whose names take long waits for itself alone.
    pub(crate) async fn resolved<T: Send + 'static>(
        &self,
        organization: OrganizationId,
        host: &str,
        port: u16,
        look: impl FnOnce(&Self, Vec<SocketAddr>) -> T + Send + 'static,
    ) -> Result<T, Unreachable> {
        let (guard, host) = (self.clone(), host.to_owned());
        let resolved = async {
            // Held for as long as the DNS takes, not only for as long as somebody waits.
            let slot = self.lookups.wait(Load::Lookups(organization), bounds::LOOKUPS).await;
            let work = tokio::task::spawn_blocking(move || {
                let _slot = slot;
                guard.resolve(&host, port).map(|open| look(&guard, open))
            });
            work.await.unwrap_or(Err(Unreachable::Late))
        };
        tokio::time::timeout(bounds::RESOLVE, resolved).await.unwrap_or(Err(Unreachable::Late))
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guard({})", self.rules)
    }
}
