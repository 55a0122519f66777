//! One page in a real browser that stays open while things happen at another server of the same database.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use super::server::Server;
use crate::steps::succeeds;

/// Walks the journey with two servers on this database; whether all went well.
pub(crate) fn walk(browser: &Path, database: String) -> Result<bool> {
    let server = Server::start(Some(database.clone()))?;
    let key = server.data().join("master.key").display().to_string();
    let mut other = Server::start_with(Some(database), &[("KEYWARD_MASTER_KEY_FILE", key)])?;
    // Of several first starts the last one has the link that opens.
    let link = other.setup_link()?;
    let mut journey = Command::new("node");
    journey.arg(browser.join("live.mjs")).arg(link).arg(server.url());
    succeeds(journey.stdin(Stdio::null())).context("the journey in the browser")
}
