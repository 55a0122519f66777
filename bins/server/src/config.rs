//! Settings: from flags, then environment, then an optional TOML file. The only reader of the environment.

mod audit_sinks;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use actix_web::http::header::{HeaderName, HeaderValue};
use anyhow::{Context as _, bail, ensure};
use clap::{Args, ValueEnum};
use keyward_domain::registry::Host;
use keyward_domain::{AddressRange, OutboundRules};
use keyward_engine::audit_sink::OperatorSink;
use keyward_engine::outbound::Authorities;
use keyward_engine::{Issuer, MailLimits, Retention};
use keyward_storage::{StoreOptions, sqlite_url};
use keyward_web::{AgentPrograms, TrustedProxies};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::tls::TlsFiles;
use crate::traces::TraceSettings;

/// What is logged unless asked for otherwise: our own news, and warnings of libraries, but not of each client that
/// tries TLS on a plain port first. Requests that the library refuses by itself have no other line.
const DEFAULT_LOG: &str = "warn,actix_http::h1=off,actix_http::h1::decoder=debug,keyward=info";

/// Settings as given by flag or environment; what is absent may stand in the file.
#[derive(Debug, Args)]
pub(crate) struct Given {
    /// TOML file with the same settings in lower case: listen, public_url, data_dir …
    #[arg(long, global = true, env = "KEYWARD_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, global = true, env = "KEYWARD_LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Address and port to serve metrics on, at /metrics, for Prometheus [default: none]
    #[arg(long, global = true, env = "KEYWARD_METRICS_LISTEN", value_name = "ADDRESS")]
    metrics_listen: Option<SocketAddr>,
    /// Serve TLS with the certificates in this file, in PEM: the server's own first [default: plain HTTP]
    #[arg(long, global = true, env = "KEYWARD_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// The private key of that certificate, in PEM
    #[arg(long, global = true, env = "KEYWARD_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Certificate authorities, in PEM, that count beside the public ones where the server connects to upstreams,
    /// sign-in providers and the mail server
    #[arg(long, global = true, env = "KEYWARD_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// URL under which clients reach the server; the issuer of tokens [default: http://LISTEN, or https://LISTEN
    /// with TLS]
    #[arg(long, global = true, env = "KEYWARD_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// Folder for database and master key [default: ./keyward-data]
    #[arg(long, global = true, env = "KEYWARD_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Folder with the agent's programs, which people fetch at /agent/ [default: none]
    #[arg(long, global = true, env = "KEYWARD_AGENT_DIR", value_name = "DIR")]
    agent_dir: Option<PathBuf>,
    /// sqlite://PATH or postgres://… [default: sqlite://DATA_DIR/keyward.db]
    #[arg(long, global = true, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    /// The most connections to PostgreSQL [default: 20]
    #[arg(long, global = true, env = "KEYWARD_DATABASE_CONNECTIONS", value_name = "NUMBER")]
    database_connections: Option<u32>,
    /// How many seconds a statement may take before its connection counts as dead [default: 10]
    #[arg(long, global = true, env = "KEYWARD_DATABASE_TIMEOUT", value_name = "SECONDS")]
    database_timeout: Option<u32>,
    /// The PostgreSQL schema that has all tables, made if it is missing [default: the one that the database gives its user]
    #[arg(long, global = true, env = "KEYWARD_DATABASE_SCHEMA", value_name = "NAME")]
    database_schema: Option<String>,
    /// How many seconds a server that is told to stop says that it is not ready before it takes no more requests
    /// [default: 5]
    #[arg(long, global = true, env = "KEYWARD_DRAIN_SECONDS", value_name = "SECONDS")]
    drain_seconds: Option<u32>,
    /// How many seconds requests under way may then still take [default: 300]
    #[arg(long, global = true, env = "KEYWARD_SHUTDOWN_SECONDS", value_name = "SECONDS")]
    shutdown_seconds: Option<u32>,
    /// 32 bytes in base64 that guard the signing keys (better: a file)
    #[arg(long, global = true, env = "KEYWARD_MASTER_KEY", value_name = "KEY", hide_env_values = true)]
    master_key: Option<String>,
    /// File with the master key [default: DATA_DIR/master.key, made at first start]
    #[arg(long, global = true, env = "KEYWARD_MASTER_KEY_FILE", value_name = "FILE")]
    master_key_file: Option<PathBuf>,
    /// Proxies whose X-Forwarded-For and X-Forwarded-Host are believed: addresses or networks, separated by commas
    #[arg(
        long,
        global = true,
        env = "KEYWARD_TRUSTED_PROXIES",
        value_name = "NETWORKS",
        value_delimiter = ','
    )]
    trusted_proxies: Option<Vec<String>>,
    /// Domain below which new registries get their hosts [default: the public URL's host]
    #[arg(long, global = true, env = "KEYWARD_REGISTRY_DOMAIN", value_name = "DOMAIN")]
    registry_domain: Option<String>,
    /// Private addresses and networks that organizations may name, beside public ones, for upstreams and sign-in
    /// providers: separated by commas; empty for none [default: this machine, if the public URL's host is this machine]
    #[arg(
        long,
        global = true,
        env = "KEYWARD_OUTBOUND_ALLOW",
        value_name = "NETWORKS",
        value_delimiter = ','
    )]
    outbound_allow: Option<Vec<String>>,
    /// What KEYWARD_OUTBOUND_ALLOW is in place of.
    #[arg(long, global = true, env = "KEYWARD_REGISTRY_UPSTREAMS", hide = true)]
    registry_upstreams: Option<String>,
    /// How many days what happened at registries is kept, 90 or more [default: for ever]
    #[arg(long, global = true, env = "KEYWARD_REGISTRY_LOG_DAYS", value_name = "DAYS")]
    registry_log_days: Option<String>,
    /// How many days the audit log is kept, 90 or more [default: for ever]
    #[arg(long, global = true, env = "KEYWARD_RETENTION_AUDIT_DAYS", value_name = "DAYS")]
    retention_audit_days: Option<String>,
    /// How many days links are kept after they were made, used or not, 8 or more [default: 90]
    #[arg(long, global = true, env = "KEYWARD_RETENTION_LINK_DAYS", value_name = "DAYS")]
    retention_link_days: Option<String>,
    /// How many days events are kept in the outbox, 1 or more [default: 30]
    #[arg(long, global = true, env = "KEYWARD_RETENTION_OUTBOX_DAYS", value_name = "DAYS")]
    retention_outbox_days: Option<String>,
    /// How many days is kept what licenses were used for, 31 or more [default: 400]
    #[arg(long, global = true, env = "KEYWARD_RETENTION_USAGE_DAYS", value_name = "DAYS")]
    retention_usage_days: Option<String>,
    /// Stream the audit logs of all organizations as syslog over TLS to this host and port, as syslog+tls://host:6514
    #[arg(long, global = true, env = "KEYWARD_AUDIT_SYSLOG", value_name = "ADDRESS")]
    audit_syslog: Option<String>,
    /// Stream the audit logs of all organizations as OTLP logs to this URL, such as https://host:4318/v1/logs
    #[arg(long, global = true, env = "KEYWARD_AUDIT_OTLP", value_name = "URL")]
    audit_otlp: Option<String>,
    /// Certificate authorities, in PEM, that alone count there [default: the public ones, the machine's and KEYWARD_CA_FILE]
    #[arg(long, global = true, env = "KEYWARD_AUDIT_CA_FILE", value_name = "FILE")]
    audit_ca_file: Option<PathBuf>,
    /// The certificate that the server shows there, in PEM
    #[arg(long, global = true, env = "KEYWARD_AUDIT_CLIENT_CERT", value_name = "FILE")]
    audit_client_cert: Option<PathBuf>,
    /// The private key of that certificate, in PEM
    #[arg(long, global = true, env = "KEYWARD_AUDIT_CLIENT_KEY", value_name = "FILE")]
    audit_client_key: Option<PathBuf>,
    /// File with headers for KEYWARD_AUDIT_OTLP, each on a line as “Name: value”
    #[arg(long, global = true, env = "KEYWARD_AUDIT_OTLP_HEADERS_FILE", value_name = "FILE")]
    audit_otlp_headers_file: Option<PathBuf>,
    /// smtp://… or smtps://… with user name and password [default: mail is written to DATA_DIR/mail]
    #[arg(long, global = true, env = "KEYWARD_SMTP_URL", value_name = "URL", hide_env_values = true)]
    smtp_url: Option<String>,
    /// Sender of mail [default: keyward, at the public URL's host]
    #[arg(long, global = true, env = "KEYWARD_MAIL_FROM", value_name = "ADDRESS")]
    mail_from: Option<String>,
    /// How many mails one organization may send in a day, and how many notices it may have told [default: 1000]
    #[arg(long, global = true, env = "KEYWARD_MAILS_PER_DAY", value_name = "NUMBER")]
    mails_per_day: Option<u64>,
    /// How many MiB passwords are hashed in, 19 each [default: 64]
    #[arg(long, global = true, env = "KEYWARD_HASH_MEMORY", value_name = "MIB")]
    hash_memory: Option<u32>,
    /// Where traces are sent by OTLP over HTTP, to which /v1/traces is added [default: nowhere]
    #[arg(long, global = true, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    otlp_endpoint: Option<String>,
    /// The same, the whole address
    #[arg(long, global = true, env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value_name = "URL")]
    otlp_traces_endpoint: Option<String>,
    /// What is sent along with traces: name=value, separated by commas
    #[arg(
        long,
        global = true,
        env = "OTEL_EXPORTER_OTLP_HEADERS",
        value_name = "HEADERS",
        hide_env_values = true
    )]
    otlp_headers: Option<String>,
    /// As what the server presents itself in traces [default: keyward]
    #[arg(long, global = true, env = "OTEL_SERVICE_NAME", value_name = "NAME")]
    otlp_service: Option<String>,
    /// Which share of traces is kept, between 0 and 1 [default: 1]
    #[arg(long, global = true, env = "OTEL_TRACES_SAMPLER_ARG", value_name = "SHARE")]
    otlp_share: Option<f64>,
    /// Form of the log
    #[arg(long, global = true, env = "KEYWARD_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    /// What is logged, such as info or keyward=debug [default: warn,keyward=info, and requests that are refused for their form]
    #[arg(long, global = true, env = "KEYWARD_LOG", value_name = "FILTER")]
    log: Option<String>,
}

