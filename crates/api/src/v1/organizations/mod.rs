//! Organizations.

mod deletion;
mod notices;
mod sign_in_provider;

use actix_web::web::Bytes;
use actix_web::{HttpResponse, get, patch, post, web};
use futures_util::stream::try_unfold;
use keyward_domain::permission::{Operate, ReadOrganization, WriteOrganization, WriteOwners};
use keyward_domain::{
    AddressRange, Name, Organization, OrganizationId, OrganizationScope, OrganizationState, Page,
    PageRequest, Permission, Plan, Slug, Timestamp,
};
use keyward_engine::{Engine, NewOrganization, NewProvider, NoticesChange, OrganizationChange, PlanChange};
use keyward_web::fields::Nothing;
use keyward_web::{Answer, Caller, Code, Command, Id, IfMatch, Once, Problem, Query};
use serde::Serialize;

use crate::routes::Routes;
use crate::v1::Export;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create_organization)
        .body::<NewOrganization>()
        .service(list_organizations)
        .query::<PageRequest>()
        .service(show_organization)
        .service(update_organization)
        .body::<OrganizationChange>()
        .service(notices::show_notices)
        .service(notices::update_notices)
        .body::<NoticesChange>()
        .service(sign_in_provider::show_sign_in_provider)
        .service(sign_in_provider::set_sign_in_provider)
        .body::<NewProvider>()
        .service(sign_in_provider::delete_sign_in_provider)
        .service(export_organization)
        .service(deletion::show_organization_deletion)
        .service(deletion::schedule_organization_deletion)
        .body::<deletion::ScheduleDeletion>()
        .service(deletion::withdraw_organization_deletion)
        .service(start_trial)
        .service(set_plan)
        .body::<PlanChange>()
        .service(suspend_organization)
        .service(resume_organization);
}

/// Goes on with the caller's own organization; another one is not there.
fn own(scope: OrganizationScope, id: OrganizationId) -> Result<(), Problem> {
    if id == scope.id() { Ok(()) } else { Err(Problem::new(Code::NotFound)) }
}

/// A vendor.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Organization)]
pub(crate) struct OrganizationView {
    id: OrganizationId,
    /// Example: "Acme"
    name: Name,
    /// In public addresses and tokens; it can be changed until the first license is created.
    /// Example: "acme"
    slug: Slug,
    /// `free`, `pro`, `pro_trial` or `enterprise`.
    #[schema(example = "enterprise")]
    plan: &'static str,
    /// When the trial ends or has ended; after it the plan counts as `free`.
    trial_ends_at: Option<Timestamp>,
    /// What counts now.
    limits: LimitsView,
    /// Since when the operator has stopped serving its licenses.
    suspended_at: Option<Timestamp>,
    /// Addresses and networks refused for all its licenses.
    blocked_addresses: Vec<AddressRange>,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: i64,
}

/// What the plan allows, with what was granted beyond it. `null` is no limit.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Limits)]
pub(crate) struct LimitsView {
    /// The plan that counts: an ended trial counts as `free`.
    plan: &'static str,
    /// Products, the archived ones too.
    products: Option<u32>,
    /// Validations a product and day (UTC).
    validations_per_day: Option<u32>,
    /// Whether licenses with payloads of their own may be created, and licenses renewed.
    license_management: bool,
}

impl OrganizationView {
    pub(crate) fn at(organization: Organization, now: Timestamp) -> Self {
        let limits = organization.limits(now);
        Self {
            id: organization.id,
            name: organization.name,
            slug: organization.slug,
            plan: organization.plan.as_str(),
            trial_ends_at: match organization.plan {
                Plan::ProTrial { until } => Some(until),
                Plan::Free | Plan::Pro | Plan::Enterprise => None,
            },
            limits: LimitsView {
                plan: limits.plan,
                products: limits.products,
                validations_per_day: limits.validations_per_day,
                license_management: limits.license_management,
            },
            suspended_at: match organization.state {
                OrganizationState::Active => None,
                OrganizationState::Suspended { since } => Some(since),
            },
            blocked_addresses: organization.blocked.ranges().to_vec(),
            created_at: organization.created_at,
            updated_at: organization.updated_at,
            version: organization.version,
        }
    }

    fn answer(organization: Organization, now: Timestamp) -> Answer<Self> {
        let version = organization.version;
        Answer::ok(Self::at(organization, now)).version(version)
    }
}

/// An organization just founded.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CreatedOrganization {
    organization: OrganizationView,
    /// Its first management token with full scope, shown this once.
    #[schema(example = "kw_mgmt_…")]
    token: String,
}

/// Found an organization
///
/// For the server's operator: needs the scope `operator`, which `bootstrap --operator` gives.
#[utoipa::path(
    params(Once),
    security(("management_token" = ["operator"])),
    responses((status = 201, body = CreatedOrganization)),
)]
#[post("/api/v1/organizations")]
pub(crate) async fn create_organization(
    command: Command<Operate, NewOrganization>,
    engine: web::Data<Engine>,
) -> Result<Answer<CreatedOrganization>, Problem> {
    let Command { access, body, once } = command;
    let founded = engine.create_organization(&access, body, once.as_ref()).await?;
    let location = format!("/api/v1/organizations/{}", founded.organization.id);
    let organization = OrganizationView::at(founded.organization, engine.now());
    let token = founded.secret.expose().to_owned();
    Ok(Answer::created(location, CreatedOrganization { organization, token }))
}

