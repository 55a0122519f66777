//! The customer's hosts: added, renamed and released by its admins.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::deployment::{Mode, TargetState, TargetStatus};
use keyward_domain::{DeploymentTarget, DeploymentTargetId, Name, Timestamp};
use keyward_engine::{DeploymentRow, Engine, LiveTopic, NewDeploymentTarget, TargetView};
use keyward_web::{AgentProgram, Fields, Id, Request, Settings};

use crate::ask::{self, Question, crumbs};
use crate::error_page::PageError;
use crate::form::{CustomerPosted, Form};
use crate::live::Live;
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::shown_once;
use crate::signed::SignedCustomer;

use super::keep;

const PATH: &str = "/portal/targets";

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route(PATH, web::get().to(list))
        .route(PATH, web::post().to(create))
        .route("/portal/targets/{id}", web::get().to(show))
        .route("/portal/targets/{id}", web::post().to(rename))
        .route("/portal/targets/{id}/code", web::post().to(another_code))
        .route("/portal/targets/{id}/release", web::get().to(ask_release))
        .route("/portal/targets/{id}/release", web::post().to(release));
}

struct Row {
    target: DeploymentTarget,
    status: TargetStatus,
}

#[derive(Template)]
#[template(path = "customer/targets.html")]
struct TargetsPage {
    shell: Shell,
    rows: Vec<Row>,
    pages: Pages,
    may_write: bool,
    form: Form,
}

/// What is typed of a target.
struct Typed(Name);

impl Request for Typed {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("name").map(Self)
    }
}

async fn list_with(engine: &Engine, signed: &SignedCustomer, form: Form, query: &str) -> Page {
    let (person, paging, now) = (&signed.person, Paging::at(PATH, query, "cursor", ""), engine.now());
    let (targets, pages) = paging.take(engine.own_deployment_targets(person, paging.request()).await?);
    page::send(&TargetsPage {
        shell: Shell::customer(person, &signed.csrf, "targets").after(query),
        rows: targets.into_iter().map(|target| Row { status: target.status(now), target }).collect(),
        pages,
        may_write: person.user.is_admin(),
        form,
    })
}

async fn list(request: HttpRequest, signed: SignedCustomer, engine: web::Data<Engine>) -> Page {
    list_with(&engine, &signed, Form::EMPTY, request.query_string()).await
}

async fn create(
    signed: SignedCustomer,
    CustomerPosted(mut form): CustomerPosted,
    engine: web::Data<Engine>,
) -> Page {
    if let Some(Typed(name)) = form.read(&["name"]) {
        let mode = if form.is("mode", Mode::Witness.as_str()) { Mode::Witness } else { Mode::Manage };
        match engine.create_own_deployment_target(&signed.person, NewDeploymentTarget { name, mode }).await {
            Ok(made) => {
                let page = format!("{PATH}/{}", made.target.id);
                return shown_once::lead(&engine, &signed.person.session, &page, made.code.expose()).await;
            }
            Err(error) => keep(&mut form, error)?,
        }
    }
    list_with(&engine, &signed, form, "").await
}

/// How a host joins: the command, and the checksum of each program.
struct Joining {
    server: String,
    code: String,
    witness: bool,
    programs: Vec<AgentProgram>,
}

#[derive(Template)]
#[template(path = "customer/target.html")]
struct TargetPage {
    shell: Shell,
    target: DeploymentTarget,
    status: TargetStatus,
    deployments: Vec<DeploymentRow>,
    code_until: Option<Timestamp>,
    joining: Option<Joining>,
    live: Option<Live>,
    may_write: bool,
    form: Form,
}

async fn show_with(
    request: &HttpRequest,
    engine: &Engine,
    signed: &SignedCustomer,
    id: DeploymentTargetId,
    form: Option<Form>,
) -> Page {
    let person = &signed.person;
    let followed = engine.follow_own(person, LiveTopic::DeploymentTarget(id)).await?;
    let live = Live::of(engine, &followed, format!("/portal/live/targets/{id}")).await?;
    let TargetView { target, deployments, code_until, .. } = engine.own_deployment_target(person, id).await?;
    let joining = match shown_once::take(request, engine, &person.session).await? {
        Some(code) => Some(Joining {
            server: engine.public_url().to_owned(),
            code,
            witness: target.mode == Mode::Witness,
            programs: programs(request).await,
        }),
        None => None,
    };
    page::send(&TargetPage {
        shell: Shell::customer(person, &signed.csrf, "targets").after(request.query_string()),
        status: target.status(engine.now()),
        form: form.unwrap_or_default().over(Form::filled([("name", target.name.to_string())])),
        deployments,
        code_until,
        joining,
        live: Some(live),
        may_write: person.user.is_admin(),
        target,
    })
}

