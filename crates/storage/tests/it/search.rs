//! What is found, and what is the same, on both databases alike.

use keyward_domain::text::fold;
use keyward_domain::{LicenseFilter, Organization, OrganizationScope, PageRequest};
use keyward_storage::{StorageError, Store, Technical, Tx, Unique};
use keyward_testkit::database_test;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

use crate::fixtures::*;

/// Customers in six scripts, and what they are looked for by.
const NAMES: [(&str, &[&str]); 11] = [
    (
        "Österreichische Post AG",
        &["ÖSTERREICHISCHE post ag", "österreichische", "O\u{308}sterreichische Post", "POST ag"],
    ),
    ("Bäckerstraße 5", &["STRASSE", "straße", "bäckerSTRA", "ba\u{308}cker"]),
    ("Οδυσσεύς ΑΕ", &["ΟΔΥΣΣΕΎΣ", "οδυσσεύσ", "αε"]),
    ("ПАО «Газпром нефть»", &["ГАЗПРОМ", "НЕФТЬ»", "пао"]),
    ("บริษัทไทยจำกัด", &["ไทย", "บริษัท"]),
    ("株式会社アクメ", &["会社", "ｱｸﾒ"]),
    ("شركة أكمي", &["أكمي", "شركة"]),
    ("İstanbul Yazılım", &["İSTANBUL", "i\u{307}stanbul", "YAZıLıM"]),
    ("100% Pure_Play\\", &["100%", "PURE_", "PLAY\\"]),
    ("ＦＵＬＬ width", &["full", "ｆｕｌｌ ＷＩＤＴＨ"]),
    ("Line\u{2010}Hyphen (ﬃ)", &["FFI", "(ffi)"]),
];

const ALL: PageRequest = PageRequest { limit: 200, after: None };

fn scope(vendor: &Organization) -> OrganizationScope {
    vendor.scope()
}

async fn customers(tx: &Tx, vendor: &Organization, text: &str) -> Vec<String> {
    let found = tx.customers(scope(vendor)).list(Some(text), ALL).await.unwrap().newest();
    found.into_iter().map(|customer| customer.name.to_string()).collect()
}

async fn add_customers(store: &Store, vendor: &Organization) {
    let tx = store.write().await.unwrap();
    for (n, (name, _)) in (1..).zip(NAMES) {
        let mut customer = customer(vendor, n);
        customer.name = name.parse().unwrap();
        tx.customers(vendor.scope()).insert(&customer).await.unwrap();
        let mut license = license(vendor, n);
        license.name = name.parse().unwrap();
        tx.licenses(vendor.scope()).insert(&license).await.unwrap();
        let mut product = product(vendor, n);
        product.name = name.parse().unwrap();
        tx.products(vendor.scope()).insert(&product).await.unwrap();
        let mut application = application(vendor, n);
        application.name = name.parse().unwrap();
        tx.applications(vendor.scope()).insert(&application).await.unwrap();
    }
    tx.commit_unrecorded(Technical::Seed).await.unwrap();
}

#[database_test]
async fn customers_of_all_scripts_are_found_by_what_people_type(store: Store) {
    let (vendor, _) = two_vendors(&store).await;
    add_customers(&store, &vendor).await;
    let tx = store.read().await.unwrap();
    for (name, needles) in NAMES {
        for needle in needles {
            assert_eq!(customers(&tx, &vendor, needle).await, [name], "{needle}");
            let filter =
                LicenseFilter { name_contains: Some((*needle).to_owned()), ..LicenseFilter::default() };
            let licenses = tx.licenses(scope(&vendor)).list(&filter, at(250), ALL).await.unwrap().newest();
            assert_eq!(licenses.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), [name], "{needle}");
            let products = tx.products(scope(&vendor)).list(Some(needle), ALL).await.unwrap().newest();
            assert_eq!(products.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), [name], "{needle}");
            let found = tx.applications(scope(&vendor)).list(Some(needle), ALL).await.unwrap().newest();
            assert_eq!(found.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), [name], "{needle}");
            let holders =
                tx.license_holders(scope(&vendor)).list(&filter, at(250), ALL).await.unwrap().newest();
            let by_name =
                holders.iter().filter(|holder| holder.by_name).map(|holder| holder.named.name.as_str());
            assert_eq!(by_name.collect::<Vec<_>>(), [name], "{needle}");
        }
    }
    for nothing in ["istanbul y", "100_", "\n", "a\nb", "\0", &"x".repeat(60_000), "%%", "Muller"] {
        assert_eq!(customers(&tx, &vendor, nothing).await, [""; 0], "{nothing:.20}");
    }
    assert_eq!(customers(&tx, &vendor, "").await.len(), NAMES.len());
}

