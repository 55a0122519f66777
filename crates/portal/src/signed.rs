//! Who is signed in. A handler that asks for none of these is open to everyone.

use std::future::Future;
use std::pin::Pin;

use actix_web::cookie::{Cookie, SameSite, time};
use actix_web::dev::Payload;
use actix_web::http::{Method, header};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use keyward_domain::session::SessionHolder;
use keyward_domain::{Access, Feature, Grant, LicenseId, Secret, SecretHash, SecretKind, Session, Timestamp};
use keyward_engine::{
    AnySession, ClientInfo, CustomerSession, DEVICE_SECONDS, Engine, MemberSession, OnboardingSession,
    Reauthenticated, SignedIn,
};
use keyward_web::{ClientAddress, Code, Problem, Settings, customer_cookie, part, take_back_cookie};
use sha2::{Digest as _, Sha256};

use crate::error_page::PageError;

type Reading<T> = Pin<Box<dyn Future<Output = Result<T, PageError>>>>;

/// A member who may do `P`.
pub(crate) struct Signed<P> {
    pub person: MemberSession,
    pub access: Access<P>,
    pub csrf: String,
}

/// A customer.
pub(crate) struct SignedCustomer {
    pub person: CustomerSession,
    pub csrf: String,
}

/// Whoever has opened the onboarding link of the license in the address.
pub(crate) struct Onboarded {
    pub person: OnboardingSession,
}

/// Whoever it is, if anyone: one browser may be a member's and a customer's at once.
pub(crate) struct Anyone {
    pub member: Option<MemberSession>,
    pub customer: Option<CustomerSession>,
}

/// The kinds of sessions. Each has a cookie of its own, so that one never ends another.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Member,
    Customer,
    /// One for each license, as several links may be open at once.
    Onboarding(LicenseId),
}

impl Kind {
    fn of(holder: SessionHolder) -> Self {
        match holder {
            SessionHolder::Member(_) => Self::Member,
            SessionHolder::CustomerUser(_) => Self::Customer,
            SessionHolder::Onboarding(license) => Self::Onboarding(license),
        }
    }

    /// Over TLS the browser itself sees to it that no other host or path has set the cookie.
    fn cookie_name(self, request: &HttpRequest) -> String {
        let prefix = if is_https(request) { "__Host-" } else { "" };
        match self {
            Self::Member => format!("{prefix}keyward"),
            Self::Customer => customer_cookie(is_https(request)).to_owned(),
            Self::Onboarding(license) => format!("{prefix}keyward-onboarding-{license}"),
        }
    }
}

impl<P> Signed<P> {
    /// The organization's plan, where it does not include this.
    pub(crate) fn lacks(&self, feature: Feature, now: Timestamp) -> Option<&'static str> {
        let limits = self.person.organization.limits(now);
        (!limits.includes(feature)).then_some(limits.plan)
    }

    /// Whether the person has shown in the last minutes who they are.
    pub(crate) fn is_confirmed(&self, engine: &Engine) -> bool {
        engine.reauthenticated(&self.person).is_ok()
    }

    /// The proof that the person has shown in the last minutes who they are. Without it they are led to do so, and then
    /// back to `page`.
    pub(crate) fn reauthenticated(
        &self,
        engine: &Engine,
        request: &HttpRequest,
        page: &'static str,
    ) -> Result<Reauthenticated<'_>, PageError> {
        let sent = request.method() == Method::POST;
        engine.reauthenticated(&self.person).map_err(|_| PageError::Confirm { page, sent })
    }
}

impl<P: Grant + 'static> FromRequest for Signed<P> {
    type Error = PageError;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let person = member(&request).await?.ok_or_else(|| PageError::sign_in(&request, "/sign-in"))?;
            let csrf = csrf(&request, &person.session)?;
            let access = engine(&request)?.permit(&person.identity)?;
            Ok(Self { person, access, csrf })
        })
    }
}

