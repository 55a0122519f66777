//! An application that asks online whether it may run, and falls back on its last answer.
//!
//! ```sh
//! LICENSE_KEY=7ZZQ2-… PRODUCT_ID=019b… PRODUCT_KEY=kw_prod_… cargo run -p example-client -- https://licenses.example jwks.json
//! ```
//! A vendor would compile address, product and JWK Set into the program.

use std::error::Error;
use std::process::ExitCode;

use keyward_client::{Client, Decision, KeySource, Keyring};

fn main() -> ExitCode {
    match decide() {
        Ok(decision) => report(&decision),
        Err(error) => {
            eprintln!(
                "usage: LICENSE_KEY=… PRODUCT_ID=… PRODUCT_KEY=… example-client URL JWKS-FILE ({error})"
            );
            ExitCode::from(2)
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this program's settings are its environment")]
fn decide() -> Result<Decision, Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (url, jwks) = (args.next().ok_or("no URL")?, args.next().ok_or("no JWKS-FILE")?);
    let keys = Keyring::from_jwks(&std::fs::read_to_string(&jwks)?)?;
    let client = Client::builder(&url, &std::env::var("PRODUCT_KEY")?, &std::env::var("PRODUCT_ID")?, keys)
        .refresh_keys_from(KeySource::File(jwks.into()))
        .offline_days(14)
        .keep_in(std::env::temp_dir().join("example-client.json"))
        .build()?;
    Ok(client.check(&std::env::var("LICENSE_KEY")?, Some(env!("CARGO_PKG_VERSION"))))
}

#[expect(clippy::print_stdout, reason = "a program for the terminal")]
fn report(decision: &Decision) -> ExitCode {
    println!("{decision}");
    if decision.may_run() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
