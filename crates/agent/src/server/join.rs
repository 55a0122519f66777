//! How a host joins.

use keyward_protocol::enrolment::{Enrol, Enrolled, Facts, Mode};
use keyward_protocol::path;
use ureq::http::Method;

use super::exchange::{Ask, AskError, Asker, Trust, printable};
use super::{Address, AddressError};
use crate::config::Config;
use crate::disk;
use crate::identity::{Identity, IdentityError, Joining};
use crate::paths::Paths;

/// Why a host has not joined.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The code is none.
    #[error("a join code begins with `kw_join_`: copy all of it from the page that shows it")]
    Code,
    /// This host has joined already.
    #[error(
        "this host is the agent of “{target}” at {server} already: `keyward-agent leave` first, or join with --replace \
         if that is over"
    )]
    Joined {
        /// The target.
        target: String,
        /// Where.
        server: String,
    },
    /// The server refuses.
    #[error("{0}")]
    Ask(#[from] AskError),
    /// What is kept on this host can't be.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The server can't be reached as `agent.toml` says.
    #[error(transparent)]
    Connection(#[from] super::ConnectionError),
    /// It calls itself by an address that is none.
    #[error("the server calls itself by an address that can't be used: {0}")]
    Address(#[from] AddressError),
}

/// How a host is to join.
#[derive(Debug, Clone)]
pub struct Join<'a> {
    /// Where.
    pub address: &'a Address,
    /// `kw_join_…`.
    pub code: &'a str,
    /// What for.
    pub mode: Mode,
    /// Whether it may have joined before.
    pub replace: bool,
    /// Whether the way to the server may be without TLS.
    pub plain_http: bool,
    /// What the host is.
    pub facts: Facts,
}

/// Forgets the server: who this agent was, and what it has not told yet. What the deployer has stays.
///
/// # Errors
/// If something can't be removed.
pub fn forget(paths: &Paths) -> std::io::Result<()> {
    for file in [paths.joining(), paths.status(), paths.identity()] {
        disk::remove(&file)?;
    }
    for folder in [paths.outbox(), paths.downloads()] {
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    disk::sync_folder_of(&paths.identity())
}

/// The most characters of a join code: more than any has.
const MOST_CODE: usize = 256;

impl Join<'_> {
    /// Joins. A second try after an answer that was lost has the same keys, by which the server may know it.
    ///
    /// # Errors
    /// If it has not joined.
    pub fn run(&self, paths: &Paths, config: &Config) -> Result<Identity, JoinError> {
        let code = self.code.trim();
        if !code.starts_with("kw_join_")
            || code.len() > MOST_CODE
            || !code.bytes().all(|b| b.is_ascii_graphic())
        {
            return Err(JoinError::Code);
        }
        self.check_not_joined(paths)?;
        let client = super::connect(self.address.as_str(), config)?;
        let io = |source| IdentityError::Io { path: paths.state().display().to_string(), source };
        disk::make_folder(paths.state()).map_err(io)?;
        let joining = Joining::begin(paths, crate::clock::host_now())?;
        let body = Enrol {
            code: code.to_owned(),
            mode: self.mode,
            keys: joining.keys.public(),
            facts: self.facts.clone(),
        };
        let body = serde_json::to_vec(&body).map_err(|error| AskError::Host(error.to_string()))?;
        let asker = |ahead| Asker {
            client: &client,
            address: self.address.as_str(),
            server: self.address.as_str(),
            iss: joining.keys.kid(),
            key: joining.keys.signing(),
            trust: Trust::OnFirstUse,
            ahead,
        };
        let ask = Ask { method: Method::POST, path: path::ENROL, body, ..Ask::default() };
        let answered = match asker(0).ask(&ask) {
            Err(AskError::Refused(problem)) if problem.code == "clock_skew" => {
                asker(problem.at.saturating_sub(crate::clock::host_now())).ask(&ask)?
            }
            other => other?,
        };
        self.keep(paths, joining, answered.json()?, answered.at)
    }

    fn check_not_joined(&self, paths: &Paths) -> Result<(), JoinError> {
        match Identity::load(paths) {
            Ok(known) if !self.replace => {
                Err(JoinError::Joined { target: known.target_name, server: known.server })
            }
            Ok(_) | Err(IdentityError::NotJoined) => Ok(()),
            Err(_) if self.replace => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn keep(
        &self,
        paths: &Paths,
        joining: Joining,
        mut enrolled: Enrolled,
        at: i64,
    ) -> Result<Identity, JoinError> {
        Address::parse(&enrolled.server, self.plain_http)?;
        enrolled.target_name = printable(&enrolled.target_name);
        enrolled.organization_name = printable(&enrolled.organization_name);
        let ahead = at.saturating_sub(crate::clock::host_now());
        let keys = joining.keys.dated(at);
        let identity = Identity::new(self.address.as_str(), self.mode, keys, enrolled, ahead);
        identity.save(paths)?;
        Joining::end(paths)?;
        Ok(identity)
    }
}
