//! Through whom a request came (`Via`, RFC 9110, section 7.6.3): a registry whose upstream is this server again, directly
//! or by way of another, would ask itself for ever.

use actix_web::http::header::{self, HeaderMap, HeaderValue};
use keyward_engine::outbound::bounds;

use crate::refusal::Refusal;

/// The intermediaries of a request, this server not among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Via(String);

impl Via {
    /// Those that a request names. Refused if it was here before, or has come far.
    pub(crate) fn of(headers: &HeaderMap, installation: &str) -> Result<Self, Refusal> {
        let values = headers.get_all(header::VIA).filter_map(|value| value.to_str().ok());
        let hops: Vec<_> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
        let here = |hop: &&str| hop.split_whitespace().nth(1) == Some(installation);
        if hops.iter().any(here) || hops.len() > bounds::HOPS {
            return Err(Refusal::looped());
        }
        Ok(Self(hops.join(", ")))
    }

    /// What a request to an upstream says.
    pub(crate) fn onward(&self, installation: &str) -> Option<HeaderValue> {
        let own = format!("1.1 {installation}");
        let all = if self.0.is_empty() { own } else { format!("{}, {own}", self.0) };
        HeaderValue::from_str(&all).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Result<Via, Refusal> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::VIA, HeaderValue::from_str(value).unwrap());
        }
        Via::of(&headers, "keyward-a")
    }

    #[test]
    fn who_was_here_before_goes_no_further() {
        assert_eq!(of(&[]).unwrap().onward("keyward-a").unwrap(), "1.1 keyward-a");
        let far = of(&["1.1 proxy (Apache/1.1), 2 keyward-b", "HTTP/1.1 other"]).unwrap();
        assert_eq!(
            far.onward("keyward-a").unwrap(),
            "1.1 proxy (Apache/1.1), 2 keyward-b, HTTP/1.1 other, 1.1 keyward-a"
        );
        for looped in
            [&["1.1 keyward-a"][..], &["1.1 keyward-b, 1.1 keyward-a"], &["1.1 x", "2 keyward-a (y)"]]
        {
            assert_eq!(of(looped).unwrap_err(), Refusal::looped(), "{looped:?}");
        }
        assert!(of(&["1.1 keyward-ab, 1.1 xkeyward-a, keyward-a"]).is_ok());
        let many = vec!["1.1 x"; bounds::HOPS + 1].join(",");
        assert!(of(&[&many]).is_err() && of(&[&many[6..]]).is_ok());
    }
}
