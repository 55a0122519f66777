//! Products: what a vendor sells, how keys for it are made, and how their validation behaves.
//!
//! ```text
//! Active ⇄ Archived       archived: out of sale and out of service, everything kept
//! Active ⇄ Disabled       disabled: out of service for a while
//! ```

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::registry::RepositoryPattern;
use crate::share::SharePercents;
use crate::text;
use crate::{
    BlockList, CustomResponse, Invalid, Name, Notes, OrganizationId, OrganizationScope, ProductId,
    SecretHash, Slug, Template, Timestamp, Versions,
};

/// One software offering.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    /// Its id.
    pub id: ProductId,
    /// Whose product this is.
    pub organization: OrganizationId,
    /// Unique among the organization's products.
    pub name: Name,
    /// In addresses; unique in the organization and never changed.
    pub slug: Slug,
    /// Internal to the vendor.
    pub description: Option<Notes>,
    /// The customer-facing page.
    pub page: Markdown,
    /// Which values a key is made with.
    pub template: Template,
    /// Which repositories its customers may pull from.
    pub pull_roles: PullRoles,
    /// How validation behaves.
    pub settings: Settings,
    /// Which versions may run.
    pub versions: Versions,
    /// Its place in life.
    pub state: ProductState,
    /// What applications authenticate with.
    pub key: ApiKey,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts the changes; the entity tag of HTTP.
    pub version: i64,
}

/// The life of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProductState {
    /// In service.
    Active,
    /// Out of sale and service; validation is not even counted.
    Archived {
        /// Since when.
        since: Timestamp,
    },
    /// Out of service for a while.
    Disabled {
        /// Since when.
        since: Timestamp,
    },
}

impl ProductState {
    /// The name on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Archived { .. } => "archived",
            Self::Disabled { .. } => "disabled",
        }
    }

    /// Whether its licenses are served.
    pub fn is_in_service(self) -> bool {
        match self {
            Self::Active => true,
            Self::Archived { .. } | Self::Disabled { .. } => false,
        }
    }
}

/// The product API key as kept: secrets are known by their hashes only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The secret's hash.
    pub hash: SecretHash,
    /// The first characters of the secret.
    pub hint: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// The key before, while a rotation lets both live.
    pub previous: Option<PreviousKey>,
}

/// A rotated key that lives on for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreviousKey {
    /// The secret's hash.
    pub hash: SecretHash,
    /// The first second at which it is dead.
    pub until: Timestamp,
}

impl ApiKey {
    /// The longest time for which a rotated key can live on: 30 days.
    pub const MOST_OVERLAP_SECONDS: u32 = 30 * 24 * 60 * 60;

    /// Whether the bearer of the secret with this hash is let in at `now`.
    pub fn accepts(&self, hash: &SecretHash, now: Timestamp) -> bool {
        let previous = self.previous.filter(|previous| now < previous.until);
        // Both are compared, whichever fits.
        (self.hash == *hash) | previous.is_some_and(|previous| previous.hash == *hash)
    }

    /// The key after a rotation to the secret with `hash`; the old one lives for `overlap` seconds more.
    #[must_use]
    pub fn rotated(&self, hash: SecretHash, hint: String, overlap: u32, now: Timestamp) -> Self {
        let until = now.plus_seconds(i64::from(overlap));
        let previous = (overlap > 0).then_some(PreviousKey { hash: self.hash, until });
        Self { hash, hint, created_at: now, previous }
    }
}

/// Whether and how client addresses bound a license.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressMode {
    /// Not at all; nothing is recorded.
    #[default]
    Off,
    /// Recorded, never refused.
    Monitor,
    /// New addresses register themselves up to the license's limit.
    Enforce,
    /// Only addresses that the vendor registered.
    Allowlist,
}

impl AddressMode {
    /// Every mode.
    pub const ALL: [Self; 4] = [Self::Off, Self::Monitor, Self::Enforce, Self::Allowlist];

    /// The name on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Monitor => "monitor",
            Self::Enforce => "enforce",
            Self::Allowlist => "allowlist",
        }
    }
}

impl FromStr for AddressMode {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or_else(|| Invalid::new("unknown_mode", "must be off, monitor, enforce or allowlist"))
    }
}

crate::described!(AddressMode = crate::openapi::one_of(Self::ALL.map(Self::as_str)););

/// How validation behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whether and how addresses bound a license.
    pub addresses: AddressMode,
    /// The limit that new licenses start with; `None` or 0 is none.
    pub default_max_ips: Option<u32>,
    /// The grace that new licenses get, in days after their end by the contract; `None` or 0 is none.
    pub default_grace_days: Option<u32>,
    /// Hours after which an address that was not seen is free again; `None` for never.
    pub ip_ttl_hours: Option<u32>,
    /// Whether the addresses of one IPv6 /64 count as one.
    pub ipv6_by_64: bool,
    /// Whether a license ends when its time does.
    pub enforce_expiry: bool,
    /// Whether versions are checked.
    pub gate_versions: bool,
    /// Whether the application must name its version; otherwise the latest counts.
    pub require_version: bool,
    /// Whether answers carry the custom response.
    pub custom: bool,
    /// The custom response that licenses start from.
    pub custom_response: Option<CustomResponse>,
    /// Whether webhooks tell of this product's licenses.
    pub webhooks: bool,
    /// Whether answers are signed.
    pub sign: bool,
    /// How much of a day's bucket one address, one license and unknown keys may take.
    pub shares: SharePercents,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            addresses: AddressMode::Off,
            default_max_ips: None,
            default_grace_days: None,
            ip_ttl_hours: None,
            ipv6_by_64: false,
            enforce_expiry: true,
            gate_versions: false,
            require_version: false,
            custom: false,
            custom_response: None,
            webhooks: true,
            sign: true,
            shares: SharePercents::default(),
        }
    }
}

