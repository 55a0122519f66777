//! The name of an image.

use std::fmt;

/// `registry/repository:tag@digest`, with what is left out as Docker fills it in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    /// With the host of its registry.
    pub repository: String,
    pub tag: Option<String>,
    pub digest: Option<String>,
}

const DOCKER: &str = "docker.io";

impl Reference {
    pub(super) fn parse(text: &str) -> Self {
        let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
        // A colon before the last slash is that of a port.
        let (name, tag) = match name.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (name, None),
        };
        let (host, path) = match name.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
            _ => (DOCKER, name),
        };
        let host = if host == "index.docker.io" { DOCKER } else { host };
        let library = if host == DOCKER && !path.contains('/') { "library/" } else { "" };
        let tag = tag.or(digest.is_none().then_some("latest"));
        Self {
            repository: format!("{host}/{library}{path}"),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        }
    }

    /// Whether it is an official image of Docker's, which is in use everywhere.
    pub(super) fn is_everybodys(&self) -> bool {
        self.repository.starts_with("docker.io/library/")
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        match (&self.digest, &self.tag) {
            (Some(digest), _) => write!(f, "@{digest}"),
            (None, Some(tag)) => write!(f, ":{tag}"),
            (None, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_filled_in_as_docker_does() {
        for (text, full) in [
            ("postgres", "docker.io/library/postgres:latest"),
            ("postgres:16", "docker.io/library/postgres:16"),
            ("acme/web", "docker.io/acme/web:latest"),
            ("index.docker.io/acme/web:1", "docker.io/acme/web:1"),
            ("localhost/web:1", "localhost/web:1"),
            ("127.0.0.1:5000/web", "127.0.0.1:5000/web:latest"),
            ("r.example.com:5000/a/b:1@sha256:00", "r.example.com:5000/a/b@sha256:00"),
        ] {
            assert_eq!(Reference::parse(text).to_string(), full);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}|[a-z.:/@]{0,40}") {
            let _ = Reference::parse(&text).to_string();
        }
    }
}
