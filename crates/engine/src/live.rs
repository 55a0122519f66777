//! Whether there is something new on a page that shows what happens. Every server learns it from the database, whichever wrote it.

use keyward_domain::permission::{ReadAuditEvents, ReadProducts, ReadRegistries};
use keyward_domain::{Feature, Identity, OrganizationId, OrganizationScope, ProductId, RegistryId};

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
        })
    }
}
