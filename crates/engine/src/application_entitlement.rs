//! Application entitlements: which versions of an application a customer may deploy.

use std::collections::{BTreeMap, BTreeSet};

use keyward_domain::application_entitlement::{
    ApplicationEntitlement, Decision, Granted, RequestedVersions, may_deploy,
};
use keyward_domain::permission::{ReadCustomers, ReadEntitlements, WriteEntitlements};
use keyward_domain::{
    Access, Action, Application, ApplicationEntitlementId, ApplicationId, ApplicationVersion, Customer,
    CustomerId, Idempotency, Invalid, Notes, OrganizationScope, Page, PageRequest, VersionName, Versioned,
};
use keyward_storage::{StorageError, Tx, Unique};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::audit::Differing as _;
use crate::change::{Change, unchanged};
use crate::license::no_such_customer;
use crate::{Done, Engine, Error, Resource, Result, application};

/// Which versions are to be granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionChoice {
    /// These.
    Named(Vec<VersionName>),
    /// All that are and will be.
    All,
}

/// An entitlement to be created.
#[derive(Debug, Clone)]
pub struct NewApplicationEntitlement {
    /// Who is to hold it.
    pub customer: CustomerId,
    /// Of which application.
    pub application: ApplicationId,
    /// Which versions.
    pub versions: VersionChoice,
    /// Internal to the vendor.
    pub note: Option<Notes>,
}

/// What is to be changed; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct ApplicationGrantChange {
    /// Which versions are granted from now on: as many as before or more.
    pub versions: Option<VersionChoice>,
    /// The new note; `Some(None)` for none.
    pub note: Option<Option<Notes>>,
}

/// An entitlement with what it is about.
#[derive(Debug, Clone)]
pub struct ApplicationGrant {
    /// The entitlement.
    pub entitlement: ApplicationEntitlement,
    /// Who holds it.
    pub customer: Customer,
    /// Of which application.
    pub application: Application,
    /// The versions that it grants now, in the order of lists.
    pub versions: Vec<ApplicationVersion>,
}

impl ApplicationGrant {
    /// Whether it grants all versions, now and later.
    pub fn is_for_all(&self) -> bool {
        matches!(self.entitlement.granted, Granted::All { .. })
    }
}

