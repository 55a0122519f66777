//! The people of a customer, as the vendor sees them.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadCustomers, WriteCustomers};
use keyward_domain::{Customer, CustomerId, CustomerRole, CustomerUser, CustomerUserRef, Permission};
use keyward_engine::{CustomerUserChange, Engine};
use keyward_web::{Id, part};

use super::Frame;
use crate::ask::{self, Question, crumbs};
use crate::error_page::PageError;
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/customers/{id}/people", web::get().to(list))
        .route("/customers/{id}/people", web::post().to(invite))
        .route("/customers/{id}/people/{user}/role", web::post().to(role))
        .route("/customers/{id}/people/{user}/invite", web::post().to(again))
        .route("/customers/{id}/people/{user}/remove", web::get().to(removal))
        .route("/customers/{id}/people/{user}/delete", web::post().to(delete))
        .route("/customers/{id}/people/{user}/second-factor", web::get().to(ask_second_factor))
        .route("/customers/{id}/people/{user}/second-factor", web::post().to(second_factor));
}

#[derive(Template)]
#[template(path = "console/customer_people.html")]
struct PeoplePage {
    shell: Shell,
    customer: Customer,
    tab: &'static str,
    activity: bool,
    people: Vec<CustomerUser>,
    pages: Pages,
    /// Who looks, which is none of them.
    own: String,
    may_write: bool,
    path: String,
    roles: [CustomerRole; 2],
    form: Form,
}

fn path(id: CustomerId) -> String {
    format!("/customers/{id}/people")
}

async fn page_of(
    engine: &Engine,
    signed: &Signed<impl keyward_domain::Grant>,
    id: CustomerId,
    form: Form,
    query: &str,
) -> Page {
    let (path, readers) = (path(id), signed.access.also::<ReadCustomers>()?);
    let customer = engine.customer(&readers, id).await?;
    let paging = Paging::at(&path, query, "cursor", "");
    let (people, pages) = paging.take(engine.customer_users(&readers, id, paging.request()).await?);
    let Frame { shell, customer, tab, activity } = Frame::around(engine, signed, customer, "people", query);
    page::send(&PeoplePage {
        shell,
        customer,
        tab,
        activity,
        people,
        pages,
        own: String::new(),
        may_write: signed.access.scopes().contains(Permission::WriteCustomers),
        path,
        roles: CustomerRole::ALL,
        form,
    })
}

fn blank() -> Form {
    Form::filled([("role", CustomerRole::Viewer.to_string())])
}

fn reference(id: CustomerId, request: &HttpRequest) -> Result<CustomerUserRef, PageError> {
    Ok(CustomerUserRef { customer: id, user: part(request, "user")? })
}

async fn list(
    request: HttpRequest,
    signed: Signed<ReadCustomers>,
    id: Id<CustomerId>,
    engine: web::Data<Engine>,
) -> Page {
    page_of(&engine, &signed, id.0, blank(), request.query_string()).await
}

async fn invite(
    signed: Signed<WriteCustomers>,
    id: Id<CustomerId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    if let Some(new) = form.read(&["name", "email", "role"]) {
        match engine.invite_customer_user(&signed.access, id.0, new, form.once()).await {
            Ok(_) => return Ok(page::go(format!("{}?done=invited", path(id.0)))),
            Err(error) => form.keep(error)?,
        }
    }
    page_of(&engine, &signed, id.0, form, "").await
}

async fn role(
    request: HttpRequest,
    signed: Signed<WriteCustomers>,
    id: Id<CustomerId>,
    Posted(form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let mut shown = blank();
    match form.value("role").parse::<CustomerRole>() {
        Ok(role) => {
            let change = CustomerUserChange { role: Some(role), ..CustomerUserChange::default() };
            let of = reference(id.0, &request)?;
            match engine.update_customer_user(&signed.access, of, change, None).await {
                Ok(_) => return Ok(page::go(format!("{}?done=saved", path(id.0)))),
                Err(error) => shown.keep(error)?,
            }
        }
        Err(fault) => shown.refuse("role", fault.message),
    }
    page_of(&engine, &signed, id.0, shown, "").await
}

async fn again(
    request: HttpRequest,
    signed: Signed<WriteCustomers>,
    id: Id<CustomerId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    let mut shown = blank();
    match engine.invite_customer_user_again(&signed.access, reference(id.0, &request)?).await {
        Ok(()) => return Ok(page::go(format!("{}?done=invited", path(id.0)))),
        Err(error) => shown.keep(error)?,
    }
    page_of(&engine, &signed, id.0, shown, "").await
}

/// A question about a user, of which the page above is the customer's people.
fn asked_of(customer: &Customer, of: CustomerUserRef, verb: &str) -> Question {
    let people = path(customer.id);
    Question {
        crumbs: crumbs([
            ("Customers", "/customers".to_owned()),
            (customer.name.as_str(), format!("/customers/{}", customer.id)),
            ("People", people.clone()),
        ]),
        action: format!("{people}/{}/{verb}", of.user),
        back: people,
        ..Question::default()
    }
}

async fn removal(
    request: HttpRequest,
    signed: Signed<WriteCustomers>,
    id: Id<CustomerId>,
    engine: web::Data<Engine>,
) -> Page {
    let of = reference(id.0, &request)?;
    let readers = signed.access.also::<ReadCustomers>()?;
    let (customer, user) =
        (engine.customer(&readers, id.0).await?, engine.customer_user(&readers, of).await?);
    let asked = Question {
        instead: engine.has_second_factor(&readers, of).await?.then(|| {
            let when = format!("If {} has only lost the authenticator app and the recovery codes, the second factor can be removed instead.", user.name);
            (when, "Remove the second factor", format!("{}/{}/second-factor", path(id.0), user.id))
        }),
        ..crate::account::removal_of(&user, asked_of(&customer, of, "delete"))
    };
    ask::send(Shell::vendor(&signed.person, &signed.csrf, "customers", engine.now()), asked, Form::EMPTY)
}

async fn ask_second_factor(
    request: HttpRequest,
    signed: Signed<WriteCustomers>,
    id: Id<CustomerId>,
    engine: web::Data<Engine>,
) -> Page {
    let of = reference(id.0, &request)?;
    let readers = signed.access.also::<ReadCustomers>()?;
    let (customer, user) =
        (engine.customer(&readers, id.0).await?, engine.customer_user(&readers, of).await?);
    let asked = Question {
        title: format!("Remove the second factor of {}?", user.name),
        effects: vec![
            format!(
                "The password alone, or a link that is mailed to {}, then signs {} in.",
                user.email, user.name
            ),
            "All their sessions end, and their recovery codes stop working.".to_owned(),
        ],
        button: "Remove the second factor".to_owned(),
        ..asked_of(&customer, of, "second-factor")
    };
    ask::send(Shell::vendor(&signed.person, &signed.csrf, "customers", engine.now()), asked, Form::EMPTY)
}

async fn delete(
    request: HttpRequest,
    signed: Signed<WriteCustomers>,
    id: Id<CustomerId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    engine.delete_customer_user(&signed.access, reference(id.0, &request)?, None).await?;
    Ok(page::go(format!("{}?done=removed", path(id.0))))
}

async fn second_factor(
    request: HttpRequest,
    signed: Signed<WriteCustomers>,
    id: Id<CustomerId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    engine.reset_customer_second_factor(&signed.access, reference(id.0, &request)?).await?;
    Ok(page::go(format!("{}?done=saved", path(id.0))))
}
