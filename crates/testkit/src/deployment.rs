//! A customer who deploys, and the host that it joins: an agent as far as its signatures go.

use keyward_domain::application::Rollout;
use keyward_domain::deployment::{Facts, Mode, Values};
use keyward_domain::{
    Address, AgentId, Application, ApplicationKind, Customer, Deployment, DeploymentTargetId, Secret,
    SecretKind,
};
use keyward_engine::{
    AnySession, ClientInfo, CustomerSession, Engine, NewApplication, NewApplicationEntitlement,
    NewApplicationVersion, NewDeployment, NewDeploymentTarget, VersionChoice,
};
use keyward_protocol::enrolment::{AgentKeys, Enrol, Enrolled};
use keyward_protocol::path;
use keyward_protocol::signed::{Request, body_hash};

use crate::Vendor;

pub use keyward_token::{Keyring, SecretKey};

/// What the server calls itself in tests.
pub const URL: &str = "https://licenses.example";

/// From where hosts join.
pub const ADDRESS: [u8; 4] = [192, 0, 2, 9];

/// A host that has joined, and its keys.
pub struct Host {
    /// As what it is known.
    pub agent: AgentId,
    /// The target that it is the agent of.
    pub target: DeploymentTargetId,
    /// What signs its requests.
    pub key: SecretKey,
    /// The vendor's keys, as it was told them.
    pub keys: Keyring,
    /// What the server calls itself.
    pub server: String,
}

impl Vendor {
    /// The session of a customer's first admin.
    pub async fn admin_of(&self, customer: &Customer) -> CustomerSession {
        self.signed_in_admin_of(customer).await.1
    }

    /// What the cookie of that session holds.
    pub async fn admin_secret_of(&self, customer: &Customer) -> Secret {
        self.signed_in_admin_of(customer).await.0
    }

    /// Signs in by the mail for this customer: others with the same address get one too.
    async fn signed_in_admin_of(&self, customer: &Customer) -> (Secret, CustomerSession) {
        let engine = &self.engine;
        engine.request_customer_sign_in(&customer.email).await.expect("it is asked for");
        loop {
            let mail = engine.claim_mail().await.expect("the database answers").expect("a mail");
            engine.mail_sent(&mail).await.expect("it was sent");
            let word = mail.body.split_whitespace().find(|word| word.contains(SecretKind::Link.prefix()));
            // What waits besides may be another's invitation, or have no link at all.
            let Some(link) = word.and_then(|word| word.rsplit('/').next()) else { continue };
            let Some(link) = Secret::parse(SecretKind::Link, link) else { continue };
            let client =
                ClientInfo { address: "192.0.2.1".into(), user_agent: "a browser".into(), device: None };
            let Ok(opened) = engine.open_customer_link(&link, None, client).await else { continue };
            let secret = opened.signed_in().expect("a session").secret;
            match engine.session(&secret).await.expect("the database answers") {
                Some(AnySession::Customer(person)) if person.customer.id == customer.id => {
                    return (secret, person);
                }
                _ => {}
            }
        }
    }

    /// An application called `name`, whose version 1.0 is one Compose file, granted to a customer with all versions to come.
    pub async fn application(&self, customer: &Customer, name: &str, compose: &str) -> Application {
        let engine = &self.engine;
        let new = NewApplication {
            name: name.parse().expect("a name"),
            kind: ApplicationKind::Compose,
            description: None,
        };
        let made = engine.create_application(&self.access(), new, None).await.expect("an application").value;
        self.version(&made, "1.0", compose).await;
        let new = NewApplicationEntitlement {
            customer: customer.id,
            application: made.id,
            versions: VersionChoice::All,
            note: None,
        };
        engine.create_application_entitlement(&self.access(), new, None).await.expect("an entitlement");
        made
    }

    /// Another version of it.
    pub async fn version(&self, of: &Application, name: &str, compose: &str) {
        self.version_with(of, name, compose, Rollout::default()).await;
    }

