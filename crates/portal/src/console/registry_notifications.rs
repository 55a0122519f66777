//! What the upstream of a registry tells of itself: the secret for it, shown once.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::RegistryId;
use keyward_domain::permission::{ReadRegistries, WriteRegistries};
use keyward_domain::registry::Registry;
use keyward_engine::{Engine, Error};
use keyward_web::Id;

use crate::form::Posted;
use crate::page::{self, Page, Shell};
use crate::shown_once::{self, ShownPage};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/registries/{id}/notifications", web::post().to(set))
        .route("/registries/{id}/notifications", web::get().to(show))
        .route("/registries/{id}/notifications/end", web::post().to(end));
}

#[derive(Template)]
#[template(path = "console/registry_notifications.html")]
struct NotificationsPage {
    shell: Shell,
    registry: Registry,
    tab: &'static str,
    configuration: String,
}

async fn set(
    signed: Signed<WriteRegistries>,
    id: Id<RegistryId>,
    Posted(form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let page = format!("/registries/{}/notifications", id.0);
    match engine.set_notifications(&signed.access, id.0, form.once()).await {
        Ok(made) => shown_once::lead(&engine, &signed.person.session, &page, &made.configuration).await,
        Err(Error::SecretShown { .. }) => Ok(page::go(page)),
        Err(error) => Err(error.into()),
    }
}

async fn show(
    request: HttpRequest,
    signed: Signed<WriteRegistries>,
    id: Id<RegistryId>,
    engine: web::Data<Engine>,
) -> Page {
    let registry = engine.registry(&signed.access.also::<ReadRegistries>()?, id.0).await?;
    let shell = Shell::vendor(&signed.person, &signed.csrf, "registries", engine.now());
    match shown_once::take(&request, &engine, &signed.person.session).await? {
        Some(configuration) => {
            page::send(&NotificationsPage { shell, registry, tab: "overview", configuration })
        }
        None => page::send(&ShownPage {
            shell,
            what: "The secret for notifications",
            otherwise: "If you have not copied it, let the upstream send notifications again: that makes another secret.",
            back: format!("/registries/{}", registry.id),
        }),
    }
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
