//! Licenses, each with its token, terms and addresses.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadLicenses, WriteLicenses};
use keyward_domain::validation::Sighting;
use keyward_domain::{
    Customer, EndTime, Ends, License, LicenseId, LicenseState, LicenseStatus, Link, Name, Notes, Payload,
    Pin, Product, Renewal, Revision, Timestamp,
};
use keyward_engine::views::LicenseView;
use keyward_engine::{BoundsChange, Engine, LicenseChange, Named};
use keyward_web::{Fields, Id, Request};

use super::usage::Used;
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell, minute};
use crate::shown_once::{self, ShownPage};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/licenses/{id}", web::get().to(show))
        .route("/licenses/{id}", web::post().to(save))
        .route("/licenses/{id}/renew", web::post().to(renew))
        .route("/licenses/{id}/revoke", web::post().to(revoke))
        .route("/licenses/{id}/onboarding-link", web::post().to(share))
        .route("/licenses/{id}/onboarding-link", web::get().to(show_link))
        .route("/licenses/{id}/mail-onboarding-link", web::post().to(mail))
        .route("/licenses/{id}/reset-addresses", web::post().to(reset))
        .route("/licenses/{id}/{verb:suspend|resume}", web::post().to(hold));
}

/// An onboarding link as it stands.
struct LinkRow {
    created: String,
    state: String,
}

impl LinkRow {
    fn at(link: &Link, now: Timestamp) -> Self {
        let state = match link.used_at {
            Some(used) => format!("used or withdrawn {}", minute(used)),
            None if link.is_live(now) => format!("unused, until {}", minute(link.expires_at)),
            None => "run out".to_owned(),
        };
        Self { created: minute(link.created_at), state }
    }
}

#[derive(Template)]
#[template(path = "console/license.html")]
struct LicensePage {
    shell: Shell,
    license: License,
    status: LicenseStatus,
    warning: Option<&'static str>,
    customer: Option<Customer>,
    /// What a customer was called who has been deleted.
    gone: Option<Named>,
    product: Option<Product>,
    token: Option<String>,
    why: &'static str,
    revisions: Vec<Revision>,
    addresses: Vec<Sighting>,
    links: Vec<LinkRow>,
    used: Used,
    link: Option<String>,
    form: Form,
}

async fn page_of(
    engine: &Engine,
    signed: &Signed<impl keyward_domain::Grant>,
    id: LicenseId,
    form: Option<Form>,
    link: Option<String>,
    query: &str,
) -> Page {
    let now = engine.now();
    let LicenseView { license, token, customer, former_customer, product, revisions, addresses, links, used } =
        engine.license_view(&signed.access.also::<ReadLicenses>()?, id).await?;
    let (token, why) = match token {
        Ok(token) => (Some(token), ""),
        Err(why) => (None, why),
    };
    let bounds = &license.bounds;
    let filled = Form::filled([
        ("name", license.name.to_string()),
        ("description", license.description.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("max_ips", bounds.max_ips.map(|most| most.to_string()).unwrap_or_default()),
        ("version_pin", bounds.pin.to_string()),
        (
            "custom_response",
            bounds.custom_response.as_ref().map(|custom| custom.as_str().to_owned()).unwrap_or_default(),
        ),
    ]);
    page::send(&LicensePage {
        shell: Shell::vendor(&signed.person, &signed.csrf, "licenses", now).after(query),
        status: license.status(now),
        warning: page::warning(license.health(now)),
        customer,
        gone: former_customer,
        product,
        token,
        why,
        revisions,
        addresses,
        links: links.iter().map(|link| LinkRow::at(link, now)).collect(),
        used: used.into(),
        link,
        form: form.map_or(filled.clone(), |form| form.over(filled)),
        license,
    })
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadLicenses>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Page {
    page_of(&engine, &signed, id.0, None, None, request.query_string()).await
}

struct Adjusted {
    name: Name,
    description: Option<Notes>,
    max_ips: Option<u32>,
    pin: Option<Pin>,
    custom: Option<keyward_domain::CustomResponse>,
}

impl Request for Adjusted {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, description) = (fields.required("name"), fields.optional("description"));
        let (max_ips, pin) = (fields.optional("max_ips"), fields.optional("version_pin"));
        Some(Self { name: name?, description, max_ips, pin, custom: fields.optional("custom_response") })
    }
}

