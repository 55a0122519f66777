//! What a change makes of a thing: each member that is different, as it was and as it is.

use keyward_domain::{
    Application, BlockList, Customer, CustomerUser, License, Member, Organization, Plan, Product, Provider,
    Timestamp, product::Settings, registry::Registry,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::ApplicationGrant;

/// What is different, as the member `changes` of an event's detail. Secrets are not given to it.
#[derive(Debug, Default)]
pub(crate) struct Differences(Map<String, Value>);

impl Differences {
    /// A member, if it is different.
    pub(crate) fn of<T: PartialEq + Serialize>(self, name: &str, before: &T, after: &T) -> Self {
        if before == after { self } else { self.with(name, json!({"from": before, "to": after})) }
    }

    /// A member that is told as a text.
    pub(crate) fn text<T: PartialEq>(
        self,
        name: &str,
        before: &T,
        after: &T,
        text: impl Fn(&T) -> Option<String>,
    ) -> Self {
        if before == after { self } else { self.with(name, json!({"from": text(before), "to": text(after)})) }
    }

    /// A member that is too long to be told, or nobody else's business: only that it is different.
    pub(crate) fn hidden<T: PartialEq>(self, name: &str, before: &T, after: &T) -> Self {
        if before == after { self } else { self.with(name, json!({})) }
    }

    fn with(mut self, name: &str, change: Value) -> Self {
        self.0.insert(name.to_owned(), change);
        self
    }

    /// The member of the detail.
    pub(crate) fn detail(self) -> (&'static str, Value) {
        ("changes", Value::Object(self.0))
    }

    /// Addresses that are refused.
    fn blocked(self, before: &BlockList, after: &BlockList) -> Self {
        self.of("blocked", &before.ranges(), &after.ranges())
    }

    fn time(self, name: &str, before: Option<Timestamp>, after: Option<Timestamp>) -> Self {
        self.of(name, &before, &after)
    }
}

/// What is different of a thing.
pub(crate) trait Differing {
    /// From `before` to this.
    fn differences(&self, before: &Self) -> Differences;
}

impl Differing for Customer {
    fn differences(&self, before: &Self) -> Differences {
        Differences::default()
            .of("name", &before.name, &self.name)
            .of("email", &before.email, &self.email)
            .hidden("notes", &before.notes, &self.notes)
            .blocked(&before.blocked, &self.blocked)
    }
}

impl Differing for Member {
    fn differences(&self, before: &Self) -> Differences {
        Differences::default().of("name", &before.name, &self.name).of("role", &before.role, &self.role)
    }
}

impl Differing for CustomerUser {
    fn differences(&self, before: &Self) -> Differences {
        Differences::default().of("name", &before.name, &self.name).of("role", &before.role, &self.role)
    }
}

impl Differing for Organization {
    fn differences(&self, before: &Self) -> Differences {
        let most = |most: Option<u32>| json!(most);
        let (old, new) = (before.overrides, self.overrides);
        Differences::default()
            .of("name", &before.name, &self.name)
            .of("slug", &before.slug, &self.slug)
            .text("plan", &before.plan, &self.plan, |plan: &Plan| Some(plan.as_str().to_owned()))
            .of("products", &most(old.products), &most(new.products))
            .of("validations_per_day", &most(old.validations_per_day), &most(new.validations_per_day))
            .blocked(&before.blocked, &self.blocked)
    }
}

impl Differing for Application {
    fn differences(&self, before: &Self) -> Differences {
        Differences::default().of("name", &before.name, &self.name).hidden(
            "description",
            &before.description,
            &self.description,
        )
    }
}

impl Differing for Registry {
    fn differences(&self, before: &Self) -> Differences {
        Differences::default()
            .of("name", &before.name, &self.name)
            .text("host", &before.host, &self.host, |host| Some(host.to_string()))
            .text("upstream", &before.upstream, &self.upstream, |upstream| Some(upstream.to_string()))
            .hidden("credential", &before.credential, &self.credential)
            .hidden("service", &before.service, &self.service)
            .of("pass_redirects", &before.pass_redirects, &self.pass_redirects)
            .of("direct", &before.direct, &self.direct)
    }
}

impl Differing for Provider {
    fn differences(&self, before: &Self) -> Differences {
        Differences::default()
            .of("issuer", &before.issuer, &self.issuer)
            .text("client_id", &before.client_id, &self.client_id, |id| Some(id.to_string()))
            .text("domain", &before.domain, &self.domain, |domain| Some(domain.as_ref()?.to_string()))
            .of("verified_domains", &before.verified_domains, &self.verified_domains)
            .of("exclusive", &before.exclusive, &self.exclusive)
    }
}

impl Differing for ApplicationGrant {
    fn differences(&self, before: &Self) -> Differences {
        let versions = |grant: &Self| -> Vec<_> {
            grant.versions.iter().map(|version| version.name.to_string()).collect()
        };
        Differences::default()
            .of("all_versions", &before.is_for_all(), &self.is_for_all())
            .of("versions", &versions(before), &versions(self))
            .hidden("note", &before.entitlement.note, &self.entitlement.note)
    }
}

impl Differing for License {
    fn differences(&self, before: &Self) -> Differences {
        let (old, new) = (&before.bounds, &self.bounds);
        let (was, is) = (&before.revision, &self.revision);
        Differences::default()
            .of("name", &before.name, &self.name)
            .hidden("description", &before.description, &self.description)
            .of("max_ips", &old.max_ips, &new.max_ips)
            .text("version_pin", &old.pin, &new.pin, |pin| Some(pin.to_string()))
            .hidden("custom_response", &old.custom_response, &new.custom_response)
            .blocked(&old.blocked, &new.blocked)
            .time("expires_at", was.validity.expires_at(), is.validity.expires_at())
            .hidden("payload", &was.payload, &is.payload)
    }
}

impl Differing for Product {
    fn differences(&self, before: &Self) -> Differences {
        Differences::default()
            .of("name", &before.name, &self.name)
            .hidden("description", &before.description, &self.description)
            .hidden("page", &before.page, &self.page)
            .hidden("template", &before.template, &self.template)
            .of("pull_roles", &before.pull_roles, &self.pull_roles)
            .hidden("versions", &before.versions, &self.versions)
            .settings(&before.settings, &self.settings)
    }
}

impl Differences {
    fn settings(self, before: &Settings, after: &Settings) -> Self {
        self.of("ip_enforcement", &before.addresses, &after.addresses)
            .of("default_max_ips", &before.default_max_ips, &after.default_max_ips)
            .of("default_grace_days", &before.default_grace_days, &after.default_grace_days)
            .of("ip_ttl_hours", &before.ip_ttl_hours, &after.ip_ttl_hours)
            .of("ipv6_by_64", &before.ipv6_by_64, &after.ipv6_by_64)
            .of("expiry_enforcement", &before.enforce_expiry, &after.enforce_expiry)
            .of("version_gating", &before.gate_versions, &after.gate_versions)
            .of("require_version", &before.require_version, &after.require_version)
            .of("custom", &before.custom, &after.custom)
            .hidden("custom_response", &before.custom_response, &after.custom_response)
            .of("webhooks", &before.webhooks, &after.webhooks)
            .of("sign", &before.sign, &after.sign)
    }
}
