//! Things to validate.

use anyhow::{Context as _, Result};
use keyward_domain::validation::Sighting;
use keyward_domain::{LicenseId, LicenseKey, OrganizationId, RevisionId, Timestamp};
use keyward_storage::{Store, Technical};
use serde_json::{Value, json};

/// A product on sale, with licenses.
pub(crate) struct Shop {
    /// The product API key.
    pub key: String,
    /// The license keys.
    pub codes: Vec<String>,
}

impl Shop {
    /// Opens one through the API of a server.
    pub(crate) fn open(address: &str, token: &str, name: &str, licenses: usize) -> Result<Self> {
        let post = |path: &str, body: Value| post(address, token, path, body);
        let settings = json!({"ip_enforcement": "enforce", "default_max_ips": 3});
        let product = post("/api/v1/products", json!({"name": name, "settings": settings}))?;
        let text = |json: &Value, name: &str| Ok(json[name].as_str().context("a member")?.to_owned());
        let path = format!("/api/v1/products/{}/keys", text(&product, "id")?);
        let code = |number: usize| -> Result<String> {
            let body = json!({"email": "it@example.com", "name": format!("Customer {number}")});
            text(&post(&path, body)?["license"], "license_key")
        };
        Ok(Self { key: text(&product, "secret")?, codes: (0..licenses).map(code).collect::<Result<_>>()? })
    }

    /// The requests of its applications, as they go over the wire.
    pub(crate) fn requests(&self) -> Vec<String> {
        let request = |code: &String| {
            let body = format!("{{\"license_key\":\"{code}\",\"nonce\":\"0123456789abcdef\"}}");
            format!(
                "POST /api/v1/validate HTTP/1.1\r\nHost: load\r\nAuthorization: Bearer {}\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                self.key,
                body.len()
            )
        };
        self.codes.iter().map(request).collect()
    }
}

/// Creates something through the API of a server.
pub(crate) fn post(address: &str, token: &str, path: &str, body: Value) -> Result<Value> {
    let request = ureq::post(format!("http://{address}{path}"));
    let mut answer = request.header("Authorization", format!("Bearer {token}")).send_json(body)?;
    Ok(answer.body_mut().read_json()?)
}

/// Copies the license with key `code` until there are `licenses`, straight into the database.
pub(crate) async fn multiply(
    database: &str,
    organization: &str,
    code: &str,
    licenses: usize,
) -> Result<Vec<String>> {
    let store = Store::connect(database).await?;
    let tx = store.read().await?;
    let organization: OrganizationId = organization.parse()?;
    let all = tx.organizations().list(keyward_domain::PageRequest::default()).await?;
    let organization =
        all.newest().into_iter().find(|found| found.id == organization).context("organization")?;
    let scope = organization.scope();
    let pattern = tx.licenses(scope).by_key(&code.parse()?).await?.context("the license to copy")?;
    drop(tx);
    let now = now()?;
    let seen = Sighting { address: "127.0.0.1".parse()?, first_seen_at: now, last_seen_at: now };
    let mut codes = Vec::with_capacity(licenses);
    while codes.len() < licenses {
        let tx = store.write().await?;
        for _ in 0..10_000.min(licenses - codes.len()) {
            let number = u32::try_from(codes.len() + 1)?;
            let mut license = pattern.clone();
            license.id = LicenseId::new(u64::from(number), random()?);
            license.name = format!("License {number}").parse()?;
            license.key = std::iter::from_fn(|| random().ok().map(LicenseKey::new)).flatten().next();
            license.revision.id = RevisionId::new(u64::from(number), random()?);
            license.revision.license = license.id;
            license.revision.status_index = 1_000_000_000 + number;
            tx.licenses(scope).insert(&license).await?;
            // Seen before, so that asking for it is an everyday request.
            tx.addresses(license.id).save(&seen).await?;
            codes.extend(license.key.map(|key| key.to_string()));
        }
        tx.commit_unrecorded(Technical::Seed).await?;
    }
    Ok(codes)
}

/// The machine's time.
pub(crate) fn now() -> Result<Timestamp> {
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    Timestamp::from_unix(i64::try_from(seconds)?).context("no time")
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(bytes)
}
