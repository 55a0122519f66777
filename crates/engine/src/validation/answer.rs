//! Writes an answer in its canonical form (RFC 8785), which is what is signed.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_domain::validation::Verdict;
use keyward_domain::{ProductId, Timestamp};

use super::signer::AnswerSigner;

/// What an answer repeats of the request, so that it can't be taken for another's.
pub(super) struct Echo<'a> {
    pub license_key: &'a str,
    pub nonce: Option<&'a str>,
    pub product: Option<ProductId>,
}

/// The answer as JSON. Its members stand in canonical order, all but the signature, which is not part of
/// what it signs.
pub(super) fn write(
    verdict: &Verdict,
    echo: &Echo<'_>,
    signer: Option<&AnswerSigner>,
    now: Timestamp,
) -> String {
    let mut object = Object(String::with_capacity(640));
    object.raw("custom", verdict.custom.as_ref().map(|custom| custom.as_str()));
    if let Some(ends_at) = verdict.ends_at {
        object.time("ends", Some(ends_at));
    }
    object.time("expires", verdict.expires_at);
    object.number("ip_count", verdict.addresses.map(|seen| seen.count));
    object.truth("ip_registered", verdict.addresses.map(|seen| seen.registered));
    if let Some(signer) = signer {
        object.text("kid", Some(&signer.kid));
        object.text("license_key", Some(echo.license_key));
    }
    object.number("max_ips", verdict.addresses.and_then(|seen| seen.most));
    if signer.is_some() {
        object.text("nonce", echo.nonce);
        object.text("product_id", echo.product.map(|product| product.to_string()).as_deref());
        object.time("signed_at", Some(now));
    }
    object.text("status", Some(verdict.status.as_str()));
    object.truth("valid", Some(verdict.is_valid()));
    object.text("version", verdict.version.as_ref().and_then(|gate| gate.version.as_deref()));
    object.truth("version_valid", verdict.version.as_ref().map(|gate| gate.allowed));
    let Object(mut json) = object;
    json.push('}');
    let signature =
        signer.map(|signer| format!("\"{}\"", URL_SAFE_NO_PAD.encode(signer.sign(json.as_bytes()))));
    json.pop();
    let mut object = Object(json);
    object.raw("signature", signature.as_deref());
    object.0 + "}"
}

/// An object under construction.
struct Object(String);

impl Object {
    fn raw(&mut self, name: &str, json: Option<&str>) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push('"');
        self.0.push_str(name);
        self.0.push_str("\":");
        self.0.push_str(json.unwrap_or("null"));
    }

    fn text(&mut self, name: &str, text: Option<&str>) {
        // serde_json escapes what RFC 8785 says, and only that.
        let json = text.map(|text| serde_json::to_string(text).unwrap_or_default());
        self.raw(name, json.as_deref());
    }

    fn time(&mut self, name: &str, time: Option<Timestamp>) {
        self.raw(name, time.map(|time| format!("\"{time}\"")).as_deref());
    }

    fn number(&mut self, name: &str, number: Option<u32>) {
        self.raw(name, number.map(|number| number.to_string()).as_deref());
    }

    fn truth(&mut self, name: &str, truth: Option<bool>) {
        let json = truth.map(|truth| Cow::Borrowed(if truth { "true" } else { "false" }));
        self.raw(name, json.as_deref());
    }
}
