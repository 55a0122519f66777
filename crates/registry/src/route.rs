//! Addresses of the OCI distribution API, read from the raw path: nothing is decoded or normalised, and what the
//! grammar refuses is never passed on.

use actix_web::http::Method;
use keyward_domain::admission::RegistryRequest;
use keyward_domain::registry::{Digest, Reference, RepositoryName};

use crate::refusal::Refusal;

/// What an address names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/v2/`: is this a registry, and is the key good?
    Base,
    /// `/v2/_catalog`
    Catalog,
    /// `/v2/N/tags/list`
    Tags(RepositoryName),
    /// `/v2/N/manifests/REF`
    Manifest(RepositoryName, Reference),
    /// `/v2/N/blobs/DIGEST`
    Blob(RepositoryName, Digest),
    /// `/v2/N/blobs/uploads/`
    Uploads(RepositoryName),
    /// `/v2/N/blobs/uploads/SESSION`
    Upload(RepositoryName, String),
    /// `/v2/N/referrers/DIGEST`
    Referrers(RepositoryName, Digest),
}

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Read,
    Write,
    Delete,
}

impl Route {
    /// The template of its address, as metrics tell it.
    pub(crate) fn template(&self) -> &'static str {
        match self {
            Self::Base => "/v2/",
            Self::Catalog => "/v2/_catalog",
            Self::Tags(_) => "/v2/{name}/tags/list",
            Self::Manifest(..) => "/v2/{name}/manifests/{reference}",
            Self::Blob(..) => "/v2/{name}/blobs/{digest}",
            Self::Uploads(_) => "/v2/{name}/blobs/uploads/",
            Self::Upload(..) => "/v2/{name}/blobs/uploads/{session}",
            Self::Referrers(..) => "/v2/{name}/referrers/{digest}",
        }
    }

    /// Reads the path of a request, which begins with `/v2`.
    pub(crate) fn parse(path: &str) -> Result<Self, Refusal> {
        let unknown = || Refusal::not_found("UNSUPPORTED", "there is no such address in a registry");
        let rest = path.strip_prefix("/v2").ok_or_else(unknown)?;
        if rest.is_empty() || rest == "/" {
            return Ok(Self::Base);
        }
        let rest = rest.strip_prefix('/').ok_or_else(unknown)?;
        let segments: Vec<_> = rest.split('/').collect();
        let inner = &segments[..segments.len() - 1];
        if rest.contains('%')
            || inner.contains(&"")
            || segments.iter().any(|part| matches!(*part, "." | ".."))
        {
            return Err(name_invalid());
        }
        match segments.as_slice() {
            ["_catalog"] => Ok(Self::Catalog),
            [name @ .., "tags", "list"] => Ok(Self::Tags(repository(name)?)),
            [name @ .., "blobs", "uploads"] | [name @ .., "blobs", "uploads", ""] => {
                Ok(Self::Uploads(repository(name)?))
            }
            [name @ .., "blobs", "uploads", session] => Ok(Self::Upload(repository(name)?, upload(session)?)),
            [name @ .., "manifests", reference] => {
                let name = repository(name)?;
                let wrong = |_| {
                    if reference.contains(':') {
                        digest_invalid()
                    } else {
                        Refusal::not_found("MANIFEST_UNKNOWN", "no tag can have this name")
                    }
                };
                Ok(Self::Manifest(name, reference.parse().map_err(wrong)?))
            }
            [name @ .., "blobs", digest] => {
                Ok(Self::Blob(repository(name)?, digest.parse().map_err(|_| digest_invalid())?))
            }
            [name @ .., "referrers", digest] => {
                Ok(Self::Referrers(repository(name)?, digest.parse().map_err(|_| digest_invalid())?))
            }
            _ => Err(unknown()),
        }
    }

    /// What `method` does here, if anything.
    pub(crate) fn act(&self, method: &Method) -> Result<Act, Refusal> {
        let reads = method == Method::GET || method == Method::HEAD;
        let act = match self {
            Self::Base | Self::Catalog | Self::Tags(_) | Self::Referrers(..) if reads => Some(Act::Read),
            Self::Manifest(..) | Self::Blob(..) if reads => Some(Act::Read),
            Self::Manifest(..) if method == Method::PUT => Some(Act::Write),
            Self::Manifest(..) | Self::Blob(..) if method == Method::DELETE => Some(Act::Delete),
            Self::Uploads(_) if method == Method::POST => Some(Act::Write),
            Self::Upload(..) => {
                let all = [Method::GET, Method::PATCH, Method::PUT, Method::DELETE];
                all.contains(method).then_some(Act::Write)
            }
            _ => None,
        };
        act.ok_or_else(Refusal::method)
    }

    /// The same, as it is decided about.
    pub(crate) fn request(&self, act: Act) -> RegistryRequest<'_> {
        match (act, self) {
            (Act::Write, _) => RegistryRequest::Push,
            (Act::Delete, _) => RegistryRequest::Delete,
            (Act::Read, Self::Manifest(_, reference)) => RegistryRequest::Manifest(reference),
            (Act::Read, Self::Blob(_, digest) | Self::Referrers(_, digest)) => {
                RegistryRequest::Content(digest)
            }
            (Act::Read, Self::Base | Self::Catalog | Self::Tags(_) | Self::Uploads(_) | Self::Upload(..)) => {
                RegistryRequest::List
            }
        }
    }

    /// The repository that is named.
    pub(crate) fn repository(&self) -> Option<&RepositoryName> {
        match self {
            Self::Base | Self::Catalog => None,
            Self::Tags(name)
            | Self::Manifest(name, _)
            | Self::Blob(name, _)
            | Self::Uploads(name)
            | Self::Upload(name, _)
            | Self::Referrers(name, _) => Some(name),
        }
    }

    /// The same address in the upstream, where the repository is called `name`.
    pub(crate) fn inside(&self, name: &str) -> String {
        match self {
            Self::Base => "/v2/".to_owned(),
            Self::Catalog => "/v2/_catalog".to_owned(),
            Self::Tags(_) => format!("/v2/{name}/tags/list"),
            Self::Manifest(_, reference) => format!("/v2/{name}/manifests/{reference}"),
            Self::Blob(_, digest) => format!("/v2/{name}/blobs/{digest}"),
            Self::Uploads(_) => format!("/v2/{name}/blobs/uploads/"),
            Self::Upload(_, session) => format!("/v2/{name}/blobs/uploads/{session}"),
            Self::Referrers(_, digest) => format!("/v2/{name}/referrers/{digest}"),
        }
    }
}

