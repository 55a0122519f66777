//! What customers may pull.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadCustomers, ReadEntitlements, ReadRegistries, WriteEntitlements};
use keyward_domain::registry::{ArtifactEntitlement, ArtifactGrant, Tag, TagGrant};
use keyward_domain::{Access, ArtifactEntitlementId, ArtifactId, Customer, CustomerId, Notes};
use keyward_engine::{Engine, EntitlementChange, Error, NewEntitlement, NewGrant, Preview, TagChoice};
use keyward_web::{Fields, Id, Request};

use super::Listing;
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::signed::Signed;
use crate::trouble::Trouble;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/customers/{id}/grant-artifacts", web::get().to(new))
        .route("/customers/{id}/grant-artifacts", web::post().to(create))
        .route("/artifact-entitlements/{id}", web::get().to(show))
        .route("/artifact-entitlements/{id}", web::post().to(save))
        .route("/artifact-entitlements/{id}/end", web::get().to(ending))
        .route("/artifact-entitlements/{id}/end", web::post().to(end));
}

/// An entitlement as a customer's page lists it.
pub(crate) struct Row {
    /// Its id.
    pub id: ArtifactEntitlementId,
    /// The vendor's remark.
    pub note: String,
    /// Each artifact with what is granted of it.
    pub grants: Vec<(String, String)>,
}

/// A customer's entitlements, with the names of all in them.
pub(crate) async fn rows(
    engine: &Engine,
    access: &Access<ReadEntitlements>,
    customer: CustomerId,
) -> Result<Vec<Row>, Trouble> {
    let held = engine.artifact_entitlements(access, Some(customer), Listing::whole()).await?.items;
    let readers = access.also::<ReadRegistries>()?;
    let mut rows = Vec::new();
    for entitlement in held {
        rows.push(row(engine, &readers, entitlement).await);
    }
    Ok(rows)
}

async fn row(engine: &Engine, readers: &Access<ReadRegistries>, entitlement: ArtifactEntitlement) -> Row {
    let mut grants = Vec::new();
    for grant in &entitlement.grants {
        let artifact = engine.artifact(readers, grant.artifact).await;
        let name = artifact.map_or_else(|_| "deleted".to_owned(), |artifact| artifact.repository.to_string());
        grants.push((name, told(&grant.tags)));
    }
    let note = entitlement.description.as_ref().map(ToString::to_string).unwrap_or_default();
    Row { id: entitlement.id, note, grants }
}

/// Which tags are granted, in a few words.
fn told(tags: &TagGrant) -> String {
    const MOST: usize = 5;
    match tags {
        TagGrant::All => "all current and future tags".to_owned(),
        TagGrant::Current(tags) => format!("the {} tags of when it was granted", tags.len()),
        TagGrant::Named(tags) => {
            let mut text = tags.iter().take(MOST).map(Tag::as_str).collect::<Vec<_>>().join(", ");
            if tags.len() > MOST {
                text.push_str(&format!(" and {} more", tags.len() - MOST));
            }
            text
        }
    }
}

/// One artifact of the form.
struct Choice {
    id: ArtifactId,
    repository: String,
    registry: String,
    /// The chosen mode; empty for not granted.
    mode: String,
    /// How many tags are granted of when it was granted, where that can be kept.
    kept: Option<usize>,
    tags: Vec<Tag>,
    checked: BTreeSet<Tag>,
    /// Further tags, as typed.
    more: String,
    /// Whether tags were chosen that are not just those that are held.
    touched: bool,
}

/// What can be granted, as the form says or, before it was sent, as it is held.
async fn choices(
    engine: &Engine,
    readers: &Access<ReadRegistries>,
    held: &[ArtifactGrant],
    form: &Form,
    sent: bool,
) -> Result<Vec<Choice>, Trouble> {
    let mut choices = Vec::new();
    for registry in engine.registries(readers, Listing::whole()).await?.items {
        for artifact in engine.artifacts(readers, Some(registry.id), None, Listing::whole()).await?.items {
            let id = artifact.id;
            let tags: Vec<Tag> = engine.artifact_tag_names(readers, id).await?;
            let tags: Vec<Tag> = tags.into_iter().filter(|tag| tag.subject().is_none()).collect();
            let grant = held.iter().find(|grant| grant.artifact == id).map(|grant| &grant.tags);
            let kept = match grant {
                Some(TagGrant::Current(tags)) => Some(tags.len()),
                _ => None,
            };
            let held = before(grant, &tags);
            let (mode, checked, more) = if sent {
                let checked = tags.iter().filter(|tag| form.is_checked(&format!("tag-{id}"), tag.as_str()));
                let value = |name: &str| form.value(&format!("{name}-{id}")).to_owned();
                (value("mode"), checked.cloned().collect(), value("more"))
            } else {
                held.clone()
            };
            let chosen = !checked.is_empty() || !more.trim().is_empty();
            let touched = chosen && (&checked, more.trim()) != (&held.1, held.2.as_str());
            let (repository, registry) = (artifact.repository.to_string(), registry.name.to_string());
            choices.push(Choice { id, repository, registry, mode, kept, tags, checked, more, touched });
        }
    }
    Ok(choices)
}

