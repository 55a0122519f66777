//! What a manifest refers to: the edges by which a digest is traced back to the tags it belongs to.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::oci::Digest;
use super::referrer::Referrer;
use crate::Invalid;

/// A manifest or an index of manifests, as far as access depends on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Its media type.
    pub media_type: String,
    /// What kind of thing it is: its `artifactType`, or else the media type of its configuration.
    pub artifact_type: Option<String>,
    /// Its annotations, which only those that are about another manifest keep.
    pub annotations: BTreeMap<String, String>,
    /// What it is made of.
    pub parts: Vec<Part>,
    /// The manifest that it is about, such as the image that a signature signs.
    pub subject: Option<Digest>,
    /// Its own bytes.
    pub size: u64,
}

/// One thing that a manifest refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Which.
    pub digest: Digest,
    /// As what.
    pub kind: PartKind,
    /// Its bytes; 0 where the manifest does not say.
    pub size: u64,
    /// For which system, as `linux/arm64`, of the manifests of an index.
    pub platform: Option<String>,
}

/// As what a manifest refers to a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartKind {
    /// A manifest of an index.
    Manifest,
    /// The configuration of an image.
    Config,
    /// A layer, or any other blob.
    Layer,
}

impl PartKind {
    /// Whether it is a manifest of its own.
    pub fn is_manifest(self) -> bool {
        self == Self::Manifest
    }

    /// The name in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Config => "config",
            Self::Layer => "layer",
        }
    }
}

/// All forms of manifests in one, since unknown members must be let pass.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Form {
    schema_version: Option<u64>,
    media_type: Option<String>,
    #[serde(default, deserialize_with = "text")]
    artifact_type: Option<String>,
    #[serde(default)]
    annotations: Value,
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    blobs: Option<Vec<Descriptor>>,
    fs_layers: Option<Vec<FsLayer>>,
    subject: Option<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default, deserialize_with = "text")]
    media_type: Option<String>,
    digest: String,
    #[serde(default)]
    size: u64,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
}

/// A layer of Docker's first schema.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FsLayer {
    blob_sum: String,
}

impl Manifest {
    /// The most bytes of a manifest, as the specification asks registries to take.
    pub const MOST_BYTES: usize = 4 * 1024 * 1024;
    /// The most parts.
    pub const MOST_PARTS: usize = 10_000;

    /// Reads what a registry holds under `media_type`; empty for what the manifest itself says.
    pub fn parse(media_type: &str, bytes: &[u8]) -> Result<Self, Invalid> {
        let unreadable = |_| Invalid::new("invalid_manifest", "is not a manifest");
        let form: Form = serde_json::from_slice(bytes).map_err(unreadable)?;
        if form.schema_version.is_none() && form.media_type.is_none() {
            return Err(Invalid::new("invalid_manifest", "is not a manifest"));
        }
        let config_type = form.config.as_ref().and_then(|config| config.media_type.clone());
        let given = form.artifact_type.filter(|given| !given.is_empty());
        let artifact_type = given.or(config_type).and_then(Referrer::media_type);
        let parts = form.manifests.into_iter().flatten().map(|part| (part, PartKind::Manifest));
        let parts = parts.chain(form.config.map(|part| (part, PartKind::Config)));
        let blobs = form.layers.into_iter().chain(form.blobs).flatten().map(|part| (part, PartKind::Layer));
        let old = form.fs_layers.into_iter().flatten().map(|layer| Descriptor {
            media_type: None,
            digest: layer.blob_sum,
            size: 0,
            platform: None,
        });
        let all = parts.chain(blobs).chain(old.map(|part| (part, PartKind::Layer)));
        let parts = all.map(|(part, kind)| part.read(kind)).collect::<Result<Vec<_>, _>>()?;
        if parts.len() > Self::MOST_PARTS {
            return Err(Invalid::new("too_many", "refers to too many parts"));
        }
        // Parameters such as a character set say nothing here.
        let given = media_type.split(';').next().unwrap_or_default().trim();
        let media_type = match (given, form.media_type) {
            ("", Some(own)) => own,
            (given, _) => given.to_owned(),
        };
        let subject = form.subject.map(|subject| subject.digest.parse()).transpose()?;
        // Those of an image nobody asks for.
        let annotations = match subject {
            Some(_) => Referrer::annotations(form.annotations),
            None => BTreeMap::new(),
        };
        Ok(Self { media_type, artifact_type, annotations, parts, subject, size: bytes.len() as u64 })
    }

