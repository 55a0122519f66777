//! The clients: each takes a key file, a product, a token and an audience, prints the claims and ends 0, or ends 1.

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
    /// Whether it reads a single key from PEM, and not only a JWK Set.
    pub reads_pem: bool,
    run: Box<Run>,
}

/// What a client is asked.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    /// The file with the keys.
    pub key: &'a Path,
    /// The product that the license must be for; any if none is named.
    pub product: Option<&'a str>,
    /// The token.
    pub token: &'a str,
    /// The audience that it must have.
    pub audience: &'a str,
    /// The second as of which it is judged; now if none is named.
    pub at: Option<i64>,
}

/// Runs the program.
type Run = dyn Fn(Question<'_>) -> Result<Output>;

/// What a client said of a token.
pub(crate) struct Verdict {
    /// Whether it accepts the token.
    pub accepts: bool,
    /// The claims, or the reason.
    pub said: String,
}

impl Client {
    /// Has the client judge a token.
    pub(crate) fn judge(&self, question: Question<'_>) -> Result<Verdict> {
        let output = (self.run)(question)?;
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
            reads_pem: false,
            run: Box::new(move |question| Ok(example(Command::new("node").arg(&node), question).output()?)),
        },
        Client {
            name: "PyJWT and pyseto (Python)",
            formats: &["jwt", "paseto"],
            reads_pem: false,
            run: Box::new(
                move |question| Ok(example(Command::new(&python).arg(&script), question).output()?),
            ),
        },
        Client {
            name: "the standard library (Go)",
            formats: &["jwt"],
            reads_pem: false,
            run: Box::new(move |question| Ok(example(&mut Command::new(&go), question).output()?)),
        },
        Client {
            name: "keyward verify",
            formats: &["jwt", "paseto"],
            reads_pem: true,
            run: Box::new(move |question| {
                let mut command = Command::new(&keyward);
                command.args(["verify", "--audience", question.audience, "--key"]).arg(question.key);
                match question.product {
                    Some(product) => command.args(["--product", product]),
                    None => command.arg("--any-product"),
                };
                if let Some(at) = question.at {
                    command.args(["--at", &at.to_string()]);
                }
                Ok(command.arg(question.token).output()?)
            }),
        },
    ])
}

/// The arguments that the examples in other languages take.
fn example<'c>(command: &'c mut Command, question: Question<'_>) -> &'c mut Command {
    command.arg(question.key).args([question.product.unwrap_or("any"), question.token, question.audience]);
    command.args(question.at.map(|at| at.to_string()))
}
