//! Keys that get a new secret by themselves, and how the machine that needs it comes to it.
//!
//! ```text
//! created ──every──► rotated ──────────► warned of ──────► the old secret is dead
//!                    both secrets work; who shows the old one may collect the new one
//! ```

use super::key::RegistryKey;
use crate::product::ApiKey;
use crate::{Invalid, SecretHash, Timestamp};

const DAY: i64 = 24 * 60 * 60;

/// At most so long before the old secret dies it is told that nobody has collected the new one.
const WARNING_SECONDS: i64 = 2 * DAY;

/// How often a key gets a new secret by itself, and for how long the old one then lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    every_days: u32,
    overlap_days: u32,
}

crate::described!(composed Rotation;);

impl Rotation {
    /// The shortest life of a secret, in days: longer than the shortest overlap.
    pub const LEAST_EVERY: u32 = 2;
    /// The longest life of a secret, in days.
    pub const MOST_EVERY: u32 = 365;
    /// The longest overlap, in days.
    pub const MOST_OVERLAP: u32 = 30;

    /// Checks both numbers, and that the old secret is dead before the next rotation.
    pub fn new(every_days: u32, overlap_days: u32) -> Result<Self, Vec<Invalid>> {
        let mut faults = Vec::new();
        if !(Self::LEAST_EVERY..=Self::MOST_EVERY).contains(&every_days) {
            faults.push(Invalid::new("out_of_range", "must be 2 to 365").at("every_days"));
        }
        if !(1..=Self::MOST_OVERLAP).contains(&overlap_days) {
            faults.push(Invalid::new("out_of_range", "must be 1 to 30").at("overlap_days"));
        } else if overlap_days >= every_days {
            let fault = Invalid::new("too_long", "must be fewer than the days between two rotations");
            faults.push(fault.at("overlap_days"));
        }
        if faults.is_empty() { Ok(Self { every_days, overlap_days }) } else { Err(faults) }
    }

    /// How many days a secret lives.
    pub fn every_days(self) -> u32 {
        self.every_days
    }

    /// How many days the old secret lives on.
    pub fn overlap_days(self) -> u32 {
        self.overlap_days
    }
}

/// A new secret that is kept until the old one is dead, for whoever shows that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    /// The new secret, sealed.
    pub sealed: Vec<u8>,
    /// How far it has come.
    pub progress: Progress,
}

/// How far a handover has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nobody has collected it.
    Waiting,
    /// Nobody has, and the people were told.
    Warned,
    /// It was collected; it still can be.
    Collected {
        /// When first.
        at: Timestamp,
    },
}

impl Progress {
    /// The name in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Warned => "warned",
            Self::Collected { .. } => "collected",
        }
    }

    /// When it was first collected.
    pub fn collected_at(self) -> Option<Timestamp> {
        match self {
            Self::Waiting | Self::Warned => None,
            Self::Collected { at } => Some(at),
        }
    }
}

/// What a key needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationStep {
    /// A new secret.
    Rotate,
    /// Its people must hear that nobody has collected the new secret.
    Warn,
    /// The sealed secret must go.
    Wipe,
}

impl RegistryKey {
    /// When it gets a new secret by itself next: not before the secret of the last rotation is dead.
    pub fn rotates_at(&self) -> Option<Timestamp> {
        let rotation = self.rotation.filter(|_| self.revoked_at.is_none())?;
        let due = self.secret.created_at.plus_days(rotation.every_days.into());
        let due = self.secret.previous.map_or(due, |previous| due.max(previous.until));
        Some(due).filter(|due| self.expires_at.is_none_or(|end| *due < end))
    }

    /// Refuses a schedule that does nothing.
    pub fn check_rotation(&self) -> Result<(), Invalid> {
        if self.rotation.is_some() && self.rotates_at().is_none() {
            let why = "is too many: the key ends before it would be rotated";
            return Err(Invalid::new("never_rotates", why).at("every_days"));
        }
        Ok(())
    }

