//! What happened at a registry: pulls, pushes, deletions, and what was refused.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadCustomers, ReadLicenses, ReadRegistries};
use keyward_domain::registry::{Decision, Holder, Operation, Registry, RegistryEvent};
use keyward_domain::{CustomerId, PageRequest, RegistryId, RegistryKeyId};
use keyward_engine::{Engine, EventFilter, HolderNames, LiveTopic, Named};
use keyward_web::Id;

use crate::error_page::PageError;
use crate::live::Live;
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/registries/{id}/activity", web::get().to(list))
        .route("/registries/{id}/activity.csv", web::get().to(csv));
}

/// Which lines are wanted.
#[derive(Debug, Default, serde::Deserialize)]
struct Query {
    #[serde(default)]
    operation: String,
    #[serde(default)]
    decision: String,
    /// Of this key only.
    #[serde(default)]
    key: String,
    /// Of this customer only.
    #[serde(default)]
    customer: String,
}

impl Query {
    fn filter(&self, registry: RegistryId) -> EventFilter {
        EventFilter {
            registry: Some(registry),
            customer: self.customer.parse().ok(),
            key: self.key.parse().ok(),
            operation: self.operation.parse().ok(),
            decision: self.decision.parse().ok(),
        }
    }

    /// Without ids that are none.
    fn readable(mut self) -> Self {
        if self.key.parse::<RegistryKeyId>().is_err() {
            self.key.clear();
        }
        if self.customer.parse::<CustomerId>().is_err() {
            self.customer.clear();
        }
        self
    }

    /// The filter as a query, for the pages and files that keep to it.
    fn query(&self) -> String {
        let filter = [
            ("operation", &self.operation),
            ("decision", &self.decision),
            ("key", &self.key),
            ("customer", &self.customer),
        ];
        let given = filter.into_iter().filter(|(_, value)| !value.is_empty());
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish()
    }
}

/// A line with the names of all in it.
struct Line {
    event: RegistryEvent,
    who: String,
    /// The page of whom it was.
    link: String,
    /// The query for all lines of the same; licenses without a customer have none.
    same: Option<String>,
    /// How much was pulled, where something was.
    bytes: Option<u64>,
}

/// The query for all that the same key or customer did.
pub(super) fn same(holder: Holder) -> Option<String> {
    match holder {
        Holder::Key(id) => Some(format!("key={id}")),
        Holder::License { customer, .. } => customer.map(|id| format!("customer={id}")),
        Holder::Deployment { customer, .. } => Some(format!("customer={customer}")),
    }
}

/// What something is called in a table.
pub(super) fn called(named: Option<&Named>) -> String {
    named.map_or_else(|| "deleted".to_owned(), Named::to_string)
}

/// The names of the keys, customers and licenses of a page, asked for together.
pub(super) struct Holders(HolderNames);

impl Holders {
    /// Of all these.
    pub(super) async fn of(
        engine: &Engine,
        signed: &Signed<ReadRegistries>,
        holders: impl IntoIterator<Item = Holder>,
    ) -> Result<Self, PageError> {
        let customers = signed.access.also::<ReadCustomers>()?;
        let licenses = signed.access.also::<ReadLicenses>()?;
        Ok(Self(engine.holder_names(&signed.access, &customers, &licenses, holders).await?))
    }

    /// The name of whom it was, and their page.
    pub(super) fn who(&self, registry: RegistryId, holder: Holder) -> (String, String) {
        let name = called(self.0.of(holder));
        match holder {
            Holder::Key(_) => (format!("key {name}"), format!("/registries/{registry}/keys")),
            Holder::License { customer: Some(id), .. } => (name, format!("/customers/{id}")),
            Holder::License { license, customer: None } => {
                (format!("license {name}"), format!("/licenses/{license}"))
            }
            Holder::Deployment { deployment, .. } => {
                (format!("deployment of {name}"), format!("/deployments/{deployment}"))
            }
        }
    }

    fn line(&self, event: RegistryEvent) -> Line {
        let (who, link) = self.who(event.registry, event.holder);
        let bytes = match (event.operation, event.decision) {
            (Operation::Pull, Decision::Allowed) => Some(event.bytes),
            (Operation::Pull, Decision::Denied) => None,
            (
                Operation::Push | Operation::Delete | Operation::Token,
                Decision::Allowed | Decision::Denied,
            ) => None,
        };
        Line { same: same(event.holder), event, who, link, bytes }
    }
}

#[derive(Template)]
#[template(path = "console/registry_activity.html")]
struct ActivityPage {
    shell: Shell,
    registry: Registry,
    tab: &'static str,
    operations: [Operation; 4],
    decisions: [Decision; 2],
    wanted: Query,
    /// The filter as a query.
    query: String,
    lines: Vec<Line>,
    pages: Pages,
    live: Option<Live>,
}

async fn list(
    request: HttpRequest,
    signed: Signed<ReadRegistries>,
    id: Id<RegistryId>,
    wanted: web::Query<Query>,
    engine: web::Data<Engine>,
) -> Page {
    let registry = engine.registry(&signed.access, id.0).await?;
    let wanted = wanted.into_inner().readable();
    let paging = Paging::of(&request);
    let found = engine.registry_events(&signed.access, wanted.filter(id.0), paging.request()).await?;
    let (events, pages) = paging.take(found);
    let names = Holders::of(&engine, &signed, events.iter().map(|event| event.holder)).await?;
    let live = if pages.first.is_none() {
        let followed = engine.follow(&signed.person.identity, LiveTopic::Registry(id.0)).await?;
        Some(Live::of(&engine, &followed, format!("/live/registries/{}", id.0)).await?)
    } else {
        None
    };
    page::send(&ActivityPage {
        live,
        shell: Shell::vendor(&signed.person, &signed.csrf, "registries", engine.now()),
        registry,
        tab: "activity",
        operations: Operation::ALL,
        decisions: [Decision::Allowed, Decision::Denied],
        query: wanted.query(),
        wanted,
        lines: events.into_iter().map(|event| names.line(event)).collect(),
        pages,
    })
}

/// The most rows of a file, the latest ones.
const MOST_ROWS: usize = 100_000;

const HEAD: [&str; 10] =
    ["at", "who", "operation", "decision", "repository", "reference", "digest", "bytes", "address", "client"];

async fn csv(
    signed: Signed<ReadRegistries>,
    id: Id<RegistryId>,
    wanted: web::Query<Query>,
    engine: web::Data<Engine>,
) -> Page {
    engine.registry(&signed.access, id.0).await?;
    let mut rows = Vec::new();
    let mut page = Some(PageRequest { limit: PageRequest::MOST, after: None });
    while let Some(request) = page.filter(|_| rows.len() < MOST_ROWS) {
        let found = engine.registry_events(&signed.access, wanted.filter(id.0), request).await?;
        let (events, next) = found.into_parts();
        let names = Holders::of(&engine, &signed, events.iter().map(|event| event.holder)).await?;
        rows.extend(events.into_iter().map(|event| row(names.line(event))));
        page = next.map(|next| PageRequest { after: Some(next), ..request });
    }
    Ok(page::csv("activity.csv", &HEAD, rows))
}

fn row(Line { event, who, bytes, .. }: Line) -> Vec<String> {
    vec![
        event.at.to_string(),
        who,
        event.operation.to_string(),
        event.decision.as_str().to_owned(),
        event.repository.to_string(),
        event.reference,
        event.digest.map(|digest| digest.to_string()).unwrap_or_default(),
        bytes.map(|bytes| bytes.to_string()).unwrap_or_default(),
        event.address.ip().to_string(),
        event.client,
    ]
}
