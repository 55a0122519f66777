use actix_web::{get, web};
use keyward_domain::permission::ReadProducts;
use keyward_domain::{ProductId, Timestamp};
use keyward_engine::{Engine, ProductUsage, Usage};
use keyward_web::fields::Bounded;
use keyward_web::{Answer, Caller, Id, Problem, Query, request};
use serde::Serialize;
use std::collections::BTreeMap;

/// How far back.
#[derive(Debug)]
pub(crate) struct UsageQuery {
    days: Option<Bounded<0, 366>>,
}

request! {
    for UsageQuery {
        /// Days before today: 0 to 366.
        /// Default: 30
        days: optional,
    }
}

/// How often a product was asked.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Usage)]
pub(crate) struct UsageView {
    /// How many requests a day the plan lets in; `null` for any number.
    limit: Option<u32>,
    /// The days on which anything was asked, the latest first.
    items: Vec<DayView>,
}

/// One day (UTC).
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = UsageDay)]
pub(crate) struct DayView {
    #[schema(example = "2026-11-21")]
    day: String,
    /// How many requests were let in.
    used: u64,
    /// What they were answered.
    #[schema(example = json!({"active": 1200, "expired": 7}))]
    answers: BTreeMap<String, u64>,
}

impl From<Usage> for DayView {
    fn from(counted: Usage) -> Self {
        let midnight = Timestamp::from_unix(counted.day * 24 * 60 * 60).unwrap_or(Timestamp::MIN);
        Self { day: midnight.date(), used: counted.used, answers: counted.answers }
    }
}

/// Show how often a product was asked
#[utoipa::path(responses((status = 200, body = UsageView)))]
#[get("/api/v1/products/{id}/usage")]
pub(crate) async fn product_usage(
    caller: Caller<ReadProducts>,
    id: Id<ProductId>,
    query: Query<UsageQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<UsageView>, Problem> {
    let ProductUsage { limit, days } =
        engine.product_usage(&caller, id.0, query.0.days.map_or(30, |Bounded(days)| days)).await?;
    Ok(Answer::ok(UsageView { limit, items: days.into_iter().map(DayView::from).collect() }))
}
