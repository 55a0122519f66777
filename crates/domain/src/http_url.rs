//! Addresses of HTTP: one type for every field that takes one, so that one text has one meaning everywhere.

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use url::{Host, Url};

use crate::Invalid;
use crate::registry::host_name;

/// An `http://` or `https://` address with a host, as browsers read it (WHATWG URL), without user name and fragment.
///
/// What a browser would have to mend is refused: `http:/a`, a backslash, a line break within. What it reads in another
/// form, such as `HTTP://A:080` or `http://127.1`, is kept and shown in the form it stands for, `http://a` and
/// `http://127.0.0.1`. The slash of an address without a path stays as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HttpUrl {
    url: Url,
    text: String,
}

impl HttpUrl {
    /// The most bytes.
    pub const MOST_BYTES: usize = 1_000;

    /// The address in its normal form.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The same, in parts.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Whether TLS is spoken there.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The host as in `Host`: a name, an address, or an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The port, that of the scheme if none is written.
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or_default()
    }

    /// Whether the host names the machine itself, whatever the DNS says.
    pub fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
            None => false,
        }
    }

    /// Whether it is a scheme, a host and a port, and nothing else.
    pub fn is_origin(&self) -> bool {
        self.url.path() == "/" && self.url.query().is_none()
    }
}

impl FromStr for HttpUrl {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fault = || {
            Invalid::new(
                "invalid_url",
                "must be http:// or https:// with a host, without user name and fragment",
            )
        };
        let text = text.trim();
        if text.len() > Self::MOST_BYTES {
            return Err(Invalid::new("too_long", format!("has more than {} bytes", Self::MOST_BYTES)));
        }
        let plain = Cell::new(true);
        let mended = |_| plain.set(false);
        let parsed = Url::options().syntax_violation_callback(Some(&mended)).parse(text);
        let mut url = parsed.map_err(|_| fault())?;
        if let Some(Host::Domain(name)) = url.host()
            && let Some(name) = name.strip_suffix('.').map(str::to_owned)
        {
            if !host_name(&name) {
                return Err(fault());
            }
            url.set_host(Some(&name)).map_err(|_| fault())?;
        }
        let fits = plain.get()
            && matches!(url.scheme(), "http" | "https")
            && url.host_str().is_some_and(host_name)
            && url.port() != Some(0)
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none();
        if !fits {
            return Err(fault());
        }
        let mut normal = String::from(url.as_str());
        if url.path() == "/" && url.query().is_none() && !text.ends_with('/') {
            normal.pop();
        }
        // Another form may be longer, or nothing any more.
        if normal.len() > Self::MOST_BYTES {
            return Err(fault());
        }
        Ok(Self { url, text: normal })
    }
}

