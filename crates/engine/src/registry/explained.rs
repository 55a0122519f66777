//! Why a customer can pull something, or can't: the question that a vendor asks when a customer calls.

use std::str::FromStr as _;

use keyward_domain::permission::ReadEntitlements;
use keyward_domain::registry::{ImageReference, RegistryEvent};
use keyward_domain::{Access, CustomerId, OrganizationScope};
use keyward_storage::Tx;

use super::entitled::{Catalogue, CustomerRights, Missing};
use crate::{Engine, EntitledLicense, Result, customer, organization};

/// Whether a customer can pull an image now, and why.
#[derive(Debug, Clone)]
pub struct PullVerdict {
    /// The image, in full.
    pub image: ImageReference,
    /// Whether the registry is known to have the repository.
    pub is_known: bool,
    /// Why it can't be pulled; `None` if it can.
    pub missing: Option<Missing>,
    /// What opens something of the repository.
    pub licenses: Vec<EntitledLicense>,
}

/// A pull of a customer that was refused.
#[derive(Debug, Clone)]
pub struct RefusedPull {
    /// What was refused.
    pub event: RegistryEvent,
    /// What is decided of it now; `None` where that can't be said any more, since the registry is gone or the reference is
    /// none of an image.
    pub now: Option<PullVerdict>,
}

impl Engine {
    /// Whether a customer can pull what a text names: an image in full, or a repository with or without a tag, in
    /// whichever registry. Empty where no registry of the organization has the name, or it is none of an image.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn explain_pull(
        &self,
        access: &Access<ReadEntitlements>,
        customer: CustomerId,
        text: &str,
    ) -> Result<Vec<PullVerdict>> {
        let (tx, scope) = (self.store.read().await?, access.scope());
        customer::find(&tx, scope, customer).await?;
        let organization = organization::find(&tx, scope).await?;
        let rights = self.customer_rights(&tx, &organization, customer).await?;
        let catalogue = Catalogue::of(&tx, scope).await?;
        let mut tx = Some(tx);
        let text = text.trim();
        let addresses: Vec<_> = catalogue.addresses(self).collect();
        let images = match ImageReference::from_str(text) {
            Ok(image) if addresses.contains(&image.address) => vec![image],
            Ok(_) => Vec::new(),
            Err(_) => {
                addresses.iter().filter_map(|address| format!("{address}/{text}").parse().ok()).collect()
            }
        };
        let mut verdicts = Vec::new();
        for image in images {
            verdicts.extend(self.verdict(&mut tx, scope, &rights, &catalogue, image).await?);
        }
        Ok(verdicts)
    }

    /// Pulls that were refused, each with what is decided of it now.
    pub(crate) async fn refused_pulls(
        &self,
        scope: OrganizationScope,
        rights: &CustomerRights,
        catalogue: &Catalogue,
        events: Vec<RegistryEvent>,
    ) -> Result<Vec<RefusedPull>> {
        let (mut tx, mut refused) = (None, Vec::new());
        for event in events {
            let now = match catalogue.image(self, &event) {
                Some(image) => self.verdict(&mut tx, scope, rights, catalogue, image).await?,
                None => None,
            };
            refused.push(RefusedPull { event, now });
        }
        Ok(refused)
    }

    async fn verdict(
        &self,
        tx: &mut Option<Tx>,
        scope: OrganizationScope,
        rights: &CustomerRights,
        catalogue: &Catalogue,
        image: ImageReference,
    ) -> Result<Option<PullVerdict>> {
        let Some(artifact) = catalogue.repository(self, &image) else { return Ok(None) };
        let missing = self.why_missing(tx, scope, &rights.open, artifact, &image).await?;
        let licenses = artifact.map(|artifact| rights.opened(artifact)).unwrap_or_default();
        Ok(Some(PullVerdict { is_known: artifact.is_some(), image, missing, licenses }))
    }
}
