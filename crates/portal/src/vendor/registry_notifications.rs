//! What the upstream of a registry tells of itself: the secret for it, shown once.

use actix_web::web;
use askama::Template;
use keyward_domain::RegistryId;
use keyward_domain::permission::{ReadRegistries, WriteRegistries};
use keyward_domain::registry::Registry;
use keyward_engine::Engine;
use keyward_web::Id;

use crate::form::Posted;
use crate::page::{self, Page, Shell};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/registries/{id}/notifications", web::post().to(set))
        .route("/registries/{id}/notifications/end", web::post().to(end));
}

#[derive(Template)]
#[template(path = "vendor/registry_notifications.html")]
struct NotificationsPage {
    shell: Shell,
    registry: Registry,
    tab: &'static str,
    configuration: String,
}

async fn set(
    signed: Signed<WriteRegistries>,
    id: Id<RegistryId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    let registry = engine.registry(&signed.access.also::<ReadRegistries>()?, id.0).await?;
    let made = engine.set_notifications(&signed.access, id.0, None).await?;
    let shell = Shell::vendor(&signed.visit, &signed.csrf, "registries", engine.now());
    page::send(&NotificationsPage { shell, registry, tab: "overview", configuration: made.configuration })
}

async fn end(
    signed: Signed<WriteRegistries>,
    id: Id<RegistryId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    engine.end_notifications(&signed.access, id.0).await?;
    Ok(page::go(format!("/registries/{}?done=saved", id.0)))
}
