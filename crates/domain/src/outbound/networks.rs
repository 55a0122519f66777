//! What kind of address an address is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::AddressRange;

/// What kind of address an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Anybody reaches it.
    Public,
    /// This machine.
    Loopback,
    /// Of a network of somebody's own: RFC 1918, shared address space, unique local addresses.
    Private,
    /// Never connected to, and why.
    Closed(&'static str),
}

/// The networks of this machine.
pub(super) const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1"];

const METADATA: Kind = Kind::Closed("there clouds offer a machine its credentials");
const LINK_LOCAL: Kind = Kind::Closed("it is link-local");
const UNSPECIFIED: Kind = Kind::Closed("it is no particular address");
const MULTICAST: Kind = Kind::Closed("it is multicast");
const RESERVED: Kind = Kind::Closed("it is reserved");
const DOCUMENTATION: Kind = Kind::Closed("it is for documentation");

/// The first that an address is in counts.
const V4: &[(Ipv4Net, Kind)] = &[
    (v4([168, 63, 129, 16], 32), METADATA),
    (v4([100, 100, 100, 200], 32), METADATA),
    (v4([192, 0, 0, 192], 32), METADATA),
    (v4([169, 254, 0, 0], 16), LINK_LOCAL),
    (v4([127, 0, 0, 0], 8), Kind::Loopback),
    (v4([10, 0, 0, 0], 8), Kind::Private),
    (v4([100, 64, 0, 0], 10), Kind::Private),
    (v4([172, 16, 0, 0], 12), Kind::Private),
    (v4([192, 168, 0, 0], 16), Kind::Private),
    (v4([0, 0, 0, 0], 8), UNSPECIFIED),
    (v4([192, 0, 0, 0], 24), RESERVED),
    (v4([192, 0, 2, 0], 24), DOCUMENTATION),
    (v4([192, 88, 99, 0], 24), RESERVED),
    (v4([198, 18, 0, 0], 15), RESERVED),
    (v4([198, 51, 100, 0], 24), DOCUMENTATION),
    (v4([203, 0, 113, 0], 24), DOCUMENTATION),
    (v4([224, 0, 0, 0], 4), MULTICAST),
    (v4([240, 0, 0, 0], 4), RESERVED),
];

/// The same of IPv6. Of what is in none, `2000::/3` is public and the rest reserved.
const V6: &[(Ipv6Net, Kind)] = &[
    // Amazon's, Google's and Oracle's.
    (v6([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0], 32), METADATA),
    (v6([0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254], 128), METADATA),
    (v6([0xfd00, 0x00c1, 0, 0, 0, 0, 0xa9fe, 0xa9fe], 128), METADATA),
    (v6([0; 8], 128), UNSPECIFIED),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), Kind::Loopback),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), LINK_LOCAL),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), Kind::Private),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), MULTICAST),
    // NAT64 leads to the address within, which is judged as well.
    (v6([0x0064, 0xff9b, 0, 0, 0, 0, 0, 0], 96), Kind::Public),
    (v6([0x0064, 0xff9b, 1, 0, 0, 0, 0, 0], 48), Kind::Private),
    // So does Teredo; what else is for protocols is no host's.
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), Kind::Public),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), RESERVED),
    (v6([0x2001, 0x0db8, 0, 0, 0, 0, 0, 0], 32), DOCUMENTATION),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), DOCUMENTATION),
    (v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3), Kind::Public),
];

const fn v4([a, b, c, d]: [u8; 4], length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(segments: [u16; 8], length: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), length)
}

/// What kind of address this is. One that is IPv4 written as IPv6 is judged as IPv4; what else of IPv4 may be in it is
/// not looked at.
pub fn kind(address: IpAddr) -> Kind {
    let found = match address.to_canonical() {
        IpAddr::V4(address) => {
            let known = V4.iter().find(|(network, _)| network.contains(&address));
            return known.map_or(Kind::Public, |(_, kind)| *kind);
        }
        IpAddr::V6(address) => V6.iter().find(|(network, _)| network.contains(&address)),
    };
    found.map_or(RESERVED, |(_, kind)| *kind)
}

/// Why none of a network's addresses is connected to, even if it is listed.
pub(super) fn closed(range: &AddressRange) -> Option<&'static str> {
    let (first, last) = range.bounds();
    let (Kind::Closed(why), Kind::Closed(_)) = (kind(first), kind(last)) else { return None };
    let openable = |network: IpNet, kind: Kind| {
        let (begin, end) = (network.network(), network.broadcast());
        let within = first.is_ipv4() == begin.is_ipv4() && first <= begin && end <= last;
        within && !matches!(kind, Kind::Closed(_))
    };
    let v4 = V4.iter().map(|(network, kind)| (IpNet::V4(*network), *kind));
    let v6 = V6.iter().map(|(network, kind)| (IpNet::V6(*network), *kind));
    // Both ends are closed, so a network that is not lies within or not at all.
    let some = v4.chain(v6).any(|(network, kind)| openable(network, kind));
    (!some).then_some(why)
}
