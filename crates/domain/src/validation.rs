//! “May this run?”: one pure decision over all that bears on it.

use std::borrow::Cow;
use std::fmt;

use crate::product::{AddressMode, Bounds, Product, ProductState, Settings};
use crate::{
    Address, AddressRange, BlockList, CustomResponse, CustomerId, Invalid, License, LicenseId, LicenseState,
    LicenseStatus, Organization, OrganizationState, Pin, ProductId, RevisionId, Timestamp, Validity, Version,
    Versions,
};

/// The answer to a validation, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It may run.
    Active,
    /// Its time has ended.
    Expired,
    /// It was ended for ever.
    Revoked,
    /// It is held back for a while.
    Suspended,
    /// Its time has not begun.
    NotYetValid,
    /// This product has no such license.
    LicenseNotFound,
    /// The client's address is on a block list.
    IpBlocked,
    /// The client's address is not among those that the vendor registered.
    IpNotRegistered,
    /// The license has as many addresses as it may.
    IpLimitReached,
    /// Product or license do not allow this version.
    VersionNotAllowed,
    /// The product is out of sale and service.
    ProductArchived,
    /// The product is out of service for a while.
    ProductDisabled,
    /// The operator has suspended the vendor.
    OrgSuspended,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 13] = [
        Self::Active,
        Self::Expired,
        Self::Revoked,
        Self::Suspended,
        Self::NotYetValid,
        Self::LicenseNotFound,
        Self::IpBlocked,
        Self::IpNotRegistered,
        Self::IpLimitReached,
        Self::VersionNotAllowed,
        Self::ProductArchived,
        Self::ProductDisabled,
        Self::OrgSuspended,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Suspended => "suspended",
            Self::NotYetValid => "not_yet_valid",
            Self::LicenseNotFound => "license_not_found",
            Self::IpBlocked => "ip_blocked",
            Self::IpNotRegistered => "ip_not_registered",
            Self::IpLimitReached => "ip_limit_reached",
            Self::VersionNotAllowed => "version_not_allowed",
            Self::ProductArchived => "product_archived",
            Self::ProductDisabled => "product_disabled",
            Self::OrgSuspended => "org_suspended",
        }
    }
}

impl std::str::FromStr for Status {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let named = Self::ALL.into_iter().find(|status| status.as_str() == text);
        named.ok_or_else(|| Invalid::new("unknown_status", "is not the status of a validation"))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where and when an address was seen with a license.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// The address, or the network it counts as.
    pub address: AddressRange,
    /// When first.
    pub first_seen_at: Timestamp,
    /// When last, to the hour.
    pub last_seen_at: Timestamp,
}

/// The most addresses that are recorded of a license without a limit.
pub const MOST_SIGHTINGS: u32 = 1_000;

/// All of a license that a validation looks at; small, to be held in memory.
#[derive(Debug, Clone)]
pub struct LicenseFacts {
    /// The license.
    pub license: LicenseId,
    /// Of which product.
    pub product: Option<ProductId>,
    /// Whose.
    pub customer: Option<CustomerId>,
    /// The terms in force.
    pub revision: RevisionId,
    state: LicenseState,
    validity: Validity,
    bounds: Option<Box<Bounds>>,
    max_ips: Option<u32>,
    customer_blocked: BlockList,
    sightings: Box<[Sighting]>,
}

impl LicenseFacts {
    /// Puts together a license, the block list of its customer and the addresses it was seen at.
    pub fn new(license: &License, customer_blocked: BlockList, sightings: Vec<Sighting>) -> Self {
        let max_ips = license.bounds.max_ips.filter(|most| *most > 0);
        let plain = Bounds { max_ips: license.bounds.max_ips, ..Bounds::default() };
        Self {
            license: license.id,
            product: license.product,
            customer: license.customer,
            revision: license.revision.id,
            state: license.state,
            validity: license.revision.validity,
            bounds: (license.bounds != plain).then(|| Box::new(license.bounds.clone())),
            max_ips,
            customer_blocked,
            sightings: sightings.into(),
        }
    }

    /// The same license under the terms of an earlier revision, whose token is still out there.
    #[must_use]
    pub fn under(self, validity: Validity) -> Self {
        Self { validity, ..self }
    }

    /// The same license, ended: its token was withdrawn.
    #[must_use]
    pub fn withdrawn(self, at: Timestamp) -> Self {
        Self { state: LicenseState::Revoked { at }, ..self }
    }

