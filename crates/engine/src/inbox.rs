//! Where things queue up for one task that deals with them.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// Nobody deals with it: the task has ended, or there is no tokio runtime that could carry it.
#[derive(Debug)]
pub(crate) struct Closed;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A queue, and the task at its other end, which ends when this is dropped. The task runs on the tokio runtime in which this
/// is made, or if there is none then, on the one in which the first thing is sent.
pub(crate) struct Inbox<T> {
    queue: mpsc::Sender<T>,
    started: AtomicBool,
    task: Mutex<Option<Task>>,
}

impl<T> Inbox<T> {
    /// A queue of so many, with what takes things out of it.
    pub(crate) fn open<F>(places: usize, task: impl FnOnce(mpsc::Receiver<T>) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (queue, entries) = mpsc::channel(places);
        let task: Task = Box::pin(task(entries));
        let inbox = Self { queue, started: AtomicBool::new(false), task: Mutex::new(Some(task)) };
        inbox.start();
        inbox
    }

    /// Queues a thing up, as soon as there is a place for it.
    pub(crate) async fn send(&self, thing: T) -> Result<(), Closed> {
        if !self.started.load(Ordering::Acquire) && !self.start() {
            return Err(Closed);
        }
        self.queue.send(thing).await.map_err(|_| Closed)
    }

    /// Whether the task runs now.
    fn start(&self) -> bool {
        let Ok(runtime) = Handle::try_current() else { return false };
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            runtime.spawn(task);
        }
        self.started.store(true, Ordering::Release);
        true
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    async fn answer(mut questions: mpsc::Receiver<oneshot::Sender<u8>>) {
        while let Some(question) = questions.recv().await {
            let _ = question.send(7);
        }
    }

    #[test]
    fn it_can_be_made_where_no_runtime_is_and_works_where_one_is() {
        let inbox = Inbox::open(1, answer);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (question, answer) = oneshot::channel();
        runtime.block_on(async {
            inbox.send(question).await.unwrap();
            assert_eq!(answer.await, Ok(7));
        });
    }

    #[test]
    fn without_a_runtime_it_refuses() {
        use std::task::{Context, Poll, Waker};
        let inbox = Inbox::open(1, answer);
        let (question, _answer) = oneshot::channel();
        let mut sending = Box::pin(inbox.send(question));
        let sent = sending.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(sent, Poll::Ready(Err(Closed))));
    }
}
