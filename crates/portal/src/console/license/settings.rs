//! What can be changed of a license, and its renewal.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadLicenses, WriteLicenses};
use keyward_domain::{EndTime, Ends, LicenseId, LicenseState, Name, Notes, Payload, Pin, Renewal};
use keyward_engine::{BoundsChange, Engine, LicenseChange};
use keyward_web::{Fields, Id, Request};

use super::{Frame, MOST_EVENTS};
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::signed::Signed;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/licenses/{id}/settings", web::get().to(show))
        .route("/licenses/{id}", web::post().to(save))
        .route("/licenses/{id}/renew", web::post().to(renew));
}

#[derive(Template)]
#[template(path = "console/license_settings.html")]
struct SettingsPage {
    shell: Shell,
    frame: Frame,
    form: Form,
}

impl SettingsPage {
    async fn send(
        engine: &Engine,
        signed: &Signed<impl keyward_domain::Grant>,
        id: LicenseId,
        form: Option<Form>,
        query: &str,
    ) -> Page {
        let view = engine.license_view(&signed.access.also::<ReadLicenses>()?, id, MOST_EVENTS).await?;
        let (license, bounds) = (&view.license, &view.license.bounds);
        let custom = bounds.custom_response.as_ref().map(|custom| custom.as_str().to_owned());
        let filled = Form::filled([
            ("name", license.name.to_string()),
            ("description", license.description.as_ref().map(ToString::to_string).unwrap_or_default()),
            ("max_ips", bounds.max_ips.map(|most| most.to_string()).unwrap_or_default()),
            ("version_pin", bounds.pin.to_string()),
            ("custom_response", custom.unwrap_or_default()),
        ]);
        let (shell, frame) = Frame::around(engine, signed, &view, "settings", query);
        page::send(&Self { shell, frame, form: form.map_or(filled.clone(), |form| form.over(filled)) })
    }
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadLicenses>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Page {
    SettingsPage::send(&engine, &signed, id.0, None, request.query_string()).await
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
            Ok(_) => return Ok(page::go(format!("/licenses/{}/settings?done=saved", id.0))),
            Err(error) => form.keep(error)?,
        }
    }
    SettingsPage::send(&engine, &signed, id.0, Some(form), "").await
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
    SettingsPage::send(&engine, &signed, id.0, Some(form), "").await
}
