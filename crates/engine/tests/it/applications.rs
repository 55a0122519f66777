//! Applications: who may deploy what, what can't be taken back, and license keys in files.

use std::sync::Arc;

use futures_util::future::join_all;
use keyward_domain::application::Rollout;
use keyward_domain::files::{File, FilesDraft};
use keyward_domain::validation::Status;
use keyward_domain::{
    Application, ApplicationKind, Customer, License, PageRequest, Plan, Renewal, VersionName,
};
use keyward_engine::{
    ApplicationGrant, ApplicationGrantChange, Engine, Error, NewApplication, NewApplicationEntitlement,
    NewApplicationVersion, NewLicense, PlanChange, Recipient, TokenFormat, VersionChoice, VersionSheet,
};
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{engine, new_license};
use serde_json::json;

use crate::audit_changes::changes;

const COMPOSE: &str = "services:\n  app:\n    environment:\n      LICENSE_KEY: {{ .LicenseKeys.server }}\n";

fn address() -> keyward_domain::Address {
    keyward_domain::Address::new(std::net::IpAddr::from([192, 0, 2, 1]))
}

fn name(text: &str) -> VersionName {
    text.parse().unwrap()
}

fn names(texts: &[&str]) -> VersionChoice {
    VersionChoice::Named(texts.iter().map(|text| name(text)).collect())
}

/// What a vendor does in these tests.
struct Shop {
    vendor: Vendor,
    application: Application,
}

impl Shop {
    async fn open(engine: &Arc<Engine>, named: &str) -> Self {
        let vendor = Vendor::found(engine, named).await;
        let new = NewApplication {
            name: "Server".parse().unwrap(),
            kind: ApplicationKind::Compose,
            description: None,
        };
        let application = engine.create_application(&vendor.access(), new, None).await.unwrap().value;
        Self { vendor, application }
    }

    async fn release(&self, version: &str) -> VersionSheet {
        let new = NewApplicationVersion {
            name: name(version),
            notes: format!("# {version}").parse().unwrap(),
            files: FilesDraft {
                compose: Some(COMPOSE.parse().unwrap()),
                further: vec![File { name: "plain.txt".parse().unwrap(), text: version.parse().unwrap() }],
                ..FilesDraft::default()
            },
            rollout: Rollout::default(),
        };
        let (access, id) = (self.vendor.access(), self.application.id);
        self.vendor.engine.create_application_version(&access, id, new, None).await.unwrap().value
    }

    async fn archive(&self, version: &str) {
        let (access, id) = (self.vendor.access(), self.application.id);
        self.vendor.engine.archive_application_version(&access, id, &name(version), None).await.unwrap();
    }

    async fn grant(&self, to: &Customer, versions: VersionChoice) -> Result<ApplicationGrant, Error> {
        let new = NewApplicationEntitlement {
            customer: to.id,
            application: self.application.id,
            versions,
            note: None,
        };
        let done = self.vendor.engine.create_application_entitlement(&self.vendor.access(), new, None).await;
        done.map(|done| done.value)
    }

    async fn widen(
        &self,
        grant: &ApplicationGrant,
        versions: VersionChoice,
    ) -> Result<ApplicationGrant, Error> {
        let change = ApplicationGrantChange { versions: Some(versions), note: None };
        let (access, id) = (self.vendor.access(), grant.entitlement.id);
        self.vendor.engine.update_application_entitlement(&access, id, change, None).await
    }

    async fn license(&self, called: &str, holder: Option<&Customer>) -> License {
        let new = NewLicense { customer: holder.map(|customer| customer.id), ..new_license(called, "{}") };
        self.vendor.engine.create_license(&self.vendor.access(), new, None).await.unwrap().value
    }

    async fn token(&self, license: &License) -> String {
        let (access, id) = (self.vendor.access(), license.id);
        self.vendor.engine.license_token(&access, id, TokenFormat::Jwt).await.unwrap()
    }

    async fn recipient(&self, license: &License) -> Recipient {
        let token = self.token(license).await;
        self.vendor.engine.recipient(&token, address()).await.unwrap().unwrap()
    }