    /// Until when a new secret can be collected, if there is one.
    pub fn collectable_until(&self) -> Option<Timestamp> {
        self.handover.as_ref()?;
        self.secret.previous.map(|previous| previous.until)
    }

    /// The new secret that can be collected at `now`.
    pub fn handover(&self, now: Timestamp) -> Option<&Handover> {
        let open = self.is_alive(now) && self.collectable_until().is_some_and(|until| now < until);
        self.handover.as_ref().filter(|_| open)
    }

    /// What it needs at `now`.
    pub fn next_step(&self, now: Timestamp) -> Option<RotationStep> {
        let Some(handover) = &self.handover else {
            let due = self.is_alive(now) && self.rotates_at().is_some_and(|at| now >= at);
            return due.then_some(RotationStep::Rotate);
        };
        if self.handover(now).is_none() {
            return Some(RotationStep::Wipe);
        }
        match handover.progress {
            Progress::Waiting if self.warns_at().is_some_and(|at| now >= at) => Some(RotationStep::Warn),
            Progress::Waiting | Progress::Warned | Progress::Collected { .. } => None,
        }
    }

    /// When it needs something next, as it looks at `now`: later than that, if it needs nothing then.
    pub fn next_step_at(&self, now: Timestamp) -> Option<Timestamp> {
        let Some(handover) = &self.handover else {
            // A rotation that was missed until the key ran out is missed for ever.
            return self.rotates_at().filter(|_| self.is_alive(now));
        };
        let next = match handover.progress {
            Progress::Waiting => self.warns_at(),
            Progress::Warned | Progress::Collected { .. } => self.collectable_until(),
        };
        // What is sealed without an end, or in a key that is dead, goes at once.
        let next = next.filter(|_| self.revoked_at.is_none()).unwrap_or(Timestamp::MIN);
        Some(self.expires_at.map_or(next, |end| next.min(end)))
    }

    /// The key with the secret that has this hash, by the schedule; the new secret waits to be collected.
    #[must_use]
    pub fn rotated(
        self,
        rotation: Rotation,
        hash: SecretHash,
        hint: String,
        sealed: Vec<u8>,
        now: Timestamp,
    ) -> Self {
        let overlap = rotation.overlap_days * 24 * 60 * 60;
        let secret = self.secret.rotated(hash, hint, overlap, now);
        Self { secret, handover: Some(Handover { sealed, progress: Progress::Waiting }), ..self }
    }

    /// The key with a secret that a person is shown; the old one lives for `overlap` seconds more. A secret that waits
    /// and that nobody has is no old one: then it is the one before that lives on.
    #[must_use]
    pub fn replaced(self, hash: SecretHash, hint: String, overlap: u32, now: Timestamp) -> Self {
        let unknown = self.handover(now).is_some_and(|handover| handover.progress.collected_at().is_none());
        let used = match self.secret.previous {
            Some(previous) if unknown => ApiKey { hash: previous.hash, ..self.secret },
            Some(_) | None => self.secret,
        };
        Self { secret: used.rotated(hash, hint, overlap, now), handover: None, ..self }
    }

    /// The key after its new secret was collected.
    #[must_use]
    pub fn collected(self, now: Timestamp) -> Self {
        let handover = self.handover.map(|handover| match handover.progress {
            Progress::Waiting | Progress::Warned => {
                Handover { progress: Progress::Collected { at: now }, ..handover }
            }
            Progress::Collected { .. } => handover,
        });
        Self { handover, ..self }
    }

    /// The key after its people were told that nobody has collected the new secret.
    #[must_use]
    pub fn warned(self) -> Self {
        let handover = self.handover.map(|handover| match handover.progress {
            Progress::Waiting => Handover { progress: Progress::Warned, ..handover },
            Progress::Warned | Progress::Collected { .. } => handover,
        });
        Self { handover, ..self }
    }

    /// The key ended for ever. What waits to be collected goes.
    #[must_use]
    pub fn revoked(self, now: Timestamp) -> Self {
        Self { revoked_at: self.revoked_at.or(Some(now)), handover: None, ..self }
    }

