//! Images of the probe, put into the registry by its own API: nothing has to build them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The tags, each an image of another digest.
const TAGS: [&str; 5] = ["1", "2", "3", "4", "5"];

/// The digest of each tag.
pub(crate) fn publish(registry: &str, probe: &[u8]) -> Result<BTreeMap<String, String>> {
    let layer = tar(probe);
    let diff = put_blob(registry, &layer)?;
    let mut digests = BTreeMap::new();
    for tag in TAGS {
        let config = json!({
            "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
            "os": "linux",
            "config": {"Entrypoint": ["/probe"], "Labels": {"example.tag": tag}},
            "rootfs": {"type": "layers", "diff_ids": [diff]},
            "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "probe"}],
        });
        let config = serde_json::to_vec(&config)?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": part("application/vnd.docker.container.image.v1+json", &config),
            // Not compressed, so that its digest is that of what it holds.
            "layers": [part("application/vnd.docker.image.rootfs.diff.tar", &layer)],
        });
        put_blob(registry, &config)?;
        let manifest = serde_json::to_vec(&manifest)?;
        let address = format!("http://{registry}/v2/acme/probe/manifests/{tag}");
        ureq::put(&address)
            .header("Content-Type", MANIFEST)
            .send(&manifest[..])
            .context("pushing a manifest")?;
        digests.insert(tag.to_owned(), digest(&manifest));
    }
    Ok(digests)
}

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

fn part(kind: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": kind, "size": bytes.len(), "digest": digest(bytes)})
}

fn digest(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn put_blob(registry: &str, bytes: &[u8]) -> Result<String> {
    let started = ureq::post(format!("http://{registry}/v2/acme/probe/blobs/uploads/"))
        .send_empty()
        .context("beginning an upload")?;
    let place = started.headers().get("Location").context("an upload has no place")?.to_str()?.to_owned();
    let digest = digest(bytes);
    let separator = if place.contains('?') { '&' } else { '?' };
    let put = ureq::put(format!("{place}{separator}digest={digest}"))
        .header("Content-Type", "application/octet-stream")
        .send(bytes)
        .context("uploading")?;
    ensure!(put.status().is_success(), "the registry answered {}", put.status());
    Ok(digest)
}

/// An archive with one program, `/probe`.
fn tar(program: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    let mut field = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    field(0, "probe");
    field(100, "0000755\0");
    field(108, "0000000\0");
    field(116, "0000000\0");
    field(124, &format!("{:011o}\0", program.len()));
    field(136, "00000000000\0");
    field(148, "        ");
    field(156, "0");
    field(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut archive = header.to_vec();
    archive.extend_from_slice(program);
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive
}
