//! The provider that vouches for an organization's members.

use actix_web::{HttpResponse, delete, get, put, web};
use keyward_domain::permission::{ReadOrganization, WriteOwners};
use keyward_domain::{ClientId, MailDomain, MailDomains, OrganizationId, Provider, ProviderUrl, Timestamp};
use keyward_engine::{ConfirmedCaller, Engine, NewProvider};
use keyward_web::{Answer, Caller, Code, Command, Id, IfMatch, Problem};
use serde::Serialize;

use crate::v1::organizations::own;

/// An OpenID provider, without the client secret, which is never shown.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SignInProvider)]
pub(crate) struct ProviderView {
    /// Example: "https://login.example.com/realms/acme"
    issuer: ProviderUrl,
    /// Example: "keyward"
    client_id: ClientId,
    /// The only domain whose addresses count; `null` for any.
    /// Example: "acme.example"
    domain: Option<MailDomain>,
    /// The domains of whose addresses the provider need not say that it has verified them.
    /// Example: ["acme.example"]
    /// At most: 50
    verified_domains: MailDomains,
    /// Whether passwords of members no longer count; those of owners do.
    exclusive: bool,
    /// Where the provider sends people back to: to be registered there.
    #[schema(example = "https://licenses.example/openid/return")]
    return_url: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: i64,
}

impl ProviderView {
    fn answer(provider: Provider, engine: &Engine) -> Answer<Self> {
        let version = provider.version;
        Answer::ok(Self {
            issuer: provider.issuer,
            client_id: provider.client_id,
            domain: provider.domain,
            verified_domains: provider.verified_domains,
            exclusive: provider.exclusive,
            return_url: engine.provider_return_url(),
            created_at: provider.created_at,
            updated_at: provider.updated_at,
            version,
        })
        .version(version)
    }
}

/// Show your sign-in provider
#[utoipa::path(responses((status = 200, body = ProviderView)))]
#[get("/api/v1/organizations/{id}/sign-in-provider")]
pub(crate) async fn show_sign_in_provider(
    caller: Caller<ReadOrganization>,
    id: Id<OrganizationId>,
    engine: web::Data<Engine>,
) -> Result<Answer<ProviderView>, Problem> {
    own(caller.scope(), id.0)?;
    let provider = engine.sign_in_provider(&caller).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(ProviderView::answer(provider, &engine))
}

/// Remove your sign-in provider
///
/// Passwords count again.
#[utoipa::path(
    params(IfMatch),
    security(("management_token" = ["owners:write"])),
    responses((status = 204, description = "Removed")),
)]
#[delete("/api/v1/organizations/{id}/sign-in-provider")]
pub(crate) async fn delete_sign_in_provider(
    caller: Caller<WriteOwners>,
    id: Id<OrganizationId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    own(caller.scope(), id.0)?;
    engine.remove_sign_in_provider(&caller, ConfirmedCaller::program(&caller)?, seen.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Set your sign-in provider
///
/// Members then sign in at `/sign-in/{slug}`, known by their verified e-mail address. The provider is asked whether
/// it answers as one.
#[utoipa::path(
    params(IfMatch),
    security(("management_token" = ["owners:write"])),
    responses((status = 200, body = ProviderView)),
)]
#[put("/api/v1/organizations/{id}/sign-in-provider")]
pub(crate) async fn set_sign_in_provider(
    command: Command<WriteOwners, NewProvider>,
    id: Id<OrganizationId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<ProviderView>, Problem> {
    let Command { access, body, .. } = command;
    own(access.scope(), id.0)?;
    let caller = ConfirmedCaller::program(&access)?;
    let changed = engine.set_sign_in_provider(&access, caller, body, seen.0).await?;
    Ok(ProviderView::answer(changed.provider, &engine))
}
