//! What the customer has deployed on its hosts: ordered by its admins, seen by all its people.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::deployment::{Order, Values, Variable, Volumes};
use keyward_domain::{
    Deployment, DeploymentId, DeploymentStatus, DeploymentTarget, DeploymentTargetId, Name, Slug, VersionName,
};
use keyward_engine::{
    DeploymentChange, DeploymentRow, DeploymentView, EarlierRevision, Engine, EntitledApplication, LiveTopic,
    MissingImage, NewDeployment, Recipient, VersionPlan,
};
use keyward_web::{Code, Fields, Id, Problem, Request, part};

use crate::ask::{self, Question, crumbs};
use crate::error_page::PageError;
use crate::form::{CustomerPosted, Form};
use crate::live::Live;
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::SignedCustomer;

use super::keep;

const PATH: &str = "/portal/deployments";

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/portal/deploy", web::get().to(choose))
        .route("/portal/deploy/{slug}/{version}", web::get().to(plan))
        .route("/portal/deploy/{slug}/{version}", web::post().to(deploy))
        .route(PATH, web::get().to(list))
        .route("/portal/deployments/{id}", web::get().to(show))
        .route("/portal/deployments/{id}/change", web::get().to(change_form))
        .route("/portal/deployments/{id}/change", web::post().to(change))
        .route("/portal/deployments/{id}/roll-back/{number}", web::get().to(ask_roll_back))
        .route("/portal/deployments/{id}/roll-back/{number}", web::post().to(roll_back))
        .route("/portal/deployments/{id}/run", web::post().to(run))
        .route("/portal/deployments/{id}/stop", web::get().to(ask_stop))
        .route("/portal/deployments/{id}/stop", web::post().to(stop))
        .route("/portal/deployments/{id}/remove", web::get().to(ask_remove))
        .route("/portal/deployments/{id}/remove", web::post().to(remove));
}

#[derive(Template)]
#[template(path = "customer/deployments.html")]
struct DeploymentsPage {
    shell: Shell,
    rows: Vec<DeploymentRow>,
    pages: Pages,
    live: Option<Live>,
    may_write: bool,
}

async fn list(request: HttpRequest, signed: SignedCustomer, engine: web::Data<Engine>) -> Page {
    let (person, query) = (&signed.person, request.query_string());
    let followed = engine.follow_own(person, LiveTopic::DeploymentsOf(person.customer.id)).await?;
    let live = Live::of(&engine, &followed, "/portal/live/deployments".to_owned()).await?;
    let paging = Paging::at(PATH, query, "cursor", "");
    let (rows, pages) = paging.take(engine.own_deployments(person, paging.request()).await?);
    page::send(&DeploymentsPage {
        shell: Shell::customer(person, &signed.csrf, "deployments").after(query),
        rows,
        pages,
        live: Some(live),
        may_write: person.user.is_admin(),
    })
}

#[derive(Template)]
#[template(path = "customer/deploy_choose.html")]
struct ChoosePage {
    shell: Shell,
    applications: Vec<EntitledApplication>,
    /// The target that was chosen before, for the addresses.
    target: String,
}

/// What an address says of a deployment to be made.
#[derive(Debug, Default, serde::Deserialize)]
struct Asked {
    #[serde(default)]
    target: String,
    #[serde(default)]
    version: String,
}

fn admins_only(signed: &SignedCustomer) -> Result<(), PageError> {
    if signed.person.user.is_admin() { Ok(()) } else { Err(PageError::AdminsOnly) }
}

/// Which application, and which of its versions.
async fn choose(signed: SignedCustomer, asked: web::Query<Asked>, engine: web::Data<Engine>) -> Page {
    admins_only(&signed)?;
    let mut applications = engine.entitled_applications(&Recipient::from(&signed.person)).await?;
    applications.retain(|own| own.application.kind == keyward_domain::ApplicationKind::Compose);
    let target = asked.target.parse::<DeploymentTargetId>().map(|id| id.to_string()).unwrap_or_default();
    let shell = Shell::customer(&signed.person, &signed.csrf, "deployments");
    page::send(&ChoosePage { shell, applications, target })
}

#[derive(Template)]
#[template(path = "customer/deploy.html")]
struct DeployPage {
    shell: Shell,
    plan: VersionPlan,
    missing: Vec<MissingImage>,
    targets: Vec<DeploymentTarget>,
    form: Form,
}

/// What is typed of a new deployment.
struct Typed {
    name: Name,
    target: DeploymentTargetId,
}

impl Request for Typed {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, target) = (fields.required("name"), fields.required("target"));
        Some(Self { name: name?, target: target? })
    }
}

