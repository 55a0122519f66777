//! What a customer may pull, by the very rights that the registries' admission gives their licenses: for the customer, and for
//! the vendor who wants to know what the entitlements come to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use keyward_domain::admission::{Halt, Rights};
use keyward_domain::permission::ReadEntitlements;
use keyward_domain::registry::{
    Artifact, ArtifactPolicy, Ground, ImageReference, PullRights, Puller, Reach, Registry, RegistryEvent,
    Tag, Trace,
};
use keyward_domain::{
    Access, ApplicationVersion, ArtifactId, Cursor, CustomerId, Files, License, Organization,
    OrganizationScope, PageRequest, VersionName,
};

use keyward_storage::Tx;

use super::admission::Entitled;
use crate::{ApplicationGrant, CustomerSession, Engine, Error, Resource, Result, heavy, organization};

/// What a customer may pull, and with which licenses.
#[derive(Debug, Clone)]
pub struct EntitledImages {
    /// The registries with something for the customer on this page.
    pub registries: Vec<EntitledRegistry>,
    /// Where the next page begins.
    pub next: Option<Cursor>,
    /// Licenses that open nothing now, with the reason.
    pub halted: Vec<(License, Halt)>,
}

/// What a customer may pull from one registry.
#[derive(Debug, Clone)]
pub struct EntitledRegistry {
    /// Which.
    pub registry: Registry,
    /// What clients type to reach it.
    pub address: String,
    /// The licenses to log in with: those that open something here, on whatever page.
    pub licenses: Vec<Arc<License>>,
    /// What they open, by name: the part that is on this page.
    pub artifacts: Vec<EntitledArtifact>,
}

/// An artifact of which a customer may pull something.
#[derive(Debug, Clone)]
pub struct EntitledArtifact {
    /// Which.
    pub artifact: Artifact,
    /// The tags there are now that the customer may pull, the latest first.
    pub tags: Vec<Tag>,
    /// The licenses that open it.
    pub licenses: Vec<EntitledLicense>,
}

/// What one license opens of an artifact.
#[derive(Debug, Clone)]
pub struct EntitledLicense {
    /// Which.
    pub license: Arc<License>,
    /// Why, and how much for each reason.
    pub grounds: Vec<(Ground, Reach)>,
    /// How much.
    pub reach: Reach,
}

/// A license that is in force, with what it opens.
pub(crate) type Open = (Arc<License>, PullRights);

/// The registries, each with all that a customer's licenses open there.
type Opened = Vec<(Registry, Vec<(Artifact, Vec<EntitledLicense>)>)>;

/// The files of versions, by the versions' names.
pub(crate) type Wanted = Vec<(VersionName, Files)>;

/// What decides about all pulls of a customer.
pub(crate) struct CustomerRights {
    /// The licenses that are in force.
    pub open: Vec<Open>,
    /// Those that open nothing now.
    pub halted: Vec<(License, Halt)>,
    /// What customers without an entitlement may pull.
    pub policy: ArtifactPolicy,
}

impl CustomerRights {
    /// Whether any license opens anything of an artifact.
    pub(crate) fn opens(&self, artifact: &Artifact) -> bool {
        let reach = |rights: &PullRights| rights.reach(Some(artifact.id), &artifact.repository);
        self.open.iter().any(|(_, rights)| reach(rights) != Reach::Nothing)
    }

    /// What each license opens of an artifact, where that is anything.
    pub(crate) fn opened(&self, artifact: &Artifact) -> Vec<EntitledLicense> {
        opened(&self.open, artifact)
    }
}

/// The registries of an organization, each with its artifacts by name.
pub(crate) struct Catalogue(Vec<(Registry, Vec<Artifact>)>);

