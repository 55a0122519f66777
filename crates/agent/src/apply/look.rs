//! What else there is than was brought about. Nothing is changed by looking; podman's checks are run, since nobody else may do it.

use keyward_protocol::desired::Order;
use keyward_protocol::report::{DeploymentHealth, Drift, Phase};
use uuid::Uuid;

use super::LABEL;
use super::folder::{Folder, Record};
use super::health::{check_once, mark_hanging, mark_restarted};
use super::journal::Journal;
use super::settle::health_now;
use super::state::State;
use super::up::containers;
use crate::clock::host_now;
use crate::config::Config;
use crate::deployer::Standing;
use crate::engine::api::Engine;
use crate::engine::model::{Container, ContainerRow};
use crate::engine::{EngineError, find_socket};
use crate::paths::Paths;

/// How a deployment stands, unless it is being changed.
pub(super) fn look(paths: &Paths, folder: &Folder, id: Uuid) -> Option<(Standing, Vec<Drift>)> {
    let _lock = folder.exists().then(|| folder.try_lock())??;
    if Journal::new(folder.journal()).under_way().ok()?.is_some() {
        return None;
    }
    let state: State = folder.state().ok()?;
    let outcome = state.outcome.as_ref()?;
    let current = state.current?;
    if !runs(&outcome.phase, outcome.order) {
        return None;
    }
    let record = folder.record(current).ok()??;
    let engine = engine(paths)?;
    let order = folder.revision_order(current).ok()??;
    let mut seen = see(&engine, id, &order.project).ok()?;
    mark_restarted(&mut seen.own, &record.restarts, host_now());
    let drift = drift(&record, &seen);
    let standing = Standing {
        revision: outcome.revision,
        running: Some(current),
        phase: outcome.phase.clone(),
        health: health_now(&record.services, &seen.own),
    };
    Some((standing, drift))
}

/// Whether something is to run after that.
fn runs(phase: &Phase, order: Order) -> bool {
    match phase {
        Phase::Stopped | Phase::Removed { .. } => false,
        Phase::Running | Phase::RolledBack { .. } => true,
        // What ran before it still does.
        Phase::Blocked { .. } | Phase::Failed { .. } => order == Order::Run,
        Phase::Received
        | Phase::Resolving
        | Phase::Checking
        | Phase::Pulling
        | Phase::Applying
        | Phase::Settling
        | Phase::RollingBack { .. } => false,
    }
}

/// How the revision that runs is right now. `None` if the engine can't be asked.
pub(super) fn health(
    paths: &Paths,
    folder: &Folder,
    id: Uuid,
    current: Option<u32>,
) -> Option<DeploymentHealth> {
    let Some(current) = current else { return Some(DeploymentHealth::Down) };
    let record = folder.record(current).ok()??;
    let engine = engine(paths)?;
    let mut containers = containers(&engine, &format!("{LABEL}={id}")).ok()?;
    mark_hanging(&mut containers);
    mark_restarted(&mut containers, &record.restarts, host_now());
    Some(health_now(&record.services, &containers))
}

/// Whether a service was stopped or removed by hand. `None` if that can't be told.
pub(super) fn is_gone_by_hand(paths: &Paths, folder: &Folder, id: Uuid) -> Option<bool> {
    let state: State = folder.state().ok()?;
    let current = state.current?;
    let record = folder.record(current).ok()??;
    let order = folder.revision_order(current).ok()??;
    let seen = see(&engine(paths)?, id, &order.project).ok()?;
    let gone = |drift: &Drift| matches!(drift, Drift::Missing { .. } | Drift::Stopped { .. });
    Some(drift(&record, &seen).iter().any(gone))
}

fn engine(paths: &Paths) -> Option<Engine> {
    let config = Config::load(paths.config()).ok()?;
    Some(Engine::new(&find_socket(config.socket.as_deref())?))
}

/// What there is of a deployment.
struct Seen {
    /// The containers that the agent has made.
    own: Vec<Container>,
    /// The containers of its project.
    project: Vec<ContainerRow>,
}

fn see(engine: &Engine, id: Uuid, project: &str) -> Result<Seen, EngineError> {
    let label = format!("{LABEL}={id}");
    let mut own = containers(engine, &label)?;
    if engine.is_podman()? {
        check_once(engine, &own);
        own = containers(engine, &label)?;
        mark_hanging(&mut own);
    }
    let project = engine.containers(&format!("com.docker.compose.project={project}"))?;
    Ok(Seen { own, project })
}

fn drift(record: &Record, seen: &Seen) -> Vec<Drift> {
    let mut found = Vec::new();
    for service in record.services.iter().filter(|service| service.replicas > 0) {
        let name = || service.name.clone();
        let own: Vec<_> =
            seen.own.iter().filter(|container| super::service_of(container) == service.name).collect();
        let Some(one) = own.first() else {
            found.push(Drift::Missing { service: name() });
            continue;
        };
        let stopped = |container: &&&Container| {
            let ended = ["exited", "stopped", "created"].contains(&container.state.status.as_str());
            ended && !(service.may_end && container.state.status != "created")
        };
        if own.iter().any(|container| stopped(&container)) {
            found.push(Drift::Stopped { service: name() });
        }
        let image = record.images.get(&service.name);
        if image.is_some_and(|image| !same_id(&image.id, &one.image)) {
            found.push(Drift::OtherImage { service: name() });
        }
        let hash = one.config.labels.get("com.docker.compose.config-hash");
        let known = record.configurations.get(&service.name);
        if known.is_some() && known != hash {
            found.push(Drift::OtherConfiguration { service: name() });
        }
    }
    let strangers = seen.project.iter().filter(|row| row.label(LABEL).is_empty());
    found.extend(strangers.map(|row| Drift::Stranger { container: row.name().to_owned() }));
    found
}

/// Engines write the id of an image with and without the name of the hash.
fn same_id(one: &str, other: &str) -> bool {
    one.trim_start_matches("sha256:") == other.trim_start_matches("sha256:")
}
