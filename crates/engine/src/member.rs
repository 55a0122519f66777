//! Members.

use keyward_domain::permission::{ReadMembers, WriteMembers, WriteOwners};
use keyward_domain::{
    Access, Action, Email, Idempotency, Member, MemberId, Name, OrganizationScope, Page, PageRequest, Role,
    Versioned,
};
use keyward_storage::{StorageError, Tx, Unique};
use serde_json::json;

use crate::customer::unchanged;
use crate::identity::Whose;
use crate::provider::is_vouched_for;
use crate::{Done, Engine, Error, Resource, Result, once};

/// A member to be added.
#[derive(Debug, Clone)]
pub struct NewMember {
    /// Where the person is reached.
    pub email: Email,
    /// As shown to others.
    pub name: Name,
    /// What the person may do.
    pub role: Role,
}

/// What is to be changed; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct MemberChange {
    /// The new name.
    pub name: Option<Name>,
    /// The new role.
    pub role: Option<Role>,
}

impl Engine {
    /// All members.
    pub async fn members(&self, access: &Access<ReadMembers>, page: PageRequest) -> Result<Page<Member>> {
        Ok(self.store.read().await?.members(access.scope()).list(page).await?)
    }

    /// One member.
    pub async fn member(&self, access: &Access<ReadMembers>, id: MemberId) -> Result<Member> {
        let tx = self.store.read().await?;
        tx.members(access.scope()).find(id).await?.ok_or(Error::NotFound(Resource::Member))
    }

    /// Adds a member. An owner is added by who may do what concerns owners.
    pub async fn create_member(
        &self,
        access: &Access<WriteMembers>,
        new: NewMember,
        once: Option<&Idempotency>,
    ) -> Result<Done<Member>> {
        let (tx, access) = self.write_locked(access).await?;
        let done = self.insert_member(&tx, &access, new, once).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// Adds a member in a transaction that the caller commits, with the right as it is in it.
    pub(crate) async fn insert_member(
        &self,
        tx: &Tx,
        access: &Access<WriteMembers>,
        new: NewMember,
        once: Option<&Idempotency>,
    ) -> Result<Done<Member>> {
        let (scope, now) = (access.scope(), self.now());
        self.owners_for_owners(tx, access, new.role).await?;
        if let Some(id) = once::earlier(tx, scope, once, now).await? {
            let earlier = tx.members(scope).find(id.into()).await?;
            return earlier.map(Done::before).ok_or(Error::NotFound(Resource::Member));
        }
        let member = self.new_member(scope, new);
        tx.members(scope).insert(&member).await.map_err(taken)?;
        let detail = [("email", json!(member.email)), ("role", json!(member.role))];
        self.record(tx, access, Action::MemberCreated, member.id.uuid(), &detail).await?;
        once::complete(tx, scope, once, member.id.uuid()).await?;
        Ok(Done::now(member))
    }

    /// Changes a member's name or role. Owners are made, changed and unmade by who may do what concerns owners; the last one
    /// stays one.
    pub async fn update_member(
        &self,
        access: &Access<WriteMembers>,
        id: MemberId,
        change: MemberChange,
        expected: Option<i64>,
    ) -> Result<Member> {
        let scope = access.scope();
        let (tx, access) = self.write_locked(access).await?;
        let member = lock(&tx, scope, id).await?;
        unchanged(member.version, expected)?;
        let role = change.role.unwrap_or(member.role);
        self.owners_for_owners(&tx, &access, member.role.min(role)).await?;
        if member.role == Role::Owner && role != Role::Owner {
            another_owner(&tx, scope).await?;
        }
        let before = member.clone();
        let member = Member {
            name: change.name.unwrap_or(member.name),
            role,
            updated_at: self.now(),
            version: member.version + 1,
            ..member
        };
        if member.is_unchanged(&before) {
            return Ok(before);
        }
        tx.members(scope).save(&member).await?;
        if before.role != member.role && is_vouched_for(&tx, scope, &member).await? {
            // An owner's password counts where a provider vouches for all others, so what it has opened ends with it.
            self.end_proofs(&tx, scope, Whose::Member(id)).await?;
        }
        let detail = [("email", json!(member.email)), ("role", json!(member.role))];
        self.record(&tx, &access, Action::MemberUpdated, id.uuid(), &detail).await?;
        tx.commit().await?;
        Ok(member)
    }

    /// Removes a member, whose sessions and management tokens end. Owners are removed by who may do what concerns owners; the
    /// last one stays.
    pub async fn delete_member(
        &self,
        access: &Access<WriteMembers>,
        id: MemberId,
        expected: Option<i64>,
    ) -> Result<()> {
        let scope = access.scope();
        let (tx, access) = self.write_locked(access).await?;
        let member = lock(&tx, scope, id).await?;
        unchanged(member.version, expected)?;
        self.owners_for_owners(&tx, &access, member.role).await?;
        if member.role == Role::Owner {
            another_owner(&tx, scope).await?;
        }
        tx.tokens(scope).keep_maker(&member).await?;
        self.end_proofs(&tx, scope, Whose::Member(id)).await?;
        tx.members(scope).delete(id).await?;
        self.record(&tx, &access, Action::MemberDeleted, id.uuid(), &[("email", json!(member.email))])
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whoever acts on an owner, or makes one, needs the scope for it, and shows again who they are.
    pub(crate) async fn owners_for_owners(
        &self,
        tx: &Tx,
        access: &Access<WriteMembers>,
        role: Role,
    ) -> Result<()> {
        if role == Role::Owner {
            access.also::<WriteOwners>()?;
            self.still_confirmed(tx, access).await?;
        }
        Ok(())
    }

    pub(crate) fn new_member(&self, scope: OrganizationScope, new: NewMember) -> Member {
        let now = self.now();
        Member {
            id: self.id(MemberId::new),
            organization: scope.id(),
            email: new.email,
            name: new.name,
            role: new.role,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }
}

pub(crate) async fn lock(tx: &Tx, scope: OrganizationScope, id: MemberId) -> Result<Member> {
    tx.members(scope).lock(id).await?.ok_or(Error::NotFound(Resource::Member))
}

/// The one of those found by an address, in whatever case it was typed: the exact match, or the only one.
pub(crate) fn one_of(mut found: Vec<Member>, email: &Email) -> Option<Member> {
    match found.iter().position(|member| member.email == *email) {
        Some(exact) => Some(found.swap_remove(exact)),
        None if found.len() == 1 => found.pop(),
        None => None,
    }
}

pub(crate) async fn another_owner(tx: &Tx, scope: OrganizationScope) -> Result<()> {
    if tx.members(scope).owners().await? > 1 { Ok(()) } else { Err(Error::LastOwner) }
}

fn taken(error: StorageError) -> Error {
    match error {
        StorageError::Unique(Unique::MemberEmail) => {
            Error::Taken { resource: Resource::Member, field: "email" }
        }
        other => other.into(),
    }
}
