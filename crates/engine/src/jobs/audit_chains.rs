//! Chains of events are signed, and days counted into them.

use std::time::Duration;

use keyward_domain::ServerJob;

use super::{Job, Schedule, Step, Stepping};
use crate::Engine;
use crate::audit::Signed;

pub(super) struct AuditChains;

impl Job for AuditChains {
    fn name(&self) -> &'static str {
        ServerJob::AuditChains.as_str()
    }

    fn schedule(&self) -> Schedule {
        Schedule::one_server(Duration::from_secs(60))
    }

    fn step<'a>(&'a self, engine: &'a Engine) -> Stepping<'a> {
        Box::pin(async {
            if engine.count_day().await? {
                return Ok(Step::More(1));
            }
            Ok(match engine.sign_due_chain().await? {
                Signed::One => Step::More(1),
                Signed::None => Step::Done(0),
                Signed::PutOff(organization, error) => {
                    Step::PutOff(format!("the audit log of {organization} can't be signed: {error}"))
                }
            })
        })
    }
}
