//! A server for one page, `GET /metrics`, within strict bounds: it may stand in a network with strangers.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::metrics::Format;

/// The most connections at once. Of more, the oldest is closed: who asks at once is answered at once, and who holds
/// connections open holds up nobody.
const MOST_CONNECTIONS: usize = 64;

/// The most threads at once, which are more than connections for as long as closed ones take to end.
const MOST_THREADS: usize = 2 * MOST_CONNECTIONS;

/// How long a request and its answer may take.
const TIME: Duration = Duration::from_secs(10);

/// The longest head of a request, and the most headers in it.
const HEAD: usize = 8 * 1024;
const HEADERS: usize = 64;

/// Answers until the process ends. `page` gives the text of the metrics; it is asked for one at a time.
pub(super) fn serve(listener: &TcpListener, page: impl FnMut(Format) -> String + Send) -> ! {
    let open = Open::default();
    let page = Mutex::new(page);
    std::thread::scope(|threads| -> ! {
        loop {
            let Ok((stream, _)) = listener.accept() else {
                // There are no more files, or the connection is gone already.
                std::thread::sleep(Duration::from_millis(50));
                continue;
            };
            let Some(number) = open.enter(&stream) else { continue };
            let (open, page) = (&open, &page);
            let thread = std::thread::Builder::new().spawn_scoped(threads, move || {
                // What a client does with its connection is its own affair.
                let _ = answer(stream, |format| page.lock().unwrap_or_else(PoisonError::into_inner)(format));
                open.leave(number);
            });
            if thread.is_err() {
                open.leave(number);
            }
        }
    })
}

/// The connections that are open, the oldest first.
#[derive(Default)]
struct Open {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    streams: VecDeque<(u64, TcpStream)>,
    threads: usize,
    last: u64,
}

impl Open {
    /// Makes room for a connection, and gives it a number; `None` if there is too much to do.
    fn enter(&self, stream: &TcpStream) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.threads >= MOST_THREADS {
            return None;
        }
        let stream = stream.try_clone().ok()?;
        if state.streams.len() >= MOST_CONNECTIONS
            && let Some((_, oldest)) = state.streams.pop_front()
        {
            let _ = oldest.shutdown(Shutdown::Both);
        }
        state.threads += 1;
        state.last += 1;
        let number = state.last;
        state.streams.push_back((number, stream));
        Some(number)
    }

    fn leave(&self, number: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.threads = state.threads.saturating_sub(1);
        state.streams.retain(|(other, _)| *other != number);
    }
}

/// Answers one request, and closes the connection.
fn answer(mut stream: TcpStream, page: impl FnOnce(Format) -> String) -> std::io::Result<()> {
    let end = Instant::now() + TIME;
    let request = read(&mut stream, end)?;
    let (status, kind, body) = match &request {
        Request::Metrics { accept, .. } => {
            let format = Format::asked_for(accept);
            ("200 OK", format.content_type(), page(format))
        }
        Request::OtherPath => ("404 Not Found", TEXT, "metrics are at /metrics\n".to_owned()),
        Request::OtherMethod => ("405 Method Not Allowed\r\nAllow: GET, HEAD", TEXT, "only GET\n".to_owned()),
        Request::TooLong => ("431 Request Header Fields Too Large", TEXT, String::new()),
        Request::Malformed => ("400 Bad Request", TEXT, String::new()),
    };
    let length = body.len();
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nCache-Control: no-store\r\n\
         Connection: close\r\n\r\n"
    );
    if !matches!(request, Request::Metrics { head: true, .. }) {
        answer.push_str(&body);
    }
    // One write: it is far smaller than what the system takes at once.
    stream.set_write_timeout(Some(left(end)?))?;
    stream.write_all(answer.as_bytes())?;
    stream.shutdown(Shutdown::Write)
}

const TEXT: &str = "text/plain; charset=utf-8";

enum Request {
    Metrics { head: bool, accept: String },
    OtherPath,
    OtherMethod,
    TooLong,
    Malformed,
}

/// Reads the head of a request, byte by byte if need be, but not beyond the end of its time.
fn read(stream: &mut TcpStream, end: Instant) -> std::io::Result<Request> {
    let mut head = [0; HEAD];
    let mut filled = 0;
    loop {
        let Some(room) = head.get_mut(filled..).filter(|room| !room.is_empty()) else {
            return Ok(Request::TooLong);
        };
        stream.set_read_timeout(Some(left(end)?))?;
        match stream.read(room)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => filled += read,
        }
        if let Some(request) = parse(head.get(..filled).unwrap_or_default()) {
            return Ok(request);
        }
    }
}

/// What a head asks for; `None` as long as it is not complete.
fn parse(head: &[u8]) -> Option<Request> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Partial) => return None,
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Some(Request::TooLong),
        Err(_) => return Some(Request::Malformed),
    }
    let path = request.path.and_then(|path| path.split('?').next());
    let head = match (request.method, path) {
        (_, path) if path != Some("/metrics") => return Some(Request::OtherPath),
        (Some("GET"), _) => false,
        (Some("HEAD"), _) => true,
        _ => return Some(Request::OtherMethod),
    };
    let accept = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("accept"));
    let accept: Vec<_> = accept.map(|header| String::from_utf8_lossy(header.value)).collect();
    Some(Request::Metrics { head, accept: accept.join(",") })
}

/// What is left of the time; an error once it is over.
fn left(end: Instant) -> std::io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(std::io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(head: &str) -> &'static str {
        match parse(head.as_bytes()) {
            None => "more",
            Some(Request::Metrics { head: true, .. }) => "head",
            Some(Request::Metrics { head: false, .. }) => "metrics",
            Some(Request::OtherPath) => "path",
            Some(Request::OtherMethod) => "method",
            Some(Request::TooLong) => "long",
            Some(Request::Malformed) => "malformed",
        }
    }

    #[test]
    fn only_one_page_is_served() {
        for (head, expected) in [
            ("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "metrics"),
            ("GET /metrics?name=x HTTP/1.0\r\n\r\n", "metrics"),
            ("HEAD /metrics HTTP/1.1\r\n\r\n", "head"),
            ("POST /metrics HTTP/1.1\r\n\r\n", "method"),
            ("GET / HTTP/1.1\r\n\r\n", "path"),
            ("GET /metrics/../etc HTTP/1.1\r\n\r\n", "path"),
            ("GET /metrics HTTP/1.1\r\nHost: a\r\n", "more"),
            ("", "more"),
            ("GET /metrics HTTP/9.9\r\n\r\n", "malformed"),
            ("\u{16}\u{3}\u{1}", "malformed"),
        ] {
            assert_eq!(said(head), expected, "{head:?}");
        }
        let many: String = (0..HEADERS + 1).map(|n| format!("a{n}: b\r\n")).collect();
        assert_eq!(said(&format!("GET /metrics HTTP/1.1\r\n{many}\r\n")), "long");
    }

    proptest! {
        #[test]
        fn no_request_panics(head in any::<Vec<u8>>(), text in "[ -~\r\n]{0,200}") {
            let _ = (parse(&head), parse(text.as_bytes()), Format::asked_for(&text));
        }
    }
}
