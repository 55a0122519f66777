//! Who may do what. A permission is a type, so a use-case names in its signature the one it needs and a
//! caller without it does not compile.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use uuid::Uuid;

use crate::{
    Address, AgentId, CustomerId, CustomerUserId, Invalid, LinkId, MemberId, OrganizationId,
    OrganizationScope, RegistryKeyId, Role, ServerJob, SessionId, TokenId,
};

/// A permission as a type; see [`Access`].
pub trait Grant {
    /// The same permission as a value.
    const PERMISSION: Permission;
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)+) => {
        /// What a credential may do; on the wire a scope such as `licenses:write`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Permission {
            $($(#[$doc])* $name,)+
        }

        impl Permission {
            /// Every permission.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The scope's name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }

        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy)]
            pub struct $name;

            impl Grant for $name {
                const PERMISSION: Permission = Permission::$name;
            }
        )+
    };
}

permissions! {
    /// See the organization and its public keys.
    ReadOrganization = "organizations:read";
    /// Rename the organization.
    WriteOrganization = "organizations:write";
    /// See the members.
    ReadMembers = "members:read";
    /// Add, change and remove members who are no owners.
    WriteMembers = "members:write";
    /// What only owners may do: make, change, invite and remove owners, set the sign-in provider, revoke the tokens of
    /// other owners, and take tokens over.
    WriteOwners = "owners:write";
    /// See the management tokens.
    ReadTokens = "tokens:read";
    /// Create and revoke management tokens, with no more scopes than one's own.
    WriteTokens = "tokens:write";
    /// See the customers.
    ReadCustomers = "customers:read";
    /// Create, change and delete customers.
    WriteCustomers = "customers:write";
    /// See the licenses and fetch their tokens.
    ReadLicenses = "licenses:read";
    /// Create, change, renew, suspend, revoke and delete licenses.
    WriteLicenses = "licenses:write";
    /// See the products and their usage.
    ReadProducts = "products:read";
    /// Create and change products, rotate their API keys.
    WriteProducts = "products:write";
    /// See the registries, their keys, their content and what happens there.
    ReadRegistries = "registries:read";
    /// Create and change registries and their keys.
    WriteRegistries = "registries:write";
    /// See the applications, their versions and files.
    ReadApplications = "applications:read";
    /// Create, change and delete applications, create and archive versions.
    WriteApplications = "applications:write";
    /// See what customers are entitled to.
    ReadEntitlements = "entitlements:read";
    /// Entitle customers.
    WriteEntitlements = "entitlements:write";
    /// See the hosts of customers, and what is deployed there.
    ReadDeployments = "deployments:read";
    /// See the signing keys.
    ReadSigningKeys = "signing-keys:read";
    /// Create, import, activate and revoke signing keys.
    WriteSigningKeys = "signing-keys:write";
    /// See the webhook endpoints and what was sent there.
    ReadWebhooks = "webhooks:read";
    /// Create, change and delete webhook endpoints, and send messages again.
    WriteWebhooks = "webhooks:write";
    /// See the audit log.
    ReadAuditEvents = "audit-events:read";
    /// See where the audit log is streamed to.
    ReadAuditSinks = "audit-sinks:read";
    /// Create, change and delete where the audit log is streamed to.
    WriteAuditSinks = "audit-sinks:write";
    /// Run the server: create organizations, set their plans, suspend them. No role has it.
    Operate = "operator";
}

impl Permission {
    fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl FromStr for Permission {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .iter()
            .copied()
            .find(|permission| permission.as_str() == text)
            .ok_or_else(|| Invalid::new("unknown_scope", "is not a scope; see the list in the documentation"))
    }
}

crate::described!(Permission = crate::openapi::one_of(Self::ALL.iter().map(|permission| permission.as_str())););

/// A set of permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u32);

crate::described!(composed Scopes;);

impl Scopes {
    /// None.
    pub const NONE: Self = Self(0);

    /// All there are.
    pub fn all() -> Self {
        Permission::ALL.iter().copied().collect()
    }

    /// All that concerns one organization.
    pub fn organization() -> Self {
        Self::all().without(Permission::Operate)
    }

    /// All that changes nothing.
    pub fn reading() -> Self {
        Permission::ALL.iter().copied().filter(|permission| permission.as_str().ends_with(":read")).collect()
    }

    /// These and `permission`.
    #[must_use]
    pub fn with(self, permission: Permission) -> Self {
        Self(self.0 | permission.bit())
    }

