//! One request: read, recognised, decided, and only then passed on.

use actix_web::body::MessageBody;
use actix_web::http::header::{self, HeaderMap};
use actix_web::http::{Method, StatusCode};
use actix_web::web;
use actix_web::{HttpRequest, HttpResponse};
use keyward_domain::admission::Denial;
use keyward_domain::registry::{Decision, Digest, Host, Operation, Reference, Registry, RepositoryName};
use keyward_engine::metrics::{Direction, ThrottleName};
use keyward_engine::{AccessEvent, Authorization, Authorized, Engine, Presented, Scope};
use keyward_web::http_metrics::name_route;
use keyward_web::{ClientAddress, Throttle, asked_host, was_head};

use crate::catalogue::{Catalogue, Lookups};
use crate::credentials;
use crate::health::Doubts;
use crate::push::{Body, CANCEL, DELETE, PUSH};
use crate::refusal::{API_VERSION, Refusal};
use crate::refusals::{Bearer, Refusals};
use crate::route::{Act, Route};
use crate::stream::{Moving, Passing};
use crate::upstream::{self, Ask, Client};
use crate::via::Via;

/// Slows down who tries keys.
pub(crate) struct WrongKeys(Throttle);

impl Default for WrongKeys {
    fn default() -> Self {
        Self(Throttle::of(100))
    }
}

impl WrongKeys {
    /// What a wrong key from this address is told: what it would be, unless there were too many.
    pub(crate) fn refusal(&self, engine: &Engine, address: ClientAddress, refusal: Refusal) -> Refusal {
        let (network, now) = (Throttle::network(address.0), engine.now());
        if self.0.admits(&network, now) {
            refusal
        } else {
            engine.metrics().throttled.of(ThrottleName::RegistryCredentials).add_one();
            Refusal::too_many(self.0.retry_after(&network, now))
        }
    }
}

/// What every request is decided with.
pub(crate) struct RequestContext {
    pub engine: web::Data<Engine>,
    client: web::Data<Client>,
    pub lookups: web::Data<Lookups>,
    doubts: web::Data<Doubts>,
    refusals: web::Data<Refusals>,
    pub registry: Registry,
    /// Whose request it is, what was decided, and on what grounds.
    pub authorized: Authorized,
    bearer: Bearer,
    pub route: Route,
    pub method: Method,
    pub headers: HeaderMap,
    via: Via,
    pub path: String,
    pub query: String,
    address: ClientAddress,
}

pub(crate) async fn gateway(
    request: HttpRequest,
    body: web::Payload,
    engine: web::Data<Engine>,
    client: web::Data<Client>,
    (wrong_keys, refusals): (web::Data<WrongKeys>, web::Data<Refusals>),
    (lookups, doubts): (web::Data<Lookups>, web::Data<Doubts>),
    address: ClientAddress,
) -> Result<HttpResponse, Refusal> {
    let via = Via::of(request.headers(), engine.installation())?;
    let method = if was_head(&request) { Method::HEAD } else { request.method().clone() };
    let route = Route::parse(request.uri().path())?;
    name_route(&request, route.template());
    let act = route.act(&method)?;
    let host = called(&request).ok_or_else(no_registry)?;
    let password = credentials::password(request.headers());
    let password = password.as_deref().map(String::as_str);
    let bearer = password.map(|password| refusals.meet(&host, password, engine.now())).transpose();
    let bearer = bearer.inspect_err(|_| {
        engine.metrics().throttled.of(ThrottleName::RegistryRefusals).add_one();
    })?;
    let presented = Presented { password, address: address.0, client: user_agent(&request) };
    let found = engine.authorize(&host, presented, route.repository(), route.request(act)).await?;
    let (registry, authorized) = found.ok_or_else(no_registry)?;
    let (Some(authorized), Some(bearer)) = (authorized, bearer) else {
        let wrong = Refusal::unauthorized(&registry.host);
        // Every client's first request comes without: that is not guessing.
        return Err(if password.is_some() { wrong_keys.refusal(&engine, address, wrong) } else { wrong });
    };
    let (headers, path) = (request.headers().clone(), request.uri().path().to_owned());
    let (query, body) = (request.query_string().to_owned(), Body::of(&request, body));
    let context = RequestContext {
        engine,
        client,
        lookups,
        doubts,
        refusals,
        registry,
        authorized,
        bearer,
        route,
        method,
        headers,
        via,
        path,
        query,
        address,
    };
    if act == Act::Read {
        return context.act(act, body).await;
    }
    // What changes something is carried to its end, and written down, even if the client leaves in the middle.
    let task = actix_web::rt::spawn(context.act(act, body));
    task.await.map_err(|_| Refusal::unavailable())?
}

