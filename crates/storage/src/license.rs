//! Licenses with their revisions. Deleted ones stay as tombstones, for the status list.

use keyward_domain::product::Bounds;
use keyward_domain::{
    CustomResponse, CustomerId, License, LicenseFilter, LicenseId, LicenseKey, LicenseOrder, LicenseState,
    LicenseStatus, Name, Ordered, OrderedRequest, OrganizationScope, Page, PageRequest, Pin, Place,
    ProductId, Revision, RevisionState, Timestamp,
};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait as _, Query, SelectStatement, SimpleExpr};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, QueryTrait as _,
    RelationTrait as _, Select, SelectTwo,
};

use crate::connection::Connection;
use crate::convert::{ROW, Table, write_block_list};
use crate::folding::{contains, search_text};
use crate::page::{in_order, ordered, page, paged, text_place};
use crate::product::row as product;
use crate::revision::{self, row as terms};
use crate::{Result, StorageError};

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "licenses")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub name: String,
        pub description: Option<String>,
        pub customer_id: Option<Uuid>,
        pub product_id: Option<Uuid>,
        pub license_key: Option<String>,
        pub max_ips: Option<i64>,
        pub pin: Option<String>,
        pub custom_response: Option<String>,
        pub blocked: Option<String>,
        pub search: String,
        pub state: String,
        pub state_since: Option<i64>,
        pub created_at: i64,
        pub updated_at: i64,
        pub deleted_at: Option<i64>,
        pub version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(has_many = "crate::revision::row::Entity")]
        Revisions,
    }

    impl Related<crate::revision::row::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Revisions.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("licenses");

/// As many rows as one statement may add on either database.
const ROWS: usize = 500;

