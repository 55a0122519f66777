//! The ends of licenses in a customer's calendar.

use keyward_domain::Ends;
use keyward_engine::{NewCustomer, NewLicense};
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{engine, new_license};

use crate::ask;
use crate::browser::Browser;

#[database_test]
async fn each_end_is_an_event_of_its_day_with_reminders(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Browser::open(engine.clone()).await;
    let access = vendor.access().await;
    let mut buyers = Vec::new();
    for name in ["one", "other"] {
        let email = format!("{name}@customer.example").parse().unwrap();
        let new = NewCustomer { name: name.parse().unwrap(), email, notes: None };
        buyers.push(engine.create_customer(&vendor.access().await, new, None).await.unwrap().value.id);
    }
    let (one, other) = (buyers[0], buyers[1]);
    let end = |days: i64| Some(Some(engine.now().plus_days(days)));
    let licenses = [
        ("Server, 25 seats; Größe", Some(one), end(40), end(50)),
        ("Endless", Some(one), Some(None), Some(None)),
        ("Revoked", Some(one), end(40), end(40)),
        ("Another's", Some(other), end(40), end(40)),
        ("Everybody's", None, end(40), end(40)),
    ];
    for (name, customer, ends_at, expires_at) in licenses {
        let new = NewLicense { customer, ends: Ends { ends_at, expires_at }, ..new_license(name, "{}") };
        let license = engine.create_license(&access, new, None).await.unwrap().value;
        if name == "Revoked" {
            engine.revoke_license(&access, license.id, None).await.unwrap();
        }
    }
    let cookie = vendor.customer("one@customer.example").await;
    let answer = ask(&engine, "GET", "/portal/licenses.ics", &cookie, "").await;
    assert_eq!(answer.header("content-type"), "text/calendar; charset=utf-8");
    let text = answer.text.replace("\r\n ", "");
    assert_eq!(text.matches("BEGIN:VEVENT").count(), 1, "{text}");
    assert!(text.contains("SUMMARY:Server\\, 25 seats\\; Größe ends\r\n"), "{text}");
    // The last day that is included.
    let day = engine.now().plus_days(40).plus_seconds(-1).date().replace('-', "");
    assert!(text.contains(&format!("DTSTART;VALUE=DATE:{day}\r\n")), "{text}");
    assert!(text.contains("grace until") && !text.contains("DTEND"), "{text}");
    assert_eq!(text.matches("BEGIN:VALARM").count(), 3);
    assert_eq!(
        answer.text,
        ask(&engine, "GET", "/portal/licenses.ics", &cookie, "").await.text,
        "the same again"
    );
}
