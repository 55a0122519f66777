use crate::{
    Format, MAX_DEPTH, MAX_PAYLOAD_BYTES, RESERVED_CLAIMS, StatusRef, UnixSeconds,
    claims::{CLAIMS_VERSION, ENDS},
    json::{self, Fault},
};
use alloc::string::{String, ToString as _};
use core::fmt;

/// The claims of a license to be signed: the registered ones, and the vendor's payload.
///
/// ```
/// use keyward_token::{Format, LicenseClaims, UnixSeconds};
///
/// let claims = LicenseClaims {
///     iss: "https://keys.example.com",
///     sub: "0192f0c1-0000-7000-8000-000000000001",
///     iat: Some(UnixSeconds::new(1_800_000_000)),
///     payload: r#"{"seats":25,"big":12345678901234567890123}"#,
///     ..LicenseClaims::default()
/// };
/// let json = claims.to_json(Format::Jwt)?;
/// assert!(json.ends_with(r#""iat":1800000000,"seats":25,"big":12345678901234567890123}"#));
/// # Ok::<(), keyward_token::ClaimsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct LicenseClaims<'a> {
    /// Who issues: the public URL of the server.
    pub iss: &'a str,
    /// The license's id.
    pub sub: &'a str,
    /// For whom. An array in a JWT; in a PASETO a string, unless there are several.
    pub aud: &'a [&'a str],
    /// When the revision was created.
    pub iat: Option<UnixSeconds>,
    /// The first instant of validity.
    pub nbf: Option<UnixSeconds>,
    /// The first instant after validity, the [grace](KeywardClaim::ends) included; `None` for a license without end.
    pub exp: Option<UnixSeconds>,
    /// The revision's id.
    pub jti: Option<&'a str>,
    /// Where the revocation status stands.
    pub status: Option<StatusRef<'a>>,
    /// What Keyward itself says of the license.
    pub keyward: Option<KeywardClaim<'a>>,
    /// The text of one JSON object, whose members become top-level claims exactly as they are written.
    pub payload: &'a str,
}

/// The claim `keyward`.
#[derive(Clone, Debug, Default)]
pub struct KeywardClaim<'a> {
    /// The organization's id.
    pub org: &'a str,
    /// The customer's id; `None` for a license of the whole organization.
    pub customer: Option<&'a str>,
    /// The product's id.
    pub product: Option<&'a str>,
    /// The pull roles.
    pub registry: &'a [&'a str],
    /// When the license ends by its contract. Between it and `exp` the license is in its grace: verifiers still accept it, and
    /// those that look warn. `None`, or the instant of `exp`, for a license without grace, whose claims then have no
    /// member `ends`.
    pub ends: Option<UnixSeconds>,
}