async fn deploy_page(
    engine: &Engine,
    signed: &SignedCustomer,
    (slug, version): (&Slug, &VersionName),
    form: Form,
) -> Page {
    admins_only(signed)?;
    let person = &signed.person;
    let plan = engine.version_plan(person, slug, version).await?;
    page::send(&DeployPage {
        shell: Shell::customer(person, &signed.csrf, "deployments"),
        missing: engine.own_missing_images(person, &plan.version).await?,
        targets: engine.own_manageable_targets(person).await?,
        plan,
        form,
    })
}

async fn plan(
    request: HttpRequest,
    signed: SignedCustomer,
    asked: web::Query<Asked>,
    engine: web::Data<Engine>,
) -> Page {
    let (slug, version): (Slug, VersionName) = (part(&request, "slug")?, part(&request, "version")?);
    let form = Form::filled([("target", asked.into_inner().target), ("name", "Production".to_owned())]);
    deploy_page(&engine, &signed, (&slug, &version), form).await
}

async fn deploy(
    request: HttpRequest,
    signed: SignedCustomer,
    CustomerPosted(mut form): CustomerPosted,
    engine: web::Data<Engine>,
) -> Page {
    let (slug, version): (Slug, VersionName) = (part(&request, "slug")?, part(&request, "version")?);
    let (typed, values) = (form.read::<Typed>(&["name", "target"]), read_values(&mut form));
    if let (Some(Typed { name, target }), Some(values)) = (typed, values) {
        let new = NewDeployment { target, name, application: slug.clone(), version: version.clone(), values };
        match engine.deploy(&signed.person, new).await {
            Ok(made) => return Ok(page::go(format!("{PATH}/{}?done=ordered", made.id))),
            Err(error) => keep(&mut form, error)?,
        }
    }
    deploy_page(&engine, &signed, (&slug, &version), form).await
}

/// The name of a value's field.
const VALUE: &str = "value-";

/// The values that were typed; what was left empty is not set.
fn read_values(form: &mut Form) -> Option<Values> {
    let typed: BTreeMap<_, _> = form
        .entries()
        .filter_map(|(name, text)| Some((name.strip_prefix(VALUE)?.to_owned(), text.to_owned())))
        .filter(|(_, text)| !text.is_empty())
        // Browsers send line ends as they did in 1995.
        .map(|(name, text)| (name, text.replace("\r\n", "\n")))
        .collect();
    match Values::new(typed) {
        Ok(values) => Some(values),
        Err(faults) => {
            for (name, fault) in faults {
                form.refuse(&format!("{VALUE}{name}"), fault.message);
            }
            None
        }
    }
}

/// The field of a variable, as the form names it.
pub(crate) fn field(variable: &Variable) -> String {
    format!("{VALUE}{}", variable.name)
}

#[derive(Template)]
#[template(path = "customer/deployment.html")]
struct DeploymentPage {
    shell: Shell,
    shown: DeploymentView,
    status: DeploymentStatus,
    target_status: keyward_domain::deployment::TargetStatus,
    live: Option<Live>,
    may_write: bool,
    /// Whether an order can be given.
    takes_orders: bool,
    form: Form,
}

impl DeploymentPage {
    fn deployment(&self) -> &Deployment {
        &self.shown.row.deployment
    }
}

async fn show_with(
    request: &HttpRequest,
    engine: &Engine,
    signed: &SignedCustomer,
    id: DeploymentId,
    form: Form,
) -> Page {
    let person = &signed.person;
    let followed = engine.follow_own(person, LiveTopic::Deployment(id)).await?;
    let live = Live::of(engine, &followed, format!("/portal/live/deployments/{id}")).await?;
    let shown = engine.own_deployment(person, id).await?;
    let deployment = &shown.row.deployment;
    let removing = matches!(deployment.order, Order::Remove { .. });
    page::send(&DeploymentPage {
        shell: Shell::customer(person, &signed.csrf, "deployments").after(request.query_string()),
        status: deployment.status(),
        target_status: shown.row.target.status(engine.now()),
        takes_orders: deployment.ended_at.is_none() && !removing,
        live: Some(live),
        may_write: person.user.is_admin(),
        shown,
        form,
    })
}

async fn show(
    request: HttpRequest,
    signed: SignedCustomer,
    id: Id<DeploymentId>,
    engine: web::Data<Engine>,
) -> Page {
    show_with(&request, &engine, &signed, id.0, Form::EMPTY).await
}

#[derive(Template)]
#[template(path = "customer/deployment_change.html")]
struct ChangePage {
    shell: Shell,
    row: DeploymentRow,
    plan: VersionPlan,
    missing: Vec<MissingImage>,
    versions: Vec<String>,
    form: Form,
}

