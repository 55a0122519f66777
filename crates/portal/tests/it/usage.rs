//! What the console shows of the use of licenses.

use keyward_domain::Address;
use keyward_domain::permission::{WriteLicenses, WriteProducts};
use keyward_engine::validation::{Inquiry, Reply};
use keyward_engine::{Holder, NewCustomer, NewKey, NewProduct};
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;

use crate::ask;
use crate::browser::Browser;

/// How often the license was active, today and in 30 days.
const ROW: &str = "<td>active</td><td data-label=\"Today (UTC)\">27</td><td data-label=\"30 days\">27</td>";

#[database_test]
async fn pages_say_what_licenses_are_used_for(store: Store) {
    let (engine, _) = engine(store);
    let browser = Browser::open(engine).await;
    let new = NewProduct { name: "Server".parse().unwrap(), rest: Default::default() };
    let made =
        browser.engine.create_product(&browser.access::<WriteProducts>().await, new, None).await.unwrap();
    let globex = NewCustomer {
        name: "Globex".parse().unwrap(),
        email: "it@globex.example".parse().unwrap(),
        notes: None,
    };
    let key = NewKey {
        holder: Holder::New(globex),
        name: None,
        fields: Default::default(),
        not_before: None,
        ends: Default::default(),
    };
    let access = browser.access::<WriteLicenses>().await;
    let license = browser.engine.create_key(&access, made.product.id, key, None).await.unwrap().value.license;
    let customer = license.customer.unwrap();
    let (of_license, of_customer) = (format!("/licenses/{}", license.id), format!("/customers/{customer}"));
    assert!(browser.get(&of_license).await.1.contains("No validation in the last 30 days."));
    let buyer = browser.customer("it@globex.example").await;
    let own = async |page: &str| ask(&browser.engine, "GET", page, &buyer, "").await.text;
    let own_license = format!("/portal/licenses/{}", license.id);
    assert!(own(&own_license).await.contains("No validation in the last 30 days."));
    assert!(own("/portal").await.contains("(UTC)\">never</td>"));

    for (version, times) in [(Some("1.2<b>"), 25), (None, 2)] {
        let inquiry = Inquiry {
            license: license.key.as_ref().unwrap().to_string(),
            version: version.map(str::to_owned),
            nonce: None,
            address: Address::new("203.0.113.7".parse().unwrap()),
        };
        for _ in 0..times {
            assert!(matches!(
                browser.engine.validate(&made.secret, &inquiry).await.unwrap(),
                Reply::Answer(_)
            ));
        }
    }
    browser.engine.flush_log().await;

    // The vendor's page and the customer's own say the same.
    for shown in [browser.get(&of_license).await.1, own(&own_license).await] {
        for text in [
            "active, no version named, from 203.0.113.7",
            ROW,
            "1.2&#60;b&#62;",
            "27 validations in 30 days; the most on 2026-01-01: 27.",
        ] {
            assert!(shown.contains(text), "{text}: {shown}");
        }
        assert_eq!(shown.matches("<li title=").count(), 30, "{shown}");
    }
    assert!(own("/portal").await.contains("(UTC)\">2026-01-01 00:00</td>"));
    assert!(browser.get(&of_customer).await.1.contains(ROW));
    assert!(browser.get("/customers").await.1.contains("30 days\">27</td>"));
    let versions = format!("/products/{}/versions-in-use", made.product.id);
    let shown = browser.get(&versions).await.1;
    assert!(shown.contains("?version=1.2%3Cb%3E") && shown.contains("?unnamed=true"), "{shown}");
    for query in ["?version=1.2%3Cb%3E", "?unnamed=true"] {
        assert!(browser.get(&format!("{versions}{query}")).await.1.contains("<td>Globex</td>"), "{query}");
    }
    assert!(browser.get(&format!("{versions}?version=1.3")).await.1.contains("None on this page."));
}
