//! Who a client says it is: `Authorization: Basic`, whose password is a registry key or a license's token and whose
//! user name is a label; or the same as `Bearer`. Both went through files and shells on their way: a newline at the end
//! (`kubectl create secret --from-file`, `echo … | base64`) is no part of them.

use actix_web::http::header::{self, HeaderMap};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyward_engine::pasted;
use zeroize::Zeroizing;

/// The secret that a client shows, if it shows one that can be read.
pub(crate) fn password(headers: &HeaderMap) -> Option<Zeroizing<String>> {
    let mut given = headers.get_all(header::AUTHORIZATION);
    let value = std::str::from_utf8(given.next()?.as_bytes()).ok()?;
    if given.next().is_some() {
        return None;
    }
    let (scheme, rest) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(secret(rest));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = Zeroizing::new(STANDARD.decode(&*pasted(rest)).ok()?);
    let (_, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some(secret(password))
}

/// A key or token as someone has handed it to their client.
pub(crate) fn secret(text: &str) -> Zeroizing<String> {
    Zeroizing::new(pasted(text).into_owned())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn read(value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        password(&headers).map(|password| password.to_string())
    }

    #[test]
    fn basic_and_bearer() {
        let basic = format!("Basic {}", STANDARD.encode("customer:kw_reg_x:y"));
        assert_eq!(read(&basic).as_deref(), Some("kw_reg_x:y"));
        assert_eq!(read("bearer abc").as_deref(), Some("abc"));
        for pasted in ["abc\n", "\u{feff}abc\r\n", "“abc”", " a\n bc "] {
            let basic = format!("Basic {}", STANDARD.encode(format!("customer\n:{pasted}")));
            assert_eq!(read(&basic).as_deref(), Some("abc"), "{pasted:?}");
        }
        assert_eq!(read("Bearer \u{feff}abc ").as_deref(), Some("abc"));
        for bad in ["Basic", "Basic !!", "Digest x", &format!("Basic {}", STANDARD.encode("nocolon"))] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
