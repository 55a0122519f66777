//! A receiver of webhooks, which answers as the test says and keeps what it was sent.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One request.
#[derive(Debug, Clone)]
pub struct Received {
    /// Its headers, with names in small letters.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: String,
}

impl Received {
    /// The `webhook-id`.
    pub fn id(&self) -> &str {
        self.headers.get("webhook-id").map_or("", String::as_str)
    }
}

/// What it does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Answers with this status and body.
    Status(u16, String),
    /// Answers 302 with this place.
    Redirect(String),
    /// Closes the connection.
    Close,
    /// Says nothing for so long.
    Hang(Duration),
    /// Says something that is no HTTP.
    Nonsense,
    /// Answers 200 with a body that comes a byte at a time and has no end.
    Drip,
}

impl Reply {
    /// Answers 204 No Content.
    pub fn ok() -> Self {
        Self::Status(204, String::new())
    }
}

type Answering = dyn Fn(&Received) -> Reply + Send + Sync;

/// A receiver on this machine.
pub struct Receiver {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    /// One that answers each request as `reply` says.
    pub fn start(reply: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let (kept, reply): (_, Arc<Answering>) = (Arc::clone(&received), Arc::new(reply));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, reply) = (Arc::clone(&kept), Arc::clone(&reply));
                std::thread::spawn(move || serve(stream, &kept, &*reply));
            }
        });
        Self { address, received }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// What it was sent so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(stream: TcpStream, kept: &Mutex<Vec<Received>>, reply: &Answering) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let request = Received { headers, body: String::from_utf8(body).ok()? };
        let said = reply(&request);
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        let answer = |status: u16, more: &str, body: &str| {
            format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{more}\r\n{body}", body.len())
        };
        match said {
            Reply::Status(status, body) => stream.write_all(answer(status, "", &body).as_bytes()).ok()?,
            Reply::Redirect(to) => {
                stream.write_all(answer(302, &format!("location: {to}\r\n"), "").as_bytes()).ok()?;
            }
            Reply::Close => return None,
            Reply::Hang(time) => {
                std::thread::sleep(time);
                return None;
            }
            Reply::Nonsense => {
                stream.write_all(b"220 mail.example ESMTP\r\n").ok()?;
                return None;
            }
            Reply::Drip => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").ok()?;
                loop {
                    stream.write_all(b"1\r\nx\r\n").ok()?;
                    std::thread::sleep(Duration::from_millis(500));
                }
            }
        }
    }
}
