//! Steps 9 to 13, and the way back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use keyward_domain::files::COMPOSE;
use keyward_protocol::desired::{Deployment, Order};
use keyward_protocol::report::{Failure, Phase, ServiceLines, Step};
use serde::Serialize;

use super::compose_run::End;
use super::folder::Record;
use super::health::checked_meanwhile;
use super::prepare::last_words;
use super::settle::{Fault, Verdict, Watch, deadline};
use super::stall::Stall;
use super::work::{Tools, Work, text};
use super::{Open, Stopped, UP_PATIENCE, held, plan, service_of};
use crate::disk;
use crate::engine::EngineError;
use crate::engine::api::Engine;
use crate::engine::model::{Container, ContainerRow};

/// How often it is looked whether all is good.
const LOOK: Duration = Duration::from_secs(1);

/// How many lines of each service that failed are told.
const LINES: usize = 100;

/// The most characters of a line, and of all lines of one failure.
const MOST_LINE: usize = 500;
const MOST_LINES: usize = 16 * 1024;

/// The least time that Compose has, whatever the version says.
const LEAST_UP: Duration = Duration::from_secs(20);

/// How long the engine may be away while it is waited for.
const ENGINE_AWAY: Duration = Duration::from_secs(60);

/// What did not become what it was to be.
pub(super) struct Fell {
    pub step: Step,
    message: String,
    faults: Vec<Fault>,
}

/// What Compose is told beside the version's file.
#[derive(Serialize)]
struct Pin<'a> {
    services: BTreeMap<&'a str, PinnedService<'a>>,
}

#[derive(Serialize)]
struct PinnedService<'a> {
    image: &'a str,
    labels: BTreeMap<&'a str, &'a str>,
}

/// A container as it was before a step.
#[derive(Serialize)]
struct Before {
    id: String,
    service: String,
    image: String,
    started_at: String,
    restarts: u64,
}