    fn warns_at(&self) -> Option<Timestamp> {
        let until = self.collectable_until()?;
        let half = (until.unix() - self.secret.created_at.unix()).max(0) / 2;
        Some(until.plus_seconds(-half.min(WARNING_SECONDS)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::registry::KeyAccess;
    use crate::{OrganizationId, RegistryId, RegistryKeyId};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_000_000_000).unwrap().plus_seconds(seconds)
    }

    fn hash(byte: u8) -> SecretHash {
        SecretHash::from_bytes([byte; 32])
    }

    fn key(every: u32, overlap: u32) -> RegistryKey {
        RegistryKey {
            id: RegistryKeyId::new(1, [1; 10]),
            organization: OrganizationId::new(1, [1; 10]),
            registry: RegistryId::new(1, [1; 10]),
            name: "ci".parse().unwrap(),
            owner: "Ada".parse().unwrap(),
            access: KeyAccess::Read,
            secret: ApiKey { hash: hash(1), hint: String::new(), created_at: at(0), previous: None },
            rotation: Some(Rotation::new(every, overlap).unwrap()),
            handover: None,
            expires_at: None,
            lives_since: at(0),
            revoked_at: None,
            last_use: None,
            created_at: at(0),
        }
    }

    fn rotated(key: RegistryKey, byte: u8, now: Timestamp) -> RegistryKey {
        let rotation = key.rotation.unwrap();
        key.rotated(rotation, hash(byte), String::new(), vec![byte], now)
    }

    #[test]
    fn numbers_are_bounded() {
        for (every, overlap, faults) in [
            (2, 1, vec![]),
            (365, 30, vec![]),
            (0, 0, vec!["/every_days", "/overlap_days"]),
            (366, 31, vec!["/every_days", "/overlap_days"]),
            (7, 7, vec!["/overlap_days"]),
            (1, 1, vec!["/every_days", "/overlap_days"]),
        ] {
            let found = Rotation::new(every, overlap).map_or_else(
                |faults| faults.into_iter().map(|fault| fault.pointer).collect::<Vec<_>>(),
                |_| Vec::new(),
            );
            assert_eq!(found, faults, "{every} {overlap}");
        }
    }

    #[test]
    fn the_life_of_a_secret_to_the_second() {
        let key = key(90, 7);
        assert_eq!(key.next_step_at(at(0)), Some(at(90 * DAY)));
        assert_eq!(
            (key.next_step(at(90 * DAY - 1)), key.next_step(at(90 * DAY))),
            (None, Some(RotationStep::Rotate))
        );
        // A server that was off for a month rotates once, and the overlap starts then.
        let now = at(120 * DAY);
        let key = rotated(key, 2, now);
        assert_eq!(key.next_step(now), None);
        let (last, dead) = (now.plus_seconds(7 * DAY - 1), now.plus_seconds(7 * DAY));
        assert!(key.accepts(&hash(1), last) && !key.accepts(&hash(1), dead) && key.accepts(&hash(2), dead));
        assert!(key.handover(last).is_some() && key.handover(dead).is_none());
        let warned_at = now.plus_seconds(5 * DAY);
        assert_eq!(key.next_step_at(now), Some(warned_at));
        assert_eq!(
            (key.next_step(warned_at.plus_seconds(-1)), key.next_step(warned_at)),
            (None, Some(RotationStep::Warn))
        );
        assert_eq!(
            key.clone().collected(now).next_step_at(now),
            Some(dead),
            "nobody is told what was collected"
        );
        let key = key.warned();
        assert_eq!((key.next_step(last), key.next_step(dead)), (None, Some(RotationStep::Wipe)));
        let wiped = RegistryKey { handover: None, ..key };
        assert_eq!(wiped.next_step_at(dead), Some(now.plus_seconds(90 * DAY)));
    }

    #[test]
    fn short_overlaps_are_told_of_at_half() {
        let key = rotated(key(2, 1), 2, at(2 * DAY));
        assert_eq!(key.next_step_at(at(2 * DAY)), Some(at(2 * DAY + DAY / 2)));
    }

    #[test]
    fn a_dead_key_needs_nothing() {
        let mut key = key(90, 7);
        key.expires_at = Some(at(90 * DAY));
        assert_eq!(key.next_step_at(at(0)), None, "it ends before");
        assert_eq!(key.check_rotation().unwrap_err().pointer, "/every_days");
        key.expires_at = Some(at(92 * DAY));
        assert_eq!(key.check_rotation(), Ok(()));
        assert_eq!(key.next_step_at(at(92 * DAY - 1)), Some(at(90 * DAY)), "late, but not too late");
        let missed = (key.next_step(at(92 * DAY)), key.next_step_at(at(92 * DAY)));
        assert_eq!(missed, (None, None), "what was missed is missed for ever");
        let key = rotated(key, 2, at(90 * DAY));
        assert_eq!(key.next_step_at(at(90 * DAY)), Some(at(92 * DAY)));
        assert_eq!(
            (key.next_step(at(92 * DAY - 1)), key.next_step(at(92 * DAY))),
            (None, Some(RotationStep::Wipe))
        );
        let key = key.revoked(at(91 * DAY));
        assert_eq!(
            (key.handover.clone(), key.next_step_at(at(91 * DAY)), key.next_step(at(200 * DAY))),
            (None, None, None)
        );
        assert_eq!(key.clone().revoked(at(95 * DAY)), key);
    }

    #[test]
    fn a_secret_that_nobody_has_is_not_the_old_one() {
        let (now, day) = (at(90 * DAY), 24 * 60 * 60);
        let waiting = rotated(key(90, 7), 2, now);
        let by_hand = waiting.clone().replaced(hash(3), String::new(), day, now);
        assert!(
            by_hand.accepts(&hash(1), now)
                && !by_hand.accepts(&hash(2), now)
                && by_hand.accepts(&hash(3), now)
        );
        assert_eq!(by_hand.handover, None);
        let by_hand = waiting.clone().collected(now).replaced(hash(3), String::new(), day, now);
        assert!(!by_hand.accepts(&hash(1), now) && by_hand.accepts(&hash(2), now));
        let at_once = waiting.replaced(hash(3), String::new(), 0, now);
        assert!(!at_once.accepts(&hash(1), now) && !at_once.accepts(&hash(2), now));
    }

    proptest! {
        /// Whenever a server looks, wherever its clock stands: the machine that collects once within each overlap is never
        /// locked out before the key ends, no two rotations come in one overlap, and what was done is not due again.
        #[test]
        fn who_collects_is_never_locked_out(
            every in 2_u32..=365, overlap in 1_u32..=30, end in proptest::option::of(0..2_000 * DAY),
            steps in proptest::collection::vec(-400 * DAY..400 * DAY, 1..60),
        ) {
            prop_assume!(overlap < every);
            let (mut key, mut now, mut held, mut count) = (key(every, overlap), 0_i64, hash(1), 1_u8);
            key.expires_at = end.map(at);
            for step in steps {
                now = (now + step).max(0);
                let mut steps = 0;
                while let Some(step) = key.next_step(at(now)) {
                    prop_assert!(steps < 3, "{step:?}");
                    steps += 1;
                    match step {
                        RotationStep::Rotate => {
                            prop_assert!(key.accepts(&held, at(now)));
                            let ended = key.secret.previous.is_none_or(|previous| at(now) >= previous.until);
                            prop_assert!(ended);
                            count += 1;
                            key = rotated(key, count, at(now));
                            prop_assert!(key.accepts(&held, at(now)));
                            prop_assert!(key.next_step(at(now)).is_none());
                            held = hash(count);
                            key = key.collected(at(now));
                        }
                        RotationStep::Warn => key = key.warned(),
                        RotationStep::Wipe => key.handover = None,
                    }
                }
                prop_assert_eq!(key.accepts(&held, at(now)), key.is_alive(at(now)));
                prop_assert!(key.next_step_at(at(now)).is_none_or(|next| next > at(now)));
            }
        }
    }
}
