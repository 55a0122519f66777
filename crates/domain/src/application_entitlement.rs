//! Which versions of an application a customer may deploy. What was granted once stays granted: a grant only grows.

use std::collections::BTreeSet;

use crate::application::VersionName;
use crate::{
    ApplicationEntitlementId, ApplicationId, ApplicationVersion, ApplicationVersionId, CustomerId, Notes,
    OrganizationId, Timestamp,
};

/// What a customer may deploy of one application. There is one at most for both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationEntitlement {
    /// Its id.
    pub id: ApplicationEntitlementId,
    /// Whose entitlement this is to give.
    pub organization: OrganizationId,
    /// Who holds it.
    pub customer: CustomerId,
    /// Of which application.
    pub application: ApplicationId,
    /// Which versions.
    pub granted: Granted,
    /// Internal to the vendor.
    pub note: Option<Notes>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts the changes; the entity tag of HTTP.
    pub version: i64,
}

/// Which versions are granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Granted {
    /// These.
    Named(BTreeSet<ApplicationVersionId>),
    /// All that are and will be.
    All {
        /// But those that were archived when this was granted, for as long as they are.
        hidden: BTreeSet<ApplicationVersionId>,
    },
}

/// Which versions a vendor wants to grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestedVersions {
    /// These, and no others.
    Named(BTreeSet<ApplicationVersionId>),
    /// All that are and will be.
    All,
}

/// Why a grant was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// It names no version.
    #[error("no version is named")]
    Empty,
    /// It names archived versions that the customer does not have.
    #[error("archived versions are not granted")]
    Archived(Vec<VersionName>),
    /// It leaves out versions that the customer has.
    #[error("a version that was granted cannot be taken back")]
    TakenBack(Vec<VersionName>),
}

impl Granted {
    /// Whether a version of the application is granted.
    pub fn covers(&self, version: &ApplicationVersion) -> bool {
        match self {
            Self::Named(named) => named.contains(&version.id),
            Self::All { hidden } => !(version.is_archived() && hidden.contains(&version.id)),
        }
    }

    /// What grants `wanted`, of all `versions` of the application, to a customer who had `before`.
    pub fn grant(
        wanted: RequestedVersions,
        versions: &[ApplicationVersion],
        before: Option<&Self>,
    ) -> Result<Self, GrantError> {
        let had = |version: &ApplicationVersion| before.is_some_and(|before| before.covers(version));
        let names = |versions: Vec<&ApplicationVersion>| versions.iter().map(|v| v.name.clone()).collect();
        match wanted {
            RequestedVersions::Named(named) => {
                let lost: Vec<_> = versions.iter().filter(|v| had(v) && !named.contains(&v.id)).collect();
                let is_late = |v: &&ApplicationVersion| named.contains(&v.id) && v.is_archived() && !had(v);
                let late: Vec<_> = versions.iter().filter(is_late).collect();
                if !lost.is_empty() {
                    Err(GrantError::TakenBack(names(lost)))
                } else if !late.is_empty() {
                    Err(GrantError::Archived(names(late)))
                } else if named.is_empty() {
                    Err(GrantError::Empty)
                } else {
                    Ok(Self::Named(named))
                }
            }
            RequestedVersions::All => {
                let hidden = versions.iter().filter(|version| version.is_archived() && !had(version));
                Ok(Self::All { hidden: hidden.map(|version| version.id).collect() })
            }
        }
    }

    /// After `version` was offered again: from then on it belongs to all.
    #[must_use]
    pub fn offered_again(self, version: ApplicationVersionId) -> Self {
        match self {
            Self::All { mut hidden } => {
                hidden.remove(&version);
                Self::All { hidden }
            }
            Self::Named(named) => Self::Named(named),
        }
    }
}

impl ApplicationEntitlement {
    /// Grants `wanted` instead, of all `versions` of the application: as much as before or more.
    pub fn granting(
        self,
        wanted: RequestedVersions,
        versions: &[ApplicationVersion],
        now: Timestamp,
    ) -> Result<Self, GrantError> {
        let granted = Granted::grant(wanted, versions, Some(&self.granted))?;
        Ok(Self { granted, ..self }.changed(now))
    }

