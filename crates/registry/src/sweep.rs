//! Looks at all of a registry from time to time: for what was pushed or deleted past the gateway.

use std::time::Duration;

use actix_web::http::Method;
use keyward_domain::registry::{Reference, Registry, RepositoryName, Tag};
use keyward_engine::{Engine, Scope};

use crate::catalogue::{Catalogue, PULL};
use crate::refusal::Refusal;
use crate::route::Route;
use crate::upstream::{self, Ask, Client, MANIFESTS};

/// How often each registry is looked at.
const EVERY_SECONDS: i64 = 60 * 60;

/// How often it is seen whether one is due.
const PACE: Duration = Duration::from_secs(5);

/// Looks at every registry once an hour, and soon where that is asked for, for as long as the server runs.
pub async fn sweep(engine: std::sync::Arc<Engine>) {
    let client = Client::new();
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
            if let Err(refusal) = all(&engine, &client, &registry).await {
                tracing::warn!(registry = %registry.host, why = refusal.message, "a registry can't be looked at");
            }
            // One that fails is tried again in an hour: a client that needs more finds it out by itself.
            if let Err(error) = engine.registry_swept(&registry).await {
                tracing::error!(%error, "it can't be written down that a registry was looked at");
            }
        }
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
    let registry = catalogue.registry;
    let inside = registry.inside(name);
    let scopes = [Scope { kind: "repository", name: inside.as_str(), actions: PULL }];
    let address = Route::Tags(name.clone()).inside(inside.as_str());
    let found = catalogue.list(address, &scopes, "tags").await?.unwrap_or_default();
    let mut tags: Vec<Tag> = Vec::new();
    for tag in found.iter().filter_map(|tag| tag.parse::<Tag>().ok()) {
        let reference = Reference::Tag(tag.clone());
        let address = Route::Manifest(name.clone(), reference.clone()).inside(inside.as_str());
        let ask = Ask { registry, method: Method::HEAD, address, subject: "gateway", scopes: &scopes };
        let answer = catalogue.client.ask(catalogue.engine, &ask, MANIFESTS).await?;
        // Distribution lists tags whose manifest was deleted.
        if !answer.status().is_success() {
            continue;
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
    catalogue.engine.keep_tags(registry, name, &tags).await?;
    Ok(())
}
