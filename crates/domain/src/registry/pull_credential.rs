//! What an agent pulls the images of one deployment with: a text that says so itself, signed by the registry's own key, so that
//! nothing is kept of it. What it opens is not in it but asked of the database at each request; it only ever narrows that.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::oci::RepositoryName;
use crate::{AgentId, CustomerId, DeploymentId, OrganizationId, RegistryId, Timestamp};

/// What its text begins with. It is part of what is signed, so nothing else that the key signs is ever taken for one.
pub const PREFIX: &str = "kw_pull_";

/// The user that clients log in as with one. Nothing depends on it.
pub const USER: &str = "agent";

/// For how many seconds one counts.
pub const SECONDS: i64 = 15 * 60;

/// The most repositories of one registry that one names.
pub const MOST_REPOSITORIES: usize = 100;

/// The most bytes of its text: all repositories with the longest names there are would fit.
const MOST_BYTES: usize = 64 * 1024;

/// What a credential says: for whom it is, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PullClaims {
    /// Whose registry.
    pub organization: OrganizationId,
    /// Which.
    pub registry: RegistryId,
    /// Whose deployment.
    pub customer: CustomerId,
    /// Who asked for it.
    pub agent: AgentId,
    /// For which deployment.
    pub deployment: DeploymentId,
    /// Of which repositories.
    #[serde(deserialize_with = "repositories")]
    pub repositories: BTreeSet<RepositoryName>,
    /// The first second in which it does not count any more, in Unix seconds.
    pub expires_at: i64,
}

/// A credential that was read. What it says is not to be believed before its signature was verified.
#[derive(Debug)]
pub struct PullCredential<'a> {
    /// What it says.
    pub claims: PullClaims,
    /// What is signed.
    pub signed: &'a [u8],
    /// The signature: ES256, as in a JWS.
    pub signature: Vec<u8>,
}

impl PullClaims {
    /// The part of the text that is signed; the signature follows it by [`complete`].
    pub fn text(&self) -> String {
        // Ids, names and a number can always be written.
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default()))
    }

    /// Whether it counts at `now` for a registry.
    pub fn count_for(&self, organization: OrganizationId, registry: RegistryId, now: Timestamp) -> bool {
        self.organization == organization && self.registry == registry && now.unix() < self.expires_at
    }
}

fn repositories<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<RepositoryName>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    if names.len() > MOST_REPOSITORIES {
        return Err(D::Error::custom("too many repositories"));
    }
    names.iter().map(|name| name.parse().map_err(D::Error::custom)).collect()
}

/// Puts the signature behind what it signs.
pub fn complete(mut text: String, signature: &[u8]) -> String {
    text.push('.');
    text.push_str(&URL_SAFE_NO_PAD.encode(signature));
    text
}

impl<'a> PullCredential<'a> {
    /// Whether a password is to be one, well-formed or not: it is taken for nothing else then.
    pub fn is_meant_by(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Reads one; `None` for what is none.
    pub fn read(text: &'a str) -> Option<Self> {
        if text.len() > MOST_BYTES {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let claims = URL_SAFE_NO_PAD.decode(signed.strip_prefix(PREFIX)?).ok()?;
        let claims: PullClaims = serde_json::from_slice(&claims).ok()?;
        Some(Self { claims, signed: signed.as_bytes(), signature: URL_SAFE_NO_PAD.decode(signature).ok()? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn claims() -> PullClaims {
        PullClaims {
            organization: OrganizationId::new(1, [1; 10]),
            registry: RegistryId::new(1, [2; 10]),
            customer: CustomerId::new(1, [3; 10]),
            agent: AgentId::new(1, [4; 10]),
            deployment: DeploymentId::new(1, [5; 10]),
            repositories: ["acme/app", "acme/db"].map(|name| name.parse().unwrap()).into(),
            expires_at: 1_000,
        }
    }

    #[test]
    fn it_says_what_was_written() {
        let text = complete(claims().text(), &[7; 64]);
        let read = PullCredential::read(&text).unwrap();
        assert_eq!((&read.claims, &*read.signature), (&claims(), &[7; 64][..]));
        assert_eq!(read.signed, claims().text().as_bytes());
        assert!(PullCredential::is_meant_by(&text));
    }

    #[test]
    fn it_counts_for_one_registry_and_not_for_ever() {
        let at = |unix| Timestamp::from_unix(unix).unwrap();
        let claims = claims();
        let (organization, registry) = (claims.organization, claims.registry);
        assert!(claims.count_for(organization, registry, at(999)));
        assert!(!claims.count_for(organization, registry, at(1_000)));
        assert!(!claims.count_for(organization, RegistryId::new(1, [9; 10]), at(0)));
        assert!(!claims.count_for(OrganizationId::new(1, [9; 10]), registry, at(0)));
    }

    #[test]
    fn the_largest_one_is_read() {
        let name = |number: usize| format!("{number:03}{}", "x".repeat(RepositoryName::MOST - 3));
        let repositories = (0..MOST_REPOSITORIES).map(|number| name(number).parse().unwrap()).collect();
        let claims = PullClaims { repositories, ..claims() };
        let text = complete(claims.text(), &[7; 64]);
        assert_eq!(PullCredential::read(&text).unwrap().claims, claims);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,200}", body in "[A-Za-z0-9_.-]{0,200}") {
            prop_assert!(PullCredential::read(&text).is_none());
            let text = format!("{PREFIX}{body}");
            prop_assert!(PullCredential::read(&text).is_none());
        }
    }
}
