//! One small file that several processes share.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How many processes may replace a file at the same time.
const PLACES: u32 = 16;

/// After how long a file that was begun is nobody's: whoever began it was ended.
const ABANDONED: Duration = Duration::from_secs(60);

/// The text of a file, `None` if there is no file. Whatever else is at that place (a pipe, a device, a folder) and what has more
/// than `most` bytes is an error, and none of it is waited for.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Option<String>> {
    let file = match is_regular(path).and_then(|()| open(path)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // Once more, since another may be there by now.
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(not_regular());
    }
    let too_large = || io::Error::new(io::ErrorKind::InvalidData, format!("it has more than {most} bytes"));
    if found.len() > most {
        return Err(too_large());
    }
    let mut text = String::new();
    file.take(most.saturating_add(1)).read_to_string(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|length| length <= most) {
        Ok(Some(text))
    } else {
        Err(too_large())
    }
}

/// Replaces a file: whole or not at all, for whoever reads it meanwhile and when the machine goes down.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let permissions = match is_regular(path).and_then(|()| fs::metadata(path)) {
        Ok(found) => Some(found.permissions()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let (mut new, beside) = begin(path)?;
    let written = (|| {
        if let Some(permissions) = permissions {
            // Those of whoever shares the file. Where that isn't allowed, the new file is its writer's alone.
            let _ = new.set_permissions(permissions);
        }
        new.write_all(bytes)?;
        new.sync_all()?;
        fs::rename(&beside, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&beside);
        return written;
    }
    // The name, too, should outlive the machine. Some file systems can't say so.
    let _ = File::open(folder(path)).and_then(|folder| folder.sync_all());
    Ok(())
}

/// A new file beside another, which nobody else writes. There are so many names for it, so that processes that are killed don't
/// fill the folder.
fn begin(path: &Path) -> io::Result<(File, PathBuf)> {
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for place in 0..PLACES {
        let place = std::process::id().wrapping_add(place).checked_rem(PLACES).unwrap_or(0);
        let mut beside = std::ffi::OsString::from(".");
        beside.push(name);
        beside.push(format!(".{place}.new"));
        let beside = folder(path).join(beside);
        if is_abandoned(&beside) {
            let _ = fs::remove_file(&beside);
        }
        match options.open(&beside) {
            Ok(new) => return Ok((new, beside)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

fn is_abandoned(beside: &Path) -> bool {
    let modified = fs::symlink_metadata(beside).and_then(|found| found.modified());
    modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > ABANDONED))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn is_regular(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.is_file() { Ok(()) } else { Err(not_regular()) }
}

fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")
}

/// Opens without waiting for the other end, should it be a pipe.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    options.open(path)
}
