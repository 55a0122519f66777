//! What a provider is asked. It is a stranger's server: it is given little time and room, is not followed
//! elsewhere, and nothing of what it says is passed on.

use keyward_domain::{HttpUrl, OrganizationId, Provider, ProviderUrl};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::outbound::{Load, Plain, agent, bounds, hint};
use crate::{Engine, Error, Result};

/// Why a provider can't be worked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Not reached, or not in time, or a refusal, or no documents of a provider: which of it is in the log alone.
    #[error("does not answer as an OpenID provider")]
    NoAnswer,
    /// It calls itself something else.
    #[error("calls itself by another name: compare letter by letter, also the slash at the end")]
    OtherName,
    /// An address of its own is not safe to be asked.
    #[error("names an address without TLS")]
    UnsafeAddress,
    /// It can't do what is needed.
    #[error("does not offer the authorization code flow with PKCE (S256)")]
    NoCodeFlow,
}

/// How a provider describes itself, as far as it matters.
#[derive(Debug)]
pub(super) struct Description {
    /// Where people are sent.
    pub authorization: HttpUrl,
    /// Where the code is exchanged.
    pub token: HttpUrl,
    /// Its keys.
    pub keys: HttpUrl,
    /// What it knows of people.
    pub userinfo: Option<HttpUrl>,
    /// Whether the client secret goes into the form, as it does not take it in the header.
    pub secret_in_form: bool,
    /// Whether it names itself when it sends people back (RFC 9207).
    pub names_itself: bool,
}

#[derive(Deserialize)]
struct Described {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    response_types_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// What comes for a code.
#[derive(Deserialize)]
pub(super) struct Tokens {
    /// The statement about the person.
    pub id_token: Zeroizing<String>,
    /// For asking more of the person.
    pub access_token: Option<Zeroizing<String>>,
}

/// What is sent for the tokens.
pub(super) struct Exchange {
    pub code: String,
    pub verifier: Zeroizing<String>,
    pub return_url: String,
    pub client_id: String,
    pub client_secret: Zeroizing<String>,
}

impl Engine {
    /// The provider's description of itself.
    pub(super) async fn describe(
        &self,
        organization: OrganizationId,
        issuer: &ProviderUrl,
    ) -> Result<Description, WireError> {
        let issuer = issuer.clone();
        self.asking(organization, move |agent| {
            let described: Described = get(agent, &issuer.description(), None)?;
            Ok(describe(&issuer, described))
        })
        .await?
    }

    /// Gives the code back for tokens (RFC 6749, section 4.1.3; RFC 7636).
    pub(super) async fn exchange(
        &self,
        provider: &Provider,
        description: &Description,
        with: Exchange,
    ) -> Result<Tokens, WireError> {
        let (url, in_form) = (description.token.to_string(), description.secret_in_form);
        self.asking(provider.organization, move |agent| exchange(agent, &url, in_form, &with)).await
    }

    /// The provider's keys.
    pub(super) async fn provider_keys(
        &self,
        provider: &Provider,
        description: &Description,
    ) -> Result<Vec<Value>, WireError> {
        #[derive(Deserialize)]
        struct Keys {
            keys: Vec<Value>,
        }
        let url = description.keys.to_string();
        let found: Keys = self.asking(provider.organization, move |agent| get(agent, &url, None)).await?;
        let mut keys = found.keys;
        keys.truncate(bounds::PROVIDER_KEYS);
        Ok(keys)
    }

    /// What the provider tells of a person beyond the ID token.
    pub(super) async fn userinfo(
        &self,
        provider: &Provider,
        url: &HttpUrl,
        access_token: &Zeroizing<String>,
    ) -> Result<Value, WireError> {
        let (url, bearer) = (url.to_string(), Zeroizing::new(format!("Bearer {}", access_token.as_str())));
        self.asking(provider.organization, move |agent| get(agent, &url, Some(&bearer))).await
    }

