//! What Prometheus is told, and that nobody keeps it from being told.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use keyward_token::Status;

use crate::Workdir;
use crate::check::{licensed, list};

/// An exporter that serves, until it is dropped.
struct Serving {
    child: Child,
    address: String,
}

impl Serving {
    fn start(workdir: &Workdir, more: &[&str]) -> Self {
        let args = ["exporter", "--key", "key.pem.pub", "--product", "p", "--file", "license.jwt"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyward"));
        command.args(args).args(["--listen", "127.0.0.1:0"]).args(more);
        command.current_dir(workdir.0.path()).env_clear().stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
        Self { child, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream
    }

    fn ask(&self, head: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn scrape(&self, accept: &str) -> (String, String) {
        let answer = self.ask(&format!("GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n"));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        (head.to_owned(), body.to_owned())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines that are no comments.
fn samples(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with('#')).collect()
}

const OPEN_METRICS: &str =
    "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

const GOOD: [&str; 3] = [
    "keyward_license_end_timestamp_seconds 1900000000",
    "keyward_license_grace_end_timestamp_seconds 1901209600",
    "keyward_license_valid 1",
];

/// Makes the license one that has begun by now.
fn begun() -> Workdir {
    let workdir = licensed();
    let args = ["--organization", "o", "--product", "p", "--status", "7@https://v.example/list"];
    let times = ["--issued-at", "1000", "--ends", "1900000000", "--grace", "14"];
    workdir.write("license.jwt", &workdir.sign(&[&args[..], &times].concat()));
    workdir
}

#[test]
fn each_scrape_reads_the_files_again() {
    let workdir = begun();
    workdir.write("list.jwt", &list(&workdir, Status::Valid, 1_790_000_000, None));
    let serving = Serving::start(&workdir, &["--status-list", "list.jwt"]);
    let (head, text) = serving.scrape("*/*");
    assert!(head.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{head}");
    let found = samples(&text);
    assert_eq!(found[..3], GOOD);
    assert!(found[3].starts_with("keyward_license_status_list_age_seconds "), "{text}");
    assert!(!text.contains('{'), "no labels: {text}");
    let (head, text) = serving.scrape(OPEN_METRICS);
    assert!(
        head.contains("\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n")
    );
    assert!(text.ends_with("\n# EOF\n") && samples(&text)[..3] == GOOD, "{text}");

    workdir.write("list.jwt", &list(&workdir, Status::Invalid, 1_790_000_000, None));
    assert_eq!(samples(&serving.scrape("").1)[2], "keyward_license_valid 0");
    workdir.write("list.jwt", "nonsense");
    let (_, text) = serving.scrape("");
    assert_eq!(samples(&text)[2..], ["keyward_license_valid 0"], "the age is absent");

    let good = std::fs::read_to_string(workdir.0.path().join("license.jwt")).unwrap();
    for nothing in ["", "nonsense", &workdir.sign(&["--organization", "o", "--product", "q", "--no-end"])] {
        workdir.write("license.jwt", nothing);
        assert_eq!(serving.scrape("").1, "", "absent, and never 0 or -1");
        assert_eq!(serving.scrape(OPEN_METRICS).1, "# EOF\n");
    }
    std::fs::remove_file(workdir.0.path().join("license.jwt")).unwrap();
    assert_eq!(serving.scrape("").1, "");
    workdir.write("license.jwt", &good);
    assert_eq!(samples(&serving.scrape("").1)[..2], GOOD[..2]);
}

#[test]
fn a_license_without_end_has_no_end() {
    let workdir = Workdir::new();
    workdir.write("license.jwt", &workdir.sign(&["--organization", "o", "--product", "p", "--no-end"]));
    assert_eq!(samples(&Serving::start(&workdir, &[]).scrape("").1), ["keyward_license_valid 1"]);
    let times = ["--issued-at", "1000", "--expires-at", "2000"];
    let ended = workdir.sign(&[&["--organization", "o", "--product", "p"][..], &times].concat());
    workdir.write("license.jwt", &ended);
    assert_eq!(
        samples(&Serving::start(&workdir, &[]).scrape("").1),
        [
            "keyward_license_end_timestamp_seconds 2000",
            "keyward_license_grace_end_timestamp_seconds 2000",
            "keyward_license_valid 0"
        ]
    );
}

#[test]
fn slow_and_hostile_clients_hold_up_nobody() {
    let workdir = begun();
    let serving = Serving::start(&workdir, &[]);
    let mut slow = Vec::new();
    for round in 0..200 {
        let mut stream = serving.connect();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost").unwrap();
        slow.push(stream);
        if round % 40 == 39 {
            assert_eq!(samples(&serving.scrape("").1), GOOD);
        }
    }
    let mut first = String::new();
    let closed = slow[0].read_to_string(&mut first);
    assert!(closed.is_err() || first.is_empty(), "the oldest had to go: {first}");
    for (head, status) in [
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "404"),
        ("POST /metrics HTTP/1.1\r\n\r\n".into(), "405"),
        ("\u{16}\u{3}\u{1}\u{2}".into(), "400"),
        (format!("GET /metrics HTTP/1.1\r\nX: {}", "x".repeat(8 * 1024 - 26)), "431"),
    ] {
        let answer = serving.ask(&head);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    assert_eq!(samples(&serving.scrape("").1), GOOD);
}

#[test]
fn a_textfile_is_whole_and_readable() {
    let workdir = begun();
    let export = |more: &[&str]| {
        let args = ["exporter", "--key", "key.pem.pub", "--product", "p", "--file", "license.jwt"];
        let output = workdir.keyward(&[&args[..], more].concat());
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = export(&[]);
    assert_eq!((code, samples(&text)), (Some(0), GOOD.to_vec()));
    assert_eq!(export(&["--textfile", "keyward.prom"]), (Some(0), String::new()));
    let path = workdir.0.path().join("keyward.prom");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    }
    workdir.write("license.jwt", "nonsense");
    assert_eq!(export(&["--textfile", "keyward.prom"]).0, Some(1));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "", "what was so before is not told any more");
    assert_eq!(export(&["--textfile", "nowhere/keyward.prom"]).0, Some(2));
    let files = std::fs::read_dir(workdir.0.path()).unwrap().count();
    assert_eq!(files, 4, "nothing is left over");
}
