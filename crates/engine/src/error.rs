//! What a use-case answers when it does not do what was asked.

use keyward_domain::application::VersionTransitionError;
use keyward_domain::application_entitlement::GrantError;
use keyward_domain::deployment::DeploymentRefusal;
use keyward_domain::deployment::target::TargetReleased;
use keyward_domain::license::{RenewError, TransitionError};
use keyward_domain::plan::LimitReached;
use keyward_domain::product::ProductTransitionError;
use keyward_domain::signing_key::KeyTransitionError;
use keyward_domain::{Feature, Forbidden, Invalid, InvalidEnd, VersionName};
use keyward_storage::StorageError;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing in the caller's organization.
    #[error("there is no such {0}")]
    NotFound(Resource),
    /// Values were refused; all of them, each with its field.
    #[error("{} of the values are not acceptable", .0.len())]
    Invalid(Vec<FieldFault>),
    /// Another thing of the organization has this value already.
    #[error("another {resource} has this {field} already")]
    Taken {
        /// Of what kind.
        resource: Resource,
        /// The field that must be unique.
        field: &'static str,
    },
    /// The credential may not do this.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The thing's state does not allow it.
    #[error("{0}")]
    Transition(String),
    /// The thing was changed since the caller last saw it (`If-Match`).
    #[error("it was changed since: its version is now {version}")]
    Changed {
        /// The version now.
        version: i64,
    },
    /// The `Idempotency-Key` named another request before.
    #[error("this Idempotency-Key was used for a different request")]
    KeyReused,
    /// The same request was carried out before, and its secret was shown then.
    #[error("this request was carried out before, and its secret was shown then")]
    SecretShown {
        /// What it made or changed.
        resource: uuid::Uuid,
    },
    /// The person has not shown lately who they are, which is asked for before an identity is changed.
    #[error("confirm who you are first")]
    Unconfirmed,
    /// The license's token can't be had.
    #[error("the token of this license cannot be issued: {0}")]
    NoToken(&'static str),
    /// The organization's plan does not include this.
    #[error("the plan {plan} does not include {feature}; it needs {}", feature.least())]
    PlanRequired {
        /// The plan that counts.
        plan: &'static str,
        /// What it does not include.
        feature: Feature,
    },
    /// A limit of the organization's plan is reached.
    #[error(transparent)]
    LimitReached(#[from] LimitReached),
    /// What was granted once can't be taken back.
    #[error("a version that was granted cannot be taken back: {}", .0.join(", "))]
    Granted(Vec<String>),
    /// Others rest on it.
    #[error("{0}")]
    InUse(String),
    /// License keys that a file asks for have no token now; each with the reason.
    #[error("license keys are not available: {}", .0.iter().map(|(name, why)| format!("{name} ({why})")).collect::<Vec<_>>().join(", "))]
    NoKeys(Vec<(String, String)>),
    /// The license whose token was shown is not in force.
    #[error("the license of this token is not in force: {0}")]
    NotInForce(keyward_domain::validation::Status),
    /// The license whose token was shown is the whole organization's.
    #[error("the license of this token belongs to no customer")]
    NoCustomer,
    /// A count can't be written: of validations, or of attempts to sign in.
    #[error("it can't be counted")]
    Uncounted(#[source] std::sync::Arc<StorageError>),
    /// The link was opened before, or has run out, or what it opens is gone.
    #[error("this link was used before or has run out")]
    LinkGone,
    /// A join code opens nothing: it was used or withdrawn, has run out, or never was.
    #[error(
        "this join code was used, has run out, or is none; make another on the page of the deployment target"
    )]
    JoinCode,
    /// An agent has come in another mode than its target is for.
    #[error("this deployment target is for the mode {}", .0.as_str())]
    WrongMode(keyward_domain::deployment::Mode),
    /// A request was signed at another time than now.
    #[error("the request was signed at another time than now, by the clock of this server")]
    ClockSkew,
    /// A password can't be hashed.
    #[error("the password can't be hashed")]
    Password,
    /// The caller's credential has ended since it was checked.
    #[error("the credential has ended")]
    Unauthenticated,
    /// Too many wrong tries.
    #[error("there were too many tries; the next is worth it in {retry_after} seconds")]
    TooManyTries {
        /// After how many seconds another is worth it.
        retry_after: i64,
    },
    /// An agent has told of more than it may in an hour.
    #[error("this agent has told of too much in an hour")]
    TooManyEnds {
        /// After how many seconds it may tell more.
        retry_after: i64,
    },
    /// More passwords wait to be hashed than can be.
    #[error("too many people are signing in at this moment")]
    Busy {
        /// After how many seconds another try is worth it.
        retry_after: i64,
    },
    /// The organization has written as many mails as it may.
    #[error("{limit}")]
    MailLimit {
        /// Which limit is reached.
        limit: crate::MailLimitReached,
        /// After how many seconds there may be more.
        retry_after: i64,
    },
    /// An organization always has an owner.
    #[error("an organization needs at least one owner")]
    LastOwner,
    /// A customer's users may not leave it without an admin; the vendor may.
    #[error("a customer needs at least one admin")]
    LastAdmin,
    /// Only admins of the customer may do this.
    #[error("only admins of the customer may do this")]
    AdminsOnly,
    /// It would be the first artifact entitlement, which takes from customers what they can pull now.
    #[error("it would close the registries to {customers} customers")]
    WouldClose {
        /// How many have a license and no entitlement.
        customers: usize,
        /// Whether there are more than were counted.
        more: bool,
    },
    /// Storage failed or holds something impossible.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What is kept can't be written as a token's claims.
    #[error("the claims cannot be written")]
    Claims(#[from] keyward_token::ClaimsError),
    /// No thread can be started.
    #[error("no thread can be started")]
    Thread(#[source] std::sync::Arc<std::io::Error>),
    /// What endpoints are to be told can't be written.
    #[error("the event cannot be written")]
    Event(#[source] serde_json::Error),
    /// A revision has a place outside of the status list.
    #[error("the status list has no place {index}")]
    StatusIndex {
        /// The place.
        index: u32,
    },
    /// Rows of the embedding service's own could not be written with the change, so nothing was.
    #[error("rows beside the change could not be written")]
    OwnRows(#[source] crate::OwnError),
    /// A sealed key can't be opened.
    #[error("the signing key {kid} cannot be used")]
    Key {
        /// Which.
        kid: String,
        /// Why.
        #[source]
        source: crate::vault::SealError,
    },
}

/// The kinds of things that use-cases act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// The tenant.
    Organization,
    /// A person of the vendor.
    Member,
    /// A management token.
    Token,
    /// Whom the vendor sells to.
    Customer,
    /// A person of a customer.
    CustomerUser,
    /// A product.
    Product,
    /// An application.
    Application,
    /// A version of an application.
    ApplicationVersion,
    /// What a customer may deploy.
    ApplicationEntitlement,
    /// A file of a version.
    File,
    /// A license.
    License,
    /// An address of a license.
    Address,
    /// A revision of a license.
    Revision,
    /// A signing key.
    SigningKey,
    /// A link that opens something once.
    Link,
    /// A host of container clients.
    Registry,
    /// A credential for a registry.
    RegistryKey,
    /// Something unusual at a registry.
    Alert,
    /// A repository in a registry.
    Artifact,
    /// What a customer may pull.
    ArtifactEntitlement,
    /// Who vouches for members.
    Provider,
    /// Where events go.
    Webhook,
    /// An event on its way.
    Delivery,
    /// Where the audit log is streamed to.
    AuditSink,
    /// A host of a customer.
    DeploymentTarget,
    /// An application on such a host.
    Deployment,
    /// What a deployment was to be.
    DeploymentRevision,
}

impl Resource {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Member => "member",
            Self::Token => "management token",
            Self::Customer => "customer",
            Self::CustomerUser => "user of this customer",
            Self::Product => "product",
            Self::Application => "application",
            Self::ApplicationVersion => "version of this application",
            Self::ApplicationEntitlement => "application entitlement",
            Self::File => "file of this version",
            Self::License => "license",
            Self::Address => "address of this license",
            Self::Revision => "revision",
            Self::SigningKey => "signing key",
            Self::Link => "link",
            Self::Registry => "registry",
            Self::RegistryKey => "registry key",
            Self::Alert => "alert",
            Self::Artifact => "artifact",
            Self::ArtifactEntitlement => "artifact entitlement",
            Self::Provider => "sign-in provider",
            Self::Webhook => "webhook endpoint",
            Self::Delivery => "delivery to this webhook endpoint",
            Self::AuditSink => "audit sink",
            Self::DeploymentTarget => "deployment target",
            Self::Deployment => "deployment",
            Self::DeploymentRevision => "revision of this deployment",
        }
    }
}

impl std::fmt::Display for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refused value and the field that held it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// The field's name in the request.
    pub field: &'static str,
    /// What is wrong with it.
    pub invalid: Invalid,
}

