//! Answers for a license's own token, shown by the customer who holds it. Read from the database each time:
//! nothing is counted or registered, so nothing is gained by haste.

use keyward_domain::product::Settings;
use keyward_domain::validation::{Asked, Rules, Verdict, decide, out_of_service};
use keyward_domain::{Address, Versions};

use super::answer::{self, Echo};
use super::load::{self, Bearer};
use crate::{Engine, Error, Resource, Result};

impl Engine {
    /// The answer for the license that a token is of; `None` for what is no token of this server.
    pub async fn validate_token(&self, token: &str, address: Address) -> Result<Option<String>> {
        let now = self.now();
        let tx = self.store.read().await?;
        let Some(Bearer { organization, license_snapshot, product }) = load::bearer(self, &tx, token).await?
        else {
            return Ok(None);
        };
        let (settings, versions) = (Settings::default(), Versions::default());
        let rules = Rules { settings: &settings, versions: &versions };
        let rules = product.as_ref().map_or(rules, Rules::from);
        let verdict = match product.as_ref().and_then(out_of_service) {
            Some(status) => Verdict::refused(status),
            None => {
                let asked = Asked { address, counted: false, version: None };
                decide(
                    &organization,
                    rules,
                    license_snapshot.as_ref().map(|license_snapshot| &license_snapshot.facts),
                    &asked,
                    now,
                )
            }
        };
        let key = tx.signing_keys(organization.scope()).active().await?;
        let signer = self.answer_signer(&key.ok_or(Error::NotFound(Resource::SigningKey))?)?;
        let echo =
            Echo { license_key: token, nonce: None, product: product.as_ref().map(|product| product.id) };
        let signed = rules.settings.sign.then_some(&signer);
        Ok(Some(answer::write(&verdict, &echo, signed, now)))
    }
}
