//! What the engine refuses, as problems.

use keyward_domain::Forbidden;
use keyward_domain::plan::LimitReached;
use keyward_engine::{Error, FieldFault, causes};

use crate::{Code, Fault, Problem};

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound(resource) => {
                Self::new(Code::NotFound).detail(format!("There is no such {resource}."))
            }
            Error::Invalid(faults) => {
                Self::new(Code::ValidationFailed).errors(faults.into_iter().map(Fault::from).collect())
            }
            Error::Taken { resource, field } => {
                let detail = format!("Another {resource} has this {field} already.");
                let fault = Fault {
                    pointer: Some(format!("/{field}")),
                    parameter: None,
                    code: "already_exists",
                    detail: "is taken".to_owned(),
                };
                Self::new(Code::AlreadyExists).detail(detail).errors(vec![fault])
            }
            Error::Forbidden(forbidden) => forbidden.into(),
            Error::Transition(detail) => Self::new(Code::InvalidTransition).detail(detail),
            Error::Changed { version } => Self::new(Code::PreconditionFailed).with("version", version),
            Error::KeyReused => Self::new(Code::IdempotencyKeyReused),
            Error::SecretShown { .. } => Self::new(Code::SecretAlreadyShown),
            Error::NoToken(why) => Self::new(Code::TokenUnavailable).detail(why),
            Error::PlanRequired { plan, feature } => {
                let least = feature.least();
                Self::new(Code::PlanRequired)
                    .detail(format!("The plan {plan} does not include {feature}. Upgrade to {least}."))
                    .with("plan", plan)
                    .with("feature", feature.as_str())
            }
            Error::LimitReached(LimitReached { limit, current, plan }) => Self::new(Code::PlanLimitReached)
                .with("limit", limit)
                .with("current", current)
                .with("plan", plan),
            Error::WouldClose { customers, more } => {
                Self::new(Code::WouldClose).with("customers", customers).with("more", more)
            }
            Error::Granted(versions) => Self::new(Code::GrantedVersion).with("versions", versions),
            Error::InUse(detail) => Self::new(Code::InUse).detail(format!("{detail}.")),
            Error::NoKeys(keys) => {
                let told: Vec<_> = keys.iter().map(|(name, why)| format!("{name}: {why}")).collect();
                let names: Vec<_> = keys.into_iter().map(|(name, _)| name).collect();
                Self::new(Code::LicenseKeyUnavailable)
                    .detail(format!("{}.", told.join("; ")))
                    .with("license_keys", names)
            }
            Error::NotInForce(status) => {
                Self::new(Code::LicenseNotActive).with("license_status", status.as_str())
            }
            Error::NoCustomer => Self::new(Code::LicenseWithoutCustomer),
            Error::LinkGone => Self::new(Code::Gone),
            Error::JoinCode => Self::new(Code::JoinCodeClosed),
            Error::WrongMode(mode) => Self::new(Code::WrongMode)
                .detail(format!("This deployment target is for the mode {}.", mode.as_str())),
            Error::ClockSkew => Self::new(Code::ClockSkew),
            Error::Unconfirmed => Self::new(Code::Forbidden).detail("Confirm who you are first."),
            Error::Unauthenticated => Self::new(Code::Unauthorized),
            Error::TooManyTries { retry_after } | Error::TooManyEnds { retry_after } => {
                Self::new(Code::TooManyRequests).retry_after(retry_after)
            }
            Error::Busy { retry_after } => Self::new(Code::Busy).retry_after(retry_after),
            Error::MailLimit { limit, retry_after } => Self::new(Code::MailLimitReached)
                .detail(format!("{}.", sentence(&limit)))
                .retry_after(retry_after),
            Error::LastOwner => Self::new(Code::LastOwner),
            Error::LastAdmin => Self::new(Code::LastAdmin),
            Error::AdminsOnly => {
                Self::new(Code::Forbidden).detail("Only admins of the customer may do this.")
            }
            other if other.is_passing() => {
                tracing::debug!(error = %other, "request refused for now");
                Self::new(Code::ServiceUnavailable)
                    .detail("The database is not available. Try again in a moment.")
            }
            error @ (Error::Claims(_)
            | Error::StatusIndex { .. }
            | Error::Storage(_)
            | Error::Uncounted(_)
            | Error::Password
            | Error::OwnRows(_)
            | Error::Thread(_)
            | Error::Event(_)
            | Error::Key { .. }) => internal(&error),
        }
    }
}

/// With a capital letter.
fn sentence(text: &impl ToString) -> String {
    let text = text.to_string();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

impl From<Forbidden> for Problem {
    fn from(forbidden: Forbidden) -> Self {
        let scope = forbidden.needed.as_str();
        let problem = Self::new(Code::Forbidden).with("scope", scope);
        match forbidden.role {
            None => problem.detail(format!("The token lacks the scope {scope}.")),
            Some(role) => problem.with("role", role.as_str()).detail(format!(
                "The token acts for its maker, whose role is now {role}, and that role does not include the scope {scope}."
            )),
        }
    }
}

impl From<FieldFault> for Fault {
    fn from(fault: FieldFault) -> Self {
        Self {
            pointer: Some(format!("/{}{}", fault.field, fault.invalid.pointer)),
            parameter: None,
            code: fault.invalid.code,
            detail: fault.invalid.message,
        }
    }
}

/// Logged here, once, with all its causes; the client gets the request id alone.
fn internal(error: &dyn std::error::Error) -> Problem {
    tracing::error!(error = causes(error), "request failed");
    Problem::new(Code::InternalError)
}