/// The same in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Option<SocketAddr>,
    metrics_listen: Option<SocketAddr>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    public_url: Option<String>,
    data_dir: Option<PathBuf>,
    agent_dir: Option<PathBuf>,
    database_url: Option<String>,
    database_connections: Option<u32>,
    database_timeout: Option<u32>,
    database_schema: Option<String>,
    drain_seconds: Option<u32>,
    shutdown_seconds: Option<u32>,
    master_key_file: Option<PathBuf>,
    trusted_proxies: Option<Vec<String>>,
    registry_domain: Option<String>,
    outbound_allow: Option<Vec<String>>,
    registry_upstreams: Option<toml::Value>,
    registry_log_days: Option<i64>,
    retention_audit_days: Option<i64>,
    retention_link_days: Option<i64>,
    retention_outbox_days: Option<i64>,
    retention_usage_days: Option<i64>,
    audit_syslog: Option<String>,
    audit_otlp: Option<String>,
    audit_ca_file: Option<PathBuf>,
    audit_client_cert: Option<PathBuf>,
    audit_client_key: Option<PathBuf>,
    audit_otlp_headers_file: Option<PathBuf>,
    smtp_url: Option<String>,
    mail_from: Option<String>,
    mails_per_day: Option<u64>,
    hash_memory: Option<u32>,
    otlp_endpoint: Option<String>,
    otlp_traces_endpoint: Option<String>,
    otlp_headers: Option<String>,
    otlp_service: Option<String>,
    otlp_share: Option<f64>,
    log_format: Option<LogFormat>,
    log: Option<String>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Where the master key comes from.