impl Engine {
    /// The entitlements of a customer, to an application, of both, or all.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn application_entitlements(
        &self,
        access: &Access<ReadEntitlements>,
        customer: Option<CustomerId>,
        application: Option<ApplicationId>,
        page: PageRequest,
    ) -> Result<Page<ApplicationGrant>> {
        let (tx, scope) = (self.store.read().await?, access.scope());
        let found = tx.application_entitlements(scope).list(customer, application, page).await?;
        let (entitlements, next) = found.into_parts();
        Ok(Page::new(grants(&tx, scope, entitlements).await?, next))
    }

    /// The customers who may deploy a version of an application.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn version_holders(
        &self,
        access: &Access<ReadEntitlements>,
        customers: &Access<ReadCustomers>,
        version: &ApplicationVersion,
        page: PageRequest,
    ) -> Result<Page<Customer>> {
        let (tx, scope) = (self.store.read().await?, access.scope());
        let entitlements = tx.application_entitlements(scope);
        let holders = entitlements.holders(version.application, version.id, page).await?;
        let (ids, next) = holders.into_parts();
        let mut known = tx.customers(customers.scope()).among(&ids).await?;
        Ok(Page::new(ids.iter().filter_map(|id| known.remove(id)).collect(), next))
    }

    /// One entitlement.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn application_entitlement(
        &self,
        access: &Access<ReadEntitlements>,
        id: ApplicationEntitlementId,
    ) -> Result<ApplicationGrant> {
        find(&self.store.read().await?, access.scope(), id).await
    }

    /// Entitles a customer to versions of an application.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn create_application_entitlement(
        &self,
        access: &Access<WriteEntitlements>,
        new: NewApplicationEntitlement,
        once: Option<&Idempotency>,
    ) -> Result<Done<ApplicationGrant>> {
        let (scope, now) = (access.scope(), self.now());
        let id = self.id(ApplicationEntitlementId::new);
        let earlier = async |change: Change<'_>, id: Uuid| find(&change, scope, id.into()).await;
        self.change_once(access, once, earlier, async |change| {
            self.license_management(&change, scope).await?;
            // Held, so that the customer is not deleted and no version archived while the grant is being made.
            let customer = change.customers(scope).lock(new.customer).await?.ok_or_else(no_such_customer)?;
            let application = change.applications(scope).lock(new.application).await?;
            let application = application.ok_or_else(no_such_application)?;
            let versions = change.application_versions(scope).list(application.id).await?;
            let entitlement = ApplicationEntitlement {
                id,
                organization: scope.id(),
                customer: customer.id,
                application: application.id,
                granted: Granted::grant(wanted(&new.versions, &versions)?, &versions, None)?,
                note: new.note.clone(),
                created_at: now,
                updated_at: now,
                version: 1,
            };
            change.application_entitlements(scope).insert(&entitlement).await.map_err(taken)?;
            let made = assembled(entitlement, customer, application, versions);
            finish(change, Action::ApplicationEntitlementCreated, &made, None).await?;
            Ok(made)
        })
        .await
    }

    /// Grants more versions, or changes the note.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn update_application_entitlement(
        &self,
        access: &Access<WriteEntitlements>,
        id: ApplicationEntitlementId,
        update: ApplicationGrantChange,
        expected: Option<i64>,
    ) -> Result<ApplicationGrant> {
        let (scope, now) = (access.scope(), self.now());
        self.change(access, async |change| {
            let held = lock(&change, scope, id).await?;
            unchanged(held.entitlement.version, expected)?;
            let versions = change.application_versions(scope).list(held.application.id).await?;
            let next = held.entitlement.version + 1;
            let before = held.clone();
            let mut entitlement = held.entitlement;
            if let Some(asked) = &update.versions {
                self.license_management(&change, scope).await?;
                entitlement = entitlement.granting(wanted(asked, &versions)?, &versions, now)?;
            }
            if let Some(note) = update.note.clone() {
                entitlement = entitlement.noted(note, now);
            }
            let entitlement = ApplicationEntitlement { updated_at: now, version: next, ..entitlement };
            if entitlement.is_unchanged(&before.entitlement) {
                return Ok(before);
            }
            change.application_entitlements(scope).save(&entitlement).await?;
            let changed = assembled(entitlement, held.customer, held.application, versions);
            let changes = changed.differences(&before).detail();
            finish(change, Action::ApplicationEntitlementUpdated, &changed, Some(changes)).await?;
            Ok(changed)
        })
        .await
    }

    /// Removes an entitlement that grants no version. What was granted ends with its customer alone.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn delete_application_entitlement(
        &self,
        access: &Access<WriteEntitlements>,
        id: ApplicationEntitlementId,
        expected: Option<i64>,
    ) -> Result<()> {
        let scope = access.scope();
        self.change(access, async |change| {
            let held = lock(&change, scope, id).await?;
            unchanged(held.entitlement.version, expected)?;
            held.entitlement.removable(&held.versions)?;
            change.application_entitlements(scope).delete(id).await?;
            finish(change, Action::ApplicationEntitlementDeleted, &held, None).await
        })
        .await
    }
}

async fn find(tx: &Tx, scope: OrganizationScope, id: ApplicationEntitlementId) -> Result<ApplicationGrant> {
    find_grant(tx, scope, id).await?.ok_or(Error::NotFound(Resource::ApplicationEntitlement))
}

pub(crate) async fn find_grant(
    tx: &Tx,
    scope: OrganizationScope,
    id: ApplicationEntitlementId,
) -> Result<Option<ApplicationGrant>> {
    match tx.application_entitlements(scope).find(id).await? {
        Some(found) => grant(tx, scope, found).await.map(Some),
        None => Ok(None),
    }
}

/// Holds an entitlement, and before it its customer and application, in the order of all who hold them.
async fn lock(tx: &Tx, scope: OrganizationScope, id: ApplicationEntitlementId) -> Result<ApplicationGrant> {
    let gone = || Error::NotFound(Resource::ApplicationEntitlement);
    let found = tx.application_entitlements(scope).find(id).await?.ok_or_else(gone)?;
    tx.customers(scope).lock(found.customer).await?.ok_or_else(gone)?;
    application::lock(tx, scope, found.application).await?;
    let held = tx.application_entitlements(scope).lock(id).await?.ok_or_else(gone)?;
    grant(tx, scope, held).await
}

