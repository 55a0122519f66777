//! Products and their API keys.

use keyward_domain::permission::{ReadProducts, WriteProducts};
use keyward_domain::product::{AddressMode, ApiKey, Markdown, ProductTransitionError, PullRoles, Settings};
use keyward_domain::share::SharePercents;
use keyward_domain::{
    Access, Action, CustomResponse, Idempotency, Name, Notes, OrganizationScope, Page, PageRequest, Product,
    ProductId, ProductState, Secret, SecretKind, Slug, Template, Timestamp, Versioned, Versions,
};
use keyward_storage::{StorageError, Tx, Unique, Usage};
use serde_json::json;

use crate::audit::Differing as _;
use crate::change::{Change, unchanged};
use crate::{Done, Engine, Error, Resource, Result, organization};

/// A product to be created.
#[derive(Debug, Clone)]
pub struct NewProduct {
    /// Unique among the organization's products.
    pub name: Name,
    /// Everything else, as far as it differs from the defaults.
    pub rest: ProductChange,
}

/// What is to be changed; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct ProductChange {
    /// The new name.
    pub name: Option<Name>,
    /// The new internal description; `Some(None)` for none.
    pub description: Option<Option<Notes>>,
    /// The new customer-facing page.
    pub page: Option<Markdown>,
    /// The new template. Licenses that were issued keep what they were issued with.
    pub template: Option<Template>,
    /// The new pull roles.
    pub pull_roles: Option<PullRoles>,
    /// The new version list.
    pub versions: Option<Versions>,
    /// The settings to be changed.
    pub settings: SettingsChange,
}

/// Settings to be changed; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct SettingsChange {
    /// Whether and how addresses bound a license.
    pub addresses: Option<AddressMode>,
    /// The limit that new licenses start with.
    pub default_max_ips: Option<Option<u32>>,
    /// The grace that new licenses get, in days.
    pub default_grace_days: Option<Option<u32>>,
    /// Hours after which an address is free again.
    pub ip_ttl_hours: Option<Option<u32>>,
    /// Whether one IPv6 /64 counts as one address.
    pub ipv6_by_64: Option<bool>,
    /// Whether licenses end when their time does.
    pub enforce_expiry: Option<bool>,
    /// Whether versions are checked.
    pub gate_versions: Option<bool>,
    /// Whether applications must name their version.
    pub require_version: Option<bool>,
    /// Whether answers carry the custom response.
    pub custom: Option<bool>,
    /// The custom response.
    pub custom_response: Option<Option<CustomResponse>>,
    /// Whether webhooks tell of its licenses.
    pub webhooks: Option<bool>,
    /// Whether answers are signed.
    pub sign: Option<bool>,
    /// How much of a day's bucket one address may take, in percent: 1 to 100.
    pub address_share: Option<u32>,
    /// The same of one license.
    pub license_share: Option<u32>,
    /// The same of all requests that name no license of the product.
    pub unknown_key_share: Option<u32>,
}

keyward_domain::described!(object SettingsChange;);

/// A product whose API key was just made, with the secret that is shown this once.
#[derive(Debug)]
pub struct KeyedProduct {
    /// The product.
    pub product: Product,
    /// The secret.
    pub secret: Secret,
}

/// How often a product was asked lately.
#[derive(Debug, Clone)]
pub struct ProductUsage {
    /// How many a day its organization's plan allows; `None` for any number.
    pub limit: Option<u32>,
    /// The days on which anything was asked, the latest first.
    pub days: Vec<Usage>,
}

impl Engine {
    /// The products whose name contains a text, or all.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn products(
        &self,
        access: &Access<ReadProducts>,
        contains: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<Product>> {
        Ok(self.store.read().await?.products(access.scope()).list(contains, page).await?)
    }

