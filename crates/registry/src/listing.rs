//! Lists of tags and repositories: all of the upstream's, filtered by what the principal may have, and only then paged. To
//! filter pages would give short ones and tell names in their `Link`.

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderValue};
use serde_json::json;

use crate::refusal::{API_VERSION, Refusal};

/// Which page a client wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListRequest {
    n: Option<usize>,
    last: Option<String>,
}

impl ListRequest {
    /// From `?n=&last=`.
    pub(crate) fn parse(query: &str) -> Result<Self, Refusal> {
        let mut wanted = Self { n: None, last: None };
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "n" => {
                    let wrong = || Refusal::bad("PAGINATION_NUMBER_INVALID", "n must be a number, 0 or more");
                    wanted.n = Some(value.parse().map_err(|_| wrong())?);
                }
                "last" => wanted.last = Some(value.into_owned()),
                _ => {}
            }
        }
        Ok(wanted)
    }

    /// The page of `items`, and after which item the next one begins.
    fn page(&self, mut items: Vec<String>) -> (Vec<String>, Option<String>) {
        items.sort_unstable();
        items.dedup();
        if let Some(last) = &self.last {
            items.retain(|item| item > last);
        }
        let Some(n) = self.n.filter(|n| *n < items.len()) else { return (items, None) };
        items.truncate(n);
        let next = items.last().cloned();
        (items, next)
    }

    /// The answer with one page, and the address of the next in `Link`.
    pub(crate) fn respond(
        &self,
        path: &str,
        items: Vec<String>,
        body: impl FnOnce(Vec<String>) -> serde_json::Value,
    ) -> HttpResponse {
        let (items, next) = self.page(items);
        let mut response = HttpResponse::Ok();
        response.insert_header(API_VERSION);
        if let (Some(last), Some(n)) = (next, self.n) {
            let query = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("last", &last)
                .append_pair("n", &n.to_string())
                .finish();
            if let Ok(link) = HeaderValue::from_str(&format!("<{path}?{query}>; rel=\"next\"")) {
                response.insert_header((header::LINK, link));
            }
        }
        response.json(body(items))
    }
}

/// The body of a list of tags.
pub(crate) fn tags(name: &str) -> impl FnOnce(Vec<String>) -> serde_json::Value {
    let name = name.to_owned();
    move |tags| json!({"name": name, "tags": tags})
}

/// The body of a list of repositories.
pub(crate) fn repositories(repositories: Vec<String>) -> serde_json::Value {
    json!({"repositories": repositories})
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_page_is_asked_by() {
        assert_eq!(ListRequest::parse("").unwrap(), ListRequest { n: None, last: None });
        assert_eq!(
            ListRequest::parse("n=2&last=a%2Bb&x=y").unwrap(),
            ListRequest { n: Some(2), last: Some("a+b".to_owned()) }
        );
        for bad in ["n=-1", "n=x", "n=", "n=1.5"] {
            assert_eq!(ListRequest::parse(bad).unwrap_err().code, "PAGINATION_NUMBER_INVALID", "{bad}");
        }
    }

    proptest! {
        #[test]
        fn the_pages_are_the_list(mut items in prop::collection::vec("[a-z]{1,3}", 0..30), n in 1_usize..7) {
            let mut seen = Vec::new();
            let mut wanted = ListRequest { n: Some(n), last: None };
            loop {
                let (page, next) = wanted.page(items.clone());
                prop_assert!(page.len() <= n);
                seen.extend(page);
                match next {
                    Some(last) => wanted.last = Some(last),
                    None => break,
                }
            }
            items.sort();
            items.dedup();
            prop_assert_eq!(seen, items);
        }
    }
}
