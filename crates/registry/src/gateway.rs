//! One request: read, recognised, decided, and only then passed on.

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::header::{self, HeaderMap};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use awc::body::{BodyStream, BoxBody, SizedStream};
use keyward_domain::registry::Holder;
use keyward_domain::registry::{
    Artifact, Decision, Digest, Host, Manifest, Operation, Reach, Reference, Registry, RepositoryName, Tag,
};
use keyward_engine::{Engine, Guest, Happening, Rights, Scope};
use keyward_web::{ClientAddress, Throttle, was_head};
use zeroize::Zeroizing;

use crate::catalogue::{Catalogue, Looks, PULL};
use crate::refusal::{API_VERSION, Refusal};
use crate::route::{Act, Route};
use crate::stream::{Moving, Passing};
use crate::upstream::{self, Ask, Client};
use crate::{credentials, listing};

const PUSH: &[&str] = &["pull", "push"];
const DELETE: &[&str] = &["pull", "delete"];
const ALL: &[&str] = &["*"];

/// Slows down who tries keys.
pub(crate) struct WrongKeys(Throttle);

impl Default for WrongKeys {
    fn default() -> Self {
        Self(Throttle::of(100))
    }
}

/// What every request is decided with.
struct Visit {
    engine: web::Data<Engine>,
    client: web::Data<Client>,
    looks: web::Data<Looks>,
    registry: Registry,
    guest: Guest,
    route: Route,
    method: Method,
    headers: HeaderMap,
    path: String,
    query: String,
    address: ClientAddress,
}

pub(crate) async fn gateway(
    request: HttpRequest,
    body: web::Payload,
    engine: web::Data<Engine>,
    client: web::Data<Client>,
    wrong_keys: web::Data<WrongKeys>,
    looks: web::Data<Looks>,
    address: ClientAddress,
) -> HttpResponse {
    match visit(&request, body, engine, client, &wrong_keys, looks, address).await {
        Ok(response) => response,
        Err(refusal) => refusal.respond(),
    }
}

async fn visit(
    request: &HttpRequest,
    body: web::Payload,
    engine: web::Data<Engine>,
    client: web::Data<Client>,
    wrong_keys: &WrongKeys,
    looks: web::Data<Looks>,
    address: ClientAddress,
) -> Result<HttpResponse, Refusal> {
    let method = if was_head(request) { Method::HEAD } else { request.method().clone() };
    let route = Route::parse(request.uri().path())?;
    let act = route.act(&method)?;
    let registry = named(request, &engine).await?;
    let password = credentials::password(request.headers());
    let guest = recognise(&engine, wrong_keys, &registry, password, address, user_agent(request)).await?;
    let (headers, path) = (request.headers().clone(), request.uri().path().to_owned());
    let (query, body) = (request.query_string().to_owned(), Body::of(request, body));
    let visit =
        Visit { engine, client, looks, registry, guest, route, method, headers, path, query, address };
    if act == Act::Read {
        return visit.act(act, body).await;
    }
    // What changes something is carried to its end, and written down, even if the client leaves in the middle.
    let task = actix_web::rt::spawn(visit.act(act, body));
    task.await.map_err(|_| Refusal::unavailable())?
}

/// Lets in whoever shows a key or token that opens this registry.
pub(crate) async fn recognise(
    engine: &Engine,
    wrong_keys: &WrongKeys,
    registry: &Registry,
    password: Option<Zeroizing<String>>,
    address: ClientAddress,
    client: &str,
) -> Result<Guest, Refusal> {
    // Every client's first request comes without: that is not guessing.
    let password = password.ok_or_else(|| Refusal::unauthorized(&registry.host))?;
    match engine.admit(registry, &password, address.0, client).await? {
        Some(guest) => Ok(guest),
        None if wrong_keys.0.admits(&address.0.ip().to_string(), engine.now()) => {
            Err(Refusal::unauthorized(&registry.host))
        }
        None => Err(Refusal::too_many(Throttle::WINDOW_SECONDS)),
    }
}