    /// The bytes of an image with all its layers; of an index, only its own.
    pub fn total(&self) -> u64 {
        let blobs = self.parts.iter().filter(|part| part.kind != PartKind::Manifest).map(|part| part.size);
        blobs.fold(self.size, u64::saturating_add)
    }
}

/// A text, or nothing where something else stands: it decides nothing here.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text),
        _ => None,
    })
}

impl Descriptor {
    fn read(self, kind: PartKind) -> Result<Part, Invalid> {
        let platform = self.platform.filter(|platform| !platform.os.is_empty()).map(|platform| {
            let variant = platform.variant.map(|variant| format!("/{variant}")).unwrap_or_default();
            let text = format!("{}/{}{variant}", platform.os, platform.architecture);
            crate::text::legible(&text, 64)
        });
        // No size of storage is larger.
        let size = self.size.min(i64::MAX as u64);
        Ok(Part { digest: self.digest.parse()?, kind, size, platform })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn digest(byte: &str) -> String {
        format!("sha256:{}", byte.repeat(32))
    }

    #[test]
    fn an_image_an_index_and_a_signature() {
        let image = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
                "config":{{"digest":"{}","size":10}},"layers":[{{"digest":"{}","size":20}}],
                "subject":{{"digest":"{}","size":1}},"annotations":{{"x":"y"}}}}"#,
            digest("aa"),
            digest("bb"),
            digest("cc")
        );
        let read = Manifest::parse("", image.as_bytes()).unwrap();
        assert_eq!(read.media_type, "application/vnd.oci.image.manifest.v1+json");
        assert_eq!(
            read.parts.iter().map(|part| part.kind).collect::<Vec<_>>(),
            [PartKind::Config, PartKind::Layer]
        );
        assert_eq!(read.total(), image.len() as u64 + 30);
        assert_eq!(read.subject.unwrap().as_str(), digest("cc"));
        assert_eq!((read.artifact_type, read.annotations["x"].as_str()), (None, "y"));
        let index = format!(
            r#"{{"schemaVersion":2,"manifests":[{{"digest":"{}","size":5,"platform":{{"os":"linux","architecture":"arm","variant":"v7"}}}}]}}"#,
            digest("dd")
        );
        let read = Manifest::parse("application/vnd.oci.image.index.v1+json", index.as_bytes()).unwrap();
        assert_eq!(read.parts[0].platform.as_deref(), Some("linux/arm/v7"));
        let old = format!(r#"{{"schemaVersion":1,"fsLayers":[{{"blobSum":"{}"}}]}}"#, digest("ee"));
        assert_eq!(Manifest::parse("", old.as_bytes()).unwrap().parts[0].kind, PartKind::Layer);
        assert!(Manifest::parse("", br#"{"layers":[{"digest":"sha256:zz"}]}"#).is_err());
        assert!(Manifest::parse("", b"[]").is_err());
        let nil = br#"{"schemaVersion":2,"manifests":null,"layers":null}"#;
        let typed = |more: &str| {
            let config =
                format!(r#"{{"mediaType":"application/vnd.x.config","digest":"{}","size":2}}"#, digest("aa"));
            let json = format!(r#"{{"schemaVersion":2,"config":{config}{more}}}"#);
            Manifest::parse("a/b", json.as_bytes()).unwrap().artifact_type
        };
        assert_eq!(typed("").as_deref(), Some("application/vnd.x.config"));
        assert_eq!(typed(r#","artifactType":"""#).as_deref(), Some("application/vnd.x.config"));
        assert_eq!(typed(r#","artifactType":"application/vnd.x""#).as_deref(), Some("application/vnd.x"));
        assert_eq!(
            typed(r#","artifactType":7,"annotations":[1]"#).as_deref(),
            Some("application/vnd.x.config")
        );
        assert!(Manifest::parse("a/b; charset=utf-8", nil).is_ok_and(|read| read.media_type == "a/b"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Manifest::parse("", &bytes);
        }
    }
}
