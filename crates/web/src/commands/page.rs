//! Pages of lists.

use keyward_domain::{Mark, Order, OrderBy, OrderedRequest, PageRequest};

use crate::fields::{Bounded, Words};
use crate::{Fields, Request, words};

type Limit = Bounded<1, { PageRequest::MOST }>;

impl Request for PageRequest {
    const WORDS: Words = words!("" {
        /// How many at most.
        /// Default: 50
        "limit",
        /// `next_cursor` of the page before.
        "cursor"
    });

    fn read(fields: &mut Fields) -> Option<Self> {
        let limit = fields.optional::<Limit>("limit").map_or(Self::default().limit, Into::into);
        Some(Self { limit, after: fields.optional("cursor") })
    }
}

/// What it can be ordered by is said by whoever asks for it, of the member `sort`.
impl<K: OrderBy> Request for OrderedRequest<K> {
    const WORDS: Words = PageRequest::WORDS;

    fn read(fields: &mut Fields) -> Option<Self> {
        let limit = fields.optional::<Limit>("limit").map_or(PageRequest::default().limit, Into::into);
        let (after, order) = (fields.optional::<Mark>("cursor"), fields.optional::<Order<K>>("sort"));
        Self::new(order.unwrap_or_default(), limit, after).map_err(|fault| fields.fault("cursor", fault)).ok()
    }
}