#[database_test]
async fn what_is_saved_is_found_by_its_new_name(store: Store) {
    let (vendor, _) = two_vendors(&store).await;
    let tx = store.write().await.unwrap();
    let mut customer = customer(&vendor, 1);
    tx.customers(vendor.scope()).insert(&customer).await.unwrap();
    (customer.name, customer.version) = ("Müller".parse().unwrap(), 2);
    customer.email = "Info@MÜLLER-gmbh.example".parse().unwrap();
    tx.customers(vendor.scope()).save(&customer).await.unwrap();
    for needle in ["MÜLLER", "info@müller", "xn--mller-gmbh-9db", "GMBH.EXAMPLE"] {
        assert_eq!(customers(&tx, &vendor, needle).await, ["Müller"], "{needle}");
    }
    assert_eq!(customers(&tx, &vendor, "customer 1").await, [""; 0]);
    assert_eq!(customers(&tx, &vendor, "müller\ninfo").await, [""; 0], "name and address are two texts");
}

#[database_test]
async fn a_text_is_found_if_and_only_if_its_folding_is_contained(store: Store) {
    let (vendor, _) = two_vendors(&store).await;
    let texts = "[a-cA-CäÄßẞσςΣİıдД会ไ\u{308}%_\\\\\"' -]{1,6}";
    let mut runner = TestRunner::deterministic();
    let mut next = |pattern: &'static str| {
        proptest::string::string_regex(pattern).unwrap().new_tree(&mut runner).unwrap().current()
    };
    let tx = store.write().await.unwrap();
    let mut names = Vec::new();
    for n in 1..=60 {
        let mut one = application(&vendor, n);
        let Ok(name) = format!("{n} {}", next(texts)).parse() else { continue };
        one.name = name;
        tx.applications(vendor.scope()).insert(&one).await.unwrap();
        names.push(one.name.to_string());
    }
    assert!(names.len() > 40);
    for _ in 0..300 {
        let needle = next("[a-cA-CäÄßẞσςΣİıдД会ไ\u{308}%_\\\\\"' -]{1,2}");
        let found = tx.applications(vendor.scope()).list(Some(&needle), ALL).await.unwrap().newest();
        let mut found: Vec<_> = found.into_iter().map(|one| one.name.to_string()).collect();
        found.sort();
        let mut expected = names.clone();
        expected.retain(|name| fold(name).contains(&fold(&needle)));
        expected.sort();
        assert_eq!(found, expected, "{needle:?}");
    }
}

#[database_test]
async fn an_address_is_one_however_it_is_typed(store: Store) {
    let (vendor, other) = two_vendors(&store).await;
    let tx = store.write().await.unwrap();
    let mut ada = member(&vendor, 1);
    ada.email = "Ada@MÜLLER-gmbh.example".parse().unwrap();
    tx.members(vendor.scope()).insert(&ada).await.unwrap();
    let mut elsewhere = member(&other, 2);
    elsewhere.email = "ADA@xn--mller-gmbh-9db.example".parse().unwrap();
    tx.members(other.scope()).insert(&elsewhere).await.unwrap();
    let mut buyer = customer(&vendor, 1);
    buyer.email = "ada@müller-GMBH.example".parse().unwrap();
    tx.customers(vendor.scope()).insert(&buyer).await.unwrap();
    for typed in ["ada@müller-gmbh.example", "ADA@XN--MLLER-GMBH-9DB.example", "Ada@MÜLLER-gmbh.example"] {
        let typed = typed.parse().unwrap();
        let found = tx.members(vendor.scope()).by_email(&typed).await.unwrap();
        assert_eq!(found, [ada.clone()], "and shown as it was typed");
        assert_eq!(tx.members_by_email(&typed).await.unwrap().len(), 2);
        assert_eq!(tx.customers_behind(&typed).await.unwrap(), [buyer.clone()]);
    }
    let mut twin = member(&vendor, 3);
    twin.email = "ada@xn--mller-gmbh-9db.example".parse().unwrap();
    let refused = tx.members(vendor.scope()).insert(&twin).await;
    assert!(matches!(refused, Err(StorageError::Unique(Unique::MemberEmail))), "{refused:?}");
}

#[test]
fn of_two_who_take_an_address_at_once_one_has_it() {
    keyward_testkit::database::on_postgres(async |store: Store| {
        let (vendor, _) = two_vendors(&store).await;
        let mut tasks = tokio::task::JoinSet::new();
        for (n, email) in (1..).zip(["ada@a.example", "Ada@a.example", "ADA@A.example", "ada@A.EXAMPLE"]) {
            let (store, mut one, scope) = (store.clone(), member(&vendor, n), vendor.scope());
            one.email = email.parse().unwrap();
            tasks.spawn(async move {
                let tx = store.write().await.unwrap();
                match tx.members(scope).insert(&one).await {
                    Ok(()) => tx.commit_unrecorded(Technical::Seed).await.map(|()| 1),
                    Err(error) => Err(error),
                }
            });
        }
        let mut added = 0;
        while let Some(done) = tasks.join_next().await {
            match done.unwrap() {
                Ok(one) => added += one,
                Err(StorageError::Unique(Unique::MemberEmail)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(added, 1);
    });
}
