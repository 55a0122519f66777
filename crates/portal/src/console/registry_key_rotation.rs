//! Registry keys that rotate by themselves: their schedule, and the new secret that waits.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadRegistries, WriteRegistries};
use keyward_domain::registry::{Registry, RegistryKey, Rotation};
use keyward_domain::{Feature, RegistryKeyId, Timestamp};
use keyward_engine::{Engine, Error};
use keyward_web::{Fields, Id, Request};

use super::registry_keys::{lead_to_secret, previous_until};
use crate::error_page::PageError;
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/registry-keys/{id}/rotation", web::get().to(show))
        .route("/registry-keys/{id}/rotation", web::post().to(save))
        .route("/registry-keys/{id}/reveal", web::post().to(reveal));
}

struct Days(u32, u32);

impl Request for Days {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (every, overlap) = (fields.required("every_days"), fields.required("overlap_days"));
        Some(Self(every?, overlap?))
    }
}

/// The schedule that was chosen, which may be none. `None` if it can't be one.
pub(super) fn schedule(form: &mut Form) -> Option<Option<Rotation>> {
    if !form.is("automatic", "true") {
        return Some(None);
    }
    let Days(every, overlap) = form.read(&["every_days", "overlap_days"])?;
    match Rotation::new(every, overlap) {
        Ok(rotation) => Some(Some(rotation)),
        Err(faults) => {
            for fault in faults {
                form.refuse(fault.pointer.trim_start_matches('/'), fault.message);
            }
            None
        }
    }
}

/// Puts what was refused of a schedule beside its fields, and all else where it belongs.
pub(super) fn keep(form: &mut Form, error: Error) -> Result<(), PageError> {
    match error {
        Error::Invalid(faults) if faults.iter().all(|fault| fault.field == "rotation") => {
            for fault in faults {
                form.refuse(fault.invalid.pointer.trim_start_matches('/'), fault.invalid.message);
            }
            Ok(())
        }
        other => form.keep(other),
    }
}

/// How a key came to its end, if it did.
fn dead(key: &RegistryKey, now: Timestamp) -> Option<String> {
    match (key.revoked_at, key.expires_at) {
        (Some(at), _) => Some(format!("was revoked at {} UTC", page::minute(at))),
        (None, Some(end)) if now >= end => Some(format!("was valid until {}", page::end(end))),
        (None, Some(_) | None) => None,
    }
}

#[derive(Template)]
#[template(path = "console/registry_key_rotation.html")]
struct RotationPage {
    shell: Shell,
    registry: Registry,
    tab: &'static str,
    key: RegistryKey,
    lacking: Option<&'static str>,
    /// Until when a new secret can be collected.
    waits_until: Option<Timestamp>,
    collected_at: Option<Timestamp>,
    /// Until when the secret before works.
    previous_until: Option<Timestamp>,
    /// How it came to its end.
    dead: Option<String>,
    /// Where it is.
    url: String,
    form: Form,
}

/// The page, with the form as it was sent, or filled as the key is.
async fn present(
    engine: &Engine,
    signed: &Signed<WriteRegistries>,
    id: RegistryKeyId,
    form: Option<Form>,
    query: &str,
) -> Page {
    let (readers, now) = (signed.access.also::<ReadRegistries>()?, engine.now());
    let key = engine.registry_key(&readers, id).await?;
    let registry = engine.registry(&readers, key.registry).await?;
    let days = key.rotation.map_or((30, 7), |rotation| (rotation.every_days(), rotation.overlap_days()));
    let filled = || {
        Form::filled([
            ("automatic", key.rotation.is_some().to_string()),
            ("every_days", days.0.to_string()),
            ("overlap_days", days.1.to_string()),
        ])
    };
    let handover = key.handover(now);
    let shell = Shell::vendor(&signed.person, &signed.csrf, "registries", now).after(query);
    page::send(&RotationPage {
        shell,
        tab: "keys",
        lacking: signed.lacks(Feature::KeyRotation, engine.now()),
        waits_until: handover.and_then(|_| key.collectable_until()),
        collected_at: handover.and_then(|handover| handover.progress.collected_at()),
        previous_until: previous_until(&key, now),
        dead: dead(&key, now),
        url: engine.collection_url(),
        form: form.unwrap_or_else(filled),
        registry,
        key,
    })
}

async fn show(
    request: HttpRequest,
    signed: Signed<WriteRegistries>,
    id: Id<RegistryKeyId>,
    engine: web::Data<Engine>,
) -> Page {
    present(&engine, &signed, id.0, None, request.query_string()).await
}

async fn save(
    signed: Signed<WriteRegistries>,
    id: Id<RegistryKeyId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    if let Some(rotation) = schedule(&mut form) {
        match engine.set_registry_key_rotation(&signed.access, id.0, rotation).await {
            Ok(_) => return Ok(page::go(format!("/registry-keys/{}/rotation?done=saved", id.0))),
            Err(error) => keep(&mut form, error)?,
        }
    }
    present(&engine, &signed, id.0, Some(form), "").await
}

async fn reveal(
    signed: Signed<WriteRegistries>,
    id: Id<RegistryKeyId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    match engine.reveal_registry_key(&signed.access, id.0).await {
        Ok(made) => lead_to_secret(&engine, &signed, &made).await,
        Err(error @ Error::Transition(_)) => {
            form.keep(error)?;
            present(&engine, &signed, id.0, Some(form), "").await
        }
        Err(error) => Err(error.into()),
    }
}
