//! How the console leads people: the search, the overview of all customers, rows that keep what is typed, and what is asked first.

use keyward_domain::permission::{ReadLicenses, WriteCustomers};
use keyward_domain::{CustomerId, LicenseId};
use keyward_engine::NewCustomer;
use keyward_testkit::database::Store;
use keyward_testkit::engine::engine;
use keyward_testkit::{Vendor, database_test};

use crate::ask;
use crate::browser::Browser;
use crate::{ask_with, people};

/// The id at the end of an address.
fn id(page: &str) -> &str {
    page.rsplit('/').next().unwrap()
}

#[database_test]
async fn everything_is_found_by_whoever_may_see_it(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Browser::open(engine).await;
    let product = vendor.send("/products/new", &[("name", "Turbine")]).await.unwrap().replace("/key", "");
    let values = [("email", "it@windmill.example"), ("name", "Windmill Ltd")];
    let made = vendor.send(&format!("{product}/keys/new"), &values).await.unwrap();
    let license: LicenseId = id(&made).parse().unwrap();
    let license = vendor.engine.license(&vendor.access::<ReadLicenses>().await, license).await.unwrap();
    let page = format!("/licenses/{}", license.id);
    let key = license.key.clone().unwrap().to_string();
    let found = async |q: &str| vendor.get(&format!("/search?q={}", crate::encode(q))).await.1;
    for (q, link) in [
        ("windmill", format!("/customers/{}", license.customer.unwrap())),
        ("IT@WINDMILL", format!("/customers/{}", license.customer.unwrap())),
        (&key[..7], page.clone()),
        (key.to_lowercase().as_str(), page.clone()),
        (license.name.as_str(), page.clone()),
        ("turb", product.clone()),
        ("recovery", "/settings#second-factor".to_owned()),
    ] {
        let shown = found(q).await;
        let hits = shown.split("<main").nth(1).unwrap();
        assert!(hits.contains(&format!("<li><a href=\"{link}\"")), "{q}: {hits}");
    }
    for nothing in ["", "w", "zzzz-nobody", "%", "\u{0}"] {
        let shown = found(nothing).await;
        assert!(!shown.split("<main").nth(1).unwrap().contains("Windmill"), "{nothing}");
    }
    // While someone types, it is a part of the page.
    let headers = [("Cookie", &*vendor.cookie), ("HX-Request", "true")];
    let part = ask_with(&vendor.engine, &Default::default(), "GET", "/search?q=windmill", &headers, "").await;
    assert!(part.text.contains("Windmill Ltd") && !part.text.contains("<main"), "{}", part.text);

    // Another organization's things are not there.
    let other = Vendor::found(&vendor.engine, "Other").await;
    let new = NewCustomer {
        name: "Windmill of others".parse().unwrap(),
        email: "it@windmill.example".parse().unwrap(),
        notes: None,
    };
    vendor.engine.create_customer(&other.access::<WriteCustomers>(), new, None).await.unwrap();
    assert!(!found("windmill").await.contains("Windmill of others"));
    let overview = vendor.get(&format!("/customers/{}", license.customer.unwrap())).await.1;
    assert!(!overview.contains("Windmill of others"), "nor is it hinted at that they share an address");
}

#[database_test]
async fn a_role_finds_what_it_may_see(store: Store) {
    let (engine, _) = engine(store);
    let all = people(&engine).await;
    let found = async |cookie: &str, q: &str| {
        crate::ask(&engine, "GET", &format!("/search?q={q}"), cookie, "").await.text
    };
    let (owner, viewer) = (&all[0].1, &all[3].1);
    assert!(found(owner, "tokens").await.contains("<li><a href=\"/tokens\""));
    assert!(!found(viewer, "tokens").await.contains("<li><a href=\"/tokens\""));
    assert!(!found(viewer, "new").await.contains("<li><a href=\"/products/new\""));
}

