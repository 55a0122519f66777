//! The header is that of the crate, and programs in C can use it.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

fn here(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

#[test]
fn the_header_is_up_to_date() {
    let config = cbindgen::Config::from_file(here("cbindgen.toml")).unwrap();
    let bindings = cbindgen::Builder::new().with_crate(here("")).with_config(config).generate().unwrap();
    let mut made = Vec::new();
    bindings.write(&mut made);
    let (made, path) = (String::from_utf8(made).unwrap(), here("include/keyward.h"));
    if std::env::var_os("KEYWARD_BLESS").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == made,
        "keyward.h is out of date: run the tests with KEYWARD_BLESS=1 and read the difference"
    );
    // Each function that is exported stands in it.
    for file in fs::read_dir(here("src")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for function in text.split("extern \"C\" fn ").skip(1) {
            let name = function.split('(').next().unwrap();
            assert!(found.contains(&format!("{name}(")) || name.starts_with('$'), "{name}");
        }
    }
}

/// With the sanitizers of addresses, leaks and undefined behaviour, and as C++ reads the header.
#[test]
fn a_program_in_c_judges_as_the_crate_does() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("token-c");
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join("check");
    let mut compiler = Command::new(std::env::var_os("CC").unwrap_or("cc".into()));
    compiler.args(["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-g", "-O1"]);
    compiler.args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-D_POSIX_C_SOURCE=200809L"]);
    compiler.arg("-I").arg(here("include")).arg(here("tests/c/check.c")).arg(library());
    compiler.args(["-lpthread", "-ldl", "-lm", "-o"]).arg(&program);
    assert!(compiler.status().unwrap().success(), "{compiler:?}");

    let mut compiler = Command::new(std::env::var_os("CXX").unwrap_or("c++".into()));
    compiler.args(["-std=c++17", "-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only", "-x", "c++"]);
    assert!(compiler.arg(here("include/keyward.h")).status().unwrap().success(), "{compiler:?}");

    let part = |name: &str| -> Value {
        let text = fs::read_to_string(here("../../docs/vectors/v1").join(name)).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let (tokens, tables, answers) = (part("tokens.json"), part("tables.json"), part("answers.json"));
    let keep = |name: &str, text: &Value| {
        let path = folder.join(name);
        fs::write(&path, text.as_str().unwrap()).unwrap();
        path
    };
    let token =
        tokens["vectors"].as_array().unwrap().iter().find(|vector| vector["name"] == "jwt: a license");
    let arguments = [
        keep("jwks.json", &tokens["keys"]),
        keep("token.jwt", &token.unwrap()["token"]),
        keep("list.jwt", &tables["vectors"][0]["list"]),
        keep("answer.json", &answers["vectors"][0]["body"]),
    ];
    let mut lines = String::new();
    for vector in tokens["vectors"].as_array().unwrap() {
        let token = vector["token"].as_str().unwrap();
        let told = vector["expected"].as_object().unwrap().len();
        if told == 1 && vector["keys"].is_null() && !token.contains(['\t', '\n', '\0']) {
            let product = vector["expected"]["product"].as_str().unwrap_or("-");
            lines +=
                &format!("{}\t{}\t{product}\t{token}\n", vector["verdict"].as_str().unwrap(), vector["now"]);
        }
    }
    let mut run = Command::new(&program);
    let mut run = run.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    run.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = run.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert_eq!(said.lines().last(), Some(format!("{} judged, 0 failed", lines.lines().count()).as_str()));
}

/// The static library, which is built with this test.
fn library() -> PathBuf {
    let deps = std::env::current_exe().unwrap();
    let deps = deps.parent().unwrap();
    let places = [deps.join("libkeyward_token_c.a"), deps.with_file_name("libkeyward_token_c.a")];
    places.into_iter().find(|place| place.exists()).unwrap()
}
