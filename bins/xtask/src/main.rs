//! The project's own tasks.
//!
//! `cargo xtask test` installs what the tests need, runs every one of them and ends non-zero if one failed or
//! a needed part is missing.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

mod contract;
mod interop;
mod parts;
mod steps;

#[cfg(test)]
mod house;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use keyward_testkit_postgres::{Durability, Postgres};

use steps::Report;

const HELP: &str = "\
cargo xtask test             everything below, in this order
cargo xtask test lint        formatting, clippy, documentation
cargo xtask test unit [ARG]  cargo test of the workspace on both databases; ARG goes to cargo test
cargo xtask test interop     a running server, clients that were not written here, a registry, and a browser
cargo xtask test registry    of these, the registry alone
cargo xtask test proxies     of these, the proxies that docs/operations has configurations for
cargo xtask test contract    whether the server does what its OpenAPI document says
cargo xtask test browser     of these, the portals in the browser alone
cargo xtask screenshots      a picture of every page, at two widths and in the dark, with sample data
cargo xtask load             validations a second, on both databases, beside what they are compared with
cargo xtask load million     start and memory with a million licenses
cargo xtask load refused     what one customer's refused pulls cost another tenant
cargo xtask load registry    a large pull and questions for manifests, through the gateway and straight
cargo xtask bless            write snapshots and generated documents anew";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut report = Report::default();
    match args.as_slice() {
        ["test"] => {
            let parts = parts::install()?;
            steps::lint(&mut report)?;
            let postgres = Postgres::start(Durability::None)?;
            steps::unit(&mut report, &postgres, &[])?;
            contract::run(&mut report, &parts.contract)?;
            interop::run(&mut report, &postgres, &parts)?;
        }
        ["test", "contract"] => contract::run(&mut report, &parts::install_contract()?)?,
        ["test", "lint"] => steps::lint(&mut report)?,
        ["test", "unit", rest @ ..] => {
            parts::install_postgres()?;
            steps::unit(&mut report, &Postgres::start(Durability::None)?, rest)?;
        }
        ["test", "interop"] => {
            let parts = parts::install()?;
            interop::run(&mut report, &Postgres::start(Durability::None)?, &parts)?;
        }
        ["test", "browser"] => {
            let parts = parts::install()?;
            interop::browser(&mut report, &Postgres::start(Durability::None)?, &parts)?;
        }
        ["test", "registry"] => {
            parts::install_registry()?;
            interop::registry(&mut report, &Postgres::start(Durability::None)?, &parts::install_oras()?)?;
        }
        ["test", "proxies"] => {
            parts::install_registry()?;
            parts::install_proxies()?;
            interop::proxies(&mut report)?;
        }
        ["screenshots"] => interop::screenshots(&mut report, &parts::install()?)?,
        ["load"] => {
            parts::install_postgres()?;
            parts::install_wrk()?;
            steps::load(
                &mut report,
                &["table", "sqlite", &Postgres::start(Durability::Full)?.create("load")?],
            )?;
        }
        ["load", "registry"] => {
            parts::install_registry()?;
            interop::registry_pace(&mut report)?;
        }
        ["load", "million"] => steps::load(&mut report, &["million"])?,
        ["load", "refused"] => {
            parts::install_wrk()?;
            steps::load(&mut report, &["refused"])?;
        }
        ["bless"] => {
            parts::install_postgres()?;
            steps::bless(&mut report, &Postgres::start(Durability::None)?)?;
        }
        [] | ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            return Ok(true);
        }
        _ => bail!("unknown task\n{HELP}"),
    }
    Ok(report.print())
}

/// The workspace's folder.
fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).map(Path::to_path_buf).context("xtask lies in bins/xtask of the workspace")
}
