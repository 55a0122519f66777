//! Lists.

use keyward_domain::{Cursor, Mark, Order, OrderBy, Ordered, OrderedRequest, Page, PageRequest};
use keyward_web::fields::Bounded;
use keyward_web::{Fields, Request};
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

/// Which page is wanted.
#[derive(Debug, Clone, Copy, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// How many at most.
    #[param(value_type = Option<u32>, default = 50)]
    limit: Option<Limit>,
    /// `next_cursor` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

impl PageQuery {
    pub(crate) fn request(self) -> PageRequest {
        let default = PageRequest::default();
        PageRequest { limit: self.limit.map_or(default.limit, |limit| limit.0), after: self.cursor }
    }
}

impl Request for PageQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { limit: fields.optional("limit"), cursor: fields.optional("cursor") })
    }
}

/// The page of a list in an order: `limit`, `cursor` and `sort`.
pub(crate) fn in_order<K: OrderBy>(fields: &mut Fields) -> Option<OrderedRequest<K>> {
    let limit = fields.optional::<Limit>("limit").map_or(PageRequest::default().limit, |limit| limit.0);
    let (after, order) = (fields.optional::<Mark>("cursor"), fields.optional::<Order<K>>("sort"));
    OrderedRequest::new(order.unwrap_or_default(), limit, after)
        .map_err(|fault| fields.fault("cursor", fault))
        .ok()
}

type Limit = Bounded<1, { PageRequest::MOST }>;
