//! Who is calling, and whether they still may.

use keyward_domain::{Access, Actor, Forbidden, Grant, Identity, Secret};
use keyward_storage::Tx;

use crate::log::queue::{Counted, Entry, Use, What};
use crate::{Engine, Error, Result, organization};

/// How exact "last used" is. Noting it at each request would fill the log.
pub(crate) const LAST_USED_SECONDS: i64 = 60;

impl Engine {
    /// The bearer of a management token, if the token is known and works: with the role that its maker has now.
    pub async fn authenticate(&self, secret: &Secret) -> Result<Option<Identity>> {
        let now = self.now();
        let hash = secret.hash();
        let found = self.store.read().await?.token_by_hash(&hash).await?;
        // The look-up is by hash; the comparison in constant time is what decides.
        let Some(token) = found.filter(|token| token.hash == hash) else { return Ok(None) };
        let Some(identity) = token.identity(now) else { return Ok(None) };
        if token.last_used_at.is_none_or(|last| now >= last.plus_seconds(LAST_USED_SECONDS)) {
            self.log.add(Entry { scope: token.scope(), what: What::Used(Use::Token(token.id, now)) });
        }
        Ok(Some(identity))
    }

    /// Locks the organization, and gives the right of the caller as it is then. Roles change one after the other, so it
    /// holds until the transaction ends, and two owners who step down at once are told apart.
    pub(crate) async fn lock_roles<P: Grant>(&self, tx: &Tx, access: &Access<P>) -> Result<Access<P>> {
        organization::lock(tx, access.scope()).await?;
        self.still(tx, access).await
    }

    /// The right of the same caller to do `Q`, as it is in this transaction. Since the credential was checked, the request
    /// may have waited for its body or for another server, and the right may have been taken away.
    pub(crate) async fn still<P, Q: Grant>(&self, tx: &Tx, access: &Access<P>) -> Result<Access<Q>> {
        let scope = access.scope();
        let identity = match access.actor() {
            Actor::Token(id) => tx.tokens(scope).find(id).await?.and_then(|token| token.identity(self.now())),
            Actor::Member(id) => {
                let session = access.identity().session();
                if let Some(session) = session
                    && !tx
                        .sessions(scope)
                        .find(session)
                        .await?
                        .is_some_and(|session| session.is_live(self.now()))
                {
                    return Err(Error::Unauthenticated);
                }
                let member = tx.members(scope).find(id).await?;
                member.map(|member| session.into_iter().fold(member.identity(), Identity::within))
            }
            // None of these has a role that could be lowered.
            Actor::Operator
            | Actor::Customer(_)
            | Actor::CustomerUser(_)
            | Actor::Link(_)
            | Actor::RegistryKey(_)
            | Actor::Agent(_)
            | Actor::Job(_)
            | Actor::Server => Some(*access.identity()),
        };
        let identity = identity.ok_or(Error::Unauthenticated)?.from_address(access.identity().address());
        Ok(self.permit(&identity)?)
    }

    /// The right of someone to do `P`. Refusals are counted, and the log tells how many there were on a day.
    ///
    /// # Errors
    /// Who may not do it.
    pub fn permit<P: Grant>(&self, identity: &Identity) -> Result<Access<P>, Forbidden> {
        let access = identity.access();
        if access.is_err() {
            self.log.count(identity.scope(), self.now(), Counted::Denied);
        }
        access
    }

    /// Goes on only if a person in a browser has shown in the last minutes who they are: for what would outlive a stolen
    /// cookie, such as another owner. Programs go on, since such a person has made their token.
    pub(crate) async fn still_confirmed<P>(&self, tx: &Tx, access: &Access<P>) -> Result<()> {
        let Some(id) = access.identity().session() else { return Ok(()) };
        let session = tx.sessions(access.scope()).find(id).await?;
        if session.is_some_and(|session| session.is_confirmed(self.now())) {
            Ok(())
        } else {
            Err(Error::Unconfirmed)
        }
    }
}