    /// These but `permission`.
    #[must_use]
    pub fn without(self, permission: Permission) -> Self {
        Self(self.0 & !permission.bit())
    }

    /// Those of these that are among `others` too.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// Whether `permission` is one of these.
    pub fn contains(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    /// Whether each of these is one of `others`.
    pub fn within(self, others: Self) -> bool {
        self.0 & !others.0 == 0
    }

    /// These, in the order of [`Permission::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.contains(*permission))
    }
}

impl FromIterator<Permission> for Scopes {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        permissions.into_iter().fold(Self::NONE, Self::with)
    }
}

/// Who acts, for the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// The operator, on the server's own command line.
    Operator,
    /// A program or person with a management token.
    Token(TokenId),
    /// A signed-in member.
    Member(MemberId),
    /// A signed-in customer, before customers had users of their own.
    Customer(CustomerId),
    /// A signed-in person of a customer.
    CustomerUser(CustomerUserId),
    /// Whoever has opened a link.
    Link(LinkId),
    /// A machine, with its registry key.
    RegistryKey(RegistryKeyId),
    /// The agent on a host of a customer.
    Agent(AgentId),
    /// A job of the server. On the wire and in storage it is the server, whose name is that of the job.
    Job(ServerJob),
    /// The server, by itself.
    Server,
}

impl Actor {
    /// What kind of actor it is, on the wire and in storage, and its id if it has one.
    pub fn parts(self) -> (&'static str, Option<Uuid>) {
        match self {
            Self::Operator => ("operator", None),
            Self::Token(id) => ("token", Some(id.uuid())),
            Self::Member(id) => ("member", Some(id.uuid())),
            Self::Customer(id) => ("customer", Some(id.uuid())),
            Self::CustomerUser(id) => ("customer_user", Some(id.uuid())),
            Self::Link(id) => ("link", Some(id.uuid())),
            Self::RegistryKey(id) => ("registry_key", Some(id.uuid())),
            Self::Agent(id) => ("agent", Some(id.uuid())),
            Self::Job(_) | Self::Server => ("server", None),
        }
    }
}

/// On whose behalf someone acts. It bounds all they may do, whatever their credential says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// A member, with the role that the member has now.
    Member {
        /// Who.
        id: MemberId,
        /// What the member may do.
        role: Role,
    },
    /// The operator of the server.
    Operator,
}

impl Authority {
    /// All that can be done on this behalf.
    pub fn scopes(self) -> Scopes {
        match self {
            Self::Member { role, .. } => role.scopes(),
            Self::Operator => Scopes::all(),
        }
    }
}

/// Who was recognised, and all they may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    organization: OrganizationId,
    actor: Actor,
    authority: Authority,
    granted: Scopes,
    session: Option<SessionId>,
    address: Option<Address>,
}

impl Identity {
    /// The bearer of a credential of `organization` that was just checked and grants these scopes.
    pub fn new(organization: OrganizationId, actor: Actor, authority: Authority, granted: Scopes) -> Self {
        Self { organization, actor, authority, granted, session: None, address: None }
    }

    /// The same, for as long as this session lasts.
    #[must_use]
    pub fn within(self, session: SessionId) -> Self {
        Self { session: Some(session), ..self }
    }

    /// The same, asking from this address: events tell it.
    #[must_use]
    pub fn from_address(self, address: Option<Address>) -> Self {
        Self { address, ..self }
    }

    /// Who acts.
    pub fn actor(&self) -> Actor {
        self.actor
    }

    /// The organization they act in.
    pub fn scope(&self) -> OrganizationScope {
        OrganizationScope(self.organization)
    }

    /// From where they ask, as far as it is known.
    pub fn address(&self) -> Option<Address> {
        self.address
    }

    /// The session that it ends with.
    pub fn session(&self) -> Option<SessionId> {
        self.session
    }

    /// All they may do: what the credential grants and the authority behind it allows.
    pub fn scopes(&self) -> Scopes {
        self.granted.and(self.authority.scopes())
    }

    /// The right to do `P`, if it is among the scopes.
    pub fn access<P: Grant>(&self) -> Result<Access<P>, Forbidden> {
        self.check(P::PERMISSION)?;
        Ok(Access { identity: *self, permission: PhantomData })
    }

