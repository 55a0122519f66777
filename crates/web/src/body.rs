//! The body of a request, read whole, in time, and no longer than it may be. There is no other way: the extractors of
//! actix-web that read bodies are refused by the linter, and read nothing here ([`crate::configure`]).

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::rt::time::timeout;
use actix_web::web::{Bytes, BytesMut};
use actix_web::{Error, FromRequest, HttpRequest};
use futures_util::StreamExt as _;

/// The longest body, unless it is said otherwise.
pub const MOST_BYTES: usize = 1024 * 1024;

/// For how much room is made before anything has arrived.
const MOST_ROOM: usize = 64 * 1024;

/// For how long a client may send.
const PATIENCE: Duration = Duration::from_secs(20);

/// A body of at most `MOST` bytes, not read yet: nothing is taken in before its reader asks.
pub struct Body<const MOST: usize = MOST_BYTES> {
    payload: Payload,
    /// As the client says it.
    length: Option<usize>,
}

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFault {
    /// It is longer than bodies may be.
    TooLarge,
    /// It did not arrive in time.
    TimedOut,
    /// It did not arrive whole.
    Broken,
}

impl<const MOST: usize> Body<MOST> {
    /// A body that has come out of its request, with its length if the client says it.
    pub fn new(payload: Payload, length: Option<usize>) -> Self {
        Self { payload, length }
    }

    /// The body of a request whose payload somebody else has taken out.
    pub fn of(request: &HttpRequest, payload: Payload) -> Self {
        let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        Self::new(payload, length.map(|length| length.parse().unwrap_or(usize::MAX)))
    }

    /// Reads it.
    pub async fn read(self) -> Result<Bytes, BodyFault> {
        self.read_up_to(MOST).await
    }

    /// Reads it if it has at most `most` bytes. What says to have more is not even begun.
    pub async fn read_up_to(mut self, most: usize) -> Result<Bytes, BodyFault> {
        if self.length.is_some_and(|length| length > most) {
            return Err(BodyFault::TooLarge);
        }
        let read = async {
            let mut bytes = BytesMut::with_capacity(self.length.unwrap_or_default().min(MOST_ROOM));
            while let Some(chunk) = self.payload.next().await {
                let chunk = chunk.map_err(|_| BodyFault::Broken)?;
                if bytes.len() + chunk.len() > most {
                    return Err(BodyFault::TooLarge);
                }
                bytes.extend_from_slice(&chunk);
            }
            Ok(bytes.freeze())
        };
        timeout(PATIENCE, read).await.unwrap_or(Err(BodyFault::TimedOut))
    }
}

impl<const MOST: usize> FromRequest for Body<MOST> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request, payload.take())))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    async fn read(length: Option<&str>, bytes: usize, most: usize) -> Result<usize, BodyFault> {
        let request = match length {
            Some(length) => TestRequest::post().insert_header(("content-length", length)),
            None => TestRequest::post(),
        };
        let (request, _) = request.to_http_parts();
        let chunks = futures_util::stream::iter((0..bytes).map(|_| Ok(Bytes::from_static(b"x"))));
        let payload: Payload = Payload::Stream { payload: Box::pin(chunks) };
        Body::<MOST_BYTES>::of(&request, payload).read_up_to(most).await.map(|read| read.len())
    }

    #[actix_web::test]
    async fn what_is_too_long_is_refused_with_or_without_a_length() {
        assert_eq!(read(None, 16, 16).await, Ok(16));
        assert_eq!(read(Some("16"), 16, 16).await, Ok(16));
        assert_eq!(read(Some("17"), 0, 16).await, Err(BodyFault::TooLarge));
        assert_eq!(read(None, 17, 16).await, Err(BodyFault::TooLarge));
        // What lies about its length is held to what it sends.
        assert_eq!(read(Some("1"), 17, 16).await, Err(BodyFault::TooLarge));
        assert_eq!(read(Some("99999999999999999999999999"), 17, 16).await, Err(BodyFault::TooLarge));
    }
}
