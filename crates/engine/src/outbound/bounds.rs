//! What is taken at most from the servers that organizations name. All of it stands here.
//!
//! Neither client asks for compressed answers or unpacks any, and none follows a redirect, so what is counted is what
//! comes over the wire. Heads of answers are bounded by the clients: 128 KiB of an upstream, 64 KiB of a provider.

use std::time::Duration;

/// Addresses of one name that are tried.
pub const ADDRESSES: usize = 16;

/// How long it may take to find out a name's addresses.
pub const RESOLVE: Duration = Duration::from_secs(5);

/// Names of one organization's servers that are looked up at the same time.
pub const LOOKUPS: u32 = 16;

/// How long it may take to get connected, the name included.
pub const CONNECT: Duration = Duration::from_secs(10);

/// How long an upstream may take until it begins to answer a read.
pub const ANSWER: Duration = Duration::from_secs(60);

/// How long nothing may move in a body that is passed through.
pub const IDLE: Duration = Duration::from_secs(120);

/// How long a body may take that is looked at, such as a manifest.
pub const BODY: Duration = Duration::from_secs(60);

/// How long all pages of a list may take together.
pub const LIST: Duration = Duration::from_secs(120);

/// Bytes of one page of a list.
pub const LIST_PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of all pages of a list.
pub const LIST_BYTES: usize = 8 * 1024 * 1024;

/// Entries of a list.
pub const LIST_ITEMS: usize = 100_000;

/// Pages of a list.
pub const LIST_PAGES: usize = 1_000;

/// Lists of one organization's upstreams that are read at the same time.
pub const LISTS: u32 = 8;

/// Bytes of an answer that refuses.
pub const ERROR_BYTES: usize = 64 * 1024;

/// How long the tags of a repository are looked up because of one digest.
pub const LOOK: Duration = Duration::from_secs(60);

/// How long one more list waits for its turn.
pub const LIST_TURN: Duration = Duration::from_secs(20);

/// Requests under way to one upstream.
pub const REQUESTS_OF_UPSTREAM: u32 = 256;

/// Requests under way to the upstreams of one organization.
pub const REQUESTS_OF_ORGANIZATION: u32 = 512;

/// Requests under way to an upstream for one registry key or license.
pub const REQUESTS_OF_HOLDER: u32 = 128;

/// After how many seconds whoever was one too many should try again.
pub const RETRY_AFTER: i64 = 5;

/// Intermediaries that a request to a registry may have come through.
pub const HOPS: usize = 16;

/// How long a sign-in provider may take for one answer, from its name to the last byte.
pub const PROVIDER: Duration = Duration::from_secs(10);

/// Bytes of an answer of a sign-in provider.
pub const PROVIDER_BYTES: u64 = 256 * 1024;

/// How long a webhook endpoint may take for one message, from its name to the last byte that is read.
pub const WEBHOOK: Duration = Duration::from_secs(15);

/// How long an audit sink may take for one batch, from its name to its answer.
pub const AUDIT_SINK: Duration = Duration::from_secs(15);

/// Bytes of an answer of an audit sink.
pub const AUDIT_SINK_BYTES: u64 = 64 * 1024;

/// Keys of a sign-in provider.
pub const PROVIDER_KEYS: usize = 100;

/// Requests under way to the sign-in provider of one organization.
pub const REQUESTS_OF_PROVIDER: u32 = 16;
