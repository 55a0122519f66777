//! The containers of a host, as far as they are of images that count.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::reference::Reference;
use crate::engine::{EngineError, ReadOnly};

/// The most containers that are looked at one by one.
const MOST: usize = 500;

/// A container of an image that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Container {
    /// Its Compose project; its own name where it has none.
    pub project: String,
    pub service: String,
    /// With its digest as far as it is known.
    pub image: Reference,
    /// All digests that its image has in its repository.
    pub digests: Vec<String>,
    pub state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Running(Check),
    Restarting,
    Paused,
    /// Made, and never started.
    Created,
    Ended {
        code: i64,
        /// Whether it is one that ends by itself.
        is_job: bool,
    },
}

/// What its health check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    None,
    Starting,
    Passing,
    Failing,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: String,
    #[serde(default)]
    names: Vec<String>,
    image: String,
    #[serde(rename = "ImageID")]
    image_id: String,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    id: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    repo_digests: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    state: InspectedState,
    #[serde(default)]
    host_config: HostConfig,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct InspectedState {
    status: String,
    exit_code: i64,
    health: Option<Health>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Health {
    status: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    restart_policy: RestartPolicy,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RestartPolicy {
    name: String,
}

/// The containers whose image `counts`. Of others no more is asked than the list in which they are.
pub(super) fn all(
    engine: &ReadOnly,
    counts: impl Fn(&Reference) -> bool,
) -> Result<Vec<Container>, EngineError> {
    let listed: Vec<Listed> = engine.get("/containers/json?all=true")?;
    let images: Vec<Image> = engine.get("/images/json")?;
    let images: BTreeMap<&str, &Image> = images.iter().map(|image| (bare(&image.id), image)).collect();
    let mut found = Vec::new();
    for listed in listed {
        let image = images.get(bare(&listed.image_id)).copied();
        let Some((reference, digests)) = named(&listed, image, &counts) else { continue };
        if found.len() >= MOST || label(&listed, "com.docker.compose.oneoff") == Some("True") {
            continue;
        }
        let Some(state) = state(engine, &listed.id)? else { continue };
        found.push(container(&listed, reference, digests, state));
    }
    Ok(found)
}

/// The first of an image's names that counts, with its digests there.
fn named(
    listed: &Listed,
    image: Option<&Image>,
    counts: &impl Fn(&Reference) -> bool,
) -> Option<(Reference, Vec<String>)> {
    let tags = image.and_then(|image| image.repo_tags.as_deref()).unwrap_or_default();
    let by_digest = image.and_then(|image| image.repo_digests.as_deref()).unwrap_or_default();
    let names = std::iter::once(&listed.image).chain(tags).chain(by_digest);
    let mut reference = names.map(|name| Reference::parse(name)).find(|name| counts(name))?;
    let digests: Vec<String> = by_digest
        .iter()
        .map(|name| Reference::parse(name))
        .filter(|name| name.repository == reference.repository)
        .filter_map(|name| name.digest)
        .collect();
    reference.digest = reference.digest.take().or_else(|| digests.first().cloned());
    Some((reference, digests))
}

fn container(listed: &Listed, image: Reference, digests: Vec<String>, state: State) -> Container {
    let name = listed.names.first().map_or("", |name| name.trim_start_matches('/')).to_owned();
    let labels = |names: [&str; 2]| names.iter().find_map(|name| label(listed, name)).map(str::to_owned);
    Container {
        project: labels(["com.docker.compose.project", "io.podman.compose.project"])
            .unwrap_or_else(|| name.clone()),
        service: labels(["com.docker.compose.service", "io.podman.compose.service"]).unwrap_or(name),
        image,
        digests,
        state,
    }
}

/// How a container is; `None` if it is gone by now.
fn state(engine: &ReadOnly, id: &str) -> Result<Option<State>, EngineError> {
    if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(None);
    }
    let inspected: Inspected = match engine.get(&format!("/containers/{id}/json")) {
        Err(EngineError::Refused { status: 404, .. }) => return Ok(None),
        other => other?,
    };
    let check = match inspected.state.health.as_ref().map(|health| health.status.as_str()) {
        None | Some("" | "none") => Check::None,
        Some("healthy") => Check::Passing,
        Some("unhealthy") => Check::Failing,
        Some(_) => Check::Starting,
    };
    Ok(Some(match inspected.state.status.as_str() {
        "running" => State::Running(check),
        "restarting" => State::Restarting,
        "paused" => State::Paused,
        "created" | "configured" | "initialized" => State::Created,
        _ => State::Ended {
            code: inspected.state.exit_code,
            is_job: matches!(inspected.host_config.restart_policy.name.as_str(), "" | "no"),
        },
    }))
}

fn label<'a>(listed: &'a Listed, name: &str) -> Option<&'a str> {
    listed.labels.as_ref()?.get(name).map(String::as_str)
}

/// An id without the name of its hash, which engines write or leave out.
fn bare(id: &str) -> &str {
    id.strip_prefix("sha256:").unwrap_or(id)
}
