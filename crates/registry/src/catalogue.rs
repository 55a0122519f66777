//! Which digests belong to which tags: learned from every manifest that passes, and looked up where that is not enough.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use actix_web::http::{Method, StatusCode};
use keyward_domain::registry::{Artifact, Digest, Manifest, Reference, Registry, RepositoryName, Tag};
use keyward_domain::{ArtifactId, Timestamp};
use keyward_engine::outbound::{Load, bounds};
use keyward_engine::{Engine, Scope};

use crate::page;
use crate::refusal::Refusal;
use crate::route::Route;
use crate::upstream::{self, Ask, Client, MANIFESTS};
use crate::via::Via;

/// As whom the gateway asks for itself.
pub(crate) const GATEWAY: &str = "gateway";

pub(crate) const PULL: &[&str] = &["pull"];

/// How often one repository is looked at because of digests that are not known.
const LOOK_SECONDS: i64 = 10;

/// How many of them at most.
const MOST_LOOKS: usize = 100;

/// How many parts of an index are looked up.
pub(crate) const MOST_PARTS: usize = 100;

/// When repositories were last looked at because of a digest that was not known. Who asks while another looks waits
/// for what comes of it.
#[derive(Default)]
pub(crate) struct Lookups(Mutex<HashMap<(ArtifactId, Option<Digest>), Look>>);

/// When it was looked last.
type Look = Arc<futures_util::lock::Mutex<Option<Timestamp>>>;

impl Lookups {
    /// At a repository, or at what is about one of its manifests.
    pub(crate) fn of(&self, artifact: ArtifactId, about: Option<&Digest>) -> Look {
        let Ok(mut lookups) = self.0.lock() else { return Arc::default() };
        if lookups.len() > 10_000 {
            // Those that nobody waits for.
            lookups.retain(|_, look| Arc::strong_count(look) > 1);
        }
        Arc::clone(lookups.entry((artifact, about.cloned())).or_default())
    }
}

/// Whether a repository may be looked at again.
pub(crate) fn is_due(last: Option<Timestamp>, now: Timestamp) -> bool {
    !last.is_some_and(|last| last <= now && now < last.plus_seconds(LOOK_SECONDS))
}

/// How a tag stands in the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is there, and what it points to has just been learned.
    Learned,
    /// It is there, with nothing to learn.
    Known,
    /// It is not there.
    Absent,
    /// The upstream does not say.
    Unclear,
}

/// What the catalogue needs to look something up.
pub(crate) struct Catalogue<'a> {
    pub engine: &'a Arc<Engine>,
    pub client: &'a Client,
    pub registry: &'a Registry,
    /// Through whom the request came that is the reason.
    pub via: &'a Via,
}

