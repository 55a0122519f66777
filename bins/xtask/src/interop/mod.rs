//! A running server, and clients that nobody here wrote: jose (npm), PyJWT, pyseto, rfc8785 and keyport
//! (PyPI), standardwebhooks (PyPI and npm), PyNaCl, oras and regshape (PyPI), oci-client (crates.io), rsyslog, opentelemetry-proto (PyPI), and besides them the packages for other languages and the `keyward` command. The examples
//! for Compose and Helm are judged by a schema and a library that come from elsewhere too.

mod audit;
mod audit_sinks;
pub(crate) mod browser;
mod clients;
mod deployments;
pub(crate) mod http;
mod live;
mod proxies;
mod registry;
pub(crate) mod server;
mod tokens;
mod validation;
mod vectors;
mod webhooks;

use std::path::Path;

use anyhow::Result;

use crate::parts::{Languages, Parts};
use crate::steps::{self, Report, cargo, succeeds};
use keyward_testkit_postgres::Postgres;
use server::Server;

/// Issues tokens by a server on each database and has every client judge them.
pub(crate) fn run(report: &mut Report, postgres: &Postgres, parts: &Parts) -> Result<()> {
    steps::programs(report)?;
    report.step("examples, as Compose and Helm see them", || {
        let script = crate::root()?.join("bins/xtask/src/interop/examples.py");
        let mut python = std::process::Command::new(&parts.languages.python);
        succeeds(python.arg(script).arg(crate::root()?.join("examples")))
    })?;
    vectors::run(report, &parts.languages)?;
    for (name, database) in [("SQLite", None), ("PostgreSQL", Some(postgres.create("interop")?))] {
        report.step(&format!("interoperation on {name}"), || {
            let mut checks = Checks::default();
            let mut server = Server::start(database.clone())?;
            tokens::judge(&mut checks, &server, parts)?;
            validation::judge(&mut checks, &server, parts)?;
            audit::judge(&mut checks, &server, parts)?;
            tokens::survive_kill(&mut checks, &mut server)?;
            validation::survive_kill(&mut checks, &mut server)?;
            webhooks::judge(&mut checks, &mut server, parts, 4)?;
            audit_sinks::judge(&mut checks, &mut server, &parts.languages.python, database)?;
            checks.print("interop")
        })?;
    }
    gateway(report, postgres, &parts.languages.python)?;
    behind_proxies(report)?;
    deploying(report, postgres, &parts.browser, None)?;
    portals(report, postgres, parts)
}

/// The packages for other languages alone.
pub(crate) fn bindings(report: &mut Report, languages: &Languages) -> Result<()> {
    steps::programs(report)?;
    vectors::run(report, languages)
}

/// The portals alone.
pub(crate) fn browser(report: &mut Report, postgres: &Postgres, parts: &Parts) -> Result<()> {
    steps::programs(report)?;
    portals(report, postgres, parts)
}

/// Walks through all pages as vendor and customer, with a server on each database.
fn portals(report: &mut Report, postgres: &Postgres, parts: &Parts) -> Result<()> {
    for (name, database, way) in [
        ("SQLite, mail to files", None, browser::Way::Files),
        ("PostgreSQL, mail by SMTP", Some(postgres.create("browser")?), browser::Way::Smtp),
    ] {
        report.step(&format!("portals in the browser ({name})"), || {
            browser::walk(parts, database, way, None)
        })?;
    }
    live_page(report, postgres, &parts.browser)
}

/// A page that is kept up to date, by two servers.
fn live_page(report: &mut Report, postgres: &Postgres, browser: &Path) -> Result<()> {
    let database = postgres.create("live")?;
    report.step("an open page and two servers", || live::walk(browser, database.clone()))
}

/// Deploys with pages, an agent and an engine, on each database.
fn deploying(
    report: &mut Report,
    postgres: &Postgres,
    browser: &Path,
    screenshots: Option<&Path>,
) -> Result<()> {
    for (name, database) in [("SQLite", None), ("PostgreSQL", Some(postgres.create("deployments")?))] {
        report.step(&format!("from a page to a running container ({name})"), || {
            deployments::walk(browser, database, screenshots)
        })?;
    }
    Ok(())
}

/// Deployments alone. Pages are kept in a folder if one is named.
pub(crate) fn deployments(
    report: &mut Report,
    postgres: &Postgres,
    browser: &Path,
    screenshots: Option<&Path>,
) -> Result<()> {
    steps::programs(report)?;
    deploying(report, postgres, browser, screenshots)
}

