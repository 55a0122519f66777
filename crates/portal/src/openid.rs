//! Signing in with the account of one's organization: the page for it, the way to its provider and back.

use actix_web::cookie::{Cookie, SameSite, time};
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use keyward_domain::provider::Departure;
use keyward_domain::{Distrust, Secret, SecretKind, Slug};
use keyward_engine::{Arrival, Engine, Outbound, Refusal, Return, WireError};
use keyward_web::{Code, Problem, part};

use crate::error_page::PageError;
use crate::page::{self, Page};
use crate::signed::{self, Anyone};
use crate::tries::NetworkTry;

/// Sign-ins that were begun here and have not come back.
const BEGUN: &str = "begun";

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/sign-in/{slug}", web::get().to(sign_in_page))
        .route("/sign-in/{slug}/away", web::get().to(away))
        .route("/openid/return", web::get().to(back));
}

#[derive(Template)]
#[template(path = "auth/sign_in_with.html")]
struct SignInWithPage {
    organization: String,
    slug: String,
}

async fn sign_in_page(request: HttpRequest, anyone: Anyone, engine: web::Data<Engine>) -> Page {
    let slug: Slug = part(&request, "slug")?;
    if anyone.member.is_some() {
        return Ok(page::go("/"));
    }
    match engine.vouched_organization(&slug).await? {
        Some(organization) => page::send(&SignInWithPage {
            organization: organization.name.to_string(),
            slug: slug.to_string(),
        }),
        None => Ok(page::error(
            StatusCode::NOT_FOUND,
            "No such sign-in",
            "No organization of this name signs in with accounts of its own. Look at the spelling, or sign in \
             with e-mail and password.",
        )),
    }
}

async fn away(request: HttpRequest, engine: web::Data<Engine>) -> Page {
    let slug: Slug = part(&request, "slug")?;
    count(&request, &engine).await?;
    let outbound = engine.depart(&slug).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    send_off(&request, outbound)
}

/// Counts a way to a provider from this network. One that ends well is taken back when someone returns.
pub(crate) async fn count(request: &HttpRequest, engine: &Engine) -> Result<(), PageError> {
    NetworkTry::count(request, BEGUN, engine.now()).await.map(drop)
}

/// Sends someone to a provider.
pub(crate) fn send_off(request: &HttpRequest, outbound: Result<Outbound, WireError>) -> Page {
    match outbound {
        Ok(outbound) => {
            let kept = cookie(request, outbound.away.expose().to_owned(), Departure::LIFETIME);
            Ok(HttpResponse::SeeOther().cookie(kept).insert_header((header::LOCATION, outbound.url)).finish())
        }
        Err(error) => Ok(refused(&Refusal::Wire(error))),
    }
}

#[derive(serde::Deserialize)]
struct CallbackQuery {
    #[serde(default)]
    state: String,
    code: Option<String>,
    iss: Option<String>,
}

async fn back(request: HttpRequest, query: web::Query<CallbackQuery>, engine: web::Data<Engine>) -> Page {
    let CallbackQuery { state, code, iss: issuer } = query.into_inner();
    let away = request.cookie(cookie_name(&request));
    let away = away.and_then(|cookie| Secret::parse(SecretKind::Away, cookie.value()));
    let client = signed::client_info(&request).await;
    let mut response = match engine.arrive(Return { state, code, issuer, away }, client).await? {
        Arrival::Done(signed_in) => {
            NetworkTry::returned(&request, BEGUN).await;
            signed::begin(&request, &signed_in, "/")
        }
        Arrival::Confirmed { session, then } => {
            NetworkTry::returned(&request, BEGUN).await;
            signed::begin(&request, &session, &then)
        }
        Arrival::Refused(refusal) => refused(&refusal),
    };
    // A cookie that can't be written as a header would be a fault of ours; the sign-in stands without it.
    let _ = response.add_cookie(&cookie(&request, String::new(), 0));
    Ok(response)
}

/// A page that says what to do next.
fn refused(refusal: &Refusal) -> HttpResponse {
    tracing::info!(%refusal, "a sign-in by a provider was refused");
    let (status, title, text) = match refusal {
        Refusal::Stale => (
            StatusCode::BAD_REQUEST,
            "Please try again",
            format!("Begin again from the sign-in page: {refusal}."),
        ),
        Refusal::Declined => (
            StatusCode::FORBIDDEN,
            "Not signed in",
            "Your organization's account service has not signed you in. Begin again, or ask who runs it."
                .to_owned(),
        ),
        Refusal::Stranger { email, organization } => (
            StatusCode::FORBIDDEN,
            "You are not a member yet",
            format!(
                "You are known as {email}, but {organization} has no member with this address. Ask an owner or admin of {organization} to invite you."
            ),
        ),
        Refusal::SomeoneElse { .. } => (
            StatusCode::FORBIDDEN,
            "Not confirmed",
            format!("Go back and confirm with your own account: {refusal}."),
        ),
        Refusal::Distrust(Distrust::NotAgain) => (
            StatusCode::FORBIDDEN,
            "Not confirmed",
            format!(
                "Nothing was changed: {refusal}. Confirm with your password, or tell who runs your organization's accounts that the provider must answer max_age with auth_time."
            ),
        ),
        Refusal::Distrust(Distrust::NoEmail | Distrust::UnverifiedEmail | Distrust::Domain) => (
            StatusCode::FORBIDDEN,
            "Your address does not count here",
            format!("Ask who runs your organization's accounts: {refusal}."),
        ),
        Refusal::Wire(WireError::NoAnswer) => (
            StatusCode::BAD_GATEWAY,
            "Your organization's account service is away",
            "Try again in a while. An owner can still sign in with e-mail and password.".to_owned(),
        ),
        Refusal::Wire(_) | Refusal::Distrust(_) => (
            StatusCode::BAD_GATEWAY,
            "The sign-in did not work",
            format!("Tell an owner of your organization: {refusal}."),
        ),
    };
    page::error(status, title, &text)
}

/// What the browser keeps while someone is away.
fn cookie(request: &HttpRequest, value: String, seconds: i64) -> Cookie<'static> {
    Cookie::build(cookie_name(request), value)
        .path("/")
        .http_only(true)
        .secure(signed::is_https(request))
        // Coming back from the provider is a step from another site.
        .same_site(SameSite::Lax)
        .max_age(time::Duration::seconds(seconds))
        .finish()
}

fn cookie_name(request: &HttpRequest) -> &'static str {
    if signed::is_https(request) { "__Host-keyward-away" } else { "keyward-away" }
}