/// An error with all its causes, on one line.
pub fn causes(error: &dyn std::error::Error) -> String {
    let (mut text, mut source) = (error.to_string(), error.source());
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

impl Error {
    /// Whether the same may go well in a moment: the database is not there, or does not write now.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Storage(error) => error.is_passing(),
            Self::Uncounted(error) => error.is_passing(),
            _ => false,
        }
    }

    /// Several faults of one field.
    pub fn fields(field: &'static str, faults: Vec<Invalid>) -> Self {
        Self::Invalid(faults.into_iter().map(|invalid| FieldFault { field, invalid }).collect())
    }

    /// One refused field.
    pub fn field(field: &'static str, invalid: Invalid) -> Self {
        Self::Invalid(vec![FieldFault { field, invalid }])
    }
}

impl From<TransitionError> for Error {
    fn from(error: TransitionError) -> Self {
        Self::Transition(error.to_string())
    }
}

impl From<ProductTransitionError> for Error {
    fn from(error: ProductTransitionError) -> Self {
        Self::Transition(error.to_string())
    }
}

impl From<VersionTransitionError> for Error {
    fn from(error: VersionTransitionError) -> Self {
        Self::Transition(error.to_string())
    }
}

impl From<GrantError> for Error {
    fn from(error: GrantError) -> Self {
        let list = |names: &[VersionName]| names.iter().map(VersionName::to_string).collect::<Vec<_>>();
        match error {
            GrantError::Empty => Self::field("versions", Invalid::new("required", "must name a version")),
            GrantError::Archived(names) => {
                let message = format!("names archived versions: {}", list(&names).join(", "));
                Self::field("versions", Invalid::new("archived", message))
            }
            GrantError::TakenBack(names) => Self::Granted(list(&names)),
        }
    }
}

impl From<TargetReleased> for Error {
    fn from(error: TargetReleased) -> Self {
        Self::Transition(error.to_string())
    }
}

impl From<DeploymentRefusal> for Error {
    fn from(error: DeploymentRefusal) -> Self {
        Self::Transition(error.to_string())
    }
}

impl From<KeyTransitionError> for Error {
    fn from(error: KeyTransitionError) -> Self {
        Self::Transition(error.to_string())
    }
}

impl From<InvalidEnd> for Error {
    fn from(InvalidEnd { field, invalid }: InvalidEnd) -> Self {
        Self::field(field, invalid)
    }
}

impl From<RenewError> for Error {
    fn from(error: RenewError) -> Self {
        match error {
            RenewError::State(error) => error.into(),
            RenewError::End(end) => end.into(),
        }
    }
}
