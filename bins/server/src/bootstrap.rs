//! Founds an organization from the command line.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use keyward_engine::NewOrganization;
use serde_json::json;

use crate::config::Settings;
use crate::{compose, print};

/// Prints the organization as one JSON object, with its first token; or writes that to a new file.
pub(crate) async fn found(
    settings: &Settings,
    new: NewOrganization,
    operator: bool,
    token_file: Option<&Path>,
) -> anyhow::Result<()> {
    let engine = compose::open(settings).await?;
    // There before the token is, so that none is lost.
    let file = token_file.map(create).transpose()?;
    let founded = match engine.bootstrap(new, operator).await {
        Ok(founded) => founded,
        Err(error) => {
            token_file.map(std::fs::remove_file);
            return Err(error.into());
        }
    };
    let mut made = json!({
        "organization_id": founded.organization.id,
        "organization_slug": founded.organization.slug,
        "email": founded.owner.email,
    });
    match (file, token_file) {
        (Some(mut file), Some(path)) => {
            let written = writeln!(file, "{}", founded.secret.expose()).and_then(|()| file.sync_all());
            written.with_context(|| format!("writing {}", path.display()))?;
        }
        (_, _) => made["token"] = founded.secret.expose().into(),
    }
    print(&made.to_string())
}

/// A file that was not there before, for its owner alone.
fn create(path: &Path) -> anyhow::Result<std::fs::File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).with_context(|| format!("creating {}", path.display()))
}
