//! Lists in pages by keyset: newest first after a cursor, or in another order after a mark.

use keyward_domain::{Cursor, Mark, OrderBy, Ordered, OrderedRequest, Page, PageRequest, Place};
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{
    ColumnTrait, Condition, DbBackend, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect, Select,
};
use uuid::Uuid;

use crate::Result;
use crate::connection::Connection;

/// Restricts a query to one page and one row more, which tells whether there is a next page.
pub(crate) fn paged<E: EntityTrait>(query: Select<E>, id: E::Column, page: PageRequest) -> Select<E> {
    let query = match page.after {
        Some(cursor) => query.filter(id.lt(cursor.id())),
        None => query,
    };
    query.order_by_desc(id).limit(u64::from(page.limit) + 1)
}

/// Makes the page of what [`paged`] found.
pub(crate) fn page<R, T>(
    mut rows: Vec<R>,
    page: PageRequest,
    id: impl Fn(&R) -> Uuid,
    read: impl FnMut(R) -> Result<T>,
) -> Result<Page<T>> {
    let limit = page.limit as usize;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| Cursor::after(id(row)));
    Ok(Page::new(rows.into_iter().map(read).collect::<Result<_>>()?, next))
}

/// Restricts a query to one page in an order and one row more. `place` is what [`Place`] is of a row.
pub(crate) fn in_order<Q: QueryFilter + QueryOrder + QuerySelect, K: OrderBy>(
    query: Q,
    place: SimpleExpr,
    id: SimpleExpr,
    request: &OrderedRequest<K>,
) -> Q {
    let descending = request.order.descending;
    let query = match request.after() {
        Some(mark) => {
            let last = match &mark.place {
                Place::Number(number) => Expr::value(*number),
                Place::Text(text) => Expr::value(text.clone()),
            };
            let (beyond, beside) = if descending {
                (place.clone().lt(last.clone()), id.clone().lt(mark.id))
            } else {
                (place.clone().gt(last.clone()), id.clone().gt(mark.id))
            };
            // Says nothing new, but where an index is to be entered.
            let from =
                if descending { place.clone().lte(last.clone()) } else { place.clone().gte(last.clone()) };
            let same = Condition::all().add(place.clone().eq(last)).add(beside);
            query.filter(from).filter(Condition::any().add(beyond).add(same))
        }
        None => query,
    };
    let order = || if descending { Order::Desc } else { Order::Asc };
    query.order_by(place, order()).order_by(id, order()).limit(u64::from(request.limit) + 1)
}

/// Makes the page of what [`in_order`] found.
pub(crate) fn ordered<R, T, K: OrderBy>(
    mut rows: Vec<R>,
    request: &OrderedRequest<K>,
    read: impl FnMut(R) -> Result<T>,
    place: impl Fn(&T) -> (Place, Uuid),
) -> Result<Ordered<T>> {
    let more = rows.len() > request.limit as usize;
    rows.truncate(request.limit as usize);
    let items = rows.into_iter().map(read).collect::<Result<Vec<_>>>()?;
    let next = items.last().filter(|_| more).map(|last| {
        let (place, id) = place(last);
        Mark::after(request.order, place, id)
    });
    Ok(Ordered::new(items, next))
}

/// A text column as [`Place::text`] has it: on both databases only the case of ASCII is folded, and bytes are compared.
pub(crate) fn text_place<C: ColumnTrait>(tx: &Connection, column: C) -> SimpleExpr {
    use sea_orm::ConnectionTrait as _;
    let name = format!("\"{}\".\"{}\"", column.entity_name(), column.unquoted());
    match tx.get_database_backend() {
        DbBackend::Postgres => Expr::cust(format!("lower({name} COLLATE \"C\")")),
        _ => Expr::cust(format!("lower({name})")),
    }
}
