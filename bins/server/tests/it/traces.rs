//! Traces, as a receiver of OTLP gets them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::json;

use crate::database::Shop;

/// A receiver that takes all; gives head and message of each request.
fn receiver() -> (String, Receiver<(String, ExportTraceServiceRequest)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, received) = channel();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let sender = sender.clone();
            std::thread::spawn(move || receive(client.unwrap(), &sender));
        }
    });
    (address, received)
}

fn receive(client: TcpStream, sender: &Sender<(String, ExportTraceServiceRequest)>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            (reader.read_line(&mut head).ok()? > 0).then_some(())?;
        }
        let head = head.to_lowercase();
        let length = head.split("content-length: ").nth(1)?.split('\r').next()?.parse().ok()?;
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        sender.send((head, ExportTraceServiceRequest::decode(&body[..]).unwrap())).ok()?;
        (&client)
            .write_all(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n",
            )
            .ok()?;
    }
}

fn spans(message: &ExportTraceServiceRequest) -> impl Iterator<Item = &Span> {
    message.resource_spans.iter().flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans)
}

/// Waits for a span of this name.
fn wait_for(
    received: &Receiver<(String, ExportTraceServiceRequest)>,
    all: &mut Vec<(String, ExportTraceServiceRequest)>,
    name: &str,
) -> Span {
    let begun = Instant::now();
    loop {
        let found =
            all.iter().flat_map(|(_, message)| spans(message)).find(|span| span.name == name).cloned();
        if let Some(span) = found {
            return span;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "there is no span {name}");
        all.extend(received.recv_timeout(Duration::from_secs(1)));
    }
}

fn attribute(span: &Span, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.as_ref()?.value.as_ref()? {
        Any::StringValue(text) => Some(text.clone()),
        Any::IntValue(number) => Some(number.to_string()),
        other => panic!("{other:?}"),
    }
}

fn sqlite(folder: &tempfile::TempDir) -> String {
    format!("sqlite://{}", folder.path().join("keyward.db").display())
}

#[test]
fn a_request_is_a_trace_that_goes_on_from_its_senders_and_tells_no_value() {
    let (folder, (address, received)) = (tempfile::tempdir().unwrap(), receiver());
    let endpoint = format!("http://{address}/");
    let shop = Shop::open_with(
        &sqlite(&folder),
        &[],
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20s3cret,x-tenant=ops"),
            ("OTEL_SERVICE_NAME", "licenses"),
        ],
    );
    let license = shop.license();
    assert_eq!(shop.validate(&license).0, 200);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    for (flags, path) in [("01", "/api/v1/products"), ("00", "/api/v1/applications")] {
        let mut answer = ureq::get(format!("{}{path}", shop.url))
            .header("Authorization", format!("Bearer {}", shop.token))
            .header("traceparent", format!("00-{trace}-00f067aa0ba902b7-{flags}"))
            .call()
            .unwrap();
        answer.body_mut().read_to_string().unwrap();
    }
    shop.get("/onboarding/kw_secret_that_nobody_may_see");
    shop.post("/api/v1/customers", &shop.token, json!({"name": "Globex", "email": "it@globex.example"}));

    let mut all = Vec::new();
    let made = wait_for(&received, &mut all, "POST /api/v1/customers");
    assert_eq!(attribute(&made, "http.response.status_code").as_deref(), Some("201"));
    assert_eq!(attribute(&made, "http.route").as_deref(), Some("/api/v1/customers"));
    let case = wait_for(&received, &mut all, "create_customer");
    assert_eq!((&case.trace_id, &case.parent_span_id), (&made.trace_id, &made.span_id));
    assert!(made.parent_span_id.is_empty());
    let validated = wait_for(&received, &mut all, "validate");
    let request = wait_for(&received, &mut all, "POST /api/v1/validate");
    assert_eq!(validated.parent_span_id, request.span_id);
    let listed = wait_for(&received, &mut all, "GET /api/v1/products");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(
        (hex(&listed.trace_id), hex(&listed.parent_span_id)),
        (trace.to_owned(), "00f067aa0ba902b7".to_owned())
    );

    let (head, message) = &all[0];
    assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
    assert!(
        head.contains("content-type: application/x-protobuf")
            && head.contains("authorization: bearer s3cret"),
        "{head}"
    );
    let service = &message.resource_spans[0].resource.as_ref().unwrap().attributes;
    assert!(service.iter().any(|attribute| format!("{attribute:?}").contains("\"licenses\"")), "{service:?}");
    let text = format!("{:?}", all.iter().map(|(_, message)| message).collect::<Vec<_>>());
    assert!(!text.contains("/api/v1/applications"), "its sender keeps no trace");
    let secrets = [
        &*shop.token,
        &license.api_key,
        &license.key,
        &license.id,
        "globex",
        "Globex",
        "acme",
        "kw_",
        "127.0.0.1",
    ];
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} is in a trace");
    }
}

#[test]
fn a_receiver_that_hangs_or_is_gone_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    // It takes connections and says nothing.
    let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", hangs.local_addr().unwrap());
    let shop = Shop::open_with(&sqlite(&folder), &[], &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
    let license = shop.license();
    let begun = Instant::now();
    for _ in 0..2_000 {
        let asked = Instant::now();
        assert_eq!(shop.validate(&license).0, 200);
        assert!(asked.elapsed() < Duration::from_secs(2), "a validation took {:?}", asked.elapsed());
    }
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    drop(hangs);
    assert_eq!(shop.validate(&license).0, 200);
}
