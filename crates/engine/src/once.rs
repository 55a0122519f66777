//! A request that is sent again is answered again and not carried out again.
//!
//! The name of the request (`Idempotency-Key`) is written in the transaction of its effect: either both
//! are there after a crash, or neither.

use keyward_domain::{Idempotency, OrganizationScope, Timestamp};
use keyward_storage::{Claim, Tx};
use uuid::Uuid;

use crate::{Error, Result};

/// What a command gave, and whether it was carried out now or before.
#[derive(Debug)]
pub struct Done<T> {
    /// The thing as it is now.
    pub value: T,
    /// Whether an earlier request with the same key had done it.
    pub replayed: bool,
}

impl<T> Done<T> {
    pub(crate) fn now(value: T) -> Self {
        Self { value, replayed: false }
    }

    pub(crate) fn before(value: T) -> Self {
        Self { value, replayed: true }
    }
}

/// The thing that an earlier request of this name made or changed, if there was one.
pub(crate) async fn earlier(
    tx: &Tx,
    scope: OrganizationScope,
    once: Option<&Idempotency>,
    now: Timestamp,
) -> Result<Option<Uuid>> {
    let Some(once) = once else { return Ok(None) };
    match tx.idempotency(scope).claim(once, now).await? {
        Claim::New => Ok(None),
        Claim::Done { resource } => Ok(Some(resource)),
        Claim::Mismatch => Err(Error::KeyReused),
    }
}

/// Refuses a request of a name that was carried out before and has shown a secret, which is shown once.
pub(crate) async fn first(
    tx: &Tx,
    scope: OrganizationScope,
    once: Option<&Idempotency>,
    now: Timestamp,
) -> Result<()> {
    match earlier(tx, scope, once, now).await? {
        None => Ok(()),
        Some(resource) => Err(Error::SecretShown { resource }),
    }
}

/// Notes what this request made or changed.
pub(crate) async fn complete(
    tx: &Tx,
    scope: OrganizationScope,
    once: Option<&Idempotency>,
    resource: Uuid,
) -> Result<()> {
    if let Some(once) = once {
        tx.idempotency(scope).complete(&once.key, resource).await?;
    }
    Ok(())
}
