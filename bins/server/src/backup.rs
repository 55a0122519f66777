//! Backups of a SQLite database. The master key is not in them: together they would be all that a thief needs.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use keyward_storage::{Schema, Store, sqlite_file, sqlite_url};

use crate::compose;
use crate::config::Settings;

/// Copies the database, as it is at one moment, to `file`, which must not be there.
pub(crate) async fn take(settings: &Settings, file: &Path) -> anyhow::Result<()> {
    compose::existing_database(settings)?;
    let path = file.to_str().context("the backup's name is not UTF-8")?;
    let was_there = std::fs::exists(file)?;
    let taken = compose::connect(settings).await?.backup(path).await;
    if taken.is_err() && !was_there {
        // Half a backup would be taken for a whole one.
        let _ = std::fs::remove_file(file);
    }
    Ok(taken?)
}

/// Puts the backup in `file` into the place of the database, which must not be there.
pub(crate) async fn restore(settings: &Settings, file: &Path) -> anyhow::Result<()> {
    let place =
        sqlite_file(&settings.database_url).context("PostgreSQL has its own tool for backups: pg_restore")?;
    ensure!(!std::fs::exists(&place)?, "there is a database at {place}: move it away first");
    compose::make_data_dir(settings)?;
    // Made ready beside its place and renamed into it, so that a crash leaves all of it or nothing.
    let draft = format!("{place}.restoring");
    if std::fs::exists(&draft)? {
        std::fs::remove_file(&draft).with_context(|| format!("removing {draft}"))?;
    }
    let source = file.to_str().context("the backup's name is not UTF-8")?;
    ensure!(file.exists(), "there is no backup at {source}");
    let backup = Store::connect(&sqlite_url(source)).await.context("opening the backup")?;
    match backup.schema().await.context("reading the backup")? {
        Schema::Newer { unknown, usable: false } => {
            bail!("the backup was made by a newer Keyward ({})", unknown.join(", "))
        }
        Schema::Current | Schema::Newer { usable: true, .. } => {}
        Schema::Behind { .. } if backup.read().await?.settings().get("").await.is_ok() => {}
        Schema::Behind { .. } => bail!("{source} is no database of Keyward"),
    }
    backup.backup(&draft).await?;
    std::fs::rename(&draft, &place).with_context(|| format!("renaming {draft} to {place}"))
}
