//! Shows what a token says, without believing it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use keyward_token::{Format, UnverifiedToken};
use serde_json::json;

use crate::output::line;
use crate::{Outcome, reading, verify};

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The token, or - to read it from standard input
    token: String,
}

impl Inspect {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let text = reading::token(&self.token)?;
        let token = match UnverifiedToken::parse(&text) {
            Ok(token) => token,
            Err(error) => return verify::refuse(&error, &text),
        };
        let format = match token.format() {
            Format::Jwt => "jwt",
            Format::Paseto => "paseto",
        };
        let kid = token.kid().map(|kid| kid.to_string());
        let claims = untrusted_claims(&text, token.format());
        if self.json {
            let (kid, claims) = (json!(kid), claims.as_deref().unwrap_or("null"));
            line(&format!("{{\"format\":\"{format}\",\"kid\":{kid},\"untrusted_claims\":{claims}}}"))?;
        } else {
            line(&format!("format  {format}"))?;
            line(&format!("kid     {}", kid.as_deref().unwrap_or("none")))?;
            line(&format!("claims  {}", claims.as_deref().unwrap_or("unreadable")))?;
            line("Nothing here was checked: use `keyward verify` before you believe it.")?;
        }
        Ok(Outcome::Good)
    }
}

/// The claims as their JSON text, whoever wrote them; `None` if they are not JSON.
fn untrusted_claims(token: &str, format: Format) -> Option<String> {
    let payload = match format {
        Format::Jwt => URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?,
        Format::Paseto => {
            let mut signed = URL_SAFE_NO_PAD.decode(token.split('.').nth(2)?).ok()?;
            signed.truncate(signed.len().checked_sub(64)?);
            signed
        }
    };
    let claims = String::from_utf8(payload).ok()?;
    serde_json::from_str::<serde::de::IgnoredAny>(&claims).ok().map(|_| claims)
}
