//! What happened: who did what to which thing.

use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use futures_util::stream::try_unfold;
use keyward_domain::permission::ReadAuditEvents;
use keyward_domain::{
    Action, ActionFilter, Actor, AuditFilter, EndTime, Feature, RecordedEvent, StartTime, TargetFilter,
    Timestamp, Words,
};
use keyward_engine::{Engine, LiveTopic};
use serde_json::Value;
use url::form_urlencoded;
use uuid::Uuid;

use crate::live::Live;
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.route("/audit", web::get().to(list)).route("/audit/export", web::get().to(export));
}

/// One line of the log, for people.
pub(crate) struct Line {
    pub at: String,
    pub words: Vec<Word>,
    /// Of each member that was changed: what it was, and what it is.
    pub changes: Vec<String>,
    pub address: Option<String>,
    pub action: &'static str,
    pub seq: Option<i64>,
    /// The queries for what else was done by the same, and to the same.
    pub same_actor: String,
    pub same_target: Option<String>,
}

/// A part of the sentence.
pub(crate) struct Word {
    pub text: String,
    pub link: Option<String>,
    /// Whether it is a name.
    pub named: bool,
}

/// Puts an event into words.
pub(crate) fn line(event: &RecordedEvent) -> Line {
    let word = |word: Words| {
        let link = match &word {
            Words::Actor(_) => actor_link(event.actor),
            Words::Target(_) => target_link(event.action, event.target),
            Words::Text(_) => None,
        };
        let named = !matches!(word, Words::Text(_));
        Word { text: word.as_str().to_owned(), link, named }
    };
    let (kind, id) = event.actor.parts();
    let who = id.map_or_else(|| kind.to_owned(), |id| id.to_string());
    Line {
        at: page::minute(event.at),
        words: event.sentence().into_iter().map(word).collect(),
        changes: changes(event),
        address: event.address.map(|address| address.ip().to_string()),
        action: event.action.as_str(),
        seq: event.link.as_ref().map(|link| link.seq),
        same_actor: query("actor", &who),
        same_target: event.target.map(|target| query("target", &target.to_string())),
    }
}

fn query(name: &str, value: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish()
}

fn changes(event: &RecordedEvent) -> Vec<String> {
    let changes = event.detail.get("changes").and_then(Value::as_object);
    let told = |value: Option<&Value>| match value {
        Some(Value::String(text)) if !text.is_empty() => text.clone(),
        None | Some(Value::Null | Value::String(_)) => "nothing".to_owned(),
        Some(other) => other.to_string(),
    };
    let change = |(name, change): (&String, &Value)| {
        let name = name.replace('_', " ");
        match (change.get("from"), change.get("to")) {
            // What is long, and what is internal, is not told.
            (None, None) => format!("{name} changed"),
            (from, to) => format!("{name}: {} → {}", told(from), told(to)),
        }
    };
    changes.into_iter().flatten().map(change).collect()
}

fn actor_link(actor: Actor) -> Option<String> {
    match actor {
        Actor::Member(_) => Some("/members".to_owned()),
        Actor::Token(_) => Some("/tokens".to_owned()),
        Actor::Customer(id) => Some(format!("/customers/{id}")),
        Actor::Agent(_)
        | Actor::CustomerUser(_)
        | Actor::Link(_)
        | Actor::RegistryKey(_)
        | Actor::Operator
        | Actor::Job(_)
        | Actor::Server => None,
    }
}

/// The page of the thing, unless it was removed by this.
fn target_link(action: Action, target: Option<Uuid>) -> Option<String> {
    let gone = action.as_str().ends_with(".deleted") || action == Action::MemberErased;
    let id = target.filter(|_| !gone)?;
    match action.noun() {
        "license" => Some(format!("/licenses/{id}")),
        "customer" => Some(format!("/customers/{id}")),
        "product" => Some(format!("/products/{id}")),
        "application" => Some(format!("/applications/{id}")),
        "application_entitlement" => Some(format!("/application-entitlements/{id}")),
        "artifact_entitlement" => Some(format!("/artifact-entitlements/{id}")),
        "artifact" => Some(format!("/artifacts/{id}")),
        "registry" => Some(format!("/registries/{id}")),
        "registry_key" => Some(format!("/registry-keys/{id}/rotation")),
        "member" => Some("/members".to_owned()),
        "token" => Some("/tokens".to_owned()),
        "alert" => Some("/alerts".to_owned()),
        "webhook" => Some(format!("/webhooks/{id}")),
        "audit_sink" => Some(format!("/audit/sinks/{id}")),
        "organization" => Some("/settings".to_owned()),
        _ => None,
    }
}

