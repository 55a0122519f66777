use crate::{Health, HealthCheck, claims::Registered};
use alloc::string::String;
use core::fmt;

/// A license that was signed by a trusted key for this application, and **may have ended or not begun**: only
/// [`Verifier::authenticate`](crate::Verifier::authenticate) makes one.
///
/// It shows no claims, and there is no way from it to a [`License`](crate::License), so that nobody takes it for a valid one.
/// All there is to ask is how it stands.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthenticLicense {
    pub(crate) json: String,
    pub(crate) registered: Registered,
    pub(crate) leeway: u64,
}

impl AuthenticLicense {
    /// How the license stands: by an instant alone (`health(now)`), or by a [`HealthCheck`]. The leeway is that of the
    /// verifier, unless the check has a longer one. Nothing is allocated.
    pub fn health<'a>(&self, check: impl Into<HealthCheck<'a>>) -> Health {
        check.into().judge(&self.json, &self.registered, self.leeway)
    }
}

impl fmt::Debug for AuthenticLicense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticLicense").field("json", &self.json).finish()
    }
}
