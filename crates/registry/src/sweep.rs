//! Lookups at registries for what was pushed or deleted past the gateway: soon where the upstream has told of it, and at
//! everything from time to time.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::convert::Infallible;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use keyward_domain::RegistryId;
use keyward_domain::registry::{Hint, Registry, RepositoryName, Tag};
use keyward_engine::jobs::{Job, Schedule, Step, Stepping};
use keyward_engine::{Engine, SWEEP_LEASE_SECONDS};

use crate::Shared;
use crate::catalogue::{Catalogue, Standing};
use crate::refusal::Refusal;
use crate::upstream::Client;
use crate::via::Via;

/// How often all of each registry is looked at.
const EVERY_SECONDS: i64 = 60 * 60;

/// How many are looked at at once.
const MOST_AT_ONCE: usize = 8;

/// How often it is seen what is due.
const PACE: Duration = Duration::from_secs(2);

/// How long it may take to look at one.
const DEADLINE: Duration = Duration::from_secs(20 * 60);

/// How often more time is asked for than a server has for one without.
const RENEW: Duration = Duration::from_secs(SWEEP_LEASE_SECONDS.unsigned_abs() / 3);

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Look {
    Everything,
    Hints,
}

/// Lookups at every registry once an hour, and soon where that is asked for or hinted at. Each at its own pace: a slow
/// upstream holds up nobody else's.
#[derive(Clone)]
pub struct Sweeps {
    engine: Arc<Engine>,
    client: Rc<Client>,
    under_way: Rc<RefCell<HashSet<(Look, RegistryId)>>>,
    /// How many have come to an end since that was last asked.
    ended: Rc<Cell<u64>>,
}

impl Sweeps {
    /// Lookups in the name of `engine`.
    pub fn new(engine: Arc<Engine>, shared: &Shared) -> Self {
        let client = Rc::new(Client::new(shared.tls.clone()));
        Self { engine, client, under_way: Rc::default(), ended: Rc::default() }
    }
}

impl Job for Sweeps {
    fn name(&self) -> &'static str {
        "registry_sweeps"
    }

    /// Each server's: it begins those that no other has begun, and goes on while they take their time.
    fn schedule(&self) -> Schedule {
        Schedule::every_server(PACE)
    }

    fn step<'a>(&'a self, engine: &'a Engine) -> Stepping<'a> {
        Box::pin(async {
            let (hinted, unswept) =
                (engine.hinted_registries().await?, engine.unswept_registries(EVERY_SECONDS).await?);
            for (look, due) in [(Look::Hints, hinted), (Look::Everything, unswept)] {
                due.into_iter().for_each(|registry| self.begin(look, registry));
            }
            Ok(Step::Done(self.ended.take()))
        })
    }
}

impl Sweeps {
    fn begin(&self, look: Look, registry: Registry) {
        let same = |(kind, _): &&(Look, RegistryId)| *kind == look;
        let full = self.under_way.borrow().iter().filter(same).count() >= MOST_AT_ONCE;
        if full || !self.under_way.borrow_mut().insert((look, registry.id)) {
            return;
        }
        let sweeps = self.clone();
        actix_web::rt::spawn(async move {
            let claimed = match look {
                Look::Everything => sweeps.engine.claim_sweep(&registry, EVERY_SECONDS).await,
                // Those are claimed one by one.
                Look::Hints => Ok(true),
            };
            match claimed {
                Ok(true) => sweeps.look(look, &registry).await,
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(registry = %registry.host, %error, "a registry can't be claimed")
                }
            }
            sweeps.under_way.borrow_mut().remove(&(look, registry.id));
        });
    }

    async fn look(&self, look: Look, registry: &Registry) {
        let via = Via::default();
        let catalogue = Catalogue { engine: &self.engine, client: &self.client, registry, via: &via };
        let began = self.engine.now();
        let looking = async {
            match look {
                Look::Everything => {
                    match select(pin!(everything(&catalogue)), pin!(self.keep(registry))).await {
                        Either::Left((looked, _)) => looked,
                        Either::Right((never, _)) => match never {},
                    }
                }
                Look::Hints => hints(&catalogue).await,
            }
        };
        let fault = match actix_web::rt::time::timeout(DEADLINE, looking).await {
            Ok(Ok(())) => None,
            Ok(Err(refusal)) => Some(refusal.cause.unwrap_or(refusal.message)),
            Err(_) => Some("it took too long".to_owned()),
        };
        if let Some(why) = &fault {
            tracing::warn!(registry = %registry.host, why, "a registry can't be looked at");
        }
        // One that fails is tried again in an hour: a client that needs more finds it out by itself.
        if look == Look::Everything
            && let Err(error) = self.engine.registry_swept(registry, began, fault.as_deref()).await
        {
            tracing::error!(%error, "it can't be written down that a registry was looked at");
        }
        self.ended.set(self.ended.get() + 1);
    }

    /// Asks for more time again and again.
    async fn keep(&self, registry: &Registry) -> Infallible {
        loop {
            actix_web::rt::time::sleep(RENEW).await;
            if let Err(error) = self.engine.keep_sweep(registry).await {
                tracing::warn!(registry = %registry.host, %error, "there is no more time to look at a registry");
            }
        }
    }
}

