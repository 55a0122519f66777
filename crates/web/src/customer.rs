//! Users of customers who call the API with the session of the customer's pages.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use keyward_domain::{Secret, SecretKind};
use keyward_engine::{AnySession, CustomerSession, Engine};
use keyward_problem::{Code, Problem};

use crate::body::{Body, MOST_BYTES};
use crate::fields::Request;
use crate::own_page::is_from_own_page;
use crate::request::{read, unreadable};
use crate::{ClientAddress, Settings};

type Reading<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

/// The name of the cookie that a user of a customer is known by. Over TLS the browser itself sees to it that no other host or
/// path has set it.
pub fn customer_cookie(https: bool) -> &'static str {
    if https { "__Host-keyward-customer" } else { "keyward-customer" }
}

/// A user of a customer. What changes something has to come from a page of this server, or from no browser at all.
#[derive(Debug)]
pub struct CustomerCaller(CustomerSession);

impl Deref for CustomerCaller {
    type Target = CustomerSession;

    fn deref(&self) -> &CustomerSession {
        &self.0
    }
}

impl FromRequest for CustomerCaller {
    type Error = Problem;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { caller(&request).await.map(Self) })
    }
}

/// A request of a user of a customer that changes something.
#[derive(Debug)]
pub struct CustomerCommand<T> {
    /// Who sends it.
    pub person: CustomerSession,
    /// The body.
    pub body: T,
}

impl<T: Request + Send + 'static> FromRequest for CustomerCommand<T> {
    type Error = Problem;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = Body::<MOST_BYTES>::of(request, payload.take());
        let request = request.clone();
        Box::pin(async move {
            let person = caller(&request).await?;
            let body = body.read().await.map_err(unreadable)?;
            Ok(Self { person, body: read(&request, body).await? })
        })
    }
}

async fn caller(request: &HttpRequest) -> Result<CustomerSession, Problem> {
    let unknown = || {
        Problem::new(Code::Unauthorized)
            .detail("This needs the session of a user of a customer: sign in at /portal/sign-in.")
    };
    if !request.method().is_safe() && !is_from_own_page(request) {
        return Err(Problem::new(Code::Forbidden).detail("The request comes from a page of another site."));
    }
    let settings = request.app_data::<web::Data<Settings>>();
    let https = settings.is_some_and(|settings| settings.https);
    let cookie = request.cookie(customer_cookie(https)).ok_or_else(unknown)?;
    let secret = Secret::parse(SecretKind::Session, cookie.value()).ok_or_else(unknown)?;
    let engine = request.app_data::<web::Data<Engine>>().ok_or_else(|| Problem::new(Code::InternalError))?;
    match engine.session(&secret).await? {
        Some(AnySession::Customer(person)) => {
            let address = ClientAddress::extract(request).await.ok().map(|client| client.0);
            Ok(CustomerSession { address, ..person })
        }
        Some(AnySession::Member(_) | AnySession::Onboarding(_)) | None => Err(unknown()),
    }
}
