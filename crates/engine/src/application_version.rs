//! Versions of applications.

use keyward_domain::application::{ApplicationVersion, Rollout, VersionState, VersionTransitionError};
use keyward_domain::files::{FileName, FilesDraft};
use keyward_domain::license_reference::Called;
use keyward_domain::permission::{ReadApplications, WriteApplications};
use keyward_domain::product::Markdown;
use keyward_domain::{
    Access, Action, Application, ApplicationId, ApplicationKind, ApplicationVersionId, Files, Idempotency,
    Invalid, OrganizationScope, Timestamp, VersionName, Versioned,
};
use keyward_storage::{StorageError, Tx, Unique};
use serde_json::json;
use uuid::Uuid;

use crate::application::{find, lock};
use crate::change::{Change, unchanged};
use crate::{Done, Engine, Error, FieldFault, Resource, Result, heavy};

/// A version to be created.
#[derive(Debug, Clone)]
pub struct NewApplicationVersion {
    /// Unique in the application.
    pub name: VersionName,
    /// What customers read of it.
    pub notes: Markdown,
    /// What it consists of.
    pub files: FilesDraft,
    /// How agents bring it up.
    pub rollout: Rollout,
}

/// A version with all that belongs to it.
#[derive(Debug, Clone)]
pub struct VersionSheet {
    /// Its application.
    pub application: Application,
    /// The version.
    pub version: ApplicationVersion,
    /// What it consists of.
    pub files: Files,
    /// License keys that it asks for and that no license is called now.
    pub warnings: Vec<KeyWarning>,
}

/// A license key that a file asks for and that no license of the organization is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyWarning {
    /// Which file.
    pub file: FileName,
    /// Its line, from 1.
    pub line: usize,
    /// What it asks for.
    pub name: String,
}

impl Engine {
    /// All versions of an application, in the order of lists.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn application_versions(
        &self,
        access: &Access<ReadApplications>,
        application: ApplicationId,
    ) -> Result<Vec<ApplicationVersion>> {
        let tx = self.store.read().await?;
        find(&tx, access.scope(), application).await?;
        Ok(tx.application_versions(access.scope()).list(application).await?)
    }

    /// One version with its files.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn application_version(
        &self,
        access: &Access<ReadApplications>,
        application: ApplicationId,
        name: &VersionName,
    ) -> Result<VersionSheet> {
        let (tx, scope) = (self.store.read().await?, access.scope());
        let application = find(&tx, scope, application).await?;
        let found = tx.application_versions(scope).find(application.id, name).await?;
        sheet(&tx, scope, application, found.ok_or(Error::NotFound(Resource::ApplicationVersion))?).await
    }

    /// What is wrong with files and rollout of a new version, for a request of which other parts can't be read.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn application_version_faults(
        &self,
        access: &Access<WriteApplications>,
        application: ApplicationId,
        files: FilesDraft,
        rollout: Rollout,
    ) -> Result<Vec<FieldFault>> {
        let kind = find(&self.store.read().await?, access.scope(), application).await?.kind;
        let checked = heavy(files.bytes(), move || checked(kind, files, rollout)).await;
        Ok(checked.err().unwrap_or_default())
    }

    /// Creates a version with its files.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn create_application_version(
        &self,
        access: &Access<WriteApplications>,
        application: ApplicationId,
        new: NewApplicationVersion,
        once: Option<&Idempotency>,
    ) -> Result<Done<VersionSheet>> {
        let (scope, now) = (access.scope(), self.now());
        // Before anything is held: an application's kind never changes.
        let kind = find(&self.store.read().await?, scope, application).await?.kind;
        let rollout = new.rollout;
        let checked = heavy(new.files.bytes(), move || checked(kind, new.files, rollout)).await;
        let files = checked.map_err(Error::Invalid)?;
        let id = self.id(ApplicationVersionId::new);
        let earlier = async |change: Change<'_>, id: Uuid| {
            let application = find(&change, scope, application).await?;
            let version = change.application_versions(scope).by_id(id.into()).await?;
            let version = version.ok_or(Error::NotFound(Resource::ApplicationVersion))?;
            sheet(&change, scope, application, version).await
        };
        self.change_once(access, once, earlier, async |change| {
            // Held, so that an entitlement to all versions sees it or is seen by it.
            let application = lock(&change, scope, application).await?;
            if change.application_versions(scope).count(application.id).await? >= Application::MOST_VERSIONS {
                let message =
                    format!("is one too many: an application has {} versions", Application::MOST_VERSIONS);
                return Err(Error::field("name", Invalid::new("too_many", message)));
            }
            let version = ApplicationVersion {
                id,
                organization: scope.id(),
                application: application.id,
                name: new.name.clone(),
                notes: new.notes.clone(),
                rollout,
                state: VersionState::Offered,
                created_at: now,
                updated_at: now,
                version: 1,
            };
            change.application_versions(scope).insert(&version, &files).await.map_err(taken)?;
            finish(change, Action::ApplicationVersionCreated, application, version).await
        })
        .await
    }

    /// Changes a version's notes.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn note_application_version(
        &self,
        access: &Access<WriteApplications>,
        application: ApplicationId,
        name: &VersionName,
        notes: Markdown,
        expected: Option<i64>,
    ) -> Result<VersionSheet> {
        let (scope, now) = (access.scope(), self.now());
        self.change(access, async |change| {
            let (application, version) = hold(&change, scope, application, name).await?;
            unchanged(version.version, expected)?;
            let before = version.clone();
            let version = version.noted(notes.clone(), now);
            if version.is_unchanged(&before) {
                return sheet(&change, scope, application, before).await;
            }
            change.application_versions(scope).save(&version).await?;
            finish(change, Action::ApplicationVersionUpdated, application, version).await
        })
        .await
    }

    /// Offers a version to nobody new.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn archive_application_version(
        &self,
        access: &Access<WriteApplications>,
        application: ApplicationId,
        name: &VersionName,
        once: Option<&Idempotency>,
    ) -> Result<Done<VersionSheet>> {
        let action = Action::ApplicationVersionArchived;
        self.change_version(access, application, name, once, action, ApplicationVersion::archive).await
    }

    /// Offers a version again; it belongs to all entitlements to all versions from then on.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn unarchive_application_version(
        &self,
        access: &Access<WriteApplications>,
        application: ApplicationId,
        name: &VersionName,
        once: Option<&Idempotency>,
    ) -> Result<Done<VersionSheet>> {
        let action = Action::ApplicationVersionUnarchived;
        self.change_version(access, application, name, once, action, ApplicationVersion::unarchive).await
    }

    async fn change_version(
        &self,
        access: &Access<WriteApplications>,
        application: ApplicationId,
        name: &VersionName,
        once: Option<&Idempotency>,
        action: Action,
        decide: impl Fn(ApplicationVersion, Timestamp) -> Result<ApplicationVersion, VersionTransitionError>,
    ) -> Result<Done<VersionSheet>> {
        let (scope, now) = (access.scope(), self.now());
        let earlier = async |change: Change<'_>, _| {
            let (application, version) = hold(&change, scope, application, name).await?;
            sheet(&change, scope, application, version).await
        };
        self.change_once(access, once, earlier, async |change| {
            let (application, version) = hold(&change, scope, application, name).await?;
            let version = decide(version, now)?;
            change.application_versions(scope).save(&version).await?;
            if !version.is_archived() {
                change.application_entitlements(scope).offered_again(application.id, version.id).await?;
            }
            finish(change, action, application, version).await
        })
        .await
    }
}

