use super::*;

const A: [u8; 10] = [1; 10];

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(1_000_000 + seconds).unwrap()
}

fn validated<'a>(status: Status, version: Option<&'a str>, seconds: i64) -> Validated<'a> {
    Validated {
        scope: crate::log::queue::tests::scope(1),
        license: LicenseId::new(1, A),
        product: ProductId::new(1, A),
        status,
        version,
        address: Address::new([192, 0, 2, 1].into()),
        at: at(seconds),
    }
}

fn taken(book: &LicenseUseBook) -> LicenseValidations {
    let mut uses = book.take();
    assert_eq!(uses.len(), 1);
    written_down(uses.remove(0).1)
}

#[test]
fn validations_of_a_license_are_one_sum() {
    let book = LicenseUseBook::default();
    for second in 0..100 {
        book.note(&validated(Status::Active, Some("1.2"), second));
    }
    book.note(&validated(Status::VersionNotAllowed, Some("1.3"), 100));
    book.note(&validated(Status::Active, None, 101));
    book.note(&validated(Status::Active, Some(""), 100_000));
    let used = taken(&book);
    let day = at(0).day();
    assert_eq!(
        used.answers,
        BTreeMap::from([
            ((day, Status::Active), 101),
            ((day, Status::VersionNotAllowed), 1),
            ((day + 1, Status::Active), 1)
        ])
    );
    let seen: Vec<_> =
        used.versions.iter().map(|seen| (seen.version.as_deref(), seen.last_seen_at)).collect();
    assert_eq!(seen, [(Some("1.2"), at(99)), (Some("1.3"), at(100)), (None, at(100_000))]);
    assert!(book.take().is_empty());
}

#[test]
fn an_application_that_names_ever_new_versions_takes_no_more_room() {
    let book = LicenseUseBook::default();
    let versions: Vec<_> = (0..10_000).map(|n| format!("0.0.{n}")).collect();
    for (version, second) in versions.iter().zip(0..) {
        book.note(&validated(Status::Active, Some(version), second));
    }
    let used = taken(&book);
    assert_eq!(used.versions.len(), MOST_VERSIONS);
    assert_eq!(used.versions.last().unwrap().version.as_deref(), Some("0.0.9999"));
    assert_eq!(used.answers.values().sum::<u64>(), 10_000);
}

#[test]
fn what_could_not_be_added_is_added_later() {
    let book = LicenseUseBook::default();
    book.note(&validated(Status::Active, Some("1.2"), 0));
    let failed = book.take();
    book.note(&validated(Status::Expired, Some("1.2"), 5));
    book.note(&validated(Status::Expired, Some("1.3"), 6));
    book.take_back(failed);
    let used = taken(&book);
    assert_eq!(used.answers.values().sum::<u64>(), 3);
    let first = &used.versions[0];
    assert_eq!((first.first_seen_at, first.last_seen_at, first.status), (at(0), at(5), Status::Expired));
    assert_eq!(used.versions.len(), 2);
}

#[test]
fn versions_are_fit_for_a_page() {
    let book = LicenseUseBook::default();
    book.note(&validated(Status::Active, Some("1.2\u{202e}\n"), 0));
    book.note(&validated(Status::Active, Some("1.2"), 1));
    book.note(&validated(Status::Active, Some("\u{200b}"), 2));
    let used = taken(&book);
    let seen: Vec<_> =
        used.versions.iter().map(|seen| (seen.version.as_deref(), seen.first_seen_at)).collect();
    assert_eq!(seen, [(Some("1.2"), at(0)), (None, at(2))]);
}
