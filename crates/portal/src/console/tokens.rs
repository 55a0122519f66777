//! Management tokens.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadTokens, WriteOwners, WriteTokens};
use keyward_domain::{
    Actor, EndTime, Maker, ManagementToken, Name, Permission, Scopes, Timestamp, TokenId, TokenState,
};
use keyward_engine::{Engine, Error, NewToken};
use keyward_web::{Fields, Id, Request};

use super::scopes::{self, Preset, ScopeRow};
use crate::ask::{self, Question, crumbs};
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::shown_once::{self, ShownPage};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/tokens", web::get().to(list))
        .route("/tokens", web::post().to(create))
        .route("/tokens/{id}/secret", web::get().to(show_secret))
        .route("/tokens/{id}/revoke", web::get().to(ask_revoke))
        .route("/tokens/{id}/revoke", web::post().to(revoke))
        .route("/tokens/{id}/take-over", web::get().to(ask_take_over))
        .route("/tokens/{id}/take-over", web::post().to(take_over));
}

/// A token, and what the person who looks at it may do with it.
struct Row {
    token: ManagementToken,
    maker: String,
    state: TokenState,
    may_revoke: bool,
    may_take_over: bool,
}

/// Who has made a token.
fn maker(token: &ManagementToken) -> String {
    match &token.maker {
        Maker::Member { name, role: Some(_), .. } => name.to_string(),
        Maker::Member { name, role: None, .. } => format!("{name} (removed)"),
        Maker::Operator => "the operator".to_owned(),
        Maker::Unknown => "not known".to_owned(),
    }
}

impl Row {
    fn of(token: ManagementToken, signed: &Signed<impl keyward_domain::Grant>, now: Timestamp) -> Self {
        let scopes = signed.access.scopes();
        let owners = scopes.contains(Permission::WriteOwners);
        let own =
            matches!(token.maker, Maker::Member { id, .. } if signed.access.actor() == Actor::Member(id));
        let state = token.state(now);
        let alive = matches!(state, TokenState::Active | TokenState::Orphaned);
        Self {
            maker: maker(&token),
            state,
            may_revoke: scopes.contains(Permission::WriteTokens)
                && state != TokenState::Revoked
                && (owners || token.maker.may_be_ended_by(signed.access.authority())),
            may_take_over: owners && alive && !own,
            token,
        }
    }
}

#[derive(Template)]
#[template(path = "console/tokens.html")]
struct TokensPage {
    shell: Shell,
    rows: Vec<Row>,
    pages: Pages,
    may_write: bool,
    /// Whether the person has shown in the last minutes who they are.
    is_confirmed: bool,
    scopes: Vec<ScopeRow>,
    presets: Vec<Preset>,
    form: Form,
    secret: Option<String>,
}

async fn page_of(
    engine: &Engine,
    signed: &Signed<impl keyward_domain::Grant>,
    form: Form,
    secret: Option<String>,
    query: &str,
) -> Page {
    let paging = Paging::at("/tokens", query, "cursor", "");
    let found = engine.tokens(&signed.access.also::<ReadTokens>()?, paging.request()).await?;
    let (tokens, pages) = paging.take(found);
    let now = engine.now();
    page::send(&TokensPage {
        shell: Shell::vendor(&signed.person, &signed.csrf, "tokens", now).after(query),
        rows: tokens.into_iter().map(|token| Row::of(token, signed, now)).collect(),
        pages,
        may_write: signed.access.scopes().contains(Permission::WriteTokens),
        is_confirmed: signed.is_confirmed(engine),
        scopes: scopes::rows(signed.access.scopes()),
        presets: scopes::presets(signed.access.scopes()),
        form,
        secret,
    })
}

async fn list(request: HttpRequest, signed: Signed<ReadTokens>, engine: web::Data<Engine>) -> Page {
    let query = request.query_string();
    let asked = query.split('&').find_map(|pair| pair.strip_prefix("preset=")).unwrap_or_default();
    let chosen = scopes::presets(signed.access.scopes()).into_iter().find(|preset| preset.name == asked);
    let chosen = chosen.map(|preset| preset.scopes).unwrap_or_default();
    let boxes: Vec<_> = chosen.split_whitespace().map(|scope| format!("scope {scope}")).collect();
    let form = Form::filled(boxes.iter().map(|name| (name.as_str(), "true".to_owned())));
    page_of(&engine, &signed, form, None, query).await
}

struct TokenForm {
    name: Name,
    end: Option<EndTime>,
}

impl Request for TokenForm {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, end) = (fields.required("name"), fields.optional("end"));
        Some(Self { name: name?, end })
    }
}

