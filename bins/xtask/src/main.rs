//! The project's own tasks.
//!
//! `cargo xtask test --install` installs what the tests need, runs every one of them and ends non-zero if one failed or a needed
//! part is missing. Without `--install` it changes nothing on the machine.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

mod agent;
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

use parts::Missing;
use steps::{Beside, Report};

const HELP: &str = "\
cargo xtask test             everything below, in this order
cargo xtask test lint        formatting, clippy, documentation, packages
cargo xtask test unit [ARG]  cargo test of the workspace on both databases; ARG goes to cargo test
cargo xtask test targets     keyward-token for WebAssembly and without a system, where rustup has these
cargo xtask test interop     a running server, clients that were not written here, a registry, and a browser
cargo xtask test bindings    of these, the packages for Python, Node and Go, judged by the vectors
cargo xtask test registry    of these, the registry alone
cargo xtask test proxies     of these, the proxies that docs/operations has configurations for
cargo xtask test live        of these, a page that stays open, with two servers
cargo xtask test deployments [FOLDER]
                             of these, from a customer's page to a running container; pages are kept in FOLDER
cargo xtask test audit-sinks of these, the audit log on its way to rsyslog and an OTLP receiver
cargo xtask test contract    whether the server does what its OpenAPI document says
cargo xtask test browser     of these, the portals in the browser alone
cargo xtask agent [FOLDER]   the agent as one static program with its checksum, for KEYWARD_AGENT_DIR
cargo xtask screenshots      a picture of every page, at two widths and in the dark, with sample data
cargo xtask load             validations a second, on both databases, beside what they are compared with
cargo xtask load scale       the same with many products, many servers, and a database far away
cargo xtask load million     start and memory with a million licenses
cargo xtask load refused     what one customer's refused pulls cost another tenant
cargo xtask load pages       the console's pages with 10,000 customers, 50,000 licenses and 500 repositories
cargo xtask load agents      what 1,000 agents cost that have nothing to do, and how soon they hear of something
cargo xtask load registry    a large pull and questions for manifests, through the gateway and straight
cargo xtask chaos webhooks [KILLS]
                             deliveries by a server that is killed, 240 times if not said, to a receiver that fails
cargo xtask chaos deployments
                             agents that are killed 104 times, bad versions and hostile files, on every engine with every Compose
cargo xtask msrv             whether token and client compile with the oldest Rust that they promise, and beside a program's own rustls
cargo xtask fuzz             30 seconds of random input for each parser that meets strangers (nightly, cargo-fuzz)
cargo xtask bless            write snapshots and generated documents anew

--install                    with any of them: installs what is missing, by apt-get, npm and pip";

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
    let missing = if args.iter().any(|arg| arg == "--install") { Missing::Install } else { Missing::Refuse };
    let args: Vec<&str> = args.iter().map(String::as_str).filter(|arg| *arg != "--install").collect();
    let mut report = Report::default();
    match args.as_slice() {
        ["test"] => {
            let parts = parts::all(missing)?;
            steps::lint(&mut report)?;
            steps::package(&mut report)?;
            let postgres = Postgres::start(Durability::None)?;
            steps::unit(&mut report, &postgres, &[])?;
            steps::targets(&mut report, missing)?;
            let contract = Beside::start(&["test", "contract"])?;
            interop::run(&mut report, &postgres, &parts)?;
            contract.end(&mut report, "contract, beside the steps before")?;
        }
        ["test", "contract"] => contract::run(&mut report, &parts::contract(missing)?)?,
        ["test", "lint"] => {
            steps::lint(&mut report)?;
            steps::package(&mut report)?;
        }
        ["test", "unit", rest @ ..] => {
            parts::postgres(missing)?;
            parts::promtool(missing)?;
            parts::engines(missing)?;
            steps::unit(&mut report, &Postgres::start(Durability::None)?, rest)?;
        }
        ["test", "interop"] => {
            let parts = parts::all(missing)?;
            interop::run(&mut report, &Postgres::start(Durability::None)?, &parts)?;
        }
        ["test", "targets"] => steps::targets(&mut report, missing)?,
        ["test", "bindings"] => interop::bindings(&mut report, &parts::languages(missing)?)?,
        ["test", "browser"] => {
            let parts = parts::all(missing)?;
            interop::browser(&mut report, &Postgres::start(Durability::None)?, &parts)?;
        }
        ["test", "registry"] => {
            parts::registry(missing)?;
            interop::registry(&mut report, &Postgres::start(Durability::None)?, &parts::oras(missing)?)?;
        }
        ["test", "live"] => {
            parts::postgres(missing)?;
            let browser = parts::browser(missing)?;
            interop::live(&mut report, &Postgres::start(Durability::None)?, &browser)?;
        }
        ["test", "audit-sinks"] => {
            parts::postgres(missing)?;
            parts::rsyslog(missing)?;
            let python = parts::python(missing)?;
            interop::audit_sinks(&mut report, &Postgres::start(Durability::None)?, &python)?;
        }
        ["test", "proxies"] => {
            parts::registry(missing)?;
            parts::proxies(missing)?;
            interop::proxies(&mut report)?;
        }
        ["agent", folder @ ..] => agent::build(&mut report, folder.first().copied(), missing)?,
        ["test", "deployments", folder @ ..] => {
            parts::postgres(missing)?;
            parts::registry(missing)?;
            parts::engines(missing)?;
            let browser = parts::browser(missing)?;
            let folder = folder.first().map(Path::new);
            interop::deployments(&mut report, &Postgres::start(Durability::None)?, &browser, folder)?;
        }
        ["screenshots"] => interop::screenshots(&mut report, &parts::all(missing)?)?,
        ["load"] | ["load", "scale"] => {
            parts::postgres(missing)?;
            parts::wrk(missing)?;
            let task = if args.len() == 1 { "table" } else { "scale" };
            steps::load(&mut report, &[task, "sqlite", &Postgres::start(Durability::Full)?.create("load")?])?;
        }
        ["load", "agents"] => {
            parts::postgres(missing)?;
            steps::load(
                &mut report,
                &["agents", "sqlite", &Postgres::start(Durability::Full)?.create("load")?],
            )?;
        }
        ["load", "registry"] => {
            parts::registry(missing)?;
            interop::registry_pace(&mut report)?;
        }
        ["load", "million"] => steps::load(&mut report, &["million"])?,
        ["load", "pages"] => steps::load(&mut report, &["pages"])?,
        ["load", "refused"] => {
            parts::wrk(missing)?;
            steps::load(&mut report, &["refused"])?;
        }
        ["chaos", "webhooks", kills @ ..] => {
            let kills = kills.first().map_or(Ok(240), |kills| kills.parse()).context("how many kills")?;
            let parts = parts::all(missing)?;
            interop::webhook_chaos(&mut report, &Postgres::start(Durability::None)?, &parts, kills)?;
        }
        ["chaos", "deployments"] => {
            parts::engines(missing)?;
            steps::deployment_chaos(&mut report)?;
        }
        ["fuzz"] => steps::fuzz(&mut report)?,
        ["msrv"] => steps::msrv(&mut report)?,
        ["bless"] => {
            parts::postgres(missing)?;
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
