//! The portals in a real browser, with the mail that they send.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::server::Server;
use crate::parts::Parts;
use crate::root;
use crate::steps::succeeds;
use keyward_testkit_postgres::free_port;

/// How the server sends mail in a run.
pub(crate) enum Way {
    /// To files.
    Files,
    /// To an SMTP server.
    Smtp,
}

/// An SMTP server that keeps what it is given; stopped when dropped.
struct Sink(Child);

impl Sink {
    fn start(parts: &Parts, port: u16, folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let script = root()?.join("bins/xtask/src/interop/smtp_sink.py");
        let process =
            Command::new(&parts.languages.python).arg(script).arg(port.to_string()).arg(folder).spawn()?;
        let sink = Self(process);
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            ensure!(started.elapsed() < Duration::from_secs(20), "the SMTP server does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(sink)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Walks all journeys on a fresh server; whether all went well. Pages are kept in a folder if one is named.
pub(crate) fn walk(
    parts: &Parts,
    database: Option<String>,
    way: Way,
    screenshots: Option<&Path>,
) -> Result<bool> {
    let folder = tempfile::tempdir()?;
    let sunk = folder.path().join("mail");
    let (port, mut environment) = (free_port()?, Vec::new());
    let sink = match way {
        Way::Files => None,
        Way::Smtp => {
            environment.push(("KEYWARD_SMTP_URL", format!("smtp://127.0.0.1:{port}")));
            Some(Sink::start(parts, port, &sunk)?)
        }
    };
    let mut server = Server::start_with(database, &environment)?;
    let link = server.setup_link()?;
    let mail = if sink.is_some() { sunk } else { server.data().join("mail") };
    let mut journeys = Command::new("node");
    journeys.arg(parts.browser.join("journeys.mjs")).arg(link).arg(mail).args(screenshots);
    succeeds(journeys.stdin(Stdio::null())).context("the journeys in the browser")
}
