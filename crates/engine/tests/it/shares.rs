//! Shares of a product's daily bucket: of addresses, licenses and unknown license keys.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use keyward_domain::product::AddressMode;
use keyward_domain::share::{Partition, PartitionKind};
use keyward_domain::{Address, BucketFinding, PageRequest};
use keyward_engine::validation::{Inquiry, Quota, Reply};
use keyward_engine::{Error, Holder, NewKey, ProductChange, Retention, SettingsChange, Tidied};
use keyward_storage::Store;
use keyward_testkit::{Vendor, database_test};

use crate::alerts::mails;
use crate::buckets::{Server, Sold, limit, servers, sold, used};

const DAY: i64 = 24 * 60 * 60;

impl Server {
    /// How many of so many that come at once are let in, and why the others are not.
    async fn ask(&self, product: &Sold, license: &str, address: &str, count: usize) -> (usize, Vec<Quota>) {
        let address = Address::new(address.parse().unwrap());
        let inquiry = Inquiry { license: license.to_owned(), version: None, nonce: None, address };
        let (mut let_in, mut refused) = (0, Vec::new());
        for reply in join_all((0..count).map(|_| self.engine.validate(&product.key, &inquiry))).await {
            match reply.unwrap() {
                Reply::Answer(_) => let_in += 1,
                Reply::Full { quota, .. } if refused.contains(&quota) => {}
                Reply::Full { quota, .. } => refused.push(quota),
                Reply::UnknownKey => panic!("the product has this key"),
            }
        }
        (let_in, refused)
    }
}

/// Another license of the same product.
async fn license(vendor: &Vendor, product: &Sold, name: &str) -> String {
    let new = NewKey {
        holder: Holder::Existing(vendor.customer(name).await.id),
        name: None,
        fields: Default::default(),
        not_before: None,
        ends: Default::default(),
    };
    let made = vendor.engine.create_key(&vendor.access(), product.product, new, None).await.unwrap();
    made.value.license.key.unwrap().to_string()
}

async fn set(vendor: &Vendor, product: &Sold, settings: SettingsChange) {
    let change = ProductChange { settings, ..ProductChange::default() };
    vendor.engine.update_product(&vendor.access(), product.product, change, None).await.unwrap();
}

fn address_share(percent: u32) -> SettingsChange {
    SettingsChange { address_share: Some(percent), ..SettingsChange::default() }
}

const ADDRESS: Quota = Quota::Share(PartitionKind::Address);
const LICENSE: Quota = Quota::Share(PartitionKind::License);
const UNKNOWN: Quota = Quota::Share(PartitionKind::UnknownKey);

#[database_test]
async fn one_server_counts_shares_exactly(store: Store) {
    let all = servers(&store, 1);
    let (server, vendor) = (&all[0], Vendor::found(&all[0].engine, "Acme").await);
    let sold = sold(&vendor, "Server").await;
    let (one, other) = (sold.license_key.as_str(), license(&vendor, &sold, "Other").await);
    limit(&vendor, Some(2_500)).await;
    // A half of the bucket for each address and each license: 1,250.
    assert_eq!(server.ask(&sold, one, "192.0.2.1", 700).await, (700, vec![]));
    assert_eq!(server.ask(&sold, &other, "192.0.2.1", 700).await, (550, vec![ADDRESS]));
    assert_eq!(server.ask(&sold, one, "192.0.2.1", 50).await, (0, vec![ADDRESS]));
    // An IPv6 /64 is one address.
    assert_eq!(server.ask(&sold, one, "2001:db8::1", 300).await, (300, vec![]));
    assert_eq!(server.ask(&sold, one, "2001:db8::ffff:0:2", 300).await, (250, vec![LICENSE]));
    assert_eq!(server.ask(&sold, &other, "2001:db8::3", 700).await, (700, vec![]));
    assert_eq!(used(&vendor, &sold).await, 2_500);
    let third = license(&vendor, &sold, "Third").await;
    assert_eq!(server.ask(&sold, &third, "192.0.2.9", 5).await, (0, vec![Quota::Bucket]));

    let bucket = vendor.engine.product_bucket(&vendor.access(), sold.product).await.unwrap();
    assert_eq!((bucket.used, bucket.limit), (2_500, Some(2_500)));
    let taken: BTreeMap<_, _> =
        bucket.partitions.iter().map(|usage| (usage.partition.key(), (usage.used, usage.refused))).collect();
    let (used, refused) = taken["192.0.2.1"];
    assert_eq!(used, 1_250);
    assert!(refused >= 150, "{refused}");
    assert!(taken["2001:db8::/64"].0 > 1_250 - 13);
}

