//! Puts store, vault and engine together, and holds back what doesn't fit together.

use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use keyward_engine::{Engine, MasterKey, Vault};
use keyward_storage::{Schema, Store, Technical, sqlite_file};

use crate::config::Settings;
use crate::mail::Post;
use crate::master_key;
use crate::system::{SystemClock, SystemEntropy};
use crate::tls::Tls;

/// The name under which the database keeps its master key's fingerprint.
pub(crate) const FINGERPRINT: &str = "master_key_fingerprint";

/// How many sealed rows of each kind are opened when all is checked, beside every signing key.
const MOST_OPENED: u64 = 1_000;

/// A server's parts, ready to work.
pub(crate) struct Instance {
    /// All use-cases.
    pub engine: Arc<Engine>,
}

impl Instance {
    /// Opens the database, making folder, tables and master key where this is the first start.
    pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Self> {
        // What is wrong with a key that is there is told before anything is made.
        master_key::find(&settings.master_key)?;
        make_data_dir(settings)?;
        let store = connect(settings).await?;
        match store.schema().await? {
            Schema::Current | Schema::Behind { .. } => {
                store.migrate().await.context("bringing the database up to date")?;
            }
            Schema::Newer { usable: true, .. } => {
                tracing::warn!(
                    "the database was made by a newer version, which this one can still work with"
                );
            }
            Schema::Newer { unknown, usable: false } => bail!(
                "the database was made by a newer Keyward (it has {}): upgrade this program",
                unknown.join(", ")
            ),
        }
        let known = fingerprint(&store).await?;
        // Looked for after the fingerprint: another server that starts at the same moment writes the key first.
        let master = match (master_key::find(&settings.master_key)?, known) {
            (Some(master), known) => {
                matches(&master, known.as_deref())?;
                master
            }
            (None, None) => master_key::make(&settings.master_key)?,
            (None, Some(_)) => {
                bail!("the master key of this database is missing: restore it from its backup")
            }
        };
        remember(&store, &master).await?;
        Ok(Self { engine: Arc::new(engine(store, &master, settings)) })
    }
}

/// Looks at everything [`Instance::open`] needs and makes nothing. Gives the number of signing keys.
pub(crate) async fn check(settings: &Settings) -> anyhow::Result<usize> {
    Post::open(settings)?;
    settings.tls.as_ref().map(Tls::open).transpose()?;
    existing_database(settings)?;
    let store = connect(settings).await?;
    match store.schema().await? {
        Schema::Current => {}
        Schema::Behind { pending } => {
            bail!("the database lacks {pending} migrations: run keyward-server migrate")
        }
        Schema::Newer { usable: true, .. } => {}
        Schema::Newer { unknown, usable: false } => {
            bail!("the database was made by a newer Keyward ({})", unknown.join(", "))
        }
    }
    let faults = store.integrity().await?;
    ensure!(faults.is_empty(), "the database is damaged: {}", faults.join("; "));
    let master = master_key::find(&settings.master_key)?.context("the master key is missing")?;
    matches(&master, fingerprint(&store).await?.as_deref())?;
    let engine = engine(store, &master, settings);
    let keys = engine.open_all_signing_keys().await?;
    engine.open_sealed(MOST_OPENED).await?;
    Ok(keys)
}

fn engine(store: Store, master: &MasterKey, settings: &Settings) -> Engine {
    let engine = Engine::new(store, Vault::new(master), settings.issuer.clone(), SystemClock, SystemEntropy);
    let engine =
        engine.with_outbound(settings.outbound.clone()).with_authorities(settings.authorities.clone());
    let engine = engine.with_mail_limits(settings.mail_limits).with_hash_memory(settings.hash_memory);
    match &settings.registry_domain {
        Some(domain) => engine.with_registry_domain(domain.clone()),
        None => engine,
    }
}

pub(crate) async fn connect(settings: &Settings) -> anyhow::Result<Store> {
    let opened = Store::connect_with(&settings.database_url, settings.database).await;
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

async fn fingerprint(store: &Store) -> anyhow::Result<Option<String>> {
    Ok(store.read().await?.settings().get(FINGERPRINT).await?)
}

async fn remember(store: &Store, master: &MasterKey) -> anyhow::Result<()> {
    let tx = store.write().await?;
    tx.settings().begin(FINGERPRINT, &master.fingerprint()).await?;
    tx.commit_unrecorded(Technical::Installation).await?;
    // Of several first starts, each with a key of its own, one was faster.
    matches(master, fingerprint(store).await?.as_deref())
}

fn matches(master: &MasterKey, known: Option<&str>) -> anyhow::Result<()> {
    let fits = known.is_none_or(|known| known == master.fingerprint());
    ensure!(fits, "this is not the master key that the database was made with");
    Ok(())
}
