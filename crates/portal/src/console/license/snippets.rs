//! How a program checks this very license: pieces of code with all that they need filled in.

use keyward_domain::{License, ProductId};

/// A piece of code in one language.
pub(super) struct Snippet {
    /// The id on the page.
    pub id: &'static str,
    pub language: &'static str,
    /// What it does.
    pub about: &'static str,
    pub code: String,
}

/// In which languages there are packages, and for a shell.
pub(super) fn snippets(license: &License, slug: &str, token: &str) -> Vec<Snippet> {
    let server = license.revision.issuer.as_str();
    // A license of no product opens those programs alone that say that they accept it.
    let product =
        license.product.map_or_else(|| "ID-OF-YOUR-PRODUCT".to_owned(), |id: ProductId| id.to_string());
    let or_none = |text: &'static str| if license.product.is_none() { text } else { "" };
    let offline = "Verifies the token offline, with the public keys that your program carries.";
    let snippet = |id, language, code| Snippet { id, language, about: offline, code };
    let mut all = vec![
        Snippet {
            id: "snippet-shell",
            language: "Shell",
            about: "Gives the license to a program, and fetches the public keys that it is verified with.",
            code: format!(
                "export LICENSE_KEY='{token}'\ncurl -fsS {server}/o/{slug}/jwks.json -o jwks.json\n"
            ),
        },
        snippet(
            "snippet-rust",
            "Rust",
            format!(
                r#"use keyward_token::{{Keyring, License, Verifier, pasted}};

#[derive(serde::Deserialize)]
struct Terms {{}}

let keys = Keyring::from_jwks(&std::fs::read_to_string("jwks.json")?)?;
let verifier = Verifier::for_product("{product}"){}.keys(keys).build();
let now = std::time::UNIX_EPOCH.elapsed()?.into();
let license: License<Terms> = verifier.verify(&pasted(&std::env::var("LICENSE_KEY")?), now)?;
"#,
                or_none(".or_without_product()")
            ),
        ),
        snippet(
            "snippet-node",
            "Node.js",
            format!(
                r#"import {{ readFileSync }} from 'node:fs';
import {{ Keyring, Verifier, pasted }} from '@keyward/token';

const keys = Keyring.fromJwks(readFileSync('jwks.json', 'utf8'));
const verifier = new Verifier(keys, '{product}'{});
const license = verifier.verify(pasted(process.env.LICENSE_KEY));
console.log(license.claims);
"#,
                or_none(", { orWithoutProduct: true }")
            ),
        ),
        snippet(
            "snippet-python",
            "Python",
            format!(
                r#"import os
from keyward_token import Keyring, Verifier, pasted

keys = Keyring.from_jwks(open("jwks.json", encoding="utf-8").read())
verifier = Verifier(keys, product="{product}"{})
license = verifier.verify(pasted(os.environ["LICENSE_KEY"]))
print(license.claims)
"#,
                or_none(", or_without_product=True")
            ),
        ),
        snippet(
            "snippet-go",
            "Go",
            format!(
                r#"jwks, err := os.ReadFile("jwks.json")
if err != nil {{ log.Fatal(err) }}
keys, err := keyward.ParseJWKS(string(jwks))
if err != nil {{ log.Fatal(err) }}
verifier := keyward.NewVerifier(keys, "{product}"{})
license, err := verifier.Verify(keyward.Pasted(os.Getenv("LICENSE_KEY")), time.Now())
if err != nil {{ log.Fatalf("no license: %v (%s)", err, keyward.Code(err)) }}
"#,
                or_none(", keyward.OrWithoutProduct()")
            ),
        ),
    ];
    if let Some(key) = &license.key {
        all.push(Snippet {
            id: "snippet-curl",
            language: "curl",
            about: "Asks this server whether the program may run. Put the API key of the product in place of $PRODUCT_API_KEY.",
            code: format!(
                r#"curl -sS {server}/api/v1/validate \
  -H "Authorization: Bearer $PRODUCT_API_KEY" \
  -H "Content-Type: application/json" \
  -d '{{"license_key": "{key}"}}'
"#
            ),
        });
    }
    all
}
