//! What a license must be, told on the command line: by whom it is signed, and for what.

use clap::{ArgGroup, Args};
use keyward_token::{Keyring, Verifier, VerifierBuilder};
use zeroize::Zeroizing;

use crate::reading;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("products").required(true).args(["product", "any_product"]))]
pub(crate) struct Expected {
    /// Public key as PEM, JWK, JWKS or PASERK; again for each that is trusted
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<String>,
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
    /// Accept a token this many seconds before its start
    #[arg(long, default_value_t = 0)]
    leeway: u32,
    /// Signed status list of the organization, to notice revoked licenses; again for each list of `/o/SLUG/status-lists`,
    /// if the server has moved: the one that the token names decides
    #[arg(long, value_name = "FILE")]
    pub status_list: Vec<String>,
}

impl Expected {
    /// The keys, by what reads a file.
    pub(crate) fn keys(
        &self,
        read: impl Fn(&str) -> anyhow::Result<Zeroizing<String>>,
    ) -> anyhow::Result<Keyring> {
        let mut all = Keyring::new();
        for path in &self.key {
            for key in reading::public_keys_of(&read(path)?, path)? {
                // A key that stands in two files is one key.
                let _ = all.insert(key);
            }
        }
        Ok(all)
    }

    pub(crate) fn verifier(&self, keys: Keyring) -> Verifier {
        let verifier = self.for_products().keys(keys).audience(&self.audience).leeway_seconds(self.leeway);
        let verifier = self.issuer.iter().fold(verifier, VerifierBuilder::issuer);
        let verifier = self.organization.iter().fold(verifier, VerifierBuilder::organization);
        self.subject.iter().fold(verifier, VerifierBuilder::subject).build()
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
