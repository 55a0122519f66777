//! Validation, asked by a public client that nobody here wrote, its signatures checked by libraries that nobody
//! here wrote, and its count after `kill -9`.

use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::Checks;
use super::http::Http;
use super::server::{Server, Tenant};
use crate::parts::Parts;
use crate::root;

/// A product on sale, with one license.
struct Shop {
    tenant: Tenant,
    product: String,
    key: String,
    license: String,
    code: String,
}

impl Shop {
    fn open(server: &Server, name: &str) -> Result<Self> {
        let tenant = server.tenant(name)?;
        let product = json!({"name": "Server", "settings": {
            "ip_enforcement": "enforce", "default_max_ips": 3, "version_gating": true, "custom_response": true,
            "custom_response_template": {"é": "\u{1F600}\"\\\u{7f}", "b": [1.0, 1.5e-9, 0.000001, -0.0], "a": {"": null}},
        }});
        let product = tenant.http.create("/api/v1/products", &product.to_string())?;
        let text = |json: &Value, name: &str| {
            json[name].as_str().map(str::to_owned).with_context(|| format!("{name} is missing"))
        };
        let id = text(&product, "id")?;
        let customer = r#"{"email":"it@example.com","name":"Example Inc."}"#;
        let made = tenant.http.create(&format!("/api/v1/products/{id}/keys"), customer)?;
        let (license, code) = (text(&made["license"], "id")?, text(&made["license"], "license_key")?);
        Ok(Self { key: text(&product, "secret")?, product: id, license, code, tenant })
    }

    fn used(&self) -> Result<u64> {
        let usage = self.tenant.http.get(&format!("/api/v1/products/{}/usage", self.product))?;
        let usage: Value = serde_json::from_str(&usage)?;
        Ok(usage["items"][0]["used"].as_u64().unwrap_or(0))
    }
}

/// The public client, and signatures checked in Python.
pub(crate) fn judge(checks: &mut Checks, server: &Server, parts: &Parts) -> Result<()> {
    let shop = Shop::open(server, "Validator")?;
    let python = |script: &str, args: &[&str]| -> Result<Output> {
        let mut python = Command::new(&parts.languages.python);
        python.env("PYTHONPATH", root()?.join("crates/token/bindings/python/src"));
        Ok(python.arg(root()?.join(script)).args(args).output()?)
    };
    let said = |output: &Output| {
        let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        format!("{:?} {}", output.status.code(), text.concat())
    };
    let folder = tempfile::tempdir()?;
    let jwks = folder.path().join("jwks.json");
    std::fs::write(&jwks, shop.tenant.http.get(&format!("/o/{}/jwks.json", shop.tenant.slug))?)?;
    let (url, jwks) = (server.url(), jwks.to_string_lossy().into_owned());
    let mut validate = |license: &str, expected: i32, status: &str| -> Result<()> {
        let output = python(
            "examples/python/validate.py",
            &[&url, &shop.key, &shop.product, &jwks, license, "2.1.0"],
        )?;
        let right = output.status.code() == Some(expected) && said(&output).contains(status);
        checks.check(&format!("the package for Python: {status}"), right, &said(&output));
        let output = python("bins/xtask/src/interop/signed_answer.py", &[&url, &shop.key, &jwks, license])?;
        let right = output.status.success() && said(&output).contains(status);
        checks.check(&format!("rfc8785 and cryptography: {status}"), right, &said(&output));
        Ok(())
    };
    let status = |name: &str| format!("\"status\": \"{name}\"");
    validate(&shop.code, 0, &status("active"))?;
    validate(&shop.code, 0, "\\ud83d\\ude00")?;
    validate("unknown", 1, &status("license_not_found"))?;
    shop.tenant.http.act(&format!("/api/v1/licenses/{}/suspend", shop.license))?;
    validate(&shop.code, 1, &status("suspended"))?;
    shop.tenant.http.act(&format!("/api/v1/licenses/{}/resume", shop.license))?;

    let used = shop.used()?;
    checks.check("eight were counted", used == 8, &used.to_string());
    let organization = &shop.tenant.id;
    let limit = json!({ "validations_per_day": used + 20 }).to_string();
    shop.tenant.http.send(&format!("/api/v1/organizations/{organization}/plan"), &limit)?;
    let output = python("bins/xtask/src/interop/public_client.py", &[&url, &shop.key, &shop.code, "20"])?;
    checks.check("keyport 1.0.1", output.status.success(), &said(&output));
    checks.check("exactly the limit", shop.used()? == used + 20, &shop.used()?.to_string());
    Ok(())
}

/// Every answer that went out is in the count after `kill -9` under load.
pub(crate) fn survive_kill(checks: &mut Checks, server: &mut Server) -> Result<()> {
    const ASKING: u64 = 16;
    let shop = Shop::open(server, "Counted")?;
    let mut answered = 0;
    for _ in 0..3 {
        let (count, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let asking: Vec<_> = (0..ASKING)
            .map(|_| {
                let http = Http::new(server.url(), shop.key.clone());
                let body = json!({"license_key": shop.code, "version": "2.1.0"}).to_string();
                let (count, stop) = (Arc::clone(&count), Arc::clone(&stop));
                std::thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        match http.send("/api/v1/validate", &body) {
                            Ok(_) => drop(count.fetch_add(1, Ordering::Relaxed)),
                            Err(_) => break,
                        }
                    }
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(1_500));
        server.kill_and_restart()?;
        stop.store(true, Ordering::Relaxed);
        for thread in asking {
            thread.join().ok().context("a thread that asks")?;
        }
        answered += count.load(Ordering::Relaxed);
        let used = shop.used()?;
        // What was counted and not yet answered when the server died may be more, by one a client.
        let right = answered > 100 && (answered..=answered + ASKING).contains(&used);
        checks.check("what was answered is counted", right, &format!("{answered} answered, {used} counted"));
        answered = used;
    }
    Ok(())
}
