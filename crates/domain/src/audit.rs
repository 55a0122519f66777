//! What happened, for the audit log and the outbox. An event is written in the transaction of its change.

mod chain;
mod filter;
mod words;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{Actor, Address, AuditEventId, MemberId, OrganizationId, Timestamp};

pub use chain::{ChainEnd, ChainHash, ChainLink, Salts, SaltsLeft, canonical};
pub use filter::{ActionFilter, ActorFilter, AuditFilter, TargetFilter};
pub use words::Words;

/// An enum of what can happen, with the name of each on the wire and a sentence about it.
macro_rules! kinds {
    ($(#[$about:meta])* $enum:ident { $($(#[doc = $doc:literal])+ $name:ident = $text:literal;)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $enum {
            $($(#[doc = $doc])+ $name,)+
        }

        impl $enum {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name on the wire and in storage.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// What it says, as a sentence.
            pub fn description(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii_start(),)+ }
            }
        }
    };
}

pub(crate) use kinds;

kinds! {
    /// What was done.
    Action {
        /// An organization was created.
        OrganizationCreated = "organization.created";
        /// An organization was renamed, or its block list changed.
        OrganizationUpdated = "organization.updated";
        /// The operator set an organization's plan.
        OrganizationPlanned = "organization.planned";
        /// An organization began its trial.
        OrganizationTrialStarted = "organization.trial_started";
        /// The operator suspended an organization.
        OrganizationSuspended = "organization.suspended";
        /// The operator ended an organization's suspension.
        OrganizationResumed = "organization.resumed";
        /// An organization's sign-in provider was set.
        OrganizationProviderSet = "organization.provider_set";
        /// An organization's sign-in provider was removed.
        OrganizationProviderRemoved = "organization.provider_removed";
        /// What an organization tells by mail was set.
        OrganizationNoticesSet = "organization.notices_set";
        /// All that an organization has was exported.
        OrganizationExported = "organization.exported";
        /// The deletion of an organization was scheduled.
        OrganizationDeletionScheduled = "organization.deletion_scheduled";
        /// The deletion of an organization was taken back.
        OrganizationDeletionWithdrawn = "organization.deletion_withdrawn";
        /// A member was added.
        MemberCreated = "member.created";
        /// A member's name or role was changed.
        MemberUpdated = "member.updated";
        /// A member was removed.
        MemberDeleted = "member.deleted";
        /// A member was removed, and their name and address taken out of what is kept.
        MemberErased = "member.erased";
        /// A member was invited by mail.
        MemberInvited = "member.invited";
        /// A member signed in.
        MemberSignedIn = "member.signed_in";
        /// A member set a new password.
        MemberPasswordSet = "member.password_set";
        /// A member turned the second factor on.
        MemberAuthenticatorAdded = "member.authenticator_added";
        /// A member, or the operator for one who lost it, turned the second factor off.
        MemberAuthenticatorRemoved = "member.authenticator_removed";
        /// A member made new recovery codes.
        MemberRecoveryCodesRenewed = "member.recovery_codes_renewed";
        /// A user of a customer signed in.
        CustomerSignedIn = "customer.signed_in";
        /// An onboarding link was made.
        OnboardingLinkCreated = "onboarding_link.created";
        /// An onboarding link was opened.
        OnboardingLinkOpened = "onboarding_link.opened";
        /// An onboarding link was withdrawn.
        OnboardingLinkRevoked = "onboarding_link.revoked";
        /// A management token was created.
        TokenCreated = "token.created";
        /// A management token was revoked.
        TokenRevoked = "token.revoked";
        /// An owner has made a management token their own.
        TokenTakenOver = "token.taken_over";
        /// A customer was created.
        CustomerCreated = "customer.created";
        /// A customer's name, address or notes were changed.
        CustomerUpdated = "customer.updated";
        /// A customer was deleted, and all they held revoked.
        CustomerDeleted = "customer.deleted";
        /// A customer's name, address and notes were taken out of what is kept.
        CustomerErased = "customer.erased";
        /// A person was invited to be a user of a customer.
        CustomerUserInvited = "customer_user.invited";
        /// A user of a customer accepted the invitation.
        CustomerUserJoined = "customer_user.joined";
        /// The name or role of a customer's user was changed.
        CustomerUserUpdated = "customer_user.updated";
        /// A user of a customer was removed.
        CustomerUserDeleted = "customer_user.deleted";
        /// A user of a customer was removed, and their name and address taken out of what is kept.
        CustomerUserErased = "customer_user.erased";
        /// A user of a customer set a new password.
        CustomerUserPasswordSet = "customer_user.password_set";
        /// A user of a customer turned the second factor on.
        CustomerUserAuthenticatorAdded = "customer_user.authenticator_added";
        /// A user of a customer, or the vendor for one who lost it, turned the second factor off.
        CustomerUserAuthenticatorRemoved = "customer_user.authenticator_removed";
        /// A user of a customer made new recovery codes.
        CustomerUserRecoveryCodesRenewed = "customer_user.recovery_codes_renewed";
        /// A product was created.
        ProductCreated = "product.created";
        /// A product was changed.
        ProductUpdated = "product.updated";
        /// A product's API key was replaced.
        ProductKeyRotated = "product.key_rotated";
        /// A product was taken out of sale and service.
        ProductArchived = "product.archived";
        /// A product was taken back into sale and service.
        ProductUnarchived = "product.unarchived";
        /// A product was taken out of service for a while.
        ProductDisabled = "product.disabled";
        /// A product was taken back into service.
        ProductEnabled = "product.enabled";
        /// A license was created.
        LicenseCreated = "license.created";
        /// A license's name, description or bounds were changed.
        LicenseUpdated = "license.updated";
        /// A license was given new terms.
        LicenseRenewed = "license.renewed";
        /// A license was held back.
        LicenseSuspended = "license.suspended";
        /// A license's suspension was ended.
        LicenseResumed = "license.resumed";
        /// A license was ended for ever.
        LicenseRevoked = "license.revoked";
        /// A license was deleted.
        LicenseDeleted = "license.deleted";
        /// An address was registered with a license, by the vendor.
        LicenseIpRegistered = "license.ip_registered";
        /// An address was removed from a license.
        LicenseIpRemoved = "license.ip_removed";
        /// All addresses of a license were removed.
        LicenseIpsReset = "license.ips_reset";
        /// A registry was created.
        RegistryCreated = "registry.created";
        /// A registry was changed.
        RegistryUpdated = "registry.updated";
        /// A registry was removed.
        RegistryDeleted = "registry.deleted";
        /// The upstream of a registry was given a secret to send notifications with.
        RegistryNotificationsSet = "registry.notifications_set";
        /// The upstream of a registry is no longer listened to.
        RegistryNotificationsEnded = "registry.notifications_ended";
        /// A registry key was created.
        RegistryKeyCreated = "registry_key.created";
        /// How a registry key rotates by itself was set.
        RegistryKeyUpdated = "registry_key.updated";
        /// A registry key was given a new secret.
        RegistryKeyRotated = "registry_key.rotated";
        /// A machine has collected the new secret of its registry key.
        RegistryKeyCollected = "registry_key.collected";
        /// A person was shown the new secret of a registry key.
        RegistryKeyRevealed = "registry_key.revealed";
        /// A registry key was revoked.
        RegistryKeyRevoked = "registry_key.revoked";
        /// Something unusual was seen at a registry.
        AlertRaised = "alert.raised";
        /// Someone has seen to something unusual.
        AlertAcknowledged = "alert.acknowledged";
        /// A product's daily bucket is nearly used or used up, or a share of it is.
        BucketAlertRaised = "bucket_alert.raised";
        /// A repository was named by the vendor.
        ArtifactCreated = "artifact.created";
        /// A customer was entitled to artifacts.
        ArtifactEntitlementCreated = "artifact_entitlement.created";
        /// An artifact entitlement was changed.
        ArtifactEntitlementUpdated = "artifact_entitlement.updated";
        /// An artifact entitlement was ended.
        ArtifactEntitlementDeleted = "artifact_entitlement.deleted";
        /// What customers without an entitlement may pull was changed.
        ArtifactPolicyChanged = "artifact_policy.changed";
        /// An application was created.
        ApplicationCreated = "application.created";
        /// An application's name or description was changed.
        ApplicationUpdated = "application.updated";
        /// An application was deleted, with its versions.
        ApplicationDeleted = "application.deleted";
        /// A version of an application was created.
        ApplicationVersionCreated = "application_version.created";
        /// A version's notes were changed.
        ApplicationVersionUpdated = "application_version.updated";
        /// A version is offered to nobody new.
        ApplicationVersionArchived = "application_version.archived";
        /// A version is offered again.
        ApplicationVersionUnarchived = "application_version.unarchived";
        /// A customer was entitled to versions of an application.
        ApplicationEntitlementCreated = "application_entitlement.created";
        /// An entitlement was given more versions, or another note.
        ApplicationEntitlementUpdated = "application_entitlement.updated";
        /// An entitlement ended: it granted nothing, or its customer was deleted.
        ApplicationEntitlementDeleted = "application_entitlement.deleted";
        /// A customer has made a deployment target.
        DeploymentTargetCreated = "deployment_target.created";
        /// A deployment target was renamed.
        DeploymentTargetUpdated = "deployment_target.updated";
        /// A new join code was made for a deployment target.
        DeploymentTargetCodeCreated = "deployment_target.code_created";
        /// A host has joined a deployment target.
        DeploymentTargetJoined = "deployment_target.joined";
        /// A host has joined a deployment target that had an agent, which counts no more.
        DeploymentTargetRejoined = "deployment_target.rejoined";
        /// An agent has replaced its keys.
        DeploymentTargetKeyRotated = "deployment_target.key_rotated";
        /// A deployment target was released: its agent counts no more, and what runs there is left as it is.
        DeploymentTargetReleased = "deployment_target.released";
        /// A customer has deployed an application.
        DeploymentCreated = "deployment.created";
        /// A deployment was given another revision.
        DeploymentRevised = "deployment.revised";
        /// A deployment's latest revision is to be tried again, or started after a stop.
        DeploymentRunOrdered = "deployment.run_ordered";
        /// A deployment is to stop.
        DeploymentStopOrdered = "deployment.stop_ordered";
        /// A deployment is to be removed; `detail.volumes` says what becomes of its data.
        DeploymentRemovalOrdered = "deployment.removal_ordered";
        /// A revision of a deployment runs.
        DeploymentApplied = "deployment.applied";
        /// A revision of a deployment waits for a person to do something.
        DeploymentBlocked = "deployment.blocked";
        /// A revision of a deployment did not become what it was to be.
        DeploymentFailed = "deployment.failed";
        /// A revision of a deployment did not become what it was to be, and the one before runs again.
        DeploymentRolledBack = "deployment.rolled_back";
        /// A deployment was stopped.
        DeploymentStopped = "deployment.stopped";
        /// A deployment was removed from its host.
        DeploymentRemoved = "deployment.removed";
        /// A signing key was created or imported.
        SigningKeyCreated = "signing_key.created";
        /// A signing key began to sign.
        SigningKeyActivated = "signing_key.activated";
        /// A signing key was withdrawn.
        SigningKeyRevoked = "signing_key.revoked";
        /// What happened on a day that has no event of its own was counted.
        DayCounted = "day.counted";
        /// A webhook endpoint was created.
        WebhookCreated = "webhook.created";
        /// A webhook endpoint was changed.
        WebhookUpdated = "webhook.updated";
        /// A webhook endpoint was deleted.
        WebhookDeleted = "webhook.deleted";
        /// A webhook endpoint was paused.
        WebhookPaused = "webhook.paused";
        /// A webhook endpoint gets messages again.
        WebhookResumed = "webhook.resumed";
        /// A webhook endpoint was given a new secret.
        WebhookSecretRotated = "webhook.secret_rotated";
        /// Messages were sent to a webhook endpoint again.
        WebhookReplayed = "webhook.replayed";
        /// The server has given a webhook endpoint up.
        WebhookDisabled = "webhook.disabled";
        /// The audit log is streamed to somewhere.
        AuditSinkCreated = "audit_sink.created";
        /// An audit sink was changed.
        AuditSinkUpdated = "audit_sink.updated";
        /// An audit sink was paused.
        AuditSinkPaused = "audit_sink.paused";
        /// An audit sink is sent events again.
        AuditSinkResumed = "audit_sink.resumed";
        /// An audit sink was deleted.
        AuditSinkDeleted = "audit_sink.deleted";
    }
}

