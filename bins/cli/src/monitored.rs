//! The license of an application that runs on this machine, as its operator looks at it: from files that may be replaced
//! at any time.

use clap::Args;
use keyward_token::{
    Health, HealthCheck, Keyring, StatusList, StatusListVerifier, UnixSeconds, VerifyError, pasted,
};

use crate::expected::Expected;
use crate::{reading, verify};

#[derive(Debug, Args)]
pub(crate) struct Monitored {
    /// File with the license token
    #[arg(long, value_name = "FILE")]
    file: String,
    #[command(flatten)]
    expected: Expected,
}

/// How the license stands.
pub(crate) struct Look {
    pub health: Health,
    /// What is wrong with status lists that do not count, in words.
    pub refused_lists: Vec<String>,
}

/// Why there is no license to look at.
pub(crate) enum NoLicense {
    /// A file could not be read.
    Unreadable(anyhow::Error),
    /// The file has something else than a license for this application.
    Refused(String),
}

impl Monitored {
    /// Reads every file anew, and judges at an instant.
    pub(crate) fn look(
        &self,
        now: UnixSeconds,
        warning_days: u32,
        max_list_age: Option<u64>,
    ) -> Result<Look, NoLicense> {
        let keys = self.expected.keys(|path| reading::regular_file(path)).map_err(NoLicense::Unreadable)?;
        let token = reading::regular_file(&self.file).map_err(NoLicense::Unreadable)?;
        let token = pasted(&token);
        let license = self.expected.verifier(keys.clone()).authenticate(&token);
        let license = license.map_err(|error| NoLicense::Refused(verify::why(&error, &token)))?;
        let mut check = HealthCheck::at(now).warning_days(warning_days);
        let (lists, refused_lists) = self.lists(keys, now);
        if !self.expected.status_list.is_empty() {
            check = check.status_lists(&lists);
        }
        if let Some(age) = max_list_age {
            check = check.max_list_age_seconds(age);
        }
        Ok(Look { health: license.health(check), refused_lists })
    }

    fn lists(&self, keys: Keyring, now: UnixSeconds) -> (Vec<StatusList>, Vec<String>) {
        let verifier = StatusListVerifier::builder().keys(keys).build();
        let (mut lists, mut refused) = (Vec::new(), Vec::new());
        for path in &self.expected.status_list {
            match reading::regular_file(path).map(|text| verify_at_its_time(&verifier, &pasted(&text), now)) {
                Ok(Ok(list)) => lists.push(list),
                Ok(Err(error)) => refused.push(format!("{path}: {error}")),
                Err(error) => refused.push(format!("{error:#}")),
            }
        }
        (lists, refused)
    }
}

/// A list that has expired is verified as of its last second: it does not count any more, but its age does.
fn verify_at_its_time(
    verifier: &StatusListVerifier,
    list: &str,
    now: UnixSeconds,
) -> Result<StatusList, VerifyError> {
    verifier.verify(list, now).or_else(|error| match error {
        VerifyError::Expired { since } => {
            verifier.verify(list, UnixSeconds::new(since.as_i64().saturating_sub(1)))
        }
        _ => Err(error),
    })
}
