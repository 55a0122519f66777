//! Audit logs are streamed to sinks: every event in its order, with what proves it, whatever the sinks do.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use keyward_domain::audit_sink::{SETTLED_AFTER, SinkCredential, SinkFault, TOLD_AFTER};
use keyward_domain::{AlertSubject, AuditSinkId, Finding, OutboundRules, PageRequest, Plan};
use keyward_engine::audit_sink::{AuditSinkChange, AuditSinkView, NewAuditSink, OperatorSink};
use keyward_engine::jobs::{Runner, all};
use keyward_engine::{AlertFilter, Engine, Error, PlanChange, Retention, Tidied};
use keyward_storage::Store;
use keyward_testkit::engine::{TestNetwork, another_engine, builder, engine, engine_in};
use keyward_testkit::{Vendor, database_test};
use keyward_testkit_authority::Authority;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message as _;
use serde_json::Value;

use crate::alerts::mails;
use crate::jobs::take_turns;

const HOUR: i64 = 3_600;

/// A syslog server with TLS, which keeps what it is sent.
struct Syslog {
    authority: Authority,
    address: String,
    /// Whether it hangs up before it has read anything.
    broken: Arc<AtomicBool>,
    messages: Arc<Mutex<Vec<String>>>,
}

impl Syslog {
    fn start() -> Self {
        let (authority, broken) = (Authority::new(), Arc::new(AtomicBool::new(false)));
        let messages: Arc<Mutex<Vec<String>>> = Arc::default();
        let (kept, breaks) = (Arc::clone(&messages), Arc::clone(&broken));
        let address = authority.serve(move |mut stream| {
            while !breaks.load(Ordering::SeqCst) {
                let mut length = Vec::new();
                if !matches!(stream.read_until(b' ', &mut length), Ok(1..)) {
                    return;
                }
                let length = String::from_utf8(length).unwrap().trim().parse::<usize>().unwrap();
                let mut message = vec![0; length];
                stream.read_exact(&mut message).unwrap();
                kept.lock().unwrap().push(String::from_utf8(message).unwrap());
            }
            // What is left unread resets the connection.
            panic!("the receiver is killed");
        });
        Self { authority, address: format!("syslog+tls://{address}"), broken, messages }
    }

    fn sink(&self) -> NewAuditSink {
        let authority = Some(self.authority.pem().parse().unwrap());
        NewAuditSink { ca_certificates: authority, ..sink_at(&self.address) }
    }

    /// The lines of the export that it was sent.
    fn lines(&self) -> Vec<Value> {
        let messages = self.messages.lock().unwrap();
        let line = |message: &String| serde_json::from_str(message.rsplit_once("\"] ").unwrap().1).unwrap();
        messages.iter().map(line).collect()
    }
}

/// An OTLP receiver made of the types that the OpenTelemetry project publishes.
struct Otlp {
    url: String,
    status: Arc<AtomicI64>,
    rejected: Arc<AtomicI64>,
    requests: Arc<Mutex<Vec<(String, ExportLogsServiceRequest)>>>,
}

impl Otlp {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let otlp = Self {
            url: format!("http://{}/v1/logs", listener.local_addr().unwrap()),
            status: Arc::new(AtomicI64::new(200)),
            rejected: Arc::default(),
            requests: Arc::default(),
        };
        let (status, rejected) = (Arc::clone(&otlp.status), Arc::clone(&otlp.rejected));
        let requests = Arc::clone(&otlp.requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (status, rejected) = (status.load(Ordering::SeqCst), rejected.swap(0, Ordering::SeqCst));
                if let Some(request) = answer(stream, status, rejected) {
                    requests.lock().unwrap().push(request);
                }
            }
        });
        otlp
    }

    fn records(&self) -> Vec<LogRecord> {
        let requests = self.requests.lock().unwrap();
        let resources = requests.iter().flat_map(|(_, request)| request.resource_logs.clone());
        resources.flat_map(|logs| logs.scope_logs).flat_map(|logs| logs.log_records).collect()
    }

    fn lines(&self) -> Vec<Value> {
        let body = |record: LogRecord| match record.body.unwrap().value.unwrap() {
            Any::StringValue(line) => serde_json::from_str(&line).unwrap(),
            other => panic!("{other:?}"),
        };
        self.records().into_iter().map(body).collect()
    }
}

