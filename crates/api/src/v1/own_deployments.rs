//! The API of a customer's own people, with the session of the customer's pages: hosts, and what is deployed on them.

use actix_web::{get, patch, post, web};
use keyward_domain::deployment::Volumes;
use keyward_domain::{DeploymentId, DeploymentTargetId, PageRequest, Timestamp};
use keyward_engine::{
    DeploymentChange, DeploymentRow, Engine, NewDeployment, NewDeploymentTarget, TargetWithCode,
};
use keyward_web::fields::Nothing;
use keyward_web::{
    Answer, CustomerCaller, CustomerCommand, Id, IfMatch, Problem, Query, RenameTarget, request,
};
use serde::Serialize;

use crate::routes::Routes;
use crate::v1::deployment_targets::TargetView;
use crate::v1::deployments::{DeploymentView, RevisionView, SettingsView, TransitionsView};
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(list_own_deployment_targets)
        .query::<PageRequest>()
        .service(create_own_deployment_target)
        .body::<NewDeploymentTarget>()
        .service(show_own_deployment_target)
        .service(rename_own_deployment_target)
        .body::<RenameTarget>()
        .service(create_own_join_code)
        .service(release_own_deployment_target)
        .service(list_own_deployments)
        .query::<PageRequest>()
        .service(create_own_deployment)
        .body::<NewDeployment>()
        .service(show_own_deployment)
        .service(update_own_deployment)
        .body::<DeploymentChange>()
        .service(list_own_deployment_revisions)
        .service(list_own_deployment_transitions)
        .service(roll_back_own_deployment)
        .body::<RollBack>()
        .service(run_own_deployment)
        .service(stop_own_deployment)
        .service(remove_own_deployment)
        .body::<Removal>();
}

/// A target with the code by which a host joins it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DeploymentTargetWithCode)]
pub(crate) struct WithCodeView {
    target: TargetView,
    /// What the host is to be given: `keyward-agent join SERVER CODE`. It is shown this once, and works once.
    #[schema(example = "kw_join_…")]
    join_code: String,
    /// The first second at which it opens nothing any more.
    expires_at: Timestamp,
}

impl WithCodeView {
    fn at(made: TargetWithCode, now: Timestamp) -> Self {
        let join_code = made.code.expose().to_owned();
        Self { target: TargetView::at(made.target, now), join_code, expires_at: made.expires_at }
    }
}

/// Back to an earlier revision.
#[derive(Debug)]
pub(crate) struct RollBack {
    revision: u32,
}

request! {
    /// Back to an earlier revision.
    "RollBackOwnDeployment" for RollBack {
        /// The number of the revision to bring back.
        /// Example: 2
        revision: required,
    }
}

/// How a deployment is to be removed.
#[derive(Debug)]
pub(crate) struct Removal {
    volumes: Option<Volumes>,
    name: String,
}

request! {
    /// How a deployment is to be removed.
    "RemoveOwnDeployment" for Removal {
        /// What becomes of its data: `keep`, if absent, or `delete`.
        volumes: optional,
        /// The name of the deployment, to delete its data.
        name: or_default,
    }
}

fn shown(row: DeploymentRow) -> Answer<DeploymentView> {
    let version = row.deployment.version;
    Answer::ok(row.into()).version(version)
}