fn repository(segments: &[&str]) -> Result<RepositoryName, Refusal> {
    segments.join("/").parse().map_err(|_| name_invalid())
}

fn upload(session: &str) -> Result<String, Refusal> {
    let fits = (1..=512).contains(&session.len())
        && session.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.=~".contains(&byte));
    if fits {
        Ok(session.to_owned())
    } else {
        Err(Refusal::not_found("BLOB_UPLOAD_UNKNOWN", "there is no such upload"))
    }
}

fn name_invalid() -> Refusal {
    Refusal::bad("NAME_INVALID", "this is no name of a repository")
}

fn digest_invalid() -> Refusal {
    Refusal::bad("DIGEST_INVALID", "this is no digest")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn digest() -> String {
        format!("sha256:{}", "ab".repeat(32))
    }

    #[test]
    fn names_are_greedy() {
        let name = |path: &str| Route::parse(path).unwrap().repository().unwrap().to_string();
        assert_eq!(name("/v2/acme/app/manifests/v1"), "acme/app");
        assert_eq!(name("/v2/tags/list/tags/list"), "tags/list");
        assert_eq!(name("/v2/a/manifests/b/manifests/v1"), "a/manifests/b");
        assert_eq!(name(&format!("/v2/blobs/uploads/blobs/{}", digest())), "blobs/uploads");
        assert_eq!(name("/v2/a/blobs/uploads/"), "a");
        assert_eq!(name("/v2/a/blobs/uploads/5c-_=x"), "a");
        assert_eq!(Route::parse("/v2"), Ok(Route::Base));
        assert_eq!(Route::parse("/v2/"), Ok(Route::Base));
        assert_eq!(Route::parse("/v2/_catalog"), Ok(Route::Catalog));
    }

    #[test]
    fn what_the_grammar_refuses_goes_no_further() {
        let code = |path: &str| Route::parse(path).unwrap_err().code;
        for path in [
            "/v2/a/../b/manifests/v1",
            "/v2/a/./manifests/v1",
            "/v2//a/manifests/v1",
            "/v2/a%2Fb/manifests/v1",
            "/v2/%2e%2e/manifests/v1",
            "/v2/A/manifests/v1",
            "/v2/a/manifests/%76",
            "/v2/a//manifests/v1",
            "/v2/manifests/v1",
        ] {
            assert_eq!(code(path), "NAME_INVALID", "{path}");
        }
        assert_eq!(code("/v2/a/blobs/sha256:zz"), "DIGEST_INVALID");
        assert_eq!(code("/v2/a/manifests/sha256:zz"), "DIGEST_INVALID");
        assert_eq!(code("/v2/a/manifests/.INVALID"), "MANIFEST_UNKNOWN");
        assert_eq!(code("/v2/a/blobs/uploads/a%b"), "NAME_INVALID");
        assert_eq!(code("/v2/a/other"), "UNSUPPORTED");
        assert_eq!(code("/v2x"), "UNSUPPORTED");
    }

    #[test]
    fn methods_are_allowed_by_route() {
        let act = |path: &str, method: Method| Route::parse(path).unwrap().act(&method).ok();
        assert_eq!(act("/v2/a/manifests/v1", Method::HEAD), Some(Act::Read));
        assert_eq!(act("/v2/a/manifests/v1", Method::PUT), Some(Act::Write));
        assert_eq!(act("/v2/a/manifests/v1", Method::DELETE), Some(Act::Delete));
        assert_eq!(act("/v2/a/manifests/v1", Method::POST), None);
        assert_eq!(act("/v2/a/blobs/uploads/x", Method::GET), Some(Act::Write));
        assert_eq!(act("/v2/a/blobs/uploads/", Method::GET), None);
        assert_eq!(act("/v2/_catalog", Method::DELETE), None);
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_the_same(path in "/v2/[a-z%./:_0-9-]{0,40}(/manifests/v1|/tags/list|/blobs/uploads/x|)") {
            if let Ok(route) = Route::parse(&path)
                && let Some(name) = route.repository()
            {
                let inside = route.inside(name.as_str());
                prop_assert_eq!(inside.trim_end_matches('/'), path.trim_end_matches('/'));
            }
        }
    }
}
