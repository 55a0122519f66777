use actix_web::{post, web};
use keyward_domain::Name;
use keyward_domain::permission::WriteRegistries;
use keyward_domain::registry::{Host, RepositoryName, Upstream};
use keyward_engine::{Engine, NewCredential, NewRegistry};
use keyward_web::fields::Nested;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Problem, Request};

use super::{CredentialInput, RegistryView};

/// A registry to be created.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct CreateRegistry {
    #[schema(value_type = String, example = "Releases")]
    name: Name,
    /// What clients log in to, without a port; absent for a name below the domain of this server's registries.
    #[schema(value_type = Option<String>, example = "releases.registry.example.com")]
    host: Option<Host>,
    /// The registry behind it: scheme, host and port.
    #[schema(value_type = String, example = "http://127.0.0.1:5000")]
    upstream: Upstream,
    /// What every repository's name begins with in there; clients don't see it. Never changed.
    #[schema(value_type = Option<String>, example = "acme")]
    prefix: Option<RepositoryName>,
    /// Absent for `token`.
    credential: Option<CredentialInput>,
    /// How the upstream calls itself in its configuration (`auth.token.service`); absent for the host. Needed where
    /// registries share an upstream.
    #[schema(value_type = Option<String>)]
    service: Option<Host>,
    /// Whether clients may be sent on to where the upstream keeps its blobs. Such an address stays open for as long as
    /// the storage says, whatever becomes of the key. Absent for no.
    pass_redirects: Option<bool>,
    /// Whether clients may also go to the upstream itself, with tokens that are fetched at `/registry/token`. They open
    /// whole repositories, and live on for up to six minutes after a key is revoked. Absent for no.
    direct: Option<bool>,
}

impl Request for CreateRegistry {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, host) = (fields.required("name"), fields.optional("host"));
        let (upstream, prefix) = (fields.required("upstream"), fields.optional("prefix"));
        let credential: Option<Nested<CredentialInput>> = fields.optional("credential");
        let (pass_redirects, direct) = (fields.optional("pass_redirects"), fields.optional("direct"));
        let service = fields.optional("service");
        let credential = credential.map(|Nested(credential)| credential);
        Some(Self {
            name: name?,
            host,
            upstream: upstream?,
            prefix,
            credential,
            service,
            pass_redirects,
            direct,
        })
    }
}

/// Create a registry
///
/// It gets a key pair of its own. Give its certificate to the upstream before clients come.
#[utoipa::path(
    tag = "registries",
    operation_id = "create_registry",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = CreateRegistry,
    security(("management_token" = ["registries:write"])),
    responses((status = 201, body = RegistryView), Refused),
)]
#[post("/api/v1/registries")]
pub(crate) async fn create(
    command: Command<WriteRegistries, CreateRegistry>,
    engine: web::Data<Engine>,
) -> Result<Answer<RegistryView>, Problem> {
    let Command { access, body, once } = command;
    let new = NewRegistry {
        name: body.name,
        host: body.host,
        upstream: body.upstream,
        prefix: body.prefix,
        credential: body.credential.map_or(NewCredential::Token, Into::into),
        service: body.service,
        pass_redirects: body.pass_redirects.unwrap_or(false),
        direct: body.direct.unwrap_or(false),
    };
    let done = engine.create_registry(&access, new, once.as_ref()).await?;
    let (version, location) = (done.value.version, format!("/api/v1/registries/{}", done.value.id));
    Ok(Answer::created(location, done.value.into()).version(version).replayed(done.replayed))
}