#[database_test]
async fn all_customers_are_listed_and_given_all_three_kinds(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Browser::open(engine).await;
    let empty = vendor.get("/licenses").await.1;
    assert!(empty.contains("No customer yet") && empty.contains("href=\"/customers/new\""), "{empty}");
    let values = [("name", "Nothing yet"), ("email", "a@b.example")];
    let customer = vendor.send("/customers/new", &values).await.unwrap();
    let page = vendor.get("/licenses").await.1;
    for part in [
        format!("<a href=\"{customer}\">Nothing yet</a>"),
        "No license.".to_owned(),
        format!("{customer}/new-key"),
        format!("/licenses/new?customer={}", id(&customer)),
        format!("{customer}/grant-application"),
        format!("{customer}/grant-artifacts"),
    ] {
        assert!(page.contains(&part), "{part}: {page}");
    }
    for path in ["/application-entitlements/new", "/artifact-entitlements/new"] {
        let (status, page) = vendor.get(&format!("{path}?q=nothing")).await;
        assert!(status == 200 && page.contains(&format!("{customer}/grant-")), "{path}: {page}");
    }
    // Two may have one address: it is said, and not refused.
    let second = [("name", "Second"), ("email", "A@B.example")];
    let second = vendor.send("/customers/new", &second).await.unwrap();
    let told = vendor.get(&second).await.1;
    assert!(told.contains("also that of") && told.contains(&format!("<a href=\"{customer}\">")), "{told}");
    let hint = vendor.get("/customers/with-email?email=a%40b.example").await.1;
    assert!(hint.contains("Nothing yet") && hint.contains("Second"), "{hint}");
    assert!(!vendor.get("/customers/with-email?email=nobody").await.1.contains("customers/"));
    // The list of customers has their keys.
    let license = [("name", "Hers"), ("customer", id(&customer)), ("payload", "{\"on\":true}")];
    let license = vendor.send("/licenses/new", &license).await.unwrap();
    let list = vendor.get("/customers").await.1;
    assert!(list.contains(&format!("<a href=\"{license}\">Hers</a>")), "{list}");
    let shown = vendor.get(&license).await.1;
    assert!(shown.contains("<dt>on</dt><dd class=\"lines\">yes</dd>"), "{shown}");
}

#[database_test]
async fn a_customer_reads_terms_in_words(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Browser::open(engine.clone()).await;
    let product = vendor.send("/products/new", &[("name", "P")]).await.unwrap().replace("/key", "");
    let mut fields = Vec::new();
    for (row, name, label, kind) in [
        (0, "beta", "Beta features", "checkbox"),
        (1, "support", "Support until", "date"),
        (2, "seats", "Seats", "number"),
        (3, "tier", "Tier", "text"),
    ] {
        for (column, value) in [("name", name), ("label", label), ("kind", kind), ("editable", "true")] {
            fields.push((format!("f{row}_{column}"), value));
        }
    }
    fields.push(("f3_hidden".to_owned(), "true"));
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    vendor.send(&format!("{product}/fields"), &fields).await.unwrap();
    let key = [
        ("email", "b@buyer.example"),
        ("name", "Buyer"),
        ("field_support", "2027-01-31"),
        ("field_seats", "12345678901234567890"),
        ("field_tier", "gold"),
    ];
    vendor.send(&format!("{product}/keys/new"), &key).await.unwrap();
    let customer = vendor.customer("b@buyer.example").await;
    let list = ask(&engine, "GET", "/portal", &customer, "").await.text;
    let license =
        list.split('"').find(|part| part.starts_with("/portal/licenses/") && part.len() > 50).unwrap();
    let page = ask(&engine, "GET", license, &customer, "").await.text;
    for (label, value) in
        [("Beta features", "no"), ("Support until", "31 January 2027"), ("Seats", "12345678901234567890")]
    {
        let told = format!("<dt>{label}</dt><dd class=\"lines\">{value}</dd>");
        assert!(page.contains(&told), "{told} in {page}");
    }
    assert!(!page.contains("gold") && !page.contains("Tier"), "hidden");
}

#[database_test]
async fn a_license_is_deleted_after_it_was_asked(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Browser::open(engine).await;
    let customer =
        vendor.send("/customers/new", &[("name", "Buyer"), ("email", "a@b.example")]).await.unwrap();
    let license = [("name", "Hers"), ("customer", id(&customer)), ("payload", "{}")];
    let license = vendor.send("/licenses/new", &license).await.unwrap();
    let page = vendor.get(&license).await.1;
    assert!(page.contains(&format!("href=\"{license}/delete\"")), "{page}");
    for verb in ["suspend", "revoke", "reset-addresses", "delete"] {
        let (status, question) = vendor.get(&format!("{license}/{verb}")).await;
        assert!(
            status == 200 && question.contains("What will happen") && question.contains("Buyer"),
            "{verb}"
        );
        assert_eq!(vendor.get(&license).await.0, 200, "looking does nothing");
    }
    assert_eq!(vendor.send(&format!("{license}/delete"), &[]).await.unwrap(), customer);
    assert_eq!(vendor.get(&license).await.0, 404);
    assert!(vendor.send(&format!("{license}/delete"), &[]).await.is_err());
    let question = vendor.get(&format!("{customer}/delete")).await.1;
    assert!(question.contains("their 0 active licenses"), "{question}");
}

