//! A registry in memory, on a port of its own: as much of the OCI distribution API as clients and gateway ask for. It takes
//! whatever it is given, and remembers how it was asked.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};

use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use serde_json::json;

use crate::images::digest;

/// A request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) address: String,
    pub(crate) authorization: String,
}

#[derive(Default)]
struct Content {
    /// Media type and bytes, by repository and digest.
    manifests: BTreeMap<(String, String), (String, Bytes)>,
    /// Digests, by repository and tag.
    tags: BTreeMap<(String, String), String>,
    blobs: BTreeMap<(String, String), Bytes>,
    uploads: BTreeMap<String, Vec<u8>>,
    asked: Vec<Asked>,
    blobs_at: Option<String>,
}

/// It runs until the end of the tests.
#[derive(Clone)]
pub(crate) struct Oci {
    address: SocketAddr,
    content: Arc<Mutex<Content>>,
}

impl Oci {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, content) = (listener.local_addr().unwrap(), Arc::<Mutex<Content>>::default());
        let (held, (sender, receiver)) = (Arc::clone(&content), mpsc::channel());
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = HttpServer::new(move || {
                    App::new()
                        .app_data(web::PayloadConfig::new(16 << 20))
                        .app_data(web::Data::from(Arc::clone(&held)))
                        .default_service(web::to(answer))
                });
                let server = server.workers(1).disable_signals().listen(listener).unwrap().run();
                sender.send(()).unwrap();
                server.await.unwrap();
            });
        });
        receiver.recv().unwrap();
        Self { address, content }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap()
    }

    /// How it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.content().asked.clone()
    }

    /// Lets a tag point elsewhere, as somebody does who does not go through the gateway.
    pub(crate) fn point(&self, repository: &str, tag: &str, to: &str) {
        self.content().tags.insert((repository.to_owned(), tag.to_owned()), to.to_owned());
    }

    /// Gives a repository all manifests of another.
    pub(crate) fn copy(&self, from: &str, to: &str) {
        let mut content = self.content();
        let own: Vec<_> = content.manifests.iter().filter(|((name, _), _)| name == from).collect();
        let own: Vec<_> = own.into_iter().map(|((_, digest), held)| (digest.clone(), held.clone())).collect();
        content.manifests.extend(own.into_iter().map(|(digest, held)| ((to.to_owned(), digest), held)));
    }

    /// Removes a manifest, as somebody does who does not go through the gateway.
    pub(crate) fn remove(&self, repository: &str, digest: &str) {
        let mut content = self.content();
        content.tags.retain(|(name, _), tagged| name != repository || tagged != digest);
        content.manifests.remove(&(repository.to_owned(), digest.to_owned()));
    }

    /// Sends clients elsewhere for blobs.
    pub(crate) fn keep_blobs_at(&self, place: &str) {
        self.content().blobs_at = Some(place.to_owned());
    }
}

fn refuse(status: StatusCode, code: &str) -> HttpResponse {
    let message = format!("{code} by the upstream");
    HttpResponse::build(status)
        .json(json!({"errors": [{"code": code, "message": message, "detail": "inside"}]}))
}

fn absent(code: &str) -> HttpResponse {
    refuse(StatusCode::NOT_FOUND, code)
}

async fn answer(request: HttpRequest, body: Bytes, content: web::Data<Mutex<Content>>) -> HttpResponse {
    let mut content = content.lock().unwrap();
    let authorization = request.headers().get("authorization");
    content.asked.push(Asked {
        method: request.method().to_string(),
        address: request.uri().to_string(),
        authorization: authorization.map_or("", |value| value.to_str().unwrap()).to_owned(),
    });
    let segments: Vec<_> = request.path().trim_start_matches("/v2/").split('/').collect();
    match segments.as_slice() {
        ["_catalog"] => {
            let names: Vec<_> = content.tags.keys().map(|(name, _)| name).collect();
            let mut names: Vec<_> = names.into_iter().cloned().collect();
            names.dedup();
            HttpResponse::Ok().json(json!({"repositories": names}))
        }
        [name @ .., "tags", "list"] => tags(&content, &name.join("/")),
        [name @ .., "manifests", reference] => {
            manifest(&mut content, request.method(), &name.join("/"), reference, body, kind(&request))
        }
        [name @ .., "blobs", "uploads", session] => {
            upload(&mut content, request.method(), &name.join("/"), session, request.query_string(), &body)
        }
        [name @ .., "blobs", digest] => blob(&mut content, request.method(), &name.join("/"), digest),
        _ => absent("NAME_UNKNOWN"),
    }
}