    /// One product.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn product(&self, access: &Access<ReadProducts>, id: ProductId) -> Result<Product> {
        find(&self.store.read().await?, access.scope(), id).await
    }

    /// How often a product was asked today and in the `days` before.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn product_usage(
        &self,
        access: &Access<ReadProducts>,
        id: ProductId,
        days: u32,
    ) -> Result<ProductUsage> {
        let scope = access.scope();
        let tx = self.store.read().await?;
        find(&tx, scope, id).await?;
        let organization = organization::find(&tx, scope).await?;
        let today = self.now().day();
        Ok(ProductUsage {
            limit: organization.limits(self.now()).validations_per_day,
            days: tx.usage(id).list(today - i64::from(days), today).await?,
        })
    }

    /// The products that are in service, whose name contains a text, or all of those.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn products_in_service(
        &self,
        access: &Access<ReadProducts>,
        contains: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<Product>> {
        Ok(self.store.read().await?.products(access.scope()).list_in_service(contains, page).await?)
    }

    /// Creates a product with its API key, if the plan allows another.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn create_product(
        &self,
        access: &Access<WriteProducts>,
        new: NewProduct,
        once: Option<&Idempotency>,
    ) -> Result<KeyedProduct> {
        let (scope, now) = (access.scope(), self.now());
        let (id, (secret, key)) = (self.id(ProductId::new), self.new_api_key());
        let made = self.change_shown_once(access, once, async |change| {
            // Held, so that of two who count the products one counts the other's.
            let organization = organization::lock(&change, scope).await?;
            organization.limits(now).another_product(change.products(scope).count().await?)?;
            let product = Product {
                id,
                organization: scope.id(),
                slug: free_slug(&change, scope, &new.name).await?,
                name: new.name.clone(),
                description: None,
                page: Markdown::default(),
                template: Template::default(),
                pull_roles: PullRoles::default(),
                settings: Settings::default(),
                versions: Versions::default(),
                state: ProductState::Active,
                key: key.clone(),
                created_at: now,
                updated_at: now,
                version: 1,
            };
            let product = new.rest.clone().apply(product);
            change.products(scope).insert(&product).await.map_err(taken)?;
            let detail = [("name", json!(product.name)), ("hint", json!(product.key.hint))];
            change.commit(Action::ProductCreated, product.id.uuid(), &detail).await?;
            Ok(product)
        });
        Ok(KeyedProduct { product: made.await?, secret })
    }

    /// Changes a product.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn update_product(
        &self,
        access: &Access<WriteProducts>,
        id: ProductId,
        update: ProductChange,
        expected: Option<i64>,
    ) -> Result<Product> {
        let (scope, now) = (access.scope(), self.now());
        self.change(access, async |change| {
            let product = lock(&change, scope, id).await?;
            unchanged(product.version, expected)?;
            let before = product.clone();
            let product = update.clone().apply(product).changed(now);
            if product.is_unchanged(&before) {
                return Ok(before);
            }
            change.products(scope).save(&product).await.map_err(taken)?;
            let detail = [("name", json!(product.name)), product.differences(&before).detail()];
            change.commit(Action::ProductUpdated, id.uuid(), &detail).await?;
            Ok(product)
        })
        .await
    }

    /// Gives a product a new API key. The old one is dead at once, or after `overlap` seconds.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn rotate_product_key(
        &self,
        access: &Access<WriteProducts>,
        id: ProductId,
        overlap: u32,
        once: Option<&Idempotency>,
    ) -> Result<KeyedProduct> {
        let (scope, now) = (access.scope(), self.now());
        let (secret, _) = self.new_api_key();
        let made = self.change_shown_once(access, once, async |change| {
            let product = lock(&change, scope, id).await?;
            let key = product.key.rotated(secret.hash(), secret.hint(), overlap, now);
            let product = Product { key, ..product }.changed(now);
            change.products(scope).save(&product).await?;
            let detail = [
                ("name", json!(product.name)),
                ("hint", json!(product.key.hint)),
                ("overlap_seconds", json!(overlap)),
            ];
            change.commit(Action::ProductKeyRotated, id.uuid(), &detail).await?;
            Ok(product)
        });
        Ok(KeyedProduct { product: made.await?, secret })
    }

    /// Takes a product out of sale and service.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn archive_product(
        &self,
        access: &Access<WriteProducts>,
        id: ProductId,
        once: Option<&Idempotency>,
    ) -> Result<Done<Product>> {
        self.change_product(access, id, once, Action::ProductArchived, Product::archive).await
    }

    /// Takes a product back into sale and service.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn unarchive_product(
        &self,
        access: &Access<WriteProducts>,
        id: ProductId,
        once: Option<&Idempotency>,
    ) -> Result<Done<Product>> {
        self.change_product(access, id, once, Action::ProductUnarchived, Product::unarchive).await
    }

    /// Takes a product out of service for a while.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn disable_product(
        &self,
        access: &Access<WriteProducts>,
        id: ProductId,
        once: Option<&Idempotency>,
    ) -> Result<Done<Product>> {
        self.change_product(access, id, once, Action::ProductDisabled, Product::disable).await
    }

    /// Takes a product back into service.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn enable_product(
        &self,
        access: &Access<WriteProducts>,
        id: ProductId,
        once: Option<&Idempotency>,
    ) -> Result<Done<Product>> {
        self.change_product(access, id, once, Action::ProductEnabled, Product::enable).await
    }

    async fn change_product(
        &self,
        access: &Access<WriteProducts>,
        id: ProductId,
        once: Option<&Idempotency>,
        action: Action,
        decide: impl Fn(Product, Timestamp) -> Result<Product, ProductTransitionError>,
    ) -> Result<Done<Product>> {
        let (scope, now) = (access.scope(), self.now());
        let earlier = async |change: Change<'_>, _| find(&change, scope, id).await;
        self.change_once(access, once, earlier, async |change| {
            let product = decide(lock(&change, scope, id).await?, now)?;
            change.products(scope).save(&product).await?;
            change.commit(action, id.uuid(), &[("name", json!(product.name))]).await?;
            Ok(product)
        })
        .await
    }

    fn new_api_key(&self) -> (Secret, ApiKey) {
        let secret = Secret::new(SecretKind::Product, self.random());
        let (hash, hint) = (secret.hash(), secret.hint());
        (secret, ApiKey { hash, hint, created_at: self.now(), previous: None })
    }
}

