//! What is kept of a deployment, and how.
//!
//! ```text
//! deployments/<id>/lock         held by whoever changes something
//!                  order.json   the last order that was taken
//!                  journal      what is under way, a line for each step, each on the disk before the step begins
//!                  state.json   what runs, what ran before, and how the last order ended
//!                  rev/<n>/     a revision: order.json compose.yaml pin.yaml record.json
//!                  files/<hash> the files that it mounts, and .env: the project's folder, named after what is in it
//! ```
//!
//! Files that are mounted lie in a folder of another name as soon as one of them is another: so exactly the services that mount them
//! are made anew, and what runs is never written to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use keyward_protocol::desired::Deployment;
use rustix::fs::{FlockOperation, flock};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::disk;

/// The most bytes of a file of ours.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// How long the lock is waited for: whoever holds it is about to end.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// The folder of one deployment.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    path: PathBuf,
}

/// The right to change a deployment, until it is dropped.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// What is known of a revision since it was first brought up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Record {
    /// The name of its folder of files.
    pub files: String,
    /// For each service, the image by digest and the engine's id of it.
    pub images: BTreeMap<String, PinnedImage>,
    /// What Compose made of its files, as a hash.
    pub model: String,
    /// What is to run.
    pub services: Vec<super::plan::Service>,
    /// For each service, the hash of its configuration that Compose gave its containers.
    pub configurations: BTreeMap<String, String>,
    /// For each container by id, how often it had been started again by then.
    pub restarts: BTreeMap<String, u64>,
}

/// An image that a revision runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct PinnedImage {
    /// `repository@sha256:…`.
    pub reference: String,
    /// The engine's id.
    pub id: String,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn exists(&self) -> bool {
        self.path.is_dir()
    }

    /// Takes the lock, waiting a little. `None` if another program holds it.
    pub(super) fn lock(&self) -> io::Result<Option<Lock>> {
        disk::make_folder(&self.path)?;
        self.lock_within(LOCK_PATIENCE)
    }

    /// Takes the lock if nobody holds it.
    pub(super) fn try_lock(&self) -> Option<Lock> {
        self.lock_within(Duration::ZERO).ok()?
    }

    fn lock_within(&self, patience: Duration) -> io::Result<Option<Lock>> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(self.path.join("lock"))?;
        let until = Instant::now() + patience;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Some(Lock(file))),
                Err(error) if error == rustix::io::Errno::WOULDBLOCK => {}
                Err(error) => return Err(error.into()),
            }
            if Instant::now() >= until {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    pub(super) fn order(&self) -> io::Result<Option<Deployment>> {
        read_json(&self.path.join("order.json"))
    }

    pub(super) fn write_order(&self, order: &Deployment) -> io::Result<()> {
        write_json(&self.path.join("order.json"), order)
    }

    pub(super) fn state<T: DeserializeOwned + Default>(&self) -> io::Result<T> {
        Ok(read_json(&self.path.join("state.json"))?.unwrap_or_default())
    }

    pub(super) fn write_state(&self, state: &impl Serialize) -> io::Result<()> {
        write_json(&self.path.join("state.json"), state)
    }

    /// The folder of a revision.
    pub(super) fn revision(&self, number: u32) -> PathBuf {
        self.path.join("rev").join(number.to_string())
    }

    pub(super) fn record(&self, number: u32) -> io::Result<Option<Record>> {
        read_json(&self.revision(number).join("record.json"))
    }

    pub(super) fn write_record(&self, number: u32, record: &Record) -> io::Result<()> {
        write_json(&self.revision(number).join("record.json"), record)
    }

    /// The order that a revision was brought about by.
    pub(super) fn revision_order(&self, number: u32) -> io::Result<Option<Deployment>> {
        read_json(&self.revision(number).join("order.json"))
    }

    /// Writes what a revision is read from.
    pub(super) fn write_revision(&self, order: &Deployment, compose: &str) -> io::Result<()> {
        let folder = self.revision(order.revision);
        disk::make_folder(&folder)?;
        write_json(&folder.join("order.json"), order)?;
        disk::write(&folder.join("compose.yaml"), compose.as_bytes())?;
        disk::sync_folder_of(&folder)
    }

    pub(super) fn project_folder(&self, hash: &str) -> PathBuf {
        self.path.join("files").join(hash)
    }

    /// Writes the files that are mounted, if they are not there; the name of their folder. Its files may be read by whichever user
    /// a container runs as; on the host, the folders above are the agent's alone.
    pub(super) fn write_files(&self, files: &BTreeMap<String, String>) -> io::Result<String> {
        let hash = hash_of(files);
        let target = self.project_folder(&hash);
        if target.is_dir() {
            return Ok(hash);
        }
        let all = self.path.join("files");
        disk::make_folder(&all)?;
        let new = all.join(".new");
        remove_folder(&new)?;
        DirBuilder::new().mode(0o755).create(&new)?;
        for (name, text) in files {
            let path = new.join(name);
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&path)?;
            file.write_all(text.as_bytes())?;
            // Whatever the mask.
            file.set_permissions(fs::Permissions::from_mode(0o644))?;
            file.sync_all()?;
        }
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755))?;
        File::open(&new)?.sync_all()?;
        fs::rename(&new, &target)?;
        disk::sync_folder_of(&target)?;
        Ok(hash)
    }

    /// Removes the revisions and files but those of these revisions; what is known of those that are gone.
    pub(super) fn keep_only(&self, kept: &BTreeSet<u32>) -> io::Result<Vec<Record>> {
        let mut gone = Vec::new();
        let mut hashes = BTreeSet::new();
        for number in kept {
            hashes.extend(self.record(*number)?.map(|record| record.files));
        }
        for name in names(&self.path.join("rev"))? {
            let Ok(number) = name.parse::<u32>() else { continue };
            if !kept.contains(&number) {
                // One that can't be read has nothing that could be let go of.
                gone.extend(self.record(number).ok().flatten());
                remove_folder(&self.revision(number))?;
            }
        }
        for name in names(&self.path.join("files"))? {
            if !hashes.contains(&name) {
                remove_folder(&self.path.join("files").join(name))?;
            }
        }
        Ok(gone)
    }

    /// The images of every revision that is kept.
    pub(super) fn images(&self) -> io::Result<BTreeSet<PinnedImage>> {
        let mut images = BTreeSet::new();
        for number in names(&self.path.join("rev"))?.iter().filter_map(|name| name.parse().ok()) {
            images.extend(self.record(number)?.unwrap_or_default().images.into_values());
        }
        Ok(images)
    }

    /// Removes all but the state, which says that it is gone.
    pub(super) fn clear(&self) -> io::Result<()> {
        remove_folder(&self.path.join("rev"))?;
        remove_folder(&self.path.join("files"))?;
        disk::remove(&self.path.join("order.json"))?;
        disk::sync_folder_of(&self.path.join("state.json"))
    }
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Links in it are removed, not followed.
fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let Some(bytes) = disk::read(path, MOST_BYTES)? else { return Ok(None) };
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).map(Some).map_err(invalid)
}

