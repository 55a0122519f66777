//! “Who is this, what may they do at a registry, and why not?”: whether a credential still counts, what it opens, and
//! whether that includes what is asked for. Pure: what it rests on is read before, in one transaction.

use std::collections::BTreeSet;
use std::fmt;

use crate::registry::{
    ArtifactGrant, ArtifactPolicy, Digest, Holder, KeyAccess, PullRights, Reach, Reference, RegistryKey,
    RepositoryName, Tag,
};
use crate::{
    ArtifactId, License, LicenseId, LicenseStatus, Name, Organization, OrganizationState, Product, Revision,
    RevisionState, SecretHash, Timestamp,
};

/// Who a request to a registry was admitted as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who.
    pub holder: Holder,
    /// What they may do.
    pub rights: Rights,
}

/// What a principal may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rights {
    /// All that a key may do in its registry.
    Key(KeyAccess),
    /// Pull what a license opens.
    License(PullRights),
    /// Pull what the licenses of a customer open, for one deployment.
    Deployment(DeploymentRights),
    /// Nothing now.
    Halted(Halt),
}

/// What the agent of a customer may pull for a deployment: what the customer's licenses open, of some repositories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentRights {
    /// The customer's licenses in force, each with what it opens.
    pub licenses: Vec<(LicenseId, PullRights)>,
    /// The repositories that the credential names.
    pub repositories: BTreeSet<RepositoryName>,
}

impl DeploymentRights {
    /// The license that opens most of a repository; `None` if none opens anything.
    pub fn opening(&self, artifact: Option<ArtifactId>, repository: &RepositoryName) -> Option<LicenseId> {
        let opens = |wanted: fn(&Reach) -> bool| {
            let found = self.licenses.iter().find(|(_, rights)| wanted(&rights.reach(artifact, repository)));
            found.map(|(license, _)| *license)
        };
        let all = |reach: &Reach| matches!(reach, Reach::Everything);
        let any = |reach: &Reach| !matches!(reach, Reach::Nothing);
        opens(all).or_else(|| opens(any))
    }

    fn reach(&self, artifact: Option<ArtifactId>, repository: &RepositoryName) -> Reach {
        if !self.repositories.contains(repository) {
            return Reach::Nothing;
        }
        let each = self.licenses.iter().map(|(_, rights)| rights.reach(artifact, repository));
        each.fold(Reach::Nothing, Reach::and)
    }
}

/// Why a principal may do nothing now. As text, the sentence that its people are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Halt {
    /// The operator has suspended the vendor.
    OrganizationSuspended {
        /// The vendor.
        organization: Name,
    },
    /// The license's product is archived or disabled.
    ProductOutOfService {
        /// The product.
        product: Name,
    },
    /// The license's validity has ended.
    LicenseExpired {
        /// The license.
        license: Name,
        /// Who can renew it.
        organization: Name,
        /// The first second it was not valid any more.
        expires_at: Option<Timestamp>,
    },
    /// The license's validity begins later.
    LicenseNotYetValid {
        /// The license.
        license: Name,
        /// Its first valid second.
        not_before: Timestamp,
    },
    /// The vendor has suspended the license.
    LicenseSuspended {
        /// The license.
        license: Name,
        /// Who has suspended it.
        organization: Name,
    },
    /// The customer of a deployment holds no license that is not revoked.
    NoLicense {
        /// Who can issue one.
        organization: Name,
    },
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OrganizationSuspended { organization } => {
                write!(f, "{organization} is suspended on this server")
            }
            Self::ProductOutOfService { product } => write!(f, "{product} is out of service"),
            Self::LicenseExpired { license, organization, expires_at: Some(end) } => {
                write!(
                    f,
                    "the license {license} expired after {}; ask {organization} to renew it",
                    end.as_end()
                )
            }
            Self::LicenseExpired { license, organization, expires_at: None } => {
                write!(f, "the license {license} expired; ask {organization} to renew it")
            }
            Self::LicenseNotYetValid { license, not_before } => {
                write!(f, "the license {license} is not valid before {}", not_before.as_start())
            }
            Self::LicenseSuspended { license, organization } => {
                write!(f, "the license {license} is suspended; ask {organization}")
            }
            Self::NoLicense { organization } => {
                write!(f, "there is no license any more that opens this; ask {organization}")
            }
        }
    }
}

