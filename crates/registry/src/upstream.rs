//! The registry behind: how it is asked, and what of its answers is passed back.

use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder};
use awc::body::{BoxBody, MessageBody};
use awc::error::PayloadError;
use futures_util::{Stream, StreamExt as _};
use keyward_domain::registry::{Digest, Registry, RepositoryName};
use keyward_engine::metrics::UpstreamOutcome;
use keyward_engine::outbound::{Load, Slot, bounds, hint};
use keyward_engine::{Engine, Scope};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256, Sha512};

use crate::dialler::{Connections, Tls};
use crate::refusal::{API_VERSION, Refusal};
use crate::stream::Moving;
use crate::via::Via;

/// How long the upstream may take until it answers an upload: what moves may take as long as it likes, and what stands
/// still is cut off elsewhere.
const WRITE: Duration = Duration::from_secs(24 * 60 * 60);

/// What is passed on of a request.
const ASKED: [HeaderName; 7] = [
    header::ACCEPT,
    header::CONTENT_TYPE,
    header::CONTENT_RANGE,
    header::RANGE,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::USER_AGENT,
];

/// What is passed back of an answer.
const ANSWERED: [HeaderName; 15] = [
    header::ACCEPT_RANGES,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::ETAG,
    header::LAST_MODIFIED,
    header::RANGE,
    header::RETRY_AFTER,
    header::WARNING,
    DIGEST,
    HeaderName::from_static("docker-upload-uuid"),
    HeaderName::from_static("oci-subject"),
    HeaderName::from_static("oci-filters-applied"),
    HeaderName::from_static("oci-chunk-min-length"),
    HeaderName::from_static("oci-chunk-max-length"),
    HeaderName::from_static("oci-tag"),
];

pub(crate) const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// All forms of manifests there are, for questions of our own.
pub(crate) const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.artifact.manifest.v1+json";

/// Asks upstreams. One for each worker.
pub(crate) struct Client(Connections);

/// A request to an upstream, decided before.
pub(crate) struct Ask<'a> {
    pub registry: &'a Registry,
    pub method: Method,
    /// Path and query in the upstream.
    pub address: String,
    /// As whom: the holder of the key, or the gateway itself.
    pub subject: &'a str,
    pub scopes: &'a [Scope<'a>],
    /// Through whom the request came that is the reason.
    pub via: &'a Via,
    /// Whether not every registry knows how to do it.
    pub optional: bool,
}

/// What an upstream answers. As long as it is read, it counts among the requests under way.
pub(crate) struct Answer {
    inner: awc::ClientResponse,
    _slot: Slot,
}

impl Deref for Answer {
    type Target = awc::ClientResponse;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl Stream for Answer {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.inner).poll_next(cx)
    }
}

impl Client {
    pub(crate) fn new(tls: Tls) -> Self {
        Self(Connections::new(tls))
    }

    /// Sends a request with what is passed on of `headers`, and a body.
    pub(crate) async fn send(
        &self,
        engine: &Arc<Engine>,
        ask: &Ask<'_>,
        headers: &HeaderMap,
        body: impl MessageBody + 'static,
    ) -> Result<Answer, Refusal> {
        let metrics = engine.metrics();
        let note = |outcome| metrics.upstream_requests.of(outcome).add_one();
        let slot = enter(engine, ask).inspect_err(|_| note(UpstreamOutcome::Busy))?;
        let url = format!("{}{}", ask.registry.upstream, ask.address);
        let client = self.0.of(engine, ask.registry);
        let mut request = client.request(ask.method.clone(), url).no_decompress();
        if let Some(via) = ask.via.onward(engine.installation()) {
            request = request.insert_header((header::VIA, via));
        }
        for name in &ASKED {
            for value in headers.get_all(name) {
                request = request.append_header((name.clone(), value.clone()));
            }
        }
        if let Some(authorization) = engine.upstream_authorization(ask.registry, ask.subject, ask.scopes)? {
            request = request.insert_header((header::AUTHORIZATION, authorization.as_str()));
        }
        let reads = ask.method == Method::GET || ask.method == Method::HEAD;
        let sent = request.send_body(BoxBody::new(body));
        let patience = if reads { bounds::ANSWER } else { WRITE };
        let began = Instant::now();
        let answered = actix_web::rt::time::timeout(patience, sent).await;
        metrics.upstream_durations.0.observe_duration(began.elapsed());
        if !matches!(answered, Ok(Ok(_))) {
            note(UpstreamOutcome::Unreached);
        }
        let inner = match answered {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(unreached(ask, &error)),
            Err(elapsed) => return Err(unreached(ask, &elapsed)),
        };
        let answer = Answer { inner, _slot: slot };
        let status = answer.status();
        let is_fault = status == StatusCode::UNAUTHORIZED || status.is_server_error();
        let is_expected = status == StatusCode::NOT_IMPLEMENTED && ask.optional;
        note(if is_fault && !is_expected { UpstreamOutcome::Error } else { UpstreamOutcome::Answered });
        // What an upstream does not know how to do is no fault of it where that is asked.
        if status == StatusCode::NOT_IMPLEMENTED && ask.optional {
            return Ok(answer);
        }
        if status == StatusCode::LOOP_DETECTED {
            gave_no_answer(ask, &status);
            return Err(Refusal::looped());
        }
        if status.is_server_error() && ask.method == Method::PUT {
            return Err(blamed(ask, answer).await);
        }
        if status.is_server_error() || status == StatusCode::UNAUTHORIZED {
            return Err(gave_no_answer(ask, &status));
        }
        Ok(answer)
    }

