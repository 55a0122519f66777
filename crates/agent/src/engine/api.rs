//! What a deployment takes of the engine's API, reading and writing.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use ureq::Agent;

use super::http::{EngineError, away, succeeded};
use super::model::{Container, ContainerRow, Image, Info, NetworkRow, Version, VolumeRows};
use super::socket::{self, ADDRESS};

/// How long a single thing may take that is not a pull.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long a pull may be silent.
const PULL_PATIENCE: Duration = Duration::from_secs(300);

/// How long a health check is waited for: as long as it runs, no other is to be begun beside it.
const CHECK_PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// The most bytes of an answer.
const MOST_BYTES: u64 = 32 * 1024 * 1024;

/// What stands unescaped in a path or a query.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The same for the reference of an image, of which slashes and the rest belong to the path.
const REFERENCE: &AsciiSet = &PLAIN.remove(b'/').remove(b':').remove(b'@');

/// An engine that is told what to do.
#[derive(Debug, Clone)]
pub struct Engine {
    client: Agent,
    socket: PathBuf,
}

/// Who asks a registry for an image.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub username: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").finish_non_exhaustive()
    }
}

impl Engine {
    /// The engine behind a socket. Nothing is asked yet.
    pub fn new(socket: &Path) -> Self {
        Self { client: socket::client(socket, PATIENCE), socket: socket.to_owned() }
    }

    /// Its socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its version.
    ///
    /// # Errors
    /// If it can't be asked.
    pub fn version(&self) -> Result<Version, EngineError> {
        self.get("/version")
    }

    /// Whether it is podman, which says so with every answer. Asked for its version, it has the host's package manager tell
    /// those of all its parts, for half a second of a processor.
    ///
    /// # Errors
    /// If it can't be asked.
    pub fn is_podman(&self) -> Result<bool, EngineError> {
        let answer = succeeded(self.client.get(format!("{ADDRESS}/_ping")).call())?;
        Ok(answer.headers().contains_key("libpod-api-version"))
    }

    /// What it has.
    ///
    /// # Errors
    /// If it can't be asked.
    pub fn info(&self) -> Result<Info, EngineError> {
        self.get("/info")
    }

    /// The containers with a label, running or not.
    ///
    /// # Errors
    /// If it can't be asked.
    pub fn containers(&self, label: &str) -> Result<Vec<ContainerRow>, EngineError> {
        self.get(&format!("/containers/json?all=true&filters={}", by_label(label)))
    }

    /// The containers that run, whosever they are.
    ///
    /// # Errors
    /// If it can't be asked.
    pub fn running(&self) -> Result<Vec<ContainerRow>, EngineError> {
        self.get("/containers/json")
    }

    /// A container, if it is there.
    ///
    /// # Errors
    /// If it can't be asked.
    pub fn container(&self, id: &str) -> Result<Option<Container>, EngineError> {
        found(self.get(&format!("/containers/{}/json", escaped(id))))
    }

    /// The networks with a label.
    ///
    /// # Errors
    /// If it can't be asked.
    pub fn networks(&self, label: &str) -> Result<Vec<NetworkRow>, EngineError> {
        self.get(&format!("/networks?filters={}", by_label(label)))
    }

    /// The names of the volumes with a label.
    ///
    /// # Errors
    /// If it can't be asked.
    pub fn volumes(&self, label: &str) -> Result<Vec<String>, EngineError> {
        let rows: VolumeRows = self.get(&format!("/volumes?filters={}", by_label(label)))?;
        Ok(rows.volumes.unwrap_or_default().into_iter().map(|row| row.name).collect())
    }

    /// An image, if it is there.
    ///
    /// # Errors
    /// If it can't be asked.
    pub fn image(&self, reference: &str) -> Result<Option<Image>, EngineError> {
        let reference = utf8_percent_encode(reference, REFERENCE);
        found(self.get(&format!("/images/{reference}/json")))
    }

    /// Fetches an image, by tag or digest. What the engine writes meanwhile is read to its end: podman tells there that it failed.
    ///
    /// # Errors
    /// With what the engine or the registry says.
    pub fn pull(&self, repository: &str, tag: &str, login: Option<&Login>) -> Result<(), EngineError> {
        let address =
            format!("{ADDRESS}/images/create?fromImage={}&tag={}", escaped(repository), escaped(tag));
        let mut request = socket::client(&self.socket, PULL_PATIENCE).post(address);
        if let Some(login) = login {
            let json = serde_json::json!({"username": login.username, "password": login.password});
            request = request.header("X-Registry-Auth", URL_SAFE.encode(json.to_string()));
        }
        let mut answer = succeeded(request.send_empty())?;
        let mut lines = BufReader::new(answer.body_mut().as_reader().take(MOST_BYTES));
        let mut line = String::new();
        loop {
            line.clear();
            let unreadable = |error: std::io::Error| EngineError::Away(error.to_string());
            if lines.by_ref().take(1024 * 1024).read_line(&mut line).map_err(unreadable)? == 0 {
                return Ok(());
            }
            if let Ok(Progress { error: Some(message) }) = serde_json::from_str(&line) {
                return Err(EngineError::Refused { status: 200, message: message.trim().to_owned() });
            }
        }
    }

