//! The chain of an organization's events: each holds the hash of the one before. `docs/audit.md` is normative.
//!
//! Whatever may tell of a person (names, addresses, details) is not hashed itself but by a salted **commitment**. Without its
//! salt a commitment tells nothing, and the event's hash stays what it was: so a person can be forgotten.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::RecordedEvent;
use crate::Invalid;

/// The largest whole number that every reader of JSON reads alike.
const MOST_EXACT: u64 = (1 << 53) - 1;

/// A SHA-256; as text in base64url.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainHash([u8; 32]);

impl ChainHash {
    /// What stands before the first event: zeros.
    pub const NONE: Self = Self([0; 32]);

    /// That of a text.
    pub fn of(text: &[u8]) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// From where it was kept.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// To be kept.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ChainHash {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| Invalid::new("invalid_hash", "is no SHA-256 in base64url"))
    }
}

impl<'de> Deserialize<'de> for ChainHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for ChainHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The end of a chain: the last event's number and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainEnd {
    /// How many events there were.
    pub seq: i64,
    /// The hash of the last of them.
    pub hash: ChainHash,
}

impl ChainEnd {
    /// Before the first event.
    pub const NONE: Self = Self { seq: 0, hash: ChainHash::NONE };
}

/// The place of an event in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainLink {
    /// Its number, from 1 on, without gaps.
    pub seq: i64,
    /// Its hash.
    pub hash: ChainHash,
    /// By which its commitments are opened.
    pub salts: Salts,
}

/// What opens the commitments of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Salts {
    /// All of them, by a salt of each that follows from this one.
    All([u8; 16]),
    /// Those that are left after someone was forgotten.
    Left(SaltsLeft),
}

/// What is left of an event's salts after someone was forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaltsLeft {
    /// Of values that are still told.
    pub salts: BTreeMap<String, String>,
    /// The commitments to those that are not.
    pub forgotten: BTreeMap<String, ChainHash>,
}

impl Salts {
    /// The salt of a value; `None` of one that was forgotten.
    fn of(&self, path: &str) -> Option<String> {
        match self {
            Self::All(salt) => {
                let hash = Sha256::new().chain_update(salt).chain_update(path).finalize();
                Some(URL_SAFE_NO_PAD.encode(hash.get(..16).unwrap_or_default()))
            }
            Self::Left(left) => left.salts.get(path).cloned(),
        }
    }
}

impl RecordedEvent {
    /// Gives it its place behind the end of the chain. `salt` is random.
    pub fn chained(self, end: ChainEnd, salt: [u8; 16]) -> Self {
        let link = ChainLink { seq: end.seq + 1, hash: ChainHash::NONE, salts: Salts::All(salt) };
        let mut event = Self { link: Some(link), ..self };
        let document =
            event.document(end.hash).map(|document| ChainHash::of(canonical(&document).as_bytes()));
        if let (Some(link), Some(hash)) = (&mut event.link, document) {
            link.hash = hash;
        }
        event
    }

    /// What is hashed, in the canonical form of RFC 8785, for an event that is in the chain behind `prev`.
    pub fn document(&self, prev: ChainHash) -> Option<Value> {
        let link = self.link.as_ref()?;
        let (kind, id) = self.event.actor.parts();
        let mut actor = Map::new();
        actor.insert("kind".to_owned(), json!(kind));
        if let Some(id) = id {
            actor.insert("id".to_owned(), json!(id));
        }
        if let Some(maker) = self.maker {
            actor.insert("maker".to_owned(), json!(maker));
        }
        Some(json!({
            "action": self.event.action.as_str(),
            "actor": actor,
            "at": self.event.at,
            "commitments": self.commitments(),
            "id": self.event.id,
            "organization": self.event.organization,
            "prev": prev,
            "seq": link.seq,
            "target": self.event.target,
        }))
    }

    /// The salts and values of what it tells, by which a reader opens its commitments.
    pub fn disclosed(&self) -> BTreeMap<String, (String, Value)> {
        let Some(link) = &self.link else { return BTreeMap::new() };
        let told = self.values().into_iter();
        told.filter_map(|(path, value)| Some((path.clone(), (link.salts.of(&path)?, value)))).collect()
    }

    fn commitments(&self) -> BTreeMap<String, ChainHash> {
        let forgotten = match self.link.as_ref().map(|link| &link.salts) {
            Some(Salts::Left(left)) => left.forgotten.clone(),
            Some(Salts::All(_)) | None => BTreeMap::new(),
        };
        let told = self.disclosed().into_iter();
        forgotten
            .into_iter()
            .chain(
                told.map(|(path, (salt, value))| (commitment(&salt, &path, &value), path))
                    .map(|(hash, path)| (path, hash)),
            )
            .collect()
    }