/// Ends all entitlements of a customer who is being deleted, and is held.
pub(crate) async fn end_all(change: &Change<'_>, customer: CustomerId) -> Result<()> {
    let entitlements = change.application_entitlements(change.scope());
    for entitlement in entitlements.of_customer(customer).await? {
        entitlements.delete(entitlement.id).await?;
        let detail = [
            ("customer_id", json!(customer)),
            ("application_id", json!(entitlement.application)),
            ("because", json!("customer deleted")),
        ];
        change.record(Action::ApplicationEntitlementDeleted, entitlement.id.uuid(), &detail).await?;
    }
    Ok(())
}

/// What a change of an entitlement leaves behind besides the change.
async fn finish(
    change: Change<'_>,
    action: Action,
    grant: &ApplicationGrant,
    changes: Option<(&'static str, Value)>,
) -> Result<()> {
    let versions: Vec<_> = grant.versions.iter().map(|version| &version.name).collect();
    let mut detail = vec![
        ("name", json!(format!("{} for {}", grant.application.name, grant.customer.name))),
        ("customer_id", json!(grant.customer.id)),
        ("application_id", json!(grant.application.id)),
        ("all_versions", json!(grant.is_for_all())),
        ("versions", json!(versions)),
    ];
    detail.extend(changes);
    change.commit(action, grant.entitlement.id.uuid(), &detail).await
}

/// Entitlements with what they are about, each thing read once.
pub(crate) async fn grants(
    tx: &Tx,
    scope: OrganizationScope,
    entitlements: Vec<ApplicationEntitlement>,
) -> Result<Vec<ApplicationGrant>> {
    let ids: BTreeSet<_> = entitlements.iter().map(|one| one.customer).collect();
    let customers = tx.customers(scope).among(&Vec::from_iter(ids)).await?;
    let ids: BTreeSet<_> = entitlements.iter().map(|one| one.application).collect();
    let ids = Vec::from_iter(ids);
    let applications: BTreeMap<_, _> =
        tx.applications(scope).among(&ids).await?.into_iter().map(|one| (one.id, one)).collect();
    let versions = tx.application_versions(scope).of_all(&ids).await?;
    let grant = |entitlement: ApplicationEntitlement| {
        let customer = customers.get(&entitlement.customer).cloned();
        let application = applications.get(&entitlement.application).cloned();
        let customer = customer.ok_or(Error::NotFound(Resource::Customer))?;
        let application = application.ok_or(Error::NotFound(Resource::Application))?;
        let versions = versions.get(&application.id).cloned().unwrap_or_default();
        Ok(assembled(entitlement, customer, application, versions))
    };
    entitlements.into_iter().map(grant).collect()
}

async fn grant(
    tx: &Tx,
    scope: OrganizationScope,
    entitlement: ApplicationEntitlement,
) -> Result<ApplicationGrant> {
    grants(tx, scope, vec![entitlement]).await?.pop().ok_or(Error::NotFound(Resource::ApplicationEntitlement))
}

/// The entitlement with those of all versions that it grants.
fn assembled(
    entitlement: ApplicationEntitlement,
    customer: Customer,
    application: Application,
    versions: Vec<ApplicationVersion>,
) -> ApplicationGrant {
    let held = std::slice::from_ref(&entitlement);
    let granted =
        |version: &ApplicationVersion| may_deploy(held, application.id, version) == Decision::Granted;
    let versions = versions.into_iter().filter(granted).collect();
    ApplicationGrant { customer, application, versions, entitlement }
}

/// The versions of these names; each that is none is told.
fn wanted(asked: &VersionChoice, versions: &[ApplicationVersion]) -> Result<RequestedVersions> {
    let names = match asked {
        VersionChoice::All => return Ok(RequestedVersions::All),
        VersionChoice::Named(names) => names,
    };
    let (mut ids, mut faults) = (BTreeSet::new(), Vec::new());
    for (index, name) in names.iter().enumerate() {
        match versions.iter().find(|version| version.name == *name) {
            Some(version) => drop(ids.insert(version.id)),
            None => {
                let fault = Invalid::new("not_found", "is no version of this application");
                faults.push(fault.at(&index.to_string()));
            }
        }
    }
    if faults.is_empty() { Ok(RequestedVersions::Named(ids)) } else { Err(Error::fields("versions", faults)) }
}

fn no_such_application() -> Error {
    Error::field("application_id", Invalid::new("not_found", "is no application of yours"))
}

fn taken(error: StorageError) -> Error {
    match error {
        StorageError::Unique(Unique::ApplicationEntitlement) => {
            Error::Taken { resource: Resource::ApplicationEntitlement, field: "application_id" }
        }
        other => other.into(),
    }
}
