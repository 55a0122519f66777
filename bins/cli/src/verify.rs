//! Checks a token offline.

use anyhow::Context as _;
use clap::{ArgGroup, Args};
use keyward_token::{NoClaims, UnixSeconds, Verifier, VerifierBuilder, VerifyError, pasted};
use serde_json::json;

use crate::output::line;
use crate::{Outcome, instant, reading};

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("products").required(true).args(["product", "any_product"]))]
pub(crate) struct Verify {
    /// Public key as PEM, JWK, JWKS or PASERK
    #[arg(long, value_name = "FILE")]
    key: String,
    /// Product that the license must be for, by its id; again for each that will do
    #[arg(long, value_name = "ID")]
    product: Vec<String>,
    /// Accept a license of no product, too
    #[arg(long, conflicts_with = "any_product")]
    or_without_product: bool,
    /// Accept a license of whatever product, and of none
    #[arg(long)]
    any_product: bool,
    /// Expected audience
    #[arg(long, default_value = "license-key")]
    audience: String,
    /// Expected issuer, the server's public URL; again for each that it had before
    #[arg(long)]
    issuer: Vec<String>,
    /// Expected organization id
    #[arg(long)]
    organization: Option<String>,
    /// Expected license id
    #[arg(long)]
    subject: Option<String>,
    /// Judge as of this instant, RFC 3339 or Unix seconds [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Accept a token this many seconds before its start
    #[arg(long, default_value_t = 0)]
    leeway: u32,
    /// Signed status list of the organization, to notice revoked licenses; again for each list of `/o/SLUG/status-lists`,
    /// if the server has moved: the one that the token names decides
    #[arg(long, value_name = "FILE")]
    status_list: Vec<String>,
    /// The token, or - to read it from standard input
    token: String,
}

impl Verify {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let now = UnixSeconds::new(match &self.at {
            Some(text) => instant::parse(text).context("--at")?,
            None => instant::now(),
        });
        let keys = reading::public_keys(&self.key)?;
        let token = reading::token(&self.token)?;
        let mut verifier =
            self.for_products().keys(keys.clone()).audience(self.audience).leeway_seconds(self.leeway);
        for issuer in self.issuer {
            verifier = verifier.issuer(issuer);
        }
        if let Some(organization) = self.organization {
            verifier = verifier.organization(organization);
        }
        if let Some(subject) = self.subject {
            verifier = verifier.subject(subject);
        }
        let license = match verifier.build().verify::<NoClaims>(&token, now) {
            Ok(license) => license,
            Err(error) => return refuse(&error, &token),
        };
        let lists = self.status_list.iter().map(|path| Ok(pasted(&reading::file(path)?).into_owned()));
        let lists = lists.collect::<anyhow::Result<Vec<_>>>()?;
        if let Some(refusal) = crate::status::refusal(&lists, &keys, &license, now) {
            line(&refusal.to_string())?;
            return Ok(Outcome::Refused);
        }
        // As signed, so that numbers keep every digit.
        line(license.json())?;
        Ok(Outcome::Good)
    }

    fn for_products(&self) -> VerifierBuilder {
        if self.any_product {
            return Verifier::for_any_product();
        }
        let mut ids = self.product.iter().cloned();
        let verifier = Verifier::for_product(ids.next().unwrap_or_default());
        let verifier = ids.fold(verifier, VerifierBuilder::or_product);
        if self.or_without_product { verifier.or_without_product() } else { verifier }
    }
}

/// Prints why a token was refused.
pub(crate) fn refuse(error: &VerifyError, token: &str) -> anyhow::Result<Outcome> {
    let mut reason = json!({ "code": error.code(), "detail": error.to_string() });
    let malformed = matches!(error, VerifyError::Malformed { .. } | VerifyError::NotAToken { .. });
    if let Some(found) = malformed.then(|| reading::not_a_token(token)).flatten() {
        reason["detail"] = format!("the token is malformed: {found}").into();
    }
    match error {
        VerifyError::WrongProduct { found } => reason["product"] = found.as_deref().into(),
        VerifyError::Expired { since } => reason["since"] = instant::show(since.as_i64()).into(),
        VerifyError::NotYetValid { until } => reason["until"] = instant::show(until.as_i64()).into(),
        _ => {}
    }
    line(&reason.to_string())?;
    Ok(Outcome::Refused)
}
