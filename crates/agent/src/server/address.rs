//! The address of a server.

use std::net::IpAddr;

use ureq::http::Uri;

/// The address of a server as requests are signed for it: scheme and host, and the port and path if it has any; no `/` at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(String);

/// Why an address is not one to be joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no address.
    #[error("`{0}` is not the address of a server: it looks like https://keys.example.com")]
    Malformed(String),
    /// It would be spoken to in the clear.
    #[error(
        "{0} is not reached by TLS, so that anybody on the way could use the join code in your place and read \
         everything that the server sends. Use https://, or say --plain-http if the way to the server is protected \
         by other means"
    )]
    Plain(String),
}

impl Address {
    /// Reads what a person has typed. Plain HTTP goes over the loopback interface alone, unless `plain_http` says that it may.
    ///
    /// # Errors
    /// If it is none, or not protected.
    pub fn parse(text: &str, plain_http: bool) -> Result<Self, AddressError> {
        let malformed = || AddressError::Malformed(text.chars().filter(|c| !c.is_control()).collect());
        let text = text.trim();
        let uri: Uri = text.parse().map_err(|_| malformed())?;
        let (scheme, host) = (uri.scheme_str(), uri.host());
        let (Some(scheme), Some(host)) = (scheme, host) else { return Err(malformed()) };
        let authority = uri.authority().map(|authority| authority.as_str().to_ascii_lowercase());
        let authority = authority.filter(|authority| !authority.contains('@')).ok_or_else(malformed)?;
        if host.is_empty() || uri.query().is_some() || text.contains('#') {
            return Err(malformed());
        }
        let usual = if scheme == "https" { ":443" } else { ":80" };
        let authority = authority.strip_suffix(usual).unwrap_or(&authority);
        let address = format!("{scheme}://{authority}{}", uri.path().trim_end_matches('/'));
        match scheme {
            "https" => Ok(Self(address)),
            "http" if plain_http || is_loopback(host) => Ok(Self(address)),
            "http" => Err(AddressError::Plain(address)),
            _ => Err(malformed()),
        }
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a host is this machine itself.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_in_one_way() {
        let parse = |text: &str| Address::parse(text, false).map(|address| address.0);
        assert_eq!(parse(" https://Keys.Example.com/ ").unwrap(), "https://keys.example.com");
        assert_eq!(parse("https://keys.example.com:8443/kw/").unwrap(), "https://keys.example.com:8443/kw");
        assert_eq!(parse("https://keys.example.com:443").unwrap(), "https://keys.example.com");
        assert_eq!(parse("http://127.0.0.1:8080").unwrap(), "http://127.0.0.1:8080");
        assert_eq!(parse("http://[::1]:8080").unwrap(), "http://[::1]:8080");
        assert_eq!(parse("http://localhost:8080").unwrap(), "http://localhost:8080");
        for text in
            ["", "keys.example.com", "https://", "ftp://x", "https://me:pw@x", "https://x?y", "https://x#y"]
        {
            assert!(matches!(parse(text), Err(AddressError::Malformed(_))), "{text}");
        }
        for text in ["http://keys.example.com", "http://127.0.0.1.example.com", "http://10.0.0.1"] {
            assert!(matches!(parse(text), Err(AddressError::Plain(_))), "{text}");
            assert!(Address::parse(text, true).is_ok());
        }
    }
}
