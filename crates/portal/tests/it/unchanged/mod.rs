//! A form that is sent as it was shown changes nothing and leaves no trace: every form of the vendor's pages that shows
//! what is saved, with random values in it.

mod random;

use std::fmt::Write as _;

use keyward_domain::product::{PullRole, PullRoles};
use keyward_domain::registry::{KeyAccess, Rotation};
use keyward_domain::{
    Access, Application, ApplicationKind, BlockList, Customer, Grant, License, Name, PageRequest, Product,
    Role, Versions,
};
use keyward_engine::{
    ApplicationChange, CustomerChange, LicenseChange, NewApplication, NewApplicationEntitlement,
    NewApplicationVersion, NewArtifact, NewCredential, NewCustomer, NewEntitlement, NewGrant, NewLicense,
    NewProduct, NewRegistry, NewRegistryKey, NoticesChange, OrganizationChange, ProductChange, TagChoice,
    Terms, VersionChoice,
};
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{TestClock, engine};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::ask;
use crate::browser::Browser;
use crate::encode;
use crate::html::{HtmlForm, forms};
use random::{bounds, lines, name, notes, settings, template};

/// How often random things are made, in each database.
const TIMES: usize = 12;

/// Forms that show what is saved: what their addresses end with.
const SAVED: &[&str] = &[
    "/products/{id}/settings",
    "/products/{id}/fields",
    "/products/{id}/page",
    "/products/{id}/versions",
    "/customers/{id}",
    "/customers/{id}/people/{id}/role",
    "/licenses/{id}",
    "/applications/{id}",
    "/applications/{id}/versions/{version}",
    "/application-entitlements/{id}",
    "/artifact-entitlements/{id}",
    "/registries/{id}/settings",
    "/registry-keys/{id}/rotation",
    "/settings",
    "/settings/notices",
    "/settings/name",
    "/members/{id}/role",
];

/// The one more that shows what is saved, and may have no other choice.
const POLICY: &str = "/settings/artifact-policy";

/// Forms that do something: they show nothing that is saved.
const ACTIONS: &[&str] = &[
    "/sign-out",
    "/members",
    "/settings/signing-keys",
    "/settings/start-trial",
    "/products/{id}/rotate-key",
    "/products/{id}/archive",
    "/products/{id}/disable",
    "/products/{id}/unarchive",
    "/products/{id}/enable",
    "/customers/{id}/delete",
    "/customers/{id}/people",
    "/customers/{id}/people/{id}/invite",
    "/licenses/{id}/renew",
    "/licenses/{id}/revoke",
    "/licenses/{id}/suspend",
    "/licenses/{id}/resume",
    "/licenses/{id}/onboarding-link",
    "/licenses/{id}/mail-onboarding-link",
    "/licenses/{id}/reset-addresses",
    "/applications/{id}/delete",
    "/applications/{id}/versions/{version}/archive",
    "/registries/{id}/delete",
    "/registry-keys/{id}/reveal",
    "/members/{id}/delete",
    "/members/{id}/invite",
    "/settings/signing-keys/{id}/activate",
    "/settings/sessions/{id}/end",
];

