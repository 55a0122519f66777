//! What is about a manifest, such as its signature or the list of what is in it: the referrers of OCI distribution 1.1.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::oci::Digest;
use crate::Invalid;

/// A manifest whose `subject` is another, in the form in which an index lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Referrer {
    /// The media type of the manifest.
    pub media_type: String,
    /// Which.
    pub digest: Digest,
    /// Its own bytes.
    pub size: u64,
    /// What kind of thing it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The annotations of the manifest.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Index {
    manifests: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    media_type: String,
    digest: String,
    #[serde(default)]
    size: u64,
    artifact_type: Option<String>,
    #[serde(default)]
    annotations: Value,
}

impl Referrer {
    /// The media type of the index that lists them.
    pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

    /// The most bytes of the annotations of one. Beyond that they are left out: an index of many must stay readable.
    pub const MOST_ANNOTATIONS: usize = 64 * 1024;

    /// Reads an index of them, at most `most`; entries that are not of the specification are passed over.
    pub fn read_index(bytes: &[u8], most: usize) -> Result<Vec<Self>, Invalid> {
        let unreadable = |_| Invalid::new("invalid_index", "is not an index");
        let index: Index = serde_json::from_slice(bytes).map_err(unreadable)?;
        let entries = index.manifests.unwrap_or_default();
        if entries.len() > most {
            return Err(Invalid::new("too_many", "lists too much"));
        }
        Ok(entries.into_iter().filter_map(Self::read).collect())
    }

    fn read(entry: Value) -> Option<Self> {
        let entry: Entry = serde_json::from_value(entry).ok()?;
        Some(Self {
            media_type: Self::media_type(entry.media_type)?,
            digest: entry.digest.parse().ok()?,
            size: entry.size,
            artifact_type: entry.artifact_type.and_then(Self::media_type),
            annotations: Self::annotations(entry.annotations),
        })
    }

    /// A text as a media type (RFC 6838), if it is one.
    pub(super) fn media_type(text: String) -> Option<String> {
        let (kind, rest) = text.split_once('/')?;
        let name = |name: &str| {
            (1..=127).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
        };
        (name(kind) && name(rest)).then_some(text)
    }

    /// The annotations of a manifest, unless they are too many.
    pub(super) fn annotations(json: Value) -> BTreeMap<String, String> {
        let Value::Object(members) = json else { return BTreeMap::new() };
        let texts = members.into_iter().filter_map(|(key, value)| match value {
            Value::String(text) => Some((key, text)),
            _ => None,
        });
        let kept: BTreeMap<_, _> = texts.collect();
        let bytes: usize = kept.iter().map(|(key, text)| key.len() + text.len()).sum();
        if bytes <= Self::MOST_ANNOTATIONS { kept } else { BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_index_is_read_as_far_as_it_is_one() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let whole = json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 7,
            "artifactType": "application/vnd.example.sbom", "annotations": {"a": "b"},
        });
        let index = json!({"schemaVersion": 2, "manifests": [
            whole, {"digest": digest}, {"mediaType": "a/b", "digest": "sha256:zz"}, 7, null,
            {"mediaType": "a/b", "digest": digest, "size": 1, "artifactType": "no type", "annotations": {"n": 7}},
        ]});
        let read = Referrer::read_index(index.to_string().as_bytes(), 10).unwrap();
        assert_eq!(serde_json::to_value(&read[0]).unwrap(), whole);
        assert_eq!(
            serde_json::to_value(&read[1..]).unwrap(),
            json!([{"mediaType": "a/b", "digest": digest, "size": 1}])
        );
        assert!(Referrer::read_index(index.to_string().as_bytes(), 5).is_err());
        assert_eq!(Referrer::read_index(b"{\"manifests\":null}", 1), Ok(vec![]));
        for bad in ["", "[]", "{\"manifests\":7}", "<html>"] {
            assert!(Referrer::read_index(bad.as_bytes(), 10).is_err(), "{bad}");
        }
        let large = json!({"x": "y".repeat(Referrer::MOST_ANNOTATIONS)});
        assert_eq!(Referrer::annotations(large), BTreeMap::new());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Referrer::read_index(&bytes, 10);
        }
    }
}