/// Reads one request and answers it. Gives its head and what it brings, if it was taken.
fn answer(stream: TcpStream, status: i64, rejected: i64) -> Option<(String, ExportLogsServiceRequest)> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let partial = (rejected > 0).then(|| ExportLogsPartialSuccess {
        rejected_log_records: rejected,
        error_message: "too long".to_owned(),
    });
    let answer = ExportLogsServiceResponse { partial_success: partial }.encode_to_vec();
    let mut stream = reader.into_inner();
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        answer.len()
    );
    let _ = stream.write_all(&answer);
    (status == 200).then(|| (head, ExportLogsServiceRequest::decode(body.as_slice()).unwrap()))
}

fn sink_at(address: &str) -> NewAuditSink {
    NewAuditSink {
        name: "SIEM".parse().unwrap(),
        address: address.parse().unwrap(),
        ca_certificates: None,
        client_certificate: None,
        client_key: None,
        headers: Vec::new(),
        skip_history: false,
    }
}

async fn create(vendor: &Vendor, new: NewAuditSink) -> AuditSinkId {
    vendor.engine.create_audit_sink(&vendor.access(), new, None).await.unwrap().value.sink.id
}

async fn find(vendor: &Vendor, id: AuditSinkId) -> AuditSinkView {
    vendor.engine.audit_sink(&vendor.access(), id).await.unwrap()
}

async fn stream_by(engines: &[Arc<Engine>], done: impl AsyncFnMut() -> bool) {
    take_turns(engines, "audit_streams", done).await;
}

async fn stream(engine: &Arc<Engine>, done: impl AsyncFnMut() -> bool) {
    stream_by(std::slice::from_ref(engine), done).await;
}

async fn up_to_date(vendor: &Vendor, id: AuditSinkId) -> bool {
    let shown = find(vendor, id).await;
    shown.reached.seq == shown.last && shown.health.failures == 0
}

/// The lines of an export, without the checkpoint that was made for it.
async fn exported(vendor: &Vendor) -> Vec<Value> {
    let mut export = vendor.engine.begin_audit_export(&vendor.access()).await.unwrap();
    let mut lines = Vec::new();
    while let Some(text) = vendor.engine.next_audit_lines(&mut export).await.unwrap() {
        lines.extend(text.lines().map(|line| serde_json::from_str(line).unwrap()));
    }
    lines
}

/// The numbers of the events among lines.
fn numbers(lines: &[Value]) -> Vec<i64> {
    lines.iter().filter_map(|line| line["event"]["seq"].as_i64()).collect()
}

async fn sign(engine: &Arc<Engine>) {
    Runner::new(Arc::clone(engine), all(engine, Retention::default())).turn("audit_chains").await.unwrap();
}

#[database_test]
async fn every_event_comes_in_order_with_what_proves_it(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    vendor.customer("Größe 𝄞").await;
    let (syslog, otlp) = (Syslog::start(), Otlp::start());
    let headers = vec!["Authorization: Bearer abc".parse().unwrap()];
    let to_otlp = create(&vendor, NewAuditSink { headers, ..sink_at(&otlp.url) }).await;
    let to_syslog = create(&vendor, syslog.sink()).await;
    let both = async || up_to_date(&vendor, to_otlp).await && up_to_date(&vendor, to_syslog).await;
    stream(&engine, both).await;
    // Signed later than it was sent.
    clock.advance(HOUR + 1);
    sign(&engine).await;
    vendor.customer("Globex").await;
    let last = find(&vendor, to_otlp).await.last;
    stream(&engine, async || both().await && syslog.lines().len() as i64 == last + 1).await;

    let expected = exported(&vendor).await;
    let expected = &expected[..expected.len() - 1];
    assert_eq!(expected.iter().filter(|line| line.get("checkpoint").is_some()).count(), 1);
    assert_eq!(syslog.lines(), expected);
    assert_eq!(otlp.lines(), expected);
    for message in syslog.messages.lock().unwrap().iter() {
        assert!(message.starts_with("<109>1 2026-01-01T0") && message.is_ascii(), "{message}");
    }
    let record = otlp.records().remove(1);
    let attribute = |name: &str| {
        let found = record.attributes.iter().find(|attribute| attribute.key == name);
        found.and_then(|attribute| attribute.value.clone()?.value).unwrap()
    };
    assert_eq!(attribute("keyward.audit.seq"), Any::IntValue(2));
    assert_eq!(attribute("keyward.audit.action"), Any::StringValue("customer.created".to_owned()));
    assert_eq!(
        Value::from(expected[1]["hash"].as_str()),
        match attribute("keyward.audit.hash") {
            Any::StringValue(hash) => Value::from(hash),
            other => panic!("{other:?}"),
        }
    );
    let head = otlp.requests.lock().unwrap()[0].0.to_ascii_lowercase();
    assert!(
        head.contains("authorization: bearer abc") && head.contains("content-type: application/x-protobuf")
    );
}

