//! Whether the server runs and is ready, and what its problems mean.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use keyward_engine::{Engine, Readiness};

use crate::agent_programs;
use crate::around::Settings;
use crate::path::part;
use keyward_problem::{Code, Problem};

/// Adds the routes that every server has, and sees to it that bodies are read by [`Body`](crate::Body) alone: any other
/// extractor finds them too long.
pub fn configure(config: &mut web::ServiceConfig) {
    config
        .app_data(web::PayloadConfig::new(0))
        .route("/healthz", web::get().to(healthz))
        .route("/readyz", web::get().to(readyz))
        .route("/agent/{file}", web::get().to(agent_programs::program))
        .route("/problems/{code}", web::get().to(problem));
}

async fn healthz() -> &'static str {
    "ok\n"
}

async fn readyz(engine: web::Data<Engine>, settings: web::Data<Settings>) -> Result<&'static str, Problem> {
    if settings.is_draining() {
        return Err(Problem::new(Code::ServiceUnavailable).detail("The server is shutting down."));
    }
    let reason = match engine.readiness().await {
        Readiness::Ready => return Ok("ready\n"),
        Readiness::Unreachable => "The database does not answer.",
        Readiness::ReadOnly => "The database does not write.",
        Readiness::OtherSchema => "The database's tables are not those of this version.",
    };
    Err(Problem::new(Code::ServiceUnavailable).detail(reason))
}

async fn problem(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let slug: String = part(&request, "code")?;
    let code = Code::find(&slug).ok_or_else(|| Problem::new(Code::NotFound))?;
    let text = (header::CONTENT_TYPE, "text/markdown; charset=utf-8");
    Ok(HttpResponse::Ok().insert_header(text).body(code.entry()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "KEYWARD_BLESS=1 writes the file anew")]
    fn the_documentation_lists_every_problem() {
        let head = "# Problems\n\nEvery error is an RFC 9457 problem document (`application/problem+json`). \
                    Its `code` is one of these, and stable.\n";
        let text = Code::ALL.iter().fold(head.to_owned(), |text, code| format!("{text}\n{}", code.entry()));
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/problems.md");
        if std::env::var("KEYWARD_BLESS").is_ok() {
            std::fs::write(path, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), text, "run `cargo xtask bless`");
    }
}
