//! How the databases carry out what pages ask of the largest tables: along an index, never by reading all of a table.
#![allow(clippy::unwrap_used, reason = "tests")]

use keyward_domain::{
    ActorFilter, AuditFilter, BlockList, CustomerId, LicenseFilter, LicenseOrder, LicenseStatus, Mark, Order,
    OrderedRequest, Organization, OrganizationId, OrganizationState, PageRequest, Place, Plan, ProductId,
    Timestamp,
};
use sea_orm::{ConnectionTrait as _, DbBackend, EntityTrait as _, QueryFilter as _, QueryTrait};
use uuid::Uuid;

use crate::audit::Span;
use crate::license::{self, row as licenses};
use crate::page::paged;
use crate::{
    Count, Generation, Store, Tx, Usage, customer, customer_user, member, overview, registry_key, revision,
    search, usage_counter, usage_share,
};

/// The tables that grow with the number of customers.
const LARGE: [&str; 12] = [
    "audit_events",
    "customer_users",
    "customers",
    "licenses",
    "members",
    "revisions",
    "registry_keys",
    "usage_counters",
    "own",
    "product_usage",
    "usage_shares",
    "shares",
];

fn organization() -> Organization {
    let founded = Timestamp::from_unix(1_767_225_600).unwrap();
    Organization {
        id: OrganizationId::new(1, [1; 10]),
        name: "Acme".parse().unwrap(),
        slug: "acme".parse().unwrap(),
        plan: Plan::Enterprise,
        overrides: Default::default(),
        trial_started_at: None,
        state: OrganizationState::Active,
        blocked: BlockList::default(),
        created_at: founded,
        updated_at: founded,
        version: 1,
    }
}

fn counted() -> Count {
    Count {
        product: ProductId::new(1, [1; 10]),
        organization: organization().id,
        generation: Generation { number: 1, id: Uuid::nil() },
        before: 0,
        after: Usage::none(1),
    }
}

/// What pages ask, and validation, each with its name.
fn queries(tx: &Tx) -> Vec<(&'static str, String)> {
    let scope = organization().scope();
    let now = Timestamp::from_unix(1_767_225_600).unwrap();
    let page = PageRequest {
        limit: 50,
        after: Some(keyward_domain::Cursor::after(CustomerId::new(1, [1; 10]).uuid())),
    };
    let backend = tx.inner.get_database_backend();
    let active = LicenseFilter { status: Some(LicenseStatus::Active), ..LicenseFilter::default() };
    let theirs = LicenseFilter { customer: Some(CustomerId::new(1, [1; 10])), ..LicenseFilter::default() };
    let text = |query: sea_orm::Statement| query.to_string();
    let customers = paged(tx.customers(scope).live(), customer::row::Column::Id, page);
    let listed = |filter: &LicenseFilter| {
        license::matching(paged(license::found(scope, filter), licenses::Column::Id, page), filter, now)
    };
    let buyer = CustomerId::new(1, [1; 10]);
    let users = paged(tx.customer_users(scope).of(buyer), customer_user::row::Column::Id, page);
    let keys = registry_key::row::Entity::find()
        .filter(sea_orm::ColumnTrait::eq(&registry_key::row::Column::OrganizationId, scope.id().uuid()));
    let never = || sea_orm::ColumnTrait::is_null(&revision::row::Column::ExpiresAt);
    let order = Order { by: LicenseOrder::Expires, descending: false };
    let mark = Mark::after(order, Place::Number(now.unix()), Uuid::nil());
    let by_end = [OrderedRequest::first(order), OrderedRequest::new(order, 50, Some(mark)).unwrap()];
    let by_end = by_end.map(|request| {
        text(license::listed(&tx.inner, scope, &LicenseFilter::default(), now, &request).build(backend))
    });
    let [first_by_end, further_by_end] = by_end;
    let email = "ada@acme.example".parse().unwrap();
    let ever = AuditFilter::default();
    let audit = |filter: &AuditFilter| {
        let span = Span { last: Some(1_000), first: Some(10) };
        text(tx.audit(scope).queries(filter, span).remove(0).build(backend))
    };
    let by_actor = AuditFilter { actor: Some(ActorFilter::Id(Uuid::nil())), ..ever.clone() };
    let of_target = AuditFilter { target: Some(Uuid::nil()), ..ever.clone() };
    let renewals = AuditFilter { action: Some("license.renewed".parse().unwrap()), ..ever.clone() };
    vec![
        ("events", audit(&ever)),
        ("events by an actor", audit(&by_actor)),
        ("events of a thing", audit(&of_target)),
        ("events of a kind", audit(&renewals)),
        ("customers", text(customers.build(backend))),
        ("licenses", text(listed(&LicenseFilter::default()).build(backend))),
        ("licenses of a customer", text(listed(&theirs).build(backend))),
        ("licenses by key", text(search::by_key_prefix(scope, "7ZZQ", 20).build(backend))),
        ("active licenses", text(license::filtered(scope, &active, now).build(backend))),
        ("first licenses by end", first_by_end),
        ("further licenses by end", further_by_end),
        ("first to end", text(overview::first_to_end(scope, now, now.plus_days(30), 8).build(backend))),
        ("first in grace", text(overview::first_in_grace(scope, now, now.plus_days(30), 8).build(backend))),
        ("begun", text(overview::begun(scope, now, never()).build(backend))),
        ("begun and out", text(overview::out(scope, now, never()).build(backend))),
        ("customers by address", text(customer::with_email(&email).build(backend))),
        ("users of customers by address", text(customer_user::with_email(&email).build(backend))),
        ("users of a customer", text(users.build(backend))),
        ("members by address", text(member::with_email(&email).build(backend))),
        ("counts", text(usage_counter::statement(backend, Uuid::nil(), &[counted()]).unwrap())),
        (
            "largest partitions by end",
            text(usage_share::largest((ProductId::new(1, [1; 10]), 1), 1_000).build(backend)),
        ),
        ("refused partitions", text(usage_share::untold(backend, 1, 100))),
        ("counted on a day", text(usage_share::counted(backend, 1))),
        ("registry keys", text(paged(keys, registry_key::row::Column::Id, page).build(backend))),
    ]
}

