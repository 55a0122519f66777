//! Customers.

use keyward_domain::permission::{ReadCustomers, WriteCustomers};
use keyward_domain::{
    Access, Action, BlockList, Customer, CustomerId, Email, Idempotency, Name, Notes, Page, PageRequest,
    Versioned,
};
use keyward_storage::Tx;
use serde_json::json;

use crate::identity::Whose;
use crate::{Done, Engine, Error, Resource, Result, once};

/// A customer to be created.
#[derive(Debug, Clone)]
pub struct NewCustomer {
    /// Customer or organization name.
    pub name: Name,
    /// Contact address.
    pub email: Email,
    /// Internal to the vendor.
    pub notes: Option<Notes>,
}

/// What is to be changed; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct CustomerChange {
    /// The new name.
    pub name: Option<Name>,
    /// The new address.
    pub email: Option<Email>,
    /// The new notes; `Some(None)` for none.
    pub notes: Option<Option<Notes>>,
    /// The new block list.
    pub blocked: Option<BlockList>,
}

impl Engine {
    /// The customers whose name or address contains a text, or all.
    pub async fn customers(
        &self,
        access: &Access<ReadCustomers>,
        contains: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<Customer>> {
        Ok(self.store.read().await?.customers(access.scope()).list(contains, page).await?)
    }

    /// One customer.
    pub async fn customer(&self, access: &Access<ReadCustomers>, id: CustomerId) -> Result<Customer> {
        let tx = self.store.read().await?;
        tx.customers(access.scope()).find(id).await?.ok_or(Error::NotFound(Resource::Customer))
    }

    /// Creates a customer.
    pub async fn create_customer(
        &self,
        access: &Access<WriteCustomers>,
        new: NewCustomer,
        once: Option<&Idempotency>,
    ) -> Result<Done<Customer>> {
        let (scope, now) = (access.scope(), self.now());
        let tx = self.write(access).await?;
        if let Some(id) = once::earlier(&tx, scope, once, now).await? {
            let earlier = tx.customers(scope).find(id.into()).await?;
            return earlier.map(Done::before).ok_or(Error::NotFound(Resource::Customer));
        }
        let customer = self.add_customer(&tx, access, new).await?;
        once::complete(&tx, scope, once, customer.id.uuid()).await?;
        tx.commit().await?;
        Ok(Done::now(customer))
    }

    /// Writes a new customer in an open transaction.
    pub(crate) async fn add_customer<P>(
        &self,
        tx: &Tx,
        access: &Access<P>,
        new: NewCustomer,
    ) -> Result<Customer> {
        let now = self.now();
        let customer = Customer {
            id: self.id(CustomerId::new),
            organization: access.scope().id(),
            name: new.name,
            email: new.email,
            notes: new.notes,
            blocked: BlockList::default(),
            created_at: now,
            updated_at: now,
            version: 1,
        };
        tx.customers(access.scope()).insert(&customer).await?;
        let detail = [("name", json!(customer.name))];
        self.record(tx, access, Action::CustomerCreated, customer.id.uuid(), &detail).await?;
        Ok(customer)
    }

    /// Changes a customer's name, address, notes or block list.
    pub async fn update_customer(
        &self,
        access: &Access<WriteCustomers>,
        id: CustomerId,
        change: CustomerChange,
        expected: Option<i64>,
    ) -> Result<Customer> {
        let scope = access.scope();
        let tx = self.write(access).await?;
        let customer = tx.customers(scope).lock(id).await?.ok_or(Error::NotFound(Resource::Customer))?;
        unchanged(customer.version, expected)?;
        let before = customer.clone();
        let customer = Customer {
            name: change.name.unwrap_or(customer.name),
            email: change.email.unwrap_or(customer.email),
            notes: change.notes.unwrap_or(customer.notes),
            blocked: change.blocked.unwrap_or(customer.blocked),
            updated_at: self.now(),
            version: customer.version + 1,
            ..customer
        };
        if customer.is_unchanged(&before) {
            return Ok(before);
        }
        tx.customers(scope).save(&customer).await?;
        if !customer.email.is(&before.email) {
            self.end_proofs(&tx, scope, Whose::Customer(id)).await?;
        }
        self.record(&tx, access, Action::CustomerUpdated, id.uuid(), &[("name", json!(customer.name))])
            .await?;
        tx.commit().await?;
        Ok(customer)
    }

    /// Deletes a customer and revokes all they hold, at once.
    pub async fn delete_customer(
        &self,
        access: &Access<WriteCustomers>,
        id: CustomerId,
        expected: Option<i64>,
    ) -> Result<()> {
        let (scope, now) = (access.scope(), self.now());
        let tx = self.write(access).await?;
        let customer = tx.customers(scope).lock(id).await?.ok_or(Error::NotFound(Resource::Customer))?;
        unchanged(customer.version, expected)?;
        for license in tx.licenses(scope).of_customer(id).await? {
            let target = license.id.uuid();
            // A license revoked before stays as it is.
            if let Ok(license) = license.revoke(now) {
                tx.licenses(scope).save(&license).await?;
                let detail = [("name", json!(license.name)), ("because", json!("customer deleted"))];
                self.record(&tx, access, Action::LicenseRevoked, target, &detail).await?;
            }
        }
        self.end_application_entitlements(&tx, access, id).await?;
        self.end_artifact_entitlements(&tx, access, id).await?;
        self.end_proofs(&tx, scope, Whose::Customer(id)).await?;
        tx.customers(scope).delete(id, now).await?;
        self.record(&tx, access, Action::CustomerDeleted, id.uuid(), &[("name", json!(customer.name))])
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Holds a change back that was made on the sight of an older version.
pub(crate) fn unchanged(version: i64, expected: Option<i64>) -> Result<()> {
    match expected {
        Some(expected) if expected != version => Err(Error::Changed { version }),
        Some(_) | None => Ok(()),
    }
}
