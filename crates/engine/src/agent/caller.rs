//! Who asks: a request is recognised by its signature, and its answer is signed for it.

use std::sync::Arc;

use keyward_domain::deployment::Agent;
use keyward_domain::{Address, AgentId, DeploymentTargetId, Name, OrganizationScope, SigningKeyState};
use keyward_protocol::signed::{Answer, MOST_KEYS, Request, SignatureError, body_hash};
use keyward_storage::Tx;
use keyward_token::{Keyring, PublicKey};

use super::watch::Epoch;
use crate::log::queue::{Entry, Use, What};
use crate::validation::signer::AnswerSigner;
use crate::vault::SealError;
use crate::{Engine, Error, Resource, Result, organization};

/// An agent in memory.
pub(super) struct KnownAgent {
    pub id: AgentId,
    pub target: DeploymentTargetId,
    pub scope: OrganizationScope,
    key: PublicKey,
    pub vendor: Arc<VendorKeys>,
    /// As of when; `None` while the organization is not followed.
    epoch: Option<Epoch>,
}

/// What answers of an organization are signed with.
pub(super) struct VendorKeys {
    pub name: Name,
    /// Its published keys, as agents are to know them.
    pub jwks: String,
    /// The key that signs now first, then the others, the newest first.
    signers: Vec<AnswerSigner>,
    /// Which keys these are, each with its place in life.
    marks: Vec<(String, SigningKeyState)>,
}

/// A request of someone who may be an agent: nothing of it is believed yet.
pub struct Asking {
    jws: String,
    agent: Arc<KnownAgent>,
}

/// An agent whose signature is good.
pub struct AgentCaller {
    agent: Arc<KnownAgent>,
    /// What it has signed.
    request: Request,
    /// From where it asks.
    pub(super) address: Address,
}

/// Why a request with a good signature is not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentRefusal {
    /// It was signed at another time than now, by the server's clock.
    ClockSkew,
    /// It was made before.
    Replayed,
    /// The agent asks too often.
    TooMany {
        /// In how many seconds it may ask again.
        retry_after: i64,
    },
}

impl AgentCaller {
    /// Which agent.
    pub fn agent(&self) -> AgentId {
        self.agent.id
    }

    /// The request as it was signed.
    pub(super) fn request(&self) -> &Request {
        &self.request
    }

    pub(super) fn known(&self) -> &KnownAgent {
        &self.agent
    }

    /// Whether this is the agent that was recognised, with the key that it was recognised by.
    pub(super) fn is(&self, agent: &Agent) -> bool {
        agent.id == self.agent.id && self.has_key(&agent.signing_key)
    }

    /// Whether it was recognised by this key.
    pub(super) fn has_key(&self, key: &[u8; 32]) -> bool {
        *key == self.agent.key.to_bytes()
    }
}

impl VendorKeys {
    /// The signature of an answer to a request, by the first of the keys that the agent knows. One that knows none gets one by the
    /// key that signs now.
    pub(super) fn sign(&self, request: &Request, answer: &Answer) -> Option<String> {
        let known =
            |signer: &&AnswerSigner| request.keys.iter().take(MOST_KEYS).any(|kid| *kid == signer.kid);
        let signer = self.signers.iter().find(known).or(self.signers.first())?;
        Some(answer.sign(&signer.kid, |text| signer.sign(text)))
    }
}