fn write_json(path: &Path, what: &impl Serialize) -> io::Result<()> {
    disk::write(path, &serde_json::to_vec(what).map_err(io::Error::other)?)
}

/// A hash of names and texts, such that no two sets of files have the same bytes hashed.
fn hash_of(files: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    for part in files.iter().flat_map(|(name, text)| [name, text]) {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    hexadecimal(&hash.finalize()[..16])
}

/// Of a text, its SHA-256 in hexadecimal digits.
pub(super) fn sha256(text: &str) -> String {
    hexadecimal(&Sha256::digest(text))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(place.path().join("d"));
        (place, folder)
    }

    fn files(text: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("a.conf".to_owned(), text.to_owned()), (".env".to_owned(), "A=1".to_owned())])
    }

    #[test]
    fn files_lie_in_a_folder_named_after_them() {
        let (_place, folder) = folder();
        // What a crash left.
        disk::make_folder(&folder.path.join("files/.new")).unwrap();
        fs::write(folder.path.join("files/.new/evil"), "x").unwrap();
        let first = folder.write_files(&files("one")).unwrap();
        let second = folder.write_files(&files("two")).unwrap();
        assert_ne!(first, second);
        assert_eq!(folder.write_files(&files("one")).unwrap(), first);
        let path = folder.project_folder(&first);
        assert_eq!(names(&path).unwrap().len(), 2);
        assert_eq!(fs::read_to_string(path.join("a.conf")).unwrap(), "one");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&path.join("a.conf")), mode(&folder.path)), (0o755, 0o644, 0o700));
    }

    #[test]
    fn what_is_no_longer_needed_goes() {
        let (_place, folder) = folder();
        for (number, text) in [(1, "one"), (2, "two"), (3, "three")] {
            let files = folder.write_files(&files(text)).unwrap();
            disk::make_folder(&folder.revision(number)).unwrap();
            folder.write_record(number, &Record { files, ..Record::default() }).unwrap();
        }
        let gone = folder.keep_only(&BTreeSet::from([2, 3])).unwrap();
        assert_eq!(gone.len(), 1);
        assert!(!folder.project_folder(&gone[0].files).exists() && !folder.revision(1).exists());
        assert_eq!(names(&folder.path.join("files")).unwrap().len(), 2);
    }

    #[test]
    fn the_lock_is_one_programs() {
        let (_place, folder) = folder();
        let held = folder.lock().unwrap().unwrap();
        assert!(folder.lock().unwrap().is_none());
        drop(held);
        assert!(folder.lock().unwrap().is_some());
    }
}
