//! What is about a manifest, where the upstream lists it and where it does not.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyward_domain::OutboundRules;
use keyward_domain::registry::KeyAccess;
use keyward_engine::outbound::bounds;
use keyward_engine::{Engine, NewEntitlement, NewGrant, NewRegistryKey, TagChoice, TokenFormat};
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{TestNetwork, engine_in, new_registry_key};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::hostile::{Served, Upstream, registry};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    format!("sha256:{}", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn image(text: &str) -> Vec<u8> {
    let config = json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(text.as_bytes()), "size": 2});
    json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []})
        .to_string()
        .into_bytes()
}

/// Something about an image.
fn about(subject: &[u8], kind: &str) -> Vec<u8> {
    let config =
        json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(b"{}"), "size": 2});
    json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind, "config": config, "layers": [],
        "subject": {"mediaType": MANIFEST, "digest": digest(subject), "size": subject.len()},
        "annotations": {"org.example": "yes"},
    })
    .to_string()
    .into_bytes()
}

fn entry(manifest: &[u8], kind: &str) -> Value {
    json!({
        "mediaType": MANIFEST, "digest": digest(manifest), "size": manifest.len(), "artifactType": kind,
        "annotations": {"org.example": "yes"},
    })
}

fn index(entries: &[Value]) -> Vec<u8> {
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).to_string().into_bytes()
}

/// What a registry holds, by the last part of the address.
type Held = Arc<Mutex<BTreeMap<String, (String, Vec<u8>)>>>;

/// A registry that answers questions for referrers so.
fn upstream(held: &Held, referrers: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Upstream {
    let held = Arc::clone(held);
    Upstream::by_head(move |_, head, write| {
        let (method, rest) = head.split_once(' ').unwrap();
        let path = rest.split(' ').next().unwrap();
        let name = path.rsplit('/').next().unwrap();
        if path.contains("/referrers/") {
            write(&referrers(path));
            return;
        }
        let found = held.lock().unwrap().get(name).cloned();
        match (method, found) {
            ("PUT", _) => write(format!("HTTP/1.1 201 Created\r\ndocker-content-digest: {name}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").as_bytes()),
            ("DELETE", Some(_)) => {
                held.lock().unwrap().remove(name);
                write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            }
            (_, Some((kind, bytes))) => {
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ndocker-content-digest: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    digest(&bytes),
                    bytes.len()
                );
                write(head.as_bytes()) && (method == "HEAD" || write(&bytes))
            }
            (_, None) => write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
        };
    })
}

fn answer(status: &str, kind: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\n{more}content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Asks with a body: the status, the head and the body of the answer.
fn ask(
    served: &Served,
    method: &str,
    host: &str,
    key: &str,
    path: &str,
    body: &[u8],
) -> (u16, String, String) {
    let mut stream = TcpStream::connect(served.address).unwrap();
    let basic = STANDARD.encode(format!("customer:{key}"));
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Basic {basic}\r\ncontent-type: {MANIFEST}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), head.to_lowercase(), body.to_owned())
}

fn digests(body: &str) -> Vec<String> {
    let index: Value = serde_json::from_str(body).unwrap_or_default();
    let entries = index["manifests"].as_array().cloned().unwrap_or_default();
    entries.iter().map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect()
}

fn sorted(manifests: &[&Vec<u8>]) -> Vec<String> {
    let mut digests: Vec<_> = manifests.iter().map(|manifest| digest(manifest)).collect();
    digests.sort();
    digests
}

async fn delete_key(engine: &Engine, vendor: &Vendor, made: &keyward_domain::registry::Registry) -> String {
    let new = NewRegistryKey {
        name: "janitor".parse().unwrap(),
        access: KeyAccess::ReadWriteDelete,
        ..new_registry_key(made)
    };
    engine.create_registry_key(&vendor.access(), new, None).await.unwrap().secret.expose().to_owned()
}

