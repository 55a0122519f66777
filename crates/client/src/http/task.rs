//! A check beside whatever else a program does.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// What a thread of its own comes to. It is not stopped when this is dropped.
pub(super) struct Task<T>(Arc<Mutex<State<T>>>);

struct State<T> {
    result: Option<T>,
    waker: Option<Waker>,
}

impl<T: Send + 'static> Task<T> {
    /// `otherwise`, if there is no thread to be had.
    pub(super) fn start(work: impl FnOnce() -> T + Send + 'static, otherwise: impl FnOnce() -> T) -> Self {
        let state = Arc::new(Mutex::new(State { result: None, waker: None }));
        let shared = Arc::clone(&state);
        let started = std::thread::Builder::new().name("keyward-client".into()).spawn(move || {
            let result = work();
            let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
            state.result = Some(result);
            let waker = state.waker.take();
            drop(state);
            if let Some(waker) = waker {
                waker.wake();
            }
        });
        if started.is_err() {
            state.lock().unwrap_or_else(PoisonError::into_inner).result = Some(otherwise());
        }
        Self(state)
    }
}

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}
