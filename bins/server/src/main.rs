//! Keyward's server: reads the settings, puts the parts together and runs one command.

mod args;
mod backup;
mod bootstrap;
mod compose;
mod config;
mod jobs;
mod mail;
mod master_key;
mod metrics;
mod organization;
mod serve;
mod telemetry;
mod tls;
mod traces;

use std::process::ExitCode;

use args::{Args, Command, CustomerCommand, MemberCommand, Person};
use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory as _, Parser};
use config::Settings;
use keyward_engine::NewOrganization;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return refuse(&error),
    };
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, causes last, so that it is readable in any log.
            eprintln!("keyward-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Says in one line which setting has a value that can't be read, by the name that it has in the environment; and what else
/// is wrong with the command line as usual.
fn refuse(error: &clap::Error) -> ExitCode {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        Some(_) | None => None,
    };
    let (Some(argument), Some(value)) = (text(ContextKind::InvalidArg), text(ContextKind::InvalidValue))
    else {
        error.exit()
    };
    let flag = argument.trim_start_matches('-').split(' ').next().unwrap_or_default();
    let command = Args::command();
    let known = command.get_arguments().find(|argument| argument.get_long() == Some(flag));
    let Some(setting) = known.and_then(|argument| argument.get_env()) else { error.exit() };
    let why = match (error.get(ContextKind::ValidValue), std::error::Error::source(error)) {
        (Some(ContextValue::Strings(values)), _) => format!("must be one of {}", values.join(", ")),
        (_, Some(why)) => format!("can't be read: {why}"),
        (_, None) => "can't be read".to_owned(),
    };
    eprintln!("keyward-server: {} “{value}” {why}", setting.to_string_lossy());
    ExitCode::from(2)
}

fn run(args: Args) -> anyhow::Result<()> {
    if let Some(Command::Openapi) = args.command {
        return print(&serde_json::to_string_pretty(&keyward_api::openapi())?);
    }
    let settings = Settings::read(args.settings)?;
    let serves = matches!(args.command, None | Some(Command::Serve));
    let traces = telemetry::start(&settings, serves)?;
    for name in config::unknown_variables(&Args::command()) {
        tracing::warn!(name, "no setting has this name: it is ignored");
    }
    if settings.is_public_url_unspecified() {
        tracing::warn!("KEYWARD_PUBLIC_URL is not set: tokens will name an address that nobody reaches");
    }
    let done = actix_web::rt::System::new().block_on(async {
        match args.command.unwrap_or(Command::Serve) {
            Command::Serve => serve::run(&settings).await,
            Command::Bootstrap { organization, slug, email, operator, token_file } => {
                let new = NewOrganization { name: organization, owner_email: email, owner_name: None, slug };
                bootstrap::found(&settings, new, operator, token_file.as_deref()).await
            }
            Command::Migrate => {
                compose::open(&settings).await?;
                print("The database is up to date.")
            }
            Command::Backup { file } => {
                backup::take(&settings, &file).await?;
                print(&format!(
                    "{} is a copy of the database. Keep the master key beside it, but not with it.",
                    file.display()
                ))
            }
            Command::Restore { file } => {
                backup::restore(&settings, &file).await?;
                print("The database is restored. It needs the master key that it was made with.")
            }
            Command::Check => {
                let keys = compose::check(&settings).await?;
                print(&format!("Settings, master key and database are in order; {keys} signing keys open."))?;
                print(&format!("Upstreams and sign-in providers may be at {}.", settings.outbound))?;
                let tls = settings.tls.as_ref().map(tls::Tls::open).transpose()?;
                let warnings = tls.map(|tls| tls.warnings(tls::now(), settings.issuer.host_name()));
                warnings.unwrap_or_default().iter().try_for_each(|warning| print(&format!("But {warning}.")))
            }
            Command::Member { command: MemberCommand::ResetSecondFactor(Person { organization, email }) } => {
                compose::existing_database(&settings)?;
                let engine = compose::open(&settings).await?;
                let reset = engine.reset_second_factor(&organization, &email).await?;
                let member = &reset.member.email;
                print(&match reset.sessions_ended {
                    None => format!("{member} has no second factor. Nothing was changed."),
                    Some(ended) => format!(
                        "The second factor of {member} and its recovery codes are removed, links mailed to them are withdrawn, and \
                         their sessions have ended ({ended}). They sign in with their password alone now, and should set up \
                         another authenticator app. The audit log of {organization} says that the operator did it."
                    ),
                })
            }
            Command::Member { command: MemberCommand::Erase(Person { organization, email }) } => {
                compose::existing_database(&settings)?;
                let engine = compose::open(&settings).await?;
                let was_there = engine.operator_erases_member(&organization, &email).await?;
                print(match was_there {
                    true => {
                        "The member is removed. Their name and address are in no row and no log of the organization any \
                         more, their sessions have ended, and the tokens they made wait for an owner."
                    }
                    false => "There is no such member. The address is in no log of the organization any more.",
                })
            }
            Command::Customer { command: CustomerCommand::Erase(Person { organization, email }) } => {
                compose::existing_database(&settings)?;
                let engine = compose::open(&settings).await?;
                let count = engine.operator_erases_customers(&organization, &email).await?;
                print(&format!(
                    "Customers with this address: {count}. Their names, addresses and notes are in no row and no log of the \
                     organization any more, and their sessions have ended. Their licenses stay as they are."
                ))
            }
            Command::Organization { command } => organization::run(&settings, command).await,
            Command::Jobs { json } => jobs::show(&settings, json).await,
            Command::Openapi => Ok(()),
        }
    });
    if let Some(traces) = traces {
        traces.stop();
    }
    done
}

/// The command's answer goes to stdout; the log goes to stderr.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