    /// The versions that a customer sees, and gets files of.
    async fn seen(&self, by: &Recipient) -> Vec<String> {
        let engine = &self.vendor.engine;
        let all = engine.entitled_applications(by).await.unwrap();
        let slug = &self.application.slug;
        let seen: Vec<_> =
            all.iter().flat_map(|own| &own.versions).map(|version| version.name.to_string()).collect();
        for version in ["1.0.0", "1.1.0", "1.2.0", "2.0.0"] {
            let fetched = engine.entitled_file(by, slug, &name(version), "plain.txt").await;
            match fetched {
                Ok(text) => assert!(text == version && seen.contains(&text)),
                Err(Error::NotFound(_)) => assert!(!seen.iter().any(|one| one == version)),
                Err(error) => panic!("{error}"),
            }
        }
        seen
    }
}

#[database_test]
async fn customers_see_exactly_what_was_granted(store: Store) {
    let (engine, _) = engine(store);
    let shop = Shop::open(&engine, "Acme").await;
    let (one, two) = (shop.vendor.customer("One").await, shop.vendor.customer("Two").await);
    let (of_one, of_two) = (shop.license("one", Some(&one)).await, shop.license("two", Some(&two)).await);
    let (one_sees, two_sees) = (shop.recipient(&of_one).await, shop.recipient(&of_two).await);
    for version in ["1.0.0", "1.1.0"] {
        shop.release(version).await;
    }
    assert!(shop.seen(&one_sees).await.is_empty(), "without an entitlement there is nothing");
    let grant = shop.grant(&one, names(&["1.0.0"])).await.unwrap();
    assert_eq!(shop.seen(&one_sees).await, ["1.0.0"]);
    assert!(shop.seen(&two_sees).await.is_empty());
    assert!(engine.entitled_application(&two_sees, &shop.application.slug).await.is_err());
    let again = shop.grant(&one, VersionChoice::All).await;
    assert!(matches!(again, Err(Error::Taken { field: "application_id", .. })));

    shop.widen(&grant, names(&["1.1.0", "1.0.0"])).await.unwrap();
    assert_eq!(shop.seen(&one_sees).await, ["1.1.0", "1.0.0"]);
    let taken = shop.widen(&grant, names(&["1.1.0"])).await.unwrap_err();
    assert!(matches!(&taken, Error::Granted(lost) if lost == &["1.0.0"]), "{taken}");
    shop.release("1.2.0").await;
    assert_eq!(shop.seen(&one_sees).await, ["1.1.0", "1.0.0"]);
    shop.widen(&grant, VersionChoice::All).await.unwrap();
    assert_eq!(shop.seen(&one_sees).await, ["1.2.0", "1.1.0", "1.0.0"]);
    let narrowed = shop.widen(&grant, names(&["1.0.0"])).await.unwrap_err();
    assert!(matches!(&narrowed, Error::Granted(lost) if lost == &["1.2.0", "1.1.0"]), "{narrowed}");
    shop.release("2.0.0").await;
    assert_eq!(shop.seen(&one_sees).await.len(), 4, "all means later ones too");

    let other = Shop::open(&engine, "Other").await;
    let foreign = NewApplicationEntitlement {
        customer: one.id,
        application: other.application.id,
        versions: VersionChoice::All,
        note: None,
    };
    let refused = engine.create_application_entitlement(&other.vendor.access(), foreign.clone(), None).await;
    assert!(matches!(refused, Err(Error::Invalid(faults)) if faults[0].field == "customer_id"));
    let refused = engine.create_application_entitlement(&shop.vendor.access(), foreign, None).await;
    assert!(matches!(refused, Err(Error::Invalid(faults)) if faults[0].field == "application_id"));
}

