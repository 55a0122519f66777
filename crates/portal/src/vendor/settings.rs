//! The organization, its plan and signing keys; one's own password and sessions.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{
    ReadEntitlements, ReadOrganization, ReadSigningKeys, WriteEntitlements, WriteOrganization,
    WriteSigningKeys,
};
use keyward_domain::plan::Limits;
use keyward_domain::registry::ArtifactPolicy;
use keyward_domain::{BlockList, Kid, Name, Permission, Session, SessionId, SigningKey};
use keyward_engine::{Engine, NewAuthenticator, NewSigningKey, OrganizationChange, Password};
use keyward_web::{Fields, Id, Request};

use crate::door::new_password;
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/settings", web::get().to(show))
        .route("/settings", web::post().to(save))
        .route("/settings/password", web::post().to(password))
        .route("/settings/authenticator", web::get().to(authenticator))
        .route("/settings/authenticator", web::post().to(confirm_authenticator))
        .route("/settings/authenticator/remove", web::post().to(remove_authenticator))
        .route("/settings/start-trial", web::post().to(start_trial))
        .route("/settings/artifact-policy", web::post().to(artifact_policy))
        .route("/settings/signing-keys", web::post().to(new_key))
        .route("/settings/signing-keys/{id}/activate", web::post().to(activate))
        .route("/settings/sessions/{id}/end", web::post().to(end_session));
}

#[derive(Template)]
#[template(path = "vendor/settings.html")]
struct SettingsPage {
    shell: Shell,
    slug: String,
    email: String,
    limits: Limits,
    may_write: bool,
    may_try: bool,
    keys: Vec<SigningKey>,
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
    let blocked: Vec<_> = organization.blocked.ranges().iter().map(ToString::to_string).collect();
    let filled = Form::filled([("name", organization.name.to_string()), ("blocked", blocked.join("\n"))]);
    let paging = Paging::at("/settings", query, "sessions", "sessions");
    let sessions = engine.own_sessions(&signed.visit.session).await?;
    let (sessions, session_pages) = paging.cut(&sessions, |session| session.id.uuid());
    page::send(&SettingsPage {
        shell: Shell::vendor(&signed.visit, &signed.csrf, "settings", now).after(query),
        slug: organization.slug.to_string(),
        email: signed.visit.member.email.to_string(),
        limits: organization.limits(now),
        may_write: signed.access.scopes().contains(Permission::WriteOrganization),
        may_try: organization.plan == keyward_domain::Plan::Free && organization.trial_started_at.is_none(),
        keys,
        policy: engine.artifact_policy(&signed.access.also::<ReadEntitlements>()?).await?,
        sessions,
        session_pages,
        own: signed.visit.session.id,
        second: engine.authenticator(&signed.visit).await?,
        form: form.map_or(filled.clone(), |form| form.over(filled)),
    })
}

async fn show(request: HttpRequest, signed: Signed<ReadOrganization>, engine: web::Data<Engine>) -> Page {
    page_of(&engine, &signed, None, request.query_string()).await
}

struct Told(Name);

impl Request for Told {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("name").map(Self)
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
    if let (Some(Told(name)), Some(blocked)) = (form.read::<Told>(&["name"]), blocked) {
        let change = OrganizationChange { name: Some(name), blocked: Some(blocked) };
        match engine.update_organization(&signed.access, change, None).await {
            Ok(_) => return Ok(page::go("/settings?done=saved")),
            Err(error) => form.keep(error)?,
        }
    }
    page_of(&engine, &signed, Some(form), "").await
}

async fn password(
    signed: Signed<ReadOrganization>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let old = Password::attempt(form.value("old"));
    if let Some(new) = new_password(&mut form) {
        if engine.change_password(&signed.visit, old, new).await? {
            return Ok(page::go("/settings?done=password"));
        }
        form.refuse("old", "is not your password");
    }
    page_of(&engine, &signed, Some(form.without(&["old", "password", "again"])), "").await
}

#[derive(Template)]
#[template(path = "vendor/authenticator.html")]
struct AuthenticatorPage {
    shell: Shell,
    secret: String,
    /// The address for the app, as a picture.
    picture: String,
    codes: Option<Vec<String>>,
    form: Form,
}

fn authenticator_page(
    engine: &Engine,
    signed: &Signed<ReadOrganization>,
    new: Option<&NewAuthenticator>,
    codes: Option<Vec<String>>,
    form: Form,
) -> Page {
    let picture = new.and_then(|new| qrcode::QrCode::new(new.uri.as_bytes()).ok());
    let picture =
        picture.map(|code| code.render::<qrcode::render::svg::Color<'_>>().min_dimensions(200, 200).build());
    // The declaration is of a file; within a page the picture begins with its element.
    let picture = picture.and_then(|svg| svg.find("<svg").map(|start| svg[start..].to_owned()));
    page::send(&AuthenticatorPage {
        shell: Shell::vendor(&signed.visit, &signed.csrf, "settings", engine.now()),
        secret: new.map(|new| new.secret.to_string()).unwrap_or_default(),
        picture: picture.unwrap_or_default(),
        codes,
        form,
    })
}

async fn authenticator(signed: Signed<ReadOrganization>, engine: web::Data<Engine>) -> Page {
    let new = engine.new_authenticator(&signed.visit);
    authenticator_page(&engine, &signed, Some(&new), None, Form::default())
}

async fn confirm_authenticator(
    signed: Signed<ReadOrganization>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let (secret, code) = (form.value("secret").to_owned(), form.value("code").replace(' ', ""));
    match engine.confirm_authenticator(&signed.visit, &secret, &code).await? {
        Some(codes) => authenticator_page(&engine, &signed, None, Some(codes), Form::default()),
        None => {
            form.refuse("code", "does not fit: is the clock of your device right?");
            let same = engine.authenticator_of(&signed.visit, &secret);
            authenticator_page(&engine, &signed, Some(&same), None, form.without(&["code"]))
        }
    }
}

async fn remove_authenticator(
    signed: Signed<ReadOrganization>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let password = Password::attempt(form.value("own"));
    if engine.remove_authenticator(&signed.visit, password).await? {
        return Ok(page::go("/settings?done=saved"));
    }
    form.refuse("own", "is not your password");
    page_of(&engine, &signed, Some(form.without(&["own"])), "").await
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

async fn new_key(signed: Signed<WriteSigningKeys>, _: Posted, engine: web::Data<Engine>) -> Page {
    engine.create_signing_key(&signed.access, NewSigningKey::default(), None).await?;
    Ok(page::go("/settings?done=saved#keys"))
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

async fn end_session(
    signed: Signed<ReadOrganization>,
    id: Id<SessionId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    engine.end_session(&signed.visit.session, id.0).await?;
    Ok(page::go("/settings?done=ended#sessions"))
}
