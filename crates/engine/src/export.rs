//! What an export of an organization needs beside the lists.

use keyward_domain::permission::WriteOwners;
use keyward_domain::{Access, Action, Actor, Authority, Identity, Scopes, Slug};

use crate::{Engine, Error, Resource, Result};

impl Engine {
    /// Tells the audit log that everything is read.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn begin_export(&self, access: &Access<WriteOwners>) -> Result<()> {
        self.change(access, async |change| {
            change.commit(Action::OrganizationExported, access.scope().id().uuid(), &[]).await
        })
        .await
    }

    /// How often anything of the organization was changed.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn change_number(&self, access: &Access<WriteOwners>) -> Result<i64> {
        let tx = self.store.read().await?;
        Ok(tx.changes(access.scope().id()).present().await?.number)
    }

    /// The operator, within one organization, at the command line.
    pub async fn operator_in(&self, slug: &Slug) -> Result<Identity> {
        let found = self.store.read().await?.organizations().by_slug(slug).await?;
        let organization = found.ok_or(Error::NotFound(Resource::Organization))?;
        Ok(Identity::new(organization.id, Actor::Operator, Authority::Operator, Scopes::all()))
    }
}
