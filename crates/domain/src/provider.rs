//! An OpenID provider that vouches for the members of one organization.
//!
//! What is decided here is whom to trust: which addresses may be asked, and whether a statement about a person
//! was made by the right provider, for us, just now (OpenID Connect Core 1.0, section 3.1.3.7). That its signature
//! is right was checked before.

use std::fmt;
use std::str::FromStr;

use crate::email::domain_key;
use crate::{Email, HttpUrl, Invalid, OrganizationId, SecretHash, SessionId, Timestamp};

/// How far the provider's clock may be off.
const LEEWAY_SECONDS: i64 = 60;

/// Who vouches for an organization's members. Its client secret is kept apart, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Whose members.
    pub organization: OrganizationId,
    /// The provider, as it calls itself.
    pub issuer: ProviderUrl,
    /// As what we are known to it.
    pub client_id: ClientId,
    /// The only domain whose addresses count; `None` for any.
    pub domain: Option<MailDomain>,
    /// The domains of whose addresses the provider need not say that it has verified them: the organization knows that
    /// it hands them out itself.
    pub verified_domains: MailDomains,
    /// Whether passwords of members no longer count. Those of owners do, for the day the provider is away.
    pub exclusive: bool,
    /// When it was first set.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts the changes; the entity tag of HTTP.
    pub version: i64,
}

/// Someone on the way to the provider and back. The two secrets meet again in one browser, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure {
    /// Whose provider.
    pub organization: OrganizationId,
    /// The hash of what the provider hands back.
    pub state: SecretHash,
    /// The hash of what the browser keeps.
    pub browser: SecretHash,
    /// Until when it is waited for.
    pub expires_at: Timestamp,
    /// The session whose person went to confirm who they are; `None` for someone who signs in.
    pub confirms: Option<Confirms>,
}

/// The session for which someone went to the provider, to confirm who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirms {
    /// The session.
    pub session: SessionId,
    /// The page to go on with afterwards.
    pub then: String,
}

impl Departure {
    /// For how many seconds it is waited for.
    pub const LIFETIME: i64 = 10 * 60;

    /// Whether it is still waited for at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.left_at().is_ahead_of(now) && now < self.expires_at
    }

    /// When the person went away.
    pub fn left_at(&self) -> Timestamp {
        self.expires_at.plus_seconds(-Self::LIFETIME)
    }
}

/// What an ID token states, its signature checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Who states it.
    pub issuer: String,
    /// Of whom, as the provider names people.
    pub subject: String,
    /// For whom.
    pub audience: Vec<String>,
    /// Who asked for it, where there are several it is for.
    pub authorized_party: Option<String>,
    /// What we sent along when we asked.
    pub nonce: Option<String>,
    /// When it was made, as a Unix time.
    pub issued_at: i64,
    /// Its end.
    pub expires_at: i64,
    /// When the person last signed in at the provider, if it says so (`auth_time`).
    pub authenticated_at: Option<i64>,
}

/// Why a statement is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// The signature is not by one of the provider's keys, or of no kind that counts.
    #[error("the provider's signature is not right")]
    Signature,
    /// Not a form that can be read.
    #[error("the provider's statement can't be read")]
    Form,
    /// Another issuer.
    #[error("the statement was made by another provider")]
    Issuer,
    /// For another client.
    #[error("the statement was made for another application")]
    Audience,
    /// Not the answer to our question.
    #[error("the statement does not belong to this sign-in")]
    Nonce,
    /// Too old, or not yet made.
    #[error("the statement has run out, or is of a time to come")]
    Time,
    /// It does not say that the person has signed in again, as it was asked for.
    #[error("the provider does not say that you have signed in again just now")]
    NotAgain,
    /// The further claims are of someone else.
    #[error("the provider speaks of two different people")]
    Subject,
    /// No address.
    #[error("the provider tells no e-mail address")]
    NoEmail,
    /// An address that the provider has not checked.
    #[error("the provider has not verified the e-mail address")]
    UnverifiedEmail,
    /// An address elsewhere.
    #[error("the e-mail address is not of the domain that this organization asks for")]
    Domain,
}

