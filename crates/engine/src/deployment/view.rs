//! What pages and the API show of targets and deployments: to the customer, and to the vendor.

use std::collections::{BTreeMap, BTreeSet};

use keyward_compose::{Document, Need, Refusal, ServiceSummary};
use keyward_domain::application_entitlement::{Decision, may_deploy};
use keyward_domain::deployment::{Mode, Transition, Variable, variables};
use keyward_domain::files::COMPOSE;
use keyward_domain::permission::ReadDeployments;
use keyward_domain::{
    Access, Actor, Application, ApplicationKind, ApplicationVersion, CustomerId, Deployment, DeploymentId,
    DeploymentRevision, DeploymentStatus, DeploymentTarget, DeploymentTargetId, Files, Invalid,
    OrganizationScope, Page, PageRequest, Slug, Timestamp, VersionName,
};
use keyward_storage::{DeploymentFilter, Named, Tx};

use super::order::revision;
use super::{own_deployment, own_target};
use crate::entitled_applications::entitled_one;
use crate::sessions::CustomerSession;
use crate::{Engine, Error, Recipient, Resource, Result, heavy};

/// The most transitions that are shown at once.
pub(crate) const MOST_SHOWN: u64 = 100;

/// A deployment with what it refers to.
#[derive(Debug, Clone)]
pub struct DeploymentRow {
    /// The deployment.
    pub deployment: Deployment,
    /// Its latest revision.
    pub latest: DeploymentRevision,
    /// The name of that revision's version.
    pub version: String,
    /// Its application.
    pub application: Application,
    /// Where it is.
    pub target: DeploymentTarget,
    /// Whose it is.
    pub customer: Named,
}

/// A target with what is deployed on it.
#[derive(Debug, Clone)]
pub struct TargetView {
    /// The target.
    pub target: DeploymentTarget,
    /// Whose it is.
    pub customer: Named,
    /// Until when a host can join it with a code that was not used yet.
    pub code_until: Option<Timestamp>,
    /// What is deployed on it.
    pub deployments: Vec<DeploymentRow>,
}

/// A deployment with all that belongs to it.
#[derive(Debug, Clone)]
pub struct DeploymentView {
    /// The deployment.
    pub row: DeploymentRow,
    /// The name of the version that runs, if the agent says that one does.
    pub running: Option<String>,
    /// Its latest revisions, the latest first.
    pub revisions: Vec<RevisionRow>,
    /// What has happened last, the latest first.
    pub transitions: Vec<Transition>,
}

/// A revision with what it refers to.
#[derive(Debug, Clone)]
pub struct RevisionRow {
    /// The revision.
    pub revision: DeploymentRevision,
    /// The name of its version.
    pub version: String,
    /// Who made it, by name, unless they are gone.
    pub by: Option<String>,
}

/// A revision that a deployment can go back to.
#[derive(Debug, Clone)]
pub struct EarlierRevision {
    /// The revision.
    pub row: RevisionRow,
    /// The versions deployed since that say that there is no way back from them.
    pub barred: Vec<String>,
}

/// What a version does to a host, before anybody orders it.
#[derive(Debug, Clone)]
pub struct VersionPlan {
    /// Its application.
    pub application: Application,
    /// The version.
    pub version: ApplicationVersion,
    /// Its services, as the file names them.
    pub services: Vec<ServiceSummary>,
    /// What no agent carries out.
    pub refusals: Vec<Refusal>,
    /// What it wants of the host, which its owner has to allow there. Only the agent's own look counts.
    pub needs: Vec<Need>,
    /// What it asks the customer for.
    pub variables: Vec<Variable>,
    /// Each license that its files ask for, and why it can't be had now, if it can't.
    pub licenses: Vec<(String, Option<String>)>,
}

