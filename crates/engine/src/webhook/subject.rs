//! What events are about, as it is at the end of the transaction that makes them.

use keyward_domain::registry::{Artifact, ArtifactEntitlement, Registry, RegistryKey};
use keyward_domain::{
    Alert, Application, ApplicationVersion, AuditSink, BucketAlert, Customer, CustomerUser, Deployment,
    DeploymentTarget, License, Link, ManagementToken, Member, Organization, OrganizationScope, Product,
    ProductId, SigningKey, Timestamp, Webhook,
};
use keyward_storage::Tx;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{ApplicationGrant, Result, application_entitlement};

/// The thing that an event is about.
#[derive(Debug, Clone)]

pub enum Subject {
    /// An alert.
    Alert(Alert),
    /// An application.
    Application(Application),
    /// What a customer may deploy.
    ApplicationEntitlement(Box<ApplicationGrant>),
    /// A version of an application.
    ApplicationVersion(ApplicationVersion),
    /// A repository.
    Artifact(Artifact),
    /// What a customer may pull.
    ArtifactEntitlement(ArtifactEntitlement),
    /// Where the audit log is streamed to.
    AuditSink(AuditSink),
    /// An alert about a daily bucket.
    BucketAlert(BucketAlert),
    /// A customer.
    Customer(Customer),
    /// A user of a customer.
    CustomerUser(CustomerUser),
    /// An application on a host of a customer.
    Deployment(Box<Deployment>),
    /// A host of a customer.
    DeploymentTarget(Box<DeploymentTarget>),
    /// A license.
    License(Box<License>),
    /// A member.
    Member(Member),
    /// An onboarding link.
    OnboardingLink(Link),
    /// The organization.
    Organization(Organization),
    /// A product.
    Product(Box<Product>),
    /// A registry.
    Registry(Registry),
    /// A registry key.
    RegistryKey(Box<RegistryKey>),
    /// A signing key.
    SigningKey(SigningKey),
    /// A management token.
    Token(ManagementToken),
    /// A webhook endpoint.
    Webhook(Webhook),
}

/// Writes a thing as the service shows it elsewhere, as a JSON object. Without secrets, tokens and license keys: what it writes goes to
/// whichever servers an organization names.
pub type EventView = fn(&Subject, Timestamp) -> serde_json::Result<String>;

impl Subject {
    /// The thing that an event of this group is about; `None` for what is gone.
    pub(super) async fn find(
        tx: &Tx,
        scope: OrganizationScope,
        group: &str,
        target: Option<Uuid>,
        detail: &Map<String, Value>,
    ) -> Result<Option<Self>> {
        if group == "signing_key" {
            let kid = detail.get("kid").and_then(|kid| kid.as_str()?.parse().ok());
            let Some(kid) = kid else { return Ok(None) };
            return Ok(tx.signing_keys(scope).find(&kid).await?.map(Self::SigningKey));
        }
        let Some(id) = target else { return Ok(None) };
        Ok(match group {
            "alert" => tx.alerts(scope).find(id.into()).await?.map(Self::Alert),
            "application" => tx.applications(scope).find(id.into()).await?.map(Self::Application),
            "application_entitlement" => application_entitlement::find_grant(tx, scope, id.into())
                .await?
                .map(|grant| Self::ApplicationEntitlement(Box::new(grant))),
            "application_version" => {
                tx.application_versions(scope).by_id(id.into()).await?.map(Self::ApplicationVersion)
            }
            "artifact" => tx.artifacts(scope).find(id.into()).await?.map(Self::Artifact),
            "artifact_entitlement" => {
                tx.artifact_entitlements(scope).find(id.into()).await?.map(Self::ArtifactEntitlement)
            }
            "audit_sink" => tx.audit_sinks(scope).find(id.into()).await?.map(Self::AuditSink),
            "bucket_alert" => tx.bucket_alerts(scope).find(id.into()).await?.map(Self::BucketAlert),
            "customer" => tx.customers(scope).find(id.into()).await?.map(Self::Customer),
            "customer_user" => tx.customer_users(scope).by_id(id.into()).await?.map(Self::CustomerUser),
            "deployment" => {
                tx.deployments(scope).find(id.into()).await?.map(|found| Self::Deployment(Box::new(found)))
            }
            "deployment_target" => {
                let found = tx.deployment_targets(scope).find(id.into()).await?;
                found.map(|found| Self::DeploymentTarget(Box::new(found)))
            }
            "license" => {
                tx.licenses(scope).find(id.into()).await?.map(|license| Self::License(Box::new(license)))
            }
            "member" => tx.members(scope).find(id.into()).await?.map(Self::Member),
            "onboarding_link" => tx.links(scope).find(id.into()).await?.map(Self::OnboardingLink),
            "organization" => tx.organizations().find(scope).await?.map(Self::Organization),
            "product" | "validation" => {
                tx.products(scope).find(id.into()).await?.map(|product| Self::Product(Box::new(product)))
            }
            "registry" => tx.registries(scope).find(id.into()).await?.map(Self::Registry),
            "registry_key" => {
                tx.registry_keys(scope).find(id.into()).await?.map(|key| Self::RegistryKey(Box::new(key)))
            }
            "token" => tx.tokens(scope).find(id.into()).await?.map(Self::Token),
            "webhook" => tx.webhooks(scope).find(id.into()).await?.map(Self::Webhook),
            _ => None,
        })
    }

    /// The product that it belongs to.
    pub(super) fn product(&self) -> Option<ProductId> {
        match self {
            Self::License(license) => license.product,
            Self::Product(product) => Some(product.id),
            Self::BucketAlert(alert) => Some(alert.product),
            Self::Alert(_)
            | Self::Application(_)
            | Self::ApplicationEntitlement(_)
            | Self::ApplicationVersion(_)
            | Self::Artifact(_)
            | Self::ArtifactEntitlement(_)
            | Self::AuditSink(_)
            | Self::Customer(_)
            | Self::CustomerUser(_)
            | Self::Deployment(_)
            | Self::DeploymentTarget(_)
            | Self::Member(_)
            | Self::OnboardingLink(_)
            | Self::Organization(_)
            | Self::Registry(_)
            | Self::RegistryKey(_)
            | Self::SigningKey(_)
            | Self::Token(_)
            | Self::Webhook(_) => None,
        }
    }
}
