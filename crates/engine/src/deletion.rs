//! The deletion of organizations. It is scheduled, and the organization goes on as before until it is due; then it is out
//! of the world in one transaction, and what it had is deleted part by part.

use keyward_domain::permission::{ReadOrganization, WriteOwners};
use keyward_domain::{Access, Action, Actor, Deletion, DeletionState, Organization, Role, Slug};
use keyward_storage::{Recorded, Technical, Tx};
use serde_json::json;

use crate::mail_text::{plain, vendor};
use crate::mails::DeletionScheduled;
use crate::retention::MOST_REMOVED;
use crate::{ConfirmedCaller, Engine, Error, Resource, Result, Tidied, organization, slug};

impl Engine {
    /// The deletion of the caller's organization, if it is scheduled.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn deletion(&self, access: &Access<ReadOrganization>) -> Result<Option<Deletion>> {
        Ok(self.store.read().await?.deletions().find(access.scope().id()).await?)
    }

    /// Schedules the deletion of the caller's organization, which `named` has to name. One that is scheduled stays.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn schedule_deletion(
        &self,
        access: &Access<WriteOwners>,
        caller: &ConfirmedCaller<'_>,
        named: &Slug,
    ) -> Result<Deletion> {
        self.change(access, async |change| {
            caller.hold(self, &change, access).await?;
            let organization = organization::lock(&change, change.scope()).await?;
            if organization.slug != *named {
                let wrong = keyward_domain::Invalid::new(
                    "other_organization",
                    "is not the slug of your organization",
                );
                return Err(Error::field("slug", wrong));
            }
            if let Some(scheduled) = change.deletions().lock(organization.id).await? {
                return Ok(scheduled);
            }
            let (deletion, recorded) =
                self.schedule(&change, &organization, access.actor(), Deletion::GRACE_DAYS).await?;
            change.commit_as(organization.id.uuid(), recorded).await?;
            Ok(deletion)
        })
        .await
    }

    /// Takes the deletion of the caller's organization back.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn withdraw_deletion(
        &self,
        access: &Access<WriteOwners>,
        caller: &ConfirmedCaller<'_>,
    ) -> Result<()> {
        self.change(access, async |change| {
            caller.hold(self, &change, access).await?;
            let organization = organization::lock(&change, change.scope()).await?;
            let recorded = self.keep(&change, &organization, access.actor()).await?;
            change.commit_as(organization.id.uuid(), recorded).await
        })
        .await
    }

    /// Schedules the deletion of an organization at the operator's command line.
    pub async fn operator_schedules_deletion(&self, slug: &Slug, days: u32) -> Result<Deletion> {
        let tx = self.store.write().await?;
        let organization = named(&tx, slug).await?;
        if let Some(scheduled) = tx.deletions().lock(organization.id).await? {
            return Ok(scheduled);
        }
        let (deletion, recorded) = self.schedule(&tx, &organization, Actor::Operator, days).await?;
        tx.commit(recorded).await?;
        Ok(deletion)
    }

    /// How many rows an organization has, by table, for the operator.
    pub async fn operator_counts(&self, slug: &Slug) -> Result<Vec<(&'static str, u64)>> {
        let tx = self.store.read().await?;
        let found = tx.organizations().by_slug(slug).await?.ok_or(Error::NotFound(Resource::Organization))?;
        Ok(tx.deletions().rows(found.id).await?)
    }

    /// Takes the deletion of an organization back at the operator's command line.
    pub async fn operator_withdraws_deletion(&self, slug: &Slug) -> Result<()> {
        let tx = self.store.write().await?;
        let organization = named(&tx, slug).await?;
        let recorded = self.keep(&tx, &organization, Actor::Operator).await?;
        Ok(tx.commit(recorded).await?)
    }

    /// Deletes an organization now, at the operator's command line. `pause` is awaited between the parts, so that others
    /// can write. Gives how many rows there were. What was stopped half-way is gone on with by the servers.
    pub async fn operator_deletes<F: Future<Output = ()>>(
        &self,
        slug: &Slug,
        pause: impl Fn() -> F,
    ) -> Result<u64> {
        let tx = self.store.write().await?;
        let organization = named(&tx, slug).await?;
        let now = self.now();
        let scheduled = Deletion {
            organization: organization.id,
            slug: organization.slug.clone(),
            requested_at: now,
            due_at: now,
            state: DeletionState::Scheduled,
        };
        let scheduled = tx.deletions().lock(organization.id).await?.unwrap_or(scheduled);
        self.begin_deletion(&tx, Deletion { due_at: now.min(scheduled.due_at), ..scheduled }).await?;
        tx.commit_unrecorded(Technical::Deletion).await?;
        let mut removed = 0;
        loop {
            let tx = self.store.write().await?;
            let found = tx.deletions().lock(organization.id).await?;
            let deletion = found.ok_or(Error::NotFound(Resource::Organization))?;
            if let DeletionState::Finished { .. } = deletion.state {
                return Ok(removed);
            }
            removed += self.go_on_deleting(&tx, deletion).await?;
            tx.commit_unrecorded(Technical::Deletion).await?;
            pause().await;
        }
    }

    /// Does a part of the deletion that has been due for longest, if the clock can be trusted. To be done again after a pause
    /// while there may be more.
    pub async fn delete_due(&self) -> Result<Tidied> {
        let now = self.now();
        let tx = self.store.write().await?;
        let Some(deletion) = tx.deletions().due(now).await? else { return Ok(Tidied::Nothing) };
        if !tx.clock_record().find().await?.seen(now).is_trusted() {
            return Ok(Tidied::Unsteady);
        }
        let removed = match deletion.state {
            DeletionState::Scheduled => self.begin_deletion(&tx, deletion).await.map(|()| 0)?,
            DeletionState::Begun { .. } | DeletionState::Finished { .. } => {
                self.go_on_deleting(&tx, deletion).await?
            }
        };
        tx.commit_unrecorded(Technical::Deletion).await?;
        Ok(Tidied::Some(removed))
    }

    /// Schedules a deletion where none is.
    async fn schedule(
        &self,
        tx: &Tx,
        organization: &Organization,
        actor: Actor,
        days: u32,
    ) -> Result<(Deletion, Recorded)> {
        let (scope, now) = (organization.scope(), self.now());
        let deletion = Deletion {
            organization: organization.id,
            slug: organization.slug.clone(),
            requested_at: now,
            due_at: now.plus_days(days.into()),
            state: DeletionState::Scheduled,
        };
        tx.deletions().put(&deletion).await?;
        let detail = [("slug", json!(organization.slug)), ("due_at", json!(deletion.due_at))];
        let action = Action::OrganizationDeletionScheduled;
        let recorded = self.record_for(tx, scope, actor, action, organization.id.uuid(), &detail).await?;
        for owner in tx.members(scope).with_roles(&[Role::Owner]).await? {
            let mail = DeletionScheduled {
                name: plain(&owner.name),
                vendor: vendor(organization),
                due: deletion.due_at.to_string(),
                url: format!("{}/settings/deletion", self.issuer.as_str()),
            };
            self.mail(tx, scope, &owner.email, &mail).await?;
        }
        Ok((deletion, recorded))
    }

    async fn keep(&self, tx: &Tx, organization: &Organization, actor: Actor) -> Result<Recorded> {
        if !tx.deletions().remove(organization.id).await? {
            return Err(Error::Transition("no deletion of the organization is scheduled".to_owned()));
        }
        let action = Action::OrganizationDeletionWithdrawn;
        self.record_for(tx, organization.scope(), actor, action, organization.id.uuid(), &[]).await
    }

    /// Takes an organization out of the world.
    async fn begin_deletion(&self, tx: &Tx, deletion: Deletion) -> Result<()> {
        let now = self.now();
        slug::lock_all(tx, now).await?;
        let found = tx.organizations().lock_any(deletion.organization).await?;
        let organization = found.ok_or(Error::NotFound(Resource::Organization))?;
        let tail: String = self.random::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
        let elsewhere = format!("deleted-{tail}").parse().map_err(|invalid| Error::field("slug", invalid))?;
        tx.deletions().take_out(organization.scope(), &elsewhere, now).await?;
        // Copies in memory are old.
        let change = self.id(keyward_domain::AuditEventId::new).uuid();
        tx.changes(organization.id).note(organization.id.uuid(), change).await?;
        let state = DeletionState::Begun { at: now };
        tx.deletions().put(&Deletion { slug: organization.slug, state, ..deletion }).await?;
        tracing::info!(organization = %deletion.organization, "an organization is deleted");
        Ok(())
    }

    async fn go_on_deleting(&self, tx: &Tx, deletion: Deletion) -> Result<u64> {
        let removed = tx.deletions().remove_rows(deletion.organization, MOST_REMOVED).await?;
        if removed < MOST_REMOVED
            && let DeletionState::Begun { at: begun_at } = deletion.state
        {
            tracing::info!(organization = %deletion.organization, "nothing is left of a deleted organization");
            let state = DeletionState::Finished { begun_at, at: self.now() };
            tx.deletions().put(&Deletion { state, ..deletion }).await?;
        }
        Ok(removed)
    }
}

async fn named(tx: &Tx, slug: &Slug) -> Result<Organization> {
    let found = tx.organizations().by_slug(slug).await?.ok_or(Error::NotFound(Resource::Organization))?;
    tx.organizations().lock_any(found.id).await?.ok_or(Error::NotFound(Resource::Organization))
}
