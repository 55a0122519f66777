//! E-mail addresses. They are shown as they were typed, compared without letter case, and mailed to in ASCII.
//!
//! The domain may have any letters: it is compared and mailed to in the form that the DNS has it in (RFC 5891), so
//! `müller.example` is `xn--mller-kva.example`. The part before the `@` may not, since it has no such form: mail to it
//! goes only from server to server that all know SMTPUTF8 (RFC 6531). Such addresses that were taken before stay
//! readable, and still name the people whose they are; nothing is mailed to them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::Invalid;
use crate::text::check_line;

/// An e-mail address (RFC 5321), up to 254 characters. Equal are those that were typed alike; whether they are the same
/// address is what [`Email::is`] says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

impl Email {
    /// The most bytes.
    pub const MOST: usize = 254;

    /// An address as it was written down once: rules get stricter, and what is kept stays readable.
    pub fn kept(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// An address to find someone by, which may be one that is not taken any more.
    pub fn to_find(text: &str) -> Result<Self, Invalid> {
        // Before anything else looks at it.
        if text.len() > Self::MOST {
            return Err(Invalid::new("too_long", format!("has more than {} characters", Self::MOST)));
        }
        let text = text.trim();
        check_line(text, 0)?;
        let wrong = || Invalid::new("invalid_email", "is not an e-mail address");
        let (local, domain) = text.rsplit_once('@').ok_or_else(wrong)?;
        let ascii = format!("{local}@{}", ascii_domain(domain).ok_or_else(wrong)?);
        let options = email_address::Options::default().without_display_text().without_domain_literal();
        match email_address::EmailAddress::parse_with_options(&ascii, options.with_required_tld()) {
            Ok(_) if ascii.len() <= Self::MOST => Ok(Self(text.to_owned())),
            Ok(_) | Err(_) => Err(wrong()),
        }
    }

    /// As it was typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it is compared by.
    pub fn key(&self) -> EmailKey {
        let (local, domain) = self.parts();
        EmailKey(format!("{}@{}", local.to_ascii_lowercase(), domain_key(domain)))
    }

    /// Whether both are the same address.
    pub fn is(&self, other: &Self) -> bool {
        self.key() == other.key()
    }

    /// As mail servers take it: in ASCII.
    pub fn for_mail(&self) -> Result<String, Invalid> {
        let (local, domain) = self.parts();
        if let Some(c) = local.chars().find(|c| !c.is_ascii()) {
            return Err(Invalid::new(
                "non_ascii_local_part",
                format!(
                    "has “{c}” before the @, and mail can't be sent to such addresses: beyond ASCII, only what follows \
                     the @ can have letters"
                ),
            ));
        }
        let domain = ascii_domain(domain);
        domain.map(|domain| format!("{local}@{domain}")).ok_or_else(|| {
            Invalid::new("invalid_email", "has no domain after the @ that mail can be sent to")
        })
    }

    /// The part before the `@`.
    pub fn local_part(&self) -> &str {
        self.parts().0
    }

    /// The part after the `@`.
    pub fn domain(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&str, &str) {
        self.0.rsplit_once('@').unwrap_or((&self.0, ""))
    }
}

impl FromStr for Email {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let email = Self::to_find(text)?;
        email.for_mail()?;
        Ok(email)
    }
}

