//! Where the operator has the audit logs of all organizations streamed to.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail, ensure};
use keyward_domain::SinkAddress;
use keyward_domain::audit_sink::{Pem, SinkCredential, SinkHeader, SinkKind};
use keyward_engine::audit_sink::OperatorSink;

/// What the settings say of it.
pub(super) struct Given {
    pub syslog: Option<String>,
    pub otlp: Option<String>,
    pub ca: Option<PathBuf>,
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
    pub headers: Option<PathBuf>,
}

/// What can't be used is told now, and not when a connection fails.
pub(super) fn read(given: Given) -> anyhow::Result<Vec<OperatorSink>> {
    let ca_certificates = pem("KEYWARD_AUDIT_CA_FILE", given.ca.as_deref())?;
    let client = match (
        pem("KEYWARD_AUDIT_CLIENT_CERT", given.certificate.as_deref())?,
        pem("KEYWARD_AUDIT_CLIENT_KEY", given.key.as_deref())?,
    ) {
        (Some(certificate), Some(key)) => Some((certificate.as_str().to_owned(), key.as_str().to_owned())),
        (None, None) => None,
        (Some(_), None) => bail!("KEYWARD_AUDIT_CLIENT_CERT needs KEYWARD_AUDIT_CLIENT_KEY"),
        (None, Some(_)) => bail!("KEYWARD_AUDIT_CLIENT_KEY needs KEYWARD_AUDIT_CLIENT_CERT"),
    };
    let headers = headers(given.headers.as_deref())?;
    ensure!(
        headers.is_empty() || given.otlp.is_some(),
        "KEYWARD_AUDIT_OTLP_HEADERS_FILE needs KEYWARD_AUDIT_OTLP"
    );
    let mut sinks = Vec::new();
    for (name, text, kind, headers) in [
        ("KEYWARD_AUDIT_SYSLOG", given.syslog, SinkKind::Syslog, Vec::new()),
        ("KEYWARD_AUDIT_OTLP", given.otlp, SinkKind::Otlp, headers),
    ] {
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else { continue };
        let address: SinkAddress = text.parse().map_err(|fault| anyhow!("{name} “{text}” {fault}"))?;
        ensure!(address.kind() == kind, "{name} “{text}” is an address of another kind");
        let credential = SinkCredential { client: client.clone(), headers };
        let sink = OperatorSink { address, ca_certificates: ca_certificates.clone(), credential };
        sink.check().map_err(|fault| anyhow!("{name}: a file of KEYWARD_AUDIT_… {fault}"))?;
        sinks.push(sink);
    }
    Ok(sinks)
}

fn text(name: &str, path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{name}: reading {}", path.display()))
}

fn pem(name: &str, path: Option<&Path>) -> anyhow::Result<Option<Pem>> {
    let Some(path) = path else { return Ok(None) };
    let parsed = text(name, path)?.parse().map_err(|fault| anyhow!("{name}: {} {fault}", path.display()))?;
    Ok(Some(parsed))
}

fn headers(path: Option<&Path>) -> anyhow::Result<Vec<(String, String)>> {
    let name = "KEYWARD_AUDIT_OTLP_HEADERS_FILE";
    let Some(path) = path else { return Ok(Vec::new()) };
    let text = text(name, path)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let header = |line: &str| -> anyhow::Result<(String, String)> {
        let header: SinkHeader =
            line.parse().map_err(|fault| anyhow!("{name}: a line of {} {fault}", path.display()))?;
        Ok((header.name().to_owned(), header.value().to_owned()))
    };
    lines.map(header).collect()
}
