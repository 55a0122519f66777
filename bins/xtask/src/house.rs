//! Tests that hold the layout of the house: which crate may see which, and under which licences others come.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

fn metadata() -> Metadata {
    let manifest = crate::root().unwrap().join("Cargo.toml");
    MetadataCommand::new().manifest_path(manifest).other_options(["--locked".to_owned()]).exec().unwrap()
}

/// For each library and program of ours, what it may depend on among our own.
const ARROWS: [(&str, &[&str]); 31] = [
    ("keyward-token", &[]),
    ("keyward-client", &["keyward-token"]),
    ("keyward-token-c", &["keyward-client", "keyward-token"]),
    // What server and agents say to each other; of it, the domain knows the documents alone.
    ("keyward-protocol", &["keyward-token"]),
    ("keyward-domain", &["keyward-compose", "keyward-protocol"]),
    ("keyward-compose", &[]),
    ("keyward-agent", &["keyward-compose", "keyward-domain", "keyward-protocol", "keyward-token"]),
    ("keyward-agent-cli", &["keyward-agent", "keyward-protocol", "keyward-token"]),
    ("keyward-storage", &["keyward-domain"]),
    (
        "keyward-engine",
        &["keyward-compose", "keyward-domain", "keyward-protocol", "keyward-storage", "keyward-token"],
    ),
    // What handlers need whatever their framework: of actix only by a feature, for those above.
    ("keyward-problem", &["keyward-domain", "keyward-engine"]),
    ("keyward-web", &["keyward-domain", "keyward-engine", "keyward-problem"]),
    ("keyward-portal", &["keyward-domain", "keyward-engine", "keyward-web"]),
    ("keyward-registry", &["keyward-domain", "keyward-engine", "keyward-web"]),
    ("keyward-api", &["keyward-domain", "keyward-engine", "keyward-protocol", "keyward-web"]),
    (
        "keyward-testkit",
        &[
            "keyward-domain",
            "keyward-engine",
            "keyward-protocol",
            "keyward-storage",
            "keyward-testkit-macros",
            "keyward-testkit-postgres",
            "keyward-token",
        ],
    ),
    ("keyward-testkit-authority", &[]),
    ("keyward-testkit-engines", &[]),
    ("keyward-testkit-macros", &[]),
    ("keyward-testkit-postgres", &[]),
    (
        "keyward-server",
        &[
            "keyward-api",
            "keyward-domain",
            "keyward-engine",
            "keyward-portal",
            "keyward-registry",
            "keyward-storage",
            "keyward-web",
        ],
    ),
    ("keyward-cli", &["keyward-token"]),
    ("keyward-benches", &["keyward-token"]),
    ("keyward-load", &["keyward-domain", "keyward-protocol", "keyward-storage", "keyward-token"]),
    ("example-cli", &["keyward-token"]),
    ("example-actix", &["keyward-token"]),
    ("example-client", &["keyward-client"]),
    ("example-oci", &[]),
    // They stand for a service of somebody else's, which is above the engine as our server is.
    ("example-platform-actix", &["keyward-domain", "keyward-engine", "keyward-storage", "keyward-web"]),
    ("example-platform-axum", &["keyward-domain", "keyward-engine", "keyward-problem", "keyward-storage"]),
    ("xtask", &["keyward-testkit-engines", "keyward-testkit-postgres"]),
];

#[test]
fn crates_see_only_what_lies_below_them() {
    let metadata = metadata();
    let arrows: BTreeMap<_, _> = ARROWS.into_iter().collect();
    let ours: BTreeSet<_> =
        metadata.workspace_packages().iter().map(|package| package.name.to_string()).collect();
    for package in metadata.workspace_packages() {
        let allowed = arrows.get(package.name.as_str());
        let allowed =
            allowed.unwrap_or_else(|| panic!("{} has no place in the house: give it arrows", package.name));
        for dependency in package.dependencies.iter().filter(|dependency| ours.contains(&dependency.name)) {
            let name = dependency.name.as_str();
            match dependency.kind {
                DependencyKind::Development => {
                    assert!(
                        ["keyward-testkit", "keyward-testkit-authority", "keyward-testkit-engines"]
                            .contains(&name)
                            || allowed.contains(&name),
                        "{} sees {name}",
                        package.name
                    );
                }
                _ => assert!(allowed.contains(&name), "{} sees {name}", package.name),
            }
        }
    }
}

