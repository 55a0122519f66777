//! Alerts of registries, in a table of their own since before there were others.

use keyward_domain::alert::Origin;
use keyward_domain::registry::Holder;
use keyward_domain::{Alert, AlertSubject, Finding, RegistryId};
use sea_orm::ActiveValue::Set;

use super::{read_state, write_state};
use crate::Result;
use crate::convert::Table;
use crate::habit::holder_id;

pub(super) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "alerts")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub registry_id: Uuid,
        pub holder: String,
        pub holder_id: Uuid,
        pub customer_id: Option<Uuid>,
        pub kind: String,
        pub aspect: String,
        pub day: i64,
        #[sea_orm(column_type = "Text")]
        pub detail: String,
        pub address: Option<String>,
        pub client: Option<String>,
        pub acknowledged_at: Option<i64>,
        pub actor: Option<String>,
        pub actor_id: Option<Uuid>,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("alerts");

pub(super) fn write(alert: &Alert, registry: RegistryId, of: Holder) -> Result<row::ActiveModel> {
    let (holder, customer) = match of {
        Holder::Key(_) => ("key", None),
        Holder::License { customer, .. } => ("license", customer),
        // What is unusual of those is told of the deployment itself (`subject.rs`).
        Holder::Deployment { .. } => return Err(TABLE.corrupt("holder")),
    };
    let (acknowledged_at, actor, actor_id) = write_state(alert.state);
    let origin = alert.origin.as_ref();
    Ok(row::ActiveModel {
        id: Set(alert.id.uuid()),
        organization_id: Set(alert.organization.uuid()),
        registry_id: Set(registry.uuid()),
        holder: Set(holder.to_owned()),
        holder_id: Set(holder_id(of)),
        customer_id: Set(customer.map(|customer| customer.uuid())),
        kind: Set(alert.finding.kind().to_owned()),
        aspect: Set(alert.finding.aspect().into_owned()),
        day: Set(alert.created_at.day()),
        detail: Set(TABLE.take("detail", serde_json::to_string(&alert.finding))?),
        address: Set(origin.map(|origin| origin.address.ip().to_string())),
        client: Set(origin.map(|origin| origin.client.clone())),
        acknowledged_at: Set(acknowledged_at),
        actor: Set(actor),
        actor_id: Set(actor_id),
        created_at: Set(alert.created_at.unix()),
    })
}

pub(super) fn read(row: row::Model) -> Result<Alert> {
    let holder = match row.holder.as_str() {
        "key" => Holder::Key(row.holder_id.into()),
        "license" => {
            Holder::License { license: row.holder_id.into(), customer: row.customer_id.map(Into::into) }
        }
        _ => return Err(TABLE.corrupt("holder")),
    };
    let finding: Finding = TABLE.take("detail", serde_json::from_str(&row.detail))?;
    let origin = match (row.address, row.client) {
        (Some(address), Some(client)) => {
            Some(Origin { address: TABLE.address("address", &address)?, client })
        }
        (None, None) => None,
        _ => return Err(TABLE.corrupt("client")),
    };
    Ok(Alert {
        id: row.id.into(),
        organization: row.organization_id.into(),
        subject: AlertSubject::Registry { registry: row.registry_id.into(), holder },
        finding,
        origin,
        state: read_state(TABLE, row.acknowledged_at, row.actor, row.actor_id)?,
        created_at: TABLE.time("created_at", row.created_at)?,
    })
}
