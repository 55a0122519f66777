//! A server as `docs/agent-protocol.md` has it, small, strict, and with every way to go wrong.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_protocol::desired::{Desired, Entry, PullCredential, PullCredentials};
use keyward_protocol::enrolment::{AgentKeys, Enrol, Enrolled, Mode, NewKeys};
use keyward_protocol::report::{Reports, Taken, TakenUpTo, Transition};
use keyward_protocol::signed::{Answer, Request, SCHEME, SIGNATURE_HEADER, body_hash};
use keyward_protocol::{MOST_WAIT, path};
use keyward_token::{Keyring, PublicKey, SecretKey};
use uuid::Uuid;

pub const CODE: &str = "kw_join_0123456789abcdefghijklmnop";
pub const AGENT: Uuid = Uuid::from_u128(0xa);
pub const TARGET: Uuid = Uuid::from_u128(0xb);

/// What goes wrong with answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// The signature is left out.
    Unsigned,
    /// The body is another one than was signed.
    Altered,
    /// The status is another one than was signed.
    OtherStatus,
    /// It is signed for another request.
    Moved,
    /// It is the answer to the first request, again.
    Replayed,
    /// It is signed by another vendor.
    OtherKey,
    /// It is signed for another agent.
    OtherAgent,
    /// It is signed by another server.
    OtherServer,
    /// It sends the agent elsewhere, unsigned.
    Redirect,
    /// A proxy answers in its place.
    Html,
    /// It has no end.
    Endless,
    /// It is signed twice.
    Twice,
}

impl Wrong {
    pub const ALL: [Self; 12] = [
        Self::Unsigned,
        Self::Altered,
        Self::OtherStatus,
        Self::Moved,
        Self::Replayed,
        Self::OtherKey,
        Self::OtherAgent,
        Self::OtherServer,
        Self::Redirect,
        Self::Html,
        Self::Endless,
        Self::Twice,
    ];
}

pub struct State {
    /// How far its clock is from the host's.
    pub ahead: i64,
    pub keys: Vec<SecretKey>,
    pub wrong: Option<Wrong>,
    /// Whether it closes every connection at once.
    pub away: bool,
    /// After how long something on the way cuts a request that waits.
    pub cut: Option<Duration>,
    /// Whether the answer to `POST key` is lost.
    pub lose_key_answer: bool,
    /// Whether the answer to `POST reports` is lost.
    pub lose_report_answer: bool,
    pub code_open: bool,
    pub mode: Mode,
    pub agent: Option<AgentKeys>,
    pub entries: Vec<Entry>,
    pub desired: Option<Desired>,
    pub files: BTreeMap<String, String>,
    /// What images are fetched with.
    pub credentials: Vec<PullCredential>,
    pub reports: Vec<Reports>,
    /// The transitions that it has, as it was told them.
    pub transitions: BTreeMap<Uuid, Vec<Transition>>,
    pub asked: Vec<Asked>,
    pub version: u64,
    jtis: HashSet<String>,
    first: Option<(u16, Vec<u8>, String)>,
}

/// A request that it has believed, or not.
#[derive(Debug, Clone)]
pub struct Asked {
    pub path: String,
    pub wait: Option<u32>,
    pub believed: bool,
    pub at: Instant,
}

pub struct Server {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    changed: Arc<Condvar>,
    ended: Arc<AtomicBool>,
}

