//! What the admins of a customer order for its hosts.

use std::collections::{BTreeMap, BTreeSet};

use keyward_domain::deployment::{Cause, Mode, Order, Values, Volumes};
use keyward_domain::{
    Action, ApplicationKind, ApplicationVersion, Customer, Deployment, DeploymentId, DeploymentRevision,
    DeploymentRevisionId, DeploymentTarget, DeploymentTargetId, Invalid, Name, OrganizationScope, Slug,
    Timestamp, VersionName,
};
use keyward_storage::{StorageError, Tx, Unique};
use serde_json::json;

use super::{about, own_deployment, own_target};
use crate::account::Account;
use crate::change::unchanged;
use crate::entitled_applications::entitled_one;
use crate::own_change::Told;
use crate::sessions::CustomerSession;
use crate::{Engine, Error, Recipient, Resource, Result, heavy};

/// An application to be deployed.
#[derive(Debug, Clone)]
pub struct NewDeployment {
    /// Where.
    pub target: DeploymentTargetId,
    /// What the customer calls it.
    pub name: Name,
    /// Which application.
    pub application: Slug,
    /// Which of its versions.
    pub version: VersionName,
    /// What the customer enters.
    pub values: Values,
}

/// What is to be otherwise; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct DeploymentChange {
    /// Another version.
    pub version: Option<VersionName>,
    /// Other values, all of them.
    pub values: Option<Values>,
}

