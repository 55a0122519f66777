use keyward_token::{Keyring, License, Verifier, pasted};

/// The id of your product: all your products have the same keys.
const PRODUCT: &str = "0192f0c1-7a00-7000-8000-00000000000b";

/// What you put into licenses.
#[derive(serde::Deserialize)]
pub struct Terms {
    pub seats: u32,
}

/// The license of a customer, by your JWK Set and the text of a file, a variable or a form.
pub fn license(jwks: &str, text: &str) -> Result<License<Terms>, Box<dyn std::error::Error>> {
    let verifier = Verifier::for_product(PRODUCT).keys(Keyring::from_jwks(jwks)?).build();
    let now = std::time::UNIX_EPOCH.elapsed()?.into();
    Ok(verifier.verify(&pasted(text), now)?)
}
