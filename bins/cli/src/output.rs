//! Output for people, and for programs.

use std::io::{IsTerminal as _, Read as _, Write as _};

use anyhow::Context as _;

/// Prints a line, or ends quietly where the reader has gone (`keyward … | head`).
pub(crate) fn line(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// Prints rows under a heading, in columns as wide as they need.
pub(crate) fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> anyhow::Result<()> {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heading[column].len()]).max().unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    for row in std::iter::once(&heading.map(str::to_owned)).chain(rows) {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        line(cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// The argument itself, or standard input for `-`.
pub(crate) fn argument_or_stdin(argument: &str) -> anyhow::Result<String> {
    if argument != "-" {
        return Ok(argument.to_owned());
    }
    let mut text = String::new();
    let mut stdin = std::io::stdin().lock();
    if stdin.is_terminal() {
        eprintln!("keyward: reading the token from the terminal, end with Ctrl-D");
    }
    stdin.read_to_string(&mut text).context("reading standard input")?;
    // A file or a pipe ends its line; the token itself has no white space.
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The text itself, or the file it names after `@`.
pub(crate) fn text_or_file(argument: &str) -> anyhow::Result<String> {
    match argument.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("reading {path}")),
        None => Ok(argument.to_owned()),
    }
}
