//! Sealed texts that wait to be shown once, on one page of one session.

use keyward_domain::{OrganizationScope, SessionId, Timestamp};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, Select};

use crate::Result;
use crate::connection::Connection;

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "shown_once")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub session_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub page: String,
        pub organization_id: Uuid,
        pub sealed: Vec<u8>,
        pub expires_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What waits to be shown once to people of one organization.
pub struct ShownOnce<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl ShownOnce<'_> {
    /// Keeps a sealed text for a page of a session until `end`, in place of one that was not looked at.
    pub async fn put(&self, session: SessionId, page: &str, sealed: &[u8], end: Timestamp) -> Result<()> {
        let row = row::ActiveModel {
            session_id: Set(session.uuid()),
            page: Set(page.to_owned()),
            organization_id: Set(self.scope.id().uuid()),
            sealed: Set(sealed.to_vec()),
            expires_at: Set(end.unix()),
        };
        let newer = OnConflict::columns([row::Column::SessionId, row::Column::Page])
            .update_columns([row::Column::OrganizationId, row::Column::Sealed, row::Column::ExpiresAt])
            .to_owned();
        row::Entity::insert(row).on_conflict(newer).exec_without_returning(self.tx).await?;
        Ok(())
    }

    /// Whether a text waits for a page of a session.
    pub async fn waits(&self, session: SessionId, page: &str) -> Result<bool> {
        Ok(self.one(session, page).one(self.tx).await?.is_some())
    }

    /// Takes the text for a page of a session; of several who ask, one is given it.
    pub async fn take(&self, session: SessionId, page: &str, now: Timestamp) -> Result<Option<Vec<u8>>> {
        let Some(row) = self.one(session, page).one(self.tx).await? else { return Ok(None) };
        if row::Entity::delete_by_id((row.session_id, row.page)).exec(self.tx).await?.rows_affected != 1 {
            return Ok(None);
        }
        Ok(Some(row.sealed).filter(|_| now.unix() < row.expires_at))
    }

    fn one(&self, session: SessionId, page: &str) -> Select<row::Entity> {
        row::Entity::find_by_id((session.uuid(), page.to_owned()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
    }
}