impl Engine {
    /// Deploys a version on a target, for an admin of its customer.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn deploy(&self, person: &CustomerSession, new: NewDeployment) -> Result<Deployment> {
        let (scope, now, id) = (person.organization.scope(), self.now(), self.id(DeploymentId::new));
        let (_, wanted) =
            entitled_one(&self.store.read().await?, &Recipient::from(person), &new.application, &new.version)
                .await?;
        let images = self.images_named(scope, &wanted).await?;
        self.own_change(person, async |tx, holder: Customer| {
            let target = own_target(tx, scope, holder.id, new.target).await?;
            takes_orders(&target)?;
            let deployable =
                entitled_one(tx, &Recipient::from(person), &new.application, &new.version).await?;
            let (application, version) = deployable;
            if application.kind != ApplicationKind::Compose {
                let fault = Invalid::new("not_compose", "is deployed by Helm, which agents do not do");
                return Err(Error::field("application", fault));
            }
            if tx.deployments(scope).count_of_target(target.id).await? >= Deployment::MOST_OF_TARGET {
                let message =
                    format!("has {} deployments already, which is the most", Deployment::MOST_OF_TARGET);
                return Err(Error::field("target", Invalid::new("too_many", message)));
            }
            let deployment = Deployment {
                id,
                organization: scope.id(),
                customer: holder.id,
                target: target.id,
                application: application.id,
                name: new.name.clone(),
                project: Deployment::project_of(id, &application.slug),
                order: Order::Run,
                revision: 1,
                attempt: 1,
                reported: None,
                ended_at: None,
                created_at: now,
                updated_at: now,
                version: 1,
            };
            let what = (&version, Cause::Install, new.values.clone());
            let first = self.new_revision(tx, person, &deployment, what, &images);
            tx.deployments(scope).insert(&deployment, &first.await?).await.map_err(taken)?;
            let mut detail = about(&deployment);
            detail.push(("application", json!(application.name)));
            detail.push(("version", json!(version.name)));
            Ok((deployment, Some((Action::DeploymentCreated, id.uuid(), detail))))
        })
        .await
    }

    /// Gives a deployment another version, other values or both, for an admin of its customer. What is as it was is no revision.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn revise_own_deployment(
        &self,
        person: &CustomerSession,
        id: DeploymentId,
        update: DeploymentChange,
        expected: Option<i64>,
    ) -> Result<Deployment> {
        let scope = person.organization.scope();
        let images = match &update.version {
            Some(name) => self.images_of_update(person, id, name).await?,
            None => None,
        };
        self.own_change(person, async |tx, holder: Customer| {
            let before = lock(tx, scope, &holder, id).await?;
            unchanged(before.version, expected)?;
            let latest = revision(tx, scope, &before, before.revision).await?;
            let versions = tx.application_versions(scope);
            let present = versions.by_id(latest.application_version).await?;
            let present = present.ok_or(Error::NotFound(Resource::ApplicationVersion))?;
            let name = update.version.as_ref().unwrap_or(&present.name);
            let values = update.values.as_ref().unwrap_or(&latest.values);
            let cause = match *name == present.name {
                true if *values == latest.values && before.order == Order::Run => return Ok((before, None)),
                true => Cause::Configure,
                false => Cause::Update,
            };
            // Other values alone leave the images as they are.
            let images = match (&images, cause) {
                (Some(images), Cause::Update) => Images::Named(images.clone()),
                _ => Images::Known(latest.images.clone()),
            };
            self.revise(tx, person, before, (name, cause, values.clone()), images).await
        })
        .await
    }

    /// Brings an earlier revision back as a new one, with its version, values and image digests, for an admin of the customer.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn roll_back_own_deployment(
        &self,
        person: &CustomerSession,
        id: DeploymentId,
        to: u32,
    ) -> Result<Deployment> {
        let scope = person.organization.scope();
        self.own_change(person, async |tx, holder: Customer| {
            let before = lock(tx, scope, &holder, id).await?;
            if to >= before.revision {
                let fault = Invalid::new("not_earlier", "must be an earlier revision");
                return Err(Error::field("revision", fault));
            }
            let earlier = revision(tx, scope, &before, to).await?;
            let version = tx.application_versions(scope).by_id(earlier.application_version).await?;
            let version = version.ok_or(Error::NotFound(Resource::ApplicationVersion))?;
            let what = (&version.name, Cause::Rollback { of: to }, earlier.values.clone());
            self.revise(tx, person, before, what, Images::Known(earlier.images)).await
        })
        .await
    }

    /// Has the latest revision tried again, or started after a stop, for an admin of the customer.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn run_own_deployment(&self, person: &CustomerSession, id: DeploymentId) -> Result<Deployment> {
        let order = |deployment: Deployment, now| Ok(deployment.run(now)?);
        self.order_own_deployment(person, id, Action::DeploymentRunOrdered, order).await
    }

    /// Has a deployment stopped, for an admin of the customer. All of it stays.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn stop_own_deployment(
        &self,
        person: &CustomerSession,
        id: DeploymentId,
    ) -> Result<Deployment> {
        let order = |deployment: Deployment, now| Ok(deployment.stop(now)?);
        self.order_own_deployment(person, id, Action::DeploymentStopOrdered, order).await
    }

    /// Has a deployment removed from its host, for an admin of the customer. Its data goes only if the person has typed its name.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn remove_own_deployment(
        &self,
        person: &CustomerSession,
        id: DeploymentId,
        volumes: Volumes,
        typed: &str,
    ) -> Result<Deployment> {
        let order = |deployment: Deployment, now| {
            if volumes == Volumes::Delete && typed.trim() != deployment.name.as_str() {
                let fault =
                    Invalid::new("name_mismatch", "must be the name of the deployment, to delete its data");
                return Err(Error::field("name", fault));
            }
            Ok(deployment.remove(volumes, now)?)
        };
        self.order_own_deployment(person, id, Action::DeploymentRemovalOrdered, order).await
    }

    async fn order_own_deployment(
        &self,
        person: &CustomerSession,
        id: DeploymentId,
        action: Action,
        order: impl Fn(Deployment, Timestamp) -> Result<Deployment>,
    ) -> Result<Deployment> {
        let (scope, now) = (person.organization.scope(), self.now());
        self.own_change(person, async |tx, holder: Customer| {
            let deployment = order(lock(tx, scope, &holder, id).await?, now)?;
            tx.deployments(scope).save(&deployment).await?;
            let mut detail = about(&deployment);
            if let Order::Remove { volumes } = deployment.order {
                detail.push(("volumes", json!(volumes)));
            }
            Ok((deployment, Some((action, id.uuid(), detail))))
        })
        .await
    }

    /// The images of another version of a deployment, read before anything is held.
    async fn images_of_update(
        &self,
        person: &CustomerSession,
        id: DeploymentId,
        name: &VersionName,
    ) -> Result<Option<BTreeSet<String>>> {
        let (tx, scope) = (self.store.read().await?, person.organization.scope());
        let known = own_deployment(&tx, scope, person.customer.id, id).await?;
        let version = tx.application_versions(scope).find(known.application, name).await?;
        drop(tx);
        match version {
            Some(version) => self.images_named(scope, &version).await.map(Some),
            None => Ok(None),
        }
    }

    /// The images that the files of a version name.
    async fn images_named(
        &self,
        scope: OrganizationScope,
        version: &ApplicationVersion,
    ) -> Result<BTreeSet<String>> {
        let files = self.store.read().await?.application_versions(scope).files(version).await?;
        heavy(files.bytes(), move || Ok(files.image_names())).await
    }

    /// Adds a revision.
    async fn revise(
        &self,
        tx: &Tx,
        person: &CustomerSession,
        before: Deployment,
        (name, cause, values): (&VersionName, Cause, Values),
        images: Images,
    ) -> Result<(Deployment, Option<Told>)> {
        let scope = person.organization.scope();
        takes_orders(&own_target(tx, scope, person.customer.id, before.target).await?)?;
        if before.revision >= Deployment::MOST_REVISIONS {
            let most = format!("a deployment has {} revisions at most", Deployment::MOST_REVISIONS);
            return Err(Error::Transition(most));
        }
        let application = crate::application::find(tx, scope, before.application).await?;
        let (_, version) = entitled_one(tx, &Recipient::from(person), &application.slug, name).await?;
        let deployment = before.revise(self.now())?;
        let (named, known) = match images {
            Images::Named(named) => (named, None),
            Images::Known(known) => (BTreeSet::new(), Some(known)),
        };
        let mut added = self.new_revision(tx, person, &deployment, (&version, cause, values), &named).await?;
        added.images = known.unwrap_or(added.images);
        tx.deployments(scope).add_revision(&added).await?;
        tx.deployments(scope).save(&deployment).await?;
        let mut detail = about(&deployment);
        detail.push(("application", json!(application.name)));
        detail.push(("version", json!(version.name)));
        detail.push(("cause", json!(cause)));
        let told = (Action::DeploymentRevised, deployment.id.uuid(), detail);
        Ok((deployment, Some(told)))
    }

    async fn new_revision(
        &self,
        tx: &Tx,
        person: &CustomerSession,
        deployment: &Deployment,
        (version, cause, values): (&ApplicationVersion, Cause, Values),
        images: &BTreeSet<String>,
    ) -> Result<DeploymentRevision> {
        Ok(DeploymentRevision {
            id: self.id(DeploymentRevisionId::new),
            organization: deployment.organization,
            deployment: deployment.id,
            number: deployment.revision,
            application_version: version.id,
            cause,
            actor: Account::CustomerUser(person.user.reference()).actor(),
            values,
            images: self.image_digests(tx, deployment.scope(), images).await?,
            created_at: self.now(),
        })
    }
}

