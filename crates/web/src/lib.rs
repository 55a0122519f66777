//! What the HTTP doors share.
//!
//! | to find | look in |
//! |---|---|
//! | how an error looks on the wire, and the registry of its codes | [`problem`] |
//! | how a body is read, naming all failing fields at once | [`fields`] |
//! | who is calling, and what a request carries besides its body | [`request`] |
//! | how an answer is tagged | [`answer`] |
//! | headers, request ids and the access log | [`around()`] |

pub mod answer;
mod around;
pub mod fields;
mod health;
mod if_match;
mod path;
pub mod problem;
pub mod request;

pub use answer::Answer;
pub use around::{Settings, around};
pub use fields::{Fields, FromField, Request};
pub use health::configure;
pub use if_match::IfMatch;
pub use path::{Id, Slug, part};
pub use problem::{Code, Problem};
pub use request::{Caller, Command, Query};
