//! Small real images, made here so that every digest is known.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::wire::Ask;

pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// An image of one layer.
#[derive(Clone)]
pub(crate) struct Image {
    pub layer: Vec<u8>,
    pub config: Vec<u8>,
    pub manifest: Vec<u8>,
}

impl Image {
    /// An image whose only file says `text`, made for `architecture`.
    pub(crate) fn new(text: &str, architecture: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("said"), text)?;
        let fixed = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
        let tar =
            Command::new("tar").args(fixed).args(["-cf", "-", "said"]).current_dir(folder.path()).output()?;
        ensure!(tar.status.success(), "tar: {}", String::from_utf8_lossy(&tar.stderr));
        let layer = tar.stdout;
        let config = json!({
            "architecture": architecture, "os": "linux", "config": {"Cmd": ["/said"]},
            "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
        });
        Ok(Self::of(layer, config.to_string().into_bytes()))
    }

    pub(crate) fn of(layer: Vec<u8>, config: Vec<u8>) -> Self {
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &config), "layers": [descriptor(LAYER, &layer)],
        });
        Self { layer, config, manifest: manifest.to_string().into_bytes() }
    }

    /// Pushes the parts and then the manifest under `reference`, as a client by hand.
    pub(crate) fn push(&self, port: u16, key: &str, repository: &str, reference: &str) -> Result<()> {
        for blob in [&self.layer, &self.config] {
            upload(port, key, repository, blob)?;
        }
        put(port, key, repository, reference, MANIFEST, &self.manifest)
    }

    pub(crate) fn digest(&self) -> String {
        digest(&self.manifest)
    }
}

/// An index of images for several systems.
pub(crate) fn index(images: &[(&Image, &str)]) -> Vec<u8> {
    let manifests: Vec<Value> = images
        .iter()
        .map(|(image, architecture)| {
            let mut entry = descriptor(MANIFEST, &image.manifest);
            entry["platform"] = json!({"os": "linux", "architecture": architecture});
            entry
        })
        .collect();
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).to_string().into_bytes()
}

/// Something about an image: a signature, a list of what is in it.
pub(crate) fn about(image: &Image, layer: &[u8]) -> Image {
    let config = b"{}".to_vec();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.example.signature",
        "config": descriptor("application/vnd.oci.empty.v1+json", &config), "layers": [descriptor(LAYER, layer)],
        "subject": descriptor(MANIFEST, &image.manifest),
    });
    Image { layer: layer.to_vec(), config, manifest: manifest.to_string().into_bytes() }
}

pub(crate) fn put(
    port: u16,
    key: &str,
    repository: &str,
    reference: &str,
    kind: &str,
    bytes: &[u8],
) -> Result<()> {
    let answer = Ask::new("PUT", &format!("/v2/{repository}/manifests/{reference}"))
        .key(key)
        .body(kind, bytes)
        .send(port)?;
    ensure!(answer.status == 201, "PUT manifest: {}", answer.seen());
    Ok(())
}

/// A blob, begun by POST and ended by PUT.
pub(crate) fn upload(port: u16, key: &str, repository: &str, blob: &[u8]) -> Result<()> {
    let begun = Ask::new("POST", &format!("/v2/{repository}/blobs/uploads/")).key(key).send(port)?;
    ensure!(begun.status == 202, "POST upload: {}", begun.seen());
    let place = begun.header("location").context("an upload has a location")?;
    let separator = if place.contains('?') { '&' } else { '?' };
    let end = format!("{place}{separator}digest={}", digest(blob));
    let ended = Ask::new("PUT", &end).key(key).body("application/octet-stream", blob).send(port)?;
    ensure!(ended.status == 201, "PUT upload: {}", ended.seen());
    Ok(())
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    format!("sha256:{}", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn descriptor(kind: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": kind, "digest": digest(bytes), "size": bytes.len()})
}