/// The agent's programs that this server hands out.
async fn programs(request: &HttpRequest) -> Vec<AgentProgram> {
    let Some(settings) = request.app_data::<web::Data<Settings>>() else { return Vec::new() };
    settings.agent_programs.list().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the agent's programs can't be listed");
        Vec::new()
    })
}

async fn show(
    request: HttpRequest,
    signed: SignedCustomer,
    id: Id<DeploymentTargetId>,
    engine: web::Data<Engine>,
) -> Page {
    show_with(&request, &engine, &signed, id.0, None).await
}

async fn rename(
    request: HttpRequest,
    signed: SignedCustomer,
    id: Id<DeploymentTargetId>,
    CustomerPosted(mut form): CustomerPosted,
    engine: web::Data<Engine>,
) -> Page {
    if let Some(Typed(name)) = form.read(&["name"]) {
        match engine.rename_own_deployment_target(&signed.person, id.0, name).await {
            Ok(_) => return Ok(page::go(format!("{PATH}/{}?done=saved", id.0))),
            Err(error) => keep(&mut form, error)?,
        }
    }
    show_with(&request, &engine, &signed, id.0, Some(form)).await
}

async fn another_code(
    request: HttpRequest,
    signed: SignedCustomer,
    id: Id<DeploymentTargetId>,
    _: CustomerPosted,
    engine: web::Data<Engine>,
) -> Page {
    match engine.create_own_join_code(&signed.person, id.0).await {
        Ok(made) => {
            let page = format!("{PATH}/{}", id.0);
            shown_once::lead(&engine, &signed.person.session, &page, made.code.expose()).await
        }
        Err(error) => {
            let mut form = Form::EMPTY;
            keep(&mut form, error)?;
            show_with(&request, &engine, &signed, id.0, Some(form)).await
        }
    }
}

async fn release_page(engine: &Engine, signed: &SignedCustomer, id: DeploymentTargetId, form: Form) -> Page {
    if !signed.person.user.is_admin() {
        return Err(PageError::AdminsOnly);
    }
    let TargetView { target, deployments, .. } = engine.own_deployment_target(&signed.person, id).await?;
    let (name, page) = (&target.name, format!("{PATH}/{}", target.id));
    let running: Vec<_> = deployments.iter().map(|row| row.deployment.name.as_str()).collect();
    let running = match running.as_slice() {
        [] => String::new(),
        names => format!(": {}", names.join(", ")),
    };
    let asked = Question {
        crumbs: crumbs([("Targets", PATH.to_owned()), (name.as_str(), page.clone())]),
        title: format!("Release {name}?"),
        effects: vec![
            "The agent on the host loses its access with its very next request.".to_owned(),
            format!("What runs on the host keeps running, and nobody looks after it any more{running}."),
            "No host can join this target again. To manage the host later, add a new target.".to_owned(),
        ],
        action: format!("{page}/release"),
        button: format!("Release {name}"),
        back: page,
        ..Question::default()
    };
    ask::send(Shell::customer(&signed.person, &signed.csrf, "targets"), asked, form)
}

async fn ask_release(signed: SignedCustomer, id: Id<DeploymentTargetId>, engine: web::Data<Engine>) -> Page {
    release_page(&engine, &signed, id.0, Form::EMPTY).await
}

async fn release(
    signed: SignedCustomer,
    id: Id<DeploymentTargetId>,
    CustomerPosted(mut form): CustomerPosted,
    engine: web::Data<Engine>,
) -> Page {
    match engine.release_own_deployment_target(&signed.person, id.0).await {
        Ok(_) => Ok(page::go(format!("{PATH}/{}?done=released", id.0))),
        Err(error) => {
            keep(&mut form, error)?;
            release_page(&engine, &signed, id.0, form).await
        }
    }
}
