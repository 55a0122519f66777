//! Registries.

use keyward_domain::registry::{Credential, Host, Registry, RepositoryName, Upstream};
use keyward_domain::{
    Organization, OrganizationId, OrganizationScope, Page, PageRequest, RegistryId, Timestamp,
};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait as _, SelectStatement, SimpleExpr};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};

use crate::connection::Connection;
use crate::convert::{ROW, Table};
use crate::page::{page, paged};
use crate::{Result, StorageError, due, organization};

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "registries")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub name: String,
        pub host: String,
        pub upstream: String,
        pub prefix: Option<String>,
        pub credential: String,
        pub upstream_user: Option<String>,
        pub sealed_password: Option<Vec<u8>>,
        pub service: String,
        pub pass_redirects: bool,
        pub direct: bool,
        pub certificate: Vec<u8>,
        pub sealed_key: Vec<u8>,
        pub swept_at: Option<i64>,
        pub wanted_at: Option<i64>,
        pub sweep_fault: Option<String>,
        pub sweep_claimed_until: Option<i64>,
        pub deleted_at: Option<i64>,
        pub created_at: i64,
        pub updated_at: i64,
        pub version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "crate::organization::row::Entity",
            from = "Column::OrganizationId",
            to = "crate::organization::row::Column::Id"
        )]
        Organization,
    }

    impl Related<crate::organization::row::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Organization.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("registries");

