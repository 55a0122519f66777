//! Use-cases for callers whose futures are sent between threads.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::Engine;

impl Engine {
    /// Carries out `work` on a thread on which it can block, for handlers and tasks that are sent between threads, as axum's are.
    ///
    /// A use-case that changes something borrows what it was given for as long as its transaction may be run again. The compiler
    /// can't see that such a future may be sent, so it stays on one thread, and this one waits for it. Use-cases that only read need
    /// none of it. Once begun, `work` goes on to its end even where its caller has gone.
    ///
    /// ```no_run
    /// # use std::sync::Arc;
    /// # use keyward_engine::{Engine, NewLicense, Result};
    /// # use keyward_domain::{Access, License, permission::WriteLicenses};
    /// # async fn handler(engine: Arc<Engine>, access: Access<WriteLicenses>, new: NewLicense) -> Result<License> {
    /// engine.carry_out(async move |engine| Ok(engine.create_license(&access, new, None).await?.value)).await
    /// # }
    /// ```
    ///
    /// # Panics
    /// Where `work` does, and where no tokio runtime runs.
    pub fn carry_out<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl AsyncFnOnce(&Self) -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send + 'static {
        let engine = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || Handle::current().block_on(work(&engine)));
        async {
            match done.await {
                Ok(done) => done,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => resume_unwind(panic),
                    // The runtime ends, and with it whoever would get an answer.
                    Err(_) => std::future::pending().await,
                },
            }
        }
    }
}
