//! What of deployments and their hosts needs somebody's eyes, told by alerts that close by themselves once it is well again.

use std::collections::BTreeMap;

use keyward_domain::{
    Actor, AlertSubject, Finding, Organization, OrganizationId, OrganizationState, Role, ServerJob,
};
use keyward_storage::{AlertPatience, Technical, Tx};

use crate::alert::title;
use crate::mail_text::{plain, vendor};
use crate::mails::{DeploymentAlert, DeploymentAlerts};
use crate::{Engine, Error, Resource, Result};

/// Who does what is told here.
const JOB: Actor = Actor::Job(ServerJob::DeploymentAlerts);

/// How long something lasts before it is told.
const PATIENCE: AlertPatience = AlertPatience { silent: 600, degraded: 300 };

/// How many of each kind are told, or closed, in one transaction.
const MOST: u64 = 100;

/// How many alerts one mail names.
const MOST_NAMED: usize = 20;

impl Engine {
    /// Tells of agents that are silent and of deployments that have failed or are degraded, and closes what is over: how many, and
    /// whether there may be more.
    pub async fn tell_of_deployments(&self) -> Result<(u64, bool)> {
        let now = self.now();
        let tx = self.store.read().await?;
        let mut due = tx.due_deployment_alerts(now, PATIENCE, MOST).await?;
        // Whoever could not be heard is not silent: agents come back within minutes once a server is there again.
        if now.unix() - self.agents.since.unix() < PATIENCE.silent {
            due.retain(|alert| !matches!(alert.finding, Finding::TargetSilent { .. }));
        }
        let over = tx.over_deployment_alerts(now, PATIENCE, MOST).await?;
        drop(tx);
        if due.is_empty() && over.is_empty() {
            return Ok((0, false));
        }
        self.transaction(async |tx| {
            let (mut told, mut raised_of) = (0, BTreeMap::<OrganizationId, (Organization, Vec<_>)>::new());
            for alert in &due {
                let Some(organization) = tx.organization_of(alert.organization).await? else { continue };
                let (subject, finding) = (alert.subject, alert.finding.clone());
                let raised =
                    self.raise_about(&tx, organization.scope(), JOB, subject, finding.clone()).await?;
                if raised.is_some() {
                    told += 1;
                    let of = raised_of.entry(organization.id).or_insert_with(|| (organization, Vec::new()));
                    of.1.push((subject, finding));
                }
            }
            for (organization, raised) in raised_of.values() {
                self.mail_deployment_alerts(&tx, organization, raised).await?;
            }
            for (organization, id) in &over {
                let Some(organization) = tx.organization_of(*organization).await? else { continue };
                let closed = self.close_alert(&tx, organization.scope(), JOB, *id).await?;
                told += u64::from(closed.is_some());
            }
            // Each alert was recorded for itself, in the log of its organization.
            tx.commit_unrecorded(Technical::Turn).await?;
            let full = due.len() as u64 >= MOST || over.len() as u64 >= MOST;
            Ok((told, told > 0 && full))
        })
        .await
    }

    /// One mail of all that was found at once: when a data centre goes dark, nobody gets one for each host in it.
    async fn mail_deployment_alerts(
        &self,
        tx: &Tx,
        organization: &Organization,
        raised: &[(AlertSubject, Finding)],
    ) -> Result<()> {
        let scope = organization.scope();
        let notices = tx.notices(scope).find().await?.ok_or(Error::NotFound(Resource::Organization))?;
        let Some((_, first)) = raised.first() else { return Ok(()) };
        if !notices.alerts || organization.state != OrganizationState::Active {
            return Ok(());
        }
        let mut alerts = Vec::new();
        for (subject, finding) in raised.iter().take(MOST_NAMED) {
            alerts.extend(self.deployment_alert(tx, organization, *subject, finding).await?);
        }
        for member in tx.members(scope).with_roles(&[Role::Owner, Role::Admin]).await? {
            let mail = DeploymentAlerts {
                name: plain(&member.name),
                vendor: vendor(organization),
                title: title(first),
                alerts: alerts.clone(),
                more: raised.len().saturating_sub(MOST_NAMED),
                url: self.issuer.as_str().to_owned(),
            };
            self.mail(tx, scope, &member.email, &mail).await?;
        }
        Ok(())
    }

    /// An alert as a mail tells it.
    async fn deployment_alert(
        &self,
        tx: &Tx,
        organization: &Organization,
        subject: AlertSubject,
        finding: &Finding,
    ) -> Result<Option<DeploymentAlert>> {
        let (scope, url) = (organization.scope(), self.issuer.as_str());
        let (who, customer, url) = match subject {
            AlertSubject::Deployment(id) => {
                let Some(deployment) = tx.deployments(scope).find(id).await? else { return Ok(None) };
                let who = format!("deployment {}", plain(&deployment.name));
                (who, deployment.customer, format!("{url}/deployments/{id}"))
            }
            AlertSubject::DeploymentTarget(id) => {
                let Some(target) = tx.deployment_targets(scope).find(id).await? else { return Ok(None) };
                let who = format!("agent on {}", plain(&target.name));
                (who, target.customer, format!("{url}/deployment-targets/{id}"))
            }
            AlertSubject::Registry { .. } | AlertSubject::Webhook(_) | AlertSubject::AuditSink(_) => {
                return Ok(None);
            }
        };
        let customer = tx.customers(scope).find(customer).await?;
        let of = customer.map(|customer| format!(" of {}", plain(&customer.name))).unwrap_or_default();
        Ok(Some(DeploymentAlert { who: format!("{who}{of}"), finding: finding.to_string(), url }))
    }
}
