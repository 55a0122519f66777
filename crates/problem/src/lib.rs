//! What a handler needs of HTTP, in plain data, whatever the framework: from `Authorization` to a right, and from an error to a
//! problem document with a stable code (RFC 9457).
//!
//! ```
//! use keyward_problem::{Code, Problem};
//!
//! let problem = Problem::from(keyward_engine::Error::Busy { retry_after: 5 });
//! assert_eq!((problem.status(), problem.code()), (503, Code::Busy));
//! assert_eq!(problem.headers(), [
//!     ("content-type", "application/problem+json".to_owned()),
//!     ("retry-after", "5".to_owned()),
//! ]);
//! assert_eq!(problem.document()["type"], "/problems/busy");
//! ```
//!
//! Services on actix have it from `keyward-web`, by way of the feature `actix`: problems are answers there, and rights are
//! arguments of handlers.

#[cfg(feature = "actix")]
mod actix;
mod authorize;
mod code;
mod engine;

use std::fmt;

use keyward_domain::Invalid;
use serde::Serialize;
use serde_json::{Map, Value};

#[cfg(feature = "actix")]
pub use actix::{FaultSchema, ProblemSchema, Refused};
pub use authorize::{authorize, bearer};
pub use code::Code;

/// How long to wait before asking a server again that was not ready: it finds out about its database each second.
pub const RETRY_SECONDS: i64 = 2;

/// A refusal, as the client sees it.
#[derive(Debug)]
pub struct Problem {
    code: Code,
    detail: Option<String>,
    errors: Vec<Fault>,
    more: Map<String, Value>,
    retry_after: Option<i64>,
}

/// One refused field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// JSON Pointer (RFC 6901) into the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Name of the query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// Stable, `snake_case`.
    pub code: &'static str,
    /// A sentence for people.
    pub detail: String,
}

impl From<Fault> for Invalid {
    fn from(fault: Fault) -> Self {
        Self { code: fault.code, message: fault.detail, pointer: fault.pointer.unwrap_or_default() }
    }
}

impl Problem {
    /// A problem of this kind.
    pub fn new(code: Code) -> Self {
        let retry_after = (code == Code::ServiceUnavailable).then_some(RETRY_SECONDS);
        Self { code, detail: None, errors: Vec::new(), more: Map::new(), retry_after }
    }

    /// With what is special about this case.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// With the fields at fault.
    #[must_use]
    pub fn errors(mut self, errors: Vec<Fault>) -> Self {
        self.errors = errors;
        self
    }

    /// With more fields at fault, where they are not named yet.
    #[must_use]
    pub fn also(mut self, faults: impl IntoIterator<Item = Fault>) -> Self {
        for fault in faults {
            if self.errors.iter().all(|known| known.pointer != fault.pointer) {
                self.errors.push(fault);
            }
        }
        self
    }

    /// With a member that programs can use.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// With the seconds after which it is worth another try (`Retry-After`).
    #[must_use]
    pub fn retry_after(mut self, seconds: i64) -> Self {
        self.retry_after = Some(seconds.max(1));
        self
    }

    /// The seconds after which it is worth another try.
    pub fn retry_seconds(&self) -> Option<i64> {
        self.retry_after
    }

    /// The kind.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The fields at fault.
    pub fn faults(&self) -> &[Fault] {
        &self.errors
    }

    /// The status of the response.
    pub fn status(&self) -> u16 {
        self.code.status()
    }

    /// The headers of the response, by their names in lower case.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("content-type", "application/problem+json".to_owned())];
        if self.status() == 401 {
            headers.push(("www-authenticate", "Bearer realm=\"keyward\"".to_owned()));
        }
        headers.extend(self.retry_after.map(|seconds| ("retry-after", seconds.to_string())));
        headers
    }

    /// The body of the response.
    pub fn document(&self) -> Value {
        let mut document = self.more.clone();
        document.insert("type".into(), format!("/problems/{}", self.code.slug()).into());
        document.insert("title".into(), self.code.title().into());
        document.insert("status".into(), self.code.status().into());
        document.insert("code".into(), self.code.slug().into());
        if let Some(detail) = &self.detail {
            document.insert("detail".into(), detail.clone().into());
        }
        if !self.errors.is_empty() {
            document.insert("errors".into(), serde_json::json!(self.errors));
        }
        Value::Object(document)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail.as_deref().unwrap_or(self.code.title()))
    }
}

impl std::error::Error for Problem {}
