//! “Is this digest of one of these tags?”: the way up from a digest over what contains it, and over what it is about,
//! to the tags. Which digests are looked up, and when it is over, is decided here; only what is known of them comes from
//! outside.

use std::collections::BTreeSet;

use super::entitlement::Reach;
use super::oci::{Digest, Tag};

/// A search for tags under way, one level of content after another.
#[derive(Debug)]
pub struct Trace<'a> {
    tags: &'a BTreeSet<Tag>,
    seen: BTreeSet<Digest>,
    level: Vec<Digest>,
    next: Vec<Digest>,
    levels: usize,
    found: bool,
}

/// How a search stands.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// One of the tags leads to the digest.
    Found,
    /// As far as is known, none does.
    Nothing,
    /// It depends on these: which tags point or pointed to them, and what is right above them.
    Ask(&'a [Digest]),
}

impl<'a> Trace<'a> {
    /// The most levels: a layer of an image of an index, that a fallback tag ties to another index, and so on. Content
    /// is no deeper unless somebody made it so.
    pub const MOST_LEVELS: usize = 32;

    /// The most digests that are looked up: what base images share is part of much.
    pub const MOST_DIGESTS: usize = 100_000;

    /// From `digest` up to one of `tags`.
    pub fn new(tags: &'a BTreeSet<Tag>, digest: &Digest) -> Self {
        let level = vec![digest.clone()];
        Self { tags, seen: level.iter().cloned().collect(), level, next: Vec::new(), levels: 1, found: false }
    }

    /// How it stands.
    pub fn step(&self) -> Step<'_> {
        if self.found {
            Step::Found
        } else if self.level.is_empty() {
            Step::Nothing
        } else {
            Step::Ask(&self.level)
        }
    }

    /// A tag that points or pointed to one of those that were asked for. One that keeps what is about a manifest
    /// (`sha256-…`) leads on to that manifest.
    pub fn tag(&mut self, tag: &Tag) {
        self.found |= self.tags.contains(tag);
        if let Some(subject) = tag.subject() {
            self.above(subject);
        }
    }

    /// What contains one of those that were asked for, or is what it is about.
    pub fn above(&mut self, digest: Digest) {
        if self.seen.len() < Self::MOST_DIGESTS && self.seen.insert(digest.clone()) {
            self.next.push(digest);
        }
    }

    /// All that is known of those that were asked for has been told. None is asked for again, so what leads in a circle
    /// ends.
    pub fn rise(&mut self) {
        self.level = std::mem::take(&mut self.next);
        self.levels += 1;
        if self.levels > Self::MOST_LEVELS {
            self.level.clear();
        }
    }
}

