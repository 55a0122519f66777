//! Who may try once more, as far as this server knows: asked before the database is.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use keyward_domain::attempt::Source;
use keyward_domain::{Email, Timestamp};
use keyward_engine::Engine;
use keyward_engine::metrics::ThrottleName;
use keyward_web::{Code, Problem, Throttle};

use crate::error_page::PageError;
use crate::signed;

/// How many failures of one network are borne, whatever is tried from there: wrong passwords for all accounts, unknown
/// links, mails asked for, sign-ins begun with a provider.
const MOST_OF_NETWORK: u32 = 20;

/// The tries of each network.
pub(crate) struct NetworkTries(Throttle);

impl Default for NetworkTries {
    fn default() -> Self {
        Self(Throttle::of(MOST_OF_NETWORK))
    }
}

/// One try of a kind, from the network of a request. It counts until it is taken back.
pub(crate) struct NetworkTry {
    tries: web::Data<NetworkTries>,
    who: String,
}

impl NetworkTry {
    /// Counts a try, if there may be one more.
    pub(crate) async fn count(request: &HttpRequest, kind: &str, now: Timestamp) -> Result<Self, PageError> {
        let network = Source::at(&signed::client_info(request).await.address);
        Self::begin(request, format!("{kind} {network}"), now)
    }

    /// An earlier try of this kind from this network has ended well.
    pub(crate) async fn returned(request: &HttpRequest, kind: &str) {
        let network = Source::at(&signed::client_info(request).await.address);
        if let Some(tries) = request.app_data::<web::Data<NetworkTries>>() {
            tries.0.take_back(&format!("{kind} {network}"));
        }
    }

    fn begin(request: &HttpRequest, who: String, now: Timestamp) -> Result<Self, PageError> {
        let tries = request.app_data::<web::Data<NetworkTries>>();
        let tries = tries.ok_or_else(|| Problem::new(Code::InternalError))?.clone();
        if tries.0.admits(&who, now) {
            return Ok(Self { tries, who });
        }
        note(request, ThrottleName::Network);
        let seconds = tries.0.retry_after(&who, now);
        Err(Problem::new(Code::TooManyRequests).retry_after(seconds).into())
    }

    /// It was no failure.
    pub(crate) fn take_back(self) {
        self.tries.0.take_back(&self.who);
    }
}

/// Counts one who was refused.
fn note(request: &HttpRequest, throttle: ThrottleName) {
    if let Some(engine) = request.app_data::<web::Data<Engine>>() {
        engine.metrics().throttled.of(throttle).add_one();
    }
}

/// One try to sign in to an account.
pub(crate) struct SignInTry {
    throttle: web::Data<Throttle>,
    /// The account and where the try comes from.
    pair: String,
    /// `None` for a device that has signed in before: others in its network do not stand in its way.
    network: Option<NetworkTry>,
}

impl SignInTry {
    /// Counts a member's try, if there may be one more.
    pub(crate) fn count(
        request: &HttpRequest,
        throttle: &web::Data<Throttle>,
        email: &Email,
        source: &Source,
        now: Timestamp,
    ) -> Result<Self, PageError> {
        Self::begin(request, throttle, format!("sign-in {source} {}", email.key().as_str()), source, now)
    }

    /// The same for a user of a customer, whose account is another one.
    pub(crate) fn count_customer(
        request: &HttpRequest,
        throttle: &web::Data<Throttle>,
        email: &Email,
        source: &Source,
        now: Timestamp,
    ) -> Result<Self, PageError> {
        let pair = format!("customer sign-in {source} {}", email.key().as_str());
        Self::begin(request, throttle, pair, source, now)
    }

    fn begin(
        request: &HttpRequest,
        throttle: &web::Data<Throttle>,
        pair: String,
        source: &Source,
        now: Timestamp,
    ) -> Result<Self, PageError> {
        let network = match source {
            Source::Device(_) => None,
            Source::Network(_) => Some(NetworkTry::begin(request, format!("sign-in {source}"), now)?),
        };
        if throttle.admits(&pair, now) {
            return Ok(Self { throttle: throttle.clone(), pair, network });
        }
        note(request, ThrottleName::SignIn);
        let seconds = throttle.retry_after(&pair, now);
        if let Some(network) = network {
            network.take_back();
        }
        Err(Problem::new(Code::TooManyRequests).retry_after(seconds).into())
    }

    /// It was no failure.
    pub(crate) fn take_back(self) {
        self.throttle.take_back(&self.pair);
        if let Some(network) = self.network {
            network.take_back();
        }
    }

    /// It succeeded: what this account and this source have tried before is forgotten; of the network, this try alone.
    pub(crate) fn succeed(self) {
        self.throttle.forget(&self.pair);
        if let Some(network) = self.network {
            network.take_back();
        }
    }
}

/// A page sent again with what is wrong, telling when the next try is worth it.
pub(crate) fn slowed(mut page: HttpResponse, seconds: i64) -> HttpResponse {
    *page.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    page.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    page
}

/// For how long, as people say it.
pub(crate) fn in_words(seconds: i64) -> String {
    match (seconds + 59) / 60 {
        0 | 1 => "a minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    }
}
