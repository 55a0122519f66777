//! Licenses, status lists and signed answers for an application's own tests, at any instant and without a server; and
//! [`MockServer`], which gives them over the loopback address. Feature `test-kit`, for `[dev-dependencies]`.
//!
//! ```
//! use keyward_client::test_kit::{MockServer, Vendor};
//! use keyward_client::{Client, NoClaims, Status, UnixSeconds};
//!
//! // Offline: a token, and what the application makes of it.
//! let vendor = Vendor::new("my-product");
//! let token = vendor.license().claims(r#"{"seats":25}"#).ends_at(UnixSeconds::new(1_800_000_000)).token()?;
//! let verifier = keyward_token::Verifier::for_product("my-product").keys(vendor.keys()).build();
//! assert!(verifier.verify::<NoClaims>(&token, UnixSeconds::new(1_799_999_999)).is_ok());
//! assert!(verifier.verify::<NoClaims>(&token, UnixSeconds::new(1_800_000_000)).is_err());
//!
//! // Online: a server that calls every license active until it is told otherwise.
//! let server = MockServer::start(vendor)?;
//! let client = Client::builder(&server.url(), "kw_prod_test", "my-product", server.vendor().keys()).build()?;
//! assert!(client.check("7ZZQ2-0X4KM-V9TBD-HN3GA-51RWC", None).may_run());
//! server.say("7ZZQ2-0X4KM-V9TBD-HN3GA-51RWC", Status::Revoked);
//! assert!(!client.check("7ZZQ2-0X4KM-V9TBD-HN3GA-51RWC", None).may_run());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_token::{
    ClaimsError, Format, Keyring, KeywardClaim, LicenseClaims, SecretKey, Signer, StatusRef, StatusTable,
    UnixSeconds,
};
use serde_json::{Map, Value};

pub use self::server::{Failure, MockServer};
pub use keyward_token::Status as ListedStatus;

mod server;

use crate::{Question, Status};

/// A vendor with one product, and keys that are the same in every run.
///
/// They are in this file: never let an application trust them outside of its tests.
#[derive(Debug, Clone)]
pub struct Vendor {
    product_id: String,
    /// The number of the key that signs; those before it are retired, and still verify.
    key: u8,
}

impl Vendor {
    /// A vendor whose product has this id.
    pub fn new(product_id: impl Into<String>) -> Self {
        Self { product_id: product_id.into(), key: 1 }
    }

    /// The product's id.
    pub fn product_id(&self) -> &str {
        &self.product_id
    }

    /// The public keys: what the application is given.
    pub fn keys(&self) -> Keyring {
        let mut keys = Keyring::new();
        for number in 1..=self.key {
            // They differ, so none is there twice.
            let _ = keys.insert(secret(number).public_key().clone());
        }
        keys
    }

    /// The same as a JWK Set, `/o/{organization}/jwks.json`.
    pub fn jwks(&self) -> String {
        self.keys().to_jwks()
    }

    /// Goes on with another key, as a vendor does from time to time. What was signed before still verifies by the new
    /// [`keys`](Self::keys).
    pub fn rotate_key(&mut self) {
        self.key = self.key.saturating_add(1);
    }

    /// A license of the product, without an end.
    pub fn license(&self) -> TestLicense<'_> {
        TestLicense { vendor: self, claims: "{}".into(), issued: None, ends: None, grace: None, listed: None }
    }

    /// A status list of the licenses 0 to 1,023, all of them valid.
    pub fn list(&self, uri: impl Into<String>, issued_at: UnixSeconds) -> TestList<'_> {
        TestList {
            vendor: self,
            uri: uri.into(),
            issued_at,
            ends: None,
            ttl: None,
            table: StatusTable::new(1024),
        }
    }

    /// What the server answers to a question at an instant: that the license is active and has no end.
    pub fn answer(&self, question: &Question, signed_at: UnixSeconds) -> TestAnswer<'_> {
        let mut members = Map::new();
        for name in ["expires", "ip_registered", "ip_count", "max_ips", "version", "version_valid", "custom"]
        {
            members.insert(name.into(), Value::Null);
        }
        let text = |text: &str| Value::from(text);
        members.insert("license_key".into(), text(&question.license_key));
        members.insert("nonce".into(), text(&question.nonce));
        members.insert("product_id".into(), text(&self.product_id));
        members.insert("signed_at".into(), instant(signed_at));
        TestAnswer { vendor: self, members }.status(&Status::Active)
    }

    fn signer(&self) -> Signer {
        Signer::new(secret(self.key))
    }
}

fn secret(number: u8) -> SecretKey {
    SecretKey::from_seed([number; 32])
}

