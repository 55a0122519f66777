//! A fixed rate of requests, each timed from the moment it was due, whenever it could be sent.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

const CONNECTIONS: u32 = 32;

/// What came of the requests.
#[derive(Default)]
pub(crate) struct Latencies {
    /// Microseconds from due to answered, sorted.
    micros: Vec<u32>,
    /// How many were not answered as they should be.
    pub failed: usize,
}

impl Latencies {
    /// The latency that this share of the requests did not exceed.
    pub(crate) fn quantile(&self, share: f64) -> u32 {
        let last = self.micros.len().saturating_sub(1);
        self.micros.get((last as f64 * share) as usize).copied().unwrap_or_default()
    }
}

/// Sends `requests` in turn, `rate` a second, for `seconds`. All must succeed.
pub(crate) fn run(address: &str, requests: &[String], rate: u32, seconds: u32) -> Result<Latencies> {
    let found = count(address, requests, rate, seconds)?;
    ensure!(found.failed == 0, "{} requests failed", found.failed);
    Ok(found)
}

/// The same, and counts those that do not.
pub(crate) fn count(address: &str, requests: &[String], rate: u32, seconds: u32) -> Result<Latencies> {
    let start = Instant::now() + Duration::from_millis(50);
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|worker| {
            let (address, requests) = (address.to_owned(), requests.to_vec());
            std::thread::spawn(move || connection(&address, &requests, worker, rate, seconds, start))
        })
        .collect();
    let mut all = Latencies::default();
    for worker in workers {
        let part = worker.join().ok().context("a connection's thread")??;
        all.micros.extend(part.micros);
        all.failed += part.failed;
    }
    all.micros.sort_unstable();
    Ok(all)
}

fn connection(
    address: &str,
    requests: &[String],
    worker: u32,
    rate: u32,
    seconds: u32,
    start: Instant,
) -> Result<Latencies> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 16 * 1024];
    let mut latencies = Latencies::default();
    for number in (worker..rate * seconds).step_by(CONNECTIONS as usize) {
        let due = start + Duration::from_secs_f64(f64::from(number) / f64::from(rate));
        if let Some(wait) = due.checked_duration_since(Instant::now()) {
            std::thread::sleep(wait);
        }
        stream.write_all(requests[number as usize % requests.len()].as_bytes())?;
        let answer = read(&mut stream, &mut buffer)?;
        if !answer.starts_with(b"HTTP/1.1 200") {
            latencies.failed += 1;
        }
        latencies.micros.push(u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    Ok(latencies)
}

/// One answer, to the end that its `content-length` tells.
fn read<'b>(stream: &mut TcpStream, buffer: &'b mut [u8]) -> Result<&'b [u8]> {
    let mut filled = 0;
    loop {
        let more = stream.read(&mut buffer[filled..])?;
        ensure!(more > 0, "the server hung up");
        filled += more;
        let Some(head) = buffer[..filled].windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let text = std::str::from_utf8(&buffer[..head])?;
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.context("an answer without a length")?.parse()?;
        if filled >= head + 4 + length {
            return Ok(&buffer[..filled]);
        }
    }
}