#[database_test]
async fn what_an_upstream_does_not_list_is_listed(store: Store) {
    let (engine, _) = engine_in(store, OutboundRules::loopback(), TestNetwork::default());
    let vendor = Vendor::found(&engine, "Acme").await;
    let served = Served::start(&engine);
    for (number, status) in
        ["404 Not Found", "405 Method Not Allowed", "501 Not Implemented", "200 OK"].into_iter().enumerate()
    {
        let image = image(status);
        let (own, past, fallen) =
            (about(&image, "x/signature"), about(&image, "x/sbom"), about(&image, "x/fallen"));
        let tag = digest(&image).replace(':', "-");
        let held = Held::default();
        let hold = |name: &str, kind: &str, bytes: &[u8]| {
            held.lock().unwrap().insert(name.to_owned(), (kind.to_owned(), bytes.to_vec()));
        };
        for manifest in [&image, &own, &past, &fallen] {
            hold(&digest(manifest), MANIFEST, manifest);
        }
        // The fallback tag knows one that was pushed past the gateway, and one that is deleted through it.
        hold(&tag, INDEX, &index(&[entry(&past, "x/sbom"), entry(&fallen, "x/fallen"), json!("?")]));
        let upstream = upstream(&held, move |_| answer(status, "text/html", "", b"<html>"));
        let host = format!("r{number}.example");
        let (made, key) = registry(&vendor, &host, &format!("http://{}", upstream.address)).await;
        let push = delete_key(&engine, &vendor, &made).await;
        let list = |query: &str| {
            ask(&served, "GET", &host, &key, &format!("/v2/a/referrers/{}{query}", digest(&image)), b"")
        };

        assert_eq!(digests(&list("").2), sorted(&[&past, &fallen]), "{status}");
        let (code, head, body) =
            ask(&served, "PUT", &host, &push, &format!("/v2/a/manifests/{}", digest(&own)), &own);
        assert_eq!(
            (code, head.contains(&format!("oci-subject: {}", digest(&image)))),
            (201, true),
            "{head}{body}"
        );
        let (code, head, body) = list("");
        assert_eq!((code, digests(&body)), (200, sorted(&[&own, &past, &fallen])), "{status}: {body}");
        assert!(head.contains(&format!("content-type: {INDEX}")), "{head}");
        let all: Value = serde_json::from_str(&body).unwrap();
        assert!(all["manifests"].as_array().unwrap().contains(&entry(&own, "x/signature")), "{all}");
        let (_, head, body) = list("?artifactType=x%2Fsbom");
        assert_eq!(digests(&body), sorted(&[&past]));
        assert!(head.contains("oci-filters-applied: artifacttype"), "{head}");
        for gone in [&fallen, &own] {
            let path = format!("/v2/a/manifests/{}", digest(gone));
            assert_eq!(ask(&served, "DELETE", &host, &push, &path, b"").0, 202);
        }
        assert_eq!(digests(&list("").2), sorted(&[&past]), "what is deleted is not listed");
        hold(&digest(&own), MANIFEST, &own);
        ask(&served, "PUT", &host, &push, &format!("/v2/a/manifests/{}", digest(&own)), &own);
        assert_eq!(digests(&list("").2), sorted(&[&own, &past]), "pushed again");
        held.lock().unwrap().remove(&digest(&own));
        assert_eq!(
            ask(&served, "GET", &host, &key, &format!("/v2/a/manifests/{}", digest(&own)), b"").0,
            404
        );
        assert_eq!(digests(&list("").2), sorted(&[&past]), "removed past the gateway");
        let (code, _, body) =
            ask(&served, "GET", &host, &key, &format!("/v2/a/referrers/{}", digest(b"nothing")), b"");
        assert_eq!((code, digests(&body).len()), (200, 0), "{body}");
    }
    served.handle.stop(false).await;
}

