//! A network between a server and its database: it passes on what it is given, half a round trip later.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// The database's URL through a network with this round trip. It lasts as long as the process.
pub(crate) fn through(database: &str, round_trip: Duration) -> Result<String> {
    let (before, after) = database.split_once('@').context("a URL with a user")?;
    let (server, name) = after.split_once('/').context("a URL with a database")?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let server = server.to_owned();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let _ = connect(&client, &server, round_trip / 2);
        }
    });
    Ok(format!("{before}@{address}/{name}"))
}

fn connect(client: &TcpStream, server: &str, delay: Duration) -> std::io::Result<()> {
    let server = TcpStream::connect(server)?;
    for socket in [client, &server] {
        socket.set_nodelay(true)?;
    }
    pass(client.try_clone()?, server.try_clone()?, delay);
    pass(server, client.try_clone()?, delay);
    Ok(())
}

/// Passes bytes on in one direction; what follows closely is not held up by what is under way.
fn pass(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let (queue, due) = mpsc::channel::<(Instant, Vec<u8>)>();
    std::thread::spawn(move || {
        for (at, bytes) in due {
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let bytes = buffer.get(..read).unwrap_or_default().to_vec();
            if queue.send((Instant::now() + delay, bytes)).is_err() {
                break;
            }
        }
    });
}