    /// The last lines that a container wrote, with both outputs as they came.
    ///
    /// # Errors
    /// If it can't be asked.
    pub fn logs(&self, container: &Container, lines: usize) -> Result<String, EngineError> {
        let id = escaped(&container.id);
        let address = format!("{ADDRESS}/containers/{id}/logs?stdout=true&stderr=true&tail={lines}");
        let mut answer = succeeded(self.client.get(address).call())?;
        // What comes is bounded by its lines, of which each may be long.
        let mut bytes = Vec::new();
        answer
            .body_mut()
            .as_reader()
            .take(1024 * 1024)
            .read_to_end(&mut bytes)
            .map_err(|error| EngineError::Away(error.to_string()))?;
        let bytes = if container.config.tty { bytes } else { unframed(&bytes) };
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Has podman run a container's health check now, and waits for its end, which may be never; whether it passes is in its state
    /// afterwards.
    ///
    /// # Errors
    /// If it can't be asked.
    pub fn check_health(&self, id: &str) -> Result<(), EngineError> {
        let address = format!("{ADDRESS}/v4.0.0/libpod/containers/{}/healthcheck", escaped(id));
        succeeded(socket::client(&self.socket, CHECK_PATIENCE).get(address).call()).map(drop)
    }

    /// Stops a container; after so many seconds it is killed. Whether it ran.
    ///
    /// # Errors
    /// If it can't be stopped. One that is not there or stands still is stopped.
    pub fn stop(&self, id: &str, seconds: u32) -> Result<bool, EngineError> {
        let address = format!("{ADDRESS}/containers/{}/stop?t={seconds}", escaped(id));
        let patience = PATIENCE + Duration::from_secs(u64::from(seconds));
        let answer = found(succeeded(socket::client(&self.socket, patience).post(address).send_empty()))?;
        Ok(answer.is_some_and(|answer| answer.status().as_u16() != 304))
    }

    /// Removes a container, and with it the volumes that have no name, if that is wanted.
    ///
    /// # Errors
    /// If it can't be removed. One that is not there is.
    pub fn remove_container(&self, id: &str, volumes: bool) -> Result<(), EngineError> {
        self.delete(&format!("/containers/{}?force=true&v={volumes}", escaped(id)))
    }

    /// Removes a network.
    ///
    /// # Errors
    /// If it can't be removed. One that is not there is.
    pub fn remove_network(&self, id: &str) -> Result<(), EngineError> {
        self.delete(&format!("/networks/{}", escaped(id)))
    }

    /// Removes a volume with its data.
    ///
    /// # Errors
    /// If it can't be removed. One that is not there is.
    pub fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        self.delete(&format!("/volumes/{}", escaped(name)))
    }

    /// Gives an image another name.
    ///
    /// # Errors
    /// If it can't be given.
    pub fn tag(&self, reference: &str, repository: &str, tag: &str) -> Result<(), EngineError> {
        let reference = utf8_percent_encode(reference, REFERENCE);
        let (repository, tag) = (escaped(repository), escaped(tag));
        let address = format!("{ADDRESS}/images/{reference}/tag?repo={repository}&tag={tag}");
        succeeded(self.client.post(address).send_empty()).map(drop)
    }

    /// Removes an image, unless a container uses it.
    ///
    /// # Errors
    /// If it can't be removed, because it is used for instance. One that is not there is.
    pub fn remove_image(&self, reference: &str) -> Result<(), EngineError> {
        let reference = utf8_percent_encode(reference, REFERENCE);
        self.delete(&format!("/images/{reference}"))
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, EngineError> {
        let mut answer = succeeded(self.client.get(format!("{ADDRESS}{path}")).call())?;
        let bytes = answer.body_mut().with_config().limit(MOST_BYTES).read_to_vec().map_err(away)?;
        serde_json::from_slice(&bytes).map_err(|error| EngineError::Unreadable(error.to_string()))
    }

    fn delete(&self, path: &str) -> Result<(), EngineError> {
        gone(succeeded(self.client.delete(format!("{ADDRESS}{path}")).call()))
    }
}

#[derive(serde::Deserialize)]
struct Progress {
    error: Option<String>,
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

fn by_label(label: &str) -> String {
    escaped(&serde_json::json!({ "label": [label] }).to_string())
}

/// What is not there is no error.
fn found<T>(answer: Result<T, EngineError>) -> Result<Option<T>, EngineError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(EngineError::Refused { status: 404, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn gone<T>(answer: Result<T, EngineError>) -> Result<(), EngineError> {
    found(answer).map(drop)
}

/// What both outputs of a container carry, without the eight bytes in front of each piece.
fn unframed(mut bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    while let Some((head, rest)) = bytes.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
        text.extend_from_slice(&rest[..length]);
        bytes = &rest[length..];
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_are_put_together(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..9)) {
            let mut framed = Vec::new();
            for piece in &pieces {
                framed.extend_from_slice(&[1, 0, 0, 0]);
                framed.extend_from_slice(&u32::try_from(piece.len()).unwrap().to_be_bytes());
                framed.extend_from_slice(piece);
            }
            prop_assert_eq!(unframed(&framed), pieces.concat());
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..99)) {
            prop_assert!(unframed(&bytes).len() <= bytes.len());
        }
    }
}