#[database_test]
async fn rows_keep_what_is_typed_and_say_what_is_wrong_beside_it(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Browser::open(engine).await;
    let product = vendor.send("/products/new", &[("name", "P")]).await.unwrap().replace("/key", "");
    let typed = [("f0_name", "seats"), ("f0_label", "Seats"), ("f0_kind", "number"), ("f0_editable", "true")];
    let mut add = typed.to_vec();
    add.push(("do_f", "add"));
    let added = vendor.send(&format!("{product}/fields/edit"), &add).await.unwrap_err();
    assert!(added.contains("value=\"Seats\"") && added.contains("id=\"f1_name\""), "{added}");
    assert!(added.contains("data-unsaved=\"yes\""));
    assert!(!vendor.get(&format!("{product}/fields")).await.1.contains("f0_name"), "nothing is saved");
    // All faults at once, each beside its field, and nothing of what was typed is lost.
    let mut wrong = typed.to_vec();
    wrong.extend([("f1_name", "exp"), ("f1_kind", "text"), ("f1_editable", "true"), ("f1_label", "End")]);
    wrong.extend([("f2_name", "seats"), ("f2_kind", "select"), ("f2_editable", "true")]);
    let refused = vendor.send(&format!("{product}/fields"), &wrong).await.unwrap_err();
    for part in ["id=\"f1_name-fault\"", "id=\"f2_name-fault\"", "id=\"f2_choices-fault\"", "value=\"End\""] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    assert!(refused.contains("<a href=\"#f1_name\">Row 2, name</a>"), "{refused}");
    vendor.send(&format!("{product}/fields"), &typed).await.unwrap();
    assert!(vendor.get(&format!("{product}/fields")).await.1.contains("value=\"seats\""));

    let versions =
        [("v0_pattern", "2.1.x"), ("v0_standing", "allowed"), ("v1_pattern", "x"), ("v1_standing", "latest")];
    let refused = vendor.send(&format!("{product}/versions"), &versions).await.unwrap_err();
    assert!(refused.contains("id=\"v1_pattern-fault\"") && refused.contains("value=\"2.1.x\""), "{refused}");
    vendor.send(&format!("{product}/versions"), &versions[..2]).await.unwrap();

    // Whoever saves over another's change is told, keeps what was typed, and can go on.
    let old = [("name", "Mine"), ("version", "1")];
    let told = vendor.send(&format!("{product}/settings"), &old).await.unwrap_err();
    assert!(
        told.contains("Someone else has changed it meanwhile") && told.contains("value=\"Mine\""),
        "{told}"
    );
    let version = told.split("name=\"version\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    vendor.send(&format!("{product}/settings"), &[("name", "Mine"), ("version", version)]).await.unwrap();
    assert!(vendor.get(&product).await.1.contains("<h1>Mine</h1>"));
}

#[database_test]
async fn an_address_that_nothing_is_at_answers_a_page_to_people(store: Store) {
    let (engine, _) = engine(store);
    let look = async |path: &str, accept: &str| {
        let headers = [("Accept", accept)];
        let answer = ask_with(&engine, &Default::default(), "GET", path, &headers, "").await;
        (answer.status, answer.header("content-type").to_owned())
    };
    let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
    let page = look("/no/such/page", browser).await;
    assert!(page.0 == 404 && page.1.starts_with("text/html"), "{page:?}");
    for (path, accept) in [("/no/such/page", "*/*"), ("/api/v1/nothing", browser), ("/v2/nothing", browser)] {
        let problem = look(path, accept).await;
        assert!(problem.0 == 404 && problem.1.contains("json"), "{path}: {problem:?}");
    }
}

#[database_test]
async fn a_customer_of_others_has_no_tabs(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Browser::open(engine).await;
    let other = Vendor::found(&vendor.engine, "Other").await;
    let new =
        NewCustomer { name: "Theirs".parse().unwrap(), email: "a@b.example".parse().unwrap(), notes: None };
    let theirs = vendor.engine.create_customer(&other.access::<WriteCustomers>(), new, None).await.unwrap();
    let theirs: CustomerId = theirs.value.id;
    for tab in ["", "/licenses", "/access", "/access?image=acme/app", "/settings", "/delete", "/new-key"] {
        assert_eq!(vendor.get(&format!("/customers/{theirs}{tab}")).await.0, 404, "{tab}");
    }
    let nothing = "018f0000-0000-7000-8000-000000000000";
    for tab in
        ["", "/keys", "/fields", "/settings", "/versions", "/page", "/webhooks", "/archive", "/rotate-key"]
    {
        assert_eq!(vendor.get(&format!("/products/{nothing}{tab}")).await.0, 404, "{tab}");
    }
    for tab in ["", "/settings", "/history", "/suspend", "/revoke", "/delete", "/reset-addresses"] {
        assert_eq!(vendor.get(&format!("/licenses/{nothing}{tab}")).await.0, 404, "{tab}");
    }
}
