//! A token is judged by what it says itself wherever the server takes one: whoever has the organization's key can sign one
//! with the ids of a living license and other terms.

use keyward_domain::admission::Rights;
use keyward_domain::registry::Registry;
use keyward_domain::{Address, Ends, License, Secret};
use keyward_engine::validation::{Inquiry, Reply};
use keyward_engine::{
    Engine, Holder, NewCustomer, NewKey, NewProduct, NewSigningKey, ProductChange, TokenFormat,
};
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{START, builder, engine, principal};
use keyward_testkit::{TestClock, Vendor};
use keyward_token::{Format, KeywardClaim, LicenseClaims, SecretKey, Signer, UnixSeconds};
use serde_json::Value;

const ISSUER: &str = "https://licenses.example";

/// A vendor who signs with a key of their own, and one license.
struct Shop {
    vendor: Vendor,
    signer: Signer,
    product_key: Secret,
    license: License,
    token: String,
    registry: Registry,
}

impl Shop {
    async fn open(store: keyward_testkit::database::Store) -> (Self, TestClock) {
        let (engine, clock) = engine(store);
        let vendor = Vendor::found(&engine, "Acme").await;
        let signer = Signer::new(SecretKey::from_seed([9; 32]));
        let pem = signer.secret_key().to_pem().replace('\n', "\r\n");
        // As it was pasted into a form.
        let new = NewSigningKey { private_key_pem: Some(format!("\u{feff}Key:\r\n{pem} ")), activate: true };
        engine.create_signing_key(&vendor.access(), new, None).await.unwrap();
        let new = NewProduct { name: "Server".parse().unwrap(), rest: ProductChange::default() };
        let product = engine.create_product(&vendor.access(), new, None).await.unwrap();
        let customer = NewCustomer {
            name: "Example Inc.".parse().unwrap(),
            email: "it@example.com".parse().unwrap(),
            notes: None,
        };
        let new = NewKey {
            holder: Holder::New(customer),
            name: None,
            fields: Default::default(),
            not_before: None,
            ends: Ends::at(Some(engine.now().plus_seconds(100_000))),
        };
        let made = engine.create_key(&vendor.access(), product.product.id, new, None).await.unwrap().value;
        let registry = vendor.registry("Releases").await;
        let product_key = product.secret;
        (Self { vendor, signer, product_key, license: made.license, token: made.token, registry }, clock)
    }

    /// A token with the ids of the license, signed by the right key, that says what it likes.
    fn forged(&self, change: impl FnOnce(&mut LicenseClaims<'_>)) -> String {
        let (sub, jti) = (self.license.id.to_string(), self.license.revision.id.to_string());
        let org = self.vendor.founded.organization.id.to_string();
        let mut claims = LicenseClaims {
            iss: ISSUER,
            sub: &sub,
            jti: Some(&jti),
            keyward: Some(KeywardClaim { org: &org, ..KeywardClaim::default() }),
            ..LicenseClaims::default()
        };
        change(&mut claims);
        self.signer.sign(Format::Jwt, &claims).unwrap()
    }

    /// What each taker of tokens says: validation with the product's key, the token's own validation, the customer's
    /// API, the registry.
    async fn verdicts(&self, engine: &Engine, token: &str) -> [String; 4] {
        let address = Address::new("192.0.2.1".parse().unwrap());
        let inquiry = Inquiry { license: token.to_owned(), version: None, nonce: None, address };
        let status = |json: String| {
            serde_json::from_str::<Value>(&json).unwrap()["status"].as_str().unwrap().to_owned()
        };
        let counted = match engine.validate(&self.product_key, &inquiry).await.unwrap() {
            Reply::Answer(json) => status(json),
            other => panic!("{other:?}"),
        };
        let own = engine.validate_token(token, address).await.unwrap().map_or("none".to_owned(), status);
        let recipient = match engine.recipient(token, address).await {
            Ok(found) => found.map_or("none", |_| "active").to_owned(),
            Err(keyward_engine::Error::NotInForce(status)) => status.to_string(),
            Err(error) => panic!("{error}"),
        };
        let principal = principal(engine, &self.registry.host, token).await;
        let pulls = principal.map_or("none".to_owned(), |principal| match principal.rights {
            Rights::License(_) => "active".to_owned(),
            Rights::Halted(halt) => halt.to_string(),
            Rights::Key(_) | Rights::Deployment(_) => "another".to_owned(),
        });
        [counted, own, recipient, pulls]
    }
}

#[database_test]
async fn a_token_is_judged_by_its_own_claims(store: Store) {
    let (shop, clock) = Shop::open(store).await;
    let engine = &shop.vendor.engine;
    let at = |seconds: i64| UnixSeconds::new(START + seconds);
    let all = |verdict: &str| [verdict; 4].map(str::to_owned);

    assert_eq!(shop.verdicts(engine, &shop.token).await, all("active"));
    assert_eq!(shop.verdicts(engine, &shop.forged(|_| {})).await, all("active"), "nothing false in it");
    let pasted = format!("\u{feff}“{}”\r\n", shop.token.replace('.', ".\r\n "));
    assert_eq!(shop.verdicts(engine, &pasted).await[..3], all("active")[..3]);

    let foreign = shop.forged(|claims| claims.iss = "https://other.example");
    let [counted, own, recipient, pulls] = shop.verdicts(engine, &foreign).await;
    assert_eq!([&counted, &own, &recipient], ["license_not_found"; 3]);
    assert_eq!(pulls, "none");
    let other = shop.forged(|claims| claims.aud = &["other"]);
    assert_eq!(
        shop.verdicts(engine, &other).await,
        ["license_not_found", "none", "none", "none"].map(str::to_owned)
    );

    let future = shop.forged(|claims| claims.nbf = Some(at(70)));
    let verdicts = shop.verdicts(engine, &future).await;
    assert_eq!(&verdicts[..3], &all("not_yet_valid")[..3]);
    assert!(verdicts[3].contains("is not valid before"), "{}", verdicts[3]);
    let short = shop.forged(|claims| claims.exp = Some(at(20)));
    assert_eq!(shop.verdicts(engine, &short).await, all("active"));
    clock.advance(10);
    assert_eq!(
        shop.verdicts(engine, &future).await,
        all("active"),
        "from its own nbf on, but for what clocks differ by"
    );
    clock.advance(10);
    let verdicts = shop.verdicts(engine, &short).await;
    assert_eq!(&verdicts[..3], &all("expired")[..3]);
    assert!(verdicts[3].contains("expired"), "{}", verdicts[3]);

    let long = shop.forged(|claims| claims.exp = Some(at(1_000_000)));
    clock.advance(200_000);
    assert_eq!(&shop.verdicts(engine, &long).await[..3], &all("expired")[..3], "no longer than the terms");
}

#[database_test]
async fn a_server_that_has_moved_takes_its_older_tokens(store: Store) {
    let (shop, clock) = Shop::open(store.clone()).await;
    let moved = builder("https://moved.example", store, 5).clock(clock.clone()).assemble();
    let all = ["active"; 4].map(str::to_owned);
    assert_eq!(shop.verdicts(&moved, &shop.token).await, all, "the issuer that its terms name");
    let new = shop.forged(|claims| claims.iss = "https://moved.example");
    assert_eq!(shop.verdicts(&moved, &new).await, all, "the issuer that the server is now");
    assert_eq!(shop.verdicts(&shop.vendor.engine, &new).await[0], "license_not_found");
    let paseto =
        moved.license_token(&shop.vendor.access(), shop.license.id, TokenFormat::Paseto).await.unwrap();
    assert_eq!(shop.verdicts(&moved, &paseto).await, all);
}
