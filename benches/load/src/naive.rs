//! The handlers that Keyward's own is compared with.

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_domain::validation::{Asked, LicenseFacts, Rules, Sighting, decide};
use keyward_domain::{Address, LicenseKey, Secret, SecretKind, Timestamp};
use keyward_storage::{Store, Technical};
use keyward_token::SecretKey;
use serde::Deserialize;

/// Two, as on the machine of the published figures.
const WORKERS: usize = 2;

/// A server that answers everything with two bytes.
pub(crate) fn hello(listen: &str) -> Result<()> {
    let app = || App::new().default_service(web::to(|| async { "ok" }));
    let server = HttpServer::new(app).workers(WORKERS).bind(listen)?;
    Ok(actix_web::rt::System::new().block_on(server.run())?)
}

struct Parts {
    store: Store,
    signer: SecretKey,
}

/// A server that does for each request what has to be done, one thing after the other, in a transaction.
pub(crate) fn serve(listen: &str, database: &str) -> Result<()> {
    actix_web::rt::System::new().block_on(async {
        let store = Store::connect(database).await.context("opening the database")?;
        let parts = web::Data::new(Parts { store, signer: SecretKey::from_seed([7; 32]) });
        let app =
            move || App::new().app_data(parts.clone()).route("/api/v1/validate", web::post().to(validate));
        Ok(HttpServer::new(app).workers(WORKERS).bind(listen)?.run().await?)
    })
}

#[derive(Deserialize)]
struct Question {
    license_key: String,
    nonce: Option<String>,
}

#[expect(clippy::disallowed_types, reason = "the server that ours is compared with does what is usual")]
async fn validate(
    request: HttpRequest,
    question: web::Json<Question>,
    parts: web::Data<Parts>,
) -> HttpResponse {
    match decided(&request, &question, &parts).await {
        Ok(answer) => HttpResponse::Ok().json(answer),
        Err(error) => HttpResponse::InternalServerError().body(format!("{error:#}")),
    }
}

async fn decided(request: &HttpRequest, question: &Question, parts: &Parts) -> Result<serde_json::Value> {
    let header = request.headers().get("authorization").context("no key")?.to_str()?;
    let key = Secret::parse(SecretKind::Product, header.trim_start_matches("Bearer ")).context("no key")?;
    let address = Address::new(request.peer_addr().context("no peer")?.ip());
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let now = Timestamp::from_unix(i64::try_from(seconds)?).context("no time")?;

    let tx = parts.store.write().await?;
    let product = tx.product_by_key(&key.hash()).await?.context("no product")?;
    let organization = tx.organizations().of_product(&product).await?.context("no organization")?;
    let scope = organization.scope();
    let code: LicenseKey = question.license_key.parse()?;
    let license = tx.licenses(scope).by_key(&code).await?.context("no license")?;
    let license = tx.licenses(scope).lock(license.id).await?.context("no license")?;
    let customer = tx.customers(scope).find(license.customer.context("no customer")?).await?;
    let blocked = customer.map(|customer| customer.blocked).unwrap_or_default();
    let facts = LicenseFacts::new(&license, blocked, tx.addresses(license.id).list().await?);
    let asked = Asked { address, counted: true, version: None };
    let verdict = decide(&organization, &Rules::of(Some(&product)), Some(&facts), &asked, now);
    if let Some(address) = verdict.register {
        let seen = Sighting { address, first_seen_at: now, last_seen_at: now };
        tx.addresses(license.id).save(&seen).await?;
    }
    let mut usage = tx.usage(product.id).lock(now.day()).await?;
    usage.count(verdict.status.as_str());
    tx.usage(product.id).save(&usage).await?;
    tx.commit_unrecorded(Technical::Usage).await?;

    let mut answer = serde_json::json!({
        "valid": verdict.is_valid(),
        "status": verdict.status.as_str(),
        "expires": verdict.expires_at,
        "ip_count": verdict.addresses.map(|seen| seen.count),
        "ip_registered": verdict.addresses.map(|seen| seen.registered),
        "max_ips": verdict.addresses.and_then(|seen| seen.most),
        "license_key": question.license_key,
        "nonce": question.nonce,
        "signed_at": now,
    });
    let signature = parts.signer.sign(answer.to_string().as_bytes());
    answer["signature"] = URL_SAFE_NO_PAD.encode(signature).into();
    Ok(answer)
}