/// The registry whose host the client has called.
async fn named(request: &HttpRequest, engine: &Engine) -> Result<Registry, Refusal> {
    let unknown = || Refusal::not_found("NAME_UNKNOWN", "there is no registry at this host");
    // Only what the client wrote as `Host`; what it says of proxies is not listened to.
    let authority = request.uri().authority().map(|authority| authority.as_str());
    let written = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let host = authority.or(written).and_then(|text| Host::of_authority(text).ok()).ok_or_else(unknown)?;
    engine.registry_at(&host).await?.ok_or_else(unknown)
}

pub(crate) fn user_agent(request: &HttpRequest) -> &str {
    agent(request.headers())
}

fn agent(headers: &HeaderMap) -> &str {
    headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

impl Visit {
    async fn act(self, act: Act, body: Body) -> Result<HttpResponse, Refusal> {
        if self.route == Route::Base {
            return Ok(HttpResponse::Ok().insert_header(API_VERSION).json(serde_json::json!({})));
        }
        let decided = match act {
            Act::Read => self.decide_read().await,
            Act::Write | Act::Delete => self.decide_change(act).map(|()| Reach::Everything),
        };
        let reach = match decided {
            Ok(reach) => reach,
            Err(refusal) => {
                if refusal.status == StatusCode::FORBIDDEN {
                    self.note(self.operation(act), Decision::Denied, None);
                }
                return Err(refusal);
            }
        };
        match (&self.route, act) {
            (Route::Base | Route::Catalog, _) => self.catalog().await,
            (Route::Tags(name), _) => self.tags(name, &reach).await,
            (Route::Manifest(name, reference), Act::Read) => self.pull_manifest(name, reference).await,
            (Route::Manifest(name, reference), Act::Write) => self.push_manifest(name, reference, body).await,
            (Route::Manifest(name, reference), Act::Delete) => self.delete_manifest(name, reference).await,
            (Route::Blob(name, _), Act::Read) => self.pull_blob(name).await,
            (Route::Referrers(name, _), _) => {
                self.pass(name, PULL, query(&self.query, &["artifactType"]), ()).await
            }
            (Route::Blob(name, _), _) => {
                let answer = self.pass(name, DELETE, String::new(), ()).await?;
                if answer.status().is_success() {
                    self.note(Operation::Delete, Decision::Allowed, None);
                }
                Ok(answer)
            }
            (Route::Uploads(name), _) => self.begin_upload(name, body).await,
            (Route::Upload(name, _), _) => self.pass(name, PUSH, self.query.clone(), body.passing()).await,
        }
    }

    /// Whether a guest may read this, and how much of the repository.
    async fn decide_read(&self) -> Result<Reach, Refusal> {
        if let Rights::Halted(why) = &self.guest.rights {
            return Err(Refusal::denied(why.clone()));
        }
        let Some(name) = self.route.repository() else { return Ok(Reach::Everything) };
        let (artifact, reach) = self.engine.reach(&self.registry, &self.guest, name).await?;
        let tags = match &reach {
            Reach::Everything => return Ok(reach),
            Reach::Nothing => return Err(Refusal::denied(format!("your license does not include {name}"))),
            Reach::Tags(tags) => tags,
        };
        let artifact =
            artifact.ok_or_else(|| Refusal::denied(format!("your license does not include {name}")))?;
        let allowed = match &self.route {
            Route::Manifest(_, Reference::Tag(tag)) => {
                let about = tag.subject().filter(|_| !tags.contains(tag));
                match about {
                    Some(subject) => self.leads(&artifact, tags, &subject).await?,
                    None => tags.contains(tag),
                }
            }
            Route::Manifest(_, Reference::Digest(digest))
            | Route::Blob(_, digest)
            | Route::Referrers(_, digest) => self.leads(&artifact, tags, digest).await?,
            Route::Base | Route::Catalog | Route::Tags(_) | Route::Uploads(_) | Route::Upload(..) => true,
        };
        if allowed {
            Ok(reach)
        } else {
            Err(Refusal::denied(format!("your license does not include {}", self.thing())))
        }
    }

    async fn leads(
        &self,
        artifact: &Artifact,
        tags: &std::collections::BTreeSet<Tag>,
        digest: &Digest,
    ) -> Result<bool, Refusal> {
        self.catalogue().leads(&self.looks, artifact, tags, digest).await
    }

    fn decide_change(&self, act: Act) -> Result<(), Refusal> {
        match &self.guest.rights {
            Rights::Key(access) if act == Act::Write && access.writes() => Ok(()),
            Rights::Key(access) if act == Act::Delete && access.deletes() => Ok(()),
            Rights::Key(_) if act == Act::Delete => Err(Refusal::denied(
                "this registry key cannot delete; it takes one with the access read_write_delete",
            )),
            Rights::Key(_) => {
                Err(Refusal::denied("this registry key can only pull; it takes a Read/Write key to push"))
            }
            Rights::License(_) => Err(Refusal::denied("a license opens a registry for pulling only")),
            Rights::Halted(why) => Err(Refusal::denied(why.clone())),
        }
    }

    async fn pull_manifest(
        &self,
        name: &RepositoryName,
        reference: &Reference,
    ) -> Result<HttpResponse, Refusal> {
        let answer = self.ask(name, PULL, String::new(), ()).await?;
        if answer.status() == StatusCode::NOT_MODIFIED {
            return Ok(upstream::head(&self.registry, &answer).finish());
        }
        if answer.status() != StatusCode::OK {
            return upstream::refused(&self.registry, answer, "MANIFEST_UNKNOWN").await;
        }
        let (tag, digest) = match reference {
            Reference::Digest(digest) => (None, Some(digest.clone())),
            Reference::Tag(tag) => (Some(tag), upstream::digest(&answer)),
        };
        let (length, kind) = (upstream::length(&answer), upstream::kind(&answer));
        let mut response = upstream::head(&self.registry, &answer);
        let bytes = match self.method {
            Method::GET => upstream::whole(answer, Manifest::MOST_BYTES).await?,
            _ => Bytes::new(),
        };
        // Only what the digest vouches for is learned from.
        let vouched = digest.as_ref().is_some_and(|digest| upstream::is(digest, &bytes));
        let manifest = Manifest::parse(&kind, &bytes).ok().filter(|_| vouched);
        match (&digest, tag) {
            // Who does not take all forms may be given another than the tag points to.
            (Some(_), Some(tag)) if !takes_all_forms(&self.headers) => {
                self.catalogue().settle(name, tag).await?;
            }
            (Some(digest), tag) => {
                self.catalogue().learn_passing(name, tag, digest, manifest.as_ref()).await?
            }
            (None, _) => {}
        }
        if self.method == Method::HEAD {
            return Ok(response.body(Announced(length)));
        }
        self.note(Operation::Pull, Decision::Allowed, digest);
        Ok(response.body(bytes))
    }

    async fn pull_blob(&self, name: &RepositoryName) -> Result<HttpResponse, Refusal> {
        let answer = self.ask(name, PULL, String::new(), ()).await?;
        let status = answer.status();
        if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
            return self.redirect(&answer);
        }
        if status.is_client_error() {
            return upstream::refused(&self.registry, answer, "BLOB_UNKNOWN").await;
        }
        let mut response = upstream::head(&self.registry, &answer);
        let length = upstream::length(&answer);
        if self.method == Method::HEAD || status == StatusCode::NOT_MODIFIED {
            return Ok(response.body(Announced(length)));
        }
        let (engine, registry) = (self.engine.clone(), self.registry.clone());
        let happening = self.happening(Operation::Pull, Decision::Allowed, None);
        let done = move |bytes: u64| {
            if let Some(happening) = happening.filter(|_| bytes > 0) {
                actix_web::rt::spawn(async move {
                    if let Err(error) = engine.note_bytes(&registry, happening, bytes).await {
                        tracing::error!(%error, "the bytes of a pull can't be written down");
                    }
                });
            }
        };
        Ok(response.body(Passing::new(Moving::new(answer), length, done)))
    }

    /// The upstream keeps its blobs elsewhere.
    fn redirect(&self, answer: &upstream::Answer) -> Result<HttpResponse, Refusal> {
        let location = answer.headers().get(header::LOCATION).filter(|_| self.registry.pass_redirects);
        let Some(location) = location else {
            tracing::error!(
                registry = %self.registry.host,
                "the upstream sends clients elsewhere for blobs: set redirect.disable there, or pass_redirects here"
            );
            return Err(Refusal::unavailable());
        };
        let mut response = HttpResponse::build(answer.status());
        response.insert_header(API_VERSION).insert_header((header::LOCATION, location.clone()));
        Ok(response.finish())
    }

    async fn push_manifest(
        &self,
        name: &RepositoryName,
        reference: &Reference,
        body: Body,
    ) -> Result<HttpResponse, Refusal> {
        let bytes = body.payload.to_bytes_limited(Manifest::MOST_BYTES).await;
        let too_large = |_| {
            let message = "a manifest has at most 4 MiB";
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "MANIFEST_INVALID", message)
        };
        let broken = |_| Refusal::bad("MANIFEST_INVALID", "the manifest broke off on its way");
        let bytes = bytes.map_err(too_large)?.map_err(broken)?;
        let kind = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let unreadable = |_| Refusal::bad("MANIFEST_INVALID", "this is no manifest");
        let manifest = Manifest::parse(kind.unwrap_or_default(), &bytes).map_err(unreadable)?;
        let answer = self.ask(name, PUSH, query(&self.query, &["tag"]), bytes.clone()).await?;
        if !answer.status().is_success() {
            return upstream::refused(&self.registry, answer, "MANIFEST_INVALID").await;
        }
        // Of the tags in the query those that the upstream says it has set: not each knows the parameter.
        let set = answer.headers().get_all("oci-tag").filter_map(|value| value.to_str().ok());
        let mut tags: Vec<Tag> =
            set.flat_map(|value| value.split(',')).filter_map(|tag| tag.trim().parse().ok()).collect();
        let digest = match reference {
            Reference::Digest(digest) => Some(digest.clone()),
            Reference::Tag(tag) => {
                tags.push(tag.clone());
                upstream::digest(&answer)
            }
        };
        if let Some(digest) = &digest {
            self.engine.learn_manifest(&self.registry, name, &tags, digest, &manifest).await?;
        }
        self.note(Operation::Push, Decision::Allowed, digest);
        Ok(upstream::head(&self.registry, &answer).finish())
    }

    async fn delete_manifest(
        &self,
        name: &RepositoryName,
        reference: &Reference,
    ) -> Result<HttpResponse, Refusal> {
        let answer = self.ask(name, DELETE, String::new(), ()).await?;
        if !answer.status().is_success() {
            return upstream::refused(&self.registry, answer, "MANIFEST_UNKNOWN").await;
        }
        self.engine.forget_manifest(&self.registry, name, reference).await?;
        self.note(Operation::Delete, Decision::Allowed, None);
        Ok(upstream::head(&self.registry, &answer).finish())
    }

    /// Begins an upload, or mounts a blob from another repository of the same registry, which a key that pushes may
    /// read. A mount of anything else is begun as an upload, as the specification has it.
    async fn begin_upload(&self, name: &RepositoryName, body: Body) -> Result<HttpResponse, Refusal> {
        let (mut mount, mut from, mut digest) = (None, None, None);
        for (key, value) in url::form_urlencoded::parse(self.query.as_bytes()) {
            match &*key {
                "mount" => mount = value.parse::<Digest>().ok(),
                "from" => from = value.parse::<RepositoryName>().ok(),
                "digest" => digest = value.parse::<Digest>().ok(),
                _ => {}
            }
        }
        let inside = self.registry.inside(name);
        let from = from.map(|from| self.registry.inside(&from));
        let mut scopes = vec![Scope { kind: "repository", name: inside.as_str(), actions: PUSH }];
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if let (Some(mount), Some(from)) = (&mount, &from) {
            query.append_pair("mount", mount.as_str()).append_pair("from", from.as_str());
            scopes.push(Scope { kind: "repository", name: from.as_str(), actions: PULL });
        } else if let Some(digest) = &digest {
            query.append_pair("digest", digest.as_str());
        }
        let answer = self.ask_with(&inside, &scopes, query.finish(), body.passing()).await?;
        if answer.status().is_success() {
            return Ok(upstream::head(&self.registry, &answer).finish());
        }
        upstream::refused(&self.registry, answer, "BLOB_UPLOAD_INVALID").await
    }

    async fn tags(&self, name: &RepositoryName, reach: &Reach) -> Result<HttpResponse, Refusal> {
        let wanted = listing::Wanted::parse(&self.query)?;
        let inside = self.registry.inside(name);
        let scope = Scope { kind: "repository", name: inside.as_str(), actions: PULL };
        let all = self.catalogue().list(self.route.inside(inside.as_str()), &[scope], "tags").await?;
        let all = all.ok_or_else(|| Refusal::not_found("NAME_UNKNOWN", "there is no such repository"))?;
        let shown = match reach {
            Reach::Everything => all,
            Reach::Nothing | Reach::Tags(_) => {
                all.into_iter().filter(|tag| tag.parse().is_ok_and(|tag| reach.has(&tag))).collect()
            }
        };
        Ok(wanted.respond(&self.path, shown, listing::tags(name.as_str())))
    }

    async fn catalog(&self) -> Result<HttpResponse, Refusal> {
        let wanted = listing::Wanted::parse(&self.query)?;
        let scope = Scope { kind: "registry", name: "catalog", actions: ALL };
        let all = self.catalogue().list("/v2/_catalog?n=1000".to_owned(), &[scope], "repositories").await?;
        let all: Vec<_> = match all {
            Some(all) => all.iter().filter_map(|name| self.registry.outside(&name.parse().ok()?)).collect(),
            // Not every registry tells all it has.
            None => self.engine.known_repositories(&self.registry).await?,
        };
        let shown = self.engine.reachable(&self.registry, &self.guest, all).await?;
        let shown = shown.into_iter().map(|name| name.to_string()).collect();
        Ok(wanted.respond("/v2/_catalog", shown, listing::repositories))
    }

    /// Passes a request on, and the answer back.
    async fn pass(
        &self,
        name: &RepositoryName,
        actions: &'static [&'static str],
        query: String,
        body: impl MessageBody + 'static,
    ) -> Result<HttpResponse, Refusal> {
        let answer = self.ask(name, actions, query, body).await?;
        if answer.status().is_client_error() {
            let absent = match self.route {
                Route::Upload(..) => "BLOB_UPLOAD_UNKNOWN",
                Route::Blob(..) => "BLOB_UNKNOWN",
                _ => "NAME_UNKNOWN",
            };
            return upstream::refused(&self.registry, answer, absent).await;
        }
        let mut response = upstream::head(&self.registry, &answer);
        if let Some(link) = upstream::link(&self.registry, &answer) {
            response.insert_header((header::LINK, link));
        }
        let length = upstream::length(&answer);
        Ok(response.body(Passing::new(Moving::new(answer), length, |_| {})))
    }

    async fn ask(
        &self,
        name: &RepositoryName,
        actions: &'static [&'static str],
        query: String,
        body: impl MessageBody + 'static,
    ) -> Result<upstream::Answer, Refusal> {
        let inside = self.registry.inside(name);
        let scope = Scope { kind: "repository", name: inside.as_str(), actions };
        self.ask_with(&inside, &[scope], query, body).await
    }

    async fn ask_with(
        &self,
        inside: &RepositoryName,
        scopes: &[Scope<'_>],
        query: String,
        body: impl MessageBody + 'static,
    ) -> Result<upstream::Answer, Refusal> {
        let mut address = self.route.inside(inside.as_str());
        if !query.is_empty() {
            address.push('?');
            address.push_str(&query);
        }
        let subject = match self.guest.holder {
            Holder::Key(key) => format!("key:{key}"),
            Holder::License { license, .. } => format!("license:{license}"),
        };
        let method = self.method.clone();
        let ask = Ask { registry: &self.registry, method, address, subject: &subject, scopes };
        self.client.send(&self.engine, &ask, &self.headers, body).await
    }

    fn catalogue(&self) -> Catalogue<'_> {
        Catalogue { engine: &self.engine, client: &self.client, registry: &self.registry }
    }

    fn operation(&self, act: Act) -> Operation {
        match act {
            Act::Read => Operation::Pull,
            Act::Write => Operation::Push,
            Act::Delete => Operation::Delete,
        }
    }

    /// The thing that was asked for, as people write it.
    fn thing(&self) -> String {
        match &self.route {
            Route::Manifest(name, Reference::Tag(tag)) => format!("{name}:{tag}"),
            Route::Manifest(name, Reference::Digest(digest))
            | Route::Blob(name, digest)
            | Route::Referrers(name, digest) => format!("{name}@{digest}"),
            Route::Tags(name) | Route::Uploads(name) | Route::Upload(name, _) => name.to_string(),
            Route::Base | Route::Catalog => String::new(),
        }
    }

    fn happening(
        &self,
        operation: Operation,
        decision: Decision,
        digest: Option<Digest>,
    ) -> Option<Happening> {
        let reference = match &self.route {
            Route::Manifest(_, reference) => reference.to_string(),
            Route::Blob(_, digest) | Route::Referrers(_, digest) => digest.to_string(),
            Route::Base | Route::Catalog | Route::Tags(_) | Route::Uploads(_) | Route::Upload(..) => {
                String::new()
            }
        };
        Some(Happening {
            holder: self.guest.holder,
            operation,
            decision,
            repository: self.route.repository()?.clone(),
            reference,
            digest,
            address: self.address.0,
            client: agent(&self.headers).to_owned(),
        })
    }

    /// Writes down what happens, beside the answer and not before it: a pull does not fail because of the log.
    fn note(&self, operation: Operation, decision: Decision, digest: Option<Digest>) {
        let Some(happening) = self.happening(operation, decision, digest) else { return };
        let (engine, registry) = (self.engine.clone(), self.registry.clone());
        actix_web::rt::spawn(async move {
            if let Err(error) = engine.note_happening(&registry, happening).await {
                tracing::error!(%error, "what happened at a registry can't be written down");
            }
        });
    }
}

