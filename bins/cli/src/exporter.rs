//! Tells Prometheus, and whatever reads its formats, how a license stands.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;

use anyhow::Context as _;
use clap::Args;
use keyward_token::{DEFAULT_WARNING_DAYS, UnixSeconds};

use crate::monitored::{Monitored, NoLicense};
use crate::output::line;
use crate::{Outcome, instant};

use metrics::{Format, exposition};

mod metrics;
mod server;

#[derive(Debug, Args)]
pub(crate) struct Exporter {
    #[command(flatten)]
    license: Monitored,
    /// Serve GET /metrics at this address and port, and read the files again at each scrape
    #[arg(long, value_name = "ADDR", conflicts_with = "textfile")]
    listen: Option<String>,
    /// Write a file for the textfile collector of node_exporter, whose name ends in .prom
    #[arg(long, value_name = "PATH")]
    textfile: Option<String>,
}

impl Exporter {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let Some(address) = &self.listen else { return self.once() };
        let listener = TcpListener::bind(address).with_context(|| format!("--listen {address}"))?;
        let address = listener.local_addr()?;
        eprintln!("keyward: metrics at http://{address}/metrics");
        let mut told = String::new();
        server::serve(&listener, |format| {
            let (text, remarks) = self.scrape(format);
            // Each remark once, not at every scrape.
            if told != remarks {
                tell(&remarks);
                told = remarks;
            }
            text
        })
    }

    /// To a file or standard output. Also without a license, so that what was so before is not told for ever.
    fn once(&self) -> anyhow::Result<Outcome> {
        let (text, remarks) = self.scrape(Format::Prometheus);
        match &self.textfile {
            Some(path) => replace(Path::new(path), &text).with_context(|| format!("writing {path}"))?,
            None if text.is_empty() => {}
            None => line(text.trim_end())?,
        }
        tell(&remarks);
        Ok(if text.is_empty() { Outcome::Refused } else { Outcome::Good })
    }

    /// The metrics, and what there is to say besides. Without a license there are none.
    fn scrape(&self, format: Format) -> (String, String) {
        match self.license.look(UnixSeconds::new(instant::now()), DEFAULT_WARNING_DAYS, None) {
            Ok(look) => (exposition(Some(&look.health), format), look.refused_lists.join("; ")),
            Err(NoLicense::Unreadable(error)) => (exposition(None, format), format!("{error:#}")),
            Err(NoLicense::Refused(why)) => (exposition(None, format), format!("no license: {why}")),
        }
    }
}

fn tell(remarks: &str) {
    if !remarks.is_empty() {
        eprintln!("keyward: {remarks}");
    }
}

/// Writes a file that readers see whole, the old or the new. Everyone may read it: the collector is another user.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new();
    file.prefix(".keyward-");
    #[cfg(unix)]
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    #[cfg(unix)]
    file.permissions(mode);
    let mut file = file.tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