impl Work<'_> {
    /// All thirteen steps.
    pub(super) fn run(&mut self) -> Result<(), Stopped> {
        let prepared = self.prepare()?;
        self.step(Step::Pull)?;
        let images = self.pull(&prepared.tools, &prepared.document)?;
        self.step(Step::Pin)?;
        let record = Record {
            files: prepared.files,
            images,
            model: prepared.model,
            services: plan::services(&prepared.document),
            configurations: BTreeMap::new(),
            restarts: BTreeMap::new(),
        };
        self.pin(&record)?;
        let away = |error: EngineError| Stopped::Transient { step: Step::Pin, message: format!("{error}.") };
        if !held::hold(&prepared.tools.engine, self.order.id, &record).map_err(away)? {
            let message = "An image was removed while others were fetched.".to_owned();
            return Err(Stopped::Transient { step: Step::Pin, message });
        }
        self.step(Step::Before)?;
        self.note_before(&prepared.tools)?;
        let unchanged = self.is_applied(&record, &prepared.tools);
        self.run_from_up(&prepared.tools, record, unchanged)
    }

    /// Goes on after a crash during the last steps: Compose is run again, which mends what it was killed at.
    pub(super) fn run_on(&mut self) -> Result<(), Stopped> {
        let tools = self.tools_or_later()?;
        match self.folder.record(self.order.revision)? {
            Some(record) => {
                let unchanged = self.is_applied(&record, &tools);
                self.run_from_up(&tools, record, unchanged)
            }
            None => self.run(),
        }
    }

    fn run_from_up(&mut self, tools: &Tools, mut record: Record, unchanged: bool) -> Result<(), Stopped> {
        self.step(Step::Up)?;
        let order = self.order.clone();
        match self.bring_up(tools, &order, &record, unchanged)? {
            None => {
                self.step(Step::Commit)?;
                self.commit(tools, &mut record)
            }
            Some(fell) => {
                let failure = self.failure_of(tools, &fell);
                self.fall_back(tools, failure)
            }
        }
    }

    /// Step 9: every image by its digest, and a label that does not change with the revision: it would make every service anew.
    fn pin(&self, record: &Record) -> Result<(), Stopped> {
        let id = self.order.id.to_string();
        let pinned = |image| PinnedService { image, labels: BTreeMap::from([(super::LABEL, id.as_str())]) };
        let services =
            record.images.iter().map(|(service, image)| (service.as_str(), pinned(image.reference.as_str())));
        // JSON is YAML, and leaves nothing to quote.
        let text =
            serde_json::to_vec(&Pin { services: services.collect() }).map_err(std::io::Error::other)?;
        disk::write(&self.folder.revision(self.order.revision).join("pin.yaml"), &text)?;
        self.folder.write_record(self.order.revision, record)?;
        Ok(())
    }

    /// Step 10: what runs before anything is changed, for people who look into what happened.
    fn note_before(&self, tools: &Tools) -> Result<(), Stopped> {
        let away =
            |error: EngineError| Stopped::Transient { step: Step::Before, message: format!("{error}.") };
        let containers = containers(&tools.engine, &self.label()).map_err(away)?;
        let before: Vec<_> = containers
            .iter()
            .map(|container| Before {
                id: container.id.clone(),
                service: service_of(container).to_owned(),
                image: container.image.clone(),
                started_at: container.state.started_at.clone(),
                restarts: container.restart_count,
            })
            .collect();
        let text = serde_json::to_vec(&before).map_err(std::io::Error::other)?;
        Ok(disk::write(&self.folder.revision(self.order.revision).join("before.json"), &text)?)
    }

    /// Whether the same is applied already and runs, so that jobs that have ended are not run again.
    fn is_applied(&self, record: &Record, tools: &Tools) -> bool {
        // What was stopped by an order looks like a job that has ended well.
        if self.state.outcome.as_ref().is_some_and(|outcome| outcome.order == Order::Stop) {
            return false;
        }
        let Some(Ok(Some(current))) = self.state.current.map(|number| self.folder.record(number)) else {
            return false;
        };
        if current.model != record.model || current.images != record.images {
            return false;
        }
        let Ok(containers) = containers(&tools.engine, &self.label()) else { return false };
        super::settle::health_now(&record.services, &containers).is_good()
    }

    /// Steps 11 and 12, forward and back alike; what did not become what it was to be, if anything.
    pub(super) fn bring_up(
        &self,
        tools: &Tools,
        order: &Deployment,
        record: &Record,
        unchanged: bool,
    ) -> Result<Option<Fell>, Stopped> {
        let patience = order.health_seconds.map(|seconds| Duration::from_secs(u64::from(seconds.max(1))));
        checked_meanwhile(&tools.engine, tools.podman, &self.label(), || {
            if !unchanged && let Some(fell) = self.up(tools, order, record, patience)? {
                return Ok(Some(fell));
            }
            // On the way back it stays told that it is.
            if order.revision == self.order.revision {
                self.step(Step::Settle)?;
            }
            self.settle(&tools.engine, record, patience)
        })
    }

    /// Step 11.
    fn up(
        &self,
        tools: &Tools,
        order: &Deployment,
        record: &Record,
        patience: Option<Duration>,
    ) -> Result<Option<Fell>, Stopped> {
        self.remove_leftovers(&tools.engine, record);
        let revision = self.folder.revision(order.revision);
        let (compose, pin) = (revision.join(COMPOSE), revision.join("pin.yaml"));
        let mut args = vec!["-f", text(&compose)?, "-f", text(&pin)?];
        args.extend(["up", "-d", "--no-build", "--remove-orphans"]);
        if !tools.compose.is_old() {
            args.extend(["--pull", "never"]);
        }
        let label = self.label();
        let mut stall = Stall::new(&tools.engine, &label, patience);
        let patience = patience.map_or(UP_PATIENCE, |patience| patience.clamp(LEAST_UP, UP_PATIENCE));
        let patience = patience + stall.grace();
        let output = self.compose(tools, order, &record.files, &args, patience, &mut || stall.is_over())?;
        let message = match output.end {
            End::Code(0) => return Ok(None),
            End::GivenUp => "Compose waited for a service that did not pass its health check in time.".into(),
            End::TimedOut => format!("Compose was not done after {} seconds.", patience.as_secs()),
            End::Code(code) => format!("Compose ended with {code}: {}", last_words(&output.stderr)),
            End::Signal(signal) => format!("Compose was ended by signal {signal}."),
        };
        let faults = match containers(&tools.engine, &self.label()) {
            Ok(containers) => faults_now(record, &containers),
            Err(_) => Vec::new(),
        };
        Ok(Some(Fell { step: Step::Up, message, faults }))
    }

    /// Step 12.
    fn settle(
        &self,
        engine: &Engine,
        record: &Record,
        patience: Option<Duration>,
    ) -> Result<Option<Fell>, Stopped> {
        let (started, mut watch) = (Instant::now(), Watch::default());
        let mut away_since = None;
        loop {
            if self.source.is_ending() {
                return Err(Stopped::Ending);
            }
            let waits = match containers(engine, &self.label()) {
                Ok(containers) => {
                    away_since = None;
                    let end = patience.unwrap_or_else(|| deadline(&containers));
                    match watch.look(&record.services, &containers, started.elapsed()) {
                        Verdict::Good(_) => return Ok(None),
                        Verdict::Failed(faults) => return Ok(Some(fell(faults))),
                        Verdict::Waiting(faults) if started.elapsed() >= end => {
                            return Ok(Some(fell(faults)));
                        }
                        Verdict::Waiting(faults) => faults,
                    }
                }
                Err(error) => {
                    let since = *away_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= ENGINE_AWAY {
                        let message = format!("{error}.");
                        return Ok(Some(Fell { step: Step::Settle, message, faults: Vec::new() }));
                    }
                    Vec::new()
                }
            };
            // What has only just started is looked at a little sooner.
            let pause = if waits.is_empty() || started.elapsed() > LOOK * 5 { LOOK } else { LOOK / 4 };
            std::thread::sleep(pause);
        }
    }

    /// Step 13.
    fn commit(&mut self, tools: &Tools, record: &mut Record) -> Result<(), Stopped> {
        let revision = self.order.revision;
        if let Ok(rows) = tools.engine.containers(&self.label()) {
            record.configurations = configurations(&rows);
            let containers = containers(&tools.engine, &self.label()).unwrap_or_default();
            record.restarts = containers.into_iter().map(|one| (one.id, one.restart_count)).collect();
            self.folder.write_record(revision, record)?;
        }
        if self.state.current != Some(revision) {
            self.state.previous = self.state.current;
            self.state.current = Some(revision);
        }
        self.state.repaired = false;
        self.end(Phase::Running, Open::default())?;
        self.clean(tools)
    }

    /// Removes what only older revisions had: their files, and the images that were fetched for them. Nothing depends on it.
    fn clean(&mut self, tools: &Tools) -> Result<(), Stopped> {
        self.remove_leftovers_of_current(tools);
        let kept: BTreeSet<u32> = self.state.current.into_iter().chain(self.state.previous).collect();
        let gone = self.folder.keep_only(&kept)?;
        let mut used = BTreeSet::new();
        for number in &kept {
            used.extend(self.folder.record(*number)?.unwrap_or_default().images.into_values());
        }
        let gone: BTreeSet<_> = gone.into_iter().flat_map(|record| record.images.into_values()).collect();
        for image in gone.difference(&used) {
            let fetched = self.state.pulled.remove(&image.reference);
            held::let_go(&tools.engine, self.order.id, image, fetched);
        }
        Ok(self.folder.write_state(&self.state)?)
    }

    /// The engine and Compose, for what has to go on: if they can't be had, nothing is given up.
    pub(super) fn tools_or_later(&self) -> Result<Tools, Stopped> {
        self.tools().map_err(|stopped| match stopped {
            Stopped::Transient { message, .. } => Stopped::Disk(std::io::Error::other(message)),
            Stopped::Blocked { items, .. } => {
                let message = items.into_iter().map(|item| item.message).collect::<Vec<_>>().join(" ");
                Stopped::Disk(std::io::Error::other(message))
            }
            other => other,
        })
    }

    /// What is told of a failure: what each service says that is not well, and its last lines.
    pub(super) fn failure_of(&self, tools: &Tools, fell: &Fell) -> Failure {
        let mut services: Vec<ServiceLines> = Vec::new();
        let mut room = MOST_LINES;
        for fault in &fell.faults {
            if services.iter().any(|known| known.service == fault.service) {
                continue;
            }
            let lines =
                fault.container.as_ref().map_or_else(Vec::new, |id| self.last_lines(tools, id, &mut room));
            services.push(ServiceLines {
                service: fault.service.clone(),
                state: self.redactor.line(&fault.state, MOST_LINE),
                lines,
            });
        }
        Failure { services, ..self.failure(fell.step, &fell.message) }
    }

    fn last_lines(&self, tools: &Tools, id: &str, room: &mut usize) -> Vec<String> {
        let Ok(Some(container)) = tools.engine.container(id) else { return Vec::new() };
        let text = tools.engine.logs(&container, LINES).unwrap_or_default();
        // The whole text first: a secret may go over several lines.
        let text = self.redactor.redact(&text);
        let mut lines = Vec::new();
        for line in text.lines().rev().take(LINES) {
            let line = self.redactor.line(line, MOST_LINE);
            // As JSON, where a character may take more.
            let length = line.len() * 2 + 4;
            if length > *room {
                break;
            }
            *room -= length;
            lines.push(line);
        }
        lines.reverse();
        lines
    }

    /// What a Compose that was killed has left: a second container of a service, under another name, that does not run.
    fn remove_leftovers(&self, engine: &Engine, record: &Record) {
        let rows = engine.containers(&self.label()).unwrap_or_default();
        for row in leftovers(record, &rows) {
            // If it can't be removed, Compose says why.
            let _ = engine.remove_container(&row.id, false);
        }
    }

    fn remove_leftovers_of_current(&self, tools: &Tools) {
        if let Some(Ok(Some(record))) = self.state.current.map(|number| self.folder.record(number)) {
            self.remove_leftovers(&tools.engine, &record);
        }
    }
}

