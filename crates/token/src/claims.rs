//! The registered claims: where they stand in the signed text, and which types and ranges they must have.

use crate::{
    UnixSeconds, VerifyError,
    json::{self, Kind, Node, Text},
};
use core::ops::Range;

/// Names of claims with a meaning of their own. No payload member may have one.
pub const RESERVED_CLAIMS: [&str; 9] = ["exp", "nbf", "iss", "sub", "aud", "iat", "jti", "status", "keyward"];

/// The version of the `keyward` claim that this crate reads and writes.
pub const CLAIMS_VERSION: u64 = 1;

/// How a format writes instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Times {
    /// JWT: whole numbers of seconds.
    Numbers,
    /// PASETO: RFC 3339 strings.
    #[cfg_attr(not(feature = "paseto"), allow(dead_code))]
    Strings,
}

/// Where a value stands in the signed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Range<usize>);

impl Span {
    fn of(node: &Node<'_>, base: usize) -> Self {
        let span = node.span();
        Self(span.start.saturating_add(base)..span.end.saturating_add(base))
    }

    pub(crate) fn text<'a>(&self, json: &'a str) -> &'a str {
        json.get(self.0.clone()).unwrap_or_default()
    }

    pub(crate) fn string<'a>(&self, json: &'a str) -> Text<'a> {
        Text::quoted(self.text(json))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instant {
    pub(crate) at: UnixSeconds,
    pub(crate) span: Span,
}

/// The registered claims of one token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Registered {
    pub(crate) iss: Option<Span>,
    pub(crate) sub: Option<Span>,
    pub(crate) aud: Option<Span>,
    pub(crate) jti: Option<Span>,
    pub(crate) iat: Option<Instant>,
    pub(crate) nbf: Option<Instant>,
    pub(crate) exp: Option<Instant>,
    pub(crate) status: Option<(u64, Span)>,
    pub(crate) org: Option<Span>,
    pub(crate) customer: Option<Span>,
    pub(crate) product: Option<Span>,
    pub(crate) registry: Option<Span>,
    pub(crate) ends: Option<Instant>,
}

impl Registered {
    /// Reads the registered claims of a whole claims text, which is thereby known to be strict JSON.
    pub(crate) fn read(json: &str, times: Times) -> Result<Self, VerifyError> {
        let mut claims = Self::default();
        json::object(json, |name, value| claims.member(name, value, times))?;
        // The grace is from `ends` to `exp`: an end after `exp`, or of a license that has none, is no end.
        match (&claims.ends, &claims.exp) {
            (Some(ends), exp) if exp.as_ref().is_none_or(|exp| ends.at > exp.at) => Err(INVALID_ENDS),
            _ => Ok(claims),
        }
    }

    /// When the license ends by its contract; without a grace, when it expires.
    pub(crate) fn ends_at(&self) -> Option<UnixSeconds> {
        self.ends.as_ref().or(self.exp.as_ref()).map(|instant| instant.at)
    }

    fn member(&mut self, name: Text<'_>, value: Node<'_>, times: Times) -> Result<(), VerifyError> {
        // Reserved names have no escapes in them when Keyward writes them, but may when another hand does.
        let Some(claim) = RESERVED_CLAIMS.into_iter().find(|claim| name.is(claim)) else { return Ok(()) };
        match claim {
            "iss" => self.iss = Some(string(claim, &value, 0)?),
            "sub" => self.sub = Some(string(claim, &value, 0)?),
            "jti" => self.jti = Some(string(claim, &value, 0)?),
            "aud" => {
                if value.kind != Kind::String {
                    strings(claim, &value)?;
                }
                self.aud = Some(Span::of(&value, 0));
            }
            "iat" => self.iat = Some(instant(claim, &value, 0, times)?),
            "nbf" => self.nbf = Some(instant(claim, &value, 0, times)?),
            "exp" => self.exp = Some(instant(claim, &value, 0, times)?),
            "status" => self.status(&value)?,
            _ => self.keyward(&value, times)?,
        }
        Ok(())
    }

