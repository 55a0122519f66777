//! The audit log.

use keyward_domain::{Action, Actor, AuditEvent, OrganizationScope, Page, PageRequest};
use sea_orm::sea_query::{Expr, ExprTrait as _, SimpleExpr};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
};
use uuid::Uuid;

use crate::connection::Connection;
use crate::convert::Table;
use crate::page::page;
use crate::{Changes, Recorded, Result};

mod row {
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
    /// Adds a line, and notes the change for those who hold copies. The proof lets the transaction be committed.
    pub async fn record(&self, event: &AuditEvent) -> Result<Recorded> {
        let detail = serde_json::Value::Object(event.detail.clone());
        let (actor, actor_id) = write_actor(event.actor);
        // Whatever was done, copies of it in memory are out of date. What has no id is the organization's own.
        let changes = Changes { tx: self.tx, organization: self.scope.id() };
        let target = event.target.unwrap_or(self.scope.id().uuid());
        let sequence = changes.note(target, event.id.uuid()).await?;
        let row = row::ActiveModel {
            id: Set(event.id.uuid()),
            sequence: Set(sequence),
            organization_id: Set(self.scope.id().uuid()),
            actor: Set(actor.to_owned()),
            actor_id: Set(actor_id),
            action: Set(event.action.as_str().to_owned()),
            target: Set(event.target),
            detail: Set(detail.to_string()),
            at: Set(event.at.unix()),
        };
        row.insert(self.tx).await?;
        Ok(Recorded(event.clone()))
    }

    /// A page of the log, what was done last first.
    pub async fn list(&self, request: PageRequest) -> Result<Page<AuditEvent>> {
        let own = || row::Entity::find().filter(row::Column::OrganizationId.eq(self.scope.id().uuid()));
        let rest = match request.after {
            Some(cursor) => {
                let last = own().filter(row::Column::Id.eq(cursor.id())).select_only();
                let last = last.column(row::Column::Sequence).into_query();
                own().filter(
                    Expr::col(row::Column::Sequence).lt(SimpleExpr::SubQuery(None, Box::new(last.into()))),
                )
            }
            None => own(),
        };
        let rows = rest
            .order_by_desc(row::Column::Sequence)
            .limit(u64::from(request.limit) + 1)
            .all(self.tx)
            .await?;
        page(rows, request, |row| row.id, read)
    }
}

pub(crate) fn write_actor(actor: Actor) -> (&'static str, Option<Uuid>) {
    match actor {
        Actor::Operator => ("operator", None),
        Actor::Token(id) => ("token", Some(id.uuid())),
        Actor::Member(id) => ("member", Some(id.uuid())),
        Actor::Customer(id) => ("customer", Some(id.uuid())),
        Actor::Link(id) => ("link", Some(id.uuid())),
        Actor::RegistryKey(id) => ("registry_key", Some(id.uuid())),
        Actor::Server => ("server", None),
    }
}

/// Who that is; `None` for nobody that this program knows.
pub(crate) fn read_actor(actor: &str, id: Option<Uuid>) -> Option<Actor> {
    match (actor, id) {
        ("operator", None) => Some(Actor::Operator),
        ("token", Some(id)) => Some(Actor::Token(id.into())),
        ("member", Some(id)) => Some(Actor::Member(id.into())),
        ("customer", Some(id)) => Some(Actor::Customer(id.into())),
        ("link", Some(id)) => Some(Actor::Link(id.into())),
        ("registry_key", Some(id)) => Some(Actor::RegistryKey(id.into())),
        ("server", None) => Some(Actor::Server),
        _ => None,
    }
}

fn read(row: row::Model) -> Result<AuditEvent> {
    let action = Action::ALL.iter().copied().find(|action| action.as_str() == row.action);
    Ok(AuditEvent {
        id: row.id.into(),
        organization: row.organization_id.into(),
        actor: read_actor(&row.actor, row.actor_id).ok_or_else(|| TABLE.corrupt("actor"))?,
        action: action.ok_or_else(|| TABLE.corrupt("action"))?,
        target: row.target,
        detail: TABLE.take("detail", serde_json::from_str(&row.detail))?,
        at: TABLE.time("at", row.at)?,
    })
}
