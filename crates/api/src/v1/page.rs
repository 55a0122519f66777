//! Lists.

use keyward_domain::{Ordered, Page};
use serde::Serialize;

/// One page of a list, newest first where no other order was asked for.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct PageView<T> {
    /// The things on this page.
    pub items: Vec<T>,
    /// Where the next page begins; `null` on the last.
    pub next_cursor: Option<String>,
}

impl<T> PageView<T> {
    /// Shows each thing of a page in an order.
    pub(crate) fn in_order<D>(page: Ordered<D>, view: impl FnMut(D) -> T) -> Self {
        let (items, next) = page.into_parts();
        Self { items: items.into_iter().map(view).collect(), next_cursor: next.map(|mark| mark.to_string()) }
    }

    /// Shows each thing of a page.
    pub(crate) fn of<D>(page: Page<D>, view: impl FnMut(D) -> T) -> Self {
        let (items, next) = page.into_parts();
        let next_cursor = next.map(|cursor| cursor.to_string());
        Self { items: items.into_iter().map(view).collect(), next_cursor }
    }
}
