//! The document that says what an agent is to bring about, made in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_domain::application_entitlement::{Decision, may_deploy};
use keyward_domain::deployment::Mode;
use keyward_domain::{
    AgentId, Application, ApplicationKind, Customer, Deployment, DeploymentRevision, DeploymentTarget,
    License, OrganizationScope, Timestamp,
};
use keyward_protocol::desired::{Deployment as Told, Desired, Entry, KnownVersion, LicenseEntry};
use keyward_protocol::{MOST_BODY, VERSION};
use keyward_storage::Tx;
use sha2::{Digest as _, Sha256};

use super::caller::VendorKeys;
use super::watch::Epoch;
use crate::entitled_applications::Keys;
use crate::{Engine, Error, Recipient, Result, organization};

/// The most versions that a witness is told of, the latest of each application first.
const MOST_VERSIONS: usize = 300;

/// How much of a document is left for all but its entries.
const ROOM: usize = 64 * 1024;

/// A document as it is sent.
pub struct Document {
    /// Another one as soon as anything in it is.
    pub etag: String,
    /// The document as JSON.
    pub body: Vec<u8>,
    /// The key of the agent that it is for.
    pub(super) key: [u8; 32],
    /// As of when it was made.
    pub(super) epoch: Epoch,
    /// When it is another one by itself: a license in it begins or ends.
    pub(super) until: Timestamp,
}

impl Engine {
    /// What a target's agent is to bring about now; `None` if it is no agent any more.
    pub(super) async fn document(&self, id: AgentId, epoch: Epoch) -> Result<Option<Document>> {
        let tx = self.store.read().await?;
        let Some(target) = tx.target_by_agent(id).await? else { return Ok(None) };
        let Some(key) = target.agent().map(|agent| agent.signing_key) else { return Ok(None) };
        let scope = target.scope();
        let Some(customer) = tx.customers(scope).find(target.customer).await? else { return Ok(None) };
        let vendor = self.vendor_keys(&tx, scope).await?;
        let recipient = Recipient::of(organization::find(&tx, scope).await?, customer);
        let mut desired = begun(&target, id, &vendor);
        let mut until = self.now().plus_days(1);
        match target.mode {
            Mode::Manage => (desired.deployments, until) = self.entries(&tx, &target, &recipient).await?,
            Mode::Witness => desired.versions = self.known_versions(&tx, scope, recipient.customer()).await?,
        }
        let body = serde_json::to_vec(&desired).map_err(Error::Event)?;
        let etag = URL_SAFE_NO_PAD.encode(&Sha256::digest(&body)[..16]);
        Ok(Some(Document { etag, body, key, epoch, until }))
    }

    /// An entry for each deployment, and when one is another by itself.
    async fn entries(
        &self,
        tx: &Tx,
        target: &DeploymentTarget,
        recipient: &Recipient,
    ) -> Result<(Vec<Entry>, Timestamp)> {
        let scope = target.scope();
        let deployments = tx.deployments(scope).of_target(target.id, false).await?;
        let latest = tx.deployments(scope).latest_revisions(&deployments).await?;
        let ids: BTreeSet<_> = deployments.iter().map(|deployment| deployment.application).collect();
        let applications = tx.applications(scope).among(&Vec::from_iter(ids)).await?;
        let applications: BTreeMap<_, _> = applications.into_iter().map(|one| (one.id, one)).collect();
        let mut names = BTreeSet::new();
        for revision in latest.values() {
            if let Some(facts) = self.version_facts(tx, scope, revision.application_version).await? {
                names.extend(facts.licenses.iter().cloned());
            }
        }
        let until = if names.is_empty() {
            self.now().plus_days(1)
        } else {
            next_turn(&tx.licenses(scope).nameable(target.customer).await?, self.now())
        };
        let keys = self.keys(tx, recipient, names).await?;
        let (mut entries, mut bytes) = (Vec::new(), 0);
        for deployment in deployments {
            let id = deployment.id.uuid();
            let made = match (latest.get(&deployment.id), applications.get(&deployment.application)) {
                (Some(revision), Some(application)) => {
                    self.entry(tx, deployment, revision, application, &keys).await?
                }
                (None, _) | (_, None) => None,
            };
            let fault = |fault: &str| Entry::Fault { id, fault: fault.to_owned() };
            let made = made.unwrap_or_else(|| fault("what it consists of is not there any more"));
            let size = serde_json::to_vec(&made).map_err(Error::Event)?.len();
            let fits = bytes + size <= MOST_BODY - ROOM;
            bytes += if fits { size } else { 0 };
            entries.push(if fits {
                made
            } else {
                fault("there is too much to be told of this target at once")
            });
        }
        Ok((entries, until))
    }

