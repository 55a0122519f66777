//! From a customer's page to a running container: a real server with a real registry behind it, a real engine, the agent as a process,
//! and a person in a browser who has nothing but the pages and a terminal.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use keyward_testkit_engines::{ComposeVersion, EngineKind, Engines, compose};
use serde_json::{Value, json};

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
    let depot = Depot::open(&tenant)?;
    release_example(&server, &tenant, &engines, &depot).context("examples/compose")?;
    publish(&server, &tenant, &engines, &depot)?;

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

/// A registry of the vendor's, which runs until this is dropped, and a customer.
struct Depot {
    _upstream: Upstream,
    /// Pushes.
    key: String,
    customer: String,
}

impl Depot {
    fn open(tenant: &Tenant) -> Result<Self> {
        let mut upstream = Upstream::new()?;
        let registry = json!({"name": "Main", "upstream": upstream.url()});
        let registry = text(&create(tenant, "registries", registry)?, "id")?;
        upstream.start(tenant, &registry)?;
        let key = json!({"registry_id": registry, "name": "CI", "access": "read_write"});
        let key = text(&create(tenant, "registry-keys", key)?, "secret")?;
        let customer =
            text(&create(tenant, "customers", json!({"name": "Example", "email": CUSTOMER}))?, "id")?;
        Ok(Self { _upstream: upstream, key, customer })
    }
}

fn create(tenant: &Tenant, path: &str, wanted: Value) -> Result<Value> {
    tenant.http.create(&format!("/api/v1/{path}"), &wanted.to_string())
}

/// Releases the application of `examples/compose` as its README says.
fn release_example(server: &Server, tenant: &Tenant, engines: &Engines, depot: &Depot) -> Result<()> {
    let (folder, examples) = (tempfile::tempdir()?, crate::root()?.join("examples"));
    let product = text(&create(tenant, "products", json!({"name": "Acme Server"}))?, "id")?;
    let license =
        json!({"name": "Example Inc.", "product_id": product, "customer_id": depot.customer, "fields": {}});
    create(tenant, "licenses", license)?;

    let mut go = Command::new("go");
    go.args(["build", "-o"]).arg(folder.path().join("server")).arg("./service");
    succeeds(go.current_dir(examples.join("go")).env("CGO_ENABLED", "0"))?;
    std::fs::write(
        folder.path().join("jwks.json"),
        tenant.http.get(&format!("/o/{}/jwks.json", tenant.slug))?,
    )?;
    std::fs::copy(examples.join("compose/Dockerfile"), folder.path().join("Dockerfile"))?;
    let registry = format!("127.0.0.1:{}", server.port());
    let image = format!("{registry}/acme/server:1.0.0");
    let docker = |args: &[&str]| {
        let mut docker = Command::new("docker");
        docker.args(args).current_dir(folder.path()).stdin(Stdio::null());
        docker.env("DOCKER_HOST", format!("unix://{}", engines.socket(EngineKind::Docker).display()));
        // The builder that needs no plug-in.
        docker.env("DOCKER_CONFIG", folder.path().join("docker")).env("DOCKER_BUILDKIT", "0");
        succeeds(&mut docker)
    };
    docker(&["build", "--quiet", "--build-arg", &format!("PRODUCT_ID={product}"), "-t", &image, "."])?;
    docker(&["login", &registry, "-u", "keyward", "-p", &depot.key])?;
    docker(&["push", "--quiet", &image])?;

    let read = |name: &str| std::fs::read_to_string(examples.join("compose").join(name));
    let application = json!({"name": "Acme Server", "kind": "compose"});
    let application = text(&create(tenant, "applications", application)?, "id")?;
    let compose = read("compose.yaml")?.replace("registry.example.com", &registry);
    let version = json!({"name": "1.0.0", "compose": compose, "environment": read("version.env")?});
    create(tenant, &format!("applications/{application}/versions"), version)?;
    entitle(tenant, depot, &application)
}

fn entitle(tenant: &Tenant, depot: &Depot, application: &str) -> Result<()> {
    let all = json!({"customer_id": depot.customer, "application_id": application, "all_versions": true});
    create(tenant, "application-entitlements", all).map(drop)
}

/// An application in the versions that something is wrong with, and one that is well.
fn publish(server: &Server, tenant: &Tenant, engines: &Engines, depot: &Depot) -> Result<()> {
    let create = |path: &str, wanted: Value| create(tenant, path, wanted);
    for tag in ["1", "2", "3"] {
        let (from, to) =
            (format!("docker://{}", engines.image(tag)), format!("docker://{}:{tag}", image(server)));
        let creds = format!("ci:{}", depot.key);
        let tls = ["--src-tls-verify=false", "--dest-tls-verify=false"];
        let copied = skopeo(&["copy", tls[0], tls[1], "--dest-creds", &creds, &from, &to])?;
        ensure!(copied.status.success(), "skopeo: {}", String::from_utf8_lossy(&copied.stderr));
    }
    create("licenses", json!({"name": "server", "customer_id": depot.customer, "payload": {"seats": 5}}))?;
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
    entitle(tenant, depot, &application)
}

fn image(server: &Server) -> String {
    format!("127.0.0.1:{}/acme/probe", server.port())
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
