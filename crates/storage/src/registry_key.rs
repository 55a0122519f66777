//! Registry keys.

use std::collections::BTreeMap;

use keyward_domain::notice::{EndingKey, Window};
use keyward_domain::registry::{Handover, LastUse, Progress, RegistryKey, Rotation};
use keyward_domain::{
    Ordered, OrderedRequest, OrganizationScope, Page, PageRequest, Place, RegistryId, RegistryKeyId,
    RegistryKeyOrder, SecretHash, Timestamp,
};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait as _};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use uuid::Uuid;

use crate::connection::Connection;
use crate::convert::{KeptKey, ROW, Table};
use crate::page::{in_order, ordered, page, paged};
use crate::{Result, StorageError, Unique, due, registry};

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "registry_keys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub registry_id: Uuid,
        pub name: String,
        pub owner: String,
        pub access: String,
        pub hash: Vec<u8>,
        pub hint: String,
        pub secret_created_at: i64,
        pub previous_hash: Option<Vec<u8>>,
        pub previous_until: Option<i64>,
        pub expires_at: Option<i64>,
        pub revoked_at: Option<i64>,
        pub last_used_at: Option<i64>,
        pub last_address: Option<String>,
        pub last_client: Option<String>,
        pub created_at: i64,
        pub every_days: Option<i64>,
        pub overlap_days: Option<i64>,
        pub sealed_secret: Option<Vec<u8>>,
        pub handover: Option<String>,
        pub collected_at: Option<i64>,
        pub next_step_at: Option<i64>,
        pub living_name: Option<String>,
        pub lives_since: Option<i64>,
        pub notified_end: Option<i64>,
        pub notified_days: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("registry_keys");

