//! What everything is called that an event is about, at the moment when it happens.

use keyward_domain::{Actor, AuditEvent, EventNames, MemberId, OrganizationScope, RecordedEvent};
use sea_orm::{ConnectionTrait as _, Statement, Value};
use uuid::Uuid;

use crate::Result;
use crate::connection::Connection;

/// The names, and the maker of the token that acts.
pub(super) async fn of(
    tx: &Connection,
    scope: OrganizationScope,
    event: &AuditEvent,
) -> Result<(EventNames, Option<MemberId>)> {
    let mut names = EventNames::default();
    let mut maker = None;
    match event.actor {
        Actor::Token(id) => {
            if let Some(row) = one(tx, scope, TOKEN, id.uuid()).await? {
                names.actor = row.try_get_by_index(0)?;
                names.maker = row.try_get_by_index(1)?;
                maker = row.try_get_by_index::<Option<Uuid>>(2)?.map(MemberId::from);
            }
        }
        Actor::Member(id) => names.actor = name(tx, scope, MEMBER, id.uuid()).await?,
        Actor::Customer(id) => names.actor = name(tx, scope, CUSTOMER, id.uuid()).await?,
        Actor::CustomerUser(id) => names.actor = name(tx, scope, CUSTOMER_USER, id.uuid()).await?,
        Actor::RegistryKey(id) => names.actor = name(tx, scope, REGISTRY_KEY, id.uuid()).await?,
        Actor::Agent(id) => names.actor = name(tx, scope, AGENT, id.uuid()).await?,
        Actor::Job(job) => names.actor = Some(job.as_str().to_owned()),
        Actor::Link(_) | Actor::Operator | Actor::Server => {}
    }
    names.target = match (event.detail.get("name").and_then(|name| name.as_str()), event.target) {
        (Some(name), _) => Some(name.to_owned()),
        (None, Some(target)) => match named_by(event.action.noun()) {
            Some(sql) => name(tx, scope, sql, target).await?,
            None => None,
        },
        (None, None) => None,
    };
    names.target = names.target.or_else(|| RecordedEvent::named_in(&event.detail));
    Ok((names, maker))
}

const TOKEN: &str = "SELECT tokens.name, COALESCE(members.name, tokens.maker_name), tokens.maker_id
    FROM management_tokens AS tokens LEFT JOIN members ON members.id = tokens.maker_id
    WHERE tokens.organization_id = $1 AND tokens.id = $2";
const MEMBER: &str = "SELECT name FROM members WHERE organization_id = $1 AND id = $2";
const CUSTOMER: &str = "SELECT name FROM customers WHERE organization_id = $1 AND id = $2";
const CUSTOMER_USER: &str = "SELECT name FROM customer_users WHERE organization_id = $1 AND id = $2";
const AGENT: &str = "SELECT name FROM deployment_targets WHERE organization_id = $1 AND agent_id = $2";
const REGISTRY_KEY: &str = "SELECT name FROM registry_keys WHERE organization_id = $1 AND id = $2";

/// Where things of a kind have their names; `None` of those that have none, or whose events tell it.
fn named_by(noun: &str) -> Option<&'static str> {
    Some(match noun {
        "organization" => "SELECT name FROM organizations WHERE id = $1 AND id = $2",
        "member" => MEMBER,
        "customer" => CUSTOMER,
        "customer_user" => CUSTOMER_USER,
        "registry_key" => REGISTRY_KEY,
        "token" => "SELECT name FROM management_tokens WHERE organization_id = $1 AND id = $2",
        "product" => "SELECT name FROM products WHERE organization_id = $1 AND id = $2",
        "license" => "SELECT name FROM licenses WHERE organization_id = $1 AND id = $2",
        "registry" => "SELECT name FROM registries WHERE organization_id = $1 AND id = $2",
        "application" => "SELECT name FROM applications WHERE organization_id = $1 AND id = $2",
        "application_version" => {
            "SELECT name FROM application_versions WHERE organization_id = $1 AND id = $2"
        }
        "artifact" => "SELECT repository FROM artifacts WHERE organization_id = $1 AND id = $2",
        "onboarding_link" => {
            "SELECT licenses.name FROM links JOIN licenses ON licenses.id = links.target
                WHERE links.organization_id = $1 AND links.id = $2"
        }
        "deployment_target" => "SELECT name FROM deployment_targets WHERE organization_id = $1 AND id = $2",
        "deployment" => "SELECT name FROM deployments WHERE organization_id = $1 AND id = $2",
        "webhook" => "SELECT url FROM webhooks WHERE organization_id = $1 AND id = $2",
        "audit_sink" => "SELECT name FROM audit_sinks WHERE organization_id = $1 AND id = $2",
        "bucket_alert" => {
            "SELECT products.name FROM bucket_alerts JOIN products ON products.id = bucket_alerts.product_id
                WHERE bucket_alerts.organization_id = $1 AND bucket_alerts.id = $2"
        }
        "artifact_entitlement" => {
            "SELECT customers.name FROM artifact_entitlements AS entitled
                JOIN customers ON customers.id = entitled.customer_id
                WHERE entitled.organization_id = $1 AND entitled.id = $2"
        }
        _ => return None,
    })
}

async fn name(tx: &Connection, scope: OrganizationScope, sql: &str, id: Uuid) -> Result<Option<String>> {
    let found = one(tx, scope, sql, id).await?;
    Ok(found.map(|row| row.try_get_by_index(0)).transpose()?)
}

async fn one(
    tx: &Connection,
    scope: OrganizationScope,
    sql: &str,
    id: Uuid,
) -> Result<Option<sea_orm::QueryResult>> {
    let values: [Value; 2] = [scope.id().uuid().into(), id.into()];
    let backend = tx.get_database_backend();
    Ok(tx.query_one_raw(Statement::from_sql_and_values(backend, sql, values)).await?)
}
