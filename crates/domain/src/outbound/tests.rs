use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

fn listed(ranges: &[&str]) -> OutboundRules {
    OutboundRules::new(ranges.iter().map(|range| range.parse().unwrap()).collect()).unwrap()
}

/// `iana-special-purpose.csv`: one network a line, with the word of the registries' column “Globally Reachable” and what
/// is to become of its addresses: `public`, `listed` (if the operator lists it) or `closed`.
fn special_purpose() -> impl Iterator<Item = (AddressRange, &'static str, &'static str)> {
    include_str!("iana-special-purpose.csv").lines().filter(|line| !line.starts_with('#')).map(|line| {
        let mut parts = line.split(',');
        let mut next = || parts.next().unwrap().trim();
        (next().parse().unwrap(), next(), next())
    })
}

#[test]
fn the_special_purpose_networks_are_as_the_registries_say() {
    for (range, reachable, becomes) in special_purpose() {
        let (first, last) = range.bounds();
        for address in [first, last] {
            let open = OutboundRules::default().judge(address).is_ok();
            assert_eq!(open, becomes == "public", "{address} of {range}");
            assert!(!open || reachable != "False", "{address} of {range}");
            let rules = OutboundRules::new(vec![range]);
            match becomes {
                "closed" => assert!(rules.is_err_and(|fault| fault.code == "never_allowed"), "{range}"),
                _ => assert_eq!(rules.unwrap().judge(address), Ok(()), "{address} of {range}"),
            }
        }
    }
}

#[test]
fn everything_listed_opens_no_metadata_and_no_link() {
    let all = listed(&["0.0.0.0/0", "::/0"]);
    for closed in [
        "169.254.169.254",
        "169.254.170.2",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fe80::1",
        "fe80::a9fe:a9fe",
        "0.0.0.0",
        "0.1.2.3",
        "::",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "240.0.0.1",
        "192.0.2.1",
        "2001:db8::1",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::169.254.169.254",
        "2002:a9fe:a9fe::1",
        "2001:0:a9fe:a9fe::1",
        "2001:0:0808:0808::5601:5601",
        "2606:4700::5efe:169.254.169.254",
        "fd00::200:5efe:169.254.169.254",
        "fec0::1",
        "100::1",
        "::ffff:0:169.254.169.254",
        "64:ff9b:1:a9fe:a9:fe00::",
    ] {
        assert!(all.judge(ip(closed)).is_err(), "{closed}");
    }
    for open in ["10.0.0.1", "127.0.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd12::1", "8.8.8.8"] {
        assert_eq!(all.judge(ip(open)), Ok(()), "{open}");
    }
}

#[test]
fn an_address_within_another_counts_too() {
    let none = OutboundRules::default();
    for public in ["64:ff9b::8.8.8.8", "2002:808:808::1", "::ffff:8.8.8.8", "2606:4700::5efe:8.8.8.8"] {
        assert_eq!(none.judge(ip(public)), Ok(()), "{public}");
    }
    for private in ["64:ff9b::10.0.0.1", "2002:a00:1::", "::ffff:10.0.0.1", "2606:4700::5efe:10.0.0.1"] {
        assert!(none.judge(ip(private)).is_err(), "{private}");
        assert_eq!(listed(&["10.0.0.0/8"]).judge(ip(private)), Ok(()), "{private}");
    }
    let local = ip("64:ff9b:1::8.8.8.8");
    assert!(none.judge(local).is_err());
    assert_eq!(listed(&["64:ff9b:1::/48"]).judge(local), Ok(()));
    assert_eq!(listed(&["::ffff:10.0.0.0/104"]).judge(ip("10.1.2.3")), Ok(()), "a list may map as well");
}

#[test]
fn what_is_listed_by_default_is_this_machine() {
    let rules = OutboundRules::loopback();
    assert_eq!(rules.to_string(), "public addresses, 127.0.0.0/8, ::1");
    for here in ["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"] {
        assert_eq!(rules.judge(ip(here)), Ok(()), "{here}");
        assert!(OutboundRules::default().judge(ip(here)).is_err(), "{here}");
    }
    assert!(rules.judge(ip("10.0.0.1")).is_err());
    let said = rules.judge(ip("10.0.0.1")).unwrap_err().to_string();
    assert_eq!(said, "10.0.0.1 is private, and KEYWARD_OUTBOUND_ALLOW does not list it");
}

proptest! {
    /// What is open written one way is open written any way, and what is closed is closed.
    #[test]
    fn one_address_has_one_verdict(bits: u32, private: bool) {
        let rules = if private { listed(&["10.0.0.0/8", "192.168.0.0/16"]) } else { OutboundRules::default() };
        let address = Ipv4Addr::from_bits(bits);
        let open = rules.judge(address.into()).is_ok();
        prop_assert_eq!(rules.judge(address.to_ipv6_mapped().into()).is_ok(), open);
        let [a, b] = [(bits >> 16) as u16, bits as u16];
        for within in [
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a, b),
            Ipv6Addr::new(0x2002, a, b, 0, 0, 0, 0, 1),
            Ipv6Addr::new(0x2606, 0x4700, 0, 0, 0, 0x5efe, a, b),
            Ipv6Addr::new(0x2001, 0, a, b, 0, 0, !0x0808, !0x0808),
            Ipv6Addr::new(0x2001, 0, 0x0808, 0x0808, 0, 0, !a, !b),
        ] {
            prop_assert_eq!(rules.judge(within.into()).is_ok(), open, "{}", within);
        }
    }

    /// To list more opens more, and nothing of what is never open.
    #[test]
    fn a_list_opens_only_what_it_names(bits: u128, v6: bool, length in 0_u8..=32) {
        let address = if v6 { IpAddr::V6(Ipv6Addr::from_bits(bits)) } else { IpAddr::V4(Ipv4Addr::from_bits(bits as u32)) };
        let range: AddressRange = format!("{address}/{length}").parse().unwrap();
        let (none, all) = (OutboundRules::default(), listed(&["0.0.0.0/0", "::/0"]));
        if let Ok(some) = OutboundRules::new(vec![range]) {
            prop_assert!(none.judge(address).is_err() || some.judge(address).is_ok());
            prop_assert!(some.judge(address).is_err() || all.judge(address).is_ok());
        }
        if let Kind::Closed(_) = kind(address) {
            prop_assert!(all.judge(address).is_err());
        }
    }
}
