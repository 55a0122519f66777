//! An authorizing gateway for container clients in front of an OCI registry that the vendor runs.
//!
//! Every request is decided here, from the database, before the upstream is asked; what is revoked is dead at the
//! next request. Bodies pass through in constant memory, both ways.
//!
//! | to find | look in |
//! |---|---|
//! | which addresses there are, and how they are read | `route` |
//! | how a request is decided and passed on | `gateway`, then `pull` or `push` |
//! | which digests belong to which tags | `catalogue` |
//! | lists, filtered and then paged | `listing` |
//! | what is about a manifest: signatures, SBOMs | `referrers` |
//! | how the upstream is asked, and what of it is passed back | `upstream` |
//! | where connections to it are opened, and how loops are seen | `dialler`, `via` |
//! | whether an upstream answers | `health` |
//! | what a refusal looks like | `refusal` |
//! | who was refused too often, and waits | `refusals` |
//! | how a machine comes to its key's new secret | `collect` |
//! | tokens for clients that go to the upstream itself | `token` |
//! | what the upstream tells of itself | `notification` |
//! | looking where it said, and at all of it from time to time | `sweep` |

mod catalogue;
mod collect;
mod credentials;
mod dialler;
mod gateway;
mod health;
mod listing;
mod notification;
mod page;
mod pull;
mod push;
mod referrers;
mod refusal;
mod refusals;
mod route;
mod stream;
mod sweep;
mod token;
mod upstream;
mod via;

use actix_web::web;

pub use sweep::Sweeps;

/// What all workers of a server remember together.
#[derive(Clone, Default)]
pub struct Shared {
    wrong_keys: web::Data<gateway::WrongKeys>,
    lookups: web::Data<catalogue::Lookups>,
    doubts: web::Data<health::Doubts>,
    refusals: web::Data<refusals::Refusals>,
    tls: dialler::Tls,
}

/// Adds `/v2/` for the hosts of all registries.
pub fn configure(config: &mut web::ServiceConfig, shared: &Shared) {
    config
        .app_data(web::Data::new(upstream::Client::new(shared.tls.clone())))
        .app_data(shared.wrong_keys.clone())
        .app_data(shared.lookups.clone())
        .app_data(shared.doubts.clone())
        .app_data(shared.refusals.clone())
        .service(
            web::resource("/registry/token")
                .route(web::get().to(token::get))
                .route(web::post().to(token::post)),
        )
        .service(web::resource("/registry/events").route(web::post().to(notification::post)))
        .service(web::resource("/registry/key").route(web::post().to(collect::post)))
        .service(web::resource("/v2").to(gateway::gateway))
        // The route's name is for the log; the gateway reads the raw path.
        .service(web::resource("/v2/{address:.*}").to(gateway::gateway))
        .service(web::scope("/v2").default_service(web::to(gateway::gateway)));
}
