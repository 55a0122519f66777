//! Has mails written about licenses that are about to end.

use std::sync::Arc;
use std::time::Duration;

use keyward_engine::Engine;

/// How often it is looked whose turn it is.
const PAUSE: Duration = Duration::from_secs(60);

/// Looks for as long as the server runs.
pub(crate) async fn tell(engine: Arc<Engine>) {
    loop {
        match engine.tell_endings().await {
            Ok(true) => {}
            Ok(false) => actix_web::rt::time::sleep(PAUSE).await,
            Err(error) => {
                tracing::error!(%error, "it can't be told which licenses are about to end");
                actix_web::rt::time::sleep(PAUSE).await;
            }
        }
    }
}
