//! Management tokens.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadTokens, WriteTokens};
use keyward_domain::{ManagementToken, Name, Permission, Scopes, Timestamp, TokenId};
use keyward_engine::{Engine, NewToken};
use keyward_web::{Fields, Id, Request};

use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/tokens", web::get().to(list))
        .route("/tokens", web::post().to(create))
        .route("/tokens/{id}/revoke", web::post().to(revoke));
}

#[derive(Template)]
#[template(path = "vendor/tokens.html")]
struct TokensPage {
    shell: Shell,
    tokens: Vec<ManagementToken>,
    pages: Pages,
    may_write: bool,
    scopes: Vec<Permission>,
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
    page::send(&TokensPage {
        shell: Shell::vendor(&signed.visit, &signed.csrf, "tokens", engine.now()).after(query),
        tokens,
        pages,
        may_write: signed.access.scopes().contains(Permission::WriteTokens),
        scopes: signed.access.scopes().iter().collect(),
        form,
        secret,
    })
}

async fn list(request: HttpRequest, signed: Signed<ReadTokens>, engine: web::Data<Engine>) -> Page {
    page_of(&engine, &signed, Form::default(), None, request.query_string()).await
}

struct Told {
    name: Name,
    end: Option<Timestamp>,
}

impl Request for Told {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, end) = (fields.required("name"), fields.optional("end"));
        Some(Self { name: name?, end })
    }
}

async fn create(signed: Signed<WriteTokens>, Posted(mut form): Posted, engine: web::Data<Engine>) -> Page {
    form.day("end");
    let chosen: Scopes =
        signed.access.scopes().iter().filter(|scope| form.is(&format!("scope {scope}"), "true")).collect();
    if chosen == Scopes::NONE {
        form.refuse("scopes", "choose at least one");
    } else if let Some(Told { name, end }) = form.read::<Told>(&["name", "end"]) {
        let new = NewToken { name, scopes: Some(chosen), expires_at: end };
        match engine.create_token(&signed.access, new, None).await {
            Ok(made) => {
                let secret = made.secret.expose().to_owned();
                return page_of(&engine, &signed, Form::default(), Some(secret), "").await;
            }
            Err(error) => form.keep(error)?,
        }
    }
    page_of(&engine, &signed, form, None, "").await
}

async fn revoke(signed: Signed<WriteTokens>, id: Id<TokenId>, _: Posted, engine: web::Data<Engine>) -> Page {
    engine.revoke_token(&signed.access, id.0).await?;
    Ok(page::go("/tokens?done=removed"))
}
