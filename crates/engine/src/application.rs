//! Applications.

use keyward_domain::permission::{ReadApplications, WriteApplications};
use keyward_domain::{
    Access, Action, Application, ApplicationId, ApplicationKind, Idempotency, Name, Notes, OrganizationScope,
    Page, PageRequest, Slug, Versioned,
};
use keyward_storage::{StorageError, Tx, Unique};
use serde_json::json;
use uuid::Uuid;

use crate::audit::Differing as _;
use crate::change::{Change, unchanged};
use crate::{Done, Engine, Error, Resource, Result};

/// An application to be created.
#[derive(Debug, Clone)]
pub struct NewApplication {
    /// Unique among the organization's applications.
    pub name: Name,
    /// How it is deployed.
    pub kind: ApplicationKind,
    /// What it is, for the customers who have it.
    pub description: Option<Notes>,
}

/// What is to be changed; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct ApplicationChange {
    /// The new name.
    pub name: Option<Name>,
    /// The new description; `Some(None)` for none.
    pub description: Option<Option<Notes>>,
}

impl Engine {
    /// The applications whose name contains a text, or all.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn applications(
        &self,
        access: &Access<ReadApplications>,
        contains: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<Application>> {
        Ok(self.store.read().await?.applications(access.scope()).list(contains, page).await?)
    }

    /// One application.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn application(
        &self,
        access: &Access<ReadApplications>,
        id: ApplicationId,
    ) -> Result<Application> {
        find(&self.store.read().await?, access.scope(), id).await
    }

    /// Creates an application.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn create_application(
        &self,
        access: &Access<WriteApplications>,
        new: NewApplication,
        once: Option<&Idempotency>,
    ) -> Result<Done<Application>> {
        let (scope, now) = (access.scope(), self.now());
        let id = self.id(ApplicationId::new);
        let earlier = async |change: Change<'_>, id: Uuid| find(&change, scope, id.into()).await;
        self.change_once(access, once, earlier, async |change| {
            // Held, so that of two of the same name one gets the plain slug.
            change.organizations().lock(scope).await?;
            let application = Application {
                id,
                organization: scope.id(),
                slug: free_slug(&change, scope, &new.name).await?,
                name: new.name.clone(),
                kind: new.kind,
                description: new.description.clone(),
                created_at: now,
                updated_at: now,
                version: 1,
            };
            change.applications(scope).insert(&application).await.map_err(taken)?;
            let detail = [("name", json!(application.name)), ("kind", json!(application.kind.as_str()))];
            change.commit(Action::ApplicationCreated, id.uuid(), &detail).await?;
            Ok(application)
        })
        .await
    }

    /// Changes an application's name or description.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn update_application(
        &self,
        access: &Access<WriteApplications>,
        id: ApplicationId,
        update: ApplicationChange,
        expected: Option<i64>,
    ) -> Result<Application> {
        let scope = access.scope();
        self.change(access, async |change| {
            let application = lock(&change, scope, id).await?;
            unchanged(application.version, expected)?;
            let name = update.name.clone().unwrap_or_else(|| application.name.clone());
            let description = update.description.clone().unwrap_or_else(|| application.description.clone());
            let before = application.clone();
            let application = application.described(name, description, self.now());
            if application.is_unchanged(&before) {
                return Ok(before);
            }
            change.applications(scope).save(&application).await.map_err(taken)?;
            let detail = [("name", json!(application.name)), application.differences(&before).detail()];
            change.commit(Action::ApplicationUpdated, id.uuid(), &detail).await?;
            Ok(application)
        })
        .await
    }

    /// Deletes an application with its versions, if no customer is entitled to it.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn delete_application(
        &self,
        access: &Access<WriteApplications>,
        id: ApplicationId,
        expected: Option<i64>,
    ) -> Result<()> {
        let scope = access.scope();
        self.change(access, async |change| {
            let application = lock(&change, scope, id).await?;
            unchanged(application.version, expected)?;
            match change.application_entitlements(scope).count_of(id).await? {
                0 => {}
                1 => return Err(Error::InUse("one customer is entitled to this application".to_owned())),
                count => {
                    return Err(Error::InUse(format!("{count} customers are entitled to this application")));
                }
            }
            if change.deployments(scope).count_of_application(id).await? > 0 {
                return Err(Error::InUse("customers have deployments of this application".to_owned()));
            }
            change.deployments(scope).delete_of_application(id).await?;
            change.application_versions(scope).delete_all(id).await?;
            change.applications(scope).delete(id).await?;
            let detail = [("name", json!(application.name))];
            change.commit(Action::ApplicationDeleted, id.uuid(), &detail).await
        })
        .await
    }
}

pub(crate) async fn find(tx: &Tx, scope: OrganizationScope, id: ApplicationId) -> Result<Application> {
    tx.applications(scope).find(id).await?.ok_or(Error::NotFound(Resource::Application))
}

/// Holds an application: its versions and what rests on them change one at a time.
pub(crate) async fn lock(tx: &Tx, scope: OrganizationScope, id: ApplicationId) -> Result<Application> {
    tx.applications(scope).lock(id).await?.ok_or(Error::NotFound(Resource::Application))
}

fn taken(error: StorageError) -> Error {
    match error {
        StorageError::Unique(Unique::ApplicationName) => {
            Error::Taken { resource: Resource::Application, field: "name" }
        }
        other => other.into(),
    }
}

/// The slug of `name`, numbered where it is taken.
async fn free_slug(tx: &Tx, scope: OrganizationScope, name: &Name) -> Result<Slug> {
    let plain = Slug::from_name(name, "application");
    let mut slug = plain.clone();
    let mut number = 1;
    while tx.applications(scope).slug_taken(&slug).await? {
        number += 1;
        slug = plain.numbered(number);
    }
    Ok(slug)
}
