//! The first start: a link, printed once, that founds the first organization.

use keyward_domain::{Action, Actor, Secret, SecretHash, SecretKind};
use keyward_storage::{Technical, Tx};
use sha2::Digest as _;

use crate::organization::NewOrganization;
use crate::password::Password;
use crate::sessions::{ClientInfo, SignedIn};
use crate::{Engine, Error, Resource, Result};

/// The name under which the hash of the setup link is kept.
const SETUP: &str = "setup_link";

impl Engine {
    /// A fresh setup link, as long as there is no organization; links made before are dead.
    pub async fn setup_link(&self) -> Result<Option<String>> {
        let tx = self.store.write().await?;
        if tx.organizations().any().await? {
            return Ok(None);
        }
        let secret = Secret::new(SecretKind::Setup, self.random());
        tx.settings().set(SETUP, &hex(&secret.hash())).await?;
        tx.commit_unrecorded(Technical::Installation).await?;
        Ok(Some(format!("{}/setup/{}", self.issuer.as_str(), secret.expose())))
    }

    /// Whether a setup link can be opened.
    pub async fn is_setup_link(&self, secret: &Secret) -> Result<bool> {
        let tx = self.store.read().await?;
        let kept = tx.settings().get(SETUP).await?;
        Ok(!tx.organizations().any().await? && kept.is_some_and(|kept| same(&kept, secret)))
    }

    /// Opens the setup link: founds the organization, and signs its owner in. Of two who try, one does.
    pub async fn set_up(
        &self,
        secret: &Secret,
        new: NewOrganization,
        password: Password,
        client: ClientInfo,
    ) -> Result<SignedIn> {
        // Looked at before anything is hashed: only who has the link makes that work.
        let tx = self.store.read().await?;
        self.openable(&tx, secret).await?;
        drop(tx);
        let hash = self.hash_password(password).await?;
        self.transaction(async |tx| {
            // Held first: of two with the same link, the second finds an organization.
            tx.settings().set("setup_attempt", &self.now().to_string()).await?;
            self.openable(&tx, secret).await?;
            let (founded, _) = self.found(&tx, new.clone(), Actor::Operator, false).await?;
            tx.settings().set(SETUP, "").await?;
            // Nobody has seen the secret of the first token: it is not needed where there is a password.
            let token = keyward_domain::ManagementToken { revoked_at: Some(self.now()), ..founded.token };
            tx.tokens(founded.organization.scope()).save(&token).await?;
            let scope = founded.organization.scope();
            self.record_for(&tx, scope, Actor::Operator, Action::TokenRevoked, token.id.uuid(), &[]).await?;
            self.put_password(&tx, &founded.owner, &hash).await?;
            let (signed_in, recorded) = self.member_session(&tx, &founded.owner, &client).await?;
            tx.commit(recorded).await?;
            Ok(signed_in)
        })
        .await
    }

    async fn openable(&self, tx: &Tx, secret: &Secret) -> Result<()> {
        let kept = tx.settings().get(SETUP).await?;
        if !kept.is_some_and(|kept| same(&kept, secret)) {
            return Err(Error::NotFound(Resource::Link));
        }
        if tx.organizations().any().await? { Err(Error::LinkGone) } else { Ok(()) }
    }
}

fn hex(hash: &SecretHash) -> String {
    hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compared by hashes of equal length, in constant time.
fn same(kept: &str, secret: &Secret) -> bool {
    let digest = |text: &str| SecretHash::from_bytes(sha2::Sha256::digest(text.as_bytes()).into());
    digest(kept) == digest(&hex(&secret.hash()))
}
