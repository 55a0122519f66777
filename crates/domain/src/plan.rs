//! What an organization's plan allows. Below a limit nothing is ever taken away; only creation stops.

use std::fmt;
use std::str::FromStr;

use crate::{Invalid, Timestamp};

/// How long a Pro Trial lasts.
pub const TRIAL_SECONDS: i64 = 30 * 24 * 60 * 60;

/// The plan of an organization, set by the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Products and validation.
    Free,
    /// License management too, and more of everything.
    Pro,
    /// Pro until its end, then Free.
    ProTrial {
        /// The first second no longer Pro.
        until: Timestamp,
    },
    /// Everything.
    Enterprise,
}

/// What the operator grants beyond the plan; `None` is the plan's own limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overrides {
    /// Products.
    pub products: Option<u32>,
    /// Validations a product and day.
    pub validations_per_day: Option<u32>,
}

/// What not every plan includes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// Creating and renewing licenses.
    LicenseManagement,
    /// Registry keys that rotate by themselves.
    KeyRotation,
    /// Seeing the audit log. It is written for everyone.
    AuditLog,
}

impl Feature {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LicenseManagement => "license_management",
            Self::KeyRotation => "key_rotation",
            Self::AuditLog => "audit_log",
        }
    }

    /// The smallest plan that includes it, as people write it.
    pub fn least(self) -> &'static str {
        match self {
            Self::LicenseManagement => "Pro",
            Self::KeyRotation | Self::AuditLog => "Enterprise",
        }
    }
}

/// As people call it.
impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LicenseManagement => "license management",
            Self::KeyRotation => "automatic rotation of registry keys",
            Self::AuditLog => "the audit log",
        })
    }
}

/// What a plan allows at one instant. `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The plan that counts: an ended trial is Free.
    pub plan: &'static str,
    /// Products, the archived ones too.
    pub products: Option<u32>,
    /// Validations a product and day (UTC).
    pub validations_per_day: Option<u32>,
    /// Whether licenses may be created and renewed.
    pub license_management: bool,
    /// Whether registry keys rotate by themselves and the audit log may be seen.
    pub automation_and_audit: bool,
}

impl Plan {
    /// A trial that begins now.
    pub fn trial(now: Timestamp) -> Self {
        Self::ProTrial { until: now.plus_seconds(TRIAL_SECONDS) }
    }

    /// The name on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Pro => "pro",
            Self::ProTrial { .. } => "pro_trial",
            Self::Enterprise => "enterprise",
        }
    }

    /// What it allows at `now`.
    pub fn limits(self, overrides: Overrides, now: Timestamp) -> Limits {
        let (plan, products, validations, licenses) = match self {
            Self::ProTrial { until } if now >= until => (Self::Free.as_str(), Some(10), Some(10_000), false),
            Self::Free => (self.as_str(), Some(10), Some(10_000), false),
            Self::Pro | Self::ProTrial { .. } => (self.as_str(), Some(200), Some(100_000), true),
            Self::Enterprise => (self.as_str(), None, None, true),
        };
        Limits {
            plan,
            products: overrides.products.or(products),
            validations_per_day: overrides.validations_per_day.or(validations),
            license_management: licenses,
            automation_and_audit: self == Self::Enterprise,
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The plans by name; a trial's end is told apart.
impl Plan {
    /// The names of all plans.
    pub const NAMES: [&str; 4] = ["free", "pro", "pro_trial", "enterprise"];
}

impl FromStr for Plan {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "free" => Ok(Self::Free),
            "pro" => Ok(Self::Pro),
            "pro_trial" => Ok(Self::ProTrial { until: Timestamp::MIN }),
            "enterprise" => Ok(Self::Enterprise),
            _ => Err(Invalid::new("unknown_plan", "must be free, pro, pro_trial or enterprise")),
        }
    }
}

crate::described!(Plan = crate::openapi::one_of(Self::NAMES););

/// A limit of the plan stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the plan {plan} allows {limit}, and there are {current}")]
pub struct LimitReached {
    /// How many the plan allows.
    pub limit: u32,
    /// How many there are.
    pub current: u32,
    /// The plan that counts.
    pub plan: &'static str,
}

impl Limits {
    /// Whether the plan includes something.
    pub fn includes(self, feature: Feature) -> bool {
        match feature {
            Feature::LicenseManagement => self.license_management,
            Feature::KeyRotation | Feature::AuditLog => self.automation_and_audit,
        }
    }

    /// Whether another product may be created beside `current` ones.
    pub fn another_product(self, current: u32) -> Result<(), LimitReached> {
        match self.products {
            Some(limit) if current >= limit => Err(LimitReached { limit, current, plan: self.plan }),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_is_pro_until_its_end_and_then_free() {
        let start = Timestamp::MIN;
        let trial = Plan::trial(start);
        let limits = |after: i64| trial.limits(Overrides::default(), start.plus_seconds(after));
        assert_eq!(
            limits(TRIAL_SECONDS - 1),
            Limits { plan: "pro_trial", ..Plan::Pro.limits(Overrides::default(), start) }
        );
        assert_eq!(limits(TRIAL_SECONDS), Plan::Free.limits(Overrides::default(), start));
    }

    #[test]
    fn features_need_their_plan() {
        let has = |plan: Plan, feature| plan.limits(Overrides::default(), Timestamp::MIN).includes(feature);
        for (plan, licenses, rotation) in [
            (Plan::Free, false, false),
            (Plan::Pro, true, false),
            (Plan::trial(Timestamp::MIN), true, false),
            (Plan::Enterprise, true, true),
        ] {
            assert_eq!(has(plan, Feature::LicenseManagement), licenses, "{plan}");
            assert_eq!(has(plan, Feature::KeyRotation), rotation, "{plan}");
            assert_eq!(has(plan, Feature::AuditLog), rotation, "{plan}");
        }
    }

    #[test]
    fn limits_are_exact_and_overridable() {
        let free = Plan::Free.limits(Overrides::default(), Timestamp::MIN);
        assert!(free.another_product(9).is_ok());
        assert_eq!(free.another_product(10), Err(LimitReached { limit: 10, current: 10, plan: "free" }));
        let more = Overrides { products: Some(12), ..Overrides::default() };
        assert!(Plan::Free.limits(more, Timestamp::MIN).another_product(11).is_ok());
        assert!(
            Plan::Enterprise.limits(Overrides::default(), Timestamp::MIN).another_product(u32::MAX).is_ok()
        );
    }
}