    /// The same with another note.
    #[must_use]
    pub fn noted(self, note: Option<Notes>, now: Timestamp) -> Self {
        Self { note, ..self }.changed(now)
    }

    /// Whether it can be taken away while its customer is there: only if it grants none of `versions`.
    pub fn removable(&self, versions: &[ApplicationVersion]) -> Result<(), GrantError> {
        let held: Vec<_> =
            versions.iter().filter(|v| self.granted.covers(v)).map(|v| v.name.clone()).collect();
        if held.is_empty() { Ok(()) } else { Err(GrantError::TakenBack(held)) }
    }

    fn changed(self, now: Timestamp) -> Self {
        Self { updated_at: now, version: self.version + 1, ..self }
    }
}

/// Whether a version may be deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It may.
    Granted,
    /// The customer has no entitlement to the application.
    NotEntitled,
    /// The entitlement does not grant this version.
    NotGranted,
}

/// Whether the customer with these entitlements may see and deploy `version` of `application`. Every front end asks this.
pub fn may_deploy(
    entitlements: &[ApplicationEntitlement],
    application: ApplicationId,
    version: &ApplicationVersion,
) -> Decision {
    let mut of_application = entitlements.iter().filter(|one| one.application == application).peekable();
    if of_application.peek().is_none() || version.application != application {
        Decision::NotEntitled
    } else if of_application.any(|one| one.granted.covers(version)) {
        Decision::Granted
    } else {
        Decision::NotGranted
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::application::tests::version;

    const NOW: Timestamp = Timestamp::MIN;

    fn entitlement(granted: Granted) -> ApplicationEntitlement {
        ApplicationEntitlement {
            id: ApplicationEntitlementId::new(1, [1; 10]),
            organization: OrganizationId::new(1, [1; 10]),
            customer: CustomerId::new(1, [1; 10]),
            application: ApplicationId::new(1, [1; 10]),
            granted,
            note: None,
            created_at: NOW,
            updated_at: NOW,
            version: 1,
        }
    }

    fn named(versions: &[ApplicationVersion]) -> RequestedVersions {
        RequestedVersions::Named(versions.iter().map(|version| version.id).collect())
    }

    #[test]
    fn a_grant_only_grows() {
        let versions = [version(1, "1"), version(2, "2"), version(3, "3").archive(NOW).unwrap()];
        let grant = |wanted, before| Granted::grant(wanted, &versions, before);
        assert_eq!(grant(named(&[]), None), Err(GrantError::Empty));
        let archived = Err(GrantError::Archived(vec!["3".parse().unwrap()]));
        assert_eq!(grant(named(&versions), None), archived);
        let two = grant(named(&versions[..2]), None).unwrap();
        let taken = |name: &str| Err(GrantError::TakenBack(vec![name.parse().unwrap()]));
        assert_eq!(grant(named(&versions[..1]), Some(&two)), taken("2"));
        let all = grant(RequestedVersions::All, Some(&two)).unwrap();
        assert!(all.covers(&versions[1]) && !all.covers(&versions[2]));
        assert_eq!(grant(named(&versions[1..2]), Some(&all)), taken("1"));
        assert_eq!(
            grant(named(&versions[..2]), Some(&all)),
            Ok(two.clone()),
            "nothing that exists is taken away"
        );
        let with_archived = Granted::Named([versions[2].id].into());
        let kept = grant(RequestedVersions::All, Some(&with_archived)).unwrap();
        assert!(kept.covers(&versions[2]), "who had it by name keeps it");
    }

    #[test]
    fn without_an_entitlement_there_is_nothing() {
        let one = version(1, "1");
        let held = entitlement(Granted::All { hidden: BTreeSet::new() });
        let other = ApplicationId::new(2, [2; 10]);
        assert_eq!(may_deploy(&[], one.application, &one), Decision::NotEntitled);
        assert_eq!(may_deploy(std::slice::from_ref(&held), other, &one), Decision::NotEntitled);
        assert_eq!(may_deploy(std::slice::from_ref(&held), one.application, &one), Decision::Granted);
        let foreign = ApplicationVersion { application: other, ..one.clone() };
        assert_eq!(may_deploy(std::slice::from_ref(&held), one.application, &foreign), Decision::NotEntitled);
        assert!(held.removable(&[one]).is_err());
        assert!(held.removable(&[]).is_ok());
    }

    #[derive(Debug, Clone)]
    enum Step {
        Release,
        Archive(usize),
        Unarchive(usize),
        Grant(Vec<usize>),
        GrantAll,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            2 => Just(Step::Release),
            2 => (0..6_usize).prop_map(Step::Archive),
            1 => (0..6_usize).prop_map(Step::Unarchive),
            2 => prop::collection::vec(0..6_usize, 0..5).prop_map(Step::Grant),
            1 => Just(Step::GrantAll),
        ]
    }

    /// The naive model: the set of all that was ever granted, and whether all later ones are too.
    #[derive(Default)]
    struct Model {
        granted: BTreeSet<ApplicationVersionId>,
        all: bool,
    }

    proptest! {
        #[test]
        fn decisions_are_those_of_a_list_of_all_that_was_ever_granted(steps in prop::collection::vec(step(), 1..30)) {
            let mut versions: Vec<ApplicationVersion> = Vec::new();
            let mut held: Option<ApplicationEntitlement> = None;
            let mut model = Model::default();
            for step in steps {
                let before = model.granted.clone();
                match step {
                    Step::Release => {
                        let new = version(u8::try_from(versions.len()).unwrap() + 1, "1");
                        if model.all {
                            model.granted.insert(new.id);
                        }
                        versions.push(new);
                    }
                    Step::Archive(n) => {
                        if let Some(old) = versions.get_mut(n) {
                            *old = old.clone().archive(NOW).unwrap_or(old.clone());
                        }
                    }
                    Step::Unarchive(n) => {
                        if let Some(old) = versions.get_mut(n)
                            && let Ok(offered) = old.clone().unarchive(NOW)
                        {
                            *old = offered;
                            if model.all {
                                model.granted.insert(old.id);
                            }
                            held = held.map(|held| {
                                let granted = held.granted.clone().offered_again(old.id);
                                ApplicationEntitlement { granted, ..held }
                            });
                        }
                    }
                    Step::Grant(numbers) => {
                        let wanted: BTreeSet<_> =
                            numbers.iter().filter_map(|n| versions.get(*n)).map(|version| version.id).collect();
                        let archived = |id| versions.iter().any(|v| v.id == id && v.is_archived());
                        let refused = wanted.is_empty()
                            || !model.granted.is_subset(&wanted)
                            || wanted.difference(&model.granted).any(|id| archived(*id));
                        let done = grant(&mut held, RequestedVersions::Named(wanted.clone()), &versions);
                        prop_assert_eq!(done, !refused);
                        if done {
                            model = Model { granted: wanted, all: false };
                        }
                    }
                    Step::GrantAll => {
                        prop_assert!(grant(&mut held, RequestedVersions::All, &versions));
                        model.all = true;
                        model.granted.extend(versions.iter().filter(|v| !v.is_archived()).map(|v| v.id));
                    }
                }
                prop_assert!(before.is_subset(&model.granted), "nothing is taken back");
                let application = ApplicationId::new(1, [1; 10]);
                for version in &versions {
                    let decision = may_deploy(held.as_slice(), application, version);
                    let expected = match (&held, model.granted.contains(&version.id)) {
                        (None, _) => Decision::NotEntitled,
                        (Some(_), true) => Decision::Granted,
                        (Some(_), false) => Decision::NotGranted,
                    };
                    prop_assert_eq!(decision, expected);
                }
            }
        }
    }

    fn grant(
        held: &mut Option<ApplicationEntitlement>,
        wanted: RequestedVersions,
        versions: &[ApplicationVersion],
    ) -> bool {
        let granted = match held.clone() {
            Some(before) => before.granting(wanted, versions, NOW),
            None => Granted::grant(wanted, versions, None).map(entitlement),
        };
        match granted {
            Ok(granted) => {
                *held = Some(granted);
                true
            }
            Err(_) => false,
        }
    }
}
