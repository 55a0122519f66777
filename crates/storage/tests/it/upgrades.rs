//! Databases of released versions, kept in `tests/fixtures`, are upgraded to what this program knows.

use std::path::{Path, PathBuf};

use keyward_domain::application_entitlement::Granted;
use keyward_domain::files::{Chart, Files, FilesDraft};
use keyward_domain::{
    Application, ApplicationKind, ApplicationVersionId, CustomerRole, License, LicenseId, LicenseState,
    Organization, OrganizationState, PageRequest, Plan, SecretHash,
};
use keyward_storage::{Schema, Store, Technical};
use keyward_testkit::database::FreshPostgres;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use uuid::Uuid;

use crate::dump;
use crate::fixtures::*;

/// Rows of the vendor that are not made by this crate's own functions. `$` and a word is an id; `$B` is bytes.
const ROWS: &[&str] = &[
    "INSERT INTO product_usage (product_id, day, used, answers) VALUES ($product, 20454, 3, '{}')",
    "INSERT INTO license_addresses VALUES ($license, '192.0.2.1', 100, 200)",
    "INSERT INTO idempotency_keys (organization_id, key, fingerprint, resource, created_at) VALUES ($vendor, 'once', $B, $license, 100)",
    "INSERT INTO sessions (id, organization_id, holder, holder_id, hash, address, user_agent, created_at, last_seen_at, expires_at) VALUES ($session, $vendor, 'member', $member, $B, '192.0.2.1', 'Firefox', 100, 200, 900)",
    "INSERT INTO shown_once (session_id, page, organization_id, sealed, expires_at) VALUES ($session, '/keys', $vendor, $B, 900)",
    "INSERT INTO departures (state, organization_id, browser, expires_at) VALUES ($B, $vendor, $B, 900)",
    "INSERT INTO links (id, organization_id, purpose, target, hash, mailed, created_at, expires_at) VALUES ($link, $vendor, 'onboarding', $license, $B, TRUE, 100, 900)",
    "INSERT INTO mails (id, organization_id, recipient, subject, body, sealed, created_at, due_at, attempts) VALUES ($mail, $vendor, 'member-1@vendor.example', 'Welcome', '', $B, 100, 100, 0)",
    "INSERT INTO mail_counts (organization_id, kind, recipient, since, used) VALUES ($vendor, 'notices', $B, 100, 1)",
    "INSERT INTO sign_in_providers (organization_id, issuer, client_id, client_secret, exclusive, created_at, updated_at, version) VALUES ($vendor, 'https://id.vendor.example', 'keyward', $B, FALSE, 100, 100, 1)",
    "INSERT INTO sign_in_attempts (account, since, strangers, codes, waiting_until, sources) VALUES ($B, 100, 1, 0, 0, '[]')",
    "INSERT INTO upstream_endpoints VALUES ('upstream.example:443')",
    "INSERT INTO registries (id, organization_id, name, host, upstream, credential, service, pass_redirects, direct, certificate, sealed_key, created_at, updated_at, version) VALUES ($registry, $vendor, 'Images', 'images.vendor.example', 'https://upstream.example', 'token', 'images.vendor.example', FALSE, FALSE, $B, $B, 100, 100, 1)",
    "INSERT INTO upstream_claims VALUES ($registry, 'upstream.example:443')",
    "INSERT INTO registry_notifications (registry_id, organization_id, hash, hint, created_at) VALUES ($registry, $vendor, $B, 'abcd', 100)",
    "INSERT INTO registry_hints (id, registry_id, repository, tag, noted_at, due_at) VALUES ($hint, $registry, 'acme/app', '', 100, 100)",
    "INSERT INTO registry_keys (id, organization_id, registry_id, name, living_name, owner, access, hash, hint, secret_created_at, every_days, overlap_days, next_step_at, lives_since, expires_at, notified_end, notified_days, created_at) VALUES ($key, $vendor, $registry, 'ci', 'ci', 'Ops', 'read_write', $B, 'abcd', 100, 30, 7, 500, 100, 9000000, 9000000, 30, 100)",
    "INSERT INTO registry_events (id, organization_id, registry_id, key_id, operation, decision, repository, reference, bytes, address, client, at) VALUES ($event, $vendor, $registry, $key, 'pull', 'allowed', 'acme/app', '1.0', 7, '192.0.2.1', 'docker', 300)",
    "INSERT INTO registry_hours (holder_id, operation, hour, times) VALUES ($key, 'pull', 0, 1)",
    "INSERT INTO registry_networks (key_id, network, known_from, last_at) VALUES ($key, '192.0.2.0/24', 100, 300)",
    "INSERT INTO alerts (id, organization_id, registry_id, holder, holder_id, kind, aspect, day, detail, created_at) VALUES ($alert, $vendor, $registry, 'key', $key, 'many_refusals', '', 0, '{\"kind\":\"many_refusals\",\"count\":50}', 300)",
    "INSERT INTO artifacts (id, organization_id, registry_id, repository, created_at) VALUES ($artifact, $vendor, $registry, 'acme/app', 100)",
    "INSERT INTO artifact_tags (id, artifact_id, tag, digest, since) VALUES ($tag, $artifact, '1.0', $D, 100)",
    "INSERT INTO artifact_manifests (artifact_id, digest, media_type, size, total) VALUES ($artifact, $D, 'application/vnd.oci.image.manifest.v1+json', 500, 9000)",
    "INSERT INTO artifact_edges (artifact_id, child, parent, kind, size) VALUES ($artifact, $D, $D, 'config', 7)",
    "INSERT INTO artifact_policies VALUES ($vendor, 'entitled_only')",
    "INSERT INTO artifact_entitlements (id, organization_id, customer_id, grants, created_at, updated_at, version) VALUES ($grant, $vendor, $customer, '[]', 100, 100, 1)",
    "INSERT INTO jobs (name, period, due_at, done, failures, put_off) VALUES ('mail', 1, 100, 5, 0, FALSE)",
    "INSERT INTO deletions (organization_id, slug, requested_at, due_at) VALUES ($deleted, 'gone', 100, 900)",
    "UPDATE keyward_migrations SET applied_at = 0",
];

