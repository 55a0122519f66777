//! Signing keys.

mod activate;
mod create;
mod list;
mod public_key;
mod revoke;
mod show;

use crate::routes::Routes;
use keyward_domain::{Kid, SigningKey, SigningKeyState, Timestamp};
use serde::Serialize;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create::create)
        .body::<create::CreateSigningKey>()
        .service(list::list)
        .service(show::show)
        .service(public_key::public_key)
        .service(activate::activate)
        .service(revoke::revoke);
}

/// An Ed25519 key of your organization; its secret half never leaves the server.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SigningKey)]
pub(crate) struct SigningKeyView {
    /// RFC 7638 thumbprint: the `kid` of tokens.
    #[schema(value_type = String, example = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")]
    kid: Kid,
    /// `pending` (published, does not sign yet), `active`, `retired` (still verifies) or `revoked`.
    #[schema(example = "active")]
    state: &'static str,
    /// Since when it is active, retired or revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<SigningKey> for SigningKeyView {
    fn from(key: SigningKey) -> Self {
        let state: SigningKeyState = key.state;
        Self { kid: key.kid, state: state.as_str(), since: state.since(), created_at: key.created_at }
    }
}
