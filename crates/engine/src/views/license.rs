//! One license.

use keyward_domain::license_use::DAYS_BEFORE;
use keyward_domain::permission::{ReadCustomers, ReadLicenses};
use keyward_domain::validation::Sighting;
use keyward_domain::{Access, Customer, License, LicenseId, Link, Product, RecordedEvent, Revision};
use keyward_storage::{Named, Tx};

use super::{beside, done_to, product};
use crate::{Engine, Error, LicenseUse, Result, TokenFormat, license};

/// A license with all that belongs to it.
#[derive(Debug, Clone)]
pub struct LicenseView {
    /// The license.
    pub license: License,
    /// The token of the terms in force, as JWT, or why there is none.
    pub token: Result<String, &'static str>,
    /// Who holds it.
    pub customer: Option<Customer>,
    /// What a customer was called who held it and has been deleted.
    pub former_customer: Option<Named>,
    /// What it is a license of.
    pub product: Option<Product>,
    /// All terms it has had, the newest first.
    pub revisions: Vec<Revision>,
    /// The addresses it is used from.
    pub addresses: Vec<Sighting>,
    /// Its onboarding links, the newest first.
    pub links: Vec<Link>,
    /// What it is used for.
    pub used: LicenseUse,
    /// What was done to it last. `None` for who may not see the audit log, and where the plan does not include it.
    pub events: Option<Vec<RecordedEvent>>,
}

impl Engine {
    /// One license, with the `most` newest events.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn license_view(
        &self,
        access: &Access<ReadLicenses>,
        id: LicenseId,
        most: u32,
    ) -> Result<LicenseView> {
        let (tx, scope) = (self.store.read().await?, access.scope());
        let license = license::find(&tx, scope, id).await?;
        let token = match self.sign(&tx, scope, &license, &license.revision, TokenFormat::Jwt).await {
            Ok(token) => Ok(token),
            Err(Error::NoToken(why)) => Err(why),
            Err(error) => return Err(error),
        };
        let (customer, former_customer) = holder(&tx, access, &license).await?;
        let addresses = tx.addresses(id).list().await?;
        Ok(LicenseView {
            token,
            customer,
            former_customer,
            product: product(&tx, access, license.product).await?,
            revisions: tx.licenses(scope).revisions(id).await?,
            links: tx.links(scope).to(id.uuid()).await?,
            used: self.use_of(&tx, scope, (&license, addresses.len()), DAYS_BEFORE.into()).await?,
            addresses,
            events: done_to(&tx, access, id.uuid(), self.now(), most).await?,
            license,
        })
    }
}

/// Who holds a license, or what they were called.
async fn holder(
    tx: &Tx,
    access: &Access<ReadLicenses>,
    license: &License,
) -> Result<(Option<Customer>, Option<Named>)> {
    let (Some(scope), Some(id)) = (beside::<ReadCustomers, _>(access), license.customer) else {
        return Ok((None, None));
    };
    match tx.customers(scope).find(id).await? {
        Some(customer) => Ok((Some(customer), None)),
        None => Ok((None, tx.names(scope).customers(&[id]).await?.remove(&id))),
    }
}
