//! What is about a manifest, such as its signature or the list of what is in it (OCI distribution 1.1, referrers).
//!
//! An upstream that lists it is asked. Where one does not, the list is made of what has passed through here and of what
//! clients keep under the fallback tag. Whoever may have a manifest may see what is about it, and may have that too: this
//! is decided before, as for every digest.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use keyward_domain::registry::{Digest, Manifest, Reach, Reference, Referrer, RepositoryName};
use keyward_engine::outbound::bounds;
use keyward_engine::{Referrers, Scope};
use serde_json::json;

use crate::catalogue::{Catalogue, GATEWAY, MOST_PARTS, PULL, is_due};
use crate::gateway::RequestContext;
use crate::refusal::{API_VERSION, Refusal};
use crate::route::Route;
use crate::upstream::{self, Ask};

/// The most bytes of the entries of one page. Clients read no more than 4 MiB.
const MOST_PAGE: usize = 1024 * 1024;

/// Names the filters that a list was made with.
const FILTERS: HeaderName = HeaderName::from_static("oci-filters-applied");

/// What is about one manifest.
struct Listed {
    /// All that is listed.
    entries: BTreeMap<Digest, Referrer>,
    /// Of these, those that nothing is known of here.
    unknown: Vec<Digest>,
}

/// Which of them a client wants.
#[derive(Default)]
struct Wanted {
    kind: Option<String>,
    last: Option<String>,
}

impl RequestContext {
    pub(crate) async fn referrers(
        &self,
        name: &RepositoryName,
        subject: &Digest,
    ) -> Result<HttpResponse, Refusal> {
        let wanted = Wanted::parse(&self.query);
        let catalogue = self.catalogue();
        let listed = catalogue.in_turn(catalogue.listed(name, subject)).await?;
        if let (Some(artifact), Reach::Tags(_)) = (&self.authorized.artifact, &self.authorized.reach)
            && !listed.unknown.is_empty()
        {
            // Whether these may be pulled is asked next: it depends on what they say of themselves.
            let look = self.lookups.of(artifact.id, Some(subject));
            let (mut last, now) = (look.lock().await, self.engine.now());
            if is_due(*last, now) {
                *last = Some(now);
                let learning = catalogue.learn_listed(name, &listed.unknown);
                let _ = actix_web::rt::time::timeout(bounds::LOOK, learning).await;
            }
        }
        Ok(wanted.respond(&self.path, listed.entries.into_values()))
    }
}

impl Catalogue<'_> {
    async fn listed(&self, repository: &RepositoryName, subject: &Digest) -> Result<Listed, Refusal> {
        if let Some(entries) = self.told(repository, subject).await? {
            let known = self.known(repository, subject).await?;
            return Ok(Listed::new(entries, &known));
        }
        let mut entries = self.tagged(repository, subject).await?;
        let known = self.described(repository, subject).await?;
        let gone: BTreeSet<_> = known.gone.iter().collect();
        entries.retain(|digest, _| !gone.contains(digest));
        let mut listed = Listed::new(entries, &known);
        listed.entries.extend(known.described.into_iter().map(|one| (one.digest.clone(), one)));
        Ok(listed)
    }

    /// What the upstream lists; `None` if it does not know how to.
    async fn told(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
    ) -> Result<Option<BTreeMap<Digest, Referrer>>, Refusal> {
        let inside = self.registry.inside(repository).map_err(Refusal::name)?;
        let scope = Scope { kind: "repository", name: inside.as_str(), actions: PULL };
        let (mut entries, mut room) = (BTreeMap::new(), bounds::LIST_BYTES);
        let mut next = Some(Route::Referrers(repository.clone(), subject.clone()).inside(inside.as_str()));
        for _ in 0..bounds::LIST_PAGES {
            let Some(address) = next.take() else { return Ok(Some(entries)) };
            let ask = Ask {
                registry: self.registry,
                method: Method::GET,
                address,
                subject: GATEWAY,
                scopes: &[scope],
                via: self.via,
                optional: true,
            };
            let answer = self.client.ask(self.engine, &ask, Referrer::INDEX).await?;
            let kind = upstream::kind(&answer);
            match answer.status() {
                StatusCode::OK
                    if kind.split(';').next().is_some_and(|kind| kind.trim() == Referrer::INDEX) => {}
                // Some have a page of their own at every address.
                StatusCode::OK
                | StatusCode::NOT_FOUND
                | StatusCode::METHOD_NOT_ALLOWED
                | StatusCode::NOT_IMPLEMENTED
                    if entries.is_empty() =>
                {
                    return Ok(None);
                }
                status => return Err(self.no_list(&status)),
            }
            let more = upstream::next_page(&answer);
            let bytes = upstream::whole(answer, bounds::LIST_PAGE_BYTES.min(room)).await?;
            room -= bytes.len();
            let found = Referrer::read_index(&bytes, bounds::LIST_ITEMS - entries.len());
            let found = found.map_err(|fault| self.no_list(&fault))?;
            next = more.filter(|_| !found.is_empty());
            entries.extend(found.into_iter().map(|one| (one.digest.clone(), one)));
        }
        Err(self.no_list(&"it has more pages than are looked at"))
    }

    /// What clients keep under the fallback tag.
    async fn tagged(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
    ) -> Result<BTreeMap<Digest, Referrer>, Refusal> {
        let Some(tag) = subject.referrers_tag() else { return Ok(BTreeMap::new()) };
        let answer = self.request(repository, &Reference::Tag(tag), Method::GET).await?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(BTreeMap::new()),
            status => return Err(self.no_list(&status)),
        }
        let bytes = upstream::whole(answer, Manifest::MOST_BYTES).await?;
        // Whatever else somebody has put there lists nothing.
        let found = Referrer::read_index(&bytes, Manifest::MOST_PARTS).unwrap_or_default();
        Ok(found.into_iter().map(|one| (one.digest.clone(), one)).collect())
    }

    /// What is known of them here. Those of which it was not written down what they are, are read again.
    async fn described(&self, repository: &RepositoryName, subject: &Digest) -> Result<Referrers, Refusal> {
        let known = self.known(repository, subject).await?;
        if known.undescribed.is_empty() {
            return Ok(known);
        }
        for digest in known.undescribed.iter().take(MOST_PARTS) {
            match self.fetch(repository, &Reference::Digest(digest.clone())).await? {
                Some((digest, manifest)) => {
                    self.engine.learn_manifest(self.registry, repository, &[], &digest, &manifest).await?;
                }
                None => self.miss(repository, digest).await?,
            }
        }
        self.known(repository, subject).await
    }

    async fn known(&self, repository: &RepositoryName, subject: &Digest) -> Result<Referrers, Refusal> {
        Ok(self.engine.referrers(self.registry, repository, subject, bounds::LIST_ITEMS).await?)
    }

    /// Learns what some of these are. One that can't be had says nothing of the others.
    async fn learn_listed(&self, repository: &RepositoryName, unknown: &[Digest]) {
        for digest in unknown.iter().take(MOST_PARTS) {
            let _ = self.learn_alone(repository, digest).await;
        }
    }
}

