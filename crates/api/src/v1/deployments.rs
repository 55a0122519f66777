//! What runs on the hosts of customers, as the vendor sees it.

use std::collections::BTreeMap;

use actix_web::{get, web};
use keyward_domain::deployment::{Cause, DeploymentState, Order, Transition};
use keyward_domain::permission::ReadDeployments;
use keyward_domain::{
    ApplicationId, ApplicationVersionId, CustomerId, Deployment, DeploymentId, DeploymentRevisionId,
    DeploymentStatus, DeploymentTargetId, Name, PageRequest, Timestamp,
};
use keyward_engine::{DeploymentFilter, DeploymentRow, Engine, RevisionRow};
use keyward_web::{Answer, Caller, Id, Problem, Query, request};
use serde::Serialize;

use crate::routes::Routes;
use crate::v1::audit_events::ActorView;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(list_deployments)
        .query::<DeploymentQuery>()
        .service(show_deployment)
        .service(list_deployment_revisions)
        .query::<PageRequest>()
        .service(list_deployment_transitions)
        .query::<TransitionQuery>();
}

/// One application on one host of a customer.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DeploymentSettings)]
pub(crate) struct SettingsView {
    id: DeploymentId,
    /// Example: "Production"
    name: Name,
    customer_id: CustomerId,
    target_id: DeploymentTargetId,
    application_id: ApplicationId,
    /// The name of its Compose project on the host.
    #[schema(example = "kw-acme-server-7f3a91")]
    project: String,
    /// `pending`: its agent has not taken the order yet, `in_progress`, `running`, `degraded`, `blocked`: a person has to do something
    /// first, `failed`, `rolled_back`, `stopped`, or `ended`: it was removed, or its target released.
    #[schema(example = "running")]
    status: &'static str,
    /// What its agent is to do: `kind` is `run`, `stop` or `remove`, the last with `volumes`, `keep` or `delete`.
    #[schema(value_type = Object, example = json!({"kind": "run"}))]
    order: Order,
    /// The number of its latest revision.
    revision: u32,
    /// Which try of that revision this is.
    attempt: u32,
    /// How it is, as its agent said last; `null` before that. The members are those of a state in the agent protocol.
    #[schema(value_type = Option<Object>)]
    state: Option<DeploymentState>,
    /// When its agent said so.
    reported_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: i64,
}

impl From<Deployment> for SettingsView {
    fn from(deployment: Deployment) -> Self {
        let status = deployment.status().as_str();
        let (state, reported_at) = match deployment.reported {
            Some(reported) => (Some(reported.state), Some(reported.at)),
            None => (None, None),
        };
        Self {
            id: deployment.id,
            name: deployment.name,
            customer_id: deployment.customer,
            target_id: deployment.target,
            application_id: deployment.application,
            project: deployment.project,
            status,
            order: deployment.order,
            revision: deployment.revision,
            attempt: deployment.attempt,
            state,
            reported_at,
            ended_at: deployment.ended_at,
            created_at: deployment.created_at,
            updated_at: deployment.updated_at,
            version: deployment.version,
        }
    }
}

/// One application on one host of a customer, with the version that was ordered last.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Deployment)]
pub(crate) struct DeploymentView {
    #[serde(flatten)]
    settings: SettingsView,
    /// The version of its latest revision.
    #[schema(example = "1.4.2")]
    application_version: String,
}

impl From<DeploymentRow> for DeploymentView {
    fn from(row: DeploymentRow) -> Self {
        Self { application_version: row.version, settings: row.deployment.into() }
    }
}

/// What a deployment was to be. The names of what the customer entered are told, and never the values.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DeploymentRevision)]
pub(crate) struct RevisionView {
    id: DeploymentRevisionId,
    /// Example: 3
    number: u32,
    application_version_id: ApplicationVersionId,
    /// Example: "1.4.2"
    application_version: String,
    /// What it is for: `kind` is `install`, `update`, `configure`, `license_renewed` or `rollback`, the last with `of`, the number of the
    /// revision that it brings back.
    #[schema(value_type = Object, example = json!({"kind": "rollback", "of": 1}))]
    cause: Cause,
    created_by: ActorView,
    /// The names of what the customer entered.
    #[schema(example = json!(["LICENSE_KEY", "PUBLIC_URL"]))]
    value_names: Vec<String>,
    /// For each image, its digest when the revision was made, as far as it was known.
    images: BTreeMap<String, String>,
    created_at: Timestamp,
}

