//! The JSON API under `/api/v1`, the public documents under `/o`, and the OpenAPI document of both.
//!
//! Beside them stand the validation API, whose clients are applications and not vendors, and what agents on customers' hosts ask.
//!
//! One noun is one file: `v1/members.rs` holds what a member looks like on the wire, its *view*, and all operations with their
//! documentation. A verb with much of its own has a file beside the noun's. What requests hold is read by `keyward_web`.

mod agent;
mod openapi;
mod public;
mod routes;
mod unmatched;
mod v1;
mod validation;

use actix_web::web;

use routes::Routes;
use utoipa_actix_web::service_config::ServiceConfig;

pub use openapi::openapi;
pub use unmatched::unmatched;
pub use v1::{Export, event_view};

/// Adds all routes of the API. What matches none of them is answered as a problem.
pub fn configure(config: &mut web::ServiceConfig) {
    agent::configure(config);
    unmatched::configure(config);
    list(&mut Routes::new(&mut ServiceConfig::new(config)));
    config
        .route("/openapi.json", web::get().to(openapi::document))
        .default_service(web::route().to(unmatched::unmatched));
}

/// The routes, each with its documentation: server and OpenAPI document are both made from this list.
fn list(routes: &mut Routes<'_, '_>) {
    // First, because routes are tried in their order.
    validation::routes(routes);
    public::routes(routes);
    v1::routes(routes);
}