pub(crate) enum MasterKeySource {
    /// Given in full.
    Text(Zeroizing<String>),
    /// In this file, which must be there.
    File(PathBuf),
    /// In the data folder; made there at the first start.
    DataDir(PathBuf),
}

/// Checked settings.
pub(crate) struct Settings {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Address and port to serve metrics on.
    pub metrics_listen: Option<SocketAddr>,
    /// Certificate and key, if the server itself speaks TLS.
    pub tls: Option<TlsFiles>,
    /// Whose certificates count where the server connects to others.
    pub authorities: Authorities,
    /// Issuer of tokens and base of published addresses.
    pub issuer: Issuer,
    /// Folder for database and master key.
    pub data_dir: PathBuf,
    /// The agent's programs.
    pub agent_programs: AgentPrograms,
    /// `sqlite://…` or `postgres://…`.
    pub database_url: String,
    /// How it is used.
    pub database: StoreOptions,
    /// How long the server says that it is not ready before it takes no more requests.
    pub drain: Duration,
    /// How long requests under way may take once it is to stop.
    pub shutdown_seconds: u32,
    /// Where the master key comes from.
    pub master_key: MasterKeySource,
    /// The proxies in front of the server.
    pub trusted_proxies: TrustedProxies,
    /// Below which new registries get their hosts; the public URL's host if there is none.
    pub registry_domain: Option<Host>,
    /// Where connections are opened to for organizations.
    pub outbound: OutboundRules,
    /// How long what is old is kept.
    pub retention: Retention,
    /// Where the audit logs of all organizations are streamed to.
    pub audit_sinks: Vec<OperatorSink>,
    /// The mail server.
    pub smtp_url: Option<String>,
    /// Sender of mail.
    pub mail_from: String,
    /// How much mail there may be.
    pub mail_limits: MailLimits,
    /// How much memory passwords are hashed in, in bytes.
    pub hash_memory: usize,
    /// Where traces go.
    pub traces: Option<TraceSettings>,
    /// Form of the log.
    pub log_format: LogFormat,
    /// What is logged.
    pub log: String,
}

