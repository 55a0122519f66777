//! Bodies that are not read to their end, because the answer is known before.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::HttpMessage as _;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::{Version, header};
use actix_web::rt::time::timeout;
use actix_web::web::Bytes;
use futures_util::{Stream, StreamExt as _};

/// How much of a body is skipped so that its connection can be used again.
const MOST_SKIPPED: usize = 1024 * 1024;

/// For how long an answer waits for that.
const PATIENCE: Duration = Duration::from_secs(1);

/// A body in chunks, of which nobody has said how long it is. What no handler has read is skipped, up to a bound; beyond
/// it the connection is closed. Left to itself it would take whatever comes, for ever. In HTTP/2 it is the stream that is
/// reset with the body, and before the answer is sent, if the body is not held until then.
#[derive(Clone)]
pub(crate) struct Chunked(Rc<RefCell<Rest>>);

struct Rest {
    payload: Payload,
    ended: bool,
}

/// Takes the body of a request into account, if it comes in chunks or by HTTP/2. A connection of HTTP/1.1 whose body has a
/// length is closed if that is not read.
pub(crate) fn guard(request: &mut ServiceRequest) -> Option<Chunked> {
    if !request.headers().contains_key(header::TRANSFER_ENCODING) && request.version() != Version::HTTP_2 {
        return None;
    }
    let chunked = Chunked(Rc::new(RefCell::new(Rest { payload: request.take_payload(), ended: false })));
    request.set_payload(Payload::Stream { payload: Box::pin(chunked.clone()) });
    Some(chunked)
}

impl Chunked {
    /// Skips what was not read of it. Where there is more, the connection ends with the answer: it is told so by the
    /// body that is still held when the answer has been sent.
    pub(crate) async fn settle(mut self, response: ServiceResponse) -> ServiceResponse {
        let skip = async {
            let mut left = MOST_SKIPPED;
            while let Some(Ok(chunk)) = self.next().await {
                match left.checked_sub(chunk.len()) {
                    Some(less) => left = less,
                    None => break,
                }
            }
        };
        let _ = timeout(PATIENCE, skip).await;
        if self.0.borrow().ended {
            return response;
        }
        response.map_body(|_, body| BoxBody::new(Holding { body, _unread: self }))
    }
}

impl Stream for Chunked {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut rest = self.0.borrow_mut();
        if rest.ended {
            return Poll::Ready(None);
        }
        let polled = Pin::new(&mut rest.payload).poll_next(context);
        rest.ended = matches!(polled, Poll::Ready(None | Some(Err(_))));
        polled
    }
}

/// An answer that holds on to the body of its request until it is sent.
struct Holding {
    body: BoxBody,
    _unread: Chunked,
}

impl MessageBody for Holding {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpStream};
    use std::time::Duration;

    use actix_web::middleware::from_fn;
    use actix_web::{App, HttpResponse, HttpServer, rt, web};

    /// Decides by something that takes its time, and has not looked at the body.
    async fn refuse(_: web::Payload) -> HttpResponse {
        rt::time::sleep(Duration::from_millis(20)).await;
        HttpResponse::Unauthorized().json("no")
    }

    fn status(stream: &mut TcpStream) -> String {
        let mut answer = [0; 4096];
        let length = stream.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..length]).chars().skip(9).take(3).collect()
    }

    fn talk(address: SocketAddr) -> Vec<String> {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut seen = Vec::new();
        for length in [10, 1_000_000, 100_000] {
            write!(stream, "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n")
                .unwrap();
            stream.write_all(&vec![b'x'; length]).unwrap();
            stream.write_all(b"\r\n0\r\n\r\n").unwrap();
            seen.push(status(&mut stream));
        }
        seen
    }

    /// What a client sees of a server that refuses everything and reads nothing.
    async fn seen<T: Send + 'static>(client: impl FnOnce(SocketAddr) -> T + Send + 'static) -> T {
        let app = || App::new().wrap(from_fn(crate::around)).default_service(web::to(refuse));
        let server = HttpServer::new(app).workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        rt::spawn(server);
        let seen = web::block(move || client(address)).await.unwrap();
        handle.stop(false).await;
        seen
    }

    #[actix_web::test]
    async fn a_body_that_nobody_reads_does_not_hold_up_the_next_request() {
        assert_eq!(seen(talk).await, ["401", "401", "401"]);
    }

    /// Sends chunks for ten seconds; whether all were taken.
    fn pour(address: SocketAddr) -> bool {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(stream, "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        let chunk = [b"10000\r\n".to_vec(), vec![b'x'; 65_536], b"\r\n".to_vec()].concat();
        (0..1_000).all(|_| {
            std::thread::sleep(Duration::from_millis(10));
            stream.write_all(&chunk).is_ok()
        })
    }

    #[actix_web::test]
    async fn a_body_without_end_is_not_taken_for_ever() {
        assert!(!seen(pour).await, "it took all of it");
    }
}