/// List the organizations that the token acts in
///
/// There is one: a token belongs to one organization. The operator sees all.
#[utoipa::path(responses((status = 200, body = PageView<OrganizationView>)))]
#[get("/api/v1/organizations")]
pub(crate) async fn list_organizations(
    caller: Caller<ReadOrganization>,
    query: Query<PageRequest>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<OrganizationView>>, Problem> {
    let page = if caller.scopes().contains(Permission::Operate) {
        engine.all_organizations(&caller.also::<Operate>()?, query.0).await?
    } else {
        Page::new(vec![engine.organization(&caller).await?], None)
    };
    let now = engine.now();
    Ok(Answer::ok(PageView::of(page, |organization| OrganizationView::at(organization, now))))
}

/// Show your organization
#[utoipa::path(responses((status = 200, body = OrganizationView)))]
#[get("/api/v1/organizations/{id}")]
pub(crate) async fn show_organization(
    caller: Caller<ReadOrganization>,
    id: Id<OrganizationId>,
    engine: web::Data<Engine>,
) -> Result<Answer<OrganizationView>, Problem> {
    own(caller.scope(), id.0)?;
    Ok(OrganizationView::answer(engine.organization(&caller).await?, engine.now()))
}

/// Change your organization's name, slug or block list
#[utoipa::path(params(IfMatch), responses((status = 200, body = OrganizationView)))]
#[patch("/api/v1/organizations/{id}")]
pub(crate) async fn update_organization(
    command: Command<WriteOrganization, OrganizationChange>,
    id: Id<OrganizationId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<OrganizationView>, Problem> {
    let Command { access, body, .. } = command;
    own(access.scope(), id.0)?;
    let organization = engine.update_organization(&access, body, seen.0).await?;
    Ok(OrganizationView::answer(organization, engine.now()))
}

/// Export all that your organization has
///
/// One JSON object a line (`application/x-ndjson`): its `type`, and the thing as this API shows it elsewhere. No secrets, tokens or
/// private keys. Each thing comes after what it names. It is not one moment's state: the first line (`export`) and the last
/// (`end`) tell in `change` how often anything was changed before, and the same number says that nothing was changed
/// meanwhile. Without the line of the type `end` it is not complete. Needs the scope to read each kind of thing besides.
#[utoipa::path(
    security(("management_token" = ["owners:write"])),
    responses((status = 200, description = "The export", content_type = "application/x-ndjson", body = String)),
)]
#[get("/api/v1/organizations/{id}/export")]
pub(crate) async fn export_organization(
    caller: Caller<WriteOwners>,
    id: Id<OrganizationId>,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    own(caller.scope(), id.0)?;
    let export = Export::begin(engine, caller.also()?).await?;
    let lines = try_unfold(export, async |mut export| {
        let lines = export.next().await.map_err(std::io::Error::other)?;
        Ok::<_, std::io::Error>(lines.map(|lines| (Bytes::from(lines), export)))
    });
    Ok(HttpResponse::Ok().content_type("application/x-ndjson").streaming(lines))
}

/// Set an organization's plan
///
/// For the server's operator: needs the scope `operator`. Below a limit nothing is taken away.
#[utoipa::path(
    security(("management_token" = ["operator"])),
    responses((status = 200, body = OrganizationView)),
)]
#[post("/api/v1/organizations/{id}/plan")]
pub(crate) async fn set_plan(
    command: Command<Operate, PlanChange>,
    id: Id<OrganizationId>,
    engine: web::Data<Engine>,
) -> Result<Answer<OrganizationView>, Problem> {
    let organization = engine.set_plan(&command.access, id.0, command.body).await?;
    Ok(OrganizationView::answer(organization, engine.now()))
}

/// Resume an organization
///
/// For the server's operator: needs the scope `operator`. Its licenses are served again.
#[utoipa::path(
    security(("management_token" = ["operator"])),
    responses((status = 200, body = OrganizationView)),
)]
#[post("/api/v1/organizations/{id}/resume")]
pub(crate) async fn resume_organization(
    command: Command<Operate, Nothing>,
    id: Id<OrganizationId>,
    engine: web::Data<Engine>,
) -> Result<Answer<OrganizationView>, Problem> {
    let organization = engine.resume_organization(&command.access, id.0).await?;
    Ok(OrganizationView::answer(organization, engine.now()))
}

/// Begin your trial
///
/// From the plan `free`, once: 30 days of Pro.
#[utoipa::path(params(Once), responses((status = 200, body = OrganizationView)))]
#[post("/api/v1/organizations/{id}/start-trial")]
pub(crate) async fn start_trial(
    command: Command<WriteOrganization, Nothing>,
    id: Id<OrganizationId>,
    engine: web::Data<Engine>,
) -> Result<Answer<OrganizationView>, Problem> {
    own(command.access.scope(), id.0)?;
    let done = engine.start_trial(&command.access, command.once.as_ref()).await?;
    Ok(OrganizationView::answer(done.value, engine.now()).replayed(done.replayed))
}

/// Suspend an organization
///
/// For the server's operator: needs the scope `operator`. Validation of its licenses answers `org_suspended`.
#[utoipa::path(
    security(("management_token" = ["operator"])),
    responses((status = 200, body = OrganizationView)),
)]
#[post("/api/v1/organizations/{id}/suspend")]
pub(crate) async fn suspend_organization(
    command: Command<Operate, Nothing>,
    id: Id<OrganizationId>,
    engine: web::Data<Engine>,
) -> Result<Answer<OrganizationView>, Problem> {
    let organization = engine.suspend_organization(&command.access, id.0).await?;
    Ok(OrganizationView::answer(organization, engine.now()))
}