/// One line of the audit log. It holds no secret and is never changed.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEvent {
    /// Its id.
    pub id: AuditEventId,
    /// In which organization.
    pub organization: OrganizationId,
    /// Who acted.
    pub actor: Actor,
    /// What was done.
    pub action: Action,
    /// To what; a signing key stands by its `kid` in `detail`.
    pub target: Option<Uuid>,
    /// What a reader wants to know beyond that, such as the target's name.
    pub detail: Map<String, Value>,
    /// From where, as far as it is known.
    pub address: Option<Address>,
    /// When.
    pub at: Timestamp,
}

/// An event as the log has it: with the names of its time, and its place in the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedEvent {
    /// What was done.
    pub event: AuditEvent,
    /// What everything was called then.
    pub names: EventNames,
    /// Who had made the token that acted.
    pub maker: Option<MemberId>,
    /// Its place in the chain; `None` of one that is older than the chain.
    pub link: Option<ChainLink>,
}

impl std::ops::Deref for RecordedEvent {
    type Target = AuditEvent;

    fn deref(&self) -> &AuditEvent {
        &self.event
    }
}

impl RecordedEvent {
    /// An event that is not in the chain yet.
    pub fn new(event: AuditEvent, names: EventNames, maker: Option<MemberId>) -> Self {
        let detail = event.detail.into_iter().map(|(name, value)| (name, chain::exact(value))).collect();
        Self { event: AuditEvent { detail, ..event }, names, maker, link: None }
    }

    /// What the thing is called that an event is about, if its detail says so.
    pub fn named_in(detail: &Map<String, Value>) -> Option<String> {
        words::named_in(detail)
    }
}

/// What everything was called when an event happened.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct EventNames {
    /// Who acted: the name of the member, customer, token or key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Who had made the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<String>,
    /// What it was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}
