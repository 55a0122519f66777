//! What licenses are used for.

use futures_util::future::join_all;
use keyward_domain::product::AddressMode;
use keyward_domain::registry::{Decision, Holder, Operation};
use keyward_domain::validation::Status;
use keyward_domain::{Address, CustomerId, LicenseId, PageRequest};
use keyward_engine::validation::{Inquiry, Reply};
use keyward_engine::{
    AccessEvent, CustomerUse, Engine, Error, LicenseUse, ProductChange, Retention, SettingsChange,
};
use keyward_storage::{Aged, Store, Technical};
use keyward_testkit::engine::engine;
use keyward_testkit::{Vendor, database_test};

use crate::buckets::{Server, Sold, servers, sold};

const DAY: i64 = 24 * 60 * 60;

async fn ask(engine: &Engine, sold: &Sold, license: &str, version: Option<&str>, address: &str) {
    let address = Address::new(address.parse().unwrap());
    let version = version.map(str::to_owned);
    let inquiry = Inquiry { license: license.to_owned(), version, nonce: None, address };
    assert!(matches!(engine.validate(&sold.key, &inquiry).await.unwrap(), Reply::Answer(_)));
}

impl Server {
    async fn asks_as(&self, sold: &Sold, version: Option<&str>, times: usize) {
        let asks = (0..times).map(|_| ask(&self.engine, sold, &sold.license_key, version, "192.0.2.7"));
        join_all(asks).await;
    }

    async fn written(&self) {
        let round = self.engine.flush_log().await;
        assert!(round.error.is_none() && round.dropped == 0, "{round:?}");
    }
}

/// The only license of a product, and who holds it.
async fn license_of(vendor: &Vendor, sold: &Sold) -> (LicenseId, CustomerId) {
    let filter = keyward_domain::LicenseFilter { product: Some(sold.product), ..Default::default() };
    let page = PageRequest { limit: 10, after: None };
    let licenses = vendor.engine.licenses(&vendor.access(), &filter, page).await.unwrap().newest();
    (licenses[0].id, licenses[0].customer.unwrap())
}

async fn of_license(vendor: &Vendor, id: LicenseId, days: u32) -> LicenseUse {
    vendor.engine.license_use(&vendor.access(), id, days).await.unwrap()
}

async fn of_customer(vendor: &Vendor, id: CustomerId, days: u32) -> CustomerUse {
    vendor.engine.customer_use(&vendor.access(), id, days).await.unwrap()
}

fn counts(used: &LicenseUse) -> Vec<(i64, Vec<(&str, u64)>)> {
    let day = |(day, of_day): (&i64, &keyward_domain::license_use::UseDay)| {
        let mut answers = Vec::new();
        for (status, count) in &of_day.answers {
            let status = Status::ALL.into_iter().find(|known| known.as_str() == status).unwrap();
            answers.push((status.as_str(), *count));
        }
        (day - used.today, answers)
    };
    used.days.iter().map(day).collect()
}

#[database_test]
async fn validations_of_all_servers_are_summed_up_by_license_day_and_answer(store: Store) {
    let all = servers(&store, 2);
    let vendor = Vendor::found(&all[0].engine, "Acme").await;
    let sold = sold(&vendor, "Server").await;
    let (license, customer) = license_of(&vendor, &sold).await;
    let unused = of_license(&vendor, license, 30).await;
    assert!(unused.activity.is_none() && unused.days.is_empty() && unused.versions.is_empty());
    assert_eq!(of_customer(&vendor, customer, 30).await.last_validated_at, None);

    all[0].asks_as(&sold, Some("1.2"), 20).await;
    all[1].asks_as(&sold, Some("1.3"), 15).await;
    let first = all[0].engine.now();
    all[0].written().await;
    all[1].written().await;
    for server in &all {
        server.clock.advance(DAY);
    }
    vendor.engine.suspend_license(&vendor.access(), license, None).await.unwrap();
    all[1].asks_as(&sold, None, 5).await;
    all[1].written().await;
    // Written once, however often that is asked for.
    all[1].written().await;

    let used = of_license(&vendor, license, 30).await;
    assert_eq!(counts(&used), [(-1, vec![("active", 35)]), (0, vec![("suspended", 5)])]);
    let activity = used.activity.as_ref().unwrap();
    assert_eq!((activity.first_validated_at, activity.last_validated_at), (first, all[1].engine.now()));
    assert_eq!((activity.status, activity.version.as_deref()), (Status::Suspended, None));
    assert_eq!(activity.address.ip().to_string(), "192.0.2.7");
    let versions: Vec<_> = used.versions.iter().map(|seen| (seen.version.as_deref(), seen.status)).collect();
    assert_eq!(
        versions,
        [(None, Status::Suspended), (Some("1.2"), Status::Active), (Some("1.3"), Status::Active)]
    );
    assert_eq!(counts(&of_license(&vendor, license, 0).await), [(0, vec![("suspended", 5)])]);

    let theirs = of_customer(&vendor, customer, 30).await;
    assert_eq!((theirs.days, theirs.last_validated_at), (used.days, Some(all[1].engine.now())));
    let first = keyward_domain::OrderedRequest::first(Default::default());
    let listed = vendor.engine.customer_list_view(&vendor.access(), None, &first, 1).await.unwrap();
    assert_eq!(listed.keys.unwrap()[&customer].used.validations, 40);
    let product = vendor.engine.product_usage(&vendor.access(), sold.product, 30).await.unwrap();
    assert_eq!(product.days.iter().map(|day| day.used).sum::<u64>(), 40);
}

