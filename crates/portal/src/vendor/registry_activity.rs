//! What happened at a registry: pulls, pushes, deletions, and what was refused.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use actix_web::web;
use askama::Template;
use keyward_domain::permission::{ReadCustomers, ReadLicenses, ReadRegistries};
use keyward_domain::registry::{Decision, Holder, Operation, Registry, RegistryEvent};
use keyward_domain::{CustomerId, LicenseId, PageRequest, RegistryId, RegistryKeyId};
use keyward_engine::{Engine, EventFilter};
use keyward_web::Id;

use super::Listing;
use crate::page::{self, Page, Shell};
use crate::signed::Signed;
use crate::trouble::Trouble;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/registries/{id}/activity", web::get().to(list))
        .route("/registries/{id}/activity.csv", web::get().to(csv));
}

/// Which lines are wanted, and where they begin.
#[derive(Debug, Default, serde::Deserialize)]
struct Wanted {
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
    #[serde(default)]
    cursor: String,
}

impl Wanted {
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

    fn page(&self) -> PageRequest {
        PageRequest { limit: 50, after: self.cursor.parse().ok() }
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
    }
}

/// The names of keys, customers and licenses, asked for once each.
#[derive(Default)]
pub(super) struct Names {
    keys: BTreeMap<RegistryKeyId, String>,
    customers: BTreeMap<CustomerId, String>,
    licenses: BTreeMap<LicenseId, String>,
}

impl Names {
    async fn line(
        &mut self,
        engine: &Engine,
        signed: &Signed<ReadRegistries>,
        event: RegistryEvent,
    ) -> Result<Line, Trouble> {
        let (who, link) = self.who(engine, signed, event.registry, event.holder).await?;
        let bytes = match (event.operation, event.decision) {
            (Operation::Pull, Decision::Allowed) => Some(event.bytes),
            (Operation::Pull, Decision::Denied) => None,
            (
                Operation::Push | Operation::Delete | Operation::Token,
                Decision::Allowed | Decision::Denied,
            ) => None,
        };
        Ok(Line { same: same(event.holder), event, who, link, bytes })
    }

    /// The name of whom it was, and their page.
    pub(super) async fn who(
        &mut self,
        engine: &Engine,
        signed: &Signed<ReadRegistries>,
        registry: RegistryId,
        holder: Holder,
    ) -> Result<(String, String), Trouble> {
        let gone = || "deleted".to_owned();
        let (who, link) = match holder {
            Holder::Key(id) => {
                if let Entry::Vacant(place) = self.keys.entry(id) {
                    let key = engine.registry_key(&signed.access, id).await;
                    place.insert(key.map_or_else(|_| gone(), |key| format!("key {}", key.name)));
                }
                (self.keys.get(&id), format!("/registries/{registry}/keys"))
            }
            Holder::License { customer: Some(id), .. } => {
                if let Entry::Vacant(place) = self.customers.entry(id) {
                    let customer = engine.customer(&signed.access.also::<ReadCustomers>()?, id).await;
                    place.insert(customer.map_or_else(|_| gone(), |customer| customer.name.to_string()));
                }
                (self.customers.get(&id), format!("/customers/{id}"))
            }
            Holder::License { license: id, customer: None } => {
                if let Entry::Vacant(place) = self.licenses.entry(id) {
                    let license = engine.license(&signed.access.also::<ReadLicenses>()?, id).await;
                    let name = license.map_or_else(|_| gone(), |license| format!("license {}", license.name));
                    place.insert(name);
                }
                (self.licenses.get(&id), format!("/licenses/{id}"))
            }
        };
        Ok((who.cloned().unwrap_or_default(), link))
    }
}

#[derive(Template)]
#[template(path = "vendor/registry_activity.html")]
struct ActivityPage {
    shell: Shell,
    registry: Registry,
    tab: &'static str,
    operations: [Operation; 4],
    decisions: [Decision; 2],
    wanted: Wanted,
    /// The filter as a query.
    query: String,
    lines: Vec<Line>,
    next: Option<String>,
}

async fn list(
    signed: Signed<ReadRegistries>,
    id: Id<RegistryId>,
    wanted: web::Query<Wanted>,
    engine: web::Data<Engine>,
) -> Page {
    let registry = engine.registry(&signed.access, id.0).await?;
    let wanted = wanted.into_inner().readable();
    let found = engine.registry_events(&signed.access, wanted.filter(id.0), wanted.page()).await?;
    let (mut names, mut lines) = (Names::default(), Vec::new());
    for event in found.items {
        lines.push(names.line(&engine, &signed, event).await?);
    }
    page::send(&ActivityPage {
        shell: Shell::vendor(&signed.visit, &signed.csrf, "registries", engine.now()),
        registry,
        tab: "activity",
        operations: Operation::ALL,
        decisions: [Decision::Allowed, Decision::Denied],
        query: wanted.query(),
        wanted,
        lines,
        next: found.next.map(|cursor| cursor.to_string()),
    })
}

/// The most rows of a file, the latest ones.
const MOST_ROWS: usize = 100_000;

const HEAD: [&str; 10] =
    ["at", "who", "operation", "decision", "repository", "reference", "digest", "bytes", "address", "client"];

async fn csv(
    signed: Signed<ReadRegistries>,
    id: Id<RegistryId>,
    wanted: web::Query<Wanted>,
    engine: web::Data<Engine>,
) -> Page {
    engine.registry(&signed.access, id.0).await?;
    let (mut names, mut rows, mut page) = (Names::default(), Vec::new(), Listing::whole());
    let mut events = Vec::new();
    while events.len() < MOST_ROWS {
        let found = engine.registry_events(&signed.access, wanted.filter(id.0), page).await?;
        events.extend(found.items);
        match found.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    for event in events {
        let Line { event, who, bytes, .. } = names.line(&engine, &signed, event).await?;
        rows.push(vec![
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
        ]);
    }
    Ok(page::csv("activity.csv", &HEAD, rows))
}
