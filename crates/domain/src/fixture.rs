//! What tests decide about: a vendor with a product and a license.
#![allow(clippy::unwrap_used, reason = "tests")]

use crate::license::{License, LicenseState};
use crate::product::{ApiKey, Bounds, Product, ProductState, Settings};
use crate::revision::{Revision, RevisionState, Validity};
use crate::version::Standing;
use crate::{
    BlockList, Kid, LicenseId, Organization, OrganizationId, OrganizationState, Overrides, Payload, Plan,
    ProductId, RevisionId, SecretHash, Template, Timestamp, Versions,
};

/// When tests take place.
pub(crate) const NOW: i64 = 1_000_000;

pub(crate) fn at(unix: i64) -> Timestamp {
    Timestamp::from_unix(unix).unwrap()
}

pub(crate) fn organization() -> Organization {
    Organization {
        id: OrganizationId::new(1, [1; 10]),
        name: "Acme".parse().unwrap(),
        slug: "acme".parse().unwrap(),
        plan: Plan::Enterprise,
        overrides: Overrides::default(),
        trial_started_at: None,
        state: OrganizationState::Active,
        blocked: BlockList::default(),
        created_at: at(0),
        updated_at: at(0),
        version: 1,
    }
}

pub(crate) fn product(settings: Settings) -> Product {
    let versions = [("1.x", Standing::Allowed), ("1.5.0", Standing::Latest), ("1.2.0", Standing::Blocked)];
    let entries = versions.map(|(pattern, standing)| (pattern.parse().unwrap(), standing)).to_vec();
    Product {
        id: ProductId::new(1, [2; 10]),
        organization: organization().id,
        name: "Server".parse().unwrap(),
        slug: "server".parse().unwrap(),
        description: None,
        page: Default::default(),
        template: Template::default(),
        pull_roles: Default::default(),
        settings,
        versions: Versions::new(entries).unwrap(),
        state: ProductState::Active,
        key: ApiKey {
            hash: SecretHash::from_bytes([0; 32]),
            hint: String::new(),
            created_at: at(0),
            previous: None,
        },
        created_at: at(0),
        updated_at: at(0),
        version: 1,
    }
}

pub(crate) fn license(state: LicenseState, start: i64, end: Option<i64>, bounds: Bounds) -> License {
    let id = LicenseId::new(1, [3; 10]);
    License {
        id,
        organization: organization().id,
        name: "L".parse().unwrap(),
        description: None,
        customer: None,
        product: Some(ProductId::new(1, [2; 10])),
        key: None,
        bounds,
        state,
        revision: Revision {
            id: RevisionId::new(1, [4; 10]),
            license: id,
            number: 1,
            validity: Validity::new(at(start), end.map(at)).unwrap(),
            payload: Payload::default(),
            registry: Vec::new(),
            issuer: String::new(),
            kid: Kid::from_bytes([0; 32]),
            status_index: 0,
            state: RevisionState::Current,
            created_at: at(0),
        },
        created_at: at(0),
        updated_at: at(0),
        version: 1,
    }
}