impl Engine {
    /// The agent that a signature says to be of, if there is one. Of a stranger nothing is written or hashed: one row is looked
    /// for, and none where the agent is known.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn agent_asking(&self, jws: &str) -> Result<Option<Asking>> {
        let Some(id) = Request::unverified(jws).ok().and_then(|request| request.iss.parse().ok()) else {
            return Ok(None);
        };
        let agent = match self.agents.known.get(&id) {
            Some(known) if self.is_current(&known) => Some(known),
            Some(_) | None => self.read_agent(id).await?,
        };
        Ok(agent.map(|agent| Asking { jws: jws.to_owned(), agent }))
    }

    /// Verifies that a request is what its agent has signed; `None` if it is not. Whether it is carried out is told by
    /// [`admit_agent`](Self::admit_agent).
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn recognise_agent(
        &self,
        asking: Asking,
        (method, path): (&str, &str),
        body: &[u8],
        address: Address,
    ) -> Result<Option<AgentCaller>> {
        let Asking { jws, mut agent } = asking;
        let request = match Request::verify(&jws, &agent.key) {
            // Perhaps it has replaced its keys by another server.
            Err(SignatureError::UnknownKey) => match self.read_agent(agent.id).await? {
                Some(read) => {
                    agent = read;
                    Request::verify(&jws, &agent.key)
                }
                None => return Ok(None),
            },
            verified => verified,
        };
        let of_this = |request: &Request| {
            request.iss == agent.id.to_string() && request.is_of(self.issuer.as_str(), method, path, body)
        };
        let request = request.ok().filter(of_this);
        Ok(request.map(|request| AgentCaller { agent, request, address }))
    }

    /// Whether a request that was recognised is carried out. It counts from now on, and that the agent was there is noted.
    ///
    /// # Errors
    /// If it came before, at another time, or too many came.
    pub fn admit_agent(&self, caller: &AgentCaller) -> Result<(), AgentRefusal> {
        let (id, now) = (caller.agent.id, self.now());
        self.agents.recent.take(id, caller.request.iat, &caller.request.jti, now)?;
        if self.agents.recent.is_news(id, now) {
            let what = What::Used(Use::Agent(id, now));
            self.log.add(Entry { scope: caller.agent.scope, what });
        }
        Ok(())
    }

    /// The header that signs an answer for the request that it is to; its time is the server's.
    pub fn sign_answer(&self, caller: &AgentCaller, status: u16, body: &[u8]) -> Option<String> {
        caller.agent.vendor.sign(&caller.request, &self.answer_to(&caller.request, status, body))
    }

    pub(super) fn answer_to(&self, request: &Request, status: u16, body: &[u8]) -> Answer {
        Answer {
            iss: self.issuer.as_str().to_owned(),
            aud: request.iss.clone(),
            jti: request.jti.clone(),
            status,
            bh: body_hash(body),
            iat: self.now().unix(),
        }
    }

    fn is_current(&self, known: &KnownAgent) -> bool {
        let watch = &self.agents.watch;
        known.epoch.is_some_and(|epoch| watch.is_current(known.scope.id(), known.target, epoch))
    }

    /// The agent as the database knows it, which is remembered.
    pub(super) async fn read_agent(&self, id: AgentId) -> Result<Option<Arc<KnownAgent>>> {
        // What is changed from here on counts as changed since. An agent never goes to another target; of one that is met for the
        // first time it is not known yet, so it is read once more.
        let met = self.agents.known.get(&id);
        let epoch = met.and_then(|met| self.agents.watch.epoch(met.scope.id(), met.target));
        let _turn = self.agents.reading.acquire().await.ok();
        let tx = self.store.read().await?;
        let Some(target) = tx.target_by_agent(id).await? else {
            self.agents.known.remove(&id);
            return Ok(None);
        };
        let scope = target.scope();
        let key = target.agent().and_then(|agent| PublicKey::from_bytes(&agent.signing_key).ok());
        let key = key.ok_or(Error::Unauthenticated)?;
        let vendor = self.vendor_keys(&tx, scope).await?;
        let known = Arc::new(KnownAgent { id, target: target.id, scope, key, vendor, epoch });
        self.agents.known.insert(id, Arc::clone(&known));
        Ok(Some(known))
    }

    /// The keys of an organization, opened if they are others than those at hand.
    pub(super) async fn vendor_keys(&self, tx: &Tx, scope: OrganizationScope) -> Result<Arc<VendorKeys>> {
        let name = organization::find(tx, scope).await?.name;
        let mut keys = tx.signing_keys(scope).list().await?;
        keys.retain(keyward_domain::SigningKey::is_published);
        keys.sort_by_key(|key| {
            let active = matches!(key.state, SigningKeyState::Active { .. });
            (!active, std::cmp::Reverse(key.created_at))
        });
        let marks: Vec<_> = keys.iter().map(|key| (key.kid.to_string(), key.state)).collect();
        if let Some(known) = self.agents.vendors.get(&scope.id())
            && known.marks == marks
            && known.name == name
        {
            return Ok(known);
        }
        let (mut keyring, mut signers) = (Keyring::new(), Vec::new());
        for key in &keys {
            let public = PublicKey::from_bytes(&key.public).and_then(|public| keyring.insert(public));
            public.map_err(|_| Error::Key { kid: key.kid.to_string(), source: SealError::Mismatch })?;
            signers.push(self.answer_signer(key)?);
        }
        if signers.is_empty() {
            return Err(Error::NotFound(Resource::SigningKey));
        }
        let made = Arc::new(VendorKeys { name, jwks: keyring.to_jwks(), signers, marks });
        self.agents.vendors.insert(scope.id(), Arc::clone(&made));
        Ok(made)
    }
}
