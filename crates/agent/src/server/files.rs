//! Files of versions, named by the hash of their text.

use std::collections::BTreeSet;

use keyward_protocol::desired::Entry;
use keyward_protocol::{Desired, MOST_BODY, path};
use sha2::{Digest as _, Sha256};
use ureq::http::Method;

use super::Server;
use super::exchange::{Ask, AskError};
use crate::disk;

impl Server {
    /// The text of a file, from this host or from the server, with the hash that it is named by.
    ///
    /// # Errors
    /// If it can't be had.
    pub fn file(&self, sha256: &str) -> Result<String, AskError> {
        if !is_hash(sha256) {
            return Err(AskError::Unreadable(
                "a file is named by 64 hexadecimal digits in lower case".to_owned(),
            ));
        }
        let place = self.paths.downloads().join(sha256);
        let most = u64::try_from(MOST_BODY).unwrap_or(u64::MAX);
        // One that was damaged is fetched again.
        let kept = disk::read(&place, most).ok().flatten().filter(|bytes| hash(bytes) == sha256);
        let bytes = match kept {
            Some(bytes) => bytes,
            None => {
                let path = format!("{}/{sha256}", path::FILES);
                let ask = Ask { method: Method::GET, path: &path, ..Ask::default() };
                let bytes = self.ask(&ask)?.body;
                if hash(&bytes) != sha256 {
                    return Err(AskError::Unreadable(format!("the file {sha256} has another hash")));
                }
                // Should the disk be full, there is still the text.
                let _ = disk::make_folder(&self.paths.downloads()).and_then(|()| disk::write(&place, &bytes));
                bytes
            }
        };
        String::from_utf8(bytes).map_err(|_| AskError::Unreadable(format!("the file {sha256} is not text")))
    }

    /// Removes downloads that nothing desired names any more.
    pub fn forget_files_but_of(&self, desired: &Desired) {
        let named: BTreeSet<&str> = desired
            .deployments
            .iter()
            .filter_map(|entry| match entry {
                Entry::Deployment(deployment) => Some(&deployment.files),
                Entry::Fault { .. } => None,
            })
            .flatten()
            .map(|file| file.sha256.as_str())
            .collect();
        // An entry that can't be told may need any of them.
        if desired.deployments.iter().any(|entry| matches!(entry, Entry::Fault { .. })) {
            return;
        }
        for found in std::fs::read_dir(self.paths.downloads()).into_iter().flatten().flatten() {
            if found.file_name().to_str().is_none_or(|name| !named.contains(name)) {
                let _ = disk::remove(&found.path());
            }
        }
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A SHA-256 in lower-case hexadecimal digits.
pub(crate) fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes in lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
