//! The outbox, each message of it on its way to endpoints, and each try.

use keyward_domain::webhook::{Attempt, AttemptResult, Fault};
use keyward_domain::{
    AuditEventId, Delivery, DeliveryId, DeliveryState, DeliveryStatus, EventKind, LicenseId,
    OrganizationScope, Page, PageRequest, Timestamp, WebhookId,
};
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait as _, Select,
};
use uuid::Uuid;

use crate::connection::Connection;
use crate::convert::Table;
use crate::page::{page, paged};
use crate::retention::first_id;
use crate::webhook::LONGEST_PAUSE;
use crate::{Result, due};

mod outbox {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "outbox")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub kind: String,
        #[sea_orm(column_type = "Text")]
        pub payload: String,
        pub created_at: i64,
        /// What versions before 0.2 were to write.
        pub attempts: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "webhook_deliveries")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub webhook_id: Uuid,
        pub message_id: Uuid,
        pub sequence: i64,
        pub kind: String,
        pub state: String,
        pub due_at: i64,
        pub finished_at: Option<i64>,
        pub attempts: i64,
        pub failures: i64,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod attempt {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "webhook_attempts")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub delivery_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: i64,
        pub at: i64,
        pub duration_ms: i64,
        pub status: Option<i64>,
        pub fault: Option<String>,
        pub response: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod sequence {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "event_sequences")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub subject: Uuid,
        pub organization_id: Uuid,
        pub value: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("webhook_deliveries");
const ATTEMPTS: Table = Table("webhook_attempts");

/// What is sent, to whomever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id; that of the event in the audit log, if it is there.
    pub id: AuditEventId,
    /// Of what kind.
    pub kind: EventKind,
    /// What is sent, letter by letter.
    pub body: String,
    /// Its place among those of its organization, from 1.
    pub sequence: i64,
    /// When it was written.
    pub created_at: Timestamp,
}

/// A message that is due at an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueMessage {
    /// Its way to the endpoint.
    pub delivery: DeliveryId,
    /// Its id.
    pub message: AuditEventId,
    /// What is sent, letter by letter.
    pub body: String,
    /// How often it was tried.
    pub attempts: u32,
    /// How often since it was written or replayed.
    pub failures: u32,
}

/// Which deliveries are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeliveryFilter {
    /// In this state only.
    pub state: Option<DeliveryStatus>,
    /// Of this kind only.
    pub kind: Option<EventKind>,
    /// Of messages from then on only.
    pub since: Option<Timestamp>,
    /// Of messages from before then only.
    pub until: Option<Timestamp>,
}

