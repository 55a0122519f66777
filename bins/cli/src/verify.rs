//! Checks a token offline.

use anyhow::Context as _;
use clap::Args;
use keyward_token::{NoClaims, UnixSeconds, VerifyError, pasted};
use serde_json::json;

use crate::expected::Expected;
use crate::output::line;
use crate::{Outcome, instant, reading};

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    expected: Expected,
    /// Judge as of this instant, RFC 3339 or Unix seconds [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The token, or - to read it from standard input
    token: String,
}

impl Verify {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let now = UnixSeconds::new(match &self.at {
            Some(text) => instant::parse(text).context("--at")?,
            None => instant::now(),
        });
        let keys = self.expected.keys(|path| reading::file(path))?;
        let token = reading::token(&self.token)?;
        let license = match self.expected.verifier(keys.clone()).verify::<NoClaims>(&token, now) {
            Ok(license) => license,
            Err(error) => return refuse(&error, &token),
        };
        let lists =
            self.expected.status_list.iter().map(|path| Ok(pasted(&reading::file(path)?).into_owned()));
        let lists = lists.collect::<anyhow::Result<Vec<_>>>()?;
        if let Some(refusal) = crate::status::refusal(&lists, &keys, &license, now) {
            line(&refusal.to_string())?;
            return Ok(Outcome::Refused);
        }
        // As signed, so that numbers keep every digit.
        line(license.json())?;
        Ok(Outcome::Good)
    }
}

/// Prints why a token was refused.
pub(crate) fn refuse(error: &VerifyError, token: &str) -> anyhow::Result<Outcome> {
    let mut reason = json!({ "code": error.code(), "detail": why(error, token) });
    match error {
        VerifyError::WrongProduct { found } => reason["product"] = found.as_deref().into(),
        VerifyError::Expired { since } => reason["since"] = instant::show(since.as_i64()).into(),
        VerifyError::NotYetValid { until } => reason["until"] = instant::show(until.as_i64()).into(),
        _ => {}
    }
    line(&reason.to_string())?;
    Ok(Outcome::Refused)
}

/// Why a token was refused, in words.
pub(crate) fn why(error: &VerifyError, token: &str) -> String {
    let malformed = matches!(error, VerifyError::Malformed { .. } | VerifyError::NotAToken { .. });
    match malformed.then(|| reading::not_a_token(token)).flatten() {
        Some(found) => format!("the token is malformed: {found}"),
        None => error.to_string(),
    }
}
