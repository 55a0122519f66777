//! The list of routes, each with its documentation: the server and the OpenAPI document are both made from it.

use actix_web::dev::HttpServiceFactory;
use keyward_web::fields::{Words, describe};
use keyward_web::{Fields, Request};
use serde_json::Value;
use utoipa_actix_web::OpenApiFactory;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::openapi::operations;

/// Takes routes, and what their requests hold.
pub(crate) struct Routes<'a, 'c> {
    config: &'a mut ServiceConfig<'c>,
    /// The id of the last handler's operation.
    operation: String,
    /// What is read from bodies and query strings.
    pub(crate) described: Vec<Described>,
}

/// What is read from the body or the query string of a request.
pub(crate) struct Described {
    /// Where it stands in the request.
    pub(crate) place: Place,
    /// The id of the operation.
    pub(crate) operation: String,
    /// Its schema.
    pub(crate) schema: fn() -> Value,
    /// What it is in words.
    pub(crate) words: Words,
    /// Whether a request without it can't be read.
    pub(crate) needed: fn() -> bool,
}

/// A place in a request.
pub(crate) enum Place {
    /// The body.
    Body,
    /// The query string.
    Query,
}

impl<'a, 'c> Routes<'a, 'c> {
    pub(crate) fn new(config: &'a mut ServiceConfig<'c>) -> Self {
        Self { config, operation: String::new(), described: Vec::new() }
    }

    /// A handler with its path and documentation.
    pub(crate) fn service<F: HttpServiceFactory + OpenApiFactory + 'static>(
        &mut self,
        handler: F,
    ) -> &mut Self {
        let mut paths = handler.paths();
        let found = paths.paths.values_mut().flat_map(operations).find_map(|found| found.operation_id.take());
        self.operation = found.unwrap_or_default();
        self.config.service(handler);
        self
    }

    /// What the last handler reads from the body.
    pub(crate) fn body<T: Request>(&mut self) -> &mut Self {
        self.describe::<T>(Place::Body)
    }

    /// What the last handler reads from the query string.
    pub(crate) fn query<T: Request>(&mut self) -> &mut Self {
        self.describe::<T>(Place::Query)
    }

    fn describe<T: Request>(&mut self, place: Place) -> &mut Self {
        let needed = || Fields::json("{}").and_then(Fields::read::<T>).is_err();
        let operation = self.operation.clone();
        self.described.push(Described { place, operation, schema: describe::<T>, words: T::WORDS, needed });
        self
    }
}