/// The open page alone.
pub(crate) fn live(report: &mut Report, postgres: &Postgres, browser: &Path) -> Result<()> {
    steps::programs(report)?;
    live_page(report, postgres, browser)
}

/// Webhooks alone, with a server that is killed so often.
pub(crate) fn webhook_chaos(
    report: &mut Report,
    postgres: &Postgres,
    parts: &Parts,
    kills: u32,
) -> Result<()> {
    steps::programs(report)?;
    for (name, database) in [("SQLite", None), ("PostgreSQL", Some(postgres.create("webhooks")?))] {
        report.step(&format!("webhooks of a server that is killed ({name})"), || {
            let mut checks = Checks::default();
            webhooks::judge(&mut checks, &mut Server::start(database)?, parts, kills)?;
            checks.print("webhooks")
        })?;
    }
    Ok(())
}

/// Audit sinks alone.
pub(crate) fn audit_sinks(report: &mut Report, postgres: &Postgres, python: &Path) -> Result<()> {
    steps::programs(report)?;
    for (name, database) in [("SQLite", None), ("PostgreSQL", Some(postgres.create("sinks")?))] {
        report.step(&format!("audit sinks of a server that is killed ({name})"), || {
            let mut checks = Checks::default();
            audit_sinks::judge(&mut checks, &mut Server::start(database.clone())?, python, database)?;
            checks.print("audit sinks")
        })?;
    }
    Ok(())
}

/// The gateway alone.
pub(crate) fn registry(report: &mut Report, postgres: &Postgres, python: &Path) -> Result<()> {
    steps::programs(report)?;
    gateway(report, postgres, python)
}

/// The proxies of docs/operations alone.
pub(crate) fn proxies(report: &mut Report) -> Result<()> {
    steps::programs(report)?;
    behind_proxies(report)
}

/// Starts each proxy with the configuration that the documentation gives for it, in front of a server and a registry.
fn behind_proxies(report: &mut Report) -> Result<()> {
    report.step("behind nginx, Caddy and HAProxy, as docs/operations/proxies has them", || {
        let mut checks = Checks::default();
        proxies::judge(&mut checks)?;
        checks.print("proxies")
    })
}

/// How fast the gateway is.
pub(crate) fn registry_pace(report: &mut Report) -> Result<()> {
    report.step("building the server for speed", || {
        succeeds(cargo(&["build", "--release", "-p", "keyward-server"])?)
    })?;
    report.step("the gateway beside the registry behind it", registry::measure)
}

/// Puts a real registry behind a server on each database.
fn gateway(report: &mut Report, postgres: &Postgres, python: &Path) -> Result<()> {
    // By itself: the server is tested with the features it has without it.
    let example = ["build", "-p", "example-oci"];
    report.step("building the example with oci-client", || succeeds(cargo(&example)?))?;
    for (name, database) in [("SQLite", None), ("PostgreSQL", Some(postgres.create("registry")?))] {
        report.step(&format!("a real registry behind the gateway ({name})"), || {
            let mut checks = Checks::default();
            registry::judge(&mut checks, &Server::start(database)?, python)?;
            checks.print("registry")
        })?;
    }
    Ok(())
}

/// Keeps a picture of every page, at two widths and in the dark.
pub(crate) fn screenshots(report: &mut Report, parts: &Parts) -> Result<()> {
    steps::programs(report)?;
    let folder = crate::root()?.join("target/screenshots");
    report.step("screenshots", || {
        println!("in {}", folder.display());
        browser::walk(parts, None, browser::Way::Files, Some(&folder))
    })?;
    report.step("screenshots of deployments", || deployments::walk(&parts.browser, None, Some(&folder)))
}

/// Counts what was as it should be.
#[derive(Default)]
pub(crate) struct Checks {
    passed: u32,
    failed: u32,
}

impl Checks {
    /// Tells the counts; whether all was as it should be.
    fn print(&self, what: &str) -> Result<bool> {
        println!("{what}: {} passed, {} failed", self.passed, self.failed);
        Ok(self.failed == 0 && self.passed > 0)
    }

    /// Counts one check, and names it where it failed.
    pub(crate) fn check(&mut self, what: &str, as_expected: bool, seen: &str) {
        if as_expected {
            self.passed += 1;
        } else {
            self.failed += 1;
            println!("FAILED {what}: {seen}");
        }
    }
}
