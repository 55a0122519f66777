//! Writes down what is to be written beside answers, and says what was lost of it.

use std::sync::Arc;

use keyward_engine::{Engine, LogRound};

/// Writes for as long as the server runs.
pub(crate) async fn write(engine: Arc<Engine>) {
    loop {
        tell(&engine.write_log().await);
    }
}

/// Writes all that is left.
pub(crate) async fn flush(engine: &Engine) {
    tell(&engine.flush_log().await);
}

fn tell(round: &LogRound) {
    if let Some(error) = &round.error {
        tracing::error!(%error, "access events can't be written down");
    }
    if round.dropped > 0 {
        tracing::warn!(dropped = round.dropped, "access events were dropped");
    }
}
