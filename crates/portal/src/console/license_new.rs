//! A license with claims of the vendor's own: first who holds it, then its terms. The form carries its holder and can
//! save no other.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadCustomers, WriteLicenses};
use keyward_domain::product::Settings;
use keyward_domain::{Customer, CustomerId, EndTime, Ends, Name, Notes, Payload, StartTime, Timestamp};
use keyward_engine::{Engine, Error, NewLicense, Terms};
use keyward_web::fields::Bounded;
use keyward_web::{Code, Fields, Problem, Request};

use super::Listing;
use super::choose::{self, Choice};
use crate::error_page::PageError;
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell, day};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.route("/licenses/new", web::get().to(new)).route("/licenses/new", web::post().to(create));
}

/// How forms and addresses name the whole organization as holder.
const WHOLE: &str = "organization";

/// Who a license is for.
enum Holder {
    Customer(Box<Customer>),
    Whole,
}

impl Holder {
    /// The holder whom a form or an address names; `None` for no name, and for one that is nobody's.
    async fn named(
        engine: &Engine,
        signed: &Signed<WriteLicenses>,
        named: &str,
    ) -> Result<Option<Self>, PageError> {
        if named == WHOLE {
            return Ok(Some(Self::Whole));
        }
        let Ok(id) = named.parse::<CustomerId>() else { return Ok(None) };
        match engine.customer(&signed.access.also::<ReadCustomers>()?, id).await {
            Ok(customer) => Ok(Some(Self::Customer(Box::new(customer)))),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn id(&self) -> Option<CustomerId> {
        match self {
            Self::Customer(customer) => Some(customer.id),
            Self::Whole => None,
        }
    }
}

async fn new(
    request: HttpRequest,
    signed: Signed<WriteLicenses>,
    listing: web::Query<Listing>,
    engine: web::Data<Engine>,
) -> Page {
    if listing.customer.is_empty() {
        return choose_holder(&engine, &signed, &listing, &request).await;
    }
    let Some(holder) = Holder::named(&engine, &signed, &listing.customer).await? else {
        return Err(Problem::new(Code::NotFound).into());
    };
    let now = engine.now();
    let form = Form::filled([
        ("not_before", day(now)),
        ("ends_at", day(now.plus_one_year())),
        ("payload", "{\n  \"seats\": 25,\n  \"plan\": \"pro\"\n}".to_owned()),
    ]);
    NewLicensePage::send(&engine, &signed, Some(holder), form)
}

/// Who is to hold the license.
async fn choose_holder(
    engine: &Engine,
    signed: &Signed<WriteLicenses>,
    listing: &Listing,
    request: &HttpRequest,
) -> Page {
    let asked = choose::Customers {
        title: "Who is the license for?",
        active: "licenses",
        crumbs: vec![("Licenses".to_owned(), "/licenses".to_owned())],
        other: Some(Choice {
            name: "The whole organization".to_owned(),
            detail: "A license that belongs to no customer".to_owned(),
            href: format!("/licenses/new?customer={WHOLE}"),
        }),
        href: &|id| format!("/licenses/new?customer={id}"),
    };
    choose::customer(engine, signed, request, listing, asked).await
}

#[derive(Template)]
#[template(path = "console/license_new.html")]
struct NewLicensePage {
    shell: Shell,
    form: Form,
    /// `None` while nobody is chosen.
    holder: Option<Holder>,
}

impl NewLicensePage {
    fn send(engine: &Engine, signed: &Signed<WriteLicenses>, holder: Option<Holder>, form: Form) -> Page {
        let shell = Shell::vendor(&signed.person, &signed.csrf, "licenses", engine.now());
        page::send(&Self { shell, form, holder })
    }
}

struct LicenseForm {
    name: Name,
    description: Option<Notes>,
    not_before: Option<StartTime>,
    end: Option<EndTime>,
    grace_days: Option<Bounded<0, { Settings::MOST_GRACE_DAYS }>>,
    payload: Option<Payload>,
}

impl Request for LicenseForm {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, description) = (fields.required("name"), fields.optional("description"));
        let (not_before, end) = (fields.optional("not_before"), fields.optional("ends_at"));
        let (grace_days, payload) = (fields.optional("grace_days"), fields.optional("payload"));
        Some(Self { name: name?, description, not_before, end, grace_days, payload })
    }
}

impl LicenseForm {
    fn ends(&self) -> Ends {
        let end: Option<Timestamp> = self.end.map(Into::into);
        let days = self.grace_days.map_or(0, |days| i64::from(u32::from(days)));
        Ends { ends_at: Some(end), expires_at: Some(end.map(|end| end.plus_days(days))) }
    }
}

async fn create(signed: Signed<WriteLicenses>, Posted(mut form): Posted, engine: web::Data<Engine>) -> Page {
    let holder = Holder::named(&engine, &signed, form.value("customer")).await?;
    let typed =
        form.read::<LicenseForm>(&["name", "description", "not_before", "ends_at", "grace_days", "payload"]);
    match (&holder, typed) {
        (Some(holder), Some(typed)) => {
            let ends = typed.ends();
            let new = NewLicense {
                name: typed.name,
                description: typed.description,
                customer: holder.id(),
                terms: Terms::Payload(typed.payload.unwrap_or_default()),
                not_before: typed.not_before.map(Into::into),
                ends,
            };
            match engine.create_license(&signed.access, new, form.once()).await {
                Ok(done) => return Ok(page::go(format!("/licenses/{}?done=saved", done.value.id))),
                Err(error) => form.keep(error)?,
            }
        }
        (None, _) => {
            form.refuse("customer", "is required: a customer of yours, or explicitly the whole organization");
        }
        (Some(_), None) => {}
    }
    NewLicensePage::send(&engine, &signed, holder, form)
}
