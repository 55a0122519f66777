use actix_web::{put, web};
use keyward_domain::permission::WriteOwners;
use keyward_domain::{ClientId, MailDomain, MailDomains, OrganizationId, ProviderUrl};
use keyward_engine::{ClientSecret, ConfirmedCaller, Engine, NewProvider};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Id, IfMatch, Problem, Request};

use super::ProviderView;
use crate::v1::organizations::own;

/// The provider that is to vouch for your members.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct SetProvider {
    /// As the provider calls itself: `https://…`, without query or fragment.
    #[schema(value_type = String, example = "https://login.example.com/realms/acme")]
    issuer: ProviderUrl,
    #[schema(value_type = String, example = "keyward")]
    client_id: ClientId,
    /// Absent to keep the one that is set, for the same issuer.
    #[schema(value_type = Option<String>)]
    client_secret: Option<ClientSecret>,
    /// The only domain whose addresses count; absent for any.
    #[schema(value_type = Option<String>, example = "acme.example")]
    domain: Option<MailDomain>,
    /// The domains of whose addresses the provider need not say that it has verified them, for providers that never say
    /// it, such as Entra ID. Only domains whose addresses your organization hands out itself. None if absent.
    #[schema(value_type = Option<Vec<String>>, max_items = 50, example = json!(["acme.example"]))]
    verified_domains: MailDomains,
    /// Whether passwords of members no longer count; those of owners do. `false` if absent.
    #[schema(value_type = Option<bool>)]
    exclusive: bool,
}

impl Request for SetProvider {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (issuer, client_id) = (fields.required("issuer"), fields.required("client_id"));
        let (client_secret, domain) = (fields.optional("client_secret"), fields.optional("domain"));
        let verified_domains = fields.optional("verified_domains").unwrap_or_default();
        let exclusive = fields.optional("exclusive").unwrap_or(false);
        let (issuer, client_id) = (issuer?, client_id?);
        Some(Self { issuer, client_id, client_secret, domain, verified_domains, exclusive })
    }
}

/// Set your sign-in provider
///
/// Members then sign in at `/sign-in/{slug}`, known by their verified e-mail address. The provider is asked whether
/// it answers as one.
#[utoipa::path(
    tag = "organizations",
    operation_id = "set_sign_in_provider",
    params(("id" = String, Path, format = Uuid), ("If-Match" = Option<String>, Header)),
    request_body = SetProvider,
    security(("management_token" = ["owners:write"])),
    responses((status = 200, body = ProviderView), Refused),
)]
#[put("/api/v1/organizations/{id}/sign-in-provider")]
pub(crate) async fn set(
    command: Command<WriteOwners, SetProvider>,
    id: Id<OrganizationId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<ProviderView>, Problem> {
    let Command { access, body, .. } = command;
    own(access.scope(), id.0)?;
    let SetProvider { issuer, client_id, client_secret, domain, verified_domains, exclusive } = body;
    let new = NewProvider { issuer, client_id, client_secret, domain, verified_domains, exclusive };
    let caller = ConfirmedCaller::program(&access)?;
    let changed = engine.set_sign_in_provider(&access, caller, new, seen.0).await?;
    Ok(ProviderView::answer(changed.provider, &engine))
}
