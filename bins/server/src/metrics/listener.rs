//! The listener for scrapers: `GET /metrics` and nothing else.

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use anyhow::Context as _;

use super::Sources;
use super::exposition::Format;

/// How many connections there are at once. Scrapers need one each.
const MOST_CONNECTIONS: usize = 32;

/// How long a request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

/// A listener that serves metrics until it is stopped.
pub(crate) struct Listener {
    handle: ServerHandle,
}

impl Listener {
    /// Begins to serve.
    pub(crate) fn start(listen: SocketAddr, sources: Sources) -> anyhow::Result<Self> {
        let sources = web::Data::new(sources);
        let server = HttpServer::new(move || {
            App::new()
                .app_data(sources.clone())
                .app_data(web::PayloadConfig::new(0))
                .route("/metrics", web::get().to(metrics))
                .default_service(web::to(nothing))
        })
        .workers(1)
        .max_connections(MOST_CONNECTIONS)
        .client_request_timeout(PATIENCE)
        .shutdown_timeout(PATIENCE.as_secs())
        .disable_signals()
        .bind(listen)
        .with_context(|| format!("listening on {listen} (KEYWARD_METRICS_LISTEN)"))?;
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        tracing::info!(address = %format!("http://{listen}/metrics"), "serving metrics");
        Ok(Self { handle })
    }

    /// Ends it, once a request under way is answered: after the last request to the server itself, so that its end can be watched.
    pub(crate) async fn stop(self) {
        self.handle.stop(true).await;
    }
}

async fn metrics(request: HttpRequest, sources: web::Data<Sources>) -> HttpResponse {
    let format = Format::asked_for(accepted(request.headers()));
    let text = sources.collect(format).await;
    HttpResponse::Ok().insert_header((header::CONTENT_TYPE, format.content_type())).body(text)
}

async fn nothing() -> HttpResponse {
    HttpResponse::NotFound().body("GET /metrics is all there is.\n")
}

fn accepted(headers: &HeaderMap) -> &str {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