    /// Asks something of an organization's provider, if not too much is asked of it already.
    async fn asking<T: Send + 'static>(
        &self,
        organization: OrganizationId,
        work: impl FnOnce(&ureq::Agent) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, WireError> {
        let load = (Load::Provider(organization), bounds::REQUESTS_OF_PROVIDER);
        let (guard, authorities) = (self.guard.clone(), self.authorities.clone());
        let asked = match self.in_flight.enter([load]) {
            None => Err(Fault::Busy),
            Some(slot) => {
                let work = tokio::task::spawn_blocking(move || {
                    let _slot = slot;
                    work(&agent(&guard, &authorities, bounds::PROVIDER, Plain::Anywhere))
                });
                work.await.unwrap_or(Err(Fault::Busy))
            }
        };
        asked.map_err(|why| {
            let why = why.to_string();
            let hint = hint(&why);
            tracing::warn!(%organization, why = format!("{why}{hint}"), "a sign-in provider gives no answer");
            WireError::NoAnswer
        })
    }
}

/// Why a provider gives no answer, for the operator's log.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("{0}")]
    Client(#[from] ureq::Error),
    #[error("it answers {0}")]
    Status(u16),
    #[error("its answer can't be read: {0}")]
    Form(#[from] serde_json::Error),
    #[error("too many requests to it are under way")]
    Busy,
}

fn describe(issuer: &ProviderUrl, told: Described) -> Result<Description, WireError> {
    if !issuer.is(&told.issuer) {
        return Err(WireError::OtherName);
    }
    let has = |list: &Option<Vec<String>>, wanted: &str| {
        list.as_ref().is_none_or(|list| list.iter().any(|one| one == wanted))
    };
    // Who says nothing of PKCE is not known to lack it.
    if !has(&told.response_types_supported, "code") || !has(&told.code_challenge_methods_supported, "S256") {
        return Err(WireError::NoCodeFlow);
    }
    let endpoint = |text: &str| issuer.endpoint(text).ok_or(WireError::UnsafeAddress);
    Ok(Description {
        authorization: endpoint(&told.authorization_endpoint)?,
        token: endpoint(&told.token_endpoint)?,
        keys: endpoint(&told.jwks_uri)?,
        userinfo: told.userinfo_endpoint.as_deref().map(endpoint).transpose()?,
        secret_in_form: !has(&told.token_endpoint_auth_methods_supported, "client_secret_basic"),
        names_itself: told.authorization_response_iss_parameter_supported,
    })
}

fn exchange(agent: &ureq::Agent, url: &str, in_form: bool, with: &Exchange) -> Result<Tokens, Fault> {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", with.code.as_str()),
        ("redirect_uri", with.return_url.as_str()),
        ("code_verifier", with.verifier.as_str()),
    ];
    let mut request = agent.post(url).header("accept", "application/json");
    if in_form {
        form.push(("client_id", with.client_id.as_str()));
        form.push(("client_secret", with.client_secret.as_str()));
    } else {
        request = request.header("authorization", basic(&with.client_id, &with.client_secret).as_str());
    }
    read(request.send_form(form)?)
}

fn get<T: serde::de::DeserializeOwned>(
    agent: &ureq::Agent,
    url: &str,
    bearer: Option<&str>,
) -> Result<T, Fault> {
    let mut request = agent.get(url).header("accept", "application/json");
    if let Some(bearer) = bearer {
        request = request.header("authorization", bearer);
    }
    read(request.call()?)
}

/// A redirect is no answer: what is asked for has its own address.
fn read<T: serde::de::DeserializeOwned>(mut answer: ureq::http::Response<ureq::Body>) -> Result<T, Fault> {
    if answer.status() != 200 {
        return Err(Fault::Status(answer.status().as_u16()));
    }
    let body = answer.body_mut().with_config().limit(bounds::PROVIDER_BYTES).read_to_vec();
    Ok(serde_json::from_slice(&Zeroizing::new(body?))?)
}

/// RFC 6749, section 2.3.1: both are form-encoded first.
fn basic(client_id: &str, client_secret: &str) -> Zeroizing<String> {
    use base64::Engine as _;
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = Zeroizing::new(format!("{}:{}", encode(client_id), encode(client_secret)));
    Zeroizing::new(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair.as_bytes())))
}

impl From<WireError> for Error {
    fn from(error: WireError) -> Self {
        Self::field("issuer", keyward_domain::Invalid::new("provider_unusable", error.to_string()))
    }
}