/// The registry keys of one organization.
pub struct RegistryKeys<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl RegistryKeys<'_> {
    /// Adds one, whose name no other that is alive has.
    pub async fn insert(&self, key: &RegistryKey) -> Result<()> {
        let now = key.created_at;
        let same = || {
            let registry = row::Column::RegistryId.eq(key.registry.uuid());
            registry.and(row::Column::Name.eq(key.name.as_str()))
        };
        if self.all().filter(same()).filter(alive(now)).count(self.tx).await? > 0 {
            return Err(StorageError::Unique(Unique::RegistryKeyName));
        }
        // The dead have it no longer.
        row::Entity::update_many()
            .col_expr(row::Column::LivingName, Expr::value(None::<String>))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(same())
            .filter(alive(now).not())
            .exec(self.tx)
            .await?;
        let row = row::ActiveModel { living_name: Set(Some(key.name.to_string())), ..write(key, now) };
        row.insert(self.tx).await?;
        Ok(())
    }

    /// One of them.
    pub async fn find(&self, id: RegistryKeyId) -> Result<Option<RegistryKey>> {
        self.one(id).one(self.tx).await?.map(read).transpose()
    }

    /// One of them, locked until the end of the transaction.
    pub async fn lock(&self, id: RegistryKeyId) -> Result<Option<RegistryKey>> {
        self.one(id).lock(ROW).one(self.tx).await?.map(read).transpose()
    }

    /// The one of this registry that has this secret, or had it before. It may be dead.
    pub async fn by_hash(&self, registry: RegistryId, hash: &SecretHash) -> Result<Option<RegistryKey>> {
        let found = self.all().filter(row::Column::RegistryId.eq(registry.uuid())).filter(bears(hash));
        found.one(self.tx).await?.map(read).transpose()
    }

    /// A page of those of one registry or of all, the revoked ones too.
    pub async fn list(
        &self,
        registry: Option<RegistryId>,
        request: PageRequest,
    ) -> Result<Page<RegistryKey>> {
        let found = match registry {
            Some(registry) => self.all().filter(row::Column::RegistryId.eq(registry.uuid())),
            None => self.all(),
        };
        let rows = paged(found, row::Column::Id, request).all(self.tx).await?;
        page(rows, request, |row| row.id, read)
    }

    /// A page of those of one registry in an order.
    pub async fn list_in_order(
        &self,
        registry: RegistryId,
        now: Timestamp,
        request: &OrderedRequest<RegistryKeyOrder>,
    ) -> Result<Ordered<RegistryKey>> {
        let place = match request.order.by {
            RegistryKeyOrder::Alive => {
                CaseStatement::new().case(alive(now), Expr::value(1_i64)).finally(Expr::value(0_i64)).into()
            }
            RegistryKeyOrder::Created => row::Column::CreatedAt.into_expr(),
        };
        let found = self.all().filter(row::Column::RegistryId.eq(registry.uuid()));
        let rows = in_order(found, place, row::Column::Id.into_expr(), request).all(self.tx).await?;
        ordered(rows, request, read, |key| {
            let place = match request.order.by {
                RegistryKeyOrder::Alive => i64::from(key.is_alive(now)),
                RegistryKeyOrder::Created => key.created_at.unix(),
            };
            (Place::Number(place), key.id.uuid())
        })
    }

    /// How many keys of each of these registries are alive at `now`, where there are any.
    pub async fn alive(
        &self,
        registries: &[RegistryId],
        now: Timestamp,
    ) -> Result<BTreeMap<RegistryId, u64>> {
        let counted: Vec<(Uuid, i64)> = self
            .all()
            .select_only()
            .column(row::Column::RegistryId)
            .column_as(row::Column::Id.count(), "rows")
            .filter(row::Column::RegistryId.is_in(registries.iter().map(|id| id.uuid())))
            .filter(alive(now))
            .group_by(row::Column::RegistryId)
            .into_tuple()
            .all(self.tx)
            .await?;
        Ok(counted.into_iter().map(|(id, count)| (id.into(), u64::try_from(count).unwrap_or(0))).collect())
    }

    /// How many keys of a registry somebody should replace at `now`, as [`RegistryKey::is_due`] says. Without
    /// `rotates`, those that are to rotate by themselves are somebody's work too.
    pub async fn due(&self, registry: RegistryId, now: Timestamp, rotates: bool) -> Result<u64> {
        let old = now.plus_days(-RegistryKey::ROTATION_DAYS).unix();
        let mut due = self
            .all()
            .filter(row::Column::RegistryId.eq(registry.uuid()))
            .filter(alive(now))
            .filter(row::Column::SecretCreatedAt.lte(old));
        if rotates {
            // One that ends before it would be rotated is not, as `RegistryKey::rotates_at` says.
            let next = Expr::col(row::Column::SecretCreatedAt)
                .add(Expr::col(row::Column::EveryDays).mul(24 * 60 * 60));
            let unrotated = Condition::any()
                .add(row::Column::EveryDays.is_null())
                .add(Expr::col(row::Column::ExpiresAt).lte(next))
                .add(Expr::col(row::Column::ExpiresAt).lte(Expr::col(row::Column::PreviousUntil)));
            due = due.filter(unrotated);
        }
        Ok(due.count(self.tx).await?)
    }

    /// Writes one as it is at `now`.
    pub async fn save(&self, key: &RegistryKey, now: Timestamp) -> Result<()> {
        let saved = row::Entity::update_many()
            .set(write(key, now))
            .filter(row::Column::Id.eq(key.id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }

    /// Those that are alive and end in a window, of which it was not notified for it, up to `most`. One whose whole lifetime
    /// is no longer than the window's days is no news in it.
    pub async fn ending(&self, window: Window, most: u64) -> Result<Vec<EndingKey>> {
        let days = i64::from(window.days);
        let since = Expr::col(row::Column::LivesSince).if_null(Expr::col(row::Column::CreatedAt));
        let lifetime = Expr::col(row::Column::ExpiresAt).sub(since);
        let unnotified = Condition::any()
            .add(row::Column::NotifiedEnd.is_null())
            .add(Expr::col(row::Column::NotifiedEnd).ne(Expr::col(row::Column::ExpiresAt)))
            .add(row::Column::NotifiedDays.gt(days));
        let found = self
            .all()
            .filter(row::Column::RevokedAt.is_null())
            .filter(row::Column::ExpiresAt.gt(window.after.unix()))
            .filter(row::Column::ExpiresAt.lte(window.until.unix()))
            .filter(lifetime.gt(days * 24 * 60 * 60))
            .filter(row::Column::RegistryId.in_subquery(registry::live_ids()))
            .filter(unnotified)
            .order_by_asc(row::Column::Id)
            .limit(most);
        let read = |row: row::Model| {
            let end = TABLE.optional_time("expires_at", row.expires_at)?;
            Ok(EndingKey {
                key: row.id.into(),
                registry: row.registry_id.into(),
                name: Table::name(&row.name),
                expires_at: end.ok_or_else(|| TABLE.corrupt("expires_at"))?,
            })
        };
        found.all(self.tx).await?.into_iter().map(read).collect()
    }

    /// Notes that notices of these ends were written, for a window.
    pub async fn notified(&self, endings: &[EndingKey], window: Window) -> Result<()> {
        for ending in endings {
            let notified = row::ActiveModel {
                notified_end: Set(Some(ending.expires_at.unix())),
                notified_days: Set(Some(i64::from(window.days))),
                ..Default::default()
            };
            row::Entity::update_many()
                .set(notified)
                .filter(row::Column::Id.eq(ending.key.uuid()))
                .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
                .exec(self.tx)
                .await?;
        }
        Ok(())
    }

    /// Notes where one was used.
    pub async fn touch(&self, id: RegistryKeyId, used: &LastUse) -> Result<()> {
        let touched = row::ActiveModel {
            last_used_at: Set(Some(used.at.unix())),
            last_address: Set(Some(used.address.ip().to_string())),
            last_client: Set(Some(used.client.clone())),
            ..Default::default()
        };
        row::Entity::update_many()
            .set(touched)
            .filter(row::Column::Id.eq(id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        Ok(())
    }

    fn all(&self) -> Select<row::Entity> {
        row::Entity::find().filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
    }

    fn one(&self, id: RegistryKeyId) -> Select<row::Entity> {
        self.all().filter(row::Column::Id.eq(id.uuid()))
    }
}

/// The key of whatever registry that has this secret, or had it before. It may be dead.
pub(crate) async fn by_hash(tx: &Connection, hash: &SecretHash) -> Result<Option<RegistryKey>> {
    row::Entity::find().filter(bears(hash)).one(tx).await?.map(read).transpose()
}

/// The key that has needed something for longest, locked until the end of the transaction; of several who ask at once,
/// each gets another. It is named, not read, so that one that can't be read can be passed over.
pub(crate) async fn in_need(tx: &Connection, now: Timestamp) -> Result<Option<RegistryKeyId>> {
    let ids = row::Entity::find().select_only().column(row::Column::Id);
    let next = due::next(ids, row::Column::NextStepAt.lte(now.unix()), row::Column::NextStepAt);
    let found: Option<Uuid> = next.into_tuple().one(tx).await?;
    Ok(found.map(RegistryKeyId::from))
}

/// A key of whatever registry, locked until the end of the transaction.
pub(crate) async fn lock_any(tx: &Connection, id: RegistryKeyId) -> Result<Option<RegistryKey>> {
    row::Entity::find_by_id(id.uuid()).lock(ROW).one(tx).await?.map(read).transpose()
}

/// Says when to look at a key again that needs something.
pub(crate) async fn postpone(tx: &Connection, id: RegistryKeyId, until: Timestamp) -> Result<()> {
    row::Entity::update_many()
        .col_expr(row::Column::NextStepAt, Expr::value(until.unix()))
        .filter(row::Column::Id.eq(id.uuid()))
        .exec(tx)
        .await?;
    Ok(())
}

/// [`RegistryKey::is_alive`] as a condition.
fn alive(now: Timestamp) -> Condition {
    let endless = row::Column::ExpiresAt.is_null().or(row::Column::ExpiresAt.gt(now.unix()));
    Condition::all().add(row::Column::RevokedAt.is_null()).add(endless)
}

fn bears(hash: &SecretHash) -> Condition {
    let bytes = hash.as_bytes().to_vec();
    Condition::any().add(row::Column::Hash.eq(bytes.clone())).add(row::Column::PreviousHash.eq(bytes))
}

fn write(key: &RegistryKey, now: Timestamp) -> row::ActiveModel {
    let (previous, used) = (key.secret.previous, key.last_use.as_ref());
    let handover = key.handover.as_ref();
    row::ActiveModel {
        // Whoever has it keeps it while alive; of those that shared a name once, not each does.
        lives_since: Set(Some(key.lives_since.unix())),
        // Only by `notified`.
        notified_end: NotSet,
        notified_days: NotSet,
        living_name: if key.revoked_at.is_some() { Set(None) } else { NotSet },
        id: Set(key.id.uuid()),
        organization_id: Set(key.organization.uuid()),
        registry_id: Set(key.registry.uuid()),
        name: Set(key.name.to_string()),
        owner: Set(key.owner.to_string()),
        access: Set(key.access.as_str().to_owned()),
        hash: Set(key.secret.hash.as_bytes().to_vec()),
        hint: Set(key.secret.hint.clone()),
        secret_created_at: Set(key.secret.created_at.unix()),
        previous_hash: Set(previous.map(|previous| previous.hash.as_bytes().to_vec())),
        previous_until: Set(previous.map(|previous| previous.until.unix())),
        expires_at: Set(key.expires_at.map(Timestamp::unix)),
        revoked_at: Set(key.revoked_at.map(Timestamp::unix)),
        last_used_at: Set(used.map(|used| used.at.unix())),
        last_address: Set(used.map(|used| used.address.ip().to_string())),
        last_client: Set(used.map(|used| used.client.clone())),
        created_at: Set(key.created_at.unix()),
        every_days: Set(key.rotation.map(|rotation| rotation.every_days().into())),
        overlap_days: Set(key.rotation.map(|rotation| rotation.overlap_days().into())),
        sealed_secret: Set(handover.map(|handover| handover.sealed.clone())),
        handover: Set(handover.map(|handover| handover.progress.as_str().to_owned())),
        collected_at: Set(handover
            .and_then(|handover| handover.progress.collected_at())
            .map(Timestamp::unix)),
        next_step_at: Set(key.next_step_at(now).map(Timestamp::unix)),
    }
}

pub(crate) fn read(row: row::Model) -> Result<RegistryKey> {
    let secret = TABLE.api_key(KeptKey {
        columns: ("hash", "secret_created_at"),
        hash: row.hash,
        hint: row.hint,
        created_at: row.secret_created_at,
        previous_hash: row.previous_hash,
        previous_until: row.previous_until,
    })?;
    let last_use = match (row.last_used_at, row.last_address, row.last_client) {
        (Some(at), Some(address), Some(client)) => Some(LastUse {
            at: TABLE.time("last_used_at", at)?,
            address: TABLE.address("last_address", &address)?,
            client,
        }),
        (None, None, None) => None,
        _ => return Err(TABLE.corrupt("last_used_at")),
    };
    let rotation = match (row.every_days, row.overlap_days) {
        (Some(every), Some(overlap)) => {
            let days = |column, days: i64| TABLE.take(column, u32::try_from(days));
            let (every, overlap) = (days("every_days", every)?, days("overlap_days", overlap)?);
            Some(TABLE.take("overlap_days", Rotation::new(every, overlap))?)
        }
        (None, None) => None,
        _ => return Err(TABLE.corrupt("overlap_days")),
    };
    let handover = match (row.sealed_secret, row.handover.as_deref(), row.collected_at) {
        (Some(sealed), Some("waiting"), None) => Some(Handover { sealed, progress: Progress::Waiting }),
        (Some(sealed), Some("warned"), None) => Some(Handover { sealed, progress: Progress::Warned }),
        (Some(sealed), Some("collected"), Some(at)) => {
            let at = TABLE.time("collected_at", at)?;
            Some(Handover { sealed, progress: Progress::Collected { at } })
        }
        (None, None, None) => None,
        _ => return Err(TABLE.corrupt("handover")),
    };
    let created_at = TABLE.time("created_at", row.created_at)?;
    Ok(RegistryKey {
        id: row.id.into(),
        organization: row.organization_id.into(),
        registry: row.registry_id.into(),
        name: Table::name(&row.name),
        owner: Table::name(&row.owner),
        access: TABLE.parse("access", &row.access)?,
        secret,
        rotation,
        handover,
        expires_at: TABLE.optional_time("expires_at", row.expires_at)?,
        revoked_at: TABLE.optional_time("revoked_at", row.revoked_at)?,
        last_use,
        // Keys of earlier versions have the end that they were made with.
        lives_since: TABLE.optional_time("lives_since", row.lives_since)?.unwrap_or(created_at),
        created_at,
    })
}