impl From<RevisionRow> for RevisionView {
    fn from(row: RevisionRow) -> Self {
        let revision = row.revision;
        Self {
            id: revision.id,
            number: revision.number,
            application_version_id: revision.application_version,
            application_version: row.version,
            cause: revision.cause,
            created_by: revision.actor.into(),
            value_names: revision.values.iter().map(|(name, _)| name.to_owned()).collect(),
            images: revision.images,
            created_at: revision.created_at,
        }
    }
}

/// Which deployments are wanted.
#[derive(Debug)]
pub(crate) struct DeploymentQuery {
    customer_id: Option<CustomerId>,
    target_id: Option<DeploymentTargetId>,
    application_id: Option<ApplicationId>,
    application_version_id: Option<ApplicationVersionId>,
    status: Option<DeploymentStatus>,
    page: PageRequest,
}

request! {
    for DeploymentQuery {
        /// Of this customer only.
        customer_id: optional,
        /// On this target only.
        target_id: optional,
        /// Of this application only.
        application_id: optional,
        /// Whose latest revision is of this version only.
        application_version_id: optional,
        /// That stand so; absent for all that have not ended.
        status: optional,
        ..page: PageRequest,
    }
}

/// Which transitions are wanted.
#[derive(Debug)]
pub(crate) struct TransitionQuery {
    before: Option<Before>,
}

request! {
    for TransitionQuery {
        /// Those before the transition of this number; absent for the latest.
        before: optional,
    }
}

type Before = keyward_web::fields::Bounded<1, { u32::MAX }>;

/// What happened on the host, the latest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DeploymentTransitions)]
pub(crate) struct TransitionsView {
    /// At most 100. The members of each are those of a transition in the agent protocol.
    #[schema(value_type = Vec<Object>)]
    pub(crate) items: Vec<Transition>,
}

/// List deployments
#[utoipa::path(responses((status = 200, body = PageView<DeploymentView>)))]
#[get("/api/v1/deployments")]
pub(crate) async fn list_deployments(
    caller: Caller<ReadDeployments>,
    query: Query<DeploymentQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<DeploymentView>>, Problem> {
    let DeploymentQuery { customer_id, target_id, application_id, application_version_id, status, page } =
        query.0;
    let filter = DeploymentFilter {
        customer: customer_id,
        target: target_id,
        application: application_id,
        application_version: application_version_id,
        status,
    };
    Ok(Answer::ok(PageView::of(engine.deployments(&caller, &filter, page).await?, DeploymentView::from)))
}

/// Show a deployment
#[utoipa::path(responses((status = 200, body = DeploymentView)))]
#[get("/api/v1/deployments/{id}")]
pub(crate) async fn show_deployment(
    caller: Caller<ReadDeployments>,
    id: Id<DeploymentId>,
    engine: web::Data<Engine>,
) -> Result<Answer<DeploymentView>, Problem> {
    let found = engine.deployment(&caller, id.0).await?.row;
    let version = found.deployment.version;
    Ok(Answer::ok(found.into()).version(version))
}

/// List the revisions of a deployment
#[utoipa::path(responses((status = 200, body = PageView<RevisionView>)))]
#[get("/api/v1/deployments/{id}/revisions")]
pub(crate) async fn list_deployment_revisions(
    caller: Caller<ReadDeployments>,
    id: Id<DeploymentId>,
    page: Query<PageRequest>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<RevisionView>>, Problem> {
    let revisions = engine.deployment_revisions(&caller, id.0, page.0).await?;
    Ok(Answer::ok(PageView::of(revisions, RevisionView::from)))
}

/// List what happened to a deployment on its host
#[utoipa::path(responses((status = 200, body = TransitionsView)))]
#[get("/api/v1/deployments/{id}/transitions")]
pub(crate) async fn list_deployment_transitions(
    caller: Caller<ReadDeployments>,
    id: Id<DeploymentId>,
    query: Query<TransitionQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<TransitionsView>, Problem> {
    let before = query.0.before.map(|before| i64::from(u32::from(before)));
    Ok(Answer::ok(TransitionsView { items: engine.deployment_transitions(&caller, id.0, before).await? }))
}
