//! A web service whose features follow from its license.
//!
//! ```sh
//! LICENSE_KEY=eyJ… cargo run -p example-actix -- jwks.json 019b…
//! curl -i http://127.0.0.1:8081/analytics
//! ```
//! The license is checked at the start and again at each request that needs it, so that a service that runs
//! for months notices the end of its license. A check takes some 50 µs. The JWK Set is a file that updates replace: it is
//! read again when a token names a key that is not known, at most once in five minutes.

use std::error::Error;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use actix_web::dev::Payload;
use actix_web::error::ErrorPaymentRequired;
use actix_web::{App, FromRequest, HttpRequest, HttpServer, Responder, get, web};
use keyward_token::{Keyring, UnixSeconds, Verifier, VerifyError, pasted};
use serde::Deserialize;

/// What this vendor puts into licenses.
#[derive(Deserialize)]
struct Terms {
    #[serde(default)]
    modules: Vec<String>,
}

/// The license as installed: checked whenever it counts.
struct Installed {
    jwks: PathBuf,
    product: String,
    token: String,
    known: Mutex<Known>,
}

/// The keys that are known, and when they were read.
struct Known {
    verifier: Verifier,
    read: Instant,
}

const READ_AGAIN_AFTER: Duration = Duration::from_secs(5 * 60);

impl Installed {
    fn new(jwks: PathBuf, product: String, token: String) -> Result<Self, Box<dyn Error>> {
        let verifier = verifier(&jwks, &product)?;
        Ok(Self { jwks, product, token, known: Mutex::new(Known { verifier, read: Instant::now() }) })
    }

    fn terms(&self) -> Result<Terms, VerifyError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut judged = known.verifier.verify(&self.token, now());
        if matches!(judged, Err(VerifyError::UnknownKey { .. })) && known.read.elapsed() > READ_AGAIN_AFTER {
            known.read = Instant::now();
            // A file that is broken or missing just now changes nothing.
            if let Ok(verifier) = verifier(&self.jwks, &self.product) {
                known.verifier = verifier;
                judged = known.verifier.verify(&self.token, now());
            }
        }
        Ok(judged?.into_claims())
    }
}

fn verifier(jwks: &std::path::Path, product: &str) -> Result<Verifier, Box<dyn Error>> {
    let keys = Keyring::from_jwks(&std::fs::read_to_string(jwks)?)?;
    Ok(Verifier::for_product(product).keys(keys).build())
}

/// A module that can be bought.
trait Module {
    const NAME: &'static str;
}

struct Analytics;
impl Module for Analytics {
    const NAME: &'static str = "analytics";
}

/// Proof that the license in force has the module `M`: a handler that asks for it is gated.
struct Licensed<M>(std::marker::PhantomData<M>);

impl<M: Module> FromRequest for Licensed<M> {
    type Error = actix_web::Error;
    type Future = std::future::Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let terms = request.app_data::<web::Data<Installed>>().map(|installed| installed.terms());
        std::future::ready(match terms {
            Some(Ok(terms)) if terms.modules.iter().any(|module| module == M::NAME) => {
                Ok(Self(std::marker::PhantomData))
            }
            Some(Ok(_)) => Err(ErrorPaymentRequired(format!("your license has no module {}", M::NAME))),
            Some(Err(error)) => Err(ErrorPaymentRequired(error)),
            None => Err(ErrorPaymentRequired("no license is installed")),
        })
    }
}

#[get("/")]
async fn index() -> impl Responder {
    "Everyone may see this.\n"
}

#[get("/analytics")]
async fn analytics(_: Licensed<Analytics>) -> impl Responder {
    "Numbers for those who bought analytics.\n"
}

#[expect(clippy::disallowed_methods, reason = "a program reads its environment")]
#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [jwks, product] = args.as_slice() else {
        return Err("usage: example-actix JWKS.json PRODUCT_ID, with LICENSE_KEY set".into());
    };
    let token = pasted(&std::env::var("LICENSE_KEY")?).into_owned();
    let installed = Installed::new(jwks.into(), product.clone(), token)?;
    // Without a valid license it does not even start.
    installed.terms().map_err(|error| error.to_string())?;
    let installed = web::Data::new(installed);
    HttpServer::new(move || App::new().app_data(installed.clone()).service(index).service(analytics))
        .bind(("127.0.0.1", 8081))?
        .run()
        .await?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a program reads the clock; the verifier never does")]
fn now() -> UnixSeconds {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().into()
}