    /// `{"status_list":{"idx":0,"uri":"…"}}`; other status mechanisms beside it are none of ours.
    fn status(&mut self, value: &Node<'_>) -> Result<(), VerifyError> {
        const INVALID: VerifyError = VerifyError::InvalidClaim { claim: "status" };
        members("status", value, |name, list| {
            if !name.is("status_list") {
                return Ok(());
            }
            let (mut index, mut uri) = (None, None);
            members("status", &list, |name, member| {
                if name.is("idx") {
                    index = Some(member.as_u64().ok_or(INVALID)?);
                } else if name.is("uri") {
                    let base = value.start.saturating_add(list.start);
                    uri = Some(string("status", &member, base)?);
                }
                Ok(())
            })?;
            self.status = Some((index.ok_or(INVALID)?, uri.ok_or(INVALID)?));
            Ok(())
        })
    }

    /// `{"v":1,"org":"…","customer":"…","product":"…","registry":["…"],"ends":0}`; `customer` and `product` may be null.
    fn keyward(&mut self, value: &Node<'_>, times: Times) -> Result<(), VerifyError> {
        const CLAIM: &str = "keyward";
        let mut version = None;
        members(CLAIM, value, |name, member| {
            let optional = |member: &Node<'_>| match member.kind {
                Kind::Null => Ok(None),
                _ => string(CLAIM, member, value.start).map(Some),
            };
            if name.is("v") {
                version = member.as_u64();
            } else if name.is("org") {
                self.org = Some(string(CLAIM, &member, value.start)?);
            } else if name.is("customer") {
                self.customer = optional(&member)?;
            } else if name.is("product") {
                self.product = optional(&member)?;
            } else if name.is("registry") {
                strings(CLAIM, &member)?;
                self.registry = Some(Span::of(&member, value.start));
            } else if name.is("ends") {
                self.ends = Some(instant(ENDS, &member, value.start, times)?);
            }
            Ok(())
        })?;
        if version == Some(CLAIMS_VERSION) && self.org.is_some() {
            Ok(())
        } else {
            Err(VerifyError::InvalidClaim { claim: CLAIM })
        }
    }
}

/// How the end by the contract is named in an error.
pub(crate) const ENDS: &str = "keyward.ends";

const INVALID_ENDS: VerifyError = VerifyError::InvalidClaim { claim: ENDS };

/// Calls `item` with each text of a claim that is one string or an array of strings, checked before.
pub(crate) fn texts<'a>(json: &'a str, mut item: impl FnMut(Text<'a>)) {
    if json.starts_with('"') {
        item(Text::quoted(json));
    } else {
        // Cannot fail: the same text was scanned when the claims were read.
        let _ = json::array(json, |node| {
            item(Text::quoted(node.text));
            Ok::<(), json::Fault>(())
        });
    }
}

fn string(claim: &'static str, value: &Node<'_>, base: usize) -> Result<Span, VerifyError> {
    match value.kind {
        Kind::String => Ok(Span::of(value, base)),
        _ => Err(VerifyError::InvalidClaim { claim }),
    }
}

fn strings(claim: &'static str, value: &Node<'_>) -> Result<(), VerifyError> {
    if value.kind != Kind::Array {
        return Err(VerifyError::InvalidClaim { claim });
    }
    json::array(value.text, |item| string(claim, &item, 0).map(drop))
}

fn instant(claim: &'static str, value: &Node<'_>, base: usize, times: Times) -> Result<Instant, VerifyError> {
    let at = match times {
        Times::Numbers => value.as_u64().and_then(UnixSeconds::from_claim),
        Times::Strings => value.as_text().and_then(|text| UnixSeconds::from_rfc3339(&text.decode())),
    };
    let at = at.ok_or(VerifyError::InvalidClaim { claim })?;
    Ok(Instant { at, span: Span::of(value, base) })
}

/// The members of a claim that must be an object.
fn members<'a>(
    claim: &'static str,
    value: &Node<'a>,
    member: impl FnMut(Text<'a>, Node<'a>) -> Result<(), VerifyError>,
) -> Result<(), VerifyError> {
    match value.kind {
        Kind::Object => json::object(value.text, member),
        _ => Err(VerifyError::InvalidClaim { claim }),
    }
}
