//! The vectors, judged by the packages for other languages and by the `keyward` command, as by the crates they were made with.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Checks;
use super::clients::{self, Question};
use crate::parts::Languages;
use crate::root;
use crate::steps::{Report, cargo, succeeds};

/// For signers, which the packages are not.
const SIGNING: &str = "signing.json";

/// Has every language judge every vector, and test its package.
pub(crate) fn run(report: &mut Report, languages: &Languages) -> Result<()> {
    let bindings = root()?.join("crates/token/bindings");
    let corpus = root()?.join("docs/vectors/v1");
    let mutated = root()?.join("target/tmp/mutated-vectors");
    report.step("random and mutated vectors", || {
        let test = ["test", "--workspace", "--all-features", "--test", "it"];
        let filter = ["--", "--exact", "vectors::mutated_vectors_are_judged_and_written"];
        let of_tokens = "vectors::mutated::mutated_vectors_are_judged_and_written";
        succeeds(cargo(&test)?.args(crate::steps::UNTESTED).args(filter).arg(of_tokens))
    })?;
    let library = root()?.join("target/debug/deps/libkeyward_token_c.so");
    for language in judges(&bindings, &root()?.join("examples"), languages, &library) {
        if !language.tests.is_empty() {
            report.step(&format!("the package for {}, by its own tests", language.name), || {
                let mut passed = true;
                for mut test in language.tests {
                    passed &= succeeds(&mut test)?;
                }
                Ok(passed)
            })?;
        }
        for (name, folder) in [("the vectors", &corpus), ("random and mutated vectors", &mutated)] {
            report.step(&format!("{name}, judged in {}", language.name), || {
                let mut judge = (language.judge)();
                let output = judge.arg(folder).output().with_context(|| format!("starting {judge:?}"))?;
                let said = String::from_utf8_lossy(&output.stdout).into_owned();
                print!("{said}{}", String::from_utf8_lossy(&output.stderr));
                // A vector that is skipped is a failure, too.
                let wanted = format!("{} passed, 0 failed", count(folder)?);
                let seen = said.lines().last() == Some(wanted.as_str());
                if !seen {
                    println!("FAILED {}: \"{wanted}\" is wanted", language.name);
                }
                Ok(seen && output.status.success())
            })?;
        }
    }
    report.step("the vectors of tokens, judged by the command", || {
        let mut checks = Checks::default();
        by_command(&mut checks, &corpus)?;
        checks.print("vectors")
    })
}

/// How many vectors a folder has for those who verify.
fn count(folder: &Path) -> Result<usize> {
    let mut found = 0;
    for entry in std::fs::read_dir(folder).with_context(|| format!("no vectors in {}", folder.display()))? {
        let path = entry?.path();
        if !path.ends_with(SIGNING) {
            let part: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
            found += part["vectors"].as_array().with_context(|| path.display().to_string())?.len();
        }
    }
    ensure!(found > 0, "{} has vectors", folder.display());
    Ok(found)
}

struct Language {
    name: &'static str,
    tests: Vec<Command>,
    /// Takes a folder with vectors.
    judge: Box<dyn Fn() -> Command>,
}

fn judges(bindings: &Path, examples: &Path, languages: &Languages, library: &Path) -> [Language; 4] {
    let (python, python_home) = (languages.python.clone(), bindings.join("python"));
    let in_python = move |args: &[&str]| {
        let mut command = Command::new(&python);
        command.args(args).current_dir(&python_home).env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("PYTHONPATH", python_home.join("src"));
        command
    };
    let node_home = bindings.join("node");
    let in_node = move |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args).current_dir(&node_home);
        command
    };
    let (go_judge, cache) = (languages.go.join("vectors"), languages.go.join("cache"));
    let go_test = |folder: PathBuf| {
        let mut go = Command::new("go");
        go.args(["test", "./..."]).current_dir(folder).env("GOCACHE", &cache);
        go.env("GOPROXY", "off").env("GOTOOLCHAIN", "local").env("GOFLAGS", "-mod=mod");
        go
    };
    let (python, library) = (languages.python.clone(), library.to_owned());
    let (judge, names) =
        (bindings.join("python/tests/vectors.py"), bindings.join("../../token-c/tests/ctypes"));
    let by_ctypes = move || {
        let mut command = Command::new(&python);
        command.arg(&judge).env("PYTHONPATH", &names).env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("KEYWARD_LIBRARY", &library);
        command
    };
    let mut python_service = in_python(&["-m", "unittest", "test_service"]);
    python_service.current_dir(examples.join("python"));
    let mut node_service = in_node("node", &["--test", "service.test.mjs"]);
    node_service.current_dir(examples.join("node"));
    [
        Language {
            name: "Python",
            tests: vec![
                in_python(&["-m", "unittest", "discover", "tests"]),
                in_python(&["-m", "mypy", "--no-incremental", "src"]),
                python_service,
            ],
            judge: Box::new(move || in_python(&["tests/vectors.py"])),
        },
        Language {
            name: "Node",
            tests: vec![
                in_node("node", &["--test", "test/package.test.mjs"]),
                in_node("node", &["node_modules/typescript/bin/tsc", "-p", "test"]),
                node_service,
            ],
            judge: Box::new(move || in_node("node", &["test/vectors.mjs"])),
        },
        Language {
            name: "Go",
            tests: vec![go_test(bindings.join("go")), go_test(examples.join("go"))],
            judge: Box::new(move || Command::new(&go_judge)),
        },
        // By the judge of the package for Python, under whose names the library is called.
        Language { name: "C, by ctypes", tests: Vec::new(), judge: Box::new(by_ctypes) },
    ]
}

/// The command takes a product and an audience, so it judges the vectors that are told no more than the product.
fn by_command(checks: &mut Checks, corpus: &Path) -> Result<()> {
    let tokens: Value = serde_json::from_str(&std::fs::read_to_string(corpus.join("tokens.json"))?)?;
    let folder = tempfile::tempdir()?;
    let keep = |name: &str, keys: &Value| -> Result<PathBuf> {
        let path = folder.path().join(name);
        std::fs::write(&path, keys.as_str().context("keys are a text")?)?;
        Ok(path)
    };
    let ours = keep("jwks.json", &tokens["keys"])?;
    let command = clients::keyward()?;
    for vector in tokens["vectors"].as_array().context("a part has vectors")? {
        let product = vector["expected"]["product"].as_str();
        let told = vector["expected"].as_object().context("a vector is told something")?.len();
        let token = vector["token"].as_str().context("a vector has a token")?;
        // An argument has no zero bytes and a bounded length, the command cleans what it is given, and takes no instant before 1970.
        let cleaned = token.chars().all(|c| c.is_ascii_graphic()) && !token.is_empty();
        let at = vector["now"].as_i64();
        if told > 1 || !cleaned || token.len() > 100_000 || at.is_none_or(|at| at < 0) {
            continue;
        }
        let key = if vector["keys"].is_null() { ours.clone() } else { keep("other.json", &vector["keys"])? };
        let at = vector["now"].as_i64();
        let verdict = command.judge(Question { key: &key, product, token, audience: "license-key", at })?;
        let name = format!("{}, vector {}", command.name, vector["name"]);
        let code = vector["verdict"].as_str().context("a vector has a verdict")?;
        let right = if code == "valid" {
            verdict.accepts
        } else {
            !verdict.accepts && verdict.said.contains(&format!("\"code\":\"{code}\""))
        };
        checks.check(&name, right, &verdict.said);
    }
    Ok(())
}
