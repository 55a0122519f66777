//! A license server of a test, on the loopback address.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use keyward_token::UnixSeconds;
use serde_json::Value;

use super::{ListedStatus, Vendor};
use crate::question::canonical;
use crate::{Question, Status};

/// A license server for tests: it answers `POST /api/v1/validate`, `GET /o/test/jwks.json` and `GET /o/test/status-list`, signed
/// by its [`Vendor`] at the present. It ends when it is dropped.
#[derive(Debug)]
pub struct MockServer {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    ended: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Script {
    vendor: Vendor,
    statuses: BTreeMap<String, Status>,
    listed: Vec<(u64, ListedStatus)>,
    ttl: u64,
    ahead: i64,
    failure: Option<Failure>,
    requests: Vec<String>,
}

/// What a server does instead of answering.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// Answers with an HTTP status and this body.
    Http {
        /// The status.
        status: u16,
        /// The body.
        body: String,
    },
    /// Closes the connection.
    HangUp,
    /// Says nothing for a minute.
    Silence,
    /// Sends one byte every 100 milliseconds.
    Drip,
}

impl MockServer {
    /// A server that calls every license active until it is told otherwise.
    ///
    /// # Errors
    /// When the system gives no port on the loopback address.
    pub fn start(vendor: Vendor) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let script = Script {
            vendor,
            statuses: BTreeMap::new(),
            listed: Vec::new(),
            ttl: 3600,
            ahead: 0,
            failure: None,
            requests: Vec::new(),
        };
        let (script, ended) = (Arc::new(Mutex::new(script)), Arc::new(AtomicBool::new(false)));
        let (for_threads, until) = (Arc::clone(&script), Arc::clone(&ended));
        let accepting = std::thread::Builder::new().spawn(move || {
            for stream in listener.incoming().flatten() {
                if until.load(Ordering::SeqCst) {
                    return;
                }
                let (script, until) = (Arc::clone(&for_threads), Arc::clone(&until));
                // Without a thread the connection is closed, as by a server that has none.
                let _ = std::thread::Builder::new().spawn(move || serve(&stream, address, &script, &until));
            }
        })?;
        Ok(Self { address, script, ended, accepting: Some(accepting) })
    }

    /// Its address, for [`Client::builder`](crate::Client::builder).
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address of its JWK Set, for [`KeySource::Url`](crate::KeySource::Url).
    pub fn jwks_url(&self) -> String {
        format!("{}/o/test/jwks.json", self.url())
    }

    /// The address of its status list, for [`TestLicense::listed`](super::TestLicense::listed).
    pub fn list_url(&self) -> String {
        format!("{}/o/test/status-list", self.url())
    }

    /// The vendor as it is now.
    pub fn vendor(&self) -> Vendor {
        self.script().vendor.clone()
    }

    /// From now on signs with another key.
    pub fn rotate_key(&self) {
        self.script().vendor.rotate_key();
    }

    /// From now on says this of a license, in whatever spelling it is asked for.
    pub fn say(&self, license_key: &str, status: Status) {
        self.script().statuses.insert(canonical(license_key).into_owned(), status);
    }

    /// From now on says this of the license with this index in the status list.
    pub fn list(&self, index: u64, status: ListedStatus) {
        self.script().listed.push((index, status));
    }

    /// For how many seconds its status list is fresh; an hour unless set.
    pub fn list_ttl_seconds(&self, ttl: u64) {
        self.script().ttl = ttl;
    }

    /// From now on its clock is ahead of the machine's by so many seconds, or behind.
    pub fn clock_ahead_seconds(&self, seconds: i64) {
        self.script().ahead = seconds;
    }

    /// From now on fails, or answers again for `None`.
    pub fn fail(&self, failure: Option<Failure>) {
        self.script().failure = failure;
    }

    /// The requests so far, such as `POST /api/v1/validate`.
    pub fn requests(&self) -> Vec<String> {
        self.script().requests.clone()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes it from waiting for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

/// Reads one request and answers it.
fn serve(stream: &TcpStream, address: SocketAddr, script: &Mutex<Script>, ended: &AtomicBool) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
    let Ok((request, body)) = read(stream) else { return };
    let (failure, answer) = {
        let mut script = script.lock().unwrap_or_else(PoisonError::into_inner);
        script.requests.push(request.clone());
        (script.failure.clone(), script.answer(&request, &body, address))
    };
    let _ = match failure {
        None => write(stream, &answer),
        Some(Failure::Http { status, body }) => write(stream, &(status, body)),
        Some(Failure::HangUp) => Ok(()),
        Some(Failure::Silence) => {
            wait(Duration::from_secs(60), ended);
            Ok(())
        }
        Some(Failure::Drip) => text(&answer).bytes().try_for_each(|byte| {
            wait(Duration::from_millis(100), ended);
            (&*stream).write_all(&[byte])
        }),
    };
}

/// Waits, but not longer than the server lives.
fn wait(time: Duration, ended: &AtomicBool) {
    let begun = std::time::Instant::now();
    while begun.elapsed() < time && !ended.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(20).min(time));
    }
}

/// Method and path, and the body.
fn read(stream: &TcpStream) -> io::Result<(String, String)> {
    let mut reader = BufReader::new(stream.take(1 << 20));
    let (mut request, mut line) = (String::new(), String::new());
    reader.read_line(&mut request)?;
    let mut length = 0;
    while reader.read_line(&mut line)? > 2 {
        match line.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().unwrap_or(0);
            }
            _ => {}
        }
        line.clear();
    }
    let mut body = String::new();
    reader.take(length).read_to_string(&mut body)?;
    let request = request.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    Ok((request, body))
}

fn text((status, body): &(u16, String)) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Mock\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

fn write(mut stream: &TcpStream, answer: &(u16, String)) -> io::Result<()> {
    stream.write_all(text(answer).as_bytes())
}

impl Script {
    fn answer(&self, request: &str, body: &str, address: SocketAddr) -> (u16, String) {
        let now = UnixSeconds::new(now().as_i64().saturating_add(self.ahead));
        match request {
            "POST /api/v1/validate" => match serde_json::from_str::<Question>(body) {
                Ok(question) => (200, self.judge(&question, now)),
                Err(error) => {
                    let problem = serde_json::json!({"valid": false, "status": "invalid_request", "message": error.to_string()});
                    (400, problem.to_string())
                }
            },
            "GET /o/test/jwks.json" => (200, self.vendor.jwks()),
            "GET /o/test/status-list" => {
                let end = UnixSeconds::new(now.as_i64().saturating_add(7 * 24 * 60 * 60));
                let list = self.vendor.list(format!("http://{address}/o/test/status-list"), now);
                let list = list.ttl_seconds(self.ttl).ends_at(end);
                let list =
                    self.listed.iter().fold(list, |list, (index, status)| list.status(*index, *status));
                list.token().map_or_else(|error| (500, error.to_string()), |token| (200, token))
            }
            _ => (404, Value::Null.to_string()),
        }
    }

    fn judge(&self, question: &Question, now: UnixSeconds) -> String {
        let status = self.statuses.get(canonical(&question.license_key).as_ref()).unwrap_or(&Status::Active);
        let answer = self.vendor.answer(question, now).status(status);
        match &question.version {
            Some(version) => answer.member("version", version.as_str()).member("version_valid", true).body(),
            None => answer.body(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "here the test's clock comes in")]
fn now() -> UnixSeconds {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(UnixSeconds::MIN, UnixSeconds::from)
}
