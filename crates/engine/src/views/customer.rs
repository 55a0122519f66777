//! One customer with all they hold.

use std::collections::BTreeMap;

use keyward_domain::admission::Halt;
use keyward_domain::license_use::DAYS_BEFORE;
use keyward_domain::permission::{ReadCustomers, ReadEntitlements, ReadLicenses, ReadRegistries};
use keyward_domain::registry::{Artifact, ArtifactEntitlement, ArtifactPolicy, Decision, RegistryEvent};
use keyward_domain::{
    Access, ArtifactId, Customer, CustomerId, Email, License, LicenseFilter, OrganizationScope, Page,
    PageRequest,
};
use keyward_storage::{EventFilter, Tx};

use super::beside;
use crate::application_entitlement::{self, ApplicationGrant};
use crate::registry::entitled::{self, Catalogue, Wanted};
use crate::{
    CustomerUse, Engine, EntitledLicense, MOST_LOOKED_AT, MissingImage, RefusedPull, Result, customer,
    organization,
};

/// Which parts of a customer's lists are shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct CustomerPages {
    /// Of the licenses.
    pub licenses: PageRequest,
    /// Of the applications.
    pub applications: PageRequest,
    /// Of the artifact entitlements.
    pub artifacts: PageRequest,
    /// Of what can be pulled.
    pub images: PageRequest,
    /// How many refused pulls are told of.
    pub refused: u32,
}

/// A customer with all they hold.
#[derive(Debug, Clone)]
pub struct CustomerView {
    /// The customer.
    pub customer: Customer,
    /// Other customers with the same address, the newest first, a few.
    pub namesakes: Vec<Customer>,
    /// Their licenses.
    pub licenses: Option<HeldLicenses>,
    /// What those are used for.
    pub used: Option<CustomerUse>,
    /// What they are entitled to, and what that comes to.
    pub entitlements: Option<CustomerEntitlements>,
}

/// A page of a customer's licenses, the newest first.
#[derive(Debug, Clone)]
pub struct HeldLicenses {
    /// How many there are on all pages.
    pub count: u64,
    /// Those of this page.
    pub page: Page<License>,
}

/// What a customer is entitled to, and what that comes to.
#[derive(Debug, Clone)]
pub struct CustomerEntitlements {
    /// The applications, each with the images that can't be pulled of its first versions. Of all applications together,
    /// as many versions are looked at as [`MOST_LOOKED_AT`], but one of each at least.
    pub applications: Page<(ApplicationGrant, Vec<MissingImage>)>,
    /// The artifact entitlements.
    pub artifacts: Page<ArtifactEntitlement>,
    /// Of each artifact in those that there is: which, and what the customer's licenses open of it, whatever one
    /// entitlement says.
    pub effects: BTreeMap<ArtifactId, (Artifact, Vec<EntitledLicense>)>,
    /// What can be pulled, registry by registry and there by name.
    pub images: Page<PullableArtifact>,
    /// Why licenses open nothing now.
    pub halted: Vec<(License, Halt)>,
    /// What customers without an artifact entitlement may pull.
    pub policy: ArtifactPolicy,
    /// What was refused them last; `None` for who may not see what happens at registries.
    pub refused: Option<Vec<RefusedPull>>,
}

/// An artifact of which a customer can pull something.
#[derive(Debug, Clone)]
pub struct PullableArtifact {
    /// What clients type to reach its registry.
    pub address: String,
    /// The artifact.
    pub artifact: Artifact,
    /// What opens it.
    pub licenses: Vec<EntitledLicense>,
}

/// What is read of a customer's entitlements, before anything is made of it.
struct Held {
    applications: Page<ApplicationGrant>,
    /// Of each of the applications, the versions whose images are looked at.
    wanted: Vec<Wanted>,
    artifacts: Page<ArtifactEntitlement>,
    named: Vec<Artifact>,
    rights: entitled::CustomerRights,
    catalogue: Catalogue,
    refused: Option<Vec<RegistryEvent>>,
}

/// How many other customers with the same address are named.
const MOST_NAMESAKES: u64 = 5;

