//! Registries.

mod certificate;
mod create;
mod delete;
mod events;
mod list;
mod notifications;
mod show;
mod sweep;
mod update;

use crate::routes::Routes;
use crate::v1::page::PageQuery;
use keyward_domain::registry::{Credential, Host, Registry, RepositoryName, Upstream};
use keyward_domain::{Name, RegistryId, Timestamp};
use keyward_engine::NewCredential;
use keyward_web::{Answer, Fields, Request};
use serde::Serialize;
use serde_json::json;
use zeroize::Zeroizing;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create::create)
        .body::<create::CreateRegistry>()
        .service(list::list)
        .query::<PageQuery>("list_registries")
        .service(events::events)
        .query::<events::EventQuery>("list_registry_events")
        .service(show::show)
        .service(update::update)
        .body::<update::UpdateRegistry>()
        .service(delete::delete)
        .service(certificate::certificate)
        .service(sweep::sweep);
    notifications::routes(routes);
}

/// A host that container clients talk to, in front of a registry that you run.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Registry)]
pub(crate) struct RegistryView {
    #[schema(value_type = String, format = Uuid)]
    id: RegistryId,
    #[schema(value_type = String, example = "Releases")]
    name: Name,
    /// What clients log in to.
    #[schema(value_type = String, example = "releases.registry.example.com")]
    host: Host,
    /// The registry behind it.
    #[schema(value_type = String, example = "http://127.0.0.1:5000")]
    upstream: Upstream,
    /// What every repository's name begins with in the upstream, where several share it.
    #[schema(value_type = Option<String>)]
    prefix: Option<RepositoryName>,
    credential: CredentialView,
    /// How the upstream calls itself in its configuration (`auth.token.service`).
    #[schema(value_type = String)]
    service: Host,
    /// Whether clients may be sent on to where the upstream keeps its blobs.
    pass_redirects: bool,
    /// Whether clients may also go to the upstream itself, with tokens that are fetched at `/registry/token`.
    direct: bool,
    /// When it was last begun to look at all of it; `null` if that is still to come.
    #[schema(value_type = Option<String>, format = DateTime)]
    swept_at: Option<Timestamp>,
    /// Why the last look came to nothing; `null` if it did not.
    #[schema(example = "401 Unauthorized")]
    sweep_fault: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    version: i64,
}

/// How the upstream knows the gateway; a password is never shown.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = UpstreamCredential)]
pub(crate) struct CredentialView {
    /// `token`, `basic` or `none`.
    #[schema(example = "token")]
    kind: &'static str,
    #[schema(value_type = Option<String>)]
    user: Option<Name>,
}

impl From<Registry> for RegistryView {
    fn from(registry: Registry) -> Self {
        let kind = registry.credential.as_str();
        let user = match registry.credential {
            Credential::Basic { user, .. } => Some(user),
            Credential::Token | Credential::None => None,
        };
        Self {
            id: registry.id,
            name: registry.name,
            host: registry.host,
            upstream: registry.upstream,
            prefix: registry.prefix,
            credential: CredentialView { kind, user },
            service: registry.service,
            pass_redirects: registry.pass_redirects,
            direct: registry.direct,
            swept_at: registry.swept_at,
            sweep_fault: registry.sweep_fault,
            created_at: registry.created_at,
            updated_at: registry.updated_at,
            version: registry.version,
        }
    }
}

impl RegistryView {
    fn answer(registry: Registry) -> Answer<Self> {
        let version = registry.version;
        Answer::ok(registry.into()).version(version)
    }
}

/// How the upstream is to know the gateway.
#[derive(Debug, Clone, utoipa::ToSchema)]
pub(crate) struct CredentialInput {
    /// `token` (the default): a token for each request, signed by the registry's own key, which the upstream checks by
    /// the registry's certificate. `basic`: user name and password. `none`: for an upstream on the same machine.
    #[schema(example = "basic")]
    kind: &'static str,
    /// For `basic`.
    #[schema(value_type = Option<String>)]
    user: Option<Name>,
    /// For `basic`.
    password: Option<String>,
}

impl Request for CredentialInput {
    fn read(fields: &mut Fields) -> Option<Self> {
        let kind = fields.required_one_of("kind", "unknown_kind", &["token", "basic", "none"]);
        let (user, password) = (fields.optional("user"), fields.optional::<String>("password"));
        for name in ["user", "password"] {
            match kind {
                Some("basic") if !fields.is_given(name) => fields.missing(name, "is required with basic"),
                Some("token" | "none") if fields.is_given(name) => {
                    fields.fault(name, keyward_domain::Invalid::new("not_used", "is for basic alone"));
                }
                _ => {}
            }
        }
        fields.relation(json!({
            "if": {"properties": {"kind": {"const": "basic"}}},
            "then": {"required": ["user", "password"], "properties": {"user": {"type": "string"}, "password": {"type": "string"}}},
            "else": {"properties": {"user": {"type": "null"}, "password": {"type": "null"}}},
        }));
        Some(Self { kind: kind?, user, password })
    }
}

impl From<CredentialInput> for NewCredential {
    fn from(input: CredentialInput) -> Self {
        match (input.kind, input.user, input.password) {
            ("basic", Some(user), Some(password)) => Self::Basic { user, password: Zeroizing::new(password) },
            ("none", ..) => Self::None,
            _ => Self::Token,
        }
    }
}