async fn save(
    signed: Signed<WriteLicenses>,
    id: Id<LicenseId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let names = ["name", "description", "max_ips", "version_pin", "custom_response"];
    if let Some(told) = form.read::<Adjusted>(&names) {
        let bounds = BoundsChange {
            max_ips: Some(told.max_ips),
            pin: Some(told.pin.unwrap_or_default()),
            custom_response: Some(told.custom),
            blocked: None,
        };
        let change = LicenseChange { name: Some(told.name), description: Some(told.description), bounds };
        match engine.adjust_license(&signed.access, id.0, change, None).await {
            Ok(_) => return Ok(page::go(format!("/licenses/{}?done=saved", id.0))),
            Err(error) => form.keep(error)?,
        }
    }
    page_of(&engine, &signed, id.0, Some(form), None, "").await
}

struct NewTerms {
    end: Option<EndTime>,
    payload: Option<Payload>,
}

impl Request for NewTerms {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { end: fields.optional("new_end"), payload: fields.optional("new_payload") })
    }
}

async fn renew(
    signed: Signed<WriteLicenses>,
    id: Id<LicenseId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    if let Some(terms) = form.read::<NewTerms>(&["new_end", "new_payload"]) {
        let no_end = form.is("no_end", "true").then_some(None);
        let ends_at = no_end.or(terms.end.map(|end| Some(end.into())));
        let renewal = Renewal {
            not_before: None,
            ends: Ends { ends_at, expires_at: None },
            payload: terms.payload,
            revoke_previous: form.is("revoke_previous", "true"),
        };
        match engine.renew_license(&signed.access, id.0, renewal, form.once()).await {
            Ok(_) => return Ok(page::go(format!("/licenses/{}?done=renewed", id.0))),
            Err(error) => form.keep(error)?,
        }
    }
    page_of(&engine, &signed, id.0, Some(form), None, "").await
}

async fn hold(
    request: HttpRequest,
    signed: Signed<WriteLicenses>,
    id: Id<LicenseId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    let done = match request.match_info().get("verb") {
        Some("suspend") => engine.suspend_license(&signed.access, id.0, None).await.map(|_| "suspended"),
        _ => engine.resume_license(&signed.access, id.0, None).await.map(|_| "resumed"),
    }?;
    Ok(page::go(format!("/licenses/{}?done={done}", id.0)))
}

async fn revoke(
    signed: Signed<WriteLicenses>,
    id: Id<LicenseId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let license = engine.license(&signed.access.also()?, id.0).await?;
    if form.value("confirm").trim() != license.name.as_str() {
        form.refuse("confirm", "differs from the license's name");
        return page_of(&engine, &signed, id.0, Some(form), None, "").await;
    }
    engine.revoke_license(&signed.access, id.0, None).await?;
    Ok(page::go(format!("/licenses/{}?done=revoked", id.0)))
}

async fn share(
    signed: Signed<WriteLicenses>,
    id: Id<LicenseId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    let made = engine.create_onboarding_link(&signed.access, id.0).await?;
    let page = format!("/licenses/{}/onboarding-link", id.0);
    shown_once::lead(&engine, &signed.person.session, &page, &made.url).await
}

async fn show_link(
    request: HttpRequest,
    signed: Signed<WriteLicenses>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Page {
    match shown_once::take(&request, &engine, &signed.person.session).await? {
        Some(url) => page_of(&engine, &signed, id.0, None, Some(url), "").await,
        None => page::send(&ShownPage {
            shell: Shell::vendor(&signed.person, &signed.csrf, "licenses", engine.now()),
            what: "The onboarding link",
            otherwise: "If you have not copied it, share another.",
            back: format!("/licenses/{}", id.0),
        }),
    }
}

async fn mail(
    signed: Signed<WriteLicenses>,
    id: Id<LicenseId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    engine.mail_onboarding_link(&signed.access, id.0).await?;
    Ok(page::go(format!("/licenses/{}?done=mailed", id.0)))
}

async fn reset(
    signed: Signed<WriteLicenses>,
    id: Id<LicenseId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    engine.reset_addresses(&signed.access, id.0).await?;
    Ok(page::go(format!("/licenses/{}?done=reset", id.0)))
}
