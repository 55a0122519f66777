//! What an agent tells back: kept as the present state of each deployment, and as one row for each transition. What is told twice is
//! known by its number, and where nothing is new nothing is written.

use std::collections::BTreeMap;

use keyward_domain::deployment::{DeploymentReport, DeploymentState, Facts, Phase, Transition, Witnessed};
use keyward_domain::{Action, Actor, Deployment, DeploymentTarget, Invalid, Timestamp};
use keyward_protocol::Reports;
use keyward_protocol::report::{Taken, TakenUpTo};
use keyward_storage::{Recorded, Technical, Tx};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{AgentCaller, held};
use crate::audit::By;
use crate::deployment::about;
use crate::{Engine, Error, Result};

/// The largest number of a transition that is kept.
const MOST_SEQ: u64 = i64::MAX as u64;

/// How far in the future a transition may lie, in seconds: the agent goes by the server's clock.
const MOST_AHEAD: i64 = 3_600;

impl Engine {
    /// Takes what an agent tells.
    ///
    /// # Errors
    /// If it tells more than an agent may, at once or in an hour, or is no agent any more.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn take_reports(&self, caller: &AgentCaller, reports: Reports) -> Result<Taken> {
        check(&reports, self.now())?;
        self.transaction(async |tx| {
            let (target, _) = held(&tx, caller).await?;
            let (mut recorded, mut ends) = (None, 0);
            let mut written = self.take_host(&tx, &target, &reports).await?;
            let mut taken = BTreeMap::new();
            // In an order: others who report hold these rows too.
            let ordered: BTreeMap<_, _> =
                reports.deployments.iter().map(|report| (report.deployment, report)).collect();
            for (id, report) in ordered {
                let one = self.take_report(&tx, caller, &target, report.clone()).await?;
                taken.insert(id, one.seq);
                written |= one.written;
                ends += one.ends;
                recorded = one.recorded.or(recorded);
            }
            if ends > 0 {
                self.agents.recent.may_tell(caller.agent(), self.now())?;
            }
            match recorded {
                Some(recorded) => tx.commit(recorded).await?,
                None if written => tx.commit_unrecorded(Technical::AgentReport).await?,
                None => {}
            }
            if ends > 0 {
                self.agents.recent.told(caller.agent(), ends, self.now());
            }
            let up_to = |(deployment, seq)| TakenUpTo { deployment, seq };
            Ok(Taken { deployments: taken.into_iter().map(up_to).collect() })
        })
        .await
    }

    /// What is new of the host; whether anything is.
    async fn take_host(&self, tx: &Tx, before: &DeploymentTarget, reports: &Reports) -> Result<bool> {
        let target = DeploymentTarget {
            facts: reports.facts.clone().unwrap_or_else(|| before.facts.clone()),
            paused: reports.paused,
            witnessed: reports.witnessed.clone().unwrap_or_else(|| before.witnessed.clone()),
            ..before.clone()
        };
        let is_new = target != *before;
        if is_new {
            tx.deployment_targets(target.scope()).save(&target).await?;
        }
        Ok(is_new)
    }

    async fn take_report(
        &self,
        tx: &Tx,
        caller: &AgentCaller,
        target: &DeploymentTarget,
        report: DeploymentReport,
    ) -> Result<TakenReport> {
        let (scope, now) = (target.scope(), self.now());
        let told = report.transitions.iter().map(|transition| transition.seq).max().unwrap_or_default();
        let told = told.max(report.state.seq);
        let found = tx.deployments(scope).lock(report.deployment.into()).await?;
        // Of what is not this target's, or over, nothing is kept, and nothing need be told again.
        let own = |deployment: &Deployment| deployment.target == target.id && deployment.ended_at.is_none();
        let Some(before) = found.filter(own) else {
            return Ok(TakenReport { seq: told, written: false, ends: 0, recorded: None });
        };
        let (after, fresh) = before.clone().reported(report, now);
        let seq = after.reported.as_ref().map_or(0, |reported| reported.seq);
        if fresh.is_empty() && same_state(&before, &after) {
            return Ok(TakenReport { seq, written: false, ends: 0, recorded: None });
        }
        tx.deployments(scope).add_transitions(after.id, &fresh, now).await?;
        tx.deployments(scope).save(&after).await?;
        let by = || By { actor: Actor::Agent(caller.agent()), address: Some(caller.address) };
        let (mut recorded, mut ends) = (None, 0);
        for (action, transition) in events(&before, &fresh) {
            ends += 1;
            let detail = detail(&after, transition);
            recorded = Some(self.record_for(tx, scope, by(), action, after.id.uuid(), &detail).await?);
        }
        Ok(TakenReport { seq, written: true, ends, recorded })
    }
}

/// What became of the report of one deployment.
struct TakenReport {
    seq: u64,
    written: bool,
    /// Of how many the vendor is told.
    ends: u32,
    recorded: Option<Recorded>,
}

fn same_state(before: &Deployment, after: &Deployment) -> bool {
    let state = |deployment: &Deployment| deployment.reported.as_ref().map(|reported| reported.state.clone());
    state(before) == state(after) && before.ended_at == after.ended_at
}

