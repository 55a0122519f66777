//! Images that tests push and pull.

use serde_json::json;
use sha2::{Digest as _, Sha256};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

pub(crate) fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    format!("sha256:{}", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// An image of one layer; images with another text share nothing.
pub(crate) struct Image {
    pub(crate) config: Vec<u8>,
    pub(crate) layer: Vec<u8>,
    pub(crate) manifest: Vec<u8>,
}

impl Image {
    pub(crate) fn new(text: &str) -> Self {
        let (config, layer) =
            (format!("{{\"made\":\"{text}\"}}").into_bytes(), format!("layer of {text}").into_bytes());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(&config), "size": config.len()},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest(&layer), "size": layer.len()}],
        });
        Self { config, layer, manifest: manifest.to_string().into_bytes() }
    }

    /// The signature of another image, which is about it.
    pub(crate) fn about(subject: &Image) -> Self {
        let own = Self::new(&format!("signature of {}", digest(&subject.manifest)));
        let mut manifest: serde_json::Value = serde_json::from_slice(&own.manifest).unwrap();
        manifest["subject"] =
            json!({"mediaType": MANIFEST, "digest": subject.digest(), "size": subject.manifest.len()});
        Self { manifest: manifest.to_string().into_bytes(), ..own }
    }

    pub(crate) fn digest(&self) -> String {
        digest(&self.manifest)
    }
}