/// The registries of one organization.
pub struct Registries<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl Registries<'_> {
    /// Adds one.
    pub async fn insert(&self, registry: &Registry) -> Result<()> {
        write(registry).insert(self.tx).await?;
        Ok(())
    }

    /// One of them.
    pub async fn find(&self, id: RegistryId) -> Result<Option<Registry>> {
        self.one(id).one(self.tx).await?.map(read).transpose()
    }

    /// One of them, locked until the end of the transaction.
    pub async fn lock(&self, id: RegistryId) -> Result<Option<Registry>> {
        self.one(id).lock(ROW).one(self.tx).await?.map(read).transpose()
    }

    /// A page of them.
    pub async fn list(&self, request: PageRequest) -> Result<Page<Registry>> {
        let rows = paged(self.all(), row::Column::Id, request).all(self.tx).await?;
        page(rows, request, |row| row.id, read)
    }

    /// All of them, the newest first.
    pub async fn all_of_them(&self) -> Result<Vec<Registry>> {
        let rows = self.all().order_by_desc(row::Column::Id).all(self.tx).await?;
        rows.into_iter().map(read).collect()
    }

    /// Writes the next version of one.
    pub async fn save(&self, registry: &Registry) -> Result<()> {
        let saved = row::Entity::update_many()
            .set(write(registry))
            .filter(row::Column::Id.eq(registry.id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(row::Column::Version.eq(registry.version - 1))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }

    /// Notes that someone wants all repositories of one looked at. A look that began before does not do.
    pub async fn want_sweep(&self, id: RegistryId, now: Timestamp) -> Result<()> {
        let wanted = row::ActiveModel { wanted_at: Set(Some(now.unix())), ..Default::default() };
        self.note(id, wanted).await
    }

    /// Gives a server the right to look at all repositories of one for `lease` seconds, if it is still `unswept` and no other
    /// server has that right; whether it did.
    pub async fn claim_sweep(
        &self,
        id: RegistryId,
        now: Timestamp,
        (period, lease): (i64, i64),
    ) -> Result<bool> {
        let claimed = row::Entity::update_many()
            .col_expr(row::Column::SweepClaimedUntil, Expr::value(now.plus_seconds(lease).unix()))
            .filter(row::Column::Id.eq(id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            // Another server may have looked since this one found it due.
            .filter(is_unswept(now, (period, lease)))
            .exec(self.tx)
            .await?;
        Ok(claimed.rows_affected == 1)
    }

    /// Gives it that right for longer.
    pub async fn keep_sweep(&self, id: RegistryId, until: Timestamp) -> Result<()> {
        let claimed = row::ActiveModel { sweep_claimed_until: Set(Some(until.unix())), ..Default::default() };
        self.note(id, claimed).await
    }

    /// Notes when it was begun to look at all repositories of one, and why that came to nothing, if it did.
    pub async fn swept(&self, id: RegistryId, began: Timestamp, fault: Option<&str>) -> Result<()> {
        let swept = row::ActiveModel {
            swept_at: Set(Some(began.unix())),
            sweep_fault: Set(fault.map(str::to_owned)),
            sweep_claimed_until: Set(None),
            ..Default::default()
        };
        self.note(id, swept).await?;
        row::Entity::update_many()
            .col_expr(row::Column::WantedAt, Expr::value(None::<i64>))
            .filter(row::Column::Id.eq(id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(row::Column::WantedAt.gt(began.plus_seconds(Timestamp::SKEW_SECONDS).unix()))
            .exec(self.tx)
            .await?;
        Ok(())
    }

    async fn note(&self, id: RegistryId, what: row::ActiveModel) -> Result<()> {
        let saved = row::Entity::update_many()
            .set(what)
            .filter(row::Column::Id.eq(id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }

    fn all(&self) -> Select<row::Entity> {
        live().filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
    }

    fn one(&self, id: RegistryId) -> Select<row::Entity> {
        self.all().filter(row::Column::Id.eq(id.uuid()))
    }
}

/// The registry that clients reach under this host, of whatever organization.
pub(crate) async fn by_host(tx: &Connection, host: &Host) -> Result<Option<Registry>> {
    live().filter(row::Column::Host.eq(host.as_str())).one(tx).await?.map(read).transpose()
}

/// The same with its organization.
pub(crate) async fn by_host_with_organization(
    tx: &Connection,
    host: &Host,
) -> Result<Option<(Registry, Organization)>> {
    let found =
        live().filter(row::Column::Host.eq(host.as_str())).find_also_related(organization::row::Entity);
    let Some((row, owner)) = found.one(tx).await? else { return Ok(None) };
    let owner = owner.ok_or(StorageError::Corrupt { table: "registries", column: "organization_id" })?;
    Ok(Some((read(row)?, organization::read(owner)?)))
}

/// Those of whatever organization whose clients may go to the upstream itself and know it by this name: the one at that
/// host first, and then the oldest, at most `most`.
pub(crate) async fn direct(tx: &Connection, service: &Host, most: u64) -> Result<Vec<Registry>> {
    let here = row::Column::Host.eq(service.as_str());
    let named = Condition::any().add(here.clone()).add(row::Column::Service.eq(service.as_str()));
    let first: SimpleExpr =
        CaseStatement::new().case(here, Expr::value(0_i64)).finally(Expr::value(1_i64)).into();
    let found = live().filter(row::Column::Direct.eq(true)).filter(named);
    let found = found.order_by_asc(first).order_by_asc(row::Column::Id).limit(most);
    found.all(tx).await?.into_iter().map(read).collect()
}

/// One that was found before, of whatever organization.
pub(crate) async fn by_id(tx: &Connection, id: RegistryId) -> Result<Option<Registry>> {
    live().filter(row::Column::Id.eq(id.uuid())).one(tx).await?.map(read).transpose()
}

/// The upstreams of other organizations' registries, with the prefix that each has there: of those whose ids `ids` gives,
/// or of all others.
pub(crate) async fn elsewhere<E: EntityTrait>(
    tx: &Connection,
    organization: OrganizationId,
    ids: Select<E>,
    among: bool,
) -> Result<Vec<(Upstream, Option<RepositoryName>)>> {
    let (id, ids) = (row::Column::Id, ids.into_query());
    let ids = if among { id.in_subquery(ids) } else { id.not_in_subquery(ids) };
    let others = live().filter(row::Column::OrganizationId.ne(organization.uuid())).filter(ids);
    let columns = others.select_only().columns([row::Column::Upstream, row::Column::Prefix]).distinct();
    let found: Vec<(String, Option<String>)> = columns.into_tuple().all(tx).await?;
    let read = |(upstream, prefix): (String, Option<String>)| {
        Ok((TABLE.parse("upstream", &upstream)?, TABLE.optional("prefix", prefix.as_deref())?))
    };
    found.into_iter().map(read).collect()
}

/// Those of all organizations that were last looked at `period` seconds ago or longer, or never, and at which no server is
/// looking, as it would have said within `lease` seconds.
pub(crate) async fn unswept(
    tx: &Connection,
    now: Timestamp,
    (period, lease): (i64, i64),
) -> Result<Vec<Registry>> {
    live().filter(is_unswept(now, (period, lease))).all(tx).await?.into_iter().map(read).collect()
}

fn is_unswept(now: Timestamp, (period, lease): (i64, i64)) -> Condition {
    let due = due::since(row::Column::SweptAt, period, now).add(row::Column::SweptAt.is_null());
    let ahead = now.plus_seconds(Timestamp::SKEW_SECONDS).unix();
    // What a wrong clock wanted is not wanted again and again until then.
    let wanted = Expr::col(row::Column::WantedAt).gte(Expr::col(row::Column::SweptAt));
    let wanted = wanted.and(row::Column::WantedAt.lte(ahead));
    Condition::all().add(due.add(wanted)).add(due::unclaimed(row::Column::SweepClaimedUntil, lease, now))
}

/// The ids of those that are not removed, for queries over what is in them.
pub(crate) fn live_ids() -> SelectStatement {
    live().select_only().column(row::Column::Id).into_query()
}

fn live() -> Select<row::Entity> {
    row::Entity::find().filter(row::Column::DeletedAt.is_null())
}

fn write(registry: &Registry) -> row::ActiveModel {
    let (user, password) = match &registry.credential {
        Credential::Token | Credential::None => (None, None),
        Credential::Basic { user, sealed_password } => {
            (Some(user.to_string()), Some(sealed_password.clone()))
        }
    };
    row::ActiveModel {
        id: Set(registry.id.uuid()),
        organization_id: Set(registry.organization.uuid()),
        name: Set(registry.name.to_string()),
        host: Set(registry.host.to_string()),
        upstream: Set(registry.upstream.to_string()),
        prefix: Set(registry.prefix.as_ref().map(ToString::to_string)),
        credential: Set(registry.credential.as_str().to_owned()),
        upstream_user: Set(user),
        sealed_password: Set(password),
        service: Set(registry.service.to_string()),
        pass_redirects: Set(registry.pass_redirects),
        direct: Set(registry.direct),
        certificate: Set(registry.certificate.clone()),
        sealed_key: Set(registry.sealed_key.clone()),
        swept_at: Set(registry.swept_at.map(Timestamp::unix)),
        wanted_at: NotSet,
        sweep_fault: NotSet,
        sweep_claimed_until: NotSet,
        deleted_at: Set(registry.deleted_at.map(Timestamp::unix)),
        created_at: Set(registry.created_at.unix()),
        updated_at: Set(registry.updated_at.unix()),
        version: Set(registry.version),
    }
}

fn read(row: row::Model) -> Result<Registry> {
    let credential = match (row.credential.as_str(), row.upstream_user, row.sealed_password) {
        ("token", None, None) => Credential::Token,
        ("none", None, None) => Credential::None,
        ("basic", Some(user), Some(sealed_password)) => {
            Credential::Basic { user: Table::name(&user), sealed_password }
        }
        _ => return Err(TABLE.corrupt("credential")),
    };
    // What was wanted since is still to come.
    let swept_at = row.swept_at.filter(|swept| row.wanted_at.is_none_or(|wanted| wanted < *swept));
    Ok(Registry {
        id: row.id.into(),
        organization: row.organization_id.into(),
        name: Table::name(&row.name),
        host: TABLE.parse("host", &row.host)?,
        upstream: TABLE.parse("upstream", &row.upstream)?,
        prefix: TABLE.optional("prefix", row.prefix.as_deref())?,
        credential,
        service: TABLE.parse("service", &row.service)?,
        pass_redirects: row.pass_redirects,
        direct: row.direct,
        certificate: row.certificate,
        sealed_key: row.sealed_key,
        swept_at: TABLE.optional_time("swept_at", swept_at)?,
        sweep_fault: row.sweep_fault,
        deleted_at: TABLE.optional_time("deleted_at", row.deleted_at)?,
        created_at: TABLE.time("created_at", row.created_at)?,
        updated_at: TABLE.time("updated_at", row.updated_at)?,
        version: row.version,
    })
}
