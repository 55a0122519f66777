//! The token endpoint (CNCF distribution's token authentication): for registries whose clients may also go to the
//! upstream itself.
//!
//! A token opens whole repositories, so a customer gets one only for those of which everything is theirs. It lives for
//! five minutes, to which the upstream adds one; revoking the key does not end it sooner. No refresh token is ever
//! given, so every fetch shows the key again.

use actix_web::http::StatusCode;
use actix_web::web;
use actix_web::{HttpRequest, HttpResponse};
use keyward_domain::admission::{Principal, Rights};
use keyward_domain::registry::{Decision, Host, Operation, Registry, RepositoryName};
use keyward_engine::{AccessEvent, Engine, Presented, Scope};
use keyward_web::{Body, ClientAddress};
use serde_json::json;
use zeroize::Zeroizing;

use crate::credentials;
use crate::gateway::{WrongKeys, user_agent};
use crate::refusal::Refusal;
use crate::refusals::Refusals;

/// How long a token is good for.
const SECONDS: i64 = 5 * 60;

/// The most repositories of one token.
const MOST_SCOPES: usize = 100;

/// The most bytes of a form.
const MOST_FORM: usize = 16 * 1024;

/// The most characters of the actions that are written down.
const MOST_ACTIONS: usize = 100;

/// What is asked for.
#[derive(Default)]
struct TokenRequest {
    service: Option<String>,
    scopes: Vec<String>,
    grant_type: Option<String>,
    password: Option<Zeroizing<String>>,
}

impl TokenRequest {
    /// From a query or a form. Scopes come as several parameters, or in one with spaces between.
    fn parse(text: &[u8]) -> Self {
        let mut wanted = Self::default();
        for (name, value) in url::form_urlencoded::parse(text) {
            match &*name {
                "service" => wanted.service = Some(value.into_owned()),
                "scope" => wanted.scopes.extend(value.split_whitespace().map(str::to_owned)),
                "grant_type" => wanted.grant_type = Some(value.into_owned()),
                "password" => wanted.password = Some(credentials::secret(&value)),
                _ => {}
            }
        }
        wanted.scopes.sort_unstable();
        wanted.scopes.dedup();
        wanted.scopes.truncate(MOST_SCOPES);
        wanted
    }
}

pub(crate) async fn get(
    request: HttpRequest,
    engine: web::Data<Engine>,
    wrong_keys: web::Data<WrongKeys>,
    refusals: web::Data<Refusals>,
    address: ClientAddress,
) -> Result<HttpResponse, Refusal> {
    let wanted = TokenRequest { password: None, ..TokenRequest::parse(request.query_string().as_bytes()) };
    token(&request, wanted, &engine, (&wrong_keys, &refusals), address).await
}

pub(crate) async fn post(
    request: HttpRequest,
    body: Body<MOST_FORM>,
    engine: web::Data<Engine>,
    wrong_keys: web::Data<WrongKeys>,
    refusals: web::Data<Refusals>,
    address: ClientAddress,
) -> Result<HttpResponse, Refusal> {
    let form =
        body.read().await.map_err(|fault| Refusal::unread(fault, "UNSUPPORTED", "the form is too large"))?;
    let wanted = TokenRequest::parse(&form);
    if wanted.grant_type.as_deref() != Some("password") {
        let why =
            json!({"error": "unsupported_grant_type", "error_description": "the grant type is password"});
        return Ok(HttpResponse::BadRequest().json(why));
    }
    token(&request, wanted, &engine, (&wrong_keys, &refusals), address).await
}

