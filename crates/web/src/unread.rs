//! Bodies that are not read to their end, because the answer is known before.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use actix_web::HttpMessage as _;
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::Bytes;
use futures_util::Stream;

/// A body in chunks. What nobody reads of it is skipped, and the connection then takes the next request; but a
/// connection that waits for its reader is not told when that is gone, and would stand still for ever.
struct Chunked(Payload);

/// Lets the connection of a request go on, whatever of the body is read.
pub(crate) fn guard(request: &mut ServiceRequest) {
    // A connection whose body has a length is closed instead.
    if request.headers().contains_key(header::TRANSFER_ENCODING) {
        let payload = Box::pin(Chunked(request.take_payload()));
        request.set_payload(Payload::Stream { payload });
    }
}

impl Stream for Chunked {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(context)
    }
}

impl Drop for Chunked {
    fn drop(&mut self) {
        // To take a piece wakes the connection.
        let _ = Pin::new(&mut self.0).poll_next(&mut Context::from_waker(Waker::noop()));
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

    #[actix_web::test]
    async fn a_body_that_nobody_reads_does_not_hold_up_the_next_request() {
        let app = || App::new().wrap(from_fn(crate::around)).default_service(web::to(refuse));
        let server = HttpServer::new(app).workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        rt::spawn(server);
        let seen = web::block(move || talk(address)).await.unwrap();
        assert_eq!(seen, ["401", "401", "401"]);
        handle.stop(false).await;
    }
}
