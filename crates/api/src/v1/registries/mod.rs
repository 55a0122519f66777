//! Registries.

mod events;
mod notifications;

use actix_web::{HttpResponse, delete, get, patch, post, web};
use keyward_domain::permission::{ReadRegistries, WriteRegistries};
use keyward_domain::registry::{Credential, Host, Registry, RepositoryName, Upstream};
use keyward_domain::{Name, PageRequest, RegistryId, Timestamp};
use keyward_engine::{Engine, NewRegistry, RegistryChange};
use keyward_web::fields::Nothing;
use keyward_web::{Answer, Caller, Command, Id, IfMatch, Once, Problem, Query};
use serde::Serialize;

use crate::routes::Routes;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create_registry)
        .body::<NewRegistry>()
        .service(list_registries)
        .query::<PageRequest>()
        .service(events::list_registry_events)
        .query::<events::EventQuery>()
        .service(show_registry)
        .service(update_registry)
        .body::<RegistryChange>()
        .service(delete_registry)
        .service(show_registry_certificate)
        .service(sweep_registry);
    notifications::routes(routes);
}

/// A host that container clients talk to, in front of a registry that you run.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Registry)]
pub(crate) struct RegistryView {
    id: RegistryId,
    /// Example: "Releases"
    name: Name,
    /// What clients log in to.
    /// Example: "releases.registry.example.com"
    host: Host,
    /// The registry behind it.
    /// Example: "http://127.0.0.1:5000"
    upstream: Upstream,
    /// What every repository's name begins with in the upstream, where several share it.
    prefix: Option<RepositoryName>,
    credential: CredentialView,
    /// How the upstream calls itself in its configuration (`auth.token.service`).
    service: Host,
    /// Whether clients may be sent on to where the upstream keeps its blobs.
    pass_redirects: bool,
    /// Whether clients may also go to the upstream itself, with tokens that are fetched at `/registry/token`.
    direct: bool,
    /// When it was last begun to look at all of it; `null` if that is still to come.
    swept_at: Option<Timestamp>,
    /// Why the last look came to nothing; `null` if it did not.
    #[schema(example = "401 Unauthorized")]
    sweep_fault: Option<String>,
    created_at: Timestamp,
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

/// Create a registry
///
/// It gets a key pair of its own. Give its certificate to the upstream before clients come.
#[utoipa::path(params(Once), responses((status = 201, body = RegistryView)))]
#[post("/api/v1/registries")]
pub(crate) async fn create_registry(
    command: Command<WriteRegistries, NewRegistry>,
    engine: web::Data<Engine>,
) -> Result<Answer<RegistryView>, Problem> {
    let Command { access, body, once } = command;
    let done = engine.create_registry(&access, body, once.as_ref()).await?;
    Ok(Answer::made(format!("/api/v1/registries/{}", done.value.id), done))
}

/// List registries
#[utoipa::path(responses((status = 200, body = PageView<RegistryView>)))]
#[get("/api/v1/registries")]
pub(crate) async fn list_registries(
    caller: Caller<ReadRegistries>,
    page: Query<PageRequest>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<RegistryView>>, Problem> {
    let registries = engine.registries(&caller, page.0).await?;
    Ok(Answer::ok(PageView::of(registries, RegistryView::from)))
}

/// Show a registry
#[utoipa::path(responses((status = 200, body = RegistryView)))]
#[get("/api/v1/registries/{id}")]
pub(crate) async fn show_registry(
    caller: Caller<ReadRegistries>,
    id: Id<RegistryId>,
    engine: web::Data<Engine>,
) -> Result<Answer<RegistryView>, Problem> {
    Ok(Answer::of(engine.registry(&caller, id.0).await?))
}

/// Change a registry
#[utoipa::path(params(IfMatch), responses((status = 200, body = RegistryView)))]
#[patch("/api/v1/registries/{id}")]
pub(crate) async fn update_registry(
    command: Command<WriteRegistries, RegistryChange>,
    id: Id<RegistryId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<RegistryView>, Problem> {
    let Command { access, body, .. } = command;
    Ok(Answer::of(engine.update_registry(&access, id.0, body, seen.0).await?))
}

/// Remove a registry
///
/// Its keys are dead from the next request on. What is in the upstream stays there.
#[utoipa::path(params(IfMatch), responses((status = 204, description = "Removed")))]
#[delete("/api/v1/registries/{id}")]
pub(crate) async fn delete_registry(
    caller: Caller<WriteRegistries>,
    id: Id<RegistryId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.delete_registry(&caller, id.0, seen.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What the upstream needs to take the gateway's tokens.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = RegistryCertificate)]
pub(crate) struct CertificateView {
    /// The certificate, PEM: the file that `rootcertbundle` names.
    certificate: String,
    /// What the configuration of a CNCF distribution registry must say, YAML.
    configuration: String,
}

/// Show what the upstream needs to trust a registry
#[utoipa::path(responses((status = 200, body = CertificateView)))]
#[get("/api/v1/registries/{id}/certificate")]
pub(crate) async fn show_registry_certificate(
    caller: Caller<ReadRegistries>,
    id: Id<RegistryId>,
    engine: web::Data<Engine>,
) -> Result<Answer<CertificateView>, Problem> {
    let registry = engine.registry(&caller, id.0).await?;
    Ok(Answer::ok(CertificateView {
        certificate: engine.registry_certificate(&registry),
        configuration: engine.upstream_configuration(&registry),
    }))
}

/// Look at all of a registry soon
///
/// For what was pushed or deleted past the gateway; done every hour by itself. `swept_at` is `null` until it is done.
#[utoipa::path(responses((status = 200, body = RegistryView)))]
#[post("/api/v1/registries/{id}/sweep")]
pub(crate) async fn sweep_registry(
    command: Command<WriteRegistries, Nothing>,
    id: Id<RegistryId>,
    engine: web::Data<Engine>,
) -> Result<Answer<RegistryView>, Problem> {
    Ok(Answer::of(engine.sweep_registry(&command.access, id.0).await?))
}