impl Engine {
    /// The targets of the customer of someone who is signed in, the latest first; released ones too.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn own_deployment_targets(
        &self,
        person: &CustomerSession,
        page: PageRequest,
    ) -> Result<Page<DeploymentTarget>> {
        let (tx, scope) = (self.store.read().await?, person.organization.scope());
        Ok(tx.deployment_targets(scope).list(Some(person.customer.id), page).await?)
    }

    /// One of them.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn own_deployment_target(
        &self,
        person: &CustomerSession,
        id: DeploymentTargetId,
    ) -> Result<TargetView> {
        let (tx, scope) = (self.store.read().await?, person.organization.scope());
        let target = own_target(&tx, scope, person.customer.id, id).await?;
        self.target_view(&tx, scope, target).await
    }

    /// The deployments of the customer of someone who is signed in, the latest first.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn own_deployments(
        &self,
        person: &CustomerSession,
        page: PageRequest,
    ) -> Result<Page<DeploymentRow>> {
        let filter = DeploymentFilter { customer: Some(person.customer.id), ..DeploymentFilter::default() };
        let tx = self.store.read().await?;
        list(&tx, person.organization.scope(), &filter, page).await
    }

    /// One of them.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn own_deployment(&self, person: &CustomerSession, id: DeploymentId) -> Result<DeploymentView> {
        let (tx, scope) = (self.store.read().await?, person.organization.scope());
        let deployment = own_deployment(&tx, scope, person.customer.id, id).await?;
        deployment_view(&tx, scope, deployment).await
    }

    /// A revision of one of them.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn own_revision(
        &self,
        person: &CustomerSession,
        id: DeploymentId,
        number: u32,
    ) -> Result<EarlierRevision> {
        let (tx, scope) = (self.store.read().await?, person.organization.scope());
        let deployment = own_deployment(&tx, scope, person.customer.id, id).await?;
        let found = revision(&tx, scope, &deployment, number).await?;
        let barred = tx.deployments(scope).no_way_back_since(deployment.id, number).await?;
        let rows = revision_rows(&tx, scope, vec![found]).await?;
        let row = rows.into_iter().next().ok_or(Error::NotFound(Resource::DeploymentRevision))?;
        Ok(EarlierRevision { row, barred })
    }

    /// The targets on which the customer of someone who is signed in can deploy, by name.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn own_manageable_targets(&self, person: &CustomerSession) -> Result<Vec<DeploymentTarget>> {
        let (tx, scope) = (self.store.read().await?, person.organization.scope());
        let mut targets = tx.deployment_targets(scope).in_use(person.customer.id).await?;
        targets.retain(|target| target.mode == Mode::Manage);
        Ok(targets)
    }

    /// The versions of a deployment's application that its customer may deploy now, in the order of lists.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn versions_for_own_deployment(
        &self,
        person: &CustomerSession,
        deployment: &Deployment,
    ) -> Result<Vec<ApplicationVersion>> {
        let (tx, scope) = (self.store.read().await?, person.organization.scope());
        let held = tx.application_entitlements(scope).of_customer(person.customer.id).await?;
        let mut versions = tx.application_versions(scope).list(deployment.application).await?;
        versions.retain(|version| may_deploy(&held, deployment.application, version) == Decision::Granted);
        Ok(versions)
    }

    /// What a version that the customer may deploy does to a host.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn version_plan(
        &self,
        person: &CustomerSession,
        slug: &Slug,
        name: &VersionName,
    ) -> Result<VersionPlan> {
        let (tx, scope) = (self.store.read().await?, person.organization.scope());
        let recipient = Recipient::from(person);
        let (application, version) = entitled_one(&tx, &recipient, slug, name).await?;
        if application.kind != ApplicationKind::Compose {
            let fault = Invalid::new("not_compose", "is deployed by Helm, which agents do not do");
            return Err(Error::field("application", fault));
        }
        let files = tx.application_versions(scope).files(&version).await?;
        drop(tx);
        let bytes = files.bytes();
        let (plan, names) = heavy(bytes, move || Ok::<_, Error>(read(&files))).await?;
        let keys = self.keys(&self.store.read().await?, &recipient, names).await?;
        let (services, refusals, needs, variables) = plan;
        let licenses = keys.into_iter().map(|(name, key)| (name, key.err())).collect();
        Ok(VersionPlan { application, version, services, refusals, needs, variables, licenses })
    }

    /// The targets of customers, the latest first: of one, if one is named.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn deployment_targets(
        &self,
        access: &Access<ReadDeployments>,
        customer: Option<CustomerId>,
        page: PageRequest,
    ) -> Result<Page<(DeploymentTarget, Named)>> {
        let (tx, scope) = (self.store.read().await?, access.scope());
        let (targets, next) = tx.deployment_targets(scope).list(customer, page).await?.into_parts();
        let ids: BTreeSet<_> = targets.iter().map(|target| target.customer).collect();
        let names = tx.names(scope).customers(&ids.into_iter().collect::<Vec<_>>()).await?;
        let named = |target: DeploymentTarget| {
            let customer = named(&names, target.customer);
            (target, customer)
        };
        Ok(Page::new(targets.into_iter().map(named).collect(), next))
    }

    /// One target.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn deployment_target(
        &self,
        access: &Access<ReadDeployments>,
        id: DeploymentTargetId,
    ) -> Result<TargetView> {
        let (tx, scope) = (self.store.read().await?, access.scope());
        let found = tx.deployment_targets(scope).find(id).await?;
        self.target_view(&tx, scope, found.ok_or(Error::NotFound(Resource::DeploymentTarget))?).await
    }

    /// The deployments of customers, the latest first.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn deployments(
        &self,
        access: &Access<ReadDeployments>,
        filter: &DeploymentFilter,
        page: PageRequest,
    ) -> Result<Page<DeploymentRow>> {
        list(&self.store.read().await?, access.scope(), filter, page).await
    }

    /// How many deployments stand how.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn deployment_counts(
        &self,
        access: &Access<ReadDeployments>,
    ) -> Result<Vec<(DeploymentStatus, u64)>> {
        Ok(self.store.read().await?.deployments(access.scope()).counts().await?)
    }

    /// One deployment.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn deployment(
        &self,
        access: &Access<ReadDeployments>,
        id: DeploymentId,
    ) -> Result<DeploymentView> {
        let (tx, scope) = (self.store.read().await?, access.scope());
        deployment_view(&tx, scope, find(&tx, scope, id).await?).await
    }

    /// The revisions of a deployment, the latest first.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn deployment_revisions(
        &self,
        access: &Access<ReadDeployments>,
        id: DeploymentId,
        page: PageRequest,
    ) -> Result<Page<RevisionRow>> {
        let (tx, scope) = (self.store.read().await?, access.scope());
        find(&tx, scope, id).await?;
        let (revisions, next) = tx.deployments(scope).revisions(id, page).await?.into_parts();
        Ok(Page::new(revision_rows(&tx, scope, revisions).await?, next))
    }

    /// What has happened to a deployment on its host, the latest first: before the transition of this number, if one is named.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn deployment_transitions(
        &self,
        access: &Access<ReadDeployments>,
        id: DeploymentId,
        before: Option<i64>,
    ) -> Result<Vec<Transition>> {
        let (tx, scope) = (self.store.read().await?, access.scope());
        find(&tx, scope, id).await?;
        Ok(tx.deployments(scope).transitions(id, before, MOST_SHOWN).await?)
    }

    async fn target_view(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        target: DeploymentTarget,
    ) -> Result<TargetView> {
        let code = tx.deployment_targets(scope).latest_code(target.id).await?;
        let code = code.filter(|code| code.is_open(self.now()));
        let deployments = tx.deployments(scope).of_target(target.id, false).await?;
        let names = tx.names(scope).customers(&[target.customer]).await?;
        Ok(TargetView {
            customer: named(&names, target.customer),
            code_until: code.map(|code| code.expires_at),
            deployments: rows(tx, scope, deployments).await?,
            target,
        })
    }
}

