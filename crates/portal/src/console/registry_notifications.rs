//! What the upstream of a registry tells of itself: the secret for it, shown once.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::RegistryId;
use keyward_domain::permission::{ReadRegistries, WriteRegistries};
use keyward_domain::registry::Registry;
use keyward_engine::{Engine, Error};
use keyward_web::Id;

use crate::ask::{self, Question, crumbs};
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::shown_once::{self, ShownPage};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/registries/{id}/notifications", web::post().to(set))
        .route("/registries/{id}/notifications", web::get().to(show))
        .route("/registries/{id}/notifications/{verb:replace|end}", web::get().to(question))
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

/// Asks before the secret of now is dead, with or without another in its place.
async fn question(
    request: HttpRequest,
    signed: Signed<WriteRegistries>,
    id: Id<RegistryId>,
    engine: web::Data<Engine>,
) -> Page {
    let registry = engine.registry(&signed.access.also::<ReadRegistries>()?, id.0).await?;
    let (page, upstream) = (format!("/registries/{}", id.0), &registry.upstream);
    let (title, effects, action, button) = match request.match_info().get("verb") {
        Some("replace") => (
            "Replace the secret for notifications?",
            vec![
                "A new secret is made, and shown to you once. The one that you have is dead at once."
                    .to_owned(),
                format!(
                    "Until {upstream} is given the new one, pushes past this host are seen within the hour, as without notifications."
                ),
            ],
            format!("{page}/notifications"),
            "Replace the secret",
        ),
        _ => (
            "Take no notifications any more?",
            vec![
                format!(
                    "What {upstream} tells is refused from the very next request on, and its secret is dead."
                ),
                "Pushes past this host are then seen within the hour.".to_owned(),
            ],
            format!("{page}/notifications/end"),
            "Listen no longer",
        ),
    };
    let asked = Question {
        crumbs: crumbs([("Registries", "/registries".to_owned()), (registry.name.as_str(), page.clone())]),
        title: title.to_owned(),
        effects,
        action,
        button: button.to_owned(),
        back: page,
        ..Question::default()
    };
    ask::send(Shell::vendor(&signed.person, &signed.csrf, "registries", engine.now()), asked, Form::EMPTY)
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
