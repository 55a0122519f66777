//! Registries on the pages: keys that are shown once, entitlements with their preview, and what customers see.

use keyward_domain::admission::Principal;
use keyward_domain::registry::{Decision, Manifest, Operation, Reach, Registry, RepositoryName};
use keyward_domain::{Address, CustomerId};
use keyward_engine::{AccessEvent, AnySession, Engine, NewOrganization, NewRegistry};
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{engine, new_registry, new_registry_key, principal, registry_at};

use crate::browser::Browser;
use crate::posts::asks_first;
use crate::{ask, csrf, encode, people};

const MANIFEST: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
    "config":{"digest":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","size":10},"layers":[]}"#;

/// Creates a registry by the form; gives its page and the registry itself.
async fn registry(vendor: &Browser, name: &str) -> (String, Registry) {
    let values = [("name", name), ("upstream", "http://127.0.0.1:5000"), ("credential", "token")];
    let page = vendor.send("/registries/new", &values).await.unwrap();
    let host = vendor.get(&page).await.1;
    let host = host.split("id=\"address\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let found = registry_at(&vendor.engine, &host.parse().unwrap()).await.unwrap();
    (page, found)
}

/// Writes down that tags were pushed.
async fn push(engine: &Engine, registry: &Registry, repository: &str, tags: &[&str]) {
    let repository: RepositoryName = repository.parse().unwrap();
    let digest = format!("sha256:{}", "b".repeat(64)).parse().unwrap();
    let manifest = Manifest::parse("", MANIFEST.as_bytes()).unwrap();
    let tags: Vec<_> = tags.iter().map(|tag| tag.parse().unwrap()).collect();
    engine.learn_manifest(registry, &repository, &tags, &digest, &manifest).await.unwrap();
}

/// A customer with a license without a product: the page of the customer, its id, and the token.
async fn buyer(vendor: &Browser, name: &str) -> (String, String) {
    let email = format!("{}@buyer.example", name.to_lowercase());
    let page = vendor.send("/customers/new", &[("name", name), ("email", &email)]).await.unwrap();
    let id = page.rsplit('/').next().unwrap();
    let license = format!("Server of {name}");
    let values = [("name", &*license), ("customer", id), ("payload", "{}")];
    let license = vendor.send("/licenses/new", &values).await.unwrap();
    let text = vendor.get(&license).await.1;
    let token = text.split("id=\"token-text\"><code>").nth(1).unwrap().split('<').next().unwrap();
    (page, token.to_owned())
}

async fn admitted(engine: &Engine, registry: &Registry, password: &str) -> Option<Principal> {
    principal(engine, &registry.host, password).await
}

/// The id that follows `before` on a page.
fn id_after<'a>(page: &'a str, before: &str) -> &'a str {
    page.split(before).nth(1).unwrap().get(..36).unwrap()
}

