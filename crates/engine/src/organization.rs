//! Organizations.

use keyward_domain::permission::{Operate, ReadOrganization, WriteOrganization};
use keyward_domain::{
    Access, Action, Actor, BlockList, Email, Feature, Idempotency, Maker, ManagementToken, Member, Name,
    Organization, OrganizationId, OrganizationScope, OrganizationState, Overrides, Page, PageRequest, Plan,
    Role, Scopes, Secret, Slug, Versioned,
};
use keyward_storage::{Recorded, Tx};
use serde_json::json;

use crate::audit::{By, Differing as _};
use crate::change::{Change, unchanged};
use crate::member::NewMember;
use crate::token::maker_of;
use crate::{Done, Engine, Error, Resource, Result, slug};

/// An organization to be founded.
#[derive(Debug, Clone)]
pub struct NewOrganization {
    /// Its name.
    pub name: Name,
    /// The first owner's address.
    pub owner_email: Email,
    /// The first owner's name; `None` for the part of the address before the `@`.
    pub owner_name: Option<Name>,
    /// Its slug; `None` for one made from the name, numbered where that is taken.
    pub slug: Option<Slug>,
}

/// What is to be changed; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct OrganizationChange {
    /// The new name.
    pub name: Option<Name>,
    /// The new slug, as long as no token holds the old one.
    pub slug: Option<Slug>,
    /// The new block list.
    pub blocked: Option<BlockList>,
}

/// What the operator changes of an organization's plan; `None` stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlanChange {
    /// The new plan; a trial begins now, whatever end it names.
    pub plan: Option<Plan>,
    /// The most products; `Some(None)` for the plan's own limit.
    pub products: Option<Option<u32>>,
    /// The most validations a product and day; `Some(None)` for the plan's own limit.
    pub validations_per_day: Option<Option<u32>>,
}

/// An organization that can be worked with at once: an owner, a signing key and a token with full scope.
#[derive(Debug)]
pub struct Founded {
    /// The organization.
    pub organization: Organization,
    /// Its first owner.
    pub owner: Member,
    /// Its first management token.
    pub token: ManagementToken,
    /// The token's secret, shown this once.
    pub secret: Secret,
}

impl Engine {
    /// Holds back what is not part of the organization's plan.
    pub(crate) async fn includes(&self, tx: &Tx, scope: OrganizationScope, feature: Feature) -> Result<()> {
        let limits = find(tx, scope).await?.limits(self.now());
        if limits.includes(feature) {
            Ok(())
        } else {
            Err(Error::PlanRequired { plan: limits.plan, feature })
        }
    }

