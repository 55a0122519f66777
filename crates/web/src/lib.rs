//! What the HTTP front ends share.
//!
//! | to find | look in |
//! |---|---|
//! | how an error looks on the wire, and the registry of its codes | [`problem`] |
//! | how a body is read, naming all failing fields at once | [`fields`] |
//! | what each command is read from | `commands` |
//! | who is calling, and what a request carries besides its body | [`mod@request`] |
//! | how an answer is tagged | [`answer`] |
//! | where a request comes from, behind proxies | [`ClientAddress`] |
//! | whether a form was sent by one of our own pages | [`is_from_own_page()`] |
//! | how percent-encoded text is read | [`utf8`] |
//! | how a vendor's Markdown is shown | [`markdown`] |
//! | headers, request ids and the access log | [`around()`] |
//! | how requests are counted, by front end and route | [`http_metrics`] |
//! | the agent's programs, for people to fetch | [`AgentPrograms`] |
//! | how a connection goes on when a body is not read to its end | `unread` |

mod agent_programs;
pub mod answer;
mod around;
mod bearer;
mod body;
mod client_address;
mod commands;
mod customer;
mod ended_cookie;
pub mod fields;
mod health;
pub mod http_metrics;
mod if_match;
pub mod markdown;
mod own_page;
mod path;
pub mod request;
mod throttle;
mod unread;
pub mod utf8;

pub use agent_programs::{AgentProgram, AgentPrograms};
pub use answer::Answer;
pub use around::{Settings, around, was_head};
pub use bearer::bearer;
pub use body::{Body, BodyFault, MOST_BYTES};
pub use client_address::{ClientAddress, TrustedProxies};
pub use commands::{Overlap, RenameTarget};
pub use customer::{CustomerCaller, CustomerCommand, customer_cookie};
pub use ended_cookie::take_back_cookie;
pub use fields::{Fields, FromField, Request};
pub use health::configure;
pub use if_match::IfMatch;
pub use keyward_problem as problem;
pub use keyward_problem::{Code, Problem, RETRY_SECONDS};
pub use own_page::{asked_host, is_from_own_page};
pub use path::{Id, Slug, part};
pub use request::{Caller, Command, Once, Query, unreadable};
pub use throttle::Throttle;