impl Catalogue {
    pub(crate) async fn of(tx: &Tx, scope: OrganizationScope) -> Result<Self> {
        let mut artifacts = tx.artifacts(scope).by_registry().await?;
        let registries = tx.registries(scope).all_of_them().await?.into_iter();
        let with_artifacts = |registry: Registry| {
            let artifacts = artifacts.remove(&registry.id).unwrap_or_default();
            (registry, artifacts)
        };
        Ok(Self(registries.map(with_artifacts).collect()))
    }

    /// What clients type to reach each registry.
    pub(crate) fn addresses(&self, engine: &Engine) -> impl Iterator<Item = String> {
        self.0.iter().map(|(registry, _)| engine.registry_address(registry))
    }

    /// The artifact that an image is of, if it is known; `None` for an image in a registry of somebody else.
    pub(crate) fn repository(&self, engine: &Engine, image: &ImageReference) -> Option<Option<&Artifact>> {
        let mut registries = self.0.iter();
        let own = registries.find(|(registry, _)| engine.registry_address(registry) == image.address)?;
        Some(own.1.iter().find(|one| one.repository == image.repository))
    }

    /// The image that a registry's event was about, if the registry is still there.
    pub(crate) fn image(&self, engine: &Engine, event: &RegistryEvent) -> Option<ImageReference> {
        let (registry, _) = self.0.iter().find(|(registry, _)| registry.id == event.registry)?;
        let between = if event.reference.contains(':') { '@' } else { ':' };
        let address = engine.registry_address(registry);
        format!("{address}/{}{between}{}", event.repository, event.reference).parse().ok()
    }

    /// All artifacts, each with its registry.
    pub(crate) fn artifacts(&self) -> impl Iterator<Item = (&Registry, &Artifact)> {
        self.0.iter().flat_map(|(registry, artifacts)| artifacts.iter().map(move |one| (registry, one)))
    }
}

/// All that decides what a customer can pull, read once for all questions of a page.
pub struct CustomerPulls {
    scope: OrganizationScope,
    rights: CustomerRights,
}

/// An image that a version deploys and that its customer can't pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingImage {
    /// The version.
    pub version: VersionName,
    /// The image, as the version's files name it.
    pub image: ImageReference,
    /// Why it can't be pulled.
    pub why: Missing,
}

/// Why a customer can't pull an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Missing {
    /// The customer holds no license that is in force.
    NoLicense,
    /// Neither a pull role nor an entitlement opens the repository.
    Repository,
    /// What is open of the repository is not this tag or digest.
    Tag,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoLicense => "no license in force logs in to the registry",
            Self::Repository => "no artifact entitlement or pull role covers it",
            Self::Tag => "the artifact entitlements cover other tags of it",
        })
    }
}

/// Of how many versions a page looks at the images, the first of a list: each may have half a megabyte of files.
pub const MOST_LOOKED_AT: usize = 20;

