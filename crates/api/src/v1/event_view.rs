//! What webhooks tell of things: what the API shows of them, but for what opens something and for internal notes.

use keyward_domain::Timestamp;
use keyward_engine::webhook::Subject;
use serde::Serialize;

use crate::v1::alerts::AlertView;
use crate::v1::application_entitlements::EntitlementView as ApplicationEntitlementView;
use crate::v1::applications::ApplicationView;
use crate::v1::applications::versions::VersionView;
use crate::v1::artifact_entitlements::EntitlementView as ArtifactEntitlementView;
use crate::v1::artifacts::ArtifactView;
use crate::v1::audit_sinks::SettingsView as AuditSinkSettings;
use crate::v1::bucket_alerts::BucketAlertView;
use crate::v1::customers::CustomerView;
use crate::v1::customers::users::CustomerUserView;
use crate::v1::deployment_targets::TargetView;
use crate::v1::deployments::SettingsView as DeploymentSettings;
use crate::v1::licenses::LicenseView;
use crate::v1::members::MemberView;
use crate::v1::onboarding_links::OnboardingLinkView;
use crate::v1::organizations::OrganizationView;
use crate::v1::products::ProductView;
use crate::v1::registries::RegistryView;
use crate::v1::registry_keys::RegistryKeyView;
use crate::v1::signing_keys::SigningKeyView;
use crate::v1::tokens::TokenView;
use crate::v1::webhooks::WebhookView;

/// Writes a thing as the API shows it, for [`EngineBuilder::event_view`](keyward_engine::EngineBuilder::event_view).
pub fn event_view(subject: &Subject, now: Timestamp) -> serde_json::Result<String> {
    fn text(view: impl Serialize) -> serde_json::Result<String> {
        serde_json::to_string(&view)
    }
    match subject.clone() {
        Subject::Alert(alert) => text(AlertView::from(alert)),
        Subject::Application(application) => text(ApplicationView::from(application)),
        Subject::ApplicationEntitlement(grant) => text(ApplicationEntitlementView::from(*grant)),
        Subject::ApplicationVersion(version) => text(VersionView::from(version)),
        Subject::Artifact(artifact) => text(ArtifactView::from(artifact)),
        Subject::ArtifactEntitlement(entitlement) => text(ArtifactEntitlementView::from(entitlement)),
        Subject::AuditSink(sink) => text(AuditSinkSettings::from(sink)),
        Subject::BucketAlert(alert) => text(BucketAlertView::from(alert)),
        Subject::Customer(customer) => text(CustomerView::from(customer).without_notes()),
        Subject::CustomerUser(user) => text(CustomerUserView::from(user)),
        Subject::Deployment(deployment) => text(DeploymentSettings::from(*deployment)),
        Subject::DeploymentTarget(target) => text(TargetView::at(*target, now)),
        Subject::License(license) => text(LicenseView::at(*license, now).without_key()),
        Subject::Member(member) => text(MemberView::from(member)),
        Subject::OnboardingLink(link) => text(OnboardingLinkView::at(&link, now)),
        Subject::Organization(organization) => text(OrganizationView::at(organization, now)),
        Subject::Product(product) => text(ProductView::from(*product)),
        Subject::Registry(registry) => text(RegistryView::from(registry)),
        Subject::RegistryKey(key) => text(RegistryKeyView::from(*key)),
        Subject::SigningKey(key) => text(SigningKeyView::from(key)),
        Subject::Token(token) => text(TokenView::at(token, now)),
        Subject::Webhook(webhook) => text(WebhookView::from(webhook)),
    }
}
