//! How many requests there were and how long they took, by front end, method and route.
//!
//! Only templates of routes are told, never addresses. Each worker remembers where it counts what it has seen, so that no request waits
//! for another.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage as _, HttpRequest};
use keyward_engine::metrics::{Counter, Entered, Gauge, Histogram, labels};

labels! {
    /// Which part of the server a route belongs to.
    FrontEnd {
        /// The JSON API.
        Api = "api",
        /// Validation by applications.
        Validation = "validation",
        /// Pages.
        Portal = "portal",
        /// Container clients.
        Registry = "registry",
        /// Published keys and status lists.
        Public = "public",
        /// Health, problems, and what is nowhere.
        Server = "server",
    }
}

/// The methods that are told apart.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"];

/// The status codes that are told apart. Any other counts as the first of its class.
const CODES: [u16; 37] = [
    100, 101, 200, 201, 202, 204, 206, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406, 408,
    409, 410, 411, 412, 413, 414, 415, 416, 422, 429, 431, 500, 501, 502, 503, 504,
];

/// What a route counts as that is none.
const NO_ROUTE: &str = "none";

impl FrontEnd {
    /// That of a route, by its template.
    pub fn of_route(route: &str) -> Self {
        let below = |prefix: &str| {
            route.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if below("/api/v1/validate") || below("/api/v1/license") || below("/validate") {
            Self::Validation
        } else if below("/api") || route == "/openapi.json" {
            Self::Api
        } else if below("/v2") || below("/registry") {
            Self::Registry
        } else if below("/o") {
            Self::Public
        } else if matches!(route, "/healthz" | "/readyz" | NO_ROUTE) || below("/problems") {
            Self::Server
        } else {
            Self::Portal
        }
    }
}

/// The name of a route that only a front end knows, in place of the template that all its requests have.
struct Route(&'static str);

/// Has a request counted as one to this route.
pub fn name_route(request: &HttpRequest, route: &'static str) {
    request.extensions_mut().insert(Route(route));
}

/// Requests of one method to one route.
#[derive(Debug)]
pub struct RouteMetrics {
    /// The part of the server.
    pub front_end: FrontEnd,
    /// The method.
    pub method: &'static str,
    /// The template.
    pub route: String,
    /// How long they took until the answer began.
    pub durations: Histogram,
    codes: [Counter; CODES.len()],
}

impl RouteMetrics {
    /// How many had which status code; those alone that occurred.
    pub fn codes(&self) -> impl Iterator<Item = (u16, u64)> {
        let counted = CODES.iter().zip(&self.codes).map(|(code, counter)| (*code, counter.value()));
        counted.filter(|(_, count)| *count > 0)
    }
}

/// What [`name_route`] has said.
pub(crate) fn named_route(request: &HttpRequest) -> Option<&'static str> {
    request.extensions().get::<Route>().map(|route| route.0)
}

/// All requests to one server.
#[derive(Debug, Clone, Default)]
pub struct HttpMetrics {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    in_flight: Gauge,
    routes: Mutex<Vec<Arc<RouteMetrics>>>,
}

type Seen = HashMap<String, [Option<Arc<RouteMetrics>>; METHODS.len()]>;

/// The same for one worker. To be given to its application as data.
#[derive(Debug, Clone)]
pub struct WorkerHttpMetrics {
    shared: Arc<Shared>,
    seen: Rc<RefCell<Seen>>,
}

/// A request under way.
pub(crate) struct UnderWay<'a>(#[expect(dead_code, reason = "counts until it is dropped")] Entered<'a>);

impl HttpMetrics {
    /// What one worker counts in.
    pub fn worker(&self) -> WorkerHttpMetrics {
        WorkerHttpMetrics { shared: Arc::clone(&self.shared), seen: Rc::default() }
    }

    /// How many requests are under way.
    pub fn in_flight(&self) -> i64 {
        self.shared.in_flight.value()
    }

    /// What was counted of each route that was asked for.
    pub fn routes(&self) -> Vec<Arc<RouteMetrics>> {
        self.shared.routes().clone()
    }
}

impl Shared {
    fn routes(&self) -> std::sync::MutexGuard<'_, Vec<Arc<RouteMetrics>>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, route: &str, method: &'static str) -> Arc<RouteMetrics> {
        let mut routes = self.routes();
        let known = routes.iter().find(|known| known.route == route && known.method == method);
        if let Some(known) = known {
            return Arc::clone(known);
        }
        let new = Arc::new(RouteMetrics {
            front_end: FrontEnd::of_route(route),
            method,
            route: route.to_owned(),
            durations: Histogram::of_durations(),
            codes: std::array::from_fn(|_| Counter::default()),
        });
        routes.push(Arc::clone(&new));
        new
    }
}

impl WorkerHttpMetrics {
    pub(crate) fn begin(&self) -> UnderWay<'_> {
        UnderWay(self.shared.in_flight.enter())
    }

    /// Counts a request that was answered. `route` is the template it has met, if any.
    pub(crate) fn end(&self, route: Option<&str>, method: &Method, status: StatusCode, took: Duration) {
        let route = route.unwrap_or(NO_ROUTE);
        let place = METHODS.iter().position(|known| *known == method.as_str()).unwrap_or(METHODS.len() - 1);
        let mut seen = self.seen.borrow_mut();
        if !seen.contains_key(route) {
            seen.insert(route.to_owned(), Default::default());
        }
        let Some(methods) = seen.get_mut(route) else { return };
        let counted = methods[place].get_or_insert_with(|| self.shared.find(route, METHODS[place]));
        counted.durations.observe_duration(took);
        counted.codes[code_place(status.as_u16())].add_one();
    }
}

fn code_place(code: u16) -> usize {
    let class = code / 100 * 100;
    CODES.binary_search(&code).or_else(|_| CODES.binary_search(&class)).unwrap_or(CODES.len() - 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_belong_to_front_ends() {
        for (route, front_end) in [
            ("/api/v1/validate", FrontEnd::Validation),
            ("/validate", FrontEnd::Validation),
            ("/api/v1/license/{license_key}", FrontEnd::Validation),
            ("/api/v1/licenses/{id}", FrontEnd::Api),
            ("/v2/{name}/manifests/{reference}", FrontEnd::Registry),
            ("/registry/token", FrontEnd::Registry),
            ("/registries/{id}", FrontEnd::Portal),
            ("/o/{org_slug}/jwks.json", FrontEnd::Public),
            ("/onboarding/{secret}", FrontEnd::Portal),
            ("/readyz", FrontEnd::Server),
            ("/problems/{code}", FrontEnd::Server),
            ("none", FrontEnd::Server),
            ("/", FrontEnd::Portal),
        ] {
            assert_eq!(FrontEnd::of_route(route), front_end, "{route}");
        }
    }

    #[test]
    fn codes_that_are_not_told_apart_count_as_their_class() {
        assert!(CODES.is_sorted());
        for (code, counted) in [(200, 200), (208, 200), (418, 400), (503, 503), (599, 500), (999, 500)] {
            assert_eq!(CODES[code_place(code)], counted, "{code}");
        }
    }
}
