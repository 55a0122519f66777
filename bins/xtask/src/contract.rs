//! Whether the server does what its OpenAPI document says: Schemathesis makes requests by the document, right ones and
//! wrong ones, and judges the answers by it. What no document can say is in `bins/xtask/contract/exceptions.toml`, each
//! with its reason; one that a run does not need fails it, so that the list does not grow old.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::interop::server::{Server, Tenant};
use crate::root;
use crate::steps::{self, Report, succeeds};

/// Asks a server on a fresh database. `python` has the packages that it takes.
pub(crate) fn run(report: &mut Report, python: &Path) -> Result<()> {
    steps::programs(report)?;
    report.step("the OpenAPI document is one", || {
        let document = root()?.join("docs/openapi.json");
        succeeds(Command::new(python).args(["-m", "openapi_spec_validator"]).arg(document))
    })?;
    report.step("the server does what its OpenAPI document says", || ask(python))
}

fn ask(python: &Path) -> Result<bool> {
    let (server, folder) = (Server::start(None)?, root()?.join("bins/xtask/contract"));
    let tenant = server.tenant("Contract")?;
    let subject = Subject::of(&tenant)?;
    let scratch = tempfile::tempdir()?;
    let used = scratch.path().join("used.json");
    let mut schemathesis = Command::new(python.with_file_name("st"));
    schemathesis
        .args(["--config-file", "schemathesis.toml", "--no-color", "run"])
        .arg(format!("{}/openapi.json", server.url()))
        .current_dir(&folder)
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", &folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONHASHSEED", "0")
        .env("KEYWARD_CONTRACT_TOKEN", tenant.http.bearer())
        .env("KEYWARD_CONTRACT_PRODUCT_KEY", subject.product_key)
        .env("KEYWARD_CONTRACT_LICENSE_TOKEN", subject.license_token)
        .env("KEYWARD_CONTRACT_OWN_IDS", subject.own_ids.join(","))
        .env("KEYWARD_CONTRACT_USED", &used);
    let clean = succeeds(schemathesis)?;
    let unneeded = unneeded(&folder, &used)?;
    for reason in &unneeded {
        println!("FAILED an exception that no answer needs: {reason}");
    }
    Ok(clean && unneeded.is_empty())
}

/// What the run is about.
struct Subject {
    product_key: String,
    license_token: String,
    /// What the run must not end: its own organization, member and token.
    own_ids: Vec<String>,
}

impl Subject {
    fn of(tenant: &Tenant) -> Result<Self> {
        let text = |json: &Value, name: &str| {
            json[name].as_str().map(str::to_owned).with_context(|| format!("{name} is missing"))
        };
        let product = tenant.http.create("/api/v1/products", &json!({"name": "Server"}).to_string())?;
        let customer = json!({"email": "it@example.com", "name": "Example Inc."}).to_string();
        let key =
            tenant.http.create(&format!("/api/v1/products/{}/keys", text(&product, "id")?), &customer)?;
        let mut own_ids = vec![tenant.id.clone()];
        for list in ["members", "tokens"] {
            let page: Value = serde_json::from_str(&tenant.http.get(&format!("/api/v1/{list}"))?)?;
            let items = page["items"].as_array().context("a list has items")?;
            own_ids.extend(items.iter().map(|item| text(item, "id")).collect::<Result<Vec<_>>>()?);
        }
        Ok(Self { product_key: text(&product, "secret")?, license_token: text(&key, "token")?, own_ids })
    }
}

/// The reasons of the exceptions that no answer needed, but for rare ones.
fn unneeded(folder: &Path, used: &Path) -> Result<Vec<String>> {
    let list = std::fs::read_to_string(folder.join("exceptions.toml"))?;
    let exceptions: Vec<_> = list.split("[[exception]]").skip(1).collect();
    let used = std::fs::read_to_string(used).context("the run did not say which exceptions it needed")?;
    let used: Vec<usize> = serde_json::from_str(&used)?;
    ensure!(
        used.iter().all(|index| *index < exceptions.len()),
        "there are as many exceptions as the run has read"
    );
    let unneeded = exceptions.iter().enumerate().filter(|(index, _)| !used.contains(index));
    let must_come_up = unneeded.filter(|(_, exception)| !exception.lines().any(|line| line == "rare = true"));
    let reason = |exception: &str| {
        exception.lines().find_map(|line| line.strip_prefix("reason = ")).map(str::to_owned)
    };
    must_come_up
        .map(|(_, exception)| reason(exception).context("each exception has a reason on one line"))
        .collect()
}
