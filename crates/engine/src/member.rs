//! Members.

use keyward_domain::permission::{ReadMembers, WriteMembers, WriteOwners};
use keyward_domain::{
    Access, Action, Email, Idempotency, Member, MemberId, Name, OrganizationScope, Page, PageRequest, Role,
    Versioned,
};
use keyward_storage::{Recorded, StorageError, Tx, Unique};
use serde_json::json;
use uuid::Uuid;

use crate::audit::Differing as _;
use crate::change::{Change, unchanged};
use crate::identity::Whose;
use crate::provider::is_vouched_for;
use crate::{Done, Engine, Error, Resource, Result};

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
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn members(&self, access: &Access<ReadMembers>, page: PageRequest) -> Result<Page<Member>> {
        Ok(self.store.read().await?.members(access.scope()).list(page).await?)
    }

    /// One member.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn member(&self, access: &Access<ReadMembers>, id: MemberId) -> Result<Member> {
        find(&self.store.read().await?, access.scope(), id).await
    }

    /// Adds a member. An owner is added by who may do what concerns owners.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn create_member(
        &self,
        access: &Access<WriteMembers>,
        new: NewMember,
        once: Option<&Idempotency>,
    ) -> Result<Done<Member>> {
        let member = self.new_member(access.scope(), new);
        let earlier = async |change: Change<'_>, id: Uuid| {
            self.owners_for_owners(&change, &change.access()?, member.role).await?;
            find(&change, change.scope(), id.into()).await
        };
        self.change_once(access, once, earlier, async |change| {
            let recorded = self.insert_member(&change, access, &member).await?;
            change.commit_as(member.id.uuid(), recorded).await?;
            Ok(member.clone())
        })
        .await
    }

    /// Writes a new member, if the caller may make one with this role.
    pub(crate) async fn insert_member(
        &self,
        change: &Change<'_>,
        access: &Access<WriteMembers>,
        member: &Member,
    ) -> Result<Recorded> {
        let access = &self.lock_roles(change, access).await?;
        self.owners_for_owners(change, access, member.role).await?;
        change.members(change.scope()).insert(member).await.map_err(taken)?;
        let detail = [("email", json!(member.email)), ("role", json!(member.role))];
        change.record(Action::MemberCreated, member.id.uuid(), &detail).await
    }

    /// Changes a member's name or role. Owners are made, changed and unmade by who may do what concerns owners; the last one
    /// stays one.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn update_member(
        &self,
        access: &Access<WriteMembers>,
        id: MemberId,
        update: MemberChange,
        expected: Option<i64>,
    ) -> Result<Member> {
        let (scope, now) = (access.scope(), self.now());
        self.change(access, async |change| {
            let access = &self.lock_roles(&change, access).await?;
            let before = lock(&change, scope, id).await?;
            unchanged(before.version, expected)?;
            let role = update.role.unwrap_or(before.role);
            self.owners_for_owners(&change, access, before.role.min(role)).await?;
            if before.role == Role::Owner && role != Role::Owner {
                another_owner(&change, scope).await?;
            }
            let member = Member {
                name: update.name.clone().unwrap_or_else(|| before.name.clone()),
                role,
                updated_at: now,
                version: before.version + 1,
                ..before.clone()
            };
            if member.is_unchanged(&before) {
                return Ok(before);
            }
            change.members(scope).save(&member).await?;
            if before.role != member.role && is_vouched_for(&change, scope, &member).await? {
                // An owner's password counts where a provider vouches for all others, so what it has opened ends with it.
                self.end_proofs(&change, scope, Whose::Member(id)).await?;
            }
            let changes = member.differences(&before).detail();
            let detail = [("email", json!(member.email)), ("role", json!(member.role)), changes];
            change.commit(Action::MemberUpdated, id.uuid(), &detail).await?;
            Ok(member)
        })
        .await
    }

    /// Removes a member, whose sessions and management tokens end. Owners are removed by who may do what concerns owners; the
    /// last one stays.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn delete_member(
        &self,
        access: &Access<WriteMembers>,
        id: MemberId,
        expected: Option<i64>,
    ) -> Result<()> {
        let scope = access.scope();
        self.change(access, async |change| {
            let access = &self.lock_roles(&change, access).await?;
            let member = lock(&change, scope, id).await?;
            unchanged(member.version, expected)?;
            self.owners_for_owners(&change, access, member.role).await?;
            if member.role == Role::Owner {
                another_owner(&change, scope).await?;
            }
            change.tokens(scope).keep_maker(&member).await?;
            self.end_proofs(&change, scope, Whose::Member(id)).await?;
            change.members(scope).delete(id).await?;
            change.commit(Action::MemberDeleted, id.uuid(), &[("email", json!(member.email))]).await
        })
        .await
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

async fn find(tx: &Tx, scope: OrganizationScope, id: MemberId) -> Result<Member> {
    tx.members(scope).find(id).await?.ok_or(Error::NotFound(Resource::Member))
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