impl FromRequest for SignedCustomer {
    type Error = PageError;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let found = customer(&request).await?;
            let person = found.ok_or_else(|| PageError::sign_in(&request, "/portal/sign-in"))?;
            let csrf = csrf(&request, &person.session)?;
            Ok(Self { person, csrf })
        })
    }
}

impl FromRequest for Onboarded {
    type Error = PageError;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let license: LicenseId = part(&request, "license")?;
            match any_session(&request, Kind::Onboarding(license)).await? {
                Some(AnySession::Onboarding(person)) if person.license == license => Ok(Self { person }),
                _ => Err(Problem::new(Code::Gone).into()),
            }
        })
    }
}

impl FromRequest for Anyone {
    type Error = PageError;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { anyone(&request).await })
    }
}

/// Whoever it is. A cookie that stands for nobody any more is taken back.
pub(crate) async fn anyone(request: &HttpRequest) -> Result<Anyone, PageError> {
    let found = Anyone { member: member(request).await?, customer: customer(request).await? };
    for (kind, is_dead) in
        [(Kind::Member, found.member.is_none()), (Kind::Customer, found.customer.is_none())]
    {
        let name = kind.cookie_name(request);
        if is_dead && request.cookie(&name).is_some() {
            take_back_cookie(request, cookie(request, name, String::new()));
        }
    }
    Ok(found)
}

/// The member who is signed in.
pub(crate) async fn member(request: &HttpRequest) -> Result<Option<MemberSession>, PageError> {
    match any_session(request, Kind::Member).await? {
        Some(AnySession::Member(person)) => {
            let address = ClientAddress::extract(request).await.ok().map(|client| client.0);
            Ok(Some(MemberSession { identity: person.identity.from_address(address), ..person }))
        }
        Some(AnySession::Customer(_) | AnySession::Onboarding(_)) | None => Ok(None),
    }
}

/// The same for what a page asks by itself: it does not count as their presence.
pub(crate) async fn member_unseen(request: &HttpRequest) -> Result<Option<MemberSession>, PageError> {
    let Some(secret) = session_secret(request, Kind::Member) else { return Ok(None) };
    match engine(request)?.session_unseen(&secret).await? {
        Some(AnySession::Member(person)) => Ok(Some(person)),
        Some(AnySession::Customer(_) | AnySession::Onboarding(_)) | None => Ok(None),
    }
}

/// The user of a customer who is signed in, without a note that anybody was there.
pub(crate) async fn customer_unseen(request: &HttpRequest) -> Result<Option<CustomerSession>, PageError> {
    let Some(secret) = session_secret(request, Kind::Customer) else { return Ok(None) };
    match engine(request)?.session_unseen(&secret).await? {
        Some(AnySession::Customer(person)) => Ok(Some(person)),
        Some(AnySession::Member(_) | AnySession::Onboarding(_)) | None => Ok(None),
    }
}

/// The user of a customer who is signed in.
pub(crate) async fn customer(request: &HttpRequest) -> Result<Option<CustomerSession>, PageError> {
    match any_session(request, Kind::Customer).await? {
        Some(AnySession::Customer(person)) => {
            let address = ClientAddress::extract(request).await.ok().map(|client| client.0);
            Ok(Some(CustomerSession { address, ..person }))
        }
        Some(AnySession::Member(_) | AnySession::Onboarding(_)) | None => Ok(None),
    }
}

async fn any_session(request: &HttpRequest, kind: Kind) -> Result<Option<AnySession>, PageError> {
    let Some(secret) = session_secret(request, kind) else { return Ok(None) };
    Ok(engine(request)?.session(&secret).await?)
}

fn session_secret(request: &HttpRequest, kind: Kind) -> Option<Secret> {
    let cookie = request.cookie(&kind.cookie_name(request))?;
    Secret::parse(SecretKind::Session, cookie.value())
}

pub(crate) fn engine(request: &HttpRequest) -> Result<&web::Data<Engine>, PageError> {
    request.app_data().ok_or_else(|| Problem::new(Code::InternalError).into())
}

