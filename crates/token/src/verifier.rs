use crate::{
    AuthenticLicense, DEFAULT_MAX_TOKEN_BYTES, Defect, Format, Keyring, Kid, License, Part, PublicKey,
    UnixSeconds, VerifyError, caller,
    claims::{self, Registered, Times},
    json::Text,
    jws::{self, Typ},
    mistaken::name_mistake,
};
use alloc::{format, string::String, vec::Vec};
use serde::{Deserialize, de::DeserializeOwned};

/// The audience of every license, which a verifier expects unless its builder says otherwise.
pub const LICENSE_AUDIENCE: &str = "license-key";

/// Checks tokens against keys and expectations.
///
/// The checks run in this order, and the first that fails is the error: size, shape, header, key, encoding of
/// signature and payload, signature, JSON and registered claims, issuer, audience, organization, product, subject,
/// `nbf`, `exp`, the caller's type. Nothing of the payload is read before the signature is known to be good.
///
/// All products of a vendor have the same keys and the same audience, so a license of the cheapest is well signed in the
/// most expensive, too. Hence there is no verifier that does not say which product it is for: begin with
/// [`for_product`](Self::for_product).
///
/// ```
/// # const JWKS: &str = r#"{"keys":[]}"#;
/// use keyward_token::{Keyring, Verifier};
///
/// let verifier = Verifier::for_product("0192f0c1-7a00-7000-8000-00000000000b").keys(Keyring::from_jwks(JWKS)?).build();
/// # Ok::<(), keyward_token::KeyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Verifier {
    keys: Keyring,
    issuers: Vec<String>,
    audience: Option<String>,
    organization: Option<String>,
    products: Products,
    subject: Option<String>,
    leeway: u64,
    max_token_bytes: usize,
}

impl Verifier {
    /// Begins a verifier for licenses of one product, by its id (`keyward.product`), which the portal and
    /// `keyward products list` show. It has no keys yet, and expects the audience `license-key`.
    ///
    /// A license of another product is refused as [`VerifyError::WrongProduct`], and so is one of no product, unless
    /// [`or_without_product`](VerifierBuilder::or_without_product) is called.
    pub fn for_product(id: impl Into<String>) -> VerifierBuilder {
        Self::begin(Products::Named { ids: alloc::vec![id.into()], or_none: false })
    }

    /// Begins a verifier for licenses of whatever product, and of none: for tools, and for a vendor who has no products in
    /// Keyward and one application. In an application of a vendor with two products it accepts the license of the other.
    pub fn for_any_product() -> VerifierBuilder {
        Self::begin(Products::Any)
    }

    fn begin(products: Products) -> VerifierBuilder {
        VerifierBuilder {
            verifier: Self {
                keys: Keyring::new(),
                issuers: Vec::new(),
                audience: Some(String::from(LICENSE_AUDIENCE)),
                organization: None,
                products,
                subject: None,
                leeway: 0,
                max_token_bytes: DEFAULT_MAX_TOKEN_BYTES,
            },
        }
    }

    /// The keys that are trusted.
    pub fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// Verifies a token at an instant; `C` is read from the top-level claims.
    pub fn verify<C: DeserializeOwned>(
        &self,
        token: &str,
        now: UnixSeconds,
    ) -> Result<License<C>, VerifyError> {
        let mut buffer = Vec::new();
        let (kid, format) = self.open(token, &mut buffer)?;
        let json = String::from_utf8(buffer).map_err(|_| NOT_UTF8)?;
        let registered = self.check(&json, format, now)?;
        let claims = match format {
            Format::Jwt => read(&json)?,
            Format::Paseto => read(&as_in_jwt(&json, &registered))?,
        };
        Ok(License { claims, json, registered, kid, format })
    }