/// The licenses of one organization.
pub struct Licenses<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl Licenses<'_> {
    /// Adds one, with its first revision.
    pub async fn insert(&self, license: &License) -> Result<()> {
        write(license).insert(self.tx).await?;
        revision::write(self.scope, &license.revision).insert(self.tx).await?;
        Ok(())
    }

    /// Whether any was ever created, and so a token that names its organization may be anywhere.
    pub async fn any_issued(&self) -> Result<bool> {
        let own = row::Entity::find().filter(row::Column::OrganizationId.eq(self.scope.id().uuid()));
        Ok(own.limit(1).one(self.tx).await?.is_some())
    }

    /// One of them.
    pub async fn find(&self, id: LicenseId) -> Result<Option<License>> {
        let query = with_terms(self.live().filter(row::Column::Id.eq(id.uuid())));
        query.one(self.tx).await?.map(read).transpose()
    }

    /// Whether one of them has this name.
    pub async fn name_taken(&self, name: &Name) -> Result<bool> {
        let found = self.live().filter(row::Column::Name.eq(name.as_str())).select_only();
        Ok(found.column(row::Column::Id).into_tuple::<uuid::Uuid>().one(self.tx).await?.is_some())
    }

    /// The one with this key.
    pub async fn by_key(&self, key: &LicenseKey) -> Result<Option<License>> {
        let query = with_terms(self.live().filter(row::Column::LicenseKey.eq(key.as_str())));
        query.one(self.tx).await?.map(read).transpose()
    }

    /// One of them, locked until the end of the transaction.
    pub async fn lock(&self, id: LicenseId) -> Result<Option<License>> {
        // Locked before its terms are read: they may change while the lock is waited for.
        let locked = self.live().filter(row::Column::Id.eq(id.uuid())).lock(ROW).one(self.tx).await?;
        match locked {
            Some(_) => self.find(id).await,
            None => Ok(None),
        }
    }

    /// A page of those that a filter lets through at `now`.
    pub async fn list(
        &self,
        filter: &LicenseFilter,
        now: Timestamp,
        request: PageRequest,
    ) -> Result<Page<License>> {
        let rows = matching(paged(self.found(filter), row::Column::Id, request), filter, now);
        page(rows.all(self.tx).await?, request, |(row, _)| row.id, read)
    }

    /// The same, in an order.
    pub async fn list_in_order(
        &self,
        filter: &LicenseFilter,
        now: Timestamp,
        request: &OrderedRequest<LicenseOrder>,
    ) -> Result<Ordered<License>> {
        let rows = listed(self.tx, self.scope, filter, now, request).all(self.tx).await?;
        ordered(rows, request, read, |license| {
            let end = license.revision.validity.expires_at();
            let place = match request.order.by {
                LicenseOrder::Name => Place::text(license.name.as_str()),
                LicenseOrder::Status => Place::Number(status_number(license.status(now))),
                LicenseOrder::Expires => Place::Number(end.map_or(i64::MAX, Timestamp::unix)),
                LicenseOrder::Created => Place::Number(license.created_at.unix()),
            };
            (place, license.id.uuid())
        })
    }

    /// Adds many at once.
    pub async fn insert_all(&self, licenses: &[License]) -> Result<()> {
        for some in licenses.chunks(ROWS) {
            row::Entity::insert_many(some.iter().map(write)).exec_without_returning(self.tx).await?;
            let revisions = some.iter().map(|license| revision::write(self.scope, &license.revision));
            terms::Entity::insert_many(revisions).exec_without_returning(self.tx).await?;
        }
        Ok(())
    }

    /// Those that a filter lets through whatever their terms.
    fn found(&self, filter: &LicenseFilter) -> Select<row::Entity> {
        found(self.scope, filter)
    }
    /// All of one customer, the newest first.
    pub async fn held_by(&self, customer: CustomerId) -> Result<Vec<License>> {
        let own = with_terms(self.live().filter(row::Column::CustomerId.eq(customer.uuid())));
        own.order_by_desc(row::Column::Id).all(self.tx).await?.into_iter().map(read).collect()
    }

    /// All of one customer, locked until the end of the transaction.
    pub async fn of_customer(&self, customer: CustomerId) -> Result<Vec<License>> {
        let of_customer = || self.live().filter(row::Column::CustomerId.eq(customer.uuid()));
        of_customer().order_by_asc(row::Column::Id).lock(ROW).all(self.tx).await?;
        let rows = with_terms(of_customer()).all(self.tx).await?;
        rows.into_iter().map(read).collect()
    }

    /// All that files of a customer may name: those of the customer and of the whole organization.
    pub async fn nameable(&self, customer: CustomerId) -> Result<Vec<License>> {
        let own_or_all = Condition::any()
            .add(row::Column::CustomerId.eq(customer.uuid()))
            .add(row::Column::CustomerId.is_null());
        let rows = with_terms(self.live().filter(own_or_all)).all(self.tx).await?;
        rows.into_iter().map(read).collect()
    }

    /// The names of all.
    pub async fn names(&self) -> Result<Vec<String>> {
        Ok(self.live().select_only().column(row::Column::Name).into_tuple().all(self.tx).await?)
    }

    /// Writes the next version of one; its terms are not touched.
    pub async fn save(&self, license: &License) -> Result<()> {
        let saved = row::Entity::update_many()
            .set(write(license))
            .filter(row::Column::Id.eq(license.id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(row::Column::Version.eq(license.version - 1))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }

    /// Writes the next version of one, with a new revision in force and the state that `previous` has now. If
    /// that is withdrawn, so are those before it.
    pub async fn append(&self, license: &License, previous: &Revision) -> Result<()> {
        self.save(license).await?;
        let retired = revision::write(self.scope, previous);
        let changed = terms::Entity::update_many()
            .set(terms::ActiveModel {
                state: retired.state,
                state_since: retired.state_since,
                ..Default::default()
            })
            .filter(terms::Column::Id.eq(previous.id.uuid()))
            .filter(terms::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        Table("revisions").one(changed.rows_affected)?;
        if let RevisionState::Revoked { at } = previous.state {
            // Withdrawn are the tokens of all terms before, not only the last.
            terms::Entity::update_many()
                .col_expr(terms::Column::State, Expr::value(previous.state.as_str()))
                .col_expr(terms::Column::StateSince, Expr::value(at.unix()))
                .filter(terms::Column::LicenseId.eq(license.id.uuid()))
                .filter(terms::Column::OrganizationId.eq(self.scope.id().uuid()))
                .filter(terms::Column::State.eq("superseded"))
                .exec(self.tx)
                .await?;
        }
        revision::write(self.scope, &license.revision).insert(self.tx).await?;
        Ok(())
    }

    /// All terms a license has had, newest first.
    pub async fn revisions(&self, id: LicenseId) -> Result<Vec<Revision>> {
        let rows = self.terms(id).order_by_desc(terms::Column::Number).all(self.tx).await?;
        rows.into_iter().map(revision::read).collect()
    }

    /// The terms of one number.
    pub async fn revision(&self, id: LicenseId, number: u32) -> Result<Option<Revision>> {
        let query = self.terms(id).filter(terms::Column::Number.eq(i64::from(number)));
        query.one(self.tx).await?.map(revision::read).transpose()
    }

    /// Removes one from sight; whether there was one. Its name is free again.
    pub async fn delete(&self, id: LicenseId, now: Timestamp) -> Result<bool> {
        let deleted = row::Entity::update_many()
            .col_expr(row::Column::DeletedAt, Expr::value(now.unix()))
            .filter(row::Column::Id.eq(id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(row::Column::DeletedAt.is_null())
            .exec(self.tx)
            .await?;
        Ok(deleted.rows_affected == 1)
    }

    pub(crate) fn live(&self) -> Select<row::Entity> {
        live(self.scope)
    }

    fn terms(&self, id: LicenseId) -> Select<terms::Entity> {
        terms::Entity::find()
            .filter(terms::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(terms::Column::LicenseId.eq(id.uuid()))
    }
}

pub(crate) fn live(scope: OrganizationScope) -> Select<row::Entity> {
    row::Entity::find()
        .filter(row::Column::OrganizationId.eq(scope.id().uuid()))
        .filter(row::Column::DeletedAt.is_null())
}

/// Those of an organization that a filter lets through whatever their terms.
pub(crate) fn found(scope: OrganizationScope, filter: &LicenseFilter) -> Select<row::Entity> {
    let mut query = live(scope);
    if filter.unscoped {
        query = query.filter(row::Column::CustomerId.is_null());
    }
    if let Some(customer) = filter.customer {
        query = query.filter(row::Column::CustomerId.eq(customer.uuid()));
    }
    if let Some(product) = filter.product {
        query = query.filter(row::Column::ProductId.eq(product.uuid()));
    }
    if let Some(key) = &filter.key {
        query = query.filter(row::Column::LicenseKey.eq(key.as_str()));
    }
    if let Some(text) = &filter.name_contains {
        query = query.filter(contains(row::Column::Search, text));
    }
    query
}

/// Those of an organization that a filter lets through at `now`, without their terms.
pub(crate) fn filtered(
    scope: OrganizationScope,
    filter: &LicenseFilter,
    now: Timestamp,
) -> Select<row::Entity> {
    let query = found(scope, filter)
        .join(JoinType::InnerJoin, row::Relation::Revisions.def())
        .filter(terms::Column::State.eq("current"));
    match filter.status {
        Some(status) => query.filter(has_status(status, now.unix())),
        None => query,
    }
}

/// The customers who hold an active license without a product, or of one without pull roles.
pub(crate) fn unlimited_holders(scope: OrganizationScope, now: Timestamp) -> SelectStatement {
    let active = LicenseFilter { status: Some(LicenseStatus::Active), ..LicenseFilter::default() };
    let limiting = Query::select()
        .column(product::Column::Id)
        .from(product::Entity)
        .and_where(product::Column::OrganizationId.eq(scope.id().uuid()))
        .and_where(product::Column::PullRoles.ne("[]"))
        .take();
    let limited = row::Column::ProductId.in_subquery(limiting);
    filtered(scope, &active, now)
        .select_only()
        .column(row::Column::CustomerId)
        .filter(row::Column::CustomerId.is_not_null())
        .filter(row::Column::ProductId.is_null().or(limited.not()))
        .into_query()
}

/// Each license with the one revision that is in force.
pub(crate) fn with_terms(query: Select<row::Entity>) -> SelectTwo<row::Entity, terms::Entity> {
    query.find_also_related(terms::Entity).filter(terms::Column::State.eq("current"))
}

/// Licenses with their terms, of which the filter lets the status through.
pub(crate) fn matching(
    query: Select<row::Entity>,
    filter: &LicenseFilter,
    now: Timestamp,
) -> SelectTwo<row::Entity, terms::Entity> {
    let query = with_terms(query);
    match filter.status {
        Some(status) => query.filter(has_status(status, now.unix())),
        None => query,
    }
}

/// The place of a status among all.
fn status_number(status: LicenseStatus) -> i64 {
    LicenseStatus::ALL.into_iter().zip(0..).find(|(one, _)| *one == status).map_or(0, |(_, number)| number)
}

/// [`status_number`] of [`License::status`], as an expression.
fn status_place(now: i64) -> SimpleExpr {
    let case = LicenseStatus::ALL.into_iter().fold(CaseStatement::new(), |case, status| {
        case.case(has_status(status, now), Expr::value(status_number(status)))
    });
    case.finally(Expr::value(i64::MAX)).into()
}

/// A page of the licenses that a filter lets through, in an order.
pub(crate) fn listed(
    tx: &Connection,
    scope: OrganizationScope,
    filter: &LicenseFilter,
    now: Timestamp,
    request: &OrderedRequest<LicenseOrder>,
) -> SelectTwo<row::Entity, terms::Entity> {
    let query = matching(found(scope, filter), filter, now);
    let id = row::Column::Id.into_expr();
    match request.order.by {
        LicenseOrder::Name => in_order(query, text_place(tx, row::Column::Name), id, request),
        LicenseOrder::Status => in_order(query, status_place(now.unix()), id, request),
        LicenseOrder::Created => in_order(query, row::Column::CreatedAt.into_expr(), id, request),
        // Of the terms alone, as the index `revisions_order` has them.
        LicenseOrder::Expires => {
            let query = query
                .filter(terms::Column::OrganizationId.eq(scope.id().uuid()))
                .filter(Expr::cust("\"revisions\".\"state\" = 'current'"));
            let place = Expr::cust("COALESCE(\"revisions\".\"expires_at\", 9223372036854775807)");
            // True of all; but only what it enters somewhere, SQLite reads along an index.
            let query = query.filter(place.clone().gte(0));
            in_order(query, place, terms::Column::LicenseId.into_expr(), request)
        }
    }
}

/// [`License::status`] as a condition.
fn has_status(status: LicenseStatus, now: i64) -> Condition {
    let all = Condition::all();
    let expired = || {
        Condition::all().add(terms::Column::ExpiresAt.is_not_null()).add(terms::Column::ExpiresAt.lte(now))
    };
    let unexpired =
        || Condition::any().add(terms::Column::ExpiresAt.is_null()).add(terms::Column::ExpiresAt.gt(now));
    let active = || row::Column::State.eq("active");
    match status {
        LicenseStatus::Revoked => all.add(row::Column::State.eq("revoked")),
        LicenseStatus::Suspended => all.add(row::Column::State.eq("suspended")),
        LicenseStatus::Expired => all.add(active()).add(expired()),
        LicenseStatus::NotYetValid => all.add(active()).add(unexpired()).add(has_begun(now).not()),
        LicenseStatus::Active => all.add(active()).add(unexpired()).add(has_begun(now)),
    }
}

/// As `Validity::has_begun` says.
pub(crate) fn has_begun(now: i64) -> SimpleExpr {
    terms::Column::NotBefore.lte(now + Timestamp::SKEW_SECONDS)
}

/// The ids of a customer's, for queries over what belongs to them.
pub(crate) fn ids_of_customer(customer: CustomerId) -> SelectStatement {
    let theirs = row::Entity::find().filter(row::Column::CustomerId.eq(customer.uuid()));
    theirs.select_only().column(row::Column::Id).into_query()
}

fn write(license: &License) -> row::ActiveModel {
    let since = match license.state {
        LicenseState::Active => None,
        LicenseState::Suspended { since } => Some(since.unix()),
        LicenseState::Revoked { at } => Some(at.unix()),
    };
    let bounds = &license.bounds;
    row::ActiveModel {
        id: Set(license.id.uuid()),
        organization_id: Set(license.organization.uuid()),
        name: Set(license.name.to_string()),
        description: Set(license.description.as_ref().map(ToString::to_string)),
        customer_id: Set(license.customer.map(CustomerId::uuid)),
        product_id: Set(license.product.map(ProductId::uuid)),
        license_key: Set(license.key.as_ref().map(|key| key.as_str().to_owned())),
        max_ips: Set(bounds.max_ips.map(i64::from)),
        pin: Set((bounds.pin != Pin::None).then(|| bounds.pin.to_string())),
        custom_response: Set(bounds.custom_response.as_ref().map(|custom| custom.as_str().to_owned())),
        blocked: Set((!bounds.blocked.ranges().is_empty()).then(|| write_block_list(&bounds.blocked))),
        search: Set(search_text(&[license.name.as_str()], None)),
        state: Set(license.state.as_str().to_owned()),
        state_since: Set(since),
        created_at: Set(license.created_at.unix()),
        updated_at: Set(license.updated_at.unix()),
        deleted_at: NotSet,
        version: Set(license.version),
    }
}

pub(crate) fn read((row, terms): (row::Model, Option<terms::Model>)) -> Result<License> {
    let terms = terms.ok_or(StorageError::Corrupt { table: "revisions", column: "license_id" })?;
    let since = TABLE.optional_time("state_since", row.state_since)?;
    let state = match (row.state.as_str(), since) {
        ("active", None) => LicenseState::Active,
        ("suspended", Some(since)) => LicenseState::Suspended { since },
        ("revoked", Some(at)) => LicenseState::Revoked { at },
        _ => return Err(TABLE.corrupt("state")),
    };
    let custom = row.custom_response.as_deref().map(CustomResponse::parse);
    let blocked = row.blocked.as_deref().map(|text| TABLE.block_list("blocked", text));
    Ok(License {
        id: row.id.into(),
        organization: row.organization_id.into(),
        name: Table::name(&row.name),
        description: Table::notes(row.description.as_deref()),
        customer: row.customer_id.map(CustomerId::from),
        product: row.product_id.map(ProductId::from),
        key: TABLE.optional("license_key", row.license_key.as_deref())?,
        bounds: Bounds {
            max_ips: TABLE.take("max_ips", row.max_ips.map(u32::try_from).transpose())?,
            pin: TABLE.optional("pin", row.pin.as_deref())?.unwrap_or_default(),
            custom_response: TABLE.take("custom_response", custom.transpose())?,
            blocked: blocked.transpose()?.unwrap_or_default(),
        },
        state,
        revision: revision::read(terms)?,
        created_at: TABLE.time("created_at", row.created_at)?,
        updated_at: TABLE.time("updated_at", row.updated_at)?,
        version: row.version,
    })
}
