//! Where the audit log is streamed to.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::audit_sink::{Pem, SinkHeader, SinkKind};
use keyward_domain::permission::{ReadAuditSinks, WriteAuditSinks};
use keyward_domain::{AuditSinkId, AuditSinkState, Feature, Name, SinkAddress};
use keyward_engine::Engine;
use keyward_engine::audit_sink::{AuditSinkChange, AuditSinkView, NewAuditSink};
use keyward_web::{Fields, Id, Request};

use crate::ask::{self, Question, crumbs};
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/audit/sinks", web::get().to(list))
        .route("/audit/sinks", web::post().to(create))
        .route("/audit/sinks/{id}", web::get().to(show))
        .route("/audit/sinks/{id}", web::post().to(update))
        .route("/audit/sinks/{id}/pause", web::post().to(pause))
        .route("/audit/sinks/{id}/resume", web::post().to(resume))
        .route("/audit/sinks/{id}/delete", web::get().to(ask_delete))
        .route("/audit/sinks/{id}/delete", web::post().to(delete));
}

#[derive(Template)]
#[template(path = "console/audit_sinks.html")]
struct SinksPage {
    shell: Shell,
    /// The plan, where it does not include the log.
    lacking: Option<&'static str>,
    sinks: Vec<AuditSinkView>,
    pages: Pages,
    form: Form,
}

#[derive(Template)]
#[template(path = "console/audit_sink.html")]
struct SinkPage {
    shell: Shell,
    shown: AuditSinkView,
    kind: &'static str,
    form: Form,
}

/// What is typed of a sink.
struct Typed {
    name: Name,
    address: SinkAddress,
    ca_certificates: Option<Pem>,
    client_certificate: Option<Pem>,
    client_key: Option<Pem>,
    skip_history: Option<bool>,
}

/// Its fields.
const FIELDS: [&str; 6] =
    ["name", "address", "ca_certificates", "client_certificate", "client_key", "skip_history"];

impl Request for Typed {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, address) = (fields.required("name"), fields.required("address"));
        let (ca, certificate) = (fields.optional("ca_certificates"), fields.optional("client_certificate"));
        let (client_key, skip_history) = (fields.optional("client_key"), fields.optional("skip_history"));
        Some(Self {
            name: name?,
            address: address?,
            ca_certificates: ca,
            client_certificate: certificate,
            client_key,
            skip_history,
        })
    }
}

/// All that the form says, if all of it can be read. Headers stand on a line each.
fn read(form: &mut Form) -> Option<NewAuditSink> {
    let typed = form.read::<Typed>(&FIELDS);
    let lines = form.given("headers").unwrap_or_default().lines().map(str::trim);
    let headers: Result<Vec<SinkHeader>, _> = lines.filter(|line| !line.is_empty()).map(str::parse).collect();
    let headers = match headers {
        Ok(headers) => Some(headers),
        Err(fault) => {
            form.refuse("headers", fault.message);
            None
        }
    };
    let Typed { name, address, ca_certificates, client_certificate, client_key, skip_history } = typed?;
    Some(NewAuditSink {
        name,
        address,
        ca_certificates,
        client_certificate,
        client_key,
        headers: headers?,
        skip_history: skip_history.unwrap_or_default(),
    })
}

async fn list_with(
    engine: &Engine,
    signed: &Signed<impl keyward_domain::Grant>,
    form: Form,
    query: &str,
) -> Page {
    let paging = Paging::at("/audit/sinks", query, "cursor", "");
    let lacking = signed.lacks(Feature::AuditLog, engine.now());
    let found = match lacking {
        Some(_) => keyward_domain::Page::new(Vec::new(), None),
        None => engine.audit_sinks(&signed.access.also::<ReadAuditSinks>()?, paging.request()).await?,
    };
    let (sinks, pages) = paging.take(found);
    page::send(&SinksPage {
        shell: Shell::vendor(&signed.person, &signed.csrf, "audit", engine.now()).after(query),
        lacking,
        sinks,
        pages,
        form,
    })
}

async fn list(request: HttpRequest, signed: Signed<ReadAuditSinks>, engine: web::Data<Engine>) -> Page {
    list_with(&engine, &signed, Form::EMPTY, request.query_string()).await
}

async fn create(
    signed: Signed<WriteAuditSinks>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    if let Some(new) = read(&mut form) {
        match engine.create_audit_sink(&signed.access, new, form.once()).await {
            Ok(made) => {
                return Ok(page::go(format!("/audit/sinks/{}?done=streaming", made.value.sink.id)));
            }
            Err(error) => form.keep(error)?,
        }
    }
    list_with(&engine, &signed, form, "").await
}