/// What is asked of a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistryRequest<'a> {
    /// A list, which shows of everything as much as the principal may have.
    List,
    /// A manifest.
    Manifest(&'a Reference),
    /// A blob, or the list of what is about a manifest.
    Content(&'a Digest),
    /// To store something.
    Push,
    /// To remove something.
    Delete,
}

/// The decision about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission<'a> {
    /// It goes on.
    Allowed,
    /// It goes on if one of these tags leads to this digest (see [`Trace`](crate::registry::Trace)).
    IfTraced(&'a BTreeSet<Tag>, Digest),
    /// It ends here.
    Denied(Denial),
}

/// Why a request of a principal ends here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// They may do nothing now.
    Halted(Halt),
    /// Nothing of the repository is included.
    RepositoryNotIncluded,
    /// This tag or digest of the repository is not included.
    NotIncluded,
    /// The key can only pull.
    KeyOnlyPulls,
    /// The key can push and not delete.
    KeyCannotDelete,
    /// Licenses can only pull.
    LicenseOnlyPulls,
    /// The credential of a deployment is for other repositories.
    OtherRepositories,
    /// The credential of a deployment can only pull.
    DeploymentOnlyPulls,
}

/// What decides what a license opens.
#[derive(Debug, Clone, Copy)]
pub struct LicenseGround<'a> {
    /// The vendor.
    pub organization: &'a Organization,
    /// The license.
    pub license: &'a License,
    /// The terms that whoever shows its token stands on.
    pub revision: &'a Revision,
    /// The license's product, if it has one.
    pub product: Option<&'a Product>,
    /// What customers without an entitlement may pull.
    pub policy: ArtifactPolicy,
    /// What the customer's entitlements grant.
    pub grants: &'a [ArtifactGrant],
}

impl LicenseGround<'_> {
    /// What the license opens at `now`; `None` if its terms were withdrawn for good, so that whoever bears their token is a
    /// stranger.
    pub fn rights(&self, now: Timestamp) -> Option<Rights> {
        if let RevisionState::Revoked { .. } = self.revision.state {
            return None;
        }
        let (license, organization) = (self.license.name.clone(), self.organization.name.clone());
        let validity = self.revision.validity;
        let lapsed = match LicenseStatus::of(self.license.state, validity, now) {
            LicenseStatus::Revoked => return None,
            LicenseStatus::Active => None,
            LicenseStatus::Expired => {
                Some(Halt::LicenseExpired { license, organization, expires_at: validity.expires_at() })
            }
            LicenseStatus::NotYetValid => {
                Some(Halt::LicenseNotYetValid { license, not_before: validity.not_before() })
            }
            LicenseStatus::Suspended => Some(Halt::LicenseSuspended { license, organization }),
        };
        let halt = suspended(self.organization).or_else(|| self.product.and_then(out_of_service)).or(lapsed);
        Some(halt.map_or_else(|| Rights::License(self.pull_rights()), Rights::Halted))
    }

    fn pull_rights(&self) -> PullRights {
        let roles = self.product.map(|product| &product.pull_roles).filter(|roles| !roles.roles().is_empty());
        PullRights {
            policy: self.policy,
            roles: roles.map(|roles| roles.open(&self.revision.registry)),
            grants: self.grants.to_vec(),
        }
    }
}

fn suspended(organization: &Organization) -> Option<Halt> {
    match organization.state {
        OrganizationState::Active => None,
        OrganizationState::Suspended { .. } => {
            Some(Halt::OrganizationSuspended { organization: organization.name.clone() })
        }
    }
}

fn out_of_service(product: &Product) -> Option<Halt> {
    (!product.state.is_in_service()).then(|| Halt::ProductOutOfService { product: product.name.clone() })
}

impl Rights {
    /// What the bearer of `hash` may do at `now` with a key of this organization; `None` if the key is not theirs, or no
    /// longer.
    pub fn of_key(
        organization: &Organization,
        key: &RegistryKey,
        hash: &SecretHash,
        now: Timestamp,
    ) -> Option<Self> {
        // Keys are looked up by hash; the comparison in constant time is what decides.
        key.accepts(hash, now).then(|| suspended(organization).map_or(Self::Key(key.access), Self::Halted))
    }

    /// What an agent may pull of some repositories for a deployment, by all licenses of its customer; with the license that is
    /// told of where none is in force: the first that is not revoked, if there is one.
    pub fn of_deployment(
        organization: &Organization,
        licenses: impl IntoIterator<Item = (LicenseId, Option<Self>)>,
        repositories: BTreeSet<RepositoryName>,
    ) -> (Self, Option<LicenseId>) {
        let (mut open, mut halted, mut revoked) = (Vec::new(), None, None);
        for (license, rights) in licenses {
            match rights {
                Some(Self::License(rights)) => open.push((license, rights)),
                Some(Self::Halted(halt)) => {
                    halted.get_or_insert((license, halt));
                }
                Some(Self::Key(_) | Self::Deployment(_)) | None => revoked = revoked.or(Some(license)),
            }
        }
        let first = open.first().map(|(license, _)| *license);
        if let Some(halt) = suspended(organization) {
            return (Self::Halted(halt), first.or(halted.map(|(license, _)| license)).or(revoked));
        }
        match (first, halted) {
            (Some(_), _) => (Self::Deployment(DeploymentRights { licenses: open, repositories }), first),
            (None, Some((license, halt))) => (Self::Halted(halt), Some(license)),
            (None, None) => {
                (Self::Halted(Halt::NoLicense { organization: organization.name.clone() }), revoked)
            }
        }
    }

