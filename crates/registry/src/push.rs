//! What is stored and removed.

use actix_web::http::header::{self, HeaderName};
use actix_web::web;
use actix_web::{HttpRequest, HttpResponse};
use awc::body::{BodyStream, BoxBody, SizedStream};
use keyward_domain::registry::{Decision, Digest, Manifest, Operation, Reference, RepositoryName, Tag};
use keyward_engine::metrics::Direction;
use keyward_engine::{Engine, Scope};

use crate::catalogue::PULL;
use crate::gateway::{RequestContext, query};
use crate::refusal::Refusal;
use crate::stream::Moving;
use crate::upstream;

/// The manifest that another is about, told by registries that list it there.
const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

pub(crate) const PUSH: &[&str] = &["pull", "push"];
pub(crate) const DELETE: &[&str] = &["pull", "delete"];
pub(crate) const CANCEL: &[&str] = &["pull", "push", "delete"];

impl RequestContext {
    pub(crate) async fn push_manifest(
        &self,
        name: &RepositoryName,
        reference: &Reference,
        body: Body,
    ) -> Result<HttpResponse, Refusal> {
        let bytes =
            body.whole().read().await.map_err(|fault| {
                Refusal::unread(fault, "MANIFEST_INVALID", "a manifest has at most 4 MiB")
            })?;
        self.engine.metrics().gateway_bytes.of(Direction::Push).add(bytes.len() as u64);
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
        let learned = digest.is_some();
        self.note(Operation::Push, Decision::Allowed, digest);
        let mut response = upstream::head(&self.registry, &answer);
        // Whoever is told that it will be listed leaves the fallback tag as it is. That tag is all there is for those
        // who ask the upstream itself.
        let listed = learned && !self.registry.direct && !answer.headers().contains_key(SUBJECT);
        if let Some(subject) = manifest.subject.filter(|_| listed) {
            response.insert_header((SUBJECT, subject.as_str()));
        }
        Ok(response.finish())
    }

    pub(crate) async fn delete_manifest(
        &self,
        name: &RepositoryName,
        reference: &Reference,
    ) -> Result<HttpResponse, Refusal> {
        if let Reference::Digest(digest) = reference {
            // What it is about is known afterwards, so that a fallback tag which still lists it is not believed.
            self.catalogue().learn_alone(name, digest).await?;
        }
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
    pub(crate) async fn begin_upload(
        &self,
        name: &RepositoryName,
        body: Body,
    ) -> Result<HttpResponse, Refusal> {
        let (mut mount, mut from, mut digest) = (None, None, None);
        for (key, value) in url::form_urlencoded::parse(self.query.as_bytes()) {
            match &*key {
                "mount" => mount = value.parse::<Digest>().ok(),
                "from" => from = value.parse::<RepositoryName>().ok(),
                "digest" => digest = value.parse::<Digest>().ok(),
                _ => {}
            }
        }
        let inside = self.registry.inside(name).map_err(Refusal::name)?;
        let from = from.and_then(|from| self.registry.inside(&from).ok());
        let mut scopes = vec![Scope { kind: "repository", name: inside.as_str(), actions: PUSH }];
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if let (Some(mount), Some(from)) = (&mount, &from) {
            query.append_pair("mount", mount.as_str()).append_pair("from", from.as_str());
            scopes.push(Scope { kind: "repository", name: from.as_str(), actions: PULL });
        } else if let Some(digest) = &digest {
            query.append_pair("digest", digest.as_str());
        }
        let answer = self.ask_with(&inside, &scopes, query.finish(), body.passing(&self.engine)).await?;
        if answer.status().is_success() {
            return Ok(upstream::head(&self.registry, &answer).finish());
        }
        upstream::refused(&self.registry, answer, "BLOB_UPLOAD_INVALID").await
    }
}

/// What a client sends.
pub(crate) struct Body {
    payload: web::Payload,
    /// As the client has said it; `None` for as long as it comes.
    length: Option<u64>,
}

impl Body {
    pub(crate) fn of(request: &HttpRequest, payload: web::Payload) -> Self {
        let given = request.headers().get(header::CONTENT_LENGTH);
        let given = given.and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<u64>().ok());
        let open = request.headers().contains_key(header::TRANSFER_ENCODING)
            || request.version() == actix_web::http::Version::HTTP_2;
        Self { payload, length: if given.is_none() && !open { Some(0) } else { given } }
    }

    /// To be read before it is passed on.
    fn whole(self) -> keyward_web::Body<{ Manifest::MOST_BYTES }> {
        // What does not fit into memory is too long.
        let length = self.length.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        keyward_web::Body::new(self.payload.into_inner(), length)
    }

    /// On its way in.
    pub(crate) fn passing(self, engine: &web::Data<Engine>) -> BoxBody {
        match self.length {
            Some(0) => BoxBody::new(()),
            Some(length) => {
                BoxBody::new(SizedStream::new(length, Moving::through(self.payload, engine, Direction::Push)))
            }
            None => BoxBody::new(BodyStream::new(Moving::through(self.payload, engine, Direction::Push))),
        }
    }
}