#[database_test]
async fn archived_versions_stay_with_those_who_had_them(store: Store) {
    let (engine, _) = engine(store);
    let shop = Shop::open(&engine, "Acme").await;
    let (early, late) = (shop.vendor.customer("Early").await, shop.vendor.customer("Late").await);
    let (of_early, of_late) = (shop.license("a", Some(&early)).await, shop.license("b", Some(&late)).await);
    let (early_sees, late_sees) = (shop.recipient(&of_early).await, shop.recipient(&of_late).await);
    shop.release("1.0.0").await;
    shop.release("1.1.0").await;
    shop.grant(&early, VersionChoice::All).await.unwrap();
    shop.archive("1.0.0").await;
    let refused = shop.grant(&late, names(&["1.0.0", "1.1.0"])).await;
    assert!(matches!(refused, Err(Error::Invalid(faults)) if faults[0].invalid.code == "archived"));
    let refused = shop.grant(&late, names(&["9"])).await;
    assert!(matches!(refused, Err(Error::Invalid(faults)) if faults[0].invalid.pointer == "/0"));
    shop.grant(&late, VersionChoice::All).await.unwrap();
    assert_eq!(shop.seen(&early_sees).await, ["1.1.0", "1.0.0"]);
    assert_eq!(shop.seen(&late_sees).await, ["1.1.0"]);
    let (access, id) = (shop.vendor.access(), shop.application.id);
    engine.unarchive_application_version(&access, id, &name("1.0.0"), None).await.unwrap();
    assert_eq!(shop.seen(&late_sees).await, ["1.1.0", "1.0.0"]);
    shop.archive("1.0.0").await;
    assert_eq!(shop.seen(&late_sees).await, ["1.1.0", "1.0.0"], "it was granted then");
    let twice = engine.archive_application_version(&access, id, &name("1.0.0"), None).await;
    assert!(matches!(twice, Err(Error::Transition(_))));
}

#[database_test]
async fn an_entitlement_ends_with_its_customer_alone(store: Store) {
    let (engine, _) = engine(store);
    let shop = Shop::open(&engine, "Acme").await;
    let (buyer, early) = (shop.vendor.customer("Buyer").await, shop.vendor.customer("Early").await);
    let empty = shop.grant(&early, VersionChoice::All).await.unwrap();
    engine.delete_application_entitlement(&shop.vendor.access(), empty.entitlement.id, None).await.unwrap();
    shop.release("1.0.0").await;
    let grant = shop.grant(&buyer, names(&["1.0.0"])).await.unwrap();
    let id = grant.entitlement.id;
    let refused = engine.delete_application_entitlement(&shop.vendor.access(), id, None).await;
    assert!(matches!(refused, Err(Error::Granted(_))));
    let application = shop.application.id;
    let refused = engine.delete_application(&shop.vendor.access(), application, None).await;
    assert!(matches!(refused, Err(Error::InUse(_))));
    let license = shop.license("server", Some(&buyer)).await;
    let token = shop.token(&license).await;
    engine.delete_customer(&shop.vendor.access(), buyer.id, None).await.unwrap();
    let refused = engine.recipient(&token, address()).await;
    assert!(matches!(refused, Err(Error::NotInForce(Status::Revoked))));
    let gone = engine.application_entitlement(&shop.vendor.access(), id).await;
    assert!(matches!(gone, Err(Error::NotFound(_))));
    let held = engine
        .application_entitlements(&shop.vendor.access(), Some(buyer.id), None, PageRequest::default())
        .await
        .unwrap();
    assert!(held.newest().is_empty());
    engine.delete_application(&shop.vendor.access(), application, None).await.unwrap();
    let log = engine
        .audit_events(&shop.vendor.access(), &Default::default(), PageRequest::default())
        .await
        .unwrap();
    let ended = "application_entitlement.deleted";
    assert_eq!(log.newest().iter().filter(|event| event.action.as_str() == ended).count(), 2);
}

