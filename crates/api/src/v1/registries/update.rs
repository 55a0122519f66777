use actix_web::{patch, web};
use keyward_domain::permission::WriteRegistries;
use keyward_domain::registry::{Host, Upstream};
use keyward_domain::{Name, RegistryId};
use keyward_engine::{Engine, RegistryChange};
use keyward_web::fields::Nested;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Id, IfMatch, Problem, Request};

use super::{CredentialInput, RegistryView};

/// What is to be changed; what is absent stays.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct UpdateRegistry {
    #[schema(value_type = Option<String>)]
    name: Option<Name>,
    /// What clients log in to from now on.
    #[schema(value_type = Option<String>)]
    host: Option<Host>,
    /// Another registry behind it. Its content is looked at anew.
    #[schema(value_type = Option<String>)]
    upstream: Option<Upstream>,
    credential: Option<CredentialInput>,
    /// How the upstream calls itself in its configuration (`auth.token.service`); absent for as it was. Needed where
    /// registries share an upstream.
    #[schema(value_type = Option<String>)]
    service: Option<Host>,
    pass_redirects: Option<bool>,
    direct: Option<bool>,
}

impl Request for UpdateRegistry {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.immutable(&["prefix"]);
        let (name, host, upstream) =
            (fields.optional("name"), fields.optional("host"), fields.optional("upstream"));
        let credential: Option<Nested<CredentialInput>> = fields.optional("credential");
        let (pass_redirects, direct) = (fields.optional("pass_redirects"), fields.optional("direct"));
        let service = fields.optional("service");
        Some(Self {
            name,
            host,
            upstream,
            credential: credential.map(|Nested(credential)| credential),
            service,
            pass_redirects,
            direct,
        })
    }
}

/// Change a registry
#[utoipa::path(
    tag = "registries",
    operation_id = "update_registry",
    params(("id" = String, Path, format = Uuid), ("If-Match" = Option<String>, Header)),
    request_body = UpdateRegistry,
    security(("management_token" = ["registries:write"])),
    responses((status = 200, body = RegistryView), Refused),
)]
#[patch("/api/v1/registries/{id}")]
pub(crate) async fn update(
    command: Command<WriteRegistries, UpdateRegistry>,
    id: Id<RegistryId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<RegistryView>, Problem> {
    let Command { access, body, .. } = command;
    let change = RegistryChange {
        name: body.name,
        host: body.host,
        upstream: body.upstream,
        credential: body.credential.map(Into::into),
        service: body.service,
        pass_redirects: body.pass_redirects,
        direct: body.direct,
    };
    Ok(RegistryView::answer(engine.update_registry(&access, id.0, change, seen.0).await?))
}
