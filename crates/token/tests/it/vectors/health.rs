//! How licenses stand at instants, by their times and by status lists.

use super::{corpus::Expected, name, rules};
use crate::support::{EXPIRES, ISSUED, LIST, NOW, PAYLOAD, claims, signer};
use keyward_token::{
    Format, Health, HealthCheck, HealthState, Keyring, Status, StatusList, StatusRef, StatusTable,
    UnixSeconds,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct HealthVector {
    pub(super) name: String,
    pub(super) rules: Vec<String>,
    pub(super) now: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) warning_days: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) leeway_seconds: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) max_list_age_seconds: Option<u64>,
    pub(super) token: String,
    /// Lists that were verified when they were issued; absent where none is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lists: Option<Vec<String>>,
    /// How the license stands; absent for a token that is refused at every second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) health: Option<HealthSeen>,
    /// The code of the error of such a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct HealthSeen {
    pub(super) state: String,
    pub(super) state_by_times: String,
    /// Why the state is `unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unknown: Option<String>,
    pub(super) valid: bool,
    pub(super) begins: Option<i64>,
    pub(super) ends: Option<i64>,
    pub(super) expires: Option<i64>,
    /// The first second at which the state is another.
    pub(super) changes: Option<i64>,
    pub(super) list_age_seconds: Option<u64>,
}

impl HealthSeen {
    fn of(health: &Health) -> Self {
        let seconds = |at: Option<UnixSeconds>| at.map(UnixSeconds::as_i64);
        let unknown = match health.state() {
            HealthState::Unknown(why) => Some(why.code().to_owned()),
            HealthState::Fine
            | HealthState::Ending
            | HealthState::InGrace
            | HealthState::Ended
            | HealthState::NotYet
            | HealthState::Revoked
            | HealthState::Suspended => None,
        };
        Self {
            state: health.state().code().into(),
            state_by_times: health.state_by_times().code().into(),
            unknown,
            valid: health.is_valid(),
            begins: seconds(health.begins_at()),
            ends: seconds(health.ends_at()),
            expires: seconds(health.expires_at()),
            changes: seconds(health.changes_at()),
            list_age_seconds: health.list_age_seconds(),
        }
    }
}

pub(super) fn check(jwks: &str, vectors: &[HealthVector]) {
    for vector in vectors {
        let mut judged = vector.clone();
        judged.judge(jwks);
        assert_eq!(
            (judged.health, judged.error),
            (vector.health.clone(), vector.error.clone()),
            "{}",
            vector.name
        );
    }
}

impl HealthVector {
    pub(super) fn new(title: &str, now: UnixSeconds, token: String) -> Self {
        Self {
            name: name(title),
            rules: rules(title),
            now: now.as_i64(),
            warning_days: None,
            leeway_seconds: None,
            max_list_age_seconds: None,
            token,
            lists: None,
            health: None,
            error: None,
        }
    }

    /// Writes down what the crate says.
    pub(super) fn judge(&mut self, jwks: &str) {
        let keys = Keyring::from_jwks(jwks).unwrap();
        let issued = |list: &String| StatusList::verify(list, &keys, ISSUED).unwrap();
        let lists: Option<Vec<StatusList>> =
            self.lists.as_ref().map(|lists| lists.iter().map(issued).collect());
        let mut check = HealthCheck::at(UnixSeconds::new(self.now));
        if let Some(days) = self.warning_days {
            check = check.warning_days(days);
        }
        if let Some(seconds) = self.leeway_seconds {
            check = check.leeway_seconds(seconds);
        }
        if let Some(seconds) = self.max_list_age_seconds {
            check = check.max_list_age_seconds(seconds);
        }
        if let Some(lists) = &lists {
            check = check.status_lists(lists);
        }
        match Expected::default().verifier(jwks).authenticate(&self.token) {
            Ok(license) => (self.health, self.error) = (Some(HealthSeen::of(&license.health(check))), None),
            Err(error) => (self.health, self.error) = (None, Some(error.code().into())),
        }
    }
}

const DAY: i64 = 86_400;

/// Two weeks before the expiry.
const ENDS: UnixSeconds = UnixSeconds::new(EXPIRES.as_i64() - 14 * DAY);

