//! What an agent costs that has nothing to do. Not part of a test run: it takes minutes.
//!
//! ```sh
//! cargo xtask agent
//! KEYWARD_AGENT_PROGRAM=$PWD/target/agent-programs/keyward-agent-x86_64 cargo test -p keyward-agent-cli --test it -- --ignored --nocapture idle
//! ```

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::server::{CODE, Server};
use crate::{Host, ended, terminate};

const MINUTES: u64 = 5;

/// A way to the server that counts the bytes on it.
fn counting(server: &Server) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (to, count) = (server.address, Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&count);
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let far = TcpStream::connect(to).unwrap();
            for (mut from, mut to) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)] {
                let counted = Arc::clone(&counted);
                thread::spawn(move || {
                    let mut buffer = [0; 16 * 1024];
                    while let Ok(read @ 1..) = from.read(&mut buffer) {
                        counted.fetch_add(u64::try_from(read).unwrap(), Ordering::Relaxed);
                        if to.write_all(&buffer[..read]).is_err() {
                            return;
                        }
                    }
                });
            }
        }
    });
    (address, count)
}

#[test]
#[ignore = "it takes minutes, and measures"]
#[expect(clippy::print_stdout, reason = "it measures for people")]
fn idle() {
    let server = Server::start();
    let mut host = Host::new();
    host.program = std::env::var_os("KEYWARD_AGENT_PROGRAM").map(Into::into);
    let (code, text) = host.ends(&["join", &server.url(), CODE]);
    assert_eq!(code, 0, "{text}");
    // What is signed stays for the server; only the way to it is another one.
    let (address, bytes) = counting(&server);
    let path = host.folder.path().join("state/identity.json");
    let identity = std::fs::read_to_string(&path).unwrap();
    let from = format!("\"address\": \"{}\"", server.url());
    assert!(identity.contains(&from));
    std::fs::write(&path, identity.replace(&from, &format!("\"address\": \"{address}\""))).unwrap();
    let mut agent = host.command(&["run"]).spawn().unwrap();
    thread::sleep(Duration::from_secs(15));
    let ticks = |pid: u32| -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let (before, cost) = (bytes.load(Ordering::Relaxed), ticks(agent.id()));
    thread::sleep(Duration::from_secs(MINUTES * 60));
    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.id())).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap().trim().to_owned();
    println!("resident: {resident}");
    let cost = ticks(agent.id()) - cost;
    println!("processor: {cost} hundredths of a second in {MINUTES} minutes");
    println!("traffic: {} bytes a minute", (bytes.load(Ordering::Relaxed) - before) / MINUTES);
    terminate(&agent);
    assert_eq!(ended(&mut agent), 0);
    let resident: u64 = resident.split(' ').next().unwrap().parse().unwrap();
    assert!(resident <= 20 * 1024);
    // 0.2 % of a core.
    assert!(cost * 1000 <= 2 * MINUTES * 60 * 100);
}