/// Those parameters of a query that are passed on.
fn query(query: &str, names: &[&str]) -> String {
    let given = url::form_urlencoded::parse(query.as_bytes());
    let kept = given.filter(|(name, _)| names.contains(&&**name));
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish()
}

/// What a client sends.
struct Body {
    payload: web::Payload,
    /// As the client has said it; `None` for as long as it comes.
    length: Option<u64>,
}

impl Body {
    fn of(request: &HttpRequest, payload: web::Payload) -> Self {
        let given = request.headers().get(header::CONTENT_LENGTH);
        let given = given.and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<u64>().ok());
        let open = request.headers().contains_key(header::TRANSFER_ENCODING)
            || request.version() == actix_web::http::Version::HTTP_2;
        Self { payload, length: if given.is_none() && !open { Some(0) } else { given } }
    }

    /// On its way in.
    fn passing(self) -> BoxBody {
        match self.length {
            Some(0) => BoxBody::new(()),
            Some(length) => BoxBody::new(SizedStream::new(length, Moving::new(self.payload))),
            None => BoxBody::new(BodyStream::new(Moving::new(self.payload))),
        }
    }
}

/// Whether a client takes what a tag points to as it is, whatever form it has.
fn takes_all_forms(headers: &HeaderMap) -> bool {
    let given = headers.get_all(header::ACCEPT).filter_map(|value| value.to_str().ok());
    let kinds = given
        .flat_map(|value| value.split(','))
        .map(|kind| kind.split(';').next().unwrap_or_default().trim());
    let kinds: Vec<_> = kinds.collect();
    FORMS.iter().all(|form| kinds.contains(form))
}

/// The forms of manifests that a registry may turn into one another.
const FORMS: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// The body that a `GET` would have had, of which a `HEAD` tells the length.
struct Announced(Option<u64>);

impl MessageBody for Announced {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        self.0.map_or(BodySize::None, BodySize::Sized)
    }

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Bytes, Self::Error>>> {
        std::task::Poll::Ready(None)
    }
}
