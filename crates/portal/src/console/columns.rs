//! Tables that are ordered by their columns: by plain links, which htmx follows without a reload.

use keyward_domain::{Mark, Order, OrderBy, OrderedRequest, PageRequest};

use super::Listing;
use crate::pages::Pages;

/// The head of one column.
pub(crate) struct Column {
    /// What is in it.
    pub label: &'static str,
    /// Its name in the address, if the table can be ordered by it.
    pub name: &'static str,
    /// Where the table is ordered by it; the other way round where it is already.
    pub href: String,
    /// `ascending` or `descending` where the table is ordered by it.
    pub sorted: &'static str,
}

/// The heads of the columns of a table at `path`.
pub(crate) fn columns<K: OrderBy>(
    path: &str,
    listing: &Listing,
    all: &[(&'static str, Option<K>)],
) -> Vec<Column> {
    let now: Order<K> = listing.order();
    let column = |(label, by): &(&'static str, Option<K>)| {
        let Some(by) = *by else {
            return Column { label, name: "", href: String::new(), sorted: "" };
        };
        let here = by == now.by;
        let next = Order { by, descending: here && !now.descending };
        Column {
            label,
            name: K::ALL.iter().find(|(_, one)| *one == by).map_or("", |(name, _)| name),
            href: listing.address(path, &next.to_string(), None),
            sorted: match (here, now.descending) {
                (true, true) => "descending",
                (true, false) => "ascending",
                (false, _) => "",
            },
        }
    };
    all.iter().map(column).collect()
}

impl Listing {
    /// The order that is wanted; the newest first if none is, or none that there is.
    pub(crate) fn order<K: OrderBy>(&self) -> Order<K> {
        self.sort.parse().unwrap_or_default()
    }

    /// The page that is wanted; the first if the cursor is of another order.
    pub(crate) fn ordered<K: OrderBy>(&self) -> OrderedRequest<K> {
        let (order, limit) = (self.order(), PageRequest::default().limit);
        let after = self.cursor.parse::<Mark>().ok();
        OrderedRequest::new(order, limit, after).unwrap_or_else(|_| OrderedRequest::first(order))
    }

    /// The request for what follows `next`, for files that hold all of a list.
    pub(crate) fn following<K: OrderBy>(&self, next: Option<Mark>) -> Option<OrderedRequest<K>> {
        OrderedRequest::new(self.order(), PageRequest::MOST, next).ok()
    }

    /// The address of the same list in an order, from a cursor on.
    pub(crate) fn address(&self, path: &str, sort: &str, cursor: Option<&Mark>) -> String {
        let cursor = cursor.map(ToString::to_string).unwrap_or_default();
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let parts = [
            ("q", self.q.as_str()),
            ("status", &self.status),
            ("product", &self.product),
            ("customer", &self.customer),
            ("unscoped", &self.unscoped),
            ("sort", sort),
            ("cursor", &cursor),
        ];
        query.extend_pairs(parts.iter().filter(|(_, value)| !value.is_empty()));
        let query = query.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }

    /// The links to the beginning of the list and to what follows at `next`.
    pub(crate) fn pages(&self, path: &str, next: Option<&Mark>) -> Pages {
        Pages {
            first: (!self.cursor.is_empty()).then(|| self.address(path, &self.sort, None)),
            next: next.map(|next| self.address(path, &self.sort, Some(next))),
        }
    }
}
