//! By what a sink is known to be the right one, and the server to it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use crate::Invalid;

/// Certificates or a private key in PEM (RFC 7468). Only its form is looked at here.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem(String);

impl Pem {
    /// The most bytes.
    pub const MOST_BYTES: usize = 64 * 1024;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Pem {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.trim().replace("\r\n", "\n");
        if text.len() > Self::MOST_BYTES {
            return Err(Invalid::new("too_long", format!("has more than {} bytes", Self::MOST_BYTES)));
        }
        let plain = text.chars().all(|c| c == '\n' || c == '\t' || (!c.is_control() && c.is_ascii()));
        if !plain || !text.contains("-----BEGIN ") || !text.contains("-----END ") {
            return Err(Invalid::new("invalid_pem", "must be PEM, from -----BEGIN to -----END"));
        }
        Ok(Self(text + "\n"))
    }
}

/// A private key may be in it.
impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pem({} bytes)", self.0.len())
    }
}

impl Serialize for Pem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

crate::described!(Pem = crate::openapi::serde_json::json!({
    "type": "string",
    "maxLength": Self::MOST_BYTES,
    "pattern": "-----BEGIN [\\s\\S]*-----END ",
}););

/// A header of HTTP that is sent to an OTLP receiver, as `Name: value`.
#[derive(Clone, PartialEq, Eq)]
pub struct SinkHeader {
    name: String,
    value: String,
}

/// Headers that the protocol itself sets, or that would change what is sent.
const RESERVED: [&str; 9] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "te",
    "transfer-encoding",
    "upgrade",
];

impl SinkHeader {
    /// The most bytes.
    pub const MOST_BYTES: usize = 8 * 1024;

    /// The name, in lower case.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value, which is a secret.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl FromStr for SinkHeader {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fault = || Invalid::new("invalid_header", "must be a header of HTTP as “Name: value”");
        if text.len() > Self::MOST_BYTES {
            return Err(Invalid::new("too_long", format!("has more than {} bytes", Self::MOST_BYTES)));
        }
        let (name, value) = text.split_once(':').ok_or_else(fault)?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let fits = !name.is_empty()
            && name.chars().all(token)
            && !value.is_empty()
            && value.chars().all(|c| c == ' ' || c.is_ascii_graphic());
        if !fits {
            return Err(fault());
        }
        if RESERVED.contains(&name.as_str()) {
            return Err(Invalid::new("reserved_header", format!("{name} is set by the protocol itself")));
        }
        Ok(Self { name, value })
    }
}

impl fmt::Debug for SinkHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SinkHeader({}: …)", self.name)
    }
}

crate::described!(SinkHeader = crate::openapi::serde_json::json!({
    "type": "string",
    "maxLength": Self::MOST_BYTES,
    "pattern": "^[^:]+:.*[^ ]",
}););

/// By what a sink knows the server. It is kept sealed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkCredential {
    /// The certificate and its private key, both in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<(String, String)>,
    /// Names and values of headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
}

impl SinkCredential {
    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The names of the headers.
    pub fn header_names(&self) -> Vec<String> {
        self.headers.iter().map(|(name, _)| name.clone()).collect()
    }
}

impl fmt::Debug for SinkCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SinkCredential(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_those_that_http_can_carry() {
        let header: SinkHeader = " Authorization :  Bearer abc ".parse().unwrap();
        assert_eq!((header.name(), header.value()), ("authorization", "Bearer abc"));
        assert_eq!(format!("{header:?}"), "SinkHeader(authorization: …)");
        for text in
            ["", "a", ": b", "a:", "a b: c", "a: b\r\nc: d", "a: é", "Host: x", "content-type: text/html"]
        {
            assert!(text.parse::<SinkHeader>().is_err(), "{text}");
        }
    }

    #[test]
    fn pem_is_text_between_its_marks() {
        let pem: Pem =
            "\r\n-----BEGIN CERTIFICATE-----\r\nAA==\r\n-----END CERTIFICATE-----".parse().unwrap();
        assert_eq!(pem.as_str(), "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n");
        assert_eq!(pem.as_str().parse::<Pem>().unwrap(), pem);
        assert!("AA==".parse::<Pem>().is_err());
        assert!(format!("-----BEGIN {}-----END ", "A".repeat(Pem::MOST_BYTES)).parse::<Pem>().is_err());
    }
}
