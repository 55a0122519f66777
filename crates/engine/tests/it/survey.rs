//! How the installation stands, as its operator is told.

use keyward_domain::permission::Operate;
use keyward_engine::survey::FindingCode;
use keyward_storage::{Store, Technical, Waiting};
use keyward_testkit::engine::engine;
use keyward_testkit::{Vendor, database_test};

use crate::webhooks::{product, webhook};

#[database_test]
async fn what_waits_and_what_stands_badly_is_found(store: Store) {
    let (engine, clock) = engine(store.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    let began = engine.now();
    let backlog = engine.survey().await.backlog.clone().unwrap();
    assert_eq!((backlog.mails, backlog.deliveries), (Waiting::default(), Waiting::default()));
    assert_eq!((backlog.organizations_without_key, backlog.old_keys), (0, 0));
    assert_eq!(backlog.oldest_key_since, Some(began));

    // A message, which nobody delivers, and a mail.
    let hook = webhook(&vendor, "http://127.0.0.1:9/", &["product.*"]).await.webhook;
    product(&vendor, "Server").await;
    clock.advance(60);
    let tx = store.write().await.unwrap();
    tx.jobs().begin("mail", 60, began).await.unwrap();
    tx.commit_unrecorded(Technical::Seed).await.unwrap();
    let read = async || store.read().await.unwrap().backlog(engine.now()).await.unwrap();
    let backlog = read().await;
    assert_eq!(backlog.deliveries, Waiting { entries: 1, oldest_at: Some(began) });
    assert_eq!((backlog.endpoints_working, backlog.endpoints_failing), (1, 0));
    assert_eq!(backlog.old_keys, 1, "active since before now");

    // Its endpoint fails: then it waits for that.
    let tx = store.write().await.unwrap();
    let mut failed = tx.webhooks(hook.scope()).lock(hook.id).await.unwrap().unwrap();
    failed.health = failed.health.after(false, engine.now());
    tx.webhooks(hook.scope()).note_health(&failed, engine.now()).await.unwrap();
    tx.commit_unrecorded(Technical::Seed).await.unwrap();
    let backlog = read().await;
    assert_eq!((backlog.deliveries.entries, backlog.failing_deliveries.entries), (0, 1));
    assert_eq!(backlog.failing_deliveries.oldest_at, Some(began));
    assert_eq!((backlog.endpoints_working, backlog.endpoints_failing), (0, 1));

    let registry = vendor.registry("r").await;
    engine.registry_swept(&registry, engine.now(), Some("connection refused")).await.unwrap();
    let backlog = read().await;
    assert_eq!((backlog.upstreams_answering, backlog.upstreams_silent, backlog.upstreams_unseen), (0, 1, 0));
    assert_eq!(backlog.silent[0].fault, "connection refused");
    assert_eq!(backlog.silent[0].host, registry.host.as_str());
    engine.registry_swept(&registry, engine.now(), None).await.unwrap();
    assert_eq!(read().await.upstreams_answering, 1);
}

#[database_test]
async fn the_operator_is_told_in_words(store: Store) {
    let (engine, clock) = engine(store.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    let tx = store.write().await.unwrap();
    tx.jobs().begin("notices", 600, engine.now()).await.unwrap();
    tx.commit_unrecorded(Technical::Seed).await.unwrap();
    clock.advance(4_000);
    let (survey, load, findings) = engine.system(&vendor.access::<Operate>()).await;
    assert_eq!(survey.jobs.len(), 1);
    assert!(load.pools.iter().all(|pool| pool.open <= pool.most && pool.idle <= pool.open), "{load:?}");
    // The test's clock is not the database's, and the machine's disk may be full.
    let late = findings.iter().find(|finding| finding.code == FindingCode::JobLate).unwrap();
    assert_eq!(late.subject.as_deref(), Some("notices"));
    assert!(late.message.contains("it has never run"), "{late:?}");
    assert!(engine.survey().await.at == survey.at, "it is read every few seconds");
}
