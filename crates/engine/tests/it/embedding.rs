//! What a service of somebody else's does with an engine: makes it, has its background work done, and stops.

use std::sync::Arc;

use keyward_domain::permission::WriteLicenses;
use keyward_domain::{LicenseFilter, PageRequest, Secret, SecretKind};
use keyward_engine::jobs::{Mails, Undelivered};
use keyward_engine::{
    Background, Engine, Issuer, Mail, MasterKey, NewMember, NewOrganization, StartError, TokenFormat,
};
use keyward_testkit::database::Store;
use keyward_testkit::engine::{engine, new_license};
use keyward_testkit::{Vendor, database_test};

fn issuer() -> Issuer {
    Issuer::parse("https://licenses.example").unwrap()
}

fn key(byte: u8) -> MasterKey {
    MasterKey::from_bytes([byte; 32])
}

fn acme() -> NewOrganization {
    NewOrganization {
        name: "Acme".parse().unwrap(),
        owner_email: "owner@vendor.example".parse().unwrap(),
        owner_name: None,
        slug: None,
    }
}

#[database_test]
async fn another_master_key_is_refused_at_the_start(store: Store) {
    assert!(!Engine::prepare(&store).await.unwrap(), "no master key yet");
    let first = Engine::builder(store.clone(), key(1), issuer()).build().await.unwrap();
    assert!(Engine::prepare(&store).await.unwrap());
    first.bootstrap(acme(), true).await.unwrap();
    let wrong = || Engine::builder(store.clone(), key(2), issuer());
    assert!(matches!(wrong().build().await, Err(StartError::WrongMasterKey)));
    assert!(matches!(wrong().build_unchanged().await, Err(StartError::WrongMasterKey)));
    let again = Engine::builder(store.clone(), key(1), issuer()).build().await.unwrap();
    assert_eq!(again.open_all_signing_keys().await.unwrap(), 1);
}

/// Of an engine that was put together by hand there is no fingerprint.
#[database_test]
async fn another_master_key_is_refused_by_the_keys_that_it_does_not_open(store: Store) {
    let (by_hand, _) = engine(store.clone());
    by_hand.bootstrap(acme(), true).await.unwrap();
    let wrong = Engine::builder(store.clone(), key(2), issuer()).build().await;
    assert!(matches!(wrong, Err(StartError::WrongMasterKey)));
    Engine::builder(store, key(7), issuer()).build().await.unwrap();
}

#[database_test]
async fn two_first_starts_with_different_keys_leave_one(store: Store) {
    let start = |byte| Engine::builder(store.clone(), key(byte), issuer()).build();
    let (one, other) = tokio::join!(start(1), start(2));
    let refused = [one, other].into_iter().filter(Result::is_err).count();
    assert!(refused >= 1, "both keys were taken");
    let (one, other) = tokio::join!(start(1), start(2));
    assert_eq!([one, other].into_iter().filter(Result::is_ok).count(), 1);
}

#[test]
fn an_engine_can_be_made_before_the_runtime_that_it_works_in() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("k.db").display());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let store = runtime.block_on(async {
        let store = Store::connect(&url).await.unwrap();
        store.migrate().await.unwrap();
        store
    });
    let engine = Arc::new(Engine::builder(store, key(1), issuer()).assemble());
    runtime.block_on(async {
        let vendor = Vendor::found(&engine, "Acme").await;
        let license = vendor.license("Pro", "{}").await;
        engine.license_token(&vendor.access(), license.id, TokenFormat::Jwt).await.unwrap();
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn background_work_is_done_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::connect(&format!("sqlite://{}", folder.path().join("k.db").display())).await.unwrap();
    let engine = Arc::new(Engine::builder(store, key(1), issuer()).build().await.unwrap());
    let vendor = Vendor::found(&engine, "Acme").await;
    let (handed, mut mails) = tokio::sync::mpsc::unbounded_channel();
    let background = Background::start(Arc::clone(&engine), |background| {
        background.job(Mails::new(async move |mail: &Mail| {
            handed.send(mail.subject.clone()).map_err(|error| Undelivered::for_now(error.to_string()))
        }))
    });
    let new = NewMember {
        email: "new@vendor.example".parse().unwrap(),
        name: "New".parse().unwrap(),
        role: keyward_domain::Role::Viewer,
    };
    engine.invite_member(&vendor.access(), new).await.unwrap();
    assert!(mails.recv().await.is_some());
    tokio::time::timeout(std::time::Duration::from_secs(5), background.unwrap().stop()).await.unwrap();
    assert_eq!(mails.recv().await, None, "the job is gone");
    let jobs: Vec<_> = engine.job_statuses().await.unwrap().into_iter().map(|job| job.name).collect();
    for job in ["bucket_alerts", "deletions", "key_rotation", "mail", "notices", "retention"] {
        assert!(jobs.iter().any(|name| name == job), "{job} had no turn: {jobs:?}");
    }
}

#[test]
fn background_work_needs_a_runtime() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("k.db").display());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = runtime.block_on(Store::connect(&url)).unwrap();
    let engine = Arc::new(Engine::builder(store, key(1), issuer()).assemble());
    assert!(Background::start(engine, |background| background).is_err());
}

/// Handlers of axum, and tasks, are sent between threads.
#[database_test]
async fn use_cases_can_be_awaited_in_tasks_that_are_sent_between_threads(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let secret = Secret::parse(SecretKind::Management, vendor.founded.secret.expose()).unwrap();
    let task = tokio::spawn(async move {
        let access = engine.authenticate(&secret).await?.unwrap().access::<WriteLicenses>()?;
        let new = new_license("Pro", "{}");
        let made = engine
            .carry_out(async move |engine| {
                let made = engine.create_license(&access, new, None);
                engine.with_own_rows(|_, _| Box::pin(async { Ok(()) }), made).await
            })
            .await?
            .value;
        let access = vendor.access();
        let page = engine.licenses(&access, &LicenseFilter::default(), PageRequest::default()).await?;
        let token = engine.license_token(&access, made.id, TokenFormat::Jwt).await?;
        engine.jwks(&vendor.founded.organization.slug).await?;
        Ok::<_, keyward_engine::Error>((page.newest().len(), token.matches('.').count()))
    });
    assert_eq!(task.await.unwrap().unwrap(), (1, 2));
}
