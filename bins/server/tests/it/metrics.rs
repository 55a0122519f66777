//! What an operator sees who looks at `/metrics` alone.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::database::{FORWARD, FREEZE_OLD, REFUSE, Shop, block_on, proxied};

/// An address where nothing listens.
fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn sqlite(folder: &Path) -> String {
    format!("sqlite://{}", folder.join("keyward.db").display())
}

/// What is answered to a request, all of it.
fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(format!("{request}\r\nHost: x\r\nConnection: close\r\n").as_bytes()).unwrap();
    stream.write_all(b"\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn scrape(address: &str) -> String {
    let mut answer = ureq::get(format!("http://{address}/metrics")).call().unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    answer.body_mut().read_to_string().unwrap()
}

/// The value of a sample, by its name and labels as they are written.
fn value(text: &str, sample: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.map(|value| value.parse().unwrap())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations/monitoring")
}

fn promtool(args: &[&str], stdin: &str) -> bool {
    keyward_testkit::promtool::run(&folder(), args, stdin)
}

#[test]
fn alerts_fire_when_they_should() {
    if promtool(&["check", "rules", "alerts.yml"], "") {
        promtool(&["test", "rules", "alerts_test.yml"], "");
    }
}

/// Has each part of a server do something.
fn use_all_of(shop: &Shop) {
    let license = shop.license();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|_| assert_eq!(shop.validate(&license).0, 200)));
        }
    });
    shop.post("/api/v1/validate", "kw_prod_wrong", json!({"license_key": "x"}));
    shop.post("/api/v1/validate", &license.api_key, json!([]));
    shop.post("/api/v1/validate", &license.api_key, json!({"license_key": "x"}));
    for path in
        ["/api/v1/licenses", "/sign-in", "/v2/", "/o/acme/jwks.json", "/o/acme/status-list", "/nowhere"]
    {
        shop.get(path);
    }
    shop.get("/onboarding/kw_secret_that_nobody_may_see");
    let mail = format!("/api/v1/licenses/{}/mail-onboarding-link", license.id);
    assert_eq!(shop.post(&mail, &shop.token, json!({})).0, 200);
}