    /// Changes what it tells. Of what is different afterwards the salt is gone, and the commitment stays. Whether anything is.
    pub fn forget(&mut self, change: impl FnOnce(&mut Self)) -> bool {
        let (before, disclosed) = (self.values(), self.disclosed());
        change(self);
        let after = self.values();
        if before == after {
            return false;
        }
        let Some(link) = &mut self.link else { return true };
        let mut left = match std::mem::replace(&mut link.salts, Salts::Left(SaltsLeft::default())) {
            Salts::All(_) => SaltsLeft::default(),
            Salts::Left(left) => SaltsLeft { salts: BTreeMap::new(), ..left },
        };
        for (path, (salt, value)) in disclosed {
            if after.get(&path) == Some(&value) {
                left.salts.insert(path, salt);
            } else {
                left.forgotten.insert(path.clone(), commitment(&salt, &path, &value));
            }
        }
        link.salts = Salts::Left(left);
        true
    }

    /// All that it tells beside what the chain holds in clear, by paths such as `actor.name` and `detail.name`.
    fn values(&self) -> BTreeMap<String, Value> {
        let names = [
            ("actor.name", self.names.actor.clone()),
            ("actor.maker.name", self.names.maker.clone()),
            ("address", self.event.address.map(|address| address.ip().to_string())),
            ("target.name", self.names.target.clone()),
        ];
        let names = names.into_iter().filter_map(|(path, text)| Some((path.to_owned(), Value::from(text?))));
        let detail = self.event.detail.iter().map(|(name, value)| (format!("detail.{name}"), value.clone()));
        names.chain(detail).collect()
    }
}

/// SHA-256 over the canonical form of salt, path and value.
fn commitment(salt: &str, path: &str, value: &Value) -> ChainHash {
    ChainHash::of(canonical(&json!([salt, path, value])).as_bytes())
}

/// The text that is hashed (RFC 8785).
pub fn canonical(value: &Value) -> String {
    // What can fail is writing keys that are no text and numbers that are not finite: JSON has neither.
    serde_json_canonicalizer::to_string(value).unwrap_or_default()
}

/// The same with numbers as texts that some readers would round.
pub(super) fn exact(value: Value) -> Value {
    match value {
        Value::Number(number) if number.as_i64().is_none_or(|whole| whole.unsigned_abs() > MOST_EXACT) => {
            Value::String(number.to_string())
        }
        Value::Array(values) => values.into_iter().map(exact).collect(),
        Value::Object(values) => values.into_iter().map(|(name, value)| (name, exact(value))).collect(),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::EventNames;
    use crate::{Action, Actor, AuditEvent, AuditEventId, LicenseId, OrganizationId, Timestamp, TokenId};

    fn event() -> RecordedEvent {
        let detail = json!({"name": "Ada's", "email": "ada@acme.example", "seats": 3});
        let event = AuditEvent {
            id: AuditEventId::new(1, [1; 10]),
            organization: OrganizationId::new(1, [2; 10]),
            actor: Actor::Token(TokenId::new(1, [3; 10])),
            action: Action::LicenseCreated,
            target: Some(LicenseId::new(1, [4; 10]).uuid()),
            detail: detail.as_object().unwrap().clone(),
            address: Some(crate::Address::new("192.0.2.7".parse().unwrap())),
            at: Timestamp::from_unix(1_767_225_600).unwrap(),
        };
        let names = EventNames {
            actor: Some("CI".to_owned()),
            maker: Some("Ada".to_owned()),
            target: Some("Ada's".to_owned()),
        };
        RecordedEvent::new(event, names, None)
    }

    /// The example of docs/audit.md is made of this one.
    #[test]
    fn the_form_is_fixed() {
        let event = event().chained(ChainEnd::NONE, [7; 16]);
        let text = canonical(&event.document(ChainHash::NONE).unwrap());
        assert!(text.starts_with(r#"{"action":"license.created","actor":{"id":""#), "{text}");
        assert!(!text.contains("Ada") && !text.contains("192.0.2.7"), "{text}");
        assert_eq!(event.link.as_ref().unwrap().seq, 1);
        assert_eq!(event.link.unwrap().hash, ChainHash::of(text.as_bytes()));
    }

    #[test]
    fn who_is_forgotten_leaves_the_hash_as_it_was() {
        let mut event = event().chained(ChainEnd::NONE, [7; 16]);
        let before = event.document(ChainHash::NONE);
        assert!(!event.forget(|_| ()));
        for forgotten in ["detail.email", "actor.maker.name"] {
            assert!(event.forget(|event| match forgotten {
                "detail.email" =>
                    drop(event.event.detail.insert("email".to_owned(), json!("erased@erased.invalid"))),
                _ => event.names.maker = Some("Erased member".to_owned()),
            }));
            assert_eq!(event.document(ChainHash::NONE), before);
            assert!(!event.disclosed().contains_key(forgotten));
        }
        assert_eq!(event.disclosed().len(), 5);
        // What is different for another reason is no longer what was committed to.
        event.event.detail.insert("seats".to_owned(), json!(4));
        assert_ne!(event.document(ChainHash::NONE), before);
    }

    #[test]
    fn numbers_that_readers_round_are_texts() {
        assert_eq!(
            exact(json!({"a": [9_007_199_254_740_993_u64, 1.5, -3]})),
            json!({"a": ["9007199254740993", "1.5", -3]})
        );
    }
}
