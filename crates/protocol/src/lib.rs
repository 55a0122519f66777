//! What a Keyward server and the agents on customers' hosts say to each other: `docs/agent-protocol.md` as types.
//!
//! An agent only ever asks; nothing connects to it. Each request is signed by the agent's key and each answer by a key of
//! the vendor's organization, bound to the request (feature `signed`), so neither can be replayed, moved or altered, also where a
//! company's proxy ends TLS.
//!
//! | to find | look in |
//! |---|---|
//! | how an agent joins | [`enrolment`] |
//! | what it is to bring about | [`desired`] |
//! | what it tells back | [`report`] |
//! | how both are signed | [`signed`] |

pub mod desired;
pub mod enrolment;
pub mod fingerprint;
pub mod report;
#[cfg(feature = "signed")]
pub mod signed;

pub use desired::{Desired, Order};
pub use report::{DeploymentHealth, Phase, Reports};

/// The version of the protocol that this crate speaks.
pub const VERSION: u32 = 1;

/// The most bytes of a request's or an answer's body.
pub const MOST_BODY: usize = 1024 * 1024;

/// For how many seconds at most an answer to `GET desired` is waited for.
pub const MOST_WAIT: u32 = 50;

/// The most requests of one agent in a minute.
pub const MOST_REQUESTS_A_MINUTE: u32 = 60;

/// After how many ends, of whatever it carried out, an agent waits until an hour has gone by.
pub const MOST_ENDS_AN_HOUR: u32 = 120;

/// The paths, each below the address of the server.
pub mod path {
    /// `POST`: a host joins with a code ([`Enrol`](crate::enrolment::Enrol)).
    pub const ENROL: &str = "/api/v1/agent/enrol";
    /// `GET`: what the agent is to bring about ([`Desired`](crate::Desired)).
    pub const DESIRED: &str = "/api/v1/agent/desired";
    /// `GET`: a file of a version, by the SHA-256 of its text in lower-case hexadecimal digits.
    pub const FILES: &str = "/api/v1/agent/files";
    /// `POST`: what to pull the images of a deployment with ([`PullCredentials`](crate::desired::PullCredentials)).
    pub const PULL_CREDENTIAL: &str = "/api/v1/agent/pull-credential";
    /// `POST`: what has happened ([`Reports`](crate::Reports)).
    pub const REPORTS: &str = "/api/v1/agent/reports";
    /// `POST`: new keys ([`NewKeys`](crate::enrolment::NewKeys)).
    pub const KEY: &str = "/api/v1/agent/key";
    /// `POST`: the agent takes its leave; its target is released.
    pub const LEAVE: &str = "/api/v1/agent/leave";
}
