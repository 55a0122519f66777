//! Entitles customers to artifacts, and tells beforehand who gains and who loses by it.

use std::collections::BTreeSet;

use keyward_domain::permission::{ReadEntitlements, WriteEntitlements};
use keyward_domain::registry::{ArtifactEntitlement, ArtifactGrant, ArtifactPolicy, Tag, TagGrant};
use keyward_domain::{
    Access, Action, ArtifactEntitlementId, ArtifactId, Customer, CustomerId, Idempotency, Invalid, Notes,
    OrganizationScope, Page, PageRequest, Versioned,
};
use keyward_storage::{Recorded, Tx};
use serde_json::json;
use uuid::Uuid;

use crate::audit::Differences;
use crate::change::{Change, unchanged};
use crate::{Done, Engine, Error, Resource, Result};

/// The most customers that a preview names.
const MOST_NAMED: usize = 200;

/// The most artifacts of one entitlement.
pub const MOST_GRANTS: usize = 200;

/// How many tags of one artifact are named in the audit log.
const MOST_TAGS_TOLD: usize = 20;

/// An entitlement to be created.
#[derive(Debug, Clone)]
pub struct NewEntitlement {
    /// Who may pull.
    pub customer: CustomerId,
    /// The vendor's own remark.
    pub description: Option<Notes>,
    /// What.
    pub grants: Vec<NewGrant>,
    /// Whether it may be the first, which closes the registries to customers without one.
    pub close: bool,
}

/// What is to be granted of one artifact.
#[derive(Debug, Clone)]
pub struct NewGrant {
    /// Of which.
    pub artifact: ArtifactId,
    /// Which tags.
    pub tags: TagChoice,
}

keyward_domain::described!(object NewGrant;);

/// Which tags are to be granted.
#[derive(Debug, Clone)]
pub enum TagChoice {
    /// These.
    Named(BTreeSet<Tag>),
    /// All there are now.
    Current,
    /// All there are and will be.
    All,
    /// Those of this artifact that the entitlement grants before it is changed, in the same mode.
    Same,
}

/// Changes of an entitlement. What is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct EntitlementChange {
    /// A new remark; `Some(None)` removes it.
    pub description: Option<Option<Notes>>,
    /// What is granted instead of all before.
    pub grants: Option<Vec<NewGrant>>,
}

/// What an entitlement would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Whether it is the first, which closes the registries to all who have none.
    pub closes: bool,
    /// Customers with a license who could pull everything before and then nothing: up to 200.
    pub lose: Vec<Customer>,
    /// Whether there are more of them.
    pub more: bool,
    /// What the customer would hold.
    pub grants: Vec<ArtifactGrant>,
}