/// Those of the other programs of the project.
const OTHERS: [&str; 4] = ["KEYWARD_SERVER", "KEYWARD_TOKEN", "KEYWARD_BLESS", "KEYWARD_TEST_POSTGRES"];

/// The `KEYWARD_` variables that no program of the project reads: they are mistyped, or of another version.
pub(crate) fn unknown_variables(known: &clap::Command) -> Vec<String> {
    let known: Vec<_> = known.get_arguments().filter_map(|argument| argument.get_env()?.to_str()).collect();
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names
        .filter(|name| name.starts_with("KEYWARD_"))
        .filter(|name| !known.contains(&name.as_str()) && !OTHERS.contains(&name.as_str()))
        // What Kubernetes sets in every pod beside a service that is called keyward.
        .filter(|name| !name.starts_with("KEYWARD_SERVICE_") && !name.starts_with("KEYWARD_PORT"))
        .collect()
}

impl Settings {
    /// Puts flags, environment, file and defaults together.
    pub(crate) fn read(given: Given) -> anyhow::Result<Self> {
        let file = given.config.as_deref().map(File::read).transpose()?.unwrap_or_default();
        let listen = given.listen.or(file.listen).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080)));
        let tls = tls(given.tls_cert.or(file.tls_cert), given.tls_key.or(file.tls_key))?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let public_url =
            given.public_url.or(file.public_url).unwrap_or_else(|| format!("{scheme}://{listen}"));
        let issuer =
            Issuer::parse(&public_url).with_context(|| format!("KEYWARD_PUBLIC_URL “{public_url}”"))?;
        ensure!(
            !issuer.has_path(),
            "KEYWARD_PUBLIC_URL “{public_url}” must have no path: the server needs a host of its own"
        );
        ensure!(
            tls.is_none() || issuer.is_https(),
            "KEYWARD_PUBLIC_URL “{public_url}” must begin with https://, as the server speaks TLS (KEYWARD_TLS_CERT)"
        );
        if given.registry_upstreams.is_some() || file.registry_upstreams.is_some() {
            bail!(
                "KEYWARD_REGISTRY_UPSTREAMS is no more: list addresses and networks in KEYWARD_OUTBOUND_ALLOW"
            );
        }
        let outbound = outbound(given.outbound_allow.or(file.outbound_allow), &issuer)?;
        let data_dir = given.data_dir.or(file.data_dir).unwrap_or_else(|| "keyward-data".into());
        let database_url = given
            .database_url
            .or(file.database_url)
            .unwrap_or_else(|| sqlite_url(&data_dir.join("keyward.db").to_string_lossy()));
        let master_key = match (given.master_key, given.master_key_file.or(file.master_key_file)) {
            (Some(_), Some(_)) => bail!("set KEYWARD_MASTER_KEY or KEYWARD_MASTER_KEY_FILE, not both"),
            (Some(text), None) => MasterKeySource::Text(Zeroizing::new(text)),
            (None, Some(path)) => MasterKeySource::File(path),
            (None, None) => MasterKeySource::DataDir(data_dir.join("master.key")),
        };
        let default_sender = format!("Keyward <keyward@{}>", issuer.mail_domain());
        Ok(Self {
            listen,
            traces: traces(
                (
                    given.otlp_endpoint.or(file.otlp_endpoint),
                    given.otlp_traces_endpoint.or(file.otlp_traces_endpoint),
                ),
                given.otlp_headers.or(file.otlp_headers),
                given.otlp_service.or(file.otlp_service),
                given.otlp_share.or(file.otlp_share),
            )?,
            metrics_listen: given.metrics_listen.or(file.metrics_listen),
            tls,
            authorities: authorities(given.ca_file.or(file.ca_file).as_deref())?,
            issuer,
            data_dir,
            agent_programs: agent_programs(given.agent_dir.or(file.agent_dir))?,
            database_url,
            database: database(
                given.database_connections.or(file.database_connections),
                given.database_timeout.or(file.database_timeout),
                given.database_schema.or(file.database_schema),
            )?,
            drain: Duration::from_secs(given.drain_seconds.or(file.drain_seconds).unwrap_or(5).into()),
            shutdown_seconds: given.shutdown_seconds.or(file.shutdown_seconds).unwrap_or(300),
            master_key,
            registry_domain: registry_domain(given.registry_domain.or(file.registry_domain))?,
            outbound,
            retention: Retention {
                // Alerts say what keys did not do in the last 90 days; who wants to see it looks into the log.
                registry_log_days: days(
                    ("KEYWARD_REGISTRY_LOG_DAYS", 90),
                    given.registry_log_days,
                    file.registry_log_days,
                )?,
                audit_days: days(
                    ("KEYWARD_RETENTION_AUDIT_DAYS", 90),
                    given.retention_audit_days,
                    file.retention_audit_days,
                )?,
                // Until they have run out for certain.
                link_days: days(
                    ("KEYWARD_RETENTION_LINK_DAYS", 8),
                    given.retention_link_days,
                    file.retention_link_days,
                )?
                .unwrap_or(Retention::default().link_days),
                outbox_days: days(
                    ("KEYWARD_RETENTION_OUTBOX_DAYS", 1),
                    given.retention_outbox_days,
                    file.retention_outbox_days,
                )?
                .unwrap_or(Retention::default().outbox_days),
                // The 30 days that pages show, and today.
                usage_days: days(
                    ("KEYWARD_RETENTION_USAGE_DAYS", 31),
                    given.retention_usage_days,
                    file.retention_usage_days,
                )?
                .unwrap_or(Retention::default().usage_days),
            },
            audit_sinks: audit_sinks::read(audit_sinks::Given {
                syslog: given.audit_syslog.or(file.audit_syslog),
                otlp: given.audit_otlp.or(file.audit_otlp),
                ca: given.audit_ca_file.or(file.audit_ca_file),
                certificate: given.audit_client_cert.or(file.audit_client_cert),
                key: given.audit_client_key.or(file.audit_client_key),
                headers: given.audit_otlp_headers_file.or(file.audit_otlp_headers_file),
            })?,
            smtp_url: given.smtp_url.or(file.smtp_url),
            mail_from: given.mail_from.or(file.mail_from).unwrap_or(default_sender),
            mail_limits: mail_limits(given.mails_per_day.or(file.mails_per_day)),
            hash_memory: hash_memory(given.hash_memory.or(file.hash_memory))?,
            trusted_proxies: trusted_proxies(given.trusted_proxies.or(file.trusted_proxies))?,
            log_format: given.log_format.or(file.log_format).unwrap_or(LogFormat::Pretty),
            log: given.log.or(file.log).unwrap_or_else(|| DEFAULT_LOG.to_owned()),
        })
    }
}