async fn hints(catalogue: &Catalogue<'_>) -> Result<(), Refusal> {
    let mut silent = None;
    for kept in catalogue.engine.hints(catalogue.registry).await? {
        if !catalogue.engine.claim_hint(&kept).await? {
            continue;
        }
        // Where one gets no answer, the others of the moment wait with it.
        let followed = match &silent {
            Some(_) => false,
            None => follow(catalogue, &kept.hint).await.unwrap_or_else(|refusal| {
                silent = Some(refusal);
                false
            }),
        };
        if followed {
            catalogue.engine.hint_followed(&kept).await?;
        } else {
            catalogue.engine.put_hint_off(&kept).await?;
        }
    }
    silent.map_or(Ok(()), Err)
}

/// Whether the upstream has said how it stands there.
async fn follow(catalogue: &Catalogue<'_>, hint: &Hint) -> Result<bool, Refusal> {
    let (engine, registry, began) = (catalogue.engine, catalogue.registry, catalogue.engine.now());
    match hint {
        Hint { repository: name, tag: None } => repository(catalogue, name).await?,
        Hint { repository: name, tag: Some(tag) } => match catalogue.settle(name, tag).await? {
            Standing::Learned | Standing::Known => {}
            Standing::Absent => engine.lose_tag(registry, name, tag, began).await?,
            Standing::Unclear => return Ok(false),
        },
    }
    Ok(true)
}

async fn everything(catalogue: &Catalogue<'_>) -> Result<(), Refusal> {
    let mut names = catalogue.engine.known_repositories(catalogue.registry).await?;
    names.extend(catalogue.repositories().await?.unwrap_or_default());
    names.sort();
    names.dedup();
    let mut worst = None;
    for name in names {
        // What is the matter with one repository says nothing of the others.
        if let Err(refusal) = repository(catalogue, &name).await {
            worst = Some(refusal);
        }
    }
    worst.map_or(Ok(()), Err)
}

async fn repository(catalogue: &Catalogue<'_>, name: &RepositoryName) -> Result<(), Refusal> {
    let (registry, began) = (catalogue.registry, catalogue.engine.now());
    let found = catalogue.tags(name).await?.unwrap_or_default();
    let mut tags: Vec<Tag> = Vec::new();
    for tag in found.iter().filter_map(|tag| tag.parse::<Tag>().ok()) {
        match catalogue.settle(name, &tag).await? {
            Standing::Learned | Standing::Known => tags.push(tag),
            // Distribution lists tags whose manifest was deleted.
            Standing::Absent => {}
            Standing::Unclear => return Err(unclear(name, &tag)),
        }
    }
    catalogue.engine.keep_tags(registry, name, &tags, began).await?;
    Ok(())
}

fn unclear(name: &RepositoryName, tag: &Tag) -> Refusal {
    Refusal::unavailable().because(format_args!("it does not give {name}:{tag}"))
}