#[test]
fn what_is_told_is_as_prometheus_wants_it_and_as_the_page_says() {
    let (data, metrics) = (tempfile::tempdir().unwrap(), free());
    let shop = Shop::open_with(&sqlite(data.path()), &[], &[("KEYWARD_METRICS_LISTEN", &metrics)]);
    use_all_of(&shop);
    let told = || scrape(&metrics);
    shop.within(20, || value(&told(), "keyward_mails_total{outcome=\"sent\"}") == Some(1.0));
    shop.within(10, || told().contains("keyward_job_late{job_name=\"webhooks\"} 0"));
    // What the database knows is up to five seconds old.
    shop.within(20, || value(&told(), "keyward_queue_entries{queue=\"mail\"}") == Some(0.0));
    let text = told();
    promtool(&["check", "metrics"], &text);

    let is = |sample: &str, expected: f64| assert_eq!(value(&text, sample), Some(expected), "{sample}");
    is("keyward_database_up", 1.0);
    is("keyward_database_writable", 1.0);
    is("keyward_validations_total{status=\"active\"}", 200.0);
    is("keyward_validations_total{status=\"license_not_found\"}", 1.0);
    is("keyward_validations_refused_total{reason=\"unknown_api_key\"}", 1.0);
    is("keyward_validations_refused_total{reason=\"invalid_request\"}", 1.0);
    is("keyward_validation_wait_seconds_count", 202.0);
    is("keyward_validation_batch_size_sum", 202.0);
    is("keyward_cache_requests_total{cache=\"products\",result=\"miss\"}", 1.0);
    is(
        "keyward_http_requests_total{front_end=\"validation\",method=\"POST\",route=\"/api/v1/validate\",code=\"200\"}",
        201.0,
    );
    is(
        "keyward_http_requests_total{front_end=\"portal\",method=\"GET\",route=\"/onboarding/{secret}\",code=\"404\"}",
        1.0,
    );
    is("keyward_http_requests_total{front_end=\"server\",method=\"GET\",route=\"none\",code=\"404\"}", 1.0);
    is("keyward_queue_entries{queue=\"mail\"}", 0.0);
    is("keyward_job_consecutive_failures{job_name=\"mail\"}", 0.0);
    is("keyward_organizations_without_signing_key", 0.0);
    assert!(value(&text, "keyward_disk_free_bytes{folder=\"data\"}") > Some(0.0));
    assert!(value(&text, "keyward_disk_free_bytes{folder=\"database\"}") > Some(0.0), "it is elsewhere");
    for secret in ["acme", "Acme", "Server", "example.com", "kw_", &shop.token] {
        assert!(!text.contains(secret), "{secret} is in the metrics");
    }

    // What there is, the page describes, and what it describes is there.
    let names: BTreeSet<_> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let read = |name: &str| std::fs::read_to_string(folder().join(name)).unwrap();
    let page = read("../monitoring.md");
    let described: BTreeSet<_> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let elsewhere = ["keyward_clock_ahead_seconds", "keyward_tls_certificate_end_timestamp_seconds"];
    for name in &names {
        assert!(described.contains(name), "{name} is not on the page");
    }
    for name in described.iter().filter(|name| name.starts_with("keyward_") || name.starts_with("process_")) {
        assert!(names.contains(name) || elsewhere.contains(name), "{name} is not told");
    }
    let dashboard: Value = serde_json::from_str(&read("dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    let mut asked: Vec<String> = targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect();
    asked.extend([read("alerts.yml"), read("alerts_test.yml")]);
    let words = asked.iter().flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    let asked: BTreeSet<_> =
        words.filter(|word| word.starts_with("keyward_") || word.starts_with("process_")).collect();
    for name in &asked {
        let plain = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let known = |name: &str| names.contains(name) || elsewhere.contains(&name);
        assert!(known(name) || plain.is_some_and(known), "{name} is asked for and not told");
    }
    for name in read("alerts.yml").lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(page.contains(&format!("`{name}`")), "{name} is not on the page");
    }
}

#[test]
fn the_listener_answers_that_alone_and_is_off_unless_asked_for() {
    let (data, metrics) = (tempfile::tempdir().unwrap(), free());
    let database = sqlite(data.path());
    let shop = Shop::open_with(&database, &[], &[("KEYWARD_METRICS_LISTEN", &metrics)]);
    let open = ask(
        &metrics,
        "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text;version=1.0.0,*/*;q=0.1",
    );
    assert!(
        open.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"),
        "{open}"
    );
    assert!(open.contains("# TYPE keyward_validations counter\nkeyward_validations_total{"), "{open}");
    assert!(open.ends_with("# EOF\n") || open.contains("\n# EOF\n"));
    for request in [
        "GET / HTTP/1.1",
        "GET /readyz HTTP/1.1",
        "POST /metrics HTTP/1.1\r\nContent-Length: 0",
        "GET /metrics/ HTTP/1.1",
    ] {
        let answer = ask(&metrics, request);
        assert!(answer.starts_with("HTTP/1.1 404"), "{request}: {answer}");
    }
    assert_eq!(shop.get("/metrics").0, 404, "not where everybody is");
    // Connections that send nothing are no burden for the next scraper.
    let idle: Vec<_> = (0..20).map(|_| TcpStream::connect(&metrics).unwrap()).collect();
    let begun = Instant::now();
    assert!(scrape(&metrics).contains("keyward_database_up 1"));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    drop((idle, shop));
    let data = tempfile::tempdir().unwrap();
    let shop = Shop::open_with(&sqlite(data.path()), &[], &[]);
    assert!(TcpStream::connect(&metrics).is_err());
    drop(shop);
}

#[test]
fn a_database_that_is_gone_is_told_at_once() {
    let Some((database, proxy, url)) = proxied() else { return };
    let metrics = free();
    let shop = Shop::open_with(&url, &[], &[("KEYWARD_METRICS_LISTEN", &metrics)]);
    let license = shop.license();
    assert_eq!(shop.validate(&license).0, 200);
    shop.within(20, || scrape(&metrics).contains("keyward_job_late{job_name=\"mail\"} 0"));
    let text = scrape(&metrics);
    assert_eq!(value(&text, "keyward_queue_entries{queue=\"mail\"}"), Some(0.0));
    assert!(value(&text, "keyward_clock_ahead_seconds").is_some_and(|ahead| ahead.abs() < 2.0), "{text}");
    assert_eq!(value(&text, "keyward_database_connections_max{pool=\"all\"}"), Some(20.0));
    for mode in [REFUSE, FREEZE_OLD] {
        proxy.set(mode);
        let begun = Instant::now();
        loop {
            let asked = Instant::now();
            let text = scrape(&metrics);
            assert!(asked.elapsed() < Duration::from_millis(2_000), "a scrape took {:?}", asked.elapsed());
            if value(&text, "keyward_database_up") == Some(0.0) {
                assert_eq!(
                    value(&text, "keyward_queue_entries{queue=\"mail\"}"),
                    None,
                    "what is not known is absent"
                );
                assert!(
                    value(&text, "keyward_job_last_success_timestamp_seconds{job_name=\"mail\"}") > Some(1e9)
                );
                break;
            }
            // Frozen connections are replaced within a few seconds, and perhaps no scrape sees it.
            if mode == FREEZE_OLD && begun.elapsed() > Duration::from_secs(8) {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(15), "nothing was told");
            std::thread::sleep(Duration::from_millis(200));
        }
        shop.validate(&license);
        proxy.set(FORWARD);
        shop.within(20, || value(&scrape(&metrics), "keyward_database_up") == Some(1.0));
    }
    assert!(value(&scrape(&metrics), "keyward_database_transactions_refused_total") > Some(0.0));
    drop(shop);
    block_on(database.drop());
}
