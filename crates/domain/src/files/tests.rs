use proptest::prelude::*;

use super::*;

fn text(text: &str) -> Option<FileText> {
    Some(text.parse().unwrap())
}

fn file(name: &str, text: &str) -> File {
    File { name: name.parse().unwrap(), text: text.parse().unwrap() }
}

fn oci() -> Chart {
    Chart { url: "oci://registry.example/acme/server".into(), name: None, version: "1.4.2".into() }
}

fn faults(kind: ApplicationKind, draft: FilesDraft) -> Vec<(&'static str, String, &'static str)> {
    let faults = Files::new(kind, draft).err().unwrap_or_default();
    faults.into_iter().map(|(field, fault)| (field, fault.pointer, fault.code)).collect()
}

#[test]
fn each_kind_has_its_files() {
    let compose = FilesDraft {
        compose: text("services:\n  app:\n    environment: {KEY: {{ .LicenseKeys.app }}}\n"),
        environment: text("KEY={{ .LicenseKeys.app }}\n"),
        further: vec![file("nginx.conf", "server {}\n")],
        ..FilesDraft::default()
    };
    let files = Files::new(ApplicationKind::Compose, compose.clone()).unwrap();
    let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["compose.yaml", ".env", "nginx.conf"]);
    assert_eq!(files.references().len(), 2);
    assert!(files.find("values.yaml").is_none());

    let helm = FilesDraft {
        chart: Some(oci()),
        values: text("image: '{{ .Values.x }}'\n"),
        ..FilesDraft::default()
    };
    assert!(Files::new(ApplicationKind::Helm, helm.clone()).is_ok());
    let bare = FilesDraft { chart: Some(oci()), ..FilesDraft::default() };
    assert!(Files::new(ApplicationKind::Helm, bare).is_ok());

    let wrong = |field, code| (field, String::new(), code);
    assert_eq!(
        faults(ApplicationKind::Helm, compose),
        [wrong("compose", "not_allowed"), wrong("environment", "not_allowed"), wrong("chart", "required")]
    );
    assert_eq!(
        faults(ApplicationKind::Compose, helm),
        [wrong("compose", "required"), wrong("chart", "not_allowed"), wrong("values", "not_allowed")]
    );
}

#[test]
fn faults_are_all_named() {
    let further = (0..17).map(|n| file(if n == 3 { "compose.yaml" } else { "x" }, "")).collect::<Vec<_>>();
    let draft = FilesDraft { compose: text("- a"), further, ..FilesDraft::default() };
    let found = faults(ApplicationKind::Compose, draft);
    assert_eq!(found[0], ("compose", String::new(), "not_a_mapping"));
    assert_eq!(found[1], ("files", String::new(), "too_many"));
    assert_eq!(found.iter().filter(|fault| fault.2 == "duplicate_name").count(), 16);
    assert!(found.contains(&("files", "/3/name".into(), "duplicate_name")));
    let half = "x".repeat(FileText::MOST_BYTES);
    let large = FilesDraft {
        compose: text("a: 1"),
        further: vec![file("a", &half), file("b", &half)],
        ..FilesDraft::default()
    };
    assert_eq!(faults(ApplicationKind::Compose, large), [("files", String::new(), "too_long")]);
    let key = FilesDraft { compose: text("{{ .LicenseKeys.a }}: 1"), ..FilesDraft::default() };
    assert_eq!(faults(ApplicationKind::Compose, key), [("compose", String::new(), "invalid_yaml")]);
    let many = "{{ .LicenseKeys.a }}".repeat(101);
    let many = FilesDraft { environment: text(&many), compose: text("a: 1"), ..FilesDraft::default() };
    assert_eq!(faults(ApplicationKind::Compose, many), [("files", String::new(), "too_many")]);
    assert_eq!("a\0".parse::<FileText>().unwrap_err().code, "control_character");
    assert_eq!("{{ .LicenseKeys }}".parse::<FileText>().unwrap_err().code, "license_key_reference");
    assert_eq!("x".repeat(FileText::MOST_BYTES + 1).parse::<FileText>().unwrap_err().code, "too_long");
}

#[test]
fn names_of_files_are_no_paths() {
    for good in [".env", "nginx.conf", "a", "1-2_3"] {
        assert!(good.parse::<FileName>().is_ok(), "{good}");
    }
    for bad in ["", ".", "..", "a/b", "a\\b", "a b", "-x", "é", "a%2fb"] {
        assert!(bad.parse::<FileName>().is_err(), "{bad}");
    }
}

#[test]
fn charts_are_found_in_registries_and_repositories() {
    let chart = |url: &str, name: Option<&str>, version: &str| {
        Chart { url: url.into(), name: name.map(str::to_owned), version: version.into() }.checked()
    };
    let command = chart("https://charts.example/x", Some("server"), "1.4.2").unwrap().command("acme", true);
    let expected = "helm upgrade --install acme server --repo https://charts.example/x --version 1.4.2 \
                    --values values.yaml";
    assert_eq!(command, expected);
    assert_eq!(
        oci().command("acme", false),
        "helm upgrade --install acme oci://registry.example/acme/server --version 1.4.2"
    );
    assert!(oci().checked().is_ok());
    let places = |chart: Result<Chart, Vec<Invalid>>| -> Vec<_> {
        chart.unwrap_err().into_iter().map(|fault| fault.pointer).collect()
    };
    assert_eq!(places(chart("ftp://x", None, "")), ["/url", "/name", "/version"]);
    assert_eq!(places(chart("oci://x/y", Some("z"), "1")), ["/name"]);
    assert_eq!(places(chart("https://", Some("z"), "1")), ["/url"]);
    for url in ["https://x/$(id)", "https://x/`id`", "oci://x y", "https://x\"", "https://a@b/"] {
        assert_eq!(places(chart(url, Some("z").filter(|_| !url.starts_with("oci")), "1")), ["/url"]);
    }
}

proptest! {
    #[test]
    fn no_text_panics(one in "\\PC{0,60}", two in "[a-z{}.:\n \"L]{0,60}") {
        for text in [one, two] {
            if let Ok(text) = text.parse::<FileText>() {
                let _ = Files::new(
                    ApplicationKind::Compose,
                    FilesDraft { compose: Some(text), ..FilesDraft::default() },
                );
            }
        }
    }
}
