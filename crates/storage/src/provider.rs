//! Sign-in providers, and people on the way to them and back.

use keyward_domain::provider::{Confirms, Departure};
use keyward_domain::{OrganizationScope, Provider, SecretHash};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::Result;
use crate::connection::Connection;
use crate::convert::{ROW, Table};

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "sign_in_providers")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization_id: Uuid,
        pub issuer: String,
        pub client_id: String,
        pub client_secret: Vec<u8>,
        pub domain: Option<String>,
        pub verified_domains: String,
        pub exclusive: bool,
        pub created_at: i64,
        pub updated_at: i64,
        pub version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod departure {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "departures")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub state: Vec<u8>,
        pub organization_id: Uuid,
        pub browser: Vec<u8>,
        pub expires_at: i64,
        pub session_id: Option<Uuid>,
        pub next_page: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("sign_in_providers");
const DEPARTURES: Table = Table("departures");

/// The sign-in provider of one organization; there is one at most.
pub struct Providers<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl Providers<'_> {
    /// The provider with its sealed client secret.
    pub async fn find(&self) -> Result<Option<(Provider, Vec<u8>)>> {
        row::Entity::find_by_id(self.scope.id().uuid()).one(self.tx).await?.map(read).transpose()
    }

    /// The same, locked until the end of the transaction.
    pub async fn lock(&self) -> Result<Option<(Provider, Vec<u8>)>> {
        let query = row::Entity::find_by_id(self.scope.id().uuid()).lock(ROW);
        query.one(self.tx).await?.map(read).transpose()
    }

    /// Sets it, in place of the one before.
    pub async fn set(&self, provider: &Provider, client_secret: &[u8]) -> Result<()> {
        self.remove().await?;
        let row = row::ActiveModel {
            organization_id: Set(self.scope.id().uuid()),
            issuer: Set(provider.issuer.to_string()),
            client_id: Set(provider.client_id.to_string()),
            client_secret: Set(client_secret.to_vec()),
            domain: Set(provider.domain.as_ref().map(ToString::to_string)),
            verified_domains: Set(provider.verified_domains.to_string()),
            exclusive: Set(provider.exclusive),
            created_at: Set(provider.created_at.unix()),
            updated_at: Set(provider.updated_at.unix()),
            version: Set(provider.version),
        };
        row.insert(self.tx).await?;
        Ok(())
    }

    /// Removes it; whether there was one.
    pub async fn remove(&self) -> Result<bool> {
        Ok(row::Entity::delete_by_id(self.scope.id().uuid()).exec(self.tx).await?.rows_affected == 1)
    }

    /// Notes that someone is on the way.
    pub async fn depart(&self, departure: &Departure) -> Result<()> {
        let row = departure::ActiveModel {
            state: Set(departure.state.as_bytes().to_vec()),
            organization_id: Set(self.scope.id().uuid()),
            browser: Set(departure.browser.as_bytes().to_vec()),
            expires_at: Set(departure.expires_at.unix()),
            session_id: Set(departure.confirms.as_ref().map(|confirms| confirms.session.uuid())),
            next_page: Set(departure.confirms.as_ref().map(|confirms| confirms.then.clone())),
        };
        row.insert(self.tx).await?;
        Ok(())
    }

    /// Forgets all who are on the way; they are not let in when they come back.
    pub async fn forget_departures(&self) -> Result<()> {
        let theirs = departure::Column::OrganizationId.eq(self.scope.id().uuid());
        departure::Entity::delete_many().filter(theirs).exec(self.tx).await?;
        Ok(())
    }
}

/// Takes out the departure with this state; of several who ask, one is given it.
pub(crate) async fn take(tx: &Connection, state: &SecretHash) -> Result<Option<Departure>> {
    let Some(found) = departure(tx, state).await? else { return Ok(None) };
    let deleted = departure::Entity::delete_by_id(state.as_bytes().to_vec()).exec(tx).await?;
    Ok((deleted.rows_affected == 1).then_some(found))
}

pub(crate) async fn departure(tx: &Connection, state: &SecretHash) -> Result<Option<Departure>> {
    let found = departure::Entity::find_by_id(state.as_bytes().to_vec()).one(tx).await?;
    let Some(row) = found else { return Ok(None) };
    let hash = |column, bytes: Vec<u8>| DEPARTURES.take(column, bytes.try_into()).map(SecretHash::from_bytes);
    Ok(Some(Departure {
        organization: row.organization_id.into(),
        state: hash("state", row.state)?,
        browser: hash("browser", row.browser)?,
        expires_at: DEPARTURES.time("expires_at", row.expires_at)?,
        confirms: row
            .session_id
            .map(|session| Confirms { session: session.into(), then: row.next_page.unwrap_or_default() }),
    }))
}

fn read(row: row::Model) -> Result<(Provider, Vec<u8>)> {
    let provider = Provider {
        organization: row.organization_id.into(),
        issuer: TABLE.parse("issuer", &row.issuer)?,
        client_id: TABLE.parse("client_id", &row.client_id)?,
        domain: TABLE.optional("domain", row.domain.as_deref())?,
        verified_domains: TABLE.parse("verified_domains", &row.verified_domains)?,
        exclusive: row.exclusive,
        created_at: TABLE.time("created_at", row.created_at)?,
        updated_at: TABLE.time("updated_at", row.updated_at)?,
        version: row.version,
    };
    Ok((provider, row.client_secret))
}
