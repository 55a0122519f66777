//! What customers may pull.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadCustomers, ReadEntitlements, ReadRegistries, WriteEntitlements};
use keyward_domain::registry::{Artifact, ArtifactEntitlement, ArtifactGrant, Tag, TagGrant};
use keyward_domain::{Access, ArtifactEntitlementId, ArtifactId, Customer, CustomerId, Notes};
use keyward_engine::{
    Engine, EntitledLicense, EntitlementChange, Error, Named, NewEntitlement, NewGrant, Preview, TagChoice,
};
use keyward_web::{Fields, Id, Request};

use super::reach::{Effects, named};
use super::registry_activity::called;
use super::{Listing, choose};
use crate::ask::{self, Question, crumbs};
use crate::error_page::PageError;
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/artifact-entitlements/new", web::get().to(choose_customer))
        .route("/customers/{id}/grant-artifacts", web::get().to(new))
        .route("/customers/{id}/grant-artifacts", web::post().to(create))
        .route("/artifact-entitlements/{id}", web::get().to(show))
        .route("/artifact-entitlements/{id}", web::post().to(save))
        .route("/artifact-entitlements/{id}/end", web::get().to(ending))
        .route("/artifact-entitlements/{id}/end", web::post().to(end));
}

/// Who is to be granted artifacts.
async fn choose_customer(
    request: HttpRequest,
    signed: Signed<WriteEntitlements>,
    listing: web::Query<Listing>,
    engine: web::Data<Engine>,
) -> Page {
    let asked = choose::Customers {
        title: "Who is to pull artifacts?",
        active: "licenses",
        crumbs: vec![("Licenses".to_owned(), "/licenses".to_owned())],
        other: None,
        href: &|id| format!("/customers/{id}/grant-artifacts"),
    };
    choose::customer(&engine, &signed, &request, &listing, asked).await
}

/// An entitlement as a customer's page lists it.
pub(crate) struct Row {
    /// Its id.
    pub id: ArtifactEntitlementId,
    /// The vendor's remark.
    pub note: String,
    /// What is granted of each artifact.
    pub grants: Vec<Granted>,
}

/// What an entitlement grants of one artifact.
pub(crate) struct Granted {
    /// Which.
    pub artifact: String,
    /// Which tags, in a few words.
    pub tags: String,
    /// What the customer can pull of it, where that is something else.
    pub beyond: Option<String>,
}

/// A customer's entitlements, with the names of all in them.
pub(crate) fn rows(
    held: &[ArtifactEntitlement],
    effects: BTreeMap<ArtifactId, (Artifact, Vec<EntitledLicense>)>,
) -> Vec<Row> {
    let name = |artifact: &Artifact| Named { name: artifact.repository.to_string(), deleted: false };
    let names = effects.iter().map(|(id, (artifact, _))| (*id, name(artifact))).collect();
    let effects: BTreeMap<_, _> = effects.into_iter().map(|(id, (_, opened))| (id, opened)).collect();
    let effects = Effects::from(effects);
    held.iter().map(|entitlement| row(&names, Some(&effects), entitlement)).collect()
}

fn row(
    names: &BTreeMap<ArtifactId, Named>,
    effects: Option<&Effects>,
    entitlement: &ArtifactEntitlement,
) -> Row {
    let grant = |grant: &ArtifactGrant| Granted {
        artifact: called(names.get(&grant.artifact)),
        tags: described(&grant.tags),
        beyond: effects.and_then(|effects| effects.beyond(grant)),
    };
    let note = entitlement.description.as_ref().map(ToString::to_string).unwrap_or_default();
    Row { id: entitlement.id, note, grants: entitlement.grants.iter().map(grant).collect() }
}

/// Which tags are granted, in a few words.
fn described(tags: &TagGrant) -> String {
    match tags {
        TagGrant::All => "all current and future tags".to_owned(),
        TagGrant::Current(tags) => format!("the {} tags of when it was granted", tags.len()),
        TagGrant::Named(tags) => named(tags),
    }
}

/// The most artifacts that a form shows.
const MOST_SHOWN: u32 = 20;

/// The most artifacts that are read of a form: as many as one entitlement may name.
const MOST_CHOICES: usize = 200;

/// The most tags of each that are shown as boxes, the latest; others are typed.
const MOST_TAGS: usize = 200;

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

