//! Traces by OpenTelemetry (OTLP over HTTP, protobuf): what requests do, as spans that are named after routes and use-cases.
//!
//! A request never waits for it: spans go into a bounded queue, from which a thread sends them, and what finds no room is dropped. They
//! tell of names, times and status codes; no span has a value that someone sent.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::http::header::HeaderMap;
use anyhow::Context as _;
use keyward_engine::outbound::{Authorities, hint};
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{Link, SpanKind, TraceContextExt as _, TraceId, TraceState, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SamplingDecision, SamplingResult, SdkTracer,
    SdkTracerProvider, ShouldSample, SpanData, SpanExporter as Export,
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// What marks spans that are traced.
pub(crate) const TARGET: &str = "keyward_trace";

/// How many spans wait at most; what comes then is dropped.
const MOST_WAITING: usize = 4_096;

/// How many are sent at once.
const MOST_AT_ONCE: usize = 512;

/// How often they are sent.
const PERIOD: Duration = Duration::from_secs(2);

/// How long a receiver may take, and how long the last spans are waited for at the end.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most of a receiver's answer that is read.
const MOST_ANSWER: u64 = 64 * 1024;

/// Where traces go, by the names that OpenTelemetry gives its settings.
#[derive(Clone)]
pub(crate) struct TraceSettings {
    /// The whole address: `http://collector:4318/v1/traces`.
    pub endpoint: String,
    /// What is sent along, such as a credential.
    pub headers: HashMap<String, String>,
    /// As what the server presents itself.
    pub service: String,
    /// Of how many traces one is kept: between 0 and 1.
    pub ratio: f64,
}

/// What sends spans, until it is stopped.
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to send.
    pub(crate) fn start(settings: &TraceSettings, authorities: &Authorities) -> anyhow::Result<Self> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client::new(authorities))
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(&settings.endpoint)
            .with_headers(settings.headers.clone())
            .with_timeout(PATIENCE)
            .build()
            .map(Named)
            .context("traces (OTEL_EXPORTER_OTLP_ENDPOINT)")?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(MOST_WAITING)
            .with_max_export_batch_size(MOST_AT_ONCE)
            .with_scheduled_delay(PERIOD)
            .build();
        let resource = Resource::builder_empty()
            .with_service_name(settings.service.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
            .with_sampler(Kept(Sampler::TraceIdRatioBased(settings.ratio)))
            .with_resource(resource)
            .build();
        Ok(Self(provider))
    }

    pub(crate) fn tracer(&self) -> SdkTracer {
        self.0.tracer("keyward")
    }

    /// Sends what is left, which takes some seconds at most. To be called where a thread may wait.
    pub(crate) fn stop(self) {
        let _ = self.0.shutdown_with_timeout(PATIENCE);
    }
}

/// Makes a request's span the child of what its `traceparent` names (W3C Trace Context).
pub(crate) fn continue_trace(span: &Span, headers: &HeaderMap) {
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers));
    if parent.span().span_context().is_valid() {
        // It fails only for a span that has begun.
        let _ = span.set_parent(parent);
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}

/// Names spans of requests after their routes, which are known only once such a span has begun.
#[derive(Debug)]
struct Named(SpanExporter);

impl Export for Named {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        for span in batch.iter_mut().filter(|span| span.span_kind == SpanKind::Server) {
            let route = span.attributes.iter().find(|attribute| attribute.key.as_str() == "http.route");
            if let Some(route) = route {
                span.name = format!("{} {}", span.name, route.value.as_str()).into();
            }
        }
        self.0.export(batch).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

/// Which traces are kept: of requests, and not of what jobs do by themselves. Whoever sends a request may ask for it to be left out, and
/// not for it to be kept: that is a share of all, by their ids, so that those that several servers see are kept by all or none.
#[derive(Debug, Clone)]
struct Kept(Sampler);

impl ShouldSample for Kept {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let above =
            parent.map(|parent| parent.span().span_context().clone()).filter(|above| above.is_valid());
        let left_out = match &above {
            Some(above) => !above.is_sampled(),
            None => *kind != SpanKind::Server,
        };
        if left_out {
            let trace_state = above.map_or_else(TraceState::default, |above| above.trace_state().clone());
            return SamplingResult { decision: SamplingDecision::Drop, attributes: Vec::new(), trace_state };
        }
        self.0.should_sample(parent, trace, name, kind, attributes, links)
    }
}

/// Sends to the receiver, on the thread that the spans wait for.
#[derive(Debug)]
struct Client {
    agent: ureq::Agent,
    failing: AtomicBool,
}

impl Client {
    fn new(authorities: &Authorities) -> Self {
        let roots =
            authorities.certificates().map(|certificate| Certificate::from_der(certificate).to_owned());
        let tls = TlsConfig::builder().root_certs(RootCerts::Specific(std::sync::Arc::new(roots.collect())));
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(PATIENCE))
            .tls_config(tls.build())
            .build();
        Self { agent: config.into(), failing: AtomicBool::new(false) }
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = self.agent.run(request.map(|body| body.to_vec()))?.into_parts();
        let bytes = body.into_with_config().limit(MOST_ANSWER).read_to_vec()?;
        Ok(Response::from_parts(parts, bytes.into()))
    }

    /// Says when spans begin to get lost, and when they get through again.
    fn tell(&self, sent: &Result<Response<Bytes>, HttpError>) {
        let fault = match sent {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answers {}", answer.status())),
            Err(error) => Some(format!("{error}{}", hint(&error.to_string()))),
        };
        match (fault, self.failing.load(Ordering::Relaxed)) {
            (Some(fault), false) => {
                self.failing.store(true, Ordering::Relaxed);
                tracing::warn!(
                    fault,
                    "traces are lost: their receiver (OTEL_EXPORTER_OTLP_ENDPOINT) takes none"
                );
            }
            (None, true) => {
                self.failing.store(false, Ordering::Relaxed);
                tracing::info!("traces are received again");
            }
            (Some(_), true) | (None, false) => {}
        }
    }
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.send(request);
        self.tell(&sent);
        sent
    }
}