#[database_test]
async fn files_hold_the_present_token_of_the_customers_own_license(store: Store) {
    let (engine, _) = engine(store);
    let shop = Shop::open(&engine, "Acme").await;
    let (one, two) = (shop.vendor.customer("One").await, shop.vendor.customer("Two").await);
    let made = shop.release("1.0.0").await;
    let warned: Vec<_> = made.warnings.iter().map(|w| (w.file.as_str(), w.line, w.name.as_str())).collect();
    assert_eq!(warned, [("compose.yaml", 4, "server")]);
    for customer in [&one, &two] {
        shop.grant(customer, VersionChoice::All).await.unwrap();
    }
    let of_two = shop.license("two", Some(&two)).await;
    let theirs = shop.license("server", Some(&two)).await;
    let two_gets = shop.recipient(&of_two).await;
    let of_one = shop.license("one", Some(&one)).await;
    let one_gets = shop.recipient(&of_one).await;
    let (slug, version) = (&shop.application.slug, name("1.0.0"));
    let file = |recipient| engine.entitled_file(recipient, slug, &version, "compose.yaml");

    let filled = |token: &str| COMPOSE.replace("{{ .LicenseKeys.server }}", token);
    assert_eq!(file(&two_gets).await.unwrap(), filled(&shop.token(&theirs).await));
    let missing = file(&one_gets).await.unwrap_err();
    assert!(matches!(&missing, Error::NoKeys(keys) if keys[0].0 == "server"), "{missing}");
    let shown = engine.entitled_version(&one_gets, slug, &version).await.unwrap();
    assert!(shown.files[0].text.is_err() && shown.files[1].text.is_ok());

    let for_all = shop.license("SERVER", None).await;
    assert_eq!(file(&one_gets).await.unwrap(), filled(&shop.token(&for_all).await));
    let own = shop.license("Server", Some(&one)).await;
    let before = shop.token(&own).await;
    assert_eq!(file(&one_gets).await.unwrap(), filled(&before));
    let renewal = Renewal { revoke_previous: true, ..Renewal::default() };
    engine.renew_license(&shop.vendor.access(), own.id, renewal, None).await.unwrap();
    let after = shop.token(&own).await;
    assert!(after != before);
    assert_eq!(file(&one_gets).await.unwrap(), filled(&after), "the token of the terms in force");
    engine.suspend_license(&shop.vendor.access(), own.id, None).await.unwrap();
    let withheld = file(&one_gets).await.unwrap_err().to_string();
    assert_eq!(withheld, "license keys are not available: server (the license is suspended)");
    engine.resume_license(&shop.vendor.access(), own.id, None).await.unwrap();
    assert_eq!(file(&one_gets).await.unwrap(), filled(&after));
    let sheet = engine.application_version(&shop.vendor.access(), shop.application.id, &version).await;
    assert!(sheet.unwrap().warnings.is_empty());
}

#[database_test]
async fn a_token_speaks_for_its_customer_while_it_is_in_force(store: Store) {
    let (engine, clock) = engine(store);
    let shop = Shop::open(&engine, "Acme").await;
    let buyer = shop.vendor.customer("Buyer").await;
    let license = shop.license("server", Some(&buyer)).await;
    let token = shop.token(&license).await;
    let asked = async |token: &str| match engine.recipient(token, address()).await {
        Ok(Some(_)) => "in",
        Ok(None) => "unknown",
        Err(Error::NotInForce(status)) => status.as_str(),
        Err(Error::NoCustomer) => "no customer",
        Err(error) => panic!("{error}"),
    };
    assert_eq!(asked(&token).await, "in");
    for nonsense in ["", "x", "a.b.c", "kw_mgmt_x", &token[..token.len() - 2], &format!("{token}A")] {
        assert_eq!(asked(nonsense).await, "unknown", "{nonsense}");
    }
    let for_all = shop.license("all", None).await;
    assert_eq!(asked(&shop.token(&for_all).await).await, "no customer");

    let access = || shop.vendor.access();
    engine.suspend_license(&access(), license.id, None).await.unwrap();
    assert_eq!(asked(&token).await, "suspended");
    engine.resume_license(&access(), license.id, None).await.unwrap();
    let organization = shop.vendor.founded.organization.id;
    engine.suspend_organization(&shop.vendor.access(), organization).await.unwrap();
    assert_eq!(asked(&token).await, "org_suspended");
    engine.resume_organization(&shop.vendor.access(), organization).await.unwrap();
    assert_eq!(asked(&token).await, "in");
    let renewal = Renewal { revoke_previous: true, ..Renewal::default() };
    let renewed = engine.renew_license(&access(), license.id, renewal, None).await.unwrap().value;
    assert_eq!(asked(&token).await, "revoked", "a token that was withdrawn");
    let token = shop.token(&renewed).await;
    assert_eq!(asked(&token).await, "in");
    clock.advance(3 * 366 * 24 * 60 * 60);
    assert_eq!(asked(&token).await, "expired");
    clock.advance(-3 * 366 * 24 * 60 * 60);
    engine.revoke_license(&access(), license.id, None).await.unwrap();
    assert_eq!(asked(&token).await, "revoked");
}

