//! Webhooks, to a receiver that fails a third of them, by a server that is killed: nothing is lost and nothing is made up.

use std::collections::BTreeSet;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::Checks;
use super::server::{Server, Tenant};
use crate::parts::Parts;
use keyward_testkit_postgres::free_port;

/// How long messages may take after the last kill.
const PATIENCE: Duration = Duration::from_secs(120);

/// How much is done between two kills.
const CHANGES: u32 = 10;

/// The receiver. Stopped when dropped.
struct Receiver {
    process: Child,
    url: String,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Receiver {
    fn start(parts: &Parts) -> Result<Self> {
        let port = free_port()?;
        let script = crate::root()?.join("bins/xtask/src/interop/webhook_receiver.py");
        let process = Command::new(&parts.languages.python).arg(script).arg(port.to_string()).spawn()?;
        let receiver = Self { process, url: format!("http://127.0.0.1:{port}") };
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(30) {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(receiver);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("the receiver was not ready within 30 seconds")
    }

    /// All it was sent, and what is wrong with it.
    fn judge(&self, secret: &str, jwks: &str) -> Result<Value> {
        let mut request = ureq::get(format!("{}/judge", self.url));
        request = request.query("secret", secret).query("jwks", jwks);
        Ok(serde_json::from_str(&request.call()?.body_mut().read_to_string()?)?)
    }
}

/// Makes changes and kills the server `rounds` times.
pub(crate) fn judge(checks: &mut Checks, server: &mut Server, parts: &Parts, rounds: u32) -> Result<()> {
    let (receiver, tenant) = (Receiver::start(parts)?, server.tenant("Webhooks")?);
    let endpoint = json!({"url": format!("{}/hook", receiver.url), "events": ["customer.created"]});
    let endpoint = tenant.http.create("/api/v1/webhooks", &endpoint.to_string())?;
    let id = endpoint["id"].as_str().context("an endpoint has an id")?.to_owned();
    let secret = endpoint["secret"].as_str().context("an endpoint has a secret")?.to_owned();
    let mut made = BTreeSet::new();
    for round in 0..rounds {
        for number in 0..CHANGES {
            let customer =
                format!(r#"{{"name":"Round {round} number {number}","email":"c@customer.example"}}"#);
            let customer = tenant.http.create("/api/v1/customers", &customer)?;
            made.insert(customer["id"].as_str().context("a customer has an id")?.to_owned());
        }
        // Somewhere amidst its deliveries.
        std::thread::sleep(Duration::from_millis(u64::from(400 + round * 70 % 900)));
        server.kill_and_restart()?;
    }
    let waits = |tenant: &Tenant| -> Result<bool> {
        let pending = tenant.http.get(&format!("/api/v1/webhooks/{id}/deliveries?state=pending&limit=1"))?;
        Ok(serde_json::from_str::<Value>(&pending)?["items"] != json!([]))
    };
    let began = Instant::now();
    while waits(&tenant)? && began.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(200));
    }
    let keys: Value = serde_json::from_str(&tenant.http.get(&format!("/o/{}/jwks.json", tenant.slug))?)?;
    let keys = keys["keys"].as_array().context("a JWK Set has keys")?;
    let keys: Vec<_> = keys.iter().filter_map(|key| key["x"].as_str()).collect();
    let judged = receiver.judge(&secret, &keys.join(","))?;
    let messages = judged["messages"].as_array().context("what it was sent")?;
    let about = |message: &Value| -> Option<String> {
        let body: Value = serde_json::from_str(message["body"].as_str()?).ok()?;
        Some(body["data"]["id"].as_str()?.to_owned())
    };
    let taken: BTreeSet<_> =
        messages.iter().filter(|message| message["taken"] == true).filter_map(about).collect();
    let ids: BTreeSet<_> =
        messages.iter().filter_map(|message| message["headers"]["webhook-id"].as_str()).collect();
    let (lost, made_up) = (made.difference(&taken).count(), taken.difference(&made).count());
    let seen = format!("{} of {} taken in {} tries", taken.len(), made.len(), messages.len());
    checks.check("no message is lost", lost == 0, &seen);
    checks.check("no message is made up", made_up == 0 && ids.len() == made.len(), &seen);
    checks.check("messages fail and come again", messages.len() > made.len(), &seen);
    checks.check("every signature is right", judged["bad"] == json!([]), &judged["bad"].to_string());
    if let Some(message) = messages.first() {
        let mut node = Command::new("node");
        node.arg(crate::root()?.join("bins/xtask/src/interop/webhook_verify.mjs"))
            .current_dir(&parts.browser);
        let body = message["body"].as_str().unwrap_or_default();
        let output = node.arg(&secret).arg(message["headers"].to_string()).arg(body).output()?;
        checks.check(
            "standardwebhooks of npm verifies it",
            output.stdout == b"valid\n",
            &format!("{output:?}"),
        );
    }
    tenant.http.delete(&format!("/api/v1/webhooks/{id}"))
}
