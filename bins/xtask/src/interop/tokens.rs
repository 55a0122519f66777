//! Tokens that must be accepted, and tokens that must not.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::Checks;
use super::clients::{self, Question};
use super::server::{Server, Tenant};
use crate::parts::Parts;

const PAYLOAD: &str =
    r#"{"seats":25,"plan":"pro","modules":["analytics","reporting"],"big":12345678901234567890}"#;
const AUDIENCE: &str = "license-key";

/// Has every client judge good and bad tokens of two organizations.
pub(crate) fn judge(checks: &mut Checks, server: &Server, parts: &Parts) -> Result<()> {
    let (acme, other) = (server.tenant("Acme")?, server.tenant("Other")?);
    let folder = tempfile::tempdir()?;
    let keep = |name: &str, text: String| -> Result<PathBuf> {
        let path = folder.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    };
    let pem = keep("public-key.pem", acme.http.get(&format!("/o/{}/public-key.pem", acme.slug))?)?;
    let jwks = keep("jwks.json", acme.http.get(&format!("/o/{}/jwks.json", acme.slug))?)?;

    let customer = acme.http.create("/api/v1/customers", r#"{"name":"Buyer","email":"it@buyer.example"}"#)?;
    let customer = customer["id"].as_str().context("a customer has an id")?;
    let good = license(&acme, "Good", &format!(r#","customer_id":"{customer}""#))?;
    let endless = license(&acme, "Endless", r#","expires_at":null"#)?;
    let expired = license(
        &acme,
        "Expired",
        r#","not_before":"2020-01-01T00:00:00Z","expires_at":"2021-01-01T00:00:00Z""#,
    )?;
    let future = license(&acme, "Future", r#","not_before":"2100-01-01T00:00:00Z""#)?;
    let foreign = license(&other, "Foreign", "")?;

    for client in clients::all(parts)? {
        let keys = if client.name == "keyward verify" { &[&pem, &jwks][..] } else { &[&jwks] };
        for format in client.formats.iter().copied() {
            let token = |tenant: &Tenant, license: &str| tenant.http.token(license, format);
            let issued = token(&acme, &good)?;
            checks.check("the token is the same each time", issued == token(&acme, &good)?, format);
            for key in keys {
                let mut expect =
                    |accepted: bool, what: &str, token: &str, audience: &str| -> Result<String> {
                        let question = Question { key, product: None, token, audience, at: None };
                        let verdict = client.judge(question)?;
                        let name = format!("{}, {format}, {what}", client.name);
                        checks.check(&name, verdict.accepts == accepted, &verdict.said);
                        Ok(verdict.said)
                    };
                let said = expect(true, "good", &issued, AUDIENCE)?;
                expect(true, "without end", &token(&acme, &endless)?, AUDIENCE)?;
                expect(false, "another audience", &issued, "another")?;
                expect(false, "expired", &token(&acme, &expired)?, AUDIENCE)?;
                expect(false, "not yet valid", &token(&acme, &future)?, AUDIENCE)?;
                expect(false, "another tenant's", &token(&other, &foreign)?, AUDIENCE)?;
                expect(false, "changed payload", &changed(&issued, payload_place(format)), AUDIENCE)?;
                expect(false, "changed signature", &changed(&issued, issued.len() - 10), AUDIENCE)?;
                if format == "jwt" {
                    expect(false, "without signature", &without_signature(&issued), AUDIENCE)?;
                }
                let product = Some("0192f0c1-7a00-7000-8000-00000000000b");
                let question = Question { key, product, token: &issued, audience: AUDIENCE, at: None };
                let verdict = client.judge(question)?;
                checks.check(
                    &format!("{}, a license of no product", client.name),
                    !verdict.accepts,
                    &verdict.said,
                );
                let whole = ["\"seats\":25", "analytics", customer].iter().all(|part| said.contains(part));
                checks.check(&format!("{} sees all claims", client.name), whole, &said);
                // JavaScript's numbers can't hold this one; everyone else must see each digit.
                if !client.name.contains("jose") {
                    checks.check("big numbers are exact", said.contains("12345678901234567890"), &said);
                }
            }
        }
    }
    Ok(())
}

/// Every license that was answered `201` is there after `kill -9`, and its token is the same.
pub(crate) fn survive_kill(checks: &mut Checks, server: &mut Server) -> Result<()> {
    let tenant = server.tenant("Survivor")?;
    let mut known = Vec::new();
    for round in 0..3 {
        for number in 0..10 {
            let id = license(&tenant, &format!("Round {round} number {number}"), "")?;
            let token = tenant.http.token(&id, "jwt")?;
            known.push((id, token));
        }
        server.kill_and_restart()?;
        for (id, token) in &known {
            let after = tenant.http.token(id, "jwt").unwrap_or_default();
            checks.check("a license survives kill -9", after == *token, id);
        }
    }
    Ok(())
}

fn license(tenant: &Tenant, name: &str, more: &str) -> Result<String> {
    let body = format!(r#"{{"name":"{name}","payload":{PAYLOAD}{more}}}"#);
    let made = tenant.http.create("/api/v1/licenses", &body)?;
    made["id"].as_str().map(str::to_owned).context("a license has an id")
}

/// Somewhere inside the claims.
fn payload_place(format: &str) -> usize {
    if format == "jwt" { 200 } else { 60 }
}

/// The token with one character changed.
fn changed(token: &str, at: usize) -> String {
    let with = if token.as_bytes().get(at) == Some(&b'A') { "B" } else { "A" };
    let mut changed = token.to_owned();
    changed.replace_range(at..=at, with);
    changed
}

/// The same claims under `{"alg":"none"}`.
fn without_signature(token: &str) -> String {
    let claims = token.split('.').nth(1).unwrap_or_default();
    format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}.")
}