impl LicenseClaims<'_> {
    /// The claims as one line of JSON: the registered claims in fixed order (iss, sub, aud, iat, nbf, exp, jti, status,
    /// keyward), then the payload's members in theirs. The same claims give the same bytes.
    ///
    /// # Errors
    /// When the payload is not a strict JSON object within the [bounds](crate::MAX_PAYLOAD_BYTES), has a reserved or a
    /// duplicate name, or an instant is out of range.
    pub fn to_json(&self, format: Format) -> Result<String, ClaimsError> {
        let mut json = String::with_capacity(self.payload.len().saturating_add(640));
        json.push('{');
        member(&mut json, "iss", |json| string(json, self.iss));
        member(&mut json, "sub", |json| string(json, self.sub));
        member(&mut json, "aud", |json| match (format, self.aud) {
            (Format::Paseto, [only]) => string(json, only), // as PASETO registers the claim
            _ => strings(json, self.aud),
        });
        for (claim, instant) in [("iat", self.iat), ("nbf", self.nbf), ("exp", self.exp)] {
            if let Some(instant) = instant {
                let text = written(claim, instant, format)?;
                member(&mut json, claim, |json| json.push_str(&text));
            }
        }
        if let Some(jti) = self.jti {
            member(&mut json, "jti", |json| string(json, jti));
        }
        if let Some(status) = &self.status {
            member(&mut json, "status", |json| {
                json.push_str(r#"{"status_list":{"idx":"#);
                json.push_str(&status.index.to_string());
                member(json, "uri", |json| string(json, &status.uri));
                json.push_str("}}");
            });
        }
        if let Some(keyward) = &self.keyward {
            let ends = self.ends(keyward)?;
            let ends = ends.map(|ends| written(ENDS, ends, format)).transpose()?;
            member(&mut json, "keyward", |json| keyward.write(json, ends.as_deref()));
        }
        append_payload(&mut json, self.payload)?;
        json.push('}');
        Ok(json)
    }

    /// The end by the contract, if there is a grace after it.
    fn ends(&self, keyward: &KeywardClaim<'_>) -> Result<Option<UnixSeconds>, ClaimsError> {
        match (keyward.ends, self.exp) {
            (Some(ends), Some(exp)) if ends <= exp => Ok((ends < exp).then_some(ends)),
            (Some(_), _) => Err(ClaimsError::EndsAfterExpiry),
            (None, _) => Ok(None),
        }
    }
}

impl Default for LicenseClaims<'_> {
    /// The audience `license-key` and an empty payload.
    fn default() -> Self {
        Self {
            iss: "",
            sub: "",
            aud: &[crate::LICENSE_AUDIENCE],
            iat: None,
            nbf: None,
            exp: None,
            jti: None,
            status: None,
            keyward: None,
            payload: "{}",
        }
    }
}

impl KeywardClaim<'_> {
    fn write(&self, json: &mut String, ends: Option<&str>) {
        json.push_str("{\"v\":");
        json.push_str(&CLAIMS_VERSION.to_string());
        member(json, "org", |json| string(json, self.org));
        for (name, value) in [("customer", self.customer), ("product", self.product)] {
            member(json, name, |json| match value {
                Some(value) => string(json, value),
                None => json.push_str("null"),
            });
        }
        member(json, "registry", |json| strings(json, self.registry));
        if let Some(ends) = ends {
            member(json, "ends", |json| json.push_str(ends));
        }
        json.push('}');
    }
}

/// Checks that a text may be the payload of a license, as [`LicenseClaims::to_json`] does.
pub fn check_payload(payload: &str) -> Result<(), ClaimsError> {
    append_payload(&mut String::new(), payload)
}

/// Why claims cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClaimsError {
    /// The payload is not JSON.
    NotJson,
    /// The payload is JSON, but not an object.
    NotAnObject,
    /// An object of the payload names a member twice.
    DuplicateName,
    /// The payload is nested deeper than a verifier reads.
    Depth,
    /// The payload has a number beyond the range of an IEEE 754 double.
    Range,
    /// The payload is longer than [`MAX_PAYLOAD_BYTES`].
    PayloadTooLarge,
    /// The token would be longer than a verifier reads.
    TokenTooLarge,
    /// A member of the payload has the name of a registered claim.
    Reserved {
        /// The name.
        name: String,
    },
    /// An instant is not within the years 1970 to 9999.
    OutOfRange {
        /// The claim.
        claim: &'static str,
    },
    /// The end by the contract is later than `exp`, or there is no `exp`.
    EndsAfterExpiry,
    /// PASETO while the feature `paseto` is off.
    UnsupportedFormat,
}

impl ClaimsError {
    /// A stable name of the error for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::DuplicateName => "duplicate_name",
            Self::Depth => "too_deep",
            Self::Range => "number_out_of_range",
            Self::PayloadTooLarge => "too_long",
            Self::TokenTooLarge => "token_too_large",
            Self::Reserved { .. } => "reserved_name",
            Self::OutOfRange { .. } => "out_of_range",
            Self::EndsAfterExpiry => "ends_after_expiry",
            Self::UnsupportedFormat => "unsupported_format",
        }
    }
}