impl Engine {
    /// The entitlements of one customer or of all.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn artifact_entitlements(
        &self,
        access: &Access<ReadEntitlements>,
        customer: Option<CustomerId>,
        page: PageRequest,
    ) -> Result<Page<ArtifactEntitlement>> {
        Ok(self.store.read().await?.artifact_entitlements(access.scope()).list(customer, page).await?)
    }

    /// One entitlement.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn artifact_entitlement(
        &self,
        access: &Access<ReadEntitlements>,
        id: ArtifactEntitlementId,
    ) -> Result<ArtifactEntitlement> {
        find(&self.store.read().await?, access.scope(), id).await
    }

    /// Tells what a new entitlement would change, and changes nothing.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn preview_artifact_entitlement(
        &self,
        access: &Access<ReadEntitlements>,
        new: &NewEntitlement,
    ) -> Result<Preview> {
        let scope = access.scope();
        let tx = self.store.read().await?;
        tx.customers(scope).find(new.customer).await?.ok_or(Error::NotFound(Resource::Customer))?;
        let grants = grants(&tx, scope, &new.grants, &[]).await?;
        let closes = tx.artifact_entitlements(scope).policy().await? == ArtifactPolicy::OpenUntilFirst;
        let (lose, more) =
            if closes { self.losers(&tx, scope, new.customer).await? } else { (Vec::new(), false) };
        Ok(Preview { closes, lose, more, grants })
    }

    /// Entitles a customer. The first entitlement of an organization ends its open policy for good, and so is refused
    /// unless that is wanted.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn create_artifact_entitlement(
        &self,
        access: &Access<WriteEntitlements>,
        new: NewEntitlement,
        once: Option<&Idempotency>,
    ) -> Result<Done<ArtifactEntitlement>> {
        let (scope, now) = (access.scope(), self.now());
        let id = self.id(ArtifactEntitlementId::new);
        let earlier = async |change: Change<'_>, id: Uuid| find(&change, scope, id.into()).await;
        self.change_once(access, once, earlier, async |change| {
            // Held, so that of two first ones one is the first.
            change.organizations().lock(scope).await?;
            self.license_management(&change, scope).await?;
            let customer = change.customers(scope).lock(new.customer).await?;
            let customer = customer.ok_or(Error::NotFound(Resource::Customer))?;
            let entitlement = ArtifactEntitlement {
                id,
                organization: scope.id(),
                customer: customer.id,
                description: new.description.clone(),
                grants: grants(&change, scope, &new.grants, &[]).await?,
                created_at: now,
                updated_at: now,
                version: 1,
            };
            if change.artifact_entitlements(scope).policy().await? == ArtifactPolicy::OpenUntilFirst {
                if !new.close {
                    let (lose, more) = self.losers(&change, scope, customer.id).await?;
                    return Err(Error::WouldClose { customers: lose.len(), more });
                }
                set_policy(&change, ArtifactPolicy::EntitledOnly).await?;
            }
            change.artifact_entitlements(scope).insert(&entitlement).await?;
            let detail = detail(&customer, &entitlement);
            change.commit(Action::ArtifactEntitlementCreated, id.uuid(), &detail).await?;
            Ok(entitlement)
        })
        .await
    }

    /// Changes what an entitlement grants, from the next pull on.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn update_artifact_entitlement(
        &self,
        access: &Access<WriteEntitlements>,
        id: ArtifactEntitlementId,
        update: EntitlementChange,
        expected: Option<i64>,
    ) -> Result<ArtifactEntitlement> {
        let (scope, now) = (access.scope(), self.now());
        self.change(access, async |change| {
            let old = lock(&change, scope, id).await?;
            unchanged(old.version, expected)?;
            let customer = change.customers(scope).find(old.customer).await?;
            let customer = customer.ok_or(Error::NotFound(Resource::Customer))?;
            let granted = match &update.grants {
                Some(new) => {
                    let mut granted = grants(&change, scope, new, &old.grants).await?;
                    // In which order they are named means nothing: what was granted before keeps its place.
                    granted.sort_by_key(|grant| {
                        let place = old.grants.iter().position(|held| held.artifact == grant.artifact);
                        place.unwrap_or(usize::MAX)
                    });
                    granted
                }
                None => old.grants.clone(),
            };
            let entitlement = ArtifactEntitlement {
                description: update.description.clone().unwrap_or_else(|| old.description.clone()),
                grants: granted,
                updated_at: now,
                version: old.version + 1,
                ..old.clone()
            };
            if entitlement.is_unchanged(&old) {
                return Ok(old);
            }
            change.artifact_entitlements(scope).save(&entitlement).await?;
            let mut detail = detail(&customer, &entitlement).to_vec();
            detail.push(differences(&change, scope, &old, &entitlement).await?.detail());
            change.commit(Action::ArtifactEntitlementUpdated, id.uuid(), &detail).await?;
            Ok(entitlement)
        })
        .await
    }

    /// Ends an entitlement. The last one to end leaves the registries closed.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn delete_artifact_entitlement(
        &self,
        access: &Access<WriteEntitlements>,
        id: ArtifactEntitlementId,
        expected: Option<i64>,
    ) -> Result<()> {
        let scope = access.scope();
        self.change(access, async |change| {
            let old = lock(&change, scope, id).await?;
            unchanged(old.version, expected)?;
            change.artifact_entitlements(scope).delete(id).await?;
            let detail = [("customer", json!(old.customer))];
            change.commit(Action::ArtifactEntitlementDeleted, id.uuid(), &detail).await
        })
        .await
    }

    /// What customers without an entitlement may pull.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn artifact_policy(&self, access: &Access<ReadEntitlements>) -> Result<ArtifactPolicy> {
        Ok(self.store.read().await?.artifact_entitlements(access.scope()).policy().await?)
    }

    /// Sets it. To open the registries again, no customer may hold an entitlement.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn set_artifact_policy(
        &self,
        access: &Access<WriteEntitlements>,
        policy: ArtifactPolicy,
    ) -> Result<ArtifactPolicy> {
        let scope = access.scope();
        self.change(access, async |change| {
            change.organizations().lock(scope).await?;
            let entitlements = change.artifact_entitlements(scope);
            if policy == ArtifactPolicy::OpenUntilFirst && entitlements.any().await? {
                let why = "while customers hold artifact entitlements, the registries stay closed to others";
                return Err(Error::Transition(why.to_owned()));
            }
            if entitlements.policy().await? != policy {
                let recorded = set_policy(&change, policy).await?;
                change.commit_as(scope.id().uuid(), recorded).await?;
            }
            Ok(policy)
        })
        .await
    }

    /// The customers who can pull now by the open policy alone, but for one.
    async fn losers(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        but: CustomerId,
    ) -> Result<(Vec<Customer>, bool)> {
        let mut lose = tx.customers(scope).unlimited(but, self.now(), MOST_NAMED as u64 + 1).await?;
        let more = lose.len() > MOST_NAMED;
        lose.truncate(MOST_NAMED);
        Ok((lose, more))
    }
}