/// List your deployment targets
///
/// With the session of the customer's pages, as are all of these.
#[utoipa::path(security(("customer_session" = [])), responses((status = 200, body = PageView<TargetView>)))]
#[get("/api/v1/customer/deployment-targets")]
pub(crate) async fn list_own_deployment_targets(
    person: CustomerCaller,
    page: Query<PageRequest>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<TargetView>>, Problem> {
    let (targets, now) = (engine.own_deployment_targets(&person, page.0).await?, engine.now());
    Ok(Answer::ok(PageView::of(targets, |target| TargetView::at(target, now))))
}

/// Add a deployment target
///
/// By an admin. The answer has the code by which a host joins, once, within an hour.
#[utoipa::path(security(("customer_session" = [])), responses((status = 201, body = WithCodeView)))]
#[post("/api/v1/customer/deployment-targets")]
pub(crate) async fn create_own_deployment_target(
    command: CustomerCommand<NewDeploymentTarget>,
    engine: web::Data<Engine>,
) -> Result<Answer<WithCodeView>, Problem> {
    let made = engine.create_own_deployment_target(&command.person, command.body).await?;
    let location = format!("/api/v1/customer/deployment-targets/{}", made.target.id);
    Ok(Answer::created(location, WithCodeView::at(made, engine.now())))
}

/// Show one of your deployment targets
#[utoipa::path(security(("customer_session" = [])), responses((status = 200, body = TargetView)))]
#[get("/api/v1/customer/deployment-targets/{id}")]
pub(crate) async fn show_own_deployment_target(
    person: CustomerCaller,
    id: Id<DeploymentTargetId>,
    engine: web::Data<Engine>,
) -> Result<Answer<TargetView>, Problem> {
    let target = engine.own_deployment_target(&person, id.0).await?.target;
    let version = target.version;
    Ok(Answer::ok(TargetView::at(target, engine.now())).version(version))
}

/// Rename one of your deployment targets
#[utoipa::path(security(("customer_session" = [])), responses((status = 200, body = TargetView)))]
#[patch("/api/v1/customer/deployment-targets/{id}")]
pub(crate) async fn rename_own_deployment_target(
    command: CustomerCommand<RenameTarget>,
    id: Id<DeploymentTargetId>,
    engine: web::Data<Engine>,
) -> Result<Answer<TargetView>, Problem> {
    let target = engine.rename_own_deployment_target(&command.person, id.0, command.body.name).await?;
    let version = target.version;
    Ok(Answer::ok(TargetView::at(target, engine.now())).version(version))
}

/// Make another join code for a target
///
/// The one before opens nothing any more. An agent that is there stays until a host joins by the new one.
#[utoipa::path(security(("customer_session" = [])), responses((status = 200, body = WithCodeView)))]
#[post("/api/v1/customer/deployment-targets/{id}/join-code")]
pub(crate) async fn create_own_join_code(
    command: CustomerCommand<Nothing>,
    id: Id<DeploymentTargetId>,
    engine: web::Data<Engine>,
) -> Result<Answer<WithCodeView>, Problem> {
    let made = engine.create_own_join_code(&command.person, id.0).await?;
    Ok(Answer::ok(WithCodeView::at(made, engine.now())))
}

/// Release a deployment target
///
/// Its agent counts no more, from its very next request on. What runs on the host is left as it is.
#[utoipa::path(security(("customer_session" = [])), responses((status = 200, body = TargetView)))]
#[post("/api/v1/customer/deployment-targets/{id}/release")]
pub(crate) async fn release_own_deployment_target(
    command: CustomerCommand<Nothing>,
    id: Id<DeploymentTargetId>,
    engine: web::Data<Engine>,
) -> Result<Answer<TargetView>, Problem> {
    let target = engine.release_own_deployment_target(&command.person, id.0).await?;
    let version = target.version;
    Ok(Answer::ok(TargetView::at(target, engine.now())).version(version))
}

/// List your deployments
#[utoipa::path(security(("customer_session" = [])), responses((status = 200, body = PageView<DeploymentView>)))]
#[get("/api/v1/customer/deployments")]
pub(crate) async fn list_own_deployments(
    person: CustomerCaller,
    page: Query<PageRequest>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<DeploymentView>>, Problem> {
    Ok(Answer::ok(PageView::of(engine.own_deployments(&person, page.0).await?, DeploymentView::from)))
}

/// Deploy an application
///
/// By an admin, on a target that manages.
#[utoipa::path(security(("customer_session" = [])), responses((status = 201, body = SettingsView)))]
#[post("/api/v1/customer/deployments")]
pub(crate) async fn create_own_deployment(
    command: CustomerCommand<NewDeployment>,
    engine: web::Data<Engine>,
) -> Result<Answer<SettingsView>, Problem> {
    let made = engine.deploy(&command.person, command.body).await?;
    let (location, version) = (format!("/api/v1/customer/deployments/{}", made.id), made.version);
    Ok(Answer::created(location, made.into()).version(version))
}

/// Show one of your deployments
#[utoipa::path(security(("customer_session" = [])), responses((status = 200, body = DeploymentView)))]
#[get("/api/v1/customer/deployments/{id}")]
pub(crate) async fn show_own_deployment(
    person: CustomerCaller,
    id: Id<DeploymentId>,
    engine: web::Data<Engine>,
) -> Result<Answer<DeploymentView>, Problem> {
    Ok(shown(engine.own_deployment(&person, id.0).await?.row))
}

/// Give one of your deployments another version or other values
///
/// What is as it was makes no revision.
#[utoipa::path(security(("customer_session" = [])), params(IfMatch), responses((status = 200, body = SettingsView)))]
#[patch("/api/v1/customer/deployments/{id}")]
pub(crate) async fn update_own_deployment(
    command: CustomerCommand<DeploymentChange>,
    id: Id<DeploymentId>,
    expected: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<SettingsView>, Problem> {
    let revised = engine.revise_own_deployment(&command.person, id.0, command.body, expected.0).await?;
    let version = revised.version;
    Ok(Answer::ok(revised.into()).version(version))
}

/// List the latest revisions of one of your deployments
#[utoipa::path(security(("customer_session" = [])), responses((status = 200, body = PageView<RevisionView>)))]
#[get("/api/v1/customer/deployments/{id}/revisions")]
pub(crate) async fn list_own_deployment_revisions(
    person: CustomerCaller,
    id: Id<DeploymentId>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<RevisionView>>, Problem> {
    let revisions = engine.own_deployment(&person, id.0).await?.revisions;
    let page = keyward_domain::Page::new(revisions, None);
    Ok(Answer::ok(PageView::of(page, RevisionView::from)))
}

/// List what happened last to one of your deployments on its host
#[utoipa::path(security(("customer_session" = [])), responses((status = 200, body = TransitionsView)))]
#[get("/api/v1/customer/deployments/{id}/transitions")]
pub(crate) async fn list_own_deployment_transitions(
    person: CustomerCaller,
    id: Id<DeploymentId>,
    engine: web::Data<Engine>,
) -> Result<Answer<TransitionsView>, Problem> {
    let items = engine.own_deployment(&person, id.0).await?.transitions;
    Ok(Answer::ok(TransitionsView { items }))
}

/// Bring back an earlier revision of one of your deployments
///
/// As a new revision, with the version, the values and the image digests of the earlier one.
#[utoipa::path(security(("customer_session" = [])), responses((status = 200, body = SettingsView)))]
#[post("/api/v1/customer/deployments/{id}/roll-back")]
pub(crate) async fn roll_back_own_deployment(
    command: CustomerCommand<RollBack>,
    id: Id<DeploymentId>,
    engine: web::Data<Engine>,
) -> Result<Answer<SettingsView>, Problem> {
    let back = engine.roll_back_own_deployment(&command.person, id.0, command.body.revision).await?;
    let version = back.version;
    Ok(Answer::ok(back.into()).version(version))
}

/// Try the latest revision of one of your deployments again, or start it after a stop
#[utoipa::path(security(("customer_session" = [])), responses((status = 200, body = SettingsView)))]
#[post("/api/v1/customer/deployments/{id}/run")]
pub(crate) async fn run_own_deployment(
    command: CustomerCommand<Nothing>,
    id: Id<DeploymentId>,
    engine: web::Data<Engine>,
) -> Result<Answer<SettingsView>, Problem> {
    let ordered = engine.run_own_deployment(&command.person, id.0).await?;
    let version = ordered.version;
    Ok(Answer::ok(ordered.into()).version(version))
}

/// Stop one of your deployments
#[utoipa::path(security(("customer_session" = [])), responses((status = 200, body = SettingsView)))]
#[post("/api/v1/customer/deployments/{id}/stop")]
pub(crate) async fn stop_own_deployment(
    command: CustomerCommand<Nothing>,
    id: Id<DeploymentId>,
    engine: web::Data<Engine>,
) -> Result<Answer<SettingsView>, Problem> {
    let ordered = engine.stop_own_deployment(&command.person, id.0).await?;
    let version = ordered.version;
    Ok(Answer::ok(ordered.into()).version(version))
}

/// Remove one of your deployments from its host
///
/// This is not taken back. Its data stays unless you say otherwise, with the deployment's name.
#[utoipa::path(security(("customer_session" = [])), responses((status = 200, body = SettingsView)))]
#[post("/api/v1/customer/deployments/{id}/remove")]
pub(crate) async fn remove_own_deployment(
    command: CustomerCommand<Removal>,
    id: Id<DeploymentId>,
    engine: web::Data<Engine>,
) -> Result<Answer<SettingsView>, Problem> {
    let Removal { volumes, name } = command.body;
    let volumes = volumes.unwrap_or(Volumes::Keep);
    let ordered = engine.remove_own_deployment(&command.person, id.0, volumes, &name).await?;
    let version = ordered.version;
    Ok(Answer::ok(ordered.into()).version(version))
}
