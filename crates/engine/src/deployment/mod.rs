//! Deployments: what customers have on their hosts, by whom it is ordered, and what the vendor sees of it.
//!
//! | to find | look in |
//! |---|---|
//! | what a deployment may become, and what it is in one word | [`keyward_domain::deployment`] |
//! | a customer's hosts, and the codes by which they join | `target` |
//! | what a customer orders | `order` |
//! | what pages and the API show | `view` |

mod alerts;
mod order;
mod target;
mod view;

use keyward_domain::{
    CustomerId, Deployment, DeploymentId, DeploymentTarget, DeploymentTargetId, OrganizationScope, Timestamp,
};
use keyward_storage::Tx;
use serde_json::{Value, json};

use crate::change::Change;
use crate::{Error, Resource, Result};

pub use order::{DeploymentChange, NewDeployment};
pub(crate) use target::release as release_target;
pub use target::{NewDeploymentTarget, TargetWithCode};
pub use view::{DeploymentRow, DeploymentView, EarlierRevision, RevisionRow, TargetView, VersionPlan};

/// Takes all hosts of a customer, who is being deleted, out of use. What runs there stays.
pub(crate) async fn release_all(change: &Change<'_>, customer: CustomerId, now: Timestamp) -> Result<()> {
    let scope = change.scope();
    for target in change.deployment_targets(scope).in_use(customer).await? {
        target::release(change, scope, target, now).await?;
    }
    Ok(())
}

/// The target of a customer with this id; another's is not there.
pub(crate) async fn own_target(
    tx: &Tx,
    scope: OrganizationScope,
    customer: CustomerId,
    id: DeploymentTargetId,
) -> Result<DeploymentTarget> {
    let found = tx.deployment_targets(scope).find(id).await?;
    found.filter(|target| target.customer == customer).ok_or(Error::NotFound(Resource::DeploymentTarget))
}

/// The deployment of a customer with this id; another's is not there.
pub(crate) async fn own_deployment(
    tx: &Tx,
    scope: OrganizationScope,
    customer: CustomerId,
    id: DeploymentId,
) -> Result<Deployment> {
    let found = tx.deployments(scope).find(id).await?;
    found.filter(|deployment| deployment.customer == customer).ok_or(Error::NotFound(Resource::Deployment))
}

/// What events tell of a target.
pub(crate) fn about_target(target: &DeploymentTarget) -> Vec<(&'static str, Value)> {
    vec![("name", json!(target.name)), ("mode", json!(target.mode)), ("customer_id", json!(target.customer))]
}

/// What events tell of a deployment.
pub(crate) fn about(deployment: &Deployment) -> Vec<(&'static str, Value)> {
    vec![
        ("name", json!(deployment.name)),
        ("revision", json!(deployment.revision)),
        ("customer_id", json!(deployment.customer)),
        ("target_id", json!(deployment.target)),
    ]
}