#[database_test]
async fn unknown_keys_leave_the_bucket_to_licenses(store: Store) {
    let all = servers(&store, 1);
    let (server, vendor) = (&all[0], Vendor::found(&all[0].engine, "Acme").await);
    let sold = sold(&vendor, "Server").await;
    limit(&vendor, Some(2_500)).await;
    // Each from an address of its own.
    let mut let_in = 0;
    for n in 0..30 {
        let (more, refused) = server.ask(&sold, "no such key", &format!("198.51.100.{n}"), 10).await;
        assert!(refused.is_empty() || refused == [UNKNOWN], "{refused:?}");
        let_in += more;
    }
    assert_eq!(let_in, 250);
    let address = Address::new("198.51.100.99".parse().unwrap());
    assert!(matches!(
        vendor.engine.count_malformed(&sold.key, address).await.unwrap(),
        Reply::Full { quota: UNKNOWN, size: 250, .. }
    ));
    assert!(matches!(
        vendor.engine.look_up(&sold.key, "none", address).await.unwrap(),
        Reply::Full { quota: UNKNOWN, .. }
    ));
    assert_eq!(server.ask(&sold, &sold.license_key, "198.51.100.1", 100).await, (100, vec![]));
    // Few rows come of many addresses.
    let tx = store.read().await.unwrap();
    let day = (sold.product, server.engine.now().day());
    let rows = tx.usage_shares().largest(day, 1_000).await.unwrap();
    let unknown = rows.iter().find(|row| row.partition == Partition::UnknownKey).unwrap();
    assert_eq!(unknown.used, 250);
    assert!(rows.len() <= 5, "{}", rows.len());
}

#[database_test]
async fn first_sightings_take_from_the_same_shares(store: Store) {
    let all = servers(&store, 1);
    let (server, vendor) = (&all[0], Vendor::found(&all[0].engine, "Acme").await);
    let sold = sold(&vendor, "Server").await;
    limit(&vendor, Some(2_000)).await;
    for (address, count) in [("192.0.2.1", 600), ("192.0.2.2", 390)] {
        assert_eq!(server.ask(&sold, &sold.license_key, address, count).await, (count, vec![]));
    }
    set(&vendor, &sold, SettingsChange { addresses: Some(AddressMode::Monitor), ..Default::default() }).await;
    let addresses: Vec<_> = (0..30).map(|n| format!("198.51.100.{n}")).collect();
    let rush = addresses.iter().map(|address| server.ask(&sold, &sold.license_key, address, 1));
    let rush = join_all(rush).await;
    assert_eq!(rush.iter().map(|(let_in, _)| let_in).sum::<usize>(), 10);
    assert!(rush.iter().all(|(let_in, refused)| *let_in == 1 || refused == &[LICENSE]));
    assert_eq!(used(&vendor, &sold).await, 1_000);
}

/// Pseudo-random numbers, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }
}

#[database_test]
async fn several_servers_that_come_and_go_differ_by_a_step_each(store: Store) {
    let mut all = servers(&store, 3);
    let vendor = Vendor::found(&all[0].engine, "Acme").await;
    limit(&vendor, Some(2_000)).await;
    let mut fresh = servers(&store, 40).split_off(3);
    for round in 0..4 {
        let sold = sold(&vendor, &format!("Server {round}")).await;
        let licenses = [
            sold.license_key.clone(),
            license(&vendor, &sold, &format!("A {round}")).await,
            license(&vendor, &sold, &format!("B {round}")).await,
        ];
        let (mut numbers, mut let_in, mut gone) = (Numbers(round), 0, 0);
        loop {
            // What comes at once at each server.
            let counts: Vec<_> =
                all.iter().map(|server| (server, numbers.below(40), numbers.below(3))).collect();
            let asked: usize = counts.iter().map(|(_, count, _)| count).sum();
            let rush = counts
                .into_iter()
                .map(|(server, count, license)| server.ask(&sold, &licenses[license], "192.0.2.1", count));
            let answered: usize = join_all(rush).await.into_iter().map(|(let_in, _)| let_in).sum();
            let_in += answered;
            if answered < asked {
                assert!(let_in >= 1_000, "refused after {let_in}");
                if answered == 0 {
                    break;
                }
            }
            if numbers.below(8) == 0
                && let Some(server) = fresh.pop()
            {
                let place = numbers.below(3);
                all[place] = server;
                gone += 1;
            }
        }
        // A step of this share is ten.
        let most = 1_000 + 10 * (2 + gone);
        assert!((1_000..=most).contains(&let_in), "{let_in} of at most {most}");
        // The bucket is exact whatever became of shares.
        let mut others = 0;
        for n in 2..8 {
            let license = &licenses[n % 3];
            others += all[n % 3].ask(&sold, license, &format!("192.0.2.{n}"), 400).await.0;
        }
        let all_used = let_in + others;
        assert_eq!(all_used, 2_000);
        assert_eq!(used(&vendor, &sold).await, 2_000);
    }
}

