//! Applications on the pages: a vendor's forms, the customer's view, and hostile text in both.

use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;

use crate::ask;
use crate::browser::Browser;

const COMPOSE: &str = "services:\n  app:\n    environment:\n      KEY: {{ .LicenseKeys.server }}\n";

#[database_test]
async fn a_customer_sees_what_was_granted_at_the_next_click(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Browser::open(engine).await;
    let application =
        vendor.send("/applications/new", &[("name", "Acme Server"), ("kind", "compose")]).await.unwrap();
    let refused = vendor
        .send(
            &format!("{application}/new-version"),
            &[("name", "1.0.0"), ("compose", "- a"), ("f3_name", "a/b")],
        )
        .await;
    let refused = refused.unwrap_err();
    assert!(refused.contains("f3_name") && refused.contains("value=\"a/b\""), "{refused}");
    let refused =
        vendor.send(&format!("{application}/new-version"), &[("name", "1.0.0"), ("compose", "- a")]).await;
    assert!(refused.unwrap_err().contains("must be a YAML mapping"));
    for version in ["1.0.0", "1.1.0"] {
        let values = [
            ("name", version),
            ("notes", "**New**"),
            ("compose", COMPOSE),
            ("f0_name", "plain.txt"),
            ("f0_content", "  indented\n"),
        ];
        let made = vendor.send(&format!("{application}/new-version"), &values).await.unwrap();
        let (status, page) = vendor.get(&made).await;
        assert!(
            status == 200 && page.contains("<strong>New</strong>") && page.contains("compose.yaml, line 4"),
            "{page}"
        );
        assert!(page.contains("<code>  indented"), "texts stay as they were typed");
    }
    let mut customers = Vec::new();
    for name in ["one", "two"] {
        let email = format!("{name}@buyer.example");
        let page = vendor.send("/customers/new", &[("name", name), ("email", &email)]).await.unwrap();
        customers.push((page, vendor.customer(&email).await));
    }
    let see = async |customer: usize, path: &str| {
        let page =
            ask(&vendor.engine, "GET", &format!("/portal/applications{path}"), &customers[customer].1, "")
                .await;
        (page.status, page.text)
    };
    assert!(see(0, "").await.1.contains("No application yet"));
    assert_eq!(see(0, "/acme-server").await.0, 404);

    let id = application.rsplit('/').next().unwrap();
    let grant = format!("{}/grant-application", customers[0].0);
    assert!(vendor.get(&format!("{grant}?application={id}")).await.1.contains("version-1.1.0"));
    let nothing = vendor.send(&grant, &[("application", id)]).await.unwrap_err();
    assert!(nothing.contains("must name a version"), "{nothing}");
    vendor.send(&grant, &[("application", id), ("version-1.0.0", "true"), ("note", "pilot")]).await.unwrap();
    let (_, page) = see(0, "/acme-server").await;
    assert!(page.contains("1.0.0") && !page.contains("1.1.0"));
    assert_eq!(see(0, "/acme-server/1.1.0").await.0, 404);
    assert_eq!(see(1, "/acme-server/1.0.0").await.0, 404);
    assert!(see(0, "/acme-server/1.0.0").await.1.contains("no license is called so"));
    assert_eq!(see(0, "/acme-server/1.0.0/files/compose.yaml").await.0, 409);
    assert_eq!(see(0, "/acme-server/1.0.0/files.zip").await.0, 409, "nothing with an empty key");
    assert!(!see(0, "/acme-server/1.0.0").await.1.contains("Download all files"));

    let customer = customers[0].0.rsplit('/').next().unwrap();
    let values = [("name", "Server"), ("customer", customer), ("payload", "{}")];
    vendor.send("/licenses/new", &values).await.unwrap();
    let (status, file) = see(0, "/acme-server/1.0.0/files/compose.yaml").await;
    let token = file.trim().rsplit(' ').next().unwrap().to_owned();
    assert!(
        status == 200
            && token.starts_with("eyJ")
            && file == COMPOSE.replace("{{ .LicenseKeys.server }}", &token)
    );
    assert!(see(0, "/acme-server/1.0.0").await.1.contains(&token));
    assert!(see(0, "/acme-server/1.0.0").await.1.contains("Download all files"));
    let (status, archive) = see(0, "/acme-server/1.0.0/files.zip").await;
    // Nothing in it is compressed.
    assert!(
        status == 200
            && archive.starts_with("PK")
            && archive.contains("compose.yaml")
            && archive.contains(&token)
    );
    assert_eq!(see(1, "/acme-server/1.0.0/files.zip").await.0, 404);
    assert_eq!(see(1, "/acme-server/1.0.0/files/compose.yaml").await.0, 404);

    let (_, page) = vendor.get(&customers[0].0).await;
    let held = page.split("/application-entitlements/").nth(1).unwrap().split('"').next().unwrap();
    let held = format!("/application-entitlements/{held}");
    assert!(page.contains("pilot"));
    vendor.send(&held, &[("version-1.1.0", "true")]).await.unwrap();
    assert_eq!(see(0, "/acme-server/1.1.0").await.0, 200);
    let (_, page) = vendor.get("/licenses").await;
    assert!(page.contains("1 application<"), "{page}");
    vendor.send(&held, &[("all", "true")]).await.unwrap();
    let (status, page) = vendor.get(&application).await;
    assert!(status == 200 && page.contains("All versions"));
    let refused = vendor.send(&format!("{application}/delete"), &[]).await.unwrap_err();
    assert!(refused.contains("one customer is entitled to this application"));
    vendor.send(&format!("{application}/versions/1.0.0/archive"), &[]).await.unwrap();
    assert_eq!(see(0, "/acme-server/1.0.0").await.0, 200, "who had it keeps it");
}

