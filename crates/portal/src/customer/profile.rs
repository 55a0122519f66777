//! What a user of a customer signs in with, and where they are signed in.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::{CustomerRole, Session, SessionId};
use keyward_engine::Engine;

use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::SignedCustomer;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/portal/profile", web::get().to(profile));
}

#[derive(Template)]
#[template(path = "customer/profile.html")]
struct ProfilePage {
    shell: Shell,
    email: String,
    customer: String,
    role: CustomerRole,
    has_password: bool,
    /// How many recovery codes are left, where there is a second factor.
    second: Option<usize>,
    sessions: Vec<Session>,
    session_pages: Pages,
    own: SessionId,
}

async fn profile(request: HttpRequest, signed: SignedCustomer, engine: web::Data<Engine>) -> Page {
    let (person, query) = (&signed.person, request.query_string());
    let sessions = engine.sessions_of(&person.session).await?;
    let paging = Paging::at("/portal/profile", query, "sessions", "sessions");
    let (sessions, session_pages) = paging.cut(&sessions, |session| session.id.uuid());
    page::send(&ProfilePage {
        shell: Shell::customer(person, &signed.csrf, "profile").after(query),
        email: person.user.email.to_string(),
        customer: person.customer.name.to_string(),
        role: person.user.role,
        has_password: engine.ways_to_confirm(person).await?.password,
        second: engine.authenticator(person).await?,
        sessions,
        session_pages,
        own: person.session.id,
    })
}
