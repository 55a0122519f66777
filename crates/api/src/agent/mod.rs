//! What agents on customers' hosts ask (`docs/agent-protocol.md`). It is no part of the OpenAPI document: whoever speaks this protocol
//! signs every request, and reads that page.

mod exchange;

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};
use keyward_engine::{Engine, Wanted};
use keyward_protocol::desired::AskPullCredential;
use keyward_protocol::enrolment::NewKeys;
use keyward_protocol::{MOST_WAIT, Reports, path};
use keyward_web::{Code, Problem, Settings, part};

use exchange::{Reply, exchange};

const PREFER: HeaderName = HeaderName::from_static("prefer");

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    let file = format!("{}/{{sha256}}", path::FILES);
    config
        .service(web::resource(path::ENROL).route(web::post().to(enrol)))
        .service(web::resource(path::DESIRED).route(web::get().to(desired)))
        .service(web::resource(file).route(web::get().to(self::file)))
        .service(web::resource(path::PULL_CREDENTIAL).route(web::post().to(pull_credential)))
        .service(web::resource(path::REPORTS).route(web::post().to(reports)))
        .service(web::resource(path::KEY).route(web::post().to(key)))
        .service(web::resource(path::LEAVE).route(web::post().to(leave)));
}

/// A host joins with a code. It is no agent yet, so refusals are not signed; it knows no key by which it could believe one.
async fn enrol(request: HttpRequest, payload: web::Payload, engine: web::Data<Engine>) -> HttpResponse {
    let joined = async {
        let address = exchange::address(&request).await?;
        let nobody = || Problem::new(Code::InvalidAgentSignature);
        let jws = exchange::signature(&request).ok_or_else(nobody)?;
        let body = exchange::body(&request, payload).await?;
        engine.enrol(jws, &body, address.0).await.map_err(|error| match error {
            keyward_engine::Error::Unauthenticated => nobody(),
            other => other.into(),
        })
    };
    let joined = match joined.await {
        Ok(joined) => joined,
        Err(problem) => return problem.error_response(),
    };
    match Reply::json(&joined.enrolled) {
        Ok(reply) => reply.send(|status, body| joined.sign(&engine, status, body)),
        Err(problem) => problem.error_response(),
    }
}

/// What is to be brought about; with `Prefer: wait=50` as soon as it is something else than `If-None-Match` names.
async fn desired(
    request: HttpRequest,
    payload: web::Payload,
    engine: web::Data<Engine>,
    settings: web::Data<Settings>,
) -> HttpResponse {
    exchange(request, payload, engine, async |exchange| {
        let known = exchange.request.headers().get(header::IF_NONE_MATCH);
        let known = known.and_then(|value| value.to_str().ok()).map(tag);
        let wait = wait(&exchange.request);
        let wanted = Wanted { known, wait: Duration::from_secs(wait.unwrap_or(0).into()) };
        let found = exchange.engine.desired(&exchange.caller, &wanted, || settings.is_draining()).await?;
        let (reply, tag) = match (&found, known) {
            (Some(found), _) => (Reply::of("application/json", found.body.clone()), found.etag.as_str()),
            (None, known) => (Reply::empty(StatusCode::NOT_MODIFIED), known.unwrap_or_default()),
        };
        // That the wish to wait was heard is not said: it is optional (RFC 7240 §3), and costs bytes each time.
        Ok(reply.header(header::ETAG, format!("\"{tag}\"")))
    })
    .await
}

/// A file of a version, by the hash of its text.
async fn file(request: HttpRequest, payload: web::Payload, engine: web::Data<Engine>) -> HttpResponse {
    exchange(request, payload, engine, async |exchange| {
        let sha256: String = part(&exchange.request, "sha256")?;
        let text = exchange.engine.agent_file(&exchange.caller, &sha256).await?;
        Ok(Reply::of("text/plain; charset=utf-8", text.into_bytes()))
    })
    .await
}

/// What to pull the images of a deployment with.
async fn pull_credential(
    request: HttpRequest,
    payload: web::Payload,
    engine: web::Data<Engine>,
) -> HttpResponse {
    exchange(request, payload, engine, async |exchange| {
        let AskPullCredential { deployment } = exchange.read()?;
        Reply::json(&exchange.engine.agent_pull_credentials(&exchange.caller, deployment.into()).await?)
    })
    .await
}

/// What has happened.
async fn reports(request: HttpRequest, payload: web::Payload, engine: web::Data<Engine>) -> HttpResponse {
    exchange(request, payload, engine, async |exchange| {
        let reports: Reports = exchange.read()?;
        Reply::json(&exchange.engine.take_reports(&exchange.caller, reports).await?)
    })
    .await
}

/// New keys.
async fn key(request: HttpRequest, payload: web::Payload, engine: web::Data<Engine>) -> HttpResponse {
    exchange(request, payload, engine, async |exchange| {
        let new: NewKeys = exchange.read()?;
        exchange.engine.rotate_agent_keys(&exchange.caller, &new).await?;
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    })
    .await
}

/// The agent takes its leave.
async fn leave(request: HttpRequest, payload: web::Payload, engine: web::Data<Engine>) -> HttpResponse {
    exchange(request, payload, engine, async |exchange| {
        exchange.engine.leave_target(&exchange.caller).await?;
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    })
    .await
}

/// The tag that a client writes, however it does.
fn tag(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix("W/").unwrap_or(text).trim_matches('"')
}

/// For how many seconds a client wants to wait (RFC 7240 §4.3), within what it may.
fn wait(request: &HttpRequest) -> Option<u32> {
    let given = request.headers().get_all(PREFER).filter_map(|value| value.to_str().ok());
    let mut preferences = given.flat_map(|value| value.split([',', ';']));
    let seconds = preferences.find_map(|one| {
        let (name, seconds) = one.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| seconds.trim().trim_matches('"').parse::<u32>())
    });
    Some(seconds?.ok()?.min(MOST_WAIT))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_client_says_for_how_long_it_waits() {
        for (given, waited) in [
            ("wait=50", Some(50)),
            ("respond-async, Wait = 10", Some(10)),
            ("wait=600", Some(50)),
            ("wait=-1", None),
            ("wait", None),
            ("wait=99999999999999999999", None),
            ("return=minimal", None),
        ] {
            let request = TestRequest::get().insert_header((PREFER, given)).to_http_request();
            assert_eq!(wait(&request), waited, "{given}");
        }
        assert_eq!(wait(&TestRequest::get().to_http_request()), None);
    }

    #[test]
    fn tags_are_read_however_they_are_written() {
        for given in ["abc", "\"abc\"", "W/\"abc\"", " \"abc\" "] {
            assert_eq!(tag(given), "abc", "{given}");
        }
    }
}