/// What of some transitions is told to the vendor: where something has ended. That it is still so is no news.
fn events<'a>(before: &Deployment, fresh: &'a [Transition]) -> Vec<(Action, &'a Transition)> {
    let mut last = before
        .reported
        .as_ref()
        .and_then(|reported| ended(&reported.state.phase).map(|action| (action, reported.state.revision)));
    let mut events = Vec::new();
    for transition in fresh {
        let now = ended(&transition.phase).map(|action| (action, transition.revision));
        if let Some((action, _)) = now
            && now != last
        {
            events.push((action, transition));
        }
        last = now;
    }
    events
}

fn ended(phase: &Phase) -> Option<Action> {
    match phase {
        Phase::Running => Some(Action::DeploymentApplied),
        Phase::Blocked { .. } => Some(Action::DeploymentBlocked),
        Phase::Failed { .. } => Some(Action::DeploymentFailed),
        Phase::RolledBack { .. } => Some(Action::DeploymentRolledBack),
        Phase::Stopped => Some(Action::DeploymentStopped),
        Phase::Removed { .. } => Some(Action::DeploymentRemoved),
        Phase::Received
        | Phase::Resolving
        | Phase::Checking
        | Phase::Pulling
        | Phase::Applying
        | Phase::Settling
        | Phase::RollingBack { .. } => None,
    }
}

/// What an event tells of a transition: no lines of services, which are for those who may see the deployment.
fn detail(deployment: &Deployment, transition: &Transition) -> Vec<(&'static str, Value)> {
    let mut detail = about(deployment);
    for (name, value) in &mut detail {
        if *name == "revision" {
            *value = json!(transition.revision);
        }
    }
    match &transition.phase {
        Phase::Failed { failure } => {
            detail.push(("step", json!(failure.step)));
            detail.push(("message", json!(shortened(&failure.message))));
        }
        Phase::RolledBack { failure, to } => {
            detail.push(("step", json!(failure.step)));
            detail.push(("message", json!(shortened(&failure.message))));
            detail.push(("to", json!(to)));
        }
        Phase::Blocked { by, items } => {
            detail.push(("by", json!(by)));
            let message = items.first().map(|item| shortened(&item.message));
            detail.push(("message", json!(message)));
        }
        Phase::Removed { volumes_deleted } => detail.push(("volumes_deleted", json!(volumes_deleted))),
        Phase::Received
        | Phase::Resolving
        | Phase::Checking
        | Phase::Pulling
        | Phase::Applying
        | Phase::Settling
        | Phase::Running
        | Phase::RollingBack { .. }
        | Phase::Stopped => {}
    }
    detail
}

fn shortened(text: &str) -> String {
    keyward_domain::text::legible(text, 300)
}

/// Refuses what is more than an agent may tell.
fn check(reports: &Reports, now: Timestamp) -> Result<()> {
    let many =
        |field, most: usize| Error::field(field, Invalid::new("too_many", format!("are more than {most}")));
    if reports.deployments.len() > Reports::MOST {
        return Err(many("deployments", Reports::MOST));
    }
    for report in &reports.deployments {
        if report.transitions.len() > Reports::MOST_TRANSITIONS {
            return Err(many("transitions", Reports::MOST_TRANSITIONS));
        }
        check_state(&report.state)?;
        report.transitions.iter().try_for_each(|transition| check_transition(transition, now))?;
    }
    let ids: std::collections::BTreeSet<Uuid> =
        reports.deployments.iter().map(|report| report.deployment).collect();
    if ids.len() < reports.deployments.len() {
        return Err(Error::field("deployments", Invalid::new("twice", "name a deployment twice")));
    }
    if let Some(facts) = &reports.facts {
        check_facts(facts)?;
    }
    let witnessed: &[Witnessed] = reports.witnessed.as_deref().unwrap_or_default();
    if witnessed.len() > Reports::MOST {
        return Err(many("witnessed", Reports::MOST));
    }
    witnessed.iter().try_for_each(|one| bounded("witnessed", one))
}

fn check_state(state: &DeploymentState) -> Result<()> {
    check_seq(state.seq)?;
    bounded("state", state)
}

fn check_transition(transition: &Transition, now: Timestamp) -> Result<()> {
    check_seq(transition.seq)?;
    if transition.seq == 0 {
        return Err(Error::field("transitions", Invalid::new("invalid_seq", "are counted from 1")));
    }
    if !(0..=now.unix() + MOST_AHEAD).contains(&transition.at) {
        let why = Invalid::new("invalid_time", "are in the future, by the clock of this server");
        return Err(Error::field("transitions", why));
    }
    bounded("transitions", transition)
}

fn check_seq(seq: u64) -> Result<()> {
    if seq > MOST_SEQ {
        return Err(Error::field("seq", Invalid::new("too_large", "is too large")));
    }
    Ok(())
}

/// Refuses facts of a host that are longer than any are.
pub(super) fn check_facts(facts: &Facts) -> Result<()> {
    bounded("facts", facts)
}

fn bounded(field: &'static str, value: &impl Serialize) -> Result<()> {
    let bytes = serde_json::to_vec(value).map_err(Error::Event)?.len();
    if bytes > Reports::MOST_BYTES {
        let message = format!("have more than {} bytes", Reports::MOST_BYTES);
        return Err(Error::field(field, Invalid::new("too_long", message)));
    }
    Ok(())
}
