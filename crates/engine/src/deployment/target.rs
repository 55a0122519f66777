//! A customer's hosts. They belong to the customer, so its admins alone make, rename and release them.

use keyward_domain::deployment::{Facts, Mode, TargetState};
use keyward_domain::{
    Action, Customer, DeploymentTarget, DeploymentTargetId, Invalid, JoinCode, Name, OrganizationScope,
    Secret, SecretKind, Timestamp,
};
use keyward_storage::{StorageError, Tx, Unique};

use super::{about_target, own_target};
use crate::sessions::CustomerSession;
use crate::{Engine, Error, Resource, Result};

/// A target to be made.
#[derive(Debug, Clone)]
pub struct NewDeploymentTarget {
    /// What the customer calls it.
    pub name: Name,
    /// Whether its agent is to change anything.
    pub mode: Mode,
}

/// A target, with the code by which a host joins it: shown once.
#[derive(Debug)]
pub struct TargetWithCode {
    /// The target.
    pub target: DeploymentTarget,
    /// `kw_join_…`.
    pub code: Secret,
    /// The first second at which it opens nothing any more.
    pub expires_at: Timestamp,
}

impl Engine {
    /// Makes a target for an admin of a customer, with a code that opens it to a host.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn create_own_deployment_target(
        &self,
        person: &CustomerSession,
        new: NewDeploymentTarget,
    ) -> Result<TargetWithCode> {
        let (scope, now) = (person.organization.scope(), self.now());
        let target = DeploymentTarget {
            id: self.id(DeploymentTargetId::new),
            organization: scope.id(),
            customer: person.customer.id,
            name: new.name,
            mode: new.mode,
            state: TargetState::Waiting,
            seen_at: None,
            facts: Facts::default(),
            paused: false,
            witnessed: Vec::new(),
            created_at: now,
            updated_at: now,
            version: 1,
        };
        let (code, secret) = self.new_join_code(&target);
        self.own_change(person, async |tx, holder: Customer| {
            let targets = tx.deployment_targets(scope);
            if targets.count_in_use(holder.id).await? >= DeploymentTarget::MOST_OF_CUSTOMER {
                let most = DeploymentTarget::MOST_OF_CUSTOMER;
                let message = format!("is one too many: a customer has {most} targets");
                return Err(Error::field("name", Invalid::new("too_many", message)));
            }
            targets.insert(&target).await.map_err(taken)?;
            targets.add_code(&code).await?;
            Ok(((), Some((Action::DeploymentTargetCreated, target.id.uuid(), about_target(&target)))))
        })
        .await?;
        Ok(TargetWithCode { expires_at: code.expires_at, target, code: secret })
    }

    /// Makes another code for a target. The one before opens nothing any more; an agent that is there stays until a host joins.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn create_own_join_code(
        &self,
        person: &CustomerSession,
        id: DeploymentTargetId,
    ) -> Result<TargetWithCode> {
        let scope = person.organization.scope();
        let known = own_target(&self.store.read().await?, scope, person.customer.id, id).await?;
        let (code, secret) = self.new_join_code(&known);
        let target = self
            .own_change(person, async |tx, holder: Customer| {
                let target = lock(tx, scope, &holder, id).await?;
                if let TargetState::Released { .. } = target.state {
                    return Err(Error::from(keyward_domain::deployment::target::TargetReleased));
                }
                tx.deployment_targets(scope).add_code(&code).await?;
                let told = (Action::DeploymentTargetCodeCreated, id.uuid(), about_target(&target));
                Ok((target, Some(told)))
            })
            .await?;
        Ok(TargetWithCode { expires_at: code.expires_at, target, code: secret })
    }

    /// Renames a target for an admin of its customer.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn rename_own_deployment_target(
        &self,
        person: &CustomerSession,
        id: DeploymentTargetId,
        name: Name,
    ) -> Result<DeploymentTarget> {
        let (scope, now) = (person.organization.scope(), self.now());
        self.own_change(person, async |tx, holder: Customer| {
            let before = lock(tx, scope, &holder, id).await?;
            if before.name == name {
                return Ok((before, None));
            }
            let mut detail = about_target(&before);
            let target = before.renamed(name.clone(), now);
            tx.deployment_targets(scope).save(&target).await.map_err(taken)?;
            detail[0] = ("name", serde_json::json!(target.name));
            Ok((target, Some((Action::DeploymentTargetUpdated, id.uuid(), detail))))
        })
        .await
    }

    /// Releases a target for an admin of its customer: its agent counts no more from the very next request on, and what runs
    /// there is left as it is.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn release_own_deployment_target(
        &self,
        person: &CustomerSession,
        id: DeploymentTargetId,
    ) -> Result<DeploymentTarget> {
        let (scope, now) = (person.organization.scope(), self.now());
        self.own_change(person, async |tx, holder: Customer| {
            let target = lock(tx, scope, &holder, id).await?;
            let target = release(tx, scope, target, now).await?;
            let told = (Action::DeploymentTargetReleased, id.uuid(), about_target(&target));
            Ok((target, Some(told)))
        })
        .await
    }

    fn new_join_code(&self, target: &DeploymentTarget) -> (JoinCode, Secret) {
        let (now, secret) = (self.now(), Secret::new(SecretKind::Join, self.random()));
        let code = JoinCode {
            hash: secret.hash(),
            organization: target.organization,
            target: target.id,
            created_at: now,
            expires_at: now.plus_seconds(JoinCode::LIFETIME),
            used_at: None,
        };
        (code, secret)
    }
}

/// Releases a target: nothing joins it any more, and nobody looks after its deployments.
pub(crate) async fn release(
    tx: &Tx,
    scope: OrganizationScope,
    target: DeploymentTarget,
    now: Timestamp,
) -> Result<DeploymentTarget> {
    let target = target.release(now)?;
    tx.deployment_targets(scope).withdraw_codes(target.id, now).await?;
    for deployment in tx.deployments(scope).of_target(target.id, true).await? {
        tx.deployments(scope).save(&deployment.ended(now)).await?;
    }
    tx.deployment_targets(scope).save(&target).await?;
    Ok(target)
}

async fn lock(
    tx: &Tx,
    scope: OrganizationScope,
    holder: &Customer,
    id: DeploymentTargetId,
) -> Result<DeploymentTarget> {
    let found = tx.deployment_targets(scope).lock(id).await?;
    found.filter(|target| target.customer == holder.id).ok_or(Error::NotFound(Resource::DeploymentTarget))
}

fn taken(error: StorageError) -> Error {
    match error {
        StorageError::Unique(Unique::DeploymentTargetName) => {
            Error::Taken { resource: Resource::DeploymentTarget, field: "name" }
        }
        other => other.into(),
    }
}
