//! The names of images, written out in full: engines differ in what they make of short ones.

use std::fmt;

/// An image in a registry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ImageName {
    /// The registry, such as `docker.io`.
    pub registry: String,
    /// The path in it, such as `library/postgres`.
    pub path: String,
    /// The tag, if the name has no digest: `latest` if it says nothing.
    pub tag: Option<String>,
    /// The digest, which counts whatever the tag.
    pub digest: Option<String>,
}

impl ImageName {
    /// Reads a name as Compose files have it. `None` if it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        let last = name.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match name[last..].split_once(':') {
            Some((_, tag)) => (&name[..name.len() - tag.len() - 1], Some(tag)),
            None => (name, None),
        };
        let (registry, path) = match name.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
                (first, rest.to_owned())
            }
            Some(_) => ("docker.io", name.to_owned()),
            None => ("docker.io", format!("library/{name}")),
        };
        let of_path =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-' | '/');
        let of_registry = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        let of_tag = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let fits = !path.is_empty()
            && path.len() <= 255
            && path.chars().all(of_path)
            && path
                .split('/')
                .all(|part| !part.is_empty() && part.chars().any(|c| c.is_ascii_alphanumeric()))
            && registry.chars().all(of_registry)
            && registry.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
            && tag.is_none_or(|tag| (1..=128).contains(&tag.len()) && tag.chars().all(of_tag))
            && digest.is_none_or(is_digest);
        let registry = if registry == "index.docker.io" { "docker.io" } else { registry };
        let tag = match digest {
            Some(_) => None,
            None => Some(tag.unwrap_or("latest").to_owned()),
        };
        let name =
            Self { registry: registry.to_ascii_lowercase(), path, tag, digest: digest.map(str::to_owned) };
        fits.then_some(name)
    }

    /// The registry and the path.
    pub(super) fn repository(&self) -> String {
        format!("{}/{}", self.registry, self.path)
    }

    /// What is pulled: the digest, else the tag.
    pub(super) fn version(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or("latest")
    }

    /// The same image by this digest.
    pub(super) fn pinned(&self, digest: &str) -> Self {
        Self { tag: None, digest: Some(digest.to_owned()), ..self.clone() }
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.digest.is_some() { '@' } else { ':' };
        write!(f, "{}/{}{separator}{}", self.registry, self.path, self.version())
    }
}

/// Whether it is a digest that content is checked by.
pub(super) fn is_digest(text: &str) -> bool {
    let hexadecimal = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    text.strip_prefix("sha256:").is_some_and(|rest| rest.len() == 64 && rest.chars().all(hexadecimal))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_written_out() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, expected) in [
            ("postgres", "docker.io/library/postgres:latest"),
            ("postgres:16", "docker.io/library/postgres:16"),
            ("acme/app", "docker.io/acme/app:latest"),
            ("index.docker.io/acme/app:1", "docker.io/acme/app:1"),
            ("127.0.0.1:5000/acme/app:1", "127.0.0.1:5000/acme/app:1"),
            ("localhost/app", "localhost/app:latest"),
            (&format!("reg.example/a/b:1@{digest}"), &format!("reg.example/a/b@{digest}")),
        ] {
            assert_eq!(ImageName::parse(text).unwrap().to_string(), expected);
        }
        for text in
            ["", "/", "a//b", "A", "a:b:c", "a@sha256:x", "a b", "../etc", "a/../b", "a?x=1", "reg.example/"]
        {
            assert_eq!(ImageName::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_read_as_it_is_written(text in "([a-z.:0-9]{1,9}/)?[a-z0-9/._-]{1,20}(:[a-z0-9.]{1,9})?") {
            if let Some(name) = ImageName::parse(&text) {
                prop_assert_eq!(ImageName::parse(&name.to_string()), Some(name));
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,60}") {
            let _ = ImageName::parse(&text);
        }
    }
}