fn instant(at: UnixSeconds) -> Value {
    at.to_rfc3339().map_or(Value::Null, |text| text.replace("+00:00", "Z").into())
}

/// A license to be signed.
#[derive(Debug, Clone)]
#[must_use]
pub struct TestLicense<'a> {
    vendor: &'a Vendor,
    claims: String,
    issued: Option<UnixSeconds>,
    ends: Option<UnixSeconds>,
    grace: Option<UnixSeconds>,
    listed: Option<(u64, String)>,
}

impl TestLicense<'_> {
    /// What the vendor puts in: the text of a JSON object.
    pub fn claims(self, json: impl Into<String>) -> Self {
        Self { claims: json.into(), ..self }
    }

    /// When it was issued, which is when it begins.
    pub fn issued_at(self, at: UnixSeconds) -> Self {
        Self { issued: Some(at), ..self }
    }

    /// When it ends.
    pub fn ends_at(self, at: UnixSeconds) -> Self {
        Self { ends: Some(at), ..self }
    }

    /// When its grace ends, which begins at its end.
    pub fn grace_until(self, at: UnixSeconds) -> Self {
        Self { grace: Some(at), ..self }
    }

    /// Its place in the status list of an address.
    pub fn listed(self, index: u64, uri: impl Into<String>) -> Self {
        Self { listed: Some((index, uri.into())), ..self }
    }

    /// The token, a JWT.
    ///
    /// # Errors
    /// When the claims are no JSON object, or name one that is reserved.
    pub fn token(self) -> Result<String, ClaimsError> {
        let keyward = KeywardClaim {
            org: "test",
            product: Some(&self.vendor.product_id),
            ends: self.grace.and(self.ends),
            ..KeywardClaim::default()
        };
        let claims = LicenseClaims {
            iss: "http://localhost",
            sub: "0192f0c1-7a00-7000-8000-000000000001",
            iat: self.issued,
            nbf: self.issued,
            exp: self.grace.or(self.ends),
            status: self.listed.as_ref().map(|(index, uri)| StatusRef { index: *index, uri: uri.into() }),
            keyward: Some(keyward),
            payload: &self.claims,
            ..LicenseClaims::default()
        };
        self.vendor.signer().sign(Format::Jwt, &claims)
    }
}

/// A status list to be signed.
#[derive(Debug, Clone)]
#[must_use]
pub struct TestList<'a> {
    vendor: &'a Vendor,
    uri: String,
    issued_at: UnixSeconds,
    ends: Option<UnixSeconds>,
    ttl: Option<u64>,
    table: StatusTable,
}

impl TestList<'_> {
    /// The status of the license with this index, up to 1,023; beyond, nothing happens.
    pub fn status(mut self, index: u64, status: ListedStatus) -> Self {
        let _ = self.table.set(index, status);
        self
    }

    /// When it counts no longer.
    pub fn ends_at(self, at: UnixSeconds) -> Self {
        Self { ends: Some(at), ..self }
    }

    /// For how many seconds it is fresh.
    pub fn ttl_seconds(self, ttl: u64) -> Self {
        Self { ttl: Some(ttl), ..self }
    }

    /// The signed list.
    ///
    /// # Errors
    /// When an instant is not within the years 1970 to 9999.
    pub fn token(self) -> Result<String, ClaimsError> {
        self.table.sign(&self.vendor.signer(), &self.uri, self.issued_at, self.ends, self.ttl)
    }
}

/// An answer to be signed.
#[derive(Debug, Clone)]
#[must_use]
pub struct TestAnswer<'a> {
    vendor: &'a Vendor,
    members: Map<String, Value>,
}

impl TestAnswer<'_> {
    /// What the server says of the license; valid is [`Status::Active`] alone.
    pub fn status(self, status: &Status) -> Self {
        self.member("valid", *status == Status::Active).member("status", status.as_str())
    }

    /// When the license ends.
    pub fn expires_at(self, at: UnixSeconds) -> Self {
        self.member("expires", instant(at))
    }

    /// Any member of the answer, named as on the wire, and also one that no server writes.
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.into(), value.into());
        self
    }

    /// The signed body.
    pub fn body(mut self) -> String {
        let signer = self.vendor.signer();
        self.members.insert("kid".into(), signer.kid().as_str().into());
        // What is a JSON value has a canonical form.
        let message = serde_json_canonicalizer::to_vec(&self.members).unwrap_or_default();
        let signature = URL_SAFE_NO_PAD.encode(signer.secret_key().sign(&message));
        self.members.insert("signature".into(), signature.into());
        Value::Object(self.members).to_string()
    }
}
