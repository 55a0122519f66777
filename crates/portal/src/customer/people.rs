//! The people of the customer, managed by its admins.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::{CustomerRole, CustomerUser, CustomerUserId};
use keyward_engine::{CustomerUserChange, Engine, Error};
use keyward_web::{Code, Id, Problem};

use crate::account;
use crate::ask::{self, Question, crumbs};
use crate::error_page::PageError;
use crate::form::{CustomerPosted, Form};
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::SignedCustomer;

const PATH: &str = "/portal/people";

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route(PATH, web::get().to(list))
        .route(PATH, web::post().to(invite))
        .route("/portal/people/{id}/role", web::post().to(role))
        .route("/portal/people/{id}/invite", web::post().to(again))
        .route("/portal/people/{id}/remove", web::get().to(removal))
        .route("/portal/people/{id}/delete", web::post().to(delete));
}

#[derive(Template)]
#[template(path = "customer/people.html")]
struct PeoplePage {
    shell: Shell,
    customer: String,
    people: Vec<CustomerUser>,
    pages: Pages,
    /// Who is signed in.
    own: String,
    may_write: bool,
    path: String,
    roles: [CustomerRole; 2],
    form: Form,
}

async fn page_of(engine: &Engine, signed: &SignedCustomer, form: Form, query: &str) -> Page {
    let (person, paging) = (&signed.person, Paging::at(PATH, query, "cursor", ""));
    let (people, pages) = paging.take(engine.own_users(person, paging.request()).await?);
    page::send(&PeoplePage {
        shell: Shell::customer(person, &signed.csrf, "people").after(query),
        customer: person.customer.name.to_string(),
        people,
        pages,
        own: person.user.id.to_string(),
        may_write: person.user.is_admin(),
        path: PATH.to_owned(),
        roles: CustomerRole::ALL,
        form,
    })
}

fn blank() -> Form {
    Form::filled([("role", CustomerRole::Viewer.to_string())])
}

/// What is wrong goes into the form. Who has to confirm first comes back here.
fn keep(form: &mut Form, error: Error) -> Result<(), PageError> {
    super::keep(form, error).map_err(|page_error| page_error.then(PATH))
}

async fn list(request: HttpRequest, signed: SignedCustomer, engine: web::Data<Engine>) -> Page {
    page_of(&engine, &signed, blank(), request.query_string()).await
}

async fn invite(
    signed: SignedCustomer,
    CustomerPosted(mut form): CustomerPosted,
    engine: web::Data<Engine>,
) -> Page {
    if let Some(new) = form.read(&["name", "email", "role"]) {
        match engine.invite_own_user(&signed.person, new).await {
            Ok(_) => return Ok(page::go("/portal/people?done=invited")),
            Err(error) => keep(&mut form, error)?,
        }
    }
    page_of(&engine, &signed, form, "").await
}

async fn role(
    signed: SignedCustomer,
    id: Id<CustomerUserId>,
    CustomerPosted(form): CustomerPosted,
    engine: web::Data<Engine>,
) -> Page {
    let mut shown = blank();
    match form.value("role").parse::<CustomerRole>() {
        Ok(role) => {
            let change = CustomerUserChange { role: Some(role), ..CustomerUserChange::default() };
            match engine.update_own_user(&signed.person, id.0, change).await {
                Ok(_) => return Ok(page::go("/portal/people?done=saved")),
                Err(error) => keep(&mut shown, error)?,
            }
        }
        Err(fault) => shown.refuse("role", fault.message),
    }
    page_of(&engine, &signed, shown, "").await
}

async fn again(
    signed: SignedCustomer,
    id: Id<CustomerUserId>,
    _: CustomerPosted,
    engine: web::Data<Engine>,
) -> Page {
    let mut shown = blank();
    match engine.invite_own_user_again(&signed.person, id.0).await {
        Ok(()) => return Ok(page::go("/portal/people?done=invited")),
        Err(error) => keep(&mut shown, error)?,
    }
    page_of(&engine, &signed, shown, "").await
}

async fn removal(signed: SignedCustomer, id: Id<CustomerUserId>, engine: web::Data<Engine>) -> Page {
    if !signed.person.user.is_admin() {
        return Err(PageError::AdminsOnly);
    }
    let user = engine.own_user(&signed.person, id.0).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    let asked = Question {
        crumbs: crumbs([("People", PATH.to_owned())]),
        action: format!("{PATH}/{}/delete", user.id),
        back: PATH.to_owned(),
        ..Question::default()
    };
    let shell = Shell::customer(&signed.person, &signed.csrf, "people");
    ask::send(shell, account::removal_of(&user, asked), Form::EMPTY)
}

async fn delete(
    signed: SignedCustomer,
    id: Id<CustomerUserId>,
    _: CustomerPosted,
    engine: web::Data<Engine>,
) -> Page {
    let mut shown = blank();
    match engine.delete_own_user(&signed.person, id.0).await {
        Ok(()) => return Ok(page::go("/portal/people?done=removed")),
        Err(error) => keep(&mut shown, error)?,
    }
    page_of(&engine, &signed, shown, "").await
}
