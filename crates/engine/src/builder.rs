//! Puts an engine together, and holds back what doesn't fit together.

use std::path::PathBuf;
use std::sync::Arc;

use keyward_domain::OutboundRules;
use keyward_domain::registry::Host;
use keyward_storage::{Schema, StorageError, Store, Technical};

use crate::audit_sink::OperatorSink;
use crate::outbound::{Authorities, Network, SystemNetwork};
use crate::webhook::EventView;
use crate::{Clock, Engine, Entropy, Error, Issuer, MailLimits, MasterKey, SystemClock, SystemEntropy};

/// The name under which the database keeps its master key's fingerprint.
const FINGERPRINT: &str = "master_key_fingerprint";

/// Why an engine can't work with a database.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A newer program has changed the tables.
    #[error("the database was made by a newer Keyward (it has {}): upgrade this program", .unknown.join(", "))]
    Newer {
        /// The migrations that this program does not know.
        unknown: Vec<String>,
    },
    /// The tables are to be brought up to date first.
    #[error("the database lacks {pending} migrations")]
    Behind {
        /// How many.
        pending: usize,
    },
    /// The database's secrets are sealed under another master key.
    #[error("this is not the master key that the database was made with")]
    WrongMasterKey,
    /// The database can't be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// An engine to be. By [`build`](Self::build) it is made.
///
/// ```no_run
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// use keyward_engine::{Engine, Issuer, MasterKey};
/// use keyward_storage::Store;
///
/// let store = Store::connect("sqlite://licenses.db").await?;
/// let master_key: MasterKey = std::fs::read_to_string("master.key")?.parse()?;
/// let issuer = Issuer::parse("https://licenses.example")?;
/// let engine = Engine::builder(store, master_key, issuer).build().await?;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct EngineBuilder {
    pub(crate) store: Store,
    pub(crate) master_key: MasterKey,
    pub(crate) issuer: Issuer,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) entropy: Box<dyn Entropy>,
    pub(crate) outbound: OutboundRules,
    pub(crate) network: Arc<dyn Network>,
    pub(crate) authorities: Authorities,
    pub(crate) registry_domain: Host,
    pub(crate) mail_limits: MailLimits,
    pub(crate) hash_memory: Option<usize>,
    pub(crate) event_view: Option<EventView>,
    pub(crate) folders: Vec<(&'static str, PathBuf)>,
    pub(crate) audit_sinks: Vec<OperatorSink>,
}

impl Engine {
    /// An engine on `store`, which seals secrets under `master_key` and issues tokens in the name of `issuer`.
    pub fn builder(store: Store, master_key: MasterKey, issuer: Issuer) -> EngineBuilder {
        EngineBuilder {
            store,
            master_key,
            clock: Box::new(SystemClock),
            entropy: Box::new(SystemEntropy),
            outbound: issuer.outbound_rules(),
            network: Arc::new(SystemNetwork),
            authorities: Authorities::default(),
            registry_domain: issuer.host(),
            issuer,
            mail_limits: MailLimits::default(),
            hash_memory: None,
            event_view: None,
            folders: Vec::new(),
            audit_sinks: Vec::new(),
        }
    }

    /// Brings the tables of `store` up to date, unless they are of a newer version, and says whether the database has its
    /// master key yet: one that has none takes the first that an engine is built with. [`EngineBuilder::build`] does this
    /// too; it is for programs that make a master key only where none is missing.
    pub async fn prepare(store: &Store) -> Result<bool, StartError> {
        match store.schema().await? {
            Schema::Current | Schema::Behind { .. } => store.migrate().await?,
            Schema::Newer { usable: true, .. } => {
                tracing::warn!(
                    "the database was made by a newer version, which this one can still work with"
                );
            }
            Schema::Newer { unknown, usable: false } => return Err(StartError::Newer { unknown }),
        }
        Ok(fingerprint(store).await?.is_some())
    }
}

impl EngineBuilder {
    /// With another clock than the machine's.
    pub fn clock(self, clock: impl Clock + 'static) -> Self {
        Self { clock: Box::new(clock), ..self }
    }