impl Engine {
    /// A page of what a customer who is signed in may pull, registry by registry and there by name.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn entitled_images(
        &self,
        person: &CustomerSession,
        page: PageRequest,
    ) -> Result<EntitledImages> {
        let tx = self.store.read().await?;
        let rights = self.customer_rights(&tx, &person.organization, person.customer.id).await?;
        let scope = person.organization.scope();
        let catalogue = Catalogue::of(&tx, scope).await?;
        drop(tx);
        self.images(scope, opened_of(catalogue, &rights.open), rights.halted, page).await
    }

    /// What decides about all pulls of a customer, for the vendor's questions.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn customer_pulls(
        &self,
        access: &Access<ReadEntitlements>,
        customer: CustomerId,
    ) -> Result<CustomerPulls> {
        let (tx, scope) = (self.store.read().await?, access.scope());
        let organization = organization::find(&tx, scope).await?;
        tx.customers(scope).find(customer).await?.ok_or(Error::NotFound(Resource::Customer))?;
        Ok(CustomerPulls { scope, rights: self.customer_rights(&tx, &organization, customer).await? })
    }

    /// A page of what a customer can pull.
    pub async fn pullable(&self, pulls: &CustomerPulls, page: PageRequest) -> Result<EntitledImages> {
        let catalogue = Catalogue::of(&self.store.read().await?, pulls.scope).await?;
        let CustomerRights { open, halted, .. } = &pulls.rights;
        self.images(pulls.scope, opened_of(catalogue, open), halted.clone(), page).await
    }

    async fn images(
        &self,
        scope: OrganizationScope,
        opened: Opened,
        halted: Vec<(License, Halt)>,
        page: PageRequest,
    ) -> Result<EntitledImages> {
        let all = opened.iter().flat_map(|(_, artifacts)| artifacts).map(|(artifact, _)| artifact.id);
        let (shown, next) = page.of_all(&all.collect::<Vec<_>>(), |id| id.uuid()).into_parts();
        let mut tags = self.store.read().await?.artifacts(scope).tags_of(&shown).await?;
        let shown: BTreeSet<_> = shown.into_iter().collect();
        let mut registries = Vec::new();
        for (registry, artifacts) in opened {
            let all = artifacts.iter().flat_map(|(_, by)| by.iter().map(|one| Arc::clone(&one.license)));
            let mut licenses: Vec<_> = all.collect();
            licenses.sort_by_key(|license| std::cmp::Reverse(license.id));
            licenses.dedup_by_key(|license| license.id);
            let artifacts: Vec<_> = artifacts
                .into_iter()
                .filter(|(artifact, _)| shown.contains(&artifact.id))
                .map(|(artifact, licenses)| {
                    let tags = entitled_tags(tags.remove(&artifact.id).unwrap_or_default(), &licenses);
                    EntitledArtifact { tags, artifact, licenses }
                })
                .collect();
            if !artifacts.is_empty() {
                let address = self.registry_address(&registry);
                registries.push(EntitledRegistry { address, licenses, artifacts, registry });
            }
        }
        Ok(EntitledImages { registries, next, halted })
    }

    /// One artifact that a customer who is signed in may pull something of, with its registry's address and how many
    /// licenses open anything there; others are not there.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn entitled_image(
        &self,
        person: &CustomerSession,
        id: ArtifactId,
    ) -> Result<(String, usize, EntitledArtifact)> {
        let tx = self.store.read().await?;
        let rights = self.customer_rights(&tx, &person.organization, person.customer.id).await?;
        let catalogue = Catalogue::of(&tx, person.organization.scope()).await?;
        drop(tx);
        for (registry, artifacts) in opened_of(catalogue, &rights.open) {
            let used: BTreeSet<_> =
                artifacts.iter().flat_map(|(_, by)| by.iter().map(|one| one.license.id)).collect();
            if let Some((artifact, licenses)) = artifacts.into_iter().find(|(artifact, _)| artifact.id == id)
            {
                let tx = self.store.read().await?;
                let mut tags = tx.artifacts(person.organization.scope()).tags_of(&[id]).await?;
                let tags = entitled_tags(tags.remove(&id).unwrap_or_default(), &licenses);
                let own = EntitledArtifact { tags, artifact, licenses };
                return Ok((self.registry_address(&registry), used.len(), own));
            }
        }
        Err(Error::NotFound(Resource::Artifact))
    }

    /// What the licenses of a customer open of each of these artifacts, whatever one entitlement says.
    pub async fn pullable_of(
        &self,
        pulls: &CustomerPulls,
        artifacts: &[ArtifactId],
    ) -> Result<BTreeMap<ArtifactId, Vec<EntitledLicense>>> {
        let artifacts = self.store.read().await?.artifacts(pulls.scope).among(artifacts).await?;
        Ok(artifacts.iter().map(|artifact| (artifact.id, pulls.rights.opened(artifact))).collect())
    }

    /// Of the first `most` versions that a customer is entitled to: the images in registries of the vendor that the
    /// customer can't pull.
    pub async fn missing_images(
        &self,
        pulls: &CustomerPulls,
        grant: &ApplicationGrant,
        most: usize,
    ) -> Result<Vec<MissingImage>> {
        let tx = self.store.read().await?;
        let versions = grant.versions.iter().take(most);
        let ids: Vec<_> = versions.clone().map(|version| version.id).collect();
        let mut files = tx.application_versions(pulls.scope).files_of(&ids).await?;
        let wanted = versions.map(|one| (one.name.clone(), files.remove(&one.id).unwrap_or_default()));
        let (wanted, catalogue) = (wanted.collect(), Catalogue::of(&tx, pulls.scope).await?);
        drop(tx);
        self.missing(pulls.scope, &pulls.rights.open, &catalogue, wanted).await
    }

    /// The images of a version that a customer who is signed in may deploy and can't pull.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn own_missing_images(
        &self,
        person: &CustomerSession,
        version: &ApplicationVersion,
    ) -> Result<Vec<MissingImage>> {
        let tx = self.store.read().await?;
        let scope = person.organization.scope();
        let files = tx.application_versions(scope).files(version).await?;
        let rights = self.customer_rights(&tx, &person.organization, person.customer.id).await?;
        let catalogue = Catalogue::of(&tx, scope).await?;
        drop(tx);
        self.missing(scope, &rights.open, &catalogue, vec![(version.name.clone(), files)]).await
    }

    /// Which images of files in registries of the vendor these licenses do not open. The database is asked again only
    /// where some tags of an artifact are open and files name an image by its digest.
    pub(crate) async fn missing(
        &self,
        scope: OrganizationScope,
        open: &[Open],
        catalogue: &Catalogue,
        wanted: Wanted,
    ) -> Result<Vec<MissingImage>> {
        let bytes = wanted.iter().map(|(_, files)| files.bytes()).sum();
        // Nothing of the database is held while files are read.
        let named = heavy(bytes, move || {
            let images = |(version, files): (VersionName, Files)| {
                files.images().into_iter().map(move |image| (version.clone(), image))
            };
            Ok::<_, Error>(wanted.into_iter().flat_map(images).collect::<Vec<_>>())
        })
        .await?;
        let (mut judged, mut missing, mut tx) = (BTreeMap::new(), Vec::new(), None);
        for (version, image) in named {
            let Some(artifact) = catalogue.repository(self, &image) else { continue };
            let why = match judged.get(&image) {
                Some(why) => *why,
                None => {
                    let why = self.why_missing(&mut tx, scope, open, artifact, &image).await?;
                    judged.insert(image.clone(), why);
                    why
                }
            };
            missing.extend(why.map(|why| MissingImage { version, image, why }));
        }
        Ok(missing)
    }

    /// Why none of a customer's licenses opens an image; `None` if one does. `tx` is begun when it is needed.
    pub(crate) async fn why_missing(
        &self,
        tx: &mut Option<Tx>,
        scope: OrganizationScope,
        open: &[Open],
        artifact: Option<&Artifact>,
        image: &ImageReference,
    ) -> Result<Option<Missing>> {
        let artifact = artifact.map(|artifact| artifact.id);
        let mut why = Missing::NoLicense;
        for (_, rights) in open {
            let reach = rights.reach(artifact, &image.repository);
            let fits = match (&reach, &image.digest, &image.tag, artifact) {
                (Reach::Everything, ..) => true,
                (Reach::Nothing, ..) => false,
                (Reach::Tags(tags), Some(digest), _, Some(artifact)) => {
                    let tx = match tx {
                        Some(tx) => tx,
                        None => tx.insert(self.store.read().await?),
                    };
                    tx.artifacts(scope).content(artifact).trace(Trace::new(tags, digest)).await?
                }
                (Reach::Tags(_), None, Some(tag), _) => reach.has(tag),
                (Reach::Tags(_), ..) => false,
            };
            if fits {
                return Ok(None);
            }
            why = why.max(if reach == Reach::Nothing { Missing::Repository } else { Missing::Tag });
        }
        Ok(Some(why))
    }

    /// What pulls each of these tags of an artifact that a customer who is signed in was shown, where it is known.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn own_pullers(
        &self,
        person: &CustomerSession,
        artifact: ArtifactId,
        tags: &[Tag],
    ) -> Result<BTreeMap<Tag, Puller>> {
        let (tx, scope) = (self.store.read().await?, person.organization.scope());
        super::artifact::find(&tx, scope, artifact).await?;
        Ok(tx.artifacts(scope).content(artifact).pullers(tags).await?)
    }

    /// What decides about all pulls of a customer.
    pub(crate) async fn customer_rights(
        &self,
        tx: &Tx,
        organization: &Organization,
        customer: CustomerId,
    ) -> Result<CustomerRights> {
        let (policy, licenses) = self.license_rights(tx, organization, customer).await?;
        let (mut open, mut halted) = (Vec::new(), Vec::new());
        for (license, rights) in licenses {
            match rights {
                Some(Rights::License(rights)) => open.push((Arc::new(license), rights)),
                Some(Rights::Halted(halt)) => halted.push((license, halt)),
                Some(Rights::Key(_) | Rights::Deployment(_)) | None => {}
            }
        }
        Ok(CustomerRights { open, halted, policy })
    }

    /// What each license of a customer opens now, the latest first; nothing for those that are revoked.
    pub(super) async fn license_rights(
        &self,
        tx: &Tx,
        organization: &Organization,
        customer: CustomerId,
    ) -> Result<(ArtifactPolicy, Vec<(License, Option<Rights>)>)> {
        let (scope, now) = (organization.scope(), self.now());
        let entitled = Entitled::of(tx, scope, Some(customer)).await?;
        let licenses = tx.licenses(scope).held_by(customer).await?;
        let products: BTreeSet<_> = licenses.iter().filter_map(|license| license.product).collect();
        let products = tx.products(scope).among(&Vec::from_iter(products)).await?;
        let judged = licenses.into_iter().map(|license| {
            let product = license.product.and_then(|id| products.get(&id));
            let rights = entitled.ground(organization, &license, &license.revision, product).rights(now);
            (license, rights)
        });
        Ok((entitled.policy, judged.collect()))
    }
}

