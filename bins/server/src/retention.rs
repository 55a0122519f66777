//! Has what is old removed.

use std::sync::Arc;
use std::time::Duration;

use keyward_engine::{Engine, Retention, Tidied};

/// How often it is looked for what is old, and at the clock.
const PAUSE: Duration = Duration::from_secs(10 * 60);

/// Between one part and the next: others want to write as well.
const BREATH: Duration = Duration::from_millis(50);

/// Looks for as long as the server runs.
pub(crate) async fn tidy(engine: Arc<Engine>, retention: Retention) {
    let mut steady = true;
    loop {
        let pause = match engine.tidy(&retention).await {
            Ok(Tidied::Some(_)) => BREATH,
            Ok(Tidied::Nothing) => {
                steady = true;
                PAUSE
            }
            Ok(Tidied::Elsewhere) => PAUSE,
            Ok(Tidied::Unsteady) => {
                if std::mem::take(&mut steady) {
                    tracing::info!("what is old is removed once the clock has gone on evenly for six hours");
                }
                PAUSE
            }
            Err(error) => {
                tracing::error!(%error, "what is old can't be removed");
                PAUSE
            }
        };
        actix_web::rt::time::sleep(pause).await;
    }
}
