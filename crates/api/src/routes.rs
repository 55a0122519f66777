//! The list of routes, each with its documentation: the server and the OpenAPI document are both made from it.

use actix_web::dev::HttpServiceFactory;
use keyward_web::fields::describe;
use keyward_web::{Fields, Request};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_actix_web::OpenApiFactory;
use utoipa_actix_web::service_config::ServiceConfig;

/// Takes routes, and what their requests hold.
pub(crate) struct Routes<'a, 'c> {
    config: &'a mut ServiceConfig<'c>,
    /// What is read from bodies and query strings.
    pub(crate) described: Vec<Described>,
}

/// What is read from the body or the query string of a request.
pub(crate) struct Described {
    /// Where it stands in the document.
    pub(crate) place: Place,
    /// Its schema.
    pub(crate) schema: fn() -> Value,
    /// Whether a request without it can't be read.
    pub(crate) needed: fn() -> bool,
}

/// A place in the document.
pub(crate) enum Place {
    /// The schema of this name, of bodies.
    Body(String),
    /// The query parameters of the operation with this id.
    Query(&'static str),
}

impl<'a, 'c> Routes<'a, 'c> {
    pub(crate) fn new(config: &'a mut ServiceConfig<'c>) -> Self {
        Self { config, described: Vec::new() }
    }

    /// A handler with its path and documentation.
    pub(crate) fn service<F: HttpServiceFactory + OpenApiFactory + 'static>(
        &mut self,
        handler: F,
    ) -> &mut Self {
        self.config.service(handler);
        self
    }

    /// What the handlers with this request body read from it.
    pub(crate) fn body<T: Request + ToSchema>(&mut self) -> &mut Self {
        self.describe::<T>(Place::Body(T::name().into_owned()))
    }

    /// What the operation with this id reads from the query string.
    pub(crate) fn query<T: Request>(&mut self, operation: &'static str) -> &mut Self {
        self.describe::<T>(Place::Query(operation))
    }

    fn describe<T: Request>(&mut self, place: Place) -> &mut Self {
        let needed = || Fields::json("{}").and_then(Fields::read::<T>).is_err();
        self.described.push(Described { place, schema: describe::<T>, needed });
        self
    }
}
