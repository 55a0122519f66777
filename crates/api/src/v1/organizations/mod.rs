//! Organizations.

mod create;
mod deletion;
mod export;
mod list;
mod notices;
mod plan;
mod resume;
mod show;
mod sign_in_provider;
mod start_trial;
mod suspend;
mod update;

use crate::routes::Routes;
use crate::v1::page::PageQuery;
use keyward_domain::{
    AddressRange, Name, Organization, OrganizationId, OrganizationScope, OrganizationState, Plan, Slug,
    Timestamp,
};
use keyward_web::{Answer, Code, Problem};
use serde::Serialize;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create::create)
        .body::<create::CreateOrganization>()
        .service(list::list)
        .query::<PageQuery>("list_organizations")
        .service(show::show)
        .service(update::update)
        .body::<update::UpdateOrganization>()
        .service(notices::show::show)
        .service(notices::update::update)
        .body::<notices::update::UpdateNotices>()
        .service(sign_in_provider::show::show)
        .service(sign_in_provider::set::set)
        .body::<sign_in_provider::set::SetProvider>()
        .service(sign_in_provider::delete::delete)
        .service(export::export)
        .service(deletion::show::show)
        .service(deletion::schedule::schedule)
        .body::<deletion::schedule::ScheduleDeletion>()
        .service(deletion::withdraw::withdraw)
        .service(start_trial::start_trial)
        .service(plan::set_plan)
        .body::<plan::SetPlan>()
        .service(suspend::suspend)
        .service(resume::resume);
}

/// Goes on with the caller's own organization; another one is not there.
fn own(scope: OrganizationScope, id: OrganizationId) -> Result<(), Problem> {
    if id == scope.id() { Ok(()) } else { Err(Problem::new(Code::NotFound)) }
}

/// A vendor.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Organization)]
pub(crate) struct OrganizationView {
    #[schema(value_type = String, format = Uuid)]
    id: OrganizationId,
    #[schema(value_type = String, example = "Acme")]
    name: Name,
    /// In public addresses and tokens; it can be changed until the first license is created.
    #[schema(value_type = String, example = "acme")]
    slug: Slug,
    /// `free`, `pro`, `pro_trial` or `enterprise`.
    #[schema(example = "enterprise")]
    plan: &'static str,
    /// When the trial ends or has ended; after it the plan counts as `free`.
    #[schema(value_type = Option<String>, format = DateTime)]
    trial_ends_at: Option<Timestamp>,
    /// What counts now.
    limits: LimitsView,
    /// Since when the operator has stopped serving its licenses.
    #[schema(value_type = Option<String>, format = DateTime)]
    suspended_at: Option<Timestamp>,
    /// Addresses and networks refused for all its licenses.
    #[schema(value_type = Vec<String>)]
    blocked_addresses: Vec<AddressRange>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
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
