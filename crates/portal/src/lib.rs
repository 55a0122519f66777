//! The pages: the vendor's portal, the customer's, and the onboarding link's. Rendered on the server, working
//! without JavaScript; a little htmx saves reloads.
//!
//! | to find | look in |
//! |---|---|
//! | who is signed in, and what guards a page | `signed` |
//! | how a form is read, and shown again with its faults | `form` |
//! | lists in a form, whose rows are added, removed and moved | `rows` |
//! | how a page is put together and sent | `page` |
//! | what a form made and is shown once | `shown_once` |
//! | what is asked before something is taken away | `ask` |
//! | signing in, links from mail, the first start | `auth` |
//! | what one signs in with, of members and of customers' users | `account` |
//! | who may try once more | `tries` |
//! | signing in with an organization's own accounts | `openid` |
//! | pages that are kept up to date | `live` |
//! | the vendor's pages, one noun a file | `console` |
//! | the customer's pages | `customer` |
//! | deployments in words, for both | `deployment` |
//! | the terms of a license in words, for both | `terms` |
//! | browsers in words | `browser` |
//! | style, scripts | `assets/` |

mod account;
mod ask;
mod assets;
mod auth;
mod browser;
mod chart;
mod console;
mod customer;
mod deployment;
mod error_page;
mod form;
mod live;
mod onboarding;
mod openid;
mod page;
mod pages;
mod rows;
mod shown_once;
mod signed;
mod terms;
mod tries;
mod use_of;

use actix_web::web;
use keyward_web::Throttle;

pub use error_page::nowhere;

/// What all workers of a server remember together.
#[derive(Clone, Default)]
pub struct Shared {
    tries: web::Data<Throttle>,
    networks: web::Data<tries::NetworkTries>,
    hub: web::Data<live::Hub>,
}

/// Adds the routes of all pages. What matches none is answered by a page, or a problem: a server that has other routes as well answers by
/// [`nowhere`] and by those.
pub fn configure(config: &mut web::ServiceConfig, shared: &Shared) {
    config.app_data(shared.tries.clone()).app_data(shared.networks.clone()).app_data(shared.hub.clone());
    assets::routes(config);
    auth::routes(config);
    openid::routes(config);
    onboarding::routes(config);
    customer::routes(config);
    live::routes(config);
    console::routes(config);
    config.default_service(web::to(error_page::unmatched));
}
