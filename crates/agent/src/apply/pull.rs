//! Step 8: each image by its digest, through the engine; Compose pulls nothing.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyward_compose::Document;
use keyward_protocol::desired::PullCredentials;
use keyward_protocol::report::Step;
use serde::Deserialize;

use super::folder::PinnedImage;
use super::image::{ImageName, is_digest};
use super::prepare::failed;
use super::work::{Tools, Work};
use super::{Stopped, plan};
use crate::deployer::SourceError;
use crate::disk;
use crate::engine::EngineError;
use crate::engine::api::Login;
use crate::engine::model::Image;
use crate::redact::Redactor;

/// The most bytes of the customer's file with logins.
const MOST_LOGINS: u64 = 1024 * 1024;

/// The part of Docker's `config.json` that has logins.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Logins {
    auths: BTreeMap<String, StoredLogin>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StoredLogin {
    auth: String,
}

impl Work<'_> {
    /// Fetches what is not there, and says which image each service runs.
    pub(super) fn pull(
        &mut self,
        tools: &Tools,
        document: &Document,
    ) -> Result<BTreeMap<String, PinnedImage>, Stopped> {
        let (mut pinned, mut known) = (BTreeMap::new(), BTreeMap::<ImageName, PinnedImage>::new());
        let mut credentials = None;
        for (service, text) in plan::images(document) {
            let name = ImageName::parse(&text).ok_or_else(|| {
                failed(Step::Pull, format!("{service} names no image that can be fetched: {text:.200}."))
            })?;
            let name = match self.digest_of(&text, &name) {
                Some(digest) => name.pinned(&digest),
                None => name,
            };
            if !known.contains_key(&name) {
                let image = self.fetch(tools, &name, &mut credentials)?;
                known.insert(name.clone(), image);
            }
            if let Some(image) = known.get(&name) {
                pinned.insert(service, image.clone());
            }
        }
        Ok(pinned)
    }

    /// The digest that an image had when the version was made.
    fn digest_of(&self, text: &str, name: &ImageName) -> Option<String> {
        let images = &self.order.images;
        let known = images.get(text).or_else(|| images.get(&name.to_string()));
        name.digest.clone().or_else(|| known.filter(|digest| is_digest(digest)).cloned())
    }

    fn fetch(
        &mut self,
        tools: &Tools,
        name: &ImageName,
        credentials: &mut Option<PullCredentials>,
    ) -> Result<PinnedImage, Stopped> {
        let away = |error: EngineError| Stopped::Transient { step: Step::Pull, message: format!("{error}.") };
        if name.digest.is_some()
            && let Some(image) = tools.engine.image(&name.to_string()).map_err(away)?
        {
            return pinned(name, &image);
        }
        let login = self.login(name, credentials)?;
        let pulled = tools.engine.pull(&name.repository(), name.version(), login.as_ref());
        pulled.map_err(|error| self.refused(name, &error, login.as_ref()))?;
        let image = tools.engine.image(&name.to_string()).map_err(away)?;
        let image = image.ok_or_else(|| {
            failed(Step::Pull, format!("The engine has fetched {name}, and does not have it afterwards."))
        })?;
        let image = pinned(name, &image)?;
        if self.state.pulled.insert(image.reference.clone()) {
            self.folder.write_state(&self.state)?;
        }
        Ok(image)
    }

    /// With what a registry is asked: the vendor's with what the server gives for this deployment, others with the customer's own.
    fn login(
        &self,
        name: &ImageName,
        credentials: &mut Option<PullCredentials>,
    ) -> Result<Option<Login>, Stopped> {
        if credentials.is_none() {
            *credentials =
                Some(self.source.pull_credentials(self.order.id).map_err(|error| match error {
                    SourceError::Away(_) => {
                        Stopped::Transient { step: Step::Pull, message: format!("{error}.") }
                    }
                    SourceError::Refused(why) => {
                        failed(Step::Pull, format!("Images may not be fetched: {why}"))
                    }
                })?);
        }
        let given = credentials.iter().flat_map(|all| &all.credentials);
        let given = given.into_iter().find(|given| given.registry.eq_ignore_ascii_case(&name.registry));
        Ok(match given {
            Some(given) => Some(Login { username: given.username.clone(), password: given.password.clone() }),
            None => self.customers_login(name),
        })
    }

    fn customers_login(&self, name: &ImageName) -> Option<Login> {
        let path = self.config.docker_config.as_deref()?;
        let bytes = disk::read(path, MOST_LOGINS).ok()??;
        stored_login(&bytes, &name.registry)
    }

    /// Whether it is worth another try, by what the engine and the registry say. That may be in any words, so that all of them are
    /// told, but for what the registry was asked with: it may say that again.
    fn refused(&self, name: &ImageName, error: &EngineError, login: Option<&Login>) -> Stopped {
        let sent = Redactor::new(login.map(|login| login.password.as_str()));
        let message = sent.redact(&format!("{name} can't be fetched: {error}."));
        match error {
            EngineError::Away(_) | EngineError::Unreadable(_) => {
                Stopped::Transient { step: Step::Pull, message }
            }
            EngineError::Refused { status, message: said } if !is_final(*status, said) => {
                Stopped::Transient { step: Step::Pull, message }
            }
            EngineError::Refused { .. } => failed(Step::Pull, message),
        }
    }
}

