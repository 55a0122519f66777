//! Licenses.

use keyward_domain::permission::{ReadLicenses, WriteLicenses};
use keyward_domain::{
    Access, Action, CustomerId, Idempotency, Issue, License, LicenseFilter, LicenseId, LicenseState, Name,
    Notes, OrganizationScope, Page, PageRequest, Payload, Renewal, Revision, RevisionId, RevisionState,
    Timestamp, Validity,
};
use keyward_storage::{StorageError, Tx, Unique};
use serde_json::json;

use crate::customer::unchanged;
use crate::{Done, Engine, Error, Result, Thing, once};

/// A license to be created.
#[derive(Debug, Clone)]
pub struct NewLicense {
    /// Unique among the organization's licenses.
    pub name: Name,
    /// For the vendor's own reference.
    pub description: Option<Notes>,
    /// Who is to hold it; `None` for the whole organization.
    pub customer: Option<CustomerId>,
    /// The custom claims.
    pub payload: Payload,
    /// The first valid second; `None` for now.
    pub not_before: Option<Timestamp>,
    /// The end: `None` for one year from now, `Some(None)` for no end.
    pub expires_at: Option<Option<Timestamp>>,
}

/// What is to be changed; `None` stays. The terms can only be [renewed](Engine::renew_license).
#[derive(Debug, Clone, Default)]
pub struct LicenseChange {
    /// The new name.
    pub name: Option<Name>,
    /// The new description; `Some(None)` for none.
    pub description: Option<Option<Notes>>,
}

impl Engine {
    /// The licenses that a filter lets through.
    pub async fn licenses(
        &self,
        access: &Access<ReadLicenses>,
        filter: &LicenseFilter,
        page: PageRequest,
    ) -> Result<Page<License>> {
        Ok(self.store.read().await?.licenses(access.scope()).list(filter, self.now(), page).await?)
    }

    /// One license.
    pub async fn license(&self, access: &Access<ReadLicenses>, id: LicenseId) -> Result<License> {
        find(&self.store.read().await?, access.scope(), id).await
    }

    /// All terms the license has had, newest first.
    pub async fn revisions(&self, access: &Access<ReadLicenses>, id: LicenseId) -> Result<Vec<Revision>> {
        let tx = self.store.read().await?;
        find(&tx, access.scope(), id).await?;
        Ok(tx.licenses(access.scope()).revisions(id).await?)
    }

    /// Creates a license with its first revision.
    pub async fn create_license(
        &self,
        access: &Access<WriteLicenses>,
        new: NewLicense,
        once: Option<&Idempotency>,
    ) -> Result<Done<License>> {
        let (scope, now) = (access.scope(), self.now());
        let not_before = new.not_before.unwrap_or(now);
        let expires_at = new.expires_at.unwrap_or_else(|| Some(not_before.max(now).plus_one_year()));
        let validity =
            Validity::new(not_before, expires_at).map_err(|invalid| Error::field("expires_at", invalid))?;

        let tx = self.store.write().await?;
        if let Some(id) = once::earlier(&tx, scope, once, now).await? {
            return Ok(Done::before(find(&tx, scope, id.into()).await?));
        }
        if let Some(customer) = new.customer {
            // Locked, so that the customer is not deleted while the license is being made for them.
            tx.customers(scope).lock(customer).await?.ok_or_else(no_such_customer)?;
        }
        let id = self.id(LicenseId::new);
        let issue = self.issue(&tx, scope).await?;
        let license = License {
            id,
            organization: scope.id(),
            name: new.name,
            description: new.description,
            customer: new.customer,
            state: LicenseState::Active,
            revision: Revision {
                id: issue.id,
                license: id,
                number: 1,
                validity,
                payload: new.payload,
                issuer: issue.issuer,
                kid: issue.kid,
                status_index: issue.status_index,
                state: RevisionState::Current,
                created_at: now,
            },
            created_at: now,
            updated_at: now,
            version: 1,
        };
        tx.licenses(scope).insert(&license).await.map_err(taken)?;
        self.finish(&tx, access, Action::LicenseCreated, &license, once).await?;
        tx.commit().await?;
        Ok(Done::now(license))
    }

    /// Changes a license's name or description.
    pub async fn describe_license(
        &self,
        access: &Access<WriteLicenses>,
        id: LicenseId,
        change: LicenseChange,
        expected: Option<i64>,
    ) -> Result<License> {
        let scope = access.scope();
        let tx = self.store.write().await?;
        let license = lock(&tx, scope, id).await?;
        unchanged(license.version, expected)?;
        let name = change.name.unwrap_or_else(|| license.name.clone());
        let description = change.description.unwrap_or_else(|| license.description.clone());
        let license = license.described(name, description, self.now());
        tx.licenses(scope).save(&license).await.map_err(taken)?;
        self.finish(&tx, access, Action::LicenseUpdated, &license, None).await?;
        tx.commit().await?;
        Ok(license)
    }

