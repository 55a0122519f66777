//! Where audit logs are streamed to, and how far each sink has come.

mod due;
mod progress;

use keyward_domain::{AuditSink, AuditSinkId, AuditSinkState, OrganizationScope, Page, PageRequest};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, Select,
};

use crate::Result;
use crate::connection::Connection;
use crate::convert::{ROW, Table};
use crate::page::{page, paged};
use sea_orm::QuerySelect as _;

pub use progress::{SinkProgress, SinkProgresses};
pub(crate) use {
    due::{behind, claim, with_due},
    progress::release,
};

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "audit_sinks")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub name: String,
        pub address: String,
        #[sea_orm(column_type = "Text", nullable)]
        pub ca_certificates: Option<String>,
        pub credential: Option<Vec<u8>>,
        pub client_certificate: bool,
        #[sea_orm(column_type = "Text")]
        pub header_names: String,
        pub state: String,
        pub state_since: Option<i64>,
        pub created_at: i64,
        pub updated_at: i64,
        pub version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("audit_sinks");

/// The sinks of one organization.
pub struct AuditSinks<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl AuditSinks<'_> {
    /// Adds one.
    pub async fn insert(&self, sink: &AuditSink, credential: Option<Vec<u8>>) -> Result<()> {
        let mut row = write(sink)?;
        row.id = Set(sink.id.uuid());
        row.organization_id = Set(self.scope.id().uuid());
        row.credential = Set(credential);
        row.created_at = Set(sink.created_at.unix());
        row.insert(self.tx).await?;
        Ok(())
    }

    /// One of them.
    pub async fn find(&self, id: AuditSinkId) -> Result<Option<AuditSink>> {
        self.one(id).one(self.tx).await?.map(read).transpose()
    }

    /// One of them, locked until the end of the transaction.
    pub async fn lock(&self, id: AuditSinkId) -> Result<Option<AuditSink>> {
        self.one(id).lock(ROW).one(self.tx).await?.map(read).transpose()
    }

    /// A page of them, the latest first.
    pub async fn list(&self, request: PageRequest) -> Result<Page<AuditSink>> {
        let rows = paged(self.all(), row::Column::Id, request).all(self.tx).await?;
        page(rows, request, |row| row.id, read)
    }

    /// How many there are.
    pub async fn count(&self) -> Result<u64> {
        Ok(self.all().count(self.tx).await?)
    }

    /// Writes one as it is now.
    pub async fn save(&self, sink: &AuditSink) -> Result<()> {
        self.update(sink.id, write(sink)?).await
    }

    /// The same, with another credential.
    pub async fn save_with(&self, sink: &AuditSink, credential: Option<Vec<u8>>) -> Result<()> {
        let mut row = write(sink)?;
        row.credential = Set(credential);
        self.update(sink.id, row).await
    }

    /// The sealed credential of one of them.
    pub async fn credential(&self, id: AuditSinkId) -> Result<Option<Vec<u8>>> {
        Ok(self.one(id).one(self.tx).await?.and_then(|row| row.credential))
    }

    /// Removes one, with how far it had come.
    pub async fn remove(&self, id: AuditSinkId) -> Result<()> {
        progress::remove(self.tx, self.scope, id).await?;
        let removed = row::Entity::delete_many()
            .filter(row::Column::Id.eq(id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        TABLE.one(removed.rows_affected)
    }

    async fn update(&self, id: AuditSinkId, row: row::ActiveModel) -> Result<()> {
        let saved = row::Entity::update_many()
            .set(row)
            .filter(row::Column::Id.eq(id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }

    fn one(&self, id: AuditSinkId) -> Select<row::Entity> {
        self.all().filter(row::Column::Id.eq(id.uuid()))
    }

    fn all(&self) -> Select<row::Entity> {
        row::Entity::find().filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
    }
}

fn write(sink: &AuditSink) -> Result<row::ActiveModel> {
    let since = match sink.state {
        AuditSinkState::Enabled => None,
        AuditSinkState::Paused { since } => Some(since.unix()),
    };
    Ok(row::ActiveModel {
        name: Set(sink.name.to_string()),
        address: Set(sink.address.to_string()),
        ca_certificates: Set(sink.ca_certificates.as_ref().map(|pem| pem.as_str().to_owned())),
        client_certificate: Set(sink.has_client_certificate),
        header_names: Set(TABLE.take("header_names", serde_json::to_string(&sink.header_names))?),
        state: Set(sink.state.as_str().to_owned()),
        state_since: Set(since),
        updated_at: Set(sink.updated_at.unix()),
        version: Set(sink.version),
        ..Default::default()
    })
}

fn read(row: row::Model) -> Result<AuditSink> {
    let state = match (row.state.as_str(), TABLE.optional_time("state_since", row.state_since)?) {
        ("enabled", None) => AuditSinkState::Enabled,
        ("paused", Some(since)) => AuditSinkState::Paused { since },
        _ => return Err(TABLE.corrupt("state")),
    };
    Ok(AuditSink {
        id: row.id.into(),
        organization: row.organization_id.into(),
        name: Table::name(&row.name),
        address: TABLE.parse("address", &row.address)?,
        ca_certificates: TABLE.optional("ca_certificates", row.ca_certificates.as_deref())?,
        has_client_certificate: row.client_certificate,
        header_names: TABLE.take("header_names", serde_json::from_str(&row.header_names))?,
        state,
        created_at: TABLE.time("created_at", row.created_at)?,
        updated_at: TABLE.time("updated_at", row.updated_at)?,
        version: row.version,
    })
}
