//! A proxy on the way that cuts what waits, and says everything twice: each request to the server, each answer to the agent.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use keyward_protocol::desired::{Entry, FileRef};
use keyward_protocol::enrolment::Mode;
use keyward_protocol::path;
use keyward_protocol::report::Phase;
use uuid::Uuid;

use crate::answers::{deployment, hash};
use crate::host::{Call, Host, Recorder};
use crate::server::Server;

/// After how long a request that waits is cut off.
const CUT: Duration = Duration::from_secs(3);

const ONE: Uuid = Uuid::from_u128(1);

#[derive(Clone)]
struct Proxy {
    server: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    /// The status of each request that the server was sent once more.
    replays: Vec<String>,
    /// For each path, an answer that the agent is to be given once more.
    answers: HashMap<String, Vec<u8>>,
    answered_again: usize,
    cuts: usize,
}

impl Proxy {
    fn start(server: SocketAddr) -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let proxy = Self { server, seen: Arc::default() };
        let held = proxy.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let held = held.clone();
                thread::spawn(move || held.serve(&client));
            }
        });
        (proxy, address)
    }

    fn serve(&self, client: &TcpStream) {
        let mut reader = BufReader::new(client);
        while let Some((path, request)) = message(&mut reader) {
            // Taken out, so that each is said again once.
            let known = self.seen.lock().unwrap().answers.remove(&path);
            let answer = self.ask(&request);
            self.seen.lock().unwrap().cuts += usize::from(answer.is_none());
            let answer = match (known, answer) {
                (Some(known), _) => {
                    self.seen.lock().unwrap().answered_again += 1;
                    known
                }
                (None, Some(answer)) => {
                    self.seen.lock().unwrap().answers.insert(path, answer.clone());
                    answer
                }
                (None, None) => return,
            };
            if (&mut &*client).write_all(&answer).is_err() {
                return;
            }
        }
    }

    /// Asks the server twice; its first answer, if that comes in time.
    fn ask(&self, request: &[u8]) -> Option<Vec<u8>> {
        let first = self.send(request);
        let again = self.send(request)?;
        let status = String::from_utf8_lossy(&again).split(' ').nth(1).unwrap().to_owned();
        self.seen.lock().unwrap().replays.push(status);
        first
    }

    fn send(&self, request: &[u8]) -> Option<Vec<u8>> {
        let mut stream = TcpStream::connect(self.server).ok()?;
        stream.set_read_timeout(Some(CUT)).unwrap();
        stream.write_all(request).ok()?;
        message(&mut BufReader::new(stream)).map(|(_, answer)| answer)
    }
}

/// A request or an answer, and the second word of its first line.
fn message(reader: &mut BufReader<impl std::io::Read>) -> Option<(String, Vec<u8>)> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let begin = head.len();
        reader.read_line(&mut head).ok().filter(|read| *read > 0)?;
        let line = head[begin..].trim_end().to_ascii_lowercase();
        if let Some(text) = line.strip_prefix("content-length:") {
            length = text.trim().parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let path = head.split(' ').nth(1)?.to_owned();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((path, [head.into_bytes(), body].concat()))
}

#[test]
fn a_proxy_that_cuts_and_says_everything_twice_changes_nothing() {
    let server = Server::start();
    let host = Host::joined(&server, Mode::Manage);
    // What is signed stays for the server; only the way to it is another one.
    let (proxy, address) = Proxy::start(server.address);
    let path = host.paths.state().join("identity.json");
    let identity = std::fs::read_to_string(&path).unwrap();
    let from = format!("\"address\": \"{}\"", server.url());
    assert!(identity.contains(&from));
    std::fs::write(&path, identity.replace(&from, &format!("\"address\": \"{address}\""))).unwrap();
    let deployer = Arc::new(Recorder::default());
    let running = host.run(Arc::clone(&deployer));
    for revision in 1..=3 {
        let mut order = deployment(1, revision);
        let text = format!("services: {{}} # {revision}");
        order.files = vec![FileRef { name: "compose.yaml".into(), sha256: hash(&text) }];
        server.change(|state| {
            state.files.insert(hash(&text), text.clone());
            state.entries = vec![Entry::Deployment(Box::new(order))];
        });
        server.until("the revision runs", |state| {
            let last = state.transitions.get(&ONE)?.last()?;
            (last.revision == revision && last.phase == Phase::Running).then_some(())
        });
    }
    server.until("what waits is cut", |_| (proxy.seen.lock().unwrap().cuts > 0).then_some(()));
    running.end().unwrap();
    let seen = proxy.seen.lock().unwrap();
    assert!(
        seen.replays.len() >= 10 && seen.answered_again >= 5,
        "{} {}",
        seen.replays.len(),
        seen.answered_again
    );
    // None was believed, so that none could change anything.
    assert!(seen.replays.iter().all(|status| status == "401"), "{:?}", seen.replays);
    let state = server.state();
    let told: Vec<_> = state.transitions[&ONE].iter().map(|told| (told.seq, told.revision)).collect();
    assert_eq!(told, [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (6, 3)]);
    // No answer that was said again has been taken for news.
    let calls: Vec<_> = (1..=3).map(|revision| Call::CarryOut(ONE, revision)).collect();
    assert_eq!(deployer.calls(), calls);
    assert!(state.asked.iter().any(|asked| asked.path == path::DESIRED && asked.believed));
}