#[database_test]
async fn what_an_upstream_lists_is_passed_on_to_who_may_have_it(store: Store) {
    let (engine, _) = engine_in(store, OutboundRules::loopback(), TestNetwork::default());
    let vendor = Vendor::found(&engine, "Acme").await;
    let served = Served::start(&engine);
    let (one, two) = (image("one"), image("two"));
    let (signature, sbom, foreign) =
        (about(&one, "x/signature"), about(&one, "x/sbom"), about(&two, "x/signature"));
    let held = Held::default();
    for (name, manifest) in [("1.0", &one), ("2.0", &two)] {
        held.lock().unwrap().insert(name.to_owned(), (MANIFEST.to_owned(), manifest.clone()));
    }
    for manifest in [&one, &two, &signature, &sbom, &foreign] {
        held.lock().unwrap().insert(digest(manifest), (MANIFEST.to_owned(), manifest.clone()));
    }
    let (first, second) = (index(&[entry(&signature, "x/signature")]), index(&[entry(&sbom, "x/sbom")]));
    let upstream = upstream(&held, move |path| {
        let next = format!("link: <{path}?page=2>; rel=\"next\"\r\n");
        if path.contains("page=2") {
            answer("200 OK", INDEX, "", &second)
        } else {
            answer("200 OK", INDEX, &next, &first)
        }
    });
    let (made, key) = registry(&vendor, "a.example", &format!("http://{}", upstream.address)).await;
    let path = format!("/v2/acme/app/referrers/{}", digest(&one));
    let both = sorted(&[&signature, &sbom]);
    assert_eq!(digests(&ask(&served, "GET", "a.example", &key, &path, b"").2), both);

    let artifact = keyward_engine::NewArtifact { registry: made.id, repository: "acme/app".parse().unwrap() };
    let artifact = engine.create_artifact(&vendor.access(), artifact, None).await.unwrap().value;
    let mut tokens = Vec::new();
    for tag in ["1.0", "2.0"] {
        let customer = vendor.customer(&format!("Buyer of {tag}")).await;
        let grants = vec![NewGrant {
            artifact: artifact.id,
            tags: TagChoice::Named(std::collections::BTreeSet::from([tag.parse().unwrap()])),
        }];
        let new = NewEntitlement { customer: customer.id, description: None, grants, close: true };
        engine.create_artifact_entitlement(&vendor.access(), new, None).await.unwrap();
        let license = vendor.license_of(&customer, &format!("Server {tag}")).await;
        tokens.push(engine.license_token(&vendor.access(), license.id, TokenFormat::Jwt).await.unwrap());
    }
    let see = |token: &str, path: &str| ask(&served, "GET", "a.example", token, path, b"");
    for (token, tag) in tokens.iter().zip(["1.0", "2.0"]) {
        assert_eq!(see(token, &format!("/v2/acme/app/manifests/{tag}")).0, 200);
    }
    assert_eq!(see(&tokens[1], &path).0, 403);
    assert_eq!(digests(&see(&tokens[0], &path).2), both);
    for manifest in [&signature, &sbom] {
        let path = format!("/v2/acme/app/manifests/{}", digest(manifest));
        assert_eq!((see(&tokens[0], &path).0, see(&tokens[1], &path).0), (200, 403));
    }
    let path = format!("/v2/acme/app/manifests/{}", digest(&foreign));
    assert_eq!(see(&tokens[0], &path).0, 403, "what is about another image");
    served.handle.stop(false).await;
}

#[database_test]
async fn an_endless_list_of_referrers_ends(store: Store) {
    let (engine, _) = engine_in(store, OutboundRules::loopback(), TestNetwork::default());
    let vendor = Vendor::found(&engine, "Acme").await;
    let served = Served::start(&engine);
    let image = image("one");
    let page = index(&[entry(&about(&image, "x/signature"), "x/signature")]);
    let upstream = upstream(&Held::default(), move |path| {
        answer("200 OK", INDEX, &format!("link: <{path}>; rel=\"next\"\r\n"), &page)
    });
    let (_, key) = registry(&vendor, "a.example", &format!("http://{}", upstream.address)).await;
    let path = format!("/v2/a/referrers/{}", digest(&image));
    let (status, _, body) = ask(&served, "GET", "a.example", &key, &path, b"");
    assert_eq!((status, upstream.asked().len()), (502, bounds::LIST_PAGES), "{body}");
    served.handle.stop(false).await;
}
