//! What holds a license back or ends it, each asked before.

use actix_web::{HttpRequest, web};
use keyward_domain::permission::{ReadCustomers, ReadLicenses, WriteLicenses};
use keyward_domain::{License, LicenseId, LicenseState};
use keyward_engine::{Engine, Error};
use keyward_web::Id;

use super::{crumbs, page_of};
use crate::ask::{self, Question, Typed};
use crate::error_page::PageError;
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::signed::Signed;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/licenses/{id}/{verb:suspend|revoke|delete|reset-addresses}", web::get().to(question))
        .route("/licenses/{id}/revoke", web::post().to(revoke))
        .route("/licenses/{id}/delete", web::post().to(delete))
        .route("/licenses/{id}/reset-addresses", web::post().to(reset))
        .route("/licenses/{id}/{verb:suspend|resume}", web::post().to(hold));
}

/// Who is told to be affected.
async fn holder(
    engine: &Engine,
    signed: &Signed<WriteLicenses>,
    license: &License,
) -> Result<String, PageError> {
    let (Some(id), Ok(access)) = (license.customer, signed.access.also::<ReadCustomers>()) else {
        return Ok("whoever uses it".to_owned());
    };
    match engine.customer(&access, id).await {
        Ok(customer) => Ok(customer.name.to_string()),
        Err(Error::NotFound(_)) => Ok("whoever uses it".to_owned()),
        Err(error) => Err(error.into()),
    }
}

async fn ask(
    engine: &Engine,
    signed: &Signed<WriteLicenses>,
    license: &License,
    verb: &str,
    form: Form,
) -> Page {
    let (name, who) = (&license.name, holder(engine, signed, license).await?);
    let is_revoked = matches!(license.state, LicenseState::Revoked { .. });
    let (title, effects, button, typed) = match verb {
        "suspend" => (
            format!("Suspend {name}?"),
            vec![
                format!("For {who}, validation and pulls are refused from the very next request on."),
                "It has no token while it is suspended, and the status list says so to applications that verify offline.".to_owned(),
                "You can resume it at any time.".to_owned(),
            ],
            "Suspend",
            None,
        ),
        "revoke" => (
            format!("Revoke {name}?"),
            vec![
                format!("For {who}, validation and pulls are refused from the very next request on."),
                "Applications that verify offline learn it from the status list.".to_owned(),
                "It stays in your lists as revoked. This cannot be undone.".to_owned(),
            ],
            "Revoke",
            Some(Typed::confirm("Type the license's name to confirm")),
        ),
        "reset-addresses" => (
            format!("Reset all addresses of {name}?"),
            vec![
                format!("No address is registered any more: {who} registers them anew, each at its next validation."),
                "On the allowlist, none is let in until you register it again.".to_owned(),
            ],
            "Reset all addresses",
            None,
        ),
        _ => (
            format!("Delete {name}?"),
            vec![
                if is_revoked {
                    "It is revoked, so nobody can use it now.".to_owned()
                } else {
                    format!("For {who}, validation and pulls are refused from the very next request on, and its tokens count as revoked.")
                },
                "It disappears from your lists, and its name can be used again.".to_owned(),
                "This cannot be undone.".to_owned(),
            ],
            "Delete license",
            None,
        ),
    };
    let asked = Question {
        crumbs: crumbs(license),
        title,
        effects,
        action: format!("/licenses/{}/{verb}", license.id),
        button: button.to_owned(),
        typed,
        back: page_of(license.id),
        ..Question::default()
    };
    ask::send(Shell::vendor(&signed.person, &signed.csrf, "licenses", engine.now()), asked, form)
}

async fn question(
    request: HttpRequest,
    signed: Signed<WriteLicenses>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Page {
    let license = engine.license(&signed.access.also::<ReadLicenses>()?, id.0).await?;
    let verb = request.match_info().get("verb").unwrap_or_default();
    ask(&engine, &signed, &license, verb, Form::default()).await
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
        return ask(&engine, &signed, &license, "revoke", form).await;
    }
    engine.revoke_license(&signed.access, id.0, None).await?;
    Ok(page::go(format!("/licenses/{}?done=revoked", id.0)))
}

async fn delete(
    signed: Signed<WriteLicenses>,
    id: Id<LicenseId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    let license = engine.license(&signed.access.also::<ReadLicenses>()?, id.0).await?;
    engine.delete_license(&signed.access, id.0, None).await?;
    let to = match license.customer {
        Some(customer) => format!("/customers/{customer}?done=license-deleted"),
        None => "/licenses?done=license-deleted".to_owned(),
    };
    Ok(page::go(to))
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
