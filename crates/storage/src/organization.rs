//! Organizations.

use keyward_domain::{
    Kid, Organization, OrganizationId, OrganizationScope, OrganizationState, Overrides, Page, PageRequest,
    Plan, Product, Slug, Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect,
};

use crate::connection::Connection;
use crate::convert::{ROW, Table, write_block_list};
use crate::page::{page, paged};
use crate::{Result, deletion, notice, signing_key};

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "organizations")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub name: String,
        pub slug: String,
        pub status_window: i64,
        pub plan: String,
        pub plan_until: Option<i64>,
        pub most_products: Option<i64>,
        pub most_validations: Option<i64>,
        pub trial_started_at: Option<i64>,
        pub suspended_at: Option<i64>,
        pub blocked: String,
        pub generation: i64,
        /// The id of the change that made the generation.
        pub last_change: Uuid,
        /// The ids of the latest changes; see `changes`.
        pub history: Vec<u8>,
        /// The number and hash of the last event of the chain; see `audit`.
        pub audit_seq: i64,
        pub audit_hash: Vec<u8>,
        /// The number up to which it was signed, and when.
        pub audit_signed_seq: i64,
        pub audit_signed_at: i64,
        /// The number of the last event that is no longer kept.
        pub audit_cut_seq: i64,
        pub created_at: i64,
        pub updated_at: i64,
        pub version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("organizations");

/// How many places the status list of a new organization has.
pub(crate) const FIRST_WINDOW: u32 = 65_536;

/// All organizations.
pub struct Organizations<'a> {
    pub(crate) tx: &'a Connection,
}

impl Organizations<'_> {
    /// Adds one.
    pub async fn insert(&self, organization: &Organization) -> Result<()> {
        let row = row::ActiveModel {
            status_window: Set(FIRST_WINDOW.into()),
            generation: Set(0),
            last_change: Set(uuid::Uuid::nil()),
            history: Set(Vec::new()),
            audit_seq: Set(0),
            audit_hash: Set(Vec::new()),
            audit_signed_seq: Set(0),
            audit_signed_at: Set(0),
            audit_cut_seq: Set(0),
            ..write(organization)
        };
        row.insert(self.tx).await?;
        notice::insert(self.tx, organization.id).await
    }

    /// The one in scope.
    pub async fn find(&self, scope: OrganizationScope) -> Result<Option<Organization>> {
        row::Entity::find_by_id(scope.id().uuid()).one(self.tx).await?.map(read).transpose()
    }

    /// The one in scope, locked until the end of the transaction.
    pub async fn lock(&self, scope: OrganizationScope) -> Result<Option<Organization>> {
        let query = row::Entity::find_by_id(scope.id().uuid()).lock(ROW);
        query.one(self.tx).await?.map(read).transpose()
    }

    /// The one a product belongs to, which was recognised by its key.
    pub async fn of_product(&self, product: &Product) -> Result<Option<Organization>> {
        self.by_id(product.organization).await
    }

    pub(crate) async fn by_id(&self, id: OrganizationId) -> Result<Option<Organization>> {
        row::Entity::find_by_id(id.uuid()).one(self.tx).await?.map(read).transpose()
    }

    /// Those that have a signing key: this is how the issuer of a token is recognised.
    pub async fn with_signing_key(&self, kid: &Kid) -> Result<Vec<Organization>> {
        let owners = signing_key::owners(self.tx, kid).await?;
        let rows = row::Entity::find().filter(row::Column::Id.is_in(owners)).all(self.tx).await?;
        rows.into_iter().map(read).collect()
    }

    /// One of them, for the operator, locked until the end of the transaction.
    pub async fn lock_any(&self, id: OrganizationId) -> Result<Option<Organization>> {
        let query = row::Entity::find_by_id(id.uuid()).lock(ROW);
        query.one(self.tx).await?.map(read).transpose()
    }

    /// A page of all, for the operator.
    pub async fn list(&self, request: PageRequest) -> Result<Page<Organization>> {
        let rows = paged(row::Entity::find(), row::Column::Id, request).all(self.tx).await?;
        page(rows, request, |row| row.id, read)
    }

    /// The one with this slug.
    pub async fn by_slug(&self, slug: &Slug) -> Result<Option<Organization>> {
        let query = row::Entity::find().filter(row::Column::Slug.eq(slug.as_str()));
        query.one(self.tx).await?.map(read).transpose()
    }

    /// Whether a slug is in use, or was that of an organization that was deleted.
    pub async fn slug_taken(&self, slug: &Slug) -> Result<bool> {
        let found = row::Entity::find().filter(row::Column::Slug.eq(slug.as_str())).count(self.tx).await?;
        Ok(found > 0 || deletion::had_slug(self.tx, slug).await?)
    }

    /// Whether there is any.
    pub async fn any(&self) -> Result<bool> {
        Ok(row::Entity::find().limit(1).one(self.tx).await?.is_some())
    }

    /// Writes the next version of one.
    pub async fn save(&self, organization: &Organization) -> Result<()> {
        let saved = row::Entity::update_many()
            .set(write(organization))
            .filter(row::Column::Id.eq(organization.id.uuid()))
            .filter(row::Column::Version.eq(organization.version - 1))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }
}

