//! What the images of a version are at an instant, as far as the catalogue knows: a tag may be moved later, a digest stays.

use std::collections::{BTreeMap, BTreeSet};

use keyward_domain::OrganizationScope;
use keyward_domain::registry::{Digest, ImageReference};
use keyward_storage::Tx;

use crate::registry::entitled::Catalogue;
use crate::{Engine, Result};

impl Engine {
    /// For each of these images, as files name them, its digest: the one that it is named by, or the one that its tag in a
    /// registry of the organization points to now. What is neither is left out.
    ///
    /// `images` is what `Files::image_names` gives, which takes its time with large files: read them before `tx` is begun.
    pub(crate) async fn image_digests(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        images: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, String>> {
        let mut known = BTreeMap::new();
        let mut catalogue = None;
        for image in images {
            if let Some(digest) = pinned(image) {
                known.insert(image.clone(), digest.to_string());
                continue;
            }
            let Ok(ImageReference { tag: Some(tag), digest: None, address, repository }) = image.parse()
            else {
                continue;
            };
            let catalogue = match &catalogue {
                Some(catalogue) => catalogue,
                None => catalogue.insert(Catalogue::of(tx, scope).await?),
            };
            let reference = ImageReference { address, repository, tag: Some(tag.clone()), digest: None };
            let Some(Some(artifact)) = catalogue.repository(self, &reference) else { continue };
            if let Some(digest) = tx.artifacts(scope).content(artifact.id).pointed(&tag).await? {
                known.insert(image.clone(), digest.to_string());
            }
        }
        Ok(known)
    }
}

/// The digest that an image is named by, in whatever registry.
fn pinned(image: &str) -> Option<Digest> {
    image.trim().rsplit_once('@')?.1.parse().ok()
}
