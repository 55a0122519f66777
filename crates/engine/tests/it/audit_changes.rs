//! What the audit log tells of a change: what was, and what is, without secrets.

use keyward_domain::{AuditFilter, PageRequest};
use keyward_engine::{EntitlementChange, NewArtifact, NewEntitlement, NewGrant, TagChoice};
use keyward_testkit::database::Store;
use keyward_testkit::engine::engine;
use keyward_testkit::{Vendor, database_test};
use serde_json::{Value, json};
use uuid::Uuid;

/// Of each change of a thing, the oldest first, what the log tells to have changed.
pub(crate) async fn changes(vendor: &Vendor, target: Uuid) -> Vec<Value> {
    let filter = AuditFilter { target: Some(target), ..AuditFilter::default() };
    let page = PageRequest { limit: 200, after: None };
    let log = vendor.engine.audit_events(&vendor.access(), &filter, page).await.unwrap().newest();
    log.into_iter().rev().filter_map(|event| event.detail.get("changes").cloned()).collect()
}

#[database_test]
async fn grants_of_artifacts_are_told_by_name(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let registry = vendor.registry("Releases").await;
    let buyer = vendor.customer("Buyer").await;
    let artifact = async |name: &str| {
        let new = NewArtifact { registry: registry.id, repository: name.parse().unwrap() };
        engine.create_artifact(&vendor.access(), new, None).await.unwrap().value.id
    };
    let (app, web, docs) =
        (artifact("acme/app").await, artifact("acme/web").await, artifact("acme/docs").await);
    let tags = |count: usize| {
        TagChoice::Named((0..count).map(|number| format!("1.{number:02}").parse().unwrap()).collect())
    };
    let grants =
        vec![NewGrant { artifact: app, tags: tags(2) }, NewGrant { artifact: docs, tags: TagChoice::All }];
    let new = NewEntitlement { customer: buyer.id, description: None, grants, close: true };
    let made = engine.create_artifact_entitlement(&vendor.access(), new, None).await.unwrap().value;
    let update = async |change: EntitlementChange| {
        engine.update_artifact_entitlement(&vendor.access(), made.id, change, None).await.unwrap();
    };
    let grants = vec![
        NewGrant { artifact: docs, tags: TagChoice::Same },
        NewGrant { artifact: app, tags: TagChoice::All },
        NewGrant { artifact: web, tags: tags(22) },
    ];
    update(EntitlementChange { grants: Some(grants), ..EntitlementChange::default() }).await;
    let description = Some(Some("until the merger".parse().unwrap()));
    update(EntitlementChange { description, ..EntitlementChange::default() }).await;
    let twenty: Vec<_> = (0..20).map(|number| format!("1.{number:02}")).collect();
    let granted = json!({"grants": {
        "from": ["acme/app: 1.00, 1.01"],
        "to": ["acme/app: all tags", format!("acme/web: {}, and 2 more", twenty.join(", "))],
    }});
    let told = changes(&vendor, made.id.uuid()).await;
    assert_eq!(told, [granted, json!({"description": {}})]);
}