fn stored_login(bytes: &[u8], registry: &str) -> Option<Login> {
    let logins: Logins = serde_json::from_slice(bytes).ok()?;
    let host = |place: &str| {
        let place = place.trim_start_matches("https://").trim_start_matches("http://");
        let host = place.split('/').next().unwrap_or_default();
        if host == "index.docker.io" { "docker.io".to_owned() } else { host.to_ascii_lowercase() }
    };
    let stored = logins.auths.iter().find(|(place, _)| host(place) == registry)?.1;
    let text = String::from_utf8(STANDARD.decode(stored.auth.trim()).ok()?).ok()?;
    let (username, password) = text.split_once(':')?;
    Some(Login { username: username.to_owned(), password: password.trim_end_matches('\0').to_owned() })
}

/// What does not get better by itself: there is no such image, or no right to it.
fn is_final(status: u16, said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    let trouble = [
        "timeout",
        "timed out",
        "connection refused",
        "no such host",
        "eof",
        "toomanyrequests",
        "reset by peer",
    ];
    if trouble.iter().any(|word| said.contains(word)) {
        return false;
    }
    let no = [
        "unauthorized",
        "denied",
        "forbidden",
        "not found",
        "manifest unknown",
        "name unknown",
        "no basic auth",
        "authentication required",
        "does not exist",
        "no matching manifest",
        "invalid reference",
        "no image found in manifest list",
        "no space left",
    ];
    matches!(status, 401 | 403 | 404) || no.iter().any(|word| said.contains(word))
}

/// An image that is there, by the digest that was asked for, or by the one that it has.
fn pinned(name: &ImageName, image: &Image) -> Result<PinnedImage, Stopped> {
    let digests: Vec<ImageName> =
        image.repo_digests.iter().filter_map(|text| ImageName::parse(text)).collect();
    let of_repository = digests.iter().filter(|found| found.repository() == name.repository());
    let fits = match &name.digest {
        Some(digest) => of_repository.into_iter().find(|found| found.digest.as_ref() == Some(digest)),
        None => of_repository.into_iter().next(),
    };
    match fits {
        Some(found) => Ok(PinnedImage { reference: found.to_string(), id: image.id.clone() }),
        None => {
            Err(failed(Step::Pull, format!("The engine has something else than {name} under that name.")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_registry_says_is_final_or_not() {
        for (status, said, expected) in [
            (404, "manifest for x not found: manifest unknown", true),
            (500, "Get \"http://x/v2/\": no basic auth credentials", true),
            (200, "initializing source docker://x: unauthorized: authentication required", true),
            (500, "Get \"https://x/v2/\": dial tcp 127.0.0.1:1: connect: connection refused", false),
            (500, "context deadline exceeded (Client.Timeout exceeded while awaiting headers)", false),
            (500, "received unexpected HTTP status: 502 Bad Gateway", false),
            (500, "dial tcp: lookup reg.example: no such host", false),
        ] {
            assert_eq!(is_final(status, said), expected, "{said}");
        }
    }

    #[test]
    fn logins_are_found_by_their_registry() {
        let auth = STANDARD.encode("me:pass:word");
        let file = format!(
            r#"{{"auths": {{"https://index.docker.io/v1/": {{"auth": "{auth}"}}, "REG.example": {{"auth": "{auth}"}}}}, "credsStore": "x"}}"#
        );
        for registry in ["docker.io", "reg.example"] {
            let login = stored_login(file.as_bytes(), registry).unwrap();
            assert_eq!((login.username.as_str(), login.password.as_str()), ("me", "pass:word"));
        }
        for (file, registry) in [(file.as_str(), "other"), ("{}", "docker.io"), ("x", "docker.io")] {
            assert_eq!(stored_login(file.as_bytes(), registry), None);
        }
    }
}
