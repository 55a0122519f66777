//! What is unusual or fails: told once a day by mail and on a page, until someone has seen to it.

use std::collections::BTreeMap;

use keyward_domain::alert::Origin;
use keyward_domain::permission::{ReadRegistries, WriteRegistries};
use keyward_domain::registry::{Holder, Registry};
use keyward_domain::{
    Access, Action, Actor, Alert, AlertId, AlertState, AlertSubject, Finding, OrganizationScope,
    OrganizationState, Page, PageRequest, RegistryKeyId, Role,
};
use keyward_storage::{AlertFilter, Recorded, Tx};
use serde_json::json;

use crate::mail_text::{plain, vendor};
use crate::mails::AlertRaised;
use crate::{Engine, Error, Resource, Result, organization};

impl Engine {
    /// What was unusual, the latest first.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn alerts(
        &self,
        access: &Access<ReadRegistries>,
        filter: AlertFilter,
        page: PageRequest,
    ) -> Result<Page<Alert>> {
        Ok(self.store.read().await?.alerts(access.scope()).list(filter, page).await?)
    }

    /// How many alerts are open of each of these keys, where there are any.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn open_alerts_of(
        &self,
        access: &Access<ReadRegistries>,
        keys: &[RegistryKeyId],
    ) -> Result<BTreeMap<RegistryKeyId, u64>> {
        Ok(self.store.read().await?.alerts(access.scope()).open_of(keys).await?)
    }

    /// One alert.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn alert(&self, access: &Access<ReadRegistries>, id: AlertId) -> Result<Alert> {
        let tx = self.store.read().await?;
        tx.alerts(access.scope()).find(id).await?.ok_or(Error::NotFound(Resource::Alert))
    }

    /// Says that the caller has seen to an alert. Saying so twice is no error.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn acknowledge_alert(&self, access: &Access<WriteRegistries>, id: AlertId) -> Result<Alert> {
        let scope = access.scope();
        self.change(access, async |change| {
            let alert = change.alerts(scope).lock(id).await?.ok_or(Error::NotFound(Resource::Alert))?;
            match alert.state {
                AlertState::Open => {}
                AlertState::Acknowledged { .. } => return Ok(alert),
            }
            let alert = alert.acknowledged(access.actor(), self.now());
            change.alerts(scope).save(&alert).await?;
            change.commit(Action::AlertAcknowledged, id.uuid(), &detail(&alert)).await?;
            Ok(alert)
        })
        .await
    }

    /// Tells something unusual that somebody has found, unless the same was told that day. Mail tells of the first of a kind.
    pub(crate) async fn raise(
        &self,
        tx: &Tx,
        registry: &Registry,
        by: Actor,
        holder: Holder,
        finding: Finding,
        origin: Option<Origin>,
    ) -> Result<Option<Recorded>> {
        let scope = registry.scope();
        let alert = Alert {
            id: self.id(AlertId::new),
            organization: registry.organization,
            subject: AlertSubject::Registry { registry: registry.id, holder },
            finding,
            origin,
            state: AlertState::Open,
            created_at: self.now(),
        };
        // One who comes from a new network each minute fills the page, and no mailbox.
        let mailed = tx.alerts(scope).is_kind_raised(holder, &alert.finding, alert.created_at).await?;
        if !tx.alerts(scope).insert(&alert).await? {
            return Ok(None);
        }
        if !mailed {
            self.mail_alert(tx, registry, holder, &alert).await?;
        }
        let target = alert.id.uuid();
        self.record_for(tx, scope, by, Action::AlertRaised, target, &detail(&alert)).await.map(Some)
    }

    /// Tells that something fails which is no registry, unless the same was told that day. Mail is up to whoever asks for it.
    pub(crate) async fn raise_about(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        by: Actor,
        subject: AlertSubject,
        finding: Finding,
    ) -> Result<Option<Recorded>> {
        let alert = Alert {
            id: self.id(AlertId::new),
            organization: scope.id(),
            subject,
            finding,
            origin: None,
            state: AlertState::Open,
            created_at: self.now(),
        };
        if !tx.alerts(scope).insert(&alert).await? {
            return Ok(None);
        }
        let (target, detail) = (alert.id.uuid(), detail(&alert));
        self.record_for(tx, scope, by, Action::AlertRaised, target, &detail).await.map(Some)
    }

    /// Closes an alert of something that is well again.
    pub(crate) async fn close_alert(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        by: Actor,
        id: AlertId,
    ) -> Result<Option<Recorded>> {
        let Some(alert) = tx.alerts(scope).lock(id).await? else { return Ok(None) };
        match alert.state {
            AlertState::Open => {}
            AlertState::Acknowledged { .. } => return Ok(None),
        }
        let alert = alert.acknowledged(by, self.now());
        tx.alerts(scope).save(&alert).await?;
        let (target, detail) = (id.uuid(), detail(&alert));
        self.record_for(tx, scope, by, Action::AlertAcknowledged, target, &detail).await.map(Some)
    }

    async fn mail_alert(&self, tx: &Tx, registry: &Registry, holder: Holder, alert: &Alert) -> Result<()> {
        let scope = registry.scope();
        let organization = organization::find(tx, scope).await?;
        let notices = tx.notices(scope).find().await?.ok_or(Error::NotFound(Resource::Organization))?;
        if !notices.alerts || organization.state != OrganizationState::Active {
            return Ok(());
        }
        let (who, url) = (holder_name(tx, registry, holder).await?, self.issuer.as_str());
        let origin = alert.origin.as_ref();
        let origin = origin.map(|origin| format!("{} with {}", origin.address.ip(), origin.client));
        let advice = match holder {
            Holder::License { license, .. } => format!("The license is at {url}/licenses/{license}"),
            Holder::Deployment { deployment, .. } => {
                format!("The deployment is at {url}/deployments/{deployment}")
            }
            Holder::Key(key) => match &alert.finding {
                Finding::RotationUncollected { .. } => {
                    format!("Have it collected, or look at it once, at {url}/registry-keys/{key}/rotation")
                }
                Finding::UnexpectedLocation { .. }
                | Finding::HighVolume { .. }
                | Finding::ManyRefusals { .. }
                | Finding::UnexpectedCollection { .. }
                | Finding::WebhookDisabled { .. }
                | Finding::AuditSinkFailing { .. }
                | Finding::AuditEventsMissed { .. }
                | Finding::TargetSilent { .. }
                | Finding::DeploymentFailed { .. }
                | Finding::DeploymentDegraded { .. } => {
                    format!("If it was none of you, revoke the key at {url}/registries/{}/keys", registry.id)
                }
            },
        };
        for member in tx.members(scope).with_roles(&[Role::Owner, Role::Admin]).await? {
            let mail = AlertRaised {
                name: plain(&member.name),
                vendor: vendor(&organization),
                title: title(&alert.finding),
                registry: registry.name.to_string(),
                who: who.clone(),
                finding: alert.finding.to_string(),
                when: minute(alert),
                origin: origin.clone(),
                advice: advice.clone(),
                url: url.to_owned(),
            };
            self.mail(tx, scope, &member.email, &mail).await?;
        }
        Ok(())
    }
}

