//! Onboarding links: documentation, configuration and token of a license, handed to its customer once.

use std::collections::BTreeMap;

use keyward_domain::license_use::{DAYS_BEFORE, LicenseActivity};
use keyward_domain::link::LinkPurpose;
use keyward_domain::permission::{ReadLicenses, WriteLicenses};
use keyward_domain::product::AddressMode;
use keyward_domain::session::SessionHolder;
use keyward_domain::validation::{Sighting, counts};
use keyward_domain::{
    Access, Action, Actor, Customer, Email, License, LicenseFilter, LicenseId, LicenseState, Link, LinkId,
    Organization, OrganizationScope, Page, PageRequest, Product, Secret, Timestamp,
};
use keyward_storage::{Recorded, Tx};
use serde_json::json;

use crate::change::Change;
use crate::issue::TokenFormat;
use crate::mail_text::{plain, vendor};
use crate::mails::Onboarding;
use crate::sessions::{ClientInfo, CustomerSession, OnboardingSession, SignedIn};
use crate::{Engine, Error, LicenseUse, Resource, Result, organization};

/// A link just made, with the address that is shown this once.
#[derive(Debug)]
pub struct NewOnboardingLink {
    /// The link as kept.
    pub link: Link,
    /// Its address.
    pub url: String,
}

/// What a customer sees of a license.
#[derive(Debug, Clone)]
pub struct Handover {
    /// Who gave it.
    pub organization: Organization,
    /// The license.
    pub license: License,
    /// Who holds it.
    pub customer: Option<Customer>,
    /// Of which product.
    pub product: Option<Product>,
    /// Its token as JWT; `None` while it has none.
    pub token: Option<String>,
}

/// How a license is used, as its customer sees it.
#[derive(Debug, Clone)]
pub struct LicenseUsage {
    /// What for, today and in the 29 days before.
    pub used: LicenseUse,
    /// From where; `None` where the product does not look at addresses.
    pub addresses: Option<AddressesInUse>,
}

/// From where a license is used.
#[derive(Debug, Clone)]
pub struct AddressesInUse {
    /// The addresses that count, the first seen first.
    pub addresses: Vec<Sighting>,
    /// How many there may be; `None` where others are not kept out by their number.
    pub most: Option<u32>,
}

/// Which of its licenses a customer sees, and when each was last validated.
#[derive(Debug, Clone)]
pub struct OwnLicenses {
    /// The licenses.
    pub licenses: Page<License>,
    /// Of those that ever were.
    pub activity: BTreeMap<LicenseId, LicenseActivity>,
}