    /// Verifies a token at an instant, and borrows text and claims from the caller's buffer.
    ///
    /// What the buffer holds before does not matter. A JWT is verified without any allocation once the buffer's
    /// capacity suffices (the token's length always does) and unless an object in it has more than 32 members.
    pub fn verify_into<'b, C: Deserialize<'b>>(
        &self,
        buffer: &'b mut Vec<u8>,
        token: &str,
        now: UnixSeconds,
    ) -> Result<License<C, &'b str>, VerifyError> {
        let (kid, format) = self.open(token, buffer)?;
        let signed = buffer.len();
        let registered = self.check(core::str::from_utf8(buffer).map_err(|_| NOT_UTF8)?, format, now)?;
        if format == Format::Paseto {
            let json = core::str::from_utf8(buffer).map_err(|_| NOT_UTF8)?;
            let unified = as_in_jwt(json, &registered);
            buffer.extend_from_slice(unified.as_bytes());
        }
        let text = core::str::from_utf8(buffer).map_err(|_| NOT_UTF8)?;
        let (json, unified) = text.split_at_checked(signed).ok_or(NOT_UTF8)?;
        let claims = read(if format == Format::Jwt { json } else { unified })?;
        Ok(License { claims, json, registered, kid, format })
    }

    /// Verifies all of a token but whether it is valid at some instant: for the health of a license that may have ended or
    /// not begun, and for nothing else.
    ///
    /// ```
    /// use keyward_token::{HealthState, UnixSeconds, Verifier, VerifyError};
    ///
    /// /// For the start of a program, whose license may have ended while it did not run.
    /// fn remark(verifier: &Verifier, token: &str, now: UnixSeconds) -> Result<Option<String>, VerifyError> {
    ///     let health = verifier.authenticate(token)?.health(now);
    ///     Ok((health.state() != HealthState::Fine).then(|| format!("{} ({})", health, health.state().code())))
    /// }
    /// ```
    pub fn authenticate(&self, token: &str) -> Result<AuthenticLicense, VerifyError> {
        let mut buffer = Vec::new();
        let (_, format) = self.open(token, &mut buffer)?;
        let json = String::from_utf8(buffer).map_err(|_| NOT_UTF8)?;
        let registered = self.check_claims(&json, format)?;
        Ok(AuthenticLicense { json, registered, leeway: self.leeway })
    }

    /// Everything up to the signature. The payload is in the buffer afterwards.
    fn open(&self, token: &str, buffer: &mut Vec<u8>) -> Result<(Kid, Format), VerifyError> {
        if token.len() > self.max_token_bytes {
            return Err(VerifyError::TooLarge { limit: self.max_token_bytes });
        }
        self.open_format(token, buffer).map_err(|error| name_mistake(error, token))
    }

    fn open_format(&self, token: &str, buffer: &mut Vec<u8>) -> Result<(Kid, Format), VerifyError> {
        if paseto_version(token) {
            #[cfg(feature = "paseto")]
            return Ok((crate::paseto::Untrusted::parse(token)?.open(&self.keys, buffer)?, Format::Paseto));
            #[cfg(not(feature = "paseto"))]
            return Err(VerifyError::UnsupportedFormat);
        }
        Ok((jws::split(token)?.open(Typ::License, &self.keys, buffer)?, Format::Jwt))
    }

    /// Everything between the signature and the caller's type.
    fn check(&self, json: &str, format: Format, now: UnixSeconds) -> Result<Registered, VerifyError> {
        let registered = self.check_claims(json, format)?;
        match (&registered.nbf, &registered.exp) {
            (Some(nbf), _) if now < nbf.at.saturating_sub(self.leeway) => {
                Err(VerifyError::NotYetValid { until: nbf.at })
            }
            (_, Some(exp)) if now >= exp.at => Err(VerifyError::Expired { since: exp.at }),
            _ => Ok(registered),
        }
    }

    /// The registered claims, and whose license it is.
    fn check_claims(&self, json: &str, format: Format) -> Result<Registered, VerifyError> {
        let times = match format {
            Format::Jwt => Times::Numbers,
            Format::Paseto => Times::Strings,
        };
        let registered = Registered::read(json, times)?;
        let is = |expected: &Option<String>, claim: &Option<claims::Span>| match (expected, claim) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(expected), Some(claim)) => claim.string(json).is(expected),
        };
        let is_named =
            |issuer: &String| registered.iss.as_ref().is_some_and(|iss| iss.string(json).is(issuer));
        if !self.issuers.is_empty() && !self.issuers.iter().any(is_named) {
            return Err(VerifyError::WrongIssuer);
        }
        if let Some(expected) = &self.audience {
            let mut found = false;
            if let Some(audience) = &registered.aud {
                claims::texts(audience.text(json), |text| found |= text.is(expected));
            }
            if !found {
                return Err(VerifyError::WrongAudience);
            }
        }
        if !is(&self.organization, &registered.org) {
            return Err(VerifyError::WrongOrganization);
        }
        self.products.check(registered.product.as_ref().map(|product| product.string(json)))?;
        if !is(&self.subject, &registered.sub) {
            return Err(VerifyError::WrongSubject);
        }
        Ok(registered)
    }
}

/// Which products' licenses are accepted.
#[derive(Clone, Debug)]
enum Products {
    Any,
    Named { ids: Vec<String>, or_none: bool },
}

