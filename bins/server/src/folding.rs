//! Has texts folded that an older server wrote: while servers are upgraded one after the other, old and new ones write side by side.

use std::sync::Arc;
use std::time::Duration;

use keyward_engine::Engine;

/// For so long, what an older server has written may be found only as it was found before.
const PAUSE: Duration = Duration::from_secs(10);

/// Looks for as long as the server runs.
pub(crate) async fn fold(engine: Arc<Engine>) {
    loop {
        actix_web::rt::time::sleep(PAUSE).await;
        match engine.fold_texts().await {
            Ok(true) => tracing::info!("texts were made searchable that an older server has written"),
            Ok(false) => {}
            Err(error) if error.is_passing() => tracing::debug!(%error, "texts can't be folded now"),
            Err(error) => tracing::error!(%error, "texts that an older server has written can't be folded"),
        }
    }
}
