//! Has registry keys rotated that are due, and their people told.

use std::sync::Arc;
use std::time::Duration;

use keyward_engine::{Engine, RotationRun};

/// How often it is looked for keys that need something.
const PAUSE: Duration = Duration::from_secs(60);

/// Looks for as long as the server runs.
pub(crate) async fn rotate_due(engine: Arc<Engine>) {
    loop {
        match engine.run_due_rotations().await {
            Ok(RotationRun::Done(_)) => {}
            Ok(RotationRun::Postponed(key, error)) => {
                tracing::error!(%key, %error, "a registry key can't be tended, and is put off");
            }
            Ok(RotationRun::Nothing) => actix_web::rt::time::sleep(PAUSE).await,
            Err(error) => {
                tracing::error!(%error, "registry keys can't be tended");
                actix_web::rt::time::sleep(PAUSE).await;
            }
        }
    }
}