/// The form as a sink is. What is sealed is not shown, and stays if nothing is typed.
fn filled(shown: &AuditSinkView) -> Form {
    let sink = &shown.sink;
    Form::filled([
        ("name", sink.name.to_string()),
        ("address", sink.address.to_string()),
        (
            "ca_certificates",
            sink.ca_certificates.as_ref().map(|pem| pem.as_str().to_owned()).unwrap_or_default(),
        ),
        ("version", sink.version.to_string()),
    ])
}

async fn show_with(
    engine: &Engine,
    signed: &Signed<impl keyward_domain::Grant>,
    id: AuditSinkId,
    form: Option<Form>,
    query: &str,
) -> Page {
    let shown = engine.audit_sink(&signed.access.also::<ReadAuditSinks>()?, id).await?;
    page::send(&SinkPage {
        shell: Shell::vendor(&signed.person, &signed.csrf, "audit", engine.now()).after(query),
        kind: match shown.sink.address.kind() {
            SinkKind::Syslog => "Syslog over TLS",
            SinkKind::Otlp => "OTLP logs",
        },
        form: form.unwrap_or_else(|| filled(&shown)),
        shown,
    })
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadAuditSinks>,
    id: Id<AuditSinkId>,
    engine: web::Data<Engine>,
) -> Page {
    show_with(&engine, &signed, id.0, None, request.query_string()).await
}

async fn update(
    signed: Signed<WriteAuditSinks>,
    id: Id<AuditSinkId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let seen = form.given("version").and_then(|version| version.parse().ok());
    if let Some(new) = read(&mut form) {
        let ticked = |name: &str| form.given(name) == Some("true");
        let client = match (new.client_certificate, new.client_key) {
            (None, None) if ticked("remove_client") => (Some(None), Some(None)),
            (None, None) => (None, None),
            (certificate, key) => (Some(certificate), Some(key)),
        };
        let headers = (ticked("remove_headers") || !new.headers.is_empty()).then_some(new.headers);
        let update = AuditSinkChange {
            name: Some(new.name),
            address: Some(new.address),
            ca_certificates: Some(new.ca_certificates),
            client_certificate: client.0,
            client_key: client.1,
            headers,
        };
        match engine.update_audit_sink(&signed.access, id.0, update, seen).await {
            Ok(_) => return Ok(page::go(format!("/audit/sinks/{}?done=saved", id.0))),
            Err(error) => form.keep(error)?,
        }
    }
    show_with(&engine, &signed, id.0, Some(form), "").await
}

async fn pause(
    signed: Signed<WriteAuditSinks>,
    id: Id<AuditSinkId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    engine.pause_audit_sink(&signed.access, id.0).await?;
    Ok(page::go(format!("/audit/sinks/{}?done=held", id.0)))
}

async fn resume(
    signed: Signed<WriteAuditSinks>,
    id: Id<AuditSinkId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    engine.resume_audit_sink(&signed.access, id.0).await?;
    Ok(page::go(format!("/audit/sinks/{}?done=resumed", id.0)))
}

async fn ask_delete(signed: Signed<WriteAuditSinks>, id: Id<AuditSinkId>, engine: web::Data<Engine>) -> Page {
    let shown = engine.audit_sink(&signed.access.also::<ReadAuditSinks>()?, id.0).await?;
    let (sink, page) = (&shown.sink, format!("/audit/sinks/{}", id.0));
    let asked = Question {
        crumbs: crumbs([("Audit sinks", "/audit/sinks".to_owned()), (sink.name.as_str(), page.clone())]),
        title: format!("Delete {}?", sink.name),
        effects: vec![
            format!("{} gets no event any more. It has taken event {} of {}.", sink.address, shown.reached.seq, shown.last),
            "The log itself stays as it is.".to_owned(),
            "This cannot be undone: another sink to the same address begins anew. To hold events back for a while, pause it instead.".to_owned(),
        ],
        action: format!("{page}/delete"),
        button: "Delete sink".to_owned(),
        back: page,
        ..Question::default()
    };
    ask::send(Shell::vendor(&signed.person, &signed.csrf, "audit", engine.now()), asked, Form::EMPTY)
}

async fn delete(
    signed: Signed<WriteAuditSinks>,
    id: Id<AuditSinkId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    engine.delete_audit_sink(&signed.access, id.0, None).await?;
    Ok(page::go("/audit/sinks?done=removed"))
}
