//! Alerts of all that is no registry.

use keyward_domain::{Alert, AlertSubject, Finding};
use sea_orm::ActiveValue::Set;

use super::{read_state, write_state};
use crate::Result;
use crate::convert::Table;

pub(super) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "subject_alerts")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub subject: String,
        pub subject_id: Uuid,
        pub kind: String,
        pub aspect: String,
        pub day: i64,
        #[sea_orm(column_type = "Text")]
        pub detail: String,
        pub acknowledged_at: Option<i64>,
        pub actor: Option<String>,
        pub actor_id: Option<Uuid>,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("subject_alerts");

pub(super) fn write(alert: &Alert) -> Result<row::ActiveModel> {
    let (subject, subject_id) = alert.subject.parts();
    let (acknowledged_at, actor, actor_id) = write_state(alert.state);
    Ok(row::ActiveModel {
        id: Set(alert.id.uuid()),
        organization_id: Set(alert.organization.uuid()),
        subject: Set(subject.to_owned()),
        subject_id: Set(subject_id),
        kind: Set(alert.finding.kind().to_owned()),
        aspect: Set(alert.finding.aspect().into_owned()),
        day: Set(alert.created_at.day()),
        detail: Set(TABLE.take("detail", serde_json::to_string(&alert.finding))?),
        acknowledged_at: Set(acknowledged_at),
        actor: Set(actor),
        actor_id: Set(actor_id),
        created_at: Set(alert.created_at.unix()),
    })
}

pub(super) fn read(row: row::Model) -> Result<Alert> {
    let subject = match row.subject.as_str() {
        "webhook" => AlertSubject::Webhook(row.subject_id.into()),
        "audit_sink" => AlertSubject::AuditSink(row.subject_id.into()),
        "deployment_target" => AlertSubject::DeploymentTarget(row.subject_id.into()),
        "deployment" => AlertSubject::Deployment(row.subject_id.into()),
        _ => return Err(TABLE.corrupt("subject")),
    };
    let finding: Finding = TABLE.take("detail", serde_json::from_str(&row.detail))?;
    Ok(Alert {
        id: row.id.into(),
        organization: row.organization_id.into(),
        subject,
        finding,
        origin: None,
        state: read_state(TABLE, row.acknowledged_at, row.actor, row.actor_id)?,
        created_at: TABLE.time("created_at", row.created_at)?,
    })
}