impl fmt::Display for ClaimsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson => f.write_str("the payload is not JSON"),
            Self::NotAnObject => f.write_str("the payload is not a JSON object"),
            Self::DuplicateName => f.write_str("the payload names a member twice"),
            Self::Depth => write!(f, "the payload is nested deeper than {MAX_DEPTH}"),
            Self::Range => f.write_str("the payload has a number beyond ±1.8e308, the range of a double"),
            Self::PayloadTooLarge => write!(f, "the payload has more than {MAX_PAYLOAD_BYTES} bytes"),
            Self::TokenTooLarge => {
                write!(f, "the token would have more than {} bytes", crate::DEFAULT_MAX_TOKEN_BYTES)
            }
            Self::Reserved { name } => write!(f, "the payload's member {name} is reserved"),
            Self::OutOfRange { claim } => {
                write!(f, "the instant {claim} is not within the years 1970 to 9999")
            }
            Self::EndsAfterExpiry => f.write_str("the license ends later than its token expires"),
            Self::UnsupportedFormat => f.write_str("the format is not supported"),
        }
    }
}

impl core::error::Error for ClaimsError {}

impl From<Fault> for ClaimsError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Syntax => Self::NotJson,
            Fault::NotAnObject => Self::NotAnObject,
            Fault::Duplicate => Self::DuplicateName,
            Fault::Depth => Self::Depth,
            Fault::Range => Self::Range,
        }
    }
}

/// An instant as a JSON value.
fn written(claim: &'static str, instant: UnixSeconds, format: Format) -> Result<String, ClaimsError> {
    let text = instant.to_rfc3339().ok_or(ClaimsError::OutOfRange { claim })?;
    Ok(match format {
        Format::Jwt => instant.as_i64().to_string(),
        Format::Paseto => alloc::format!("\"{text}\""),
    })
}

/// Copies the members with their names and values as they are written; only white space between them is lost.
fn append_payload(json: &mut String, payload: &str) -> Result<(), ClaimsError> {
    if payload.len() > MAX_PAYLOAD_BYTES && compact_len(payload) > MAX_PAYLOAD_BYTES {
        return Err(ClaimsError::PayloadTooLarge);
    }
    json::object(payload, |name, value| {
        if RESERVED_CLAIMS.into_iter().any(|reserved| name.is(reserved)) {
            return Err(ClaimsError::Reserved { name: name.decode().into_owned() });
        }
        json.push_str(",\"");
        json.push_str(name.as_written());
        json.push_str("\":");
        json.push_str(value.text);
        Ok(())
    })
}

/// How many bytes a JSON text has beside the white space outside its strings.
fn compact_len(json: &str) -> usize {
    let (mut in_string, mut escaped) = (false, false);
    let mut counts = |byte: &u8| {
        let counts = in_string || !matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        if *byte == b'"' && !escaped {
            in_string = !in_string;
        }
        escaped = in_string && *byte == b'\\' && !escaped;
        counts
    };
    json.bytes().filter(|byte| counts(byte)).count()
}

/// Writes a member, after a comma unless it is the first of its object.
pub(crate) fn member(json: &mut String, name: &str, value: impl FnOnce(&mut String)) {
    if !json.ends_with('{') {
        json.push(',');
    }
    json.push('"');
    json.push_str(name);
    json.push_str("\":");
    value(json);
}

fn strings(json: &mut String, items: &[&str]) {
    json.push('[');
    for (count, item) in items.iter().enumerate() {
        if count > 0 {
            json.push(',');
        }
        string(json, item);
    }
    json.push(']');
}

