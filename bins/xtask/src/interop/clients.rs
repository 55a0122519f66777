//! The clients: each takes a key file, a token and an audience, prints the claims and ends 0, or ends 1.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::Result;

use super::server::program;
use crate::parts::Parts;
use crate::root;

/// A program that verifies tokens.
pub(crate) struct Client {
    /// As it is named in reports.
    pub name: &'static str,
    /// Which of the two formats it reads.
    pub formats: &'static [&'static str],
    run: Box<Run>,
}

/// Runs the program on a key file, a token, an audience and perhaps the second as of which it is to judge.
type Run = dyn Fn(&Path, &str, &str, Option<i64>) -> Result<Output>;

/// What a client said of a token.
pub(crate) struct Verdict {
    /// Whether it accepts the token.
    pub accepts: bool,
    /// The claims, or the reason.
    pub said: String,
}

impl Client {
    /// Has the client judge a token now.
    pub(crate) fn judge(&self, key: &Path, token: &str, audience: &str) -> Result<Verdict> {
        self.judge_at(key, token, audience, None)
    }

    /// Has the client judge a token as of a second, or now.
    pub(crate) fn judge_at(
        &self,
        key: &Path,
        token: &str,
        audience: &str,
        at: Option<i64>,
    ) -> Result<Verdict> {
        let output = (self.run)(key, token, audience, at)?;
        let said =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        // Anything but 0 and 1 is a client that broke, which is neither.
        anyhow::ensure!(matches!(output.status.code(), Some(0 | 1)), "{} broke: {said}", self.name);
        Ok(Verdict { accepts: output.status.success(), said })
    }
}

/// All clients.
pub(crate) fn all(parts: &Parts) -> Result<Vec<Client>> {
    let (node, python) = (parts.node.join("verify.mjs"), parts.python.clone());
    let script = root()?.join("examples/python/verify.py");
    let (keyward, go) = (program("debug", "keyward")?, parts.go.clone());
    Ok(vec![
        Client {
            name: "jose (Node)",
            formats: &["jwt"],
            run: Box::new(move |key, token, audience, at| {
                Ok(Command::new("node")
                    .arg(&node)
                    .arg(key)
                    .args([token, audience])
                    .args(second(at))
                    .output()?)
            }),
        },
        Client {
            name: "PyJWT and pyseto (Python)",
            formats: &["jwt", "paseto"],
            run: Box::new(move |key, token, audience, at| {
                let mut command = Command::new(&python);
                Ok(command.arg(&script).arg(key).args([token, audience]).args(second(at)).output()?)
            }),
        },
        Client {
            name: "the standard library (Go)",
            formats: &["jwt"],
            run: Box::new(move |key, token, audience, at| {
                Ok(Command::new(&go).arg(key).args([token, audience]).args(second(at)).output()?)
            }),
        },
        Client {
            name: "keyward verify",
            formats: &["jwt", "paseto"],
            run: Box::new(move |key, token, audience, at| {
                let mut command = Command::new(&keyward);
                let at = second(at).into_iter().flat_map(|second| ["--at".to_owned(), second]);
                Ok(command
                    .args(["verify"])
                    .args(at)
                    .args(["--audience", audience, "--key"])
                    .arg(key)
                    .arg(token)
                    .output()?)
            }),
        },
    ])
}

fn second(at: Option<i64>) -> Option<String> {
    at.map(|at| at.to_string())
}
