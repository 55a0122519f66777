//! Events as sentences: who did what to which thing.

use serde_json::Value;

use super::{Action, RecordedEvent};
use crate::Actor;

/// A part of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Words {
    /// Whoever acted, by name.
    Actor(String),
    /// The thing that it was done to, by name.
    Target(String),
    /// What stands between.
    Text(String),
}

impl Words {
    /// The words.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Actor(text) | Self::Target(text) | Self::Text(text) => text,
        }
    }
}

impl Action {
    /// The kind of things that it is done to: what stands before the dot of its name.
    pub fn noun(self) -> &'static str {
        self.as_str().split('.').next().unwrap_or_default()
    }

    /// What is done, after the name of whoever does it. `{}` is the name of the thing, `{address}` a member of the detail.
    fn phrase(self) -> &'static str {
        match self {
            Self::OrganizationCreated => "created the organization {}",
            Self::OrganizationUpdated => "changed the organization {}",
            Self::OrganizationPlanned => "set the plan of the organization {}",
            Self::OrganizationTrialStarted => "began the trial of the organization {}",
            Self::OrganizationSuspended => "suspended the organization {}",
            Self::OrganizationResumed => "ended the suspension of the organization {}",
            Self::OrganizationProviderSet => "set the sign-in provider {issuer}",
            Self::OrganizationProviderRemoved => "removed the sign-in provider {issuer}",
            Self::OrganizationNoticesSet => "changed what notices are mailed about",
            Self::OrganizationExported => "exported all that the organization {} has",
            Self::OrganizationDeletionScheduled => "scheduled the deletion of the organization {}",
            Self::OrganizationDeletionWithdrawn => "withdrew the deletion of the organization {}",
            Self::MemberCreated => "added the member {}",
            Self::MemberUpdated => "changed the member {}",
            Self::MemberDeleted => "removed the member {}",
            Self::MemberErased => "erased the personal data of {}",
            Self::MemberInvited => "invited the member {}",
            Self::MemberSignedIn | Self::CustomerSignedIn => "signed in",
            Self::MemberPasswordSet => "set the password of {}",
            Self::MemberAuthenticatorAdded => "turned on the second factor of {}",
            Self::MemberAuthenticatorRemoved => "turned off the second factor of {}",
            Self::MemberRecoveryCodesRenewed => "made new recovery codes for {}",
            Self::OnboardingLinkCreated => "created an onboarding link for the license {}",
            Self::OnboardingLinkOpened => "opened the onboarding link of the license {}",
            Self::OnboardingLinkRevoked => "revoked the onboarding link of the license {}",
            Self::TokenCreated => "created the management token {}",
            Self::TokenRevoked => "revoked the management token {}",
            Self::TokenTakenOver => "took over the management token {}",
            Self::CustomerCreated => "created the customer {}",
            Self::CustomerUpdated => "changed the customer {}",
            Self::CustomerDeleted => "deleted the customer {}",
            Self::CustomerErased => "erased the personal data of {}",
            Self::CustomerUserInvited => "invited {} to be a user of the customer {customer}",
            Self::CustomerUserJoined => "joined the customer {customer}",
            Self::CustomerUserUpdated => "changed the user {} of the customer {customer}",
            Self::CustomerUserDeleted => "removed the user {} of the customer {customer}",
            Self::CustomerUserErased => "erased the personal data of {}",
            Self::CustomerUserPasswordSet => "set the password of {}",
            Self::CustomerUserAuthenticatorAdded => "turned on the second factor of {}",
            Self::CustomerUserAuthenticatorRemoved => "turned off the second factor of {}",
            Self::CustomerUserRecoveryCodesRenewed => "made new recovery codes for {}",
            Self::ProductCreated => "created the product {}",
            Self::ProductUpdated => "changed the product {}",
            Self::ProductKeyRotated => "rotated the API key of the product {}",
            Self::ProductArchived => "archived the product {}",
            Self::ProductUnarchived => "restored the product {} from the archive",
            Self::ProductDisabled => "disabled the product {}",
            Self::ProductEnabled => "enabled the product {}",
            Self::LicenseCreated => "created the license {}",
            Self::LicenseUpdated => "changed the license {}",
            Self::LicenseRenewed => "renewed the license {}",
            Self::LicenseSuspended => "suspended the license {}",
            Self::LicenseResumed => "resumed the license {}",
            Self::LicenseRevoked => "revoked the license {}",
            Self::LicenseDeleted => "deleted the license {}",
            Self::LicenseIpRegistered => "registered the address {address} with the license {}",
            Self::LicenseIpRemoved => "removed the address {address} from the license {}",
            Self::LicenseIpsReset => "removed all addresses from the license {}",
            Self::RegistryCreated => "created the registry {}",
            Self::RegistryUpdated => "changed the registry {}",
            Self::RegistryDeleted => "deleted the registry {}",
            Self::RegistryNotificationsSet => "set up notifications for the registry {}",
            Self::RegistryNotificationsEnded => "ended notifications for the registry {}",
            Self::RegistryKeyCreated => "created the registry key {}",
            Self::RegistryKeyUpdated => "changed the rotation of the registry key {}",
            Self::RegistryKeyRotated => "rotated the registry key {}",
            Self::RegistryKeyCollected => "collected the new secret of the registry key {}",
            Self::RegistryKeyRevealed => "looked at the new secret of the registry key {}",
            Self::RegistryKeyRevoked => "revoked the registry key {}",
            Self::AlertRaised => "raised an alert: {message}",
            Self::AlertAcknowledged => "acknowledged an alert: {message}",
            Self::ArtifactCreated => "named the artifact {}",
            Self::ArtifactEntitlementCreated => "entitled {} to artifacts",
            Self::ArtifactEntitlementUpdated => "changed the artifact entitlement of {}",
            Self::ArtifactEntitlementDeleted => "ended the artifact entitlement of {}",
            Self::ArtifactPolicyChanged => {
                "changed what customers without an entitlement may pull to {policy}"
            }
            Self::ApplicationCreated => "created the application {}",
            Self::ApplicationUpdated => "changed the application {}",
            Self::ApplicationDeleted => "deleted the application {}",
            Self::ApplicationVersionCreated => "created the version {}",
            Self::ApplicationVersionUpdated => "changed the version {}",
            Self::ApplicationVersionArchived => "archived the version {}",
            Self::ApplicationVersionUnarchived => "restored the version {} from the archive",
            Self::ApplicationEntitlementCreated => "created the application entitlement {}",
            Self::ApplicationEntitlementUpdated => "changed the application entitlement {}",
            Self::ApplicationEntitlementDeleted => "ended the application entitlement {}",
            Self::DeploymentTargetCreated => "created the deployment target {}",
            Self::DeploymentTargetUpdated => "renamed the deployment target {}",
            Self::DeploymentTargetCodeCreated => "made a join code for the deployment target {}",
            Self::DeploymentTargetJoined => "joined the deployment target {}",
            Self::DeploymentTargetRejoined => "joined the deployment target {} in place of its agent",
            Self::DeploymentTargetKeyRotated => "rotated its keys as the agent of the deployment target {}",
            Self::DeploymentTargetReleased => "released the deployment target {}",
            Self::DeploymentCreated => "created the deployment {}",
            Self::DeploymentRevised => "ordered revision {revision} of the deployment {}",
            Self::DeploymentRunOrdered => "ordered the deployment {} to run",
            Self::DeploymentStopOrdered => "ordered the deployment {} to stop",
            Self::DeploymentRemovalOrdered => "ordered the removal of the deployment {}",
            Self::DeploymentApplied => "brought revision {revision} of the deployment {} into service",
            Self::DeploymentBlocked => "could not begin revision {revision} of the deployment {}",
            Self::DeploymentFailed => "failed to deploy revision {revision} of the deployment {}",
            Self::DeploymentRolledBack => "rolled revision {revision} of the deployment {} back",
            Self::DeploymentStopped => "stopped the deployment {}",
            Self::DeploymentRemoved => "removed the deployment {}",
            Self::SigningKeyCreated => "created the signing key {}",
            Self::SigningKeyActivated => "activated the signing key {}",
            Self::SigningKeyRevoked => "revoked the signing key {}",
            Self::WebhookCreated => "created the webhook endpoint {}",
            Self::WebhookUpdated => "changed the webhook endpoint {}",
            Self::WebhookDeleted => "deleted the webhook endpoint {}",
            Self::WebhookPaused => "paused the webhook endpoint {}",
            Self::WebhookResumed => "resumed the webhook endpoint {}",
            Self::WebhookSecretRotated => "rotated the secret of the webhook endpoint {}",
            Self::WebhookReplayed => "sent {count} messages again to the webhook endpoint {}",
            Self::WebhookDisabled => "disabled the webhook endpoint {}",
            Self::AuditSinkCreated => "created the audit sink {}",
            Self::AuditSinkUpdated => "changed the audit sink {}",
            Self::AuditSinkPaused => "paused the audit sink {}",
            Self::AuditSinkResumed => "resumed the audit sink {}",
            Self::AuditSinkDeleted => "deleted the audit sink {}",
            Self::BucketAlertRaised => "raised an alert about the daily bucket of the product {}",
            Self::DayCounted => "counted what was pulled, pushed and refused on {day}",
        }
    }
}