/// Writes a string with the escapes that JSON demands, and no others.
pub(crate) fn string(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\u{0}'..='\u{1f}' => json.push_str(&alloc::format!("\\u{:04x}", u32::from(c))),
            _ => json.push(c),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{
        borrow::{Cow, ToOwned as _},
        format,
    };

    #[test]
    fn claims_are_written_in_fixed_order() {
        let claims = LicenseClaims {
            iss: "https://k.example/\"\u{1}",
            sub: "s",
            aud: &["a", "b"],
            iat: Some(UnixSeconds::new(1)),
            nbf: Some(UnixSeconds::new(2)),
            exp: Some(UnixSeconds::new(1_640_995_200)),
            jti: Some("j"),
            status: Some(StatusRef { index: 7, uri: Cow::Borrowed("https://k.example/l") }),
            keyward: Some(KeywardClaim {
                org: "o",
                customer: None,
                product: Some("p"),
                registry: &["r1", "r2"],
                ends: Some(UnixSeconds::new(1_640_000_000)),
            }),
            payload: " { \"b\" : 1.50, \"\\u0061\":[ 1 ] } ",
        };
        let jwt = r#"{"iss":"https://k.example/\"\u0001","sub":"s","aud":["a","b"],"iat":1,"nbf":2,"exp":1640995200,"jti":"j","status":{"status_list":{"idx":7,"uri":"https://k.example/l"}},"keyward":{"v":1,"org":"o","customer":null,"product":"p","registry":["r1","r2"],"ends":1640000000},"b":1.50,"\u0061":[ 1 ]}"#;
        assert_eq!(claims.to_json(Format::Jwt).unwrap(), jwt);
        let paseto = claims.to_json(Format::Paseto).unwrap();
        assert!(paseto.contains(r#""exp":"2022-01-01T00:00:00+00:00","jti""#), "{paseto}");
        assert!(
            paseto.contains(r#""registry":["r1","r2"],"ends":"2021-12-20T11:33:20+00:00"},"#),
            "{paseto}"
        );
    }

    #[test]
    fn reserved_and_broken_payloads_are_refused() {
        for name in RESERVED_CLAIMS {
            let error = check_payload(&format!("{{\"a\":1,\"{name}\":1}}")).unwrap_err();
            assert_eq!(error, ClaimsError::Reserved { name: name.to_owned() });
        }
        let escaped = check_payload("{\"\\u0065xp\":1}").unwrap_err();
        assert_eq!(escaped, ClaimsError::Reserved { name: "exp".to_owned() });
        for (payload, code) in [
            ("[]", "not_an_object"),
            ("{", "not_json"),
            ("", "not_json"),
            ("{\"a\":{\"b\":1,\"b\":2}}", "duplicate_name"),
        ] {
            assert_eq!(check_payload(payload).unwrap_err().code(), code, "{payload}");
        }
        let claims = LicenseClaims { exp: Some(UnixSeconds::new(-1)), ..LicenseClaims::default() };
        assert_eq!(claims.to_json(Format::Jwt), Err(ClaimsError::OutOfRange { claim: "exp" }));
    }

    #[test]
    fn a_grace_is_from_the_end_to_the_expiry() {
        let json = |ends, exp: Option<i64>| {
            let keyward =
                KeywardClaim { org: "o", ends: Some(UnixSeconds::new(ends)), ..KeywardClaim::default() };
            let exp = exp.map(UnixSeconds::new);
            LicenseClaims { exp, keyward: Some(keyward), ..LicenseClaims::default() }.to_json(Format::Jwt)
        };
        assert!(json(9, Some(10)).unwrap().contains(r#""registry":[],"ends":9}"#));
        assert!(!json(10, Some(10)).unwrap().contains("ends"), "no grace is written in one way");
        assert_eq!(json(11, Some(10)), Err(ClaimsError::EndsAfterExpiry));
        assert_eq!(json(11, None), Err(ClaimsError::EndsAfterExpiry));
        assert_eq!(json(-1, Some(10)), Err(ClaimsError::OutOfRange { claim: "keyward.ends" }));
    }
}
