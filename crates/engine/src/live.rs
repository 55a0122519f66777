//! Whether there is something new on a page that shows what happens. Every server learns it from the database, whichever wrote it.

use keyward_domain::permission::{ReadAuditEvents, ReadDeployments, ReadProducts, ReadRegistries};
use keyward_domain::{
    CustomerId, Deployment, DeploymentId, DeploymentTargetId, Feature, Identity, OrganizationId,
    OrganizationScope, ProductId, RegistryId,
};

use sha2::{Digest as _, Sha256};

use crate::deployment::{own_deployment, own_target};
use crate::sessions::CustomerSession;
use crate::{Engine, Error, Resource, Result};

/// What a page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LiveTopic {
    /// The audit log.
    Audit,
    /// What happens at a registry.
    Registry(RegistryId),
    /// The validations of a product, today.
    Product(ProductId),
    /// All deployments.
    Deployments,
    /// Those of one customer.
    DeploymentsOf(CustomerId),
    /// One deployment.
    Deployment(DeploymentId),
    /// One deployment target.
    DeploymentTarget(DeploymentTargetId),
}

/// A topic that somebody may follow, as it was found to be a moment ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Followed {
    scope: OrganizationScope,
    topic: LiveTopic,
}

impl Followed {
    /// In which organization.
    pub fn organization(&self) -> OrganizationId {
        self.scope.id()
    }
}

impl Engine {
    /// The right to follow a topic, as it is now. To be asked for again while somebody follows it.
    ///
    /// # Errors
    /// As the page that shows the topic.
    pub async fn follow(&self, identity: &Identity, topic: LiveTopic) -> Result<Followed> {
        let scope = identity.scope();
        match topic {
            LiveTopic::Audit => {
                identity.access::<ReadAuditEvents>()?;
                let tx = self.store.read().await?;
                self.includes(&tx, scope, Feature::AuditLog).await?;
            }
            LiveTopic::Registry(id) => {
                identity.access::<ReadRegistries>()?;
                let found = self.store.read().await?.registries(scope).find(id).await?;
                found.ok_or(Error::NotFound(Resource::Registry))?;
            }
            LiveTopic::Product(id) => {
                identity.access::<ReadProducts>()?;
                let found = self.store.read().await?.products(scope).find(id).await?;
                found.ok_or(Error::NotFound(Resource::Product))?;
            }
            LiveTopic::Deployments | LiveTopic::DeploymentsOf(_) => {
                identity.access::<ReadDeployments>()?;
            }
            LiveTopic::Deployment(id) => {
                identity.access::<ReadDeployments>()?;
                let found = self.store.read().await?.deployments(scope).find(id).await?;
                found.ok_or(Error::NotFound(Resource::Deployment))?;
            }
            LiveTopic::DeploymentTarget(id) => {
                identity.access::<ReadDeployments>()?;
                let found = self.store.read().await?.deployment_targets(scope).find(id).await?;
                found.ok_or(Error::NotFound(Resource::DeploymentTarget))?;
            }
        }
        Ok(Followed { scope, topic })
    }

    /// The right of someone of a customer to follow a topic, as it is now. To be asked for again while somebody follows it.
    ///
    /// # Errors
    /// As the page that shows the topic; there is none of the vendor's.
    pub async fn follow_own(&self, person: &CustomerSession, topic: LiveTopic) -> Result<Followed> {
        let (scope, customer) = (person.organization.scope(), person.customer.id);
        match topic {
            LiveTopic::DeploymentsOf(of) if of == customer => {}
            LiveTopic::Deployment(id) => {
                own_deployment(&self.store.read().await?, scope, customer, id).await?;
            }
            LiveTopic::DeploymentTarget(id) => {
                own_target(&self.store.read().await?, scope, customer, id).await?;
            }
            LiveTopic::Audit
            | LiveTopic::Registry(_)
            | LiveTopic::Product(_)
            | LiveTopic::Deployments
            | LiveTopic::DeploymentsOf(_) => return Err(Error::NotFound(Resource::Deployment)),
        }
        Ok(Followed { scope, topic })
    }

    /// A text that is another one as soon as there is something new.
    pub async fn live_mark(&self, followed: &Followed) -> Result<String> {
        let tx = self.store.read().await?;
        let marks = tx.live_marks(followed.scope);
        Ok(match followed.topic {
            LiveTopic::Audit => marks.audit().await?.to_string(),
            LiveTopic::Registry(id) => {
                marks.registry(id).await?.map_or_else(|| "-".to_owned(), |id| id.to_string())
            }
            LiveTopic::Product(id) => marks.validations(id, self.now().day()).await?.to_string(),
            LiveTopic::Deployments => tx.deployments(followed.scope).mark(None).await?,
            LiveTopic::DeploymentsOf(customer) => tx.deployments(followed.scope).mark(Some(customer)).await?,
            LiveTopic::Deployment(id) => {
                let found = tx.deployments(followed.scope).find(id).await?;
                found.map_or_else(|| "-".to_owned(), |found| deployment_mark(&found))
            }
            LiveTopic::DeploymentTarget(id) => {
                let Some(target) = tx.deployment_targets(followed.scope).find(id).await? else {
                    return Ok("-".to_owned());
                };
                let deployments = tx.deployments(followed.scope).of_target(id, false).await?;
                let marks: Vec<_> = deployments.iter().map(deployment_mark).collect();
                let seen = (target.paused, &target.witnessed, &target.facts);
                let seen = Sha256::digest(serde_json::to_vec(&seen).unwrap_or_default());
                let seen = u32::from_be_bytes([seen[0], seen[1], seen[2], seen[3]]);
                let status = target.status(self.now()).as_str();
                format!("{}-{status}-{seen:x}-{}", target.version, marks.join("."))
            }
        })
    }
}

fn deployment_mark(deployment: &Deployment) -> String {
    let seen = deployment.reported.as_ref().map_or((0, 0), |reported| (reported.seq, reported.at.unix()));
    format!("{}-{}-{}-{}", deployment.version, deployment.status(), seen.0, seen.1)
}
