//! Style and scripts, embedded in the program. Their addresses name their content, so browsers keep them.

use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use sha2::{Digest as _, Sha256};

const FILES: [(&str, &str, &str); 4] = [
    ("portal.css", "text/css; charset=utf-8", include_str!("../assets/portal.css")),
    ("portal.js", "text/javascript; charset=utf-8", include_str!("../assets/portal.js")),
    ("htmx.js", "text/javascript; charset=utf-8", include_str!("../assets/htmx.min.js")),
    ("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")),
];

/// Tells this program's assets from another version's.
pub(crate) static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    FILES.iter().for_each(|(_, _, text)| hash.update(text.as_bytes()));
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
});

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.route("/assets/{version}/{file}", web::get().to(asset));
}

async fn asset(request: HttpRequest) -> HttpResponse {
    let name = request.match_info().get("file").unwrap_or_default();
    match FILES.iter().find(|(file, _, _)| *file == name) {
        Some((_, kind, text)) => HttpResponse::Ok()
            .insert_header((header::CONTENT_TYPE, *kind))
            .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
            .body(*text),
        None => HttpResponse::NotFound().finish(),
    }
}
