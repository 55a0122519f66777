//! Registries: hosts that container clients talk to.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadRegistries, WriteRegistries};
use keyward_domain::registry::{Credential, Host, Notifications, Registry, RepositoryName, Upstream};
use keyward_domain::{Name, RegistryId};
use keyward_engine::views::{RegistryRow, RegistryView};
use keyward_engine::{Engine, NewCredential, NewRegistry, RegistryChange};
use keyward_web::{Fields, Id, Request};

use crate::ask::{self, Question, Typed, crumbs};
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/registries", web::get().to(list))
        .route("/registries/new", web::get().to(new))
        .route("/registries/new", web::post().to(create))
        .route("/registries/{id}", web::get().to(show))
        .route("/registries/{id}/certificate.pem", web::get().to(certificate))
        .route("/registries/{id}/sweep", web::post().to(sweep))
        .route("/registries/{id}/settings", web::get().to(settings))
        .route("/registries/{id}/settings", web::post().to(save))
        .route("/registries/{id}/delete", web::get().to(ask_delete))
        .route("/registries/{id}/delete", web::post().to(delete));
}

struct Row {
    registry: Registry,
    address: String,
    /// How many of its keys are alive.
    keys: u64,
}

#[derive(Template)]
#[template(path = "console/registries.html")]
struct RegistriesPage {
    shell: Shell,
    rows: Vec<Row>,
    pages: Pages,
}

async fn list(request: HttpRequest, signed: Signed<ReadRegistries>, engine: web::Data<Engine>) -> Page {
    let paging = Paging::of(&request);
    let found = engine.registries_view(&signed.access, paging.request()).await?;
    let (found, pages) = paging.take(found);
    let row =
        |RegistryRow { registry, keys }| Row { address: engine.registry_address(&registry), keys, registry };
    let rows = found.into_iter().map(row).collect();
    let shell = Shell::vendor(&signed.person, &signed.csrf, "registries", engine.now());
    page::send(&RegistriesPage { shell: shell.after(request.query_string()), rows, pages })
}

#[derive(Template)]
#[template(path = "console/registry_new.html")]
struct NewRegistryPage {
    shell: Shell,
    form: Form,
}

async fn new(signed: Signed<WriteRegistries>, engine: web::Data<Engine>) -> Page {
    let shell = Shell::vendor(&signed.person, &signed.csrf, "registries", engine.now());
    page::send(&NewRegistryPage { shell, form: Form::filled([("credential", "token".to_owned())]) })
}

struct RegistryForm {
    name: Name,
    host: Option<Host>,
    upstream: Upstream,
    prefix: Option<RepositoryName>,
    service: Option<Host>,
}

impl Request for RegistryForm {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, host) = (fields.required("name"), fields.optional("host"));
        let (upstream, prefix) = (fields.required("upstream"), fields.optional("prefix"));
        // Read with the password it belongs to.
        let (_, service) = (fields.optional::<Name>("user"), fields.optional("service"));
        Some(Self { name: name?, host, upstream: upstream?, prefix, service })
    }
}

const FIELDS: [&str; 6] = ["name", "host", "upstream", "prefix", "user", "service"];

/// How the upstream is to know the gateway. A password that was left empty is refused, unless one is kept for the
/// same user: that is `Ok(None)`.
fn credential(form: &mut Form, kept: Option<&Credential>) -> Option<Option<NewCredential>> {
    match (form.value("credential"), form.value("user").parse().ok()) {
        ("basic", None) => {
            // What is no name was refused as such.
            if form.value("user").trim().is_empty() {
                form.refuse("user", "is required");
            }
            None
        }
        ("basic", Some(user)) if form.value("password").is_empty() => match kept {
            Some(Credential::Basic { user: known, .. }) if *known == user => Some(None),
            _ => {
                form.refuse("password", "is required");
                None
            }
        },
        ("basic", Some(user)) => {
            let password = form.value("password").to_owned().into();
            Some(Some(NewCredential::Basic { user, password }))
        }
        ("none", _) => Some(Some(NewCredential::None)),
        _ => Some(Some(NewCredential::Token)),
    }
}

async fn create(
    signed: Signed<WriteRegistries>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let (typed, credential) = (form.read::<RegistryForm>(&FIELDS), credential(&mut form, None));
    if let (Some(typed), Some(credential)) = (typed, credential) {
        let new = NewRegistry {
            name: typed.name,
            host: typed.host,
            upstream: typed.upstream,
            prefix: typed.prefix,
            credential: credential.unwrap_or(NewCredential::Token),
            service: typed.service,
            pass_redirects: form.is("pass_redirects", "true"),
            direct: form.is("direct", "true"),
        };
        match engine.create_registry(&signed.access, new, form.once()).await {
            Ok(done) => return Ok(page::go(format!("/registries/{}?done=saved", done.value.id))),
            Err(error) => form.keep(error)?,
        }
    }
    let shell = Shell::vendor(&signed.person, &signed.csrf, "registries", engine.now());
    page::send(&NewRegistryPage { shell, form: form.without(&["password"]) })
}

#[derive(Template)]
#[template(path = "console/registry.html")]
struct RegistryPage {
    shell: Shell,
    registry: Registry,
    tab: &'static str,
    address: String,
    keys: u64,
    artifacts: u64,
    certificate: String,
    configuration: String,
    notifications: Option<Notifications>,
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadRegistries>,
    id: Id<RegistryId>,
    engine: web::Data<Engine>,
) -> Page {
    let RegistryView { registry, keys, artifacts, notifications } =
        engine.registry_view(&signed.access, id.0).await?;
    let shell = Shell::vendor(&signed.person, &signed.csrf, "registries", engine.now());
    page::send(&RegistryPage {
        shell: shell.after(request.query_string()),
        tab: "overview",
        address: engine.registry_address(&registry),
        keys,
        artifacts,
        certificate: engine.registry_certificate(&registry),
        configuration: engine.upstream_configuration(&registry),
        notifications,
        registry,
    })
}

