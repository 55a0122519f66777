use proptest::prelude::*;

use super::*;
use crate::product::Bounds;
use crate::{LicenseId, Revision, RevisionId, Validity, fixture};

fn names(text: &str) -> Vec<(String, usize)> {
    references(text).unwrap().into_iter().map(|reference| (reference.name, reference.line)).collect()
}

#[test]
fn both_forms_are_found_with_their_lines() {
    let text = "a: {{ .LicenseKeys.my_key }}\nb: \"{{.LicenseKeys._x9}}\"\n\nc: {{\tindex  .LicenseKeys \"My key\"}}\n\
                d: {{ index .LicenseKeys `a \"b\" }}` }} {{ index .LicenseKeys \"a \\\"b\\\\\" }}{{ .LicenseKeys.é }}";
    let expected = [("my_key", 1), ("_x9", 2), ("My key", 4), ("a \"b\" }}", 5), ("a \"b\\", 5), ("é", 5)];
    assert_eq!(names(text), expected.map(|(name, line)| (name.to_owned(), line)));
}

#[test]
fn other_templates_pass_through() {
    for text in [
        "{{ .Values.image }}",
        "{{- include \"x\" . -}}",
        "{{ .Values.LicenseKeys.x }}",
        "{{ ($x).LicenseKeys }}",
        "{{ .LicenseKeysOfOthers }}",
        "$$x {{",
        "}} .LicenseKeys.x {{",
        "{ { .LicenseKeys.x } }",
        "# .LicenseKeys.x",
        "{{{{{{",
    ] {
        assert_eq!(names(text), [], "{text}");
        assert_eq!(fill(text, |_| None).unwrap(), text);
    }
    assert_eq!(fill("x: {{{ .LicenseKeys.a }}}", |_| Some("T")).unwrap(), "x: {T}");
    assert_eq!(fill("{{ {{ .LicenseKeys.a }} }}", |_| Some("T")).unwrap(), "{{ T }}");
}

#[test]
fn other_ways_to_ask_are_refused_with_their_line() {
    for text in [
        "{{ .LicenseKeys }}",
        "{{ $.LicenseKeys.x }}",
        "{{- .LicenseKeys.x -}}",
        "{{ .LicenseKeys.my-key }}",
        "{{ .LicenseKeys.1st }}",
        "{{ .LicenseKeys.a.b }}",
        "{{ .LicenseKeys.a | quote }}",
        "{{ index .LicenseKeys }}",
        "{{ index .LicenseKeys \"\" }}",
        "{{ index .LicenseKeys \"a\" \"b\" }}",
        "{{ index .LicenseKeys \"a\nb\" }}",
        "{{ index .LicenseKeys \"\\n\" }}",
        "{{ range .LicenseKeys }}",
        "{{ .LicenseKeys.x",
        "{{ if .LicenseKeys.x }}",
    ] {
        let faults = references(&format!("first: line\n{text}")).unwrap_err();
        assert_eq!(faults.len(), 1, "{text}");
        assert_eq!(faults[0].code, "license_key_reference");
        assert!(faults[0].message.contains("in line 2"), "{}", faults[0].message);
    }
    assert_eq!(
        references("{{ .LicenseKeys }}\n{{ .LicenseKeys.a }}\n{{.LicenseKeys}}").unwrap_err().len(),
        2
    );
}

#[test]
fn names_have_a_form_that_templates_can_write() {
    for (name, form) in [
        ("My key", "my_key"),
        ("MY_KEY", "my_key"),
        ("acme-server", "acme_server"),
        ("  Größe (2) ", "größe_2"),
        ("__", ""),
        ("2025", "2025"),
    ] {
        assert_eq!(key_form(name), form);
    }
}

fn license(n: u8, name: &str, customer: Option<u8>) -> License {
    let id = LicenseId::new(1_000 + u64::from(n), [n; 10]);
    let like = fixture::license(LicenseState::Active, 0, Some(100), Bounds::default());
    let revision = Revision { id: RevisionId::new(1, [n; 10]), license: id, ..like.revision };
    License { id, name: name.parse().unwrap(), customer: customer.map(who), revision, ..like }
}

fn who(n: u8) -> CustomerId {
    CustomerId::new(1, [n; 10])
}

fn resolved(name: &str, licenses: &[License], product: Option<&Slug>) -> Result<u64, Unresolved> {
    let nameable: Vec<_> = licenses.iter().map(|license| Nameable::new(license, product)).collect();
    let now = Timestamp::from_unix(50).unwrap();
    let place = |found: &License| licenses.iter().position(|one| one.id == found.id).unwrap() as u64;
    resolve(name, who(1), &nameable, now).map(place)
}

#[test]
fn the_best_fit_decides_and_others_licenses_never_do() {
    let slug: Slug = "my-key".parse().unwrap();
    let all = [
        license(0, "my_key", Some(2)),
        license(1, "other", None),
        license(2, "MY KEY", None),
        license(3, "my_key", None),
        license(4, "acme", Some(1)),
        license(5, "My key", Some(1)),
        license(6, "my_key", Some(1)),
    ];
    for (most, expected) in [(7, 6), (6, 5), (5, 4), (4, 3), (3, 2), (2, 1)] {
        assert_eq!(resolved("my_key", &all[..most], Some(&slug)), Ok(expected));
    }
    assert_eq!(resolved("my_key", &all[..1], Some(&slug)), Err(Unresolved::Missing));
    assert_eq!(resolved("my_key", &all[..2], None), Err(Unresolved::Missing));
    assert_eq!(resolved("___", &[license(1, "--", Some(1))], None), Err(Unresolved::Missing));
}

