//! From `Authorization` to a right.

use std::borrow::Cow;

use keyward_domain::{Access, Grant, Secret, SecretKind};
use keyward_engine::{Engine, pasted};

use crate::{Code, Problem};

/// The right of whoever sends a management token to do `P`. `authorization` is the value of the header of this name, if there is
/// one. What has no valid checksum is refused without a look at the database.
///
/// # Errors
/// 401 without a token that works, 403 if it may not do `P`, 503 without a database.
pub async fn authorize<P: Grant>(
    engine: &Engine,
    authorization: Option<&[u8]>,
) -> Result<Access<P>, Problem> {
    let unauthorized = || Problem::new(Code::Unauthorized);
    let text = authorization.and_then(bearer).ok_or_else(unauthorized)?;
    let secret = Secret::parse(SecretKind::Management, &text).ok_or_else(unauthorized)?;
    let identity = engine.authenticate(&secret).await?.ok_or_else(unauthorized)?;
    Ok(engine.permit(&identity)?)
}

/// The credential that the value of the header `Authorization` shows as `Bearer`, without what copying has added to it.
pub fn bearer(authorization: &[u8]) -> Option<Cow<'_, str>> {
    // Not as ASCII: a byte order mark from a file is to be ignored and not to hide the rest.
    let (scheme, text) = std::str::from_utf8(authorization).ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| pasted(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_scheme_is_read_in_any_case_and_what_copying_added_is_left_out() {
        for good in ["Bearer kw_x", "bearer \u{feff}kw_x", "BEARER  \"kw_x\" "] {
            assert_eq!(bearer(good.as_bytes()).as_deref(), Some("kw_x"), "{good}");
        }
        for bad in [&b"Basic kw_x"[..], b"Bearer", b"", b"Bearer \xff"] {
            assert_eq!(bearer(bad), None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..50)) {
            bearer(&bytes);
        }
    }
}