#[database_test]
async fn shares_follow_settings_plans_and_the_day(store: Store) {
    let all = servers(&store, 2);
    let (server, vendor) = (&all[0], Vendor::found(&all[0].engine, "Acme").await);
    let sold = sold(&vendor, "Server").await;
    let other = license(&vendor, &sold, "Other").await;
    let ask = async |server: &Server, count| {
        let half = count / 2;
        let (one, _) = server.ask(&sold, &sold.license_key, "192.0.2.1", half).await;
        let (two, _) = server.ask(&sold, &other, "192.0.2.1", count - half).await;
        one + two
    };
    limit(&vendor, Some(2_000)).await;
    assert_eq!(ask(server, 1_010).await, 1_000);
    // A server that begins knows what others have counted.
    assert_eq!(ask(&all[1], 20).await, 0);
    let begun = servers(&store, 9).pop().unwrap();
    assert_eq!(ask(&begun, 20).await, 0);
    set(&vendor, &sold, address_share(60)).await;
    assert_eq!(ask(server, 300).await, 200);
    set(&vendor, &sold, address_share(100)).await;
    assert_eq!(ask(server, 300).await, 300);
    set(&vendor, &sold, address_share(1)).await;
    assert_eq!(ask(server, 10).await, 0);
    limit(&vendor, Some(200_000)).await;
    // One hundredth of the larger bucket: 2,000, of which 1,500 are used.
    assert_eq!(ask(server, 600).await, 500);
    limit(&vendor, None).await;
    assert_eq!(ask(server, 50).await, 50);
    limit(&vendor, Some(2_000)).await;
    assert_eq!(ask(server, 10).await, 0);
    // The next day is another bucket, and so is one after a jump of the clock.
    server.clock.advance(DAY);
    assert_eq!(ask(server, 1_100).await, 1_000);
    server.clock.advance(300 * DAY);
    assert_eq!(ask(server, 1_100).await, 1_000);
    server.clock.advance(-300 * DAY);
    assert_eq!(ask(server, 10).await, 0);
}

#[database_test]
async fn buckets_and_shares_are_told_once_a_day(store: Store) {
    let all = servers(&store, 2);
    let (server, vendor) = (&all[0], Vendor::found(&all[0].engine, "Acme").await);
    let stranger = Vendor::found(&server.engine, "Other").await;
    let sold = sold(&vendor, "Server").await;
    let other = license(&vendor, &sold, "Second").await;
    limit(&vendor, Some(2_000)).await;
    let told = async || {
        server.clock.advance(1);
        let (_, more) = server.engine.tell_buckets().await.unwrap();
        assert!(!more);
        let page = vendor.engine.bucket_alerts(&vendor.access(), None, PageRequest::default()).await.unwrap();
        page.newest().into_iter().map(|alert| alert.finding).collect::<Vec<_>>()
    };
    let subjects =
        async || mails(&server.engine).await.into_iter().map(|mail| mail.subject).collect::<Vec<_>>();
    subjects().await;
    server.ask(&sold, &sold.license_key, "192.0.2.1", 900).await;
    assert_eq!(told().await, []);
    server.ask(&sold, &other, "192.0.2.1", 110).await;
    let address =
        BucketFinding::ShareUsedUp(Partition::of_address(Address::new("192.0.2.1".parse().unwrap())));
    assert_eq!(told().await, [address]);
    assert_eq!(subjects().await, ["Alert: a share of a product's validations of today is used up"]);
    server.ask(&sold, &sold.license_key, "192.0.2.2", 100).await;
    server.ask(&sold, &sold.license_key, "192.0.2.3", 1).await;
    server.ask(&sold, &other, "192.0.2.3", 500).await;
    // Of a second share there is no second mail.
    let second = told().await;
    let license_spent = |finding: &&BucketFinding| {
        finding.partition().is_some_and(|partition| partition.kind() == PartitionKind::License)
    };
    assert_eq!((second.len(), second[2]), (3, address), "the latest first: {second:?}");
    assert_eq!(second.iter().filter(license_spent).count(), 1);
    assert!(second.contains(&BucketFinding::NearlyUsed));
    assert_eq!(subjects().await, ["Alert: a product's validations of today are nearly used"]);
    assert_eq!(all[1].engine.tell_buckets().await.unwrap(), (0, false), "the other server finds it told");
    server.ask(&sold, &other, "192.0.2.4", 600).await;
    let third = told().await;
    assert_eq!((third.len(), third.iter().filter(license_spent).count()), (5, 2), "{third:?}");
    assert!(third.contains(&BucketFinding::UsedUp));
    assert_eq!(used(&vendor, &sold).await, 2_000);

    let theirs =
        stranger.engine.bucket_alerts(&stranger.access(), None, PageRequest::default()).await.unwrap();
    assert!(theirs.newest().is_empty());
    let foreign =
        stranger.engine.bucket_alerts(&stranger.access(), Some(sold.product), PageRequest::default()).await;
    assert!(matches!(foreign, Err(Error::NotFound(_))));
    assert!(matches!(
        stranger.engine.product_bucket(&stranger.access(), sold.product).await,
        Err(Error::NotFound(_))
    ));
    let dashboard = vendor.engine.dashboard_view(&vendor.access(), 0).await.unwrap();
    assert_eq!(dashboard.bucket_alerts, Some(third.len()));
    // Who asked from where is forgotten after a week.
    let day = (sold.product, server.engine.now().day());
    for _ in 0..9 * 24 * 6 {
        server.clock.advance(600);
        while let Tidied::Some(_) = server.engine.tidy(&Retention::default()).await.unwrap() {}
    }
    let tx = store.read().await.unwrap();
    assert!(tx.usage_shares().largest(day, 1).await.unwrap().is_empty());
}
