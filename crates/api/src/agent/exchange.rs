//! One request of an agent and its answer: the request is recognised by its signature, and every answer to an agent that is known is
//! signed, refusals too.

use actix_web::body::MessageBody as _;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::web::{self, Bytes};
use actix_web::{FromRequest as _, HttpRequest, HttpResponse, ResponseError as _};
use keyward_engine::{AgentCaller, AgentRefusal, Engine};
use keyward_protocol::MOST_BODY;
use keyward_protocol::signed::{MOST_SIGNATURE, SCHEME, SIGNATURE_HEADER};
use keyward_web::{Body, BodyFault, ClientAddress, Code, Problem};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What an agent is told.
pub(super) struct Reply {
    status: StatusCode,
    headers: Vec<(HeaderName, String)>,
    body: Vec<u8>,
}

/// A request that was recognised and is to be carried out.
pub(super) struct Exchange {
    pub(super) engine: web::Data<Engine>,
    pub(super) caller: AgentCaller,
    pub(super) request: HttpRequest,
    body: Bytes,
}

impl Reply {
    pub(super) fn json(value: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_vec(value).map_err(|_| Problem::new(Code::InternalError))?;
        Ok(Self::of("application/json", body))
    }

    pub(super) fn of(kind: &str, body: Vec<u8>) -> Self {
        let headers = vec![(header::CONTENT_TYPE, kind.to_owned())];
        Self { status: StatusCode::OK, headers, body }
    }

    pub(super) fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    #[must_use]
    pub(super) fn header(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// As it is sent, with the signature that `sign` makes of status and body.
    pub(super) fn send(self, sign: impl FnOnce(u16, &[u8]) -> Option<String>) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        for header in self.headers {
            response.insert_header(header);
        }
        if let Some(signature) = sign(self.status.as_u16(), &self.body) {
            response.insert_header((SIGNATURE_HEADER, signature));
        }
        response.body(self.body)
    }
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        let response = problem.error_response();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        Self {
            status,
            headers: headers.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
            body: response.into_body().try_into_bytes().map_or_else(|_| Vec::new(), |bytes| bytes.to_vec()),
        }
    }
}

impl Exchange {
    /// The body as what it is to be.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let unreadable = |error: serde_json::Error| {
            Problem::new(Code::InvalidRequest).detail(format!("The body can't be read: {error}."))
        };
        serde_json::from_slice(&self.body).map_err(unreadable)
    }
}

/// Recognises who asks, has `work` done, and answers. A stranger's request is refused before its body is read.
pub(super) async fn exchange(
    request: HttpRequest,
    payload: web::Payload,
    engine: web::Data<Engine>,
    work: impl AsyncFnOnce(&Exchange) -> Result<Reply, Problem>,
) -> HttpResponse {
    let recognised = recognise(request, payload, engine).await;
    let exchange = match recognised {
        Ok(exchange) => exchange,
        Err(problem) => return problem.error_response(),
    };
    let done = match exchange.engine.admit_agent(&exchange.caller) {
        Ok(()) => work(&exchange).await.map_err(of_an_agent),
        Err(refusal) => Err(refused(refusal)),
    };
    let reply = done.unwrap_or_else(Reply::from);
    reply.send(|status, body| exchange.engine.sign_answer(&exchange.caller, status, body))
}

async fn recognise(
    request: HttpRequest,
    payload: web::Payload,
    engine: web::Data<Engine>,
) -> Result<Exchange, Problem> {
    let nobody = || Problem::new(Code::InvalidAgentSignature);
    let address = address(&request).await?;
    let jws = signature(&request).ok_or_else(nobody)?.to_owned();
    let asking = engine.agent_asking(&jws).await?.ok_or_else(nobody)?;
    let body = body(&request, payload).await?;
    let (method, path) = (request.method().as_str(), request.uri().path());
    let caller =
        engine.recognise_agent(asking, (method, path), &body, address.0).await?.ok_or_else(nobody)?;
    Ok(Exchange { engine, caller, request, body })
}

pub(super) async fn address(request: &HttpRequest) -> Result<ClientAddress, Problem> {
    ClientAddress::extract(request).await.map_err(|_| Problem::new(Code::InvalidRequest))
}

pub(super) async fn body(request: &HttpRequest, payload: web::Payload) -> Result<Bytes, Problem> {
    let read = Body::<MOST_BODY>::of(request, payload.into_inner()).read().await;
    read.map_err(|fault| {
        Problem::new(match fault {
            BodyFault::TooLarge => Code::PayloadTooLarge,
            BodyFault::TimedOut => Code::RequestTimeout,
            BodyFault::Broken => Code::InvalidRequest,
        })
    })
}

/// The signature that a request is sent with, if it is sent with one alone.
pub(super) fn signature(request: &HttpRequest) -> Option<&str> {
    let mut given = request.headers().get_all(header::AUTHORIZATION);
    let value = given.next()?.to_str().ok()?;
    let (scheme, jws) = value.split_once(' ')?;
    let alone = given.next().is_none() && scheme.eq_ignore_ascii_case(SCHEME);
    (alone && jws.len() <= MOST_SIGNATURE).then_some(jws.trim())
}

fn refused(refusal: AgentRefusal) -> Problem {
    match refusal {
        AgentRefusal::ClockSkew => Problem::new(Code::ClockSkew),
        AgentRefusal::Replayed => {
            Problem::new(Code::InvalidAgentSignature).detail("A request with this `jti` was made before.")
        }
        AgentRefusal::TooMany { retry_after } => Problem::new(Code::TooManyRequests).retry_after(retry_after),
    }
}

/// Whoever was an agent a moment ago is told what agents are told.
fn of_an_agent(problem: Problem) -> Problem {
    match problem.code() {
        Code::Unauthorized => Problem::new(Code::InvalidAgentSignature),
        _ => problem,
    }
}
