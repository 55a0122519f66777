//! What belongs to another organization is not there, whatever asks for it by its id.

use keyward_domain::registry::{Artifact, ArtifactPolicy};
use keyward_domain::{Customer, PageRequest};
use keyward_engine::{
    EntitlementChange, Error, EventFilter, NewArtifact, NewEntitlement, NewGrant, RegistryChange, Resource,
    TagChoice,
};
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{engine, new_registry_key};

use super::{Depot, missing, repository, tag};

#[database_test]
async fn what_belongs_to_others_is_not_there(store: Store) {
    let (engine, _) = engine(store);
    let (acme, other) = (Depot::open(&engine, "Acme").await, Depot::open(&engine, "Other").await);
    let (buyer, theirs) = (acme.vendor.customer("Buyer").await, other.vendor.customer("Theirs").await);
    let (key, (_, token)) = (other.key(None).await.unwrap(), other.license("Server", &theirs).await);
    let (artifact, entitlement) = (other.artifact().await, other.entitle(&theirs, true).await.unwrap());
    let (id, first) = (other.registry.id, PageRequest::default());
    macro_rules! access {
        () => {
            &acme.vendor.access()
        };
    }

    missing(Resource::Registry, engine.registry(access!(), id).await);
    let change = RegistryChange { direct: Some(true), ..RegistryChange::default() };
    missing(Resource::Registry, engine.update_registry(access!(), id, change, None).await);
    missing(Resource::Registry, engine.delete_registry(access!(), id, None).await);
    missing(Resource::Registry, engine.sweep_registry(access!(), id).await);
    let change = RegistryChange { host: Some(other.registry.host.clone()), ..RegistryChange::default() };
    let taken = engine.update_registry(access!(), acme.registry.id, change, None).await;
    assert!(matches!(taken, Err(Error::Taken { resource: Resource::Registry, field: "host" })));

    let new = new_registry_key(&other.registry);
    missing(Resource::Registry, engine.create_registry_key(access!(), new, None).await);
    missing(Resource::RegistryKey, engine.registry_key(access!(), key.key.id).await);
    missing(Resource::RegistryKey, acme.rotate(key.key.id, 60).await);
    missing(Resource::RegistryKey, engine.revoke_registry_key(access!(), key.key.id).await);
    assert!(engine.registry_keys(access!(), Some(id), first).await.unwrap().newest().is_empty());

    let new = NewArtifact { registry: id, repository: repository() };
    missing(Resource::Registry, engine.create_artifact(access!(), new, None).await);
    missing(Resource::Artifact, engine.artifact(access!(), artifact.id).await);
    missing(Resource::Artifact, engine.artifact_tags(access!(), artifact.id).await);
    missing(Resource::Artifact, engine.tag_history(access!(), artifact.id, &tag("1.0")).await);
    assert!(engine.artifacts(access!(), Some(id), None, first).await.unwrap().newest().is_empty());
    let events = EventFilter { registry: Some(id), ..EventFilter::default() };
    assert!(engine.registry_events(access!(), events, first).await.unwrap().newest().is_empty());

    let grants = |artifact: &Artifact| vec![NewGrant { artifact: artifact.id, tags: TagChoice::All }];
    let new = |customer: &Customer, artifact: &Artifact| NewEntitlement {
        customer: customer.id,
        description: None,
        grants: grants(artifact),
        close: true,
    };
    let own = acme.artifact().await;
    let wrong = new(&theirs, &own);
    missing(Resource::Customer, engine.preview_artifact_entitlement(access!(), &wrong).await);
    missing(Resource::Customer, engine.create_artifact_entitlement(access!(), wrong, None).await);
    let wrong = new(&buyer, &artifact);
    let not_found =
        |error: &Error| matches!(error, Error::Invalid(faults) if faults[0].invalid.code == "not_found");
    let refused = engine.preview_artifact_entitlement(access!(), &wrong).await.unwrap_err();
    assert!(not_found(&refused), "{refused}");
    let refused = engine.create_artifact_entitlement(access!(), wrong, None).await.unwrap_err();
    assert!(not_found(&refused), "{refused}");
    let policy = engine.artifact_policy(access!()).await.unwrap();
    assert_eq!(policy, ArtifactPolicy::OpenUntilFirst, "what is refused closes nothing");
    let held = acme.entitle(&buyer, true).await.unwrap();
    let change = EntitlementChange { grants: Some(grants(&artifact)), ..EntitlementChange::default() };
    let refused = engine.update_artifact_entitlement(access!(), held.id, change.clone(), None).await;
    assert!(not_found(&refused.unwrap_err()));
    let thing = Resource::ArtifactEntitlement;
    missing(thing, engine.artifact_entitlement(access!(), entitlement.id).await);
    missing(thing, engine.update_artifact_entitlement(access!(), entitlement.id, change, None).await);
    missing(thing, engine.delete_artifact_entitlement(access!(), entitlement.id, None).await);
    let listed = engine.artifact_entitlements(access!(), Some(theirs.id), first).await.unwrap();
    assert!(listed.newest().is_empty());

    assert!(acme.rights(key.secret.expose()).await.is_none());
    assert!(acme.rights(&token).await.is_none());
    assert!(other.opens(&key).await);
    assert_eq!(other.pulls(&token, "1.0").await, "true");
    let kept = engine.artifact_entitlement(&other.vendor.access(), entitlement.id).await.unwrap();
    assert_eq!(kept, entitlement);
}