#[test]
fn what_belongs_to_one_room_stays_in_it() {
    let rooms = [
        ("sea-orm", &["keyward-storage"][..]),
        ("sea-orm-migration", &["keyward-storage"]),
        ("sqlx", &["keyward-testkit", "keyward-storage", "example-platform-actix", "example-platform-axum"]),
        ("chacha20poly1305", &["keyward-engine"]),
        ("clap", &["keyward-server", "keyward-cli", "keyward-agent-cli"]),
        (
            "tokio",
            &[
                "keyward-testkit",
                "keyward-storage",
                "keyward-engine",
                "keyward-server",
                "example-oci",
                "example-platform-axum",
            ],
        ),
        ("axum", &["example-platform-axum"]),
    ];
    for package in metadata().workspace_packages() {
        for (dependency, rooms) in rooms {
            let used = package.dependencies.iter().any(|found| found.name == dependency);
            assert!(!used || rooms.contains(&package.name.as_str()), "{} uses {dependency}", package.name);
        }
    }
}

#[test]
fn every_licence_is_one_that_we_allow() {
    let deny = std::fs::read_to_string(crate::root().unwrap().join(".deny.toml")).unwrap();
    let deny: toml::Table = deny.parse().unwrap();
    let allowed = deny["licenses"]["allow"].as_array().unwrap();
    let allowed: Vec<_> =
        allowed.iter().map(|licence| spdx::Licensee::parse(licence.as_str().unwrap()).unwrap()).collect();
    // Tools, of which nothing is in what we publish.
    let exceptions = deny["licenses"]["exceptions"].as_array().unwrap();
    let excepted = |package: &Package| {
        exceptions.iter().any(|exception| {
            let allow = exception["allow"].as_array().unwrap();
            exception["crate"].as_str() == Some(&package.name)
                && allow.iter().any(|licence| licence.as_str() == package.license.as_deref())
        })
    };
    let fits = |package: &Package| {
        let expression = package.license.as_deref().unwrap_or_default();
        spdx::Expression::parse_mode(expression, spdx::ParseMode::LAX).is_ok_and(|expression| {
            expression.evaluate(|wanted| allowed.iter().any(|have| have.satisfies(wanted)))
        })
    };
    let metadata = metadata();
    let refused: Vec<_> = metadata
        .packages
        .iter()
        .filter(|package| !fits(package) && !excepted(package))
        .map(|package| format!("{} {}: {:?}", package.name, package.version, package.license))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn nothing_that_we_ban_is_in_the_tree() {
    for package in metadata().packages {
        let banned = matches!(package.name.as_str(), "openssl" | "native-tls")
            || (package.name.as_str() == "jsonwebtoken" && package.version < "10.3.0".parse().unwrap());
        assert!(!banned, "{} {} is in the tree", package.name, package.version);
        let source = package.source.as_ref().map_or("", |source| &source.repr);
        assert!(source.is_empty() || source.starts_with("registry+"), "{} comes from {source}", package.name);
    }
}

/// A use-case that is given a right writes in a change, which looks at the caller again.
#[test]
fn whoever_writes_is_looked_at_again() {
    let mut folders = vec![crate::root().unwrap().join("crates/engine/src")];
    let mut checked = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for function in text.split("async fn ").skip(1) {
                let (head, body) = function.split_once('{').unwrap_or((function, ""));
                if head.contains("&Access<") && !path.ends_with("change.rs") {
                    checked += 1;
                    let past = body.contains("store.write()") || body.contains("self.transaction(");
                    assert!(!past, "{}: {}", path.display(), head.lines().next().unwrap_or_default());
                }
            }
        }
    }
    assert!(checked > 100, "the use-cases are elsewhere now");
}

/// `unsafe` is forbidden by the workspace, and by one crate allowed, whose business is the boundary to C.
#[test]
fn unsafe_stands_in_one_crate() {
    for package in metadata().workspace_packages() {
        let manifest: toml::Table = std::fs::read_to_string(&package.manifest_path).unwrap().parse().unwrap();
        let follows = manifest["lints"].get("workspace").and_then(toml::Value::as_bool) == Some(true);
        assert_eq!(follows, package.name.as_str() != "keyward-token-c", "{}", package.name);
    }
}

/// Registries of other languages take no links, so their packages have copies.
#[test]
fn packages_for_other_languages_bring_our_licences() {
    let root = crate::root().unwrap();
    for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
        let ours = std::fs::read(root.join(name)).unwrap();
        for language in ["python", "node", "go"] {
            let theirs = root.join("crates/token/bindings").join(language).join(name);
            assert!(std::fs::read(&theirs).unwrap() == ours, "{}", theirs.display());
        }
    }
}
