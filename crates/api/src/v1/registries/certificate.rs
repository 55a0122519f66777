use actix_web::{get, web};
use keyward_domain::RegistryId;
use keyward_domain::permission::ReadRegistries;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Id, Problem};
use serde::Serialize;

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
#[utoipa::path(
    tag = "registries",
    operation_id = "show_registry_certificate",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["registries:read"])),
    responses((status = 200, body = CertificateView), Refused),
)]
#[get("/api/v1/registries/{id}/certificate")]
pub(crate) async fn certificate(
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