impl Listed {
    fn new(entries: BTreeMap<Digest, Referrer>, known: &Referrers) -> Self {
        let described = known.described.iter().map(|one| &one.digest);
        let known: BTreeSet<_> = described.chain(&known.undescribed).collect();
        let unknown = entries.keys().filter(|digest| !known.contains(digest)).cloned().collect();
        Self { entries, unknown }
    }
}

impl Wanted {
    fn parse(query: &str) -> Self {
        let mut wanted = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "artifactType" => wanted.kind = Some(value.into_owned()),
                "last" => wanted.last = Some(value.into_owned()),
                _ => {}
            }
        }
        wanted
    }

    /// The page of some, by digest, and after which one the next begins.
    fn page(&self, all: impl Iterator<Item = Referrer>) -> (Vec<Referrer>, Option<Digest>) {
        let (mut page, mut bytes) = (Vec::new(), 0);
        let wanted = all
            .filter(|one| self.kind.is_none() || one.artifact_type == self.kind)
            .filter(|one| self.last.as_deref().is_none_or(|last| one.digest.as_str() > last));
        for one in wanted {
            bytes += serde_json::to_vec(&one).map_or(0, |json| json.len());
            if bytes > MOST_PAGE && !page.is_empty() {
                let last = page.last().map(|one: &Referrer| one.digest.clone());
                return (page, last);
            }
            page.push(one);
        }
        (page, None)
    }

    fn respond(&self, path: &str, all: impl Iterator<Item = Referrer>) -> HttpResponse {
        let (page, next) = self.page(all);
        let mut response = HttpResponse::Ok();
        response.insert_header(API_VERSION).insert_header((header::CONTENT_TYPE, Referrer::INDEX));
        if self.kind.is_some() {
            response.insert_header((FILTERS, "artifactType"));
        }
        if let Some(last) = next {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.append_pair("last", last.as_str());
            if let Some(kind) = &self.kind {
                query.append_pair("artifactType", kind);
            }
            if let Ok(link) = HeaderValue::from_str(&format!("<{path}?{}>; rel=\"next\"", query.finish())) {
                response.insert_header((header::LINK, link));
            }
        }
        response
            .body(json!({"schemaVersion": 2, "mediaType": Referrer::INDEX, "manifests": page}).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_are_the_list() {
        let referrer = |number: usize| Referrer {
            media_type: "a/b".to_owned(),
            digest: format!("sha256:{number:064x}").parse().unwrap(),
            size: 1,
            artifact_type: Some(if number.is_multiple_of(3) { "x/sbom" } else { "x/signature" }.to_owned()),
            annotations: BTreeMap::from([("text".to_owned(), "y".repeat(60_000))]),
        };
        let all: Vec<_> = (0..60).map(referrer).collect();
        for (kind, count) in [(None, 60), (Some("x/sbom"), 20), (Some("x/none"), 0)] {
            let mut wanted = Wanted { kind: kind.map(str::to_owned), last: None };
            let mut seen = Vec::new();
            loop {
                let (page, next) = wanted.page(all.iter().cloned());
                assert!(serde_json::to_vec(&page).unwrap().len() < MOST_PAGE + 1024);
                seen.extend(page.into_iter().map(|one| one.digest));
                match next {
                    Some(last) => wanted.last = Some(last.to_string()),
                    None => break,
                }
            }
            assert_eq!(seen.len(), count);
            assert!(seen.is_sorted() && seen.iter().collect::<BTreeSet<_>>().len() == count);
        }
    }
}