    /// Asks something of our own.
    pub(crate) async fn ask(
        &self,
        engine: &Arc<Engine>,
        ask: &Ask<'_>,
        accept: &'static str,
    ) -> Result<Answer, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        headers.insert(header::USER_AGENT, HeaderValue::from_static("keyward"));
        self.send(engine, ask, &headers, ()).await
    }
}

/// A place among the requests under way.
fn enter(engine: &Engine, ask: &Ask<'_>) -> Result<Slot, Refusal> {
    let (id, organization) = (ask.registry.id, ask.registry.organization);
    let slot = engine.in_flight().enter([
        (Load::Organization(organization), bounds::REQUESTS_OF_ORGANIZATION),
        (Load::Upstream(id), bounds::REQUESTS_OF_UPSTREAM),
        (Load::Holder(id, ask.subject.to_owned()), bounds::REQUESTS_OF_HOLDER),
    ]);
    slot.ok_or_else(|| {
        tracing::warn!(registry = %ask.registry.host, subject = ask.subject, "too many requests to an upstream are under way");
        Refusal::busy().because("too many requests to it are under way")
    })
}

/// The same for an upstream that is not reached, of which the log alone says why.
fn unreached(ask: &Ask<'_>, why: &dyn std::fmt::Display) -> Refusal {
    gave_no_answer(ask, why).because("it can't be reached")
}

pub(crate) fn gave_no_answer(ask: &Ask<'_>, why: &dyn std::fmt::Display) -> Refusal {
    let path = ask.address.split('?').next().unwrap_or_default();
    let text = why.to_string();
    tracing::error!(
        registry = %ask.registry.host, upstream = %ask.registry.upstream, method = %ask.method, path,
        why = format!("{text}{}", hint(&text)),
        "an upstream gave no answer to pass on"
    );
    Refusal::unavailable().because(why)
}

/// What a client is told whose manifest an upstream takes for a fault of its own: distribution 2.8 answers 500 to some
/// that are wrong.
async fn blamed(ask: &Ask<'_>, answer: Answer) -> Refusal {
    let status = answer.status();
    let given = gathered(answer, bounds::ERROR_BYTES).await.unwrap_or_default();
    let errors = serde_json::from_slice::<Errors>(&given).map(|given| given.errors).unwrap_or_default();
    let names = |code: &str| errors.iter().any(|error| error.code == code);
    if names("MANIFEST_BLOB_UNKNOWN") {
        return Refusal::bad(
            "MANIFEST_BLOB_UNKNOWN",
            "the manifest names something that the registry does not take",
        );
    }
    if names("MANIFEST_INVALID") {
        return Refusal::bad("MANIFEST_INVALID", "the registry does not take this manifest");
    }
    gave_no_answer(ask, &status)
}

/// All of a body that is expected to be small, as long as was announced.
pub(crate) async fn whole(answer: Answer, most: usize) -> Result<Bytes, Refusal> {
    let announced = length(&answer);
    let bytes = gathered(answer, most).await?;
    match announced {
        Some(announced) if announced != bytes.len() as u64 => Err(broke_off(&"it is shorter than announced")),
        Some(_) | None => Ok(bytes),
    }
}

async fn gathered(answer: Answer, most: usize) -> Result<Bytes, Refusal> {
    let mut bytes = actix_web::web::BytesMut::new();
    let mut body = Moving::new(answer);
    let all = async {
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| broke_off(&error))?;
            if bytes.len() + chunk.len() > most {
                return Err(broke_off(&"it is too large to be looked at"));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(())
    };
    actix_web::rt::time::timeout(bounds::BODY, all).await.map_err(|late| broke_off(&late))??;
    Ok(bytes.freeze())
}

fn broke_off(why: &dyn std::fmt::Display) -> Refusal {
    tracing::warn!(%why, "an upstream broke off in the middle of an answer");
    Refusal::unavailable().because(why)
}

/// Whether bytes are what a digest says.
pub(crate) fn is(digest: &Digest, bytes: &[u8]) -> bool {
    let hex = |hash: &[u8]| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match digest.as_str().split_once(':') {
        Some(("sha256", expected)) => hex(&Sha256::digest(bytes)) == expected,
        Some(("sha512", expected)) => hex(&Sha512::digest(bytes)) == expected,
        _ => false,
    }
}