#[test]
fn what_is_withheld_is_not_replaced() {
    let mut own = license(1, "my key", Some(1));
    own.state = LicenseState::Suspended { since: Timestamp::MIN };
    let both = [own, license(2, "my_key", None)];
    assert_eq!(resolved("my_key", &both, None), Err(Unresolved::Withheld(LicenseStatus::Suspended)));

    let slug: Slug = "server".parse().unwrap();
    let mut expired = license(4, "2027", Some(1));
    expired.revision.validity =
        Validity::new(Timestamp::MIN, Some(Timestamp::from_unix(10).unwrap())).unwrap();
    let of_product = [license(1, "2025", Some(1)), license(2, "2026", Some(1)), expired.clone()];
    assert_eq!(resolved("server", &of_product, Some(&slug)), Ok(1), "in force, then the newest");
    assert_eq!(resolved("2027", &[expired], None), Ok(0), "an expired token says so itself");
}

#[test]
fn what_could_be_meant_is_known_by_name_form_or_product() {
    let slug: Slug = "acme-server".parse().unwrap();
    let called = Called::new(vec!["My key".to_owned(), "--".to_owned()], [&slug]);
    for name in ["My key", "my_key", "MY-KEY", "acme_server", "--"] {
        assert!(called.has(name), "{name}");
    }
    for name in ["", "__", "other", "my_key_2"] {
        assert!(!called.has(name), "{name}");
    }
}

#[test]
fn a_text_is_read_in_proportion_to_its_length() {
    let work = |text: &str| {
        let before = steps::TAKEN.get();
        let _ = references(text);
        steps::TAKEN.get() - before
    };
    for part in [
        "{{",
        "{{ ",
        "{{{ ",
        "{{ index .LicenseKeys `",
        "{{ index .LicenseKeys \"",
        "{{ index .LicenseKeys `{{ index .LicenseKeys \"",
        "{{ index .LicenseKeys \"\\\"",
        "{{ .LicenseKeys.a ",
        "{{ .LicenseKeys.a }}",
        "{{ .LicenseKeys",
        ".LicenseKeys",
        "{{ index     ",
        "}} {{",
        "\n{{",
    ] {
        let [one, two, four] = [1, 2, 4].map(|times| work(&part.repeat(2_000 * times)));
        assert!(two <= 2 * one + 2_000 && four <= 2 * two + 2_000, "{part}: {one}, {two}, {four}");
        assert!(four <= 60 * 8_000 * part.len(), "{part}: {four}");
    }
    assert_eq!(references(&"{{ .LicenseKeys.a }}".repeat(MOST + 1)).unwrap_err()[0].code, "too_many");
    assert_eq!(references(&"{{ .LicenseKeys }}".repeat(1_000)).unwrap_err().len(), MOST_FAULTS);
}

const TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJfLSJ9.c2lnbmF0dXJlLV8";

proptest! {
    #[test]
    fn no_text_panics(text in "([{}`\"\\\\ .\n]|index|LicenseKeys|a|é){0,40}") {
        let _ = references(&text);
        let _ = fill(&text, |_| Some(TOKEN));
    }

    #[test]
    fn any_name_can_be_written(name in "\\PC{1,200}") {
        let written = name.replace('\\', "\\\\").replace('"', "\\\"");
        let text = format!("a {{{{ index .LicenseKeys \"{written}\" }}}} b");
        prop_assert_eq!(names(&text), [(name, 1)]);
        prop_assert_eq!(fill(&text, |_| Some(TOKEN)).unwrap(), format!("a {TOKEN} b"));
    }

    #[test]
    fn a_filled_file_is_yaml_with_exactly_the_token(
        token in "[A-Za-z0-9_-]{20,400}\\.[A-Za-z0-9_-]{2,2000}\\.[A-Za-z0-9_-]{86}",
        form in prop::sample::select(vec![
            "{{ .LicenseKeys.k }}", "\"{{.LicenseKeys.k}}\"", "'{{ index .LicenseKeys \"k\" }}'", "{{ index .LicenseKeys `k` }}",
        ]),
    ) {
        let token = format!("eyJ{token}");
        let text = format!("services:\n  app:\n    environment:\n      LICENSE_KEY: {form}\n    command: [\"x\", {form}]\n");
        let filled = fill(&text, |_| Some(&token)).unwrap();
        let mut scalars = Vec::new();
        let mut parser = saphyr_parser::Parser::new_from_str(&filled);
        while let Some(event) = parser.next_event() {
            if let saphyr_parser::Event::Scalar(value, ..) = event.unwrap().0 {
                scalars.push(value.into_owned());
            }
        }
        let expected = ["services", "app", "environment", "LICENSE_KEY", &token, "command", "x", &token];
        prop_assert_eq!(scalars, expected);
    }
}