#[database_test]
async fn hostile_text_stays_text(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Browser::open(engine).await;
    for (number, text) in
        ["<script>alert(1)</script>", "\"><img src=x>", "</pre></code></textarea><svg/onload=1>"]
            .iter()
            .enumerate()
    {
        let application = vendor
            .send("/applications/new", &[("name", text), ("kind", "compose"), ("description", text)])
            .await
            .unwrap();
        let file = format!("a: |\n  {text}\n");
        let values =
            [("name", "1"), ("notes", text), ("compose", &*file), ("f0_name", "x"), ("f0_content", text)];
        let made = vendor.send(&format!("{application}/new-version"), &values).await.unwrap();
        // Another sending of it, not the same one twice.
        let again = [values.as_slice(), &[("f1_name", "y"), ("f1_content", "y")]].concat();
        let again = vendor.send(&format!("{application}/new-version"), &again).await.unwrap_err();
        let email = format!("buyer-{number}@x.example");
        let customer = vendor.send("/customers/new", &[("name", text), ("email", &email)]).await.unwrap();
        let id = application.rsplit('/').next().unwrap();
        vendor
            .send(
                &format!("{customer}/grant-application"),
                &[("application", id), ("all", "true"), ("note", text)],
            )
            .await
            .unwrap();
        let cookie = vendor.customer(&email).await;
        let mut pages = vec![again];
        for path in ["/applications", &application, &made, &customer, "/licenses", "/audit"] {
            pages.push(vendor.get(path).await.1);
        }
        let list = ask(&vendor.engine, "GET", "/portal/applications", &cookie, "").await.text;
        let slug =
            list.split("/portal/applications/").nth(1).unwrap().split(['"', '/']).next().unwrap().to_owned();
        for path in [format!("/portal/applications/{slug}"), format!("/portal/applications/{slug}/1")] {
            let page = ask(&vendor.engine, "GET", &path, &cookie, "").await;
            assert_eq!(page.status, 200, "{path}");
            pages.push(page.text);
        }
        pages.push(list);
        for page in pages {
            for part in ["<script>alert", "<img src=x", "<svg/", "</pre></code></t"] {
                assert!(!page.contains(part), "{part} of {text} in {page}");
            }
        }
    }
}