#[database_test]
async fn who_runs_which_version_is_known(store: Store) {
    let all = servers(&store, 1);
    let vendor = Vendor::found(&all[0].engine, "Acme").await;
    let (one, other) = (sold(&vendor, "Server").await, sold(&vendor, "Client").await);
    let (license, customer) = license_of(&vendor, &one).await;
    all[0].asks_as(&one, Some("1.2"), 2).await;
    all[0].asks_as(&other, Some("1.2"), 2).await;
    all[0].written().await;
    all[0].clock.advance(DAY);
    all[0].asks_as(&one, Some("1.10"), 2).await;
    all[0].asks_as(&one, None, 1).await;
    all[0].written().await;

    let in_use = async |days| {
        let found = vendor.engine.versions_in_use(&vendor.access(), one.product, days).await.unwrap();
        let mut found: Vec<_> = found
            .into_iter()
            .map(|found| (found.version.unwrap_or_default(), found.licenses, found.refused))
            .collect();
        found.sort();
        found
    };
    let row = |version: &str| (version.to_owned(), 1, 0);
    assert_eq!(in_use(30).await, [row(""), row("1.10"), row("1.2")]);
    assert_eq!(in_use(0).await, [row(""), row("1.10")]);

    let page = PageRequest { limit: 10, after: None };
    let running = async |version| {
        let found = vendor.engine.licenses_running(&vendor.access(), one.product, version, 30, page).await;
        let (found, names) = found.unwrap();
        let found = found.newest();
        found
            .into_iter()
            .map(|it| (it.license, names[&it.customer.unwrap()].name.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(running(Some("1.2")).await, [(license, "Server".to_owned())]);
    assert_eq!(running(None).await, [(license, "Server".to_owned())]);
    assert_eq!(running(Some("1.1")).await, []);

    // Of another organization there is nothing to see.
    let stranger = Vendor::found(&all[0].engine, "Other").await;
    let not_found = |error| matches!(error, Error::NotFound(_));
    assert!(not_found(stranger.engine.license_use(&stranger.access(), license, 30).await.unwrap_err()));
    assert!(not_found(stranger.engine.customer_use(&stranger.access(), customer, 30).await.unwrap_err()));
    assert!(not_found(
        stranger.engine.versions_in_use(&stranger.access(), one.product, 30).await.unwrap_err()
    ));
    let theirs =
        stranger.engine.licenses_running(&stranger.access(), one.product, Some("1.2"), 30, page).await;
    assert!(not_found(theirs.unwrap_err()));
}

#[database_test]
async fn a_license_remembers_the_versions_that_were_seen_last(store: Store) {
    let all = servers(&store, 1);
    let vendor = Vendor::found(&all[0].engine, "Acme").await;
    let sold = sold(&vendor, "Server").await;
    let (license, _) = license_of(&vendor, &sold).await;
    for round in 0..3 {
        for n in 0..15 {
            all[0].clock.advance(1);
            all[0].asks_as(&sold, Some(&format!("{round}.{n}")), 1).await;
        }
        all[0].written().await;
    }
    let versions = of_license(&vendor, license, 30).await.versions;
    assert_eq!(versions.len(), 20);
    assert_eq!(versions[0].version.as_deref(), Some("2.14"));
    assert_eq!(versions[19].version.as_deref(), Some("1.10"));
}

#[database_test]
async fn new_versions_beside_a_known_one_take_no_more_room(store: Store) {
    let all = servers(&store, 1);
    let vendor = Vendor::found(&all[0].engine, "Acme").await;
    let sold = sold(&vendor, "Server").await;
    for n in 0..25 {
        for version in [format!("1.{n}"), "1.0".to_owned()] {
            all[0].clock.advance(1);
            all[0].asks_as(&sold, Some(&version), 1).await;
        }
        all[0].written().await;
    }
    let in_use = vendor.engine.versions_in_use(&vendor.access(), sold.product, 30).await.unwrap();
    assert_eq!(in_use.len(), 20);
}

#[database_test]
async fn first_addresses_are_counted_and_told_as_well(store: Store) {
    let all = servers(&store, 1);
    let vendor = Vendor::found(&all[0].engine, "Acme").await;
    let sold = sold(&vendor, "Server").await;
    let settings = SettingsChange {
        addresses: Some(AddressMode::Enforce),
        default_max_ips: Some(Some(2)),
        ..SettingsChange::default()
    };
    let change = ProductChange { settings, ..ProductChange::default() };
    vendor.engine.update_product(&vendor.access(), sold.product, change, None).await.unwrap();
    let (license, _) = license_of(&vendor, &sold).await;
    for n in 1..=4 {
        ask(&all[0].engine, &sold, &sold.license_key, Some("1.2"), &format!("192.0.2.{n}")).await;
    }
    all[0].written().await;
    let used = of_license(&vendor, license, 30).await;
    let answered: u64 = used.days.values().map(keyward_domain::license_use::UseDay::validations).sum();
    assert_eq!(answered, 4);
    assert_eq!(used.addresses as u64, used.days[&used.today].answers["active"]);
}

#[database_test]
async fn pulls_are_summed_up_by_license_and_day(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let registry = vendor.registry("Releases").await;
    let sold = sold(&vendor, "Server").await;
    let (license, customer) = license_of(&vendor, &sold).await;
    let event = |operation, decision, reference: &str| AccessEvent {
        holder: Holder::License { license, customer: Some(customer) },
        operation,
        decision,
        repository: "acme/app".parse().unwrap(),
        reference: reference.to_owned(),
        digest: None,
        address: Address::new([192, 0, 2, 7].into()),
        client: "skopeo/1.9.3".to_owned(),
    };
    engine.record_access(&registry, event(Operation::Pull, Decision::Allowed, "1.0"));
    engine.record_access(&registry, event(Operation::Pull, Decision::Denied, "2.0"));
    engine.note_bytes(&registry, event(Operation::Pull, Decision::Allowed, "1.0"), 1_000);
    engine.flush_log().await;
    clock.advance(DAY);
    engine.record_access(&registry, event(Operation::Pull, Decision::Allowed, "1.1"));
    engine.flush_log().await;
    let pulled = |days: &keyward_domain::license_use::UseDays| {
        days.values().map(|day| (day.pulls, day.bytes)).collect::<Vec<_>>()
    };
    assert_eq!(pulled(&of_license(&vendor, license, 30).await.days), [(1, 1_000), (1, 0)]);
    assert_eq!(pulled(&of_customer(&vendor, customer, 30).await.days), [(1, 1_000), (1, 0)]);
}

#[database_test]
async fn what_is_old_is_forgotten(store: Store) {
    let all = servers(&store, 1);
    let vendor = Vendor::found(&all[0].engine, "Acme").await;
    let sold = sold(&vendor, "Server").await;
    let (license, _) = license_of(&vendor, &sold).await;
    all[0].asks_as(&sold, Some("1.2"), 3).await;
    all[0].written().await;
    all[0].clock.advance(40 * DAY);
    all[0].asks_as(&sold, Some("1.3"), 1).await;
    all[0].written().await;
    let retention = Retention { usage_days: 31, ..Retention::default() };
    let tx = store.write().await.unwrap();
    for (what, age) in retention.rules() {
        if matches!(what, Aged::LicenseUsage | Aged::LicensePulls | Aged::LicenseVersions) {
            tx.remove_aged(what, all[0].engine.now().plus_seconds(-age), 1_000).await.unwrap();
        }
    }
    tx.commit_unrecorded(Technical::Seed).await.unwrap();
    let used = of_license(&vendor, license, 366).await;
    assert_eq!(counts(&used), [(0, vec![("active", 1)])]);
    assert_eq!(used.versions.len(), 1);
    assert_eq!(used.activity.unwrap().first_validated_at, all[0].engine.now().plus_days(-40));
}