/// A token acts for who has made it, and can do so when they are long gone from the browser: so it is asked again who
/// they are.
async fn create(
    request: HttpRequest,
    signed: Signed<WriteTokens>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    signed.reauthenticated(&engine, &request, "/tokens")?;
    let chosen: Scopes =
        signed.access.scopes().iter().filter(|scope| form.is(&format!("scope {scope}"), "true")).collect();
    let typed = form.read::<TokenForm>(&["name", "end"]);
    if chosen == Scopes::NONE {
        form.refuse("scopes", "choose at least one");
    } else if let Some(TokenForm { name, end }) = typed {
        let new = NewToken { name, scopes: Some(chosen), expires_at: end.map(Into::into) };
        match engine.create_token(&signed.access, new, form.once()).await {
            Ok(made) => {
                let page = format!("/tokens/{}/secret", made.token.id);
                return shown_once::lead(&engine, &signed.person.session, &page, made.secret.expose()).await;
            }
            Err(Error::SecretShown { resource }) => {
                return Ok(page::go(format!("/tokens/{resource}/secret")));
            }
            Err(error) => form.keep(error)?,
        }
    }
    page_of(&engine, &signed, form, None, "").await
}

async fn show_secret(
    request: HttpRequest,
    signed: Signed<WriteTokens>,
    _: Id<TokenId>,
    engine: web::Data<Engine>,
) -> Page {
    match shown_once::take(&request, &engine, &signed.person.session).await? {
        Some(secret) => page_of(&engine, &signed, Form::default(), Some(secret), "").await,
        None => page::send(&ShownPage {
            shell: Shell::vendor(&signed.person, &signed.csrf, "tokens", engine.now()),
            what: "The token",
            otherwise: "If you have not copied it, revoke it and create another.",
            back: "/tokens".to_owned(),
        }),
    }
}

/// Whose token it is, and when a program last came with it.
fn known(token: &ManagementToken) -> String {
    let used = match token.last_used_at {
        Some(at) => format!("It was last used on {}.", page::day(at)),
        None => "It was never used.".to_owned(),
    };
    format!("It begins with {}…. Made by: {}. {used}", token.hint, maker(token))
}

async fn ask_revoke(signed: Signed<WriteTokens>, id: Id<TokenId>, engine: web::Data<Engine>) -> Page {
    let token = engine.token(&signed.access.also::<ReadTokens>()?, id.0).await?;
    let asked = Question {
        crumbs: crumbs([("Tokens", "/tokens".to_owned())]),
        title: format!("Revoke {}?", token.name),
        effects: vec![
            "Every program that uses this token is refused from the very next request on.".to_owned(),
            known(&token),
            "This cannot be undone.".to_owned(),
        ],
        action: format!("/tokens/{}/revoke", token.id),
        button: "Revoke token".to_owned(),
        back: "/tokens".to_owned(),
        ..Question::default()
    };
    ask::send(Shell::vendor(&signed.person, &signed.csrf, "tokens", engine.now()), asked, Form::EMPTY)
}

async fn ask_take_over(
    request: HttpRequest,
    signed: Signed<WriteOwners>,
    id: Id<TokenId>,
    engine: web::Data<Engine>,
) -> Page {
    signed.reauthenticated(&engine, &request, "/tokens")?;
    let token = engine.token(&signed.access.also::<ReadTokens>()?, id.0).await?;
    let asked = Question {
        crumbs: crumbs([("Tokens", "/tokens".to_owned())]),
        title: format!("Take over {}?", token.name),
        effects: vec![
            "The token acts for you from the very next request on: it may do what it was given, as far as your role allows.".to_owned(),
            known(&token),
            "Whoever holds its secret uses it as before. Where that may be someone it should not be, revoke the token and make another.".to_owned(),
        ],
        action: format!("/tokens/{}/take-over", token.id),
        button: "Take over".to_owned(),
        back: "/tokens".to_owned(),
        ..Question::default()
    };
    ask::send(Shell::vendor(&signed.person, &signed.csrf, "tokens", engine.now()), asked, Form::EMPTY)
}

async fn revoke(signed: Signed<WriteTokens>, id: Id<TokenId>, _: Posted, engine: web::Data<Engine>) -> Page {
    engine.revoke_token(&signed.access, id.0).await?;
    Ok(page::go("/tokens?done=revoked"))
}

/// Lends the token the person's own role, as making one does.
async fn take_over(
    request: HttpRequest,
    signed: Signed<WriteOwners>,
    id: Id<TokenId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    signed.reauthenticated(&engine, &request, "/tokens")?;
    engine.take_over_token(&signed.access, id.0).await?;
    Ok(page::go("/tokens?done=taken-over"))
}
