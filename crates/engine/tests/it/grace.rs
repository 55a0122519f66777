//! Licenses with two ends: the one of the contract, and the one after the grace.

use keyward_domain::{Ends, License, LicenseHealth, LicenseStatus, Renewal, Timestamp};
use keyward_engine::{
    Error, Holder, NewKey, NewLicense, NewProduct, ProductChange, SettingsChange, TokenFormat,
};
use keyward_testkit::database::Store;
use keyward_testkit::engine::{engine, new_license};
use keyward_testkit::{Vendor, database_test};
use keyward_token::{Keyring, NoClaims, UnixSeconds, Verifier};

const DAY: i64 = 24 * 3_600;

/// A key of a product whose licenses get 14 days of grace.
async fn key(vendor: &Vendor, ends: Ends) -> Result<License, Error> {
    let settings = SettingsChange { default_grace_days: Some(Some(14)), ..SettingsChange::default() };
    let name = format!("Product {}", vendor.engine.now().unix()).parse().unwrap();
    let new = NewProduct { name, rest: ProductChange { settings, ..ProductChange::default() } };
    let product = vendor.engine.create_product(&vendor.access(), new, None).await.unwrap().product;
    let new = NewKey {
        holder: Holder::Existing(vendor.customer(&format!("Buyer of {}", product.name)).await.id),
        name: None,
        fields: Vec::new(),
        not_before: None,
        ends,
    };
    Ok(vendor.engine.create_key(&vendor.access(), product.id, new, None).await?.value.license)
}

fn ends(license: &License) -> (Option<Timestamp>, Option<Timestamp>) {
    (license.revision.validity.ends_at(), license.revision.validity.expires_at())
}

#[database_test]
async fn a_license_of_a_product_gets_its_grace_and_keeps_it(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let (now, end) = (engine.now(), engine.now().plus_days(100));
    let license = key(&vendor, Ends::at(Some(end))).await.unwrap();
    assert_eq!(ends(&license), (Some(end), Some(end.plus_days(14))));
    assert_eq!(engine.license(&vendor.access(), license.id).await.unwrap(), license);

    let renewed = engine.renew_license(&vendor.access(), license.id, Renewal::default(), None).await.unwrap();
    let later = end.plus_one_year();
    assert_eq!(ends(&renewed.value), (Some(later), Some(later.plus_days(14))));

    clock.advance(1);
    let plain = Ends { expires_at: Some(Some(end)), ..Ends::default() };
    assert_eq!(ends(&key(&vendor, plain).await.unwrap()), (Some(end), Some(end)), "said alone, it is both");
    clock.advance(1);
    assert_eq!(ends(&key(&vendor, Ends::default()).await.unwrap()), (None, None));
    clock.advance(1);
    let crossed = Ends { ends_at: Some(Some(end)), expires_at: Some(Some(end.plus_seconds(-1))) };
    let Err(Error::Invalid(faults)) = key(&vendor, crossed).await else { panic!("taken") };
    assert_eq!((faults[0].field, faults[0].invalid.code), ("ends_at", "ends_after_expiry"));
    let renewal = Renewal { ends: Ends::at(Some(now.plus_seconds(-1))), ..Renewal::default() };
    let refused = engine.renew_license(&vendor.access(), license.id, renewal, None).await;
    let Err(Error::Invalid(faults)) = refused else { panic!("{refused:?}") };
    assert_eq!((faults[0].field, faults[0].invalid.code), ("ends_at", "ends_before_start"));
}

/// The server and whoever holds the token say the same at every instant.
#[database_test]
async fn its_token_tells_its_health_as_the_server_does(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let end = engine.now().plus_days(100);
    let license = key(&vendor, Ends::at(Some(end))).await.unwrap();
    let keys = engine.jwks(&vendor.founded.organization.slug).await.unwrap().unwrap();
    let verifier = Verifier::for_any_product().keys(Keyring::from_jwks(&keys).unwrap()).build();
    for format in [TokenFormat::Jwt, TokenFormat::Paseto] {
        let token = engine.license_token(&vendor.access(), license.id, format).await.unwrap();
        let verified = verifier.verify::<NoClaims>(&token, UnixSeconds::new(end.unix())).unwrap();
        assert_eq!(verified.ends_at(), Some(UnixSeconds::new(end.unix())));
        assert_eq!(verified.expires_at(), Some(UnixSeconds::new(end.unix() + 14 * DAY)));
        let authentic = verifier.authenticate(&token).unwrap();
        let turns = [-100 * DAY, -30 * DAY - 1, -30 * DAY, -1, 0, 14 * DAY - 1, 14 * DAY, 400 * DAY];
        for after_end in turns {
            let now = end.plus_seconds(after_end);
            let state = authentic.health(UnixSeconds::new(now.unix())).state();
            assert_eq!(license.health(now).as_str(), state.code(), "{after_end} s after the end");
        }
    }
    clock.advance(101 * DAY);
    let license = engine.license(&vendor.access(), license.id).await.unwrap();
    assert_eq!(license.status(engine.now()), LicenseStatus::Active);
    assert_eq!(license.health(engine.now()), LicenseHealth::InGrace);
    clock.advance(13 * DAY);
    assert_eq!(license.status(engine.now()), LicenseStatus::Expired);
    assert_eq!(license.health(engine.now()), LicenseHealth::Ended);
}

/// What is about to end is so by its contract, whether its grace is long or it has begun.
#[database_test]
async fn the_dashboard_counts_what_ends_by_its_contract(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let now = engine.now();
    for (name, days, grace) in [("Second", 20, 60), ("First", 12, 0), ("Third", 25, 10), ("Later", 40, 60)] {
        let ends_at = Some(now.plus_days(days));
        let ends = Ends { ends_at: Some(ends_at), expires_at: Some(Some(now.plus_days(days + grace))) };
        let new = NewLicense { ends, ..new_license(name, "{}") };
        engine.create_license(&vendor.access(), new, None).await.unwrap();
    }
    for (days, ending, first) in [(0, 3, "First"), (15, 3, "Second"), (35, 2, "Second")] {
        clock.advance(days * DAY);
        let view = engine.dashboard_view(&vendor.access(), 2).await.unwrap();
        assert_eq!(
            (view.overview.ending, view.overview.soon[0].name.as_str()),
            (ending, first),
            "{days} days later"
        );
        assert!(view.overview.soon.len() <= 2);
    }
}
