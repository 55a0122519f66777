//! What is fetched: manifests, blobs, and lists of tags and repositories.

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderMap};
use actix_web::http::{Method, StatusCode};
use actix_web::web::Bytes;
use keyward_domain::registry::{Decision, Manifest, Operation, Reach, Reference, RepositoryName};
use keyward_engine::metrics::Direction;

use crate::catalogue::PULL;
use crate::gateway::RequestContext;
use crate::listing;
use crate::refusal::{API_VERSION, Refusal};
use crate::stream::{Announced, Moving, Passing};
use crate::upstream;

impl RequestContext {
    pub(crate) async fn pull_manifest(
        &self,
        name: &RepositoryName,
        reference: &Reference,
    ) -> Result<HttpResponse, Refusal> {
        let answer = self.ask(name, PULL, String::new(), ()).await?;
        if answer.status() == StatusCode::NOT_MODIFIED {
            return Ok(upstream::head(&self.registry, &answer).finish());
        }
        if answer.status() == StatusCode::NOT_FOUND
            && let Reference::Digest(digest) = reference
            && self.authorized.known.is_some()
        {
            self.catalogue().miss(name, digest).await?;
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
        self.engine.metrics().gateway_bytes.of(Direction::Pull).add(bytes.len() as u64);
        // Only what the digest vouches for is learned from.
        let vouched = digest.as_ref().is_some_and(|digest| upstream::is(digest, &bytes));
        let manifest = Manifest::parse(&kind, &bytes).ok().filter(|_| vouched);
        match (&digest, tag) {
            // Who does not take all forms may be given another than the tag points to.
            (Some(_), Some(tag)) if !takes_all_forms(&self.headers) => {
                self.catalogue().settle(name, tag).await?;
            }
            (Some(digest), tag) if self.authorized.known.as_ref() != Some(digest) => {
                self.catalogue().learn_passing(name, tag, digest, manifest.as_ref()).await?
            }
            (Some(_) | None, _) => {}
        }
        if self.method == Method::HEAD {
            return Ok(response.body(Announced(length)));
        }
        self.note(Operation::Pull, Decision::Allowed, digest);
        Ok(response.body(bytes))
    }

    pub(crate) async fn pull_blob(&self, name: &RepositoryName) -> Result<HttpResponse, Refusal> {
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
        let access_event = self.access_event(Operation::Pull, Decision::Allowed, None);
        let done = move |bytes: u64| {
            if let Some(access_event) = access_event.filter(|_| bytes > 0) {
                engine.note_bytes(&registry, access_event, bytes);
            }
        };
        Ok(response.body(Passing::new(Moving::through(answer, &self.engine, Direction::Pull), length, done)))
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

    pub(crate) async fn tags(&self, name: &RepositoryName) -> Result<HttpResponse, Refusal> {
        let reach = &self.authorized.reach;
        let wanted = listing::ListRequest::parse(&self.query)?;
        let all = self.catalogue().tags(name).await?;
        let all = all.ok_or_else(|| Refusal::not_found("NAME_UNKNOWN", "there is no such repository"))?;
        let shown = match reach {
            Reach::Everything => all,
            Reach::Nothing | Reach::Tags(_) => {
                all.into_iter().filter(|tag| tag.parse().is_ok_and(|tag| reach.has(&tag))).collect()
            }
        };
        Ok(wanted.respond(&self.path, shown, listing::tags(name.as_str())))
    }

    pub(crate) async fn catalog(&self) -> Result<HttpResponse, Refusal> {
        let wanted = listing::ListRequest::parse(&self.query)?;
        let all = match self.catalogue().repositories().await? {
            Some(all) => all,
            // Not every registry tells all it has.
            None => self.engine.known_repositories(&self.registry).await?,
        };
        let shown = self.engine.reachable(&self.registry, &self.authorized.principal, all).await?;
        let shown = shown.into_iter().map(|name| name.to_string()).collect();
        Ok(wanted.respond("/v2/_catalog", shown, listing::repositories))
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