impl Settings {
    /// The longest time for which an address can be kept without being seen: ten years.
    pub const MOST_TTL_HOURS: u32 = 10 * 366 * 24;
    /// The longest grace: a year.
    pub const MOST_GRACE_DAYS: u32 = 366;

    /// The grace of new licenses in seconds.
    pub fn grace_seconds(&self) -> i64 {
        i64::from(self.default_grace_days.unwrap_or(0)) * 24 * 60 * 60
    }
}

/// A customer-facing page as its vendor wrote it. It is made safe when it is shown, not here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Markdown(String);

impl Markdown {
    /// The longest.
    pub const MOST_BYTES: usize = 64 * 1024;

    /// A page as it was written down once: rules get stricter, and what is kept stays readable.
    pub fn kept(text: &str) -> Self {
        Self(text::with_line_feeds(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Markdown {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text::lines(text, Self::MOST_BYTES)?;
        if text.len() > Self::MOST_BYTES {
            return Err(Invalid::new("too_long", format!("has more than {} bytes", Self::MOST_BYTES)));
        }
        Ok(Self(text))
    }
}

crate::described!(exact Markdown = crate::openapi::pattern(text::LINES_PATTERN););

/// Named sets of repositories. The names go into tokens; what they mean is asked of the product.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PullRoles(Vec<PullRole>);

crate::described! {
    composed PullRoles;
    shown PullRoles = serde_json::json!({"type": "array", "items": {"$ref": "#/components/schemas/PullRole"}});
}

/// A named set of repositories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PullRole {
    /// `a-z`, `0-9` and inner `.`, `_`, `-`, up to 64; unique in the product.
    pub name: String,
    /// Repository names in which `*` stands for any text: `acme/*`, `acme/app`.
    pub repositories: Vec<String>,
}

crate::described!(object PullRole; named PullRole = "PullRole";);

impl PullRole {
    /// The longest name.
    pub const MOST: usize = 64;
    /// How a name is written, as a regular expression.
    pub const PATTERN: &str = "^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$";

    /// Whether a role may be called so.
    pub fn check_name(name: &str) -> Result<(), Invalid> {
        let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let inner = |c: char| edge(c) || matches!(c, '.' | '_' | '-');
        let fits = (1..=Self::MOST).contains(&name.len()) && name.chars().all(inner);
        if fits && name.starts_with(edge) && name.ends_with(edge) {
            Ok(())
        } else {
            let message = "must be 1 to 64 of a-z, 0-9 and inner '.', '_' and '-'";
            Err(Invalid::new("invalid_role_name", message))
        }
    }
}

impl PullRoles {
    /// The most roles of a product, and repositories of a role.
    pub const MOST: usize = 50;

    /// Checks all of them, naming every fault with its place (`/0/repositories/1`).
    pub fn new(roles: Vec<PullRole>) -> Result<Self, Vec<Invalid>> {
        let mut faults = Vec::new();
        if roles.len() > Self::MOST {
            return Err(vec![Invalid::new("too_many", format!("has more than {} roles", Self::MOST))]);
        }
        for (index, role) in roles.iter().enumerate() {
            let place = index.to_string();
            if let Err(fault) = PullRole::check_name(&role.name) {
                faults.push(fault.at("name").at(&place));
            }
            if roles[..index].iter().any(|earlier| earlier.name == role.name) {
                faults.push(
                    Invalid::new("duplicate_name", "is the name of an earlier role").at("name").at(&place),
                );
            }
            if role.repositories.is_empty() || role.repositories.len() > Self::MOST {
                let message = format!("must name 1 to {} repositories", Self::MOST);
                faults.push(Invalid::new("wrong_count", message).at("repositories").at(&place));
                continue;
            }
            for (number, pattern) in role.repositories.iter().enumerate() {
                if let Err(wrong) = pattern.parse::<RepositoryPattern>() {
                    faults.push(wrong.at(&number.to_string()).at("repositories").at(&place));
                }
            }
        }
        if faults.is_empty() { Ok(Self(roles)) } else { Err(faults) }
    }

    /// The roles, in order.
    pub fn roles(&self) -> &[PullRole] {
        &self.0
    }

    /// What those of these roles that a token names open.
    pub fn open(&self, names: &[String]) -> Vec<RepositoryPattern> {
        let named = self.0.iter().filter(|role| names.contains(&role.name));
        named.flat_map(|role| &role.repositories).filter_map(|pattern| pattern.parse().ok()).collect()
    }

    /// Their names, as tokens carry them.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|role| role.name.clone()).collect()
    }
}

/// The product's state does not allow what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a product that is {state} cannot be {wanted}")]
pub struct ProductTransitionError {
    state: &'static str,
    wanted: &'static str,
}

impl Product {
    /// Where it and what belongs to it is found.
    pub fn scope(&self) -> OrganizationScope {
        OrganizationScope(self.organization)
    }

