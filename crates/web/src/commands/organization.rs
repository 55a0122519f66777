//! Organizations, what they are told by mail, and who vouches for their members.

use keyward_domain::notice::NoticeDays;
use keyward_domain::openapi::{Composed, array, integer};
use keyward_domain::{Invalid, MailDomain, MailDomains};
use keyward_engine::{NewOrganization, NewProvider, NoticesChange, OrganizationChange, PlanChange};
use serde_json::Value;

use crate::fields::{Field, FromField, Reads};
use crate::request;

request! {
    /// An organization to be founded.
    "CreateOrganization" for NewOrganization {
        /// Example: "Acme"
        name: required,
        /// The first owner's address.
        /// Example: "ada@acme.example"
        owner_email: required,
        /// The first owner's name; absent for the part of the address before the `@`.
        owner_name: optional,
        /// In public addresses and tokens; absent for one made from the name, numbered where that is taken.
        /// Example: "acme"
        slug: optional,
    }
}

request! {
    /// What is to be changed.
    "UpdateOrganization" for OrganizationChange {
        name: optional,
        /// In public addresses and tokens, until the first license is created: then it is refused with `409`.
        /// Example: "acme"
        slug: optional,
        /// Addresses and networks refused for all your licenses; up to 1,000.
        /// Example: ["192.0.2.0/24"]
        blocked ("blocked_addresses"): optional,
    }
}

request! {
    /// What is to be changed; what is absent stays.
    "SetPlan" for PlanChange {
        /// `free`, `pro`, `pro_trial` (30 days from now) or `enterprise`.
        plan: optional,
        /// The most products; `null` for the plan's own limit.
        products: patch,
        /// The most validations a product and day; `null` for the plan's own limit.
        validations_per_day: patch,
    }
}

request! {
    /// What is to be told; what is absent stays.
    "UpdateNotices" for NoticesChange {
        /// Whether owners and admins are told, once a day at most.
        members: optional,
        /// Whether the customers are told who hold the licenses.
        customers: optional,
        /// Whether owners and admins are told of alerts.
        alerts: optional,
        /// How many days before the end: 1 to 5 numbers from 1 to 365.
        /// Example: [30, 7]
        days: optional,
    }
}

request! {
    /// The provider that is to vouch for your members.
    "SetProvider" for NewProvider {
        /// As the provider calls itself: `https://…`, without query or fragment.
        /// Example: "https://login.example.com/realms/acme"
        issuer: required,
        /// Example: "keyward"
        client_id: required,
        /// Absent to keep the one that is set, for the same issuer.
        client_secret: optional,
        /// The only domain whose addresses count; absent for any.
        /// Example: "acme.example"
        domain: optional,
        /// The domains of whose addresses the provider need not say that it has verified them, for providers that never say
        /// it, such as Entra ID. Only domains whose addresses your organization hands out itself. None if absent.
        /// Example: ["acme.example"]
        verified_domains: or_default,
        /// Whether passwords of members no longer count; those of owners do. `false` if absent.
        exclusive: or_default,
    }
}

impl Reads<NoticeDays> for Composed {
    fn read(field: &Field) -> Result<NoticeDays, Vec<Invalid>> {
        match field {
            Field::Json(_) => NoticeDays::new(Vec::from_field(field)?),
            Field::Text(text) | Field::Typed(text) => text.parse(),
        }
        .map_err(|fault| vec![fault])
    }

    fn schema() -> Value {
        array(integer(1, NoticeDays::MOST_DAYS), 1, NoticeDays::MOST)
    }
}

impl Reads<MailDomains> for Composed {
    fn read(field: &Field) -> Result<MailDomains, Vec<Invalid>> {
        let domains = match field {
            Field::Json(_) => MailDomains::new(Vec::from_field(field)?),
            Field::Text(text) | Field::Typed(text) => text.parse(),
        };
        domains.map_err(|fault| vec![fault])
    }

    fn schema() -> Value {
        array(MailDomain::schema(), 0, MailDomains::MOST)
    }
}
