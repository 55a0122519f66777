//! Organizations.

use keyward_domain::permission::{Operate, ReadOrganization, WriteOrganization};
use keyward_domain::{
    Access, Action, Actor, Email, Idempotency, ManagementToken, Member, Name, Organization, OrganizationId,
    Permission, Role, Scopes, Secret, Slug,
};
use keyward_storage::{StorageError, Tx, Unique};
use serde_json::json;

use crate::customer::unchanged;
use crate::member::NewMember;
use crate::{Engine, Error, Result, Thing, once};

/// An organization to be founded.
#[derive(Debug, Clone)]
pub struct NewOrganization {
    /// Its name.
    pub name: Name,
    /// The first owner's address.
    pub owner_email: Email,
    /// The first owner's name; `None` for the part of the address before the `@`.
    pub owner_name: Option<Name>,
}

/// An organization that can be worked with at once: an owner, a signing key and a token with full scope.
#[derive(Debug)]
pub struct Founded {
    /// The organization.
    pub organization: Organization,
    /// Its first owner.
    pub owner: Member,
    /// Its first management token.
    pub token: ManagementToken,
    /// The token's secret, shown this once.
    pub secret: Secret,
}

impl Engine {
    /// The caller's own organization.
    pub async fn organization(&self, access: &Access<ReadOrganization>) -> Result<Organization> {
        let tx = self.store.read().await?;
        tx.organizations().find(access.scope()).await?.ok_or(Error::NotFound(Thing::Organization))
    }

    /// Whether any organization was founded on this server.
    pub async fn is_founded(&self) -> Result<bool> {
        Ok(self.store.read().await?.organizations().any().await?)
    }

    /// Gives the organization another name. Its slug stays.
    pub async fn rename_organization(
        &self,
        access: &Access<WriteOrganization>,
        name: Name,
        expected: Option<i64>,
    ) -> Result<Organization> {
        let tx = self.store.write().await?;
        let organization =
            tx.organizations().lock(access.scope()).await?.ok_or(Error::NotFound(Thing::Organization))?;
        unchanged(organization.version, expected)?;
        let organization =
            Organization { name, updated_at: self.now(), version: organization.version + 1, ..organization };
        tx.organizations().save(&organization).await?;
        let detail = [("name", json!(organization.name))];
        self.record(&tx, access, Action::OrganizationUpdated, organization.id.uuid(), &detail).await?;
        tx.commit().await?;
        Ok(organization)
    }

    /// Founds an organization for someone else.
    pub async fn create_organization(
        &self,
        access: &Access<Operate>,
        new: NewOrganization,
        once: Option<&Idempotency>,
    ) -> Result<Founded> {
        let tx = self.store.write().await?;
        if once::earlier(&tx, access.scope(), once, self.now()).await?.is_some() {
            return Err(Error::SecretShown);
        }
        let founded = self.found(&tx, new, access.actor(), Scopes::organization()).await?;
        once::complete(&tx, access.scope(), once, founded.organization.id.uuid()).await?;
        tx.commit().await?;
        Ok(founded)
    }

    /// Founds an organization at the operator's command line. With `operator`, its token may found others.
    pub async fn bootstrap(&self, new: NewOrganization, operator: bool) -> Result<Founded> {
        let scopes = Scopes::organization();
        let scopes = if operator { scopes.with(Permission::Operate) } else { scopes };
        let tx = self.store.write().await?;
        let founded = self.found(&tx, new, Actor::Operator, scopes).await?;
        tx.commit().await?;
        Ok(founded)
    }

    async fn found(&self, tx: &Tx, new: NewOrganization, actor: Actor, scopes: Scopes) -> Result<Founded> {
        let now = self.now();
        let organization = Organization {
            id: self.id(OrganizationId::new),
            slug: free_slug(tx, &new.name).await?,
            name: new.name,
            created_at: now,
            updated_at: now,
            version: 1,
        };
        let scope = organization.scope();
        let local_part = new.owner_email.as_str().split('@').next().unwrap_or_default();
        let owner_name = match new.owner_name {
            Some(name) => name,
            None => local_part.parse().map_err(|invalid| Error::field("owner_email", invalid))?,
        };
        let owner = NewMember { name: owner_name, email: new.owner_email, role: Role::Owner };
        let owner = self.new_member(scope, owner);
        let name = "Bootstrap".parse().map_err(|invalid| Error::field("name", invalid))?;
        let made = self.new_token(scope, name, scopes, None);

        tx.organizations().insert(&organization).await.map_err(taken)?;
        tx.members(scope).insert(&owner).await?;
        tx.tokens(scope).insert(&made.token).await?;
        let key = self.new_signing_key(scope, &self.random())?.activate(now)?;
        tx.signing_keys(scope).insert(&key).await?;
        let detail = [
            ("name", json!(organization.name)),
            ("owner", json!(owner.email)),
            ("token", json!(made.token.hint)),
            ("kid", json!(key.kid)),
        ];
        self.record_for(tx, scope, actor, Action::OrganizationCreated, organization.id.uuid(), &detail)
            .await?;
        Ok(Founded { organization, owner, token: made.token, secret: made.secret })
    }
}

/// Two organizations of one name were founded at the same instant.
fn taken(error: StorageError) -> Error {
    match error {
        StorageError::Unique(Unique::OrganizationSlug) => {
            Error::Taken { thing: Thing::Organization, field: "name" }
        }
        other => other.into(),
    }
}

/// The slug of `name`, numbered where it is taken.
async fn free_slug(tx: &Tx, name: &Name) -> Result<Slug> {
    let plain = Slug::from_name(name);
    let mut slug = plain.clone();
    let mut number = 1;
    while tx.organizations().slug_taken(&slug).await? {
        number += 1;
        slug = plain.numbered(number);
    }
    Ok(slug)
}
