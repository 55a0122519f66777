//! Revisions: what a deployment was to be, each time somebody said so. They are only ever added.

use std::collections::BTreeMap;

use keyward_protocol::desired::Cause;

use super::Values;
use crate::{Actor, ApplicationVersionId, DeploymentId, DeploymentRevisionId, OrganizationId, Timestamp};

/// One revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentRevision {
    /// Its id.
    pub id: DeploymentRevisionId,
    /// The vendor.
    pub organization: OrganizationId,
    /// Of which deployment.
    pub deployment: DeploymentId,
    /// Which one it is, from 1.
    pub number: u32,
    /// The version of the application.
    pub application_version: ApplicationVersionId,
    /// What it is for.
    pub cause: Cause,
    /// Who made it.
    pub actor: Actor,
    /// What the customer entered.
    pub values: Values,
    /// For each image that the version names, its digest when the revision was made, as far as it was known.
    pub images: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: Timestamp,
}
