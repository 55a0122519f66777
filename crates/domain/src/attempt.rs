//! Failed sign-ins of one account: who may try at once, who has to wait, who is refused.
//!
//! An attempt counts as failed from the moment it begins, so that many at once are not let in together; success
//! takes it back. The reasons are in `docs/decisions/0011-sign-in-attempts.md`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::{Address, AddressRange, Email, Invalid, Timestamp};

/// How long failures are remembered: from the first one on.
pub const WINDOW_SECONDS: i64 = 15 * 60;

/// How many failures of one account are borne from one source, and from all unknown devices before they wait.
pub const MOST_FAILURES: u32 = 10;

/// The longest wait; who would have to wait longer is refused.
pub const MOST_WAIT_SECONDS: i64 = 20;

/// The most networks, and the most devices, that are counted apart.
pub const MOST_SOURCES: usize = 64;

/// Names an account by its e-mail address, however that was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountKey([u8; 32]);

impl AccountKey {
    /// The account of this address.
    pub fn of(email: &Email) -> Self {
        Self(Sha256::digest(email.key().as_str()).into())
    }

    /// The account of a customer's user with this address: another one than a member's.
    pub fn of_customer_user(email: &Email) -> Self {
        let hash = Sha256::new().chain_update("customer user\0").chain_update(email.key().as_str());
        Self(hash.finalize().into())
    }

    /// For storage.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A browser that has signed in to the account before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub [u8; 16]);

/// Where an attempt comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A device that has signed in to this account before, wherever it is.
    Device(DeviceId),
    /// An unknown device: the address, for IPv6 the /64. `None` where the address is not known.
    Network(Option<AddressRange>),
}

impl Source {
    /// An unknown device at this address.
    pub fn at(address: &str) -> Self {
        let address = address.parse().map(Address::new).ok();
        Self::Network(address.map(|address| address.counted(true)))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(DeviceId(id)) => {
                f.write_str("device:")?;
                id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::Network(Some(network)) => network.fmt(f),
            Self::Network(None) => f.write_str("unknown"),
        }
    }
}

impl FromStr for Source {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("invalid_source", "is no source of a sign-in");
        if text == "unknown" {
            return Ok(Self::Network(None));
        }
        let Some(hex) = text.strip_prefix("device:") else { return Ok(Self::Network(Some(text.parse()?))) };
        let mut id = [0; 16];
        if hex.len() != 2 * id.len() || !hex.is_ascii() {
            return Err(wrong());
        }
        for (at, byte) in id.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self::Device(DeviceId(id)))
    }
}

/// What becomes of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is judged, after so many seconds.
    Admitted {
        /// 0 for at once.
        wait: i64,
    },
    /// It is not judged, and nothing was counted.
    Refused {
        /// After how many seconds it is worth another try.
        retry_after: i64,
    },
}

/// The failed attempts of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempts {
    /// When the window began.
    pub since: Timestamp,
    /// Failures of unknown devices, from all networks.
    pub strangers: u32,
    /// Wrong codes of the second factor that followed the right password, on unknown devices.
    pub codes: u32,
    /// Failures by source.
    pub sources: BTreeMap<Source, u32>,
    /// Until when attempts of unknown devices that have to wait have been put off: the next comes after them.
    pub waiting_until: Timestamp,
}

impl Attempts {
    /// None so far.
    pub fn none(now: Timestamp) -> Self {
        Self { since: now, strangers: 0, codes: 0, sources: BTreeMap::new(), waiting_until: now }
    }

    /// Begins an attempt to give the password.
    pub fn begin(&mut self, source: &Source, now: Timestamp) -> Verdict {
        self.age(now);
        let own = self.of(source);
        // A device that can't be counted is not admitted uncounted.
        if own >= MOST_FAILURES || matches!(source, Source::Device(_)) && !self.has_place(source) {
            return self.refused(now);
        }
        let mut wait = 0;
        if let Source::Network(_) = source {
            let pause = pause(self.strangers.saturating_sub(own));
            if pause > 0 {
                let turn = self.waiting_until.max(now).plus_seconds(pause);
                wait = turn.unix() - now.unix();
                if wait > MOST_WAIT_SECONDS {
                    return Verdict::Refused { retry_after: wait };
                }
                self.waiting_until = turn;
            }
            self.strangers = self.strangers.saturating_add(1);
        }
        self.count(source);
        Verdict::Admitted { wait }
    }

    /// Begins an attempt to give a code, after the right password. Only who knows that can use these up, so they are
    /// refused and not delayed.
    pub fn begin_code(&mut self, source: &Source, now: Timestamp) -> Verdict {
        self.age(now);
        if let Source::Network(_) = source {
            if self.codes >= MOST_FAILURES {
                return self.refused(now);
            }
            self.codes += 1;
        }
        Verdict::Admitted { wait: 0 }
    }

    /// The attempt was not judged, or was no failure: it does not count.
    pub fn take_back(&mut self, source: &Source, now: Timestamp) {
        self.age(now);
        let own = self.of(source);
        if own > 0 {
            self.forget(source, 1);
            if own > 1 {
                self.sources.insert(*source, own - 1);
            }
        }
    }

    /// The attempt succeeded: what this source has tried before is forgotten, and nothing of others.
    pub fn succeed(&mut self, source: &Source, with_code: bool, now: Timestamp) {
        self.age(now);
        self.forget(source, self.of(source));
        if with_code && matches!(source, Source::Network(_)) {
            self.codes = self.codes.saturating_sub(1);
        }
    }

    fn forget(&mut self, source: &Source, failures: u32) {
        self.sources.remove(source);
        if let Source::Network(_) = source {
            self.strangers = self.strangers.saturating_sub(failures);
        }
    }

    fn of(&self, source: &Source) -> u32 {
        self.sources.get(source).copied().unwrap_or(0)
    }

    fn count(&mut self, source: &Source) {
        if self.has_place(source) {
            *self.sources.entry(*source).or_default() += 1;
        }
    }

    /// Whether failures of this source are counted apart, or can be.
    fn has_place(&self, source: &Source) -> bool {
        let same = |other: &&Source| {
            matches!(
                (*other, source),
                (Source::Device(_), Source::Device(_)) | (Source::Network(_), Source::Network(_))
            )
        };
        self.sources.contains_key(source) || self.sources.keys().filter(same).count() < MOST_SOURCES
    }

    /// Begins a new window, once the last has run out. A window of the far future was begun by a wrong clock.
    fn age(&mut self, now: Timestamp) {
        let (since, now_unix) = (self.since.unix(), now.unix());
        if now_unix >= since + WINDOW_SECONDS || now_unix < since - WINDOW_SECONDS {
            *self = Self::none(now);
        }
    }

    fn refused(&self, now: Timestamp) -> Verdict {
        Verdict::Refused { retry_after: (self.since.unix() + WINDOW_SECONDS - now.unix()).max(1) }
    }
}

/// How long an unknown device waits behind the one before it, after so many failures from elsewhere.
fn pause(failures: u32) -> i64 {
    match failures {
        0..10 => 0,
        10..20 => 2,
        20..40 => 4,
        40.. => 8,
    }
}

#[cfg(test)]
mod tests;
