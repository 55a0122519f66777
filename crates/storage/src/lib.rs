//! The only room with SQL: SQLite and PostgreSQL behind one unit of work.
//!
//! A [`Store`] opens transactions; a [`Tx`] gives one room per aggregate (`tx.licenses(scope)`), each bound to
//! one organization; [`Tx::commit`] consumes it and takes the proof that an event was recorded, and dropping it undoes it. The types that go in and out are
//! those of `keyward-domain`; rows and the query builder stay in here.
//!
//! Writers are exact on both databases: on SQLite a write transaction begins `IMMEDIATE` on the only writing
//! connection, so writers queue; on PostgreSQL `lock` locks the row that a decision rests on.

mod address;
mod alert;
mod application;
mod application_entitlement;
mod application_version;
mod artifact;
mod artifact_entitlement;
mod attempt;
mod audit;
mod audit_sink;
mod backlog;
mod bucket_alert;
mod changes;
mod connection;
mod content;
mod convert;
mod credentials;
mod customer;
mod customer_user;
mod deletion;
mod delivery;
mod deployment;
mod deployment_alert;
mod deployment_target;
mod due;
mod erasure;
mod error;
mod folding;
mod habit;
mod health;
mod holding;
mod idempotency;
mod integrity;
mod job;
mod license;
mod license_use;
mod link;
mod live;
mod mail;
mod mail_count;
mod member;
mod migration;
mod names;
mod notice;
mod occurrence;
mod organization;
mod overview;
mod own_rows;
mod page;
#[cfg(test)]
mod plans;
mod product;
mod provider;
mod recordset;
mod registry;
mod registry_event;
mod registry_hint;
mod registry_key;
mod registry_notification;
mod retention;
mod revision;
mod schema;
mod search;
mod session;
mod settings;
mod shown_once;
mod signing_key;
mod sqlite_url;
mod status_list;
mod store;
mod token;
mod tx;
mod upstream_claim;
mod usage;
mod usage_counter;
mod usage_share;
mod webhook;

pub use address::Addresses;
pub use alert::{AlertFilter, Alerts};
pub use application::Applications;
pub use application_entitlement::ApplicationEntitlements;
pub use application_version::ApplicationVersions;
pub use artifact::Artifacts;
pub use artifact_entitlement::ArtifactEntitlements;
pub use attempt::SignInAttempts;
pub use audit::{AuditCounts, AuditEvents, Checkpoint, Checkpoints, Unsigned};
pub use audit_sink::{AuditSinks, SinkProgress, SinkProgresses};
pub use backlog::{Backlog, MOST_COUNTED, SilentUpstream, Waiting};
pub use bucket_alert::BucketAlerts;
pub use changes::{Changes, Generation, History};
pub use content::{Content, Pointing, Referrers, Shown};
pub use credentials::Credentials;
pub use customer::Customers;
pub use customer_user::CustomerUsers;
pub use deletion::Deletions;
pub use delivery::{Deliveries, DeliveryFilter, DueMessage, Message};
pub use deployment::{DeploymentFilter, Deployments};
pub use deployment_alert::{AlertPatience, DueAlert};
pub use deployment_target::DeploymentTargets;
pub use erasure::{Erasure, Person};
pub use error::{StorageError, Unique};
pub use habit::Habits;
pub use health::Health;
pub use holding::{LicenseHolder, LicenseHolders};
pub use idempotency::{Claim, IdempotencyKeys};
pub use integrity::SealedPlace;
pub use job::Jobs;
pub use license::Licenses;
pub use license_use::{
    CustomerValidations, LicensePulls, LicenseRunning, LicenseUseOf, LicenseUses, LicenseValidations, UsedBy,
    VersionInUse,
};
pub use link::Links;
pub use live::LiveMarks;
pub use mail::{MailBody, QueuedMail};
pub use mail_count::{MailCount, MailCounts};
pub use member::Members;
pub use names::{Named, Names};
pub use notice::{LicenseNotices, Turn};
pub use occurrence::{EndMark, Ending, Occurrences, ReachedMark, ValidationReport};
pub use organization::Organizations;
pub use own_rows::{FromSql, OwnRows, SqlRow, SqlValue};
pub use product::Products;
pub use provider::Providers;
pub use registry::Registries;
pub use registry_event::{EventFilter, RegistryEvents};
pub use registry_hint::{KeptHint, RegistryHints};
pub use registry_key::RegistryKeys;
pub use registry_notification::RegistryNotifications;
pub use retention::{Aged, ClockRecord};
pub use schema::{Schema, SchemaName};
pub use search::Beginnings;
pub use session::Sessions;
pub use settings::Settings;
pub use shown_once::ShownOnce;
pub use signing_key::SigningKeys;
pub use sqlite_url::{sqlite_file, sqlite_url};
pub use status_list::{StatusPlaces, Withdrawal};
pub use store::{PoolState, Store, StoreOptions};
pub use token::Tokens;
pub use tx::{Recorded, Technical, Tx};
pub use usage::{Usage, UsageDays};
pub use usage_counter::{Count, CounterDay, CounterDays, ProductDay};
pub use usage_share::{PartitionUsage, UsageShares};
pub use webhook::{SealedSecrets, Webhooks};

/// The result of a storage operation.
pub type Result<T, E = StorageError> = std::result::Result<T, E>;
