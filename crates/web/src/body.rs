//! The body of a request, read whole and in time.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::{Error, FromRequest, HttpRequest, rt, web};

/// For how long a client may send.
const PATIENCE: Duration = Duration::from_secs(20);

/// The bytes, or why there are none.
#[derive(Debug)]
pub struct Body(pub Result<web::Bytes, BodyFault>);

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

impl FromRequest for Body {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            let read = match rt::time::timeout(PATIENCE, bytes).await {
                Ok(Ok(bytes)) => Ok(bytes),
                Ok(Err(error)) => match error.as_error::<PayloadError>() {
                    Some(PayloadError::Overflow) => Err(BodyFault::TooLarge),
                    Some(_) | None => Err(BodyFault::Broken),
                },
                Err(_) => Err(BodyFault::TimedOut),
            };
            Ok(Self(read))
        })
    }
}
