//! What one customer's refused pulls cost another tenant's applications, beside what questions of `/healthz` cost them.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::open_loop::{self, Latencies};
use crate::seed::{Shop, post};
use crate::server::{Server, bootstrap};

const ROUNDS: usize = 3;
const LICENSES: usize = 64;
/// Validations a second of the tenant whose answers are timed.
const RATE: u32 = 200;
const SECONDS: u32 = 8;
const CONNECTIONS: &str = "64";

/// The table, on SQLite, where all writers queue.
pub(crate) fn print(program: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let database = format!("sqlite://{}", folder.path().join("keyward.db").display());
    let token = |organization: &str| -> Result<String> {
        let founded = bootstrap(program, folder.path(), &database, organization)?;
        Ok(founded["token"].as_str().context("a token")?.to_owned())
    };
    let (ours, theirs) = (token("Load")?, token("Flood")?);
    let keyward = Server::keyward(program, folder.path(), &database)?;
    let shop = Shop::open(&keyward.address, &ours, "Server", LICENSES)?;
    let refused = folder.path().join("refused.lua");
    std::fs::write(&refused, script(&keyward.address, &theirs)?)?;
    open_loop::run(&keyward.address, &shop.requests(), 200, 2)?;

    println!("| beside | p50 µs | p99 µs | p99.9 µs | failed | flood/s |\n|---|--:|--:|--:|--:|--:|");
    for _ in 0..ROUNDS {
        row("nothing", &keyward, &shop, None)?;
        row("/healthz", &keyward, &shop, Some(None))?;
        row("refused pulls", &keyward, &shop, Some(Some(&refused)))?;
    }
    Ok(())
}

fn row(name: &str, keyward: &Server, shop: &Shop, flood: Option<Option<&Path>>) -> Result<()> {
    let flood = flood.map(|script| start(&keyward.address, script)).transpose()?;
    let found: Latencies = open_loop::count(&keyward.address, &shop.requests(), RATE, SECONDS)?;
    let rate = match flood {
        Some(flood) => requests(flood)?,
        None => "–".to_owned(),
    };
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| found.quantile(share));
    println!("| {name} | {p50} | {p99} | {p999} | {} | {rate} |", found.failed);
    Ok(())
}

fn start(address: &str, script: Option<&Path>) -> Result<Child> {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "-c", CONNECTIONS, "--timeout", "20s", "-d", &format!("{}s", SECONDS + 1)]);
    if let Some(script) = script {
        wrk.arg("-s").arg(script);
    }
    wrk.arg(format!("http://{address}/healthz")).stdout(Stdio::piped()).spawn().context("starting wrk")
}

fn requests(wrk: Child) -> Result<String> {
    let output = wrk.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    Ok(line.with_context(|| format!("wrk said:\n{text}"))?.trim().to_owned())
}

/// Asks for another image each time, with a license that opens none.
fn script(address: &str, token: &str) -> Result<String> {
    let text = |json: &Value, name: &str| {
        Ok::<_, anyhow::Error>(json[name].as_str().context("a member")?.to_owned())
    };
    let registry = json!({"name": "Releases", "host": "flood.example", "upstream": "http://127.0.0.1:9"});
    post(address, token, "/api/v1/registries", registry)?;
    let policy = ureq::put(format!("http://{address}/api/v1/artifact-policy"));
    policy
        .header("Authorization", format!("Bearer {token}"))
        .send_json(json!({"policy": "entitled_only"}))?;
    let customer = post(address, token, "/api/v1/customers", json!({"name": "C", "email": "c@example.com"}))?;
    let body = json!({"name": "Server", "customer_id": text(&customer, "id")?, "payload": {}});
    let license = text(&post(address, token, "/api/v1/licenses", body)?, "id")?;
    let shown = ureq::get(format!("http://{address}/api/v1/licenses/{license}/token"));
    let shown: Value =
        shown.header("Authorization", format!("Bearer {token}")).call()?.body_mut().read_json()?;
    let basic = STANDARD.encode(format!("customer:{}", text(&shown, "token")?));
    Ok(format!(
        "local n = 0\nwrk.headers[\"Host\"] = \"flood.example\"\nwrk.headers[\"Authorization\"] = \"Basic {basic}\"\n\
         request = function()\n  n = n + 1\n  return wrk.format(\"GET\", \"/v2/x\" .. n .. \"/manifests/v\" .. n)\nend\n"
    ))
}
