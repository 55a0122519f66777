//! What a handler asks for: who is calling, and with what.

use std::future::{Future, Ready, ready};
use std::ops::Deref;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};
use keyward_domain::{Access, Grant, Idempotency};
use keyward_engine::{Engine, heavy};
use keyward_problem::authorize;
use sha2::{Digest, Sha256};
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, PartialSchema as _};

use crate::ClientAddress;
use crate::body::{Body, BodyFault, MOST_BYTES};
use crate::fields::{Fields, Request};
use crate::if_match::IfMatch;
use crate::utf8;
use keyward_problem::{Code, Problem};

type Reading<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

/// A caller who may do `P`. A handler that does not ask for it is open to everyone.
#[derive(Debug)]
pub struct Caller<P>(Access<P>);

impl<P> Deref for Caller<P> {
    type Target = Access<P>;

    fn deref(&self) -> &Access<P> {
        &self.0
    }
}

impl<P: Grant + 'static> FromRequest for Caller<P> {
    type Error = Problem;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { caller(&request).await.map(Self) })
    }
}

async fn caller<P: Grant>(request: &HttpRequest) -> Result<Access<P>, Problem> {
    let engine = request.app_data::<web::Data<Engine>>().ok_or_else(|| Problem::new(Code::InternalError))?;
    let authorization = request.headers().get(header::AUTHORIZATION).map(|value| value.as_bytes());
    let access: Access<P> = authorize(engine, authorization).await?;
    let address = ClientAddress::extract(request).await.ok().map(|client| client.0);
    Ok(access.from_address(address))
}

/// A request that changes something: who sends it, what it says, and under which name it may be repeated.
#[derive(Debug)]
pub struct Command<P, T> {
    /// The caller's right.
    pub access: Access<P>,
    /// The body.
    pub body: T,
    /// The request's name, if it has one (`Idempotency-Key`).
    pub once: Option<Idempotency>,
}

impl<P: Grant + 'static, T: Request + Send + 'static> FromRequest for Command<P, T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = Body::<MOST_BYTES>::of(request, payload.take());
        let request = request.clone();
        Box::pin(async move {
            // Who may not do it does not learn what is wrong with the body.
            let access = caller(&request).await?;
            let body = body.read().await.map_err(unreadable)?;
            let once = idempotency(&request, &body)?;
            Ok(Self { access, body: read(&request, body).await?, once })
        })
    }
}

/// Says in the OpenAPI document that a request may have a name (`Idempotency-Key`).
#[derive(Debug)]
pub struct Once;

impl IntoParams for Once {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![optional_header("Idempotency-Key")]
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![optional_header("If-Match")]
    }
}

fn optional_header(name: &str) -> Parameter {
    let header = Parameter::builder().name(name).parameter_in(ParameterIn::Header);
    header.required(Required::False).schema(Some(String::schema())).build()
}

pub(crate) async fn read<T: Request + Send + 'static>(
    request: &HttpRequest,
    body: web::Bytes,
) -> Result<T, Problem> {
    if body.is_empty() {
        return Fields::json("{}")?.read();
    }
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.split(';').next()).map(str::trim);
    if !media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case("application/json")) {
        return Err(Problem::new(Code::UnsupportedMediaType));
    }
    let length = body.len();
    let read = move || {
        let text = std::str::from_utf8(&body)
            .map_err(|_| Problem::new(Code::InvalidRequest).detail("The body is not valid UTF-8."))?;
        Fields::json(text)?.read()
    };
    heavy(length, read).await
}

/// What a body that can't be read is answered.
pub fn unreadable(fault: BodyFault) -> Problem {
    match fault {
        BodyFault::TooLarge => Problem::new(Code::PayloadTooLarge),
        BodyFault::TimedOut => Problem::new(Code::RequestTimeout),
        BodyFault::Broken => Problem::new(Code::InvalidRequest).detail("The body did not arrive whole."),
    }
}

fn idempotency(request: &HttpRequest, body: &[u8]) -> Result<Option<Idempotency>, Problem> {
    let Some(header) = request.headers().get("Idempotency-Key") else { return Ok(None) };
    let key = header.to_str().unwrap_or_default().parse().map_err(|invalid: keyward_domain::Invalid| {
        Problem::new(Code::InvalidRequest).detail(format!("The header Idempotency-Key {invalid}."))
    })?;
    let mut hash = Sha256::new();
    for part in [request.method().as_str().as_bytes(), request.path().as_bytes(), body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    Ok(Some(Idempotency { key, fingerprint: hash.finalize().into() }))
}

/// The query string.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: Request> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pairs = utf8::pairs(request.query_string());
        let pairs = pairs
            .ok_or_else(|| Problem::new(Code::InvalidRequest).detail("The query string is not valid UTF-8."));
        ready(pairs.and_then(|pairs| Fields::query(pairs).read()).map(Self))
    }
}
