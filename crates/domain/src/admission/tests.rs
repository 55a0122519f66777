use proptest::prelude::*;

use super::*;
use crate::fixture::{NOW, at, license, organization, product};
use crate::product::{ApiKey, Bounds, ProductState, PullRole, PullRoles, Settings};
use crate::registry::TagGrant;
use crate::{LicenseState, RegistryId, RegistryKeyId};

const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

fn repository() -> RepositoryName {
    "acme/app".parse().unwrap()
}

fn artifact() -> ArtifactId {
    ArtifactId::new(1, [7; 10])
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

fn key(access: KeyAccess, hash: u8, expires_at: Option<i64>, revoked: bool) -> RegistryKey {
    RegistryKey {
        id: RegistryKeyId::new(1, [5; 10]),
        organization: organization().id,
        registry: RegistryId::new(1, [6; 10]),
        name: "ci".parse().unwrap(),
        owner: "ci".parse().unwrap(),
        access,
        secret: ApiKey {
            hash: SecretHash::from_bytes([hash; 32]),
            hint: String::new(),
            created_at: at(0),
            previous: None,
        },
        rotation: None,
        handover: None,
        expires_at: expires_at.map(at),
        lives_since: at(0),
        revoked_at: revoked.then(|| at(0)),
        last_use: None,
        created_at: at(0),
    }
}

fn vendor(suspended: bool) -> Organization {
    let state =
        if suspended { OrganizationState::Suspended { since: at(0) } } else { OrganizationState::Active };
    Organization { state, ..organization() }
}

/// A product in one of its states; `roles` is how its pull roles stand to the repository.
fn in_state(state: u8, roles: Option<bool>) -> Product {
    let state = match state {
        0 => ProductState::Active,
        1 => ProductState::Archived { since: at(0) },
        _ => ProductState::Disabled { since: at(0) },
    };
    let role = |open| PullRole {
        name: "pro".to_owned(),
        repositories: vec![if open { "acme/*" } else { "other/*" }.to_owned()],
    };
    let roles = roles.map(role).into_iter().collect();
    Product { state, pull_roles: PullRoles::new(roles).unwrap(), ..product(Settings::default()) }
}

fn requests() -> Vec<RegistryRequestKind> {
    use RegistryRequestKind::*;
    vec![List, Tag("1.0"), Tag("2.0"), Fallback, ManifestDigest, Content, Push, Delete]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RegistryRequestKind {
    List,
    Tag(&'static str),
    Fallback,
    ManifestDigest,
    Content,
    Push,
    Delete,
}

/// What comes of it, in words.
fn decided(rights: &Rights, kind: RegistryRequestKind) -> String {
    let digest: Digest = DIGEST.parse().unwrap();
    let reference = match kind {
        RegistryRequestKind::Tag(text) => Reference::Tag(tag(text)),
        RegistryRequestKind::Fallback => Reference::Tag(tag(&DIGEST.replace(':', "-"))),
        _ => Reference::Digest(digest.clone()),
    };
    let request = match kind {
        RegistryRequestKind::List => RegistryRequest::List,
        RegistryRequestKind::Tag(_) | RegistryRequestKind::Fallback | RegistryRequestKind::ManifestDigest => {
            RegistryRequest::Manifest(&reference)
        }
        RegistryRequestKind::Content => RegistryRequest::Content(&digest),
        RegistryRequestKind::Push => RegistryRequest::Push,
        RegistryRequestKind::Delete => RegistryRequest::Delete,
    };
    match rights.admit_to(&rights.reach(Some(artifact()), &repository()), request) {
        Admission::Allowed => "allowed".to_owned(),
        Admission::IfTraced(tags, traced) => {
            assert_eq!(traced, digest);
            format!("if one of {} leads there", tags.len())
        }
        Admission::Denied(Denial::Halted(halt)) => halt.to_string(),
        Admission::Denied(denial) => format!("{denial:?}"),
    }
}

proptest! {
    /// The rules as the documentation tells them, one after the other.
    #[test]
    fn a_license_opens_what_the_rules_say(
        suspended_vendor: bool,
        product in prop::option::of((0_u8..3, prop::option::of(any::<bool>()))),
        state in 0_u8..3,
        withdrawn: bool,
        start in NOW - 500..NOW + 500,
        length in prop::option::of(1_i64..800),
        closed: bool,
        granted in prop::option::of(prop::collection::btree_set(prop::sample::select(vec!["1.0", "3.0"]), 0..3)),
        everything: bool,
        role_in_token: bool,
        request in prop::sample::select(requests()),
    ) {
        let vendor = vendor(suspended_vendor);
        let state = match state {
            0 => LicenseState::Active,
            1 => LicenseState::Suspended { since: at(0) },
            _ => LicenseState::Revoked { at: at(0) },
        };
        let end = length.map(|length| start + length);
        let mut license = license(state, start, end, Bounds::default());
        if role_in_token {
            license.revision.registry = vec!["pro".to_owned()];
        }
        let mut revision = license.revision.clone();
        if withdrawn {
            revision.state = RevisionState::Revoked { at: at(0) };
        }
        let tags = granted.as_ref().map(|tags| match everything {
            true => TagGrant::All,
            false => TagGrant::Named(tags.iter().map(|text| tag(text)).collect()),
        });
        let grants: Vec<_> = tags.into_iter().map(|tags| ArtifactGrant { artifact: artifact(), tags }).collect();
        let shown = product.map(|(state, roles)| in_state(state, roles));
        let ground = LicenseGround {
            organization: &vendor,
            license: &license,
            revision: &revision,
            product: shown.as_ref(),
            policy: if closed { ArtifactPolicy::EntitledOnly } else { ArtifactPolicy::OpenUntilFirst },
            grants: &grants,
        };
        let rights = ground.rights(at(NOW));

        prop_assert_eq!(rights.is_none(), withdrawn || matches!(state, LicenseState::Revoked { .. }), "a stranger");
        let Some(rights) = rights else { return Ok(()) };
        let halted = if suspended_vendor { Some("Acme is suspended on this server".to_owned()) }
            else if product.is_some_and(|(state, _)| state != 0) { Some("Server is out of service".to_owned()) }
            else if matches!(state, LicenseState::Suspended { .. }) { Some("the license L is suspended; ask Acme".to_owned()) }
            else if let Some(end) = end.filter(|end| NOW >= *end) {
                Some(format!("the license L expired after {}; ask Acme to renew it", at(end).as_end()))
            }
            else if NOW < start - Timestamp::SKEW_SECONDS {
                Some(format!("the license L is not valid before {}", at(start).as_start()))
            }
            else { None };
        let roles = product.and_then(|(_, roles)| roles);
        let opened = roles == Some(true) && role_in_token;
        let all = opened || granted.is_some() && everything || !closed && roles.is_none();
        let tags: &[&str] = &granted.unwrap_or_default().into_iter().collect::<Vec<_>>();
        let expected = match (halted, request) {
            (Some(halted), _) => halted,
            (None, RegistryRequestKind::Push | RegistryRequestKind::Delete) => "LicenseOnlyPulls".to_owned(),
            (None, _) if all => "allowed".to_owned(),
            (None, _) if tags.is_empty() => "RepositoryNotIncluded".to_owned(),
            (None, RegistryRequestKind::List) => "allowed".to_owned(),
            (None, RegistryRequestKind::Tag(tag)) if tags.contains(&tag) => "allowed".to_owned(),
            (None, RegistryRequestKind::Tag(_)) => "NotIncluded".to_owned(),
            (None, _) => format!("if one of {} leads there", tags.len()),
        };
        prop_assert_eq!(decided(&rights, request), expected);
        prop_assert_eq!(rights.admit().is_ok(), !matches!(rights, Rights::Halted(_)));
        let actions = rights.token_actions(&rights.reach(Some(artifact()), &repository()));
        prop_assert_eq!(actions == ["pull"], all && matches!(rights, Rights::License(_)), "a token opens all or nothing");
        prop_assert!(actions.len() <= 1);
    }

    #[test]
    fn a_key_does_what_its_access_says(
        suspended_vendor: bool,
        access in prop::sample::select(KeyAccess::ALL.to_vec()),
        shown in 0_u8..2,
        expires_at in prop::option::of(NOW - 2..NOW + 2),
        revoked: bool,
        request in prop::sample::select(requests()),
    ) {
        let key = key(access, 1, expires_at, revoked);
        let rights = Rights::of_key(&vendor(suspended_vendor), &key, &SecretHash::from_bytes([shown; 32]), at(NOW));
        let dead = shown != 1 || revoked || expires_at.is_some_and(|end| NOW >= end);
        prop_assert_eq!(rights.is_none(), dead);
        let Some(rights) = rights else { return Ok(()) };
        let expected = match request {
            _ if suspended_vendor => "Acme is suspended on this server",
            RegistryRequestKind::Push if access == KeyAccess::Read => "KeyOnlyPulls",
            RegistryRequestKind::Delete if access != KeyAccess::ReadWriteDelete => "KeyCannotDelete",
            _ => "allowed",
        };
        prop_assert_eq!(decided(&rights, request), expected);
        let actions = rights.token_actions(&rights.reach(None, &repository()));
        let may = |action: &str| actions.contains(&action);
        prop_assert_eq!(may("pull"), !suspended_vendor);
        prop_assert_eq!(may("push"), !suspended_vendor && access != KeyAccess::Read);
        prop_assert_eq!(may("delete"), !suspended_vendor && access == KeyAccess::ReadWriteDelete);
    }

    /// What an agent may pull is what any license opens, of what its credential names, and never more.
    #[test]
    fn a_deployment_has_what_the_licenses_open_of_what_it_names(
        suspended_vendor: bool,
        licenses in prop::collection::vec(prop::option::of((any::<bool>(), prop::option::of(prop::collection::btree_set(prop::sample::select(vec!["1.0", "3.0"]), 0..3)))), 0..4),
        named: bool,
        request in prop::sample::select(requests()),
    ) {
        // Each is revoked, halted, or opens everything or some tags.
        let rights_of = |index: usize, held: &Option<(bool, Option<BTreeSet<&str>>)>| {
            let rights = match held {
                None => None,
                Some((true, _)) => Some(Rights::Halted(Halt::LicenseSuspended {
                    license: format!("L{index}").parse().unwrap(),
                    organization: "Acme".parse().unwrap(),
                })),
                Some((false, tags)) => {
                    let tags = tags.as_ref().map_or(TagGrant::All, |tags| {
                        TagGrant::Named(tags.iter().map(|text| tag(text)).collect())
                    });
                    let grants = vec![ArtifactGrant { artifact: artifact(), tags }];
                    Some(Rights::License(PullRights { policy: ArtifactPolicy::EntitledOnly, roles: None, grants }))
                }
            };
            (LicenseId::new(1, [u8::try_from(index).unwrap(); 10]), rights)
        };
        let all: Vec<_> = licenses.iter().enumerate().map(|(index, held)| rights_of(index, held)).collect();
        let names = if named { [repository()].into() } else { ["acme/other".parse().unwrap()].into() };
        let (rights, license) = Rights::of_deployment(&vendor(suspended_vendor), all.clone(), names);
        let first = |wanted: fn(&Option<Rights>) -> bool| all.iter().find(|(_, rights)| wanted(rights)).map(|(id, _)| *id);
        let open = first(|rights| matches!(rights, Some(Rights::License(_))));
        let halted = first(|rights| matches!(rights, Some(Rights::Halted(_))));
        prop_assert_eq!(license, open.or(halted).or(first(|_| true)));
        let each: Vec<_> = all.iter().filter_map(|(_, rights)| match rights {
            Some(rights @ Rights::License(_)) => Some(rights.reach(Some(artifact()), &repository())),
            _ => None,
        }).collect();
        let reach = rights.reach(Some(artifact()), &repository());
        match &rights {
            Rights::Halted(_) => prop_assert!(suspended_vendor || open.is_none()),
            Rights::Deployment(deployment) => {
                prop_assert!(!suspended_vendor && open.is_some());
                let union = each.into_iter().fold(Reach::Nothing, Reach::and);
                prop_assert_eq!(&reach, &if named { union } else { Reach::Nothing });
                let opening = deployment.opening(Some(artifact()), &repository());
                prop_assert!(!named || (reach == Reach::Nothing) == opening.is_none());
                prop_assert_eq!(rights.is_for(&repository()), named);
                if matches!(request, RegistryRequestKind::Push | RegistryRequestKind::Delete) {
                    prop_assert_eq!(decided(&rights, request), "DeploymentOnlyPulls");
                }
                let only_pull = rights.token_actions(&reach);
                prop_assert!(only_pull.is_empty() || only_pull == ["pull"] && reach == Reach::Everything);
            }
            Rights::Key(_) | Rights::License(_) => prop_assert!(false, "{rights:?}"),
        }
    }
}
