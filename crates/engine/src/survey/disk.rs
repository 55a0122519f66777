//! The room that is left on the disk of a folder.

use std::path::Path;

/// The disk that a folder is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// What the folder is for: `data`, `database`, `master_key`.
    pub folder: &'static str,
    /// Its size in bytes.
    pub size: u64,
    /// How many bytes this program may still write.
    pub free: u64,
    /// How many more files it may have; `None` where the file system has no such limit.
    pub free_files: Option<u64>,
}

impl Disk {
    /// What the system says; `None` if it says nothing.
    #[cfg(unix)]
    pub(super) fn of(folder: &'static str, path: &Path) -> Option<Self> {
        let found = rustix::fs::statvfs(path).ok()?;
        Some(Self {
            folder,
            size: found.f_blocks.saturating_mul(found.f_frsize),
            free: found.f_bavail.saturating_mul(found.f_frsize),
            free_files: (found.f_files > 0).then_some(found.f_favail),
        })
    }

    /// What the system says; `None` if it says nothing.
    #[cfg(not(unix))]
    pub(super) fn of(_: &'static str, _: &Path) -> Option<Self> {
        None
    }
}
