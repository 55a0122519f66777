use super::{Health, HealthState, UnknownStatus};
#[cfg(feature = "status-list")]
use crate::{Status, StatusList};
use crate::{UnixSeconds, claims::Registered};

/// How many days before its end a license is [`Ending`](HealthState::Ending), unless the check says otherwise.
pub const DEFAULT_WARNING_DAYS: u32 = 30;

/// By what the health of a license is judged: an instant, how early to warn, and status lists.
///
/// An instant alone stands for the defaults: `license.health(now)`.
///
/// ```
/// use keyward_token::{HealthCheck, HealthState, License, NoClaims, UnixSeconds};
///
/// fn ends_this_quarter(license: &License<NoClaims>, now: UnixSeconds) -> bool {
///     license.health(HealthCheck::at(now).warning_days(90)).state() == HealthState::Ending
/// }
/// ```
///
/// On a machine whose clock may have been set back, the instant is that of
/// `ClockFloor::at_least` (feature `clock-floor`).
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct HealthCheck<'a> {
    now: UnixSeconds,
    warning: u64,
    leeway: u64,
    #[cfg(feature = "status-list")]
    lists: Option<&'a [StatusList]>,
    #[cfg(feature = "status-list")]
    max_list_age: Option<u64>,
    #[cfg(not(feature = "status-list"))]
    lists: core::marker::PhantomData<&'a ()>,
}

impl<'a> HealthCheck<'a> {
    /// A check at an instant, with a warning 30 days before the end and without status lists.
    pub fn at(now: UnixSeconds) -> Self {
        Self {
            now,
            warning: days_of(DEFAULT_WARNING_DAYS),
            leeway: 0,
            lists: Default::default(),
            #[cfg(feature = "status-list")]
            max_list_age: None,
        }
    }

    /// How many days before its end by the contract a license is [`Ending`](HealthState::Ending); never for zero.
    pub fn warning_days(mut self, days: u32) -> Self {
        self.warning = days_of(days);
        self
    }

    /// The leeway of the [verifier](crate::VerifierBuilder::leeway_seconds), so that both say the same.
    pub fn leeway_seconds(mut self, seconds: u32) -> Self {
        self.leeway = u64::from(seconds);
        self
    }

    /// Looks the license up in this list, which was verified.
    #[cfg(feature = "status-list")]
    pub fn status_list(self, list: &'a StatusList) -> Self {
        self.status_lists(core::slice::from_ref(list))
    }

    /// Looks the license up in these lists, which were verified: those of a server that has moved, of which the one counts
    /// that the license names. Without any, the status is [`Unknown`](HealthState::Unknown).
    #[cfg(feature = "status-list")]
    pub fn status_lists(mut self, lists: &'a [StatusList]) -> Self {
        self.lists = Some(lists);
        self
    }

    /// A list that was issued so long ago does not say that a license is not revoked. Without, every list does until its own
    /// end (`exp`). Of whatever age, it says that one is revoked.
    #[cfg(feature = "status-list")]
    pub fn max_list_age_seconds(mut self, seconds: u64) -> Self {
        self.max_list_age = Some(seconds);
        self
    }

    pub(crate) fn judge(&self, json: &str, license: &Registered, leeway: u64) -> Health {
        let times = Times {
            begins: license.nbf.as_ref().map(|nbf| nbf.at.saturating_sub(self.leeway.max(leeway))),
            ends: license.ends_at(),
            expires: license.exp.as_ref().map(|exp| exp.at),
            warning: self.warning,
        };
        let state_at = |at| self.status_at(json, license, at).state(times.state_at(at));
        let state = state_at(self.now);
        let mut changes = self.next_after(self.now, &times);
        while let Some(at) = changes.filter(|at| state_at(*at) == state) {
            changes = self.next_after(at, &times);
        }
        Health {
            state,
            by_times: times.state_at(self.now),
            now: self.now,
            changes,
            begins: license.nbf.as_ref().map(|nbf| nbf.at),
            ends: times.ends,
            expires: times.expires,
            list_issued: self.status_at(json, license, self.now).list_issued,
        }
    }

    /// The first instant after this one at which something happens that may change the state.
    fn next_after(&self, at: UnixSeconds, times: &Times) -> Option<UnixSeconds> {
        let next = times.instants().into_iter().flatten().filter(|instant| *instant > at).min();
        #[cfg(feature = "status-list")]
        let next = {
            let lists = self.lists.unwrap_or_default().iter();
            let ends = lists.flat_map(|list| [list.expires_at(), self.too_old_at(list)]).flatten();
            ends.filter(|instant| *instant > at).chain(next).min()
        };
        next
    }

    #[cfg(not(feature = "status-list"))]
    fn status_at(&self, _: &str, _: &Registered, _: UnixSeconds) -> Listed {
        Listed { entry: Entry::Valid, list_issued: None }
    }

