//! Registry keys: made and shown once, replaced, revoked.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadRegistries, WriteRegistries};
use keyward_domain::registry::{KeyAccess, Registry, RegistryKey};
use keyward_domain::{
    EndTime, Feature, Mark, Name, Order, OrderedRequest, PageRequest, RegistryId, RegistryKeyId,
    RegistryKeyOrder, Timestamp,
};
use keyward_engine::{Engine, Error, NewRegistryKey, NewRegistrySecret};
use keyward_web::{Fields, Id, Request};

use super::Listing;
use super::registry_key_rotation::{keep, schedule};
use crate::ask::{self, Options, Question, crumbs};
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::shown_once::{self, ShownPage};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/registries/{id}/keys", web::get().to(list))
        .route("/registries/{id}/keys/new", web::get().to(new))
        .route("/registries/{id}/keys/new", web::post().to(create))
        .route("/registry-keys/{id}/secret", web::get().to(show_secret))
        .route("/registry-keys/{id}/rotate", web::get().to(rotation))
        .route("/registry-keys/{id}/rotate", web::post().to(rotate))
        .route("/registry-keys/{id}/revoke", web::get().to(revocation))
        .route("/registry-keys/{id}/revoke", web::post().to(revoke));
}

const DAY: i64 = 24 * 60 * 60;

/// What people call an access.
pub(crate) fn access_label(access: KeyAccess) -> &'static str {
    match access {
        KeyAccess::Read => "Read",
        KeyAccess::ReadWrite => "Read/Write",
        KeyAccess::ReadWriteDelete => "Read/Write/Delete",
    }
}

/// A key as the list shows it.
struct Row {
    key: RegistryKey,
    state: &'static str,
    /// How many days old its secret is.
    days: i64,
    /// Whether it should be replaced.
    due: bool,
    /// When it gets a new secret by itself.
    rotates_at: Option<Timestamp>,
    /// Whether it would, had the plan it.
    paused: bool,
    /// Until when a new secret can be collected.
    waits_until: Option<Timestamp>,
    /// Whether it was.
    collected: bool,
    /// Until when the secret before works.
    previous_until: Option<Timestamp>,
    /// How many of its alerts are open.
    alerts: u64,
    /// Whether it will soon not work any more.
    ends_soon: bool,
}

/// `rotates` is whether the plan has keys rotate by themselves.
fn row(key: RegistryKey, rotates: bool, now: Timestamp) -> Row {
    let state = match (key.revoked_at, key.is_alive(now)) {
        (Some(_), _) => "revoked",
        (None, false) => "expired",
        (None, true) => "active",
    };
    let days = (now.unix() - key.secret.created_at.unix()).max(0) / DAY;
    let handover = key.handover(now);
    let collected = handover.is_some_and(|handover| handover.progress.collected_at().is_some());
    let waits_until = handover.and_then(|_| key.collectable_until());
    let scheduled = key.rotates_at().filter(|_| key.is_alive(now));
    // A schedule that is not kept takes nobody's work off them.
    let due = match scheduled {
        Some(_) if !rotates => RegistryKey { rotation: None, ..key.clone() }.is_due(now),
        Some(_) | None => key.is_due(now),
    };
    Row {
        state,
        days,
        due,
        rotates_at: scheduled.filter(|_| rotates),
        paused: scheduled.is_some() && !rotates,
        waits_until,
        collected,
        previous_until: previous_until(&key, now),
        alerts: 0,
        ends_soon: key.ends_soon(now),
        key,
    }
}

/// Until when the secret before works, if it does.
pub(super) fn previous_until(key: &RegistryKey, now: Timestamp) -> Option<Timestamp> {
    let until = key.secret.previous.filter(|_| key.is_alive(now))?.until;
    Some(key.expires_at.map_or(until, |end| until.min(end))).filter(|until| now < *until)
}

#[derive(Template)]
#[template(path = "console/registry_keys.html")]
struct KeysPage {
    shell: Shell,
    registry: Registry,
    tab: &'static str,
    rows: Vec<Row>,
    pages: Pages,
    /// How many are to be replaced, on whatever page.
    due: u64,
}