    /// How many addresses count at `now`.
    pub fn addresses(&self, settings: &Settings, now: Timestamp) -> u32 {
        u32::try_from(self.counted(settings, now).count()).unwrap_or(u32::MAX)
    }

    /// The sightings that no longer count, whose places are free.
    pub fn forgotten(&self, settings: &Settings, now: Timestamp) -> impl Iterator<Item = &Sighting> {
        self.sightings.iter().filter(move |sighting| !counts(settings, sighting, now))
    }

    fn counted(&self, settings: &Settings, now: Timestamp) -> impl Iterator<Item = &Sighting> {
        self.sightings.iter().filter(move |sighting| counts(settings, sighting, now))
    }

    /// How many bytes it takes beside itself, roughly.
    pub fn bytes(&self) -> usize {
        let bounds = self.bounds.as_ref().map_or(0, |bounds| {
            let custom = bounds.custom_response.as_ref().map_or(0, |custom| custom.as_str().len());
            200 + custom + size_of_val(bounds.blocked.ranges())
        });
        bounds + size_of_val(self.customer_blocked.ranges()) + size_of_val(&*self.sightings)
    }

    fn pin(&self) -> &Pin {
        const ANY: &Pin = &Pin::None;
        self.bounds.as_ref().map_or(ANY, |bounds| &bounds.pin)
    }

    fn blocks(&self, address: Address) -> bool {
        self.customer_blocked.blocks(address)
            || self.bounds.as_ref().is_some_and(|bounds| bounds.blocked.blocks(address))
    }
}

/// What the vendor has laid down for all licenses of a kind.
#[derive(Debug, Clone)]
pub struct Rules<'a> {
    out_of_service: Option<Status>,
    settings: Cow<'a, Settings>,
    versions: Cow<'a, Versions>,
}

impl<'a> Rules<'a> {
    /// Those of a product; of licenses without one, those that every product begins with.
    pub fn of(product: Option<&'a Product>) -> Self {
        let Some(product) = product else {
            return Self { out_of_service: None, settings: Cow::default(), versions: Cow::default() };
        };
        let out_of_service = match product.state {
            ProductState::Active => None,
            ProductState::Archived { .. } => Some(Status::ProductArchived),
            ProductState::Disabled { .. } => Some(Status::ProductDisabled),
        };
        let (settings, versions) = (Cow::Borrowed(&product.settings), Cow::Borrowed(&product.versions));
        Self { out_of_service, settings, versions }
    }

    /// The same for who runs nothing, so that versions do not count.
    #[must_use]
    pub fn without_versions(mut self) -> Self {
        self.settings.to_mut().gate_versions = false;
        self
    }

    /// Whether answers are signed.
    pub fn sign(&self) -> bool {
        self.settings.sign
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// From where.
    pub address: Address,
    /// Whether the address counts. That of a customer who shows a token does not: it is no installation.
    pub counted: bool,
    /// The version that wants to run, as it was named. It is read only where versions count.
    pub version: Option<&'a str>,
}

/// How addresses stand, where they are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressCount {
    /// Whether the client's is registered.
    pub registered: bool,
    /// How many are.
    pub count: u32,
    /// How many may be; `None` for any number.
    pub most: Option<u32>,
}

/// How the version stands, where it is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionGate {
    /// The version that was judged: the one named, or the product's latest.
    pub version: Option<String>,
    /// Whether it may run.
    pub allowed: bool,
}

/// The decision with its reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The answer.
    pub status: Status,
    /// When the license ends by its contract, if it has a grace after that.
    pub ends_at: Option<Timestamp>,
    /// When the license is valid no longer; `None` without end, or where no license was looked at.
    pub expires_at: Option<Timestamp>,
    /// How addresses stand. In an answer that waits for [`register`](Self::register), as they will.
    pub addresses: Option<AddressCount>,
    /// How the version stands.
    pub version: Option<VersionGate>,
    /// What the vendor adds to a good answer.
    pub custom: Option<CustomResponse>,
    /// An address to be recorded as seen now. The answer holds only if it is, under a lock.
    pub register: Option<AddressRange>,
}

impl Verdict {
    /// A refusal that looked at no license.
    pub fn refused(status: Status) -> Self {
        Self {
            status,
            ends_at: None,
            expires_at: None,
            addresses: None,
            version: None,
            custom: None,
            register: None,
        }
    }