impl Provider {
    /// Whether another vouches for the same people by the same means.
    pub fn is_as(&self, other: &Self) -> bool {
        let means = |it: &Self| {
            let people = (it.domain.clone(), it.verified_domains.clone(), it.exclusive);
            (it.issuer.clone(), it.client_id.clone(), people)
        };
        means(self) == means(other)
    }

    /// Whether a statement answers the question that was asked with `nonce`.
    pub fn believes(&self, statement: &Statement, nonce: &str, now: Timestamp) -> Result<(), Distrust> {
        let client = self.client_id.as_str();
        let party = statement.authorized_party.as_deref();
        let for_us = statement.audience.iter().any(|one| one == client)
            && party.is_none_or(|party| party == client)
            && (statement.audience.len() == 1 || party.is_some());
        let (now, earliest) = (now.unix(), now.unix().saturating_add(LEEWAY_SECONDS));
        if !self.issuer.is(&statement.issuer) {
            return Err(Distrust::Issuer);
        }
        if !for_us {
            return Err(Distrust::Audience);
        }
        if statement.nonce.as_deref() != Some(nonce) {
            return Err(Distrust::Nonce);
        }
        if now >= statement.expires_at.saturating_add(LEEWAY_SECONDS) || statement.issued_at > earliest {
            return Err(Distrust::Time);
        }
        if statement.subject.is_empty() { Err(Distrust::Form) } else { Ok(()) }
    }

    /// Whether a statement says that the person has signed in at the provider since `since`, as `max_age=0` asks for
    /// (OpenID Connect Core 1.0, section 3.1.2.1).
    pub fn signed_in_again(statement: &Statement, since: Timestamp, now: Timestamp) -> Result<(), Distrust> {
        let earliest = since.unix().saturating_sub(LEEWAY_SECONDS);
        let latest = now.unix().saturating_add(LEEWAY_SECONDS);
        match statement.authenticated_at {
            Some(at) if (earliest..=latest).contains(&at) => Ok(()),
            Some(_) | None => Err(Distrust::NotAgain),
        }
    }

    /// The address by which a member is found, if the provider answers for it. `verified` is what it says of the address,
    /// if it says anything: a plain no counts, whatever domain it is.
    pub fn vouches(&self, email: Option<&str>, verified: Option<bool>) -> Result<Email, Distrust> {
        let email = Email::to_find(email.ok_or(Distrust::NoEmail)?).map_err(|_| Distrust::NoEmail)?;
        if !verified.unwrap_or_else(|| self.verified_domains.contain(&email)) {
            return Err(Distrust::UnverifiedEmail);
        }
        match &self.domain {
            Some(wanted) if !wanted.is_of(&email) => Err(Distrust::Domain),
            Some(_) | None => Ok(email),
        }
    }
}

/// The address of a provider: `https`, or `http` on this machine; without query. A provider calls itself by exactly this
/// address, so a slash at its end counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderUrl(HttpUrl);

impl ProviderUrl {
    /// The most bytes.
    pub const MOST_BYTES: usize = 500;

    /// The address in its normal form.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether this is what a text names: letter by letter, but for the forms of one address.
    pub fn is(&self, text: &str) -> bool {
        text.parse::<Self>().is_ok_and(|other| other == *self)
    }

    /// Where the provider describes itself (OpenID Connect Discovery 1.0, section 4).
    pub fn description(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.as_str().trim_end_matches('/'))
    }

    /// An address that the provider names of itself, if it may be asked: without TLS only on this machine, and
    /// only of a provider that is there itself.
    pub fn endpoint(&self, text: &str) -> Option<HttpUrl> {
        let url = text.parse::<HttpUrl>().ok()?;
        (url.is_https() || (!self.0.is_https() && url.is_loopback())).then_some(url)
    }
}

