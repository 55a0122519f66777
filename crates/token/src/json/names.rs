//! The names of one object, to refuse the second of a kind.

use super::Text;
use alloc::collections::BTreeSet;

/// So many names are compared without the heap; a license has about fifteen.
const INLINE: usize = 32;

pub(super) struct Names<'a> {
    inline: [Text<'a>; INLINE],
    count: usize,
    more: BTreeSet<Text<'a>>,
}

impl<'a> Names<'a> {
    pub(super) fn new() -> Self {
        Self { inline: [Text::raw(""); INLINE], count: 0, more: BTreeSet::new() }
    }

    /// Remembers a name; `false` when it was there already.
    pub(super) fn insert(&mut self, name: Text<'a>) -> bool {
        if self.inline.iter().take(self.count).any(|known| *known == name) {
            return false;
        }
        match self.inline.get_mut(self.count) {
            Some(slot) => {
                *slot = name;
                self.count = self.count.saturating_add(1);
                true
            }
            None => self.more.insert(name),
        }
    }
}
