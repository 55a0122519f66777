//! The audit log, which is a chain.
//!
//! It is only ever added to: nothing here changes or removes a row. What does is elsewhere and named so: `erasure` takes people out of
//! what is told, `retention` and `deletion` remove the beginning and all of it.

mod checkpoint;
mod find;
mod names;

use keyward_domain::{
    Action, Actor, AuditEvent, ChainHash, ChainLink, EventNames, OrganizationScope, RecordedEvent, Salts,
    SaltsLeft, ServerJob,
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set};
use serde_json::Value;
use uuid::Uuid;

use crate::connection::Connection;
use crate::convert::Table;
use crate::folding::search_text;
use crate::{Changes, Recorded, Result};

pub use checkpoint::{AuditCounts, Checkpoint, Checkpoints, Unsigned};
pub(crate) use checkpoint::{cut, next_unsigned, organization_with_counts};
#[cfg(test)]
pub(crate) use find::Span;

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "audit_events")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        /// The number of the generation that the change made: clocks differ, and are set back.
        pub sequence: i64,
        pub actor: String,
        pub actor_id: Option<Uuid>,
        pub action: String,
        pub target: Option<Uuid>,
        #[sea_orm(column_type = "Text")]
        pub detail: String,
        pub at: i64,
        /// The number in the chain; `None` of what is older than the chain.
        pub seq: Option<i64>,
        pub hash: Option<Vec<u8>>,
        pub salt: Option<Vec<u8>>,
        #[sea_orm(column_type = "Text", nullable)]
        pub salts_left: Option<String>,
        pub maker_id: Option<Uuid>,
        pub address: Option<String>,
        #[sea_orm(column_type = "Text", nullable)]
        pub names: Option<String>,
        #[sea_orm(column_type = "Text", nullable)]
        pub search: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("audit_events");

/// The audit log of one organization.
pub struct AuditEvents<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl AuditEvents<'_> {
    /// Adds an event behind the end of the chain, and notes the change for those who hold copies. `salt`
    /// is random. The proof lets the transaction be committed.
    pub async fn record(&self, event: &AuditEvent, salt: [u8; 16]) -> Result<Recorded> {
        let (names, maker) = names::of(self.tx, self.scope, event).await?;
        let recorded = RecordedEvent::new(event.clone(), names, maker);
        // Whatever was done, copies of it in memory are out of date. What has no id is the organization's own.
        let changes = Changes { tx: self.tx, organization: self.scope.id() };
        let target = event.target.unwrap_or(self.scope.id().uuid());
        let (sequence, recorded) = changes.note_event(target, recorded, salt).await?;
        write(sequence, &recorded)?.insert(self.tx).await?;
        Ok(Recorded(recorded.event))
    }
}

fn write(sequence: i64, recorded: &RecordedEvent) -> Result<row::ActiveModel> {
    let event = &recorded.event;
    let (actor, actor_id) = write_actor(event.actor);
    let told = Told::of(recorded)?;
    Ok(row::ActiveModel {
        id: Set(event.id.uuid()),
        organization_id: Set(event.organization.uuid()),
        sequence: Set(sequence),
        actor: Set(actor.to_owned()),
        actor_id: Set(actor_id),
        action: Set(event.action.as_str().to_owned()),
        target: Set(event.target),
        detail: Set(told.detail),
        at: Set(event.at.unix()),
        seq: Set(recorded.link.as_ref().map(|link| link.seq)),
        hash: Set(recorded.link.as_ref().map(|link| link.hash.as_bytes().to_vec())),
        salt: Set(told.salt),
        salts_left: Set(told.salts_left),
        maker_id: Set(recorded.maker.map(|maker| maker.uuid())),
        address: Set(told.address),
        names: Set(told.names),
        search: Set(told.search),
    })
}

/// What a row tells beside what the chain holds in clear: what an erasure may change.
pub(crate) struct Told {
    pub detail: String,
    pub salt: Option<Vec<u8>>,
    pub salts_left: Option<String>,
    pub address: Option<String>,
    pub names: Option<String>,
    pub search: Option<String>,
}