impl Settings {
    /// Whether tokens would name the address that stands for all of the machine's, `0.0.0.0` or `[::]`.
    pub(crate) fn is_public_url_unspecified(&self) -> bool {
        let listen = self.listen.ip();
        let default =
            self.issuer.as_str().split_once("://").is_some_and(|(_, rest)| rest == self.listen.to_string());
        listen.is_unspecified() && default
    }
}

fn tls(certificate: Option<PathBuf>, key: Option<PathBuf>) -> anyhow::Result<Option<TlsFiles>> {
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        (Some(_), None) => bail!("KEYWARD_TLS_CERT needs KEYWARD_TLS_KEY"),
        (None, Some(_)) => bail!("KEYWARD_TLS_KEY needs KEYWARD_TLS_CERT"),
    }
}

/// A certificate that nothing could be checked with is told now, and not when a connection fails.
fn authorities(file: Option<&Path>) -> anyhow::Result<Authorities> {
    let Some(path) = file else { return Ok(Authorities::default()) };
    let shown = path.display();
    let text = std::fs::read(path).with_context(|| format!("KEYWARD_CA_FILE: reading {shown}"))?;
    let mut own = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let usable = certificate.map_err(|error| error.to_string()).and_then(|certificate| {
            own.push(certificate.to_vec());
            rustls::RootCertStore::empty().add(certificate).map_err(|error| error.to_string())
        });
        if let Err(error) = usable {
            bail!("KEYWARD_CA_FILE: a certificate in {shown} can't be used: {error}");
        }
    }
    ensure!(!own.is_empty(), "KEYWARD_CA_FILE: there is no certificate in PEM in {shown}");
    Ok(Authorities::with_own(own))
}

