//! How long the console's pages take with 10,000 customers, 50,000 licenses and 500 repositories.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use keyward_domain::registry::{Artifact, ArtifactEntitlement, ArtifactGrant, TagGrant};
use keyward_domain::session::SessionHolder;
use keyward_domain::validation::Sighting;
use keyward_domain::{
    ArtifactEntitlementId, ArtifactId, BlockList, Customer, CustomerId, Ends, Issue, License, LicenseId,
    LicenseKey, OrganizationScope, PageRequest, ProductId, RegistryId, Renewal, RevisionId, RevisionState,
    Secret, SecretKind, Session, SessionId, Timestamp, Validity,
};
use keyward_storage::{Store, Technical};
use serde_json::{Value, json};

use crate::seed::{Shop, now, post, random};
use crate::server::{Server, bootstrap};

const CUSTOMERS: usize = 10_000;
const LICENSES: usize = 50_000;
const REPOSITORIES: usize = 500;
const PRODUCTS: usize = 10;
const DAYS: i64 = 365;
/// The most artifacts that one entitlement may name.
const GRANTS: usize = 200;
/// How many licenses one customer holds beside the usual five.
const MANY: usize = 500;
const ASKED: usize = 200;

/// The table, on SQLite.
pub(crate) fn print(program: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let database = format!("sqlite://{}", folder.path().join("keyward.db").display());
    let founded = bootstrap(program, folder.path(), &database, "Load")?;
    let text =
        |json: &Value, name: &str| Ok::<_, anyhow::Error>(json[name].as_str().context("text")?.to_owned());
    let (token, organization) = (text(&founded, "token")?, text(&founded, "organization_id")?);
    let keyward = Server::keyward(program, folder.path(), &database)?;
    let shop = Shop::open(&keyward.address, &token, "Server", 1)?;
    let make = |path: &str, body: Value| text(&post(&keyward.address, &token, path, body)?, "id");
    let products = (0..PRODUCTS).map(|n| make("/api/v1/products", json!({"name": format!("Product {n}")})));
    let products = products.collect::<Result<Vec<_>>>()?;
    let registry = json!({"name": "Releases", "host": "load.example", "upstream": "http://127.0.0.1:9"});
    let registry = make("/api/v1/registries", registry)?;
    drop(keyward);

    let started = Instant::now();
    let vendor = Vendor { database, organization, code: shop.codes[0].clone(), products, registry };
    let known = actix_web::rt::System::new().block_on(vendor.fill())?;
    println!("seeded in {:.0} s\n", started.elapsed().as_secs_f64());

    let keyward = Server::keyward(program, folder.path(), &vendor.database)?;
    println!("| page | p50 ms | p95 ms |\n|---|--:|--:|");
    for (name, paths) in known.pages(&vendor) {
        row(&keyward, &known.cookie, name, &paths)?;
    }
    Ok(())
}

/// Asks for these in turn, one at a time.
fn row(keyward: &Server, cookie: &str, name: &str, paths: &[String]) -> Result<()> {
    let agent = ureq::Agent::config_builder().max_redirects(0).build().new_agent();
    let mut millis = Vec::with_capacity(ASKED);
    for path in paths.iter().cycle().take(ASKED) {
        let started = Instant::now();
        let request = agent.get(format!("http://{}{path}", keyward.address));
        let mut answer = request.header("Cookie", format!("keyward={cookie}")).call()?;
        let page = answer.body_mut().read_to_string()?;
        millis.push(started.elapsed().as_secs_f64() * 1_000.0);
        ensure!(answer.status() == 200 && page.contains("</html>"), "{path}: {}", answer.status());
    }
    millis.sort_by(f64::total_cmp);
    let quantile = |share: f64| millis[((millis.len() - 1) as f64 * share) as usize];
    println!("| {name} | {:.1} | {:.1} |", quantile(0.5), quantile(0.95));
    Ok(())
}

/// Whose database is filled.
struct Vendor {
    database: String,
    organization: String,
    /// The key of a license to copy.
    code: String,
    products: Vec<String>,
    registry: String,
}

/// What the pages are asked about.
struct Known {
    /// A member's session.
    cookie: String,
    customers: Vec<CustomerId>,
    licenses: Vec<LicenseId>,
}