/// Ends all entitlements of a customer who is being deleted, and is held.
pub(crate) async fn end_all(change: &Change<'_>, customer: CustomerId) -> Result<()> {
    let entitlements = change.artifact_entitlements(change.scope());
    for entitlement in entitlements.of_customer(customer).await? {
        entitlements.delete(entitlement.id).await?;
        let detail = [("customer", json!(customer)), ("because", json!("customer deleted"))];
        change.record(Action::ArtifactEntitlementDeleted, entitlement.id.uuid(), &detail).await?;
    }
    Ok(())
}

async fn set_policy(change: &Change<'_>, policy: ArtifactPolicy) -> Result<Recorded> {
    let before = change.artifact_entitlements(change.scope()).policy().await?;
    change.artifact_entitlements(change.scope()).set_policy(policy).await?;
    let changes = Differences::default().of("policy", &before, &policy).detail();
    change.record(Action::ArtifactPolicyChanged, None, &[("policy", json!(policy)), changes]).await
}

async fn lock(tx: &Tx, scope: OrganizationScope, id: ArtifactEntitlementId) -> Result<ArtifactEntitlement> {
    tx.artifact_entitlements(scope).lock(id).await?.ok_or(Error::NotFound(Resource::ArtifactEntitlement))
}

async fn find(tx: &Tx, scope: OrganizationScope, id: ArtifactEntitlementId) -> Result<ArtifactEntitlement> {
    tx.artifact_entitlements(scope).find(id).await?.ok_or(Error::NotFound(Resource::ArtifactEntitlement))
}

