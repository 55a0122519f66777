//! Looks at all of a registry from time to time: for what was pushed or deleted past the gateway.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use keyward_domain::RegistryId;
use keyward_domain::registry::{Reference, Registry, RepositoryName, Tag};
use keyward_engine::{Engine, Scope};

use crate::catalogue::{Catalogue, PULL};
use crate::refusal::Refusal;
use crate::route::Route;
use crate::upstream::{self, Client};

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
pub async fn sweep(engine: Arc<Engine>) {
    let client = Rc::new(Client::new());
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
    let scope = Scope { kind: "registry", name: "catalog", actions: &["*"] };
    if let Some(found) = catalogue.list("/v2/_catalog?n=1000".to_owned(), &[scope], "repositories").await? {
        names.extend(found.iter().filter_map(|name| registry.outside(&name.parse().ok()?)));
    }
    names.sort();
    names.dedup();
    for name in names {
        repository(&catalogue, &name).await?;
    }
    Ok(())
}

async fn repository(catalogue: &Catalogue<'_>, name: &RepositoryName) -> Result<(), Refusal> {
    let (registry, began) = (catalogue.registry, catalogue.engine.now());
    let inside = registry.inside(name);
    let scopes = [Scope { kind: "repository", name: inside.as_str(), actions: PULL }];
    let address = Route::Tags(name.clone()).inside(inside.as_str());
    let found = catalogue.list(address, &scopes, "tags").await?.unwrap_or_default();
    let mut tags: Vec<Tag> = Vec::new();
    for tag in found.iter().filter_map(|tag| tag.parse::<Tag>().ok()) {
        let reference = Reference::Tag(tag.clone());
        let answer = catalogue.request(name, &reference, Method::HEAD).await?;
        match answer.status() {
            StatusCode::OK => {}
            // Distribution lists tags whose manifest was deleted.
            StatusCode::NOT_FOUND => continue,
            status => {
                tracing::warn!(registry = %registry.host, %name, %tag, %status, "an upstream does not give a tag");
                return Err(Refusal::unavailable());
            }
        }
        let known = match upstream::digest(&answer) {
            Some(digest) => catalogue.engine.knows_manifest(registry, name, Some(&tag), &digest).await?,
            None => false,
        };
        if !known {
            catalogue.look(name, &reference).await?;
        }
        tags.push(tag);
    }
    catalogue.engine.keep_tags(registry, name, &tags, began).await?;
    Ok(())
}
