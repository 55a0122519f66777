//! A customer's contact address, for which there is a user: whoever is reached there can sign in.

use keyward_domain::{Customer, CustomerRole, CustomerUser, CustomerUserId, OrganizationScope};
use keyward_storage::{Credentials, Tx};

use crate::identity::Whose;
use crate::{Engine, Result};

impl Engine {
    /// Lets the user of a customer's contact address follow the address, with the customer held. The first is added with the
    /// customer, as an admin. What the old address proved ends.
    pub(crate) async fn follow_contact(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        customer: &Customer,
    ) -> Result<()> {
        let (users, key) = (tx.customer_users(scope), customer.email.key());
        let known = users.contact_key(customer.id).await?;
        if known.as_deref() == Some(key.as_str()) {
            return Ok(());
        }
        let former = match &known {
            Some(known) => users.by_key(customer.id, known).await?,
            None => None,
        };
        let named = users.by_key(customer.id, key.as_str()).await?;
        match (former, named) {
            (None, None) => self.add_contact(tx, scope, customer).await?,
            // Who had the address on a server that knows of no users is who has it now.
            (None, Some(_)) => {}
            (Some(former), None) => self.move_contact(tx, scope, former, customer).await?,
            (Some(former), Some(named)) => {
                self.end_proofs(tx, scope, Whose::CustomerUser(former.reference())).await?;
                users.delete(former.id).await?;
                self.promote(tx, scope, named).await?;
            }
        }
        if known.is_some() {
            tx.sessions(scope).end_unnamed(customer.id).await?;
        }
        Ok(users.set_contact_key(customer).await?)
    }

    /// Adds the user of a customer's contact address.
    pub(crate) async fn add_contact(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        customer: &Customer,
    ) -> Result<()> {
        tx.customer_users(scope).insert(&self.contact_of(customer)).await?;
        Ok(tx.customer_users(scope).set_contact_key(customer).await?)
    }

    fn contact_of(&self, customer: &Customer) -> CustomerUser {
        let now = self.now();
        CustomerUser {
            id: self.id(CustomerUserId::new),
            organization: customer.organization,
            customer: customer.id,
            email: customer.email.clone(),
            name: customer.name.clone(),
            role: CustomerRole::Admin,
            joined_at: Some(now),
            signed_in_at: None,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    /// Another person may be reached at the new address, so nothing stays by which the former one signed in.
    async fn move_contact(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        former: CustomerUser,
        customer: &Customer,
    ) -> Result<()> {
        let (users, of) = (tx.customer_users(scope), former.reference());
        self.end_proofs(tx, scope, Whose::CustomerUser(of)).await?;
        users.set_credentials(of, &Credentials::default()).await?;
        let moved = CustomerUser {
            email: customer.email.clone(),
            joined_at: former.joined_at.or(Some(self.now())),
            updated_at: self.now(),
            version: former.version + 1,
            ..former
        };
        Ok(users.save(&moved).await?)
    }

    async fn promote(&self, tx: &Tx, scope: OrganizationScope, user: CustomerUser) -> Result<()> {
        if user.is_admin() {
            return Ok(());
        }
        let promoted = CustomerUser {
            role: CustomerRole::Admin,
            joined_at: user.joined_at.or(Some(self.now())),
            updated_at: self.now(),
            version: user.version + 1,
            ..user
        };
        Ok(tx.customer_users(scope).save(&promoted).await?)
    }
}