/// The images of a revision.
enum Images {
    /// Whatever their names stand for now.
    Named(BTreeSet<String>),
    /// Those of an earlier revision.
    Known(BTreeMap<String, String>),
}

/// Refuses where nobody would carry an order out.
fn takes_orders(target: &DeploymentTarget) -> Result<()> {
    if let keyward_domain::deployment::TargetState::Released { .. } = target.state {
        return Err(keyward_domain::deployment::target::TargetReleased.into());
    }
    match target.mode {
        Mode::Manage => Ok(()),
        Mode::Witness => {
            let fault = Invalid::new("witness", "only looks; to deploy there, make a target that manages");
            Err(Error::field("target", fault))
        }
    }
}

pub(crate) async fn revision(
    tx: &Tx,
    scope: OrganizationScope,
    of: &Deployment,
    number: u32,
) -> Result<DeploymentRevision> {
    let found = tx.deployments(scope).revision(of.id, number).await?;
    found.ok_or(Error::NotFound(Resource::DeploymentRevision))
}

async fn lock(tx: &Tx, scope: OrganizationScope, holder: &Customer, id: DeploymentId) -> Result<Deployment> {
    let found = tx.deployments(scope).lock(id).await?;
    found.filter(|deployment| deployment.customer == holder.id).ok_or(Error::NotFound(Resource::Deployment))
}

fn taken(error: StorageError) -> Error {
    match error {
        StorageError::Unique(Unique::DeploymentName) => {
            Error::Taken { resource: Resource::Deployment, field: "name" }
        }
        other => other.into(),
    }
}
