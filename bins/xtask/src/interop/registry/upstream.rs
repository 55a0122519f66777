//! The real registry: Debian's docker-registry (CNCF distribution), which takes the gateway's tokens and no others.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use super::super::server::Tenant;
use super::wire;
use keyward_testkit_postgres::free_port;

/// Killed when dropped.
pub(crate) struct Upstream {
    process: Option<Child>,
    port: u16,
    folder: TempDir,
}

impl Upstream {
    /// A place for one, so that its address is known before it runs.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { process: None, port: free_port()?, folder: tempfile::tempdir()? })
    }

    /// Where it will answer.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Starts it with what the gateway's owner is told to write into its configuration.
    pub(crate) fn start(&mut self, tenant: &Tenant, registry: &str) -> Result<()> {
        let told: Value =
            serde_json::from_str(&tenant.http.get(&format!("/api/v1/registries/{registry}/certificate"))?)?;
        let text = |name: &str| told[name].as_str().with_context(|| format!("{name} is missing"));
        let told_of = tenant.http.send(&format!("/api/v1/registries/{registry}/notifications"), "{}")?;
        let notifications = told_of["configuration"].as_str().context("configuration is missing")?;
        let (bundle, data) = (self.folder.path().join("keyward.pem"), self.folder.path().join("data"));
        std::fs::write(&bundle, text("certificate")?)?;
        let lines = text("configuration")?.lines().map(|line| match line.trim_start() {
            line if line.starts_with("rootcertbundle:") => {
                format!("    rootcertbundle: {}", bundle.display())
            }
            "relativeurls: true" => {
                format!("  addr: 127.0.0.1:{}\n  secret: tests\n  relativeurls: true", self.port)
            }
            "storage:" => format!("storage:\n  filesystem: {{rootdirectory: {}}}", data.display()),
            _ => line.to_owned(),
        });
        let lines: Vec<_> = lines.collect();
        let config = self.folder.path().join("registry.yml");
        std::fs::write(
            &config,
            format!("version: 0.1\nlog: {{level: error}}\n{}\n{notifications}", lines.join("\n")),
        )?;
        let mut serve = Command::new("docker-registry");
        serve.arg("serve").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(serve.spawn().context("starting docker-registry")?);
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(20) {
            if wire::Ask::new("GET", "/v2/").send(self.port).is_ok_and(|answer| answer.status == 401) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("docker-registry did not answer with 401 within 20 seconds")
    }

    /// Stops it.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop();
    }
}
