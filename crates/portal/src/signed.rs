//! Who is signed in. A handler that asks for none of these is open to everyone.

use std::future::Future;
use std::pin::Pin;

use actix_web::cookie::{Cookie, SameSite, time};
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use keyward_domain::{Access, Feature, Grant, Secret, SecretHash, SecretKind, Timestamp};
use keyward_engine::{CustomerVisit, DEVICE_SECONDS, Engine, MemberVisit, OnboardingVisit, SignedIn, Visit, Visitor};
use keyward_web::{ClientAddress, Code, Problem, Settings};
use sha2::{Digest as _, Sha256};

use crate::trouble::Trouble;

type Reading<T> = Pin<Box<dyn Future<Output = Result<T, Trouble>>>>;

/// A member who may do `P`.
pub(crate) struct Signed<P> {
    pub visit: MemberVisit,
    pub access: Access<P>,
    pub csrf: String,
}

/// A customer.
pub(crate) struct SignedCustomer {
    pub visit: CustomerVisit,
    pub csrf: String,
}

/// Whoever has opened an onboarding link.
pub(crate) struct Onboarded {
    pub visit: OnboardingVisit,
}

/// Whoever it is, if anyone.
pub(crate) struct Anyone(pub Option<Visitor>);

impl<P> Signed<P> {
    /// The organization's plan, where it does not include this.
    pub(crate) fn lacks(&self, feature: Feature, now: Timestamp) -> Option<&'static str> {
        let limits = self.visit.organization.limits(now);
        (!limits.includes(feature)).then_some(limits.plan)
    }
}

impl<P: Grant + 'static> FromRequest for Signed<P> {
    type Error = Trouble;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let (secret, visitor) = visitor(&request).await?.ok_or(Trouble::SignIn { at: "/sign-in" })?;
            let Visitor::Member(visit) = visitor else { return Err(Trouble::SignIn { at: "/sign-in" }) };
            let access = visit.identity.access()?;
            Ok(Self { visit, access, csrf: csrf(&secret) })
        })
    }
}

impl FromRequest for SignedCustomer {
    type Error = Trouble;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            match visitor(&request).await? {
                Some((secret, Visitor::Customer(visit))) => Ok(Self { visit, csrf: csrf(&secret) }),
                _ => Err(Trouble::SignIn { at: "/portal/sign-in" }),
            }
        })
    }
}

impl FromRequest for Onboarded {
    type Error = Trouble;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            match visitor(&request).await? {
                Some((_, Visitor::Onboarding(visit))) => Ok(Self { visit }),
                _ => Err(Problem::new(Code::Gone).into()),
            }
        })
    }
}

impl FromRequest for Anyone {
    type Error = Trouble;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Ok(Self(visitor(&request).await?.map(|(_, visitor)| visitor))) })
    }
}

async fn visitor(request: &HttpRequest) -> Result<Option<(Secret, Visitor)>, Trouble> {
    let Some(secret) = secret(request) else { return Ok(None) };
    let visitor = engine(request)?.visitor(&secret).await?;
    Ok(visitor.map(|visitor| (secret, visitor)))
}

/// Whether anyone is signed in.
pub(crate) async fn is_signed_in(request: &HttpRequest) -> Result<bool, Trouble> {
    Ok(visitor(request).await?.is_some())
}

/// What the cookie holds.
fn secret(request: &HttpRequest) -> Option<Secret> {
    let cookie = request.cookie(cookie_name(request))?;
    Secret::parse(SecretKind::Session, cookie.value())
}

pub(crate) fn engine(request: &HttpRequest) -> Result<&web::Data<Engine>, Trouble> {
    request.app_data().ok_or_else(|| Problem::new(Code::InternalError).into())
}

/// Whether people come over TLS.
pub(crate) fn is_https(request: &HttpRequest) -> bool {
    request.app_data::<web::Data<Settings>>().is_some_and(|settings| settings.https)
}

/// Over TLS the browser itself sees to it that no other host or path has set the cookie.
fn cookie_name(request: &HttpRequest) -> &'static str {
    if is_https(request) { "__Host-keyward" } else { "keyward" }
}

/// Sends someone on who has just signed in.
pub(crate) fn begin(request: &HttpRequest, signed_in: &SignedIn, to: &str) -> HttpResponse {
    let seconds = signed_in.session.holder.lifetime();
    let cookie = Cookie::build(cookie_name(request), signed_in.secret.expose().to_owned())
        .path("/")
        .http_only(true)
        .secure(is_https(request))
        .same_site(SameSite::Lax)
        .max_age(time::Duration::seconds(seconds))
        .finish();
    let mut response = HttpResponse::SeeOther();
    response.cookie(cookie);
    if let Some(device) = &signed_in.device {
        let device = Cookie::build(device_cookie_name(request), device.clone())
            .path("/")
            .http_only(true)
            .secure(is_https(request))
            .same_site(SameSite::Lax)
            .max_age(time::Duration::seconds(DEVICE_SECONDS))
            .finish();
        response.cookie(device);
    }
    response.insert_header((header::LOCATION, to)).finish()
}

/// What stays in the browser when someone signs out: by it the device is known at the next sign-in.
fn device_cookie_name(request: &HttpRequest) -> &'static str {
    if is_https(request) { "__Host-keyward-device" } else { "keyward-device" }
}

/// Sends someone on who has signed out.
pub(crate) fn end(request: &HttpRequest, to: &str) -> HttpResponse {
    let mut cookie = Cookie::build(cookie_name(request), "").path("/").secure(is_https(request)).finish();
    cookie.make_removal();
    HttpResponse::SeeOther().cookie(cookie).insert_header((header::LOCATION, to)).finish()
}

/// From where someone comes.
pub(crate) async fn visit(request: &HttpRequest) -> Visit {
    let address = ClientAddress::extract(request).await.map(|client| client.0.ip().to_string());
    let agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let device = request.cookie(device_cookie_name(request)).map(|cookie| cookie.value().to_owned());
    Visit { address: address.unwrap_or_default(), user_agent: agent.unwrap_or_default().to_owned(), device }
}

/// What a form of this session holds, and another site can't know.
fn csrf(secret: &Secret) -> String {
    let hash = Sha256::new().chain_update(secret.expose()).chain_update(":csrf").finalize();
    hash.iter().take(24).map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a form came from one of our own pages: by what the browser says of it and, of someone who is signed
/// in, by what the form holds.
pub(crate) fn is_own(request: &HttpRequest, token: Option<&str>) -> bool {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let host = request.connection_info().host().to_owned();
    let own_site = match header("sec-fetch-site") {
        Some(site) => matches!(site, "same-origin" | "none"),
        // Older browsers. Pages send no referrer, so an origin may also be kept back.
        None => header("origin").is_none_or(|origin| {
            origin == "null" || origin.split_once("://").is_some_and(|(_, from)| from == host)
        }),
    };
    // Compared as hashes of equal length, in constant time.
    let digest = |text: &str| SecretHash::from_bytes(Sha256::digest(text.as_bytes()).into());
    let same_token = secret(request)
        .is_none_or(|secret| token.is_some_and(|token| digest(token) == digest(&csrf(&secret))));
    own_site && same_token
}