/// What has its id from its place here.
const NAMES: [&str; 12] = [
    "session", "link", "mail", "registry", "hint", "key", "event", "alert", "artifact", "tag", "grant",
    "deleted",
];

pub fn of_version(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(version)
}

fn compose() -> Files {
    let draft = FilesDraft { compose: Some("services: {}\n".parse().unwrap()), ..FilesDraft::default() };
    Files::new(ApplicationKind::Compose, draft).unwrap()
}

/// What is not made by [`ROWS`], and the ids of those that they refer to.
async fn vendor(store: &Store) -> Vec<(&'static str, Uuid)> {
    let vendor = Organization { state: OrganizationState::Active, plan: Plan::Enterprise, ..organization(1) };
    let scope = vendor.scope();
    let tx = store.write().await.unwrap();
    tx.organizations().insert(&vendor).await.unwrap();
    tx.signing_keys(scope).insert(&signing_key(&vendor, 1)).await.unwrap();
    let (member, buyer, product) = (member(&vendor, 1), customer(&vendor, 1), product(&vendor, 1));
    tx.members(scope).insert(&member).await.unwrap();
    tx.tokens(scope).insert(&token(&vendor, 1)).await.unwrap();
    tx.customers(scope).insert(&buyer).await.unwrap();
    tx.products(scope).insert(&product).await.unwrap();
    let license = License { customer: Some(buyer.id), product: Some(product.id), ..license(&vendor, 1) };
    tx.licenses(scope).insert(&license).await.unwrap();
    let deployed = Application { kind: ApplicationKind::Compose, ..application(&vendor, 1) };
    let deployed_version = version(&deployed, 1, "1.0.0");
    tx.applications(scope).insert(&deployed).await.unwrap();
    tx.application_versions(scope).insert(&deployed_version, &compose()).await.unwrap();
    let charted = application(&vendor, 2);
    let chart = Chart { url: "https://charts.example".into(), name: Some("x".into()), version: "1".into() };
    let helm = FilesDraft { chart: Some(chart), ..FilesDraft::default() };
    let helm = Files::new(ApplicationKind::Helm, helm).unwrap();
    tx.applications(scope).insert(&charted).await.unwrap();
    tx.application_versions(scope).insert(&version(&charted, 2, "1.0.0"), &helm).await.unwrap();
    let granted = entitlement(&buyer, &deployed, 1, Granted::Named([deployed_version.id].into()));
    tx.application_entitlements(scope).insert(&granted).await.unwrap();
    tx.changes(vendor.id).note(license.id.uuid(), Uuid::from_u128(7)).await.unwrap();
    tx.audit(scope).record(&event(&vendor, 1), [9; 16]).await.unwrap();
    tx.commit_unrecorded(Technical::Seed).await.unwrap();
    vec![
        ("vendor", vendor.id.uuid()),
        ("member", member.id.uuid()),
        ("customer", buyer.id.uuid()),
        ("product", product.id.uuid()),
        ("license", license.id.uuid()),
    ]
}