    /// With other randomness than the machine's. What can be guessed of it opens every secret.
    pub fn entropy(self, entropy: impl Entropy + 'static) -> Self {
        Self { entropy: Box::new(entropy), ..self }
    }

    /// Connecting to what organizations name by these rules. Without them, to public addresses, and to this machine where the
    /// issuer's host is this machine.
    pub fn outbound(self, rules: OutboundRules) -> Self {
        Self { outbound: rules, ..self }
    }

    /// In another network.
    pub fn network(self, network: impl Network + 'static) -> Self {
        Self { network: Arc::new(network), ..self }
    }

    /// Believing certificates of these authorities.
    pub fn authorities(self, authorities: Authorities) -> Self {
        Self { authorities, ..self }
    }

    /// With new registries below `domain` and not below the host of the issuer.
    pub fn registry_domain(self, domain: Host) -> Self {
        Self { registry_domain: domain, ..self }
    }

    /// With other limits of mail.
    pub fn mail_limits(self, mail_limits: MailLimits) -> Self {
        Self { mail_limits, ..self }
    }

    /// Telling webhook endpoints of things as `view` writes them. Without it they are told of each thing's id alone.
    pub fn event_view(self, view: EventView) -> Self {
        Self { event_view: Some(view), ..self }
    }

    /// Watching over the room on the disk of a folder, which the operator is told under this name.
    pub fn folder(mut self, name: &'static str, path: PathBuf) -> Self {
        self.folders.push((name, path));
        self
    }

    /// Streaming the audit logs of all organizations to these sinks.
    pub fn audit_sinks(self, audit_sinks: Vec<OperatorSink>) -> Self {
        Self { audit_sinks, ..self }
    }

    /// Hashing passwords within so many bytes of memory.
    pub fn hash_memory(self, bytes: usize) -> Self {
        Self { hash_memory: Some(bytes), ..self }
    }

    /// Brings the tables up to date, binds a database that is new to the master key, and gives the engine. Refused are tables
    /// of a newer version and any other master key, and then nothing is changed but the tables.
    pub async fn build(self) -> Result<Engine, StartError> {
        Engine::prepare(&self.store).await?;
        let known = fingerprint(&self.store).await?;
        self.matches(known.as_deref())?;
        if known.is_some() {
            return Ok(self.assemble());
        }
        let (store, mark) = (self.store.clone(), self.master_key.fingerprint());
        let engine = self.assemble();
        // An engine may have worked with it before that left no fingerprint.
        match engine.open_all_signing_keys().await {
            Ok(_) => {}
            Err(Error::Storage(error)) => return Err(error.into()),
            Err(_) => return Err(StartError::WrongMasterKey),
        }
        let tx = store.write().await?;
        tx.settings().begin(FINGERPRINT, &mark).await?;
        tx.commit_unrecorded(Technical::Installation).await?;
        // Of several first starts, each with a key of its own, one was faster.
        match fingerprint(&store).await? {
            Some(known) if known == mark => Ok(engine),
            Some(_) | None => Err(StartError::WrongMasterKey),
        }
    }

    /// The same for whoever looks at a database and makes nothing: tables that are not up to date are refused.
    pub async fn build_unchanged(self) -> Result<Engine, StartError> {
        match self.store.schema().await? {
            Schema::Current | Schema::Newer { usable: true, .. } => {}
            Schema::Behind { pending } => return Err(StartError::Behind { pending }),
            Schema::Newer { unknown, usable: false } => return Err(StartError::Newer { unknown }),
        }
        self.matches(fingerprint(&self.store).await?.as_deref())?;
        Ok(self.assemble())
    }

    /// The engine without a look at the database: for tests, whose database is made for them.
    pub fn assemble(self) -> Engine {
        Engine::assemble(self)
    }

    fn matches(&self, known: Option<&str>) -> Result<(), StartError> {
        match known.is_none_or(|known| known == self.master_key.fingerprint()) {
            true => Ok(()),
            false => Err(StartError::WrongMasterKey),
        }
    }
}

async fn fingerprint(store: &Store) -> Result<Option<String>, StorageError> {
    store.read().await?.settings().get(FINGERPRINT).await
}
