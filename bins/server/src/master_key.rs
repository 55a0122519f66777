//! The master key: found or made.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_engine::{Entropy as _, MasterKey, SystemEntropy};
use zeroize::Zeroizing;

use crate::config::MasterKeySource;

/// The master key, or `None` where none was made yet.
pub(crate) fn find(source: &MasterKeySource) -> anyhow::Result<Option<MasterKey>> {
    match source {
        MasterKeySource::Text(text) => text.parse().context("KEYWARD_MASTER_KEY").map(Some),
        MasterKeySource::File(path) => read(path),
        MasterKeySource::DataDir(path) => match fs::exists(path) {
            Ok(false) => Ok(None),
            Ok(true) | Err(_) => read(path),
        },
    }
}

/// Makes a key at the place it is looked for. Of two servers that start at once, both use one key.
pub(crate) fn make(source: &MasterKeySource) -> anyhow::Result<MasterKey> {
    let MasterKeySource::DataDir(path) = source else { bail!("the master key is missing") };
    let mut bytes = Zeroizing::new([0; 32]);
    SystemEntropy.fill(bytes.as_mut_slice());
    let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes) + "\n");
    let written = write_new(path, text.as_bytes());
    match written {
        Ok(()) => tracing::info!(file = %path.display(), "made the master key: keep a copy in a safe place"),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error).with_context(|| format!("writing {}", path.display())),
    }
    read(path)?.context("the master key is missing")
}

/// Written under another name and linked into place, so that no reader sees half a key.
fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    let linked =
        file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    linked
}

fn read(path: &Path) -> anyhow::Result<Option<MasterKey>> {
    let at = || format!("master key file {}", path.display());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(path).with_context(at)?.permissions().mode();
        ensure!(mode & 0o007 == 0, "{} can be read or changed by everyone: chmod 600 it", at());
    }
    let text = Zeroizing::new(fs::read_to_string(path).with_context(at)?);
    text.parse().with_context(at).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_key_is_found_again_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let source = MasterKeySource::DataDir(dir.path().join("master.key"));
        assert!(find(&source).unwrap().is_none());
        let made = make(&source).unwrap().fingerprint();
        assert_eq!(find(&source).unwrap().unwrap().fingerprint(), made);
        assert_eq!(make(&source).unwrap().fingerprint(), made, "a second start made another key");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let path = dir.path().join("master.key");
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            let error = find(&source).unwrap_err().to_string();
            assert!(error.contains("chmod 600"), "{error}");
        }
    }
}
