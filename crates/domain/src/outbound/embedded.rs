//! IPv4 addresses within IPv6 addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The IPv4 addresses that an address may end at beside itself. None for an IPv4 address; one that is only written
/// as IPv6 (`::ffff:0:0/96`) is that address and not within it.
pub(super) fn ipv4(address: IpAddr) -> Vec<Ipv4Addr> {
    match address {
        IpAddr::V4(_) => Vec::new(),
        IpAddr::V6(address) => within(address),
    }
}

fn within(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let bits = address.to_bits();
    let at = |shift: u32| Ipv4Addr::from_bits((bits >> shift) as u32);
    let begins = |prefix: &str, length: u32| {
        prefix.parse::<Ipv6Addr>().is_ok_and(|prefix| (bits ^ prefix.to_bits()) >> (128 - length) == 0)
    };
    let mut found = Vec::new();
    // IPv4-compatible (RFC 4291, deprecated), translated by SIIT (RFC 2765) and by NAT64 (RFC 6052).
    let compatible = begins("::", 96) && bits > 1;
    if compatible || begins("::ffff:0:0:0", 96) || begins("64:ff9b::", 96) {
        found.push(at(0));
    }
    if begins("64:ff9b:1::", 48) {
        found.extend(local_nat64(bits));
    }
    // 6to4 (RFC 3056).
    if begins("2002::", 16) {
        found.push(at(80));
    }
    // Teredo (RFC 4380): the server, and the client with every bit turned.
    if begins("2001::", 32) {
        found.extend([at(64), Ipv4Addr::from_bits(!(bits as u32))]);
    }
    // ISATAP (RFC 5214), in any network.
    if matches!((bits >> 32) as u32, 0x0000_5efe | 0x0200_5efe) {
        found.push(at(0));
    }
    found
}

/// The forms of RFC 6052 that fit a translator's own prefix of any length within `64:ff9b:1::/48` (RFC 8215): bits 64 to
/// 71 are skipped, and what follows the IPv4 address is zero.
fn local_nat64(bits: u128) -> Vec<Ipv4Addr> {
    let skip = |bits: u128| (bits >> 64 << 56) | (bits & ((1 << 56) - 1));
    // 120 bits are left, of which 48, 56 or 64 are the prefix.
    let joined = skip(bits);
    let mut found = Vec::new();
    for length in [48, 56, 64] {
        let rest = 120 - length - 32;
        if joined & ((1 << rest) - 1) == 0 {
            found.push(Ipv4Addr::from_bits((joined >> rest) as u32));
        }
    }
    if bits as u32 != 0 {
        found.push(Ipv4Addr::from_bits(bits as u32));
    }
    found
}
