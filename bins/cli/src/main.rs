//! `keyward`: verify, inspect and sign licenses without a server, and manage a server's products,
//! customers, licenses, registries, tokens and plans.
//!
//! Exit codes: 0 done or valid, 1 refused, 2 wrong usage or something that could not be read or reached. Those of `check` are
//! the ones of a monitoring plug-in.

mod alerts;
mod application_entitlements;
mod applications;
mod artifact_entitlements;
mod artifacts;
mod audit;
mod audit_sinks;
mod check;
mod client;
mod completions;
mod customer_users;
mod customers;
mod deployments;
mod expected;
mod exporter;
mod inspect;
mod instant;
mod jwks;
mod keygen;
mod licenses;
mod members;
mod monitored;
mod organizations;
mod output;
mod products;
mod reading;
mod registries;
mod registry_keys;
mod sign;
mod signing_keys;
mod status;
mod system;
mod tokens;
mod usage;
mod verify;
mod webhooks;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Verify, inspect and sign licenses, and manage a Keyward server.
#[derive(Debug, Parser)]
#[command(name = "keyward", version, propagate_version = true, arg_required_else_help = true)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a token offline; prints its claims, or the reason it was refused
    Verify(verify::Verify),
    /// Tell monitoring (Nagios, Icinga) how a license stands: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN
    Check(check::Check),
    /// Tell Prometheus how a license stands
    Exporter(exporter::Exporter),
    /// Show what a token says, without checking it
    Inspect(inspect::Inspect),
    /// Make an Ed25519 key pair
    Keygen(keygen::Keygen),
    /// Join public keys in one JWK Set, for applications to verify with
    Jwks(jwks::Jwks),
    /// Sign a license offline
    Sign(sign::Sign),
    /// Products on a server, and their keys
    #[command(visible_alias = "product")]
    Products(products::Products),
    /// Applications on a server, and their versions
    #[command(visible_alias = "application")]
    Applications(applications::Applications),
    /// What customers may deploy
    #[command(visible_alias = "application-entitlement")]
    ApplicationEntitlements(application_entitlements::ApplicationEntitlements),
    /// The audit log on a server, and whether an export of it is whole
    Audit(audit::Audit),
    /// Customers on a server
    #[command(visible_alias = "customer")]
    Customers(customers::Customers),
    /// Licenses on a server
    #[command(visible_alias = "license")]
    Licenses(licenses::Licenses),
    /// Organizations on a server: plans, for its operator
    #[command(visible_alias = "organization")]
    Organizations(organizations::Organizations),
    /// Members of your organization: who they are and what they may do
    #[command(visible_alias = "member")]
    Members(members::Members),
    /// Management tokens on a server, and who made them
    #[command(visible_alias = "token")]
    Tokens(tokens::Tokens),
    /// Where the audit log on a server is streamed to
    #[command(visible_alias = "audit-sink")]
    AuditSinks(audit_sinks::AuditSinks),
    /// Webhook endpoints on a server, and what was sent to them
    #[command(visible_alias = "webhook")]
    Webhooks(webhooks::Webhooks),
    /// Keys that your licenses are signed with
    #[command(visible_alias = "signing-key")]
    SigningKeys(signing_keys::SigningKeys),
    /// Registries: host names in front of your container registries
    #[command(visible_alias = "registry")]
    Registries(registries::Registries),
    /// Credentials of machines for registries
    #[command(visible_alias = "registry-key")]
    RegistryKeys(registry_keys::RegistryKeys),
    /// Repositories of registries, and their tags
    #[command(visible_alias = "artifact")]
    Artifacts(artifacts::Artifacts),
    /// What customers may pull
    #[command(visible_alias = "artifact-entitlement")]
    ArtifactEntitlements(artifact_entitlements::ArtifactEntitlements),
    /// See the hosts of customers, on which agents deploy or look
    #[command(visible_alias = "deployment-target")]
    DeploymentTargets(deployments::DeploymentTargets),
    /// See what runs on the hosts of customers
    #[command(visible_alias = "deployment")]
    Deployments(deployments::Deployments),
    /// What was unusual at registries, and buckets of products that are used
    #[command(visible_alias = "alert")]
    Alerts(alerts::Alerts),
    /// What is late, failing or full on a server, for its operator: ends with 1 if something does not work
    System(system::System),
    /// Print completions of this command line for a shell
    Completions(completions::Completions),
}

/// How a command ended that could be carried out.
pub(crate) enum Outcome {
    /// Done, or valid.
    Good,
    /// Refused, with the reason printed.
    Refused,
    /// With an exit code of its own.
    Exit(u8),
}

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return wrong_usage(&error),
    };
    let outcome = match args.command {
        Command::Verify(verify) => verify.run(),
        Command::Check(check) => check.run(),
        Command::Exporter(exporter) => exporter.run(),
        Command::Inspect(inspect) => inspect.run(),
        Command::Keygen(keygen) => keygen.run(),
        Command::Jwks(jwks) => jwks.run(),
        Command::Sign(sign) => sign.run(),
        Command::Applications(applications) => applications.run(),
        Command::ApplicationEntitlements(entitlements) => entitlements.run(),
        Command::Audit(audit) => audit.run(),
        Command::Customers(customers) => customers.run(),
        Command::Licenses(licenses) => licenses.run(),
        Command::Products(products) => products.run(),
        Command::Organizations(organizations) => organizations.run(),
        Command::Members(members) => members.run(),
        Command::Tokens(tokens) => tokens.run(),
        Command::AuditSinks(sinks) => sinks.run(),
        Command::Webhooks(webhooks) => webhooks.run(),
        Command::SigningKeys(keys) => keys.run(),
        Command::Registries(registries) => registries.run(),
        Command::RegistryKeys(keys) => keys.run(),
        Command::Artifacts(artifacts) => artifacts.run(),
        Command::ArtifactEntitlements(entitlements) => entitlements.run(),
        Command::DeploymentTargets(targets) => targets.run(),
        Command::Deployments(deployments) => deployments.run(),
        Command::Alerts(alerts) => alerts.run(),
        Command::System(system) => system.run(),
        Command::Completions(completions) => completions.run::<Args>(),
    };
    ended(outcome)
}

fn ended(outcome: anyhow::Result<Outcome>) -> ExitCode {
    match outcome {
        Ok(Outcome::Good) => ExitCode::SUCCESS,
        Ok(Outcome::Refused) => ExitCode::from(1),
        Ok(Outcome::Exit(code)) => ExitCode::from(code),
        Err(error) => {
            eprintln!("keyward: {error:#}");
            ExitCode::from(if error.is::<client::Refusal>() { 1 } else { 2 })
        }
    }
}

/// Says what is wrong with the command line, or the help that was asked for. To a monitoring system, in its own way.
fn wrong_usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().nth(1).is_some_and(|command| command == "check") {
        let _ = error.print();
        return ended(check::wrong_usage());
    }
    error.exit()
}