type Plan = (Vec<ServiceSummary>, Vec<Refusal>, Vec<Need>, Vec<Variable>);

/// What the files of a version say, and the licenses that they ask for.
fn read(files: &Files) -> (Plan, BTreeSet<String>) {
    let names = files.references().into_iter().map(|(_, reference)| reference.name).collect();
    let text = files.find(COMPOSE).map(|file| file.text.as_str()).unwrap_or_default();
    let variables = variables(files);
    let plan = match Document::read(text) {
        Ok(document) => {
            // As long as nobody enters anything else.
            let defaults: BTreeMap<_, _> =
                variables.iter().map(|one| (&*one.name, one.default.as_deref())).collect();
            let preview = document.filled(|name| defaults.get(name).copied().flatten());
            (
                keyward_compose::summary(&preview),
                keyward_compose::check_raw(&document),
                keyward_compose::needs(&preview, None),
                variables,
            )
        }
        Err(error) => {
            let refusal = Refusal { path: COMPOSE.to_owned(), message: error.to_string() };
            (Vec::new(), vec![refusal], Vec::new(), variables)
        }
    };
    (plan, names)
}

pub(crate) async fn find(tx: &Tx, scope: OrganizationScope, id: DeploymentId) -> Result<Deployment> {
    tx.deployments(scope).find(id).await?.ok_or(Error::NotFound(Resource::Deployment))
}

