//! Serves requests until told to stop.

use actix_web::{App, HttpServer, web};
use anyhow::Context as _;

use crate::compose::Instance;
use crate::config::Settings;

/// Listens until SIGTERM or SIGINT, then lets requests under way finish.
pub(crate) async fn run(settings: &Settings) -> anyhow::Result<()> {
    let engine = Instance::open(settings).await?.engine;
    if !engine.is_founded().await? {
        tracing::info!(
            "no organization yet: run `keyward-server bootstrap --organization NAME --email ADDRESS`"
        );
    }
    let listen = settings.listen;
    let web = keyward_web::Settings { https: settings.issuer.is_https() };
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::from(engine.clone()))
            .wrap(keyward_web::middleware(web))
            .configure(keyward_web::configure)
            .configure(keyward_api::configure)
    })
    .shutdown_timeout(30)
    .bind(listen)
    .with_context(|| format!("listening on {listen} (KEYWARD_LISTEN)"))?;
    tracing::info!(address = %format!("http://{listen}"), public_url = settings.issuer.as_str(), "serving");
    server.run().await?;
    tracing::info!("stopped");
    Ok(())
}