#[database_test]
async fn a_sink_that_was_away_gets_everything_in_bounded_batches(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let otlp = Otlp::start();
    otlp.status.store(503, Ordering::SeqCst);
    let id = create(&vendor, sink_at(&otlp.url)).await;
    stream(&engine, async || find(&vendor, id).await.health.failures == 1).await;
    assert_eq!(find(&vendor, id).await.health.fault, Some(SinkFault::Status));
    for number in 0..1_100 {
        vendor.customer(&format!("Customer {number}")).await;
    }
    clock.advance(7 * 24 * HOUR);
    otlp.status.store(200, Ordering::SeqCst);
    stream(&engine, async || up_to_date(&vendor, id).await).await;
    let expected: Vec<_> = (1..=find(&vendor, id).await.last).collect();
    assert_eq!(numbers(&otlp.lines()), expected);
    let requests = otlp.requests.lock().unwrap();
    assert!(requests.len() >= 3, "{} requests", requests.len());
    let size = |request: &ExportLogsServiceRequest| request.resource_logs[0].scope_logs[0].log_records.len();
    assert!(requests.iter().all(|(_, request)| size(request) <= 600));
}

#[database_test]
async fn what_a_syslog_receiver_may_have_lost_is_sent_again(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let syslog = Syslog::start();
    let id = create(&vendor, syslog.sink()).await;
    stream(&engine, async || up_to_date(&vendor, id).await).await;
    clock.advance(SETTLED_AFTER);
    let settled = find(&vendor, id).await.reached.seq;
    vendor.customer("Globex").await;
    stream(&engine, async || up_to_date(&vendor, id).await).await;
    vendor.customer("Hooli").await;
    syslog.broken.store(true, Ordering::SeqCst);
    stream(&engine, async || find(&vendor, id).await.health.failures > 0).await;
    let shown = find(&vendor, id).await;
    assert!(matches!(shown.health.fault, Some(SinkFault::Reset | SinkFault::Tls)), "{:?}", shown.health);
    assert_eq!(shown.reached.seq, settled, "it goes back to what has settled");
    // Once: what was not sent meanwhile can't be lost.
    clock.advance(5);
    stream(&engine, async || find(&vendor, id).await.health.failures > 1).await;
    assert_eq!(find(&vendor, id).await.reached.seq, settled);
    syslog.broken.store(false, Ordering::SeqCst);
    clock.advance(60);
    stream(&engine, async || up_to_date(&vendor, id).await).await;
    let last = find(&vendor, id).await.last;
    let expected: Vec<_> = (1..=last - 1).chain(settled + 1..=last).collect();
    assert_eq!(numbers(&syslog.lines()), expected, "repeated only at the seam");
}

#[database_test]
async fn two_servers_send_each_event_once(store: Store) {
    let (engine, _) = engine(store.clone());
    let (other, _) = another_engine(store, 2);
    let vendor = Vendor::found(&engine, "Acme").await;
    let otlp = Otlp::start();
    let id = create(&vendor, sink_at(&otlp.url)).await;
    let servers = [Arc::clone(&engine), other];
    for round in 0..5 {
        vendor.customer(&format!("Customer {round}")).await;
        stream_by(&servers, async || up_to_date(&vendor, id).await).await;
    }
    let expected: Vec<_> = (1..=find(&vendor, id).await.last).collect();
    assert_eq!(numbers(&otlp.lines()), expected);
}

