//! What the server finds by itself for webhook endpoints: licenses and registry keys on their way to the end, validations that are
//! refused, and what happens at registries.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use keyward_domain::registry::{Decision, Operation, Registry, RegistryEvent};
use keyward_domain::validation::Status;
use keyward_domain::{
    Occurrence, OrganizationId, OrganizationScope, PageRequest, Product, Timestamp, Webhook,
};
use keyward_storage::{EndMark, Ending, ReachedMark, Technical, Tx, ValidationReport};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::jobs::{Job, Schedule, Step, Stepping};
use crate::{Engine, Result};

/// How often it is looked.
const PERIOD: Duration = Duration::from_secs(60);

/// How many ends are told of in one transaction.
const MOST_TOLD: u64 = 100;

/// How many organizations are looked for at a time.
const MOST_ORGANIZATIONS: u64 = 100;

/// For how many days back a pull makes the next one no first.
const FIRST_SECONDS: i64 = 30 * 24 * 60 * 60;

/// Looks for what endpoints are to be told of.
#[derive(Default)]
pub(crate) struct FindOccurrences {
    /// The organizations that are still to be looked at, and the last that was found.
    rest: RefCell<(VecDeque<OrganizationId>, Option<OrganizationId>)>,
}

impl FindOccurrences {
    async fn look(&self, engine: &Engine) -> Result<Step> {
        let next = self.rest.borrow_mut().0.pop_front();
        let Some(organization) = next else {
            let after = self.rest.borrow().1;
            let tx = engine.store.read().await?;
            let found = tx.organizations_with_webhooks(after, MOST_ORGANIZATIONS).await?;
            let done = found.is_empty();
            *self.rest.borrow_mut() = (VecDeque::from(found.clone()), found.last().copied());
            return Ok(if done { Step::Done(0) } else { Step::More(0) });
        };
        let told = engine.tell_ends(organization).await?;
        if told == MOST_TOLD {
            self.rest.borrow_mut().0.push_front(organization);
            return Ok(Step::More(told));
        }
        Ok(Step::More(told + engine.tell_validations(organization).await?))
    }
}

impl Job for FindOccurrences {
    fn name(&self) -> &'static str {
        "webhook_events"
    }

    fn schedule(&self) -> Schedule {
        Schedule::one_server(PERIOD)
    }

    fn step<'a>(&'a self, engine: &'a Engine) -> Stepping<'a> {
        Box::pin(self.look(engine))
    }
}

impl Engine {
    /// Tells endpoints of licenses and registry keys that have reached a mark on the way to their end. Gives how many.
    async fn tell_ends(&self, id: OrganizationId) -> Result<u64> {
        let (tx, now) = (self.store.write().await?, self.now());
        let Some(scope) = scope_of(&tx, id).await? else { return Ok(0) };
        let reached = tx.occurrences(scope).reached_marks(now, MOST_TOLD).await?;
        // Rows of what ends are locked before what counts messages, as by all who change them.
        let mut untold = Vec::new();
        for mark in &reached {
            if tx.occurrences(scope).note_mark(mark).await? {
                untold.push(mark);
            }
        }
        let webhooks = tx.webhooks(scope).listening().await?;
        for ReachedMark { of, mark } in untold {
            let (target, expiring) = match of {
                Ending::License(license, _) => (license.uuid(), Occurrence::LicenseExpiring),
                Ending::RegistryKey(key, _) => (key.uuid(), Occurrence::RegistryKeyExpiring),
            };
            let (occurrence, detail) = match mark {
                EndMark::Days(days) => (expiring, vec![("days", json!(days))]),
                EndMark::Grace => (Occurrence::LicenseGraceBegun, Vec::new()),
                EndMark::Expired => (Occurrence::LicenseExpired, Vec::new()),
            };
            self.publish_occurrence(&tx, (scope, &webhooks), occurrence, target, &detail).await?;
        }
        if !reached.is_empty() {
            tx.commit_unrecorded(Technical::Occurrence).await?;
        }
        Ok(reached.len() as u64)
    }

    /// Tells endpoints how many validations of each product were refused since it was last looked. Gives of how many products.
    async fn tell_validations(&self, id: OrganizationId) -> Result<u64> {
        let tx = self.store.read().await?;
        let Some(scope) = scope_of(&tx, id).await? else { return Ok(0) };
        let mut page = PageRequest { limit: PageRequest::MOST, after: None };
        let (mut products, mut told) = (Vec::new(), 0);
        loop {
            let (items, next) = tx.products(scope).list(None, page).await?.into_parts();
            products.extend(items.into_iter().filter(|product| product.settings.webhooks));
            match next {
                Some(next) => page.after = Some(next),
                None => break,
            }
        }
        drop(tx);
        for product in products {
            told += u64::from(self.tell_validations_of(scope, &product).await?);
        }
        Ok(told)
    }

