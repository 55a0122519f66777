//! Customers.

use keyward_domain::permission::{ReadCustomers, WriteCustomers};
use keyward_domain::{
    Access, Action, BlockList, Customer, CustomerId, Email, Idempotency, Name, Notes, OrganizationScope,
    Page, PageRequest, Timestamp, Versioned,
};
use keyward_storage::{Recorded, Tx};
use serde_json::json;
use uuid::Uuid;

use crate::audit::Differing as _;
use crate::change::{Change, unchanged};
use crate::identity::Whose;
use crate::{Done, Engine, Error, Resource, Result, application_entitlement, deployment, registry};

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
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn customers(
        &self,
        access: &Access<ReadCustomers>,
        contains: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<Customer>> {
        Ok(self.store.read().await?.customers(access.scope()).list(contains, page).await?)
    }

    /// One customer.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn customer(&self, access: &Access<ReadCustomers>, id: CustomerId) -> Result<Customer> {
        find(&self.store.read().await?, access.scope(), id).await
    }

    /// Creates a customer.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn create_customer(
        &self,
        access: &Access<WriteCustomers>,
        new: NewCustomer,
        once: Option<&Idempotency>,
    ) -> Result<Done<Customer>> {
        let customer = self.new_customer(access.scope(), new);
        let earlier = async |change: Change<'_>, id: Uuid| find(&change, change.scope(), id.into()).await;
        self.change_once(access, once, earlier, async |change| {
            let recorded = self.insert_customer(&change, &customer).await?;
            change.commit_as(customer.id.uuid(), recorded).await?;
            Ok(customer.clone())
        })
        .await
    }

    /// Writes a new customer, and the user of their contact address.
    pub(crate) async fn insert_customer(&self, change: &Change<'_>, customer: &Customer) -> Result<Recorded> {
        change.customers(change.scope()).insert(customer).await?;
        self.add_contact(change, change.scope(), customer).await?;
        change.record(Action::CustomerCreated, customer.id.uuid(), &[("name", json!(customer.name))]).await
    }

    /// A customer who is not written yet.
    pub(crate) fn new_customer(&self, scope: OrganizationScope, new: NewCustomer) -> Customer {
        let now = self.now();
        Customer {
            id: self.id(CustomerId::new),
            organization: scope.id(),
            name: new.name,
            email: new.email,
            notes: new.notes,
            blocked: BlockList::default(),
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    /// Changes a customer's name, address, notes or block list.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn update_customer(
        &self,
        access: &Access<WriteCustomers>,
        id: CustomerId,
        update: CustomerChange,
        expected: Option<i64>,
    ) -> Result<Customer> {
        let (scope, now) = (access.scope(), self.now());
        self.change(access, async |change| {
            let before = lock(&change, scope, id).await?;
            unchanged(before.version, expected)?;
            let customer = update.clone().apply(before.clone(), now);
            if customer.is_unchanged(&before) {
                return Ok(before);
            }
            change.customers(scope).save(&customer).await?;
            if !customer.email.is(&before.email) {
                self.end_proofs(&change, scope, Whose::Onboarding(id)).await?;
                self.follow_contact(&change, scope, &customer).await?;
            }
            let detail = [("name", json!(customer.name)), customer.differences(&before).detail()];
            change.commit(Action::CustomerUpdated, id.uuid(), &detail).await?;
            Ok(customer)
        })
        .await
    }

    /// Deletes a customer and revokes all they hold, at once.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn delete_customer(
        &self,
        access: &Access<WriteCustomers>,
        id: CustomerId,
        expected: Option<i64>,
    ) -> Result<()> {
        let (scope, now) = (access.scope(), self.now());
        self.change(access, async |change| {
            let customer = lock(&change, scope, id).await?;
            unchanged(customer.version, expected)?;
            for license in change.licenses(scope).of_customer(id).await? {
                let target = license.id.uuid();
                // A license revoked before stays as it is.
                if let Ok(license) = license.revoke(now) {
                    change.licenses(scope).save(&license).await?;
                    let detail = [("name", json!(license.name)), ("because", json!("customer deleted"))];
                    change.record(Action::LicenseRevoked, target, &detail).await?;
                }
            }
            application_entitlement::end_all(&change, id).await?;
            registry::entitlement::end_all(&change, id).await?;
            self.end_proofs(&change, scope, Whose::Customer(id)).await?;
            deployment::release_all(&change, id, now).await?;
            change.customer_users(scope).delete_all(id).await?;
            change.customers(scope).delete(id, now).await?;
            change.commit(Action::CustomerDeleted, id.uuid(), &[("name", json!(customer.name))]).await
        })
        .await
    }
}

impl CustomerChange {
    fn apply(self, customer: Customer, now: Timestamp) -> Customer {
        Customer {
            name: self.name.unwrap_or(customer.name),
            email: self.email.unwrap_or(customer.email),
            notes: self.notes.unwrap_or(customer.notes),
            blocked: self.blocked.unwrap_or(customer.blocked),
            updated_at: now,
            version: customer.version + 1,
            ..customer
        }
    }
}

pub(crate) async fn find(tx: &Tx, scope: OrganizationScope, id: CustomerId) -> Result<Customer> {
    tx.customers(scope).find(id).await?.ok_or(Error::NotFound(Resource::Customer))
}

pub(crate) async fn lock(tx: &Tx, scope: OrganizationScope, id: CustomerId) -> Result<Customer> {
    tx.customers(scope).lock(id).await?.ok_or(Error::NotFound(Resource::Customer))
}
