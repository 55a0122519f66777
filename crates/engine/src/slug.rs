//! Slugs of organizations: unique on the server, and in what was issued.

use keyward_domain::{Invalid, Name, Organization, Slug, Timestamp};
use keyward_storage::{StorageError, Tx, Unique};

use crate::{Error, Resource, Result};

/// The row that whoever gives a slug holds.
const HELD: &str = "slugs";

/// Lets others who give slugs wait until this transaction ends, so that each sees what the one before took.
pub(crate) async fn lock_all(tx: &Tx, now: Timestamp) -> Result<()> {
    Ok(tx.settings().set(HELD, &now.to_string()).await?)
}

/// The slug of a new organization: the one asked for, or the first that is free of those made from its name.
pub(crate) async fn of_new(tx: &Tx, asked: Option<Slug>, name: &Name, now: Timestamp) -> Result<Slug> {
    lock_all(tx, now).await?;
    if let Some(slug) = asked {
        free(tx, &slug).await?;
        return Ok(slug);
    }
    let plain = Slug::from_name(name, "org");
    let (mut slug, mut number) = (plain.clone(), 1);
    while slug.is_reserved() || tx.organizations().slug_taken(&slug).await? {
        number += 1;
        slug = plain.numbered(number);
    }
    Ok(slug)
}

/// Whether an organization that is held may have another slug. The licenses it issues wait for the same row.
pub(crate) async fn may_move(tx: &Tx, organization: &Organization, to: &Slug) -> Result<()> {
    if tx.licenses(organization.scope()).any_issued().await? {
        let why = "the slug is part of tokens that were issued, and can't be changed any more";
        return Err(Error::Transition(why.to_owned()));
    }
    free(tx, to).await
}

async fn free(tx: &Tx, slug: &Slug) -> Result<()> {
    if slug.is_reserved() {
        return Err(Error::field("slug", Invalid::new("reserved_slug", "is reserved for the server itself")));
    }
    if tx.organizations().slug_taken(slug).await? {
        return Err(Error::Taken { resource: Resource::Organization, field: "slug" });
    }
    Ok(())
}

/// What the database says where a server of an earlier version gave the same slug at the same instant.
pub(crate) fn taken(error: StorageError) -> Error {
    match error {
        StorageError::Unique(Unique::OrganizationSlug) => {
            Error::Taken { resource: Resource::Organization, field: "slug" }
        }
        other => other.into(),
    }
}