impl RecordedEvent {
    /// The event as a sentence without a full stop.
    pub fn sentence(&self) -> Vec<Words> {
        let mut words = vec![Words::Actor(self.who()), Words::Text(" ".to_owned())];
        let mut rest = self.event.action.phrase();
        while let Some((before, place, after)) = next_place(rest) {
            words.push(Words::Text(before.to_owned()));
            words.push(match place {
                "" => Words::Target(self.what()),
                member => Words::Text(self.told(member).unwrap_or_else(|| "(unknown)".to_owned())),
            });
            rest = after;
        }
        words.push(Words::Text(rest.to_owned()));
        words.retain(|part| !part.as_str().is_empty());
        words
    }

    /// Who acted, by name.
    pub fn who(&self) -> String {
        let named = |kind: &str| match &self.names.actor {
            Some(name) => name.clone(),
            None => kind.to_owned(),
        };
        match self.event.actor {
            Actor::Operator => "The operator".to_owned(),
            Actor::Job(job) => job.words().to_owned(),
            Actor::Server => match &self.names.actor {
                // A job that this program does not know.
                Some(job) => format!("The job {job}"),
                None => "The server".to_owned(),
            },
            Actor::Token(_) => match (&self.names.actor, &self.names.maker) {
                (Some(name), Some(maker)) => format!("The token {name} of {maker}"),
                (Some(name), None) => format!("The token {name}"),
                (None, _) => "A management token".to_owned(),
            },
            Actor::Member(_) => named("A member"),
            Actor::Customer(_) => named("A customer"),
            Actor::CustomerUser(_) => named("A user of a customer"),
            Actor::Link(_) => "Whoever had the link".to_owned(),
            Actor::Agent(_) => match &self.names.actor {
                Some(name) => format!("The agent on {name}"),
                None => "An agent".to_owned(),
            },
            Actor::RegistryKey(_) => match &self.names.actor {
                Some(name) => format!("The registry key {name}"),
                None => "A registry key".to_owned(),
            },
        }
    }