impl ProductChange {
    fn apply(self, product: Product) -> Product {
        Product {
            name: self.name.unwrap_or(product.name),
            description: self.description.unwrap_or(product.description),
            page: self.page.unwrap_or(product.page),
            template: self.template.unwrap_or(product.template),
            pull_roles: self.pull_roles.unwrap_or(product.pull_roles),
            versions: self.versions.unwrap_or(product.versions),
            settings: self.settings.apply(product.settings),
            ..product
        }
    }
}

impl SettingsChange {
    fn apply(self, settings: Settings) -> Settings {
        Settings {
            addresses: self.addresses.unwrap_or(settings.addresses),
            default_max_ips: self.default_max_ips.unwrap_or(settings.default_max_ips),
            default_grace_days: self.default_grace_days.unwrap_or(settings.default_grace_days),
            ip_ttl_hours: self.ip_ttl_hours.unwrap_or(settings.ip_ttl_hours),
            ipv6_by_64: self.ipv6_by_64.unwrap_or(settings.ipv6_by_64),
            enforce_expiry: self.enforce_expiry.unwrap_or(settings.enforce_expiry),
            gate_versions: self.gate_versions.unwrap_or(settings.gate_versions),
            require_version: self.require_version.unwrap_or(settings.require_version),
            custom: self.custom.unwrap_or(settings.custom),
            custom_response: self.custom_response.unwrap_or(settings.custom_response),
            webhooks: self.webhooks.unwrap_or(settings.webhooks),
            sign: self.sign.unwrap_or(settings.sign),
            shares: SharePercents {
                address: self.address_share.unwrap_or(settings.shares.address),
                license: self.license_share.unwrap_or(settings.shares.license),
                unknown_key: self.unknown_key_share.unwrap_or(settings.shares.unknown_key),
            },
        }
    }
}

pub(crate) async fn find(tx: &Tx, scope: OrganizationScope, id: ProductId) -> Result<Product> {
    tx.products(scope).find(id).await?.ok_or(Error::NotFound(Resource::Product))
}

/// Holds a product. The organization is held before it: a change of the product's key or name also holds back
/// those who refer to it, such as new licenses, and those hold the organization.
async fn lock(tx: &Tx, scope: OrganizationScope, id: ProductId) -> Result<Product> {
    tx.organizations().lock(scope).await?;
    tx.products(scope).lock(id).await?.ok_or(Error::NotFound(Resource::Product))
}

fn taken(error: StorageError) -> Error {
    match error {
        StorageError::Unique(Unique::ProductName) => {
            Error::Taken { resource: Resource::Product, field: "name" }
        }
        other => other.into(),
    }
}

/// The slug of `name`, numbered where it is taken.
async fn free_slug(tx: &Tx, scope: OrganizationScope, name: &Name) -> Result<Slug> {
    let plain = Slug::from_name(name, "product");
    let mut slug = plain.clone();
    let mut number = 1;
    while tx.products(scope).slug_taken(&slug).await? {
        number += 1;
        slug = plain.numbered(number);
    }
    Ok(slug)
}
