//! Images that a deployment may come back to are held by a name of its own, which every agent on the host sees: so none removes what
//! another deployment needs, be it another agent's.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::folder::{PinnedImage, Record};
use crate::engine::EngineError;
use crate::engine::api::Engine;
use crate::engine::model::Image;

/// The repository of such names; nothing is ever pushed or pulled by it.
const REPOSITORY: &str = "keyward/held";

/// The tag by which a deployment holds an image.
fn tag(deployment: Uuid, id: &str) -> String {
    let id = id.trim_start_matches("sha256:");
    format!("{}-{}", deployment.simple(), id.get(..16).unwrap_or(id))
}

/// Whether some deployment holds an image.
fn is_held(image: &Image) -> bool {
    let own = format!("{REPOSITORY}:");
    image
        .repo_tags
        .iter()
        .any(|name| name == &own || name.starts_with(&own) || name.contains(&format!("/{own}")))
}

/// Holds the images of a revision; whether all of them are still there.
pub(super) fn hold(engine: &Engine, deployment: Uuid, record: &Record) -> Result<bool, EngineError> {
    let images: BTreeSet<&PinnedImage> = record.images.values().collect();
    for image in &images {
        match engine.tag(&image.reference, REPOSITORY, &tag(deployment, &image.id)) {
            Err(EngineError::Refused { status: 404, .. }) => return Ok(false),
            done => done?,
        }
    }
    // Another agent may have been about to remove one.
    for image in &images {
        if engine.image(&image.reference)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Lets go of an image, and removes it if `fetched` for this deployment and nothing else needs it. Nothing depends on whether that
/// works: a container may use it.
pub(super) fn let_go(engine: &Engine, deployment: Uuid, image: &PinnedImage, fetched: bool) {
    let _ = engine.remove_image(&format!("{REPOSITORY}:{}", tag(deployment, &image.id)));
    let Ok(Some(found)) = engine.image(&image.reference) else { return };
    if fetched && !is_held(&found) {
        let _ = engine.remove_image(&image.reference);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_engines_hold_an_image() {
        let image = |name: &str| Image { repo_tags: vec!["a:1".into(), name.into()], ..Image::default() };
        let tag = tag(Uuid::nil(), "sha256:0123456789abcdef0123");
        assert_eq!(tag, "00000000000000000000000000000000-0123456789abcdef");
        for name in ["keyward/held", "docker.io/keyward/held", "localhost/keyward/held"] {
            assert!(is_held(&image(&format!("{name}:{tag}"))), "{name}");
        }
        for name in ["a:2", "keyward/held2:1", "notkeyward/held:1"] {
            assert!(!is_held(&image(name)), "{name}");
        }
    }
}
