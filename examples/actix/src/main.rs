//! A web service whose features follow from its license.
//!
//! ```sh
//! cargo run -p example-actix -- jwks.json 019b… license.jwt
//! curl -i http://127.0.0.1:8081/analytics
//! ```
//! The license is checked at the start and again at each request that needs it, so that a service that runs
//! for months notices the end of its license. A check takes some 50 µs. Where it fails, both files are read again, at most
//! once a minute: the license may have been renewed, and an update may have brought the key that signs now.

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

/// Where the license and the vendor's keys are, and which product this is.
struct Files {
    jwks: PathBuf,
    license: PathBuf,
    product: String,
}

/// The license as it was read last.
struct Installed {
    verifier: Verifier,
    token: String,
    read: Instant,
}

impl Files {
    fn read(&self) -> Result<Installed, Box<dyn Error>> {
        let keys = Keyring::from_jwks(&std::fs::read_to_string(&self.jwks)?)?;
        let token = pasted(&std::fs::read_to_string(&self.license)?).into_owned();
        let verifier = Verifier::for_product(&self.product).keys(keys).build();
        Ok(Installed { verifier, token, read: Instant::now() })
    }
}

impl Installed {
    fn judge(&self) -> Result<Terms, VerifyError> {
        Ok(self.verifier.verify::<Terms>(&self.token, now())?.into_claims())
    }
}

/// The license in force: checked whenever it counts.
struct License {
    files: Files,
    installed: Mutex<Installed>,
}

const READ_AGAIN_AFTER: Duration = Duration::from_secs(60);

impl License {
    fn terms(&self) -> Result<Terms, VerifyError> {
        let mut installed = self.installed.lock().unwrap_or_else(PoisonError::into_inner);
        let judged = installed.judge();
        if judged.is_ok() || installed.read.elapsed() < READ_AGAIN_AFTER {
            return judged;
        }
        installed.read = Instant::now();
        // Files that are broken or missing just now change nothing.
        let Ok(new) = self.files.read() else { return judged };
        *installed = new;
        installed.judge()
    }
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
        let terms = request.app_data::<web::Data<License>>().map(|license| license.terms());
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

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [jwks, product, license] = args.as_slice() else {
        return Err("usage: example-actix JWKS.json PRODUCT_ID LICENSE.jwt".into());
    };
    let files = Files { jwks: jwks.into(), license: license.into(), product: product.clone() };
    let installed = files.read()?;
    // Without a valid license it does not even start.
    installed.judge().map_err(|error| error.to_string())?;
    let license = web::Data::new(License { files, installed: Mutex::new(installed) });
    HttpServer::new(move || App::new().app_data(license.clone()).service(index).service(analytics))
        .bind(("127.0.0.1", 8081))?
        .run()
        .await?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a program reads the clock; the verifier never does")]
fn now() -> UnixSeconds {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().into()
}
