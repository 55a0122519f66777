//! Prometheus' own judge of rules and of what a server tells.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs promtool in a folder, if there is one; whether it did.
///
/// # Panics
/// If it finds fault.
pub fn run(folder: &Path, args: &[&str], stdin: &str) -> bool {
    let mut command = Command::new("promtool");
    command
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            crate::not_run::report("with promtool", &format!("promtool: {error}"));
            return false;
        }
    };
    child.stdin.take().expect("a pipe").write_all(stdin.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "promtool {args:?}: {said}");
    // It remarks what is bad style and ends well all the same.
    assert!(args != ["check", "metrics"] || said.is_empty(), "{said}");
    true
}
