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
    /// Whether it reads a JWK Set too.
    pub reads_jwks: bool,
    run: Box<Run>,
}

/// Runs the program on a key file, a token and an audience.
type Run = dyn Fn(&Path, &str, &str) -> Result<Output>;

/// What a client said of a token.
pub(crate) struct Verdict {
    /// Whether it accepts the token.
    pub accepts: bool,
    /// The claims, or the reason.
    pub said: String,
}

impl Client {
    /// Has the client judge a token.
    pub(crate) fn judge(&self, key: &Path, token: &str, audience: &str) -> Result<Verdict> {
        let output = (self.run)(key, token, audience)?;
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
            reads_jwks: true,
            run: Box::new(move |key, token, audience| {
                Ok(Command::new("node").arg(&node).arg(key).args([token, audience]).output()?)
            }),
        },
        Client {
            name: "PyJWT and pyseto (Python)",
            formats: &["jwt", "paseto"],
            reads_jwks: false,
            run: Box::new(move |key, token, audience| {
                Ok(Command::new(&python).arg(&script).arg(key).args([token, audience]).output()?)
            }),
        },
        Client {
            name: "the standard library (Go)",
            formats: &["jwt"],
            reads_jwks: false,
            run: Box::new(move |key, token, audience| {
                Ok(Command::new(&go).arg(key).args([token, audience]).output()?)
            }),
        },
        Client {
            name: "keyward verify",
            formats: &["jwt", "paseto"],
            reads_jwks: true,
            run: Box::new(move |key, token, audience| {
                let mut command = Command::new(&keyward);
                Ok(command.args(["verify", "--audience", audience, "--key"]).arg(key).arg(token).output()?)
            }),
        },
    ])
}
