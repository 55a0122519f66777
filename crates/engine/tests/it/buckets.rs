//! The daily buckets of products, from which several servers count.

use std::sync::Arc;

use futures_util::future::join_all;
use keyward_domain::{Address, ProductId, Secret};
use keyward_engine::validation::{Inquiry, Reply};
use keyward_engine::{Engine, Holder, NewKey, NewProduct, PlanChange, Retention, Tidied};
use keyward_storage::Store;
use keyward_testkit::engine::{TestClock, another_engine};
use keyward_testkit::{Vendor, database_test};

pub(crate) struct Server {
    pub engine: Arc<Engine>,
    pub clock: TestClock,
}

pub(crate) fn servers(store: &Store, count: u64) -> Vec<Server> {
    let server = |seed| {
        let (engine, clock) = another_engine(store.clone(), 100 + seed);
        Server { engine, clock }
    };
    (0..count).map(server).collect()
}

impl Server {
    /// Whether a request is let in.
    async fn asks(&self, product: &Sold) -> bool {
        let address = Address::new("192.0.2.7".parse().unwrap());
        let inquiry = Inquiry { license: product.license_key.clone(), version: None, nonce: None, address };
        match self.engine.validate(&product.key, &inquiry).await.unwrap() {
            Reply::Answer(_) => true,
            Reply::Full { .. } => false,
            Reply::UnknownKey => panic!("the product has this key"),
        }
    }

    /// How many of so many that come at once are let in.
    async fn let_in(&self, product: &Sold, count: usize) -> usize {
        join_all((0..count).map(|_| self.asks(product))).await.into_iter().filter(|let_in| *let_in).count()
    }
}

/// A product, and a license of it.
pub(crate) struct Sold {
    pub product: ProductId,
    pub key: Secret,
    pub license_key: String,
}

pub(crate) async fn sold(vendor: &Vendor, name: &str) -> Sold {
    let new = NewProduct { name: name.parse().unwrap(), rest: Default::default() };
    let made = vendor.engine.create_product(&vendor.access(), new, None).await.unwrap();
    let new = NewKey {
        holder: Holder::Existing(vendor.customer(name).await.id),
        name: None,
        fields: Default::default(),
        not_before: None,
        ends: Default::default(),
    };
    let license =
        vendor.engine.create_key(&vendor.access(), made.product.id, new, None).await.unwrap().value.license;
    Sold { product: made.product.id, key: made.secret, license_key: license.key.unwrap().to_string() }
}

pub(crate) async fn limit(vendor: &Vendor, limit: Option<u32>) {
    let plan = PlanChange { plan: None, products: None, validations_per_day: Some(limit) };
    let organization = vendor.founded.organization.id;
    vendor.engine.set_plan(&vendor.access(), organization, plan).await.unwrap();
}

pub(crate) async fn used(vendor: &Vendor, sold: &Sold) -> u64 {
    used_within(vendor, sold, 0).await
}

/// Today and in the days before.
async fn used_within(vendor: &Vendor, sold: &Sold, days: u32) -> u64 {
    let usage = vendor.engine.product_usage(&vendor.access(), sold.product, days).await.unwrap();
    usage.days.iter().map(|day| day.used).sum()
}

#[database_test]
async fn servers_that_come_and_go_let_in_exactly_as_many_as_the_bucket_holds(store: Store) {
    let all = servers(&store, 4);
    let vendor = Vendor::found(&all[0].engine, "Acme").await;
    let sold = sold(&vendor, "Server").await;
    limit(&vendor, Some(350)).await;
    // One that is gone before the bucket is empty, with what it was allotted.
    let gone = servers(&store, 5).pop().unwrap();
    assert!(gone.asks(&sold).await);
    drop(gone);
    let rush = all.iter().map(|server| server.let_in(&sold, 120));
    assert_eq!(join_all(rush).await.into_iter().sum::<usize>(), 349);
    assert_eq!(used(&vendor, &sold).await, 350);
    // A larger bucket has room again, a smaller one none; one without bottom has always.
    limit(&vendor, Some(360)).await;
    let rush = all.iter().map(|server| server.let_in(&sold, 9));
    assert_eq!(join_all(rush).await.into_iter().sum::<usize>(), 10);
    limit(&vendor, Some(100)).await;
    assert!(!all[1].asks(&sold).await);
    limit(&vendor, None).await;
    assert_eq!(all[2].let_in(&sold, 5).await, 5);
    limit(&vendor, Some(370)).await;
    let rush = all.iter().map(|server| server.let_in(&sold, 3));
    assert_eq!(join_all(rush).await.into_iter().sum::<usize>(), 5);
    assert_eq!(used(&vendor, &sold).await, 370);
}

#[database_test]
async fn one_batch_counts_for_many_products(store: Store) {
    let all = servers(&store, 2);
    let vendor = Vendor::found(&all[0].engine, "Acme").await;
    let mut products = Vec::new();
    for n in 0..30 {
        products.push(sold(&vendor, &format!("Server {n}")).await);
    }
    limit(&vendor, Some(25)).await;
    for server in &all {
        let rush = products.iter().map(|product| server.let_in(product, 10));
        assert!(join_all(rush).await.into_iter().all(|let_in| let_in == 10));
    }
    let rush = products.iter().map(|product| all[0].let_in(product, 10));
    assert!(join_all(rush).await.into_iter().all(|let_in| let_in == 5));
    for product in &products {
        assert_eq!(used(&vendor, product).await, 25);
    }
}

#[database_test]
async fn days_that_are_over_are_added_up_and_still_count(store: Store) {
    let all = servers(&store, 2);
    let vendor = Vendor::found(&all[0].engine, "Acme").await;
    let sold = sold(&vendor, "Server").await;
    for server in &all {
        assert_eq!(server.let_in(&sold, 3).await, 3);
    }
    let divided = async || {
        let tx = store.read().await.unwrap();
        tx.counter_days().divided_before(i64::MAX, 10).await.unwrap().len()
    };
    assert_eq!(divided().await, 1);
    // The second day after; the clock of the second server stands still.
    let later = &all[0];
    for _ in 0..2 * 24 * 6 {
        later.clock.advance(600);
        while let Tidied::Some(_) = later.engine.tidy(&Retention::default()).await.unwrap() {}
    }
    assert_eq!(divided().await, 0);
    assert_eq!(used_within(&vendor, &sold, 5).await, 6);
    assert!(all[1].asks(&sold).await, "on the day that is over");
    assert_eq!(used_within(&vendor, &sold, 5).await, 7);
}
