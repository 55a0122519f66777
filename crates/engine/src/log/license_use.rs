//! What licenses are used for: gathered in memory, license by license, and added to the database together. Validations themselves are
//! counted before they are answered; this is beside the answer, so a server that is killed forgets the last moments of it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyward_domain::license_use::{MOST_VERSION_CHARACTERS, MOST_VERSIONS, SeenVersion};
use keyward_domain::text::legible;
use keyward_domain::validation::Status;
use keyward_domain::{Address, LicenseId, Occurrence, OrganizationScope, ProductId, Timestamp, Webhook};
use keyward_storage::{LicenseValidations, StorageError, Technical, Tx};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::{Engine, Error, Result};

/// How long validations gather before they are added.
const GATHER: Duration = Duration::from_secs(1);

/// How many times as long as it took to add some nothing is added then: so it takes no more than a thirtieth of the time.
const REST: u32 = 30;

/// How long after a failure it is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// The most licenses of one transaction: on SQLite all other writers wait for its end.
const MOST_LICENSES: usize = 250;

/// One validation that was answered and counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Validated<'a> {
    pub scope: OrganizationScope,
    pub license: LicenseId,
    pub product: ProductId,
    pub status: Status,
    /// As it was named.
    pub version: Option<&'a str>,
    pub address: Address,
    pub at: Timestamp,
}

/// Where validations gather. There are at most as many as licenses: one that is asked for again takes no more room.
#[derive(Default)]
pub(crate) struct LicenseUseBook {
    state: Mutex<State>,
    begun: Notify,
}

#[derive(Default)]
struct State {
    uses: BTreeMap<LicenseId, (OrganizationScope, LicenseValidations)>,
    /// When they are to be added; `None` while there are none.
    due: Option<Instant>,
    /// Until when nothing is added.
    rests_until: Option<Instant>,
}

impl LicenseUseBook {
    /// Notes a validation.
    pub(crate) fn note(&self, validated: &Validated<'_>) {
        let mut state = self.state();
        state.note(validated);
        if state.due.is_none() {
            let gathered = Instant::now() + GATHER;
            state.due = Some(state.rests_until.map_or(gathered, |rested| rested.max(gathered)));
            drop(state);
            self.begun.notify_one();
        }
    }

    /// Waits until some are to be added.
    pub(super) async fn due(&self) {
        loop {
            let due = self.state().due;
            match due {
                Some(due) => return tokio::time::sleep_until(due).await,
                None => self.begun.notified().await,
            }
        }
    }

    fn take(&self) -> Vec<(OrganizationScope, LicenseValidations)> {
        let mut state = self.state();
        state.due = None;
        std::mem::take(&mut state.uses).into_values().collect()
    }

    fn rest(&self, took: Duration) {
        self.state().rests_until = Some(Instant::now() + took * REST);
    }

    /// Takes back what could not be added.
    fn take_back(&self, uses: Vec<(OrganizationScope, LicenseValidations)>) {
        let mut state = self.state();
        for (scope, mut earlier) in uses {
            if let Some((_, later)) = state.uses.remove(&earlier.license) {
                join(&mut earlier, &later);
            }
            state.uses.insert(earlier.license, (scope, earlier));
        }
        state.due = Some(Instant::now() + PAUSE);
        drop(state);
        self.begun.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here is left half done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, validated: &Validated<'_>) {
        let none = || LicenseValidations {
            license: validated.license,
            product: validated.product,
            answers: BTreeMap::new(),
            versions: Vec::new(),
            address: validated.address,
        };
        let (_, known) = self.uses.entry(validated.license).or_insert_with(|| (validated.scope, none()));
        *known.answers.entry((validated.at.day(), validated.status)).or_default() += 1;
        known.address = validated.address;
        let named = validated.version.filter(|version| !version.is_empty());
        match known.versions.iter_mut().find(|seen| seen.version.as_deref() == named) {
            Some(seen) => (seen.last_seen_at, seen.status) = (validated.at, validated.status),
            None => see(
                &mut known.versions,
                SeenVersion {
                    version: named.map(str::to_owned),
                    first_seen_at: validated.at,
                    last_seen_at: validated.at,
                    status: validated.status,
                },
            ),
        }
    }
}

