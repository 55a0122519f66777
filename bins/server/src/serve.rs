//! Serves requests until told to stop.

use std::sync::Arc;

use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use anyhow::Context as _;

use crate::compose::Instance;
use crate::config::Settings;
use crate::mail::Post;
use crate::{keys, log, notices, print, retention};

/// Listens until SIGTERM or SIGINT, then lets requests under way finish.
pub(crate) async fn run(settings: &Settings) -> anyhow::Result<()> {
    let engine = Instance::open(settings).await?.engine;
    if let Some(link) = engine.setup_link().await? {
        // For the eyes of who started it: the link makes its opener the operator, so it is not logged.
        print(&format!("Open this link once to set up your organization:\n\n    {link}\n"))?;
    }
    actix_web::rt::spawn(Post::open(settings)?.deliver(Arc::clone(&engine)));
    let registry = keyward_registry::Shared::default();
    actix_web::rt::spawn(keyward_registry::sweep(Arc::clone(&engine), registry.clone()));
    actix_web::rt::spawn(notices::tell(Arc::clone(&engine)));
    actix_web::rt::spawn(log::write(Arc::clone(&engine)));
    actix_web::rt::spawn(keys::tend(Arc::clone(&engine)));
    actix_web::rt::spawn(retention::forget(Arc::clone(&engine), settings.registry_log_days));
    let (listen, public_url) = (settings.listen, settings.issuer.as_str());
    let settings = web::Data::new(keyward_web::Settings {
        https: settings.issuer.is_https(),
        trusted_proxies: settings.trusted_proxies.clone(),
        public_authority: settings.issuer.authority(),
    });
    let engine = web::Data::from(engine);
    let served = engine.clone();
    let portal = keyward_portal::Shared::default();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(engine.clone())
            .app_data(settings.clone())
            .wrap(from_fn(keyward_web::around))
            .configure(keyward_web::configure)
            .configure(|config| keyward_registry::configure(config, &registry))
            .configure(keyward_api::configure)
            .configure(|config| keyward_portal::configure(config, &portal))
    })
    .shutdown_timeout(30)
    .bind(listen)
    .with_context(|| format!("listening on {listen} (KEYWARD_LISTEN)"))?;
    tracing::info!(address = %format!("http://{listen}"), public_url, "serving");
    server.run().await?;
    log::flush(&served).await;
    tracing::info!("stopped");
    Ok(())
}