crate::described!(Email = serde_json::json!({"type": "string", "format": "email", "maxLength": Self::MOST}););

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for Email {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// What is the same for all ways to type an address: letters of ASCII in lower case, and the domain as the DNS has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailKey(String);

impl EmailKey {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a domain is compared by, also one that is not taken any more.
pub(crate) fn domain_key(domain: &str) -> Cow<'_, str> {
    ascii_domain(domain).unwrap_or_else(|| domain.to_ascii_lowercase().into())
}

/// A domain as the DNS has it: each label in ASCII and lower case.
fn ascii_domain(domain: &str) -> Option<Cow<'_, str>> {
    if domain.is_empty() {
        return None;
    }
    // As a URL has its host.
    let (denied, hyphens) = (AsciiDenyList::URL, Hyphens::Allow);
    Uts46::new().to_ascii(domain.as_bytes(), denied, hyphens, DnsLength::Verify).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn email(text: &str) -> Email {
        text.parse().unwrap_or_else(|fault| panic!("{text}: {fault:?}"))
    }

    #[test]
    fn addresses() {
        for good in
            ["a@b.example", "first.last+tag@sub.example.com", "o'neill@b.example", "\"a b\"@c.example"]
        {
            assert_eq!(email(good).for_mail().as_deref(), Ok(good));
        }
        for bad in [
            "",
            "a",
            "a@",
            "@b.example",
            "a@localhost",
            "a b@c.example",
            "A <a@b.example>",
            "a@b.example\n.c",
            "a@b.example.",
            "a@.example",
            "a@[127.0.0.1]",
            "a@xn--a.example",
            "a@b.example/c",
            "a@b%2eexample",
        ] {
            assert!(bad.parse::<Email>().is_err(), "{bad}");
        }
        let long = format!("{}@b.example", "a".repeat(1_000_000)).parse::<Email>();
        assert_eq!(long.unwrap_err().code, "too_long");
        let long = format!("a@{}.example", "ü".repeat(62));
        assert!(long.parse::<Email>().is_err(), "as the DNS has them, the labels are too long");
    }

    #[test]
    fn the_same_address_however_it_was_typed() {
        for (one, other) in [
            ("You@acme.example", "you@ACME.example"),
            ("info@müller-gmbh.example", "info@xn--mller-gmbh-9db.example"),
            ("INFO@MÜLLER-GMBH.example", "info@XN--MLLER-GMBH-9DB.EXAMPLE"),
            ("info@mu\u{308}ller-gmbh.example", "info@müller-gmbh.example"),
            ("a@ｂ.example", "a@b.example"),
            ("it@例え.テスト", "it@xn--r8jz45g.xn--zckzah"),
        ] {
            assert!(email(one).is(&email(other)), "{one} and {other}");
            assert_eq!(email(one).as_str(), one, "shown as it was typed");
        }
        for (one, other) in [("a@b.example", "b@a.example"), ("a@strasse.example", "a@straße.example")] {
            assert!(!email(one).is(&email(other)), "{one} and {other}");
        }
        assert_eq!(
            email("info@MÜLLER-GMBH.example").for_mail().as_deref(),
            Ok("info@xn--mller-gmbh-9db.example")
        );
        assert_eq!(email("Info@acme.example").for_mail().as_deref(), Ok("Info@acme.example"));
    }

    #[test]
    fn letters_before_the_at_sign_are_refused_and_kept() {
        let fault = "jörg@acme.example".parse::<Email>().unwrap_err();
        assert_eq!(fault.code, "non_ascii_local_part");
        assert!(fault.message.contains("“ö” before the @"), "{}", fault.message);
        let kept = Email::kept("jörg@acme.example");
        assert!(Email::to_find("jörg@ACME.example").unwrap().is(&kept));
        assert!(kept.for_mail().is_err());
        // The Kelvin sign is no k: who has the one address does not get the mail of the other.
        assert!(!Email::kept("mi\u{212a}e@acme.example").is(&email("mike@acme.example")));
    }

    proptest! {
        #[test]
        fn an_address_is_its_key_and_its_form_in_ascii(text in "[a-zA-ZäÄ.+]{1,8}@[a-zA-ZäÄßд会.-]{1,12}\\.(example|テスト)") {
            if let Ok(email) = Email::to_find(&text) {
                let key = Email::kept(email.key().as_str());
                prop_assert_eq!(key.key(), email.key());
                prop_assert!(key.is(&email));
                if let Ok(ascii) = email.for_mail() {
                    prop_assert!(ascii.is_ascii());
                    prop_assert!(super::Email::from_str(&ascii).unwrap().is(&email));
                }
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let email = Email::kept(text.clone());
            let _ = (email.key(), email.for_mail(), text.parse::<Email>());
        }
    }
}