async fn list(
    tx: &Tx,
    scope: OrganizationScope,
    filter: &DeploymentFilter,
    page: PageRequest,
) -> Result<Page<DeploymentRow>> {
    let (deployments, next) = tx.deployments(scope).list(filter, page).await?.into_parts();
    Ok(Page::new(rows(tx, scope, deployments).await?, next))
}

/// Deployments with what they refer to, by a fixed number of statements.
async fn rows(tx: &Tx, scope: OrganizationScope, deployments: Vec<Deployment>) -> Result<Vec<DeploymentRow>> {
    let ids = |of: fn(&Deployment) -> uuid::Uuid| {
        deployments.iter().map(of).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    let applications: Vec<_> = ids(|one| one.application.uuid()).into_iter().map(Into::into).collect();
    let customers: Vec<_> = ids(|one| one.customer.uuid()).into_iter().map(Into::into).collect();
    let targets = ids(|one| one.target.uuid()).into_iter().map(Into::into);
    let targets = tx.deployment_targets(scope).among(targets).await?;
    let applications: BTreeMap<_, _> = tx
        .applications(scope)
        .among(&applications)
        .await?
        .into_iter()
        .map(|application| (application.id, application))
        .collect();
    let customers = tx.names(scope).customers(&customers).await?;
    let mut latest = tx.deployments(scope).latest_revisions(&deployments).await?;
    let versions: BTreeSet<_> = latest.values().map(|revision| revision.application_version).collect();
    let versions = tx.names(scope).application_versions(&versions.into_iter().collect::<Vec<_>>()).await?;
    let row = |deployment: Deployment| {
        let latest = latest.remove(&deployment.id)?;
        Some(DeploymentRow {
            version: versions.get(&latest.application_version)?.name.clone(),
            latest,
            application: applications.get(&deployment.application)?.clone(),
            target: targets.get(&deployment.target)?.clone(),
            customer: named(&customers, deployment.customer),
            deployment,
        })
    };
    Ok(deployments.into_iter().filter_map(row).collect())
}

async fn deployment_view(
    tx: &Tx,
    scope: OrganizationScope,
    deployment: Deployment,
) -> Result<DeploymentView> {
    let id = deployment.id;
    let revisions =
        tx.deployments(scope).revisions(id, PageRequest { limit: 20, after: None }).await?.newest();
    let revisions = revision_rows(tx, scope, revisions).await?;
    let running = deployment.reported.as_ref().and_then(|reported| reported.state.running);
    let running = match running {
        Some(number) => match revisions.iter().find(|row| row.revision.number == number) {
            Some(row) => Some(row.version.clone()),
            None => {
                let earlier = tx.deployments(scope).revision(id, number).await?;
                let rows = revision_rows(tx, scope, earlier.into_iter().collect()).await?;
                rows.into_iter().next().map(|row| row.version)
            }
        },
        None => None,
    };
    let transitions = tx.deployments(scope).transitions(id, None, MOST_SHOWN).await?;
    let row = rows(tx, scope, vec![deployment]).await?.into_iter().next();
    Ok(DeploymentView {
        row: row.ok_or(Error::NotFound(Resource::Deployment))?,
        running,
        revisions,
        transitions,
    })
}

async fn revision_rows(
    tx: &Tx,
    scope: OrganizationScope,
    revisions: Vec<DeploymentRevision>,
) -> Result<Vec<RevisionRow>> {
    let versions: BTreeSet<_> = revisions.iter().map(|revision| revision.application_version).collect();
    let versions = tx.names(scope).application_versions(&versions.into_iter().collect::<Vec<_>>()).await?;
    let mut people = BTreeMap::new();
    for revision in &revisions {
        if let Actor::CustomerUser(id) = revision.actor
            && !people.contains_key(&id)
        {
            let user = tx.customer_users(scope).by_id(id).await?;
            people.insert(id, user.map(|user| user.name.to_string()));
        }
    }
    let row = |revision: DeploymentRevision| RevisionRow {
        version: versions.get(&revision.application_version).map(ToString::to_string).unwrap_or_default(),
        by: match revision.actor {
            Actor::CustomerUser(id) => people.get(&id).cloned().flatten(),
            _ => None,
        },
        revision,
    };
    Ok(revisions.into_iter().map(row).collect())
}

fn named(names: &BTreeMap<CustomerId, Named>, id: CustomerId) -> Named {
    names.get(&id).cloned().unwrap_or_else(|| Named { name: "(unknown)".to_owned(), deleted: true })
}
