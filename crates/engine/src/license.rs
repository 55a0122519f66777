//! Licenses.

use keyward_domain::permission::{ReadLicenses, WriteCustomers, WriteLicenses};
use keyward_domain::product::Bounds;
use keyward_domain::{
    Access, Action, BlockList, CustomResponse, Customer, CustomerId, Ends, Feature, Idempotency, Invalid,
    InvalidEnd, Issue, License, LicenseFilter, LicenseId, LicenseKey, LicenseState, Name, Notes,
    OrganizationScope, Page, PageRequest, Payload, Pin, Product, ProductId, ProductState, Renewal, Revision,
    RevisionId, RevisionState, Timestamp, Validity, Versioned,
};
use keyward_storage::{StorageError, Tx, Unique};
use serde_json::json;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::audit::Differing as _;
use crate::change::{Change, unchanged};
use crate::customer::NewCustomer;
use crate::{Done, Engine, Error, FieldFault, Resource, Result, TokenFormat, product};

/// How many license keys are drawn for a name that is free.
const MOST_DRAWS: u32 = 8;

/// A license to be created.
#[derive(Debug, Clone)]
pub struct NewLicense {
    /// Unique among the organization's licenses.
    pub name: Name,
    /// For the vendor's own reference.
    pub description: Option<Notes>,
    /// Who is to hold it; `None` for the whole organization.
    pub customer: Option<CustomerId>,
    /// What it says.
    pub terms: Terms,
    /// The first valid second; `None` for now.
    pub not_before: Option<Timestamp>,
    /// The end: one year from now if nothing is said of it.
    pub ends: Ends,
}

/// Where the custom claims of a license come from.
#[derive(Debug, Clone)]
pub enum Terms {
    /// They are given.
    Payload(Payload),
    /// They are the fields of a product's template.
    Product {
        /// The product.
        product: ProductId,
        /// Values by field, as JSON.
        fields: FieldValues,
    },
}

/// Values by name of field, as JSON text.
pub type FieldValues = Vec<(String, Box<RawValue>)>;

/// A license to be made from a product's template, for a customer who may be new.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Who is to hold it.
    pub holder: Holder,
    /// The license's name; `None` for one made of the product's and the end of the license key.
    pub name: Option<Name>,
    /// Values by field, as JSON.
    pub fields: FieldValues,
    /// The first valid second; `None` for now.
    pub not_before: Option<Timestamp>,
    /// The end: none if nothing is said of it.
    pub ends: Ends,
}

/// Who is to hold a new key.
#[derive(Debug, Clone)]
pub enum Holder {
    /// A customer to be created with it.
    New(NewCustomer),
    /// A customer there is.
    Existing(CustomerId),
}

/// A key just made.
#[derive(Debug)]
pub struct IssuedKey {
    /// Who holds it.
    pub customer: Customer,
    /// The license.
    pub license: License,
    /// Its token, as JWT.
    pub token: String,
}

/// Bounds to be changed; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct BoundsChange {
    /// The most addresses; `Some(None)` for no limit.
    pub max_ips: Option<Option<u32>>,
    /// Which versions it allows.
    pub pin: Option<Pin>,
    /// What it adds to the product's custom response.
    pub custom_response: Option<Option<CustomResponse>>,
    /// Addresses refused for this license.
    pub blocked: Option<BlockList>,
}

/// What is to be changed; `None` stays. The terms can only be [renewed](Engine::renew_license).
#[derive(Debug, Clone, Default)]
pub struct LicenseChange {
    /// The new name.
    pub name: Option<Name>,
    /// The new description; `Some(None)` for none.
    pub description: Option<Option<Notes>>,
    /// The new bounds.
    pub bounds: BoundsChange,
}

