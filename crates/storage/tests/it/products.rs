//! Products and what hangs on them.

use keyward_domain::validation::Sighting;
use keyward_domain::{Organization, PageRequest, Product, ProductState, SecretHash};
use keyward_storage::{Count, CounterDay, Generation, StorageError, Unique, Usage};
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use uuid::Uuid;

use crate::fixtures::{at, license, product, two_vendors};

#[database_test]
async fn a_product_comes_back_as_it_was(store: Store) {
    let (vendor, other) = two_vendors(&store).await;
    let tx = store.write().await.unwrap();
    let products = tx.products(vendor.scope());
    let mut product = product(&vendor, 1);
    products.insert(&product).await.unwrap();
    assert_eq!(products.find(product.id).await.unwrap().as_ref(), Some(&product));
    assert_eq!(products.lock(product.id).await.unwrap().as_ref(), Some(&product));
    assert_eq!(products.list(Some("duct 1"), PageRequest::default()).await.unwrap().newest().len(), 1);
    assert!(products.slug_taken(&product.slug).await.unwrap());
    assert_eq!(tx.products(other.scope()).find(product.id).await.unwrap(), None);
    assert_eq!(tx.products(other.scope()).count().await.unwrap(), 0);

    let previous = product.key.previous.unwrap().hash;
    for hash in [product.key.hash, previous] {
        assert_eq!(tx.product_by_key(&hash).await.unwrap().as_ref(), Some(&product));
    }
    assert_eq!(tx.product_by_key(&SecretHash::from_bytes([9; 32])).await.unwrap(), None);

    product.state = ProductState::Active;
    product.key.previous = None;
    product = product.changed(at(500));
    products.save(&product).await.unwrap();
    assert_eq!(products.find(product.id).await.unwrap().as_ref(), Some(&product));
    assert!(matches!(products.save(&product).await, Err(StorageError::Stale { .. })));
}

#[database_test]
async fn a_products_name_is_its_vendors(store: Store) {
    let (vendor, other) = two_vendors(&store).await;
    let tx = store.write().await.unwrap();
    tx.products(vendor.scope()).insert(&product(&vendor, 1)).await.unwrap();
    let mut foreign = product(&other, 2);
    foreign.name = "Product 1".parse().unwrap();
    tx.products(other.scope()).insert(&foreign).await.unwrap();
    let mut twin = product(&vendor, 3);
    twin.name = "Product 1".parse().unwrap();
    let refused = tx.products(vendor.scope()).insert(&twin).await;
    assert!(matches!(refused, Err(StorageError::Unique(Unique::ProductName))));
}

#[database_test]
async fn licenses_of_products_have_keys_of_their_own(store: Store) {
    let (vendor, other) = two_vendors(&store).await;
    let tx = store.write().await.unwrap();
    tx.products(vendor.scope()).insert(&product(&vendor, 1)).await.unwrap();
    let mut sold = license(&vendor, 1);
    sold.product = Some(product(&vendor, 1).id);
    tx.licenses(vendor.scope()).insert(&sold).await.unwrap();
    let key = sold.key.clone().unwrap();
    assert_eq!(tx.licenses(vendor.scope()).by_key(&key).await.unwrap(), Some(sold));
    assert_eq!(tx.licenses(other.scope()).by_key(&key).await.unwrap(), None);
    let mut twin = license(&vendor, 2);
    twin.key = Some(key);
    let refused = tx.licenses(vendor.scope()).insert(&twin).await;
    assert!(matches!(refused, Err(StorageError::Unique(Unique::LicenseKey))));
}

#[database_test]
async fn addresses_are_kept_once_each(store: Store) {
    let (vendor, _) = two_vendors(&store).await;
    let tx = store.write().await.unwrap();
    let license = license(&vendor, 1);
    tx.licenses(vendor.scope()).insert(&license).await.unwrap();
    let addresses = tx.addresses(license.id);
    let seen = |text: &str, first, last| Sighting {
        address: text.parse().unwrap(),
        first_seen_at: at(first),
        last_seen_at: at(last),
    };
    addresses.save(&seen("192.0.2.1", 100, 100)).await.unwrap();
    addresses.save(&seen("2001:db8::/64", 200, 200)).await.unwrap();
    addresses.save(&seen("192.0.2.1", 100, 300)).await.unwrap();
    let expected = [seen("192.0.2.1", 100, 300), seen("2001:db8::/64", 200, 200)];
    assert_eq!(addresses.list().await.unwrap(), expected);
    assert!(addresses.remove("192.0.2.1".parse().unwrap()).await.unwrap());
    assert!(!addresses.remove("192.0.2.1".parse().unwrap()).await.unwrap());
    assert_eq!(addresses.clear().await.unwrap(), 1);
    assert!(addresses.list().await.unwrap().is_empty());
}

#[database_test]
async fn days_are_counted_by_one_at_a_time(store: Store) {
    let (vendor, _) = two_vendors(&store).await;
    let tx = store.write().await.unwrap();
    let product = product(&vendor, 1);
    tx.products(vendor.scope()).insert(&product).await.unwrap();
    tx.commit_unrecorded(keyward_storage::Technical::Seed).await.unwrap();
    let count = |answer: &'static str| {
        let store = store.clone();
        async move {
            let tx = store.write().await.unwrap();
            let mut usage = tx.usage(product.id).lock(20_454).await.unwrap();
            usage.count(answer);
            tx.usage(product.id).save(&usage).await.unwrap();
            tx.commit_unrecorded(keyward_storage::Technical::Seed).await.unwrap();
        }
    };
    let counters: Vec<_> =
        (0..20).map(|n| tokio::spawn(count(if n % 2 == 0 { "active" } else { "expired" }))).collect();
    for counter in counters {
        counter.await.unwrap();
    }
    let days = store.read().await.unwrap().usage(product.id).list(20_000, 20_454).await.unwrap();
    let answers = [("active".to_owned(), 10), ("expired".to_owned(), 10)].into();
    assert_eq!(days, [Usage { day: 20_454, used: 20, answers }]);
}