/// The containers of a deployment, one by one.
pub(super) fn containers(engine: &Engine, label: &str) -> Result<Vec<Container>, EngineError> {
    let rows = engine.containers(label)?;
    let mut containers = Vec::with_capacity(rows.len());
    for row in rows {
        containers.extend(engine.container(&row.id)?);
    }
    Ok(containers)
}

/// For each service, the hash that Compose gave its containers.
fn configurations(rows: &[ContainerRow]) -> BTreeMap<String, String> {
    let hash = |row: &ContainerRow| row.label("com.docker.compose.config-hash").to_owned();
    rows.iter()
        .map(|row| (row.service().to_owned(), hash(row)))
        .filter(|(_, hash)| !hash.is_empty())
        .collect()
}

/// Of each service that has more containers than it is to have, those that do not run, while others do.
fn leftovers<'a>(record: &Record, rows: &'a [ContainerRow]) -> Vec<&'a ContainerRow> {
    let mut found = Vec::new();
    for service in &record.services {
        let of_service: Vec<_> = rows.iter().filter(|row| row.service() == service.name).collect();
        let (run, rest): (Vec<_>, Vec<_>) = of_service.into_iter().partition(|row| row.state == "running");
        let wanted = usize::try_from(service.replicas).unwrap_or(usize::MAX);
        let excess = (run.len() + rest.len()).saturating_sub(wanted);
        if !run.is_empty() {
            found.extend(rest.into_iter().take(excess));
        }
    }
    found
}

