//! Things to store.

use keyward_domain::application::{Rollout, VersionState};
use keyward_domain::application_entitlement::Granted;
use keyward_domain::product::{AddressMode, ApiKey, Bounds, PreviousKey, PullRoles, Settings};
use keyward_domain::share::SharePercents;
use keyward_domain::version::Standing;
use keyward_domain::{
    Action, Actor, Address, Application, ApplicationEntitlement, ApplicationEntitlementId, ApplicationId,
    ApplicationKind, ApplicationVersion, ApplicationVersionId, AuditEvent, AuditEventId, BlockList,
    CustomResponse, Customer, CustomerId, Kid, License, LicenseId, LicenseKey, LicenseState, Maker,
    ManagementToken, Member, MemberId, Organization, OrganizationId, OrganizationState, Overrides, Payload,
    Plan, Product, ProductId, ProductState, Revision, RevisionId, RevisionState, Role, Scopes, Secret,
    SecretHash, SecretKind, SigningKey, SigningKeyState, Template, Timestamp, TokenId, Validity, Versions,
};
use keyward_storage::{Store, Technical};

pub fn at(unix: i64) -> Timestamp {
    Timestamp::from_unix(unix).unwrap()
}

/// An id that is the `n`th of its kind.
pub fn nth<T>(new: impl FnOnce(u64, [u8; 10]) -> T, n: u8) -> T {
    new(1_767_225_600_000 + u64::from(n), [n; 10])
}

pub fn organization(n: u8) -> Organization {
    Organization {
        id: nth(OrganizationId::new, n),
        name: format!("Vendor {n}").parse().unwrap(),
        slug: format!("vendor-{n}").parse().unwrap(),
        plan: Plan::ProTrial { until: at(900) },
        overrides: Overrides { products: Some(7), validations_per_day: None },
        trial_started_at: Some(at(100)),
        state: OrganizationState::Suspended { since: at(100) },
        blocked: blocked(),
        created_at: at(100),
        updated_at: at(100),
        version: 1,
    }
}