    fn what(&self) -> String {
        let named = self.names.target.clone().or_else(|| named_in(&self.event.detail));
        named.unwrap_or_else(|| "(unnamed)".to_owned())
    }

    fn told(&self, member: &str) -> Option<String> {
        match self.event.detail.get(member)? {
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }
}

/// What a detail calls the thing that it is about.
pub(crate) fn named_in(detail: &serde_json::Map<String, Value>) -> Option<String> {
    let named = ["name", "repository", "email", "kid", "slug"]
        .into_iter()
        .find_map(|name| detail.get(name)?.as_str());
    named.map(str::to_owned)
}

fn next_place(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (place, after) = rest.split_once('}')?;
    Some((before, place, after))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::EventNames;
    use crate::{AuditEvent, AuditEventId, MemberId, OrganizationId, ServerJob, Timestamp};

    fn sentence(actor: Actor, action: Action, names: EventNames, detail: Value) -> String {
        let event = AuditEvent {
            id: AuditEventId::new(1, [1; 10]),
            organization: OrganizationId::new(1, [2; 10]),
            actor,
            action,
            target: None,
            detail: detail.as_object().unwrap().clone(),
            address: None,
            at: Timestamp::from_unix(1_767_225_600).unwrap(),
        };
        RecordedEvent::new(event, names, None).sentence().iter().map(Words::as_str).collect()
    }

    #[test]
    fn an_event_is_a_sentence() {
        let ada = Actor::Member(MemberId::new(1, [3; 10]));
        let names =
            || EventNames { actor: Some("Ada".to_owned()), target: Some("Pro".to_owned()), maker: None };
        let said = sentence(ada, Action::LicenseIpRemoved, names(), json!({"address": "192.0.2.7"}));
        assert_eq!(said, "Ada removed the address 192.0.2.7 from the license Pro");
        assert_eq!(sentence(ada, Action::MemberSignedIn, names(), json!({})), "Ada signed in");
        let token = Actor::Token(crate::TokenId::new(1, [3; 10]));
        let made = EventNames { actor: Some("CI".to_owned()), maker: Some("Ada".to_owned()), target: None };
        let said = sentence(token, Action::CustomerCreated, made, json!({"name": "Hooli"}));
        assert_eq!(said, "The token CI of Ada created the customer Hooli");
    }

    #[test]
    fn what_a_job_did_is_told_of_the_job() {
        let names = |actor: Option<&str>| EventNames {
            actor: actor.map(str::to_owned),
            target: Some("ci".to_owned()),
            maker: None,
        };
        let said = |actor, name| sentence(actor, Action::RegistryKeyRotated, names(name), json!({}));
        let rotated = "The job that rotates registry keys rotated the registry key ci";
        assert_eq!(said(Actor::Job(ServerJob::KeyRotation), Some("key_rotation")), rotated);
        // By a newer server, and by one that did not name its jobs.
        assert_eq!(said(Actor::Server, Some("tidying")), "The job tidying rotated the registry key ci");
        assert_eq!(said(Actor::Server, None), "The server rotated the registry key ci");
    }

    #[test]
    fn every_phrase_can_be_told() {
        for action in Action::ALL {
            let said = sentence(Actor::Server, *action, EventNames::default(), json!({}));
            assert!(said.starts_with("The server ") && !said.contains(['{', '}']), "{said}");
        }
    }
}