async fn certificate(signed: Signed<ReadRegistries>, id: Id<RegistryId>, engine: web::Data<Engine>) -> Page {
    let registry = engine.registry(&signed.access, id.0).await?;
    Ok(page::file("keyward.pem", "application/x-pem-file", engine.registry_certificate(&registry)))
}

async fn sweep(
    signed: Signed<WriteRegistries>,
    id: Id<RegistryId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    engine.sweep_registry(&signed.access, id.0).await?;
    Ok(page::go(format!("/registries/{}?done=swept", id.0)))
}

#[derive(Template)]
#[template(path = "console/registry_settings.html")]
struct SettingsPage {
    shell: Shell,
    registry: Registry,
    tab: &'static str,
    form: Form,
}

fn settings_page(
    engine: &Engine,
    signed: &Signed<impl keyward_domain::Grant>,
    registry: Registry,
    form: Option<Form>,
    query: &str,
) -> Page {
    let user = match &registry.credential {
        Credential::Basic { user, .. } => user.to_string(),
        Credential::Token | Credential::None => String::new(),
    };
    let filled = Form::filled([
        ("name", registry.name.to_string()),
        ("host", registry.host.to_string()),
        ("upstream", registry.upstream.to_string()),
        ("credential", registry.credential.as_str().to_owned()),
        ("user", user),
        ("service", registry.service.to_string()),
        ("pass_redirects", registry.pass_redirects.to_string()),
        ("direct", registry.direct.to_string()),
    ]);
    let shell = Shell::vendor(&signed.person, &signed.csrf, "registries", engine.now()).after(query);
    let form = form.map_or(filled.clone(), |form| form.without(&["password"]).over(filled));
    page::send(&SettingsPage { shell, registry, tab: "settings", form })
}

async fn settings(
    request: HttpRequest,
    signed: Signed<ReadRegistries>,
    id: Id<RegistryId>,
    engine: web::Data<Engine>,
) -> Page {
    let registry = engine.registry(&signed.access, id.0).await?;
    settings_page(&engine, &signed, registry, None, request.query_string())
}

async fn save(
    signed: Signed<WriteRegistries>,
    id: Id<RegistryId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let registry = engine.registry(&signed.access.also::<ReadRegistries>()?, id.0).await?;
    form.boxes(&["pass_redirects", "direct"]);
    let typed = form.read::<RegistryForm>(&["name", "host", "upstream", "user", "service"]);
    let credential = credential(&mut form, Some(&registry.credential));
    if let (Some(typed), Some(credential)) = (typed, credential) {
        let host = typed.host.unwrap_or_else(|| registry.host.clone());
        let change = RegistryChange {
            name: Some(typed.name),
            // As for a new registry, the service is called like the host where nothing else is said.
            service: Some(typed.service.unwrap_or_else(|| host.clone())),
            host: Some(host),
            upstream: Some(typed.upstream),
            credential,
            pass_redirects: Some(form.is("pass_redirects", "true")),
            direct: Some(form.is("direct", "true")),
        };
        match engine.update_registry(&signed.access, id.0, change, None).await {
            Ok(_) => return Ok(page::go(format!("/registries/{}/settings?done=saved", id.0))),
            Err(error) => form.keep(error)?,
        }
    }
    settings_page(&engine, &signed, registry, Some(form), "")
}

/// Asks before a registry is deleted.
async fn question(engine: &Engine, signed: &Signed<WriteRegistries>, id: RegistryId, form: Form) -> Page {
    let RegistryView { registry, keys, .. } =
        engine.registry_view(&signed.access.also::<ReadRegistries>()?, id).await?;
    let keys = match keys {
        0 => "It has no living API key.".to_owned(),
        1 => "Its one living API key is dead.".to_owned(),
        count => format!("Its {count} living API keys are dead."),
    };
    let page = format!("/registries/{id}");
    let asked = Question {
        crumbs: crumbs([("Registries", "/registries".to_owned()), (registry.name.as_str(), page.clone())]),
        title: format!("Delete {}?", registry.name),
        effects: vec![
            format!(
                "{} answers nobody from the very next request on: customers cannot pull there, and you cannot push.",
                engine.registry_address(&registry)
            ),
            keys,
            format!("What is in {} stays there.", registry.upstream),
            "This cannot be undone.".to_owned(),
        ],
        action: format!("{page}/delete"),
        button: "Delete registry".to_owned(),
        typed: Some(Typed::confirm("Type the registry’s name to confirm")),
        back: format!("{page}/settings"),
        ..Question::default()
    };
    ask::send(Shell::vendor(&signed.person, &signed.csrf, "registries", engine.now()), asked, form)
}

async fn ask_delete(signed: Signed<WriteRegistries>, id: Id<RegistryId>, engine: web::Data<Engine>) -> Page {
    question(&engine, &signed, id.0, Form::EMPTY).await
}

async fn delete(
    signed: Signed<WriteRegistries>,
    id: Id<RegistryId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let registry = engine.registry(&signed.access.also::<ReadRegistries>()?, id.0).await?;
    if form.value("confirm").trim() != registry.name.as_str() {
        form.refuse("confirm", "differs from the registry's name");
        return question(&engine, &signed, id.0, form).await;
    }
    engine.delete_registry(&signed.access, id.0, None).await?;
    Ok(page::go("/registries?done=removed"))
}
