//! A file in a vendor's registry: a pipeline pushes it, and an application at a customer's pulls it with its license.
//!
//! ```sh
//! export REGISTRY_KEY=kw_reg_…          # in the pipeline
//! example-oci push releases.registry.example.com/acme/rules:1.4 rules.bin
//!
//! export REGISTRY_KEY="$LICENSE_TOKEN"  # at the customer's: the token of the license
//! example-oci tags releases.registry.example.com/acme/rules
//! example-oci pull releases.registry.example.com/acme/rules:1.4 rules.bin
//! example-oci about releases.registry.example.com/acme/rules@sha256:…   # its signatures, and what else is attached
//! ```
//! It is no image but an artifact of one layer. What is refused is refused with a sentence for people: show it.

use std::error::Error;
use std::process::ExitCode;

use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::errors::OciDistributionError;
use oci_client::manifest::OciImageManifest;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};

const USAGE: &str =
    "usage: REGISTRY_KEY=… example-oci [--user NAME] [--plain-http] push|pull|tags|about REFERENCE [FILE]";

/// What the file is, so that an application takes nothing else for it.
const MEDIA_TYPE: &str = "application/vnd.acme.rules";

/// The configuration of what has none, by the OCI image specification.
const EMPTY: (&str, &[u8]) = ("application/vnd.oci.empty.v1+json", b"{}");

/// What is to be done.
enum RotationStep {
    Push(String),
    Pull(String),
    Tags,
    About,
}

/// The settings of one run.
struct Settings {
    chore: RotationStep,
    reference: Reference,
    auth: RegistryAuth,
    protocol: ClientProtocol,
}

#[tokio::main]
async fn main() -> ExitCode {
    let settings = match read() {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("{USAGE} ({error})");
            return ExitCode::from(2);
        }
    };
    match run(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", reason(&*error));
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this program's settings are its environment")]
fn read() -> Result<Settings, Box<dyn Error>> {
    let key = std::env::var("REGISTRY_KEY")?;
    // The user is a label; the key decides.
    let (mut user, mut protocol, mut words) = ("customer".to_owned(), ClientProtocol::Https, Vec::new());
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--user" => user = args.next().ok_or("--user names nobody")?,
            "--plain-http" => protocol = ClientProtocol::Http,
            _ => words.push(arg),
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (chore, reference) = match *words {
        ["push", reference, file] => (RotationStep::Push(file.to_owned()), reference),
        ["pull", reference, file] => (RotationStep::Pull(file.to_owned()), reference),
        ["tags", reference] => (RotationStep::Tags, reference),
        ["about", reference] => (RotationStep::About, reference),
        _ => return Err("what is to be done?".into()),
    };
    let (reference, auth) = (reference.parse()?, RegistryAuth::Basic(user, key));
    Ok(Settings { chore, reference, auth, protocol })
}

#[expect(clippy::print_stdout, reason = "a program for the terminal")]
async fn run(settings: Settings) -> Result<(), Box<dyn Error>> {
    let Settings { chore, reference, auth, protocol } = settings;
    // The backend of TLS is named here, so that no other crate's choice matters. There is none before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::new(ClientConfig { protocol, ..ClientConfig::default() });
    match chore {
        RotationStep::Push(file) => {
            let layer = ImageLayer::new(std::fs::read(file)?, MEDIA_TYPE.to_owned(), None);
            let config = Config::new(EMPTY.1, EMPTY.0.to_owned(), None);
            let layers = [layer];
            let mut manifest = OciImageManifest::build(&layers, &config, None);
            manifest.artifact_type = Some(MEDIA_TYPE.to_owned());
            client.push(&reference, &layers, config, &auth, Some(manifest)).await?;
            println!("{reference} is pushed");
        }
        RotationStep::Pull(file) => {
            // Each layer is checked against its digest.
            let pulled = client.pull(&reference, &auth, vec![MEDIA_TYPE]).await?;
            let layer = pulled.layers.into_iter().next().ok_or("there is no file in it")?;
            std::fs::write(file, &layer.data)?;
            println!("{reference} is pulled");
        }
        RotationStep::Tags => {
            for tag in client.list_tags(&reference, &auth, None, None).await?.tags {
                println!("{tag}");
            }
        }
        RotationStep::About => {
            client.store_auth_if_needed(reference.resolve_registry(), &auth).await;
            for entry in client.pull_referrers(&reference, None).await?.manifests {
                println!("{} {}", entry.digest, entry.artifact_type.unwrap_or_default());
            }
        }
    }
    Ok(())
}

/// Why something failed: what the registry said, where it said something.
fn reason(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref() {
        Some(OciDistributionError::RegistryError { envelope, .. }) => {
            envelope.errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>().join("; ")
        }
        Some(OciDistributionError::UnauthorizedError { .. }) => {
            "the key is wrong, or was revoked, or has run out".to_owned()
        }
        Some(_) | None => {
            let chain = std::iter::successors(Some(error), |&error| error.source());
            chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
        }
    }
}
