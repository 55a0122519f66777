//! Network addresses, as far as licenses are counted and blocked by them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Invalid;

/// One client's address. An IPv4 address written as IPv6 (`::ffff:192.0.2.1`) is the IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address(IpAddr);

impl Address {
    /// The address of a client.
    pub fn new(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    /// The address itself.
    pub fn ip(self) -> IpAddr {
        self.0
    }

    /// What is counted as one: the address, or for IPv6 the whole /64 that one household gets.
    pub fn counted(self, ipv6_by_64: bool) -> AddressRange {
        match self.0 {
            IpAddr::V6(address) if ipv6_by_64 => {
                // 64 is a length that IPv6 has.
                let whole = Ipv6Net::new(address, 64).map_or(IpNet::from(self.0), IpNet::V6);
                AddressRange(whole.trunc())
            }
            address => AddressRange(address.into()),
        }
    }

    /// The network it is in, as far as one site goes: the /24 of IPv4, the /48 of IPv6.
    pub fn network(self) -> AddressRange {
        // 24 and 48 are lengths that they have.
        let whole = match self.0 {
            IpAddr::V4(address) => Ipv4Net::new(address, 24).map_or(IpNet::from(self.0), IpNet::V4),
            IpAddr::V6(address) => Ipv6Net::new(address, 48).map_or(IpNet::from(self.0), IpNet::V6),
        };
        AddressRange(whole.trunc())
    }
}

/// An address or a network (CIDR): `192.0.2.7`, `198.51.100.0/24`, `2001:db8::/64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressRange(IpNet);

impl AddressRange {
    /// Whether `address` lies within.
    pub fn contains(&self, address: Address) -> bool {
        self.0.contains(&address.0)
    }

    /// The first and the last address.
    pub fn bounds(&self) -> (IpAddr, IpAddr) {
        (self.0.network(), self.0.broadcast())
    }

    /// Whether all of `other` lies within.
    pub fn covers(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }
}

impl FromStr for AddressRange {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("invalid_address", "is not an address or network such as 192.0.2.0/24");
        let text = text.trim();
        if let Ok(address) = text.parse() {
            return Ok(Self(Address::new(address).0.into()));
        }
        let network: IpNet = text.parse().map_err(|_| wrong())?;
        // ::ffff:192.0.2.0/120 is 192.0.2.0/24.
        let mapped = match network {
            IpNet::V6(v6) => v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96)),
            IpNet::V4(_) => None,
        };
        let network = match mapped {
            Some((address, length)) => IpNet::new(address.into(), length).map_err(|_| wrong())?,
            None => network,
        };
        Ok(Self(network.trunc()))
    }
}

crate::described!(AddressRange = crate::openapi::pattern(&range_pattern()););

/// How an address or network of IPv4 or IPv6 is written.
#[cfg(feature = "openapi")]
fn range_pattern() -> String {
    let v4 =
        r"((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
    let (group, mut v6) = ("[0-9a-fA-F]{1,4}", Vec::new());
    v6.push(format!("({group}:){{7}}{group}"));
    // So many groups before and after the gap.
    for before in 0..=7 {
        let (head, after) = (format!("({group}:){{{before}}}"), 7 - before);
        let head = if before == 0 { ":".to_owned() } else { head };
        let tail =
            if after == 0 { String::new() } else { format!("({group}(:{group}){{0,{}}})?", after - 1) };
        v6.push(format!("{head}:{tail}"));
    }
    v6.push(format!("::([fF]{{4}}:)?{v4}"));
    let v6 = v6.join("|");
    format!("^({v4}(/(3[0-2]|[12]?[0-9]))?|({v6})(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?)$")
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

impl Serialize for AddressRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AddressRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Addresses that are refused whatever else holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlockList(Box<[AddressRange]>);

crate::described!(composed BlockList;);

impl BlockList {
    /// The most entries of one list.
    pub const MOST: usize = 1_000;

    /// A list of these.
    pub fn new(ranges: Vec<AddressRange>) -> Result<Self, Invalid> {
        if ranges.len() > Self::MOST {
            return Err(Invalid::new("too_many", format!("has more than {} entries", Self::MOST)));
        }
        Ok(Self(ranges.into()))
    }

    /// Its entries.
    pub fn ranges(&self) -> &[AddressRange] {
        &self.0
    }

    /// Whether `address` is refused.
    pub fn blocks(&self, address: Address) -> bool {
        self.0.iter().any(|range| range.contains(address))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> Address {
        Address::new(text.parse().unwrap())
    }

    #[test]
    fn one_address_has_one_form() {
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
        assert_eq!(address("2001:db8::1").counted(true), address("2001:db8::ffff:0:2").counted(true));
        assert_ne!(address("2001:db8::1").counted(false), address("2001:db8::2").counted(false));
        assert_eq!(address("192.0.2.1").counted(true).to_string(), "192.0.2.1");
        assert_eq!(address("2001:db8:0:0:1::").counted(true).to_string(), "2001:db8::/64");
        assert_eq!(address("::ffff:192.0.2.200").network().to_string(), "192.0.2.0/24");
        assert_eq!(address("2001:db8:7:1::5").network().to_string(), "2001:db8:7::/48");
        assert_eq!("::ffff:192.0.2.9/120".parse::<AddressRange>().unwrap().to_string(), "192.0.2.0/24");
    }

    #[test]
    fn networks_contain_their_addresses_and_no_others() {
        let list = ["192.0.2.0/24", "2001:db8::/32", "203.0.113.9"].map(|range| range.parse().unwrap());
        let list = BlockList::new(list.to_vec()).unwrap();
        for blocked in ["192.0.2.255", "::ffff:192.0.2.1", "2001:db8:1::", "203.0.113.9"] {
            assert!(list.blocks(address(blocked)), "{blocked}");
        }
        for free in ["192.0.3.0", "203.0.113.8", "2001:db9::"] {
            assert!(!list.blocks(address(free)), "{free}");
        }
        for text in ["", "192.0.2.0/33", "192.0.2", "example.com", "10.0.0.0/8/8", "::ffff:1.2.3.4/40x"] {
            assert!(text.parse::<AddressRange>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_range_is_read_back_as_it_is_written(v6: bool, bits: u128, length in 0_u8..=128) {
            let ip: IpAddr = if v6 { IpAddr::V6(bits.into()) } else { IpAddr::V4((bits as u32).into()) };
            let length = if v6 { length } else { length % 33 };
            let range: AddressRange = format!("{ip}/{length}").parse().unwrap();
            prop_assert!(range.contains(Address::new(ip)) || ip.to_canonical() != ip);
            prop_assert_eq!(range.to_string().parse::<AddressRange>().unwrap(), range);
        }

        #[test]
        fn no_text_panics(text in "[0-9a-f:./]{0,50}") {
            let _ = text.parse::<AddressRange>();
        }
    }
}
