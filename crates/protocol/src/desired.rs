//! What an agent is to bring about: one document for all its deployments.
//!
//! What is not in it is left alone: nothing is ever stopped or removed but by an order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::enrolment::Mode;

/// All that an agent is to know. Its `ETag` is another one as soon as anything in it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    /// The version of the protocol.
    pub protocol: u32,
    /// For which agent; another one refuses it.
    pub agent: Uuid,
    /// Of which target.
    pub target: Uuid,
    /// What the target is called.
    pub target_name: String,
    /// Whether the agent carries out orders.
    pub mode: Mode,
    /// The vendor's keys now (JWK Set), by which later answers are verified.
    pub jwks: String,
    /// What is deployed here. In mode `witness` it is empty.
    pub deployments: Vec<Entry>,
    /// In mode `witness`, what the customer may deploy, by which the agent knows what it sees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<KnownVersion>,
}

/// One deployment, or why it can't be told. One that can't be hurts no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Entry {
    /// What is to be.
    Deployment(Box<Deployment>),
    /// Why nothing new can be said of it. It stays as it is.
    Fault {
        /// Of which deployment.
        id: Uuid,
        /// A sentence for people.
        fault: String,
    },
}

impl Entry {
    /// Of which deployment.
    pub fn id(&self) -> Uuid {
        match self {
            Self::Deployment(deployment) => deployment.id,
            Self::Fault { id, .. } => *id,
        }
    }
}

/// What a deployment is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its id.
    pub id: Uuid,
    /// What the customer calls it.
    pub name: String,
    /// The name of the Compose project.
    pub project: String,
    /// The slug of the application.
    pub application: String,
    /// The name of the version.
    pub version: String,
    /// The number of the revision. It grows; an agent refuses a smaller one.
    pub revision: u32,
    /// What the revision is for.
    pub cause: Cause,
    /// Which try of this revision it is, from 1. A person who tries again makes it grow.
    pub attempt: u32,
    /// What is to be done.
    pub order: Order,
    /// The files of the version, fetched by their hash.
    pub files: Vec<FileRef>,
    /// What the customer entered, for the environment of Compose.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// Each license that the files ask for by name (`{{ .LicenseKeys.name }}`).
    #[serde(default)]
    pub licenses: BTreeMap<String, LicenseEntry>,
    /// For each image that the files name, its digest when the version was made.
    #[serde(default)]
    pub images: BTreeMap<String, String>,
    /// How long the application may take to be healthy; by its own checks if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_seconds: Option<u32>,
    /// Whether the version can't be followed by an earlier one, because it changes its data.
    #[serde(default)]
    pub no_way_back: bool,
}

/// A license that files ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LicenseEntry {
    /// Its token.
    Token(String),
    /// Why there is none.
    Missing(String),
}

/// A file of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// Its name: letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// The SHA-256 of its text, in lower-case hexadecimal digits.
    pub sha256: String,
}

/// What is to be done with a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Order {
    /// Its revision is to run.
    Run,
    /// Nothing of it is to run; all of it stays.
    Stop,
    /// Nothing of it is to be left.
    Remove {
        /// But perhaps its data.
        volumes: Volumes,
    },
}

/// What becomes of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Volumes {
    /// It stays.
    Keep,
    /// It goes. A person has typed the deployment's name.
    Delete,
}

/// What a revision is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Cause {
    /// The first one.
    Install,
    /// Another version.
    Update,
    /// Other values.
    Configure,
    /// A license has a new token.
    LicenseRenewed,
    /// Back to an earlier one.
    Rollback {
        /// Which.
        of: u32,
    },
}

/// A version that a witness may meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownVersion {
    /// The slug of its application.
    pub application: String,
    /// Its name.
    pub version: String,
    /// Whether the customer may deploy it now.
    pub granted: bool,
    /// Its images, and the digest of each as far as it is known.
    pub images: BTreeMap<String, Option<String>>,
}

/// Asks for what to pull the images of a deployment with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskPullCredential {
    /// Of which deployment.
    pub deployment: Uuid,
}

/// What to pull with. Good for nothing but the repositories of one deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullCredentials {
    /// One for each registry of the vendor that the deployment has images in.
    pub credentials: Vec<PullCredential>,
    /// Until when they count, in Unix seconds.
    pub expires_at: i64,
}

/// What to pull from one registry with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullCredential {
    /// The host of the registry, with its port where it has one, as image references begin.
    pub registry: String,
    /// The user.
    pub username: String,
    /// `kw_pull_…`.
    pub password: String,
}

impl std::fmt::Debug for PullCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PullCredential").field("registry", &self.registry).finish_non_exhaustive()
    }
}