impl Told {
    pub fn of(recorded: &RecordedEvent) -> Result<Self> {
        let (salt, salts_left) = match recorded.link.as_ref().map(|link| &link.salts) {
            Some(Salts::All(salt)) => (Some(salt.to_vec()), None),
            Some(Salts::Left(left)) => (None, Some(TABLE.take("salts_left", serde_json::to_string(left))?)),
            None => (None, None),
        };
        let event = &recorded.event;
        Ok(Self {
            detail: Value::Object(event.detail.clone()).to_string(),
            salt,
            salts_left,
            address: event.address.map(|address| address.ip().to_string()),
            names: Some(TABLE.take("names", serde_json::to_string(&recorded.names))?),
            search: Some(searched(recorded)),
        })
    }
}

/// What an event is found by: all names, and all texts of its detail.
fn searched(recorded: &RecordedEvent) -> String {
    let EventNames { actor, maker, target } = &recorded.names;
    let mut texts: Vec<&str> = [actor, maker, target].into_iter().flatten().map(String::as_str).collect();
    recorded.event.detail.values().for_each(|value| collect(value, &mut texts));
    texts.sort_unstable();
    texts.dedup();
    let address = recorded.event.address.map(|address| address.ip().to_string());
    texts.extend(address.as_deref());
    search_text(&texts, None)
}

fn collect<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
        Value::Object(values) => values.values().for_each(|value| collect(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

pub(crate) fn write_actor(actor: Actor) -> (&'static str, Option<Uuid>) {
    actor.parts()
}

/// Who that is; `None` for nobody that this program knows.
pub(crate) fn read_actor(actor: &str, id: Option<Uuid>) -> Option<Actor> {
    match (actor, id) {
        ("operator", None) => Some(Actor::Operator),
        ("token", Some(id)) => Some(Actor::Token(id.into())),
        ("member", Some(id)) => Some(Actor::Member(id.into())),
        ("customer", Some(id)) => Some(Actor::Customer(id.into())),
        ("agent", Some(id)) => Some(Actor::Agent(id.into())),
        ("customer_user", Some(id)) => Some(Actor::CustomerUser(id.into())),
        ("link", Some(id)) => Some(Actor::Link(id.into())),
        ("registry_key", Some(id)) => Some(Actor::RegistryKey(id.into())),
        ("server", None) => Some(Actor::Server),
        _ => None,
    }
}

pub(crate) fn read(row: row::Model) -> Result<RecordedEvent> {
    let action = Action::ALL.iter().copied().find(|action| action.as_str() == row.action);
    let address = row.address.as_deref().map(|address| TABLE.address("address", address)).transpose()?;
    let link = match (row.seq, row.hash) {
        (Some(seq), Some(hash)) => {
            Some(ChainLink { seq, hash: hash_of("hash", hash)?, salts: salts(row.salt, row.salts_left)? })
        }
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(TABLE.corrupt("hash")),
    };
    let names = row.names.map(|names| TABLE.take("names", serde_json::from_str(&names))).transpose()?;
    let names: EventNames = names.unwrap_or_default();
    let actor = read_actor(&row.actor, row.actor_id).ok_or_else(|| TABLE.corrupt("actor"))?;
    let job = names.actor.as_deref().and_then(ServerJob::named).filter(|_| actor == Actor::Server);
    Ok(RecordedEvent {
        event: AuditEvent {
            id: row.id.into(),
            organization: row.organization_id.into(),
            actor: job.map_or(actor, Actor::Job),
            action: action.ok_or_else(|| TABLE.corrupt("action"))?,
            target: row.target,
            detail: TABLE.take("detail", serde_json::from_str(&row.detail))?,
            address,
            at: TABLE.time("at", row.at)?,
        },
        names,
        maker: row.maker_id.map(Into::into),
        link,
    })
}

fn salts(salt: Option<Vec<u8>>, left: Option<String>) -> Result<Salts> {
    match (salt, left) {
        (Some(salt), None) => Ok(Salts::All(TABLE.take("salt", salt.try_into())?)),
        (None, Some(left)) => {
            let left: SaltsLeft = TABLE.take("salts_left", serde_json::from_str(&left))?;
            Ok(Salts::Left(left))
        }
        (None, None) | (Some(_), Some(_)) => Err(TABLE.corrupt("salt")),
    }
}

pub(crate) fn hash_of(column: &'static str, bytes: Vec<u8>) -> Result<ChainHash> {
    TABLE.take(column, bytes.try_into()).map(ChainHash::from_bytes)
}