fn kind(request: &HttpRequest) -> &str {
    request.headers().get("content-type").map_or("", |value| value.to_str().unwrap())
}

fn tags(content: &Content, name: &str) -> HttpResponse {
    let tags = content.tags.keys().filter(|(repository, _)| repository == name);
    let tags: Vec<_> = tags.map(|(_, tag)| tag).collect();
    if tags.is_empty() {
        absent("NAME_UNKNOWN")
    } else {
        HttpResponse::Ok().json(json!({"name": name, "tags": tags}))
    }
}

fn manifest(
    content: &mut Content,
    method: &Method,
    name: &str,
    reference: &str,
    body: Bytes,
    kind: &str,
) -> HttpResponse {
    let named = (name.to_owned(), reference.to_owned());
    let found =
        if reference.contains(':') { Some(reference.to_owned()) } else { content.tags.get(&named).cloned() };
    match (method.as_str(), found) {
        ("PUT", _) => {
            let digest = digest(&body);
            content.manifests.insert((name.to_owned(), digest.clone()), (kind.to_owned(), body));
            if !reference.contains(':') {
                content.tags.insert(named, digest.clone());
            }
            HttpResponse::Created().insert_header(("docker-content-digest", digest)).finish()
        }
        (_, None) => absent("MANIFEST_UNKNOWN"),
        ("DELETE", Some(digest)) => {
            content.tags.retain(|(repository, _), tagged| repository != name || *tagged != digest);
            match content.manifests.remove(&(name.to_owned(), digest)) {
                Some(_) => HttpResponse::Accepted().finish(),
                None => absent("MANIFEST_UNKNOWN"),
            }
        }
        (_, Some(digest)) => match content.manifests.get(&(name.to_owned(), digest.clone())) {
            Some((kind, bytes)) => HttpResponse::Ok()
                .insert_header(("content-type", kind.as_str()))
                .insert_header(("docker-content-digest", digest))
                .body(bytes.clone()),
            None => absent("MANIFEST_UNKNOWN"),
        },
    }
}

fn upload(
    content: &mut Content,
    method: &Method,
    name: &str,
    session: &str,
    query: &str,
    body: &[u8],
) -> HttpResponse {
    let at = |session: &str| {
        ("location", format!("http://inside.example/v2/{name}/blobs/uploads/{session}?_state=a"))
    };
    match method.as_str() {
        "POST" => {
            let session = format!("u{}", content.asked.len());
            content.uploads.insert(session.clone(), Vec::new());
            HttpResponse::Accepted().insert_header(at(&session)).finish()
        }
        "PATCH" | "PUT" => {
            let Some(bytes) = content.uploads.get_mut(session) else { return absent("BLOB_UPLOAD_UNKNOWN") };
            bytes.extend_from_slice(body);
            let range = format!("0-{}", bytes.len().saturating_sub(1));
            if method == Method::PATCH {
                return HttpResponse::Accepted()
                    .insert_header(at(session))
                    .insert_header(("range", range))
                    .finish();
            }
            let bytes = Bytes::from(content.uploads.remove(session).unwrap_or_default());
            let digest = digest(&bytes);
            if !query.replace("%3A", ":").contains(&digest) {
                return refuse(StatusCode::BAD_REQUEST, "DIGEST_INVALID");
            }
            content.blobs.insert((name.to_owned(), digest.clone()), bytes);
            let place = ("location", format!("/v2/{name}/blobs/{digest}"));
            HttpResponse::Created()
                .insert_header(place)
                .insert_header(("docker-content-digest", digest))
                .finish()
        }
        _ => HttpResponse::NoContent().finish(),
    }
}

fn blob(content: &mut Content, method: &Method, name: &str, digest: &str) -> HttpResponse {
    let key = (name.to_owned(), digest.to_owned());
    if method == Method::DELETE {
        let removed = content.blobs.remove(&key).is_some();
        return if removed { HttpResponse::Accepted().finish() } else { absent("BLOB_UNKNOWN") };
    }
    match (content.blobs.get(&key), &content.blobs_at) {
        (None, _) => absent("BLOB_UNKNOWN"),
        (Some(_), Some(place)) => {
            HttpResponse::TemporaryRedirect().insert_header(("location", place.as_str())).finish()
        }
        (Some(bytes), None) => HttpResponse::Ok()
            .insert_header(("content-type", "application/octet-stream"))
            .insert_header(("docker-content-digest", digest))
            .body(bytes.clone()),
    }
}
