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
    let place = PLACES.acquire().await.ok();
    let held = move || {
        // Given back when the work is done, even if nobody waits for it any more.
        let _place = place;
        work()
    };
    match tokio::task::spawn_blocking(held).await {
        Ok(done) => done,
        // As if it had been done here.
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going down, and with it whoever waits for the answer.
            Err(_) => std::future::pending().await,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn large_texts_leave_the_thread_that_serves() {
        let here = std::thread::current().id();
        let at = async |bytes| heavy(bytes, || Ok::<_, ()>(std::thread::current().id())).await.unwrap();
        assert_eq!(at(LARGE - 1).await, here);
        assert_ne!(at(LARGE).await, here);
        assert_eq!(heavy(LARGE, || Err::<(), _>("no")).await, Err("no"));
    }

    #[tokio::test]
    #[should_panic(expected = "as if it had been done here")]
    async fn a_panic_is_handed_on() {
        let _ = heavy(LARGE, || -> crate::Result<(), ()> { panic!("as if it had been done here") }).await;
    }
}
