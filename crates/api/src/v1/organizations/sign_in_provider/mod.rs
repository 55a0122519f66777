//! The provider that vouches for an organization's members.

pub(crate) mod delete;
pub(crate) mod set;
pub(crate) mod show;

use keyward_domain::{ClientId, MailDomain, MailDomains, Provider, ProviderUrl, Timestamp};
use keyward_engine::Engine;
use keyward_web::Answer;
use serde::Serialize;

/// An OpenID provider, without the client secret, which is never shown.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SignInProvider)]
pub(crate) struct ProviderView {
    #[schema(value_type = String, example = "https://login.example.com/realms/acme")]
    issuer: ProviderUrl,
    #[schema(value_type = String, example = "keyward")]
    client_id: ClientId,
    /// The only domain whose addresses count; `null` for any.
    #[schema(value_type = Option<String>, example = "acme.example")]
    domain: Option<MailDomain>,
    /// The domains of whose addresses the provider need not say that it has verified them.
    #[schema(value_type = Vec<String>, max_items = 50, example = json!(["acme.example"]))]
    verified_domains: MailDomains,
    /// Whether passwords of members no longer count; those of owners do.
    exclusive: bool,
    /// Where the provider sends people back to: to be registered there.
    #[schema(example = "https://licenses.example/openid/return")]
    return_url: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
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