/// Checks all grants, naming every fault with its place, and takes down the tags there are now where asked for.
async fn grants(
    tx: &Tx,
    scope: OrganizationScope,
    new: &[NewGrant],
    before: &[ArtifactGrant],
) -> Result<Vec<ArtifactGrant>> {
    let mut faults = Vec::new();
    let mut grants: Vec<ArtifactGrant> = Vec::new();
    if new.is_empty() || new.len() > MOST_GRANTS {
        let message = format!("must name 1 to {MOST_GRANTS} artifacts");
        return Err(Error::field("grants", Invalid::new("wrong_count", message)));
    }
    for (index, grant) in new.iter().enumerate() {
        let place = index.to_string();
        if tx.artifacts(scope).find(grant.artifact).await?.is_none() {
            faults.push(Invalid::new("not_found", "there is no such artifact").at("artifact_id").at(&place));
            continue;
        }
        if new[..index].iter().any(|earlier| earlier.artifact == grant.artifact) {
            faults.push(Invalid::new("duplicate", "is granted above").at("artifact_id").at(&place));
            continue;
        }
        let tags = match &grant.tags {
            TagChoice::All => TagGrant::All,
            TagChoice::Named(tags) if tags.is_empty() || tags.len() > TagGrant::MOST => {
                let message = format!("must name 1 to {} tags", TagGrant::MOST);
                faults.push(Invalid::new("wrong_count", message).at("tags").at(&place));
                continue;
            }
            TagChoice::Named(tags) => TagGrant::Named(tags.clone()),
            TagChoice::Same => {
                let Some(same) = before.iter().find(|same| same.artifact == grant.artifact) else {
                    faults.push(Invalid::new("not_found", "is not granted yet").at("tags").at(&place));
                    continue;
                };
                same.tags.clone()
            }
            TagChoice::Current => {
                let now = tx.artifacts(scope).content(grant.artifact).tags().await?;
                TagGrant::Current(now.into_iter().map(|pointing| pointing.tag).take(TagGrant::MOST).collect())
            }
        };
        grants.push(ArtifactGrant { artifact: grant.artifact, tags });
    }
    if faults.is_empty() { Ok(grants) } else { Err(Error::fields("grants", faults)) }
}

/// What is granted otherwise than before, by the names of the artifacts.
async fn differences(
    tx: &Tx,
    scope: OrganizationScope,
    before: &ArtifactEntitlement,
    after: &ArtifactEntitlement,
) -> Result<Differences> {
    let only = |some: &ArtifactEntitlement, others: &ArtifactEntitlement| -> Vec<ArtifactGrant> {
        some.grants.iter().filter(|grant| !others.grants.contains(grant)).cloned().collect()
    };
    let (was, is) = (only(before, after), only(after, before));
    let ids: BTreeSet<_> = was.iter().chain(&is).map(|grant| grant.artifact).collect();
    let artifacts = tx.artifacts(scope).among(&Vec::from_iter(ids)).await?;
    let told = |grants: &[ArtifactGrant]| -> Vec<String> {
        let name =
            |id| artifacts.iter().find(|artifact| artifact.id == id).map(|it| it.repository.to_string());
        let one =
            |grant: &ArtifactGrant| Some(format!("{}: {}", name(grant.artifact)?, in_words(&grant.tags)));
        grants.iter().filter_map(one).collect()
    };
    Ok(Differences::default().hidden("description", &before.description, &after.description).of(
        "grants",
        &told(&was),
        &told(&is),
    ))
}

/// Which tags are granted, the first of many by their names.
fn in_words(tags: &TagGrant) -> String {
    let named = |tags: &BTreeSet<Tag>| {
        let mut names: Vec<_> = tags.iter().take(MOST_TAGS_TOLD).map(Tag::to_string).collect();
        let more = tags.len() - names.len();
        if more > 0 {
            names.push(format!("and {more} more"));
        }
        names.join(", ")
    };
    match tags {
        TagGrant::All => "all tags".to_owned(),
        TagGrant::Named(tags) => named(tags),
        TagGrant::Current(tags) if tags.is_empty() => "no tag yet".to_owned(),
        TagGrant::Current(tags) => format!("the tags of the time ({})", named(tags)),
    }
}

fn detail(customer: &Customer, entitlement: &ArtifactEntitlement) -> [(&'static str, serde_json::Value); 2] {
    let granted: Vec<_> = entitlement
        .grants
        .iter()
        .map(|grant| json!({"artifact": grant.artifact, "mode": grant.tags.mode(), "tags": grant.tags.tags().map(BTreeSet::len)}))
        .collect();
    [("customer", json!(customer.name)), ("grants", json!(granted))]
}