/// These artifacts, each as the form says or, before it was sent, as it is held. A form says something of those
/// artifacts alone that it showed.
async fn choices(
    engine: &Engine,
    readers: &Access<ReadRegistries>,
    artifacts: Vec<Artifact>,
    held: &[ArtifactGrant],
    form: Option<&Form>,
) -> Result<Vec<Choice>, PageError> {
    let ids: Vec<_> = artifacts.iter().map(|artifact| artifact.id).collect();
    let registries = engine.registry_names(readers, artifacts.iter().map(|one| one.registry)).await?;
    let mut tags = engine.tags_of_artifacts(readers, &ids).await?;
    let choice = |artifact: Artifact| {
        let id = artifact.id;
        let mut tags = tags.remove(&id).unwrap_or_default();
        tags.retain(|tag| tag.subject().is_none());
        tags.truncate(MOST_TAGS);
        // What was ticked stays listed, though newer tags may have taken its place meanwhile.
        let ticked = form.map(|form| ticked(form, id)).unwrap_or_default();
        tags.extend(ticked.iter().filter(|tag| !tags.contains(tag)).cloned().collect::<Vec<_>>());
        tags.sort();
        let grant = held.iter().find(|grant| grant.artifact == id).map(|grant| &grant.tags);
        let kept = match grant {
            Some(TagGrant::Current(tags)) => Some(tags.len()),
            _ => None,
        };
        let held = before(grant, &tags);
        let (mode, checked, more) = match form {
            Some(form) => {
                let value = |name: &str| form.value(&format!("{name}-{id}")).to_owned();
                (value("mode"), ticked, value("more"))
            }
            None => held.clone(),
        };
        let chosen = !checked.is_empty() || !more.trim().is_empty();
        let touched = chosen && (&checked, more.trim()) != (&held.1, held.2.as_str());
        let registry = called(registries.get(&artifact.registry));
        let repository = artifact.repository.to_string();
        Choice { id, repository, registry, mode, kept, tags, checked, more, touched }
    };
    Ok(artifacts.into_iter().map(choice).collect())
}

/// The tags of an artifact whose boxes are ticked.
fn ticked(form: &Form, id: ArtifactId) -> BTreeSet<Tag> {
    let prefix = format!("tag-{id}-");
    let boxes = form.entries().filter(|(_, value)| *value == "true");
    boxes.filter_map(|(name, _)| name.strip_prefix(&prefix)?.parse().ok()).take(MOST_TAGS).collect()
}