    /// Whether it may run.
    pub fn is_valid(&self) -> bool {
        self.status == Status::Active
    }
}

/// Decides. The first reason to refuse counts: the product is out of service, the vendor, the license's state, its time,
/// block lists, addresses, the version. A refusal registers nothing.
pub fn decide(
    organization: &Organization,
    rules: &Rules<'_>,
    facts: Option<&LicenseFacts>,
    asked: &Asked<'_>,
    now: Timestamp,
) -> Verdict {
    if let Some(status) = rules.out_of_service {
        return Verdict::refused(status);
    }
    if let OrganizationState::Suspended { .. } = organization.state {
        return Verdict::refused(Status::OrgSuspended);
    }
    let Some(facts) = facts else { return Verdict::refused(Status::LicenseNotFound) };
    let (seen, admitted) = admit(&rules.settings, facts, asked, now);
    let gate = rules.settings.gate_versions.then(|| gate(rules, facts, asked.version));
    let blocked = organization.blocked.blocks(asked.address) || facts.blocks(asked.address);
    let refusal = out_of_force(rules.settings.enforce_expiry, facts, now)
        .or(blocked.then_some(Status::IpBlocked))
        .or(admitted.err())
        .or(gate.as_ref().is_some_and(|gate| !gate.allowed).then_some(Status::VersionNotAllowed));
    let verdict = Verdict {
        status: refusal.unwrap_or(Status::Active),
        ends_at: facts.validity.grace_begins_at(),
        expires_at: facts.validity.expires_at(),
        addresses: seen,
        version: gate,
        custom: None,
        register: None,
    };
    match (refusal, admitted) {
        (None, Ok(register)) => {
            // The address about to be registered is told as if it were.
            let addresses = verdict.addresses.map(|seen| match register {
                Some(_) if !seen.registered => {
                    AddressCount { registered: true, count: seen.count + 1, ..seen }
                }
                Some(_) | None => seen,
            });
            Verdict { addresses, custom: custom(&rules.settings, facts), register, ..verdict }
        }
        (Some(_), _) | (_, Err(_)) => verdict,
    }
}

/// Why the license's own state and time refuse, if they do.
fn out_of_force(enforce_expiry: bool, facts: &LicenseFacts, now: Timestamp) -> Option<Status> {
    match LicenseStatus::of(facts.state, facts.validity, now) {
        LicenseStatus::Active => None,
        LicenseStatus::Expired if !enforce_expiry => None,
        LicenseStatus::Expired => Some(Status::Expired),
        LicenseStatus::NotYetValid => Some(Status::NotYetValid),
        LicenseStatus::Suspended => Some(Status::Suspended),
        LicenseStatus::Revoked => Some(Status::Revoked),
    }
}

/// Whether a sighting takes one of the license's places at `now`.
pub fn counts(settings: &Settings, sighting: &Sighting, now: Timestamp) -> bool {
    let ttl = settings.ip_ttl_hours.map(|hours| i64::from(hours) * 3_600);
    // What the vendor registered by hand does not run out.
    settings.addresses == AddressMode::Allowlist
        || ttl.is_none_or(|ttl| now < sighting.last_seen_at.plus_seconds(ttl))
}

/// Last sightings are kept to the hour, or to a quarter of a shorter time to live.
fn is_recent(settings: &Settings, sighting: &Sighting, now: Timestamp) -> bool {
    let exact = settings.ip_ttl_hours.map_or(3_600, |hours| (i64::from(hours) * 900).min(3_600));
    now < sighting.last_seen_at.plus_seconds(exact)
}

/// How addresses stand, and which one to record if the rest is well, or why not.
fn admit(
    settings: &Settings,
    facts: &LicenseFacts,
    asked: &Asked<'_>,
    now: Timestamp,
) -> (Option<AddressCount>, Result<Option<AddressRange>, Status>) {
    if !asked.counted || settings.addresses == AddressMode::Off {
        return (None, Ok(None));
    }
    let counted = asked.address.counted(settings.ipv6_by_64);
    // The vendor may have registered whole networks, or have turned counting by /64 on or off since.
    let is_known =
        |sighting: &&Sighting| sighting.address.contains(asked.address) || counted.covers(&sighting.address);
    let known = facts.counted(settings, now).find(is_known);
    let count = facts.addresses(settings, now);
    let admitted = match (known, settings.addresses) {
        (Some(known), _) if is_recent(settings, known, now) => Ok(None),
        (Some(known), _) => Ok(Some(known.address)),
        (None, AddressMode::Allowlist) => Err(Status::IpNotRegistered),
        (None, AddressMode::Enforce) if facts.max_ips.is_some_and(|most| count >= most) => {
            Err(Status::IpLimitReached)
        }
        // Without a limit, the record still ends somewhere.
        (None, mode)
            if count >= MOST_SIGHTINGS && (mode == AddressMode::Monitor || facts.max_ips.is_none()) =>
        {
            Ok(None)
        }
        (None, _) => Ok(Some(counted)),
    };
    (Some(AddressCount { registered: known.is_some(), count, most: facts.max_ips }), admitted)
}

