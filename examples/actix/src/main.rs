//! A web service whose features follow from its license.
//!
//! ```sh
//! LICENSE_KEY=eyJ… cargo run -p example-actix -- public-key.pem
//! curl -i http://127.0.0.1:8081/analytics
//! ```
//! The license is checked at the start and again at each request that needs it, so that a service that runs
//! for months notices the end of its license. A check takes some 50 µs.

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::dev::Payload;
use actix_web::error::ErrorPaymentRequired;
use actix_web::{App, FromRequest, HttpRequest, HttpServer, Responder, get, web};
use keyward_token::{PublicKey, UnixSeconds, Verifier, VerifyError, pasted};
use serde::Deserialize;

/// What this vendor puts into licenses.
#[derive(Deserialize)]
struct Terms {
    #[serde(default)]
    modules: Vec<String>,
}

/// The license as installed: checked whenever it counts.
struct Installed {
    verifier: Verifier,
    token: String,
}

impl Installed {
    fn terms(&self) -> Result<Terms, VerifyError> {
        Ok(self.verifier.verify::<Terms>(&self.token, now())?.into_claims())
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
    let path = std::env::args().nth(1).ok_or("usage: example-actix PUBLIC_KEY.pem, with LICENSE_KEY set")?;
    let key = PublicKey::from_pem(&std::fs::read_to_string(path)?)?;
    let verifier = Verifier::builder().key(key).build();
    let token = pasted(&std::env::var("LICENSE_KEY")?).into_owned();
    let installed = Installed { verifier, token };
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