struct Read {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State {
            ahead: 0,
            keys: vec![SecretKey::from_seed([1; 32])],
            wrong: None,
            away: false,
            cut: None,
            lose_key_answer: false,
            lose_report_answer: false,
            code_open: true,
            mode: Mode::Manage,
            agent: None,
            entries: Vec::new(),
            desired: None,
            files: BTreeMap::new(),
            credentials: Vec::new(),
            reports: Vec::new(),
            transitions: BTreeMap::new(),
            asked: Vec::new(),
            version: 1,
            jtis: HashSet::new(),
            first: None,
        };
        let server = Self {
            address,
            state: Arc::new(Mutex::new(state)),
            changed: Arc::default(),
            ended: Arc::default(),
        };
        let (state, changed) = (Arc::clone(&server.state), Arc::clone(&server.changed));
        let ended = Arc::clone(&server.ended);
        let url = server.url();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let one = Connection {
                    url: url.clone(),
                    state: Arc::clone(&state),
                    changed: Arc::clone(&changed),
                    ended: Arc::clone(&ended),
                };
                thread::spawn(move || one.serve(stream));
            }
        });
        server
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Changes what is desired or how it behaves, and wakes requests that wait.
    pub fn change(&self, how: impl FnOnce(&mut State)) {
        let mut state = self.state();
        how(&mut state);
        state.version += 1;
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until it is so, for half a minute at most.
    pub fn until<T>(&self, what: &str, mut is_so: impl FnMut(&State) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = is_so(&self.state()) {
                return found;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "in vain waited for: {what}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        self.changed.notify_all();
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    pub fn jwks(&self) -> String {
        let mut keys = Keyring::new();
        for key in &self.keys {
            keys.insert(key.public_key().clone()).unwrap();
        }
        keys.to_jwks()
    }

    pub fn desired(&self) -> Desired {
        self.desired.clone().unwrap_or_else(|| Desired {
            protocol: keyward_protocol::VERSION,
            agent: AGENT,
            target: TARGET,
            target_name: "Berlin 1".into(),
            mode: self.mode,
            jwks: self.jwks(),
            deployments: self.entries.clone(),
            versions: Vec::new(),
        })
    }

    pub fn now(&self) -> i64 {
        keyward_agent::clock::host_now() + self.ahead
    }
}

struct Connection {
    url: String,
    state: Arc<Mutex<State>>,
    changed: Arc<Condvar>,
    ended: Arc<AtomicBool>,
}

impl Connection {
    fn serve(&self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some(request) = read(&mut reader) {
            if self.state.lock().unwrap().away || self.ended.load(Ordering::Relaxed) {
                return;
            }
            let Some(answer) = self.answer(&request) else { return };
            if (&stream).write_all(&answer).is_err() {
                return;
            }
        }
    }

    /// The bytes of an answer; `None` if it is lost.
    fn answer(&self, read: &Read) -> Option<Vec<u8>> {
        let jws =
            read.headers.get("authorization").and_then(|value| value.strip_prefix(SCHEME)).map(str::trim);
        let request = jws.and_then(|jws| self.believed(read, jws));
        let wait = read.headers.get("prefer").and_then(|value| value.strip_prefix("wait=")?.parse().ok());
        let asked =
            Asked { path: read.path.clone(), wait, believed: request.is_ok_and_some(), at: Instant::now() };
        self.state.lock().unwrap().asked.push(asked);
        let (status, body, etag, request) = match request {
            Some(Ok(request)) => {
                let (status, body, etag) = self.act(read, &request)?;
                (status, body, etag, request)
            }
            Some(Err((request, code))) => (401, problem(code), None, request),
            None => {
                return Some(plain(401, &problem("unauthorized"), &date(self.state.lock().unwrap().now())));
            }
        };
        let mut state = self.state.lock().unwrap();
        Some(signed(&mut state, &self.url, &request, status, body, etag))
    }

    /// The request, if it counts; else what is wrong, where that can be told to whoever has signed.
    fn believed(&self, read: &Read, jws: &str) -> Option<Result<Request, (Request, &'static str)>> {
        let mut state = self.state.lock().unwrap();
        let keys = if read.path == path::ENROL {
            serde_json::from_slice::<Enrol>(&read.body).ok()?.keys
        } else {
            state.agent.clone()?
        };
        let unverified = Request::unverified(jws).ok()?;
        let Ok(request) = Request::verify(jws, &public(&keys)) else {
            return Some(Err((unverified, "unauthorized")));
        };
        let path = read.path.split('?').next()?;
        if !request.is_of(&self.url, &read.method, path, &read.body) {
            return Some(Err((request, "unauthorized")));
        }
        if (request.iat - state.now()).abs() > keyward_protocol::signed::MOST_SKEW {
            return Some(Err((request, "clock_skew")));
        }
        if !state.jtis.insert(request.jti.clone()) {
            return Some(Err((request, "replayed")));
        }
        Some(Ok(request))
    }

    fn act(&self, read: &Read, request: &Request) -> Option<(u16, Vec<u8>, Option<String>)> {
        let json = |value: serde_json::Value| value.to_string().into_bytes();
        let mut state = self.state.lock().unwrap();
        match read.path.as_str() {
            path::ENROL => {
                let enrol: Enrol = serde_json::from_slice(&read.body).unwrap();
                if !std::mem::take(&mut state.code_open) || enrol.code != CODE {
                    return Some((404, problem("join_code_unknown"), None));
                }
                state.agent = Some(enrol.keys);
                state.mode = enrol.mode;
                let enrolled = Enrolled {
                    agent: AGENT,
                    target: TARGET,
                    target_name: "Berlin 1".into(),
                    organization_name: "Acme".into(),
                    server: self.url.clone(),
                    jwks: state.jwks(),
                };
                Some((201, serde_json::to_vec(&enrolled).unwrap(), None))
            }
            path::DESIRED => {
                drop(state);
                self.desired(read)
            }
            path::REPORTS => {
                let reports: Reports = serde_json::from_slice(&read.body).unwrap();
                let taken = take(&mut state, &reports);
                state.reports.push(reports);
                if state.lose_report_answer {
                    return None;
                }
                Some((200, serde_json::to_vec(&taken).unwrap(), None))
            }
            path::KEY => {
                let new: NewKeys = serde_json::from_slice(&read.body).unwrap();
                let key = public(&new.keys);
                let proof = Request::verify(&new.proof, &key).unwrap();
                assert_eq!(
                    (proof.jti.as_str(), proof.iss.as_str()),
                    (request.jti.as_str(), key.kid().as_str())
                );
                assert_eq!(proof.bh, body_hash(&serde_json::to_vec(&new.keys).unwrap()));
                state.agent = Some(new.keys);
                if state.lose_key_answer {
                    return None;
                }
                Some((200, json(serde_json::json!({})), None))
            }
            path::PULL_CREDENTIAL => {
                let credentials = state.credentials.clone();
                let credentials = PullCredentials { credentials, expires_at: state.now() + 900 };
                Some((200, serde_json::to_vec(&credentials).unwrap(), None))
            }
            path::LEAVE => {
                state.agent = None;
                Some((204, Vec::new(), None))
            }
            other => match other.strip_prefix(path::FILES).and_then(|rest| rest.strip_prefix('/')) {
                Some(hash) => match state.files.get(hash) {
                    Some(text) => Some((200, text.clone().into_bytes(), None)),
                    None => Some((404, problem("not_found"), None)),
                },
                None => Some((404, problem("not_found"), None)),
            },
        }
    }

    fn desired(&self, read: &Read) -> Option<(u16, Vec<u8>, Option<String>)> {
        let wait: u32 =
            read.headers.get("prefer").and_then(|v| v.strip_prefix("wait=")?.parse().ok()).unwrap_or(0);
        let until = Instant::now() + Duration::from_secs(wait.min(MOST_WAIT).into());
        let begun = Instant::now();
        let mut state = self.state.lock().unwrap();
        loop {
            let etag = format!("\"{}\"", state.version);
            if read.headers.get("if-none-match") != Some(&etag) {
                return Some((200, serde_json::to_vec(&state.desired()).unwrap(), Some(etag)));
            }
            let is_cut = wait > 0 && state.cut.is_some_and(|after| begun.elapsed() >= after);
            if is_cut || state.away || self.ended.load(Ordering::Relaxed) {
                return None;
            }
            if Instant::now() >= until {
                return Some((304, Vec::new(), Some(etag)));
            }
            let step = Duration::from_millis(50);
            state = self.changed.wait_timeout(state, step).unwrap().0;
        }
    }
}

trait IsOkAndSome {
    fn is_ok_and_some(&self) -> bool;
}

impl IsOkAndSome for Option<Result<Request, (Request, &'static str)>> {
    fn is_ok_and_some(&self) -> bool {
        matches!(self, Some(Ok(_)))
    }
}

/// Takes transitions in order, each once.
fn take(state: &mut State, reports: &Reports) -> Taken {
    let mut taken = Taken::default();
    for report in &reports.deployments {
        let known = state.transitions.entry(report.deployment).or_default();
        for transition in &report.transitions {
            let last = known.last().map_or(0, |last| last.seq);
            if transition.seq > last {
                known.push(transition.clone());
            } else if let Some(same) = known.iter().find(|same| same.seq == transition.seq) {
                assert_eq!(same, transition, "a seq was used for two things");
            }
        }
        let seq = known.last().map_or(0, |last| last.seq);
        taken.deployments.push(TakenUpTo { deployment: report.deployment, seq });
    }
    taken
}

fn signed(
    state: &mut State,
    url: &str,
    request: &Request,
    status: u16,
    body: Vec<u8>,
    etag: Option<String>,
) -> Vec<u8> {
    let wrong = state.wrong;
    let mut answer = Answer {
        iss: url.to_owned(),
        aud: request.iss.clone(),
        jti: request.jti.clone(),
        status,
        bh: body_hash(&body),
        iat: state.now(),
    };
    match wrong {
        Some(Wrong::Moved) => answer.jti = "AAAAAAAAAAAAAAAAAAAAAA".into(),
        Some(Wrong::OtherAgent) => answer.aud = Uuid::nil().to_string(),
        Some(Wrong::OtherServer) => answer.iss = "https://other.example.com".into(),
        _ => {}
    }
    let stranger = SecretKey::from_seed([99; 32]);
    // One that the agent knows, if it has said which.
    let known =
        state.keys.iter().find(|key| request.keys.iter().any(|kid| kid == key.public_key().kid().as_str()));
    let known = known.or(state.keys.first()).unwrap();
    let key = if wrong == Some(Wrong::OtherKey) { &stranger } else { known };
    let jws = answer.sign(key.public_key().kid().as_str(), |text| key.sign(text));
    let mut body = body;
    let mut status = status;
    let mut headers = date(state.now()) + &etag.map(|etag| format!("ETag: {etag}\r\n")).unwrap_or_default();
    let signature = format!("{SIGNATURE_HEADER}: {jws}\r\n");
    match wrong {
        Some(Wrong::Unsigned) => {}
        Some(Wrong::Altered) => {
            body.push(b' ');
            headers += &signature;
        }
        Some(Wrong::OtherStatus) => {
            status = if status == 200 { 201 } else { 200 };
            headers += &signature;
        }
        Some(Wrong::Replayed) => {
            let (status, body, headers) =
                state.first.get_or_insert((status, body.clone(), headers.clone() + &signature)).clone();
            return plain(status, &body, &headers);
        }
        Some(Wrong::Redirect) => return plain(307, b"", "Location: /elsewhere\r\n"),
        Some(Wrong::Html) => return plain(502, b"<html>bad gateway</html>", ""),
        Some(Wrong::Endless) => body = vec![b' '; keyward_protocol::MOST_BODY + 1],
        Some(Wrong::Twice) => headers = headers + &signature + &signature,
        Some(Wrong::Moved | Wrong::OtherKey | Wrong::OtherAgent | Wrong::OtherServer) | None => {
            headers += &signature;
        }
    }
    if wrong.is_none() && status < 300 {
        state.first = Some((status, body.clone(), headers.clone()));
    }
    plain(status, &body, &headers)
}

fn plain(status: u16, body: &[u8], headers: &str) -> Vec<u8> {
    let length = if matches!(status, 204 | 304) {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", body.len())
    };
    let mut bytes = format!("HTTP/1.1 {status} S\r\n{headers}{length}\r\n").into_bytes();
    bytes.extend(body);
    bytes
}

/// The header `Date`, without the name of the day.
fn date(at: i64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (mut days, second) = (at.div_euclid(86_400), at.rem_euclid(86_400));
    let is_leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let mut year = 1970;
    while days >= 365 + i64::from(is_leap(year)) {
        days -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + i64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("Date: Xxx, {:02} {} {year} {hour:02}:{minute:02}:{second:02} GMT\r\n", days + 1, MONTHS[month])
}

fn problem(code: &str) -> Vec<u8> {
    serde_json::json!({"type": "about:blank", "title": "No", "status": 400, "code": code}).to_string().into()
}

fn public(keys: &AgentKeys) -> PublicKey {
    let bytes: [u8; 32] = URL_SAFE_NO_PAD.decode(&keys.signing).unwrap().try_into().unwrap();
    PublicKey::from_bytes(&bytes).unwrap()
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Read> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length: usize = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Read { method, path, headers, body })
}
