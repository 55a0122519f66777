//! Answers for a license's own token, shown by the customer who holds it. Read from the database each time:
//! nothing is counted or registered, so nothing is gained by haste.

use keyward_domain::product::Settings;
use keyward_domain::validation::{Asked, Rules, Verdict, decide, out_of_service};
use keyward_domain::{Address, Kid, Versions};
use keyward_token::UnverifiedToken;

use super::answer::{self, Echo};
use super::load;
use crate::{Engine, Error, Result, Thing};

impl Engine {
    /// The answer for the license that a token is of; `None` for what is no token of this server.
    pub async fn validate_token(&self, token: &str, address: Address) -> Result<Option<String>> {
        let now = self.now();
        let Some(kid) = UnverifiedToken::parse(token).ok().and_then(|token| token.kid()) else {
            return Ok(None);
        };
        let tx = self.store.read().await?;
        // Two organizations may have imported the same key; the token says which of them it is of.
        for organization in tx.organizations().with_signing_key(&Kid::from_bytes(kid.to_bytes())).await? {
            let scope = organization.scope();
            let keyring = load::keyring(&tx, scope).await?;
            let Some(named) = load::token(&keyring, scope, token) else { continue };
            let held = load::held(&tx, scope, named).await?;
            let product = match held.as_ref().and_then(|held| held.holding.product) {
                Some(product) => tx.products(scope).find(product).await?,
                None => None,
            };
            let (settings, versions) = (Settings::default(), Versions::default());
            let rules = Rules { settings: &settings, versions: &versions };
            let rules = product.as_ref().map_or(rules, Rules::from);
            let verdict = match product.as_ref().and_then(out_of_service) {
                Some(status) => Verdict::refused(status),
                None => {
                    let asked = Asked { address, counted: false, version: None };
                    decide(&organization, rules, held.as_ref().map(|held| &held.holding), &asked, now)
                }
            };
            let key = tx.signing_keys(scope).active().await?.ok_or(Error::NotFound(Thing::SigningKey))?;
            let signer = self.answer_signer(&key)?;
            let echo =
                Echo { license_key: token, nonce: None, product: product.as_ref().map(|product| product.id) };
            let signed = rules.settings.sign.then_some(&signer);
            return Ok(Some(answer::write(&verdict, &echo, signed, now)));
        }
        Ok(None)
    }
}