impl Engine {
    /// One customer.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn customer_view(
        &self,
        access: &Access<ReadCustomers>,
        id: CustomerId,
        pages: CustomerPages,
    ) -> Result<CustomerView> {
        let tx = self.store.read().await?;
        let customer = customer::find(&tx, access.scope(), id).await?;
        let (email, most) = (&customer.email, MOST_NAMESAKES);
        let namesakes = tx.customers(access.scope()).with_email(email, Some(id), most).await?;
        let (licenses, used) = match beside::<ReadLicenses, _>(access) {
            Some(scope) => {
                let filter = LicenseFilter { customer: Some(id), ..LicenseFilter::default() };
                let (licenses, now) = (tx.licenses(scope), self.now());
                let count = licenses.count(&filter, now).await?;
                let held = HeldLicenses { count, page: licenses.list(&filter, now, pages.licenses).await? };
                (Some(held), Some(self.use_of_customer(&tx, scope, id, DAYS_BEFORE.into()).await?))
            }
            None => (None, None),
        };
        let Some(scope) = beside::<ReadEntitlements, _>(access) else {
            return Ok(CustomerView { customer, namesakes, licenses, used, entitlements: None });
        };
        let mut held = self.held(&tx, scope, id, pages).await?;
        if let Some(scope) = beside::<ReadRegistries, _>(access) {
            held.refused = Some(refused(&tx, scope, id, pages.refused).await?);
        }
        // What is made of it takes its time, so nothing of the database is held meanwhile.
        drop(tx);
        let entitlements = self.entitlements(scope, held, pages.images).await?;
        Ok(CustomerView { customer, namesakes, licenses, used, entitlements: Some(entitlements) })
    }

    /// The customers with an address, the newest first, a few: two may have the same, and whoever makes another is told.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn customers_with_email(
        &self,
        access: &Access<ReadCustomers>,
        email: &Email,
    ) -> Result<Vec<Customer>> {
        let tx = self.store.read().await?;
        Ok(tx.customers(access.scope()).with_email(email, None, MOST_NAMESAKES).await?)
    }

    async fn held(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        customer: CustomerId,
        pages: CustomerPages,
    ) -> Result<Held> {
        let organization = organization::find(tx, scope).await?;
        let found = tx.application_entitlements(scope).list(Some(customer), None, pages.applications).await?;
        let (found, next) = found.into_parts();
        let grants = application_entitlement::grants(tx, scope, found).await?;
        let artifacts = tx.artifact_entitlements(scope).list(Some(customer), pages.artifacts).await?;
        let (artifacts, next_artifacts) = artifacts.into_parts();
        let mut ids: Vec<_> =
            artifacts.iter().flat_map(|one| &one.grants).map(|grant| grant.artifact).collect();
        ids.sort_unstable();
        ids.dedup();
        Ok(Held {
            wanted: wanted(tx, scope, &grants).await?,
            applications: Page::new(grants, next),
            artifacts: Page::new(artifacts, next_artifacts),
            named: tx.artifacts(scope).among(&ids).await?,
            rights: self.customer_rights(tx, &organization, customer).await?,
            catalogue: Catalogue::of(tx, scope).await?,
            refused: None,
        })
    }

    async fn entitlements(
        &self,
        scope: OrganizationScope,
        held: Held,
        images: PageRequest,
    ) -> Result<CustomerEntitlements> {
        let Held { applications, wanted, artifacts, named, rights, catalogue, refused } = held;
        let refused = match refused {
            Some(events) => Some(self.refused_pulls(scope, &rights, &catalogue, events).await?),
            None => None,
        };
        let (grants, next) = applications.into_parts();
        let mut applications = Vec::new();
        for (grant, wanted) in grants.into_iter().zip(wanted) {
            let missing = self.missing(scope, &rights.open, &catalogue, wanted).await?;
            applications.push((grant, missing));
        }
        let effect = |artifact: Artifact| (artifact.id, (artifact.clone(), rights.opened(&artifact)));
        Ok(CustomerEntitlements {
            applications: Page::new(applications, next),
            artifacts,
            effects: named.into_iter().map(effect).collect(),
            images: self.pullable_artifacts(&catalogue, &rights, images),
            halted: rights.halted,
            policy: rights.policy,
            refused,
        })
    }

    /// A page of what these rights open, registry by registry and there by name.
    fn pullable_artifacts(
        &self,
        catalogue: &Catalogue,
        rights: &entitled::CustomerRights,
        page: PageRequest,
    ) -> Page<PullableArtifact> {
        let all = catalogue.artifacts().filter(|(_, artifact)| rights.opens(artifact));
        let (shown, next) = page.of_all(&all.collect::<Vec<_>>(), |(_, one)| one.id.uuid()).into_parts();
        let pullable = |(registry, artifact)| PullableArtifact {
            address: self.registry_address(registry),
            artifact: Artifact::clone(artifact),
            licenses: rights.opened(artifact),
        };
        Page::new(shown.into_iter().map(pullable).collect(), next)
    }
}

/// What was refused a customer last.
async fn refused(
    tx: &Tx,
    scope: OrganizationScope,
    customer: CustomerId,
    most: u32,
) -> Result<Vec<RegistryEvent>> {
    let (customer, decision) = (Some(customer), Some(Decision::Denied));
    let filter = EventFilter { customer, decision, ..EventFilter::default() };
    Ok(tx.registry_events(scope).list(filter, PageRequest { limit: most, after: None }).await?.newest())
}

/// Of each of these, the files of the versions that are looked at.
async fn wanted(tx: &Tx, scope: OrganizationScope, grants: &[ApplicationGrant]) -> Result<Vec<Wanted>> {
    let mut left = MOST_LOOKED_AT;
    let looked_at = |grant: &ApplicationGrant| {
        let most = left.max(1);
        left = left.saturating_sub(grant.versions.len());
        grant.versions.iter().take(most).map(|version| (version.id, version.name.clone())).collect::<Vec<_>>()
    };
    let versions: Vec<_> = grants.iter().map(looked_at).collect();
    let ids: Vec<_> = versions.iter().flatten().map(|(id, _)| *id).collect();
    let mut files = tx.application_versions(scope).files_of(&ids).await?;
    let mut files_of = |(id, name)| (name, files.remove(&id).unwrap_or_default());
    Ok(versions.into_iter().map(|some| some.into_iter().map(&mut files_of).collect()).collect())
}