    /// Gives a license new terms: a revision is appended, and from now on its token is another.
    pub async fn renew_license(
        &self,
        access: &Access<WriteLicenses>,
        id: LicenseId,
        renewal: Renewal,
        once: Option<&Idempotency>,
    ) -> Result<Done<License>> {
        let (scope, now) = (access.scope(), self.now());
        let tx = self.store.write().await?;
        if let Some(id) = once::earlier(&tx, scope, once, now).await? {
            return Ok(Done::before(find(&tx, scope, id.into()).await?));
        }
        let license = lock(&tx, scope, id).await?;
        let issue = self.issue(&tx, scope).await?;
        let (license, previous) = license.renew(renewal, issue, now)?;
        tx.licenses(scope).append(&license, &previous).await?;
        self.finish(&tx, access, Action::LicenseRenewed, &license, once).await?;
        tx.commit().await?;
        Ok(Done::now(license))
    }

    /// Holds a license back until it is resumed.
    pub async fn suspend_license(
        &self,
        access: &Access<WriteLicenses>,
        id: LicenseId,
        once: Option<&Idempotency>,
    ) -> Result<Done<License>> {
        self.change(access, id, once, Action::LicenseSuspended, |license, now| Ok(license.suspend(now)?))
            .await
    }

    /// Ends a suspension.
    pub async fn resume_license(
        &self,
        access: &Access<WriteLicenses>,
        id: LicenseId,
        once: Option<&Idempotency>,
    ) -> Result<Done<License>> {
        self.change(access, id, once, Action::LicenseResumed, |license, now| Ok(license.resume(now)?)).await
    }

    /// Ends a license for ever.
    pub async fn revoke_license(
        &self,
        access: &Access<WriteLicenses>,
        id: LicenseId,
        once: Option<&Idempotency>,
    ) -> Result<Done<License>> {
        self.change(access, id, once, Action::LicenseRevoked, |license, now| Ok(license.revoke(now)?)).await
    }

    /// Takes a license away. Its name is free again; its tokens count as revoked.
    pub async fn delete_license(
        &self,
        access: &Access<WriteLicenses>,
        id: LicenseId,
        expected: Option<i64>,
    ) -> Result<()> {
        let scope = access.scope();
        let tx = self.store.write().await?;
        let license = lock(&tx, scope, id).await?;
        unchanged(license.version, expected)?;
        tx.licenses(scope).delete(id, self.now()).await?;
        self.finish(&tx, access, Action::LicenseDeleted, &license, None).await?;
        tx.commit().await?;
        Ok(())
    }

    /// One change of state: load, decide, write, record, commit.
    async fn change(
        &self,
        access: &Access<WriteLicenses>,
        id: LicenseId,
        once: Option<&Idempotency>,
        action: Action,
        decide: impl FnOnce(License, Timestamp) -> Result<License>,
    ) -> Result<Done<License>> {
        let (scope, now) = (access.scope(), self.now());
        let tx = self.store.write().await?;
        if let Some(id) = once::earlier(&tx, scope, once, now).await? {
            return Ok(Done::before(find(&tx, scope, id.into()).await?));
        }
        let license = decide(lock(&tx, scope, id).await?, now)?;
        tx.licenses(scope).save(&license).await?;
        self.finish(&tx, access, action, &license, once).await?;
        tx.commit().await?;
        Ok(Done::now(license))
    }

    /// What every change of a license leaves behind besides the change.
    async fn finish(
        &self,
        tx: &Tx,
        access: &Access<WriteLicenses>,
        action: Action,
        license: &License,
        once: Option<&Idempotency>,
    ) -> Result<()> {
        let detail = [
            ("name", json!(license.name)),
            ("customer_id", json!(license.customer)),
            ("revision", json!(license.revision.number)),
        ];
        self.record(tx, access, action, license.id.uuid(), &detail).await?;
        once::complete(tx, access.scope(), once, license.id.uuid()).await
    }

    /// What a new revision gets from its surroundings.
    async fn issue(&self, tx: &Tx, scope: OrganizationScope) -> Result<Issue> {
        let key = tx.signing_keys(scope).active().await?.ok_or(Error::NotFound(Thing::SigningKey))?;
        Ok(Issue {
            id: self.id(RevisionId::new),
            issuer: self.issuer.as_str().to_owned(),
            kid: key.kid,
            status_index: self.free_status_index(tx, scope).await?,
        })
    }

    /// A random free place in the status list, so that places tell nothing of the order of sales. The
    /// list grows once it is so full that four throws hit taken places.
    async fn free_status_index(&self, tx: &Tx, scope: OrganizationScope) -> Result<u32> {
        tx.organizations().lock(scope).await?;
        let list = tx.status_list(scope);
        let mut window = list.window().await?;
        loop {
            for _ in 0..4 {
                let index = u32::from_be_bytes(self.random()) % window;
                if !list.taken(index).await? {
                    return Ok(index);
                }
            }
            window = window.saturating_mul(2);
            list.widen(window).await?;
        }
    }
}

async fn find(tx: &Tx, scope: OrganizationScope, id: LicenseId) -> Result<License> {
    tx.licenses(scope).find(id).await?.ok_or(Error::NotFound(Thing::License))
}

async fn lock(tx: &Tx, scope: OrganizationScope, id: LicenseId) -> Result<License> {
    tx.licenses(scope).lock(id).await?.ok_or(Error::NotFound(Thing::License))
}

fn no_such_customer() -> Error {
    Error::field("customer_id", keyward_domain::Invalid::new("not_found", "is no customer of yours"))
}

fn taken(error: StorageError) -> Error {
    match error {
        StorageError::Unique(Unique::LicenseName) => Error::Taken { thing: Thing::License, field: "name" },
        other => other.into(),
    }
}
