//! OTLP over HTTP, in Protocol Buffers: log records as the types say that the OpenTelemetry project publishes.

use std::collections::BTreeMap;
use std::io::Read as _;

use keyward_domain::audit_sink::SinkFault;
use keyward_domain::{OrganizationId, Timestamp};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

use super::batch::Record;
use super::transport::{Transport, io_fault};
use crate::outbound::bounds;

/// The name of the log in OpenTelemetry.
const SCOPE: &str = "keyward.audit";

/// The request that brings these records, those of each organization as a resource of its own.
pub(super) fn request(records: &[Record], host: &str, now: Timestamp) -> Vec<u8> {
    let mut by_organization: BTreeMap<OrganizationId, Vec<LogRecord>> = BTreeMap::new();
    for record in records {
        by_organization.entry(record.organization).or_default().push(log_record(record, now));
    }
    let resource_logs = by_organization.into_iter().map(|(organization, log_records)| ResourceLogs {
        resource: Some(Resource {
            attributes: vec![
                text("service.name", "keyward"),
                text("server.address", host),
                text("keyward.organization.id", &organization.to_string()),
            ],
            ..Resource::default()
        }),
        scope_logs: vec![ScopeLogs {
            scope: Some(InstrumentationScope { name: SCOPE.to_owned(), ..InstrumentationScope::default() }),
            log_records,
            ..ScopeLogs::default()
        }],
        ..ResourceLogs::default()
    });
    ExportLogsServiceRequest { resource_logs: resource_logs.collect() }.encode_to_vec()
}

fn log_record(record: &Record, now: Timestamp) -> LogRecord {
    let kind = record.event.as_ref().map_or("checkpoint", |event| event.action.as_str());
    let mut attributes = vec![
        number("keyward.audit.seq", record.seq),
        text("keyward.audit.hash", &record.hash.to_string()),
        text("keyward.audit.action", kind),
    ];
    if let Some(event) = &record.event {
        let (actor, id) = event.actor.parts();
        attributes.push(text("keyward.audit.event.id", &event.id.to_string()));
        attributes.push(text("keyward.audit.actor.kind", actor));
        attributes.extend(id.map(|id| text("keyward.audit.actor.id", &id.to_string())));
        attributes.extend(event.target.map(|id| text("keyward.audit.target.id", &id.to_string())));
    }
    LogRecord {
        time_unix_nano: nanoseconds(record.at),
        observed_time_unix_nano: nanoseconds(now),
        severity_number: SeverityNumber::Info.into(),
        severity_text: "INFO".to_owned(),
        body: Some(AnyValue { value: Some(Value::StringValue(record.line.clone())) }),
        attributes,
        event_name: SCOPE.to_owned(),
        ..LogRecord::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn number(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn nanoseconds(at: Timestamp) -> u64 {
    u64::try_from(at.unix()).unwrap_or_default().saturating_mul(1_000_000_000)
}

/// Sends a request. Gives how many of its records the receiver has refused for good.
///
/// Every status but 2xx is tried again, those too that the protocol says are final: a log has no gaps.
pub(super) fn send(transport: &Transport, url: &str, request: &[u8]) -> Result<i64, SinkFault> {
    let agent = transport.agent()?;
    let mut post = agent
        .post(url)
        .config()
        .http_status_as_error(false)
        .build()
        .header("content-type", "application/x-protobuf");
    for (name, value) in &transport.credential.headers {
        post = post.header(name, value);
    }
    let mut answer = post.send(request).map_err(|error| fault(&error))?;
    if !answer.status().is_success() {
        return Err(SinkFault::Status);
    }
    let mut body = Vec::new();
    let read = answer.body_mut().as_reader().take(bounds::AUDIT_SINK_BYTES).read_to_end(&mut body);
    read.map_err(|error| io_fault(&error))?;
    let protobuf = answer.headers().get("content-type").and_then(|kind| kind.to_str().ok());
    if protobuf.is_some_and(|kind| kind.starts_with("application/json")) {
        // Some receivers answer in JSON whatever they are asked in.
        let body: serde_json::Value = serde_json::from_slice(&body).map_err(|_| SinkFault::Protocol)?;
        let rejected = &body["partialSuccess"]["rejectedLogRecords"];
        // Numbers of 64 bits are texts in the JSON of Protocol Buffers.
        let rejected = rejected.as_i64().or_else(|| rejected.as_str()?.parse().ok());
        return Ok(rejected.unwrap_or(0));
    }
    let answer = ExportLogsServiceResponse::decode(body.as_slice()).map_err(|_| SinkFault::Protocol)?;
    Ok(answer.partial_success.map_or(0, |partial| partial.rejected_log_records))
}

fn fault(error: &ureq::Error) -> SinkFault {
    match error {
        ureq::Error::Timeout(_) => SinkFault::Timeout,
        ureq::Error::HostNotFound => SinkFault::NoAddress,
        ureq::Error::ConnectionFailed => SinkFault::Refused,
        ureq::Error::Tls(_) | ureq::Error::Pem(_) | ureq::Error::Rustls(_) => SinkFault::Tls,
        ureq::Error::Io(error) => io_fault(error),
        _ => SinkFault::Protocol,
    }
}