/// Which lines are wanted.
#[derive(Debug, Default, serde::Deserialize)]
struct Query {
    #[serde(default)]
    actor: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    target: String,
    #[serde(default)]
    since: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    q: String,
}

impl Query {
    /// What can't be read is not asked for.
    fn filter(&self) -> AuditFilter {
        AuditFilter {
            actor: self.actor.parse().ok(),
            action: self.action.parse::<ActionFilter>().ok(),
            target: self.target.parse().ok().map(|TargetFilter(id)| id),
            since: self.since.parse().ok().map(|StartTime(at)| at),
            until: self.until.parse().ok().map(|EndTime(at)| at),
            search: Some(self.q.trim().to_owned()).filter(|text| !text.is_empty()),
        }
    }

    fn asks(&self) -> bool {
        self.filter() != AuditFilter::default()
    }

    /// Whether one actor or thing is asked for, which no choice of the form is.
    fn one_actor(&self) -> bool {
        self.actor.parse::<Uuid>().is_ok()
    }
}

/// The kinds of actors, with what people call them.
const ACTORS: [(&str, &str); 8] = [
    ("member", "Members"),
    ("token", "Management tokens"),
    ("customer_user", "Users of customers"),
    ("customer", "Customers, before they had users"),
    ("link", "Onboarding links"),
    ("registry_key", "Registry keys"),
    ("operator", "The operator"),
    ("server", "The server"),
];

#[derive(Template)]
#[template(path = "console/audit.html")]
struct AuditPage {
    shell: Shell,
    /// The plan, where it does not include the log.
    lacking: Option<&'static str>,
    events: Vec<Line>,
    pages: Pages,
    wanted: Query,
    actors: [(&'static str, &'static str); 8],
    /// The kinds of things, each with what is done to it.
    nouns: Vec<(&'static str, String)>,
    /// Which of them is chosen.
    noun: String,
    live: Option<Live>,
}

async fn list(
    request: HttpRequest,
    signed: Signed<ReadAuditEvents>,
    wanted: web::Query<Query>,
    engine: web::Data<Engine>,
) -> Page {
    let (paging, wanted) = (Paging::of(&request), wanted.into_inner());
    let lacking = signed.lacks(Feature::AuditLog, engine.now());
    let found = match lacking {
        Some(_) => keyward_domain::Page::new(Vec::new(), None),
        None => engine.audit_events(&signed.access, &wanted.filter(), paging.request()).await?,
    };
    let (found, pages) = paging.take(found);
    let live = match lacking {
        None if pages.first.is_none() => {
            let followed = engine.follow(&signed.person.identity, LiveTopic::Audit).await?;
            Some(Live::of(&engine, &followed, "/live/audit".to_owned()).await?)
        }
        Some(_) | None => None,
    };
    page::send(&AuditPage {
        live,
        shell: Shell::vendor(&signed.person, &signed.csrf, "audit", engine.now()),
        lacking,
        events: found.iter().map(line).collect(),
        pages,
        actors: ACTORS,
        nouns: nouns(),
        noun: wanted.action.split('.').next().unwrap_or_default().to_owned(),
        wanted,
    })
}

fn nouns() -> Vec<(&'static str, String)> {
    let mut nouns: Vec<_> = Action::ALL.iter().map(|action| action.noun()).collect();
    nouns.sort_unstable();
    nouns.dedup();
    nouns.into_iter().map(|noun| (noun, noun.replace('_', " "))).collect()
}

/// The chain with its checkpoints, as a file.
async fn export(signed: Signed<ReadAuditEvents>, engine: web::Data<Engine>) -> Page {
    let export = engine.begin_audit_export(&signed.access).await?;
    let name = format!("audit-{}.jsonl", Timestamp::date(engine.now()));
    let lines = try_unfold((engine, export), async |(engine, mut export)| {
        let lines = engine.next_audit_lines(&mut export).await.map_err(std::io::Error::other)?;
        Ok::<_, std::io::Error>(lines.map(|lines| (Bytes::from(lines), (engine, export))))
    });
    Ok(HttpResponse::Ok()
        .content_type("application/x-ndjson")
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .streaming(lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_read_is_not_asked_for() {
        let query = Query { actor: "nobody".to_owned(), since: "soon".to_owned(), ..Query::default() };
        assert!(!query.asks());
        let query = Query { actor: "server".to_owned(), ..Query::default() };
        assert!(query.asks() && !query.one_actor());
    }
}
