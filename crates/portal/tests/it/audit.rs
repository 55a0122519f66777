//! The page of the audit log.

use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;

use crate::browser::Browser;

/// The page without its markup, as it is read.
fn read(page: &str) -> String {
    let mut text = String::new();
    let mut tag = false;
    for letter in page.chars() {
        match letter {
            '<' => tag = true,
            '>' => tag = false,
            letter if !tag => text.push(letter),
            _ => {}
        }
    }
    text
}

#[database_test]
async fn the_log_is_read_as_sentences(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Browser::open(engine).await;
    let customer =
        vendor.send("/customers/new", &[("name", "Müller & Söhne"), ("email", "m@mueller.example")]);
    let customer = customer.await.unwrap();
    let change = [("name", "Müller GmbH"), ("email", "m@mueller.example"), ("notes", "")];
    vendor.send(&customer, &change).await.unwrap();
    let (status, page) = vendor.get("/audit").await;
    assert_eq!(status, 200);
    let text = read(&page);
    for said in [
        "created the customer Müller &#38; Söhne",
        "changed the customer Müller GmbH",
        "name: Müller &#38; Söhne → Müller GmbH",
        "signed in",
    ] {
        assert!(text.contains(said), "{said} is not in {text}");
    }
    let id = customer.rsplit('/').next().unwrap();
    assert!(page.contains(&format!("href=\"/customers/{}\"", id.split('?').next().unwrap())), "{page}");

    let count = async |query: &str| vendor.get(&format!("/audit{query}")).await.1.matches("<tr>").count();
    assert_eq!(count("?action=customer").await, 3, "the head and two events");
    assert_eq!(count("?action=customer.created&actor=member").await, 2);
    assert_eq!(count("?q=gmbh").await, 2);
    assert_eq!(count("?action=product").await, 0);
    assert_eq!(count("?until=2001-01-01").await, 0);
    assert_eq!(count("?since=2001-01-01&action=customer").await, 3);
    let same = page.split("/audit?target=").nth(1).unwrap().split('"').next().unwrap();
    assert!(count(&format!("?target={same}")).await >= 2);
    // The export is the same log.
    let (status, lines) = vendor.get("/audit/export").await;
    assert!(status == 200 && lines.lines().last().unwrap().starts_with("{\"checkpoint\":"), "{lines}");
}
