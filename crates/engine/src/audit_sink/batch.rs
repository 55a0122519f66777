//! What a sink is sent next: lines of the export, of one chain or of several, in the order of each chain.

use keyward_domain::audit_sink::{Reached, SinkCursor};
use keyward_domain::{
    Action, Actor, AuditEventId, AuditSinkId, ChainHash, OrganizationId, OrganizationScope, RecordedEvent,
    Timestamp,
};
use keyward_storage::{Checkpoint, SinkProgress, Tx};
use uuid::Uuid;

use super::beginning;
use crate::audit::{checkpoint_line, event_line, gap};
use crate::{Engine, Result};

/// How many events are sent at a time at most, and so how many are in memory.
pub(super) const MOST_EVENTS: u64 = 500;

/// One line on its way.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub organization: OrganizationId,
    /// That of the event, or of the event that is signed.
    pub seq: i64,
    pub hash: ChainHash,
    /// When it happened, or was signed.
    pub at: Timestamp,
    /// What happened; `None` of a checkpoint.
    pub event: Option<Happened>,
    /// The line of the export, without its line feed.
    pub line: String,
}

/// What is told of an event beside its line.
#[derive(Debug, Clone)]
pub(super) struct Happened {
    pub id: AuditEventId,
    pub action: Action,
    pub actor: Actor,
    pub target: Option<Uuid>,
}

/// What comes next of one chain.
#[derive(Debug)]
pub(super) struct Part {
    pub scope: OrganizationScope,
    /// Where the sink is.
    pub before: SinkProgress,
    /// Where it will be.
    pub reached: Reached,
    /// How many events were removed before it had them.
    pub missed: i64,
    pub records: Vec<Record>,
}

impl Engine {
    /// What comes next of an organization's chain, at most `most` events; `None` if there is nothing.
    pub(super) async fn next_part(
        &self,
        tx: &Tx,
        sink: AuditSinkId,
        scope: OrganizationScope,
        most: u64,
    ) -> Result<Option<Part>> {
        let Some(stand) = tx.checkpoints(scope).find().await? else { return Ok(None) };
        let begun = tx.sink_progresses().find(sink, scope).await?;
        let before =
            begun.unwrap_or_else(|| SinkProgress { cursor: SinkCursor::at(beginning(stand.cut)), missed: 0 });
        let from = before.cursor.reached;
        // What was cut off meanwhile is lost to it. It goes on at the checkpoint that was cut at, which says so.
        let start = from.seq.max(stand.cut);
        let mut prev = match tx.checkpoints(scope).hash(start).await? {
            Some(hash) => hash,
            None if start == 0 => ChainHash::NONE,
            None => tx.checkpoints(scope).between(start, start).await?.pop().ok_or_else(gap)?.end.hash,
        };
        let events = tx.audit(scope).after(start, most).await?;
        let upto = events.last().and_then(|event| event.link.as_ref()).map_or(start, |link| link.seq);
        let checkpoints = tx.checkpoints(scope).between(from.signed + 1, upto).await?;
        let mut checkpoints = checkpoints.into_iter().peekable();
        let mut records = Vec::with_capacity(events.len());
        let mut sign = |records: &mut Vec<Record>, seq: i64| {
            while let Some(checkpoint) = checkpoints.next_if(|checkpoint| checkpoint.end.seq <= seq) {
                records.push(signed(scope, &checkpoint));
            }
        };
        sign(&mut records, start);
        for event in events {
            let (record, hash) = happened(scope, &event, prev)?;
            prev = hash;
            let seq = record.seq;
            records.push(record);
            sign(&mut records, seq);
        }
        let reached = Reached { seq: upto, signed: stand.signed.min(upto).max(from.signed) };
        if reached == from && records.is_empty() {
            return Ok(None);
        }
        Ok(Some(Part { scope, before, reached, missed: start - from.seq, records }))
    }
}

fn signed(scope: OrganizationScope, checkpoint: &Checkpoint) -> Record {
    Record {
        organization: scope.id(),
        seq: checkpoint.end.seq,
        hash: checkpoint.end.hash,
        at: checkpoint.at,
        event: None,
        line: checkpoint_line(checkpoint),
    }
}

fn happened(scope: OrganizationScope, event: &RecordedEvent, prev: ChainHash) -> Result<(Record, ChainHash)> {
    let link = event.link.as_ref().ok_or_else(gap)?;
    let record = Record {
        organization: scope.id(),
        seq: link.seq,
        hash: link.hash,
        at: event.at,
        event: Some(Happened {
            id: event.id,
            action: event.action,
            actor: event.actor,
            target: event.target,
        }),
        line: event_line(event, prev)?,
    };
    Ok((record, link.hash))
}
