//! Registry keys.

use actix_web::{HttpResponse, delete, get, patch, post, web};
use keyward_domain::permission::{ReadRegistries, WriteRegistries};
use keyward_domain::registry::{KeyAccess, RegistryKey, Rotation};
use keyward_domain::{Name, PageRequest, RegistryId, RegistryKeyId, Timestamp};
use keyward_engine::{Engine, NewRegistryKey, NewRegistrySecret};
use keyward_web::fields::Nothing;
use keyward_web::{Answer, Caller, Command, Id, Once, Overlap, Problem, Query, request};
use serde::Serialize;

use crate::routes::Routes;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create_registry_key)
        .body::<NewRegistryKey>()
        .service(list_registry_keys)
        .query::<KeyQuery>()
        .service(show_registry_key)
        .service(delete_registry_key)
        .service(update_registry_key)
        .body::<UpdateRegistryKey>()
        .service(rotate_registry_key)
        .body::<KeyRotation>()
        .service(reveal_registry_key);
}

/// How a registry key gets a new secret by itself.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Rotation)]
pub(crate) struct RotationView {
    /// How many days a secret lives.
    #[schema(minimum = 2, maximum = 365, example = 30)]
    every_days: u32,
    /// For how many days more the old secret works: fewer than `every_days`.
    #[schema(minimum = 1, maximum = 30, example = 7)]
    overlap_days: u32,
}

impl From<Rotation> for RotationView {
    fn from(rotation: Rotation) -> Self {
        Self { every_days: rotation.every_days(), overlap_days: rotation.overlap_days() }
    }
}

/// A registry key, without its secret.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = RegistryKey)]
pub(crate) struct RegistryKeyView {
    id: RegistryKeyId,
    /// The only registry it opens.
    registry_id: RegistryId,
    /// Example: "CI of the web team"
    name: Name,
    /// Who answers for it.
    /// Example: "Ada Lovelace"
    owner: Name,
    /// `read`, `read_write` or `read_write_delete`.
    /// Example: "read"
    access: KeyAccess,
    /// The first characters of the secret.
    #[schema(example = "kw_reg_2lFA6")]
    hint: String,
    rotation: Option<RotationView>,
    /// When it gets a new secret by itself.
    rotates_at: Option<Timestamp>,
    /// Until when `POST /registry/key` gives a new secret to whoever shows one that works.
    collectable_until: Option<Timestamp>,
    /// When that was first done.
    collected_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    /// When the secret was made: replace it every 90 days.
    rotated_at: Timestamp,
    /// Until when the secret before it works as well.
    previous_until: Option<Timestamp>,
    /// To the minute.
    last_used_at: Option<Timestamp>,
    last_used_from: Option<String>,
    last_used_by: Option<String>,
    created_at: Timestamp,
}

impl From<RegistryKey> for RegistryKeyView {
    fn from(key: RegistryKey) -> Self {
        let (rotates_at, collectable_until) = (key.rotates_at(), key.collectable_until());
        let (last_used_at, last_used_from, last_used_by) = match key.last_use {
            Some(used) => (Some(used.at), Some(used.address.ip().to_string()), Some(used.client)),
            None => (None, None, None),
        };
        Self {
            id: key.id,
            registry_id: key.registry,
            name: key.name,
            owner: key.owner,
            access: key.access,
            rotates_at,
            collectable_until,
            collected_at: key.handover.as_ref().and_then(|handover| handover.progress.collected_at()),
            rotation: key.rotation.map(RotationView::from),
            hint: key.secret.hint,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            rotated_at: key.secret.created_at,
            previous_until: key.secret.previous.map(|previous| previous.until),
            last_used_at,
            last_used_from,
            last_used_by,
            created_at: key.created_at,
        }
    }
}

/// A registry key with its secret.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = RegistryKeyWithSecret)]
pub(crate) struct SecretView {
    #[serde(flatten)]
    key: RegistryKeyView,
    /// Shown this once and kept nowhere: store it now. It is password and, if you like, user name as well.
    #[schema(example = "kw_reg_…")]
    secret: String,
}

impl From<NewRegistrySecret> for SecretView {
    fn from(made: NewRegistrySecret) -> Self {
        Self { secret: made.secret.expose().to_owned(), key: made.key.into() }
    }
}

/// Create a registry key
///
/// The secret is in this answer and in no other.
#[utoipa::path(params(Once), responses((status = 201, body = SecretView)))]
#[post("/api/v1/registry-keys")]
pub(crate) async fn create_registry_key(
    command: Command<WriteRegistries, NewRegistryKey>,
    engine: web::Data<Engine>,
) -> Result<Answer<SecretView>, Problem> {
    let Command { access, body, once } = command;
    let made = engine.create_registry_key(&access, body, once.as_ref()).await?;
    let location = format!("/api/v1/registry-keys/{}", made.key.id);
    Ok(Answer::created(location, made.into()))
}