async fn plan(tx: &Tx, query: &str) -> Vec<String> {
    let backend = tx.inner.get_database_backend();
    let (explain, column) = match backend {
        DbBackend::Postgres => ("EXPLAIN", "QUERY PLAN"),
        _ => ("EXPLAIN QUERY PLAN", "detail"),
    };
    let rows = tx
        .inner
        .query_all_raw(sea_orm::Statement::from_string(backend, format!("{explain} {query}")))
        .await
        .unwrap();
    rows.iter().map(|row| row.try_get::<String>("", column).unwrap()).collect()
}

fn reads_all(line: &str) -> bool {
    let line = line.trim().trim_start_matches("->").trim();
    LARGE
        .iter()
        .any(|table| line == format!("SCAN {table}") || line.starts_with(&format!("Seq Scan on {table}")))
}

async fn check(store: Store) {
    store.migrate().await.unwrap();
    let tx = store.read().await.unwrap();
    if tx.inner.get_database_backend() == DbBackend::Postgres {
        // Of tables this small it would read all, index or not.
        tx.inner.execute_unprepared("SET LOCAL enable_seqscan = off").await.unwrap();
    }
    for (name, query) in queries(&tx) {
        let plan = plan(&tx, &query).await;
        assert!(!plan.is_empty() && !plan.iter().any(|line| reads_all(line)), "{name}: {plan:#?}\n{query}");
        // What is read in an order stands in it.
        let sorts = |line: &String| line.contains("TEMP B-TREE") || line.contains("Sort");
        assert!(!(name.ends_with("by end") && plan.iter().any(sorts)), "{name}: {plan:#?}\n{query}");
    }
}

#[tokio::test]
async fn sqlite_reads_large_tables_along_an_index() {
    let dir = tempfile::tempdir().unwrap();
    check(Store::connect(&format!("sqlite://{}", dir.path().join("plans.db").display())).await.unwrap())
        .await;
}

#[tokio::test]
async fn postgres_reads_large_tables_along_an_index() {
    let Some(database) = keyward_testkit::database::FreshPostgres::create().await else { return };
    check(Store::connect(&database.url).await.unwrap()).await;
    database.drop().await;
}