fn gate(rules: &Rules<'_>, facts: &LicenseFacts, named: Option<&str>) -> VersionGate {
    let must_be_named = rules.settings.require_version;
    let allowed =
        |version: &Version| rules.versions.standing(version).may_run() && facts.pin().allows(version);
    let latest = || if must_be_named { None } else { rules.versions.latest() };
    match named {
        // No rule allows what is no version.
        Some(named) => VersionGate {
            version: Some(named.to_owned()),
            allowed: named.parse().is_ok_and(|version| allowed(&version)),
        },
        None => match latest() {
            Some(version) => {
                VersionGate { version: Some(version.as_str().to_owned()), allowed: allowed(version) }
            }
            // Nothing to judge: refused where it had to be named, or the license allows some only.
            None => VersionGate { version: None, allowed: !must_be_named && *facts.pin() == Pin::None },
        },
    }
}

fn custom(settings: &Settings, facts: &LicenseFacts) -> Option<CustomResponse> {
    let own = facts.bounds.as_ref().and_then(|bounds| bounds.custom_response.as_ref());
    let merged = match (&settings.custom_response, own) {
        _ if !settings.custom => None,
        (Some(product), Some(own)) => Some(product.merged(own)),
        (one, None) => one.clone(),
        (None, one) => one.cloned(),
    };
    merged.filter(|custom| !custom.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixture::{NOW, at, license, organization, product};

    fn address(n: u8) -> Address {
        Address::new([192, 0, 2, n].into())
    }

    fn modes() -> impl Strategy<Value = AddressMode> {
        prop::sample::select(vec![
            AddressMode::Off,
            AddressMode::Monitor,
            AddressMode::Enforce,
            AddressMode::Allowlist,
        ])
    }

    prop_compose! {
        fn settings()(addresses in modes(), ttl in prop::option::of(1_u32..5), enforce_expiry: bool, gate_versions: bool, require_version: bool, custom: bool) -> Settings {
            Settings {
                addresses, ip_ttl_hours: ttl, enforce_expiry, gate_versions, require_version, custom,
                custom_response: Some(CustomResponse::parse(r#"{"a":1}"#).unwrap()),
                ..Settings::default()
            }
        }
    }

    proptest! {
        /// The rules as the documentation tells them, one after the other.
        #[test]
        fn the_decision_is_that_of_the_rules(
            settings in settings(),
            suspended_vendor: bool,
            state in 0_u8..3,
            start in NOW - 50..NOW + 50,
            length in prop::option::of(1_i64..80),
            blocked_by in 0_u8..4,
            max_ips in prop::option::of(0_u32..4),
            seen in prop::collection::btree_map(0_u8..6, 0_i64..20_000, 0..6),
            asking in 0_u8..6,
            counted: bool,
            version in prop::option::of(prop::sample::select(vec!["1.0.0", "1.2.0", "1.5.0", "2.0.0", "1.0.0.7", ""])),
            pin in prop::sample::select(vec!["*", "1.0.0", ">=1.1 <2"]),
        ) {
            let block = || BlockList::new(vec!["192.0.2.0/24".parse().unwrap()]).unwrap();
            let when = |by: u8| if blocked_by == by { block() } else { BlockList::default() };
            let mut organization = Organization { blocked: when(1), ..organization() };
            if suspended_vendor {
                organization.state = OrganizationState::Suspended { since: at(0) };
            }
            let state = match state {
                0 => LicenseState::Active,
                1 => LicenseState::Suspended { since: at(0) },
                _ => LicenseState::Revoked { at: at(0) },
            };
            let end = length.map(|length| start + length);
            let bounds = Bounds { max_ips, pin: pin.parse().unwrap(), blocked: when(2), custom_response: None };
            let sightings: Vec<_> = seen.iter().map(|(n, ago)| Sighting {
                address: address(*n).counted(false),
                first_seen_at: at(0),
                last_seen_at: at(NOW - ago),
            }).collect();
            let product = product(settings.clone());
            let facts = LicenseFacts::new(&license(state, start, end, bounds), when(3), sightings);
            let asked = Asked { address: address(asking), counted, version };
            let verdict = decide(&organization, &Rules::of(Some(&product)), Some(&facts), &asked, at(NOW));

            let looked_at = counted && settings.addresses != AddressMode::Off;
            let lives = |ago: &i64| settings.addresses == AddressMode::Allowlist
                || settings.ip_ttl_hours.is_none_or(|hours| *ago < i64::from(hours) * 3_600);
            let live = seen.values().filter(|ago| lives(ago)).count() as u32;
            let known = seen.get(&asking).is_some_and(lives);
            let full = max_ips.is_some_and(|most| most > 0 && live >= most);
            let judged = version.or_else(|| (!settings.require_version).then_some("1.5.0"));
            let may_run = judged.is_some_and(|version| {
                ["1.0.0", "1.5.0"].contains(&version) && match pin {
                    "*" => true,
                    "1.0.0" => version == "1.0.0",
                    _ => version == "1.5.0",
                }
            });
            let expected = if suspended_vendor { Status::OrgSuspended }
                else if matches!(state, LicenseState::Revoked { .. }) { Status::Revoked }
                else if matches!(state, LicenseState::Suspended { .. }) { Status::Suspended }
                else if settings.enforce_expiry && end.is_some_and(|end| NOW >= end) { Status::Expired }
                else if NOW < start - Timestamp::SKEW_SECONDS { Status::NotYetValid }
                else if blocked_by != 0 { Status::IpBlocked }
                else if looked_at && !known && settings.addresses == AddressMode::Allowlist { Status::IpNotRegistered }
                else if looked_at && !known && settings.addresses == AddressMode::Enforce && full { Status::IpLimitReached }
                else if settings.gate_versions && !may_run { Status::VersionNotAllowed }
                else { Status::Active };
            prop_assert_eq!(verdict.status, expected);
            prop_assert!(verdict.register.is_none() || verdict.is_valid(), "a refusal registers nothing");
            prop_assert_eq!(verdict.custom.is_some(), verdict.is_valid() && settings.custom);
            if verdict.is_valid() && looked_at {
                prop_assert_eq!(verdict.register.is_some(), !known || !is_recent(&settings, &Sighting {
                    address: address(asking).counted(false), first_seen_at: at(0), last_seen_at: at(NOW - seen[&asking]),
                }, at(NOW)));
                let told = verdict.addresses.unwrap();
                prop_assert_eq!((told.registered, told.count), (true, live + u32::from(!known)));
            }
            if suspended_vendor || !looked_at {
                prop_assert_eq!(verdict.addresses, None);
            }
        }
    }

    #[test]
    fn what_is_not_there_is_told_as_that_and_nothing_more() {
        let asked = Asked { address: address(1), counted: true, version: None };
        let product = product(Settings::default());
        let verdict = decide(&organization(), &Rules::of(Some(&product)), None, &asked, at(NOW));
        assert_eq!(verdict, Verdict::refused(Status::LicenseNotFound));
    }

    #[test]
    fn a_product_out_of_service_refuses_before_anything_is_looked_at() {
        let asked = Asked { address: address(1), counted: true, version: None };
        let suspended =
            Organization { state: OrganizationState::Suspended { since: at(0) }, ..organization() };
        let license = license(LicenseState::Active, 0, None, Bounds::default());
        let facts = LicenseFacts::new(&license, BlockList::default(), Vec::new());
        let archived = product(Settings::default()).archive(at(NOW)).unwrap();
        let disabled = product(Settings::default()).disable(at(NOW)).unwrap();
        for (product, status) in [(archived, Status::ProductArchived), (disabled, Status::ProductDisabled)] {
            for rules in [Rules::of(Some(&product)), Rules::of(Some(&product)).without_versions()] {
                for (organization, facts) in [(organization(), Some(&facts)), (suspended.clone(), None)] {
                    let verdict = decide(&organization, &rules, facts, &asked, at(NOW));
                    assert_eq!(verdict, Verdict::refused(status));
                }
            }
        }
    }
}