    /// The caller's own organization.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn organization(&self, access: &Access<ReadOrganization>) -> Result<Organization> {
        find(&self.store.read().await?, access.scope()).await
    }

    /// Whether the organization's slug can still be changed: no token was issued that holds it.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn may_change_slug(&self, access: &Access<ReadOrganization>) -> Result<bool> {
        Ok(!self.store.read().await?.licenses(access.scope()).any_issued().await?)
    }

    /// Gives the organization another name or block list, or another slug before the first token is issued.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn update_organization(
        &self,
        access: &Access<WriteOrganization>,
        update: OrganizationChange,
        expected: Option<i64>,
    ) -> Result<Organization> {
        let (scope, now) = (access.scope(), self.now());
        self.change(access, async |change| {
            if update.slug.is_some() {
                slug::lock_all(&change, now).await?;
            }
            let before = lock(&change, scope).await?;
            unchanged(before.version, expected)?;
            let organization = Organization {
                name: update.name.clone().unwrap_or_else(|| before.name.clone()),
                slug: update.slug.clone().unwrap_or_else(|| before.slug.clone()),
                blocked: update.blocked.clone().unwrap_or_else(|| before.blocked.clone()),
                updated_at: now,
                version: before.version + 1,
                ..before.clone()
            };
            if organization.is_unchanged(&before) {
                return Ok(before);
            }
            let mut detail =
                vec![("name", json!(organization.name)), organization.differences(&before).detail()];
            if organization.slug != before.slug {
                slug::may_move(&change, &before, &organization.slug).await?;
                self.still_confirmed(&change, access).await?;
                detail.extend([("slug", json!(organization.slug)), ("slug_before", json!(before.slug))]);
            }
            change.organizations().save(&organization).await.map_err(slug::taken)?;
            change.commit(Action::OrganizationUpdated, organization.id.uuid(), &detail).await?;
            Ok(organization)
        })
        .await
    }

    /// Begins the organization's trial of the plan Pro; there is one.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn start_trial(
        &self,
        access: &Access<WriteOrganization>,
        once: Option<&Idempotency>,
    ) -> Result<Done<Organization>> {
        let (scope, now) = (access.scope(), self.now());
        let earlier = async |change: Change<'_>, _| find(&change, scope).await;
        self.change_once(access, once, earlier, async |change| {
            let organization = lock(&change, scope).await?;
            if organization.trial_started_at.is_some() {
                return Err(Error::Transition("the trial was begun before; there is one".to_owned()));
            }
            if organization.plan != Plan::Free {
                let plan = organization.plan;
                return Err(Error::Transition(format!(
                    "the plan is {plan}: a trial begins from the plan free"
                )));
            }
            let organization = Organization {
                plan: Plan::trial(now),
                trial_started_at: Some(now),
                updated_at: now,
                version: organization.version + 1,
                ..organization
            };
            change.organizations().save(&organization).await?;
            change.commit(Action::OrganizationTrialStarted, scope.id().uuid(), &[]).await?;
            Ok(organization)
        })
        .await
    }

    /// All organizations, for the operator.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn all_organizations(
        &self,
        _: &Access<Operate>,
        page: PageRequest,
    ) -> Result<Page<Organization>> {
        Ok(self.store.read().await?.organizations().list(page).await?)
    }

    /// Sets an organization's plan and what is granted beyond it.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn set_plan(
        &self,
        access: &Access<Operate>,
        id: OrganizationId,
        change: PlanChange,
    ) -> Result<Organization> {
        let now = self.now();
        self.operate(access, id, Action::OrganizationPlanned, |organization| {
            let plan = match change.plan {
                Some(Plan::ProTrial { .. }) => Plan::trial(now),
                Some(plan) => plan,
                None => organization.plan,
            };
            let overrides = Overrides {
                products: change.products.unwrap_or(organization.overrides.products),
                validations_per_day: change
                    .validations_per_day
                    .unwrap_or(organization.overrides.validations_per_day),
            };
            let trial_started_at = match plan {
                Plan::ProTrial { .. } => organization.trial_started_at.or(Some(now)),
                Plan::Free | Plan::Pro | Plan::Enterprise => organization.trial_started_at,
            };
            Ok(Organization { plan, overrides, trial_started_at, ..organization })
        })
        .await
    }

    /// Stops serving an organization's licenses.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn suspend_organization(
        &self,
        access: &Access<Operate>,
        id: OrganizationId,
    ) -> Result<Organization> {
        let since = self.now();
        self.operate(access, id, Action::OrganizationSuspended, |organization| match organization.state {
            OrganizationState::Active => {
                Ok(Organization { state: OrganizationState::Suspended { since }, ..organization })
            }
            OrganizationState::Suspended { .. } => {
                Err(Error::Transition("the organization is suspended already".to_owned()))
            }
        })
        .await
    }

    /// Serves an organization's licenses again.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn resume_organization(
        &self,
        access: &Access<Operate>,
        id: OrganizationId,
    ) -> Result<Organization> {
        self.operate(access, id, Action::OrganizationResumed, |organization| match organization.state {
            OrganizationState::Suspended { .. } => {
                Ok(Organization { state: OrganizationState::Active, ..organization })
            }
            OrganizationState::Active => {
                Err(Error::Transition("the organization is not suspended".to_owned()))
            }
        })
        .await
    }

    /// One change of any organization by the operator, recorded in that organization's log.
    async fn operate(
        &self,
        access: &Access<Operate>,
        id: OrganizationId,
        action: Action,
        decide: impl Fn(Organization) -> Result<Organization>,
    ) -> Result<Organization> {
        let now = self.now();
        self.change(access, async |change| {
            let found =
                change.organizations().lock_any(id).await?.ok_or(Error::NotFound(Resource::Organization))?;
            let version = found.version + 1;
            let before = found.clone();
            let organization = Organization { updated_at: now, version, ..decide(found)? };
            change.organizations().save(&organization).await?;
            let detail = [
                organization.differences(&before).detail(),
                ("plan", json!(organization.plan.as_str())),
                ("products", json!(organization.overrides.products)),
                ("validations_per_day", json!(organization.overrides.validations_per_day)),
            ];
            let (scope, by) = (organization.scope(), By::of(access));
            let recorded = self.record_for(&change, scope, by, action, id.uuid(), &detail).await?;
            change.commit_as(id.uuid(), recorded).await?;
            Ok(organization)
        })
        .await
    }

    /// Founds an organization for someone else.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn create_organization(
        &self,
        access: &Access<Operate>,
        new: NewOrganization,
        once: Option<&Idempotency>,
    ) -> Result<Founded> {
        self.change_shown_once(access, once, async |change| {
            let (founded, recorded) = self.found(&change, new.clone(), access.actor(), false).await?;
            change.commit_as(founded.organization.id.uuid(), recorded).await?;
            Ok(founded)
        })
        .await
    }

    /// Founds an organization at the operator's command line. Its token is the owner's; with `operator` it is the operator's
    /// and may found others.
    pub async fn bootstrap(&self, new: NewOrganization, operator: bool) -> Result<Founded> {
        self.transaction(async |tx| {
            let (founded, recorded) = self.found(&tx, new.clone(), Actor::Operator, operator).await?;
            tx.commit(recorded).await?;
            Ok(founded)
        })
        .await
    }

    pub(crate) async fn found(
        &self,
        tx: &Tx,
        new: NewOrganization,
        actor: Actor,
        operator: bool,
    ) -> Result<(Founded, Recorded)> {
        let now = self.now();
        let organization = Organization {
            id: self.id(OrganizationId::new),
            slug: slug::of_new(tx, new.slug, &new.name, now).await?,
            name: new.name,
            plan: Plan::Enterprise,
            overrides: Overrides::default(),
            trial_started_at: None,
            state: OrganizationState::Active,
            blocked: BlockList::default(),
            created_at: now,
            updated_at: now,
            version: 1,
        };
        let scope = organization.scope();
        let owner_name = match new.owner_name {
            Some(name) => name,
            None => new
                .owner_email
                .local_part()
                .parse()
                .map_err(|invalid| Error::field("owner_email", invalid))?,
        };
        let owner = NewMember { name: owner_name, email: new.owner_email, role: Role::Owner };
        let owner = self.new_member(scope, owner);
        let name = "Bootstrap".parse().map_err(|invalid| Error::field("name", invalid))?;
        let (maker, scopes) = match operator {
            true => (Maker::Operator, Scopes::all()),
            false => (maker_of(&owner), Scopes::organization()),
        };
        let made = self.new_token(scope, maker, name, scopes, None);

        tx.organizations().insert(&organization).await.map_err(slug::taken)?;
        tx.members(scope).insert(&owner).await?;
        tx.tokens(scope).insert(&made.token).await?;
        let key = self.new_signing_key(scope, &self.random())?.activate(now)?;
        tx.signing_keys(scope).insert(&key).await?;
        let detail = [
            ("name", json!(organization.name)),
            ("slug", json!(organization.slug)),
            ("owner", json!(owner.email)),
            ("token", json!(made.token.hint)),
            ("kid", json!(key.kid)),
        ];
        let action = Action::OrganizationCreated;
        let recorded = self.record_for(tx, scope, actor, action, organization.id.uuid(), &detail).await?;
        Ok((Founded { organization, owner, token: made.token, secret: made.secret }, recorded))
    }
}

pub(crate) async fn find(tx: &Tx, scope: OrganizationScope) -> Result<Organization> {
    tx.organizations().find(scope).await?.ok_or(Error::NotFound(Resource::Organization))
}

pub(crate) async fn lock(tx: &Tx, scope: OrganizationScope) -> Result<Organization> {
    tx.organizations().lock(scope).await?.ok_or(Error::NotFound(Resource::Organization))
}
