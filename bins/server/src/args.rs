//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use keyward_domain::{Email, Name, Slug};

use crate::config::Given;

/// License server for vendors of self-hosted software.
#[derive(Debug, Parser)]
#[command(name = "keyward-server", version, propagate_version = true)]
pub(crate) struct Args {
    /// Settings of every command.
    #[command(flatten)]
    pub settings: Given,
    /// What to do; without it, serve.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What the server program can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve requests until told to stop (the default)
    Serve,
    /// Create an organization with its owner, signing key and a full-scope token, printed as JSON
    Bootstrap {
        /// The organization's name
        #[arg(long)]
        organization: Name,
        /// Its slug, in public addresses and tokens [default: made from the name]
        #[arg(long)]
        slug: Option<Slug>,
        /// The owner's e-mail address
        #[arg(long)]
        email: Email,
        /// Let the token create further organizations as well
        #[arg(long)]
        operator: bool,
        /// Write the token to a new file that you alone can read, and leave it out of what is printed
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
    },
    /// Bring the database's tables up to date
    Migrate,
    /// Copy the SQLite database as it is now to a new file, while the server runs
    Backup {
        /// The new file
        file: PathBuf,
    },
    /// Put a backup in the place of a SQLite database that does not exist
    Restore {
        /// The backup
        file: PathBuf,
    },
    /// Check settings, master key and database, and change nothing
    Check,
    /// Help a member of an organization who cannot sign in, or erase one
    Member {
        /// How
        #[command(subcommand)]
        command: MemberCommand,
    },
    /// Take the personal data of customers out of what is kept
    Customer {
        /// How
        #[command(subcommand)]
        command: CustomerCommand,
    },
    /// Export or delete an organization, or take its deletion back
    Organization {
        /// Which of them
        #[command(subcommand)]
        command: OrganizationCommand,
    },
    /// Show how the jobs of the servers stand, such as mail and retention
    Jobs {
        /// As one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Print the OpenAPI document
    Openapi,
}

/// What the operator can do for a member.
#[derive(Debug, Subcommand)]
pub(crate) enum MemberCommand {
    /// Remove the second factor of a member who has lost it, and end their sessions
    ResetSecondFactor(Person),
    /// Remove a member, and take their name and address out of logs too
    Erase(Person),
}

/// What the operator can do about customers.
#[derive(Debug, Subcommand)]
pub(crate) enum CustomerCommand {
    /// Take the name, address and notes of the customers with an address out of what is kept; their licenses stay
    Erase(Person),
}

/// Someone who is known already, perhaps by an address that is not taken any more.
#[derive(Debug, clap::Args)]
pub(crate) struct Person {
    /// The organization, as in its addresses: …/sign-in/acme
    #[arg(long, value_name = "SLUG")]
    pub organization: Slug,
    /// The person's e-mail address
    #[arg(long, value_name = "ADDRESS", value_parser = Email::to_find)]
    pub email: Email,
}

/// What the operator can do with an organization.
#[derive(Debug, Subcommand)]
pub(crate) enum OrganizationCommand {
    /// Schedule the deletion of an organization with all it has; until it is due, it can be taken back
    Delete {
        /// The organization, as in its addresses: …/sign-in/acme
        slug: Slug,
        /// How many days it can be taken back [default: 14]
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=90))]
        days: Option<u32>,
        /// Delete it now instead, for ever
        #[arg(long, conflicts_with = "days")]
        now: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Print all that an organization has, one JSON object a line, without secrets
    Export {
        /// The organization
        slug: Slug,
    },
    /// Take the deletion of an organization back
    Keep {
        /// The organization
        slug: Slug,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_named_by_addresses_of_earlier_versions_too() {
        for command in [["member", "erase"], ["member", "reset-second-factor"], ["customer", "erase"]] {
            let named = ["--organization", "acme", "--email", "jörg@acme.example"];
            let read = Args::try_parse_from(["keyward-server"].iter().chain(&command).chain(&named));
            assert!(read.is_ok(), "{command:?}: {:?}", read.err());
        }
    }
}
