//! How a host joins, replaces its keys, and leaves.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_domain::deployment::{Agent, TargetState};
use keyward_domain::{
    Action, Actor, Address, AgentId, DeploymentTarget, Invalid, JoinCode, Secret, SecretHash, SecretKind,
    Timestamp,
};
use keyward_protocol::enrolment::{AgentKeys, Enrol, Enrolled, NewKeys};
use keyward_protocol::path;
use keyward_protocol::signed::{MOST_SKEW, Request};
use keyward_storage::{Recorded, Tx};
use keyward_token::PublicKey;
use serde_json::{Value, json};

use super::caller::VendorKeys;
use super::report::check_facts;
use super::{AgentCaller, held};
use crate::audit::By;
use crate::deployment::{about_target, release_target};
use crate::{Engine, Error, Result};

/// That a host has joined, and what its answer is signed with.
pub struct Joined {
    /// What it is told.
    pub enrolled: Enrolled,
    request: Request,
    vendor: Arc<VendorKeys>,
}

impl Joined {
    /// The header that signs the answer.
    pub fn sign(&self, engine: &Engine, status: u16, body: &[u8]) -> Option<String> {
        self.vendor.sign(&self.request, &engine.answer_to(&self.request, status, body))
    }
}

/// The public keys of an agent as they are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Keys {
    signing: [u8; 32],
    sealing: [u8; 32],
}

impl Keys {
    fn read(keys: &AgentKeys) -> Result<Self> {
        let read = |text: &str| URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok();
        let key = |field, text: &str| {
            read(text).ok_or_else(|| {
                Error::field(field, Invalid::new("invalid_key", "must be 32 bytes in base64url"))
            })
        };
        Ok(Self { signing: key("signing", &keys.signing)?, sealing: key("sealing", &keys.sealing)? })
    }

    fn public(&self) -> Result<PublicKey> {
        let invalid = |_| Error::field("signing", Invalid::new("invalid_key", "is no Ed25519 key"));
        PublicKey::from_bytes(&self.signing).map_err(invalid)
    }
}