    /// Another version of it, which says how it is brought up.
    pub async fn version_with(&self, of: &Application, name: &str, compose: &str, rollout: Rollout) {
        let files = keyward_domain::files::FilesDraft {
            compose: Some(compose.parse().expect("a text")),
            ..Default::default()
        };
        let new = NewApplicationVersion {
            name: name.parse().expect("a name"),
            notes: Default::default(),
            files,
            rollout,
        };
        let made = self.engine.create_application_version(&self.access(), of.id, new, None).await;
        made.expect("a version");
    }
}

/// A new target of the customer, with the code that opens it.
pub async fn target(
    engine: &Engine,
    person: &CustomerSession,
    name: &str,
    mode: Mode,
) -> (DeploymentTargetId, String) {
    let new = NewDeploymentTarget { name: name.parse().expect("a name"), mode };
    let made = engine.create_own_deployment_target(person, new).await.expect("a target");
    (made.target.id, made.code.expose().to_owned())
}

/// Deploys the version 1.0 of an application.
pub async fn deploy(
    engine: &Engine,
    person: &CustomerSession,
    target: DeploymentTargetId,
    application: &Application,
) -> Deployment {
    let new = NewDeployment {
        target,
        name: application.name.clone(),
        application: application.slug.clone(),
        version: "1.0".parse().expect("a name"),
        values: Values::default(),
    };
    engine.deploy(person, new).await.expect("a deployment")
}

/// What a host sends to join, with the seed of its key.
pub fn enrolment(code: &str, mode: Mode, seed: u8) -> (SecretKey, Vec<u8>) {
    let key = SecretKey::from_seed([seed; 32]);
    let keys = public_keys(&key);
    let facts = Facts { hostname: format!("host{seed}"), protocols: vec![1], ..Facts::default() };
    let enrol = Enrol { code: code.to_owned(), mode, keys, facts };
    (key, serde_json::to_vec(&enrol).expect("JSON"))
}

/// The public keys of an agent whose sealing key is like its signing key.
pub fn public_keys(key: &SecretKey) -> AgentKeys {
    let public = base64url(&key.public_key().to_bytes());
    AgentKeys { signing: public.clone(), sealing: public }
}

/// A request of a host as it is to be signed.
pub fn request(
    iss: &str,
    server: &str,
    (method, path): (&str, &str),
    body: &[u8],
    at: i64,
    jti: &str,
) -> Request {
    Request {
        iss: iss.to_owned(),
        aud: server.to_owned(),
        htm: method.to_owned(),
        htu: format!("{server}{path}"),
        bh: body_hash(body),
        iat: at,
        jti: jti.to_owned(),
        keys: Vec::new(),
    }
}

impl Host {
    /// A host with this seed that joins by a code.
    pub async fn join(engine: &Engine, code: &str, mode: Mode, seed: u8) -> keyward_engine::Result<Self> {
        let (key, body) = enrolment(code, mode, seed);
        let server = URL.to_owned();
        let kid = key.public_key().kid().to_string();
        let asked = request(&kid, &server, ("POST", path::ENROL), &body, engine.now().unix(), "join");
        let joined = engine.enrol(&asked.sign(&key), &body, Address::new(ADDRESS.into())).await?;
        Ok(Self::of(key, joined.enrolled))
    }

    /// The host that was told this.
    pub fn of(key: SecretKey, enrolled: Enrolled) -> Self {
        Self {
            agent: enrolled.agent.into(),
            target: enrolled.target.into(),
            key,
            keys: Keyring::from_jwks(&enrolled.jwks).expect("keys"),
            server: enrolled.server,
        }
    }

    /// A request of it, signed, with what was signed.
    pub fn sign(&self, way: (&str, &str), body: &[u8], at: i64, jti: &str) -> (Request, String) {
        let keys = self.keys.iter().map(|key| key.kid().to_string()).collect();
        let asked = Request { keys, ..request(&self.agent.to_string(), &self.server, way, body, at, jti) };
        let jws = asked.sign(&self.key);
        (asked, jws)
    }
}

fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for some in bytes.chunks(3) {
        let bits =
            some.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - some.len()));
        for digit in 0..=some.len() {
            text.push(char::from(DIGITS[(bits >> (18 - 6 * digit) & 63) as usize]));
        }
    }
    text
}