/// [`ROWS`] as one of the databases reads them.
fn rows(known: &[(&str, Uuid)], write: impl Fn(&str, bool) -> String) -> Vec<String> {
    let made = NAMES.iter().enumerate().map(|(n, name)| (*name, Uuid::from_u128(n as u128 + 1)));
    let ids: Vec<(&str, Uuid)> = known.iter().copied().chain(made).collect();
    let fill = |row: &&str| {
        let row = row.replace("$B", &write(&"11".repeat(32), true));
        let row = row.replace("$D", &format!("'sha256:{}'", "a".repeat(64)));
        ids.iter().fold(row, |row, (name, id)| {
            row.replace(&format!("${name}"), &write(&id.simple().to_string(), false))
        })
    };
    ROWS.iter().map(fill).collect()
}

/// Makes the databases of this version anew, to be kept once it is released.
#[tokio::test]
#[ignore = "writes tests/fixtures"]
async fn keep_the_databases_of_this_version() {
    let place = of_version(env!("CARGO_PKG_VERSION"));
    std::fs::create_dir_all(&place).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", dir.path().join("k.db").display());
    let store = Store::connect(&url).await.unwrap();
    store.migrate().await.unwrap();
    let known = vendor(&store).await;
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    for row in rows(&known, |hex, _| format!("x'{hex}'")) {
        connection.execute(AssertSqlSafe(row)).await.unwrap();
    }
    let kept = place.join("keyward.db");
    let _ = std::fs::remove_file(&kept);
    // In small pages, of which most tables need one.
    let copy = format!("PRAGMA page_size = 512; VACUUM INTO '{}'", kept.display());
    connection.execute(AssertSqlSafe(copy)).await.unwrap();

    let (database, store) = FreshPostgres::migrated().await.unwrap();
    let known = vendor(&store).await;
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    for row in rows(&known, |hex, bytes| if bytes { format!("'\\x{hex}'") } else { format!("'{hex}'") }) {
        connection.execute(AssertSqlSafe(row)).await.unwrap();
    }
    std::fs::write(place.join("keyward.sql"), dump::postgres(&mut connection).await).unwrap();
    database.drop().await;
}

fn released() -> Vec<PathBuf> {
    let versions = std::fs::read_dir(of_version("")).unwrap();
    let versions: Vec<PathBuf> = versions.map(|version| version.unwrap().path()).collect();
    assert!(!versions.is_empty(), "no version is kept");
    versions
}