    /// Whether a repository is one of those that the credential is for; keys and licenses name none.
    pub fn is_for(&self, repository: &RepositoryName) -> bool {
        match self {
            Self::Deployment(rights) => rights.repositories.contains(repository),
            Self::Key(_) | Self::License(_) | Self::Halted(_) => true,
        }
    }

    /// How much of a repository may be had; `artifact` is `None` for one that is not known yet.
    pub fn reach(&self, artifact: Option<ArtifactId>, repository: &RepositoryName) -> Reach {
        match self {
            Self::Key(_) => Reach::Everything,
            Self::License(rights) => rights.reach(artifact, repository),
            Self::Deployment(rights) => rights.reach(artifact, repository),
            Self::Halted(_) => Reach::Nothing,
        }
    }

    /// Decides a request that names no repository, such as for the list of all.
    pub fn admit(&self) -> Result<(), Denial> {
        match self {
            Self::Halted(halt) => Err(Denial::Halted(halt.clone())),
            Self::Key(_) | Self::License(_) | Self::Deployment(_) => Ok(()),
        }
    }

    /// Decides a request for something of a repository, of which `reach` may be had.
    pub fn admit_to<'a>(&self, reach: &'a Reach, request: RegistryRequest<'_>) -> Admission<'a> {
        let denied = match (self, request) {
            (Self::Halted(halt), _) => Denial::Halted(halt.clone()),
            (Self::Key(access), RegistryRequest::Push) if access.writes() => return Admission::Allowed,
            (Self::Key(access), RegistryRequest::Delete) if access.deletes() => return Admission::Allowed,
            (Self::Key(_), RegistryRequest::Push) => Denial::KeyOnlyPulls,
            (Self::Key(_), RegistryRequest::Delete) => Denial::KeyCannotDelete,
            (Self::License(_), RegistryRequest::Push | RegistryRequest::Delete) => Denial::LicenseOnlyPulls,
            (Self::Deployment(_), RegistryRequest::Push | RegistryRequest::Delete) => {
                Denial::DeploymentOnlyPulls
            }
            (
                Self::Key(_) | Self::License(_) | Self::Deployment(_),
                RegistryRequest::List | RegistryRequest::Manifest(_) | RegistryRequest::Content(_),
            ) => return reach.admit(request),
        };
        Admission::Denied(denied)
    }

    /// The actions that a token for the upstream itself may name of a repository of which `reach` may be had, in the words
    /// of distribution. Such a token opens all of a repository.
    pub fn token_actions(&self, reach: &Reach) -> &'static [&'static str] {
        match (self, reach) {
            (Self::Halted(_), _) | (_, Reach::Nothing | Reach::Tags(_)) => &[],
            (Self::Key(access), Reach::Everything) if access.deletes() => &["pull", "push", "delete"],
            (Self::Key(access), Reach::Everything) if access.writes() => &["pull", "push"],
            (Self::Key(_) | Self::License(_) | Self::Deployment(_), Reach::Everything) => &["pull"],
        }
    }
}

impl Reach {
    /// Decides a request to read something of the repository.
    fn admit(&self, request: RegistryRequest<'_>) -> Admission<'_> {
        let tags = match self {
            Self::Everything => return Admission::Allowed,
            Self::Nothing => return Admission::Denied(Denial::RepositoryNotIncluded),
            Self::Tags(tags) => tags,
        };
        match request {
            RegistryRequest::Manifest(Reference::Tag(tag)) if tags.contains(tag) => Admission::Allowed,
            // A fallback tag (`sha256-…`) goes with the manifest that it is about.
            RegistryRequest::Manifest(Reference::Tag(tag)) => match tag.subject() {
                Some(subject) => Admission::IfTraced(tags, subject),
                None => Admission::Denied(Denial::NotIncluded),
            },
            RegistryRequest::Manifest(Reference::Digest(digest)) | RegistryRequest::Content(digest) => {
                Admission::IfTraced(tags, digest.clone())
            }
            RegistryRequest::List | RegistryRequest::Push | RegistryRequest::Delete => Admission::Allowed,
        }
    }
}

#[cfg(test)]
mod tests;
