//! The agent as a program that runs on any host: static, small, with its checksum beside it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};

use crate::parts::{self, Missing};
use crate::root;
use crate::steps::{Report, cargo, succeeds};

/// The most bytes of the program: hosts fetch it by hand, some over thin lines.
const MOST_BYTES: u64 = 8 * 1024 * 1024;

/// Builds it for this machine's architecture into a folder, as a server hands it out from `KEYWARD_AGENT_DIR`.
pub(crate) fn build(report: &mut Report, folder: Option<&str>, missing: Missing) -> Result<()> {
    let folder = folder.map_or(root()?.join("target/agent-programs"), PathBuf::from);
    let folder = std::path::absolute(folder)?;
    let arch = std::env::consts::ARCH;
    let target = target(arch, missing)?;
    report.step(&format!("agent for {target}"), || {
        let mut build =
            cargo(&["build", "--profile", "agent", "-p", "keyward-agent-cli", "--target", &target])?;
        if target.ends_with("-gnu") {
            let flags = format!("target.{target}.rustflags=[\"-C\", \"target-feature=+crt-static\"]");
            build.args(["--config", &flags]);
        }
        if !succeeds(&mut build)? {
            return Ok(false);
        }
        let built = root()?.join("target").join(&target).join("agent/keyward-agent");
        check(&built)?;
        place(&built, &folder, &format!("keyward-agent-{arch}"))?;
        Ok(true)
    })
}

/// musl, where Rust and the C compiler have it: its static programs look up names without a shared library.
fn target(arch: &str, missing: Missing) -> Result<String> {
    let musl = format!("{arch}-unknown-linux-musl");
    let has_compiler =
        Command::new("musl-gcc").arg("--version").output().is_ok_and(|out| out.status.success());
    let has_musl = has_compiler && parts::rust_target(&musl, missing)?;
    Ok(if has_musl { musl } else { format!("{arch}-unknown-linux-gnu") })
}

fn check(program: &Path) -> Result<()> {
    let size = std::fs::metadata(program).with_context(|| program.display().to_string())?.len();
    ensure!(size <= MOST_BYTES, "the agent has {size} bytes, and is to have {MOST_BYTES} at most");
    let bytes = std::fs::read(program)?;
    ensure!(!has_interpreter(&bytes), "the agent is not static: it names a dynamic linker");
    let ran = Command::new(program).arg("--version").env_clear().output().context("running the agent")?;
    ensure!(ran.status.success(), "the agent does not run");
    println!("{}: {size} bytes", String::from_utf8_lossy(&ran.stdout).trim());
    Ok(())
}

/// Whether an ELF file of 64 bits has a segment that names a dynamic linker (`PT_INTERP`).
fn has_interpreter(elf: &[u8]) -> bool {
    let number = |at: usize, length: usize| -> usize {
        let bytes = elf.get(at..at + length).unwrap_or_default();
        bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
    };
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    (0..count).any(|segment| number(table + segment * size, 4) == 3)
}

/// Puts it in place whole: a server may be handing out the one before.
fn place(built: &Path, folder: &Path, name: &str) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let hash = Sha256::digest(std::fs::read(built)?);
    let hash = hash.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    let put = |name: &str, make: &dyn Fn(&Path) -> Result<()>| -> Result<()> {
        let beside = folder.join(format!(".{name}.new"));
        make(&beside)?;
        Ok(std::fs::rename(&beside, folder.join(name))?)
    };
    put(name, &|beside| Ok(std::fs::copy(built, beside).map(drop)?))?;
    put(&format!("{name}.sha256"), &|beside| Ok(std::fs::write(beside, format!("{hash}  {name}\n"))?))?;
    println!("{}", folder.join(name).display());
    Ok(())
}
