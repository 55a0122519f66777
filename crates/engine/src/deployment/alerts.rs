//! What of deployments and their hosts needs somebody's eyes, told by alerts that close by themselves once it is well again.

use keyward_storage::{AlertPatience, Technical};

use crate::{Engine, Result};

/// How long something lasts before it is told.
const PATIENCE: AlertPatience = AlertPatience { silent: 600, degraded: 300 };

/// How many of each kind are told, or closed, in one transaction.
const MOST: u64 = 100;

impl Engine {
    /// Tells of agents that are silent and of deployments that have failed or are degraded, and closes what is over: how many, and
    /// whether there may be more.
    pub async fn tell_of_deployments(&self) -> Result<(u64, bool)> {
        let now = self.now();
        let tx = self.store.read().await?;
        let due = tx.due_deployment_alerts(now, PATIENCE, MOST).await?;
        let over = tx.over_deployment_alerts(now, PATIENCE, MOST).await?;
        drop(tx);
        if due.is_empty() && over.is_empty() {
            return Ok((0, false));
        }
        self.transaction(async |tx| {
            let mut told = 0;
            for alert in &due {
                let Some(organization) = tx.organization_of(alert.organization).await? else { continue };
                let (subject, finding) = (alert.subject, alert.finding.clone());
                let raised = self.raise_about(&tx, organization.scope(), subject, finding).await?;
                told += u64::from(raised.is_some());
            }
            for (organization, id) in &over {
                let Some(organization) = tx.organization_of(*organization).await? else { continue };
                let closed = self.close_alert(&tx, organization.scope(), *id).await?;
                told += u64::from(closed.is_some());
            }
            // Each alert was recorded for itself, in the log of its organization.
            tx.commit_unrecorded(Technical::Turn).await?;
            let full = due.len() as u64 >= MOST || over.len() as u64 >= MOST;
            Ok((told, told > 0 && full))
        })
        .await
    }
}
