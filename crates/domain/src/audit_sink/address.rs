//! Where a sink is, and by that which protocol it speaks.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::{HttpUrl, Invalid};

const SCHEME: &str = "syslog+tls://";

/// The port of syslog over TLS (RFC 5425).
const SYSLOG_PORT: u16 = 6514;

/// `syslog+tls://host` with or without a port, or the URL of an OTLP receiver for logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkAddress {
    /// Syslog over TLS.
    Syslog {
        /// A name, an address, or an IPv6 address in brackets.
        host: String,
        /// 6514 if none is written.
        port: u16,
    },
    /// OTLP over HTTP, in Protocol Buffers.
    Otlp(HttpUrl),
}

/// Which protocol a sink speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkKind {
    /// RFC 5424 over TLS (RFC 5425).
    Syslog,
    /// OTLP/HTTP.
    Otlp,
}

impl SinkKind {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Syslog => "syslog",
            Self::Otlp => "otlp",
        }
    }
}

impl SinkAddress {
    /// The most bytes.
    pub const MOST_BYTES: usize = HttpUrl::MOST_BYTES;

    /// Which protocol is spoken there.
    pub fn kind(&self) -> SinkKind {
        match self {
            Self::Syslog { .. } => SinkKind::Syslog,
            Self::Otlp(_) => SinkKind::Otlp,
        }
    }
}

impl FromStr for SinkAddress {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fault = || {
            Invalid::new(
                "invalid_sink_address",
                "must be syslog+tls:// with a host, or the https:// URL of an OTLP receiver",
            )
        };
        let text = text.trim();
        if text.len() > Self::MOST_BYTES {
            return Err(Invalid::new("too_long", format!("has more than {} bytes", Self::MOST_BYTES)));
        }
        let begins = text.get(..SCHEME.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(SCHEME));
        let Some(rest) = text.get(SCHEME.len()..).filter(|_| begins) else {
            return text.parse().map(Self::Otlp).map_err(|_| fault());
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        // What stands behind the brackets of an IPv6 address, or behind a name.
        let port = rest.rsplit_once(']').map_or(rest, |(_, port)| port).rsplit_once(':');
        let port = match port {
            Some((_, port)) => port.parse().ok().filter(|port| *port > 0).ok_or_else(fault)?,
            None => SYSLOG_PORT,
        };
        // A host is a host, whatever the scheme.
        let url: HttpUrl = format!("https://{rest}").parse().map_err(|_| fault())?;
        if !url.is_origin() {
            return Err(fault());
        }
        Ok(Self::Syslog { host: url.host().to_owned(), port })
    }
}

impl fmt::Display for SinkAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syslog { host, port } => write!(f, "{SCHEME}{host}:{port}"),
            Self::Otlp(url) => url.fmt(f),
        }
    }
}

impl Serialize for SinkAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

crate::described!(SinkAddress = crate::openapi::serde_json::json!({
    "type": "string",
    "format": "uri",
    "maxLength": Self::MOST_BYTES,
    "pattern": r"^([sS][yY][sS][lL][oO][gG]\+[tT][lL][sS]|[hH][tT][tT][pP][sS]?)://[^/?#@]",
}););

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_say_which_protocol_is_spoken() {
        for (text, shown) in [
            ("syslog+tls://siem.example", "syslog+tls://siem.example:6514"),
            ("SYSLOG+TLS://Siem.Example:443/", "syslog+tls://siem.example:443"),
            ("syslog+tls://[2001:db8::1]", "syslog+tls://[2001:db8::1]:6514"),
            ("syslog+tls://[2001:db8::1]:10514", "syslog+tls://[2001:db8::1]:10514"),
            ("https://otel.example:4318/v1/logs", "https://otel.example:4318/v1/logs"),
        ] {
            let address: SinkAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(shown.parse::<SinkAddress>().unwrap(), address);
        }
        for text in [
            "",
            "siem.example:6514",
            "syslog://siem.example",
            "syslog+tls://",
            "syslog+tls://siem.example:0",
            "syslog+tls://siem.example:99999",
            "syslog+tls://siem.example/path",
            "syslog+tls://ada:secret@siem.example",
            "syslog+tls://siem.example?x",
        ] {
            assert!(text.parse::<SinkAddress>().is_err(), "{text}");
        }
    }
}
