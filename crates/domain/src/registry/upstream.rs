//! Where the registries behind the gateway are.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::outbound::{Kind, destination, kind};
use crate::text::texts;
use crate::{HttpUrl, Invalid};

texts! {
    /// Where an OCI registry is: `http://` or `https://` with a host and maybe a port, and nothing else.
    Upstream = upstream;
}

crate::described! {
    Upstream = crate::openapi::http_url(HttpUrl::MOST_BYTES);
}

impl Upstream {
    /// The host, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        self.parts().0
    }

    /// The port, that of the scheme if none is written.
    pub fn port(&self) -> u16 {
        self.parts().1
    }

    /// The registry as its name tells it, without asking the DNS.
    pub fn endpoint(&self) -> Endpoint {
        let (host, port) = self.parts();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match address.map(|address| (address, Endpoint::of(SocketAddr::new(address, port), false))) {
            Ok((_, Some(endpoint))) => endpoint,
            Ok((address, None)) => Endpoint(SocketAddr::new(address.to_canonical(), port).to_string()),
            Err(_) if host == "localhost" || host.ends_with(".localhost") => Endpoint::here(port),
            Err(_) => Endpoint(format!("{host}:{port}")),
        }
    }

    fn parts(&self) -> (&str, u16) {
        let (scheme, rest) = self.0.split_once("://").unwrap_or_default();
        let own = if scheme == "https" { 443 } else { 80 };
        match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().unwrap_or(own)),
            Some(_) | None => (rest, own),
        }
    }
}

/// One of the ways to a registry, by which two upstreams are found to be the same: a name and a port, an address of a
/// private network and a port, or a port of this machine. A public address is none, since unrelated registries are
/// behind those of one host or CDN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint(String);

impl Endpoint {
    /// That of an address to which a connection is opened. `own` says that it is one of this machine's.
    pub fn of(address: SocketAddr, own: bool) -> Option<Self> {
        let (ip, port) = (destination(address.ip()), address.port());
        match kind(ip) {
            // A connection to no address in particular ends here as well.
            Kind::Loopback => Some(Self::here(port)),
            _ if own || ip.is_unspecified() => Some(Self::here(port)),
            Kind::Public => None,
            Kind::Private | Kind::Closed(_) => Some(Self(SocketAddr::new(ip, port).to_string())),
        }
    }

    fn here(port: u16) -> Self {
        Self(format!("this machine:{port}"))
    }

    /// One from storage.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The text in storage.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn upstream(text: &str) -> Result<String, Invalid> {
    let url = text.trim().parse::<HttpUrl>().ok().filter(HttpUrl::is_origin);
    let url = url.ok_or_else(|| {
        Invalid::new("invalid_url", "must be http:// or https:// with a host, and no path or user name")
    })?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn upstreams_are_an_origin_and_nothing_else() {
        for (good, host, port) in [
            ("http://127.0.0.1:05000", "127.0.0.1", 5000),
            ("http://localhost:5000/", "localhost", 5000),
            ("http://[::1]:5000", "[::1]", 5000),
            ("http://[::1]", "[::1]", 80),
            ("https://Registry.internal", "registry.internal", 443),
            ("https://registry.internal:443", "registry.internal", 443),
            ("http://10.0.0.3:80", "10.0.0.3", 80),
        ] {
            let upstream: Upstream = good.parse().unwrap();
            assert_eq!((upstream.host(), upstream.port()), (host, port), "{good}");
        }
        for bad in [
            "",
            "registry:5000",
            "ftp://a",
            "http://a/b",
            "http://a?x",
            "http://a:0",
            "http://u:p@a",
            "http://a//",
        ] {
            assert!(bad.parse::<Upstream>().is_err(), "{bad}");
        }
    }

    #[test]
    fn one_registry_has_many_names() {
        let endpoint = |text: &str| text.parse::<Upstream>().unwrap().endpoint();
        let here = endpoint("http://127.0.0.1:5000");
        for name in [
            "localhost",
            "a.localhost",
            "127.0.0.2",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0",
            "0.0.0.0",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:0.0.0.0]",
        ] {
            assert_eq!(endpoint(&format!("http://{name}:5000")), here, "{name}");
        }
        assert_eq!(endpoint("http://10.0.0.3"), endpoint("http://[::ffff:10.0.0.3]"));
        assert_eq!(endpoint("https://r.example"), endpoint("http://R.example.:443"));
        assert_ne!(here, endpoint("http://127.0.0.1:5001"));
        assert_ne!(endpoint("http://r.example"), endpoint("https://r.example"));
        let of = |text: &str, own| Endpoint::of(text.parse().unwrap(), own);
        assert_eq!(of("192.0.1.1:443", false), None);
        assert_eq!(of("192.0.1.1:5000", true), Some(here));
        assert_eq!(of("[64:ff9b::10.0.0.3]:80", false), Some(endpoint("http://10.0.0.3")));
        assert_eq!(of("10.0.0.3:80", false), Some(endpoint("http://10.0.0.3")));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,80}") {
            if let Ok(upstream) = text.parse::<Upstream>() {
                let again = upstream.to_string().parse::<Upstream>().unwrap();
                prop_assert_eq!(again.endpoint(), upstream.endpoint());
            }
        }
    }
}
