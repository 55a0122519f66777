//! A command-line tool that runs with a valid license only.
//!
//! ```sh
//! LICENSE_KEY=eyJ… cargo run -p example-cli -- jwks.json 019b…
//! ```
//! A vendor would compile the JWK Set and the product's id into the program: `include_str!("jwks.json")`.

use std::error::Error;
use std::process::ExitCode;

use keyward_token::{Keyring, License, Verifier, VerifyError, pasted};
use serde::Deserialize;

/// What this vendor puts into licenses.
#[derive(Deserialize)]
struct Terms {
    plan: String,
    seats: u32,
}

fn license(jwks: &str, product: &str, token: &str) -> Result<License<Terms>, Box<dyn Error>> {
    let verifier = Verifier::for_product(product).keys(Keyring::from_jwks(jwks)?).build();
    // From a variable or a file, perhaps with a newline at its end.
    Ok(verifier.verify(&pasted(token), now())?)
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A caller can tell what to say: an expired license is renewed, a wrong one is not.
            match error.downcast_ref::<VerifyError>() {
                Some(VerifyError::Expired { since }) => {
                    eprintln!("Your license expired at {since}. Please renew it.")
                }
                Some(VerifyError::WrongProduct { .. }) => {
                    eprintln!("Your license is for another product.")
                }
                _ => eprintln!("This program needs a valid license: {error}"),
            }
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program reads its environment and prints"
)]
fn run() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [jwks, product] = args.as_slice() else {
        return Err("usage: example-cli JWKS.json PRODUCT_ID, with LICENSE_KEY set".into());
    };
    let token = std::env::var("LICENSE_KEY").map_err(|_| "set LICENSE_KEY to your license")?;
    let license = license(&std::fs::read_to_string(jwks)?, product, &token)?;
    let Terms { plan, seats } = license.claims();
    println!("Licensed: plan {plan}, {seats} seats.");
    if let Some(end) = license.expires_at() {
        println!("Valid until {end}.");
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a program reads the clock; the verifier never does")]
fn now() -> keyward_token::UnixSeconds {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().into()
}
