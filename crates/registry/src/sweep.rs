//! Looks at all of a registry from time to time: for what was pushed or deleted past the gateway.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use keyward_domain::RegistryId;
use keyward_domain::registry::{Registry, RepositoryName, Tag};
use keyward_engine::Engine;

use crate::Shared;
use crate::catalogue::{Catalogue, Standing};
use crate::refusal::Refusal;
use crate::upstream::Client;

/// How often each registry is looked at.
const EVERY_SECONDS: i64 = 60 * 60;

/// How many are looked at at once.
const MOST_AT_ONCE: usize = 8;

/// How often it is seen whether one is due.
const PACE: Duration = Duration::from_secs(5);

/// How long it may take.
const DEADLINE: Duration = Duration::from_secs(20 * 60);

/// Looks at every registry once an hour, and soon where that is asked for, for as long as the server runs. Each at its
/// own pace: a slow upstream holds up nobody else's.
pub async fn sweep(engine: Arc<Engine>, shared: Shared) {
    let client = Rc::new(Client::new(shared.tls));
    let under_way: Rc<RefCell<HashSet<RegistryId>>> = Rc::default();
    loop {
        actix_web::rt::time::sleep(PACE).await;
        let due = match engine.unswept_registries(engine.now().plus_seconds(-EVERY_SECONDS)).await {
            Ok(due) => due,
            Err(error) => {
                tracing::error!(%error, "it can't be told which registries are to be looked at");
                continue;
            }
        };
        for registry in due {
            if under_way.borrow().len() >= MOST_AT_ONCE || !under_way.borrow_mut().insert(registry.id) {
                continue;
            }
            let (engine, client, under_way) =
                (Arc::clone(&engine), Rc::clone(&client), Rc::clone(&under_way));
            actix_web::rt::spawn(async move {
                one(&engine, &client, &registry).await;
                under_way.borrow_mut().remove(&registry.id);
            });
        }
    }
}

async fn one(engine: &Engine, client: &Client, registry: &Registry) {
    match actix_web::rt::time::timeout(DEADLINE, all(engine, client, registry)).await {
        Ok(Ok(())) => {}
        Ok(Err(refusal)) => {
            tracing::warn!(registry = %registry.host, why = refusal.message, "a registry can't be looked at");
        }
        Err(_) => tracing::warn!(registry = %registry.host, "looking at a registry took too long"),
    }
    // One that fails is tried again in an hour: a client that needs more finds it out by itself.
    if let Err(error) = engine.registry_swept(registry).await {
        tracing::error!(%error, "it can't be written down that a registry was looked at");
    }
}

async fn all(engine: &Engine, client: &Client, registry: &Registry) -> Result<(), Refusal> {
    let catalogue = Catalogue { engine, client, registry };
    let mut names = engine.known_repositories(registry).await?;
    names.extend(catalogue.repositories().await?.unwrap_or_default());
    names.sort();
    names.dedup();
    for name in names {
        repository(&catalogue, &name).await?;
    }
    Ok(())
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
            Standing::Unclear => return Err(Refusal::unavailable()),
        }
    }
    catalogue.engine.keep_tags(registry, name, &tags, began).await?;
    Ok(())
}
