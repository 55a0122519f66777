//! What happened.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::ReadAuditEvents;
use keyward_domain::{Actor, AuditEvent, Feature};
use keyward_engine::Engine;

use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.route("/audit", web::get().to(list));
}

/// One line of the log, for people.
pub(crate) struct Line {
    pub at: String,
    pub action: &'static str,
    pub about: String,
    pub actor: &'static str,
}

/// Puts an event into words.
pub(crate) fn line(event: &AuditEvent) -> Line {
    let text = |name: &str| event.detail.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    Line {
        at: page::minute(event.at),
        action: event.action.as_str(),
        about: text("name").or_else(|| text("email")).or_else(|| text("address")).unwrap_or_default(),
        actor: match event.actor {
            Actor::Operator => "operator",
            Actor::Token(_) => "management token",
            Actor::Member(_) => "member",
            Actor::Customer(_) => "customer",
            Actor::Link(_) => "onboarding link",
            Actor::RegistryKey(_) => "registry key",
            Actor::Server => "the server itself",
        },
    }
}

#[derive(Template)]
#[template(path = "console/audit.html")]
struct AuditPage {
    shell: Shell,
    /// The plan, where it does not include the log.
    lacking: Option<&'static str>,
    events: Vec<Line>,
    pages: Pages,
}

async fn list(request: HttpRequest, signed: Signed<ReadAuditEvents>, engine: web::Data<Engine>) -> Page {
    let paging = Paging::of(&request);
    let lacking = signed.lacks(Feature::AuditLog, engine.now());
    let found = match lacking {
        Some(_) => keyward_domain::Page::new(Vec::new(), None),
        None => engine.audit_events(&signed.access, paging.request()).await?,
    };
    let (found, pages) = paging.take(found);
    page::send(&AuditPage {
        shell: Shell::vendor(&signed.person, &signed.csrf, "audit", engine.now()),
        lacking,
        events: found.iter().map(line).collect(),
        pages,
    })
}