impl Catalogue<'_> {
    /// Whether a digest is of one of these tags, which can't be told from what is known: the tags are looked up.
    pub(crate) async fn look_for(
        &self,
        lookups: &Lookups,
        artifact: &Artifact,
        tags: &BTreeSet<Tag>,
        digest: &Digest,
    ) -> Result<bool, Refusal> {
        let look = lookups.of(artifact.id, None);
        let (mut last, now) = (look.lock().await, self.engine.now());
        if !is_due(*last, now) {
            return self.known_to_lead(artifact, tags, digest).await;
        }
        *last = Some(now);
        let found = self.look_up(artifact, tags, digest, now);
        match actix_web::rt::time::timeout(bounds::LOOK, found).await {
            Ok(found) => found,
            Err(_) => self.known_to_lead(artifact, tags, digest).await,
        }
    }

    async fn look_up(
        &self,
        artifact: &Artifact,
        tags: &BTreeSet<Tag>,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<bool, Refusal> {
        // Not always the same ones, where there are many. One that can't be looked up says nothing of the others.
        let start =
            usize::try_from(now.unix() / LOOK_SECONDS).unwrap_or_default() * MOST_LOOKS % tags.len().max(1);
        for tag in tags.iter().cycle().skip(start).take(MOST_LOOKS.min(tags.len())) {
            if self.settle(&artifact.repository, tag).await.is_ok_and(|found| found == Standing::Learned)
                && self.known_to_lead(artifact, tags, digest).await?
            {
                return Ok(true);
            }
        }
        // What is about an image, such as its signature, says so itself. That the upstream does not give it as a
        // manifest is nothing unusual: it may be a blob.
        if self.learn_alone(&artifact.repository, digest).await.is_err() {
            return Ok(false);
        }
        self.known_to_lead(artifact, tags, digest).await
    }

    async fn known_to_lead(
        &self,
        artifact: &Artifact,
        tags: &BTreeSet<Tag>,
        digest: &Digest,
    ) -> Result<bool, Refusal> {
        Ok(self.engine.is_of_tags(self.registry, artifact, digest, tags).await?)
    }

    /// Learns what a tag points to now, unless that is known.
    pub(crate) async fn settle(&self, repository: &RepositoryName, tag: &Tag) -> Result<Standing, Refusal> {
        let reference = Reference::Tag(tag.clone());
        let answer = self.request(repository, &reference, Method::HEAD).await?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(Standing::Absent),
            status => {
                tracing::warn!(
                    registry = %self.registry.host, %repository, %tag, %status, "an upstream does not give a tag"
                );
                return Ok(Standing::Unclear);
            }
        }
        if let Some(digest) = upstream::digest(&answer)
            && self.engine.knows_manifest(self.registry, repository, Some(tag), &digest).await?
        {
            return Ok(Standing::Known);
        }
        let learned = self.look(repository, &reference).await?;
        Ok(learned.map_or(Standing::Known, |_| Standing::Learned))
    }

    /// Learns what a tag or digest is, and what its parts are. Gives the digest, or `None` if it is not there.
    pub(crate) async fn look(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<Digest>, Refusal> {
        let Some((digest, manifest)) = self.fetch(repository, reference).await? else { return Ok(None) };
        let tags = match reference {
            Reference::Tag(tag) => vec![tag.clone()],
            Reference::Digest(_) => Vec::new(),
        };
        self.engine.learn_manifest(self.registry, repository, &tags, &digest, &manifest).await?;
        for part in manifest.parts.iter().filter(|part| part.kind.is_manifest()).take(MOST_PARTS) {
            self.learn_alone(repository, &part.digest).await?;
        }
        Ok(Some(digest))
    }

    /// Learns what one manifest is made of, if that is not known.
    pub(crate) async fn learn_alone(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<(), Refusal> {
        if self.engine.knows_manifest(self.registry, repository, None, digest).await? {
            return Ok(());
        }
        if let Some((found, manifest)) = self.fetch(repository, &Reference::Digest(digest.clone())).await? {
            self.engine.learn_manifest(self.registry, repository, &[], &found, &manifest).await?;
        }
        Ok(())
    }

    /// Writes down that a manifest which was known is not there any more: it was removed past the gateway. That a client
    /// was not given it says little, since not each takes every form.
    pub(crate) async fn miss(&self, repository: &RepositoryName, digest: &Digest) -> Result<(), Refusal> {
        let reference = Reference::Digest(digest.clone());
        if self.request(repository, &reference, Method::HEAD).await?.status() == StatusCode::NOT_FOUND {
            self.engine.forget_manifest(self.registry, repository, &reference).await?;
        }
        Ok(())
    }

    /// Asks for a manifest in the form that it has.
    pub(crate) async fn request(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
        method: Method,
    ) -> Result<upstream::Answer, Refusal> {
        let inside = self.registry.inside(repository).map_err(Refusal::name)?;
        let route = Route::Manifest(repository.clone(), reference.clone());
        let scope = Scope { kind: "repository", name: inside.as_str(), actions: PULL };
        let address = route.inside(inside.as_str());
        let ask = Ask {
            registry: self.registry,
            method,
            address,
            subject: GATEWAY,
            scopes: &[scope],
            via: self.via,
            optional: false,
        };
        self.client.ask(self.engine, &ask, MANIFESTS).await
    }

    pub(crate) async fn fetch(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<(Digest, Manifest)>, Refusal> {
        let answer = self.request(repository, reference, Method::GET).await?;
        if answer.status() != StatusCode::OK {
            return Ok(None);
        }
        let digest = match reference {
            Reference::Digest(digest) => Some(digest.clone()),
            Reference::Tag(_) => upstream::digest(&answer),
        };
        let kind = upstream::kind(&answer);
        let bytes = upstream::whole(answer, Manifest::MOST_BYTES).await?;
        // An edge is true for ever: only what the digest vouches for makes one.
        let digest = digest.filter(|digest| upstream::is(digest, &bytes));
        Ok(digest.zip(Manifest::parse(&kind, &bytes).ok()))
    }

    /// Learns from a manifest that passes and is not known as it is. `tag` is what it was asked for by.
    pub(crate) async fn learn_passing(
        &self,
        repository: &RepositoryName,
        tag: Option<&Tag>,
        digest: &Digest,
        manifest: Option<&Manifest>,
    ) -> Result<(), Refusal> {
        match (manifest, tag) {
            (Some(manifest), _) => {
                let tags: Vec<_> = tag.into_iter().cloned().collect();
                self.engine.learn_manifest(self.registry, repository, &tags, digest, manifest).await?;
            }
            // Its head alone: what it is made of is looked up, since the client is going to ask by digest.
            (None, Some(tag)) => {
                self.look(repository, &Reference::Tag(tag.clone())).await?;
            }
            (None, None) => self.learn_alone(repository, digest).await?,
        }
        Ok(())
    }

    /// The repositories that the upstream tells of, as clients call them; `None` if it tells of none.
    pub(crate) async fn repositories(&self) -> Result<Option<Vec<RepositoryName>>, Refusal> {
        let scope = Scope { kind: "registry", name: "catalog", actions: &["*"] };
        let all = self.list("/v2/_catalog?n=1000".to_owned(), &[scope], "repositories").await?;
        let outside = |name: &String| self.registry.outside(&name.parse().ok()?);
        Ok(all.map(|all| all.iter().filter_map(outside).collect()))
    }

    /// The tags of a repository; `None` for one that is not there.
    pub(crate) async fn tags(&self, repository: &RepositoryName) -> Result<Option<Vec<String>>, Refusal> {
        let inside = self.registry.inside(repository).map_err(Refusal::name)?;
        let scope = Scope { kind: "repository", name: inside.as_str(), actions: PULL };
        let address = Route::Tags(repository.clone()).inside(inside.as_str());
        self.list(address, &[scope], "tags").await
    }

    /// All the pages of a list of the upstream; `None` if it has none such.
    async fn list(
        &self,
        address: String,
        scopes: &[Scope<'_>],
        member: &'static str,
    ) -> Result<Option<Vec<String>>, Refusal> {
        self.in_turn(self.pages(address, scopes, member)).await
    }

    /// Reads a list when it is its turn, and not for too long.
    pub(crate) async fn in_turn<T>(
        &self,
        reading: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        let turn = self.engine.in_flight().wait(Load::Lists(self.registry.organization), bounds::LISTS);
        let busy = |_| Refusal::busy();
        let _slot = actix_web::rt::time::timeout(bounds::LIST_TURN, turn).await.map_err(busy)?;
        let late = |_| Refusal::unavailable().because("its list takes too long");
        actix_web::rt::time::timeout(bounds::LIST, reading).await.map_err(late)?
    }

    async fn pages(
        &self,
        address: String,
        scopes: &[Scope<'_>],
        member: &'static str,
    ) -> Result<Option<Vec<String>>, Refusal> {
        let (registry, via) = (self.registry, self.via);
        let (mut items, mut room) = (Vec::new(), bounds::LIST_BYTES);
        let mut next = Some(address);
        for _ in 0..bounds::LIST_PAGES {
            let Some(address) = next.take() else { return Ok(Some(items)) };
            let ask = Ask {
                registry,
                method: Method::GET,
                address,
                subject: GATEWAY,
                scopes,
                via,
                optional: false,
            };
            let answer = self.client.ask(self.engine, &ask, "application/json").await?;
            match answer.status() {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND => return Ok(None),
                status => return Err(self.no_list(&status)),
            }
            let more = upstream::next_page(&answer);
            let bytes = upstream::whole(answer, bounds::LIST_PAGE_BYTES.min(room)).await?;
            room -= bytes.len();
            let found = page::read(&bytes, member, bounds::LIST_ITEMS - items.len());
            let found = found.map_err(|fault| self.no_list(&fault))?;
            // An upstream that promises more and gives nothing has no more.
            next = more.filter(|_| !found.is_empty());
            items.extend(found);
        }
        Err(self.no_list(&"it has more pages than are looked at"))
    }

    pub(crate) fn no_list(&self, why: &dyn std::fmt::Display) -> Refusal {
        tracing::warn!(registry = %self.registry.host, %why, "an upstream does not give its list");
        Refusal::unavailable().because(format_args!("it does not give its list: {why}"))
    }
}