/// An address with the ids in it left out.
fn pattern(action: &str) -> String {
    let mut after = "";
    let part = |part| {
        let before = std::mem::replace(&mut after, part);
        match part {
            id if id.len() == 36 || before == "signing-keys" => "{id}",
            _ if before == "versions" => "{version}",
            other => other,
        }
    };
    action.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// A vendor with something in every form.
struct Scene {
    browser: Browser,
    clock: TestClock,
    pages: Vec<String>,
}

impl Scene {
    async fn access<P: Grant>(&self) -> Access<P> {
        self.browser.access().await
    }

    /// All that the pages show, and the newest line of the log.
    async fn state(&self) -> String {
        let (mut state, engine) = (String::new(), &self.browser.engine);
        let page = || PageRequest { limit: PageRequest::MOST, after: None };
        macro_rules! note {
            ($($thing:expr),+ $(,)?) => { $(writeln!(state, "{:?}", $thing).unwrap();)+ };
        }
        note!(
            engine.organization(&self.access().await).await.unwrap(),
            engine.notices(&self.access().await).await.unwrap()
        );
        note!(engine.members(&self.access().await, page()).await.unwrap().newest());
        note!(engine.products(&self.access().await, None, page()).await.unwrap().newest());
        note!(engine.customers(&self.access().await, None, page()).await.unwrap().newest());
        let filter = keyward_domain::LicenseFilter::default();
        note!(engine.licenses(&self.access().await, &filter, page()).await.unwrap().newest());
        let applications = engine.applications(&self.access().await, None, page()).await.unwrap().newest();
        for application in applications {
            note!(
                application,
                engine.application_versions(&self.access().await, application.id).await.unwrap()
            );
        }
        for grant in
            engine.application_entitlements(&self.access().await, None, None, page()).await.unwrap().newest()
        {
            note!(grant.entitlement);
        }
        note!(engine.registries(&self.access().await, page()).await.unwrap().newest());
        note!(engine.registry_keys(&self.access().await, None, page()).await.unwrap().newest());
        note!(engine.artifact_entitlements(&self.access().await, None, page()).await.unwrap().newest());
        note!(
            engine
                .audit_events(&self.access().await, &Default::default(), page())
                .await
                .unwrap()
                .newest()
                .first()
                .map(|event| (event.id, event.action))
        );
        state
    }

    async fn open(browser: Browser, clock: TestClock, random: &mut TestRunner) -> Self {
        let mut scene = Self {
            browser,
            clock,
            pages: vec![
                "/settings".into(),
                "/settings/notices".into(),
                "/settings/name".into(),
                "/members".into(),
            ],
        };
        let engine = scene.browser.engine.clone();
        let new = NewRegistry {
            name: "Releases & more".parse().unwrap(),
            host: Some("images.acme.example".parse().unwrap()),
            upstream: "http://127.0.0.1:5000".parse().unwrap(),
            prefix: None,
            credential: NewCredential::Basic {
                user: "keyward \"one\"".parse().unwrap(),
                password: " secret ".to_owned().into(),
            },
            service: Some("upstream.example".parse().unwrap()),
            pass_redirects: true,
            direct: false,
        };
        let registry = engine.create_registry(&scene.access().await, new, None).await.unwrap().value.id;
        let new = NewRegistryKey {
            registry,
            name: "ci".parse().unwrap(),
            owner: None,
            access: KeyAccess::Read,
            rotation: Some(Rotation::new(40, 9).unwrap()),
            expires_at: None,
        };
        let key = engine.create_registry_key(&scene.access().await, new, None).await.unwrap().key.id;
        scene
            .pages
            .extend([format!("/registries/{registry}/settings"), format!("/registry-keys/{key}/rotation")]);
        let mut artifacts = Vec::new();
        for repository in ["acme/app", "acme/web", "acme/worker"] {
            let new = NewArtifact { registry, repository: repository.parse().unwrap() };
            artifacts.push(engine.create_artifact(&scene.access().await, new, None).await.unwrap().value.id);
        }
        for _ in 0..TIMES {
            scene.clock.advance(1);
            scene.add(random, &artifacts).await;
        }
        scene
    }

    /// Makes one thing of each kind.
    async fn add(&mut self, random: &mut TestRunner, artifacts: &[keyward_domain::ArtifactId]) {
        macro_rules! any_of {
            ($strategy:expr) => {
                $strategy.new_tree(random).unwrap().current()
            };
        }
        let engine = self.browser.engine.clone();
        let number = self.pages.len();
        let unique = |name: Name| -> Name { format!("{} {number}", name.shortened(30)).parse().unwrap() };
        let roles =
            vec![PullRole { name: "runtime".into(), repositories: vec!["acme/*".into(), "acme/app".into()] }];
        let versions = vec![
            ("2.1.x".parse().unwrap(), "allowed".parse().unwrap()),
            ("2.1.9".parse().unwrap(), "latest".parse().unwrap()),
        ];
        let rest = ProductChange {
            description: Some(any_of!(notes())),
            page: Some(any_of!(lines()).parse().unwrap()),
            template: Some(any_of!(template())),
            settings: any_of!(settings()),
            pull_roles: Some(PullRoles::new(roles).unwrap()),
            versions: Some(Versions::new(versions).unwrap()),
            ..ProductChange::default()
        };
        let new = NewProduct { name: unique(any_of!(name())), rest };
        let product: Product = engine.create_product(&self.access().await, new, None).await.unwrap().product;
        let new = NewCustomer {
            name: any_of!(name()),
            email: "a@b.example".parse().unwrap(),
            notes: any_of!(notes()),
        };
        let customer: Customer = engine.create_customer(&self.access().await, new, None).await.unwrap().value;
        let new = NewLicense {
            name: unique(any_of!(name())),
            description: any_of!(notes()),
            customer: Some(customer.id),
            terms: Terms::Payload(keyward_domain::Payload::default()),
            not_before: None,
            ends: Default::default(),
        };
        let license: License = engine.create_license(&self.access().await, new, None).await.unwrap().value;
        let change = LicenseChange { bounds: any_of!(bounds()), ..LicenseChange::default() };
        engine.adjust_license(&self.access().await, license.id, change, None).await.unwrap();
        let new = NewApplication {
            name: unique(any_of!(name())),
            kind: ApplicationKind::Compose,
            description: any_of!(notes()),
        };
        let application: Application =
            engine.create_application(&self.access().await, new, None).await.unwrap().value;
        let files = keyward_domain::files::FilesDraft {
            compose: Some("services: {app: {image: acme/app}}\n".parse().unwrap()),
            environment: None,
            chart: None,
            values: None,
            further: Vec::new(),
        };
        let new = NewApplicationVersion {
            name: "1.0.0".parse().unwrap(),
            notes: any_of!(lines()).parse().unwrap(),
            files,
            rollout: Default::default(),
        };
        engine.create_application_version(&self.access().await, application.id, new, None).await.unwrap();
        let all = any_of!(any::<bool>());
        let new = NewApplicationEntitlement {
            customer: customer.id,
            application: application.id,
            versions: if all {
                VersionChoice::All
            } else {
                VersionChoice::Named(vec!["1.0.0".parse().unwrap()])
            },
            note: any_of!(notes()),
        };
        let granted =
            engine.create_application_entitlement(&self.access().await, new, None).await.unwrap().value;
        let named = ["1.0", "1.1"].map(|tag| tag.parse().unwrap());
        let tags = any_of!(prop::sample::select(vec![TagChoice::All, TagChoice::Named(named.into())]));
        let grants = artifacts
            .iter()
            .take(1 + number % 3)
            .map(|artifact| NewGrant { artifact: *artifact, tags: tags.clone() });
        let new = NewEntitlement {
            customer: customer.id,
            description: any_of!(notes()),
            grants: grants.collect(),
            close: true,
        };
        let entitled =
            engine.create_artifact_entitlement(&self.access().await, new, None).await.unwrap().value;
        self.pages.extend([
            format!("/products/{}", product.id),
            format!("/products/{}/fields", product.id),
            format!("/products/{}/settings", product.id),
            format!("/products/{}/versions", product.id),
            format!("/products/{}/page", product.id),
            format!("/customers/{}", customer.id),
            format!("/customers/{}/people", customer.id),
            format!("/customers/{}/settings", customer.id),
            format!("/licenses/{}", license.id),
            format!("/licenses/{}/settings", license.id),
            format!("/applications/{}", application.id),
            format!("/applications/{}/versions/1.0.0", application.id),
            format!("/application-entitlements/{}", granted.entitlement.id),
            format!("/artifact-entitlements/{}", entitled.id),
        ]);
    }

    async fn submit(&self, form: &HtmlForm) -> (u16, String) {
        let pairs = form.values.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let sent = ask(&self.browser.engine, "POST", &form.action, &self.browser.cookie, &body).await;
        (sent.status, sent.text)
    }
}

#[database_test]
async fn an_unchanged_save_changes_nothing(store: Store) {
    let (engine, clock) = engine(store);
    let scene = Scene::open(Browser::open(engine).await, clock, &mut TestRunner::deterministic()).await;
    let mut seen = std::collections::BTreeSet::new();
    let before = scene.state().await;
    for path in &scene.pages {
        let (status, page) = scene.browser.get(path).await;
        assert_eq!(status, 200, "{path}");
        for form in forms(&page).into_iter().filter(|form| form.method == "post") {
            let pattern = pattern(&form.action);
            if ACTIONS.contains(&&*pattern) {
                continue;
            }
            assert!(
                SAVED.contains(&&*pattern) || pattern == POLICY,
                "{pattern} shows what is saved, or does something: say which"
            );
            seen.insert(pattern);
            scene.clock.advance(1);
            let (status, page) = scene.submit(&form).await;
            assert_eq!(status, 303, "{form:?}: {page}");
            let after = scene.state().await;
            if let Some((before, after)) =
                before.lines().zip(after.lines()).find(|(before, after)| before != after)
            {
                panic!("{form:?}\nbefore {before}\nafter  {after}");
            }
        }
    }
    let missing: Vec<_> = SAVED.iter().filter(|pattern| !seen.contains(**pattern)).collect();
    assert!(missing.is_empty(), "never seen: {missing:?}");
}

#[database_test]
async fn updates_that_change_nothing_keep_the_version(store: Store) {
    let (engine, clock) = engine(store);
    let scene = Scene::open(Browser::open(engine).await, clock, &mut TestRunner::deterministic()).await;
    let before = scene.state().await;
    scene.clock.advance(60);
    let (engine, page) = (&scene.browser.engine, PageRequest { limit: 1, after: None });
    let product = engine.products(&scene.access().await, None, page).await.unwrap().newest().remove(0);
    let change = ProductChange {
        name: Some(product.name.clone()),
        template: Some(product.template.clone()),
        ..ProductChange::default()
    };
    let same = engine
        .update_product(&scene.access().await, product.id, change, Some(product.version))
        .await
        .unwrap();
    assert_eq!(same, product);
    let customer = engine.customers(&scene.access().await, None, page).await.unwrap().newest().remove(0);
    let change = CustomerChange {
        notes: Some(customer.notes.clone()),
        blocked: Some(BlockList::default()),
        ..CustomerChange::default()
    };
    assert_eq!(
        engine.update_customer(&scene.access().await, customer.id, change, None).await.unwrap(),
        customer
    );
    let application =
        engine.applications(&scene.access().await, None, page).await.unwrap().newest().remove(0);
    engine
        .update_application(&scene.access().await, application.id, ApplicationChange::default(), None)
        .await
        .unwrap();
    engine.set_notices(&scene.access().await, NoticesChange::default(), None).await.unwrap();
    engine.update_organization(&scene.access().await, OrganizationChange::default(), None).await.unwrap();
    let all = PageRequest { limit: PageRequest::MOST, after: None };
    let members = engine.members(&scene.access().await, all).await.unwrap().newest();
    let member = members.into_iter().find(|member| member.role == Role::Viewer).unwrap();
    let change = keyward_engine::MemberChange { name: None, role: Some(member.role) };
    engine.update_member(&scene.access().await, member.id, change, None).await.unwrap();
    assert_eq!(scene.state().await, before);
    // What does change something is written.
    let change = CustomerChange { name: Some("Another".parse().unwrap()), ..CustomerChange::default() };
    let changed = engine
        .update_customer(&scene.access().await, customer.id, change, Some(customer.version))
        .await
        .unwrap();
    assert_eq!(changed.version, customer.version + 1);
}