fn agent_programs(folder: Option<PathBuf>) -> anyhow::Result<AgentPrograms> {
    let Some(folder) = folder else { return Ok(AgentPrograms::default()) };
    ensure!(folder.is_dir(), "KEYWARD_AGENT_DIR: {} is not a folder", folder.display());
    Ok(AgentPrograms::of(folder))
}

fn mail_limits(per_day: Option<u64>) -> MailLimits {
    let limits = MailLimits::default();
    MailLimits { organization_per_day: per_day.unwrap_or(limits.organization_per_day), ..limits }
}

/// One hash takes 19 MiB; with less, nobody could sign in.
fn hash_memory(mebibytes: Option<u32>) -> anyhow::Result<usize> {
    match mebibytes.unwrap_or(64) {
        mebibytes @ 19..=65_536 => Ok(mebibytes as usize * 1024 * 1024),
        other => bail!("KEYWARD_HASH_MEMORY “{other}” is no number of MiB from 19 on"),
    }
}

fn database(
    connections: Option<u32>,
    timeout: Option<u32>,
    schema: Option<String>,
) -> anyhow::Result<StoreOptions> {
    let mut options = StoreOptions::default();
    if let Some(connections) = connections {
        ensure!(connections > 0, "KEYWARD_DATABASE_CONNECTIONS must be 1 or more");
        options.connections = connections;
    }
    if let Some(seconds) = timeout {
        ensure!(seconds > 0, "KEYWARD_DATABASE_TIMEOUT must be 1 second or more");
        options.statement_timeout = Duration::from_secs(seconds.into());
    }
    if let Some(name) = schema {
        let parsed = name.parse().with_context(|| format!("KEYWARD_DATABASE_SCHEMA “{name}”"))?;
        options.schema = Some(parsed);
    }
    Ok(options)
}

