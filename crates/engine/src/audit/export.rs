//! The chain of events as lines of JSON, some at a time, with the checkpoints that prove it.

use keyward_domain::permission::ReadAuditEvents;
use keyward_domain::{Access, ChainEnd, ChainHash, Feature, OrganizationScope, RecordedEvent};
use keyward_storage::{Checkpoint, StorageError};
use serde_json::json;

use crate::{Engine, Result};

/// How many events are read at a time.
const MOST_READ: u64 = 500;

/// An export under way.
#[derive(Debug)]
pub struct AuditExport {
    scope: OrganizationScope,
    /// Up to where it has come.
    at: ChainEnd,
    /// The number of the last event that belongs to it.
    last: i64,
    begun: bool,
}

impl Engine {
    /// Begins an export of the whole chain as it is now, of which a checkpoint is signed for its end. Where the plan includes the log.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn begin_audit_export(&self, access: &Access<ReadAuditEvents>) -> Result<AuditExport> {
        let scope = access.scope();
        let tx = self.store.read().await?;
        self.includes(&tx, scope, Feature::AuditLog).await?;
        drop(tx);
        let stand = self.sign_chain(scope).await?;
        let tx = self.store.read().await?;
        // What was cut off is still told by the checkpoint that it was cut at.
        let base = tx.checkpoints(scope).between(stand.cut, stand.cut).await?.pop();
        let hash = match base {
            Some(base) => base.end.hash,
            None if stand.cut == 0 => ChainHash::NONE,
            // It was cut again just now.
            None => return Err(gap()),
        };
        Ok(AuditExport { scope, at: ChainEnd { seq: stand.cut, hash }, last: stand.end.seq, begun: false })
    }

    /// The next lines, each with its line feed; `None` after the last.
    ///
    /// # Errors
    /// Where what comes next is no longer kept: what is exported would not be whole.
    pub async fn next_audit_lines(&self, export: &mut AuditExport) -> Result<Option<String>> {
        let tx = self.store.read().await?;
        let first = if export.begun { export.at.seq + 1 } else { export.at.seq };
        if export.begun && export.at.seq >= export.last {
            return Ok(None);
        }
        let left = u64::try_from(export.last - export.at.seq).unwrap_or_default();
        let events = tx.audit(export.scope).after(export.at.seq, MOST_READ.min(left)).await?;
        let upto = events.last().and_then(|event| event.link.as_ref()).map_or(export.at.seq, |link| link.seq);
        let checkpoints = tx.checkpoints(export.scope).between(first, upto).await?;
        drop(tx);
        if left > 0 && events.is_empty() {
            return Err(gap());
        }
        let mut checkpoints = checkpoints.into_iter().peekable();
        let mut lines = String::new();
        let mut tell = |lines: &mut String, seq: i64| {
            while let Some(checkpoint) = checkpoints.next_if(|checkpoint| checkpoint.end.seq <= seq) {
                push(lines, &checkpoint_line(&checkpoint));
            }
        };
        tell(&mut lines, export.at.seq);
        for event in events {
            let link = event.link.as_ref().ok_or_else(gap)?;
            if link.seq != export.at.seq + 1 {
                return Err(gap());
            }
            push(&mut lines, &event_line(&event, export.at.hash)?);
            export.at = ChainEnd { seq: link.seq, hash: link.hash };
            tell(&mut lines, link.seq);
        }
        export.begun = true;
        Ok(Some(lines))
    }
}

/// An event that follows the one with the hash `prev`, as the line of an export.
pub(crate) fn event_line(event: &RecordedEvent, prev: ChainHash) -> Result<String> {
    let (document, link) = event.document(prev).zip(event.link.as_ref()).ok_or_else(gap)?;
    Ok(json!({"event": document, "hash": link.hash, "disclosed": event.disclosed()}).to_string())
}

/// A checkpoint, as the line of an export.
pub(crate) fn checkpoint_line(checkpoint: &Checkpoint) -> String {
    json!({"checkpoint": checkpoint.token}).to_string()
}

fn push(lines: &mut String, line: &str) {
    lines.push_str(line);
    lines.push('\n');
}

/// What comes next is not there.
pub(crate) fn gap() -> crate::Error {
    StorageError::Corrupt { table: "audit_events", column: "seq" }.into()
}
