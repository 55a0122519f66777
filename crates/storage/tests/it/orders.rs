//! Lists in every order, read page by page.

use keyward_domain::{
    CustomerOrder, LicenseFilter, LicenseOrder, LicenseStatus, Order, OrderBy, OrderedRequest, ProductOrder,
    Validity,
};
use keyward_testkit::database::Store;
use keyward_testkit::database_test;

use crate::fixtures::*;

/// A request as it comes over the wire.
fn request<K: OrderBy>(order: Order<K>, after: Option<&str>) -> OrderedRequest<K> {
    OrderedRequest::new(order, 3, after.map(|mark| mark.parse().unwrap())).unwrap()
}

fn orders<K: OrderBy>() -> impl Iterator<Item = Order<K>> {
    K::ALL.iter().flat_map(|(_, by)| [false, true].map(|descending| Order { by: *by, descending }))
}

#[database_test]
async fn licenses_come_in_every_order_page_by_page(store: Store) {
    let (vendor, other) = two_vendors(&store).await;
    let (scope, now) = (vendor.scope(), at(150));
    let tx = store.write().await.unwrap();
    let names = ["beta", "Alpha", "ärger", "ALPHA 2", "Zeta", "_", "zeta 2", "alpha-1", "100%", "Ä"];
    let mut all = Vec::new();
    for (n, name) in (1..).zip(names) {
        let mut license = license(&vendor, n);
        license.name = name.parse().unwrap();
        let end = [None, Some(200), Some(300), Some(120)][usize::from(n) % 4];
        license.revision.validity = Validity::new(at(if n == 9 { 160 } else { 100 }), end.map(at)).unwrap();
        license.created_at = at(100 + i64::from(n / 3));
        tx.licenses(scope).insert(&license).await.unwrap();
        if n % 5 == 0 {
            license = license.suspend(at(120)).unwrap();
            tx.licenses(scope).save(&license).await.unwrap();
        }
        all.push(license);
    }
    tx.licenses(other.scope()).insert(&license(&other, 77)).await.unwrap();
    for order in orders::<LicenseOrder>() {
        for status in [None, Some(LicenseStatus::Active)] {
            let filter = LicenseFilter { status, ..LicenseFilter::default() };
            let (mut seen, mut mark) = (Vec::new(), None);
            loop {
                let request = request(order, mark.as_deref());
                let page = tx.licenses(scope).list_in_order(&filter, now, &request).await.unwrap();
                let (some, next) = page.into_parts();
                seen.extend(some.into_iter().map(|license| license.id));
                mark = next.map(|mark| mark.to_string());
                if mark.is_none() {
                    break;
                }
            }
            let mut expected: Vec<_> =
                all.iter().filter(|one| status.is_none_or(|status| one.status(now) == status)).collect();
            expected.sort_by_key(|one| {
                let rank = LicenseStatus::ALL.iter().position(|status| *status == one.status(now));
                let end = one.revision.validity.expires_at().map_or(i64::MAX, |end| end.unix());
                let (name, number) = match order.by {
                    LicenseOrder::Name => (one.name.as_str().to_ascii_lowercase(), 0),
                    LicenseOrder::Status => (String::new(), rank.unwrap() as i64),
                    LicenseOrder::Expires => (String::new(), end),
                    LicenseOrder::Created => (String::new(), one.created_at.unix()),
                };
                (name, number, one.id)
            });
            if order.descending {
                expected.reverse()
            }
            let expected: Vec<_> = expected.into_iter().map(|one| one.id).collect();
            assert_eq!(seen, expected, "{order} {status:?}");
        }
    }
}

#[database_test]
async fn what_moves_meanwhile_shifts_nothing(store: Store) {
    let (vendor, _) = two_vendors(&store).await;
    let (scope, by_name) = (vendor.scope(), "name".parse::<Order<CustomerOrder>>().unwrap());
    let tx = store.write().await.unwrap();
    for (n, name) in (1..).zip(["a", "b", "c", "d", "e"]) {
        let mut customer = customer(&vendor, n);
        customer.name = name.parse().unwrap();
        tx.customers(scope).insert(&customer).await.unwrap();
    }
    let first = tx.customers(scope).list_in_order(None, &request(by_name, None)).await.unwrap();
    let (first, mark) = first.into_parts();
    let mark = mark.unwrap().to_string();
    // The last row of the page moves to the end; what lies between is not passed over.
    let last = keyward_domain::Customer { name: "z".parse().unwrap(), version: 2, ..first[2].clone() };
    tx.customers(scope).save(&last).await.unwrap();
    let second = tx.customers(scope).list_in_order(None, &request(by_name, Some(&mark))).await.unwrap();
    assert_eq!(
        second.into_parts().0.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(),
        ["d", "e", "z"]
    );
}

#[database_test]
async fn customers_and_products_come_in_every_order(store: Store) {
    let (vendor, _) = two_vendors(&store).await;
    let tx = store.write().await.unwrap();
    for n in 1..=7 {
        tx.customers(vendor.scope()).insert(&customer(&vendor, n)).await.unwrap();
        tx.products(vendor.scope()).insert(&product(&vendor, n)).await.unwrap();
    }
    let ascending: Vec<_> = (1..=7).collect();
    let check = |seen: Vec<u8>, order: String| {
        let mut expected = ascending.clone();
        if order.starts_with('-') {
            expected.reverse()
        }
        assert_eq!(seen, expected, "{order}");
    };
    let number = |name: &str| name.rsplit(' ').next().unwrap().parse::<u8>().unwrap();
    for order in orders::<CustomerOrder>() {
        let (mut seen, mut mark) = (Vec::new(), None);
        loop {
            let page = tx
                .customers(vendor.scope())
                .list_in_order(None, &request(order, mark.as_deref()))
                .await
                .unwrap();
            let (some, next) = page.into_parts();
            seen.extend(some.iter().map(|one| number(one.name.as_str())));
            mark = next.map(|mark| mark.to_string());
            if mark.is_none() {
                break;
            }
        }
        check(seen, order.to_string());
    }
    for order in orders::<ProductOrder>() {
        let (mut seen, mut mark) = (Vec::new(), None);
        loop {
            let page = tx
                .products(vendor.scope())
                .list_in_order(Some("duct"), &request(order, mark.as_deref()))
                .await
                .unwrap();
            let (some, next) = page.into_parts();
            seen.extend(some.iter().map(|one| number(one.name.as_str())));
            mark = next.map(|mark| mark.to_string());
            if mark.is_none() {
                break;
            }
        }
        check(seen, order.to_string());
    }
}