    async fn tell_validations_of(&self, scope: OrganizationScope, product: &Product) -> Result<bool> {
        let today = self.now().day();
        let reader = self.store.read().await?;
        let days = reader.usage(product.id).list(today - 1, today).await?;
        let before = reader.occurrences(scope).report(product.id).await?;
        drop(reader);
        let on = |day: i64| days.iter().find(|usage| usage.day == day);
        let answers = on(today).map(|usage| usage.answers.clone()).unwrap_or_default();
        let report = ValidationReport { day: today, answers };
        if before.as_ref() == Some(&report) || (before.is_none() && days.is_empty()) {
            return Ok(false);
        }
        let mut refused = BTreeMap::new();
        if let Some(before) = &before {
            if before.day < today
                && let Some(rest) = on(before.day)
            {
                add_refused(&mut refused, &rest.answers, &before.answers);
            }
            let known = if before.day == today { before.answers.clone() } else { BTreeMap::new() };
            add_refused(&mut refused, &report.answers, &known);
        }
        let tx = self.store.write().await?;
        let target = product.id.uuid();
        if !refused.is_empty() {
            let detail = [("answers", json!(refused))];
            let webhooks = tx.webhooks(scope).listening().await?;
            let refusal = Occurrence::ValidationRefused;
            self.publish_occurrence(&tx, (scope, &webhooks), refusal, target, &detail).await?;
        }
        tx.occurrences(scope).keep_report(product.id, &report).await?;
        tx.commit_unrecorded(Technical::Occurrence).await?;
        Ok(!refused.is_empty())
    }

    /// What endpoints are to be told of an event that was just written to a registry's log.
    pub(crate) async fn registry_occurrence(
        &self,
        tx: &Tx,
        registry: &Registry,
        event: &RegistryEvent,
    ) -> Result<Option<RegistryOccurrence>> {
        let (occurrence, count) = match (event.operation, event.decision) {
            (Operation::Push, Decision::Allowed) if event.digest.is_some() => {
                (Occurrence::RegistryPushed, None)
            }
            (Operation::Pull, Decision::Allowed) if is_first_pull(tx, registry, event).await? => {
                (Occurrence::RegistryFirstPulled, None)
            }
            (_, Decision::Denied) => {
                let hour = event.at.unix() / 3_600;
                let count = tx.habits(event.holder).busiest(event, hour, hour).await?;
                // Of many within an hour, the first, the tenth, the hundredth.
                if count == 0 || 10_u32.pow(count.ilog10()) != count {
                    return Ok(None);
                }
                (Occurrence::RegistryDenied, Some(count))
            }
            (Operation::Pull | Operation::Push | Operation::Delete | Operation::Token, Decision::Allowed) => {
                return Ok(None);
            }
        };
        let (kind, id) = event.holder.parts();
        let mut detail = vec![
            ("repository", json!(event.repository)),
            ("reference", json!(event.reference)),
            ("digest", json!(event.digest)),
            ("operation", json!(event.operation)),
            ("holder", json!({"kind": kind, "id": id})),
            ("address", json!(event.address.ip())),
            ("client", json!(event.client)),
        ];
        detail.extend(count.map(|count| ("count", json!(count))));
        let (scope, registry) = (registry.scope(), registry.id.uuid());
        Ok(Some(RegistryOccurrence { scope, registry, occurrence, detail }))
    }

    /// Tells endpoints of it.
    pub(crate) async fn publish_registry_occurrence(
        &self,
        tx: &Tx,
        webhooks: &[Webhook],
        found: &RegistryOccurrence,
    ) -> Result<()> {
        let RegistryOccurrence { scope, registry, occurrence, detail } = found;
        self.publish_occurrence(tx, (*scope, webhooks), *occurrence, *registry, detail).await
    }
}

/// What happened at a registry, as endpoints are told of it.
pub(crate) struct RegistryOccurrence {
    pub scope: OrganizationScope,
    registry: Uuid,
    occurrence: Occurrence,
    detail: Vec<(&'static str, Value)>,
}

/// The organization, unless it is being deleted.
async fn scope_of(tx: &Tx, id: OrganizationId) -> Result<Option<OrganizationScope>> {
    Ok(tx.organization_of(id).await?.map(|organization| organization.scope()))
}

/// Adds what was refused beyond what was known.
fn add_refused(
    refused: &mut BTreeMap<String, u64>,
    now: &BTreeMap<String, u64>,
    known: &BTreeMap<String, u64>,
) {
    for (answer, count) in now {
        let new = count.saturating_sub(known.get(answer).copied().unwrap_or(0));
        if new > 0 && answer != Status::Active.as_str() {
            *refused.entry(answer.clone()).or_default() += new;
        }
    }
}

/// Whether nobody with this license or key has pulled from the repository for a while. It was just written to the log.
async fn is_first_pull(tx: &Tx, registry: &Registry, event: &RegistryEvent) -> Result<bool> {
    let since: Timestamp = event.at.plus_seconds(-FIRST_SECONDS);
    Ok(!tx.registry_events(registry.scope()).has_pulled_before(event, since).await?)
}
