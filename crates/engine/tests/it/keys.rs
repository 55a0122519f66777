//! Signing keys: made, imported, rotated, withdrawn.

use keyward_domain::SigningKeyState;
use keyward_engine::{Engine, Error, Issuer, MasterKey, NewSigningKey, TokenFormat};
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{SeededEntropy, engine};
use keyward_testkit::{TestClock, Vendor};
use keyward_token::{Keyring, NoClaims, SecretKey, UnixSeconds, Verifier};

#[database_test]
async fn rotation_changes_no_token_in_use(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let slug = &vendor.founded.organization.slug;
    let license = vendor.license("Pro", "{}").await;
    let token = async || engine.license_token(&vendor.access(), license.id, TokenFormat::Jwt).await;
    let before = token().await.unwrap();

    let next =
        engine.create_signing_key(&vendor.access(), NewSigningKey::default(), None).await.unwrap().value;
    assert_eq!(next.state, SigningKeyState::Pending);
    let published = Keyring::from_jwks(&engine.jwks(slug).await.unwrap().unwrap()).unwrap();
    assert_eq!(published.len(), 2, "a key is published before it signs");
    engine.activate_signing_key(&vendor.access(), next.kid, None).await.unwrap();
    assert_eq!(token().await.unwrap(), before);
    let second = vendor.license("Second", "{}").await;
    assert_eq!(second.revision.kid, next.kid);
    let verifier = Verifier::for_any_product().keys(published).build();
    assert!(verifier.verify::<NoClaims>(&before, UnixSeconds::new(engine.now().unix())).is_ok());

    let old = license.revision.kid;
    let in_use = engine.revoke_signing_key(&vendor.access(), next.kid, None).await;
    assert!(matches!(in_use, Err(Error::Transition(_))), "the active key is replaced before it is revoked");
    engine.revoke_signing_key(&vendor.access(), old, None).await.unwrap();
    assert!(matches!(token().await, Err(Error::NoToken(_))));
    let published = Keyring::from_jwks(&engine.jwks(slug).await.unwrap().unwrap()).unwrap();
    assert_eq!(published.only().unwrap().kid().to_bytes(), *next.kid.as_bytes());
}

#[database_test]
async fn an_imported_key_signs(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let secret = SecretKey::from_seed([5; 32]);
    let import = || NewSigningKey { private_key_pem: Some(secret.to_pem().to_string()), activate: true };
    let imported = engine.create_signing_key(&vendor.access(), import(), None).await.unwrap().value;
    assert_eq!(*imported.kid.as_bytes(), secret.public_key().kid().to_bytes());
    assert_eq!(engine.public_pem(&imported).unwrap(), secret.public_key().to_pem());
    let pem = engine.public_key_pem(&vendor.founded.organization.slug).await.unwrap().unwrap();
    assert_eq!(pem, secret.public_key().to_pem());
    let twice = engine.create_signing_key(&vendor.access(), import(), None).await;
    assert!(matches!(twice, Err(Error::Taken { .. })));
    for pem in
        ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", &secret.public_key().to_pem()]
    {
        let wrong = NewSigningKey { private_key_pem: Some(pem.to_owned()), activate: false };
        let refused = engine.create_signing_key(&vendor.access(), wrong, None).await;
        assert!(matches!(refused, Err(Error::Invalid(faults)) if faults[0].field == "private_key_pem"));
    }
}

#[database_test]
async fn another_master_key_opens_nothing(store: Store) {
    let (engine, _) = engine(store.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    assert_eq!(engine.open_all_signing_keys().await.unwrap(), 1);
    let license = vendor.license("Pro", "{}").await;
    let issuer = Issuer::parse("https://licenses.example").unwrap();
    let wrong = Engine::builder(store, MasterKey::from_bytes([8; 32]), issuer);
    let wrong = wrong.clock(TestClock::new()).entropy(SeededEntropy::new(2)).assemble();
    assert!(matches!(wrong.open_all_signing_keys().await, Err(Error::Key { .. })));
    let token = wrong.license_token(&vendor.access(), license.id, TokenFormat::Jwt).await;
    assert!(matches!(token, Err(Error::Key { .. })));
}
