//! Says which tests did nothing because something that they need is missing: after the summary, where it is read.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// Counts the lines it reads, and says so when this process has ended.
const NOT_RUN: &str = r#"
tests=0
while read -r _; do tests=$((tests + 1)); done
echo "$tests tests $1 were not run: $2" >&2
"#;

/// Has one more test counted that was not run: `on PostgreSQL`, `with promtool`.
///
/// # Panics
/// Without a shell.
pub fn report(which: &'static str, why: &str) {
    static REPORTS: Mutex<BTreeMap<&str, ChildStdin>> = Mutex::new(BTreeMap::new());
    let mut reports = REPORTS.lock().unwrap_or_else(PoisonError::into_inner);
    let report = reports.entry(which).or_insert_with(|| {
        let shell = Command::new("sh").args(["-c", NOT_RUN, "sh", which, why]).stdin(Stdio::piped()).spawn();
        shell.expect("a shell").stdin.expect("a pipe")
    });
    let _ = writeln!(report);
}
