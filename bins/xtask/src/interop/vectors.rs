//! The vectors of the token format, judged by every client as by the verifier they were made with.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Checks;
use super::clients::{self, Question};
use crate::parts::Parts;
use crate::root;

/// What the clients remove before they verify, so that it is no part of what they judge.
const BYTES_AS_THEY_ARE: &str = "X1";

/// Any second at which the pasted token is valid.
const PASTED_AT: i64 = 1_810_000_000;

/// Has every client judge every vector of its formats.
pub(crate) fn judge(checks: &mut Checks, parts: &Parts) -> Result<()> {
    let text = std::fs::read_to_string(root()?.join("crates/token/vectors/v1.json"))?;
    let vectors: Value = serde_json::from_str(&text).context("the vectors")?;
    let list = |name: &str| vectors[name].as_array().with_context(|| format!("vectors have {name}"));
    let text = |value: &Value| value.as_str().map(str::to_owned).context("a vector has texts");
    let audience = text(&vectors["expected_audience"])?;
    let folder = tempfile::tempdir()?;
    let keys = |name: &str, set: String| -> Result<PathBuf> {
        let path = folder.path().join(name);
        std::fs::write(&path, set)?;
        Ok(path)
    };
    let ours = keys("jwks.json", format!("{{\"keys\":[{}]}}", text(&vectors["key"]["public_jwk"])?))?;
    for client in clients::all(parts)? {
        let mut check = |vector: &Value, token: &Value, at: i64, valid: bool| -> Result<()> {
            let key = match vector["jwks"].as_str() {
                Some(set) => keys("other.json", set.to_owned())?,
                None => ours.clone(),
            };
            let token = text(token)?;
            let (product, audience) = (vector["product"].as_str(), audience.as_str());
            let verdict =
                client.judge(Question { key: &key, product, token: &token, audience, at: Some(at) })?;
            let name = format!("{}, vector {}", client.name, vector["name"]);
            checks.check(&name, verdict.accepts == valid, &verdict.said);
            Ok(())
        };
        for (vectors, valid) in [(list("valid")?, true), (list("invalid")?, false)] {
            for vector in vectors {
                let format = if text(&vector["name"])?.starts_with("paseto") { "paseto" } else { "jwt" };
                let rules = vector["rules"].as_array().context("a vector has rules")?;
                if client.formats.contains(&format) && !rules.iter().any(|rule| rule == BYTES_AS_THEY_ARE) {
                    check(vector, &vector["token"], vector["now"].as_i64().context("a second")?, valid)?;
                }
            }
        }
        for vector in list("products")?.iter().chain(list("ends")?) {
            let format = if text(&vector["name"])?.starts_with("paseto") { "paseto" } else { "jwt" };
            if client.formats.contains(&format) {
                let at = vector["now"].as_i64().context("a second")?;
                check(vector, &vector["token"], at, vector["verdict"] == "valid")?;
            }
        }
        for pasted in list("pasted")? {
            check(pasted, &pasted["text"], PASTED_AT, pasted["valid"] == true)?;
        }
    }
    Ok(())
}