impl Reach {
    /// Whether a digest is within it. Of each digest, `known` tells the tags that point or pointed to it and what is
    /// right above it.
    ///
    /// What is about a manifest, such as a signature, is within reach wherever the manifest is.
    pub fn has_digest(
        &self,
        digest: &Digest,
        mut known: impl FnMut(&Digest) -> (Vec<Tag>, Vec<Digest>),
    ) -> bool {
        let tags = match self {
            Self::Nothing => return false,
            Self::Everything => return true,
            Self::Tags(tags) => tags,
        };
        let mut trace = Trace::new(tags, digest);
        loop {
            let asked = match trace.step() {
                Step::Found => return true,
                Step::Nothing => return false,
                Step::Ask(digests) => digests.to_vec(),
            };
            for digest in &asked {
                let (tags, above) = known(digest);
                tags.iter().for_each(|tag| trace.tag(tag));
                above.into_iter().for_each(|digest| trace.above(digest));
            }
            trace.rise();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::registry::{ArtifactGrant, ArtifactPolicy, PullRights, TagGrant};
    use crate::{ArtifactId, registry::RepositoryName};

    fn digest(number: u8) -> Digest {
        format!("sha256:{}", format!("{number:02x}").repeat(32)).parse().unwrap()
    }

    fn tag(text: &str) -> Tag {
        text.parse().unwrap()
    }

    /// A repository of eight digests: what contains what, what is about what, and which tags point where. Not only as
    /// hashes allow: fallback tags can lead in circles.
    #[derive(Debug, Clone)]
    struct Repository {
        above: BTreeSet<(u8, u8)>,
        tags: BTreeMap<String, u8>,
    }

    impl Repository {
        fn known(&self, digest: &Digest) -> (Vec<Tag>, Vec<Digest>) {
            let own = |number: u8| super::tests::digest(number) == *digest;
            let tags = self.tags.iter().filter(|(_, number)| own(**number)).map(|(text, _)| tag(text));
            let above = self
                .above
                .iter()
                .filter(|(child, _)| own(*child))
                .map(|(_, parent)| super::tests::digest(*parent));
            (tags.collect(), above.collect())
        }
    }

    fn repository() -> impl Strategy<Value = Repository> {
        let name = prop_oneof![
            prop::sample::select(vec!["1.0", "2.0", "latest"]).prop_map(str::to_owned),
            (0_u8..8).prop_map(|number| digest(number).as_str().replace(':', "-")),
        ];
        let above = prop::collection::btree_set((0_u8..8, 0_u8..8), 0..14);
        (above, prop::collection::btree_map(name, 0_u8..8, 0..6))
            .prop_map(|(above, tags)| Repository { above, tags })
    }

    fn rights(tags: Vec<&'static str>) -> PullRights {
        let tags = TagGrant::Named(tags.into_iter().map(tag).collect());
        let grants = vec![ArtifactGrant { artifact: ArtifactId::new(1, [1; 10]), tags }];
        PullRights { policy: ArtifactPolicy::EntitledOnly, roles: None, grants }
    }

    fn may(rights: &PullRights, repository: &Repository, number: u8) -> bool {
        let name: RepositoryName = "acme/app".parse().unwrap();
        let reach = rights.reach(Some(ArtifactId::new(1, [1; 10])), &name);
        reach.has_digest(&digest(number), |digest| repository.known(digest))
    }

    /// The same, said in the plainest way: who can be reached from the granted tags downwards.
    fn naive(granted: &[&str], repository: &Repository) -> BTreeSet<u8> {
        let tagged = repository.tags.iter().filter(|(text, _)| granted.contains(&text.as_str()));
        let mut reached: BTreeSet<u8> = tagged.map(|(_, number)| *number).collect();
        for _ in 0..16 {
            for (child, parent) in &repository.above {
                if reached.contains(parent) {
                    reached.insert(*child);
                }
            }
            for (text, number) in &repository.tags {
                let subject = tag(text).subject();
                if (0..8).any(|about| reached.contains(&about) && subject == Some(digest(about))) {
                    reached.insert(*number);
                }
            }
        }
        reached
    }

    proptest! {
        #[test]
        fn what_is_about_a_manifest_may_be_pulled_with_it(
            repository in repository(), granted in prop::collection::vec(prop::sample::select(vec!["1.0", "2.0"]), 0..3),
            referrer in 0_u8..8, subject in 0_u8..8,
        ) {
            let (rights, mut attached) = (rights(granted), repository);
            let before = may(&rights, &attached, subject);
            attached.above.insert((referrer, subject));
            prop_assert!(!before || may(&rights, &attached, referrer), "a referrer goes with its subject");
        }

        #[test]
        fn the_way_up_is_the_way_down(
            repository in repository(), granted in prop::collection::vec(prop::sample::select(vec!["1.0", "2.0", "latest"]), 0..3),
        ) {
            let rights = rights(granted.clone());
            let expected = naive(&granted, &repository);
            for number in 0..8 {
                prop_assert_eq!(may(&rights, &repository, number), expected.contains(&number), "{}", number);
            }
        }
    }

    #[test]
    fn a_signature_does_not_open_what_it_signs() {
        let repository =
            Repository { above: BTreeSet::from([(1, 0)]), tags: BTreeMap::from([("1.0".to_owned(), 1)]) };
        assert!(may(&rights(vec!["1.0"]), &repository, 1));
        assert!(!may(&rights(vec!["1.0"]), &repository, 0));
    }

    #[test]
    fn circles_and_towers_end() {
        let (tags, asked) = (BTreeSet::from([tag("1.0")]), std::cell::Cell::new(0));
        let reach = Reach::Tags(tags);
        // Each is right above itself and above the next: no tag anywhere.
        let circle = |digest: &Digest| {
            asked.set(asked.get() + 1);
            (vec![tag(&digest.as_str().replace(':', "-"))], vec![digest.clone()])
        };
        assert!(!reach.has_digest(&digest(1), circle));
        assert_eq!(asked.get(), 1);
        // A tower without end.
        let tower = |digest: &Digest| {
            asked.set(asked.get() + 1);
            let hex = u64::from_str_radix(&digest.as_str()[55..], 16).unwrap() + 1;
            (vec![], vec![format!("sha256:{hex:064x}").parse().unwrap()])
        };
        assert!(!reach.has_digest(&digest(0), tower));
        assert_eq!(asked.get(), 1 + Trace::MOST_LEVELS);
    }
}