async fn list(
    request: HttpRequest,
    signed: Signed<ReadRegistries>,
    id: Id<RegistryId>,
    listing: web::Query<Listing>,
    engine: web::Data<Engine>,
) -> Page {
    let registry = engine.registry(&signed.access, id.0).await?;
    let now = engine.now();
    // Those that work come first.
    let order = Order { by: RegistryKeyOrder::Alive, descending: true };
    let after = listing.cursor.parse::<Mark>().ok();
    let wanted = OrderedRequest::new(order, PageRequest::default().limit, after);
    let wanted = wanted.unwrap_or_else(|_| OrderedRequest::first(order));
    let found = engine.registry_keys_in_order(&signed.access, id.0, &wanted).await?;
    let (keys, next) = found.into_parts();
    let ids: Vec<_> = keys.iter().map(|key| key.id).collect();
    let alerts = engine.open_alerts_of(&signed.access, &ids).await?;
    let rotates = signed.lacks(Feature::KeyRotation, now).is_none();
    let row = |key: RegistryKey| {
        let alerts = alerts.get(&key.id).copied().unwrap_or(0);
        Row { alerts, ..row(key, rotates, now) }
    };
    let rows = keys.into_iter().map(row).collect();
    let shell = Shell::vendor(&signed.person, &signed.csrf, "registries", now).after(request.query_string());
    let due = engine.due_registry_keys(&signed.access, id.0).await?;
    let pages = Paging::of(&request).links(next.map(|next| next.to_string()).as_deref());
    page::send(&KeysPage { shell, registry, tab: "keys", rows, pages, due })
}

#[derive(Template)]
#[template(path = "console/registry_key_new.html")]
struct NewKeyPage {
    shell: Shell,
    registry: Registry,
    tab: &'static str,
    /// The plan, where keys can't rotate by themselves.
    lacking: Option<&'static str>,
    form: Form,
}

impl NewKeyPage {
    fn send(engine: &Engine, signed: &Signed<WriteRegistries>, registry: Registry, form: Form) -> Page {
        let shell = Shell::vendor(&signed.person, &signed.csrf, "registries", engine.now());
        let lacking = signed.lacks(Feature::KeyRotation, engine.now());
        page::send(&Self { shell, registry, tab: "keys", lacking, form })
    }
}

async fn new(signed: Signed<WriteRegistries>, id: Id<RegistryId>, engine: web::Data<Engine>) -> Page {
    let registry = engine.registry(&signed.access.also::<ReadRegistries>()?, id.0).await?;
    let filled = [("access", "read"), ("expiry", "90"), ("every_days", "30"), ("overlap_days", "7")];
    let form = Form::filled(filled.map(|(name, value)| (name, value.to_owned())));
    NewKeyPage::send(&engine, &signed, registry, form)
}

struct RegistryKeyForm {
    name: Name,
    owner: Option<Name>,
    access: KeyAccess,
}

impl Request for RegistryKeyForm {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, owner) = (fields.required("name"), fields.optional("owner"));
        // The end is read with the choice it belongs to.
        let (access, _) = (fields.optional("access"), fields.optional::<EndTime>("end"));
        Some(Self { name: name?, owner, access: access.unwrap_or(KeyAccess::Read) })
    }
}

/// The end that was chosen: a number of days, a day, or none. `None` if the day is missing.
fn end(form: &mut Form, now: Timestamp) -> Option<Option<Timestamp>> {
    match form.value("expiry") {
        "never" => Some(None),
        "date" if form.value("end").trim().is_empty() => {
            form.refuse("end", "is required");
            None
        }
        // What is no time was refused as such.
        "date" => form.value("end").trim().parse().ok().map(|EndTime(end)| Some(end)),
        days => Some(Some(now.plus_days(days.parse::<u16>().map_or(90, i64::from)))),
    }
}

#[derive(Template)]
#[template(path = "console/registry_key_made.html")]
struct KeyMadePage {
    shell: Shell,
    registry: Registry,
    tab: &'static str,
    address: String,
    key: RegistryKey,
    secret: String,
    /// Whether it took the place of another.
    rotated: bool,
}

/// Where the secret of a key is shown once.
fn secret_page(id: RegistryKeyId) -> String {
    format!("/registry-keys/{id}/secret")
}

pub(super) async fn lead_to_secret(
    engine: &Engine,
    signed: &Signed<WriteRegistries>,
    made: &NewRegistrySecret,
) -> Page {
    shown_once::lead(engine, &signed.person.session, &secret_page(made.key.id), made.secret.expose()).await
}

async fn show_secret(
    request: HttpRequest,
    signed: Signed<WriteRegistries>,
    id: Id<RegistryKeyId>,
    engine: web::Data<Engine>,
) -> Page {
    let readers = signed.access.also::<ReadRegistries>()?;
    let key = engine.registry_key(&readers, id.0).await?;
    let shell = Shell::vendor(&signed.person, &signed.csrf, "registries", engine.now());
    let Some(secret) = shown_once::take(&request, &engine, &signed.person.session).await? else {
        return page::send(&ShownPage {
            shell,
            what: "The registry key",
            otherwise: "If you have not copied it, rotate the key: that makes another secret.",
            back: format!("/registries/{}/keys", key.registry),
        });
    };
    let registry = engine.registry(&readers, key.registry).await?;
    let address = engine.registry_address(&registry);
    let rotated = key.secret.previous.is_some() || key.secret.created_at > key.created_at;
    page::send(&KeyMadePage { shell, registry, tab: "keys", address, key, secret, rotated })
}

