//! `keyward-agent show` and `keyward-agent compose`.

use std::os::unix::process::CommandExt as _;

use anyhow::Context as _;
use clap::Args;
use keyward_agent::apply::{Applier, CommandError};

use crate::place::{self, Place};
use crate::{Outcome, note, say};

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The deployment: its id, its name or the name of its Compose project
    deployment: String,
}

impl Show {
    pub(crate) fn run(self, place: &Place) -> anyhow::Result<Outcome> {
        let paths = place.paths()?;
        let (id, called) = place::deployment(&paths, &self.deployment)?;
        let written = Applier::new(paths).written(id).context("reading what is kept of the deployment")?;
        let Some(written) = written else {
            note(&format!("keyward-agent: nothing of {called} is here"));
            return Ok(Outcome::Bad);
        };
        say(&format!("# {called}, version {}, revision {}", written.version, written.revision));
        if !written.values.is_empty() {
            say(&format!("# Values that are set, not shown: {}", written.values.join(", ")));
        }
        for (path, text) in &written.files {
            say(&format!("\n# {}\n{}", path.display(), text.trim_end()));
        }
        Ok(Outcome::Good)
    }
}

#[derive(Debug, Args)]
pub(crate) struct Compose {
    /// The deployment: its id, its name or the name of its Compose project
    deployment: String,
    /// What to ask of Compose, such as ps, logs or config, with its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    args: Vec<String>,
}

impl Compose {
    pub(crate) fn run(self, place: &Place) -> anyhow::Result<Outcome> {
        let paths = place.paths()?;
        let (id, _) = place::deployment(&paths, &self.deployment)?;
        let mut command = match Applier::new(paths).compose_command(id, &self.args) {
            Err(error @ (CommandError::Nothing | CommandError::Changing(_))) => {
                note(&format!("keyward-agent: {error}"));
                return Ok(Outcome::Bad);
            }
            made => made?,
        };
        // From here on this program is Compose, and ends as that does.
        Err(command.exec()).with_context(|| format!("running {}", command.get_program().to_string_lossy()))
    }
}
