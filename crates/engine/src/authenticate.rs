//! Who is calling.

use keyward_domain::{Identity, Secret};

use crate::log::queue::{Entry, Use, What};
use crate::{Engine, Result};

/// How exact "last used" is. Noting it at each request would fill the log.
pub(crate) const LAST_USED_SECONDS: i64 = 60;

impl Engine {
    /// The bearer of a management token, if the token is known and alive.
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
}