#[database_test]
async fn a_sink_that_fails_for_a_day_is_told_of_and_never_given_up(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let otlp = Otlp::start();
    otlp.status.store(410, Ordering::SeqCst);
    let id = create(&vendor, sink_at(&otlp.url)).await;
    let open = async || {
        let alerts = engine.alerts(&vendor.access(), AlertFilter::default(), PageRequest::default()).await;
        alerts.unwrap().newest()
    };
    mails(&engine).await;
    let since = engine.now();
    for failures in 1..=12 {
        stream(&engine, async || find(&vendor, id).await.health.failures == failures).await;
        clock.advance(TOLD_AFTER / 11 + 1);
        if failures <= 10 {
            assert!(open().await.is_empty(), "{failures}");
        }
    }
    let told = open().await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].subject, AlertSubject::AuditSink(id));
    assert_eq!(told[0].finding, Finding::AuditSinkFailing { since });
    let mail = mails(&engine).await;
    assert_eq!(mail.len(), 1);
    assert!(
        mail[0].body.contains("The audit sink SIEM of Acme has taken no events since "),
        "{}",
        mail[0].body
    );
    let acknowledged = engine.acknowledge_alert(&vendor.access(), told[0].id).await.unwrap();
    assert_eq!(engine.alert(&vendor.access(), told[0].id).await.unwrap(), acknowledged);
    otlp.status.store(200, Ordering::SeqCst);
    clock.advance(HOUR);
    stream(&engine, async || up_to_date(&vendor, id).await).await;
    let expected: Vec<_> = (1..=find(&vendor, id).await.last).collect();
    assert_eq!(numbers(&otlp.lines()), expected);
}

#[database_test]
async fn events_that_are_removed_or_refused_before_a_sink_has_them_are_told(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let otlp = Otlp::start();
    let id = create(&vendor, sink_at(&otlp.url)).await;
    engine.pause_audit_sink(&vendor.access(), id).await.unwrap();
    vendor.customer("Globex").await;
    clock.advance(HOUR);
    sign(&engine).await;
    let cut = find(&vendor, id).await.last;
    let keep = Retention { audit_days: Some(1), ..Retention::default() };
    for _ in 0..30 * 3 {
        clock.advance(HOUR / 3);
        while let Tidied::Some(_) = engine.tidy(&keep).await.unwrap() {}
    }
    engine.resume_audit_sink(&vendor.access(), id).await.unwrap();
    otlp.rejected.store(2, Ordering::SeqCst);
    stream(&engine, async || find(&vendor, id).await.missed > 0).await;
    assert_eq!(find(&vendor, id).await.missed, cut + 2);
    let lines = otlp.lines();
    assert!(lines[0].get("checkpoint").is_some(), "it begins at the checkpoint that was cut at");
    assert_eq!(numbers(&lines)[0], cut + 1);
    let alerts = engine.alerts(&vendor.access(), AlertFilter::default(), PageRequest::default()).await;
    assert_eq!(alerts.unwrap().newest()[0].finding, Finding::AuditEventsMissed { count: cut + 2 });
    stream(&engine, async || up_to_date(&vendor, id).await).await;
}

#[database_test]
async fn a_paused_sink_and_one_without_the_plan_get_nothing(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let otlp = Otlp::start();
    let id = create(&vendor, NewAuditSink { skip_history: true, ..sink_at(&otlp.url) }).await;
    let plan = |plan| PlanChange { plan: Some(plan), products: None, validations_per_day: None };
    let organization = vendor.founded.organization.id;
    let before = find(&vendor, id).await.reached.seq;
    engine.set_plan(&vendor.access(), organization, plan(Plan::Free)).await.unwrap();
    let refused = engine.audit_sinks(&vendor.access(), PageRequest::default()).await;
    assert!(matches!(refused, Err(Error::PlanRequired { .. })));
    let mut turns = 0;
    stream(&engine, async || {
        turns += 1;
        turns > 5
    })
    .await;
    assert!(otlp.records().is_empty());
    engine.set_plan(&vendor.access(), organization, plan(Plan::Enterprise)).await.unwrap();
    engine.pause_audit_sink(&vendor.access(), id).await.unwrap();
    clock.advance(HOUR);
    stream(&engine, async || {
        turns += 1;
        turns > 10
    })
    .await;
    assert!(otlp.records().is_empty());
    engine.resume_audit_sink(&vendor.access(), id).await.unwrap();
    stream(&engine, async || up_to_date(&vendor, id).await).await;
    assert_eq!(numbers(&otlp.lines())[0], before + 1, "what was there before it is not sent");
}

