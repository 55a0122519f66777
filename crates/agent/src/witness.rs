//! What a witness sees: which versions run here, and how they are.
//!
//! It only reads, and never asks an engine to run a health check. Nothing is told but of containers whose images are of a repository
//! that a version of the vendor names.

use std::collections::BTreeMap;

use keyward_protocol::desired::KnownVersion;
use keyward_protocol::report::{Reports, Witnessed};

use crate::config::Config;
use crate::engine::{self, EngineError, ReadOnly};

use self::containers::Container;
use self::reference::Reference;

mod containers;
mod health;
mod reference;

/// Looks at what runs here of these versions.
///
/// # Errors
/// If the engine can't be asked.
pub fn look(config: &Config, versions: &[KnownVersion]) -> Result<Vec<Witnessed>, EngineError> {
    let socket = engine::find_socket(config.socket.as_deref())
        .ok_or_else(|| EngineError::Away("there is no socket of Docker or podman on this host".to_owned()))?;
    let engine = ReadOnly::new(&socket);
    let known = Known::of(versions);
    let containers = containers::all(&engine, |image| known.repositories.contains_key(&image.repository))?;
    let mut projects: BTreeMap<String, Vec<Container>> = BTreeMap::new();
    for container in containers {
        projects.entry(container.project.clone()).or_default().push(container);
    }
    let seen = projects.into_iter().filter_map(|(project, containers)| known.witnessed(project, &containers));
    Ok(seen.take(Reports::MOST).collect())
}

/// What there is to know a container by.
struct Known<'a> {
    versions: &'a [KnownVersion],
    /// Which applications have images of a repository.
    repositories: BTreeMap<String, Vec<&'a str>>,
}

impl<'a> Known<'a> {
    fn of(versions: &'a [KnownVersion]) -> Self {
        let mut repositories: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for version in versions {
            for image in version.images.keys() {
                let applications = repositories.entry(Reference::parse(image).repository).or_default();
                if !applications.contains(&version.application.as_str()) {
                    applications.push(&version.application);
                }
            }
        }
        Self { versions, repositories }
    }

    fn witnessed(&self, project: String, containers: &[Container]) -> Option<Witnessed> {
        // An image that everybody has, such as a database's, says nothing by itself of whose it is.
        let telling = containers.iter().filter(|container| !container.image.is_everybodys());
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for container in telling {
            for application in self.repositories.get(&container.image.repository).into_iter().flatten() {
                *counts.entry(application).or_default() += 1;
            }
        }
        let (application, _) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        let version = self.version(application, containers).map(|version| version.version.clone());
        let mut images: Vec<_> = containers.iter().map(|container| container.image.to_string()).collect();
        images.sort();
        images.dedup();
        Some(Witnessed {
            project,
            application: application.to_owned(),
            version,
            health: health::of(containers),
            images,
        })
    }

    /// The version all of whose images that run here are the ones that do. Of several, the one with the most of them.
    fn version(&self, application: &str, containers: &[Container]) -> Option<&'a KnownVersion> {
        let of_application = self.versions.iter().filter(|version| version.application == application);
        let fitting = of_application.filter_map(|version| Some((fit(version, containers)?, version)));
        // Of those that are equal the one that is named first.
        fitting.rev().max_by_key(|(count, _)| *count).map(|(_, version)| version)
    }
}

/// How many containers run an image of a version; `None` if one runs another image of the same repository, or none does.
fn fit(version: &KnownVersion, containers: &[Container]) -> Option<usize> {
    let mut count = 0;
    for container in containers {
        let mut same = version
            .images
            .iter()
            .map(|(name, digest)| (Reference::parse(name), digest.as_deref()))
            .filter(|(named, _)| named.repository == container.image.repository)
            .peekable();
        if same.peek().is_none() {
            continue;
        }
        let fits = same.any(|(named, digest)| match digest.or(named.digest.as_deref()) {
            Some(digest) => container.digests.iter().any(|known| known == digest),
            None => named.tag == container.image.tag,
        });
        if !fits {
            return None;
        }
        count += 1;
    }
    (count > 0).then_some(count)
}

#[cfg(test)]
mod tests {
    use keyward_protocol::report::DeploymentHealth;

    use super::containers::{Check, State};
    use super::*;

    fn version(name: &str, images: &[(&str, Option<&str>)]) -> KnownVersion {
        KnownVersion {
            application: "shop".into(),
            version: name.into(),
            granted: true,
            images: images.iter().map(|(name, digest)| ((*name).into(), digest.map(Into::into))).collect(),
        }
    }

    fn container(project: &str, image: &str, digest: &str) -> Container {
        Container {
            project: project.into(),
            service: "web".into(),
            image: Reference::parse(image),
            digests: vec![digest.into()],
            state: State::Running(Check::Passing),
        }
    }

    #[test]
    fn a_version_is_known_by_the_digests_of_its_images() {
        let versions = [
            version("1.0", &[("r.example.com/shop/web:1.0", Some("sha256:a")), ("postgres:16", None)]),
            version("1.1", &[("r.example.com/shop/web:1.1", Some("sha256:b")), ("postgres:16", None)]),
        ];
        let known = Known::of(&versions);
        let seen = |containers: &[Container]| known.witnessed("p".into(), containers);
        let web = container("p", "r.example.com/shop/web:latest", "sha256:b");
        let postgres = container("p", "postgres:16", "sha256:p");
        let found = seen(&[web.clone(), postgres.clone()]).unwrap();
        assert_eq!(found.version.as_deref(), Some("1.1"));
        assert_eq!(found.health, DeploymentHealth::Healthy);
        // Another digest of the same repository is no version.
        let other = container("p", "r.example.com/shop/web:1.1", "sha256:c");
        assert_eq!(seen(&[other, postgres.clone()]).unwrap().version, None);
        // A database alone may be anybody's.
        assert_eq!(seen(std::slice::from_ref(&postgres)), None);
        // One of another version fits none of both.
        let newer = container("p", "docker.io/library/postgres:17", "sha256:q");
        assert_eq!(seen(&[web, newer]).unwrap().version, None);
    }
}
