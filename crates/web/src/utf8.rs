//! Percent-encoded text, taken only if it is UTF-8: what can't be read is refused, and never replaced.

use std::borrow::Cow;

use actix_web::http::Uri;
use percent_encoding::percent_decode_str;

/// The names and values of a query string or a form (`application/x-www-form-urlencoded`); `None` if they aren't UTF-8.
pub fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decoded(name)?, decoded(value)?))
        })
        .collect()
}

fn decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().ok().map(Cow::into_owned)
}

/// Whether path and query of an address are UTF-8 once decoded.
pub(crate) fn is_readable(uri: &Uri) -> bool {
    let readable = |text: &str| percent_decode_str(text).decode_utf8().is_ok();
    readable(uri.path()) && uri.query().is_none_or(readable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_refused() {
        let read = |text: &str| pairs(text);
        assert_eq!(
            read("a=%c3%a9+b&&c"),
            Some(vec![("a".into(), "é b".into()), ("c".into(), String::new())])
        );
        assert_eq!(read("a=b%3dc=d"), Some(vec![("a".into(), "b=c=d".into())]));
        for text in ["a=%ff", "%c3=a", "a=%ed%a0%80", "a=%c0%80", "a=b&c=%e2%82"] {
            assert_eq!(read(text), None, "{text}");
        }
        for (address, expected) in
            [("/a%2Fb?c=d", true), ("/%ff", false), ("/a?q=%ff", false), ("/%", true), ("/a?%e2%82=1", false)]
        {
            assert_eq!(is_readable(&address.parse().unwrap()), expected, "{address}");
        }
    }
}
