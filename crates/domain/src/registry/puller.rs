//! With which program what a registry holds is pulled. The one table of it.

use super::oci::{RepositoryName, Tag};

/// A program that pulls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Puller {
    /// Docker, and whatever else runs containers: images.
    Docker,
    /// Helm: charts.
    Helm,
    /// ORAS: everything else.
    Oras,
}

/// By the media type of a manifest, where that alone says it.
const BY_MEDIA_TYPE: [(&str, Puller); 4] = [
    ("application/vnd.docker.distribution.manifest.v2+json", Puller::Docker),
    ("application/vnd.docker.distribution.manifest.list.v2+json", Puller::Docker),
    ("application/vnd.docker.distribution.manifest.v1+json", Puller::Docker),
    ("application/vnd.docker.distribution.manifest.v1+prettyjws", Puller::Docker),
];

/// Otherwise by its artifact type, or the media type of its configuration.
const BY_ARTIFACT_TYPE: [(&str, Puller); 3] = [
    ("application/vnd.oci.image.config.v1+json", Puller::Docker),
    ("application/vnd.docker.container.image.v1+json", Puller::Docker),
    ("application/vnd.cncf.helm.config.v1+json", Puller::Helm),
];

impl Puller {
    /// What pulls a manifest of this media type that calls itself `artifact_type`. One that says nothing of itself, as
    /// an index of images does, is taken for an image.
    pub fn of(media_type: &str, artifact_type: Option<&str>) -> Self {
        let found = |table: &[(&str, Self)], kind: &str| {
            table.iter().find(|(known, _)| *known == kind).map(|(_, puller)| *puller)
        };
        found(&BY_MEDIA_TYPE, media_type).unwrap_or_else(|| match artifact_type {
            Some(kind) => found(&BY_ARTIFACT_TYPE, kind).unwrap_or(Self::Oras),
            None => Self::Docker,
        })
    }

    /// The command that pulls a tag. `address` is what clients type to reach the registry.
    pub fn command(self, address: &str, repository: &RepositoryName, tag: &Tag) -> String {
        match self {
            Self::Docker => format!("docker pull {address}/{repository}:{tag}"),
            // A tag can't hold the plus sign of a version: Helm writes and reads `_` for it.
            Self::Helm => {
                format!("helm pull oci://{address}/{repository} --version {}", tag.as_str().replace('_', "+"))
            }
            Self::Oras => format!("oras pull {address}/{repository}:{tag}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    const INDEX: &str = "application/vnd.oci.image.index.v1+json";

    #[test]
    fn each_kind_has_its_program() {
        let (repository, tag) = ("acme/app".parse().unwrap(), "1.0.0_build.1".parse().unwrap());
        let command =
            |media_type, kind| Puller::of(media_type, kind).command("r.example:8443", &repository, &tag);
        let docker = "docker pull r.example:8443/acme/app:1.0.0_build.1";
        for (media_type, kind) in [
            (MANIFEST, Some("application/vnd.oci.image.config.v1+json")),
            (INDEX, None),
            (
                "application/vnd.docker.distribution.manifest.v2+json",
                Some("application/vnd.docker.container.image.v1+json"),
            ),
            ("application/vnd.docker.distribution.manifest.list.v2+json", None),
        ] {
            assert_eq!(command(media_type, kind), docker, "{media_type} {kind:?}");
        }
        assert_eq!(
            command(MANIFEST, Some("application/vnd.cncf.helm.config.v1+json")),
            "helm pull oci://r.example:8443/acme/app --version 1.0.0+build.1"
        );
        for (media_type, kind) in [
            (MANIFEST, "application/vnd.example.rules"),
            (MANIFEST, "application/vnd.oci.empty.v1+json"),
            (INDEX, "application/vnd.example.set"),
        ] {
            assert_eq!(command(media_type, Some(kind)), "oras pull r.example:8443/acme/app:1.0.0_build.1");
        }
    }

    proptest! {
        #[test]
        fn no_command_is_more_than_one(media_type in ".{0,40}", kind in prop::option::of(".{0,40}"), tag in "[A-Za-z0-9_][A-Za-z0-9._-]{0,40}") {
            // What a manifest says of itself is never part of the command.
            let tag: Tag = tag.parse().unwrap();
            let command = Puller::of(&media_type, kind.as_deref()).command("r.example", &"a/b".parse().unwrap(), &tag);
            prop_assert!(command.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" -_.:/+".contains(&byte)), "{}", command);
        }
    }
}