fn fell(faults: Vec<Fault>) -> Fell {
    let mut said: Vec<String> =
        faults.iter().map(|fault| format!("{} {}", fault.service, fault.state)).collect();
    said.dedup();
    Fell { step: Step::Settle, message: format!("{}.", said.join("; ")), faults }
}

/// What is not well right now, without waiting for anything.
fn faults_now(record: &Record, containers: &[Container]) -> Vec<Fault> {
    match Watch::default().look(&record.services, containers, Duration::ZERO) {
        Verdict::Good(_) => Vec::new(),
        Verdict::Failed(faults) | Verdict::Waiting(faults) => faults,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::plan::Service;

    fn row(id: &str, service: &str, state: &str) -> ContainerRow {
        ContainerRow {
            id: id.into(),
            state: state.into(),
            labels: BTreeMap::from([("com.docker.compose.service".to_owned(), service.to_owned())]),
            ..ContainerRow::default()
        }
    }

    #[test]
    fn only_what_stands_beside_a_running_one_is_a_leftover() {
        let service = |name: &str, replicas| Service { name: name.into(), replicas, ..Service::default() };
        let record = Record {
            services: vec![service("app", 1), service("job", 1), service("two", 2)],
            ..Record::default()
        };
        let rows = [
            row("a", "app", "running"),
            row("b", "app", "created"),
            row("c", "app", "exited"),
            // Jobs that have ended.
            row("d", "job", "exited"),
            row("e", "job", "exited"),
            row("f", "two", "running"),
            row("g", "two", "exited"),
            row("h", "other", "exited"),
        ];
        let found: Vec<_> = leftovers(&record, &rows).into_iter().map(|row| row.id.as_str()).collect();
        assert_eq!(found, ["b", "c"]);
    }
}