impl Known {
    fn pages(&self, vendor: &Vendor) -> Vec<(&'static str, Vec<String>)> {
        let some = |all: &[String]| all.to_vec();
        let customers: Vec<_> = self.customers.iter().map(|id| format!("/customers/{id}")).collect();
        let licenses = self.licenses.iter().rev().step_by(97).map(|id| format!("/licenses/{id}"));
        let at = |path: &str| vec![path.to_owned()];
        vec![
            ("dashboard", at("/")),
            ("licenses by customer", at("/licenses")),
            ("licenses by customer, active", at("/licenses?status=active")),
            ("licenses in order of their end", at("/licenses?sort=expires_at")),
            ("customer, 5 licenses", some(&customers[1..500])),
            ("customer, 505 licenses, 200 grants", some(&customers[..1])),
            ("license", licenses.collect()),
            ("product", vendor.products.iter().map(|id| format!("/products/{id}")).collect()),
            ("registries", at("/registries")),
            ("registry", vec![format!("/registries/{}", vendor.registry)]),
            ("registry's repositories", vec![format!("/registries/{}/artifacts", vendor.registry)]),
        ]
    }
}

impl Vendor {
    async fn fill(&self) -> Result<Known> {
        let store = Store::connect(&self.database).await?;
        let tx = store.read().await?;
        let all = tx.organizations().list(PageRequest::default()).await?.newest();
        let organization = all.into_iter().find(|one| one.id.to_string() == self.organization);
        let scope = organization.context("the organization")?.scope();
        let pattern = tx.licenses(scope).by_key(&self.code.parse()?).await?.context("the license to copy")?;
        drop(tx);
        let now = now()?;
        let customers = customers(&store, scope, now).await?;
        let products = self.products.iter().map(|id| Ok(id.parse::<ProductId>()?));
        let products = products.collect::<Result<Vec<_>>>()?;
        let licenses = licenses(&store, scope, now, &pattern, (&customers, &products)).await?;
        usage(&store, &products, now).await?;
        let artifacts = artifacts(&store, scope, self.registry.parse()?, now).await?;
        entitle(&store, scope, now, customers[0], &artifacts).await?;
        Ok(Known { cookie: session(&store, scope, now).await?, customers, licenses })
    }
}

async fn customers(store: &Store, scope: OrganizationScope, now: Timestamp) -> Result<Vec<CustomerId>> {
    let customer = |number: usize| -> Result<Customer> {
        Ok(Customer {
            id: CustomerId::new(milliseconds(now) + number as u64, random()?),
            organization: scope.id(),
            name: format!("Customer {number}").parse()?,
            email: format!("it{number}@customer.example").parse()?,
            notes: None,
            blocked: BlockList::default(),
            created_at: now,
            updated_at: now,
            version: 1,
        })
    };
    let all = (0..CUSTOMERS).map(customer).collect::<Result<Vec<_>>>()?;
    let tx = store.write().await?;
    tx.customers(scope).insert_all(&all).await?;
    tx.commit_unrecorded(Technical::Seed).await?;
    Ok(all.into_iter().map(|customer| customer.id).collect())
}

/// Of every twenty, four have ended, one ends within 30 days, one has not begun and two have no end. Each second one was
/// renewed, each has been used from one address.
async fn licenses(
    store: &Store,
    scope: OrganizationScope,
    now: Timestamp,
    pattern: &License,
    (customers, products): (&[CustomerId], &[ProductId]),
) -> Result<Vec<LicenseId>> {
    let license = |number: usize| -> Result<License> {
        let mut license = pattern.clone();
        license.id = LicenseId::new(milliseconds(now) + number as u64, random()?);
        license.name = format!("License {number}").parse()?;
        license.key = std::iter::from_fn(|| random().ok().map(LicenseKey::new)).flatten().next();
        license.customer = Some(customers[if number < MANY { 0 } else { number % customers.len() }]);
        license.product = Some(products[number % products.len()]);
        let (from, to) = match number % 20 {
            0..4 => (-400, Some(-35)),
            4 => (-360, Some(5 + (number as i64 / 20) % 20)),
            5 => (40, Some(400)),
            6..8 => (-100, None),
            _ => (-100, Some(265)),
        };
        license.revision.validity = Validity::new(now.plus_days(from), to.map(|to| now.plus_days(to)))?;
        license.revision.id = RevisionId::new(milliseconds(now) + number as u64, random()?);
        license.revision.license = license.id;
        license.revision.status_index = 1_000_000_000 + u32::try_from(number)?;
        Ok(license)
    };
    let all = (0..LICENSES).map(license).collect::<Result<Vec<_>>>()?;
    for some in all.chunks(5_000) {
        let tx = store.write().await?;
        tx.licenses(scope).insert_all(some).await?;
        for license in some {
            let address = "192.0.2.1".parse()?;
            let seen = Sighting { address, first_seen_at: now, last_seen_at: now };
            tx.addresses(license.id).save(&seen).await?;
        }
        for license in some.iter().step_by(2) {
            let (renewed, before) = renewed(license.clone(), now)?;
            tx.licenses(scope).append(&renewed, &before).await?;
        }
        tx.commit_unrecorded(Technical::Seed).await?;
    }
    Ok(all.into_iter().map(|license| license.id).collect())
}

