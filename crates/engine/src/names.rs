//! What the things that a list refers to are called, asked for once for all of its rows.

use std::collections::{BTreeMap, BTreeSet};

use keyward_domain::permission::{
    ReadAuditSinks, ReadCustomers, ReadDeployments, ReadLicenses, ReadProducts, ReadRegistries, ReadWebhooks,
};
use keyward_domain::registry::Holder;
use keyward_domain::{
    Access, ArtifactId, AuditSinkId, CustomerId, DeploymentId, DeploymentTargetId, LicenseId, ProductId,
    RegistryId, RegistryKeyId, WebhookId,
};
use keyward_storage::Named;

use crate::{Engine, Result};

/// What the holders of keys, licenses and deployments are called.
#[derive(Debug, Clone, Default)]
pub struct HolderNames {
    keys: BTreeMap<RegistryKeyId, Named>,
    customers: BTreeMap<CustomerId, Named>,
    licenses: BTreeMap<LicenseId, Named>,
}

impl HolderNames {
    /// What a holder is called: a license's or deployment's customer, if it has one. `None` for one that is not known.
    pub fn of(&self, holder: Holder) -> Option<&Named> {
        match holder {
            Holder::Key(id) => self.keys.get(&id),
            Holder::License { customer: Some(id), .. } => self.customers.get(&id),
            Holder::License { license, customer: None } => self.licenses.get(&license),
            Holder::Deployment { customer, .. } => self.customers.get(&customer),
        }
    }
}

impl Engine {
    /// What these registries are called, or were before they were deleted.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn registry_names(
        &self,
        access: &Access<ReadRegistries>,
        ids: impl IntoIterator<Item = RegistryId>,
    ) -> Result<BTreeMap<RegistryId, Named>> {
        Ok(self.store.read().await?.names(access.scope()).registries(&once_each(ids)).await?)
    }

    /// What these products are called.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn product_names(
        &self,
        access: &Access<ReadProducts>,
        ids: impl IntoIterator<Item = ProductId>,
    ) -> Result<BTreeMap<ProductId, Named>> {
        Ok(self.store.read().await?.names(access.scope()).products(&once_each(ids)).await?)
    }

    /// The URLs of these webhook endpoints, or what they were before they were deleted.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn webhook_names(
        &self,
        access: &Access<ReadWebhooks>,
        ids: impl IntoIterator<Item = WebhookId>,
    ) -> Result<BTreeMap<WebhookId, Named>> {
        Ok(self.store.read().await?.names(access.scope()).webhooks(&once_each(ids)).await?)
    }

    /// What these audit sinks are called.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn audit_sink_names(
        &self,
        access: &Access<ReadAuditSinks>,
        ids: impl IntoIterator<Item = AuditSinkId>,
    ) -> Result<BTreeMap<AuditSinkId, Named>> {
        Ok(self.store.read().await?.names(access.scope()).audit_sinks(&once_each(ids)).await?)
    }

    /// What these deployments are called.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn deployment_names(
        &self,
        access: &Access<ReadDeployments>,
        ids: impl IntoIterator<Item = DeploymentId>,
    ) -> Result<BTreeMap<DeploymentId, Named>> {
        Ok(self.store.read().await?.names(access.scope()).deployments(&once_each(ids)).await?)
    }

    /// What these deployment targets are called.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn deployment_target_names(
        &self,
        access: &Access<ReadDeployments>,
        ids: impl IntoIterator<Item = DeploymentTargetId>,
    ) -> Result<BTreeMap<DeploymentTargetId, Named>> {
        Ok(self.store.read().await?.names(access.scope()).deployment_targets(&once_each(ids)).await?)
    }

    /// The repositories of these artifacts.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn artifact_names(
        &self,
        access: &Access<ReadRegistries>,
        ids: impl IntoIterator<Item = ArtifactId>,
    ) -> Result<BTreeMap<ArtifactId, Named>> {
        Ok(self.store.read().await?.names(access.scope()).artifacts(&once_each(ids)).await?)
    }

    /// What these holders are called.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn holder_names(
        &self,
        keys: &Access<ReadRegistries>,
        customers: &Access<ReadCustomers>,
        licenses: &Access<ReadLicenses>,
        holders: impl IntoIterator<Item = Holder>,
    ) -> Result<HolderNames> {
        let (mut of_keys, mut of_customers, mut of_licenses) = (Vec::new(), Vec::new(), Vec::new());
        for holder in holders {
            match holder {
                Holder::Key(id) => of_keys.push(id),
                Holder::License { customer: Some(id), .. } => of_customers.push(id),
                Holder::License { license, customer: None } => of_licenses.push(license),
                Holder::Deployment { customer, .. } => of_customers.push(customer),
            }
        }
        let tx = self.store.read().await?;
        Ok(HolderNames {
            keys: tx.names(keys.scope()).registry_keys(&once_each(of_keys)).await?,
            customers: tx.names(customers.scope()).customers(&once_each(of_customers)).await?,
            licenses: tx.names(licenses.scope()).licenses(&once_each(of_licenses)).await?,
        })
    }
}

fn once_each<T: Ord>(ids: impl IntoIterator<Item = T>) -> Vec<T> {
    ids.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}
