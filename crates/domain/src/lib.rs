//! The words and rules of licensing: pure types, no I/O, no clock.
//!
//! Every value here is checked when it is made, so whoever holds a [`License`] or a [`Payload`] holds a
//! valid one. Rules that need the time take a [`Timestamp`]; rules that need randomness take bytes.
//!
//! | to find | look in |
//! |---|---|
//! | what a license is, may become and says at an instant | [`license`], [`revision`] |
//! | the custom claims a vendor puts into a license | [`payload`] |
//! | who may do what | [`permission`] |
//! | credentials, their form and their hashes | [`secret`] |
//! | people in a browser, and links that open something once | [`session`], [`link`] |
//! | what a product is, asks for and lets run | [`product`], [`template`], [`version`] |
//! | “may this run?” | [`validation`] |
//! | “may this be pulled?”, registries and their keys | [`registry`] |
//! | who a request to a registry comes from, and why it is refused | [`admission`] |
//! | what is deployed, of what it consists, and who may | [`application`], [`files`], [`application_entitlement`] |
//! | license keys in files | [`license_reference`] |
//! | what runs on customers' hosts, and the agents there | [`deployment`] |
//! | the code people type | [`license_key`] |
//! | what an organization's plan allows | [`plan`] |
//! | what is told of licenses that are about to end | [`notice`] |
//! | when a job is due, and how it stands | [`job`] |
//! | what events there are, and where they are delivered | [`event`], [`webhook`] |
//! | where the audit log is streamed to | [`audit_sink`] |
//! | what is unusual or fails, and who has seen to it | [`alert`], [`registry::habit`] |
//! | how texts are compared and searched, and e-mail addresses | [`text`], [`email`] |
//! | lists in an order that someone chose | [`order`] |
//! | who vouches for an organization's members | [`provider`] |
//! | what values look like in JSON, for documents (feature `openapi`) | `openapi` |
//! | addresses that people write, and where the server goes for them | [`http_url`], [`outbound`] |

pub mod address;
pub mod admission;
pub mod alert;
pub mod application;
pub mod application_entitlement;
pub mod attempt;
pub mod audit;
pub mod audit_sink;
pub mod bucket;
pub mod bucket_alert;
pub mod chart;
pub mod custom;
pub mod customer;
pub mod customer_user;
mod deletion;
pub mod deployment;
mod described;
pub mod email;
pub mod event;
pub mod files;
#[cfg(test)]
mod fixture;
pub mod http_url;
pub mod id;
pub mod idempotency;
pub mod invalid;
pub mod job;
pub mod license;
mod license_health;
pub mod license_key;
pub mod license_reference;
pub mod license_use;
pub mod link;
pub mod member;
pub mod notice;
#[cfg(feature = "openapi")]
pub mod openapi;
pub mod order;
pub mod organization;
pub mod outbound;
pub mod page;
pub mod payload;
pub mod permission;
pub mod plan;
pub mod product;
pub mod provider;
pub mod registry;
pub mod revision;
pub mod secret;
pub mod session;
pub mod share;
pub mod signing_key;
mod steady_clock;
pub mod template;
pub mod text;
pub mod time;
pub mod token;
pub mod validation;
pub mod version;
mod versioned;
pub mod webhook;
pub mod yaml;

pub use address::{Address, AddressRange, BlockList};
pub use alert::{Alert, AlertState, AlertStatus, AlertSubject, Finding};
pub use application::{Application, ApplicationKind, ApplicationVersion, VersionName};
pub use application_entitlement::ApplicationEntitlement;
pub use audit::{
    Action, ActionFilter, ActorFilter, AuditEvent, AuditFilter, ChainEnd, ChainHash, ChainLink, EventNames,
    RecordedEvent, Salts, SaltsLeft, TargetFilter, Words,
};
pub use audit_sink::{AuditSink, AuditSinkState, SinkAddress};
pub use bucket_alert::{BucketAlert, BucketAlertKind, BucketFinding};
pub use custom::CustomResponse;
pub use customer::Customer;
pub use customer_user::{CustomerRole, CustomerUser, CustomerUserRef, CustomerUserStatus};
pub use deletion::{Deletion, DeletionState};
pub use deployment::{Deployment, DeploymentRevision, DeploymentStatus, DeploymentTarget, JoinCode};
pub use email::{Email, EmailKey};
pub use event::{EventKind, EventPattern, EventPatterns, Occurrence};
pub use files::Files;
pub use http_url::HttpUrl;
pub use id::{
    AgentId, AlertId, ApplicationEntitlementId, ApplicationId, ApplicationVersionId, ArtifactEntitlementId,
    ArtifactId, AuditEventId, AuditSinkId, BucketAlertId, CustomerId, CustomerUserId, DeliveryId,
    DeploymentId, DeploymentRevisionId, DeploymentTargetId, LicenseId, LinkId, MailId, MemberId,
    OrganizationId, ProductId, RegistryEventId, RegistryHintId, RegistryId, RegistryKeyId, RevisionId,
    SessionId, TokenId, WebhookId,
};
pub use idempotency::{Idempotency, IdempotencyKey};
pub use invalid::Invalid;
pub use job::{JobHealth, JobRun, JobState, JobStatus, ServerJob};
pub use license::{License, LicenseFilter, LicenseState, LicenseStatus, Renewal, TransitionError};
pub use license_health::LicenseHealth;
pub use license_key::LicenseKey;
pub use link::Link;
pub use member::{Member, Role};
pub use order::{
    CustomerOrder, LicenseOrder, Mark, Order, OrderBy, Ordered, OrderedRequest, Place, ProductOrder,
    RegistryKeyOrder,
};
pub use organization::{Organization, OrganizationScope, OrganizationState};
pub use outbound::OutboundRules;
pub use page::{Cursor, Page, PageRequest};
pub use payload::Payload;
pub use permission::{Access, Actor, Authority, Forbidden, Grant, Identity, Permission, Scopes};
pub use plan::{Feature, Overrides, Plan};
pub use product::{Product, ProductState};
pub use provider::{ClientId, Distrust, MailDomain, MailDomains, Provider, ProviderUrl};
pub use revision::{Ends, InvalidEnd, Issue, Revision, RevisionState, Validity};
pub use secret::{Secret, SecretHash, SecretKind};
pub use session::Session;
pub use signing_key::{Kid, SigningKey, SigningKeyState};
pub use steady_clock::SteadyClock;
pub use template::{FieldDraft, Template};
pub use text::{Name, Notes, Slug};
pub use time::{EndTime, StartTime, Timestamp};
pub use token::{Maker, ManagementToken, TokenState};
pub use version::{Pin, Version, Versions};
pub use versioned::Versioned;
pub use webhook::{Delivery, DeliveryState, DeliveryStatus, Webhook, WebhookSecret, WebhookState};
