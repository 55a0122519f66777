//! Work on large texts goes off the threads that serve requests.

use tokio::sync::Semaphore;

use crate::Result;

/// From how many bytes on a text is large.
const LARGE: usize = 64 * 1024;

/// How many do such work at once: it is bound by processors, and whoever comes later waits for a place.
static PLACES: Semaphore = Semaphore::const_new(4);

/// Does `work` on a text of so many bytes: at once, or on a thread of its own where the text is large.
pub async fn heavy<T: Send + 'static, E: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    if bytes < LARGE {
        return work();
    }
    // The semaphore is never closed; without a place the work would be done all the same.
    let _place = PLACES.acquire().await.ok();
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // As if it had been done here.
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going down, and with it whoever waits for the answer.
            Err(_) => std::future::pending().await,
        },
    }
}