impl Engine {
    /// Spends a join code: of those who come with it, the first is the agent of its target from now on. It may come again with
    /// the same keys, should the answer have been lost.
    ///
    /// Of a request that its own key has not signed, or whose code is none, nothing is written.
    ///
    /// # Errors
    /// If it is not signed as it is to be, or the code opens nothing, or not for this mode.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn enrol(&self, jws: &str, body: &[u8], address: Address) -> Result<Joined> {
        let enrol: Enrol = serde_json::from_slice(body).map_err(|_| Error::Unauthenticated)?;
        let keys = Keys::read(&enrol.keys)?;
        let key = keys.public()?;
        let request = Request::verify(jws, &key).map_err(|_| Error::Unauthenticated)?;
        let own = request.iss == key.kid().as_str();
        if !own || !request.is_of(self.issuer.as_str(), "POST", path::ENROL, body) {
            return Err(Error::Unauthenticated);
        }
        let (now, skew) = (self.now(), self.now().unix().abs_diff(request.iat));
        if skew > MOST_SKEW.unsigned_abs() {
            return Err(Error::ClockSkew);
        }
        check_facts(&enrol.facts)?;
        let hash = Secret::parse(SecretKind::Join, enrol.code.trim()).ok_or(Error::JoinCode)?.hash();
        // Who guesses holds nothing.
        let tx = self.store.read().await?;
        tx.join_code_by_hash(&hash, false).await?.ok_or(Error::JoinCode)?;
        drop(tx);
        let id = self.id(AgentId::new);
        let agent = Agent {
            id,
            signing_key: keys.signing,
            sealing_key: keys.sealing,
            address,
            joined_at: now,
            keys_at: now,
        };
        let (target, vendor) = self
            .transaction(async |tx| {
                let target = self.join(&tx, &hash, &enrol, &agent, now).await?;
                let vendor = self.vendor_keys(&tx, target.0.scope()).await?;
                match target {
                    (target, Some(recorded)) => {
                        tx.commit(recorded).await?;
                        Ok((target, vendor))
                    }
                    // The same host again: nothing is changed.
                    (target, None) => Ok((target, vendor)),
                }
            })
            .await?;
        let agent = target.agent().ok_or(Error::JoinCode)?.id;
        let enrolled = Enrolled {
            agent: agent.uuid(),
            target: target.id.uuid(),
            target_name: target.name.to_string(),
            organization_name: vendor.name.to_string(),
            server: self.issuer.as_str().to_owned(),
            jwks: vendor.jwks.clone(),
        };
        Ok(Joined { enrolled, request, vendor })
    }

    async fn join(
        &self,
        tx: &Tx,
        hash: &SecretHash,
        enrol: &Enrol,
        agent: &Agent,
        now: Timestamp,
    ) -> Result<(DeploymentTarget, Option<Recorded>)> {
        let code = tx.join_code_by_hash(hash, false).await?.ok_or(Error::JoinCode)?;
        let scope = code.scope();
        // The target before its codes, as everybody holds them.
        let target = tx.deployment_targets(scope).lock(code.target).await?.ok_or(Error::JoinCode)?;
        let code = tx.join_code_by_hash(hash, true).await?.ok_or(Error::JoinCode)?;
        if is_same_again(&code, &target, agent, now) {
            return Ok((target, None));
        }
        if !code.is_open(now) {
            return Err(Error::JoinCode);
        }
        if target.mode != enrol.mode {
            return Err(Error::WrongMode(target.mode));
        }
        if !tx.use_join_code(hash, now).await? {
            return Err(Error::JoinCode);
        }
        let again = target.agent().is_some();
        let target = target.joined(agent.clone(), enrol.facts.clone(), now)?;
        tx.deployment_targets(scope).save(&target).await?;
        if again {
            // Another host counts from 1 again.
            tx.deployments(scope).forget_reports(target.id).await?;
        }
        let action = if again { Action::DeploymentTargetRejoined } else { Action::DeploymentTargetJoined };
        let by = By { actor: Actor::Agent(agent.id), address: Some(agent.address) };
        let recorded =
            self.record_for(tx, scope, by, action, target.id.uuid(), &joined(&target, agent)).await?;
        Ok((target, Some(recorded)))
    }

    /// Replaces the keys of an agent. The request is signed by the present key, and the proof in it by the next.
    ///
    /// # Errors
    /// If the proof is none, or the keys were replaced meanwhile.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn rotate_agent_keys(&self, caller: &AgentCaller, new: &NewKeys) -> Result<()> {
        let (keys, now) = (Keys::read(&new.keys)?, self.now());
        if !proves(caller.request(), new, &keys.public()?, self.issuer.as_str()) {
            let why = Invalid::new("invalid_proof", "is not signed by the new key, or not for this request");
            return Err(Error::field("proof", why));
        }
        self.transaction(async |tx| {
            let (target, agent) = held(&tx, caller).await?;
            let next = Agent { signing_key: keys.signing, sealing_key: keys.sealing, keys_at: now, ..agent };
            let detail = joined(&target, &next);
            let target = DeploymentTarget { state: TargetState::Connected { agent: next }, ..target };
            tx.deployment_targets(target.scope()).save(&target).await?;
            let action = Action::DeploymentTargetKeyRotated;
            self.commit_by(tx, caller, &target, action, &detail).await
        })
        .await?;
        self.agents.known.remove(&caller.agent());
        Ok(())
    }

    /// The agent takes its leave: its target is released, and what runs there is left as it is.
    ///
    /// # Errors
    /// If it is no agent any more.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn leave_target(&self, caller: &AgentCaller) -> Result<()> {
        let now = self.now();
        self.transaction(async |tx| {
            let (target, _) = held(&tx, caller).await?;
            let target = release_target(&tx, target.scope(), target, now).await?;
            let detail = about_target(&target);
            self.commit_by(tx, caller, &target, Action::DeploymentTargetReleased, &detail).await
        })
        .await?;
        self.agents.known.remove(&caller.agent());
        Ok(())
    }

    async fn commit_by(
        &self,
        tx: Tx,
        caller: &AgentCaller,
        target: &DeploymentTarget,
        action: Action,
        detail: &[(&'static str, Value)],
    ) -> Result<()> {
        let by = By { actor: Actor::Agent(caller.agent()), address: Some(caller.address) };
        let recorded = self.record_for(&tx, target.scope(), by, action, target.id.uuid(), detail).await?;
        Ok(tx.commit(recorded).await?)
    }
}

/// Whether a host that has joined by this code asks again, with the keys that it has joined with.
fn is_same_again(code: &JoinCode, target: &DeploymentTarget, agent: &Agent, now: Timestamp) -> bool {
    let same = |known: &Agent| {
        known.signing_key == agent.signing_key
            && known.sealing_key == agent.sealing_key
            && code.used_at == Some(known.joined_at)
    };
    now < code.expires_at && target.agent().is_some_and(same)
}

/// Whether the new key has signed the very request that brings it.
fn proves(request: &Request, new: &NewKeys, key: &PublicKey, server: &str) -> bool {
    let Ok(proof) = Request::verify(&new.proof, key) else { return false };
    let Ok(keys) = serde_json::to_vec(&new.keys) else { return false };
    proof.iss == key.kid().as_str()
        && proof.jti == request.jti
        && proof.iat == request.iat
        && proof.is_of(server, "POST", path::KEY, &keys)
}

fn joined(target: &DeploymentTarget, agent: &Agent) -> Vec<(&'static str, Value)> {
    let mut detail = about_target(target);
    detail.push(("agent_id", json!(agent.id)));
    detail.push(("fingerprint", json!(agent.fingerprint())));
    detail
}