/// The artifacts that a form which was sent has shown.
async fn shown(
    engine: &Engine,
    readers: &Access<ReadRegistries>,
    form: &Form,
) -> Result<Vec<Artifact>, PageError> {
    let of = |(name, _): (&str, &str)| -> Option<ArtifactId> {
        let rest = ["mode-", "tag-", "more-"].iter().find_map(|kind| name.strip_prefix(kind))?;
        rest.get(..36)?.parse().ok()
    };
    let ids: BTreeSet<_> = form.entries().filter_map(of).collect();
    let ids: Vec<_> = ids.into_iter().take(MOST_CHOICES).collect();
    Ok(engine.artifacts_among(readers, &ids).await?)
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

/// What the choices come to, beside what is held of artifacts that are not among them; faults stay in the form.
fn grants(choices: &[Choice], held: &[ArtifactGrant], form: &mut Form) -> Option<Vec<NewGrant>> {
    let kept = held.iter().filter(|grant| choices.iter().all(|choice| choice.id != grant.artifact));
    let mut grants: Vec<_> =
        kept.map(|grant| NewGrant { artifact: grant.artifact, tags: TagChoice::Same }).collect();
    let mut fits = true;
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
#[template(path = "console/artifact_entitlement.html")]
struct EntitlementPage {
    shell: Shell,
    customer: Customer,
    /// `None` for a new one.
    entitlement: Option<ArtifactEntitlement>,
    /// All that is granted, also where the form does not show it.
    granted: Vec<Granted>,
    choices: Vec<Choice>,
    /// Whether all artifacts are shown, and not those that are granted.
    further: bool,
    /// The page's own address.
    path: String,
    q: String,
    pages: Pages,
    form: Form,
}

/// What the form shows.
struct Shown {
    artifacts: Vec<Artifact>,
    /// Whether the form was sent, and is shown as it was.
    sent: bool,
    further: bool,
    q: String,
    pages: Pages,
}

/// Which artifacts are wanted: those that are granted, or the further ones that a search finds.
#[derive(Debug, Default, serde::Deserialize)]
struct Query {
    #[serde(default)]
    q: String,
    #[serde(default)]
    further: String,
}

impl Shown {
    /// What a form showed that is shown again.
    async fn again(
        engine: &Engine,
        readers: &Access<ReadRegistries>,
        mut artifacts: Vec<Artifact>,
        request: &HttpRequest,
    ) -> Result<Self, PageError> {
        if artifacts.is_empty() {
            artifacts = Self::wanted(engine, readers, &[], request).await?.artifacts;
        }
        Ok(Self { artifacts, sent: true, further: true, q: String::new(), pages: Pages::default() })
    }

    /// What the address asks for.
    async fn wanted(
        engine: &Engine,
        readers: &Access<ReadRegistries>,
        held: &[ArtifactGrant],
        request: &HttpRequest,
    ) -> Result<Self, PageError> {
        let wanted = web::Query::<Query>::from_query(request.query_string());
        let Query { q, further } = wanted.map(web::Query::into_inner).unwrap_or_default();
        let (paging, text) = (Paging::of(request), q.trim());
        let further = held.is_empty() || !further.is_empty() || !text.is_empty();
        let (artifacts, pages) = if further {
            let text = Some(text).filter(|text| !text.is_empty() && !text.contains('\0'));
            paging.take(engine.artifacts(readers, None, text, paging.request_of(MOST_SHOWN)).await?)
        } else {
            let ids: Vec<_> = held.iter().map(|grant| grant.artifact).collect();
            let held = engine.artifacts_among(readers, &ids).await?;
            paging.take(paging.request_of(MOST_SHOWN).of_all(&held, |artifact| artifact.id.uuid()))
        };
        Ok(Self { artifacts, sent: false, further, q, pages })
    }
}

impl EntitlementPage {
    async fn send(
        engine: &Engine,
        signed: &Signed<impl keyward_domain::Grant>,
        customer: CustomerId,
        entitlement: Option<ArtifactEntitlement>,
        shown: Shown,
        form: Form,
    ) -> Page {
        let readers = signed.access.also::<ReadRegistries>()?;
        let customer = engine.customer(&signed.access.also::<ReadCustomers>()?, customer).await?;
        let held = entitlement.as_ref().map(|held| held.grants.as_slice()).unwrap_or_default();
        let sent = shown.sent.then_some(&form);
        let choices = choices(engine, &readers, shown.artifacts, held, sent).await?;
        let names = engine.artifact_names(&readers, held.iter().map(|grant| grant.artifact)).await?;
        let pulls = engine.customer_pulls(&signed.access.also()?, customer.id).await?;
        let effects = Effects::of(engine, &pulls, held.iter()).await?;
        let granted = entitlement.as_ref().map(|held| row(&names, Some(&effects), held).grants);
        let granted = granted.unwrap_or_default();
        let path = match &entitlement {
            Some(held) => format!("/artifact-entitlements/{}", held.id),
            None => format!("/customers/{}/grant-artifacts", customer.id),
        };
        let shell = Shell::vendor(&signed.person, &signed.csrf, "customers", engine.now());
        let (further, q, pages) = (shown.further, shown.q, shown.pages);
        page::send(&Self { shell, customer, entitlement, granted, choices, further, path, q, pages, form })
    }
}

async fn new(
    request: HttpRequest,
    signed: Signed<WriteEntitlements>,
    id: Id<CustomerId>,
    engine: web::Data<Engine>,
) -> Page {
    let readers = signed.access.also::<ReadRegistries>()?;
    let shown = Shown::wanted(&engine, &readers, &[], &request).await?;
    EntitlementPage::send(&engine, &signed, id.0, None, shown, Form::default()).await
}

/// Asks before a first entitlement closes the registries to others.
#[derive(Template)]
#[template(path = "console/artifact_entitlement_preview.html")]
struct PreviewPage {
    shell: Shell,
    customer: Customer,
    preview: Preview,
    grants: Vec<(String, String)>,
    form: Form,
}

async fn create(
    request: HttpRequest,
    signed: Signed<WriteEntitlements>,
    id: Id<CustomerId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let readers = signed.access.also::<ReadRegistries>()?;
    let artifacts = shown(&engine, &readers, &form).await?;
    let choices = choices(&engine, &readers, artifacts.clone(), &[], Some(&form)).await?;
    let granted = grants(&choices, &[], &mut form);
    if let (Some(Noted { note }), Some(grants)) = (form.read::<Noted>(&["note"]), granted) {
        let close = form.is("close", "true");
        let new = NewEntitlement { customer: id.0, description: note, grants, close };
        match engine.create_artifact_entitlement(&signed.access, new.clone(), form.once()).await {
            Ok(_) => return Ok(page::go(format!("/customers/{}/access?done=entitled#artifacts", id.0))),
            Err(Error::WouldClose { .. }) => return preview(&engine, &signed, new, &choices, form).await,
            Err(error) => form.keep(error)?,
        }
    }
    let shown = Shown::again(&engine, &readers, artifacts, &request).await?;
    EntitlementPage::send(&engine, &signed, id.0, None, shown, form).await
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
        (name, described(&grant.tags))
    };
    let shell = Shell::vendor(&signed.person, &signed.csrf, "customers", engine.now());
    let grants = preview.grants.iter().map(named).collect();
    page::send(&PreviewPage { shell, customer, preview, grants, form: form.without(&["close"]) })
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadEntitlements>,
    id: Id<ArtifactEntitlementId>,
    engine: web::Data<Engine>,
) -> Page {
    let held = engine.artifact_entitlement(&signed.access, id.0).await?;
    let readers = signed.access.also::<ReadRegistries>()?;
    let shown = Shown::wanted(&engine, &readers, &held.grants, &request).await?;
    let note = held.description.as_ref().map(ToString::to_string).unwrap_or_default();
    let form = Form::filled([("note", note)]);
    EntitlementPage::send(&engine, &signed, held.customer, Some(held), shown, form).await
}

async fn save(
    request: HttpRequest,
    signed: Signed<WriteEntitlements>,
    id: Id<ArtifactEntitlementId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let held = engine.artifact_entitlement(&signed.access.also()?, id.0).await?;
    let readers = signed.access.also::<ReadRegistries>()?;
    let artifacts = shown(&engine, &readers, &form).await?;
    let choices = choices(&engine, &readers, artifacts.clone(), &held.grants, Some(&form)).await?;
    let granted = grants(&choices, &held.grants, &mut form);
    if let (Some(Noted { note }), Some(grants)) = (form.read::<Noted>(&["note"]), granted) {
        let change = EntitlementChange { description: Some(note), grants: Some(grants) };
        // What the form does not show stays as it was when the form was made, or nothing is changed.
        let expected = form.value("version").parse().unwrap_or_default();
        match engine.update_artifact_entitlement(&signed.access, id.0, change, Some(expected)).await {
            Ok(_) => {
                return Ok(page::go(format!("/customers/{}/access?done=entitled#artifacts", held.customer)));
            }
            Err(error) => form.keep(error)?,
        }
    }
    let shown = Shown::again(&engine, &readers, artifacts, &request).await?;
    EntitlementPage::send(&engine, &signed, held.customer, Some(held), shown, form).await
}

/// Asks before an entitlement is ended.
async fn ending(
    signed: Signed<WriteEntitlements>,
    id: Id<ArtifactEntitlementId>,
    engine: web::Data<Engine>,
) -> Page {
    let held = engine.artifact_entitlement(&signed.access.also()?, id.0).await?;
    let customer = engine.customer(&signed.access.also::<ReadCustomers>()?, held.customer).await?;
    let ids = held.grants.iter().map(|grant| grant.artifact);
    let names = engine.artifact_names(&signed.access.also::<ReadRegistries>()?, ids).await?;
    let granted = row(&names, None, &held).grants.into_iter();
    let granted = granted
        .map(|grant| format!("{} may no longer pull {}: {}.", customer.name, grant.artifact, grant.tags));
    let always = [
        "It holds from the very next pull on, unless another entitlement or a pull role opens the same.",
        "What was pulled before stays with the customer.",
        "The registries stay closed to others, even if it is the last entitlement.",
    ];
    let page = format!("/customers/{}", customer.id);
    let asked = Question {
        crumbs: crumbs([
            ("Customers", "/customers".to_owned()),
            (customer.name.as_str(), format!("{page}/access#artifacts")),
        ]),
        title: "End this entitlement?".to_owned(),
        effects: granted.chain(always.map(str::to_owned)).collect(),
        action: format!("/artifact-entitlements/{}/end", held.id),
        button: "End the entitlement".to_owned(),
        back: format!("{page}/access#artifacts"),
        ..Question::default()
    };
    ask::send(Shell::vendor(&signed.person, &signed.csrf, "customers", engine.now()), asked, Form::EMPTY)
}

async fn end(
    signed: Signed<WriteEntitlements>,
    id: Id<ArtifactEntitlementId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    let held = engine.artifact_entitlement(&signed.access.also()?, id.0).await?;
    engine.delete_artifact_entitlement(&signed.access, id.0, None).await?;
    Ok(page::go(format!("/customers/{}/access?done=unentitled#artifacts", held.customer)))
}