impl Engine {
    /// Makes an onboarding link for a license. It opens once, within 7 days.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn create_onboarding_link(
        &self,
        access: &Access<WriteLicenses>,
        license: LicenseId,
    ) -> Result<NewOnboardingLink> {
        self.change(access, async |change| {
            let (_, made, recorded) = self.new_onboarding_link(&change, license, false).await?;
            change.commit_as(made.link.id.uuid(), recorded).await?;
            Ok(made)
        })
        .await
    }

    /// Makes an onboarding link and mails it to the license's customer. Gives the address it was mailed to.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn mail_onboarding_link(
        &self,
        access: &Access<WriteLicenses>,
        license: LicenseId,
    ) -> Result<Email> {
        let scope = access.scope();
        self.change(access, async |change| {
            let (license, made, recorded) = self.new_onboarding_link(&change, license, true).await?;
            let customer = match license.customer {
                Some(customer) => change.customers(scope).find(customer).await?,
                None => None,
            };
            let nobody =
                || Error::Transition("a license of the whole organization is mailed to nobody".to_owned());
            let customer = customer.ok_or_else(nobody)?;
            let counted = self.count_vendor_mail(&change, scope, &customer.email).await?;
            let organization = organization::find(&change, scope).await?;
            let (name, vendor, url) = (plain(&customer.name), vendor(&organization), made.url);
            let mail = Onboarding { name, vendor, url };
            self.queue_mail(&change, counted, &customer.email, &mail).await?;
            change.commit_as(made.link.id.uuid(), recorded).await?;
            Ok(customer.email)
        })
        .await
    }

    async fn new_onboarding_link(
        &self,
        change: &Change<'_>,
        license: LicenseId,
        mailed: bool,
    ) -> Result<(License, NewOnboardingLink, Recorded)> {
        let scope = change.scope();
        let license =
            change.licenses(scope).find(license).await?.ok_or(Error::NotFound(Resource::License))?;
        if let LicenseState::Revoked { .. } = license.state {
            return Err(Error::Transition("a license that is revoked cannot be handed over".to_owned()));
        }
        let (link, secret) = self.new_link(scope.id(), LinkPurpose::Onboarding(license.id));
        let link = Link { mailed, ..link };
        change.links(scope).insert(&link).await?;
        let detail = [("license_id", json!(license.id)), ("name", json!(license.name))];
        let recorded = change.record(Action::OnboardingLinkCreated, link.id.uuid(), &detail).await?;
        let url = format!("{}/onboarding/{}", self.issuer.as_str(), secret.expose());
        Ok((license, NewOnboardingLink { link, url }, recorded))
    }

    /// The onboarding links of a license, the newest first.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn onboarding_links(
        &self,
        access: &Access<ReadLicenses>,
        license: LicenseId,
    ) -> Result<Vec<Link>> {
        let tx = self.store.read().await?;
        tx.licenses(access.scope()).find(license).await?.ok_or(Error::NotFound(Resource::License))?;
        Ok(tx.links(access.scope()).to(license.uuid()).await?)
    }

    /// Withdraws an onboarding link.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn revoke_onboarding_link(&self, access: &Access<WriteLicenses>, id: LinkId) -> Result<()> {
        let scope = access.scope();
        self.change(access, async |change| {
            if !change.links(scope).withdraw(id, self.now()).await? {
                return Err(Error::NotFound(Resource::Link));
            }
            change.commit(Action::OnboardingLinkRevoked, id.uuid(), &[]).await
        })
        .await
    }

    /// Looks at an onboarding link without opening it, as mail scanners do: who sent it, or that it is gone.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn onboarding_link(&self, secret: &Secret) -> Result<Organization> {
        let hash = secret.hash();
        let tx = self.store.read().await?;
        let link = tx.link_by_hash(&hash).await?.filter(|link| link.hash == hash);
        let link = link.ok_or(Error::NotFound(Resource::Link))?;
        let organization = tx.organization_of(link.organization).await?.ok_or(Error::LinkGone)?;
        let LinkPurpose::Onboarding(license) = link.purpose else {
            return Err(Error::NotFound(Resource::Link));
        };
        if !link.is_live(self.now()) {
            return Err(Error::LinkGone);
        }
        self.license_still_there(&tx, organization.scope(), license).await?;
        Ok(organization)
    }

    /// Opens an onboarding link, once: of two who try, one does. Begins a session of 30 minutes.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn open_onboarding_link(&self, secret: &Secret, client: ClientInfo) -> Result<SignedIn> {
        // Strangers keep no writer waiting.
        self.onboarding_link(secret).await?;
        self.transaction(async |tx| {
            let (link, scope) = self.open(&tx, secret).await?;
            let LinkPurpose::Onboarding(license) = link.purpose else { return Err(Error::LinkGone) };
            self.license_still_there(&tx, scope, license).await?;
            let detail = [("license_id", json!(license)), ("address", json!(client.address))];
            let begun = self.begin(&tx, scope, SessionHolder::Onboarding(license), &client).await?;
            let (by, action) = (client.by(Actor::Link(link.id)), Action::OnboardingLinkOpened);
            let recorded = self.record_for(&tx, scope, by, action, link.id.uuid(), &detail).await?;
            tx.commit(recorded).await?;
            Ok(begun)
        })
        .await
    }

    /// What an opened onboarding link shows.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn onboarding(&self, person: &OnboardingSession) -> Result<Handover> {
        let tx = self.store.read().await?;
        let scope = person.organization.scope();
        let license = self.license_still_there(&tx, scope, person.license).await?;
        self.handover(&tx, person.organization.clone(), license).await
    }

    /// The licenses of a customer who is signed in.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn customer_licenses(
        &self,
        person: &CustomerSession,
        page: PageRequest,
    ) -> Result<Page<License>> {
        own_licenses(&self.store.read().await?, person, self.now(), page).await
    }

    /// One license of a customer who is signed in; those of others are not there.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn customer_license(&self, person: &CustomerSession, id: LicenseId) -> Result<Handover> {
        let tx = self.store.read().await?;
        let found = tx.licenses(person.organization.scope()).find(id).await?;
        let own = found.filter(|license| license.customer == Some(person.customer.id));
        let license = own.ok_or(Error::NotFound(Resource::License))?;
        self.handover(&tx, person.organization.clone(), license).await
    }

    /// The same with when each was last validated.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn customer_licenses_in_use(
        &self,
        person: &CustomerSession,
        page: PageRequest,
    ) -> Result<OwnLicenses> {
        let (tx, scope) = (self.store.read().await?, person.organization.scope());
        let (licenses, next) = own_licenses(&tx, person, self.now(), page).await?.into_parts();
        let ids: Vec<_> = licenses.iter().map(|license| license.id).collect();
        let activity = tx.license_use(scope).activity(&ids).await?;
        Ok(OwnLicenses { licenses: Page::new(licenses, next), activity })
    }

    /// How a license of a customer who is signed in is used; those of others are not there.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn customer_usage(
        &self,
        person: &CustomerSession,
        handover: &Handover,
    ) -> Result<LicenseUsage> {
        let license = &handover.license;
        if license.customer != Some(person.customer.id) {
            return Err(Error::NotFound(Resource::License));
        }
        let (tx, scope, now) = (self.store.read().await?, person.organization.scope(), self.now());
        let mut addresses = tx.addresses(license.id).list().await?;
        let used = self.use_of(&tx, scope, (license, addresses.len()), DAYS_BEFORE.into()).await?;
        let settings = handover.product.as_ref().map(|product| &product.settings);
        let addresses = settings.filter(|settings| settings.addresses != AddressMode::Off).map(|settings| {
            addresses.retain(|sighting| counts(settings, sighting, now));
            let enforced = settings.addresses == AddressMode::Enforce;
            let most = license.bounds.max_ips.filter(|most| *most > 0 && enforced);
            AddressesInUse { addresses, most }
        });
        Ok(LicenseUsage { used, addresses })
    }

    async fn license_still_there(&self, tx: &Tx, scope: OrganizationScope, id: LicenseId) -> Result<License> {
        let license = tx.licenses(scope).find(id).await?.ok_or(Error::LinkGone)?;
        match license.state {
            LicenseState::Revoked { .. } => Err(Error::LinkGone),
            LicenseState::Active | LicenseState::Suspended { .. } => Ok(license),
        }
    }

    async fn handover(&self, tx: &Tx, organization: Organization, license: License) -> Result<Handover> {
        let scope = organization.scope();
        let token = match self.sign(tx, scope, &license, &license.revision, TokenFormat::Jwt).await {
            Ok(token) => Some(token),
            Err(Error::NoToken(_)) => None,
            Err(error) => return Err(error),
        };
        let customer = match license.customer {
            Some(customer) => tx.customers(scope).find(customer).await?,
            None => None,
        };
        let product = match license.product {
            Some(product) => tx.products(scope).find(product).await?,
            None => None,
        };
        Ok(Handover { organization, license, customer, product, token })
    }
}

async fn own_licenses(
    tx: &Tx,
    person: &CustomerSession,
    now: Timestamp,
    page: PageRequest,
) -> Result<Page<License>> {
    let filter = LicenseFilter { customer: Some(person.customer.id), ..LicenseFilter::default() };
    Ok(tx.licenses(person.organization.scope()).list(&filter, now, page).await?)
}