/// All that licenses open. Of many licenses and artifacts it takes its time, so nothing of the database is held meanwhile.
fn opened_of(catalogue: Catalogue, open: &[Open]) -> Opened {
    let registries = catalogue.0.into_iter().map(|(registry, artifacts)| {
        let artifacts = artifacts.into_iter().map(|artifact| {
            let licenses = opened(open, &artifact);
            (artifact, licenses)
        });
        (registry, artifacts.filter(|(_, licenses)| !licenses.is_empty()).collect::<Vec<_>>())
    });
    registries.filter(|(_, artifacts)| !artifacts.is_empty()).collect()
}

/// Those of an artifact's tags that licenses open. What belongs to an image, such as its signature, is fetched along
/// with it.
fn entitled_tags(tags: Vec<Tag>, licenses: &[EntitledLicense]) -> Vec<Tag> {
    let own = |tag: &Tag| tag.subject().is_none() && licenses.iter().any(|license| license.reach.has(tag));
    tags.into_iter().filter(own).collect()
}

fn opened(open: &[Open], artifact: &Artifact) -> Vec<EntitledLicense> {
    let of = |(license, rights): &Open| {
        let grounds = rights.grounds(Some(artifact.id), &artifact.repository);
        let reach = rights.reach(Some(artifact.id), &artifact.repository);
        EntitledLicense { license: Arc::clone(license), grounds, reach }
    };
    open.iter().map(of).filter(|own| own.reach != Reach::Nothing).collect()
}