async fn token(
    request: &HttpRequest,
    wanted: TokenRequest,
    engine: &Engine,
    (wrong_keys, refusals): (&WrongKeys, &Refusals),
    address: ClientAddress,
) -> Result<HttpResponse, Refusal> {
    let unknown = || Refusal::not_found("NAME_UNKNOWN", "there is no such service here");
    let service: Host =
        wanted.service.as_deref().and_then(|service| service.parse().ok()).ok_or_else(unknown)?;
    let given = wanted.password.or_else(|| credentials::password(request.headers()));
    let given = given.as_deref().map(String::as_str);
    let bearer = given.map(|password| refusals.meet(&service, password, engine.now())).transpose()?;
    let client = user_agent(request);
    let presented = Presented { password: given, address: address.0, client };
    let (registry, principal) = engine.admit_direct(&service, presented).await?.ok_or_else(unknown)?;
    let Some(principal) = principal else {
        let wrong = Refusal::unauthorized(&registry.host);
        return Err(if given.is_some() { wrong_keys.refusal(engine, address, wrong) } else { wrong });
    };
    // The token is for whoever sent the client here, by the name that it calls itself.
    let registry = Registry { service, ..registry };
    let mut granted = Vec::new();
    for scope in &wanted.scopes {
        let given = grant(engine, &registry, &principal, scope).await?;
        if let Some(access_event) =
            access_event(&registry, &principal, scope, given.as_ref(), address, client)
        {
            engine.record_access(&registry, access_event);
        }
        granted.extend(given);
    }
    match bearer {
        Some(bearer) if !granted.is_empty() => refusals.forget(bearer),
        Some(bearer) if !wanted.scopes.is_empty() => {
            let nothing = Refusal::denied("nothing of what was asked for is included");
            refusals.count(bearer, &nothing, engine.now());
        }
        Some(_) | None => {}
    }
    let scopes: Vec<_> = granted
        .iter()
        .map(|(kind, name, actions)| Scope { kind, name: name.as_str(), actions: actions.as_slice() })
        .collect();
    let token = engine.upstream_token(&registry, &principal.holder.to_string(), &scopes, SECONDS)?;
    let body = json!({
        "token": *token, "access_token": *token, "expires_in": SECONDS, "issued_at": engine.now(),
    });
    Ok(HttpResponse::build(StatusCode::OK).json(body))
}

type Granted = (&'static str, String, Vec<&'static str>);

/// What of a scope (`repository:acme/app:pull,push`) a principal may have: less than is asked for is no error.
async fn grant(
    engine: &Engine,
    registry: &Registry,
    principal: &Principal,
    scope: &str,
) -> Result<Option<Granted>, Refusal> {
    let Some((kind, name, actions)) = parts(scope) else { return Ok(None) };
    if kind == "registry" {
        // The list of all repositories is the key's alone, and where others share the upstream nobody's.
        let all =
            matches!(principal.rights, Rights::Key(_)) && name == "catalog" && registry.prefix.is_none();
        return Ok(all.then(|| ("registry", name.to_owned(), vec!["*"])));
    }
    // In the upstream's own words: this client talks to it.
    let Some(outside) = name.parse::<RepositoryName>().ok().and_then(|name| registry.outside(&name)) else {
        return Ok(None);
    };
    let reach = engine.reach(registry, principal, &outside).await?;
    let asked = |action: &&'static str| actions.split(',').any(|asked| asked == *action || asked == "*");
    let may = principal.rights.token_actions(&reach);
    let actions: Vec<_> = may.iter().copied().filter(asked).collect();
    let given = kind == "repository" && !actions.is_empty();
    Ok(given.then(|| ("repository", name.to_owned(), actions)))
}

/// What is written down of a scope that was asked for, if it is of a repository here.
fn access_event(
    registry: &Registry,
    principal: &Principal,
    scope: &str,
    given: Option<&Granted>,
    address: ClientAddress,
    client: &str,
) -> Option<AccessEvent> {
    let (kind, name, asked) = parts(scope)?;
    let repository =
        name.parse().ok().and_then(|name| registry.outside(&name)).filter(|_| kind == "repository")?;
    Some(AccessEvent {
        holder: principal.holder,
        operation: Operation::Token,
        decision: if given.is_some() { Decision::Allowed } else { Decision::Denied },
        repository,
        reference: given.map_or_else(
            || asked.chars().filter(char::is_ascii_graphic).take(MOST_ACTIONS).collect(),
            |(_, _, actions)| actions.join(","),
        ),
        digest: None,
        address: address.0,
        client: client.to_owned(),
    })
}

/// The name stands between the first and the last colon.
fn parts(scope: &str) -> Option<(&str, &str, &str)> {
    let (kind, rest) = scope.split_once(':')?;
    let (name, actions) = rest.rsplit_once(':')?;
    Some((kind, name, actions))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_come_in_many_ways() {
        let wanted = TokenRequest::parse(b"service=s&scope=repository%3Aa%3Apull+repository%3Ab%3Apull&scope=repository:a:pull&offline_token=true");
        assert_eq!(wanted.scopes, ["repository:a:pull", "repository:b:pull"]);
        assert_eq!(wanted.service.as_deref(), Some("s"));
        assert_eq!(
            parts("repository:host:5000/a:pull,push"),
            Some(("repository", "host:5000/a", "pull,push"))
        );
        assert_eq!(parts("repository"), None);
    }
}