    /// What the lists say at an instant. As in [`StatusListVerifier::check`](crate::StatusListVerifier::check), a list that
    /// refuses the license counts whatever else there is, and else the newest.
    #[cfg(feature = "status-list")]
    fn status_at(&self, json: &str, license: &Registered, at: UnixSeconds) -> Listed {
        let Some(lists) = self.lists else { return Listed { entry: Entry::Valid, list_issued: None } };
        let unknown = |why| Listed { entry: Entry::Unknown(why), list_issued: None };
        let Some((index, uri)) = &license.status else { return unknown(UnknownStatus::NoReference) };
        let uri = uri.string(json);
        let ours = lists.iter().filter(|list| uri.is(list.uri()));
        let listed = ours
            .map(|list| Listed { entry: self.entry(list, *index, at), list_issued: Some(list.issued_at()) });
        listed.max_by_key(|listed| (listed.entry.weight(), listed.list_issued)).unwrap_or(unknown(
            if lists.is_empty() { UnknownStatus::NoList } else { UnknownStatus::OtherList },
        ))
    }

    #[cfg(feature = "status-list")]
    fn entry(&self, list: &StatusList, index: u64, at: UnixSeconds) -> Entry {
        if list.expires_at().is_some_and(|exp| at >= exp) {
            return Entry::Unknown(UnknownStatus::ListExpired);
        }
        match list.table().status(index) {
            Ok(Status::Valid) if self.too_old_at(list).is_some_and(|old| at >= old) => {
                Entry::Unknown(UnknownStatus::ListTooOld)
            }
            Ok(Status::Valid) => Entry::Valid,
            Ok(Status::Suspended) => Entry::Suspended,
            Ok(Status::Invalid | Status::Other(_)) => Entry::Revoked,
            Err(_) => Entry::Unknown(UnknownStatus::OutOfRange),
        }
    }

    /// The first instant at which a list is older than what is asked for.
    #[cfg(feature = "status-list")]
    fn too_old_at(&self, list: &StatusList) -> Option<UnixSeconds> {
        self.max_list_age.map(|age| list.issued_at().saturating_add(age).saturating_add(1))
    }
}

impl From<UnixSeconds> for HealthCheck<'_> {
    fn from(now: UnixSeconds) -> Self {
        Self::at(now)
    }
}

/// The times of a license, and the span of the warning.
struct Times {
    begins: Option<UnixSeconds>,
    ends: Option<UnixSeconds>,
    expires: Option<UnixSeconds>,
    warning: u64,
}

impl Times {
    fn state_at(&self, at: UnixSeconds) -> HealthState {
        let from = |instant: Option<UnixSeconds>| instant.is_some_and(|instant| at >= instant);
        if from(self.expires) {
            HealthState::Ended
        } else if self.begins.is_some_and(|begins| at < begins) {
            HealthState::NotYet
        } else if from(self.ends) {
            HealthState::InGrace
        } else if from(self.warns()) {
            HealthState::Ending
        } else {
            HealthState::Fine
        }
    }

    fn warns(&self) -> Option<UnixSeconds> {
        self.ends.map(|ends| ends.saturating_sub(self.warning))
    }

    /// Whenever the state may change.
    fn instants(&self) -> [Option<UnixSeconds>; 4] {
        [self.begins, self.warns(), self.ends, self.expires]
    }
}

/// What the status lists say of a license.
#[derive(Clone, Copy)]
struct Listed {
    entry: Entry,
    /// When the list was issued that says it, or that should.
    list_issued: Option<UnixSeconds>,
}

#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "status-list"), allow(dead_code))]
enum Entry {
    Valid,
    Suspended,
    Revoked,
    Unknown(UnknownStatus),
}

impl Listed {
    /// The state of a license that is in this one by its times. Revoked is for good, and so is the end; a suspension, unlike
    /// an unknown status, says more than that the license has not begun.
    fn state(self, by_times: HealthState) -> HealthState {
        match (self.entry, by_times) {
            (Entry::Revoked, _) => HealthState::Revoked,
            (Entry::Valid, by_times) | (_, by_times @ HealthState::Ended) => by_times,
            (Entry::Suspended, _) => HealthState::Suspended,
            (Entry::Unknown(_), HealthState::NotYet) => HealthState::NotYet,
            (Entry::Unknown(why), _) => HealthState::Unknown(why),
        }
    }
}

#[cfg(feature = "status-list")]
impl Entry {
    /// Of two lists, the one whose entry weighs more counts.
    fn weight(self) -> u8 {
        match self {
            Self::Revoked => 4,
            Self::Suspended => 3,
            Self::Unknown(UnknownStatus::OutOfRange) => 2,
            Self::Valid => 1,
            Self::Unknown(_) => 0,
        }
    }
}

fn days_of(days: u32) -> u64 {
    u64::from(days).saturating_mul(86_400)
}
