//! Products.

use std::collections::BTreeMap;

use keyward_domain::product::{AddressMode, Markdown, PullRole, PullRoles, Settings};
use keyward_domain::share::SharePercents;
use keyward_domain::version::{Pattern, Standing};
use keyward_domain::{
    CustomResponse, FieldDraft, Ordered, OrderedRequest, OrganizationScope, Page, PageRequest, Place,
    Product, ProductId, ProductOrder, ProductState, SecretHash, Slug, Template, Versions,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter,
    QuerySelect, Select,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::Result;
use crate::connection::Connection;
use crate::convert::{KeptKey, ROW, Table};
use crate::folding::{contains, search_text};
use crate::page::{in_order, ordered, page, paged, text_place};

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "products")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub name: String,
        pub slug: String,
        pub description: Option<String>,
        pub page: String,
        pub template: String,
        pub pull_roles: String,
        pub settings: String,
        pub versions: String,
        pub state: String,
        pub state_since: Option<i64>,
        pub key_hash: Vec<u8>,
        pub key_hint: String,
        pub key_created_at: i64,
        pub previous_hash: Option<Vec<u8>>,
        pub previous_until: Option<i64>,
        pub search: String,
        pub created_at: i64,
        pub updated_at: i64,
        pub version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("products");

/// The products of one organization.
pub struct Products<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl Products<'_> {
    /// Adds one.
    pub async fn insert(&self, product: &Product) -> Result<()> {
        write(product)?.insert(self.tx).await?;
        Ok(())
    }

    /// One of them.
    pub async fn find(&self, id: ProductId) -> Result<Option<Product>> {
        self.one(id).one(self.tx).await?.map(read).transpose()
    }

    /// Those of these ids that there are.
    pub async fn among(&self, ids: &[ProductId]) -> Result<BTreeMap<ProductId, Product>> {
        let rows = self.all().filter(row::Column::Id.is_in(ids.iter().map(|id| id.uuid()))).all(self.tx);
        rows.await?.into_iter().map(|row| Ok((row.id.into(), read(row)?))).collect()
    }

    /// One of them, locked until the end of the transaction.
    pub async fn lock(&self, id: ProductId) -> Result<Option<Product>> {
        self.one(id).lock(ROW).one(self.tx).await?.map(read).transpose()
    }

    /// How many there are, the archived ones too.
    pub async fn count(&self) -> Result<u32> {
        let count = self.all().count(self.tx).await?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// Whether a slug is in use.
    pub async fn slug_taken(&self, slug: &Slug) -> Result<bool> {
        Ok(self.all().filter(row::Column::Slug.eq(slug.as_str())).count(self.tx).await? > 0)
    }

    /// The slugs of all.
    pub async fn slugs(&self) -> Result<BTreeMap<ProductId, Slug>> {
        let pairs = self.all().select_only().column(row::Column::Id).column(row::Column::Slug);
        let pairs: Vec<(Uuid, String)> = pairs.into_tuple().all(self.tx).await?;
        pairs.into_iter().map(|(id, slug)| Ok((id.into(), TABLE.parse("slug", &slug)?))).collect()
    }

    /// A page of those whose name contains a text, or of all.
    pub async fn list(&self, text: Option<&str>, request: PageRequest) -> Result<Page<Product>> {
        let rows = paged(self.found(text), row::Column::Id, request).all(self.tx).await?;
        page(rows, request, |row| row.id, read)
    }

    /// The same of those that are in service.
    pub async fn list_in_service(&self, text: Option<&str>, request: PageRequest) -> Result<Page<Product>> {
        let found = self.found(text).filter(row::Column::State.eq("active"));
        let rows = paged(found, row::Column::Id, request).all(self.tx).await?;
        page(rows, request, |row| row.id, read)
    }

    /// The same, in an order.
    pub async fn list_in_order(
        &self,
        text: Option<&str>,
        request: &OrderedRequest<ProductOrder>,
    ) -> Result<Ordered<Product>> {
        let place = match request.order.by {
            ProductOrder::Name => text_place(self.tx, row::Column::Name),
            ProductOrder::State => text_place(self.tx, row::Column::State),
            ProductOrder::Created => row::Column::CreatedAt.into_expr(),
        };
        let rows =
            in_order(self.found(text), place, row::Column::Id.into_expr(), request).all(self.tx).await?;
        ordered(rows, request, read, |product| {
            let place = match request.order.by {
                ProductOrder::Name => Place::text(product.name.as_str()),
                ProductOrder::State => Place::text(product.state.as_str()),
                ProductOrder::Created => Place::Number(product.created_at.unix()),
            };
            (place, product.id.uuid())
        })
    }

    /// Those whose name contains a text, or all.
    fn found(&self, text: Option<&str>) -> Select<row::Entity> {
        match text {
            Some(text) => self.all().filter(contains(row::Column::Search, text)),
            None => self.all(),
        }
    }

    /// Writes the next version of one.
    pub async fn save(&self, product: &Product) -> Result<()> {
        let saved = row::Entity::update_many()
            .set(write(product)?)
            .filter(row::Column::Id.eq(product.id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(row::Column::Version.eq(product.version - 1))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }

    pub(crate) fn all(&self) -> Select<row::Entity> {
        row::Entity::find().filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
    }

    fn one(&self, id: ProductId) -> Select<row::Entity> {
        self.all().filter(row::Column::Id.eq(id.uuid()))
    }
}

/// The product whose API key, or the one before it, has this hash.
pub(crate) async fn by_key(tx: &Connection, hash: &SecretHash) -> Result<Option<Product>> {
    let bytes = hash.as_bytes().to_vec();
    let either =
        Condition::any().add(row::Column::KeyHash.eq(bytes.clone())).add(row::Column::PreviousHash.eq(bytes));
    row::Entity::find().filter(either).one(tx).await?.map(read).transpose()
}

/// Settings as the column keeps them. What an older program did not know has its default.
#[derive(Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    addresses: AddressMode,
    default_max_ips: Option<u32>,
    default_grace_days: Option<u32>,
    ip_ttl_hours: Option<u32>,
    ipv6_by_64: bool,
    enforce_expiry: bool,
    gate_versions: bool,
    require_version: bool,
    custom: bool,
    custom_response: Option<Box<RawValue>>,
    webhooks: bool,
    sign: bool,
    address_share: u32,
    license_share: u32,
    unknown_key_share: u32,
}

impl Default for Kept {
    fn default() -> Self {
        Self::of(&Settings::default())
    }
}

impl Kept {
    fn of(settings: &Settings) -> Self {
        let raw = |custom: &CustomResponse| RawValue::from_string(custom.as_str().to_owned()).ok();
        Self {
            addresses: settings.addresses,
            default_max_ips: settings.default_max_ips,
            default_grace_days: settings.default_grace_days,
            ip_ttl_hours: settings.ip_ttl_hours,
            ipv6_by_64: settings.ipv6_by_64,
            enforce_expiry: settings.enforce_expiry,
            gate_versions: settings.gate_versions,
            require_version: settings.require_version,
            custom: settings.custom,
            custom_response: settings.custom_response.as_ref().and_then(raw),
            webhooks: settings.webhooks,
            sign: settings.sign,
            address_share: settings.shares.address,
            license_share: settings.shares.license,
            unknown_key_share: settings.shares.unknown_key,
        }
    }

    fn read(text: &str) -> Result<Settings> {
        let kept: Self = TABLE.take("settings", serde_json::from_str(text))?;
        let custom = kept.custom_response.map(|raw| CustomResponse::parse(raw.get())).transpose();
        Ok(Settings {
            addresses: kept.addresses,
            default_max_ips: kept.default_max_ips,
            default_grace_days: kept.default_grace_days,
            ip_ttl_hours: kept.ip_ttl_hours,
            ipv6_by_64: kept.ipv6_by_64,
            enforce_expiry: kept.enforce_expiry,
            gate_versions: kept.gate_versions,
            require_version: kept.require_version,
            custom: kept.custom,
            custom_response: TABLE.take("settings", custom)?,
            webhooks: kept.webhooks,
            sign: kept.sign,
            shares: SharePercents {
                address: kept.address_share,
                license: kept.license_share,
                unknown_key: kept.unknown_key_share,
            },
        })
    }
}

fn read_versions(text: &str) -> Result<Versions> {
    let pairs: Vec<(String, String)> = TABLE.take("versions", serde_json::from_str(text))?;
    let entry = |(pattern, standing): (String, String)| {
        Ok((TABLE.parse::<Pattern>("versions", &pattern)?, TABLE.parse::<Standing>("versions", &standing)?))
    };
    let entries = pairs.into_iter().map(entry).collect::<Result<_>>()?;
    TABLE.take("versions", Versions::new(entries))
}

fn write(product: &Product) -> Result<row::ActiveModel> {
    let since = match product.state {
        ProductState::Active => None,
        ProductState::Archived { since } | ProductState::Disabled { since } => Some(since.unix()),
    };
    let versions: Vec<_> = product
        .versions
        .entries()
        .iter()
        .map(|(pattern, standing)| (pattern.as_str(), standing.as_str()))
        .collect();
    let previous = product.key.previous;
    Ok(row::ActiveModel {
        id: Set(product.id.uuid()),
        organization_id: Set(product.organization.uuid()),
        name: Set(product.name.to_string()),
        slug: Set(product.slug.to_string()),
        description: Set(product.description.as_ref().map(ToString::to_string)),
        page: Set(product.page.as_str().to_owned()),
        template: Set(TABLE.take("template", serde_json::to_string(&product.template.drafts()))?),
        pull_roles: Set(TABLE.take("pull_roles", serde_json::to_string(&product.pull_roles))?),
        settings: Set(TABLE.take("settings", serde_json::to_string(&Kept::of(&product.settings)))?),
        versions: Set(TABLE.take("versions", serde_json::to_string(&versions))?),
        state: Set(product.state.as_str().to_owned()),
        state_since: Set(since),
        key_hash: Set(product.key.hash.as_bytes().to_vec()),
        key_hint: Set(product.key.hint.clone()),
        key_created_at: Set(product.key.created_at.unix()),
        previous_hash: Set(previous.map(|previous| previous.hash.as_bytes().to_vec())),
        previous_until: Set(previous.map(|previous| previous.until.unix())),
        search: Set(search_text(&[product.name.as_str()], None)),
        created_at: Set(product.created_at.unix()),
        updated_at: Set(product.updated_at.unix()),
        version: Set(product.version),
    })
}

pub(crate) fn read(row: row::Model) -> Result<Product> {
    let since = TABLE.optional_time("state_since", row.state_since)?;
    let state = match (row.state.as_str(), since) {
        ("active", None) => ProductState::Active,
        ("archived", Some(since)) => ProductState::Archived { since },
        ("disabled", Some(since)) => ProductState::Disabled { since },
        _ => return Err(TABLE.corrupt("state")),
    };
    let key = TABLE.api_key(KeptKey {
        columns: ("key_hash", "key_created_at"),
        hash: row.key_hash,
        hint: row.key_hint,
        created_at: row.key_created_at,
        previous_hash: row.previous_hash,
        previous_until: row.previous_until,
    })?;
    let drafts: Vec<FieldDraft> = TABLE.take("template", serde_json::from_str(&row.template))?;
    let roles: Vec<PullRole> = TABLE.take("pull_roles", serde_json::from_str(&row.pull_roles))?;
    Ok(Product {
        id: row.id.into(),
        organization: row.organization_id.into(),
        name: Table::name(&row.name),
        slug: TABLE.parse("slug", &row.slug)?,
        description: Table::notes(row.description.as_deref()),
        page: Markdown::kept(&row.page),
        template: TABLE.take("template", Template::kept(drafts))?,
        pull_roles: TABLE.take("pull_roles", PullRoles::new(roles))?,
        settings: Kept::read(&row.settings)?,
        versions: read_versions(&row.versions)?,
        state,
        key,
        created_at: TABLE.time("created_at", row.created_at)?,
        updated_at: TABLE.time("updated_at", row.updated_at)?,
        version: row.version,
    })
}
