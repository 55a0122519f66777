use crate::{
    Health, HealthCheck, Kid, UnixSeconds,
    claims::{self, Registered, Span},
    json::{self, Fault},
};
use alloc::{borrow::Cow, string::String};
use core::fmt;
use serde::{Deserialize, Deserializer, de::IgnoredAny};

/// How a token is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// JSON Web Token (RFC 7519) signed with Ed25519.
    Jwt,
    /// PASETO `v4.public`.
    Paseto,
}

/// A verified token: only [`Verifier`](crate::Verifier) makes one.
///
/// `C` is the caller's type for the claims. `T` holds the signed text: a `String` from
/// [`verify`](crate::Verifier::verify), a `&str` into the caller's buffer from
/// [`verify_into`](crate::Verifier::verify_into).
#[derive(Clone, PartialEq, Eq)]
pub struct License<C, T = String> {
    pub(crate) claims: C,
    pub(crate) json: T,
    pub(crate) registered: Registered,
    pub(crate) kid: Kid,
    pub(crate) format: Format,
}

impl<C, T> License<C, T> {
    /// The caller's claims. From a PASETO, too, `iat`, `nbf`, `exp` and `keyward.ends` are numbers here, and `aud` is
    /// an array.
    pub fn claims(&self) -> &C {
        &self.claims
    }

    /// The caller's claims, by value.
    pub fn into_claims(self) -> C {
        self.claims
    }

    /// Which key has signed.
    pub fn kid(&self) -> Kid {
        self.kid
    }

    /// How the token was written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// When the license was issued (`iat`).
    pub fn issued_at(&self) -> Option<UnixSeconds> {
        self.registered.iat.as_ref().map(|instant| instant.at)
    }

    /// The first instant at which the license is valid (`nbf`).
    pub fn not_before(&self) -> Option<UnixSeconds> {
        self.registered.nbf.as_ref().map(|instant| instant.at)
    }

    /// When the license ends by its contract (`keyward.ends`); without that claim, when it expires. From then on, and until
    /// [`expires_at`](Self::expires_at), it is in its grace: still valid, and due to be renewed. `None` for a license without
    /// end.
    pub fn ends_at(&self) -> Option<UnixSeconds> {
        self.registered.ends_at()
    }

    /// The first instant at which the license is no longer valid (`exp`), its grace included; `None` for a license without
    /// end.
    pub fn expires_at(&self) -> Option<UnixSeconds> {
        self.registered.exp.as_ref().map(|instant| instant.at)
    }
}

impl<C, T: AsRef<str>> License<C, T> {
    /// The claims as JSON, exactly as signed. In a PASETO `iat`, `nbf`, `exp` and `keyward.ends` are RFC 3339
    /// strings.
    pub fn json(&self) -> &str {
        self.json.as_ref()
    }

    /// The JSON text of one top-level claim, exactly as signed: a number keeps every digit.
    pub fn claim(&self, name: &str) -> Option<&str> {
        let mut found = None;
        let _ = json::object(self.json(), |member, value| {
            if member.is(name) {
                found = Some(value.text);
            }
            Ok::<(), Fault>(())
        });
        found
    }

    /// How the license stands, also long after it was verified: by an instant alone (`health(now)`), or by a
    /// [`HealthCheck`]. Nothing is allocated.
    pub fn health<'a>(&self, check: impl Into<HealthCheck<'a>>) -> Health {
        check.into().judge(self.json(), &self.registered, 0)
    }

    /// Who has issued the license (`iss`): the public URL of the server.
    pub fn issuer(&self) -> Option<Cow<'_, str>> {
        self.string(&self.registered.iss)
    }

    /// The license's id (`sub`).
    pub fn subject(&self) -> Option<Cow<'_, str>> {
        self.string(&self.registered.sub)
    }

    /// The id of the license's revision (`jti`).
    pub fn id(&self) -> Option<Cow<'_, str>> {
        self.string(&self.registered.jti)
    }

    /// The organization that the license belongs to (`keyward.org`).
    pub fn organization(&self) -> Option<Cow<'_, str>> {
        self.string(&self.registered.org)
    }

    /// The customer who holds the license (`keyward.customer`).
    pub fn customer(&self) -> Option<Cow<'_, str>> {
        self.string(&self.registered.customer)
    }

    /// The product that is licensed (`keyward.product`); `None` for a license of no product.
    pub fn product(&self) -> Option<Cow<'_, str>> {
        self.string(&self.registered.product)
    }

    /// The pull roles of the license (`keyward.registry`).
    pub fn registry_roles(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.strings(&self.registered.registry).into_iter()
    }

    /// For whom the license is (`aud`).
    pub fn audience(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.strings(&self.registered.aud).into_iter()
    }

    /// Where the license's revocation status stands (`status`).
    pub fn status(&self) -> Option<StatusRef<'_>> {
        let (index, uri) = self.registered.status.as_ref()?;
        Some(StatusRef { index: *index, uri: uri.string(self.json()).decode() })
    }

    fn string(&self, span: &Option<Span>) -> Option<Cow<'_, str>> {
        span.as_ref().map(|span| span.string(self.json()).decode())
    }

    fn strings(&self, span: &Option<Span>) -> alloc::vec::Vec<Cow<'_, str>> {
        let mut items = alloc::vec::Vec::new();
        if let Some(span) = span {
            claims::texts(span.text(self.json()), |text| items.push(text.decode()));
        }
        items
    }
}

impl<C: fmt::Debug, T: AsRef<str>> fmt::Debug for License<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("License");
        shown.field("format", &self.format).field("kid", &self.kid).field("json", &self.json());
        shown.field("claims", &self.claims).finish()
    }
}

/// Where the status of a license stands: one entry of one status list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusRef<'a> {
    /// The entry's place in the list, from zero.
    pub index: u64,
    /// The list's address, which is the `sub` of the list.
    pub uri: Cow<'a, str>,
}

/// The claims type of a caller who needs none beyond the registered ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoClaims;

impl<'de> Deserialize<'de> for NoClaims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_ignored_any(IgnoredAny).map(|_| Self)
    }
}
