//! The organization, its plan and signing keys; one's own sessions.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{
    ReadEntitlements, ReadOrganization, ReadSigningKeys, WriteEntitlements, WriteOrganization,
    WriteSigningKeys,
};
use keyward_domain::plan::Limits;
use keyward_domain::registry::ArtifactPolicy;
use keyward_domain::{BlockList, Kid, Name, Permission, Session, SessionId, SigningKey, Slug};
use keyward_engine::{Engine, NewSigningKey, OrganizationChange};
use keyward_web::{Fields, Id, Request};

use crate::ask::{self, Question, crumbs};
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/settings", web::get().to(show))
        .route("/settings", web::post().to(save))
        .route("/settings/start-trial", web::post().to(start_trial))
        .route("/settings/artifact-policy", web::post().to(artifact_policy))
        .route("/settings/signing-keys", web::post().to(new_key))
        .route("/settings/signing-keys/{id}/activate", web::get().to(ask_activate))
        .route("/settings/signing-keys/{id}/activate", web::post().to(activate));
}

#[derive(Template)]
#[template(path = "console/settings.html")]
struct SettingsPage {
    shell: Shell,
    slug: String,
    /// Whether it can still be changed.
    slug_may_change: bool,
    email: String,
    limits: Limits,
    may_write: bool,
    may_delete: bool,
    may_try: bool,
    keys: Vec<SigningKey>,
    /// Where the status lists are that earlier addresses of the server still have.
    earlier_lists: Vec<String>,
    /// What customers without an artifact entitlement may pull.
    policy: ArtifactPolicy,
    sessions: Vec<Session>,
    session_pages: Pages,
    own: SessionId,
    /// How many recovery codes are left, where there is a second factor.
    second: Option<usize>,
    form: Form,
}

async fn page_of(
    engine: &Engine,
    signed: &Signed<impl keyward_domain::Grant>,
    form: Option<Form>,
    query: &str,
) -> Page {
    let now = engine.now();
    let organization = engine.organization(&signed.access.also::<ReadOrganization>()?).await?;
    let keys = match signed.access.also::<ReadSigningKeys>() {
        Ok(access) => engine.signing_keys(&access).await?,
        Err(_) => Vec::new(),
    };
    let lists = engine.status_lists(&organization.slug).await?.unwrap_or_default();
    let blocked: Vec<_> = organization.blocked.ranges().iter().map(ToString::to_string).collect();
    let filled = Form::filled([
        ("name", organization.name.to_string()),
        ("slug", organization.slug.to_string()),
        ("blocked", blocked.join("\n")),
    ]);
    let paging = Paging::at("/settings", query, "sessions", "sessions");
    let sessions = engine.sessions_of(&signed.person.session).await?;
    let (sessions, session_pages) = paging.cut(&sessions, |session| session.id.uuid());
    page::send(&SettingsPage {
        shell: Shell::vendor(&signed.person, &signed.csrf, "settings", now).after(query),
        slug: organization.slug.to_string(),
        slug_may_change: engine.may_change_slug(&signed.access.also()?).await?,
        email: signed.person.member.email.to_string(),
        limits: organization.limits(now),
        may_write: signed.access.scopes().contains(Permission::WriteOrganization),
        may_delete: signed.access.scopes().contains(Permission::WriteOwners),
        may_try: organization.plan == keyward_domain::Plan::Free && organization.trial_started_at.is_none(),
        keys,
        earlier_lists: lists.into_iter().skip(1).collect(),
        policy: engine.artifact_policy(&signed.access.also::<ReadEntitlements>()?).await?,
        sessions,
        session_pages,
        own: signed.person.session.id,
        second: engine.authenticator(&signed.person).await?,
        form: form.map_or(filled.clone(), |form| form.over(filled)),
    })
}

async fn show(request: HttpRequest, signed: Signed<ReadOrganization>, engine: web::Data<Engine>) -> Page {
    page_of(&engine, &signed, None, request.query_string()).await
}

struct OrganizationForm {
    name: Name,
    slug: Option<Slug>,
}

impl Request for OrganizationForm {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, slug) = (fields.required("name"), fields.optional("slug"));
        Some(Self { name: name?, slug })
    }
}

async fn save(
    signed: Signed<WriteOrganization>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let lines = form.value("blocked").lines().map(str::trim).filter(|line| !line.is_empty());
    let blocked = lines.map(str::parse).collect::<Result<_, _>>().and_then(BlockList::new);
    let blocked = blocked.map_err(|fault| form.refuse("blocked", fault.message)).ok();
    if let (Some(OrganizationForm { name, slug }), Some(blocked)) =
        (form.read::<OrganizationForm>(&["name", "slug"]), blocked)
    {
        let change = OrganizationChange { name: Some(name), slug, blocked: Some(blocked) };
        match engine.update_organization(&signed.access, change, None).await {
            Ok(_) => return Ok(page::go("/settings?done=saved")),
            Err(error) => form.keep(error)?,
        }
    }
    page_of(&engine, &signed, Some(form), "").await
}

async fn start_trial(
    signed: Signed<WriteOrganization>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    match engine.start_trial(&signed.access, None).await {
        Ok(_) => Ok(page::go("/settings?done=trial")),
        Err(error) => {
            form.keep(error)?;
            page_of(&engine, &signed, Some(form), "").await
        }
    }
}

async fn artifact_policy(
    signed: Signed<WriteEntitlements>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    match form.value("policy").parse::<ArtifactPolicy>() {
        Ok(policy) => match engine.set_artifact_policy(&signed.access, policy).await {
            Ok(_) => return Ok(page::go("/settings?done=saved#artifacts")),
            Err(error) => form.keep(error)?,
        },
        Err(fault) => form.refuse("policy", fault.message),
    }
    page_of(&engine, &signed, Some(form), "").await
}

async fn new_key(signed: Signed<WriteSigningKeys>, Posted(form): Posted, engine: web::Data<Engine>) -> Page {
    engine.create_signing_key(&signed.access, NewSigningKey::default(), form.once()).await?;
    Ok(page::go("/settings?done=saved#keys"))
}

async fn ask_activate(signed: Signed<WriteSigningKeys>, id: Id<Kid>, engine: web::Data<Engine>) -> Page {
    let key = engine.signing_key(&signed.access.also::<ReadSigningKeys>()?, id.0).await?;
    let asked = Question {
        crumbs: crumbs([("Settings", "/settings".to_owned())]),
        title: "Sign with this key from now on?".to_owned(),
        effects: vec![
            format!("Tokens of licenses that are made or renewed from now on are signed by {}. Those that exist stay as they are.", key.kid),
            "The key that signs now goes on verifying, and signs no new license.".to_owned(),
            "Applications that fetch jwks.json or public-keys.pem know this key already. Those with keys built in refuse new tokens until they are given it.".to_owned(),
        ],
        action: format!("/settings/signing-keys/{}/activate", key.kid),
        button: "Activate".to_owned(),
        back: "/settings#keys".to_owned(),
        ..Question::default()
    };
    ask::send(Shell::vendor(&signed.person, &signed.csrf, "settings", engine.now()), asked, Form::EMPTY)
}

async fn activate(
    signed: Signed<WriteSigningKeys>,
    id: Id<Kid>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    engine.activate_signing_key(&signed.access, id.0, None).await?;
    Ok(page::go("/settings?done=activated#keys"))
}