pub(super) fn all(jwks: &str) -> Vec<HealthVector> {
    let license = |uri: &'static str, grace: bool| {
        let mut claims = claims(PAYLOAD);
        claims.status = Some(StatusRef { index: 1_234, uri: uri.into() });
        claims.keyward.as_mut().unwrap().ends = grace.then_some(ENDS);
        signer().sign(Format::Jwt, &claims).unwrap()
    };
    let list = |uri: &str, status: Status, issued: i64, expires: Option<i64>| {
        let mut table = StatusTable::new(2_000);
        table.set(1_234, status).unwrap();
        let at = |seconds: i64| UnixSeconds::new(ISSUED.as_i64() + seconds);
        table.sign(&signer(), uri, at(issued), expires.map(at), None).unwrap()
    };
    let good = license(LIST, true);
    let moved = "https://new.example.com/o/acme/status-list";
    let (valid, revoked) = (list(LIST, Status::Valid, 0, None), list(LIST, Status::Invalid, 0, None));
    let suspended = list(LIST, Status::Suspended, 0, None);
    let short = list(LIST, Status::Valid, 0, Some(7 * DAY));
    let unlisted = {
        let mut claims = claims(PAYLOAD);
        claims.status = None;
        signer().sign(Format::Jwt, &claims).unwrap()
    };
    let endless = {
        let mut claims = claims(PAYLOAD);
        (claims.exp, claims.nbf) = (None, None);
        signer().sign(Format::Paseto, &claims).unwrap()
    };
    let new = |title: &str, now: i64| HealthVector::new(title, UnixSeconds::new(now), good.clone());
    let listed = |title: &str, now: i64, lists: &[&String]| HealthVector {
        lists: Some(lists.iter().map(|list| (*list).clone()).collect()),
        ..new(title, now)
    };
    let (now, before, end) = (NOW.as_i64(), ISSUED.as_i64() - DAY, EXPIRES.as_i64());
    let mut vectors = vec![
        HealthVector { warning_days: Some(0), ..new("no warning", ENDS.as_i64() - 1) },
        HealthVector { warning_days: Some(u32::MAX), ..new("a warning as long as can be", now) },
        HealthVector { warning_days: Some(60), ..new("a warning 60 days before", ENDS.as_i64() - 60 * DAY) },
        HealthVector { leeway_seconds: Some(60), ..new("within the leeway", ISSUED.as_i64() - 60) },
        HealthVector { leeway_seconds: Some(60), ..new("before the leeway", ISSUED.as_i64() - 61) },
        HealthVector { token: endless, ..new("no end and no beginning", 0) },
        new("before 1970", -1),
        listed("listed as valid", now, &[&valid]),
        listed("listed as valid, in the grace", end - 1, &[&valid]),
        listed("revoked", now, &[&revoked]),
        listed("revoked before it begins", before, &[&revoked]),
        listed("revoked after it has ended", end, &[&revoked]),
        listed("suspended", now, &[&suspended]),
        listed("suspended before it begins", before, &[&suspended]),
        listed("suspended after it has ended", end, &[&suspended]),
        listed("another value", now, &[&list(LIST, Status::Other(3), 0, None)]),
        listed("no list", now, &[]),
        listed("no list before it begins", before, &[]),
        listed("no list after it has ended", end, &[]),
        listed("no list, and the end is near", end - DAY, &[]),
        listed("a list of another address", now, &[&list(moved, Status::Valid, 0, None)]),
        listed(
            "two lists, of which one is of the address",
            now,
            &[&list(moved, Status::Invalid, 0, None), &valid],
        ),
        listed("two lists of the address, of which one revokes", now, &[&valid, &revoked]),
        listed("two lists of the address, of which one is expired", now, &[&short, &valid]),
        listed(
            "two lists of the address, of which the newer counts",
            now,
            &[&valid, &list(LIST, Status::Valid, -DAY, None)],
        ),
        listed("the second before the list ends", ISSUED.as_i64() + 7 * DAY - 1, &[&short]),
        listed("the second of the list's end", ISSUED.as_i64() + 7 * DAY, &[&short]),
        listed(
            "a list that revoked, and has ended",
            ISSUED.as_i64() + 7 * DAY,
            &[&list(LIST, Status::Invalid, 0, Some(7 * DAY))],
        ),
        HealthVector {
            max_list_age_seconds: Some(600),
            ..listed(
                "two lists that are as new, one expired and one too old",
                ISSUED.as_i64() + 7 * DAY,
                &[&valid, &short],
            )
        },
        HealthVector {
            max_list_age_seconds: Some(600),
            ..listed(
                "two lists that are as new, one too old and one expired",
                ISSUED.as_i64() + 7 * DAY,
                &[&short, &valid],
            )
        },
        listed("a list from the future", now, &[&list(LIST, Status::Valid, 20_000_000, None)]),
        HealthVector { token: unlisted, ..listed("a license that names no list", now, &[&valid]) },
        HealthVector {
            max_list_age_seconds: Some(600),
            ..listed("a list as old as it may be", ISSUED.as_i64() + 600, &[&valid])
        },
        HealthVector {
            max_list_age_seconds: Some(600),
            ..listed("a list a second too old", ISSUED.as_i64() + 601, &[&valid])
        },
        HealthVector {
            max_list_age_seconds: Some(600),
            ..listed("a list too old that revokes", now, &[&revoked])
        },
        HealthVector {
            max_list_age_seconds: Some(u64::MAX),
            ..listed("a list of whatever age", now, &[&valid])
        },
    ];
    for (title, index) in [("beyond the last index", 2_000), ("beyond any index", u64::MAX)] {
        let mut claims = claims(PAYLOAD);
        claims.status = Some(StatusRef { index, uri: LIST.into() });
        let token = signer().sign(Format::Jwt, &claims).unwrap();
        vectors.push(HealthVector { token, ..listed(title, now, &[&valid]) });
    }
    for vector in &mut vectors {
        vector.judge(jwks);
    }
    vectors
}
