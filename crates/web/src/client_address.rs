//! From where a request came: the socket's other end, or what proxies that the operator trusts say of it.

use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use keyward_domain::{Address, AddressRange};

use keyward_problem::Problem;

/// The client's address.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub Address);

impl FromRequest for ClientAddress {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        let settings = request.app_data::<web::Data<crate::Settings>>();
        let address = match settings.map(|settings| &settings.trusted_proxies) {
            Some(proxies) if !proxies.0.is_empty() => {
                let headers = request.headers().get_all("x-forwarded-for");
                let hops: Vec<_> =
                    headers.flat_map(|value| value.to_str().unwrap_or("?").split(',')).collect();
                proxies.client(peer, &hops)
            }
            Some(_) | None => Address::new(peer),
        };
        ready(Ok(Self(address)))
    }
}

/// The proxies whose word on client addresses counts.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<AddressRange>);

impl TrustedProxies {
    /// These, and no others.
    pub fn new(ranges: Vec<AddressRange>) -> Self {
        Self(ranges)
    }

    /// The client behind `peer`, by the entries of `X-Forwarded-For` in their order: each proxy adds at the
    /// right whom it heard from, so the rightmost that is not trusted is the last that someone trusted saw.
    fn client(&self, peer: IpAddr, hops: &[&str]) -> Address {
        let mut client = Address::new(peer);
        for hop in hops.iter().rev() {
            if !self.trusts(client) {
                break;
            }
            match parse(hop) {
                Some(next) => client = next,
                // What a trusted proxy wrote and nobody can read hides whoever is behind it.
                None => break,
            }
        }
        client
    }

    /// Whether the socket's other end is one of them.
    pub(crate) fn trusts_peer(&self, peer: IpAddr) -> bool {
        self.trusts(Address::new(peer))
    }

    fn trusts(&self, address: Address) -> bool {
        self.0.iter().any(|range| range.contains(address))
    }
}

/// An entry with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn parse(hop: &str) -> Option<Address> {
    let hop = hop.trim();
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let ip = bare.parse::<IpAddr>().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    ip.map(Address::new)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn client(proxies: &[&str], peer: &str, forwarded: &str) -> String {
        let proxies = TrustedProxies::new(proxies.iter().map(|range| range.parse().unwrap()).collect());
        let hops: Vec<_> = if forwarded.is_empty() { Vec::new() } else { forwarded.split(',').collect() };
        proxies.client(peer.parse().unwrap(), &hops).ip().to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(client(&[], "192.0.2.1", "198.51.100.7"), "192.0.2.1");
        assert_eq!(client(&["10.0.0.0/8"], "192.0.2.1", "198.51.100.7"), "192.0.2.1");
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", "198.51.100.7"), "198.51.100.7");
    }

    #[test]
    fn what_the_client_wrote_itself_does_not_count() {
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", "1.1.1.1, 198.51.100.7"), "198.51.100.7");
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", "1.1.1.1, 198.51.100.7, 10.9.9.9"), "198.51.100.7");
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", "10.0.0.3, 10.0.0.2"), "10.0.0.3");
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", "1.1.1.1, unknown"), "10.0.0.1");
        assert_eq!(client(&["::ffff:10.0.0.1"], "::ffff:10.0.0.1", "[2001:db8::1]:443"), "2001:db8::1");
    }

    proptest! {
        #[test]
        fn nothing_to_the_left_of_an_untrusted_hop_matters(left in "[0-9a-f.:, ]{0,40}") {
            let forwarded = format!("{left},198.51.100.7,10.0.0.2");
            prop_assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &forwarded), "198.51.100.7");
        }
    }
}
