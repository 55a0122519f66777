//! A host that has joined, as far as the network goes: it asks as an agent does, and believes what an agent believes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_protocol::enrolment::{AgentKeys, Enrol, Enrolled, Facts, Mode};
use keyward_protocol::signed::{Answer, Request, SCHEME, SIGNATURE_HEADER, body_hash};
use keyward_protocol::{MOST_BODY, MOST_WAIT, VERSION, path};
use keyward_token::{Keyring, SecretKey};

use crate::seed::{now, random};

/// Enough for what one does.
const STACK: usize = 256 * 1024;

/// An agent was told something.
pub(crate) struct News {
    pub agent: usize,
    pub at: Instant,
}

/// A host that has joined.
pub(crate) struct Host {
    key: SecretKey,
    agent: String,
    keys: Keyring,
}

/// An answer, as it came.
struct Received {
    status: u16,
    etag: Option<String>,
    signature: String,
    body: Vec<u8>,
    /// How many bytes it had.
    bytes: usize,
}

impl Host {
    /// Joins by a code.
    pub(crate) fn join(server: &str, code: &str) -> Result<Self> {
        let key = SecretKey::from_seed(random()?);
        let public = URL_SAFE_NO_PAD.encode(key.public_key().to_bytes());
        let keys = AgentKeys { signing: public.clone(), sealing: public };
        let facts = Facts { protocols: vec![VERSION], ..Facts::default() };
        let enrol = Enrol { code: code.to_owned(), mode: Mode::Manage, keys, facts };
        let body = serde_json::to_vec(&enrol)?;
        let kid = key.public_key().kid().to_string();
        let asked = asked(&kid, server, ("POST", path::ENROL), &body, Vec::new())?;
        let request = ureq::post(format!("http://{server}{}", path::ENROL));
        let request = request.header("Authorization", format!("{SCHEME} {}", asked.sign(&key)));
        let enrolled: Enrolled =
            request.content_type("application/json").send(&body)?.body_mut().read_json()?;
        let keys = Keyring::from_jwks(&enrolled.jwks)?;
        Ok(Self { key, agent: enrolled.agent.to_string(), keys })
    }

    /// Asks a server again and again what is desired, for as long as this program runs, and says when it is told something.
    pub(crate) fn listen(
        self,
        number: usize,
        server: String,
        news: Sender<News>,
        bytes: Arc<AtomicU64>,
    ) -> Result<()> {
        let listening = move || {
            if let Err(error) = self.listen_on(number, &server, &news, &bytes) {
                eprintln!("agent {number}: {error:#}");
            }
        };
        std::thread::Builder::new().stack_size(STACK).spawn(listening)?;
        Ok(())
    }

    fn listen_on(&self, number: usize, server: &str, news: &Sender<News>, bytes: &AtomicU64) -> Result<()> {
        let mut stream = BufReader::with_capacity(4 * 1024, TcpStream::connect(server)?);
        stream.get_ref().set_nodelay(true)?;
        let mut etag = None;
        loop {
            let kids = self.keys.iter().map(|key| key.kid().to_string()).collect();
            let asked = asked(&self.agent, server, ("GET", path::DESIRED), b"", kids)?;
            let mut request = format!(
                "GET {} HTTP/1.1\r\nhost: {server}\r\nauthorization: {SCHEME} {}\r\nprefer: wait={MOST_WAIT}\r\n",
                path::DESIRED,
                asked.sign(&self.key)
            );
            if let Some(etag) = &etag {
                request.push_str(&format!("if-none-match: {etag}\r\n"));
            }
            request.push_str("\r\n");
            stream.get_ref().write_all(request.as_bytes())?;
            let received = receive(&mut stream)?;
            let at = Instant::now();
            bytes.fetch_add((request.len() + received.bytes) as u64, Ordering::Relaxed);
            Answer::verify(&received.signature, &self.keys, &asked, received.status, &received.body)?;
            match received.status {
                200 => {
                    etag = received.etag;
                    news.send(News { agent: number, at })?;
                }
                304 => {}
                status => bail!("it was answered with {status}: {}", String::from_utf8_lossy(&received.body)),
            }
        }
    }
}

fn asked(
    iss: &str,
    server: &str,
    (method, path): (&str, &str),
    body: &[u8],
    keys: Vec<String>,
) -> Result<Request> {
    let server = format!("http://{server}");
    Ok(Request {
        iss: iss.to_owned(),
        htm: method.to_owned(),
        htu: format!("{server}{path}"),
        aud: server,
        bh: body_hash(body),
        iat: now()?.unix(),
        jti: URL_SAFE_NO_PAD.encode(random::<16>()?),
        keys,
    })
}

fn receive(stream: &mut BufReader<TcpStream>) -> Result<Received> {
    let mut line = String::new();
    let mut bytes = stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).context("the server hung up")?.parse()?;
    let (mut etag, mut signature, mut length) = (None, String::new(), 0);
    loop {
        line.clear();
        bytes += stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "etag" => etag = Some(value.trim().to_owned()),
            "content-length" => length = value.trim().parse()?,
            _ if name.eq_ignore_ascii_case(SIGNATURE_HEADER) => signature = value.trim().to_owned(),
            _ => {}
        }
    }
    ensure!(length <= MOST_BODY, "an answer is too long");
    let mut body = vec![0; if status == 304 { 0 } else { length }];
    stream.read_exact(&mut body)?;
    Ok(Received { status, etag, signature, bytes: bytes + body.len(), body })
}
