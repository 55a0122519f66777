//! What runs on the hosts of customers: the vendor looks, and the customers order.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::deployment::{Mode, TargetStatus};
use keyward_domain::permission::ReadDeployments;
use keyward_domain::{CustomerId, DeploymentId, DeploymentStatus, DeploymentTarget, DeploymentTargetId};
use keyward_engine::{DeploymentFilter, DeploymentRow, DeploymentView, Engine, LiveTopic, Named, TargetView};
use keyward_web::Id;

use crate::live::Live;
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;

use super::Listing;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/deployments", web::get().to(list))
        .route("/deployments/{id}", web::get().to(show))
        .route("/deployment-targets", web::get().to(targets))
        .route("/deployment-targets/{id}", web::get().to(target));
}

/// A status that a list can be of, and how many stand so.
struct Choice {
    value: &'static str,
    label: &'static str,
    count: u64,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "console/deployments.html")]
struct DeploymentsPage {
    shell: Shell,
    choices: Vec<Choice>,
    rows: Vec<DeploymentRow>,
    pages: Pages,
    live: Option<Live>,
    /// Whether the list is of one status or one customer.
    narrowed: bool,
}

async fn list(
    request: HttpRequest,
    signed: Signed<ReadDeployments>,
    asked: web::Query<Listing>,
    engine: web::Data<Engine>,
) -> Page {
    let (status, customer) = (asked.status.parse::<DeploymentStatus>().ok(), asked.customer.parse().ok());
    let filter = DeploymentFilter { status, customer, ..DeploymentFilter::default() };
    let followed = engine.follow(&signed.person.identity, LiveTopic::Deployments).await?;
    let live = Live::of(&engine, &followed, "/live/deployments".to_owned()).await?;
    let counts = engine.deployment_counts(&signed.access).await?;
    let choice = |one: DeploymentStatus| Choice {
        value: one.as_str(),
        label: crate::deployment::pill(&one).0,
        count: counts.iter().find(|(status, _)| *status == one).map_or(0, |(_, count)| *count),
        chosen: status == Some(one),
    };
    let shown = |choice: &Choice| choice.count > 0 || choice.chosen;
    let paging = Paging::of(&request);
    let (rows, pages) = paging.take(engine.deployments(&signed.access, &filter, paging.request()).await?);
    page::send(&DeploymentsPage {
        shell: Shell::vendor(&signed.person, &signed.csrf, "deployments", engine.now()),
        choices: DeploymentStatus::ALL.into_iter().map(choice).filter(shown).collect(),
        rows,
        pages,
        live: Some(live),
        narrowed: status.is_some() || customer.is_some(),
    })
}

#[derive(Template)]
#[template(path = "console/deployment.html")]
struct DeploymentPage {
    shell: Shell,
    shown: DeploymentView,
    status: DeploymentStatus,
    target_status: TargetStatus,
    live: Option<Live>,
}

async fn show(signed: Signed<ReadDeployments>, id: Id<DeploymentId>, engine: web::Data<Engine>) -> Page {
    let followed = engine.follow(&signed.person.identity, LiveTopic::Deployment(id.0)).await?;
    let live = Live::of(&engine, &followed, format!("/live/deployments/{}", id.0)).await?;
    let shown = engine.deployment(&signed.access, id.0).await?;
    page::send(&DeploymentPage {
        shell: Shell::vendor(&signed.person, &signed.csrf, "deployments", engine.now()),
        status: shown.row.deployment.status(),
        target_status: shown.row.target.status(engine.now()),
        live: Some(live),
        shown,
    })
}

struct TargetRow {
    target: DeploymentTarget,
    customer: Named,
    status: TargetStatus,
}

#[derive(Template)]
#[template(path = "console/deployment_targets.html")]
struct TargetsPage {
    shell: Shell,
    rows: Vec<TargetRow>,
    pages: Pages,
}

async fn targets(
    request: HttpRequest,
    signed: Signed<ReadDeployments>,
    asked: web::Query<Listing>,
    engine: web::Data<Engine>,
) -> Page {
    let (customer, now): (Option<CustomerId>, _) = (asked.customer.parse().ok(), engine.now());
    let paging = Paging::of(&request);
    let found = engine.deployment_targets(&signed.access, customer, paging.request()).await?;
    let (rows, pages) = paging.take(found);
    let row = |(target, customer): (DeploymentTarget, Named)| TargetRow {
        status: target.status(now),
        target,
        customer,
    };
    page::send(&TargetsPage {
        shell: Shell::vendor(&signed.person, &signed.csrf, "deployments", now),
        rows: rows.into_iter().map(row).collect(),
        pages,
    })
}

#[derive(Template)]
#[template(path = "console/deployment_target.html")]
struct TargetPage {
    shell: Shell,
    shown: TargetView,
    status: TargetStatus,
    live: Option<Live>,
}

async fn target(
    signed: Signed<ReadDeployments>,
    id: Id<DeploymentTargetId>,
    engine: web::Data<Engine>,
) -> Page {
    let followed = engine.follow(&signed.person.identity, LiveTopic::DeploymentTarget(id.0)).await?;
    let live = Live::of(&engine, &followed, format!("/live/deployment-targets/{}", id.0)).await?;
    let shown = engine.deployment_target(&signed.access, id.0).await?;
    page::send(&TargetPage {
        shell: Shell::vendor(&signed.person, &signed.csrf, "deployments", engine.now()),
        status: shown.target.status(engine.now()),
        live: Some(live),
        shown,
    })
}
