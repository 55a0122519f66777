//! Tells all threads that the agent is to end.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Whether the agent is to end, for those that wait for something else.
#[derive(Debug, Default)]
pub struct Stop {
    stopping: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// It is to end.
    pub fn stop(&self) {
        *self.stopping.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Whether it is to end.
    pub fn is_stopping(&self) -> bool {
        *self.stopping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for so long, or until the agent is to end; whether it is.
    pub fn sleep(&self, duration: Duration) -> bool {
        let stopping = self.stopping.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(stopping, duration, |stopping| !*stopping);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
