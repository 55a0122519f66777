//! Answers for a license's own token, shown by the customer who holds it. Read from the database each time:
//! nothing is counted or registered, so nothing is gained by haste.

use keyward_domain::Address;
use keyward_domain::validation::{Asked, Rules, decide};

use super::answer::{self, Echo};
use super::load::{self, Bearer};
use crate::{Engine, Error, Resource, Result};

impl Engine {
    /// The answer for the license that a token is of; `None` for what is no token of this server.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn validate_token(&self, token: &str, address: Address) -> Result<Option<String>> {
        let now = self.now();
        let tx = self.store.read().await?;
        let Some(Bearer { organization, license_snapshot, product }) = load::bearer(self, &tx, token).await?
        else {
            return Ok(None);
        };
        let rules = Rules::of(product.as_ref());
        let asked = Asked { address, counted: false, version: None };
        let facts = license_snapshot.as_ref().map(|license_snapshot| &license_snapshot.facts);
        let verdict = decide(&organization, &rules, facts, &asked, now);
        let key = tx.signing_keys(organization.scope()).active().await?;
        let signer = self.answer_signer(&key.ok_or(Error::NotFound(Resource::SigningKey))?)?;
        let echo =
            Echo { license_key: token, nonce: None, product: product.as_ref().map(|product| product.id) };
        let signed = rules.sign().then_some(&signer);
        Ok(Some(answer::write(&verdict, &echo, signed, now)))
    }
}
