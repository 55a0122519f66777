//! What pages are given: numbers over everything, of one organization alone.

use keyward_domain::{
    Ends, License, LicenseFilter, LicenseOrder, LicenseStatus, Order, OrderedRequest, PageRequest,
};
use keyward_engine::views::{CustomerPages, EntitlementCounts};
use keyward_engine::{Engine, Error, NewLicense};
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{engine, new_license};

const DAY: i64 = 24 * 3_600;

/// A license that begins and ends so many days from now.
async fn license(vendor: &Vendor, name: &str, days: (i64, Option<i64>)) -> License {
    let at = |days: i64| vendor.engine.now().plus_seconds(days * DAY);
    let new = NewLicense {
        not_before: Some(at(days.0)),
        ends: Ends::at(days.1.map(at)),
        ..new_license(name, "{}")
    };
    vendor.engine.create_license(&vendor.access(), new, None).await.unwrap().value
}

/// Licenses in every state there is, some of which end within 30 days.
async fn fill(vendor: &Vendor, prefix: &str) {
    let (engine, access) = (&vendor.engine, vendor.access());
    let named = |name: &str| format!("{prefix} {name}");
    license(vendor, &named("year"), (-1, Some(300))).await;
    license(vendor, &named("endless"), (-1, None)).await;
    license(vendor, &named("soon"), (-1, Some(10))).await;
    license(vendor, &named("later"), (-1, Some(20))).await;
    license(vendor, &named("future"), (5, Some(15))).await;
    license(vendor, &named("ended"), (-10, Some(-5))).await;
    for days in [Some(12), Some(200), None, Some(-2)] {
        let end = days.map_or("never".to_owned(), |days: i64| days.to_string());
        let suspended = license(vendor, &named(&format!("suspended {end}")), (-9, days)).await;
        engine.suspend_license(&access, suspended.id, None).await.unwrap();
        let revoked = license(vendor, &named(&format!("revoked {end}")), (-9, days)).await;
        engine.revoke_license(&access, revoked.id, None).await.unwrap();
        let deleted = license(vendor, &named(&format!("deleted {end}")), (-9, days)).await;
        engine.delete_license(&access, deleted.id, None).await.unwrap();
    }
    let renewed = license(vendor, &named("renewed"), (-1, Some(25))).await;
    let renewal = keyward_domain::Renewal {
        not_before: None,
        ends: Ends::at(None),
        payload: None,
        revoke_previous: true,
    };
    engine.renew_license(&access, renewed.id, renewal, None).await.unwrap();
}

async fn active(engine: &Engine, vendor: &Vendor) -> usize {
    let filter = LicenseFilter { status: Some(LicenseStatus::Active), ..LicenseFilter::default() };
    engine.licenses(&vendor.access(), &filter, PageRequest::default()).await.unwrap().newest().len()
}

#[database_test]
async fn the_dashboard_counts_what_the_lists_show(store: Store) {
    let (engine, clock) = engine(store);
    let (one, other) = (Vendor::found(&engine, "Acme").await, Vendor::found(&engine, "Other").await);
    fill(&one, "A").await;
    license(&other, "Alone", (-1, Some(3))).await;
    one.customer("Buyer").await;
    let view = async |vendor: &Vendor| engine.dashboard_view(&vendor.access(), 2).await.unwrap();
    let seen = view(&one).await;
    assert_eq!((seen.overview.active, seen.overview.ending, seen.overview.customers), (5, 2, 1));
    assert_eq!(active(&engine, &one).await, 5);
    let soon: Vec<_> = seen.overview.soon.iter().map(|license| license.name.as_str()).collect();
    assert_eq!(soon, ["A soon", "A later"], "those that end first, first");
    assert_eq!((seen.events.map(|events| events.len()), seen.open_alerts), (Some(2), Some(0)));
    let seen = view(&other).await;
    assert_eq!((seen.overview.active, seen.overview.ending, seen.overview.customers), (1, 1, 0));
    // What ends and begins in time is counted so.
    for days in [6, 5, 10, 400] {
        clock.advance(days * DAY);
        let seen = view(&one).await.overview;
        assert_eq!(seen.active as usize, active(&engine, &one).await, "{days} days on");
        assert_eq!(seen.active, engine.overview(&one.access()).await.unwrap().active);
    }
}

#[database_test]
async fn a_license_is_shown_with_all_that_belongs_to_it(store: Store) {
    let (engine, _) = engine(store);
    let (vendor, other) = (Vendor::found(&engine, "Acme").await, Vendor::found(&engine, "Other").await);
    let customer = vendor.customer("Buyer").await;
    let new = NewLicense { customer: Some(customer.id), ..new_license("Held", "{}") };
    let held = engine.create_license(&vendor.access(), new, None).await.unwrap().value;
    let seen = engine.license_view(&vendor.access(), held.id, 5).await.unwrap();
    let token = engine.license_token(&vendor.access(), held.id, keyward_engine::TokenFormat::Jwt).await;
    assert_eq!((seen.token.unwrap(), seen.revisions.len()), (token.unwrap(), 1));
    assert_eq!((seen.customer.map(|one| one.id), seen.product), (Some(customer.id), None));
    let foreign = engine.license_view(&other.access(), held.id, 5).await;
    assert!(matches!(foreign, Err(Error::NotFound(_))));
    engine.delete_customer(&vendor.access(), customer.id, None).await.unwrap();
    let seen = engine.license_view(&vendor.access(), held.id, 5).await.unwrap();
    assert!(seen.customer.is_none() && seen.token.is_err());
    assert_eq!(seen.former_customer.unwrap().to_string(), "Buyer (deleted)");
}

#[database_test]
async fn licenses_are_shown_with_who_holds_them(store: Store) {
    let (engine, _) = engine(store);
    let (vendor, other) = (Vendor::found(&engine, "Acme").await, Vendor::found(&engine, "Other").await);
    license(&other, "Foreign", (-1, None)).await;
    let customer = vendor.customer("Buyer").await;
    for name in ["One", "Two"] {
        let new = NewLicense { customer: Some(customer.id), ..new_license(name, "{}") };
        engine.create_license(&vendor.access(), new, None).await.unwrap();
    }
    license(&vendor, "Whole", (-1, None)).await;
    let (access, readers, all) = (vendor.access(), vendor.access(), LicenseFilter::default());
    let view = engine.licenses_by_holder_view(&access, &readers, &all, PageRequest::default(), 1).await;
    let view = view.unwrap();
    assert_eq!(view.whole.map(|whole| (whole.count, whole.entitlements)), Some((1, None)));
    let (holders, _) = view.holders.into_parts();
    let [holding] = holders.as_slice() else { panic!("{holders:?}") };
    assert_eq!((holding.count, holding.licenses.len()), (2, 1));
    assert_eq!(holding.entitlements, Some(EntitlementCounts::default()));
    let order = OrderedRequest::first("-created_at".parse::<Order<LicenseOrder>>().unwrap());
    let list = engine.license_list_view(&access, &all, &order).await.unwrap();
    let names = list.customers.unwrap();
    assert_eq!((list.licenses.into_parts().0.len(), names.len()), (3, 1));
    let seen = engine.customer_view(&readers, customer.id, CustomerPages::default()).await.unwrap();
    assert_eq!(seen.licenses.map(|held| held.count), Some(2));
    let foreign = engine.customer_view(&other.access(), customer.id, CustomerPages::default()).await;
    assert!(matches!(foreign, Err(Error::NotFound(_))));
}
