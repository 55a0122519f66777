//! Secrets that are shown once. The form that makes one is answered with a redirect, so that a reload makes no second
//! one; meanwhile the secret waits, sealed, for the one page of the one session that shows it.

use keyward_domain::Session;
use keyward_storage::Technical;
use zeroize::Zeroizing;

use crate::vault::{Place, SealError};
use crate::{Engine, Error, Result};

/// For how many seconds a secret waits for its page.
const WAITS_SECONDS: i64 = 5 * 60;

impl Engine {
    /// Keeps a text for the page of a session, to be shown there once within five minutes.
    pub async fn keep_to_show(&self, session: &Session, page: &str, text: &str) -> Result<()> {
        let (scope, now) = (session.scope(), self.now());
        let place = Place::ShownOnce(session.organization, session.id);
        let sealed = self.vault.seal_text(&place, text.as_bytes(), &self.seal_entropy()).map_err(fault)?;
        let tx = self.store.write().await?;
        let end = now.plus_seconds(WAITS_SECONDS);
        tx.shown_once(scope).put(session.id, page, &sealed, end).await?;
        Ok(tx.commit_unrecorded(Technical::ShownOnce).await?)
    }

    /// The text that waits for a page of a session, this once.
    pub async fn show_once(&self, session: &Session, page: &str) -> Result<Option<Zeroizing<String>>> {
        let scope = session.scope();
        if !self.store.read().await?.shown_once(scope).waits(session.id, page).await? {
            return Ok(None);
        }
        let tx = self.store.write().await?;
        let taken = tx.shown_once(scope).take(session.id, page, self.now()).await?;
        tx.commit_unrecorded(Technical::ShownOnce).await?;
        let Some(sealed) = taken else { return Ok(None) };
        let place = Place::ShownOnce(session.organization, session.id);
        let clear = self.vault.open_text(&place, &sealed).map_err(fault)?;
        let text = std::str::from_utf8(&clear).map_err(|_| fault(SealError::Form))?;
        Ok(Some(Zeroizing::new(text.to_owned())))
    }
}

fn fault(source: SealError) -> Error {
    Error::Key { kid: "secret to be shown once".to_owned(), source }
}
