//! Why a value was refused, in a form that a program can branch on and a person can read.

/// One refused value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    /// Stable, `snake_case`.
    pub code: &'static str,
    /// A sentence for people, without the value itself.
    pub message: String,
    /// JSON Pointer (RFC 6901) from the refused value to the part at fault; empty for the value itself.
    pub pointer: String,
}

impl Invalid {
    /// The value itself is at fault.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), pointer: String::new() }
    }

    /// The member `name` of the value is at fault.
    #[must_use]
    pub fn at(mut self, name: &str) -> Self {
        let escaped = name.replace('~', "~0").replace('/', "~1");
        self.pointer = format!("/{escaped}{}", self.pointer);
        self
    }
}
