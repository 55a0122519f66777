//! From a customer's page to a running container: a real server with a real registry behind it, a real engine, the agent as a process,
//! and a person in a browser who has nothing but the pages and a terminal.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use keyward_testkit_engines::{ComposeVersion, EngineKind, Engines, compose};
use serde_json::json;

use super::registry::{skopeo, text, upstream::Upstream};
use super::server::{Server, Tenant, program};
use crate::steps::succeeds;

const CUSTOMER: &str = "buyer@example.com";

/// Walks the journey on a fresh server; whether all went well. Pages are kept in a folder if one is named.
pub(crate) fn walk(browser: &Path, database: Option<String>, screenshots: Option<&Path>) -> Result<bool> {
    let folder = tempfile::tempdir()?;
    let (agent, engines) = (program("debug", "keyward-agent")?, Engines::start()?);
    let programs = folder.path().join("programs");
    hand_out(&agent, &programs)?;
    let server = Server::start_with(database, &[("KEYWARD_AGENT_DIR", programs.display().to_string())])?;
    let tenant = server.tenant("Acme")?;
    let _upstream = publish(&server, &tenant, &engines)?;

    let toml = folder.path().join("agent.toml");
    let lines = format!(
        "socket = {:?}\ncompose = {:?}\n",
        engines.socket(EngineKind::Docker),
        compose(ComposeVersion::Five)
    );
    std::fs::write(&toml, lines)?;
    let mut journey = Command::new("node");
    journey
        .arg(browser.join("deploying.mjs"))
        .arg(server.url())
        .arg(server.data().join("mail"))
        .args([CUSTOMER, "owner@vendor.example"])
        .args(screenshots)
        .env("AGENT", &agent)
        .env("DOCKER_SOCKET", engines.socket(EngineKind::Docker))
        .env("KEYWARD_AGENT_CONFIG", &toml)
        .env("KEYWARD_AGENT_STATE", folder.path().join("agent"));
    succeeds(journey.stdin(Stdio::null())).context("the journey in the browser")
}

/// Puts the agent where the server hands it out from.
fn hand_out(agent: &Path, folder: &Path) -> Result<()> {
    std::fs::create_dir(folder)?;
    let name = format!("keyward-agent-{}", std::env::consts::ARCH);
    std::fs::copy(agent, folder.join(&name)).context("there is no agent")?;
    let sum = Command::new("sha256sum").arg(&name).current_dir(folder).output()?;
    Ok(std::fs::write(folder.join(format!("{name}.sha256")), sum.stdout)?)
}

/// A vendor with a registry, an application in five versions, and a customer who may deploy it. The registry runs until it is dropped.
fn publish(server: &Server, tenant: &Tenant, engines: &Engines) -> Result<Upstream> {
    let http = &tenant.http;
    let create =
        |path: &str, wanted: serde_json::Value| http.create(&format!("/api/v1/{path}"), &wanted.to_string());
    let mut upstream = Upstream::new()?;
    let registry = text(&create("registries", json!({"name": "Main", "upstream": upstream.url()}))?, "id")?;
    upstream.start(tenant, &registry)?;
    let key = json!({"registry_id": registry, "name": "CI", "access": "read_write"});
    let key = text(&create("registry-keys", key)?, "secret")?;
    for tag in ["1", "2", "3"] {
        let (from, to) =
            (format!("docker://{}", engines.image(tag)), format!("docker://{}:{tag}", image(server)));
        let creds = format!("ci:{key}");
        let tls = ["--src-tls-verify=false", "--dest-tls-verify=false"];
        let copied = skopeo(&["copy", tls[0], tls[1], "--dest-creds", &creds, &from, &to])?;
        ensure!(copied.status.success(), "skopeo: {}", String::from_utf8_lossy(&copied.stderr));
    }
    let customer = text(&create("customers", json!({"name": "Example", "email": CUSTOMER}))?, "id")?;
    create("licenses", json!({"name": "server", "customer_id": customer, "payload": {"seats": 5}}))?;
    let application = text(&create("applications", json!({"name": "Server", "kind": "compose"}))?, "id")?;
    let versions = format!("applications/{application}/versions");
    for (name, tag, change) in [
        ("1.0.0", "1", ""),
        ("1.1.0", "2", "      BAD: \"1\"\n"),
        ("1.2.0", "3", "    cap_add: [NET_ADMIN]\n"),
        ("1.3.0", "3", "    build: .\n"),
    ] {
        let compose = compose_file(&format!("{}:{tag}", image(server)), name, change);
        let environment = "LICENSE_KEY={{ .LicenseKeys.server }}\nGREETING=hello\n";
        create(&versions, json!({"name": name, "compose": compose, "environment": environment}))?;
    }
    let all = json!({"customer_id": customer, "application_id": application, "all_versions": true});
    create("application-entitlements", all)?;
    Ok(upstream)
}

fn image(server: &Server) -> String {
    format!("127.0.0.1:{}/acme/server", server.port())
}

fn compose_file(image: &str, version: &str, change: &str) -> String {
    let (environment, service) = if change.starts_with("      ") { (change, "") } else { ("", change) };
    format!(
        "services:\n  app:\n    image: {image}\n    command: [serve]\n    environment:\n      VERSION: \"{version}\"\n      \
         LICENSE_KEY: ${{LICENSE_KEY}}\n      GREETING: ${{GREETING}}\n{environment}{service}    volumes: [data:/data]\n    \
         healthcheck:\n      test: [CMD, /probe, health]\n      interval: 1s\n      timeout: 2s\n      retries: 3\n\
         volumes:\n  data: {{}}\n"
    )
}
