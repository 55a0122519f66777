//! What a run has made that nobody else may see is looked for in the whole database, and in a backup of it.

use keyward_domain::{Role, Secret, SecretKind};
use keyward_engine::{
    AnySession, ClientInfo, Confirmation, Engine, Holder, NewKey, NewMember, NewOrganization, NewProduct,
    NewToken, Password,
};
use keyward_storage::Store;
use keyward_testkit::Vendor;
use keyward_testkit::database::FreshPostgres;
use keyward_testkit::engine::{engine, new_registry_key};

const PASSWORD: &str = "correct horse battery";

fn client_info() -> ClientInfo {
    ClientInfo { address: "192.0.2.1".into(), user_agent: String::new(), device: None }
}

async fn link_in_mail(engine: &Engine) -> String {
    let mail = engine.claim_mail().await.unwrap().expect("a mail");
    mail.body
        .split_whitespace()
        .find_map(|word| Some(word.rsplit_once('/')?.1.to_owned()).filter(|end| end.starts_with("kw_")))
        .unwrap()
}

/// Makes one of everything that is secret. Mails stay on their way.
async fn make_all(store: Store) -> Vec<String> {
    let (engine, _) = engine(store);
    let mut secrets = vec![PASSWORD.to_owned()];
    let link = engine.setup_link().await.unwrap().unwrap().rsplit('/').next().unwrap().to_owned();
    let setup = Secret::parse(SecretKind::Setup, &link).unwrap();
    let new = NewOrganization {
        name: "First".parse().unwrap(),
        slug: None,
        owner_email: "ada@first.example".parse().unwrap(),
        owner_name: None,
    };
    let signed_in =
        engine.set_up(&setup, new, Password::parse(PASSWORD).unwrap(), client_info()).await.unwrap();
    secrets.extend([link, signed_in.secret.expose().to_owned(), signed_in.device.unwrap()]);
    let Some(AnySession::Member(ada)) = engine.session(&signed_in.secret).await.unwrap() else { panic!() };
    let confirmed = engine.confirm(&ada, Password::parse(PASSWORD).unwrap(), None).await.unwrap();
    let Confirmation::Done(renewed) = confirmed else { panic!("{confirmed:?}") };
    secrets.push(renewed.secret.expose().to_owned());
    let Some(AnySession::Member(ada)) = engine.session(&renewed.secret).await.unwrap() else { panic!() };
    let proof = engine.reauthenticated(&ada).unwrap();
    let authenticator = engine.new_authenticator(&ada);
    let code = crate::sessions::code_of(&authenticator.secret, keyward_testkit::engine::START / 30);
    let made = engine.confirm_authenticator(&proof, &authenticator.secret, &code).await.unwrap().unwrap();
    // Until its page is opened, a secret waits in the database.
    engine.keep_to_show(&made.session.session, "/codes", &made.codes.join("\n")).await.unwrap();
    secrets.push(made.session.secret.expose().to_owned());
    secrets.extend(made.codes);
    secrets.push(authenticator.secret.to_string());

    let vendor = Vendor::found(&engine, "Acme").await;
    secrets.push(vendor.founded.secret.expose().to_owned());
    let token = NewToken {
        name: "ci".parse().unwrap(),
        scopes: Some(keyward_domain::Scopes::organization()),
        expires_at: None,
    };
    secrets
        .push(engine.create_token(&vendor.access(), token, None).await.unwrap().secret.expose().to_owned());
    let product = NewProduct { name: "Analytics".parse().unwrap(), rest: Default::default() };
    let product = engine.create_product(&vendor.access(), product, None).await.unwrap();
    secrets.push(product.secret.expose().to_owned());
    let rotated = engine.rotate_product_key(&vendor.access(), product.product.id, 60, None).await.unwrap();
    secrets.push(rotated.secret.expose().to_owned());
    let registry = vendor.registry("Releases").await;
    let key = engine.create_registry_key(&vendor.access(), new_registry_key(&registry), None).await.unwrap();
    secrets.push(key.secret.expose().to_owned());

    let customer = vendor.customer("Buyer").await;
    let new = NewKey {
        holder: Holder::Existing(customer.id),
        name: None,
        fields: Vec::new(),
        not_before: None,
        ends: Default::default(),
    };
    let issued = engine.create_key(&vendor.access(), product.product.id, new, None).await.unwrap().value;
    secrets.push(issued.token);
    secrets.push(issued.license.key.as_ref().unwrap().to_string());
    let opened = engine.create_onboarding_link(&vendor.access(), issued.license.id).await.unwrap();
    secrets.push(opened.url.rsplit('/').next().unwrap().to_owned());
    engine.mail_onboarding_link(&vendor.access(), issued.license.id).await.unwrap();
    secrets.push(link_in_mail(&engine).await);
    engine.request_customer_sign_in(&customer.email).await.unwrap();
    secrets.push(link_in_mail(&engine).await);
    engine.request_password_reset(&vendor.founded.owner.email).await.unwrap();
    secrets.push(link_in_mail(&engine).await);
    let new = NewMember {
        name: "V".parse().unwrap(),
        email: "v@acme.example".parse().unwrap(),
        role: Role::Viewer,
    };
    engine.invite_member(&vendor.access(), new).await.unwrap();
    secrets.push(link_in_mail(&engine).await);
    engine.suspend_license(&vendor.access(), issued.license.id, None).await.unwrap();
    engine.revoke_license(&vendor.access(), issued.license.id, None).await.unwrap();
    secrets
}

fn assert_absent(secrets: &[String], place: &[u8], what: &str) {
    for secret in secrets {
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        for form in [secret.as_bytes(), hex.as_bytes()] {
            let found = place.windows(form.len()).any(|window| window == form);
            assert!(!found, "{what} holds {}…", &secret[..secret.len().min(8)]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_stands_in_a_sqlite_file_or_its_backup() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let store = Store::connect(&format!("sqlite://{}", path("k.db"))).await.unwrap();
    store.migrate().await.unwrap();
    let secrets = make_all(store.clone()).await;
    assert_eq!(secrets.len(), 29);
    store.backup(&path("copy.db")).await.unwrap();
    for file in ["k.db", "k.db-wal", "copy.db"] {
        let bytes = std::fs::read(path(file)).unwrap();
        assert!(file == "k.db" || bytes.len() > 100_000, "{file}: {}", bytes.len());
        assert_absent(&secrets, &bytes, file);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_stands_in_any_table_of_postgresql() {
    let Some(database) = FreshPostgres::create().await else { return };
    let store = Store::connect(&database.url).await.unwrap();
    store.migrate().await.unwrap();
    let secrets = make_all(store.clone()).await;
    let tables = database.dump().await;
    assert!(tables.len() > 30);
    for (table, text) in &tables {
        assert_absent(&secrets, text.as_bytes(), table);
        // Vendors look license keys up and read them out, so there is one column that has them.
        let keys: Vec<_> =
            secrets.iter().filter(|secret| secret.len() == 29 && secret.matches('-').count() == 4).collect();
        let plain: Vec<_> = keys.iter().map(|key| key.replace('-', "")).collect();
        assert_eq!(plain.len(), 1);
        assert_eq!(plain.iter().any(|key| text.contains(key)), table == "licenses", "{table}");
    }
    drop(store);
    database.drop().await;
}
