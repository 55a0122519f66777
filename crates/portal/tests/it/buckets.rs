//! What the console shows of a product's daily bucket.

use keyward_domain::permission::WriteProducts;
use keyward_domain::{Address, Product};
use keyward_engine::validation::{Inquiry, Reply};
use keyward_engine::{NewProduct, PlanChange};
use keyward_testkit::database::Store;
use keyward_testkit::engine::engine;
use keyward_testkit::{Vendor, database_test};

use crate::browser::Browser;

#[database_test]
async fn pages_say_who_took_a_bucket(store: Store) {
    let (engine, _) = engine(store);
    let browser = Browser::open(engine).await;
    let access = browser.access::<WriteProducts>().await;
    let new = NewProduct { name: "Server".parse().unwrap(), rest: Default::default() };
    let made = browser.engine.create_product(&access, new, None).await.unwrap();
    let page = async |product: &Product| browser.get(&format!("/products/{}", product.id)).await.1;
    assert!(page(&made.product).await.contains("Nobody has taken much of it yet."));

    let organization = made.product.organization;
    let plan = PlanChange { plan: None, products: None, validations_per_day: Some(Some(1_200)) };
    let operator = Vendor::found(&browser.engine, "Operator").await;
    browser.engine.set_plan(&operator.access(), organization, plan).await.unwrap();
    let address = Address::new("203.0.113.7".parse().unwrap());
    let inquiry = Inquiry { license: "no such key".to_owned(), version: None, nonce: None, address };
    let mut refused = 0;
    for _ in 0..125 {
        match browser.engine.validate(&made.secret, &inquiry).await.unwrap() {
            Reply::Answer(_) => {}
            Reply::Full { .. } => refused += 1,
            Reply::UnknownKey => panic!("the product has this key"),
        }
    }
    assert_eq!(refused, 5);
    browser.engine.tell_buckets().await.unwrap();

    let shown = page(&made.product).await;
    for text in [
        "120 of 1200 validations are used (10 %)",
        "<code>203.0.113.7</code>",
        "Unknown license keys</td><td>120</td><td>120</td>",
        "Requests with unknown license keys have used up their share of 120 validations",
    ] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    let (_, alerts) = browser.get("/alerts").await;
    assert!(
        alerts.contains("Share used up") && alerts.contains(&format!("/products/{}#bucket", made.product.id))
    );
    assert!(browser.get("/").await.1.contains("Validations of today"));

    let settings = format!("/products/{}/settings", made.product.id);
    let again =
        browser.send(&settings, &[("name", "Server"), ("address_share_percent", "101")]).await.unwrap_err();
    assert!(again.contains("Share of one address (%)"), "{again}");
    let values = [("name", "Server"), ("ip_enforcement", "off"), ("unknown_key_share_percent", "25")];
    browser.send(&settings, &values).await.unwrap();
    assert!(page(&made.product).await.contains("unknown license keys 300."));
}