fn blocked() -> BlockList {
    BlockList::new(vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::1".parse().unwrap()]).unwrap()
}

/// A product with nothing left at its default.
pub fn product(organization: &Organization, n: u8) -> Product {
    let fields = r#"[{"name":"plan","type":"select","choices":["a","b"],"default":"a","hidden":true},
        {"name":"seats","label":"Seats","type":"number","required":true,"editable":false,"default":1.50}]"#;
    let roles = r#"[{"name":"runtime","repositories":["acme/*"]}]"#;
    let versions =
        vec![("2.1.x".parse().unwrap(), Standing::Allowed), ("2.1.9".parse().unwrap(), Standing::Latest)];
    let secret = Secret::new(SecretKind::Product, [n; 24]);
    let previous = PreviousKey { hash: SecretHash::from_bytes([n; 32]), until: at(800) };
    Product {
        id: nth(ProductId::new, n),
        organization: organization.id,
        name: format!("Product {n}").parse().unwrap(),
        slug: format!("product-{n}").parse().unwrap(),
        description: Some("internal".parse().unwrap()),
        page: "# Install\n".parse().unwrap(),
        template: Template::new(serde_json::from_str(fields).unwrap()).unwrap(),
        pull_roles: PullRoles::new(serde_json::from_str(roles).unwrap()).unwrap(),
        settings: Settings {
            addresses: AddressMode::Enforce,
            default_max_ips: Some(3),
            default_grace_days: Some(14),
            ip_ttl_hours: Some(48),
            ipv6_by_64: true,
            enforce_expiry: false,
            gate_versions: true,
            require_version: true,
            custom: true,
            custom_response: Some(CustomResponse::parse(r#"{"a":1.5}"#).unwrap()),
            webhooks: false,
            sign: false,
            shares: SharePercents { address: 7, license: 8, unknown_key: 9 },
        },
        versions: Versions::new(versions).unwrap(),
        state: ProductState::Disabled { since: at(100) },
        key: ApiKey {
            hash: secret.hash(),
            hint: secret.hint(),
            created_at: at(100),
            previous: Some(previous),
        },
        created_at: at(100),
        updated_at: at(100),
        version: 1,
    }
}

pub fn signing_key(organization: &Organization, n: u8) -> SigningKey {
    SigningKey {
        kid: Kid::from_bytes([n; 32]),
        organization: organization.id,
        public: [n; 32],
        sealed: vec![n; 145],
        state: SigningKeyState::Active { since: at(100) },
        created_at: at(100),
    }
}

pub fn member(organization: &Organization, n: u8) -> Member {
    Member {
        id: nth(MemberId::new, n),
        organization: organization.id,
        email: format!("member-{n}@vendor.example").parse().unwrap(),
        name: "A Member".parse().unwrap(),
        role: Role::Owner,
        created_at: at(100),
        updated_at: at(100),
        version: 1,
    }
}

pub fn token(organization: &Organization, n: u8) -> ManagementToken {
    let secret = Secret::new(SecretKind::Management, [n; 24]);
    ManagementToken {
        id: nth(TokenId::new, n),
        organization: organization.id,
        maker: Maker::Operator,
        name: "CI".parse().unwrap(),
        hint: secret.hint(),
        hash: secret.hash(),
        scopes: Scopes::organization(),
        expires_at: Some(at(900)),
        last_used_at: None,
        revoked_at: None,
        created_at: at(100),
    }
}

pub fn customer(organization: &Organization, n: u8) -> Customer {
    Customer {
        id: nth(CustomerId::new, n),
        organization: organization.id,
        name: format!("Customer {n}").parse().unwrap(),
        email: format!("customer-{n}@buyer.example").parse().unwrap(),
        notes: Some("pays late\nbut pays".parse().unwrap()),
        blocked: blocked(),
        created_at: at(100),
        updated_at: at(100),
        version: 1,
    }
}

pub fn license(organization: &Organization, n: u8) -> License {
    let id = nth(LicenseId::new, n);
    License {
        id,
        organization: organization.id,
        name: format!("License {n}").parse().unwrap(),
        description: Some("for the first floor".parse().unwrap()),
        customer: None,
        product: None,
        key: LicenseKey::new([n; 15]),
        bounds: Bounds {
            max_ips: Some(3),
            pin: ">=2.1 <3".parse().unwrap(),
            custom_response: Some(CustomResponse::parse(r#"{"tier":"gold"}"#).unwrap()),
            blocked: blocked(),
        },
        state: LicenseState::Active,
        revision: revision(id, n, 1),
        created_at: at(100),
        updated_at: at(100),
        version: 1,
    }
}

pub fn application(organization: &Organization, n: u8) -> Application {
    Application {
        id: nth(ApplicationId::new, n),
        organization: organization.id,
        name: format!("Application {n}").parse().unwrap(),
        slug: format!("application-{n}").parse().unwrap(),
        kind: ApplicationKind::Helm,
        description: Some("what it is".parse().unwrap()),
        created_at: at(100),
        updated_at: at(100),
        version: 1,
    }
}

pub fn version(application: &Application, n: u8, name: &str) -> ApplicationVersion {
    ApplicationVersion {
        id: nth(ApplicationVersionId::new, n),
        organization: application.organization,
        application: application.id,
        name: name.parse().unwrap(),
        notes: "# Notes\n".parse().unwrap(),
        rollout: Rollout { health_seconds: Some(90), no_way_back: true },
        state: VersionState::Offered,
        created_at: at(100),
        updated_at: at(100),
        version: 1,
    }
}

pub fn entitlement(
    customer: &Customer,
    application: &Application,
    n: u8,
    granted: Granted,
) -> ApplicationEntitlement {
    ApplicationEntitlement {
        id: nth(ApplicationEntitlementId::new, n),
        organization: customer.organization,
        customer: customer.id,
        application: application.id,
        granted,
        note: Some("early access".parse().unwrap()),
        created_at: at(100),
        updated_at: at(100),
        version: 1,
    }
}

pub fn revision(license: LicenseId, n: u8, number: u32) -> Revision {
    let payload = r#"{"big":123456789012345678901234567890,"price":1.50,"é":"\u00e9","z":[],"a":{"b":null}}"#;
    Revision {
        id: RevisionId::new(1_767_225_600_000 + u64::from(number), [n; 10]),
        license,
        number,
        validity: Validity::new(at(200), Some(at(300))).unwrap().ending_at(at(280)).unwrap(),
        payload: Payload::parse(payload).unwrap(),
        registry: vec!["runtime".into(), "plugins".into()],
        issuer: "https://licenses.example".into(),
        kid: Kid::from_bytes([1; 32]),
        status_index: u32::from(n) * 100 + number,
        state: RevisionState::Current,
        created_at: at(100),
    }
}

pub fn event(organization: &Organization, n: u8) -> AuditEvent {
    let detail = serde_json::json!({ "name": "License 1", "n": n });
    AuditEvent {
        id: nth(AuditEventId::new, n),
        organization: organization.id,
        actor: Actor::Token(nth(TokenId::new, 1)),
        action: Action::LicenseCreated,
        target: Some(nth(LicenseId::new, n).uuid()),
        detail: detail.as_object().unwrap().clone(),
        address: Some(Address::new("192.0.2.7".parse().unwrap())),
        at: at(100),
    }
}

/// Two organizations, each with an active signing key; the first is the one that tests work in.
pub async fn two_vendors(store: &Store) -> (Organization, Organization) {
    let tx = store.write().await.unwrap();
    let vendors = (organization(1), organization(2));
    for vendor in [&vendors.0, &vendors.1] {
        tx.organizations().insert(vendor).await.unwrap();
        tx.signing_keys(vendor.scope()).insert(&signing_key(vendor, 1)).await.unwrap();
    }
    tx.commit_unrecorded(Technical::Seed).await.unwrap();
    vendors
}
