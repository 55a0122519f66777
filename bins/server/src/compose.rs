//! Puts store and engine together as the settings say.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use keyward_engine::{Engine, EngineBuilder, MasterKey};
use keyward_storage::{Schema, Store, sqlite_file};

use crate::config::{MasterKeySource, Settings};
use crate::mail::Post;
use crate::master_key;
use crate::tls::Tls;

/// How many sealed rows of each kind are opened when all is checked, beside every signing key.
const MOST_OPENED: u64 = 1_000;

/// Opens the database, making folder, tables and master key where this is the first start.
pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Arc<Engine>> {
    // What is wrong with a key that is there is told before anything is made.
    master_key::find(&settings.master_key)?;
    make_data_dir(settings)?;
    let store = connect(settings).await?;
    let has_master_key = Engine::prepare(&store).await?;
    // Looked for after the tables: another server that starts at the same moment writes the key first.
    let master_key = match (master_key::find(&settings.master_key)?, has_master_key) {
        (Some(master_key), _) => master_key,
        (None, false) => master_key::make(&settings.master_key)?,
        (None, true) => {
            bail!("the master key of this database is missing: restore it from its backup")
        }
    };
    Ok(Arc::new(builder(store, master_key, settings).build().await?))
}

/// Looks at everything that [`open`] needs and makes nothing. Gives the number of signing keys.
pub(crate) async fn check(settings: &Settings) -> anyhow::Result<usize> {
    Post::open(settings)?;
    settings.tls.as_ref().map(Tls::open).transpose()?;
    existing_database(settings)?;
    let store = connect(settings).await?;
    if let Schema::Behind { pending } = store.schema().await? {
        bail!("the database lacks {pending} migrations: run keyward-server migrate")
    }
    let master_key = master_key::find(&settings.master_key)?.context("the master key is missing")?;
    let engine = builder(store.clone(), master_key, settings).build_unchanged().await?;
    let faults = store.integrity().await?;
    ensure!(faults.is_empty(), "the database is damaged: {}", faults.join("; "));
    let keys = engine.open_all_signing_keys().await?;
    engine.open_sealed(MOST_OPENED).await?;
    Ok(keys)
}

fn builder(store: Store, master_key: MasterKey, settings: &Settings) -> EngineBuilder {
    let builder = Engine::builder(store, master_key, settings.issuer.clone())
        .event_view(keyward_api::event_view)
        .outbound(settings.outbound.clone())
        .authorities(settings.authorities.clone())
        .audit_sinks(settings.audit_sinks.clone())
        .mail_limits(settings.mail_limits)
        .hash_memory(settings.hash_memory)
        .folder("data", settings.data_dir.clone());
    let builder =
        others(settings).into_iter().fold(builder, |builder, (name, folder)| builder.folder(name, folder));
    match &settings.registry_domain {
        Some(domain) => builder.registry_domain(domain.clone()),
        None => builder,
    }
}

/// The folders beside the data folder that something important is in.
fn others(settings: &Settings) -> Vec<(&'static str, PathBuf)> {
    let folder = |file: &Path| {
        let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
        parent.map_or_else(|| PathBuf::from("."), Path::to_owned)
    };
    let database = sqlite_file(&settings.database_url).map(|path| ("database", folder(Path::new(&path))));
    let master_key = match &settings.master_key {
        MasterKeySource::File(path) => Some(("master_key", folder(path))),
        MasterKeySource::Text(_) | MasterKeySource::DataDir(_) => None,
    };
    let found = [database, master_key].into_iter().flatten();
    found.filter(|(_, folder)| *folder != settings.data_dir).collect()
}

pub(crate) async fn connect(settings: &Settings) -> anyhow::Result<Store> {
    let opened = Store::connect_with(&settings.database_url, settings.database.clone()).await;
    opened.context("opening the database (DATABASE_URL)")
}

/// A command that makes nothing needs a database that is there.
pub(crate) fn existing_database(settings: &Settings) -> anyhow::Result<()> {
    match sqlite_file(&settings.database_url) {
        Some(path) if !std::fs::exists(&path).unwrap_or(false) => {
            bail!("there is no database at {path} yet: start the server")
        }
        Some(_) | None => Ok(()),
    }
}

pub(crate) fn make_data_dir(settings: &Settings) -> anyhow::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let dir = &settings.data_dir;
    builder.create(dir).with_context(|| format!("making the data folder {}", dir.display()))
}
