//! Ways to write an address, and what each stands for.

use keyward_domain::HttpUrl;
use keyward_domain::registry::Upstream;
use keyward_testkit::engine::TestNetwork;

/// What an address stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Invalid,
    /// This machine.
    Here,
    /// A network of somebody's own.
    Private,
    /// What is never connected to.
    Closed,
}

/// All of `addresses.txt`.
pub fn addresses() -> impl Iterator<Item = (Verdict, &'static str)> {
    let lines = include_str!("addresses.txt").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let (verdict, text) = line.split_once(' ').unwrap();
        let verdict = match verdict {
            "invalid" => Verdict::Invalid,
            "here" => Verdict::Here,
            "private" => Verdict::Private,
            "closed" => Verdict::Closed,
            other => panic!("{other}"),
        };
        (verdict, text)
    })
}

/// A network with the names that machines have for themselves and their clouds.
pub fn network() -> TestNetwork {
    let network = TestNetwork::default();
    for here in ["localhost.localdomain", "the-machine-itself", "127.0.0.1.nip.example"] {
        network.set(here, &[&["127.0.0.1"]]);
    }
    for here in ["localhost6.localdomain6", "ip6-localhost", "ip6-loopback"] {
        network.set(here, &[&["::1"]]);
    }
    network.set("intranet", &[&["10.20.30.40"]]);
    network.set("metadata.google.internal", &[&["169.254.169.254"]]);
    network.set("nowhere.example", &[&[]]);
    network
}

#[test]
fn what_is_no_address_is_none_in_any_field() {
    for (verdict, text) in addresses() {
        let url = text.parse::<HttpUrl>();
        assert_eq!(url.is_err(), verdict == Verdict::Invalid, "{text}");
        assert_eq!(text.parse::<Upstream>().is_err(), verdict == Verdict::Invalid, "{text}");
    }
}
