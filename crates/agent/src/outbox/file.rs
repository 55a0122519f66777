//! The file of a queue: a line with the last `seq` in twenty digits, which is overwritten in place, and then a line of JSON for each
//! transition and state. So a `seq` that was used is on the disk even if that is too full for what happened.

use std::fs::OpenOptions;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use keyward_protocol::report::{DeploymentState, Transition};
use serde::{Deserialize, Serialize};

use crate::disk;

/// A line after the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    Transition(Transition),
    State(DeploymentState),
}

/// What is in a file.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub seq: u64,
    pub lines: Vec<Line>,
}

impl Content {
    pub(super) fn last_state(self) -> Option<DeploymentState> {
        self.lines.into_iter().rev().find_map(|line| match line {
            Line::State(state) => Some(state),
            Line::Transition(_) => None,
        })
    }
}

/// More than any file has: what waits, with its states.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// Reads a file. A last line that was not finished was never told to anybody.
pub(super) fn read(path: &Path) -> io::Result<Content> {
    let Some(bytes) = disk::read(path, MOST_BYTES)? else { return Ok(Content::default()) };
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.split('\n');
    let seq: u64 = lines.next().and_then(|first| first.parse().ok()).unwrap_or(0);
    let lines: Vec<Line> = lines.map_while(|line| serde_json::from_str(line).ok()).collect();
    let last = lines.iter().filter_map(|line| match line {
        Line::Transition(transition) => Some(transition.seq),
        Line::State(_) => None,
    });
    Ok(Content { seq: last.max().unwrap_or(0).max(seq), lines })
}

/// Replaces a file.
pub(super) fn write<'a>(path: &Path, seq: u64, lines: impl Iterator<Item = &'a Line>) -> io::Result<()> {
    let mut bytes = head(seq);
    for line in lines {
        push(&mut bytes, line)?;
    }
    disk::write(path, &bytes)
}

/// Appends lines. With an error, the `seq` may be kept without them.
pub(super) fn append(path: &Path, seq: u64, lines: &[Line]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.write_all_at(&head(seq), 0)?;
    let mut bytes = Vec::new();
    lines.iter().try_for_each(|line| push(&mut bytes, line))?;
    let end = file.seek(SeekFrom::End(0))?;
    if let Err(error) = file.write_all(&bytes) {
        // Half a line would hide those that follow.
        let _ = file.set_len(end).and_then(|()| file.sync_data());
        return Err(error);
    }
    file.sync_data()
}

/// Keeps a `seq`, which takes no room.
pub(super) fn write_seq(path: &Path, seq: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.write_all_at(&head(seq), 0)?;
    file.sync_data()
}

fn head(seq: u64) -> Vec<u8> {
    format!("{seq:020}\n").into_bytes()
}

fn push(bytes: &mut Vec<u8>, line: &Line) -> io::Result<()> {
    serde_json::to_writer(&mut *bytes, line)?;
    bytes.push(b'\n');
    Ok(())
}