/// Which keys are wanted.
#[derive(Debug)]
pub(crate) struct KeyQuery {
    registry_id: Option<RegistryId>,
    page: PageRequest,
}

request! {
    for KeyQuery {
        /// Of this registry only.
        registry_id: optional,
        ..page: PageRequest,
    }
}

/// List registry keys, the revoked ones too
#[utoipa::path(responses((status = 200, body = PageView<RegistryKeyView>)))]
#[get("/api/v1/registry-keys")]
pub(crate) async fn list_registry_keys(
    caller: Caller<ReadRegistries>,
    query: Query<KeyQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<RegistryKeyView>>, Problem> {
    let keys = engine.registry_keys(&caller, query.0.registry_id, query.0.page).await?;
    Ok(Answer::ok(PageView::of(keys, RegistryKeyView::from)))
}

/// Show a registry key
#[utoipa::path(responses((status = 200, body = RegistryKeyView)))]
#[get("/api/v1/registry-keys/{id}")]
pub(crate) async fn show_registry_key(
    caller: Caller<ReadRegistries>,
    id: Id<RegistryKeyId>,
    engine: web::Data<Engine>,
) -> Result<Answer<RegistryKeyView>, Problem> {
    Ok(Answer::ok(engine.registry_key(&caller, id.0).await?.into()))
}

/// What is to be changed of a registry key; what is absent stays.
#[derive(Debug)]
pub(crate) struct UpdateRegistryKey {
    rotation: Option<Option<Rotation>>,
}

request! {
    /// What is to be changed of a registry key; what is absent stays.
    "UpdateRegistryKey" for UpdateRegistryKey {
        /// How it gets a new secret by itself; `null` for not at all.
        rotation: patch,
    }
}

/// Change how a registry key rotates by itself
///
/// Part of Enterprise, but to turn it off. A secret that is older than `every_days` is replaced within a minute. The
/// machine that uses the key collects the new secret by `POST /registry/key`, with the old one as the password of
/// `Authorization: Basic`, as long as that works.
#[utoipa::path(responses((status = 200, body = RegistryKeyView)))]
#[patch("/api/v1/registry-keys/{id}")]
pub(crate) async fn update_registry_key(
    command: Command<WriteRegistries, UpdateRegistryKey>,
    id: Id<RegistryKeyId>,
    engine: web::Data<Engine>,
) -> Result<Answer<RegistryKeyView>, Problem> {
    let Command { access, body, .. } = command;
    let key = match body.rotation {
        Some(rotation) => engine.set_registry_key_rotation(&access, id.0, rotation).await?,
        None => engine.unchanged_registry_key(&access, id.0).await?,
    };
    Ok(Answer::ok(key.into()))
}

/// Revoke a registry key
///
/// It is dead at the next request, for ever; it stays in the list with `revoked_at`.
#[utoipa::path(responses((status = 204, description = "Revoked")))]
#[delete("/api/v1/registry-keys/{id}")]
pub(crate) async fn delete_registry_key(
    caller: Caller<WriteRegistries>,
    id: Id<RegistryKeyId>,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.revoke_registry_key(&caller, id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Show the new secret of a registry key that was rotated by itself
///
/// Instead of the machine that would collect it. From then on it is kept nowhere.
#[utoipa::path(responses((status = 200, body = SecretView)))]
#[post("/api/v1/registry-keys/{id}/reveal")]
pub(crate) async fn reveal_registry_key(
    command: Command<WriteRegistries, Nothing>,
    id: Id<RegistryKeyId>,
    engine: web::Data<Engine>,
) -> Result<Answer<SecretView>, Problem> {
    Ok(Answer::ok(engine.reveal_registry_key(&command.access, id.0).await?.into()))
}

/// How the rotation of a registry key goes.
#[derive(Debug)]
pub(crate) struct KeyRotation {
    renew: bool,
    overlap: Overlap,
}

request! {
    /// How the rotation of a registry key goes.
    "KeyRotation" for KeyRotation {
        /// Whether the key is given the same lifetime anew, from now on. Absent or `false`: it ends when it would have.
        renew: or_default,
        ..overlap: Overlap,
    }
}

/// Give a registry key a new secret
///
/// The old secret is refused from the very next request on, unless an overlap is asked for.
#[utoipa::path(params(Once), responses((status = 200, body = SecretView)))]
#[post("/api/v1/registry-keys/{id}/rotate")]
pub(crate) async fn rotate_registry_key(
    command: Command<WriteRegistries, KeyRotation>,
    id: Id<RegistryKeyId>,
    engine: web::Data<Engine>,
) -> Result<Answer<SecretView>, Problem> {
    let Command { access, body, once } = command;
    let KeyRotation { renew, overlap } = body;
    let made = engine.rotate_registry_key(&access, id.0, overlap.seconds, renew, once.as_ref()).await?;
    Ok(Answer::ok(made.into()))
}