#[database_test]
async fn one_statement_counts_where_nothing_has_moved(store: Store) {
    let (vendor, other) = two_vendors(&store).await;
    let tx = store.write().await.unwrap();
    let (mine, theirs) = (product(&vendor, 1), product(&other, 2));
    tx.products(vendor.scope()).insert(&mine).await.unwrap();
    tx.products(other.scope()).insert(&theirs).await.unwrap();
    let (own, another) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let row = |product: &Product, counter, allotted| CounterDay {
        product: product.id,
        counter,
        bucket: Some(10),
        allotted,
        usage: Usage::none(20_454),
    };
    let rows = [row(&mine, own, 3), row(&mine, another, 1), row(&theirs, own, 3)];
    tx.counter_days().save(&rows).await.unwrap();
    tx.commit_unrecorded(keyward_storage::Technical::Seed).await.unwrap();

    let generation =
        async |of: &Organization| store.read().await.unwrap().changes(of.id).present().await.unwrap();
    let count = async |product: &Product, of: &Organization, before: u64, used: u64| Count {
        product: product.id,
        organization: of.id,
        generation: generation(of).await,
        before,
        after: Usage { day: 20_454, used, answers: [("active".to_owned(), used)].into() },
    };
    let (a, b) = ((mine.id, 20_454), (theirs.id, 20_454));
    let counts = [count(&mine, &vendor, 0, 2).await, count(&theirs, &other, 0, 3).await];
    assert_eq!(store.count(own, &counts).await.unwrap(), [a, b].into(), "several at once");
    assert!(store.count(own, &counts).await.unwrap().is_empty(), "what was counted is not counted again");
    let counts = [count(&mine, &vendor, 2, 3).await, count(&theirs, &other, 3, 4).await];
    assert_eq!(store.count(own, &counts).await.unwrap(), [a].into(), "no more than was allotted");
    let old = count(&mine, &vendor, 0, 1).await;
    let tx = store.write().await.unwrap();
    tx.changes(vendor.id).note(mine.id.uuid(), Uuid::from_u128(7)).await.unwrap();
    tx.commit_unrecorded(keyward_storage::Technical::Seed).await.unwrap();
    assert!(store.count(another, &[old]).await.unwrap().is_empty(), "the organization was changed");
    let counts = [count(&mine, &vendor, 0, 1).await];
    assert_eq!(store.count(another, &counts).await.unwrap(), [a].into(), "another counter's row is another");

    let tx = store.write().await.unwrap();
    let days = tx.usage(mine.id).list(20_454, 20_454).await.unwrap();
    assert_eq!(days, [Usage { day: 20_454, used: 4, answers: [("active".to_owned(), 4)].into() }]);
    tx.counter_days().add_up(a).await.unwrap();
    assert_eq!(tx.usage(mine.id).list(20_454, 20_454).await.unwrap(), days);
    assert_eq!(tx.counter_days().divided_before(20_455, 10).await.unwrap(), [b]);
}

#[database_test]
async fn changes_are_told_in_their_order(store: Store) {
    let (vendor, other) = two_vendors(&store).await;
    let tx = store.write().await.unwrap();
    let changes = tx.changes(vendor.id);
    let start = changes.history().await.unwrap().present().number;
    let (a, b) = (license(&vendor, 1).id.uuid(), license(&vendor, 2).id.uuid());
    for (place, target) in [a, b, a].into_iter().enumerate() {
        changes.note(target, Uuid::from_u128(7 + place as u128)).await.unwrap();
    }
    let present = changes.history().await.unwrap().present();
    assert_eq!(present, Generation { number: start + 3, id: Uuid::from_u128(9) });
    let mut since = changes.since(start, 9).await.unwrap();
    since.sort_unstable_by_key(|(_, at)| *at);
    assert_eq!(since, [(b, start + 2), (a, start + 3)]);
    assert_eq!(changes.since(start + 2, 9).await.unwrap(), [(a, start + 3)]);
    assert!(
        tx.changes(other.id).since(0, 9).await.unwrap().iter().all(|(target, _)| ![a, b].contains(target))
    );
}

#[database_test]
async fn the_latest_generations_are_known_by_their_ids(store: Store) {
    let (vendor, _) = two_vendors(&store).await;
    let tx = store.write().await.unwrap();
    let changes = tx.changes(vendor.id);
    let mut all = vec![changes.history().await.unwrap().present()];
    for change in 1..=100_u128 {
        changes.note(vendor.id.uuid(), Uuid::from_u128(change)).await.unwrap();
        let history = changes.history().await.unwrap();
        all.push(history.present());
        let known: Vec<_> = history.known().collect();
        assert!(all.iter().rev().zip(&known).all(|(made, known)| made == known), "after {change}");
        assert_eq!(known.len(), all.len().min(32), "after {change}");
    }
}
