//! What a registry tells of itself (CNCF distribution's notifications): hints where to look, believed no further.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::oci::{RepositoryName, Tag};
use crate::{Invalid, Timestamp};

/// Where something may have changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hint {
    /// In which repository.
    pub repository: RepositoryName,
    /// At which tag; `None` for any of them.
    pub tag: Option<Tag>,
}

/// By what the upstream of a registry may send notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notifications {
    /// The first characters of the secret.
    pub hint: String,
    /// Since when it has been this secret.
    pub created_at: Timestamp,
    /// When the upstream was last heard, to the minute.
    pub heard_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Envelope {
    events: Vec<serde_json::Value>,
}

/// As far as it says where to look.
#[derive(Deserialize)]
struct Event {
    action: String,
    target: Target,
}

#[derive(Deserialize)]
struct Target {
    repository: String,
    #[serde(default)]
    tag: String,
}

impl Notifications {
    /// The most bytes of one request.
    pub const MOST_BYTES: usize = 1024 * 1024;

    /// Reads a request's body (`application/vnd.docker.distribution.events.v1+json`, or `v2`). Of what it tells, only
    /// that a tag was pushed or something deleted matters; events that say something else are passed over.
    pub fn parse(bytes: &[u8]) -> Result<BTreeSet<Hint>, Invalid> {
        let envelope: Envelope = serde_json::from_slice(bytes)
            .map_err(|_| Invalid::new("invalid_notification", "is no list of events"))?;
        Ok(envelope.events.into_iter().filter_map(hint).collect())
    }
}

fn hint(event: serde_json::Value) -> Option<Hint> {
    let Event { action, target } = serde_json::from_value(event).ok()?;
    let repository = target.repository.parse().ok()?;
    let tag: Option<Tag> = target.tag.parse().ok();
    match (action.as_str(), tag) {
        // What comes without a tag is part of something that has one, or is learned when it is asked for.
        ("push", Some(tag)) => Some(Hint { repository, tag: Some(tag) }),
        ("delete", tag) => Some(Hint { repository, tag }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(events: serde_json::Value) -> Vec<(String, Option<String>)> {
        let hints = Notifications::parse(json!({"events": events}).to_string().as_bytes()).unwrap();
        hints
            .into_iter()
            .map(|hint| (hint.repository.to_string(), hint.tag.map(|tag| tag.to_string())))
            .collect()
    }

    #[test]
    fn pushed_tags_and_deletions_are_hints_and_nothing_else_is() {
        let event =
            |action: &str, target: serde_json::Value| json!({"id": "x", "action": action, "target": target});
        let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let events = json!([
            event("push", json!({"repository": "acme/app", "tag": "1.0", "digest": digest, "size": 7})),
            event("push", json!({"repository": "acme/app", "tag": "1.0", "digest": digest})),
            event("push", json!({"repository": "acme/app", "digest": digest})),
            event("pull", json!({"repository": "acme/app", "tag": "2.0"})),
            event("mount", json!({"repository": "acme/app", "fromRepository": "acme/base"})),
            event("delete", json!({"repository": "acme/old", "digest": digest})),
            event("delete", json!({"repository": "acme/old", "tag": "0.9"})),
            event("push", json!({"repository": "../etc", "tag": "1"})),
            event("push", json!({"repository": "acme/app", "tag": "-no"})),
            json!("an event?"),
            json!({"action": "push"}),
        ]);
        let expected = [("acme/app", Some("1.0")), ("acme/old", None), ("acme/old", Some("0.9"))];
        let expected = expected.map(|(repository, tag)| (repository.to_owned(), tag.map(str::to_owned)));
        assert_eq!(read(events), expected);
    }

    #[test]
    fn what_is_no_list_of_events_is_refused() {
        for bad in ["", "[]", "{}", "{\"events\":{}}", "{\"events\":[}", "\u{0}"] {
            assert!(Notifications::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Notifications::parse(&bytes);
        }

        #[test]
        fn every_hint_can_be_asked_for(action in "(push|delete|pull|.{0,5})", repository in ".{0,30}", tag in ".{0,30}") {
            let event = json!({"action": action, "target": {"repository": repository, "tag": tag}});
            for (found, pointed) in read(json!([event])) {
                prop_assert_eq!(&found, &repository);
                prop_assert!(pointed.is_none_or(|pointed| pointed == tag));
            }
        }
    }
}
