//! Pages and filters.

use keyward_domain::{LicenseFilter, LicenseStatus, PageRequest, Validity};
use keyward_testkit::database::Store;
use keyward_testkit::database_test;

use crate::fixtures::*;

#[database_test]
async fn pages_are_whole_and_in_order(store: Store) {
    let (vendor, _) = two_vendors(&store).await;
    let tx = store.write().await.unwrap();
    for n in 1..=7 {
        tx.customers(vendor.scope()).insert(&customer(&vendor, n)).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut request = PageRequest { limit: 3, after: None };
    loop {
        let (some, next) = tx.customers(vendor.scope()).list(None, request).await.unwrap().into_parts();
        assert!(some.len() <= 3);
        seen.extend(some.into_iter().map(|customer| customer.name.to_string()));
        let Some(next) = next else { break };
        // A row that comes meanwhile shifts nothing.
        if request.after.is_none() {
            tx.customers(vendor.scope()).insert(&customer(&vendor, 8)).await.unwrap();
        }
        request.after = Some(next);
    }
    assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1].map(|n| format!("Customer {n}")));
    let exact = PageRequest { limit: 8, after: None };
    assert_eq!(tx.customers(vendor.scope()).list(None, exact).await.unwrap().into_parts().1, None);
}

#[database_test]
async fn search_takes_its_text_literally(store: Store) {
    let (vendor, _) = two_vendors(&store).await;
    let tx = store.write().await.unwrap();
    for (n, name) in [(1, "100% Pure"), (2, "under_score"), (3, "back\\slash"), (4, "Plain")] {
        let mut customer = customer(&vendor, n);
        customer.name = name.parse().unwrap();
        tx.customers(vendor.scope()).insert(&customer).await.unwrap();
    }
    for (text, found) in
        [("%", 1), ("_", 1), ("\\", 1), ("PLAIN", 1), ("customer-4@", 1), ("@buyer", 4), ("'", 0)]
    {
        let page = tx.customers(vendor.scope()).list(Some(text), PageRequest::default()).await.unwrap();
        assert_eq!(page.newest().len(), found, "{text}");
    }
}

#[database_test]
async fn the_status_filter_says_what_the_domain_says(store: Store) {
    let (vendor, _) = two_vendors(&store).await;
    let scope = vendor.scope();
    let tx = store.write().await.unwrap();
    let mut all = Vec::new();
    let ends = [None, Some(150), Some(200), Some(201)];
    for (n, (start, end)) in [100, 199].into_iter().flat_map(|s| ends.map(|e| (s, e))).enumerate() {
        let Ok(validity) = Validity::new(at(start), end.map(at)) else { continue };
        for (offset, state) in ["active", "suspended", "revoked"].into_iter().enumerate() {
            let mut license = license(&vendor, (n * 3 + offset + 1) as u8);
            license.revision.validity = validity;
            tx.licenses(scope).insert(&license).await.unwrap();
            let license = match state {
                "suspended" => license.suspend(at(120)).unwrap(),
                "revoked" => license.revoke(at(120)).unwrap(),
                _ => {
                    all.push(license);
                    continue;
                }
            };
            tx.licenses(scope).save(&license).await.unwrap();
            all.push(license);
        }
    }
    assert!(all.len() > 15);
    for now in [99, 100, 149, 150, 151, 198, 199, 200, 201, 10_000] {
        for status in LicenseStatus::ALL {
            let filter = LicenseFilter { status: Some(status), ..LicenseFilter::default() };
            let page =
                tx.licenses(scope).list(&filter, at(now), PageRequest { limit: 200, after: None }).await;
            let mut found: Vec<_> = page.unwrap().newest().into_iter().map(|license| license.id).collect();
            found.sort();
            let expected = all.iter().filter(|license| license.status(at(now)) == status);
            let mut expected: Vec<_> = expected.map(|license| license.id).collect();
            expected.sort();
            assert_eq!(found, expected, "{status} at {now}");
        }
    }
}

#[database_test]
async fn filters_are_combined(store: Store) {
    let (vendor, _) = two_vendors(&store).await;
    let scope = vendor.scope();
    let tx = store.write().await.unwrap();
    tx.customers(scope).insert(&customer(&vendor, 1)).await.unwrap();
    for n in 1..=4 {
        let mut license = license(&vendor, n);
        license.customer = (n % 2 == 0).then_some(customer(&vendor, 1).id);
        tx.licenses(scope).insert(&license).await.unwrap();
    }
    let filter = LicenseFilter {
        customer: Some(customer(&vendor, 1).id),
        status: Some(LicenseStatus::Active),
        name_contains: Some("license 4".into()),
        ..LicenseFilter::default()
    };
    let page = tx.licenses(scope).list(&filter, at(250), PageRequest::default()).await.unwrap();
    assert_eq!(page.newest().iter().map(|license| license.name.as_str()).collect::<Vec<_>>(), ["License 4"]);
}
