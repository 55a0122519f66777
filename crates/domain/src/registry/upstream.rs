//! Where the registries behind the gateway are, and which of them the operator lets be named.

use std::net::{IpAddr, Ipv4Addr};

use super::host;
use crate::Invalid;
use crate::text::texts;

texts! {
    /// Where an OCI registry is: `http://` or `https://` with a host and maybe a port, and nothing else.
    Upstream = upstream;
    /// Which upstreams may be named: one as it is written, or with `*.` in the place of the first labels of its host,
    /// `https://*.registry.internal`. Without a port, the scheme's own.
    UpstreamRule = rule;
}

/// The upstreams that organizations may name: any, unless the operator has listed some. Where vendors are strangers to
/// the operator it should be listed, since the server asks wherever an upstream says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedUpstreams(Option<Vec<UpstreamRule>>);

impl AllowedUpstreams {
    /// Those that one of the rules fits; without a rule, none.
    pub fn listed(rules: Vec<UpstreamRule>) -> Self {
        Self(Some(rules))
    }

    /// Whether an upstream is among them.
    pub fn allow(&self, upstream: &Upstream) -> bool {
        self.0.as_ref().is_none_or(|rules| rules.iter().any(|rule| rule.fits(upstream)))
    }
}

impl UpstreamRule {
    fn fits(&self, upstream: &Upstream) -> bool {
        let (Some(rule), Some(named)) = (Origin::of(&self.0), Origin::of(&upstream.0)) else { return false };
        let host = match rule.host.strip_prefix('*') {
            Some(end) => named.host.strip_suffix(end).is_some_and(|labels| !labels.is_empty()),
            None => named.host == rule.host,
        };
        host && named.scheme == rule.scheme && named.port == rule.port
    }
}

impl Upstream {
    /// Whether it is on the same machine.
    pub fn is_loopback(&self) -> bool {
        Origin::of(&self.0).is_some_and(Origin::is_loopback)
    }

    /// Whether both are the same registry, as far as their names tell: a machine calls itself by many. What names in
    /// the DNS stand for is not looked up.
    pub fn meets(&self, other: &Self) -> bool {
        let (Some(one), Some(other)) = (Origin::of(&self.0), Origin::of(&other.0)) else { return false };
        one.port == other.port && one.machine() == other.machine()
    }
}

/// The parts of an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Origin<'a> {
    scheme: &'a str,
    host: &'a str,
    port: u16,
}

impl<'a> Origin<'a> {
    /// `None` for what is none.
    fn of(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let own = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().ok().filter(|port| *port > 0)?),
            _ => (rest, own),
        };
        Some(Self { scheme, host, port })
    }

    fn is_loopback(self) -> bool {
        self.machine() == Machine::This
    }

    /// The machine, as far as its name tells.
    fn machine(self) -> Machine<'a> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        match host.parse::<IpAddr>().map(|address| address.to_canonical()) {
            // A connection to no address in particular ends here as well.
            Ok(address) if address.is_loopback() || address.is_unspecified() => Machine::This,
            Ok(address) => Machine::Address(address),
            Err(_) if host == "localhost" || host.ends_with(".localhost") => Machine::This,
            Err(_) => Machine::Named(host.trim_end_matches('.')),
        }
    }

    /// Whether the host is one of the forms in which resolvers, but nobody else, read an address: `127.1`, `2130706433`,
    /// `0x7f.1`, `127.000.000.001`.
    fn is_odd(self) -> bool {
        let last = self.host.rsplit('.').next().unwrap_or_default();
        let number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
        number && self.host.parse::<Ipv4Addr>().is_err()
    }
}

/// Which machine an origin names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Machine<'a> {
    This,
    Address(IpAddr),
    Named(&'a str),
}

fn upstream(text: &str) -> Result<String, Invalid> {
    let text = text.trim().trim_end_matches('/').to_ascii_lowercase();
    match Origin::of(&text) {
        Some(origin) if host(origin.host).is_ok() && !origin.is_odd() => Ok(text),
        _ => Err(Invalid::new(
            "invalid_url",
            "must be http:// or https:// with a host, and no path or user name",
        )),
    }
}

