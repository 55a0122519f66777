//! Signs a license offline, with a key that never leaves this machine.

use anyhow::{Context as _, ensure};
use clap::Args;
use keyward_token::{Format as TokenFormat, KeywardClaim, LicenseClaims, Signer, StatusRef, UnixSeconds};

use crate::licenses::Format;
use crate::output::line;
use crate::reading::{self, text_or_file};
use crate::{Outcome, instant};

#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// Secret key as PKCS#8 PEM, as `keyward keygen` writes it, or as JWK or PASERK
    #[arg(long, value_name = "FILE")]
    key: String,
    /// Issuer, a URL of yours
    #[arg(long)]
    issuer: String,
    /// The license's id
    #[arg(long)]
    subject: String,
    /// Product that the license is for, by its id; of none if not told
    #[arg(long, value_name = "ID", requires = "organization")]
    product: Option<String>,
    /// Customer who holds the license, by its id
    #[arg(long, value_name = "ID", requires = "organization")]
    customer: Option<String>,
    /// Your organization's id
    #[arg(long, value_name = "ID")]
    organization: Option<String>,
    /// Where the license stands in your status list: its index there, and the list's address
    #[arg(long, value_name = "INDEX@URL", value_parser = status)]
    status: Option<StatusRef<'static>>,
    /// Audience
    #[arg(long, default_value = "license-key")]
    audience: String,
    /// JSON object of custom claims, or @FILE
    #[arg(long, default_value = "{}", value_name = "JSON|@FILE")]
    payload: String,
    /// Time of issue, RFC 3339 or Unix seconds [default: now]
    #[arg(long, value_name = "TIME")]
    issued_at: Option<String>,
    /// First valid second, or a day in UTC [default: the time of issue]
    #[arg(long, value_name = "TIME")]
    not_before: Option<String>,
    /// First second no longer valid, or the last valid day in UTC
    #[arg(long, value_name = "TIME", required_unless_present_any = ["no_end", "ends"], conflicts_with = "no_end")]
    expires_at: Option<String>,
    /// When the license ends by its contract, or its last day in UTC; until --expires-at, or for --grace days, it goes on
    /// being valid, and warns
    #[arg(long, value_name = "TIME", requires = "organization", conflicts_with = "no_end")]
    ends: Option<String>,
    /// How many days the license is valid after --ends
    #[arg(long, value_name = "DAYS", requires = "ends", conflicts_with = "expires_at")]
    grace: Option<u32>,
    /// Valid without end
    #[arg(long)]
    no_end: bool,
    /// Form of the token
    #[arg(long, value_enum, default_value_t = Format::Jwt)]
    format: Format,
}

impl Sign {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let key = reading::secret_key(&self.key)?;
        let (issued_at, not_before) = (self.issued_at.as_deref(), self.not_before.as_deref());
        let issued_at = issued_at.map(instant::parse).transpose().context("--issued-at")?;
        let issued_at = issued_at.unwrap_or_else(instant::now);
        let not_before = not_before.map(instant::start).transpose().context("--not-before")?;
        let not_before = not_before.unwrap_or(issued_at);
        let ends = self.ends.as_deref().map(instant::end).transpose().context("--ends")?;
        let expires_at = match (&self.expires_at, ends) {
            (Some(expires_at), _) => Some(instant::end(expires_at).context("--expires-at")?),
            (None, Some(ends)) => Some(instant::later(ends, self.grace.unwrap_or(0)).context("--grace")?),
            (None, None) => None,
        };
        ensure!(expires_at.is_none_or(|end| end > not_before), "the license would end before it begins");
        ensure!(ends <= expires_at, "--ends is later than --expires-at");
        let payload = text_or_file(&self.payload)?;
        let claims = LicenseClaims {
            iss: &self.issuer,
            sub: &self.subject,
            aud: &[&self.audience],
            iat: Some(UnixSeconds::new(issued_at)),
            nbf: Some(UnixSeconds::new(not_before)),
            exp: expires_at.map(UnixSeconds::new),
            keyward: self.organization.as_deref().map(|org| KeywardClaim {
                org,
                customer: self.customer.as_deref(),
                product: self.product.as_deref(),
                ends: ends.map(UnixSeconds::new),
                ..KeywardClaim::default()
            }),
            status: self.status,
            payload: payload.trim(),
            ..LicenseClaims::default()
        };
        let format = match self.format {
            Format::Jwt => TokenFormat::Jwt,
            Format::Paseto => TokenFormat::Paseto,
        };
        line(&Signer::new(key).sign(format, &claims).context("--payload")?)?;
        Ok(Outcome::Good)
    }
}

/// `7@https://licenses.example.com/o/acme/status-list`
fn status(text: &str) -> anyhow::Result<StatusRef<'static>> {
    let (index, uri) = text.split_once('@').context("give an index, @ and the address of the list")?;
    ensure!(!uri.is_empty(), "the address of the list is missing");
    Ok(StatusRef { index: index.parse().context("the index is no number")?, uri: uri.to_owned().into() })
}
