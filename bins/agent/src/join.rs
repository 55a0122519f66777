//! `keyward-agent join`.

use anyhow::Context as _;
use clap::Args;
use keyward_agent::config::Config;
use keyward_agent::facts;
use keyward_agent::protocol::enrolment::Mode;
use keyward_agent::run::Lock;
use keyward_agent::server::{self, Address, AskError, JoinError};

use crate::place::Place;
use crate::{Outcome, note, say, service};

#[derive(Debug, Args)]
pub(crate) struct Join {
    /// The address of the server, such as https://keys.example.com
    #[arg(value_name = "URL")]
    address: String,
    /// The join code, which counts once and for an hour
    #[arg(value_name = "CODE")]
    code: String,
    /// Only look at what runs here, and change nothing; the target has to be made for that
    #[arg(long)]
    witness: bool,
    /// Join although this host has joined before
    #[arg(long)]
    replace: bool,
    /// Speak to the server without TLS although it is not this machine: for networks that are protected by other means
    #[arg(long)]
    plain_http: bool,
    /// Start no service; run the agent by `keyward-agent run`
    #[arg(long)]
    no_service: bool,
}

impl Join {
    pub(crate) fn run(self, place: &Place) -> anyhow::Result<Outcome> {
        let paths = place.paths()?;
        let config = Config::load(paths.config())?;
        let address = match Address::parse(&self.address, self.plain_http) {
            Ok(address) => address,
            Err(error) => return Ok(refused(&error)),
        };
        let mode = if self.witness { Mode::Witness } else { Mode::Manage };
        let joined = {
            let _lock = Lock::take(&paths)?;
            let join = server::Join {
                address: &address,
                code: &self.code,
                mode,
                replace: self.replace,
                plain_http: self.plain_http,
                facts: facts::gather(&config, mode),
            };
            join.run(&paths, &config)
        };
        let identity = match joined {
            Ok(identity) => identity,
            Err(
                error @ (JoinError::Code | JoinError::Joined { .. } | JoinError::Ask(AskError::Refused(_))),
            ) => {
                let outcome = refused(&error);
                if is_unknown(&error) {
                    note("Use the address of the server exactly as the page shows it.");
                }
                return Ok(outcome);
            }
            Err(error) => return Err(error).context("this host has not joined"),
        };
        say(&format!(
            "This host is the agent of “{}” of {} now.",
            identity.target_name, identity.organization_name
        ));
        say(&format!("Fingerprint: {}", identity.keys.fingerprint()));
        say(
            "Compare these four words with those on the page: if they differ, another host has used the code.",
        );
        match mode {
            Mode::Manage => say(
                "The agent uses the container engine's socket, and whoever may use that can become root on this host.",
            ),
            Mode::Witness => say("It only looks: nothing on this host is changed."),
        }
        if self.no_service {
            say(&service::by_hand(place));
            return Ok(Outcome::Good);
        }
        service::install_if_possible(place, &paths)?;
        Ok(Outcome::Good)
    }
}

/// Whether the server does not know what the request was signed for, as when it is called by another address than its own.
fn is_unknown(error: &JoinError) -> bool {
    matches!(error, JoinError::Ask(AskError::Refused(problem)) if problem.code == "invalid_agent_signature")
}

fn refused(error: &dyn std::error::Error) -> Outcome {
    note(&format!("keyward-agent: {error}"));
    Outcome::Bad
}
