//! The provider that vouches for members.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use keyward_domain::permission::{WriteOrganization, WriteOwners};
use keyward_domain::{Grant, Permission, Provider};
use keyward_engine::{ConfirmedCaller, Engine, SignedIn};
use keyward_web::{Code, Problem};

use crate::ask::{self, Question, crumbs};
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::signed::{self, Signed};

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/settings/sign-in-provider", web::get().to(show))
        .route("/settings/sign-in-provider", web::post().to(save))
        .route("/settings/sign-in-provider/remove", web::get().to(ask_remove))
        .route("/settings/sign-in-provider/remove", web::post().to(remove));
}

#[derive(Template)]
#[template(path = "console/sign_in_provider.html")]
struct ProviderPage {
    shell: Shell,
    slug: String,
    return_url: String,
    base: String,
    provider: Option<Provider>,
    may_write: bool,
    /// Whether the person has shown in the last minutes who they are.
    is_confirmed: bool,
    form: Form,
}

async fn page_of(engine: &Engine, signed: &Signed<impl Grant>, form: Option<Form>, query: &str) -> Page {
    let provider = engine.sign_in_provider(&signed.access.also()?).await?;
    let filled = provider.as_ref().map(|provider| {
        Form::filled([
            ("issuer", provider.issuer.to_string()),
            ("client_id", provider.client_id.to_string()),
            ("domain", provider.domain.as_ref().map(ToString::to_string).unwrap_or_default()),
            ("verified_domains", provider.verified_domains.to_string()),
            ("exclusive", provider.exclusive.to_string()),
        ])
    });
    let return_url = engine.provider_return_url();
    page::send(&ProviderPage {
        shell: Shell::vendor(&signed.person, &signed.csrf, "settings", engine.now()).after(query),
        slug: signed.person.organization.slug.to_string(),
        base: return_url.trim_end_matches("/openid/return").to_owned(),
        return_url,
        provider,
        may_write: signed.access.scopes().contains(Permission::WriteOwners),
        is_confirmed: signed.is_confirmed(engine),
        // What was typed stands for all of it: a box that was unchecked is not in it.
        form: form.or(filled).unwrap_or_default(),
    })
}

async fn show(request: HttpRequest, signed: Signed<WriteOrganization>, engine: web::Data<Engine>) -> Page {
    page_of(&engine, &signed, None, request.query_string()).await
}

const PAGE: &str = "/settings/sign-in-provider";

async fn save(
    request: HttpRequest,
    signed: Signed<WriteOwners>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let caller = ConfirmedCaller::person(signed.reauthenticated(&engine, &request, PAGE)?);
    let names = ["issuer", "client_id", "client_secret", "domain", "verified_domains", "exclusive"];
    if let Some(new) = form.read(&names) {
        match engine.set_sign_in_provider(&signed.access, caller, new, None).await {
            Ok(changed) => {
                return Ok(go(&request, changed.session.as_ref(), "/settings/sign-in-provider?done=saved"));
            }
            Err(error) => form.keep(error)?,
        }
    }
    page_of(&engine, &signed, Some(form.without(&["client_secret"])), "").await
}

async fn ask_remove(request: HttpRequest, signed: Signed<WriteOwners>, engine: web::Data<Engine>) -> Page {
    signed.reauthenticated(&engine, &request, PAGE)?;
    let provider = engine.sign_in_provider(&signed.access.also()?).await?;
    let provider = provider.ok_or_else(|| Problem::new(Code::NotFound))?;
    let asked = Question {
        crumbs: crumbs([("Settings", "/settings".to_owned()), ("Sign-in provider", PAGE.to_owned())]),
        title: "Remove the sign-in provider?".to_owned(),
        effects: vec![
            format!(
                "Nobody signs in by {} any more. Members sign in with their passwords again; who has none sets one by a link that is mailed.",
                provider.issuer
            ),
            "Everyone but you is signed out at once.".to_owned(),
            "Its client secret is deleted. To set the provider again, you need it again.".to_owned(),
        ],
        action: format!("{PAGE}/remove"),
        button: "Remove the provider".to_owned(),
        back: PAGE.to_owned(),
        ..Question::default()
    };
    ask::send(Shell::vendor(&signed.person, &signed.csrf, "settings", engine.now()), asked, Form::EMPTY)
}

async fn remove(
    request: HttpRequest,
    signed: Signed<WriteOwners>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    let caller = ConfirmedCaller::person(signed.reauthenticated(&engine, &request, PAGE)?);
    let session = engine.remove_sign_in_provider(&signed.access, caller, None).await?;
    Ok(go(&request, session.as_ref(), "/settings?done=removed"))
}

fn go(request: &HttpRequest, session: Option<&SignedIn>, to: &str) -> HttpResponse {
    match session {
        Some(session) => signed::begin(request, session, to),
        None => page::go(to),
    }
}
