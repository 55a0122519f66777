//! The chain of events is signed up to where it ends, and what has no event of its own is counted into it.

use keyward_domain::{
    Action, Actor, ChainEnd, OrganizationId, OrganizationScope, ServerJob, SigningKey, Timestamp,
};
use keyward_storage::{Checkpoint, Technical, Tx, Unsigned};
use keyward_token::{AuditCheckpoint, UnixSeconds};
use serde_json::{Value, json};

use crate::{Engine, Error, Resource, Result};

/// Who does what is told here.
const JOB: Actor = Actor::Job(ServerJob::AuditChains);

/// How long events may wait to be signed, in seconds.
const PERIOD: i64 = 60 * 60;

/// How many events there are at most between two checkpoints.
pub(crate) const MOST_UNSIGNED: i64 = 1_000;

/// How long after its end a day is counted: what happened in it may still be on its way, and clocks differ.
const DAY_ENDS_AFTER: i64 = 10 * 60;

/// What came of a look at the chains.
#[derive(Debug)]
pub(crate) enum Signed {
    /// One was signed.
    One,
    /// None needs it.
    None,
    /// One could not be signed, and is put off.
    PutOff(OrganizationId, Error),
}

impl Engine {
    /// Signs the chain that has waited for it longest.
    pub(crate) async fn sign_due_chain(&self) -> Result<Signed> {
        let (now, tx) = (self.now(), self.store.write().await?);
        let Some(id) = tx.next_unsigned_chain(now, PERIOD, MOST_UNSIGNED).await? else {
            return Ok(Signed::None);
        };
        let signed = match self.sign_next(&tx, id, now).await {
            Ok(()) => Signed::One,
            // The database itself: nobody's chain can be signed.
            Err(error @ Error::Storage(_)) => return Err(error),
            Err(error) => {
                let organization =
                    tx.organization_of(id).await?.ok_or(Error::NotFound(Resource::Organization))?;
                let checkpoints = tx.checkpoints(organization.scope());
                let stand = checkpoints.find().await?.ok_or(Error::NotFound(Resource::Organization))?;
                checkpoints.signed(stand.signed, now).await?;
                Signed::PutOff(id, error)
            }
        };
        tx.commit_unrecorded(Technical::Checkpoint).await?;
        Ok(signed)
    }

    async fn sign_next(&self, tx: &Tx, id: OrganizationId, now: Timestamp) -> Result<()> {
        let missing = || Error::NotFound(Resource::Organization);
        let scope = tx.organization_of(id).await?.ok_or_else(missing)?.scope();
        let stand = tx.checkpoints(scope).lock().await?.ok_or_else(missing)?;
        let next = stand.signed + MOST_UNSIGNED;
        let end = match tx.checkpoints(scope).hash(next).await? {
            Some(hash) => ChainEnd { seq: next, hash },
            None => stand.end,
        };
        let key = tx.signing_keys(scope).active().await?.ok_or(Error::NotFound(Resource::SigningKey))?;
        tx.checkpoints(scope).put(&self.checkpoint(&key, scope, stand, end, now)?).await?;
        Ok(())
    }

    /// Signs a chain up to its present end, and gives where it stood.
    pub(crate) async fn sign_chain(&self, scope: OrganizationScope) -> Result<Unsigned> {
        let missing = || Error::NotFound(Resource::Organization);
        let tx = self.store.write().await?;
        let stand = tx.checkpoints(scope).lock().await?.ok_or_else(missing)?;
        let key = tx.signing_keys(scope).active().await?.ok_or(Error::NotFound(Resource::SigningKey))?;
        let checkpoint = self.checkpoint(&key, scope, stand, stand.end, self.now())?;
        tx.checkpoints(scope).put(&checkpoint).await?;
        tx.commit_unrecorded(Technical::Checkpoint).await?;
        Ok(stand)
    }

    fn checkpoint(
        &self,
        key: &SigningKey,
        scope: OrganizationScope,
        stand: Unsigned,
        end: ChainEnd,
        now: Timestamp,
    ) -> Result<Checkpoint> {
        let number = |number: i64| u64::try_from(number).unwrap_or_default();
        let checkpoint = AuditCheckpoint {
            issuer: self.issuer.as_str().to_owned(),
            organization: scope.id().to_string(),
            issued_at: UnixSeconds::new(now.unix()),
            first: number(stand.cut + 1),
            seq: number(end.seq),
            hash: *end.hash.as_bytes(),
        };
        let token = checkpoint.sign(&self.signer(key)?).map_err(Error::Claims)?;
        Ok(Checkpoint { end, at: now, token })
    }

    /// Records what was counted of one organization's oldest day that is over. Whether there was one.
    pub(crate) async fn count_day(&self) -> Result<bool> {
        let today = self.now().plus_seconds(-DAY_ENDS_AFTER).day();
        let tx = self.store.write().await?;
        let Some(id) = tx.organization_with_counts(today).await? else { return Ok(false) };
        let Some(organization) = tx.organization_of(id).await? else { return Ok(false) };
        let scope = organization.scope();
        // Before the counts are looked at, so that of two servers one tells them.
        tx.organizations().lock(scope).await?;
        let Some((day, counts)) = tx.audit_counts(scope).take(today).await? else { return Ok(true) };
        let date = Timestamp::from_unix(day * 24 * 60 * 60).map(Timestamp::date).unwrap_or_default();
        let mut detail: Vec<(&str, Value)> = vec![("day", json!(date))];
        detail.extend(counts.iter().map(|(what, count)| (what.as_str(), json!(count))));
        let recorded = self.record_for(&tx, scope, JOB, Action::DayCounted, None, &detail).await?;
        tx.commit(recorded).await?;
        Ok(true)
    }
}