/// Where traces go: to the whole address, or to the one to which the path is added.
fn traces(
    (base, whole): (Option<String>, Option<String>),
    headers: Option<String>,
    service: Option<String>,
    share: Option<f64>,
) -> anyhow::Result<Option<TraceSettings>> {
    let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let (setting, endpoint) = match (given(whole), given(base)) {
        (Some(whole), _) => ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", whole),
        (None, Some(base)) => {
            ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("{}/v1/traces", base.trim().trim_end_matches('/')))
        }
        (None, None) => return Ok(None),
    };
    let url = url::Url::parse(&endpoint).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    ensure!(
        url.is_some_and(|url| url.has_host() && url.username().is_empty() && url.password().is_none()),
        "{setting} must be http://… or https://…, without a user name: OTEL_EXPORTER_OTLP_HEADERS may have a credential"
    );
    let mut pairs = HashMap::new();
    for pair in given(headers).iter().flat_map(|headers| headers.split(',')).map(str::trim) {
        // A value may be a secret, so none is told.
        let fault = || anyhow::anyhow!("OTEL_EXPORTER_OTLP_HEADERS must be name=value, separated by commas");
        let (name, value) = pair.split_once('=').ok_or_else(fault)?;
        let value = percent_encoding::percent_decode_str(value.trim()).decode_utf8().map_err(|_| fault())?;
        let name = HeaderName::try_from(name.trim()).map_err(|_| fault())?;
        HeaderValue::try_from(&*value).map_err(|_| fault())?;
        pairs.insert(name.as_str().to_owned(), value.into_owned());
    }
    let ratio = share.unwrap_or(1.0);
    ensure!((0.0..=1.0).contains(&ratio), "OTEL_TRACES_SAMPLER_ARG “{ratio}” must be between 0 and 1");
    let service = given(service).unwrap_or_else(|| "keyward".to_owned());
    Ok(Some(TraceSettings { endpoint, headers: pairs, service, ratio }))
}

fn trusted_proxies(given: Option<Vec<String>>) -> anyhow::Result<TrustedProxies> {
    let range = |text: String| match text.parse::<AddressRange>() {
        Ok(range) => Ok(range),
        Err(fault) => bail!("KEYWARD_TRUSTED_PROXIES “{text}” {fault}"),
    };
    let given = given.unwrap_or_default().into_iter().filter(|text| !text.trim().is_empty());
    Ok(TrustedProxies::new(given.map(range).collect::<anyhow::Result<_>>()?))
}

fn registry_domain(given: Option<String>) -> anyhow::Result<Option<Host>> {
    let Some(text) = given.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    match text.trim().to_ascii_lowercase().parse() {
        Ok(host) => Ok(Some(host)),
        Err(fault) => bail!("KEYWARD_REGISTRY_DOMAIN “{text}” {fault}"),
    }
}

/// A number of days, `least` or more.
fn days(
    (name, least): (&str, u32),
    given: Option<String>,
    filed: Option<i64>,
) -> anyhow::Result<Option<u32>> {
    let given = given.filter(|text| !text.trim().is_empty()).or(filed.map(|days| days.to_string()));
    let Some(text) = given else { return Ok(None) };
    match text.trim().parse::<u32>() {
        Ok(days) if days >= least => Ok(Some(days)),
        Ok(_) | Err(_) => bail!("{name} “{text}” is no number of days from {least} on"),
    }
}

/// An empty list is taken at its word: nothing private at all.
fn outbound(given: Option<Vec<String>>, issuer: &Issuer) -> anyhow::Result<OutboundRules> {
    let Some(given) = given else { return Ok(issuer.outbound_rules()) };
    let range = |text: String| match text.parse::<AddressRange>() {
        Ok(range) => Ok(range),
        Err(fault) => bail!("KEYWARD_OUTBOUND_ALLOW “{text}” {fault}"),
    };
    let given = given.into_iter().filter(|text| !text.trim().is_empty());
    let rules = OutboundRules::new(given.map(range).collect::<anyhow::Result<_>>()?);
    rules.map_err(|fault| anyhow::anyhow!("KEYWARD_OUTBOUND_ALLOW {fault}"))
}

impl File {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        toml::from_str(&text).map_err(|error| {
            let place = error.span().map(|span| text[..span.start].lines().count().max(1));
            let line = place.map(|line| format!(" line {line}")).unwrap_or_default();
            anyhow::anyhow!("{}{line}: {}", path.display(), error.message())
        })
    }
}