/// What is on its way to the endpoints of one organization.
pub struct Deliveries<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl Deliveries<'_> {
    /// The next numbers: of a message of the organization, and of one about a license.
    pub async fn next_sequence(&self, license: Option<LicenseId>) -> Result<(i64, Option<i64>)> {
        let of_license = match license {
            Some(license) => Some(self.count(license.uuid()).await?),
            None => None,
        };
        Ok((self.count(self.scope.id().uuid()).await?, of_license))
    }

    async fn count(&self, subject: Uuid) -> Result<i64> {
        let first = sequence::ActiveModel {
            subject: Set(subject),
            organization_id: Set(self.scope.id().uuid()),
            value: Set(1),
        };
        let next = Expr::col((sequence::Entity, sequence::Column::Value)).add(1);
        let counted =
            OnConflict::column(sequence::Column::Subject).value(sequence::Column::Value, next).to_owned();
        let row = sequence::Entity::insert(first).on_conflict(counted).exec_with_returning(self.tx).await?;
        Ok(row.value)
    }

    /// Writes a message to the outbox, and sends it on its way to these endpoints: each has an id for that.
    pub async fn publish(&self, message: &Message, to: &[(DeliveryId, WebhookId)]) -> Result<()> {
        let outbox = outbox::ActiveModel {
            id: Set(message.id.uuid()),
            organization_id: Set(self.scope.id().uuid()),
            kind: Set(message.kind.as_str().to_owned()),
            payload: Set(message.body.clone()),
            created_at: Set(message.created_at.unix()),
            attempts: Set(0),
        };
        outbox.insert(self.tx).await?;
        let deliveries = to.iter().map(|(id, webhook)| row::ActiveModel {
            id: Set(id.uuid()),
            organization_id: Set(self.scope.id().uuid()),
            webhook_id: Set(webhook.uuid()),
            message_id: Set(message.id.uuid()),
            sequence: Set(message.sequence),
            kind: Set(message.kind.as_str().to_owned()),
            state: Set("pending".to_owned()),
            due_at: Set(message.created_at.unix()),
            finished_at: Set(None),
            attempts: Set(0),
            failures: Set(0),
            created_at: Set(message.created_at.unix()),
        });
        row::Entity::insert_many(deliveries).exec_without_returning(self.tx).await?;
        Ok(())
    }

    /// A page of what was sent to an endpoint, the latest first.
    pub async fn list(
        &self,
        webhook: WebhookId,
        filter: DeliveryFilter,
        request: PageRequest,
    ) -> Result<Page<Delivery>> {
        let found = filter.of(self.of(webhook));
        let rows = paged(found, row::Column::Id, request).all(self.tx).await?;
        page(rows, request, |row| row.id, read)
    }

    /// How many of an endpoint are in this state, up to `most`.
    pub async fn count_in(&self, webhook: WebhookId, state: DeliveryStatus, most: u64) -> Result<u64> {
        let filter = DeliveryFilter { state: Some(state), ..DeliveryFilter::default() };
        let found = filter.of(self.of(webhook)).select_only().column(row::Column::Id).limit(most);
        let found: Vec<Uuid> = found.into_tuple().all(self.tx).await?;
        Ok(found.len() as u64)
    }

    /// One of an endpoint's.
    pub async fn find(&self, webhook: WebhookId, id: DeliveryId) -> Result<Option<Delivery>> {
        self.of(webhook).filter(row::Column::Id.eq(id.uuid())).one(self.tx).await?.map(read).transpose()
    }

    /// What is sent by one, letter by letter; `None` once it was removed.
    pub async fn body(&self, delivery: &Delivery) -> Result<Option<String>> {
        let found = outbox::Entity::find_by_id(delivery.message.uuid())
            .filter(outbox::Column::OrganizationId.eq(self.scope.id().uuid()))
            .one(self.tx)
            .await?;
        Ok(found.map(|row| row.payload))
    }

    /// The tries of one, the last first, at most `most`. The delivery is of this organization.
    pub async fn attempts(&self, delivery: &Delivery, most: u64) -> Result<Vec<Attempt>> {
        let found = attempt::Entity::find()
            .filter(attempt::Column::DeliveryId.eq(delivery.id.uuid()))
            .order_by_desc(attempt::Column::Number)
            .limit(most);
        found.all(self.tx).await?.into_iter().map(read_attempt).collect()
    }

    /// Sends one on its way again; whether it did not wait anyhow.
    pub async fn retry(&self, webhook: WebhookId, id: DeliveryId, now: Timestamp) -> Result<bool> {
        let one = self.of(webhook).filter(row::Column::Id.eq(id.uuid()));
        Ok(self.send_again(one, now, 1).await? == 1)
    }

    /// Sends what an endpoint was sent, or was to be, on its way again, at most `most`, the oldest first. What still waits is
    /// left as it is. Gives how many.
    pub async fn replay(
        &self,
        webhook: WebhookId,
        filter: DeliveryFilter,
        now: Timestamp,
        most: u64,
    ) -> Result<u64> {
        self.send_again(filter.of(self.of(webhook)), now, most).await
    }

    async fn send_again(&self, which: Select<row::Entity>, now: Timestamp, most: u64) -> Result<u64> {
        let found = which.filter(row::Column::State.ne("pending"));
        let found = found.select_only().column(row::Column::Id).order_by_asc(row::Column::Id).limit(most);
        let replayed = row::Entity::update_many()
            .col_expr(row::Column::State, Expr::value("pending"))
            .col_expr(row::Column::DueAt, Expr::value(now.unix()))
            .col_expr(row::Column::FinishedAt, Expr::value(Option::<i64>::None))
            .col_expr(row::Column::Failures, Expr::value(0_i64))
            .filter(row::Column::Id.in_subquery(found.into_query()))
            .exec(self.tx)
            .await?;
        Ok(replayed.rows_affected)
    }

    /// Gives up all that still waits for an endpoint.
    pub async fn give_up(&self, webhook: WebhookId, now: Timestamp) -> Result<u64> {
        let given_up = row::Entity::update_many()
            .col_expr(row::Column::State, Expr::value("failed"))
            .col_expr(row::Column::FinishedAt, Expr::value(now.unix()))
            .filter(row::Column::WebhookId.eq(webhook.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(row::Column::State.eq("pending"))
            .exec(self.tx)
            .await?;
        Ok(given_up.rows_affected)
    }

    /// The messages that are due at an endpoint, in their order.
    pub async fn due(&self, webhook: WebhookId, now: Timestamp, most: u64) -> Result<Vec<DueMessage>> {
        let found = self
            .of(webhook)
            .filter(row::Column::State.eq("pending"))
            .filter(due::at(row::Column::DueAt, LONGEST_PAUSE, now))
            .order_by_asc(row::Column::Sequence)
            .limit(most)
            .all(self.tx)
            .await?;
        let mut due = Vec::with_capacity(found.len());
        for row in found {
            let message = outbox::Entity::find_by_id(row.message_id).one(self.tx).await?;
            due.push(DueMessage {
                delivery: row.id.into(),
                message: row.message_id.into(),
                body: message.ok_or_else(|| TABLE.corrupt("message_id"))?.payload,
                attempts: TABLE.take("attempts", row.attempts.try_into())?,
                failures: TABLE.take("failures", row.failures.try_into())?,
            });
        }
        Ok(due)
    }

    /// Notes a try and what became of the delivery. A try of this number that was noted before stays.
    pub async fn note(
        &self,
        id: DeliveryId,
        attempt: &Attempt,
        failures: u32,
        state: DeliveryState,
    ) -> Result<()> {
        let (status, fault, response) = match &attempt.result {
            AttemptResult::Answered { status, response } => {
                (Some(i64::from(*status)), None, Some(response.clone()))
            }
            AttemptResult::Unanswered(fault) => (None, Some(fault.as_str().to_owned()), None),
        };
        let (due_at, finished_at) = match state {
            DeliveryState::Pending { due_at } => (due_at, None),
            DeliveryState::Delivered { at } | DeliveryState::Failed { at } => (at, Some(at.unix())),
        };
        let updated = row::Entity::update_many()
            .col_expr(row::Column::State, Expr::value(state.status().as_str()))
            .col_expr(row::Column::DueAt, Expr::value(due_at.unix()))
            .col_expr(row::Column::FinishedAt, Expr::value(finished_at))
            .col_expr(row::Column::Attempts, Expr::value(i64::from(attempt.number)))
            .col_expr(row::Column::Failures, Expr::value(i64::from(failures)))
            .filter(row::Column::Id.eq(id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        if updated.rows_affected == 0 {
            // It was old, or its organization is being deleted.
            return Ok(());
        }
        let row = attempt::ActiveModel {
            delivery_id: Set(id.uuid()),
            number: Set(attempt.number.into()),
            at: Set(attempt.at.unix()),
            duration_ms: Set(attempt.duration_ms.into()),
            status: Set(status),
            fault: Set(fault),
            response: Set(response),
        };
        let key = [attempt::Column::DeliveryId, attempt::Column::Number];
        let once = OnConflict::columns(key).do_nothing().to_owned();
        attempt::Entity::insert(row).on_conflict(once).exec_without_returning(self.tx).await?;
        Ok(())
    }

    fn of(&self, webhook: WebhookId) -> Select<row::Entity> {
        row::Entity::find()
            .filter(row::Column::WebhookId.eq(webhook.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
    }
}

impl DeliveryFilter {
    fn of(self, mut found: Select<row::Entity>) -> Select<row::Entity> {
        if let Some(state) = self.state {
            found = found.filter(row::Column::State.eq(state.as_str()));
        }
        if let Some(kind) = self.kind {
            found = found.filter(row::Column::Kind.eq(kind.as_str()));
        }
        // Ids begin with the millisecond in which they were made.
        if let Some(since) = self.since {
            found = found.filter(row::Column::Id.gte(first_id(since)));
        }
        if let Some(until) = self.until {
            found = found.filter(row::Column::Id.lt(first_id(until)));
        }
        found
    }
}

fn read(row: row::Model) -> Result<Delivery> {
    let finished = || {
        let at = TABLE.optional_time("finished_at", row.finished_at)?;
        at.ok_or_else(|| TABLE.corrupt("finished_at"))
    };
    Ok(Delivery {
        id: row.id.into(),
        webhook: row.webhook_id.into(),
        message: row.message_id.into(),
        kind: TABLE.parse("kind", &row.kind)?,
        state: match row.state.as_str() {
            "pending" => DeliveryState::Pending { due_at: TABLE.time("due_at", row.due_at)? },
            "delivered" => DeliveryState::Delivered { at: finished()? },
            "failed" => DeliveryState::Failed { at: finished()? },
            _ => return Err(TABLE.corrupt("state")),
        },
        attempts: TABLE.take("attempts", row.attempts.try_into())?,
        created_at: TABLE.time("created_at", row.created_at)?,
    })
}

fn read_attempt(row: attempt::Model) -> Result<Attempt> {
    let result = match (row.status, row.fault) {
        (Some(status), None) => AttemptResult::Answered {
            status: ATTEMPTS.take("status", status.try_into())?,
            response: row.response.unwrap_or_default(),
        },
        (None, Some(fault)) => {
            let known = Fault::ALL.into_iter().find(|known| known.as_str() == fault);
            AttemptResult::Unanswered(known.ok_or_else(|| ATTEMPTS.corrupt("fault"))?)
        }
        _ => return Err(ATTEMPTS.corrupt("status")),
    };
    Ok(Attempt {
        number: ATTEMPTS.take("number", row.number.try_into())?,
        at: ATTEMPTS.time("at", row.at)?,
        duration_ms: ATTEMPTS.take("duration_ms", row.duration_ms.try_into())?,
        result,
    })
}