impl Engine {
    /// The licenses that a filter lets through.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn licenses(
        &self,
        access: &Access<ReadLicenses>,
        filter: &LicenseFilter,
        page: PageRequest,
    ) -> Result<Page<License>> {
        Ok(self.store.read().await?.licenses(access.scope()).list(filter, self.now(), page).await?)
    }

    /// One license.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn license(&self, access: &Access<ReadLicenses>, id: LicenseId) -> Result<License> {
        find(&self.store.read().await?, access.scope(), id).await
    }

    /// All terms the license has had, newest first.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn revisions(&self, access: &Access<ReadLicenses>, id: LicenseId) -> Result<Vec<Revision>> {
        let tx = self.store.read().await?;
        find(&tx, access.scope(), id).await?;
        Ok(tx.licenses(access.scope()).revisions(id).await?)
    }

    /// Creates a license with its first revision.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn create_license(
        &self,
        access: &Access<WriteLicenses>,
        new: NewLicense,
        once: Option<&Idempotency>,
    ) -> Result<Done<License>> {
        let (scope, now) = (access.scope(), self.now());
        let not_before = new.not_before.unwrap_or(now);
        let term = Term { not_before, ends: new.ends, otherwise: Some(not_before.max(now).plus_one_year()) };

        let earlier = async |change: Change<'_>, id: Uuid| find(&change, scope, id.into()).await;
        self.change_once(access, once, earlier, async |change| {
            if let Terms::Payload(_) = new.terms {
                self.license_management(&change, scope).await?;
            }
            if let Some(customer) = new.customer {
                // Locked, so that the customer is not deleted while the license is being made for them.
                change.customers(scope).lock(customer).await?;
            }
            let (product, payload) = match &new.terms {
                Terms::Payload(payload) => (None, payload.clone()),
                Terms::Product { product, fields } => (Some((*product, fields)), Payload::default()),
            };
            let asked = Asked { customer: new.customer, product, term };
            let (product, filled) = asked.check(&change, scope).await?.sound()?;
            let payload = filled.unwrap_or(payload);
            let draft = Draft {
                name: Some(new.name.clone()),
                description: new.description.clone(),
                customer: new.customer,
                product,
                payload,
                term,
            };
            let license = self.insert(&change, scope, draft).await?;
            finish(change, Action::LicenseCreated, &license).await?;
            Ok(license)
        })
        .await
    }

    /// What is wrong with what a new license is asked to be, for a request of which other parts can't be read.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn license_faults(
        &self,
        access: &Access<WriteLicenses>,
        asked: Asked<'_>,
    ) -> Result<Vec<FieldFault>> {
        let tx = self.store.read().await?;
        Ok(asked.check(&tx, access.scope()).await?.faults)
    }

    /// Makes a license from a product's template together with its customer, or for one there is.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn create_key(
        &self,
        access: &Access<WriteLicenses>,
        product: ProductId,
        new: NewKey,
        once: Option<&Idempotency>,
    ) -> Result<Done<IssuedKey>> {
        let scope = access.scope();
        let term = Term { not_before: new.not_before.unwrap_or(self.now()), ends: new.ends, otherwise: None };
        let (customer, made) = match new.holder {
            Holder::New(customer) => {
                access.also::<WriteCustomers>()?;
                let made = self.new_customer(scope, customer);
                (made.id, Some(made))
            }
            Holder::Existing(id) => (id, None),
        };
        let earlier = async |change: Change<'_>, id: Uuid| {
            let license = find(&change, scope, id.into()).await?;
            self.issued(&change, scope, license).await
        };
        self.change_once(access, once, earlier, async |change| {
            let product = product::find(&change, scope, product).await?;
            let asked = Asked {
                customer: made.is_none().then_some(customer),
                product: Some((product.id, &new.fields)),
                term,
            };
            let (_, payload) = asked.check(&change, scope).await?.sound()?;
            if let Some(made) = &made {
                self.insert_customer(&change, made).await?;
            } else {
                change.customers(scope).lock(customer).await?.ok_or_else(no_such_customer)?;
            }
            let draft = Draft {
                name: new.name.clone(),
                description: None,
                customer: Some(customer),
                product: Some(product),
                payload: payload.unwrap_or_default(),
                term,
            };
            let license = self.insert(&change, scope, draft).await?;
            let issued = self.issued(&change, scope, license).await?;
            finish(change, Action::LicenseCreated, &issued.license).await?;
            Ok(issued)
        })
        .await
    }

    async fn issued(&self, tx: &Tx, scope: OrganizationScope, license: License) -> Result<IssuedKey> {
        let customer = license.customer.ok_or(Error::NotFound(Resource::Customer))?;
        let customer =
            tx.customers(scope).find(customer).await?.ok_or(Error::NotFound(Resource::Customer))?;
        let token = self.sign(tx, scope, &license, &license.revision, TokenFormat::Jwt).await?;
        Ok(IssuedKey { customer, license, token })
    }

    /// Writes a new license with its first revision.
    async fn insert(&self, tx: &Tx, scope: OrganizationScope, draft: Draft) -> Result<License> {
        let now = self.now();
        let validity = draft.term.validity(draft.product.as_ref())?;
        if let Some(product) = &draft.product
            && product.state != ProductState::Active
        {
            let state = product.state.as_str();
            return Err(Error::Transition(format!("a product that is {state} gives no licenses")));
        }
        let (name, key) = match (draft.name, &draft.product) {
            (Some(name), product) => (name, product.as_ref().map(|_| self.new_license_key())),
            (None, Some(product)) => {
                let (name, key) = self.named_key(tx, scope, product).await?;
                (name, Some(key))
            }
            (None, None) => return Err(Error::field("name", Invalid::new("required", "is required"))),
        };
        let settings = draft.product.as_ref().map(|product| &product.settings);
        let id = self.id(LicenseId::new);
        let issue = self.issue(tx, scope, draft.product.as_ref()).await?;
        let license = License {
            id,
            organization: scope.id(),
            name,
            description: draft.description,
            customer: draft.customer,
            product: draft.product.as_ref().map(|product| product.id),
            key,
            bounds: Bounds {
                max_ips: settings.and_then(|settings| settings.default_max_ips),
                ..Bounds::default()
            },
            state: LicenseState::Active,
            revision: Revision {
                id: issue.id,
                license: id,
                number: 1,
                validity,
                payload: draft.payload,
                registry: issue.registry,
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
        Ok(license)
    }

    /// A new key, and the name of its license: it ends as the key does, and does not tell the key. Of keys that end like
    /// an earlier one, others are drawn; a product of very many needs longer ends.
    async fn named_key(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        product: &Product,
    ) -> Result<(Name, LicenseKey)> {
        // Held, as for what else is unique in it: of two who draw the same end, one sees the other's.
        tx.organizations().lock(scope).await?;
        let product = product.name.shortened(160);
        for _ in 0..MOST_DRAWS {
            let key = self.new_license_key();
            let name: Name = named(&format!("{product} {}", key.hint()))?;
            if !tx.licenses(scope).name_taken(&name).await? {
                return Ok((name, key));
            }
        }
        let (key, id) = (self.new_license_key(), self.random::<5>());
        let tail: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((named(&format!("{product} {} {tail}", key.hint()))?, key))
    }

    fn new_license_key(&self) -> LicenseKey {
        loop {
            if let Some(key) = LicenseKey::new(self.random()) {
                return key;
            }
        }
    }

    /// Holds back what is not part of the organization's plan.
    pub(crate) async fn license_management(&self, tx: &Tx, scope: OrganizationScope) -> Result<()> {
        self.includes(tx, scope, Feature::LicenseManagement).await
    }

    /// Changes a license's name, description or bounds.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn adjust_license(
        &self,
        access: &Access<WriteLicenses>,
        id: LicenseId,
        update: LicenseChange,
        expected: Option<i64>,
    ) -> Result<License> {
        let scope = access.scope();
        self.change(access, async |change| {
            let license = lock(&change, scope, id).await?;
            unchanged(license.version, expected)?;
            let name = update.name.clone().unwrap_or_else(|| license.name.clone());
            let description = update.description.clone().unwrap_or_else(|| license.description.clone());
            let bounds = update.bounds.clone().apply(license.bounds.clone());
            let before = license.clone();
            let license = license.adjusted(name, description, bounds, self.now());
            if license.is_unchanged(&before) {
                return Ok(before);
            }
            change.licenses(scope).save(&license).await.map_err(taken)?;
            finish_from(change, Action::LicenseUpdated, &license, Some(&before)).await?;
            Ok(license)
        })
        .await
    }

    /// Gives a license new terms: a revision is appended, and from now on its token is another.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn renew_license(
        &self,
        access: &Access<WriteLicenses>,
        id: LicenseId,
        renewal: Renewal,
        once: Option<&Idempotency>,
    ) -> Result<Done<License>> {
        let (scope, now) = (access.scope(), self.now());
        let earlier = async |change: Change<'_>, id: Uuid| find(&change, scope, id.into()).await;
        self.change_once(access, once, earlier, async |change| {
            self.license_management(&change, scope).await?;
            let license = lock(&change, scope, id).await?;
            let product = match license.product {
                Some(product) => Some(product::find(&change, scope, product).await?),
                None => None,
            };
            let issue = self.issue(&change, scope, product.as_ref()).await?;
            if license.product.is_some() && renewal.payload.is_some() {
                let message = "is told by the product's fields, which never change: create another key";
                return Err(Error::field("payload", Invalid::new("not_allowed", message)));
            }
            let before = license.clone();
            let (license, previous) = license.renew(renewal.clone(), issue, now)?;
            change.licenses(scope).append(&license, &previous).await?;
            finish_from(change, Action::LicenseRenewed, &license, Some(&before)).await?;
            Ok(license)
        })
        .await
    }

    /// Holds a license back until it is resumed.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn suspend_license(
        &self,
        access: &Access<WriteLicenses>,
        id: LicenseId,
        once: Option<&Idempotency>,
    ) -> Result<Done<License>> {
        self.change_state(
            access,
            id,
            once,
            Action::LicenseSuspended,
            |license, now| Ok(license.suspend(now)?),
        )
        .await
    }

    /// Ends a suspension.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn resume_license(
        &self,
        access: &Access<WriteLicenses>,
        id: LicenseId,
        once: Option<&Idempotency>,
    ) -> Result<Done<License>> {
        self.change_state(access, id, once, Action::LicenseResumed, |license, now| Ok(license.resume(now)?))
            .await
    }

    /// Ends a license for ever.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn revoke_license(
        &self,
        access: &Access<WriteLicenses>,
        id: LicenseId,
        once: Option<&Idempotency>,
    ) -> Result<Done<License>> {
        self.change_state(access, id, once, Action::LicenseRevoked, |license, now| Ok(license.revoke(now)?))
            .await
    }

    /// Takes a license away. Its name is free again; its tokens count as revoked.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn delete_license(
        &self,
        access: &Access<WriteLicenses>,
        id: LicenseId,
        expected: Option<i64>,
    ) -> Result<()> {
        let scope = access.scope();
        self.change(access, async |change| {
            let license = lock(&change, scope, id).await?;
            unchanged(license.version, expected)?;
            change.licenses(scope).delete(id, self.now()).await?;
            finish(change, Action::LicenseDeleted, &license).await
        })
        .await
    }

    /// One change of state: load, decide, write, commit.
    async fn change_state(
        &self,
        access: &Access<WriteLicenses>,
        id: LicenseId,
        once: Option<&Idempotency>,
        action: Action,
        decide: impl Fn(License, Timestamp) -> Result<License>,
    ) -> Result<Done<License>> {
        let (scope, now) = (access.scope(), self.now());
        let earlier = async |change: Change<'_>, id: Uuid| find(&change, scope, id.into()).await;
        self.change_once(access, once, earlier, async |change| {
            let license = decide(lock(&change, scope, id).await?, now)?;
            change.licenses(scope).save(&license).await?;
            finish(change, action, &license).await?;
            Ok(license)
        })
        .await
    }

    /// What a new revision gets from its surroundings.
    async fn issue(&self, tx: &Tx, scope: OrganizationScope, product: Option<&Product>) -> Result<Issue> {
        let key = tx.signing_keys(scope).active().await?.ok_or(Error::NotFound(Resource::SigningKey))?;
        Ok(Issue {
            id: self.id(RevisionId::new),
            registry: product.map(|product| product.pull_roles.names()).unwrap_or_default(),
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

impl BoundsChange {
    fn apply(self, bounds: Bounds) -> Bounds {
        Bounds {
            max_ips: self.max_ips.unwrap_or(bounds.max_ips),
            pin: self.pin.unwrap_or(bounds.pin),
            custom_response: self.custom_response.unwrap_or(bounds.custom_response),
            blocked: self.blocked.unwrap_or(bounds.blocked),
        }
    }
}

/// A license about to be written.
struct Draft {
    name: Option<Name>,
    description: Option<Notes>,
    customer: Option<CustomerId>,
    product: Option<Product>,
    payload: Payload,
    term: Term,
}

fn named(text: &str) -> Result<Name> {
    text.parse().map_err(|invalid| Error::field("name", invalid))
}

/// What a license is asked to be, as far as it is checked against what there is.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Who is to hold it.
    pub customer: Option<CustomerId>,
    /// Of which product, with the values of its fields.
    pub product: Option<(ProductId, &'a FieldValues)>,
    /// From when to when it is to be valid.
    pub term: Term,
}

/// From when to when a license is asked to be valid.
#[derive(Debug, Clone, Copy)]
pub struct Term {
    /// The first valid second.
    pub not_before: Timestamp,
    /// What was said of the end.
    pub ends: Ends,
    /// The end if nothing was; `None` for none.
    pub otherwise: Option<Timestamp>,
}

impl Term {
    /// With the grace that the product's licenses get.
    fn validity(self, product: Option<&Product>) -> std::result::Result<Validity, InvalidEnd> {
        let grace = product.map_or(0, |product| product.settings.grace_seconds());
        self.ends.validity(self.not_before, self.otherwise, grace)
    }
}

/// What was found for it.
struct Checked {
    product: Option<Product>,
    payload: Option<Payload>,
    faults: Vec<FieldFault>,
}

impl Asked<'_> {
    /// Looks at all of it, whatever is wrong with one part.
    async fn check(self, tx: &Tx, scope: OrganizationScope) -> Result<Checked> {
        let mut faults = Vec::new();
        if let Some(customer) = self.customer
            && tx.customers(scope).find(customer).await?.is_none()
        {
            faults.push(FieldFault { field: "customer_id", invalid: no_customer() });
        }
        let (mut product, mut payload) = (None, None);
        if let Some((id, fields)) = self.product {
            match tx.products(scope).find(id).await? {
                None => faults.push(FieldFault { field: "product_id", invalid: no_product() }),
                Some(found) => {
                    match found.template.fill(fields) {
                        Ok(filled) => payload = Some(filled),
                        Err(wrong) => {
                            let fault = |invalid| FieldFault { field: "fields", invalid };
                            faults.extend(wrong.into_iter().map(fault));
                        }
                    }
                    product = Some(found);
                }
            }
        }
        if let Err(InvalidEnd { field, invalid }) = self.term.validity(product.as_ref()) {
            faults.push(FieldFault { field, invalid });
        }
        Ok(Checked { product, payload, faults })
    }
}

impl Checked {
    fn sound(self) -> Result<(Option<Product>, Option<Payload>)> {
        if self.faults.is_empty() {
            Ok((self.product, self.payload))
        } else {
            Err(Error::Invalid(self.faults))
        }
    }
}

/// What every change of a license ends with.
async fn finish(change: Change<'_>, action: Action, license: &License) -> Result<()> {
    finish_from(change, action, license, None).await
}

/// The same of a license that was another `before`.
async fn finish_from(
    change: Change<'_>,
    action: Action,
    license: &License,
    before: Option<&License>,
) -> Result<()> {
    let mut detail = vec![
        ("name", json!(license.name)),
        ("customer_id", json!(license.customer)),
        ("product_id", json!(license.product)),
        ("revision", json!(license.revision.number)),
    ];
    detail.extend(before.map(|before| license.differences(before).detail()));
    change.commit(action, license.id.uuid(), &detail).await
}

pub(crate) async fn find(tx: &Tx, scope: OrganizationScope, id: LicenseId) -> Result<License> {
    tx.licenses(scope).find(id).await?.ok_or(Error::NotFound(Resource::License))
}

pub(crate) async fn lock(tx: &Tx, scope: OrganizationScope, id: LicenseId) -> Result<License> {
    tx.licenses(scope).lock(id).await?.ok_or(Error::NotFound(Resource::License))
}

pub(crate) fn no_such_customer() -> Error {
    Error::field("customer_id", no_customer())
}

fn taken(error: StorageError) -> Error {
    match error {
        StorageError::Unique(Unique::LicenseName) => {
            Error::Taken { resource: Resource::License, field: "name" }
        }
        other => other.into(),
    }
}

fn no_customer() -> Invalid {
    Invalid::new("not_found", "is no customer of yours")
}

fn no_product() -> Invalid {
    Invalid::new("not_found", "is no product of yours")
}