async fn change_page(
    engine: &Engine,
    signed: &SignedCustomer,
    id: DeploymentId,
    version: &str,
    form: Option<Form>,
) -> Page {
    admins_only(signed)?;
    let person = &signed.person;
    let row = engine.own_deployment(person, id).await?.row;
    let versions = engine.versions_for_own_deployment(person, &row.deployment).await?;
    let wanted = versions.iter().map(|version| &version.name).find(|name| name.as_str() == version);
    let present = versions.iter().map(|version| &version.name).find(|name| name.as_str() == row.version);
    let name = wanted.or(present).or(versions.first().map(|version| &version.name));
    let name = name.ok_or_else(|| Problem::new(Code::NotFound))?;
    let plan = engine.version_plan(person, &row.application.slug, name).await?;
    let form = form.unwrap_or_else(|| {
        let mut form = Form::filled([("version", row.deployment.version.to_string())]);
        for (name, text) in row.latest.values.iter() {
            form.set(&format!("{VALUE}{name}"), text.to_owned());
        }
        form
    });
    page::send(&ChangePage {
        shell: Shell::customer(person, &signed.csrf, "deployments"),
        missing: engine.own_missing_images(person, &plan.version).await?,
        versions: versions.iter().map(|version| version.name.to_string()).collect(),
        row,
        plan,
        form,
    })
}

async fn change_form(
    signed: SignedCustomer,
    id: Id<DeploymentId>,
    asked: web::Query<Asked>,
    engine: web::Data<Engine>,
) -> Page {
    change_page(&engine, &signed, id.0, &asked.version, None).await
}

async fn change(
    signed: SignedCustomer,
    id: Id<DeploymentId>,
    CustomerPosted(mut form): CustomerPosted,
    engine: web::Data<Engine>,
) -> Page {
    let seen = form.given("version").and_then(|version| version.parse().ok());
    let wanted = form.value("application_version").to_owned();
    let version =
        wanted.parse::<VersionName>().map_err(|fault| form.refuse("application_version", fault.message));
    if let (Ok(version), Some(values)) = (version, read_values(&mut form)) {
        let update = DeploymentChange { version: Some(version), values: Some(values) };
        match engine.revise_own_deployment(&signed.person, id.0, update, seen).await {
            Ok(_) => return Ok(page::go(format!("{PATH}/{}?done=ordered", id.0))),
            Err(error) => keep(&mut form, error)?,
        }
    }
    change_page(&engine, &signed, id.0, &wanted, Some(form)).await
}

/// A question about a deployment, of which the page above is the deployment's own.
fn asked_of(deployment: &Deployment, verb: &str) -> Question {
    let page = format!("{PATH}/{}", deployment.id);
    Question {
        crumbs: crumbs([("Deployments", PATH.to_owned()), (deployment.name.as_str(), page.clone())]),
        action: format!("{page}/{verb}"),
        back: page,
        ..Question::default()
    }
}

fn question(signed: &SignedCustomer, asked: Question, form: Form) -> Page {
    ask::send(Shell::customer(&signed.person, &signed.csrf, "deployments"), asked, form)
}

async fn roll_back_page(
    engine: &Engine,
    signed: &SignedCustomer,
    id: DeploymentId,
    number: u32,
    form: Form,
) -> Page {
    admins_only(signed)?;
    let row = engine.own_deployment(&signed.person, id).await?.row;
    let EarlierRevision { row: earlier, barred } = engine.own_revision(&signed.person, id, number).await?;
    let data = match &*barred {
        [] => "Data stays as it is. Whether the earlier version can read what the present one has written is for its vendor to say.".to_owned(),
        barred => {
            format!("Data stays as it is. {} says that there is no way back from {}: the earlier version may not be able to read the data. Restore a backup of that time first.", signed.person.organization.name, barred.join(", "))
        }
    };
    let asked = Question {
        title: format!("Go back to revision {number} of {}?", row.deployment.name),
        effects: vec![
            format!(
                "A new revision is ordered, with version {}, the values and the images of revision {number}.",
                earlier.version
            ),
            data,
            "If it does not become healthy, the agent brings back what is running now.".to_owned(),
        ],
        button: format!("Go back to revision {number}"),
        harmless: true,
        ..asked_of(&row.deployment, &format!("roll-back/{number}"))
    };
    question(signed, asked, form)
}

async fn ask_roll_back(
    request: HttpRequest,
    signed: SignedCustomer,
    id: Id<DeploymentId>,
    engine: web::Data<Engine>,
) -> Page {
    roll_back_page(&engine, &signed, id.0, number(&request)?, Form::EMPTY).await
}

