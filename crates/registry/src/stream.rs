//! Bodies on their way through: as they come, in constant memory, cut off when nothing moves.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::rt::time::{Instant, Sleep};
use actix_web::web::{Bytes, Data};
use futures_util::Stream;
use keyward_engine::Engine;
use keyward_engine::metrics::Direction;
use keyward_engine::outbound::bounds::IDLE;

/// Why a body was cut off.
#[derive(Debug)]
pub(crate) struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the other side of the gateway stopped in the middle")
    }
}

impl std::error::Error for Broken {}

/// A stream that ends with an error when it breaks or stands still.
pub(crate) struct Moving<S> {
    inner: S,
    idle: Pin<Box<Sleep>>,
    counted: Option<(Data<Engine>, Direction)>,
}

impl<S> Moving<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner, idle: Box::pin(actix_web::rt::time::sleep(IDLE)), counted: None }
    }

    /// The same for a body that goes through the gateway.
    pub(crate) fn through(inner: S, engine: &Data<Engine>, direction: Direction) -> Self {
        Self { counted: Some((engine.clone(), direction)), ..Self::new(inner) }
    }
}

impl<S: Stream<Item = Result<Bytes, E>> + Unpin, E: std::fmt::Display> Stream for Moving<S> {
    type Item = Result<Bytes, Broken>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match Pin::new(&mut self.inner).poll_next(cx) {
            Poll::Ready(Some(Ok(bytes))) => {
                self.idle.as_mut().reset(Instant::now() + IDLE);
                if let Some((engine, direction)) = &self.counted {
                    engine.metrics().gateway_bytes.of(*direction).add(bytes.len() as u64);
                }
                Poll::Ready(Some(Ok(bytes)))
            }
            Poll::Ready(Some(Err(error))) => {
                tracing::warn!(%error, "a body broke off on its way through");
                Poll::Ready(Some(Err(Broken)))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => self.idle.as_mut().poll(cx).map(|()| Some(Err(Broken))),
        }
    }
}

/// What a client is sent: of the length that the upstream has announced, and counted.
pub(crate) struct Passing<S, F: FnOnce(u64)> {
    inner: S,
    size: BodySize,
    passed: u64,
    done: Option<F>,
}

impl<S, F: FnOnce(u64)> Passing<S, F> {
    /// `done` is told how many bytes went through, when all did or the client went away.
    pub(crate) fn new(inner: S, length: Option<u64>, done: F) -> Self {
        let size = length.map_or(BodySize::Stream, BodySize::Sized);
        Self { inner, size, passed: 0, done: Some(done) }
    }
}

impl<S, F> MessageBody for Passing<S, F>
where
    S: Stream<Item = Result<Bytes, Broken>> + Unpin,
    F: FnOnce(u64) + Unpin,
{
    type Error = Broken;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        let polled = Pin::new(&mut self.inner).poll_next(cx);
        if let Poll::Ready(Some(Ok(bytes))) = &polled {
            self.passed += bytes.len() as u64;
        }
        polled
    }
}

impl<S, F: FnOnce(u64)> Drop for Passing<S, F> {
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            done(self.passed);
        }
    }
}

/// The body that a `GET` would have had, of which a `HEAD` tells the length.
pub(crate) struct Announced(pub Option<u64>);

impl MessageBody for Announced {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        self.0.map_or(BodySize::None, BodySize::Sized)
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Poll::Ready(None)
    }
}
