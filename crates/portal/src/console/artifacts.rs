//! What is in a registry: its repositories, their tags, and what these pointed to.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadRegistries, WriteRegistries};
use keyward_domain::registry::{Artifact, Digest, Registry, RepositoryName, Tag};
use keyward_domain::{ArtifactId, RegistryId};
use keyward_engine::{Engine, NewArtifact, Pointing, TagDetail};
use keyward_web::{Code, Fields, Id, Problem, Request};

use super::Listing;
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/registries/{id}/artifacts", web::get().to(list))
        .route("/registries/{id}/artifacts", web::post().to(create))
        .route("/artifacts/{id}", web::get().to(show))
        .route("/artifacts/{id}/history", web::get().to(history));
}

/// The beginning of a digest, for tables.
pub(crate) fn short(digest: &Digest) -> String {
    digest.as_str().chars().take(19).collect()
}

/// Bytes as people read them.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    match UNITS.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

#[derive(Template)]
#[template(path = "console/registry_artifacts.html")]
struct ArtifactsPage {
    shell: Shell,
    registry: Registry,
    tab: &'static str,
    address: String,
    q: String,
    artifacts: Vec<Artifact>,
    pages: Pages,
    form: Form,
}

async fn page_of(
    engine: &Engine,
    signed: &Signed<impl keyward_domain::Grant>,
    id: RegistryId,
    listing: &Listing,
    form: Form,
    query: &str,
) -> Page {
    let readers = signed.access.also::<ReadRegistries>()?;
    let registry = engine.registry(&readers, id).await?;
    let paging = Paging::at(&format!("/registries/{id}/artifacts"), query, "cursor", "");
    let found = engine.artifacts(&readers, Some(id), listing.text(), paging.request()).await?;
    let (artifacts, pages) = paging.take(found);
    page::send(&ArtifactsPage {
        shell: Shell::vendor(&signed.person, &signed.csrf, "registries", engine.now()).after(query),
        address: engine.registry_address(&registry),
        registry,
        tab: "artifacts",
        q: listing.q.clone(),
        artifacts,
        pages,
        form,
    })
}

async fn list(
    request: HttpRequest,
    signed: Signed<ReadRegistries>,
    id: Id<RegistryId>,
    listing: web::Query<Listing>,
    engine: web::Data<Engine>,
) -> Page {
    page_of(&engine, &signed, id.0, &listing, Form::default(), request.query_string()).await
}

struct ArtifactForm(RepositoryName);

impl Request for ArtifactForm {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("repository").map(Self)
    }
}

async fn create(
    signed: Signed<WriteRegistries>,
    id: Id<RegistryId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    if let Some(ArtifactForm(repository)) = form.read::<ArtifactForm>(&["repository"]) {
        let new = NewArtifact { registry: id.0, repository };
        match engine.create_artifact(&signed.access, new, form.once()).await {
            Ok(done) => return Ok(page::go(format!("/artifacts/{}?done=saved", done.value.id))),
            Err(error) => form.keep(error)?,
        }
    }
    page_of(&engine, &signed, id.0, &Listing::default(), form, "").await
}

#[derive(Template)]
#[template(path = "console/artifact.html")]
struct ArtifactPage {
    shell: Shell,
    registry: Registry,
    tab: &'static str,
    address: String,
    artifact: Artifact,
    tags: Vec<TagDetail>,
    pages: Pages,
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadRegistries>,
    id: Id<ArtifactId>,
    engine: web::Data<Engine>,
) -> Page {
    let artifact = engine.artifact(&signed.access, id.0).await?;
    let registry = engine.registry(&signed.access, artifact.registry).await?;
    let paging = Paging::of(&request);
    let (tags, pages) = paging.take(engine.artifact_tags_page(&signed.access, id.0, paging.request()).await?);
    let shell = Shell::vendor(&signed.person, &signed.csrf, "registries", engine.now());
    page::send(&ArtifactPage {
        shell: shell.after(request.query_string()),
        address: engine.registry_address(&registry),
        registry,
        tab: "artifacts",
        artifact,
        tags,
        pages,
    })
}

#[derive(Debug, serde::Deserialize)]
struct OfTag {
    #[serde(default)]
    tag: String,
}

#[derive(Template)]
#[template(path = "console/artifact_history.html")]
struct HistoryPage {
    shell: Shell,
    registry: Registry,
    tab: &'static str,
    artifact: Artifact,
    name: Tag,
    pointings: Vec<Pointing>,
}

async fn history(
    signed: Signed<ReadRegistries>,
    id: Id<ArtifactId>,
    query: web::Query<OfTag>,
    engine: web::Data<Engine>,
) -> Page {
    let name: Tag = query.tag.parse().map_err(|_| Problem::new(Code::NotFound))?;
    let artifact = engine.artifact(&signed.access, id.0).await?;
    let registry = engine.registry(&signed.access, artifact.registry).await?;
    let pointings = engine.tag_history(&signed.access, id.0, &name).await?;
    let shell = Shell::vendor(&signed.person, &signed.csrf, "registries", engine.now());
    page::send(&HistoryPage { shell, registry, tab: "artifacts", artifact, name, pointings })
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_550, "1.5 kB"),
            (72_940_000, "72.9 MB"),
            (3_000_000_000, "3.0 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        assert!(size(u64::MAX).ends_with(" GB"));
    }
}