fn number(request: &HttpRequest) -> Result<u32, PageError> {
    let number: String = part(request, "number")?;
    number.parse().map_err(|_| Problem::new(Code::NotFound).into())
}

async fn roll_back(
    request: HttpRequest,
    signed: SignedCustomer,
    id: Id<DeploymentId>,
    CustomerPosted(mut form): CustomerPosted,
    engine: web::Data<Engine>,
) -> Page {
    let number = number(&request)?;
    match engine.roll_back_own_deployment(&signed.person, id.0, number).await {
        Ok(_) => Ok(page::go(format!("{PATH}/{}?done=ordered", id.0))),
        Err(error) => {
            keep(&mut form, error)?;
            roll_back_page(&engine, &signed, id.0, number, form).await
        }
    }
}

async fn run(
    request: HttpRequest,
    signed: SignedCustomer,
    id: Id<DeploymentId>,
    CustomerPosted(mut form): CustomerPosted,
    engine: web::Data<Engine>,
) -> Page {
    match engine.run_own_deployment(&signed.person, id.0).await {
        Ok(_) => Ok(page::go(format!("{PATH}/{}?done=ordered", id.0))),
        Err(error) => {
            keep(&mut form, error)?;
            show_with(&request, &engine, &signed, id.0, form).await
        }
    }
}

async fn stop_page(engine: &Engine, signed: &SignedCustomer, id: DeploymentId, form: Form) -> Page {
    admins_only(signed)?;
    let row = engine.own_deployment(&signed.person, id).await?.row;
    let asked = Question {
        title: format!("Stop {}?", row.deployment.name),
        effects: vec![
            format!(
                "{} {} stops on {}: whoever uses it there finds it gone.",
                row.application.name, row.version, row.target.name
            ),
            "Its containers, data and values stay. You can start it again at any time.".to_owned(),
        ],
        button: format!("Stop {}", row.deployment.name),
        ..asked_of(&row.deployment, "stop")
    };
    question(signed, asked, form)
}

async fn ask_stop(signed: SignedCustomer, id: Id<DeploymentId>, engine: web::Data<Engine>) -> Page {
    stop_page(&engine, &signed, id.0, Form::EMPTY).await
}

async fn stop(
    signed: SignedCustomer,
    id: Id<DeploymentId>,
    CustomerPosted(mut form): CustomerPosted,
    engine: web::Data<Engine>,
) -> Page {
    match engine.stop_own_deployment(&signed.person, id.0).await {
        Ok(_) => Ok(page::go(format!("{PATH}/{}?done=ordered", id.0))),
        Err(error) => {
            keep(&mut form, error)?;
            stop_page(&engine, &signed, id.0, form).await
        }
    }
}

fn removal_page(signed: &SignedCustomer, deployment: &Deployment, form: Form) -> Page {
    let volumes = "All volumes of this deployment are deleted from the host, for ever".to_owned();
    let asked = Question {
        title: format!("Remove {}?", deployment.name),
        effects: vec![
            "All its containers and networks are removed from the host. This is not taken back.".to_owned(),
            "Its data (volumes) stays on the host, unless you say otherwise below.".to_owned(),
        ],
        button: format!("Remove {}", deployment.name),
        tick: Some(("volumes", "Delete its data too", volumes)),
        typed: Some(ask::Typed {
            name: "name",
            label: "To delete the data, type the name of the deployment",
            required: false,
        }),
        ..asked_of(deployment, "remove")
    };
    question(signed, asked, form)
}

async fn ask_remove(signed: SignedCustomer, id: Id<DeploymentId>, engine: web::Data<Engine>) -> Page {
    admins_only(&signed)?;
    let row = engine.own_deployment(&signed.person, id.0).await?.row;
    removal_page(&signed, &row.deployment, Form::EMPTY)
}

async fn remove(
    signed: SignedCustomer,
    id: Id<DeploymentId>,
    CustomerPosted(mut form): CustomerPosted,
    engine: web::Data<Engine>,
) -> Page {
    let volumes = if form.is("volumes", "true") { Volumes::Delete } else { Volumes::Keep };
    let typed = form.value("name").to_owned();
    match engine.remove_own_deployment(&signed.person, id.0, volumes, &typed).await {
        Ok(_) => Ok(page::go(format!("{PATH}/{}?done=ordered", id.0))),
        Err(error) => {
            keep(&mut form, error)?;
            let row = engine.own_deployment(&signed.person, id.0).await?.row;
            removal_page(&signed, &row.deployment, form)
        }
    }
}