/// The host that the client has called.
fn called(request: &HttpRequest) -> Option<Host> {
    asked_host(request).and_then(|text| Host::of_authority(text).ok())
}

fn no_registry() -> Refusal {
    Refusal::not_found("NAME_UNKNOWN", "there is no registry at this host")
}

pub(crate) fn user_agent(request: &HttpRequest) -> &str {
    agent(request.headers())
}

fn agent(headers: &HeaderMap) -> &str {
    headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

impl RequestContext {
    async fn act(self, act: Act, body: Body) -> Result<HttpResponse, Refusal> {
        let (engine, doubts, registry) = (self.engine.clone(), self.doubts.clone(), self.registry.clone());
        let asks = matches!(self.route, Route::Manifest(..) | Route::Blob(..));
        let answered = self.carry_out(act, body).await;
        let shown = match &answered {
            Ok(answer) if asks && answer.status().is_success() => Some(true),
            Err(refusal) if refusal.status == StatusCode::BAD_GATEWAY => Some(false),
            Ok(_) | Err(_) => None,
        };
        if shown.is_some_and(|answers| doubts.arise(&registry, answers, engine.now())) {
            // That it can't be written down is no fault of this request.
            if let Err(error) = engine.doubt_registry(&registry).await {
                tracing::warn!(%error, "it can't be written down that a registry is to be looked at");
            }
        }
        answered
    }

    async fn carry_out(self, act: Act, body: Body) -> Result<HttpResponse, Refusal> {
        if self.route == Route::Base {
            return Ok(HttpResponse::Ok().insert_header(API_VERSION).json(serde_json::json!({})));
        }
        if let Some(name) = self.route.repository() {
            self.registry.inside(name).map_err(Refusal::name)?;
        }
        if let Err(refusal) = self.admit().await {
            if refusal.status == StatusCode::FORBIDDEN {
                self.refusals.count(self.bearer, &refusal, self.engine.now());
                self.note(self.operation(act), Decision::Denied, None);
            }
            return Err(refusal);
        }
        match (&self.route, act) {
            (Route::Base | Route::Catalog, _) => self.catalog().await,
            (Route::Tags(name), _) => self.tags(name).await,
            (Route::Manifest(name, reference), Act::Read) => self.pull_manifest(name, reference).await,
            (Route::Manifest(name, reference), Act::Write) => self.push_manifest(name, reference, body).await,
            (Route::Manifest(name, reference), Act::Delete) => self.delete_manifest(name, reference).await,
            (Route::Blob(name, _), Act::Read) => self.pull_blob(name).await,
            (Route::Referrers(name, subject), _) => self.referrers(name, subject).await,
            (Route::Blob(name, _), _) => {
                let answer = self.pass(name, DELETE, String::new(), ()).await?;
                if answer.status().is_success() {
                    self.note(Operation::Delete, Decision::Allowed, None);
                }
                Ok(answer)
            }
            (Route::Uploads(name), _) => self.begin_upload(name, body).await,
            (Route::Upload(name, _), _) => {
                // Who gives an upload up has begun it, but upstreams count that among deletions.
                let actions = if self.method == Method::DELETE { CANCEL } else { PUSH };
                self.pass(name, actions, self.query.clone(), body.passing(&self.engine)).await
            }
        }
    }

    /// Whether it goes on; what is not known to belong to a tag is looked up.
    async fn admit(&self) -> Result<(), Refusal> {
        let denial = match (&self.authorized.decision, &self.authorized.artifact) {
            (Authorization::Allowed, _) => return Ok(()),
            (Authorization::Denied(denial), _) => denial,
            (Authorization::Untraced(tags, digest), Some(artifact)) => {
                if self.catalogue().look_for(&self.lookups, artifact, tags, digest).await? {
                    return Ok(());
                }
                &Denial::NotIncluded
            }
            (Authorization::Untraced(..), None) => &Denial::NotIncluded,
        };
        Err(Refusal::denied(self.sentence(denial)))
    }

    /// What clients print of a denial.
    fn sentence(&self, denial: &Denial) -> String {
        match denial {
            Denial::Halted(halt) => halt.to_string(),
            Denial::RepositoryNotIncluded => {
                let name = self.route.repository().map_or("", RepositoryName::as_str);
                format!("your license does not include {name}")
            }
            Denial::NotIncluded => format!("your license does not include {}", self.subject()),
            Denial::KeyOnlyPulls => {
                "this registry key can only pull; it takes a Read/Write key to push".to_owned()
            }
            Denial::KeyCannotDelete => {
                "this registry key cannot delete; it takes one with the access read_write_delete".to_owned()
            }
            Denial::LicenseOnlyPulls => "a license opens a registry for pulling only".to_owned(),
            Denial::OtherRepositories => {
                let name = self.route.repository().map_or("", RepositoryName::as_str);
                format!("this credential is for the images of one deployment, and {name} is none of them")
            }
            Denial::DeploymentOnlyPulls => {
                "the credential of a deployment opens a registry for pulling only".to_owned()
            }
        }
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
        let (mut response, length) = (upstream::head(&self.registry, &answer), upstream::length(&answer));
        Ok(response.body(Passing::new(
            Moving::through(answer, &self.engine, Direction::Pull),
            length,
            |_| {},
        )))
    }

    pub(crate) async fn ask(
        &self,
        name: &RepositoryName,
        actions: &'static [&'static str],
        query: String,
        body: impl MessageBody + 'static,
    ) -> Result<upstream::Answer, Refusal> {
        let inside = self.registry.inside(name).map_err(Refusal::name)?;
        let scope = Scope { kind: "repository", name: inside.as_str(), actions };
        self.ask_with(&inside, &[scope], query, body).await
    }

    pub(crate) async fn ask_with(
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
        let (subject, method) = (self.authorized.principal.holder.to_string(), self.method.clone());
        let ask = Ask {
            registry: &self.registry,
            method,
            address,
            subject: &subject,
            scopes,
            via: &self.via,
            optional: false,
        };
        let answer = self.client.send(&self.engine, &ask, &self.headers, body).await?;
        // Blobs may be kept elsewhere; all else is where it was asked for.
        let moved = answer.status().is_redirection() && answer.status() != StatusCode::NOT_MODIFIED;
        if moved && !matches!((&self.route, &self.method), (Route::Blob(..), &Method::GET | &Method::HEAD)) {
            return Err(upstream::gave_no_answer(&ask, &answer.status()));
        }
        Ok(answer)
    }

    pub(crate) fn catalogue(&self) -> Catalogue<'_> {
        Catalogue { engine: &self.engine, client: &self.client, registry: &self.registry, via: &self.via }
    }

    fn operation(&self, act: Act) -> Operation {
        match act {
            Act::Read => Operation::Pull,
            Act::Write => Operation::Push,
            Act::Delete => Operation::Delete,
        }
    }

    /// The thing that was asked for, as people write it.
    fn subject(&self) -> String {
        match &self.route {
            Route::Manifest(name, Reference::Tag(tag)) => format!("{name}:{tag}"),
            Route::Manifest(name, Reference::Digest(digest))
            | Route::Blob(name, digest)
            | Route::Referrers(name, digest) => format!("{name}@{digest}"),
            Route::Tags(name) | Route::Uploads(name) | Route::Upload(name, _) => name.to_string(),
            Route::Base | Route::Catalog => String::new(),
        }
    }

    pub(crate) fn access_event(
        &self,
        operation: Operation,
        decision: Decision,
        digest: Option<Digest>,
    ) -> Option<AccessEvent> {
        let reference = match &self.route {
            Route::Manifest(_, reference) => reference.to_string(),
            Route::Blob(_, digest) | Route::Referrers(_, digest) => digest.to_string(),
            Route::Base | Route::Catalog | Route::Tags(_) | Route::Uploads(_) | Route::Upload(..) => {
                String::new()
            }
        };
        Some(AccessEvent {
            holder: self.authorized.principal.holder,
            operation,
            decision,
            repository: self.route.repository()?.clone(),
            reference,
            digest,
            address: self.address.0,
            client: agent(&self.headers).to_owned(),
        })
    }

    /// Has it written down what happens, beside the answer: a pull does not fail because of the log.
    pub(crate) fn note(&self, operation: Operation, decision: Decision, digest: Option<Digest>) {
        if decision == Decision::Allowed {
            self.refusals.forget(self.bearer);
        }
        if let Some(access_event) = self.access_event(operation, decision, digest) {
            self.engine.record_access(&self.registry, access_event);
        }
    }
}

/// Those parameters of a query that are passed on.
pub(crate) fn query(query: &str, names: &[&str]) -> String {
    let given = url::form_urlencoded::parse(query.as_bytes());
    let kept = given.filter(|(name, _)| names.contains(&&**name));
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish()
}
