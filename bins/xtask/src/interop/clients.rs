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

/// All clients: libraries that nobody here wrote, the packages for other languages, and the command.
pub(crate) fn all(parts: &Parts) -> Result<Vec<Client>> {
    let node = |script: &str| parts.languages.node.join(script);
    let (plain_node, node) = (node("plain.mjs"), node("verify.mjs"));
    let (python, go) = (parts.languages.python.clone(), parts.languages.go.join("verify"));
    let script = |name: &str| root().map(|root| root.join("examples/python").join(name));
    let (plain_script, script) = (script("plain.py")?, script("verify.py")?);
    let plain_python = python.clone();
    let package = root()?.join("crates/token/bindings/python/src");
    Ok(vec![
        Client {
            name: "jose (Node)",
            formats: &["jwt"],
            run: Box::new(move |question| {
                Ok(example(Command::new("node").arg(&plain_node), question).output()?)
            }),
        },
        Client {
            name: "PyJWT and pyseto (Python)",
            formats: &["jwt", "paseto"],
            run: Box::new(move |question| {
                Ok(example(Command::new(&plain_python).arg(&plain_script), question).output()?)
            }),
        },
        Client {
            name: "the package for Node",
            formats: &["jwt", "paseto"],
            run: Box::new(move |question| Ok(example(Command::new("node").arg(&node), question).output()?)),
        },
        Client {
            name: "the package for Python",
            formats: &["jwt", "paseto"],
            run: Box::new(move |question| {
                let mut command = Command::new(&python);
                command.arg(&script).env("PYTHONPATH", &package);
                Ok(example(&mut command, question).output()?)
            }),
        },
        Client {
            name: "the package for Go",
            formats: &["jwt", "paseto"],
            run: Box::new(move |question| Ok(example(&mut Command::new(&go), question).output()?)),
        },
        keyward()?,
    ])
}

/// The `keyward` command.
pub(crate) fn keyward() -> Result<Client> {
    let keyward = program("debug", "keyward")?;
    Ok(Client {
        name: "keyward verify",
        formats: &["jwt", "paseto"],
        run: Box::new(move |question| {
            let mut command = Command::new(&keyward);
            command.args(["verify", "--audience", question.audience, "--key"]).arg(question.key);
            match question.product {
                Some(product) => command.args(["--product", product]),
                None => command.arg("--any-product"),
            };
            if let Some(at) = question.at {
                command.arg(format!("--at={at}"));
            }
            Ok(command.arg("--").arg(question.token).output()?)
        }),
    })
}

/// The arguments that the examples in other languages take.
fn example<'c>(command: &'c mut Command, question: Question<'_>) -> &'c mut Command {
    command.arg(question.key).args([question.product.unwrap_or("any"), question.token, question.audience]);
    command.args(question.at.map(|at| at.to_string()))
}
