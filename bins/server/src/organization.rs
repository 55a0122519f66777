//! What the operator does with an organization: delete it, and take that back.

use std::io::{BufRead as _, Write as _};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use keyward_api::Export;
use keyward_domain::{Deletion, Slug};

use crate::args::OrganizationCommand;
use crate::compose;
use crate::config::Settings;
use crate::print;

/// Between one part of a deletion and the next: others want to write as well.
const BREATH: Duration = Duration::from_millis(50);

pub(crate) async fn run(settings: &Settings, command: OrganizationCommand) -> anyhow::Result<()> {
    compose::existing_database(settings)?;
    let engine = compose::open(settings).await?;
    match command {
        OrganizationCommand::Delete { slug, days, now, yes } => {
            let counts = engine.operator_counts(&slug).await.with_context(|| format!("{slug}"))?;
            if !yes {
                confirm(&slug, &counts, now)?;
            }
            if now {
                let pause = || actix_web::rt::time::sleep(BREATH);
                let removed = engine.operator_deletes(&slug, pause).await?;
                return print(&format!("{slug} is deleted: {removed} rows. Its slug is not given again."));
            }
            let days = days.unwrap_or(Deletion::GRACE_DAYS);
            let deletion = engine.operator_schedules_deletion(&slug, days).await?;
            print(&format!(
                "{slug} is to be deleted on {}. Its owners are told by mail. Until then it goes on as before, and \
                 keyward-server organization keep {slug} takes it back.",
                deletion.due_at
            ))
        }
        OrganizationCommand::Export { slug } => {
            let access = engine.operator_in(&slug).await?.access()?;
            let mut export = Export::begin(engine.into(), access).await?;
            let mut out = std::io::stdout().lock();
            while let Some(lines) = export.next().await.map_err(anyhow::Error::from_boxed)? {
                out.write_all(lines.as_bytes())?;
            }
            Ok(out.flush()?)
        }
        OrganizationCommand::Keep { slug } => {
            engine.operator_withdraws_deletion(&slug).await?;
            print(&format!("{slug} is kept."))
        }
    }
}

/// Has the operator name the organization again.
fn confirm(slug: &Slug, counts: &[(&str, u64)], now: bool) -> anyhow::Result<()> {
    let count = |table| counts.iter().find(|(name, _)| *name == table).map_or(0, |(_, count)| *count);
    let mut terminal = std::io::stderr();
    let when = if now { "at once, for ever" } else { "after a while" };
    writeln!(
        terminal,
        "{slug} has {} customers, {} licenses, {} products and {} members. All of it is deleted {when}.",
        count("customers"),
        count("licenses"),
        count("products"),
        count("members"),
    )?;
    write!(terminal, "Type {slug} to go on: ")?;
    terminal.flush()?;
    let mut typed = String::new();
    std::io::stdin().lock().read_line(&mut typed)?;
    ensure!(typed.trim() == slug.as_str(), "that is not {slug}: nothing was changed");
    Ok(())
}
