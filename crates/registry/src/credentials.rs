//! Who a client says it is: `Authorization: Basic`, whose password is a registry key or a license's token and whose
//! user name is a label; or the same as `Bearer`.

use actix_web::http::header::{self, HeaderMap};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// The secret that a client shows, if it shows one that can be read.
pub(crate) fn password(headers: &HeaderMap) -> Option<Zeroizing<String>> {
    let mut given = headers.get_all(header::AUTHORIZATION);
    let value = given.next()?.to_str().ok()?;
    if given.next().is_some() {
        return None;
    }
    let (scheme, rest) = value.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Zeroizing::new(rest.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = Zeroizing::new(STANDARD.decode(rest).ok()?);
    let (_, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some(Zeroizing::new(password.to_owned()))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn read(value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        password(&headers).map(|password| password.to_string())
    }

    #[test]
    fn basic_and_bearer() {
        let basic = format!("Basic {}", STANDARD.encode("customer:kw_reg_x:y"));
        assert_eq!(read(&basic).as_deref(), Some("kw_reg_x:y"));
        assert_eq!(read("bearer abc").as_deref(), Some("abc"));
        for bad in ["Basic", "Basic !!", "Digest x", &format!("Basic {}", STANDARD.encode("nocolon"))] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
