//! Revisions: the terms of licenses, append-only but for the state that renewal gives the one before.

use keyward_domain::{Kid, OrganizationScope, Payload, Revision, RevisionState, Timestamp, Validity};
use sea_orm::ActiveValue::{NotSet, Set};

use crate::Result;
use crate::convert::Table;

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "revisions")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub license_id: Uuid,
        pub number: i64,
        pub not_before: i64,
        /// `None` where it is `expires_at`.
        pub ends_at: Option<i64>,
        pub expires_at: Option<i64>,
        /// The JSON text as it was given.
        #[sea_orm(column_type = "Text")]
        pub payload: String,
        pub registry: String,
        pub issuer: String,
        pub kid: Vec<u8>,
        pub status_index: i64,
        pub state: String,
        pub state_since: Option<i64>,
        pub created_at: i64,
        /// For which window of days before their end a notice was written.
        pub members_notified_days: Option<i64>,
        pub customer_notified_days: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "crate::license::row::Entity",
            from = "Column::LicenseId",
            to = "crate::license::row::Column::Id"
        )]
        License,
    }

    impl Related<crate::license::row::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::License.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("revisions");

pub(crate) fn write(scope: OrganizationScope, revision: &Revision) -> row::ActiveModel {
    let since = match revision.state {
        RevisionState::Current => None,
        RevisionState::Superseded { at } | RevisionState::Revoked { at } => Some(at.unix()),
    };
    row::ActiveModel {
        id: Set(revision.id.uuid()),
        organization_id: Set(scope.id().uuid()),
        license_id: Set(revision.license.uuid()),
        number: Set(revision.number.into()),
        not_before: Set(revision.validity.not_before().unix()),
        ends_at: Set(revision.validity.grace_begins_at().map(Timestamp::unix)),
        expires_at: Set(revision.validity.expires_at().map(Timestamp::unix)),
        payload: Set(revision.payload.as_str().to_owned()),
        registry: Set(serde_json::json!(revision.registry).to_string()),
        issuer: Set(revision.issuer.clone()),
        kid: Set(revision.kid.as_bytes().to_vec()),
        status_index: Set(revision.status_index.into()),
        state: Set(revision.state.as_str().to_owned()),
        state_since: Set(since),
        created_at: Set(revision.created_at.unix()),
        members_notified_days: NotSet,
        customer_notified_days: NotSet,
    }
}

pub(crate) fn read(row: row::Model) -> Result<Revision> {
    let not_before = TABLE.time("not_before", row.not_before)?;
    let expires_at = TABLE.optional_time("expires_at", row.expires_at)?;
    let validity = TABLE.take("expires_at", Validity::new(not_before, expires_at))?;
    let validity = match TABLE.optional_time("ends_at", row.ends_at)? {
        Some(ends_at) => TABLE.take("ends_at", validity.ending_at(ends_at))?,
        None => validity,
    };
    let since = TABLE.optional_time("state_since", row.state_since)?;
    let state = match (row.state.as_str(), since) {
        ("current", None) => RevisionState::Current,
        ("superseded", Some(at)) => RevisionState::Superseded { at },
        ("revoked", Some(at)) => RevisionState::Revoked { at },
        _ => return Err(TABLE.corrupt("state")),
    };
    Ok(Revision {
        id: row.id.into(),
        license: row.license_id.into(),
        number: TABLE.take("number", row.number.try_into())?,
        validity,
        payload: TABLE.take("payload", Payload::parse(&row.payload))?,
        registry: TABLE.take("registry", serde_json::from_str(&row.registry))?,
        issuer: row.issuer,
        kid: Kid::from_bytes(TABLE.take("kid", row.kid.try_into())?),
        status_index: TABLE.take("status_index", row.status_index.try_into())?,
        state,
        created_at: TABLE.time("created_at", row.created_at)?,
    })
}
