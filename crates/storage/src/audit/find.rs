//! Pages of the log, and its parts in the order of the chain.

use keyward_domain::{ActorFilter, AuditFilter, Cursor, Page, PageRequest, RecordedEvent, Timestamp};
use sea_orm::{ColumnTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use super::row::{Column, Entity, Model};
use super::{AuditEvents, read};
use crate::Result;
use crate::folding::contains;
use crate::page::page;

/// How many events are looked through for a text at a time.
const WINDOW: i64 = 20_000;

/// How often, for one page.
const WINDOWS: u32 = 5;

/// Where a page may begin and must end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    /// The greatest sequence.
    pub last: Option<i64>,
    /// The least one.
    pub first: Option<i64>,
}

impl AuditEvents<'_> {
    /// A page of the log, what was done last first. What no index finds is looked for in a bounded number of events: such a page may
    /// hold few or none, and say where the next one begins.
    pub async fn list(&self, filter: &AuditFilter, request: PageRequest) -> Result<Page<RecordedEvent>> {
        let Some(span) = self.span(filter, request).await? else { return Ok(Page::new(Vec::new(), None)) };
        let indexed = match filter.actor {
            Some(ActorFilter::Kind(_)) => filter.target.is_some(),
            Some(ActorFilter::Id(_)) | None => filter.search.is_none(),
        };
        if !indexed {
            return self.look_through(filter, span, request).await;
        }
        let most = u64::from(request.limit) + 1;
        let mut rows = Vec::new();
        // Each action by itself, along the index that has them in order.
        for query in self.queries(filter, span) {
            rows.extend(query.limit(most).all(self.tx).await?);
        }
        rows.sort_unstable_by_key(|row: &Model| std::cmp::Reverse(row.sequence));
        page(rows, request, |row| row.id, read)
    }

    /// The next events of the chain after this number, at most `most`.
    pub async fn after(&self, seq: i64, most: u64) -> Result<Vec<RecordedEvent>> {
        let rows = self.own().filter(Column::Seq.gt(seq)).order_by_asc(Column::Seq).limit(most);
        rows.all(self.tx).await?.into_iter().map(read).collect()
    }

    async fn look_through(
        &self,
        filter: &AuditFilter,
        span: Span,
        request: PageRequest,
    ) -> Result<Page<RecordedEvent>> {
        let most = request.limit as usize + 1;
        let found = match &filter.action {
            Some(action) => {
                let actions = action.actions().iter().map(|action| action.as_str());
                self.matching(filter).filter(Column::Action.is_in(actions))
            }
            None => self.matching(filter),
        };
        let (mut rows, mut upper) = (Vec::new(), self.greatest(span.last).await?);
        for _ in 0..WINDOWS {
            let Some(last) = upper.filter(|last| span.first.is_none_or(|first| *last >= first)) else {
                break;
            };
            let window = Span { last: Some(last), first: span.first.max(Some(last - WINDOW + 1)) };
            let left = (most - rows.len()) as u64;
            let some = within(found.clone(), window).order_by_desc(Column::Sequence).limit(left);
            rows.extend(some.all(self.tx).await?);
            if rows.len() == most {
                return page(rows, request, |row| row.id, read);
            }
            upper = self.greatest(Some(last - WINDOW)).await?;
        }
        let rest = match upper.filter(|last| span.first.is_none_or(|first| *last >= first)) {
            Some(upper) => self.least_above(upper).await?.map(Cursor::after),
            None => None,
        };
        Ok(Page::new(rows.into_iter().map(read).collect::<Result<_>>()?, rest))
    }

    /// What finds the events that fit, one query for each action.
    pub(crate) fn queries(&self, filter: &AuditFilter, span: Span) -> Vec<Select<Entity>> {
        let found = within(self.matching(filter), span).order_by_desc(Column::Sequence);
        match &filter.action {
            Some(action) => {
                let actions = action.actions().iter();
                actions.map(|action| found.clone().filter(Column::Action.eq(action.as_str()))).collect()
            }
            None => vec![found],
        }
    }

    /// What fits a filter, but for its action.
    fn matching(&self, filter: &AuditFilter) -> Select<Entity> {
        let mut found = self.own();
        found = match filter.actor {
            Some(ActorFilter::Id(id)) => found.filter(Column::ActorId.eq(id)),
            Some(ActorFilter::Kind(kind)) => found.filter(Column::Actor.eq(kind)),
            None => found,
        };
        if let Some(text) = &filter.search {
            found = found.filter(contains(Column::Search, text));
        }
        if let Some(target) = filter.target {
            found = found.filter(Column::Target.eq(target));
        }
        if let Some(since) = filter.since {
            found = found.filter(Column::At.gte(since.unix()));
        }
        if let Some(until) = filter.until {
            found = found.filter(Column::At.lt(until.unix()));
        }
        found
    }

    /// Between which sequences all lies that a page may hold; `None` if that is nothing. The clocks of servers differ a little.
    async fn span(&self, filter: &AuditFilter, request: PageRequest) -> Result<Option<Span>> {
        let mut span = Span { last: None, first: None };
        if let Some(until) = filter.until {
            let before = Column::At.lt(until.unix() + Timestamp::SKEW_SECONDS);
            let Some(last) = self.at_end(before, Order::Desc).await? else { return Ok(None) };
            span.last = Some(last);
        }
        if let Some(since) = filter.since {
            let after = Column::At.gte(since.unix() - Timestamp::SKEW_SECONDS);
            let Some(first) = self.at_end(after, Order::Asc).await? else { return Ok(None) };
            span.first = Some(first);
        }
        if let Some(cursor) = request.after {
            let last = self.own().filter(Column::Id.eq(cursor.id())).select_only().column(Column::Sequence);
            let Some(last) = last.into_tuple::<i64>().one(self.tx).await? else { return Ok(None) };
            span.last = Some(span.last.map_or(last - 1, |other| other.min(last - 1)));
        }
        Ok(Some(span))
    }

    /// The sequence of the first or the last event by its time.
    async fn at_end(&self, fits: sea_orm::sea_query::SimpleExpr, order: Order) -> Result<Option<i64>> {
        let found = self.own().filter(fits).select_only().column(Column::Sequence);
        let found = found.order_by(Column::At, order.clone()).order_by(Column::Sequence, order).limit(1);
        Ok(found.into_tuple().one(self.tx).await?)
    }

    /// The greatest sequence up to this one.
    async fn greatest(&self, last: Option<i64>) -> Result<Option<i64>> {
        let found = within(self.own(), Span { last, first: None }).select_only().column(Column::Sequence);
        Ok(found.order_by_desc(Column::Sequence).limit(1).into_tuple().one(self.tx).await?)
    }

    async fn least_above(&self, sequence: i64) -> Result<Option<Uuid>> {
        let found = self.own().filter(Column::Sequence.gt(sequence)).select_only().column(Column::Id);
        Ok(found.order_by_asc(Column::Sequence).limit(1).into_tuple().one(self.tx).await?)
    }

    fn own(&self) -> Select<Entity> {
        Entity::find().filter(Column::OrganizationId.eq(self.scope.id().uuid()))
    }
}

fn within(found: Select<Entity>, span: Span) -> Select<Entity> {
    let found = match span.last {
        Some(last) => found.filter(Column::Sequence.lte(last)),
        None => found,
    };
    match span.first {
        Some(first) => found.filter(Column::Sequence.gte(first)),
        None => found,
    }
}
