//! Lists that go on: which part of one is shown, and the links to its beginning and to what follows.

use actix_web::HttpRequest;
use keyward_domain::{Page, PageRequest};
use url::form_urlencoded;
use uuid::Uuid;

/// One list on a page, whose place is a parameter of the page's address.
pub(crate) struct Paging {
    path: String,
    query: String,
    name: &'static str,
    place: &'static str,
}

/// The links below a list.
#[derive(Default)]
pub(crate) struct Pages {
    /// Back to the beginning, where the list is shown from further on.
    pub first: Option<String>,
    /// To what follows, if there is more.
    pub next: Option<String>,
}

impl Paging {
    /// The only list of the page that is asked for.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        Self::at(request.path(), request.query_string(), "cursor", "")
    }

    /// The list of the page at `path` that begins where `name` says in the query. `place` is its id on the page;
    /// empty for a page that is all list.
    pub(crate) fn at(path: &str, query: &str, name: &'static str, place: &'static str) -> Self {
        Self { path: path.to_owned(), query: query.to_owned(), name, place }
    }

    /// The part of the list that is wanted; the first for what is no cursor.
    pub(crate) fn request(&self) -> PageRequest {
        let after =
            self.pairs().find(|(name, _)| name == self.name).and_then(|(_, value)| value.parse().ok());
        PageRequest { after, ..PageRequest::default() }
    }

    /// The same with another number of rows.
    pub(crate) fn request_of(&self, limit: u32) -> PageRequest {
        PageRequest { limit, ..self.request() }
    }

    /// The rows of the part that was found, and the links.
    pub(crate) fn take<T>(&self, found: Page<T>) -> (Vec<T>, Pages) {
        let (items, next) = found.into_parts();
        (items, self.links(next.map(|next| next.to_string()).as_deref()))
    }

    /// The wanted part of a list that is whole in memory, and the links.
    pub(crate) fn cut<T: Clone>(&self, all: &[T], id: impl Fn(&T) -> Uuid) -> (Vec<T>, Pages) {
        self.take(self.request().of_all(all, id))
    }

    /// The links, where what follows begins at `next`.
    pub(crate) fn links(&self, next: Option<&str>) -> Pages {
        let begun = self.pairs().any(|(name, value)| name == self.name && !value.is_empty());
        Pages { first: begun.then(|| self.address(None)), next: next.map(|next| self.address(Some(next))) }
    }

    /// The page's address with all it asks for, but another beginning of this list.
    fn address(&self, cursor: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        // What was just done is said once.
        let kept =
            self.pairs().filter(|(name, value)| name != self.name && name != "done" && !value.is_empty());
        query.extend_pairs(kept);
        query.extend_pairs(cursor.map(|cursor| (self.name, cursor)));
        let (query, place) = (query.finish(), self.place);
        let mut address = self.path.clone();
        if !query.is_empty() {
            address.push('?');
            address.push_str(&query);
        }
        if !place.is_empty() {
            address.push('#');
            address.push_str(place);
        }
        address
    }

    fn pairs(&self) -> form_urlencoded::Parse<'_> {
        form_urlencoded::parse(self.query.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_on_the_way_through_a_list() {
        let paging = Paging::at("/x", "q=a+%26b&cursor=old&other=c&done=saved&empty=", "cursor", "list");
        let pages = paging.links(Some("new"));
        assert_eq!(pages.first.as_deref(), Some("/x?q=a+%26b&other=c#list"));
        assert_eq!(pages.next.as_deref(), Some("/x?q=a+%26b&other=c&cursor=new#list"));
        let pages = Paging::at("/x", "done=saved", "cursor", "").links(None);
        assert!(pages.first.is_none() && pages.next.is_none());
    }

    #[test]
    fn a_list_in_memory_is_shown_to_its_end() {
        let all: Vec<Uuid> = (0..120).map(Uuid::from_u128).collect();
        let (mut seen, mut query) = (Vec::new(), String::new());
        loop {
            let (some, pages) = Paging::at("/x", &query, "cursor", "").cut(&all, |id| *id);
            seen.extend(some);
            let Some(next) = pages.next else { break };
            query = next.split_once('?').unwrap().1.to_owned();
        }
        assert_eq!(seen, all);
    }
}
