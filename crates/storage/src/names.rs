//! What the things in a list are called, or were before they were deleted: asked for once for a whole page.

use std::collections::BTreeMap;
use std::fmt;

use keyward_domain::{
    ApplicationId, ApplicationVersionId, ArtifactId, AuditSinkId, CustomerId, DeploymentId,
    DeploymentTargetId, LicenseId, OrganizationScope, ProductId, RegistryId, RegistryKeyId, WebhookId,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::connection::Connection;
use crate::{
    Result, application, application_version, artifact, audit_sink, customer, deployment, deployment_target,
    license, product, registry, registry_key, webhook,
};

/// As many ids as one statement may hold on either database.
const CHUNK: usize = 500;

/// What something is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Whether it has been deleted.
    pub deleted: bool,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.deleted { f.write_str(" (deleted)") } else { Ok(()) }
    }
}

/// The names of things of one organization. What it does not have has none.
pub struct Names<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

macro_rules! names {
    ($($(#[$doc:meta])* $many:ident: $id:ident in $table:ident, $name:ident $(, $deleted:ident)?;)+) => {
        impl Names<'_> {$(
            $(#[$doc])*
            pub async fn $many(&self, ids: &[$id]) -> Result<BTreeMap<$id, Named>> {
                use $table::row::{Column, Entity};
                let deleted: Option<Column> = None$(.or(Some(Column::$deleted)))?;
                let ids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
                let found = self.of::<Entity>((Column::Id, Column::OrganizationId), Column::$name, deleted, &ids).await?;
                Ok(found.into_iter().map(|(id, named)| (id.into(), named)).collect())
            }
        )+}
    };
}

names! {
    /// Of customers.
    customers: CustomerId in customer, Name, DeletedAt;
    /// Of licenses.
    licenses: LicenseId in license, Name, DeletedAt;
    /// Of products.
    products: ProductId in product, Name;
    /// Of registries.
    registries: RegistryId in registry, Name, DeletedAt;
    /// Of registry keys; revoked ones are still there.
    registry_keys: RegistryKeyId in registry_key, Name;
    /// Of artifacts: their repositories.
    artifacts: ArtifactId in artifact, Repository;
    /// Of webhook endpoints: their URLs.
    webhooks: WebhookId in webhook, Url, DeletedAt;
    /// Of applications.
    applications: ApplicationId in application, Name;
    /// Of versions of applications.
    application_versions: ApplicationVersionId in application_version, Name;
    /// Of deployment targets.
    deployment_targets: DeploymentTargetId in deployment_target, Name;
    /// Of deployments.
    deployments: DeploymentId in deployment, Name;
    /// Of audit sinks.
    audit_sinks: AuditSinkId in audit_sink, Name;
}

impl Names<'_> {
    async fn of<E: EntityTrait>(
        &self,
        (id, organization): (E::Column, E::Column),
        name: E::Column,
        deleted: Option<E::Column>,
        ids: &[Uuid],
    ) -> Result<BTreeMap<Uuid, Named>> {
        let mut names = BTreeMap::new();
        for some in ids.chunks(CHUNK) {
            let found = E::find()
                .select_only()
                .columns([id, name])
                .filter(organization.eq(self.scope.id().uuid()))
                .filter(id.is_in(some.iter().copied()));
            let rows: Vec<(Uuid, String, Option<i64>)> = match deleted {
                Some(deleted) => found.column(deleted).into_tuple().all(self.tx).await?,
                None => {
                    let rows: Vec<(Uuid, String)> = found.into_tuple().all(self.tx).await?;
                    rows.into_iter().map(|(id, name)| (id, name, None)).collect()
                }
            };
            names.extend(
                rows.into_iter().map(|(id, name, gone)| (id, Named { name, deleted: gone.is_some() })),
            );
        }
        Ok(names)
    }
}
