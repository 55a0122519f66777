//! `keyward-agent`: brings a vendor's deployments about on this host, or only looks at what runs here.
//!
//! Exit codes: 0 done; 1 refused, or not as it should be; 2 wrong usage, or something that could not be read, written or reached.

mod consent;
mod join;
mod leave;
mod place;
mod run;
mod service;
mod show;
mod status;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Bring a vendor's deployments about on this host, or only look at what runs here.
///
/// The agent asks its server for what is to run; nothing connects to it. What it may do on this host is said in agent.toml, which no
/// server can change.
#[derive(Debug, Parser)]
#[command(
    name = "keyward-agent",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done; 1 refused, or not as it should be; 2 wrong usage, or something could not be \
                  read, written or reached."
)]
struct Args {
    #[command(flatten)]
    place: place::Place,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Join a server with a code from the page “Targets”, and start the agent as a service
    Join(join::Join),
    /// Run the agent until it is told to stop (SIGTERM, SIGINT)
    Run(run::Run),
    /// Show whose agent this is, whether it runs, and how its deployments are
    Status(status::Status),
    /// Show what is written of a deployment, without its secrets
    Show(show::Show),
    /// Run Compose for a deployment, to look at it: ps, logs, config and the like
    Compose(show::Compose),
    /// Allow a deployment what it needs of this host
    Allow(consent::Consent),
    /// Take back what a deployment was allowed
    Deny(consent::Consent),
    /// Carry out nothing until `resume`; what runs goes on
    Pause,
    /// Carry out orders again
    Resume,
    /// Release this host from its server; no container is touched
    Leave(leave::Leave),
    /// Have systemd run the agent, as `join` does
    InstallService(service::InstallService),
}

/// How a command ended that could be carried out.
pub(crate) enum Outcome {
    /// Done, and all is well.
    Good,
    /// Refused, or not as it should be, with the reason printed.
    Bad,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let place = &args.place;
    let outcome = match args.command {
        Command::Join(join) => join.run(place),
        Command::Run(run) => run.run(place),
        Command::Status(status) => status.run(place),
        Command::Show(show) => show.run(place),
        Command::Compose(compose) => compose.run(place),
        Command::Allow(consent) => consent.allow(place),
        Command::Deny(consent) => consent.deny(place),
        Command::Pause => consent::pause(place, true),
        Command::Resume => consent::pause(place, false),
        Command::Leave(leave) => leave.run(place),
        Command::InstallService(install) => install.run(place),
    };
    match outcome {
        Ok(Outcome::Good) => ExitCode::SUCCESS,
        Ok(Outcome::Bad) => ExitCode::from(1),
        Err(error) => {
            note(&format!("keyward-agent: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Prints a line for people. Whoever has closed the output does not want it.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Writes a line to the log.
pub(crate) fn note(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