async fn create(
    signed: Signed<WriteRegistries>,
    id: Id<RegistryId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let registry = engine.registry(&signed.access.also::<ReadRegistries>()?, id.0).await?;
    let typed = form.read::<RegistryKeyForm>(&["name", "owner", "access", "end"]);
    let (expires_at, rotation) = (end(&mut form, engine.now()), schedule(&mut form));
    if let (Some(typed), Some(expires_at), Some(rotation)) = (typed, expires_at, rotation) {
        let RegistryKeyForm { name, owner, access } = typed;
        let new = NewRegistryKey { registry: id.0, name, owner, access, rotation, expires_at };
        match engine.create_registry_key(&signed.access, new, form.once()).await {
            Ok(made) => return lead_to_secret(&engine, &signed, &made).await,
            Err(Error::SecretShown { resource }) => return Ok(page::go(secret_page(resource.into()))),
            Err(error) => keep(&mut form, error)?,
        }
    }
    NewKeyPage::send(&engine, &signed, registry, form)
}

/// For how long an old secret may live on.
const OVERLAPS: Options = &[("0", "not at all"), ("1", "1 day"), ("7", "7 days"), ("30", "30 days")];

/// Asks before a key is replaced or ended.
async fn question(
    engine: &Engine,
    signed: &Signed<WriteRegistries>,
    id: RegistryKeyId,
    verb: &'static str,
    form: Form,
) -> Page {
    let readers = signed.access.also::<ReadRegistries>()?;
    let key = engine.registry_key(&readers, id).await?;
    let registry = engine.registry(&readers, key.registry).await?;
    let (name, page) = (&key.name, format!("/registries/{}/keys", registry.id));
    let used = match &key.last_use {
        Some(last) => {
            format!(
                "was last used at {} UTC from {} by {}",
                page::minute(last.at),
                last.address.ip(),
                last.client
            )
        }
        None => "was never used".to_owned(),
    };
    let known = format!("It begins with {}…, belongs to {} and {used}.", key.secret.hint, key.owner);
    let asked = Question {
        crumbs: crumbs([
            ("Registries", "/registries".to_owned()),
            (registry.name.as_str(), format!("/registries/{}", registry.id)),
            ("API Keys", page.clone()),
        ]),
        action: format!("/registry-keys/{id}/{verb}"),
        back: page,
        ..Question::default()
    };
    let asked = match verb {
        "rotate" => Question {
            title: format!("Rotate {name}?"),
            effects: vec![
                "The key gets a new secret, which is shown once. Name, owner and access stay as they are."
                    .to_owned(),
                "Whatever logs in with the old secret is refused once that has ended.".to_owned(),
                known,
            ],
            button: "Rotate".to_owned(),
            choice: Some(("overlap_days", "Let the old secret live on for", OVERLAPS)),
            tick: key.renewed_end(engine.now()).map(|end| {
                let (renewed, now) = (page::end(end), page::end(key.expires_at));
                let hint = format!("It then works until {renewed}; otherwise it ends as before: {now}.");
                ("renew", "Give it the same lifetime anew", hint)
            }),
            ..asked
        },
        _ => Question {
            title: format!("Revoke {name}?"),
            effects: vec![
                "Whatever logs in with this key is refused from the very next request on.".to_owned(),
                known,
                "The key can’t be recovered: what still needs the registry then needs a new one.".to_owned(),
            ],
            button: "Revoke for ever".to_owned(),
            ..asked
        },
    };
    ask::send(Shell::vendor(&signed.person, &signed.csrf, "registries", engine.now()), asked, form)
}

async fn rotation(signed: Signed<WriteRegistries>, id: Id<RegistryKeyId>, engine: web::Data<Engine>) -> Page {
    let form = Form::filled([("renew", "true".to_owned())]);
    question(&engine, &signed, id.0, "rotate", form).await
}

async fn rotate(
    signed: Signed<WriteRegistries>,
    id: Id<RegistryKeyId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let days: u32 = form.given("overlap_days").and_then(|days| days.parse().ok()).unwrap_or(0);
    let (overlap, renew) = (days.min(30) * 24 * 60 * 60, form.is("renew", "true"));
    match engine.rotate_registry_key(&signed.access, id.0, overlap, renew, form.once()).await {
        Ok(made) => lead_to_secret(&engine, &signed, &made).await,
        Err(Error::SecretShown { resource }) => Ok(page::go(secret_page(resource.into()))),
        Err(error @ Error::Transition(_)) => {
            form.keep(error)?;
            question(&engine, &signed, id.0, "rotate", form).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn revocation(
    signed: Signed<WriteRegistries>,
    id: Id<RegistryKeyId>,
    engine: web::Data<Engine>,
) -> Page {
    question(&engine, &signed, id.0, "revoke", Form::default()).await
}

async fn revoke(
    signed: Signed<WriteRegistries>,
    id: Id<RegistryKeyId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    let key = engine.revoke_registry_key(&signed.access, id.0).await?;
    Ok(page::go(format!("/registries/{}/keys?done=revoked", key.registry)))
}