crate::described!(HttpUrl = crate::openapi::http_url(Self::MOST_BYTES););

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for HttpUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::files::Chart;
    use crate::provider::ProviderUrl;
    use crate::registry::Upstream;

    fn normal(text: &str) -> Option<String> {
        text.parse::<HttpUrl>().ok().map(|url| url.to_string())
    }

    #[test]
    fn one_address_has_one_form() {
        for (written, kept) in [
            ("https://registry.example", "https://registry.example"),
            ("https://registry.example/", "https://registry.example/"),
            (" HTTPS://Registry.Example:443/a/../b?q ", "https://registry.example/b?q"),
            ("http://127.0.0.1:05000", "http://127.0.0.1:5000"),
            ("http://127.1:80", "http://127.0.0.1"),
            ("http://2130706433", "http://127.0.0.1"),
            ("http://0x7f.1", "http://127.0.0.1"),
            ("http://0177.0.0.1", "http://127.0.0.1"),
            ("http://127.0.0.1.", "http://127.0.0.1"),
            ("http://localhost.:5000", "http://localhost:5000"),
            ("http://[0:0::0:1]", "http://[::1]"),
            ("http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]"),
            ("http://%31%32%37.0.0.1", "http://127.0.0.1"),
            ("http://１２７.０.０.１", "http://127.0.0.1"),
            ("http://ｌｏｃａｌｈｏｓｔ", "http://localhost"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
        ] {
            assert_eq!(normal(written).as_deref(), Some(kept), "{written}");
        }
        for bad in [
            "",
            "registry:5000",
            "ftp://a",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "http://",
            "http:a",
            "http:/a",
            "http:///a",
            "http:\\\\a",
            "http://a\\b",
            "http://127.0.0.1:+80",
            "http://127.0.0.1:-1",
            "http://127.0.0.1:80:5000",
            "http://127.0.0.1:99999",
            "http://127.0.0.1:0",
            "http://a:x",
            "http://a%00b",
            "http://a%00.example",
            "http://a b",
            "http://a\tb",
            "http://a\nb",
            "http://u@a",
            "http://u:p@a",
            "http://@a",
            "http://:@a",
            "http://a#",
            "http://a#b",
            "http://a..b",
            "http://a..",
            "http://127.0.0.1..",
            "http://.",
            "http://-a.example",
            "http://[::1",
            "http://[::g]",
            "http://[::1%25eth0]",
            "http://1.2.3.4.5",
            "http://256.1.1.1",
            "http://0x100000000",
            "http://a$b",
            "http://a,b",
            "http://xn--a.example",
        ] {
            assert_eq!(normal(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_machine_itself_has_many_names() {
        for here in [
            "localhost",
            "a.localhost",
            "LOCALHOST.",
            "127.9.9.9",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "017700000001",
        ] {
            assert!(format!("http://{here}").parse::<HttpUrl>().unwrap().is_loopback(), "{here}");
        }
        for there in ["localhost.example", "0.0.0.0", "[::]", "128.0.0.1"] {
            assert!(!format!("http://{there}").parse::<HttpUrl>().unwrap().is_loopback(), "{there}");
        }
    }

    fn written() -> impl Strategy<Value = String> {
        let host = prop_oneof![
            "[a-zA-Z0-9_.-]{1,12}",
            "[0-9]{1,3}(\\.[0-9]{1,3}){0,3}",
            "\\[[0-9a-f:]{2,12}\\]",
            "(%[0-9a-f]{2}|[a-z.]){1,6}",
            ".{1,8}",
        ];
        ("(https?|HTTP|oci|ftp)", "(://|:/|:)", host, "(:[0-9+]{0,6})?", "[ -~é]{0,12}")
            .prop_map(|(scheme, colon, host, port, rest)| format!("{scheme}{colon}{host}{port}{rest}"))
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(text in written()) {
            if let Ok(url) = text.parse::<HttpUrl>() {
                prop_assert_eq!(url.to_string().parse::<HttpUrl>().unwrap(), url);
            }
        }

        #[test]
        fn no_text_panics(text in ".{0,80}") {
            let _ = text.parse::<HttpUrl>();
        }

        /// What is no address is none in any field, and each shows the same form.
        #[test]
        fn every_field_reads_addresses_alike(text in written()) {
            let chart = |url: &str| Chart { url: url.to_owned(), name: Some("a".to_owned()), version: "1".to_owned() }.checked();
            match text.parse::<HttpUrl>() {
                Err(_) => {
                    prop_assert!(text.parse::<Upstream>().is_err());
                    prop_assert!(text.parse::<ProviderUrl>().is_err());
                    prop_assert!(text.get(..6).is_some_and(|scheme| scheme == "oci://") || chart(&text).is_err());
                }
                Ok(url) => {
                    if let Ok(upstream) = text.parse::<Upstream>() {
                        prop_assert_eq!(upstream.as_str(), url.as_str().trim_end_matches('/'));
                    }
                    if let Ok(issuer) = text.parse::<ProviderUrl>() {
                        prop_assert_eq!(issuer.as_str(), url.as_str());
                    }
                    if let Ok(chart) = chart(&text) {
                        prop_assert_eq!(chart.url.as_str(), url.as_str());
                        let oci = text.trim().split_once("://").map(|(_, rest)| format!("oci://{rest}")).unwrap();
                        let checked = Chart { url: oci, name: None, version: "1".to_owned() }.checked().unwrap();
                        prop_assert_eq!(checked.url.split_once("://").unwrap().1, {
                            let https = format!("https://{}", text.trim().split_once("://").unwrap().1);
                            https.parse::<HttpUrl>().unwrap().to_string().split_once("://").unwrap().1.to_owned()
                        });
                    }
                }
            }
        }
    }
}