/// What the form holds of a grant before anything is changed.
fn before(grant: Option<&TagGrant>, tags: &[Tag]) -> (String, BTreeSet<Tag>, String) {
    match grant {
        None => (String::new(), BTreeSet::new(), String::new()),
        Some(TagGrant::All) => ("all".to_owned(), BTreeSet::new(), String::new()),
        Some(TagGrant::Current(_)) => ("same".to_owned(), BTreeSet::new(), String::new()),
        Some(TagGrant::Named(named)) => {
            let gone: Vec<_> = named.iter().filter(|tag| !tags.contains(tag)).map(Tag::as_str).collect();
            let there = named.iter().filter(|tag| tags.contains(tag)).cloned().collect();
            ("named".to_owned(), there, gone.join(", "))
        }
    }
}

/// What the choices come to; faults stay in the form.
fn grants(choices: &[Choice], form: &mut Form) -> Option<Vec<NewGrant>> {
    let (mut grants, mut fits) = (Vec::new(), true);
    for choice in choices {
        let tags = match choice.mode.as_str() {
            "all" => TagChoice::All,
            "current" => TagChoice::Current,
            "same" => TagChoice::Same,
            "named" => {
                let more = choice.more.split([',', ' ']).map(str::trim).filter(|text| !text.is_empty());
                let more = more.map(str::parse::<Tag>).collect::<Result<BTreeSet<_>, _>>();
                match more {
                    Ok(more) => {
                        let tags: BTreeSet<_> = choice.checked.iter().cloned().chain(more).collect();
                        if tags.is_empty() {
                            form.refuse("", format!("{}: choose at least one tag", choice.repository));
                            fits = false;
                        }
                        TagChoice::Named(tags)
                    }
                    Err(fault) => {
                        form.refuse("", format!("{}: a tag {}", choice.repository, fault.message));
                        fits = false;
                        continue;
                    }
                }
            }
            // To take back what is held, nobody has to untick it first.
            _ if choice.touched => {
                let fault = format!("{}: choose “Specific tags” for the chosen tags", choice.repository);
                form.refuse(&format!("mode-{}", choice.id), fault);
                fits = false;
                continue;
            }
            _ => continue,
        };
        grants.push(NewGrant { artifact: choice.id, tags });
    }
    if fits && grants.is_empty() {
        form.refuse("", "Choose at least one artifact.");
        fits = false;
    }
    fits.then_some(grants)
}

struct Noted {
    note: Option<Notes>,
}

impl Request for Noted {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { note: fields.optional("note") })
    }
}

#[derive(Template)]
#[template(path = "vendor/artifact_entitlement.html")]
struct EntitlementPage {
    shell: Shell,
    customer: Customer,
    /// `None` for a new one.
    entitlement: Option<ArtifactEntitlement>,
    choices: Vec<Choice>,
    form: Form,
}

impl EntitlementPage {
    async fn send(
        engine: &Engine,
        signed: &Signed<impl keyward_domain::Grant>,
        customer: CustomerId,
        entitlement: Option<ArtifactEntitlement>,
        choices: Vec<Choice>,
        form: Form,
    ) -> Page {
        let customer = engine.customer(&signed.access.also::<ReadCustomers>()?, customer).await?;
        let shell = Shell::vendor(&signed.visit, &signed.csrf, "customers", engine.now());
        page::send(&Self { shell, customer, entitlement, choices, form })
    }
}

async fn new(signed: Signed<WriteEntitlements>, id: Id<CustomerId>, engine: web::Data<Engine>) -> Page {
    let readers = signed.access.also::<ReadRegistries>()?;
    let choices = choices(&engine, &readers, &[], &Form::EMPTY, false).await?;
    EntitlementPage::send(&engine, &signed, id.0, None, choices, Form::default()).await
}

/// Asks before a first entitlement closes the registries to others.
#[derive(Template)]
#[template(path = "vendor/artifact_entitlement_preview.html")]
struct PreviewPage {
    shell: Shell,
    customer: Customer,
    preview: Preview,
    grants: Vec<(String, String)>,
    form: Form,
}

