//! What surrounds every request: its id, the headers of its answer, its line in the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, ResponseError as _, web};
use keyward_domain::outbound::{Kind, kind};
use keyward_engine::Engine;
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::agent_programs::AgentPrograms;
use crate::client_address::TrustedProxies;
use crate::ended_cookie::take_back;
use crate::http_metrics::{WorkerHttpMetrics, named_route};
use crate::{unread, utf8};
use keyward_problem::{Code, Problem};

/// How the server is reached.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Whether people reach it over TLS.
    pub https: bool,
    /// The proxies in front of it.
    pub trusted_proxies: TrustedProxies,
    /// Host and port of the public URL, as browsers name the origin of pages there.
    pub public_authority: Option<String>,
    /// Whether it is about to stop; all clones know.
    pub draining: Arc<AtomicBool>,
    /// The agent's programs.
    pub agent_programs: AgentPrograms,
    /// Has a request go on with the trace of whoever sent it (W3C Trace Context), where traces are kept.
    pub continue_trace: Option<ContinueTrace>,
    /// Whether the operator was told of a proxy that is not trusted: one on a private network, and one elsewhere.
    pub told_of_proxies: Arc<[AtomicBool; 2]>,
}

/// Makes a span the child of what `traceparent` and `tracestate` name.
pub type ContinueTrace = fn(&tracing::Span, &HeaderMap);

impl Settings {
    /// From now on the server says that it is not ready, so that a balancer sends requests elsewhere.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether it does: what would go on for long ends now.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// For every answer, errors too, unless a handler has set its own.
const HEADERS: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// For every answer that a browser could have asked for, likewise.
const BROWSER_HEADERS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// What agents on customers' hosts ask. No browser can, as each request is signed, and one that waits for news is to cost little.
const AGENTS: &str = "/api/v1/agent/";

/// The middleware: `App::new().wrap(actix_web::middleware::from_fn(keyward_web::around))`.
pub async fn around(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let started = Instant::now();
    let id = request_id(&request);
    let https = request.app_data::<web::Data<Settings>>().is_some_and(|settings| settings.https);
    let method = request.method().clone();
    let of_agent = request.path().starts_with(AGENTS);
    if method == Method::HEAD {
        // Routes answer GET; the body is left out where the answer is written.
        request.head_mut().method = Method::GET;
        request.extensions_mut().insert(Head);
    }
    tell_of_proxy(&request);
    let metrics = request.app_data::<WorkerHttpMetrics>().cloned();
    let under_way = metrics.as_ref().map(WorkerHttpMetrics::begin);
    let unread = unread::guard(&mut request);
    // Whatever is logged on the way, the reason of a failure above all, has the id.
    let span = tracing::error_span!("request", request_id = id);
    let trace = trace_span(&request, &method);
    let traced = trace.clone();
    let mut response = if utf8::is_readable(request.uri()) {
        in_problem_form(next.call(request).instrument(traced).instrument(span).await?)
    } else {
        let problem = Problem::new(Code::InvalidRequest).detail("The address is not valid UTF-8.");
        request.into_response(problem.error_response())
    };
    if let Some(unread) = unread {
        response = unread.settle(response).await;
    }
    let is_refusal = response.status().as_u16() >= 400;
    let headers = response.headers_mut();
    // An agent's log has no use for the id of what went well.
    if let Ok(id) = HeaderValue::from_str(&id)
        && (!of_agent || is_refusal)
    {
        headers.insert(REQUEST_ID, id);
    }
    add_headers(headers, &HEADERS);
    if !of_agent {
        add_headers(headers, &BROWSER_HEADERS);
        require_tls(headers, https);
    }
    take_back(&mut response);
    let (logged, status) = (tracing::enabled!(tracing::Level::INFO), response.status());
    if !logged && metrics.is_none() && trace.is_disabled() {
        return Ok(response);
    }
    let route = response.request().match_pattern();
    let template = named_route(response.request()).or(route.as_deref());
    if let Some(metrics) = &metrics {
        metrics.end(template, &method, status, started.elapsed());
    }
    end_trace(&trace, template, status);
    drop(under_way);
    if logged {
        tracing::info!(
            %method,
            // The pattern and not the address: addresses can hold secrets.
            route = route.as_deref().unwrap_or("none"),
            status = status.as_u16(),
            us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            request_id = id,
            "request"
        );
    }
    Ok(response)
}

/// The span by which traces tell of a request. It has no address and nothing of a body: they can hold secrets.
fn trace_span(request: &ServiceRequest, method: &Method) -> tracing::Span {
    let span = tracing::debug_span!(
        target: "keyward_trace",
        "request",
        otel.name = method.as_str(),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method.as_str(),
        http.route = Empty,
        http.response.status_code = Empty,
    );
    let settings = request.app_data::<web::Data<Settings>>();
    if let Some(continue_trace) = settings.and_then(|settings| settings.continue_trace)
        && !span.is_disabled()
    {
        continue_trace(&span, request.headers());
    }
    span
}

fn end_trace(span: &tracing::Span, route: Option<&str>, status: StatusCode) {
    if span.is_disabled() {
        return;
    }
    if let Some(route) = route {
        span.record("http.route", route);
    }
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

/// Says once that something forwards requests whose word on clients is not believed. Of a public address it may be a
/// client's invention, which must not keep the news of a proxy on a private network from being told.
fn tell_of_proxy(request: &ServiceRequest) {
    let forwards = ["x-forwarded-for", "forwarded"].iter().any(|name| request.headers().contains_key(*name));
    let (true, Some(settings), Some(peer)) =
        (forwards, request.app_data::<web::Data<Settings>>(), request.peer_addr())
    else {
        return;
    };
    let peer = peer.ip().to_canonical();
    if settings.trusted_proxies.trusts_peer(peer) {
        return;
    }
    let told = &settings.told_of_proxies[usize::from(kind(peer) == Kind::Public)];
    if !told.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            %peer,
            "X-Forwarded-For is ignored, as it comes from no trusted proxy: if this is yours, name it in KEYWARD_TRUSTED_PROXIES, \
             or all its clients count as one"
        );
    }
}

/// Marks a request that was `HEAD`.
struct Head;

/// Whether a request was `HEAD`, for the one front end that passes that on.
pub fn was_head(request: &HttpRequest) -> bool {
    request.extensions().contains::<Head>()
}

/// Gives errors that came from below the handlers the form of all others.
fn in_problem_form<B: MessageBody + 'static>(response: ServiceResponse<B>) -> ServiceResponse {
    let (status, headers) = (response.status(), response.headers());
    let kind = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default();
    // A page tells its own errors.
    if status.as_u16() < 400 || kind.ends_with(b"json") || kind.starts_with(b"text/html") {
        return response.map_into_boxed_body();
    }
    let problem = Problem::new(Code::of(status.as_u16()));
    response.into_response(problem.error_response())
}

fn add_headers(headers: &mut HeaderMap, added: &[(HeaderName, &'static str)]) {
    for (name, value) in added {
        if !headers.contains_key(name) {
            headers.insert(name.clone(), HeaderValue::from_static(value));
        }
    }
}

fn require_tls(headers: &mut HeaderMap, https: bool) {
    if https {
        let year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
}

/// The id that a proxy gave the request, if it is a sane one, or a new one.
fn request_id(request: &ServiceRequest) -> String {
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let sane = |id: &&str| {
        (1..=128).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    match (given.filter(sane), request.app_data::<web::Data<Engine>>()) {
        (Some(id), _) => id.to_owned(),
        (None, Some(engine)) => engine.request_id(),
        (None, None) => String::new(),
    }
}
