//! Registry keys.

mod create;
mod delete;
mod list;
mod reveal;
mod rotate;
mod show;
mod update;

use crate::routes::Routes;
use keyward_domain::registry::{KeyAccess, RegistryKey, Rotation};
use keyward_domain::{Name, RegistryId, RegistryKeyId, Timestamp};
use keyward_engine::NewRegistrySecret;
use serde::Serialize;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create::create)
        .body::<create::CreateRegistryKey>()
        .service(list::list)
        .query::<list::KeyQuery>("list_registry_keys")
        .service(show::show)
        .service(delete::delete)
        .service(update::update)
        .body::<update::UpdateRegistryKey>()
        .service(rotate::rotate)
        .body::<rotate::KeyRotation>()
        .service(reveal::reveal);
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
    #[schema(value_type = String, format = Uuid)]
    id: RegistryKeyId,
    /// The only registry it opens.
    #[schema(value_type = String, format = Uuid)]
    registry_id: RegistryId,
    #[schema(value_type = String, example = "CI of the web team")]
    name: Name,
    /// Who answers for it.
    #[schema(value_type = String, example = "Ada Lovelace")]
    owner: Name,
    /// `read`, `read_write` or `read_write_delete`.
    #[schema(value_type = String, example = "read")]
    access: KeyAccess,
    /// The first characters of the secret.
    #[schema(example = "kw_reg_2lFA6")]
    hint: String,
    rotation: Option<RotationView>,
    /// When it gets a new secret by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    rotates_at: Option<Timestamp>,
    /// Until when `POST /registry/key` gives a new secret to whoever shows one that works.
    #[schema(value_type = Option<String>, format = DateTime)]
    collectable_until: Option<Timestamp>,
    /// When that was first done.
    #[schema(value_type = Option<String>, format = DateTime)]
    collected_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    /// When the secret was made: replace it every 90 days.
    #[schema(value_type = String, format = DateTime)]
    rotated_at: Timestamp,
    /// Until when the secret before it works as well.
    #[schema(value_type = Option<String>, format = DateTime)]
    previous_until: Option<Timestamp>,
    /// To the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    last_used_from: Option<String>,
    last_used_by: Option<String>,
    #[schema(value_type = String, format = DateTime)]
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