#[database_test]
async fn a_key_is_shown_once_and_dead_when_revoked(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Browser::open(engine).await;
    assert!(vendor.get("/registries").await.1.contains("No registry yet"));
    let (page, registry) = registry(&vendor, "Releases").await;
    assert_eq!(registry.host.as_str(), "releases.licenses.example");
    let (_, text) = vendor.get(&page).await;
    assert!(text.contains("rootcertbundle") && text.contains("BEGIN CERTIFICATE"));
    let pem = vendor.get(&format!("{page}/certificate.pem")).await.1;
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"));
    vendor.send(&format!("{page}/sweep"), &[]).await.unwrap();

    // A form that is shown again is as it was sent, boxes and all.
    let saved = [
        ("name", "Releases"),
        ("upstream", "http://127.0.0.1:5000"),
        ("credential", "token"),
        ("direct", "true"),
    ];
    vendor.send(&format!("{page}/settings"), &saved).await.unwrap();
    let ticked = |text: &str| text.contains("name=\"direct\" type=\"checkbox\" value=\"true\" checked");
    assert!(ticked(&vendor.get(&format!("{page}/settings")).await.1));
    let wrong = [("name", "Releases"), ("upstream", "nowhere"), ("credential", "token")];
    assert!(!ticked(&vendor.send(&format!("{page}/settings"), &wrong).await.unwrap_err()));
    let other = vendor.send(&format!("{page}/delete"), &[("confirm", "no")]).await.unwrap_err();
    asks_first(&other, &format!("{page}/delete"));
    assert!(ticked(&vendor.get(&format!("{page}/settings")).await.1), "it is as it was saved");
    assert!(text.contains("Have the upstream tell"));
    let told = vendor.shown(&format!("{page}/notifications"), &[]).await;
    assert!(told.contains("Authorization: [&#34;Bearer kw_hook_"), "{told}");
    let (_, text) = vendor.get(&page).await;
    assert!(text.contains("Replace the secret") && text.contains("never yet") && !told.contains(">kw_hook_"));
    let replace = vendor.get(&format!("{page}/notifications/replace")).await.1;
    asks_first(&replace, &format!("{page}/notifications"));
    vendor.send(&format!("{page}/notifications/end"), &[]).await.unwrap();
    assert!(vendor.get(&page).await.1.contains("Have the upstream tell"));

    let (_, form) = vendor.get(&format!("{page}/keys/new")).await;
    assert!(form.contains("value=\"90\" selected") && form.contains("value=\"read\" checked"), "{form}");
    let nameless = vendor.send(&format!("{page}/keys/new"), &[("name", ""), ("expiry", "90")]).await;
    assert!(nameless.unwrap_err().contains("is required"));
    let dayless = vendor.send(&format!("{page}/keys/new"), &[("name", "a"), ("expiry", "date")]).await;
    assert!(dayless.unwrap_err().contains("Last day is required"));
    let past = [("name", "a"), ("expiry", "date"), ("end", "2020-01-01")];
    assert!(
        vendor.send(&format!("{page}/keys/new"), &past).await.unwrap_err().contains("must lie in the future")
    );
    let made = vendor
        .shown(&format!("{page}/keys/new"), &[("name", "ci"), ("access", "read_write"), ("expiry", "never")])
        .await;
    let secret = made.split("id=\"secret\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    assert!(made.contains(&format!("docker login -u {secret} -p {secret} {}", registry.host)));
    assert!(made.contains("This key never expires") && made.contains("AWS Secrets Manager"));
    let (_, list) = vendor.get(&format!("{page}/keys")).await;
    assert!(list.contains("Read/Write<") && !list.contains(&secret) && !list.contains("rotate it"), "{list}");

    assert!(admitted(&vendor.engine, &registry, &secret).await.is_some());
    vendor.engine.flush_log().await;
    let (_, list) = vendor.get(&format!("{page}/keys")).await;
    assert!(list.contains("192.0.2.1") && list.contains("docker/28.0.1"), "{list}");
    clock.advance(90 * 24 * 60 * 60);
    let later = vendor.again().await;
    let (_, list) = later.get(&format!("{page}/keys")).await;
    assert!(list.contains("90 days") && list.contains("rotate it"), "{list}");

    // What one key did, apart from what others did.
    let key = id_after(&list, "/registry-keys/").parse().unwrap();
    for (holder, reference) in [
        (keyward_domain::registry::Holder::Key(key), "1.0"),
        (keyward_domain::registry::Holder::Key(keyward_domain::RegistryKeyId::new(1, [2; 10])), "2.0"),
    ] {
        let access_event = keyward_engine::AccessEvent {
            holder,
            operation: keyward_domain::registry::Operation::Pull,
            decision: keyward_domain::registry::Decision::Allowed,
            repository: "acme/app".parse().unwrap(),
            reference: reference.to_owned(),
            digest: None,
            address: keyward_domain::Address::new("192.0.2.7".parse().unwrap()),
            client: "skopeo".to_owned(),
        };
        later.engine.record_access(&registry, access_event);
        later.engine.flush_log().await;
    }
    let all = later.get(&format!("{page}/activity")).await.1;
    assert!(all.contains("acme/app:1.0") && all.contains("acme/app:2.0") && !all.contains("Only what"));
    let only = format!("key={key}");
    assert!(all.contains(&format!("activity?{only}\"")), "{all}");
    let some = later.get(&format!("{page}/activity?{only}")).await.1;
    assert!(
        some.contains("acme/app:1.0")
            && !some.contains("acme/app:2.0")
            && some.contains("Only what key ci did."),
        "{some}"
    );
    assert!(later.get(&format!("{page}/activity.csv?{only}")).await.1.lines().count() == 2);

    let rotate = format!("/registry-keys/{}/rotate", id_after(&list, "/registry-keys/"));
    assert!(later.get(&rotate).await.1.contains("Let the old secret live on"));
    let rotated = later.shown(&rotate, &[("overlap_days", "7")]).await;
    let second = rotated.split("id=\"secret\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    for secret in [&secret, &second] {
        assert!(admitted(&later.engine, &registry, secret).await.is_some(), "both live for a while");
    }
    let revoke = rotate.replace("/rotate", "/revoke");
    assert!(later.get(&revoke).await.1.contains("be recovered"));
    later.send(&revoke, &[]).await.unwrap();
    for secret in [&secret, &second] {
        assert!(admitted(&later.engine, &registry, secret).await.is_none());
    }
    assert!(later.send(&rotate, &[]).await.unwrap_err().contains("cannot be rotated"));

    let wrong = later.send(&format!("{page}/delete"), &[("confirm", "Release")]).await.unwrap_err();
    assert!(wrong.contains("differs from the registry"));
    later.send(&format!("{page}/delete"), &[("confirm", "Releases")]).await.unwrap();
    assert_eq!(later.get(&page).await.0, 404);
}

#[database_test]
async fn each_kind_is_pulled_with_its_own_program(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Browser::open(engine).await;
    let (page, registry) = registry(&vendor, "Releases").await;
    buyer(&vendor, "One").await;
    let cookie = vendor.customer("one@buyer.example").await;
    let host = &registry.host;
    for (number, (kind, tag, command)) in [
        ("application/vnd.oci.image.config.v1+json", "1.0", format!("docker pull {host}/acme/k0:1.0<")),
        (
            "application/vnd.cncf.helm.config.v1+json",
            "1.0_a",
            format!("helm pull oci://{host}/acme/k1 --version 1.0+a<"),
        ),
        ("application/vnd.example.rules", "1.0", format!("oras pull {host}/acme/k2:1.0<")),
    ]
    .into_iter()
    .enumerate()
    {
        let digest = format!("sha256:{}", format!("{number}a").repeat(32));
        let config = format!(r#"{{"mediaType":"{kind}","digest":"{digest}","size":2}}"#);
        let manifest = format!(r#"{{"schemaVersion":2,"config":{config}}}"#);
        let manifest =
            Manifest::parse("application/vnd.oci.image.manifest.v1+json", manifest.as_bytes()).unwrap();
        let repository: RepositoryName = format!("acme/k{number}").parse().unwrap();
        let (tags, digest) = ([tag.parse().unwrap()], digest.parse().unwrap());
        vendor.engine.learn_manifest(&registry, &repository, &tags, &digest, &manifest).await.unwrap();
        let text = ask(&vendor.engine, "GET", "/portal/images", &cookie, "").await.text;
        assert!(text.contains(&command), "{command}: {text}");
        let artifacts = vendor.get(&format!("{page}/artifacts")).await.1;
        let (before, _) = artifacts.split_once(&format!(">{repository}<")).unwrap();
        let artifact = before.rsplit("href=\"").next().unwrap().split('"').next().unwrap();
        let text = vendor.get(artifact).await.1;
        assert!(text.contains(&command), "{command}: {text}");
    }
}

#[database_test]
async fn a_customer_sees_what_the_door_gives(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Browser::open(engine).await;
    let (page, registry) = registry(&vendor, "Releases").await;
    push(&vendor.engine, &registry, "acme/app", &["1.0.0", "1.1.0", "latest"]).await;
    push(&vendor.engine, &registry, "acme/tool", &["3"]).await;
    let (one, first) = buyer(&vendor, "One").await;
    let (_, second) = buyer(&vendor, "Two").await;
    let cookies = [vendor.customer("one@buyer.example").await, vendor.customer("two@buyer.example").await];
    let see = async |customer: usize| {
        ask(&vendor.engine, "GET", "/portal/images", &cookies[customer], "").await.text
    };
    // The page and the gateway say the same of each tag.
    let agree = async || {
        for (customer, token) in [&first, &second].into_iter().enumerate() {
            let text = see(customer).await;
            let guest = admitted(&vendor.engine, &registry, token).await.unwrap();
            for (repository, tags) in
                [("acme/app", vec!["1.0.0", "1.1.0", "latest"]), ("acme/tool", vec!["3"])]
            {
                let reach =
                    vendor.engine.reach(&registry, &guest, &repository.parse().unwrap()).await.unwrap();
                for tag in tags {
                    let shown = text.contains(&format!("docker pull {}/{repository}:{tag}<", registry.host));
                    assert_eq!(shown, reach.has(&tag.parse().unwrap()), "{customer} {repository}:{tag}");
                }
                assert_eq!(text.contains(&format!("<h2>{repository}</h2>")), reach != Reach::Nothing);
            }
        }
    };
    agree().await;
    assert!(see(0).await.contains("open to all customers of Acme"));
    assert!(see(0).await.contains(&format!("docker login {} -u customer -p {first}", registry.host)));
    assert!(!see(0).await.contains(&second));

    let artifacts = vendor.get(&format!("{page}/artifacts")).await.1;
    assert!(artifacts.contains("acme/app") && artifacts.contains("acme/tool"));
    let grant = format!("{one}/grant-artifacts");
    let (_, form) = vendor.get(&grant).await;
    let app = form.split("<fieldset").find(|part| part.contains("<legend>acme/app ")).unwrap();
    let app = id_after(app, "id=\"mode-").to_owned();
    let nothing = vendor.send(&grant, &[]).await.unwrap_err();
    assert!(nothing.contains("Choose at least one artifact."));
    let mode = format!("mode-{app}");
    let tagless = vendor.send(&grant, &[(&mode, "named")]).await.unwrap_err();
    assert!(tagless.contains("acme/app: choose at least one tag"));
    let (box_, more) = (format!("tag-{app}-1.0.0"), format!("more-{app}"));
    let bad = vendor.send(&grant, &[(&mode, "named"), (&more, "a/b")]).await.unwrap_err();
    assert!(bad.contains("acme/app: a tag is not"), "{bad}");
    for chosen in [(&*box_, "true"), (&*more, "2.0.0")] {
        let lost = vendor.send(&grant, &[chosen]).await.unwrap_err();
        assert!(lost.contains("acme/app: choose “Specific tags” for the chosen tags</p>"), "{lost}");
    }
    let values = [(&*mode, "named"), (&*box_, "true"), (&*more, "2.0.0"), ("note", "pilot")];
    let preview = vendor.send(&grant, &values).await.unwrap_err();
    assert!(
        preview.contains("1 customer loses")
            && preview.contains(">Two<")
            && !preview.contains(">One</a></li>"),
        "{preview}"
    );
    assert!(preview.contains(&format!("name=\"{box_}\" value=\"true\"")));
    agree().await;
    let mut values = values.to_vec();
    values.push(("close", "true"));
    vendor.send(&grant, &values).await.unwrap();
    agree().await;
    assert!(see(0).await.contains("Acme has entitled you to it") && !see(0).await.contains(":1.1.0<"));
    assert!(see(1).await.contains("No image yet"));
    let (_, customer) = vendor.get(&one).await;
    assert!(customer.contains("1.0.0, 2.0.0") && customer.contains("pilot"), "{customer}");
    assert!(vendor.get("/licenses").await.1.contains("1 artifact entitlement<"));
    push(&vendor.engine, &registry, "acme/app", &["2.0.0"]).await;
    assert!(see(0).await.contains(":2.0.0<"));

    // All current tags stay those when the rest is changed.
    let held = format!("/artifact-entitlements/{}", id_after(&customer, "/artifact-entitlements/"));
    vendor.send(&held, &[(&mode, "current"), ("version", "1")]).await.unwrap();
    push(&vendor.engine, &registry, "acme/app", &["9"]).await;
    assert!(vendor.get(&held).await.1.contains("The 4 tags of when it was granted"));
    vendor.send(&held, &[(&mode, "same"), ("note", "kept"), ("version", "2")]).await.unwrap();
    agree().await;
    assert!(see(0).await.contains(":1.1.0<") && !see(0).await.contains(":9<"));
    vendor.send(&held, &[(&mode, "all"), ("version", "3")]).await.unwrap();
    assert!(see(0).await.contains(":9<"));

    let open = vendor.send("/settings/artifact-policy", &[("policy", "open_until_first")]).await;
    assert!(open.unwrap_err().contains("the registries stay closed to others"));
    assert!(vendor.get(&format!("{held}/end")).await.1.contains("may no longer pull"));
    vendor.send(&format!("{held}/end"), &[]).await.unwrap();
    assert!(see(0).await.contains("No image yet"));
    agree().await;
    vendor.send("/settings/artifact-policy", &[("policy", "open_until_first")]).await.unwrap();
    agree().await;
    assert!(see(1).await.contains("acme/tool"));

    // A license that is over opens nothing, and the page says why.
    let (_, customer) = vendor.get(&one).await;
    let license = id_after(customer.split("<tbody>").nth(1).unwrap(), "/licenses/");
    vendor.send(&format!("/licenses/{license}/suspend"), &[]).await.unwrap();
    assert!(see(0).await.contains("is suspended; ask Acme") && !see(0).await.contains("docker pull"));
}

#[database_test]
async fn what_is_unusual_is_told_until_someone_has_seen_to_it(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Browser::open(engine).await;
    let (page, registry) = registry(&vendor, "Releases").await;
    assert!(vendor.get("/alerts").await.1.contains("No open alert"));
    assert!(!vendor.get("/").await.1.contains("open alert"));
    let mut keys = Vec::new();
    for name in ["ci", "nightly"] {
        vendor.send(&format!("{page}/keys/new"), &[("name", name), ("expiry", "90")]).await.unwrap();
        let list = vendor.get(&format!("{page}/keys")).await.1;
        let row = list.split("<tr>").find(|row| row.contains(&format!("<td>{name} "))).unwrap();
        keys.push(id_after(row, "/registry-keys/").to_owned());
    }
    for (key, address) in
        [(0, [192, 0, 2, 7]), (0, [203, 0, 113, 7]), (1, [192, 0, 2, 7]), (1, [198, 51, 100, 7])]
    {
        let access_event = AccessEvent {
            holder: keyward_domain::registry::Holder::Key(keys[key].parse().unwrap()),
            operation: Operation::Push,
            decision: Decision::Allowed,
            repository: "acme/app".parse().unwrap(),
            reference: "1".to_owned(),
            digest: None,
            address: Address::new(address.into()),
            client: "docker/28".to_owned(),
        };
        vendor.engine.record_access(&registry, access_event);
        vendor.engine.flush_log().await;
    }
    assert!(vendor.get("/").await.1.contains("<a href=\"/alerts\">2 open alerts</a>"));
    let list = vendor.get(&format!("{page}/keys")).await.1;
    assert!(list.contains(&format!("href=\"/alerts?key={}\">1 open alert<", keys[0])), "{list}");
    let alerts = vendor.get("/alerts").await.1;
    assert!(
        alerts.contains(">key ci</a> pushed from 203.0.113.0/24, where") && alerts.contains("198.51.100.7"),
        "{alerts}"
    );
    for part in [
        ">Unexpected place</span>",
        &format!("href=\"{page}\">Releases</a>"),
        &format!("href=\"{page}/activity?key={}\"", keys[0]),
    ] {
        assert!(alerts.contains(part), "{part}: {alerts}");
    }
    let activity = vendor.get(&format!("{page}/activity")).await.1;
    assert!(activity.contains("<td>–</td>") && !activity.contains("0 B"), "a push pulls nothing");
    assert!(vendor.get(&format!("{page}/activity.csv")).await.1.contains(",1,,,192.0.2.7,"));
    let of_one = format!("/alerts?key={}", keys[1]);
    let alerts = vendor.get(&of_one).await.1;
    assert!(alerts.contains("Alerts of nightly") && !alerts.contains("203.0.113.0/24"));
    let one = format!("/alerts/{}/acknowledge", id_after(&alerts, "action=\"/alerts/"));
    vendor.send(&one, &[("key", &keys[1])]).await.unwrap();
    vendor.send(&one, &[]).await.unwrap();
    let alerts = vendor.get(&of_one).await.1;
    assert!(alerts.contains("No open alert") && alerts.contains("<h2>Acknowledged</h2>"));
    assert!(vendor.get("/").await.1.contains("1 open alert<"));
    let text = vendor.get("/settings/notices").await.1;
    assert!(text.contains("name=\"alerts\" type=\"checkbox\" value=\"true\" checked"));
    vendor.send("/settings/notices", &[("days", "30"), ("members", "true")]).await.unwrap();
    assert!(
        !vendor
            .get("/settings/notices")
            .await
            .1
            .contains("name=\"alerts\" type=\"checkbox\" value=\"true\" checked")
    );
}

#[database_test]
async fn a_key_rotates_by_itself_and_its_new_secret_is_shown_once(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Browser::open(engine).await;
    let (page, registry) = registry(&vendor, "Releases").await;
    let new = format!("{page}/keys/new");
    let form = vendor.get(&new).await.1;
    assert!(
        form.contains("Rotate by itself")
            && form.contains("name=\"every_days\" type=\"number\" min=\"2\" max=\"365\" value=\"30\"")
    );
    let never = [
        ("name", "ci"),
        ("expiry", "30"),
        ("automatic", "true"),
        ("every_days", "30"),
        ("overlap_days", "7"),
    ];
    let never = vendor.send(&new, &never).await.unwrap_err();
    assert!(
        never.contains(
            "<p class=\"fault\">Every so many days is too many: the key ends before it would be rotated</p>"
        ),
        "{never}"
    );
    let wrong = [
        ("name", "ci"),
        ("expiry", "365"),
        ("automatic", "true"),
        ("every_days", "7"),
        ("overlap_days", "7"),
    ];
    assert!(
        vendor
            .send(&new, &wrong)
            .await
            .unwrap_err()
            .contains("must be fewer than the days between two rotations")
    );
    let right = [
        ("name", "ci"),
        ("expiry", "365"),
        ("automatic", "true"),
        ("every_days", "60"),
        ("overlap_days", "7"),
    ];
    let made = vendor.shown(&new, &right).await;
    let old = made.split("id=\"secret\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let list = vendor.get(&format!("{page}/keys")).await.1;
    assert!(list.contains("rotates itself on 2026-03-02"), "{list}");
    let rotation = format!("/registry-keys/{}/rotation", id_after(&list, "/registry-keys/"));
    let text = vendor.get(&rotation).await.1;
    assert!(
        text.contains("on 2026-03-02 00:00 UTC") && text.contains("https://licenses.example/registry/key"),
        "{text}"
    );
    assert!(
        vendor
            .send(&rotation, &[("automatic", "true"), ("every_days", "x"), ("overlap_days", "7")])
            .await
            .is_err()
    );
    vendor
        .send(&rotation, &[("automatic", "true"), ("every_days", "30"), ("overlap_days", "5")])
        .await
        .unwrap();
    clock.advance(30 * 24 * 60 * 60);
    assert!(matches!(
        vendor.engine.run_due_rotations().await.unwrap(),
        keyward_engine::jobs::ItemRun::Done(_)
    ));
    let later = vendor.again().await;
    while let Some(mail) = later.engine.claim_mail().await.unwrap() {
        assert!(mail.subject == "A registry key was rotated");
        later.engine.mail_sent(&mail).await.unwrap();
    }
    assert!(
        later
            .get(&format!("{page}/keys"))
            .await
            .1
            .contains("new secret waits until <span class=\"date\">2026-02-05")
    );
    assert!(later.get(&rotation).await.1.contains("Nobody has collected it yet."));
    let address = Address::new([192, 0, 2, 7].into());
    let given = later.engine.collect_registry_key(&old, address, "curl/8").await.unwrap().unwrap();
    assert!(given.secret.is_some());
    assert!(later.get(&format!("{page}/keys")).await.1.contains("new secret collected"));
    let text = later.get(&rotation).await.1;
    assert!(text.contains("The new secret was collected") && !text.contains("A new secret waits"), "{text}");
    let shown = later.shown(&rotation.replace("/rotation", "/reveal"), &[]).await;
    let secret = shown.split("id=\"secret\">").nth(1).unwrap().split('<').next().unwrap();
    assert_eq!(secret, given.secret.unwrap().expose());
    assert!(admitted(&later.engine, &registry, secret).await.is_some());
    let again = later.send(&rotation.replace("/rotation", "/reveal"), &[]).await.unwrap_err();
    assert!(again.contains("no new secret of this registry key waits") && !again.contains(secret));

    // Below Enterprise it is said what it takes, and what is refused is not offered.
    let Some(AnySession::Member(whose)) = later.engine.session(&session(&later.cookie)).await.unwrap() else {
        panic!()
    };
    let operator = keyward_domain::Scopes::NONE.with(keyward_domain::Permission::Operate);
    let operator = keyward_domain::Identity::new(
        whose.organization.id,
        keyward_domain::Actor::Operator,
        keyward_domain::Authority::Operator,
        operator,
    );
    let change = keyward_engine::PlanChange { plan: Some(keyward_domain::Plan::Pro), ..Default::default() };
    later.engine.set_plan(&operator.access().unwrap(), whose.organization.id, change).await.unwrap();
    let list = later.get(&format!("{page}/keys")).await.1;
    assert!(
        list.contains("not rotated: your plan is not Enterprise") && !list.contains("rotates itself on"),
        "{list}"
    );
    assert!(
        list.contains("the old secret works until 2026-02-05 00:00")
            && list.contains(&format!("{page}/activity?key=")),
        "{list}"
    );
    let form = later.get(&new).await.1;
    assert!(
        form.contains("are part of Enterprise; your plan is pro") && !form.contains("name=\"automatic\"")
    );
    assert!(later.send(&new, &right).await.unwrap_err().contains(
        "The plan pro does not include automatic rotation of registry keys. It is part of Enterprise."
    ));
    let text = later.get(&rotation).await.1;
    assert!(
        text.contains("is not rotated while your plan is not Enterprise") && text.contains("Turn it off"),
        "{text}"
    );
    later.send(&rotation, &[]).await.unwrap();
    let text = later.get(&rotation).await.1;
    assert!(
        !text.contains("Turn it off") && text.contains("The secret before works until 2026-02-05 00:00 UTC."),
        "{text}"
    );
    later.send(&rotation.replace("/rotation", "/revoke"), &[]).await.unwrap();
    let text = later.get(&rotation).await.1;
    assert!(
        text.contains("was revoked at 2026-01-31 00:00 UTC")
            && !text.contains("<form method=\"post\" action=\"/registry-keys"),
        "{text}"
    );
    let log = later.get("/audit").await.1;
    assert!(log.contains("upgrade from pro to Enterprise") && !log.contains("registry_key."), "{log}");
    assert!(!later.get("/").await.1.contains("registry_key."));
}

#[database_test]
async fn who_may_not_change_is_refused(store: Store) {
    let (engine, _) = engine(store);
    let people = people(&engine).await;
    let csrf_of = async |cookie: &str| csrf(&ask(&engine, "GET", "/", cookie, "").await.text).to_owned();
    let owner = csrf_of(&people[0].1).await;
    let send = async |cookie: &str, token: &str, path: &str, body: &str| {
        ask(&engine, "POST", path, cookie, &format!("csrf={token}&{body}")).await
    };
    let made = send(&people[0].1, &owner, "/registries/new", "name=R&upstream=http://127.0.0.1:5000").await;
    let page = made.header("location").split('?').next().unwrap().to_owned();
    let found = registry_at(&engine, &"r.licenses.example".parse().unwrap()).await.unwrap();
    push(&engine, &found, "acme/app", &["1"]).await;
    send(&people[0].1, &owner, &format!("{page}/keys/new"), "name=k&expiry=90").await;
    let keys = ask(&engine, "GET", &format!("{page}/keys"), &people[0].1, "").await.text;
    let key = id_after(&keys, "/registry-keys/").to_owned();
    let list = ask(&engine, "GET", &format!("{page}/artifacts"), &people[0].1, "").await.text;
    let artifact = format!("/artifacts/{}", id_after(&list, "/artifacts/"));
    let made = send(&people[0].1, &owner, "/customers/new", "name=C&email=c%40d.example").await;
    let customer = made.header("location").to_owned();
    let mode = id_after(
        &ask(&engine, "GET", &format!("{customer}/grant-artifacts"), &people[0].1, "").await.text,
        "id=\"mode-",
    )
    .to_owned();
    let made = send(
        &people[0].1,
        &owner,
        &format!("{customer}/grant-artifacts"),
        &format!("mode-{mode}=all&close=true"),
    )
    .await;
    assert_eq!(made.status, 303, "{}", made.text);
    let text = ask(&engine, "GET", &customer, &people[0].1, "").await.text;
    let held = format!("/artifact-entitlements/{}", id_after(&text, "/artifact-entitlements/"));

    let reads = [
        page.clone(),
        format!("{page}/artifacts"),
        format!("{page}/keys"),
        format!("{page}/activity"),
        format!("{page}/activity.csv"),
        format!("{page}/settings"),
        format!("{page}/certificate.pem"),
        artifact.clone(),
        format!("{artifact}/history?tag=1"),
        held.clone(),
    ];
    let writes = [
        format!("{page}/sweep"),
        format!("{page}/notifications"),
        format!("{page}/notifications/end"),
        format!("{page}/settings"),
        format!("{page}/delete"),
        format!("{page}/artifacts"),
        format!("{page}/keys/new"),
        format!("/registry-keys/{key}/rotate"),
        format!("/registry-keys/{key}/revoke"),
        format!("/alerts/{key}/acknowledge"),
        format!("/registry-keys/{key}/rotation"),
        format!("/registry-keys/{key}/reveal"),
    ];
    let grants = [format!("{customer}/grant-artifacts"), held.clone(), format!("{held}/end")];
    for (role, cookie) in people[2..].iter().rev() {
        let token = csrf_of(cookie).await;
        for path in &reads {
            assert_eq!(ask(&engine, "GET", path, cookie, "").await.status, 200, "{role} {path}");
        }
        for path in &writes {
            assert_eq!(send(cookie, &token, path, "").await.status, 403, "{role} {path}");
        }
        let refused = role.as_str() == "viewer";
        for path in &grants {
            // The first two lack what they need; the third ends it.
            let status = if refused {
                403
            } else if path.ends_with("/end") {
                303
            } else {
                200
            };
            assert_eq!(send(cookie, &token, path, "").await.status, status, "{role} {path}");
        }
        for path in [
            format!("{page}/keys/new"),
            format!("/registry-keys/{key}/revoke"),
            format!("/registry-keys/{key}/rotation"),
        ] {
            assert_eq!(ask(&engine, "GET", &path, cookie, "").await.status, 403, "{role} {path}");
        }
    }
    let text = ask(&engine, "GET", &format!("{page}/keys"), &people[3].1, "").await.text;
    assert!(
        !text.contains("Generate New Key") && !text.contains("/revoke"),
        "what is refused is not offered"
    );

    // Another tenant's ids are not there.
    let Some(AnySession::Member(whose)) = engine.session(&session(&people[0].1)).await.unwrap() else {
        panic!()
    };
    let new = NewOrganization {
        name: "Other".parse().unwrap(),
        owner_email: "o@other.example".parse().unwrap(),
        slug: None,
        owner_name: None,
    };
    let other = engine.bootstrap(new, false).await.unwrap();
    let identity = other.owner.identity();
    let upstream =
        NewRegistry { upstream: "http://127.0.0.1:5001".parse().unwrap(), ..new_registry("Theirs") };
    let theirs = engine.create_registry(&identity.access().unwrap(), upstream, None).await.unwrap().value;
    let new = new_registry_key(&theirs);
    let made = engine.create_registry_key(&identity.access().unwrap(), new, None).await.unwrap();
    push(&engine, &theirs, "secret/app", &["1"]).await;
    let artifact = engine
        .artifacts(
            &identity.access().unwrap(),
            None,
            None,
            keyward_domain::PageRequest { limit: 10, after: None },
        )
        .await
        .unwrap()
        .newest()
        .remove(0);
    assert_ne!(whose.organization.id, other.organization.id);
    let page = format!("/registries/{}", theirs.id);
    for path in [
        page.clone(),
        format!("{page}/keys"),
        format!("{page}/keys/new"),
        format!("{page}/artifacts"),
        format!("{page}/activity"),
        format!("{page}/activity.csv"),
        format!("{page}/settings"),
        format!("{page}/certificate.pem"),
        format!("/artifacts/{}", artifact.id),
        format!("/artifacts/{}/history?tag=1", artifact.id),
        format!("/registry-keys/{}/revoke", made.key.id),
    ] {
        assert_eq!(ask(&engine, "GET", &path, &people[0].1, "").await.status, 404, "{path}");
    }
    for path in [
        format!("{page}/sweep"),
        format!("{page}/notifications"),
        format!("{page}/notifications/end"),
        format!("{page}/delete"),
        format!("{page}/settings"),
        format!("{page}/keys/new"),
        format!("/registry-keys/{}/revoke", made.key.id),
        format!("/registry-keys/{}/rotate", made.key.id),
    ] {
        let sent =
            send(&people[0].1, &owner, &path, "name=x&upstream=http://127.0.0.1:1&confirm=Theirs&expiry=90")
                .await;
        assert_eq!(sent.status, 404, "{path}: {}", sent.text);
    }
    let granted = send(
        &people[0].1,
        &owner,
        &format!("{customer}/grant-artifacts"),
        &format!("mode-{}=all", artifact.id),
    )
    .await;
    assert!(granted.text.contains("Choose at least one artifact."));
}

#[database_test]
async fn hostile_text_stays_text_in_registries(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Browser::open(engine).await;
    for text in [
        "<script>alert(1)</script>",
        "\"><img src=x>",
        "' onfocus=alert(1) autofocus='",
        "</code></pre><svg/onload=1>",
    ] {
        let refused = vendor
            .send(
                "/registries/new",
                &[("name", text), ("host", text), ("upstream", text), ("prefix", text), ("user", text)],
            )
            .await
            .unwrap_err();
        let (page, found) = registry(&vendor, text).await;
        push(&vendor.engine, &found, "acme/app", &["1"]).await;
        vendor
            .send(&format!("{page}/keys/new"), &[("name", text), ("owner", text), ("expiry", "90")])
            .await
            .unwrap();
        let wrong = vendor.send(&format!("{page}/artifacts"), &[("repository", text)]).await.unwrap_err();
        let name = text;
        let email = format!("b{}@x.example", found.host.as_str().len() + text.len());
        let customer = vendor.send("/customers/new", &[("name", name), ("email", &email)]).await.unwrap();
        let id = customer.rsplit('/').next().unwrap();
        vendor.send("/licenses/new", &[("name", text), ("customer", id), ("payload", "{}")]).await.unwrap();
        let grant = format!("{customer}/grant-artifacts");
        let form = vendor.get(&grant).await.1;
        let artifact = id_after(&form, "id=\"mode-");
        let preview =
            vendor.send(&grant, &[(&format!("mode-{artifact}"), "all"), ("note", text), (text, text)]).await;
        let preview = preview.unwrap_or_else(|shown| shown);
        vendor
            .send(&grant, &[(&format!("mode-{artifact}"), "all"), ("note", text), ("close", "true")])
            .await
            .unwrap();
        let customer_id: CustomerId = id.parse().unwrap();
        for holder in [
            keyward_domain::registry::Holder::License {
                license: keyward_domain::LicenseId::new(1, [1; 10]),
                customer: Some(customer_id),
            },
            keyward_domain::registry::Holder::Key(keyward_domain::RegistryKeyId::new(1, [2; 10])),
        ] {
            let access_event = AccessEvent {
                holder,
                operation: Operation::Pull,
                decision: Decision::Denied,
                repository: "acme/app".parse().unwrap(),
                reference: text.to_owned(),
                digest: None,
                address: Address::new([192, 0, 2, 7].into()),
                client: text.to_owned(),
            };
            vendor.engine.record_access(&found, access_event);
            vendor.engine.flush_log().await;
        }
        let mut pages = vec![refused, wrong, preview, form];
        let cookie = vendor.customer(&email).await;
        pages.push(ask(&vendor.engine, "GET", "/portal/images", &cookie, "").await.text);
        let held = vendor.get(&customer).await.1;
        let held = format!("/artifact-entitlements/{}", id_after(&held, "/artifact-entitlements/"));
        let query = format!("{page}/artifacts?q={}", encode(text));
        let filtered = format!("{page}/activity?operation={0}&key={0}&customer={0}", encode(text));
        for path in [
            "/registries",
            &page,
            &format!("{page}/keys"),
            &format!("{page}/activity"),
            &filtered,
            &format!("{page}/settings"),
            &query,
            &customer,
            &held,
            &format!("{held}/end"),
            "/licenses",
            "/audit",
        ] {
            let (status, text) = vendor.get(path).await;
            assert_eq!(status, 200, "{path}");
            pages.push(text);
        }
        for page in pages {
            for part in ["<script>alert", "<img src=x", "<svg/", "' onfocus"] {
                assert!(!page.contains(part), "{part} of {text} in {page}");
            }
        }
    }
}

#[database_test]
async fn pages_tell_what_entitlements_come_to(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Browser::open(engine).await;
    let (_, found) = registry(&vendor, "Releases").await;
    push(&vendor.engine, &found, "acme/server", &["1.0", "2.1"]).await;
    let (customer, _) = buyer(&vendor, "Buyer").await;
    let (status, page) = vendor.get(&customer).await;
    let open = "All tags – as for all customers until the first artifact entitlement";
    assert!(status == 200 && page.contains(open), "{page}");
    assert!(page.contains(&format!("{}/acme/server", found.host)), "{page}");

    let artifacts = vendor.get(&format!("{customer}/grant-artifacts")).await.1;
    let artifact = id_after(&artifacts, "mode-").to_owned();
    let mode = format!("mode-{artifact}");
    let more = format!("more-{artifact}");
    let grant = [(mode.as_str(), "named"), (more.as_str(), "1.0"), ("close", "true")];
    vendor.send(&format!("{customer}/grant-artifacts"), &grant).await.unwrap();
    let page = vendor.get(&customer).await.1;
    assert!(page.contains("1.0 – by artifact entitlement") && !page.contains("All tags"), "{page}");

    // What can't be pulled is explained, in full or as far as it is typed.
    let asked = async |image: &str| vendor.get(&format!("{customer}/access?image={}", encode(image))).await.1;
    let in_full = format!("{}/acme/server:1.0", found.host);
    for image in ["acme/server:1.0", &in_full] {
        let yes = asked(image).await;
        assert!(
            yes.contains("<strong>Yes:</strong>") && yes.contains("1.0 – by artifact entitlement"),
            "{yes}"
        );
    }
    for (image, why) in [
        ("acme/server:2.1", "the artifact entitlements cover other tags of it"),
        ("acme/other", "no artifact entitlement or pull role covers it"),
    ] {
        let no = asked(image).await;
        assert!(no.contains("<strong>No:</strong>") && no.contains(why), "{image}: {no}");
    }
    for image in ["not an image", "elsewhere.example/acme/server:1.0"] {
        assert!(!asked(image).await.contains("<strong>Yes:</strong>"), "{image}");
    }

    // A version whose image is another tag.
    let application =
        vendor.send("/applications/new", &[("name", "App"), ("kind", "compose")]).await.unwrap();
    let compose = format!("services:\n  a:\n    image: {}/acme/server:2.1\n", found.host);
    let version = [("name", "2.1.0"), ("notes", ""), ("compose", compose.as_str())];
    vendor.send(&format!("{application}/new-version"), &version).await.unwrap();
    let id = application.rsplit('/').next().unwrap();
    let grant = [("application", id), ("version-2.1.0", "true")];
    let done = vendor.send(&format!("{customer}/grant-application"), &grant).await.unwrap();
    let told = "can't be pulled: the artifact entitlements cover other tags of it";
    let page = vendor.get(&done).await.1;
    assert!(
        page.contains("Version 2.1.0 is granted, but its image") && page.contains("2.1</code>"),
        "{page}"
    );
    assert!(page.replace("&#39;", "'").contains(told), "{page}");
    let held = format!("/application-entitlements/{}", id_after(&page, "/application-entitlements/"));
    assert!(vendor.get(&held).await.1.replace("&#39;", "'").contains(told));
    let cookie = vendor.customer("buyer@buyer.example").await;
    let own = crate::ask(&vendor.engine, "GET", "/portal/applications/app/2.1.0", &cookie, "").await;
    assert!(own.text.replace("&#39;", "'").contains("can't be pulled with your licenses"), "{}", own.text);
}

/// What a browser's cookie holds.
fn session(cookie: &str) -> keyward_domain::Secret {
    let text = cookie.split_once('=').unwrap().1;
    keyward_domain::Secret::parse(keyward_domain::SecretKind::Session, text).unwrap()
}