/// Upgrades a database and reads of each of its areas.
async fn is_upgraded(url: &str) {
    let store = Store::connect(url).await.unwrap();
    assert!(!matches!(store.schema().await.unwrap(), Schema::Newer { .. }));
    store.migrate().await.unwrap();
    assert_eq!(store.schema().await.unwrap(), Schema::Current);
    assert_eq!(store.integrity().await.unwrap(), Vec::<String>::new());
    let tx = store.read().await.unwrap();
    let vendor = tx.organizations().by_slug(&"vendor-1".parse().unwrap()).await.unwrap().unwrap();
    let (scope, page) = (vendor.scope(), PageRequest::default());
    assert_eq!(tx.members(scope).list(page).await.unwrap().newest().len(), 1);
    assert_eq!(tx.tokens(scope).list(page).await.unwrap().newest()[0].name.as_str(), "CI");
    let customers = tx.customers(scope).list(Some("CUSTOMER 1"), page).await.unwrap().newest();
    let license = tx.licenses(scope).find(nth(LicenseId::new, 1)).await.unwrap().unwrap();
    assert_eq!(license.customer, Some(customers[0].id));
    assert_eq!((license.state, license.revision.number), (LicenseState::Active, 1));
    assert!(license.revision.payload.as_str().contains("123456789012345678901234567890"));
    let product = tx.products(scope).find(license.product.unwrap()).await.unwrap().unwrap();
    assert_eq!((product.slug.as_str(), product.settings.ip_ttl_hours), ("product-1", Some(48)));
    assert_eq!(tx.usage(product.id).list(20454, 20454).await.unwrap()[0].used, 3);
    assert_eq!(tx.addresses(license.id).list().await.unwrap().len(), 1);
    assert_eq!(tx.audit(scope).list(&Default::default(), page).await.unwrap().newest().len(), 1);
    let version =
        tx.application_versions(scope).by_id(nth(ApplicationVersionId::new, 1)).await.unwrap().unwrap();
    assert_eq!(tx.application_versions(scope).files(&version).await.unwrap(), compose());
    assert_eq!(tx.application_entitlements(scope).of_customer(customers[0].id).await.unwrap().len(), 1);
    let users = tx.customer_users(scope).list(customers[0].id, page).await.unwrap().newest();
    let [user] = <[_; 1]>::try_from(users).unwrap();
    assert_eq!((&user.email, user.role), (&customers[0].email, CustomerRole::Admin), "the address is a user");
    assert_eq!(user.joined_at, Some(customers[0].created_at));
    assert_eq!(
        user.id.uuid().as_bytes()[..6],
        customers[0].id.uuid().as_bytes()[..6],
        "as old as the customer"
    );
    let key = tx.registry_key_by_hash(&SecretHash::from_bytes([0x11; 32])).await.unwrap().unwrap();
    assert_eq!((key.name.as_str(), key.rotation.is_some()), ("ci", true));
    let registry = tx.registries(scope).find(key.registry).await.unwrap().unwrap();
    assert_eq!(registry.host.as_str(), "images.vendor.example");
    let events = tx.registry_events(scope).list(Default::default(), page).await.unwrap().newest();
    assert_eq!(events[0].repository.as_str(), "acme/app");
    assert_eq!(tx.alerts(scope).list(Default::default(), page).await.unwrap().newest().len(), 1);
    assert_eq!(tx.artifacts(scope).of_registry(key.registry).await.unwrap().len(), 1);
    assert_eq!(tx.artifact_entitlements(scope).of_customer(customers[0].id).await.unwrap().len(), 1);
    assert!(tx.providers(scope).find().await.unwrap().is_some());
}

/// The tables are then those of a new database: no migration that was released was edited.
#[tokio::test]
async fn databases_of_sqlite_are_upgraded() {
    let dir = tempfile::tempdir().unwrap();
    let url = |name: &str| format!("sqlite://{}", dir.path().join(name).display());
    Store::connect(&url("new.db")).await.unwrap().migrate().await.unwrap();
    let new = dump::sqlite_schema(&mut SqliteConnection::connect(&url("new.db")).await.unwrap()).await;
    for version in released() {
        std::fs::copy(version.join("keyward.db"), dir.path().join("old.db")).unwrap();
        is_upgraded(&url("old.db")).await;
        let mut connection = SqliteConnection::connect(&url("old.db")).await.unwrap();
        // 0.1.0 had its migrations there; it stays for servers of 0.1.0.
        connection.execute("DROP TABLE IF EXISTS seaql_migrations").await.unwrap();
        let old = dump::sqlite_schema(&mut connection).await;
        assert!(old == new, "{version:?}");
        std::fs::remove_file(dir.path().join("old.db")).unwrap();
    }
}

/// The same.
#[tokio::test]
async fn databases_of_postgres_are_upgraded() {
    let Some((fresh, _)) = FreshPostgres::migrated().await else { return };
    let new = dump::postgres_schema(&mut PgConnection::connect(&fresh.url).await.unwrap()).await;
    for version in released() {
        let database = FreshPostgres::create().await.unwrap();
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        let kept = std::fs::read_to_string(version.join("keyward.sql")).unwrap();
        sqlx::raw_sql(AssertSqlSafe(kept)).execute(&mut connection).await.unwrap();
        is_upgraded(&database.url).await;
        connection.execute("DROP TABLE IF EXISTS seaql_migrations").await.unwrap();
        assert!(dump::postgres_schema(&mut connection).await == new, "{version:?}");
        database.drop().await;
    }
    fresh.drop().await;
}
