//! Reads Compose files: what they may never do, and what they need of a host.
//!
//! A Compose file comes from a vendor and is carried out on a customer's host by a program that may do anything there. Three
//! questions stand before that, and this crate answers them without any input or output of its own:
//!
//! | question | answer |
//! |---|---|
//! | Is it a document that every reader of YAML understands in the same way? | [`Document::read`] |
//! | Does it do what is never allowed, such as read files of the host? Asked before Compose sees it | [`check_raw`] |
//! | What does it want of the host beyond the ordinary? Asked of what Compose makes of it | [`needs()`] |
//!
//! [`summary()`] says for people what it is made of.

mod document;
mod needs;
mod policy;
mod summary;

pub mod env;

pub use document::{Document, Node, ReadError};
pub use needs::{Access, Need, NeedError, Place, Published, needs, published};
pub use policy::{Refusal, check_raw, check_resolved};
pub use summary::{ServiceSummary, VolumeMount, has_healthcheck, summary};