impl FromStr for ProviderUrl {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fault = || Invalid::new("invalid_url", "must be https://… without user name, query or fragment");
        let url = text.parse::<HttpUrl>().map_err(|_| fault())?;
        let safe = url.is_https() || url.is_loopback();
        if safe && url.url().query().is_none() && url.as_str().len() <= Self::MOST_BYTES {
            Ok(Self(url))
        } else {
            Err(fault())
        }
    }
}

crate::described!(ProviderUrl = crate::openapi::http_url(Self::MOST_BYTES););

impl fmt::Display for ProviderUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl serde::Serialize for ProviderUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

crate::text::texts! {
    /// What a provider knows an application as: 1 to 255 visible characters.
    ClientId = client_id;
    /// The part of an e-mail address after the `@`, in lower case.
    MailDomain = mail_domain;
}

crate::described! {
    // Visible characters.
    ClientId = crate::openapi::text(Self::MOST, "^[!-~]+$");
    MailDomain = serde_json::json!({"type": "string", "format": "hostname", "maxLength": Email::MOST - 2});
}

impl MailDomain {
    /// Whether an address is there.
    pub fn is_of(&self, email: &Email) -> bool {
        domain_key(self.as_str()) == domain_key(email.domain())
    }
}

/// Domains of e-mail addresses, each once; 50 at most.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct MailDomains(Vec<MailDomain>);

crate::described! {
    composed MailDomains;
    shown MailDomains = crate::openapi::array(<MailDomain as crate::openapi::Described>::described(), 0, Self::MOST);
}

impl MailDomains {
    /// The most domains of one list.
    pub const MOST: usize = 50;

    /// A list of these.
    pub fn new(domains: impl IntoIterator<Item = MailDomain>) -> Result<Self, Invalid> {
        let mut list = Vec::new();
        for domain in domains {
            if !list.contains(&domain) {
                list.push(domain);
            }
        }
        if list.len() > Self::MOST {
            return Err(Invalid::new("too_many", format!("has more than {} domains", Self::MOST)));
        }
        Ok(Self(list))
    }

    /// The domains.
    pub fn domains(&self) -> &[MailDomain] {
        &self.0
    }

    fn contain(&self, email: &Email) -> bool {
        self.0.iter().any(|domain| domain.is_of(email))
    }
}

impl FromStr for MailDomains {
    type Err = Invalid;

    /// Domains with commas or white space between them.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let parts = text.split(|letter: char| letter == ',' || letter.is_whitespace());
        let domains = parts.filter(|part| !part.is_empty()).map(str::parse).collect::<Result<Vec<_>, _>>()?;
        Self::new(domains)
    }
}