    /// Takes it out of sale and service.
    pub fn archive(self, now: Timestamp) -> Result<Self, ProductTransitionError> {
        match self.state {
            ProductState::Active => Ok(self.becomes(ProductState::Archived { since: now }, now)),
            // Coming back from the archive it would be in service again, unseen.
            ProductState::Archived { .. } | ProductState::Disabled { .. } => Err(self.refuse("archived")),
        }
    }

    /// Takes it back into sale and service, with all it had.
    pub fn unarchive(self, now: Timestamp) -> Result<Self, ProductTransitionError> {
        match self.state {
            ProductState::Archived { .. } => Ok(self.becomes(ProductState::Active, now)),
            ProductState::Active | ProductState::Disabled { .. } => Err(self.refuse("unarchived")),
        }
    }

    /// Takes it out of service for a while.
    pub fn disable(self, now: Timestamp) -> Result<Self, ProductTransitionError> {
        match self.state {
            ProductState::Active => Ok(self.becomes(ProductState::Disabled { since: now }, now)),
            ProductState::Archived { .. } | ProductState::Disabled { .. } => Err(self.refuse("disabled")),
        }
    }

    /// Takes it back into service.
    pub fn enable(self, now: Timestamp) -> Result<Self, ProductTransitionError> {
        match self.state {
            ProductState::Disabled { .. } => Ok(self.becomes(ProductState::Active, now)),
            ProductState::Active | ProductState::Archived { .. } => Err(self.refuse("enabled")),
        }
    }

    /// The next version of it, changed at `now`.
    #[must_use]
    pub fn changed(self, now: Timestamp) -> Self {
        Self { updated_at: now, version: self.version + 1, ..self }
    }

    fn becomes(self, state: ProductState, now: Timestamp) -> Self {
        Self { state, ..self }.changed(now)
    }

    fn refuse(&self, wanted: &'static str) -> ProductTransitionError {
        ProductTransitionError { state: self.state.as_str(), wanted }
    }
}

/// How a license of a product differs from the product's settings. Changed in place, unlike its terms.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bounds {
    /// The most addresses; `None` or 0 for no limit.
    pub max_ips: Option<u32>,
    /// Which versions it allows.
    pub pin: crate::version::Pin,
    /// What it adds to the product's custom response.
    pub custom_response: Option<CustomResponse>,
    /// Addresses refused for this license.
    pub blocked: BlockList,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(unix: i64) -> Timestamp {
        Timestamp::from_unix(unix).unwrap()
    }

    fn hash(byte: u8) -> SecretHash {
        SecretHash::from_bytes([byte; 32])
    }

    #[test]
    fn rotation_ends_the_old_key_at_once_or_at_its_time() {
        let key = ApiKey { hash: hash(1), hint: "a".into(), created_at: at(0), previous: None };
        let sharp = key.rotated(hash(2), "b".into(), 0, at(10));
        assert!(sharp.accepts(&hash(2), at(10)) && !sharp.accepts(&hash(1), at(10)));
        let soft = key.rotated(hash(2), "b".into(), 60, at(10));
        assert!(soft.accepts(&hash(1), at(69)) && !soft.accepts(&hash(1), at(70)));
        let again = soft.rotated(hash(3), "c".into(), 60, at(20));
        assert!(!again.accepts(&hash(1), at(21)), "only the last key lives on");
        assert!(again.accepts(&hash(2), at(21)) && again.accepts(&hash(3), at(21)));
    }

    #[test]
    fn roles_name_every_fault() {
        let role = |name: &str, repositories: &[&str]| PullRole {
            name: name.to_owned(),
            repositories: repositories.iter().map(|&text| text.to_owned()).collect(),
        };
        assert!(PullRoles::new(vec![role("runtime", &["acme/*", "acme/app", "*", "a/b-*"])]).is_ok());
        let roles = vec![role("a", &["Acme", "/x", "a//b", "ok"]), role("a", &[]), role("-", &["../x"])];
        let faults = PullRoles::new(roles).unwrap_err();
        let places: Vec<_> = faults.iter().map(|fault| (fault.pointer.as_str(), fault.code)).collect();
        let expected = [
            ("/0/repositories/0", "invalid_repository"),
            ("/0/repositories/1", "invalid_repository"),
            ("/0/repositories/2", "invalid_repository"),
            ("/1/name", "duplicate_name"),
            ("/1/repositories", "wrong_count"),
            ("/2/name", "invalid_role_name"),
            ("/2/repositories/0", "invalid_repository"),
        ];
        assert_eq!(places, expected);
    }
}