/// Ends a change of a version, and gives the version as it is after it.
async fn finish(
    change: Change<'_>,
    action: Action,
    application: Application,
    version: ApplicationVersion,
) -> Result<VersionSheet> {
    let detail = [
        ("name", json!(format!("{} {}", application.name, version.name))),
        ("application_id", json!(application.id)),
        ("version", json!(version.name)),
    ];
    let changed = sheet(&change, change.scope(), application, version).await?;
    change.commit(action, changed.version.id.uuid(), &detail).await?;
    Ok(changed)
}

/// Holds a version, and its application before it.
async fn hold(
    tx: &Tx,
    scope: OrganizationScope,
    application: ApplicationId,
    name: &VersionName,
) -> Result<(Application, ApplicationVersion)> {
    let application = lock(tx, scope, application).await?;
    let version = tx.application_versions(scope).lock(application.id, name).await?;
    Ok((application, version.ok_or(Error::NotFound(Resource::ApplicationVersion))?))
}

/// The files, or all that is wrong with files and rollout for an application of this kind.
fn checked(kind: ApplicationKind, files: FilesDraft, rollout: Rollout) -> Result<Files, Vec<FieldFault>> {
    let faults = rollout.faults(kind);
    match Files::new(kind, files) {
        Ok(files) if faults.is_empty() => Ok(files),
        files => {
            let all = files.err().into_iter().flatten().chain(faults);
            Err(all.map(|(field, invalid)| FieldFault { field, invalid }).collect())
        }
    }
}

async fn sheet(
    tx: &Tx,
    scope: OrganizationScope,
    application: Application,
    version: ApplicationVersion,
) -> Result<VersionSheet> {
    let files = tx.application_versions(scope).files(&version).await?;
    let warnings = warnings(tx, scope, &files).await?;
    Ok(VersionSheet { application, version, files, warnings })
}

/// License keys that files ask for and that no license is called, of whomever.
async fn warnings(tx: &Tx, scope: OrganizationScope, files: &Files) -> Result<Vec<KeyWarning>> {
    let asked = files.references();
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let slugs = tx.products(scope).slugs().await?;
    let called = Called::new(tx.licenses(scope).names().await?, slugs.values());
    let unknown = asked.into_iter().filter(|(_, reference)| !called.has(&reference.name));
    let warning = |(file, reference): (&FileName, keyward_domain::license_reference::Reference)| KeyWarning {
        file: file.clone(),
        line: reference.line,
        name: reference.name,
    };
    Ok(unknown.map(warning).collect())
}

fn taken(error: StorageError) -> Error {
    match error {
        StorageError::Unique(Unique::ApplicationVersionName) => {
            Error::Taken { resource: Resource::ApplicationVersion, field: "name" }
        }
        other => other.into(),
    }
}