/// Adds a version, in the place of the one that was seen least recently where there are enough.
fn see(versions: &mut Vec<SeenVersion>, new: SeenVersion) {
    if versions.len() >= MOST_VERSIONS
        && let Some(oldest) = versions.iter().enumerate().min_by_key(|(_, seen)| seen.last_seen_at)
    {
        versions.remove(oldest.0);
    }
    versions.push(new);
}

/// Adds what came later.
fn join(whole: &mut LicenseValidations, later: &LicenseValidations) {
    for (key, count) in &later.answers {
        *whole.answers.entry(*key).or_default() += count;
    }
    whole.address = later.address;
    for new in &later.versions {
        match whole.versions.iter_mut().find(|seen| seen.version == new.version) {
            Some(seen) => (seen.last_seen_at, seen.status) = (new.last_seen_at, new.status),
            None => see(&mut whole.versions, new.clone()),
        }
    }
}

/// The same with versions as they may stand on a page. Of two that look the same then, one is left.
fn written_down(mut used: LicenseValidations) -> LicenseValidations {
    let mut versions: Vec<SeenVersion> = Vec::new();
    for mut seen in used.versions {
        let named = seen.version.map(|version| legible(&version, MOST_VERSION_CHARACTERS));
        seen.version = named.filter(|version| !version.is_empty());
        match versions.iter_mut().find(|known| known.version == seen.version) {
            Some(known) => {
                known.first_seen_at = known.first_seen_at.min(seen.first_seen_at);
                if known.last_seen_at <= seen.last_seen_at {
                    (known.last_seen_at, known.status) = (seen.last_seen_at, seen.status);
                }
            }
            None => versions.push(seen),
        }
    }
    used.versions = versions;
    used
}

impl Engine {
    /// Adds what has gathered.
    pub(super) async fn write_license_use(&self) -> Result<()> {
        let (begun, mut rest) = (Instant::now(), self.license_uses.take());
        while !rest.is_empty() {
            let part: Vec<_> = rest.drain(..MOST_LICENSES.min(rest.len())).collect();
            if let Err(error) = self.add_license_use(&part).await {
                // Where it is not known what became of them: better that they are counted by nobody than twice.
                if !matches!(error, Error::Storage(StorageError::Unknown(_))) {
                    rest.extend(part);
                }
                self.license_uses.take_back(rest);
                return Err(error);
            }
        }
        self.license_uses.rest(begun.elapsed());
        Ok(())
    }

    async fn add_license_use(&self, part: &[(OrganizationScope, LicenseValidations)]) -> Result<()> {
        let uses: Vec<_> = part.iter().map(|(_, used)| written_down(used.clone())).collect();
        self.transaction(async |tx| {
            let begun = tx.license_uses().add(&uses).await?;
            let mut webhooks = BTreeMap::new();
            for ((scope, _), used) in part.iter().zip(&uses).filter(|(_, used)| begun.contains(&used.license))
            {
                if let Entry::Vacant(unread) = webhooks.entry(scope.id()) {
                    unread.insert(tx.webhooks(*scope).listening().await?);
                }
                let listening = webhooks.get(&scope.id()).map(Vec::as_slice).unwrap_or_default();
                self.publish_first_validation(&tx, (*scope, listening), used).await?;
            }
            Ok(tx.commit_unrecorded(Technical::Usage).await?)
        })
        .await
    }

    async fn publish_first_validation(
        &self,
        tx: &Tx,
        to: (OrganizationScope, &[Webhook]),
        used: &LicenseValidations,
    ) -> Result<()> {
        let Some(first) = used.versions.iter().min_by_key(|seen| seen.first_seen_at) else { return Ok(()) };
        let detail = [
            ("status", json!(first.status.as_str())),
            ("version", json!(first.version)),
            ("address", json!(used.address.ip())),
        ];
        let kind = Occurrence::LicenseFirstValidated;
        self.publish_occurrence(tx, to, kind, used.license.uuid(), &detail).await
    }
}

#[cfg(test)]
mod tests;