fn rule(text: &str) -> Result<String, Invalid> {
    let text = text.trim().trim_end_matches('/').to_ascii_lowercase();
    let fits = |origin: Origin<'_>| {
        let rest = origin.host.strip_prefix("*.");
        // Behind the star there are at least two labels: `https://*.com` is nobody's.
        host(rest.unwrap_or(origin.host)).is_ok() && rest.is_none_or(|rest| rest.contains('.'))
    };
    if Origin::of(&text).is_some_and(fits) {
        Ok(text)
    } else {
        let message = "must be an upstream such as http://127.0.0.1:5000 or https://*.registry.internal";
        Err(Invalid::new("invalid_upstream", message))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn upstreams_are_an_origin_and_nothing_else() {
        for (good, loopback) in [
            ("http://127.0.0.1:5000", true),
            ("http://localhost:5000/", true),
            ("http://[::1]:5000", true),
            ("https://registry.internal", false),
            ("http://10.0.0.3:80", false),
        ] {
            assert_eq!(good.parse::<Upstream>().unwrap().is_loopback(), loopback, "{good}");
        }
        for bad in [
            "",
            "registry:5000",
            "ftp://a",
            "http://",
            "http://a/b",
            "http://u:p@a",
            "http://a:0",
            "http://a?x",
            "http://a:99999",
        ] {
            assert!(bad.parse::<Upstream>().is_err(), "{bad}");
        }
    }

    #[test]
    fn one_registry_has_many_names() {
        let meet = |one: &str, other: &str| {
            let (one, other): (Upstream, Upstream) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!(one.meets(&other), other.meets(&one));
            one.meets(&other)
        };
        assert!(meet("http://127.0.0.1:5000", "http://localhost:5000"));
        assert!(meet("http://127.0.0.2:5000", "http://[::1]:5000"));
        for name in ["0.0.0.0", "[::]", "[::ffff:127.0.0.1]", "[::ffff:0.0.0.0]", "a.localhost"] {
            assert!(meet("http://127.0.0.1:5000", &format!("http://{name}:5000")), "{name}");
        }
        assert!(meet("http://10.0.0.3", "http://[::ffff:10.0.0.3]"));
        for odd in ["127.1", "2130706433", "0x7f000001", "0x7f.1", "127.000.000.001", "1.2.3.4.5"] {
            assert!(format!("http://{odd}:5000").parse::<Upstream>().is_err(), "{odd}");
        }
        assert!(meet("https://r.example", "https://R.example:443"));
        assert!(meet("http://r.example:443", "https://r.example"));
        assert!(!meet("http://127.0.0.1:5000", "http://127.0.0.1:5001"));
        assert!(!meet("http://r.example", "https://r.example"));
        assert!(!meet("http://r.example:5000", "http://localhost:5000"));
    }

    #[test]
    fn rules_fit_an_origin_or_all_below_a_domain() {
        let fits = |rule: &str, upstream: &str| {
            let listed = AllowedUpstreams::listed(vec![rule.parse().unwrap()]);
            listed.allow(&upstream.parse().unwrap())
        };
        for (rule, upstream, fit) in [
            ("http://127.0.0.1:5000", "http://127.0.0.1:5000", true),
            ("http://127.0.0.1:5000", "http://127.0.0.1:5001", false),
            ("http://127.0.0.1:5000", "https://127.0.0.1:5000", false),
            ("http://[::1]:5000", "http://[::1]:5000", true),
            ("https://R.example", "https://r.example:443", true),
            ("https://r.example:443", "https://r.example", true),
            ("https://*.r.example", "https://a.r.example", true),
            ("https://*.r.example", "https://a.b.r.example", true),
            ("https://*.r.example", "https://r.example", false),
            ("https://*.r.example", "https://evilr.example", false),
            ("https://*.r.example", "https://a.r.example:5000", false),
        ] {
            assert_eq!(fits(rule, upstream), fit, "{rule} {upstream}");
        }
        let upstream = "http://169.254.169.254".parse().unwrap();
        assert!(AllowedUpstreams::default().allow(&upstream));
        assert!(!AllowedUpstreams::listed(Vec::new()).allow(&upstream));
        for bad in [
            "",
            "*",
            "https://*",
            "https://*.com",
            "https://a.*.example",
            "https://*r.example",
            "r.example",
            "http://a/b",
        ] {
            assert!(bad.parse::<UpstreamRule>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn an_upstream_fits_the_rule_of_its_own_name(text in "https?://[a-z]{1,5}(\\.[a-z]{1,5}){0,3}(:[1-9][0-9]{0,3})?") {
            let (upstream, rule) = (text.parse::<Upstream>().unwrap(), text.parse::<UpstreamRule>().unwrap());
            prop_assert!(AllowedUpstreams::listed(vec![rule]).allow(&upstream));
        }

        #[test]
        fn no_text_panics(text in ".{0,80}") {
            if let Ok(upstream) = text.parse::<Upstream>() {
                let _ = upstream.is_loopback();
            }
            let _ = text.parse::<UpstreamRule>();
        }
    }
}
