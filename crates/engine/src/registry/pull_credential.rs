//! What the agent on a customer's host pulls the images of a deployment with. Nothing is kept of it: the registry's own key signs
//! it, and at each request it is asked anew what the customer's licenses open.

use keyward_domain::admission::{Principal, Rights};
use keyward_domain::registry::{Holder, PullClaims, PullCredential, Registry, pull_credential};
use keyward_domain::{Deployment, DeploymentTarget, Organization, OrganizationScope};
use keyward_storage::Tx;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{Signature, VerifyingKey};
use zeroize::Zeroizing;

use crate::{Engine, Result};

impl Engine {
    /// Writes and signs a pull credential for a registry. Whoever calls it has looked whether the agent may have it.
    ///
    /// # Errors
    /// If the registry's key can't be opened.
    pub fn sign_pull_credential(
        &self,
        registry: &Registry,
        claims: &PullClaims,
    ) -> Result<Zeroizing<String>> {
        let text = claims.text();
        let signature: Signature = self.gateway_key(registry)?.sign(text.as_bytes());
        Ok(Zeroizing::new(pull_credential::complete(text, &signature.to_bytes())))
    }

    /// The agent that a pull credential was made for, with what it opens now; `None` for what is none of this registry's, or no
    /// longer. What is forged costs a signature's verification, and nothing is read for it.
    pub(super) async fn agent(
        &self,
        tx: &Tx,
        (registry, organization): (&Registry, &Organization),
        text: &str,
    ) -> Result<Option<Principal>> {
        let Some(claims) = self.verified_claims(registry, text)? else { return Ok(None) };
        if !is_at_work(tx, organization.scope(), &claims).await? {
            return Ok(None);
        }
        let (_, licenses) = self.license_rights(tx, organization, claims.customer).await?;
        let licenses = licenses.into_iter().map(|(license, rights)| (license.id, rights));
        let (rights, license) = Rights::of_deployment(organization, licenses, claims.repositories);
        let holder = Holder::Deployment { deployment: claims.deployment, customer: claims.customer, license };
        Ok(Some(Principal { holder, rights }))
    }

    fn verified_claims(&self, registry: &Registry, text: &str) -> Result<Option<PullClaims>> {
        let Some(credential) = PullCredential::read(text) else { return Ok(None) };
        if !credential.claims.count_for(registry.organization, registry.id, self.now()) {
            return Ok(None);
        }
        let Ok(signature) = Signature::from_slice(&credential.signature) else { return Ok(None) };
        let key = VerifyingKey::from(&*self.gateway_key(registry)?);
        Ok(key.verify(credential.signed, &signature).is_ok().then_some(credential.claims))
    }
}

/// Whether the agent is still there that the credential was made for, with the deployment, and its customer.
async fn is_at_work(tx: &Tx, scope: OrganizationScope, claims: &PullClaims) -> Result<bool> {
    let deployment = tx.deployments(scope).find(claims.deployment).await?;
    let living =
        |deployment: &Deployment| deployment.customer == claims.customer && deployment.ended_at.is_none();
    let Some(deployment) = deployment.filter(living) else { return Ok(false) };
    let target = tx.deployment_targets(scope).find(deployment.target).await?;
    let agent = target.as_ref().and_then(DeploymentTarget::agent).map(|agent| agent.id);
    Ok(agent == Some(claims.agent) && tx.customers(scope).find(claims.customer).await?.is_some())
}