impl Products {
    fn check(&self, found: Option<Text<'_>>) -> Result<(), VerifyError> {
        let accepted = match (self, &found) {
            (Self::Any, _) => true,
            (Self::Named { or_none, .. }, None) => *or_none,
            (Self::Named { ids, .. }, Some(found)) => ids.iter().any(|id| found.is(id)),
        };
        if accepted {
            return Ok(());
        }
        Err(VerifyError::WrongProduct { found: found.map(|found| found.decode().into_owned()) })
    }
}

/// Builds a [`Verifier`].
#[derive(Clone, Debug)]
#[must_use]
pub struct VerifierBuilder {
    verifier: Verifier,
}

impl VerifierBuilder {
    /// Trusts one more key. A key given twice is held once.
    pub fn key(mut self, key: PublicKey) -> Self {
        let _ = self.verifier.keys.insert(key);
        self
    }

    /// Trusts all keys of a keyring besides those given before.
    pub fn keys(mut self, keys: Keyring) -> Self {
        for key in keys {
            self = self.key(key);
        }
        self
    }

    /// Expects this issuer (`iss`), the public URL of the server, or one of those given before: a server that has moved
    /// has several. Without, any issuer or none will do.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.verifier.issuers.push(issuer.into());
        self
    }

    /// Expects this audience among those of the token (`aud`), instead of `license-key`.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.verifier.audience = Some(audience.into());
        self
    }

    /// Accepts any audience or none.
    pub fn any_audience(mut self) -> Self {
        self.verifier.audience = None;
        self
    }

    /// Expects this organization (`keyward.org`).
    pub fn organization(mut self, organization: impl Into<String>) -> Self {
        self.verifier.organization = Some(organization.into());
        self
    }

    /// Accepts licenses of this product, too: an application that is sold as several products, as editions are.
    pub fn or_product(mut self, id: impl Into<String>) -> Self {
        if let Products::Named { ids, .. } = &mut self.verifier.products {
            ids.push(id.into());
        }
        self
    }

    /// Accepts licenses of no product, too. They are good for no one product in particular: whoever holds one may run every
    /// application that accepts them.
    pub fn or_without_product(mut self) -> Self {
        if let Products::Named { or_none, .. } = &mut self.verifier.products {
            *or_none = true;
        }
        self
    }

    /// Expects this subject (`sub`), the id of one license.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.verifier.subject = Some(subject.into());
        self
    }

    /// Accepts a token so many seconds before its `nbf`, for clocks that are slow. `exp` has no leeway.
    pub fn leeway_seconds(mut self, seconds: u32) -> Self {
        self.verifier.leeway = u64::from(seconds);
        self
    }

    /// The most bytes of a token; 64 KiB unless set.
    pub fn max_token_bytes(mut self, bytes: usize) -> Self {
        self.verifier.max_token_bytes = bytes;
        self
    }

    /// The verifier. A verifier without keys refuses every token.
    pub fn build(self) -> Verifier {
        self.verifier
    }
}

const NOT_UTF8: VerifyError = VerifyError::Malformed { part: Part::Payload, defect: Defect::Utf8 };

/// Whether a token begins as a PASETO of whatever version and purpose; base64url of JSON never begins so.
pub(crate) fn paseto_version(token: &str) -> bool {
    matches!(token.as_bytes(), [b'v', b'1'..=b'9', b'.', ..])
}

fn read<'de, C: Deserialize<'de>>(json: &'de str) -> Result<C, VerifyError> {
    caller::read(json).map_err(VerifyError::UnexpectedClaims)
}

/// The claims of a PASETO as a JWT would write them, so that one type of the caller's serves both formats: instants as
/// numbers, the audience as an array.
fn as_in_jwt(json: &str, registered: &Registered) -> String {
    let mut changes = Vec::with_capacity(5);
    let instants = [&registered.iat, &registered.nbf, &registered.exp, &registered.ends];
    for instant in instants.into_iter().flatten() {
        changes.push((&instant.span, format!("{}", instant.at.as_i64())));
    }
    if let Some(audience) = registered.aud.as_ref().filter(|audience| audience.text(json).starts_with('"')) {
        changes.push((audience, format!("[{}]", audience.text(json))));
    }
    changes.sort_by_key(|(span, _)| span.0.start);
    let mut text = String::with_capacity(json.len().saturating_add(2));
    let mut done = 0;
    for (span, change) in changes {
        text.push_str(json.get(done..span.0.start).unwrap_or_default());
        text.push_str(&change);
        done = span.0.end;
    }
    text.push_str(json.get(done..).unwrap_or_default());
    text
}
