//! Serves requests until told to stop.

use std::sync::Arc;

use actix_web::middleware::from_fn;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use anyhow::Context as _;
use keyward_engine::Background;
use keyward_web::http_metrics::HttpMetrics;
use tokio::sync::oneshot;

use crate::config::Settings;
use crate::mail::Post;
use crate::metrics::{Listener, Sources};
use crate::tls::Tls;
use crate::traces::continue_trace;
use crate::{compose, print};

/// Listens until SIGTERM or SIGINT, then lets requests under way finish.
pub(crate) async fn run(settings: &Settings) -> anyhow::Result<()> {
    let tls = settings.tls.as_ref().map(Tls::open).transpose()?.map(Arc::new);
    let engine = compose::open(settings).await?;
    if let Some(link) = engine.setup_link().await? {
        // For the eyes of who started it: the link makes its opener the operator, so it is not logged.
        print(&format!("Open this link once to set up your organization:\n\n    {link}\n"))?;
    }
    let registry = keyward_registry::Shared::default();
    let post = Post::open(settings)?;
    post.announce();
    let http = HttpMetrics::default();
    let metrics = settings.metrics_listen.map(|listen| {
        let sources = Sources { engine: Arc::clone(&engine), http: http.clone(), tls: tls.clone() };
        Listener::start(listen, sources)
    });
    let metrics = metrics.transpose()?;
    let counted = metrics.as_ref().map(|_| http);
    let background = Background::new(Arc::clone(&engine))
        .retention(settings.retention)
        .job(post.job())
        .job(keyward_registry::Sweeps::new(Arc::clone(&engine), &registry));
    let (served, stop) = oneshot::channel::<()>();
    let background = actix_web::rt::spawn(background.run_until(async { drop(stop.await) }));
    if let Some(tls) = &tls {
        actix_web::rt::spawn(Arc::clone(tls).watch(settings.issuer.host_name().to_owned()));
    }
    let (listen, public_url, drain) = (settings.listen, settings.issuer.as_str(), settings.drain);
    let shutdown_seconds = settings.shutdown_seconds;
    let settings = web::Data::new(keyward_web::Settings {
        https: settings.issuer.is_https(),
        trusted_proxies: settings.trusted_proxies.clone(),
        public_authority: settings.issuer.authority(),
        agent_programs: settings.agent_programs.clone(),
        continue_trace: settings.traces.is_some().then_some(continue_trace),
        ..keyward_web::Settings::default()
    });
    let stopping = settings.clone();
    let engine = web::Data::from(engine);
    let portal = keyward_portal::Shared::default();
    let server = HttpServer::new(move || {
        let app = App::new().app_data(engine.clone());
        let app = match &counted {
            Some(http) => app.app_data(http.worker()),
            None => app,
        };
        app.app_data(settings.clone())
            .wrap(from_fn(keyward_web::around))
            .configure(keyward_web::configure)
            .configure(|config| keyward_registry::configure(config, &registry))
            .configure(keyward_api::configure)
            .configure(|config| keyward_portal::configure(config, &portal))
            .default_service(web::to(unmatched))
    })
    .shutdown_timeout(shutdown_seconds.into())
    .disable_signals();
    let bound = match &tls {
        Some(tls) => server.bind_rustls_0_23(listen, tls.server_config()?),
        None => server.bind(listen),
    };
    let server = bound.with_context(|| format!("listening on {listen} (KEYWARD_LISTEN)"))?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(version, address = %format!("{scheme}://{listen}"), public_url, "serving");
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(async move {
        let stop = stop_signal().await;
        // Pages that are kept up to date are let go, or they would hold the server up.
        stopping.drain();
        if stop == Stop::Gracefully {
            // A balancer has to see that the server is not ready before it may take no more requests.
            tracing::info!(seconds = drain.as_secs(), "draining");
            tokio::select! {
                () = actix_web::rt::time::sleep(drain) => {}
                _ = stop_signal() => {}
            }
        }
        tokio::select! {
            () = handle.stop(true) => {}
            _ = stop_signal() => handle.stop(false).await,
        }
    });
    server.await?;
    drop(served);
    background.await?;
    if let Some(metrics) = metrics {
        metrics.stop().await;
    }
    tracing::info!("stopped");
    Ok(())
}

#[derive(PartialEq, Eq)]
enum Stop {
    /// By what supervises the server, which sends requests elsewhere meanwhile.
    Gracefully,
    /// By a person at a terminal.
    Now,
}

/// Waits until the server is told to stop. Told again, it hurries.
async fn stop_signal() -> Stop {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            return tokio::select! {
                _ = terminated.recv() => Stop::Gracefully,
                _ = interrupted => Stop::Now,
            };
        }
    }
    let _ = interrupted.await;
    Stop::Now
}

/// What no route takes: a page for people, and for programs what the API says of the address.
async fn unmatched(request: HttpRequest) -> HttpResponse {
    match keyward_portal::nowhere(&request) {
        Some(page) => page,
        None => keyward_api::unmatched(request).await,
    }
}