fn renewed(license: License, now: Timestamp) -> Result<(License, keyward_domain::Revision)> {
    let old = &license.revision;
    let renewal = Renewal {
        not_before: Some(old.validity.not_before()),
        ends: Ends::at(old.validity.ends_at()),
        payload: None,
        revoke_previous: false,
    };
    let issue = Issue {
        id: RevisionId::new(milliseconds(now), random()?),
        registry: Vec::new(),
        issuer: old.issuer.clone(),
        kid: old.kid,
        status_index: old.status_index + 500_000_000,
    };
    let mut renewed = license.renew(renewal, issue, now)?;
    renewed.1.state = RevisionState::Superseded { at: now };
    Ok(renewed)
}

async fn usage(store: &Store, products: &[ProductId], now: Timestamp) -> Result<()> {
    let tx = store.write().await?;
    for product in products {
        for day in now.day() - DAYS..=now.day() {
            let mut usage = tx.usage(*product).lock(day).await?;
            (0..50).for_each(|_| usage.count("active"));
            tx.usage(*product).save(&usage).await?;
        }
    }
    Ok(tx.commit_unrecorded(Technical::Seed).await?)
}

async fn artifacts(
    store: &Store,
    scope: OrganizationScope,
    registry: RegistryId,
    now: Timestamp,
) -> Result<Vec<ArtifactId>> {
    let (tx, mut ids) = (store.write().await?, Vec::new());
    for number in 0..REPOSITORIES {
        let artifact = Artifact {
            id: ArtifactId::new(milliseconds(now) + number as u64, random()?),
            organization: scope.id(),
            registry,
            repository: format!("team/image-{number}").parse()?,
            created_at: now,
        };
        tx.artifacts(scope).insert(&artifact).await?;
        ids.push(artifact.id);
    }
    tx.commit_unrecorded(Technical::Seed).await?;
    Ok(ids)
}

async fn entitle(
    store: &Store,
    scope: OrganizationScope,
    now: Timestamp,
    customer: CustomerId,
    artifacts: &[ArtifactId],
) -> Result<()> {
    let grant = |artifact: &ArtifactId| ArtifactGrant { artifact: *artifact, tags: TagGrant::All };
    let entitlement = ArtifactEntitlement {
        id: ArtifactEntitlementId::new(milliseconds(now), random()?),
        organization: scope.id(),
        customer,
        description: None,
        grants: artifacts.iter().take(GRANTS).map(grant).collect(),
        created_at: now,
        updated_at: now,
        version: 1,
    };
    let tx = store.write().await?;
    tx.artifact_entitlements(scope).insert(&entitlement).await?;
    Ok(tx.commit_unrecorded(Technical::Seed).await?)
}

/// Begins a session of the founder; what its cookie holds.
async fn session(store: &Store, scope: OrganizationScope, now: Timestamp) -> Result<String> {
    let (tx, secret) = (store.write().await?, Secret::new(SecretKind::Session, random()?));
    let members = tx.members(scope).list(PageRequest::default()).await?.newest();
    let session = Session {
        id: SessionId::new(milliseconds(now), random()?),
        organization: scope.id(),
        holder: SessionHolder::Member(members.first().context("a member")?.id),
        hash: secret.hash(),
        address: "127.0.0.1".to_owned(),
        user_agent: "load".to_owned(),
        created_at: now,
        last_seen_at: now,
        expires_at: now.plus_days(1),
        form_key: secret.hash(),
        confirmed_at: None,
    };
    tx.sessions(scope).insert(&session).await?;
    tx.commit_unrecorded(Technical::Seed).await?;
    Ok(secret.expose().to_owned())
}

fn milliseconds(now: Timestamp) -> u64 {
    u64::try_from(now.unix()).unwrap_or_default() * 1_000
}
