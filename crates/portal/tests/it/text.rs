//! Texts and times as they come from forms.

use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;

use crate::browser::Browser;
use crate::{ask, csrf, people};

#[database_test]
async fn what_is_no_utf_8_is_refused(store: Store) {
    let (engine, _) = engine(store);
    let (_, cookie) = people(&engine).await.remove(0);
    let token = csrf(&ask(&engine, "GET", "/", &cookie, "").await.text).to_owned();
    let body = format!("csrf={token}&name=Ac%ffme&email=a%40b.example");
    assert_eq!(ask(&engine, "POST", "/customers/new", &cookie, &body).await.status, 400);
    for path in [
        "/customers?q=%ff",
        "/products?%c3=1",
        "/customers/%ff",
        "/o/%e2%82/jwks.json",
        "/licenses.csv?q=%ed%a0%80",
    ] {
        let answer = ask(&engine, "GET", path, &cookie, "").await;
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.text.contains("UTF-8"), "{}", answer.text);
    }
    assert!(ask(&engine, "GET", "/customers", &cookie, "").await.text.contains("No customer"));
}

#[database_test]
async fn names_that_nobody_can_read_are_refused(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Browser::open(engine).await;
    for (name, why) in [
        ("\u{200b}", "U+200B"),
        ("Ac\u{202e}me", "U+202E at position 3"),
        ("\u{3164}", "U+3164"),
        ("a\u{2028}b", "U+2028"),
    ] {
        let refused =
            vendor.send("/customers/new", &[("name", name), ("email", "a@b.example")]).await.unwrap_err();
        assert!(refused.contains(why), "{why}: {refused}");
    }
    let page = vendor
        .send(
            "/customers/new",
            &[("name", "  Cafe\u{301} "), ("email", "a@b.example"), ("notes", "\n a\r\nb ")],
        )
        .await
        .unwrap();
    let shown = vendor.get(&format!("{page}/settings")).await.1;
    assert!(shown.contains("<h1>Café</h1>") && shown.contains(">\n\n a\nb </textarea>"), "{shown}");
}

#[database_test]
async fn the_day_that_was_typed_as_the_end_is_shown(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Browser::open(engine).await;
    let values = |name: &'static str, start: &'static str, end: &'static str| {
        [
            ("name", name),
            ("not_before", start),
            ("ends_at", end),
            ("customer", "organization"),
            ("payload", "{}"),
        ]
    };
    let page = vendor.send("/licenses/new", &values("One day", "2026-01-01", "2026-01-01")).await.unwrap();
    let shown = |text: &str| {
        text.split("<dt>Valid until</dt><dd>").nth(1).unwrap().split('<').next().unwrap().to_owned()
    };
    let text = vendor.get(&page).await.1;
    assert_eq!(shown(&text), "2026-01-01");
    assert!(text.contains("<span class=\"pill active\">"), "{text}");
    clock.advance(24 * 60 * 60 - 1);
    let last = vendor.again().await;
    assert!(last.get(&page).await.1.contains("<span class=\"pill active\">"), "the whole day");
    clock.advance(1);
    let later = vendor.again().await;
    assert!(!later.get(&page).await.1.contains("<span class=\"pill active\">"), "and no second more");
    let page = later
        .send("/licenses/new", &values("Until noon", "2026-01-02", "2026-06-30T12:00:00Z"))
        .await
        .unwrap();
    assert_eq!(shown(&later.get(&page).await.1), "2026-06-30 12:00 UTC");
    for end in ["9999-12-31T23:59:59-01:00", "2026-02-30", "1969-12-31", "x"] {
        let refused = later.send("/licenses/new", &values("Never", "", end)).await.unwrap_err();
        assert!(refused.contains("class=\"fault\""), "{end}");
    }
    let page = later.send("/licenses/new", &values("As long as can be", "", "9999-12-31")).await.unwrap();
    assert_eq!(shown(&later.get(&page).await.1), "9999-12-31");
}

#[database_test]
async fn a_grace_is_shown_beside_the_end_and_keeps_the_license_valid(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Browser::open(engine).await;
    let values = [
        ("name", "Graced"),
        ("ends_at", "2026-01-10"),
        ("grace_days", "14"),
        ("customer", "organization"),
        ("payload", "{}"),
    ];
    let page = vendor.send("/licenses/new", &values).await.unwrap();
    let ends = "<dt>Valid until</dt><dd>2026-01-10, grace until 2026-01-24</dd>";
    for (days, status, warning) in
        [(0, "active", "ends soon"), (12, "active", "in grace"), (14, "expired", "")]
    {
        clock.advance(days * 24 * 60 * 60);
        let text = vendor.again().await.get(&page).await.1;
        assert!(text.contains(ends), "{text}");
        assert!(text.contains(&format!("<span class=\"pill {status}\">{status}</span>")), "{text}");
        for pill in ["ends soon", "in grace"] {
            assert_eq!(
                text.contains(&format!("<span class=\"pill pending\">{pill}</span>")),
                pill == warning
            );
        }
    }
    let values = [values[0], values[1], ("grace_days", "400"), values[3], values[4]];
    let refused = vendor.again().await.send("/licenses/new", &values).await.unwrap_err();
    assert!(refused.contains("must be 0 to 366"), "{refused}");
}

#[database_test]
async fn the_slug_can_be_chosen_until_a_token_holds_it(store: Store) {
    let (engine, _) = engine(store);
    let mut vendor = Browser::open(engine).await;
    vendor.confirm(crate::PASSWORD).await;
    let save = |slug: &'static str| [("name", "Acme"), ("slug", slug), ("blocked", "")];
    for (slug, why) in [("admin", "reserved"), ("Ünï", "a-z"), ("a--", "a-z")] {
        let refused = vendor.send("/settings", &save(slug)).await.unwrap_err();
        assert!(refused.contains(why), "{slug}: {refused}");
    }
    vendor.send("/settings", &save("acme-tools")).await.unwrap();
    assert_eq!(vendor.get("/o/acme-tools/status-list").await.0, 404, "served by the API");
    assert!(vendor.get("/settings").await.1.contains("value=\"acme-tools\""));
    vendor
        .send("/licenses/new", &[("name", "First"), ("customer", "organization"), ("payload", "{}")])
        .await
        .unwrap();
    let refused = vendor.send("/settings", &save("acme-other")).await.unwrap_err();
    assert!(refused.contains("part of tokens"), "{refused}");
    let page = vendor.get("/settings").await.1;
    assert!(!page.contains("name=\"slug\"") && page.contains("acme-tools"));
}