    async fn entry(
        &self,
        tx: &Tx,
        deployment: Deployment,
        revision: &DeploymentRevision,
        application: &Application,
        keys: &Keys,
    ) -> Result<Option<Entry>> {
        let facts = self.version_facts(tx, deployment.scope(), revision.application_version).await?;
        let Some(facts) = facts else { return Ok(None) };
        let license = |name: &String| {
            let entry = match keys.get(name)? {
                Ok(token) => LicenseEntry::Token(token.clone()),
                Err(why) => LicenseEntry::Missing(why.clone()),
            };
            Some((name.clone(), entry))
        };
        Ok(Some(Entry::Deployment(Box::new(Told {
            id: deployment.id.uuid(),
            name: deployment.name.to_string(),
            project: deployment.project,
            application: application.slug.to_string(),
            version: facts.version.name.to_string(),
            revision: revision.number,
            cause: revision.cause,
            attempt: deployment.attempt,
            order: deployment.order,
            files: facts.files.clone(),
            values: revision.values.clone().into(),
            licenses: facts.licenses.iter().filter_map(license).collect(),
            images: revision.images.clone(),
            health_seconds: facts.version.rollout.health_seconds,
            no_way_back: facts.version.rollout.no_way_back,
        }))))
    }

    /// The versions of the applications that a customer is entitled to, by which a witness knows what it sees.
    async fn known_versions(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        customer: &Customer,
    ) -> Result<Vec<KnownVersion>> {
        let held = tx.application_entitlements(scope).of_customer(customer.id).await?;
        let ids: Vec<_> = held.iter().map(|entitlement| entitlement.application).collect();
        let (mut known, mut bytes) = (Vec::new(), 0);
        for application in tx.applications(scope).among(&ids).await? {
            if application.kind != ApplicationKind::Compose {
                continue;
            }
            let mut versions = tx.application_versions(scope).list(application.id).await?;
            versions.sort_by_key(|version| std::cmp::Reverse(version.id));
            for version in versions.into_iter().take(MOST_VERSIONS.saturating_sub(known.len())) {
                let Some(facts) = self.version_facts(tx, scope, version.id).await? else { continue };
                let digests = self.image_digests(tx, scope, &facts.images).await?;
                let images = facts.images.iter().map(|image| (image.clone(), digests.get(image).cloned()));
                let version = KnownVersion {
                    application: application.slug.to_string(),
                    version: version.name.to_string(),
                    granted: may_deploy(&held, application.id, &version) == Decision::Granted,
                    images: images.collect(),
                };
                bytes += serde_json::to_vec(&version).map_err(Error::Event)?.len();
                if bytes > MOST_BODY - ROOM {
                    return Ok(known);
                }
                known.push(version);
            }
        }
        Ok(known)
    }
}

fn begun(target: &DeploymentTarget, agent: AgentId, vendor: &VendorKeys) -> Desired {
    Desired {
        protocol: VERSION,
        agent: agent.uuid(),
        target: target.id.uuid(),
        target_name: target.name.to_string(),
        mode: target.mode,
        jwks: vendor.jwks.clone(),
        deployments: Vec::new(),
        versions: Vec::new(),
    }
}

/// When the state of one of some licenses is next another one by itself.
fn next_turn(licenses: &[License], now: Timestamp) -> Timestamp {
    let turns = licenses.iter().flat_map(|license| {
        let validity = license.revision.validity;
        let begins = validity.not_before().plus_seconds(-Timestamp::SKEW_SECONDS);
        [Some(begins), Some(validity.not_before()), validity.expires_at()]
    });
    turns.flatten().filter(|turn| *turn > now).min().unwrap_or_else(|| now.plus_days(1))
}