#[database_test]
async fn granting_is_part_of_license_management(store: Store) {
    let (engine, _) = engine(store);
    let shop = Shop::open(&engine, "Acme").await;
    let (one, two) = (shop.vendor.customer("One").await, shop.vendor.customer("Two").await);
    shop.release("1.0.0").await;
    let grant = shop.grant(&one, names(&["1.0.0"])).await.unwrap();
    let plan = PlanChange { plan: Some(Plan::Free), products: None, validations_per_day: None };
    let organization = shop.vendor.founded.organization.id;
    engine.set_plan(&shop.vendor.access(), organization, plan).await.unwrap();
    assert!(matches!(shop.grant(&two, VersionChoice::All).await, Err(Error::PlanRequired { .. })));
    assert!(matches!(shop.widen(&grant, VersionChoice::All).await, Err(Error::PlanRequired { .. })));
    let note = ApplicationGrantChange { versions: None, note: Some(Some("kept".parse().unwrap())) };
    let id = grant.entitlement.id;
    let noted =
        engine.update_application_entitlement(&shop.vendor.access(), id, note, Some(1)).await.unwrap();
    assert_eq!((noted.entitlement.version, noted.versions.len()), (2, 1), "what was granted stays");
}

#[database_test]
async fn the_audit_log_tells_what_was_granted_before(store: Store) {
    let (engine, _) = engine(store);
    let shop = Shop::open(&engine, "Acme").await;
    let buyer = shop.vendor.customer("Buyer").await;
    for version in ["1.0.0", "1.1.0"] {
        shop.release(version).await;
    }
    let grant = shop.grant(&buyer, names(&["1.0.0"])).await.unwrap();
    shop.widen(&grant, VersionChoice::All).await.unwrap();
    let note =
        ApplicationGrantChange { versions: None, note: Some(Some("knows the founder".parse().unwrap())) };
    let id = grant.entitlement.id;
    engine.update_application_entitlement(&shop.vendor.access(), id, note, None).await.unwrap();
    let told = changes(&shop.vendor, id.uuid()).await;
    let widened = json!({
        "all_versions": {"from": false, "to": true},
        "versions": {"from": ["1.0.0"], "to": ["1.1.0", "1.0.0"]},
    });
    assert_eq!(told, [widened, json!({"note": {}})]);
}

#[database_test]
async fn of_many_who_grant_at_once_one_does(store: Store) {
    let (engine, _) = engine(store);
    let shop = Shop::open(&engine, "Acme").await;
    let buyer = shop.vendor.customer("Buyer").await;
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        shop.release(version).await;
    }
    let made = join_all((0..8).map(|_| shop.grant(&buyer, names(&["1.0.0"])))).await;
    let (won, lost): (Vec<_>, Vec<_>) = made.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    assert!(lost.iter().all(|lost| matches!(lost, Err(Error::Taken { .. }))));
    // While some widen and others archive, nothing that was granted is lost.
    let grant = won.into_iter().next().unwrap().unwrap();
    let (access, id) = (shop.vendor.access(), shop.application.id);
    let late = name("1.2.0");
    let (widened, archived) = tokio::join!(
        shop.widen(&grant, VersionChoice::All),
        engine.archive_application_version(&access, id, &late, None),
    );
    archived.unwrap();
    let held: Vec<_> = widened.unwrap().versions.iter().map(|version| version.name.to_string()).collect();
    let license = shop.license("server", Some(&buyer)).await;
    assert_eq!(shop.seen(&shop.recipient(&license).await).await, held);
}
