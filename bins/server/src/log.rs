//! Writes down what is to be written beside answers, and says what was lost of it.

use std::sync::Arc;
use std::time::Duration;

use keyward_engine::{Engine, LogRound};

/// Writes for as long as the server runs.
pub(crate) async fn write(engine: Arc<Engine>) {
    loop {
        tell(&engine.write_log().await);
    }
}

/// For how long a server that stops waits for its database.
const PATIENCE: Duration = Duration::from_secs(5);

/// Writes all that is left, if the database takes it.
pub(crate) async fn flush(engine: &Engine) {
    match actix_web::rt::time::timeout(PATIENCE, engine.flush_log()).await {
        Ok(round) => tell(&round),
        Err(_) => tracing::warn!("access events could not be written down before the end"),
    }
}

fn tell(round: &LogRound) {
    if let Some(error) = &round.error {
        tracing::error!(%error, "access events can't be written down");
    }
    if round.dropped > 0 {
        tracing::warn!(dropped = round.dropped, "access events were dropped");
    }
}