fn write(organization: &Organization) -> row::ActiveModel {
    let until = match organization.plan {
        Plan::ProTrial { until } => Some(until),
        Plan::Free | Plan::Pro | Plan::Enterprise => None,
    };
    let suspended_at = match organization.state {
        OrganizationState::Active => None,
        OrganizationState::Suspended { since } => Some(since.unix()),
    };
    row::ActiveModel {
        id: Set(organization.id.uuid()),
        name: Set(organization.name.to_string()),
        slug: Set(organization.slug.to_string()),
        status_window: NotSet,
        plan: Set(organization.plan.as_str().to_owned()),
        plan_until: Set(until.map(Timestamp::unix)),
        most_products: Set(organization.overrides.products.map(i64::from)),
        most_validations: Set(organization.overrides.validations_per_day.map(i64::from)),
        trial_started_at: Set(organization.trial_started_at.map(Timestamp::unix)),
        suspended_at: Set(suspended_at),
        blocked: Set(write_block_list(&organization.blocked)),
        generation: NotSet,
        last_change: NotSet,
        history: NotSet,
        audit_seq: NotSet,
        audit_hash: NotSet,
        audit_signed_seq: NotSet,
        audit_signed_at: NotSet,
        audit_cut_seq: NotSet,
        created_at: Set(organization.created_at.unix()),
        updated_at: Set(organization.updated_at.unix()),
        version: Set(organization.version),
    }
}

pub(crate) fn read(row: row::Model) -> Result<Organization> {
    let until = TABLE.optional_time("plan_until", row.plan_until)?;
    let plan = match (TABLE.parse("plan", &row.plan)?, until) {
        (Plan::ProTrial { .. }, Some(until)) => Plan::ProTrial { until },
        (plan @ (Plan::Free | Plan::Pro | Plan::Enterprise), None) => plan,
        _ => return Err(TABLE.corrupt("plan_until")),
    };
    let most = |column, most: Option<i64>| TABLE.take(column, most.map(u32::try_from).transpose());
    let suspended_at = TABLE.optional_time("suspended_at", row.suspended_at)?;
    Ok(Organization {
        id: row.id.into(),
        name: Table::name(&row.name),
        slug: TABLE.parse("slug", &row.slug)?,
        plan,
        overrides: Overrides {
            products: most("most_products", row.most_products)?,
            validations_per_day: most("most_validations", row.most_validations)?,
        },
        trial_started_at: TABLE.optional_time("trial_started_at", row.trial_started_at)?,
        state: suspended_at.map_or(OrganizationState::Active, |since| OrganizationState::Suspended { since }),
        blocked: TABLE.block_list("blocked", &row.blocked)?,
        created_at: TABLE.time("created_at", row.created_at)?,
        updated_at: TABLE.time("updated_at", row.updated_at)?,
        version: row.version,
    })
}