/// How long the body of an answer is, or would be.
pub(crate) fn length(answer: &Answer) -> Option<u64> {
    answer.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The digest that an answer is about.
pub(crate) fn digest(answer: &Answer) -> Option<Digest> {
    answer.headers().get(DIGEST)?.to_str().ok()?.parse().ok()
}

/// The media type of an answer.
pub(crate) fn kind(answer: &Answer) -> String {
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.unwrap_or_default().to_owned()
}

/// The head of an answer to be passed back.
pub(crate) fn head(registry: &Registry, answer: &Answer) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(answer.status());
    for name in &ANSWERED {
        for value in answer.headers().get_all(name) {
            response.append_header((name.clone(), value.clone()));
        }
    }
    if let Some(location) = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok())
        && let Some(own) = location_outside(registry.prefix.as_ref(), location)
    {
        response.insert_header((header::LOCATION, own));
    }
    response.insert_header(API_VERSION);
    response
}

/// A place in the upstream, as clients reach it through us: by path alone. `None` for what is no place of ours, so
/// that no client is led past the gateway.
pub(crate) fn location_outside(prefix: Option<&RepositoryName>, location: &str) -> Option<String> {
    let path = path(location)?;
    let rest = path.strip_prefix("/v2/")?;
    let rest = match prefix {
        Some(prefix) => rest.strip_prefix(prefix.as_str())?.strip_prefix('/')?,
        None => rest,
    };
    Some(format!("/v2/{rest}"))
}

/// Path and query of a place, whatever host it names.
fn path(place: &str) -> Option<&str> {
    match place.split_once("://") {
        Some((_, rest)) => rest.find('/').map(|start| &rest[start..]),
        None => Some(place),
    }
}

/// The target of `Link`, and its parameters.
fn link(answer: &Answer) -> Option<(&str, &str)> {
    answer.headers().get(header::LINK)?.to_str().ok()?.strip_prefix('<')?.split_once('>')
}

/// Where a list goes on in the upstream.
pub(crate) fn next_page(answer: &Answer) -> Option<String> {
    let (target, rest) = link(answer)?;
    let path = path(target)?;
    (rest.contains("next") && path.starts_with("/v2/")).then(|| path.to_owned())
}

/// Errors of the upstream in its own codes, without its details, which may tell of the inside.
#[derive(Deserialize)]
struct Errors {
    errors: Vec<ErrorEntry>,
}

#[derive(Deserialize)]
struct ErrorEntry {
    code: String,
    #[serde(default)]
    message: String,
}

/// An answer of the upstream that refuses, to be passed back.
pub(crate) async fn refused(
    registry: &Registry,
    answer: Answer,
    absent: &'static str,
) -> Result<HttpResponse, Refusal> {
    let mut response = head(registry, &answer);
    let status = answer.status();
    // That of a HEAD announces more than it has.
    let given = gathered(answer, bounds::ERROR_BYTES).await?;
    let errors = serde_json::from_slice::<Errors>(&given).map(|given| given.errors).unwrap_or_default();
    let mut errors: Vec<_> = errors
        .into_iter()
        .map(|error| json!({"code": error.code, "message": error.message, "detail": null}))
        .collect();
    if errors.is_empty() {
        let (code, message) = match status {
            StatusCode::NOT_FOUND => (absent, "the registry has nothing of this name"),
            StatusCode::RANGE_NOT_SATISFIABLE => ("RANGE_INVALID", "there are no such bytes of it"),
            _ => ("UNSUPPORTED", "the registry refused this"),
        };
        errors.push(json!({"code": code, "message": message, "detail": null}));
    }
    // The type of the upstream's own words does not hold for ours.
    Ok(response.insert_header(header::ContentType::json()).json(json!({"errors": errors})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_past_the_gateway() {
        let upload = "/v2/acme/app/blobs/uploads/1?_state=a%2Fb";
        let plain = |location: &str| location_outside(None, location);
        assert_eq!(plain(upload).as_deref(), Some(upload));
        assert_eq!(plain(&format!("http://127.0.0.1:5000{upload}")).as_deref(), Some(upload));
        assert_eq!(plain(&format!("https://elsewhere{upload}")).as_deref(), Some(upload));
        assert_eq!(plain("https://elsewhere"), None);
        assert_eq!(plain("/other"), None);
        let prefix = "acme".parse().unwrap();
        let inner = |location: &str| location_outside(Some(&prefix), location);
        assert_eq!(inner(upload).as_deref(), Some("/v2/app/blobs/uploads/1?_state=a%2Fb"));
        assert_eq!(inner("/v2/other/app/blobs/uploads/1"), None);
        assert_eq!(inner("/v2/acmes/app/blobs/uploads/1"), None);
    }
}
