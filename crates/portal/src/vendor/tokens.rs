//! Management tokens.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadTokens, WriteTokens};
use keyward_domain::{EndTime, ManagementToken, Name, Permission, Scopes, TokenId};
use keyward_engine::{Engine, NewToken};
use keyward_web::{Fields, Id, Request};

use super::Listing;
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
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
    let tokens = engine.tokens(&signed.access.also::<ReadTokens>()?, Listing::whole()).await?.items;
    page::send(&TokensPage {
        shell: Shell::vendor(&signed.visit, &signed.csrf, "tokens", engine.now()).after(query),
        tokens,
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
    end: Option<EndTime>,
}

impl Request for Told {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, end) = (fields.required("name"), fields.optional("end"));
        Some(Self { name: name?, end })
    }
}

async fn create(signed: Signed<WriteTokens>, Posted(mut form): Posted, engine: web::Data<Engine>) -> Page {
    let chosen: Scopes =
        signed.access.scopes().iter().filter(|scope| form.is(&format!("scope {scope}"), "true")).collect();
    if chosen == Scopes::NONE {
        form.refuse("scopes", "choose at least one");
    } else if let Some(Told { name, end }) = form.read::<Told>(&["name", "end"]) {
        let new = NewToken { name, scopes: Some(chosen), expires_at: end.map(Into::into) };
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