#[database_test]
async fn what_a_sink_is_shown_does_not_go_along_to_another_address(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let pair = Authority::new().issue(&["keyward"], 2100);
    let new = || NewAuditSink {
        headers: vec!["X-Key: abc".parse().unwrap()],
        client_certificate: Some(pair.certificate.parse().unwrap()),
        client_key: Some(pair.key.parse().unwrap()),
        ..sink_at("https://siem.example/v1/logs")
    };
    let id = create(&vendor, new()).await;
    let shown = find(&vendor, id).await.sink;
    assert!(shown.has_client_certificate);
    assert_eq!(shown.header_names, ["x-key"]);
    let update = async |change| engine.update_audit_sink(&vendor.access(), id, change, None).await;
    let named = AuditSinkChange { name: Some("Other".parse().unwrap()), ..AuditSinkChange::default() };
    let kept = update(named.clone()).await.unwrap().sink;
    assert_eq!((kept.version, kept.has_client_certificate, kept.header_names.len()), (2, true, 1));
    assert_eq!(update(named).await.unwrap().sink.version, 2, "it is so already");
    let address = Some("https://elsewhere.example/v1/logs".parse().unwrap());
    let moved = update(AuditSinkChange { address, ..AuditSinkChange::default() }).await.unwrap().sink;
    assert_eq!((moved.has_client_certificate, moved.header_names.len()), (false, 0));

    let other = Authority::new().issue(&["keyward"], 2100);
    for (wrong, field) in [
        (NewAuditSink { client_key: None, ..new() }, "client_key"),
        (NewAuditSink { client_certificate: None, ..new() }, "client_certificate"),
        (NewAuditSink { client_key: Some(other.key.parse().unwrap()), ..new() }, "client_key"),
        (NewAuditSink { ca_certificates: Some(pair.key.parse().unwrap()), ..new() }, "ca_certificates"),
        (NewAuditSink { address: "syslog+tls://siem.example".parse().unwrap(), ..new() }, "headers"),
    ] {
        match engine.create_audit_sink(&vendor.access(), wrong, None).await {
            Err(Error::Invalid(faults)) => assert_eq!(faults[0].field, field),
            other => panic!("{other:?}"),
        }
    }
}

#[database_test]
async fn private_addresses_are_for_the_operator_to_open(store: Store) {
    let (engine, _) = engine_in(store, OutboundRules::default(), TestNetwork::default());
    let vendor = Vendor::found(&engine, "Acme").await;
    let (syslog, otlp) = (Syslog::start(), Otlp::start());
    let sinks = [create(&vendor, syslog.sink()).await, create(&vendor, sink_at(&otlp.url)).await];
    for id in sinks {
        stream(&engine, async || find(&vendor, id).await.health.failures > 0).await;
        assert_eq!(find(&vendor, id).await.health.fault, Some(SinkFault::NoAddress));
    }
    assert!(syslog.messages.lock().unwrap().is_empty() && otlp.records().is_empty());
}

#[database_test]
async fn the_operators_sink_gets_the_logs_of_all(store: Store) {
    let syslog = Syslog::start();
    let sink = OperatorSink {
        address: syslog.address.parse().unwrap(),
        ca_certificates: Some(syslog.authority.pem().parse().unwrap()),
        credential: SinkCredential::default(),
    };
    sink.check().unwrap();
    let engine = builder("http://127.0.0.1:8080", store.clone(), 1).outbound(OutboundRules::default());
    let engine = Arc::new(engine.audit_sinks(vec![sink]).assemble());
    let (one, two) = (Vendor::found(&engine, "Acme").await, Vendor::found(&engine, "Hooli").await);
    for number in 0..3 {
        one.customer(&format!("Customer {number}")).await;
        two.customer(&format!("Customer {number}")).await;
    }
    let plan = PlanChange { plan: Some(Plan::Free), products: None, validations_per_day: None };
    engine.set_plan(&two.access(), two.founded.organization.id, plan).await.unwrap();
    let of = |vendor: &Vendor| {
        let id = vendor.founded.organization.id.to_string();
        let own = |line: &Value| line["event"]["organization"] == *id;
        numbers(&syslog.lines().into_iter().filter(own).collect::<Vec<_>>())
    };
    stream(&engine, async || of(&one).len() == 4 && of(&two).len() == 5).await;
    assert_eq!((of(&one), of(&two)), ((1..=4).collect(), (1..=5).collect()));
}