    /// Refused with the reason, unless they may do `needed`.
    pub fn check(&self, needed: Permission) -> Result<(), Forbidden> {
        match self.authority {
            _ if self.scopes().contains(needed) => Ok(()),
            // Of what a role does not include no credential has any use, so the role is the reason.
            Authority::Member { role, .. } if !role.scopes().contains(needed) => {
                Err(Forbidden { needed, role: Some(role) })
            }
            Authority::Member { .. } | Authority::Operator => Err(Forbidden { needed, role: None }),
        }
    }
}

/// The right to do `P` within one organization.
#[derive(Debug)]
pub struct Access<P> {
    identity: Identity,
    permission: PhantomData<P>,
}

impl<P> Access<P> {
    /// The same right of one who asks from this address: events tell it.
    #[must_use]
    pub fn from_address(self, address: Option<Address>) -> Self {
        Self { identity: self.identity.from_address(address), ..self }
    }

    /// The organization whose rows may be touched.
    pub fn scope(&self) -> OrganizationScope {
        OrganizationScope(self.identity.organization)
    }

    /// Who acts.
    pub fn actor(&self) -> Actor {
        self.identity.actor
    }

    /// On whose behalf.
    pub fn authority(&self) -> Authority {
        self.identity.authority
    }

    /// Who acts, with all they may do.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The right of the same actor to do `Q` as well, if it is among the scopes.
    pub fn also<Q: Grant>(&self) -> Result<Access<Q>, Forbidden> {
        self.identity.access()
    }

    /// All that the actor may do: the bound of what can be handed on.
    pub fn scopes(&self) -> Scopes {
        self.identity.scopes()
    }
}

/// Someone may not do this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this needs the scope {needed}")]
pub struct Forbidden {
    /// The missing scope.
    pub needed: Permission,
    /// The role that does not include it, of whom the credential acts for; `None` where the credential itself lacks the scope.
    pub role: Option<Role>,
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn roles_only_grow() {
        for pair in Role::ALL.windows(2) {
            assert!(pair[1].scopes().within(pair[0].scopes()), "{} has more than {}", pair[1], pair[0]);
        }
        assert!(Role::ALL.iter().all(|role| !role.scopes().contains(Permission::Operate)));
        assert!(Role::Viewer.scopes().iter().all(|permission| permission.as_str().ends_with(":read")));
    }

    #[test]
    fn owners_alone_hold_what_concerns_owners() {
        for role in Role::ALL {
            assert_eq!(role.scopes().contains(Permission::WriteOwners), role == Role::Owner, "{role}");
        }
        assert_eq!(Role::Admin.scopes().with(Permission::WriteOwners), Role::Owner.scopes());
    }

    fn someone(authority: Authority, granted: Scopes) -> Identity {
        Identity::new(OrganizationId::new(1, [0; 10]), Actor::Operator, authority, granted)
    }

    #[test]
    fn access_is_given_for_held_permissions_only() {
        let identity = someone(Authority::Operator, Scopes::NONE.with(Permission::ReadLicenses));
        assert!(identity.access::<ReadLicenses>().is_ok());
        let refused = Forbidden { needed: Permission::WriteLicenses, role: None };
        assert_eq!(identity.access::<WriteLicenses>().unwrap_err(), refused);
    }

    proptest! {
        /// Whatever a credential grants, in whatever authority: no more than either, and all that is in both.
        #[test]
        fn nobody_may_more_than_credential_and_role(bits in 0..1_u32 << Permission::ALL.len()) {
            let id = MemberId::new(1, [0; 10]);
            let members = Role::ALL.map(|role| Authority::Member { id, role });
            for authority in members.into_iter().chain([Authority::Operator]) {
                let (granted, identity) = (Scopes(bits), someone(authority, Scopes(bits)));
                let effective = identity.scopes();
                prop_assert!(effective.within(granted) && effective.within(authority.scopes()));
                prop_assert!(authority == Authority::Operator || !effective.contains(Permission::Operate));
                for permission in Permission::ALL.iter().copied() {
                    let (credential, behind) =
                        (granted.contains(permission), authority.scopes().contains(permission));
                    prop_assert_eq!(identity.check(permission).is_ok(), credential && behind);
                    if let (Err(refused), Authority::Member { role, .. }) = (identity.check(permission), authority) {
                        prop_assert_eq!((refused.needed, refused.role), (permission, (!behind).then_some(role)));
                    }
                }
            }
        }
    }

    #[test]
    fn each_scope_has_one_name() {
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse::<Permission>().unwrap(), *permission);
        }
    }
}