impl fmt::Display for MailDomains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, domain) in self.0.iter().enumerate() {
            write!(f, "{}{domain}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl ClientId {
    /// The longest.
    pub const MOST: usize = 255;
}

fn client_id(text: &str) -> Result<String, Invalid> {
    let text = text.trim();
    if (1..=ClientId::MOST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err(Invalid::new("invalid_client_id", "must be 1 to 255 visible characters of ASCII"))
    }
}

fn mail_domain(text: &str) -> Result<String, Invalid> {
    let domain = text.trim().trim_start_matches('@').to_lowercase();
    let fault = || Invalid::new("invalid_domain", "must be a domain, such as example.com");
    // What follows the @ of an address is a domain.
    let email = format!("a@{domain}").parse::<Email>().map_err(|_| fault())?;
    if email.as_str().len() == domain.len() + 2 { Ok(domain) } else { Err(fault()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider() -> Provider {
        let now = Timestamp::from_unix(1_000_000).unwrap();
        Provider {
            organization: OrganizationId::new(1, [0; 10]),
            issuer: "https://id.example".parse().unwrap(),
            client_id: "keyward".parse().unwrap(),
            domain: Some("acme.example".parse().unwrap()),
            verified_domains: MailDomains::default(),
            exclusive: false,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    fn statement() -> Statement {
        Statement {
            issuer: "https://id.example".into(),
            subject: "7".into(),
            audience: vec!["keyward".into()],
            authorized_party: None,
            nonce: Some("n".into()),
            issued_at: 1_000_000,
            expires_at: 1_000_300,
            authenticated_at: None,
        }
    }

    #[test]
    fn who_was_asked_to_sign_in_again_must_have_done_so() {
        let (left, now) =
            (Timestamp::from_unix(1_000_000).unwrap(), Timestamp::from_unix(1_000_100).unwrap());
        let at =
            |at| Provider::signed_in_again(&Statement { authenticated_at: at, ..statement() }, left, now);
        assert_eq!(at(Some(1_000_050)), Ok(()));
        assert_eq!(at(Some(999_940)), Ok(()), "its clock may be off");
        for bad in [None, Some(999_939), Some(1_000_161), Some(i64::MIN), Some(i64::MAX)] {
            assert_eq!(at(bad), Err(Distrust::NotAgain));
        }
    }

    #[test]
    fn only_the_answer_to_our_own_question_is_believed() {
        let now = Timestamp::from_unix(1_000_000).unwrap();
        let judge = |change: fn(&mut Statement)| {
            let mut changed = statement();
            change(&mut changed);
            provider().believes(&changed, "n", now)
        };
        assert_eq!(judge(|_| ()), Ok(()));
        assert_eq!(judge(|it| it.issuer = "https://id.example/".into()), Err(Distrust::Issuer));
        assert_eq!(judge(|it| it.audience = vec!["other".into()]), Err(Distrust::Audience));
        assert_eq!(judge(|it| it.audience = vec![]), Err(Distrust::Audience));
        assert_eq!(judge(|it| it.audience.push("other".into())), Err(Distrust::Audience));
        assert_eq!(judge(|it| it.authorized_party = Some("other".into())), Err(Distrust::Audience));
        let several = |it: &mut Statement| {
            it.audience.push("other".into());
            it.authorized_party = Some("keyward".into());
        };
        assert_eq!(judge(several), Ok(()));
        assert_eq!(judge(|it| it.nonce = None), Err(Distrust::Nonce));
        assert_eq!(judge(|it| it.nonce = Some("m".into())), Err(Distrust::Nonce));
        assert_eq!(judge(|it| it.expires_at = 999_941), Ok(()), "its clock may be off");
        assert_eq!(judge(|it| it.expires_at = 999_940), Err(Distrust::Time));
        assert_eq!(judge(|it| it.issued_at = 1_000_061), Err(Distrust::Time));
        assert_eq!(judge(|it| it.expires_at = i64::MAX), Ok(()));
        assert_eq!(judge(|it| it.subject.clear()), Err(Distrust::Form));
    }

    #[test]
    fn only_verified_addresses_of_the_domain_count() {
        let provider = provider();
        let vouches = |email, verified| provider.vouches(email, verified);
        assert_eq!(vouches(Some("Ada@ACME.example"), Some(true)).unwrap().as_str(), "Ada@ACME.example");
        for verified in [Some(false), None] {
            assert_eq!(vouches(Some("ada@acme.example"), verified), Err(Distrust::UnverifiedEmail));
        }
        assert_eq!(vouches(Some("ada@evil.example"), Some(true)), Err(Distrust::Domain));
        assert_eq!(vouches(Some("ada@sub.acme.example"), Some(true)), Err(Distrust::Domain));
        assert_eq!(vouches(Some("\"x@acme.example\"@evil.example"), Some(true)), Err(Distrust::Domain));
        assert_eq!(vouches(Some("ada"), Some(true)), Err(Distrust::NoEmail));
        assert_eq!(vouches(None, Some(true)), Err(Distrust::NoEmail));
        let german = Provider { domain: Some("MÜLLER.example".parse().unwrap()), ..provider.clone() };
        let vouches = |email| german.vouches(Some(email), Some(true));
        assert!(vouches("ada@xn--mller-kva.example").is_ok() && vouches("ada@Müller.example").is_ok());
        assert_eq!(vouches("ada@mueller.example"), Err(Distrust::Domain));
    }

    #[test]
    fn addresses_of_named_domains_need_no_word_of_the_provider_but_no_refusal_either() {
        let verified_domains = "acme.example, ACME.test".parse().unwrap();
        let provider = Provider { domain: None, verified_domains, ..provider() };
        let vouches = |email, verified| provider.vouches(Some(email), verified).is_ok();
        assert!(vouches("ada@Acme.example", None) && vouches("ada@acme.test", None));
        assert!(!vouches("ada@acme.example", Some(false)), "the provider knows better");
        assert!(!vouches("ada@evil.example", None) && vouches("ada@other.example", Some(true)));
        assert!(!vouches("ada@sub.acme.example", None));
        assert!(!vouches("\"x@acme.example\"@evil.example", None));
    }

    #[test]
    fn domains_are_listed_once() {
        let list: MailDomains = " @a.example,\nb.example  A.example ".parse().unwrap();
        assert_eq!(list.to_string(), "a.example, b.example");
        assert_eq!(list.to_string().parse(), Ok(list));
        assert_eq!("".parse(), Ok(MailDomains::default()));
        assert!("a.example, nothing at all@".parse::<MailDomains>().is_err());
        let many = (0..51).map(|number| format!("d{number}.example")).collect::<Vec<_>>().join(" ");
        assert_eq!(many.parse::<MailDomains>().unwrap_err().code, "too_many");
    }

    #[test]
    fn only_safe_addresses_are_asked() {
        for good in [
            "https://id.example",
            "https://id.example:8443/realms/acme/",
            "http://localhost:9000",
            "http://127.0.0.1:1",
            "http://[::1]:2/x",
        ] {
            assert!(good.parse::<ProviderUrl>().is_ok(), "{good}");
        }
        for bad in [
            "http://id.example",
            "http://localhost.evil.example",
            "http://169.254.169.254",
            "http://10.0.0.1",
            "ftp://id.example",
            "https://u:p@id.example",
            "https://id.example?x",
            "https://id.example#x",
            "id.example",
            "",
            "file:///etc/passwd",
            "http://0.0.0.0",
        ] {
            assert!(bad.parse::<ProviderUrl>().is_err(), "{bad}");
        }
        let far: ProviderUrl = "https://id.example/".parse().unwrap();
        assert_eq!(far.description(), "https://id.example/.well-known/openid-configuration");
        assert!(far.endpoint("https://elsewhere.example/token?tenant=1").is_some());
        for bad in [
            "http://localhost/token",
            "http://id.example/token",
            "https://u@id.example/",
            "javascript:alert(1)",
            "/token",
        ] {
            assert!(far.endpoint(bad).is_none(), "{bad}");
        }
        assert!(far.is("https://ID.example:443/") && !far.is("https://id.example") && !far.is("id.example/"));
        let here: ProviderUrl = "http://localhost:9000".parse().unwrap();
        assert!(here.endpoint("http://localhost:9000/token").is_some());
        assert!(here.endpoint("http://10.0.0.1/token").is_none());
    }

    #[test]
    fn client_ids_and_domains() {
        assert_eq!("@Acme.Example".parse::<MailDomain>().unwrap().as_str(), "acme.example");
        for bad in ["", "acme", "a b.example", "x@acme.example"] {
            assert!(bad.parse::<MailDomain>().is_err(), "{bad}");
        }
        assert!("a b".parse::<ClientId>().is_err() && "".parse::<ClientId>().is_err());
    }
}