/// A key or license, as people know it.
async fn holder_name(tx: &Tx, registry: &Registry, holder: Holder) -> Result<String> {
    let scope = registry.scope();
    Ok(match holder {
        Holder::Key(id) => {
            let key = tx.registry_keys(scope).find(id).await?;
            key.map_or_else(|| "registry key".to_owned(), |key| format!("registry key {}", key.name))
        }
        Holder::License { license, .. } => {
            let license = tx.licenses(scope).find(license).await?;
            license.map_or_else(|| "license".to_owned(), |license| format!("license {}", license.name))
        }
        Holder::Deployment { customer, .. } => {
            let customer = tx.customers(scope).find(customer).await?;
            customer.map_or_else(
                || "deployment".to_owned(),
                |customer| format!("deployment of {}", customer.name),
            )
        }
    })
}

/// What a mail is about.
pub(crate) fn title(finding: &Finding) -> &'static str {
    match finding {
        Finding::UnexpectedLocation { .. } => "a registry was changed from an unexpected place",
        Finding::HighVolume { .. } => "a registry is used far more than usual",
        Finding::ManyRefusals { .. } => "a registry has refused many requests",
        Finding::UnexpectedCollection { .. } => {
            "a registry has given a key its new secret at an unexpected place"
        }
        Finding::RotationUncollected { .. } => "a registry has a new secret that nobody has collected",
        Finding::WebhookDisabled { .. } => "a webhook endpoint was disabled",
        Finding::AuditSinkFailing { .. } => "an audit sink takes no events",
        Finding::AuditEventsMissed { .. } => "an audit sink has missed events",
        Finding::TargetSilent { .. } => "an agent is silent",
        Finding::DeploymentFailed { .. } => "a deployment has failed",
        Finding::DeploymentDegraded { .. } => "a deployment is degraded",
    }
}

/// Day and minute, as people write them.
fn minute(alert: &Alert) -> String {
    alert.created_at.to_string().chars().take(16).collect::<String>().replace('T', " ")
}

fn detail(alert: &Alert) -> Vec<(&'static str, serde_json::Value)> {
    let (subject, id) = alert.subject.parts();
    let mut detail = vec![
        ("kind", json!(alert.finding.kind())),
        ("finding", json!(alert.finding)),
        ("message", json!(alert.finding.to_string())),
        ("subject", json!({"kind": subject, "id": id})),
    ];
    match alert.subject {
        AlertSubject::Registry { registry, holder } => {
            let (kind, id) = holder.parts();
            detail.push(("address", json!(alert.origin.as_ref().map(|origin| origin.address.ip()))));
            detail.push(("registry", json!(registry)));
            detail.push(("holder", json!({"kind": kind, "id": id})));
        }
        AlertSubject::Webhook(_)
        | AlertSubject::AuditSink(_)
        | AlertSubject::DeploymentTarget(_)
        | AlertSubject::Deployment(_) => {}
    }
    detail
}
