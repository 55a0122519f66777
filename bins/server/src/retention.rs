//! Has forgotten how many mails were written in days that are over, what is too old to tell what is usual at registries and, where the operator wants that, what happened
//! there long ago.

use std::sync::Arc;
use std::time::Duration;

use keyward_engine::Engine;

/// How often it is looked for what is too old.
const PAUSE: Duration = Duration::from_secs(60 * 60);

/// Looks for as long as the server runs.
pub(crate) async fn forget(engine: Arc<Engine>, days: Option<u32>) {
    loop {
        match engine.forget_happenings(days).await {
            // There is more. Others want to write as well.
            Ok(true) => actix_web::rt::time::sleep(Duration::from_millis(100)).await,
            Ok(false) => {
                if let Err(error) = engine.forget_mail_counts().await {
                    tracing::error!(%error, "what was counted of mails can't be forgotten");
                }
                actix_web::rt::time::sleep(PAUSE).await;
            }
            Err(error) => {
                tracing::error!(%error, "what is old at the registries can't be forgotten");
                actix_web::rt::time::sleep(PAUSE).await;
            }
        }
    }
}
