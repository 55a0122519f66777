//! Management tokens.

use keyward_domain::{
    Maker, ManagementToken, Member, OrganizationScope, Page, PageRequest, Permission, Scopes, SecretHash,
    Timestamp, TokenId,
};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect, Select, SelectTwo,
};

use crate::Result;
use crate::connection::Connection;
use crate::convert::{ROW, Table};
use crate::member::row as member;
use crate::page::{page, paged};

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "management_tokens")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub maker: String,
        pub maker_id: Option<Uuid>,
        /// As it was when the member was last seen to.
        pub maker_name: Option<String>,
        pub name: String,
        pub hint: String,
        pub hash: Vec<u8>,
        /// The names of the scopes, with a space between.
        pub scopes: String,
        pub expires_at: Option<i64>,
        pub last_used_at: Option<i64>,
        pub revoked_at: Option<i64>,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "crate::member::row::Entity",
            from = "Column::MakerId",
            to = "crate::member::row::Column::Id"
        )]
        Maker,
    }

    impl Related<crate::member::row::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Maker.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("management_tokens");

/// The management tokens of one organization.
pub struct Tokens<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl Tokens<'_> {
    /// Adds one.
    pub async fn insert(&self, token: &ManagementToken) -> Result<()> {
        write(token).insert(self.tx).await?;
        Ok(())
    }

    /// One of them.
    pub async fn find(&self, id: TokenId) -> Result<Option<ManagementToken>> {
        with_maker(self.one(id)).one(self.tx).await?.map(read).transpose()
    }

    /// One of them, locked until the end of the transaction.
    pub async fn lock(&self, id: TokenId) -> Result<Option<ManagementToken>> {
        // PostgreSQL locks nothing through an outer join.
        self.one(id).lock(ROW).one(self.tx).await?;
        self.find(id).await
    }

    /// A page of them, the revoked ones too.
    pub async fn list(&self, request: PageRequest) -> Result<Page<ManagementToken>> {
        let rows = with_maker(paged(self.all(), row::Column::Id, request)).all(self.tx).await?;
        page(rows, request, |(row, _)| row.id, read)
    }

    /// Keeps the name of a member who is about to be removed with the tokens that the member made.
    pub async fn keep_maker(&self, maker: &Member) -> Result<()> {
        row::Entity::update_many()
            .col_expr(row::Column::MakerName, Expr::value(maker.name.to_string()))
            .filter(row::Column::MakerId.eq(maker.id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        Ok(())
    }

    /// Writes one as it is now.
    pub async fn save(&self, token: &ManagementToken) -> Result<()> {
        let saved = row::Entity::update_many()
            .set(write(token))
            .filter(row::Column::Id.eq(token.id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }

    fn all(&self) -> Select<row::Entity> {
        row::Entity::find().filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
    }

    fn one(&self, id: TokenId) -> Select<row::Entity> {
        self.all().filter(row::Column::Id.eq(id.uuid()))
    }
}

pub(crate) async fn by_hash(tx: &Connection, hash: &SecretHash) -> Result<Option<ManagementToken>> {
    let query = row::Entity::find().filter(row::Column::Hash.eq(hash.as_bytes().to_vec()));
    with_maker(query).one(tx).await?.map(read).transpose()
}

pub(crate) async fn touch(tx: &Connection, id: TokenId, now: Timestamp) -> Result<()> {
    row::Entity::update_many()
        .col_expr(row::Column::LastUsedAt, Expr::value(now.unix()))
        .filter(row::Column::Id.eq(id.uuid()))
        .exec(tx)
        .await?;
    Ok(())
}

/// Each token beside its maker as the maker is now.
pub(crate) fn with_maker(query: Select<row::Entity>) -> SelectTwo<row::Entity, member::Entity> {
    query.find_also_related(member::Entity)
}

fn write(token: &ManagementToken) -> row::ActiveModel {
    let scopes: Vec<_> = token.scopes.iter().map(Permission::as_str).collect();
    let (maker_id, maker_name) = match &token.maker {
        Maker::Member { id, name, .. } => (Some(id.uuid()), Some(name.to_string())),
        Maker::Operator | Maker::Unknown => (None, None),
    };
    row::ActiveModel {
        id: Set(token.id.uuid()),
        organization_id: Set(token.organization.uuid()),
        maker: Set(token.maker.as_str().to_owned()),
        maker_id: Set(maker_id),
        maker_name: Set(maker_name),
        name: Set(token.name.to_string()),
        hint: Set(token.hint.clone()),
        hash: Set(token.hash.as_bytes().to_vec()),
        scopes: Set(scopes.join(" ")),
        expires_at: Set(token.expires_at.map(Timestamp::unix)),
        last_used_at: Set(token.last_used_at.map(Timestamp::unix)),
        revoked_at: Set(token.revoked_at.map(Timestamp::unix)),
        created_at: Set(token.created_at.unix()),
    }
}

pub(crate) fn read((row, maker): (row::Model, Option<member::Model>)) -> Result<ManagementToken> {
    let scopes: Result<Scopes> =
        row.scopes.split_whitespace().map(|text| TABLE.parse("scopes", text)).collect();
    Ok(ManagementToken {
        id: row.id.into(),
        organization: row.organization_id.into(),
        maker: read_maker(&row, maker)?,
        name: Table::name(&row.name),
        hint: row.hint,
        hash: SecretHash::from_bytes(TABLE.take("hash", row.hash.try_into())?),
        scopes: scopes?,
        expires_at: TABLE.optional_time("expires_at", row.expires_at)?,
        last_used_at: TABLE.optional_time("last_used_at", row.last_used_at)?,
        revoked_at: TABLE.optional_time("revoked_at", row.revoked_at)?,
        created_at: TABLE.time("created_at", row.created_at)?,
    })
}

fn read_maker(row: &row::Model, now: Option<member::Model>) -> Result<Maker> {
    match (row.maker.as_str(), row.maker_id, row.maker_name.as_deref()) {
        ("member", Some(id), Some(kept)) => {
            // Nobody lends a token of another organization anything.
            let now = now.filter(|now| now.organization_id == row.organization_id);
            let name = now.as_ref().map_or(kept, |now| &now.name);
            let role = now.as_ref().map(|now| TABLE.parse("maker_id", &now.role)).transpose()?;
            Ok(Maker::Member { id: id.into(), name: Table::name(name), role })
        }
        ("operator", None, None) => Ok(Maker::Operator),
        ("unknown", None, None) => Ok(Maker::Unknown),
        _ => Err(TABLE.corrupt("maker")),
    }
}
