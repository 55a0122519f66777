//! What strangers can make the server use: memory, and the time of others. The figures are in `docs/operations/running.md`.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout, reason = "the figures are for people")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use keyward_domain::{Secret, SecretKind};

use crate::server;

const MIB: u64 = 1024;

/// A server that is ended with the test.
struct Server {
    process: Child,
    address: String,
    /// The path of the link to its first page.
    setup: String,
    /// Held open: it writes on.
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let mut process = server(folder, &["--listen", &address, "--trusted-proxies", "127.0.0.1"])
            .env("KEYWARD_LOG", "warn")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut lines = stdout.by_ref().lines().map_while(Result::ok);
        let link = lines.find(|line| line.contains("/setup/")).unwrap();
        let setup = link[link.find("/setup/").unwrap()..].trim().to_owned();
        let server = Self { process, address, setup, _stdout: stdout };
        let started = Instant::now();
        while server.ready().is_none() {
            assert!(started.elapsed().as_secs() < 30, "the server does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// A value of `/proc/…/status`, in KiB.
    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Sends a form; the status it is answered, or 0 if the connection ends before.
    fn post(&self, path: &str, from: &str, body: &[u8]) -> u16 {
        let Ok(mut stream) = TcpStream::connect(&self.address) else { return 0 };
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nX-Forwarded-For: {from}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        status(&mut stream)
    }

    /// How long `/readyz` takes.
    fn ready(&self) -> Option<Duration> {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(&self.address).ok()?;
        write!(stream, "GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").ok()?;
        (status(&mut stream) == 200).then(|| begun.elapsed())
    }

    /// Sends 400 at once; gives the statuses, how much memory was in use at most, in MiB, and the longest `/readyz`.
    fn flood(&self, request: impl Fn(usize) -> (String, String, String) + Sync) -> (Vec<u16>, u64, Duration) {
        let (before, done) = (self.memory("VmRSS"), AtomicBool::new(false));
        let ask = |number| {
            let (path, from, body) = request(number);
            self.post(&path, &from, body.as_bytes())
        };
        let ask = &ask;
        let (statuses, slowest) = std::thread::scope(|scope| {
            let watch = scope.spawn(|| {
                let mut slowest = Duration::ZERO;
                while !done.load(Ordering::SeqCst) {
                    slowest = slowest.max(self.ready().unwrap_or(Duration::from_secs(60)));
                    std::thread::sleep(Duration::from_millis(5));
                }
                slowest
            });
            let threads: Vec<_> = (0..400).map(|number| scope.spawn(move || ask(number))).collect();
            let statuses: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
            done.store(true, Ordering::SeqCst);
            (statuses, watch.join().unwrap())
        });
        (statuses, self.memory("VmHWM").saturating_sub(before) / MIB, slowest)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn status(stream: &mut TcpStream) -> u16 {
    let mut answer = Vec::new();
    let mut part = [0; 1024];
    while answer.len() < 12 {
        match stream.read(&mut part) {
            Ok(0) | Err(_) => break,
            Ok(length) => answer.extend_from_slice(&part[..length]),
        }
    }
    String::from_utf8_lossy(&answer).get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0)
}

fn count(statuses: &[u16], wanted: u16) -> usize {
    statuses.iter().filter(|status| **status == wanted).count()
}

#[test]
fn strangers_make_it_use_little() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let password = "password=a%20long%20password&again=a%20long%20password";
    let household = |number: usize| format!("2001:db8::{number:x}");

    // E-mails of a megabyte. The first requests make room that every server has.
    let long = format!("password=x&email={}", "a".repeat(1_000_000));
    for _ in 0..20 {
        server.post("/sign-in", "192.0.2.1", long.as_bytes());
    }
    let before = server.memory("VmRSS");
    let statuses: Vec<_> =
        (0..1_000).map(|_| server.post("/sign-in", "192.0.2.1", long.as_bytes())).collect();
    let grown = server.memory("VmRSS").saturating_sub(before);
    println!("1,000 sign-ins with a megabyte: {grown} KiB");
    assert!(statuses.iter().all(|status| matches!(status, 413 | 0)), "{statuses:?}");
    assert!(grown < 5 * MIB, "{grown} KiB");

    let unknown = Secret::new(SecretKind::Setup, [7; 24]);
    let unknown = format!("/setup/{}", unknown.expose());
    let founding = format!("organization=Acme&name=Ada&email=ada%40acme.example&{password}");
    let (statuses, memory, slowest) =
        server.flood(|number| (unknown.clone(), household(number), founding.clone()));
    println!("400 unknown setup links from one /64: {memory} MiB, readyz {slowest:?}");
    assert_eq!((count(&statuses, 410), count(&statuses, 429)), (20, 380));
    assert!(memory < 300);

    let (statuses, memory, slowest) =
        server.flood(|number| (server.setup.clone(), format!("2001:db8:1::{number:x}"), founding.clone()));
    println!("400 with the right setup link: {memory} MiB, readyz {slowest:?}");
    assert_eq!(count(&statuses, 303), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 303 | 410 | 404 | 429 | 503)), "{statuses:?}");
    assert!(memory < 300);
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");

    let guess = |number: usize| format!("email=ada%40acme.example&password=wrong+{number}");
    let (statuses, memory, slowest) =
        server.flood(|number| ("/sign-in".into(), household(number), guess(number)));
    println!("400 sign-ins from one /64: {memory} MiB, readyz {slowest:?}");
    assert_eq!((count(&statuses, 401), count(&statuses, 429)), (10, 390));

    // As many networks as tries, and no account twice: nothing holds them up but the gate.
    let guess = |number: usize| format!("email=a{number}%40acme.example&password=wrong+{number}");
    let (statuses, memory, slowest) =
        server.flood(|number| ("/sign-in".into(), format!("2001:db8:{number:x}::1"), guess(number)));
    println!("400 sign-ins from as many networks: {memory} MiB, readyz {slowest:?}");
    assert!(statuses.iter().all(|status| matches!(status, 401 | 503)), "{statuses:?}");
    assert!(count(&statuses, 503) > 0, "{statuses:?}");
    assert!(memory < 300);
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}

#[test]
fn who_sends_slowly_is_answered_within_half_a_minute() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let open = |path: &str| {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(stream, "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\ngrant").unwrap();
        stream
    };
    let streams: Vec<_> =
        ["/registry/token", "/sign-in", "/forgot", "/portal/sign-in"].map(|path| (path, open(path))).into();
    for (path, mut stream) in streams {
        assert_eq!(status(&mut stream), 408, "{path}");
    }
}
