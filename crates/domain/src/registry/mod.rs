//! Registries: one host each, in front of an OCI registry that the vendor runs; who may pull and push there.

pub mod content;
pub mod entitlement;
pub mod event;
pub mod habit;
pub mod key;
pub mod notification;
pub mod oci;
pub mod pull_credential;
pub mod puller;
pub mod referrer;
pub mod rotation;
pub mod trace;
pub mod upstream;

use crate::text::texts;
use crate::{Invalid, Name, OrganizationId, OrganizationScope, RegistryId, Timestamp};

pub use content::{Manifest, Part, PartKind};
pub use entitlement::{
    Artifact, ArtifactEntitlement, ArtifactGrant, ArtifactPolicy, Ground, PullRights, Reach, TagGrant,
};
pub use event::{Decision, Holder, Operation, RegistryEvent};
pub use habit::Footprint;
pub use key::{KeyAccess, LastUse, RegistryKey};
pub use notification::{Hint, Notifications};
pub use oci::{Digest, ImageReference, Reference, RepositoryName, RepositoryPattern, Tag};
pub use pull_credential::{PullClaims, PullCredential};
pub use puller::Puller;
pub use referrer::Referrer;
pub use rotation::{Handover, Progress, Rotation, RotationStep};
pub use trace::{Step, Trace};
pub use upstream::{Endpoint, Upstream};

texts! {
    /// A host name as clients write it, without a port, in lower case: `acme.registry.example`, `127.0.0.1`.
    Host = host;
}

crate::described! {
    Host = crate::openapi::text(Self::MOST, Self::PATTERN);
}

/// One host that container clients talk to, in front of an OCI registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// Its id.
    pub id: RegistryId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// As shown to people.
    pub name: Name,
    /// Under which host clients reach it; unique on the server.
    pub host: Host,
    /// The registry behind it.
    pub upstream: Upstream,
    /// What every repository's name begins with in there, where several share it.
    pub prefix: Option<RepositoryName>,
    /// How the upstream knows us.
    pub credential: Credential,
    /// How the upstream calls itself in its configuration (`service`): for whom tokens are. The host, unless the
    /// upstream is shared.
    pub service: Host,
    /// Whether a client may be sent on to where the upstream keeps a blob. The address it is sent to stays open for
    /// as long as the upstream's storage says, whatever becomes of the key.
    pub pass_redirects: bool,
    /// Whether clients may also go to the upstream itself, with tokens that are fetched here. Those are bound to
    /// repositories and live on for minutes after a key is revoked.
    pub direct: bool,
    /// What signs requests to the upstream: its certificate (DER).
    pub certificate: Vec<u8>,
    /// The private key to it, sealed.
    pub sealed_key: Vec<u8>,
    /// When it was last begun to look at all its repositories; `None` if that is still to come.
    pub swept_at: Option<Timestamp>,
    /// Why the last look came to nothing, if it did.
    pub sweep_fault: Option<String>,
    /// When it was removed.
    pub deleted_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts the changes; the entity tag of HTTP.
    pub version: i64,
}

/// How the upstream knows the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// By a token for each request, signed with the registry's own key (distribution's `auth: token`).
    Token,
    /// By user name and password.
    Basic {
        /// The user.
        user: Name,
        /// The password, sealed.
        sealed_password: Vec<u8>,
    },
    /// Not at all. Only for an upstream on the same machine, since whoever reaches it needs no key.
    None,
}

impl Credential {
    /// The name on the wire and in storage.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Basic { .. } => "basic",
            Self::None => "none",
        }
    }
}

impl Registry {
    /// The reach of queries for whoever came to this registry's host.
    pub fn scope(&self) -> OrganizationScope {
        OrganizationScope(self.organization)
    }

    /// The name that a repository has in the upstream, unless it is too long for that behind the prefix.
    pub fn inside(&self, repository: &RepositoryName) -> Result<RepositoryName, Invalid> {
        let Some(prefix) = &self.prefix else { return Ok(repository.clone()) };
        repository.behind(prefix).ok_or_else(|| {
            let most = RepositoryName::MOST.saturating_sub(prefix.as_str().len() + 1);
            let message = format!(
                "must have at most {most} characters in this registry, which puts {prefix}/ before it"
            );
            Invalid::new("too_long", message)
        })
    }

    /// The name that a repository of the upstream has for clients, if it is one of this registry's.
    pub fn outside(&self, repository: &RepositoryName) -> Option<RepositoryName> {
        match &self.prefix {
            Some(prefix) => repository.after(prefix),
            None => Some(repository.clone()),
        }
    }

    /// The next version of it, changed at `now`.
    #[must_use]
    pub fn changed(self, now: Timestamp) -> Self {
        Self { updated_at: now, version: self.version + 1, ..self }
    }
}

impl Host {
    /// The longest.
    pub const MOST: usize = 253;
    /// How it is written, as a regular expression; what stands in brackets must be an IPv6 address besides.
    pub const PATTERN: &str = concat!(
        r"^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*",
        r"|\[[0-9a-fA-F:.]{2,45}\])$"
    );

    /// The machine itself.
    pub fn localhost() -> Self {
        Self("localhost".to_owned())
    }

    /// The host of a `Host` header or an authority, its port left out.
    pub fn of_authority(text: &str) -> Result<Self, Invalid> {
        let host = match text.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !host.ends_with(':') => {
                host
            }
            _ => text,
        };
        host.to_ascii_lowercase().parse()
    }
}

fn host(text: &str) -> Result<String, Invalid> {
    if host_name(text) {
        Ok(text.to_owned())
    } else {
        Err(Invalid::new("invalid_host", "is not a host name such as acme.registry.example, without a port"))
    }
}

/// Whether a text is a host in lower case: a name, an address, or an IPv6 address in brackets.
pub(crate) fn host_name(text: &str) -> bool {
    let label = |label: &str| {
        let inner =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len())
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => text.len() <= Host::MOST && text.split('.').all(label),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_come_without_their_port() {
        let host = |text: &str| Host::of_authority(text).map(|host| host.to_string()).ok();
        assert_eq!(host("Acme.Registry.Example:8443").as_deref(), Some("acme.registry.example"));
        assert_eq!(host("127.0.0.1:5000").as_deref(), Some("127.0.0.1"));
        assert_eq!(host("[::1]:5000").as_deref(), Some("[::1]"));
        assert_eq!(host("[::1]").as_deref(), Some("[::1]"));
        for bad in ["", "a b", "a/b", "user@host", "-a.example", "a..b", "[::g]"] {
            assert_eq!(host(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,80}") {
            let _ = Host::of_authority(&text);
        }
    }
}