/// Whether people come over TLS.
pub(crate) fn is_https(request: &HttpRequest) -> bool {
    request.app_data::<web::Data<Settings>>().is_some_and(|settings| settings.https)
}

/// Sends someone on who has just signed in, or whose session goes on under a new secret.
pub(crate) fn begin(request: &HttpRequest, signed_in: &SignedIn, to: &str) -> HttpResponse {
    let holder = signed_in.session.holder;
    let secret = signed_in.secret.expose().to_owned();
    let mut cookie = cookie(request, Kind::of(holder).cookie_name(request), secret);
    cookie.set_max_age(time::Duration::seconds(holder.lifetime()));
    let mut response = HttpResponse::SeeOther();
    response.cookie(cookie);
    if let Some(device) = &signed_in.device {
        response.cookie(device_cookie(request, Kind::of(holder), device.clone()));
    }
    response.insert_header((header::LOCATION, to)).finish()
}

/// What stays in the browser when someone signs out: by it the device is known at the next sign-in.
fn device_cookie(request: &HttpRequest, kind: Kind, value: String) -> Cookie<'static> {
    let mut cookie = cookie(request, device_cookie_name(request, kind), value);
    cookie.set_max_age(time::Duration::seconds(DEVICE_SECONDS));
    cookie
}

fn device_cookie_name(request: &HttpRequest, kind: Kind) -> String {
    let prefix = if is_https(request) { "__Host-" } else { "" };
    match kind {
        Kind::Customer => format!("{prefix}keyward-customer-device"),
        Kind::Member | Kind::Onboarding(_) => format!("{prefix}keyward-device"),
    }
}

/// Sends someone on whose session has ended.
pub(crate) fn end(request: &HttpRequest, session: &Session, to: &str) -> HttpResponse {
    let mut cookie = cookie(request, Kind::of(session.holder).cookie_name(request), String::new());
    cookie.make_removal();
    HttpResponse::SeeOther().cookie(cookie).insert_header((header::LOCATION, to)).finish()
}

fn cookie(request: &HttpRequest, name: String, value: String) -> Cookie<'static> {
    Cookie::build(name, value)
        .path("/")
        .http_only(true)
        .secure(is_https(request))
        .same_site(SameSite::Lax)
        .finish()
}

/// From where someone comes.
pub(crate) async fn client_info(request: &HttpRequest) -> ClientInfo {
    client_info_of(request, Kind::Member).await
}

/// From where a user of a customer comes.
pub(crate) async fn customer_client_info(request: &HttpRequest) -> ClientInfo {
    client_info_of(request, Kind::Customer).await
}

async fn client_info_of(request: &HttpRequest, kind: Kind) -> ClientInfo {
    let address = ClientAddress::extract(request).await.map(|client| client.0.ip().to_string());
    let agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let device = request.cookie(&device_cookie_name(request, kind)).map(|cookie| cookie.value().to_owned());
    ClientInfo {
        address: address.unwrap_or_default(),
        user_agent: agent.unwrap_or_default().to_owned(),
        device,
    }
}

/// What the forms of one page hold: no other page has the same, and no other site can know it.
fn csrf(request: &HttpRequest, session: &Session) -> Result<String, PageError> {
    let page = engine(request)?.request_id();
    let bound = bound(session, &page);
    Ok(format!("{page}.{bound}"))
}

/// Whether a form was made for a page of this session.
pub(crate) fn is_of(session: &Session, token: Option<&str>) -> bool {
    // Compared as hashes of equal length, in constant time.
    let digest = |text: &str| SecretHash::from_bytes(Sha256::digest(text.as_bytes()).into());
    let parts = token.and_then(|token| token.split_once('.'));
    parts.is_some_and(|(page, given)| digest(given) == digest(&bound(session, page)))
}

fn bound(session: &Session, page: &str) -> String {
    let hash =
        Sha256::new().chain_update(session.form_key.as_bytes()).chain_update("csrf\0").chain_update(page);
    hash.finalize().iter().take(24).map(|byte| format!("{byte:02x}")).collect()
}