async fn create(
    signed: Signed<WriteEntitlements>,
    id: Id<CustomerId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let readers = signed.access.also::<ReadRegistries>()?;
    let choices = choices(&engine, &readers, &[], &form, true).await?;
    let granted = grants(&choices, &mut form);
    if let (Some(Noted { note }), Some(grants)) = (form.read::<Noted>(&["note"]), granted) {
        let close = form.is("close", "true");
        let new = NewEntitlement { customer: id.0, description: note, grants, close };
        match engine.create_artifact_entitlement(&signed.access, new.clone(), form.once()).await {
            Ok(_) => return Ok(page::go(format!("/customers/{}?done=entitled#artifacts", id.0))),
            Err(Error::WouldClose { .. }) => return preview(&engine, &signed, new, &choices, form).await,
            Err(error) => form.keep(error)?,
        }
    }
    EntitlementPage::send(&engine, &signed, id.0, None, choices, form).await
}

async fn preview(
    engine: &Engine,
    signed: &Signed<WriteEntitlements>,
    new: NewEntitlement,
    choices: &[Choice],
    form: Form,
) -> Page {
    let customer = engine.customer(&signed.access.also::<ReadCustomers>()?, new.customer).await?;
    let preview = engine.preview_artifact_entitlement(&signed.access.also()?, &new).await?;
    let names: BTreeMap<_, _> = choices.iter().map(|choice| (choice.id, &choice.repository)).collect();
    let named = |grant: &ArtifactGrant| {
        let name = names.get(&grant.artifact).map(|name| (*name).clone()).unwrap_or_default();
        (name, told(&grant.tags))
    };
    let shell = Shell::vendor(&signed.visit, &signed.csrf, "customers", engine.now());
    let grants = preview.grants.iter().map(named).collect();
    page::send(&PreviewPage { shell, customer, preview, grants, form: form.without(&["close"]) })
}

async fn show(
    _: HttpRequest,
    signed: Signed<ReadEntitlements>,
    id: Id<ArtifactEntitlementId>,
    engine: web::Data<Engine>,
) -> Page {
    let held = engine.artifact_entitlement(&signed.access, id.0).await?;
    let readers = signed.access.also::<ReadRegistries>()?;
    let choices = choices(&engine, &readers, &held.grants, &Form::EMPTY, false).await?;
    let note = held.description.as_ref().map(ToString::to_string).unwrap_or_default();
    let form = Form::filled([("note", note)]);
    EntitlementPage::send(&engine, &signed, held.customer, Some(held), choices, form).await
}

async fn save(
    signed: Signed<WriteEntitlements>,
    id: Id<ArtifactEntitlementId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let held = engine.artifact_entitlement(&signed.access.also()?, id.0).await?;
    let readers = signed.access.also::<ReadRegistries>()?;
    let choices = choices(&engine, &readers, &held.grants, &form, true).await?;
    let granted = grants(&choices, &mut form);
    if let (Some(Noted { note }), Some(grants)) = (form.read::<Noted>(&["note"]), granted) {
        let change = EntitlementChange { description: Some(note), grants: Some(grants) };
        match engine.update_artifact_entitlement(&signed.access, id.0, change, None).await {
            Ok(_) => return Ok(page::go(format!("/customers/{}?done=entitled#artifacts", held.customer))),
            Err(error) => form.keep(error)?,
        }
    }
    EntitlementPage::send(&engine, &signed, held.customer, Some(held), choices, form).await
}

/// Asks before an entitlement is ended.
#[derive(Template)]
#[template(path = "vendor/artifact_entitlement_end.html")]
struct EndPage {
    shell: Shell,
    customer: Customer,
    row: Row,
}

async fn ending(
    signed: Signed<WriteEntitlements>,
    id: Id<ArtifactEntitlementId>,
    engine: web::Data<Engine>,
) -> Page {
    let held = engine.artifact_entitlement(&signed.access.also()?, id.0).await?;
    let customer = engine.customer(&signed.access.also::<ReadCustomers>()?, held.customer).await?;
    let row = row(&engine, &signed.access.also()?, held).await;
    let shell = Shell::vendor(&signed.visit, &signed.csrf, "customers", engine.now());
    page::send(&EndPage { shell, customer, row })
}

async fn end(
    signed: Signed<WriteEntitlements>,
    id: Id<ArtifactEntitlementId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    let held = engine.artifact_entitlement(&signed.access.also()?, id.0).await?;
    engine.delete_artifact_entitlement(&signed.access, id.0, None).await?;
    Ok(page::go(format!("/customers/{}?done=unentitled#artifacts", held.customer)))
}
