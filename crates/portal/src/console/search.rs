//! The search over everything: a page, and what is shown below the field while someone types.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::License;
use keyward_domain::permission::ReadOrganization;
use keyward_engine::Engine;
use keyward_engine::views::SearchView;

use super::Listing;
use crate::page::{self, Page, Shell};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.route("/search", web::get().to(search));
}

/// How many of each kind are shown while someone types, and on the page.
const MOST: [u32; 2] = [5, 20];

/// Pages that are found by their name: what they are called, where they are, which scope they need, and other words for them.
const PAGES: [(&str, &str, &str, &str); 22] = [
    ("Dashboard", "/", "", "home start overview"),
    ("Products", "/products", "products:read", ""),
    ("New product", "/products/new", "products:write", "create"),
    ("Create new key", "/keys/new", "licenses:write", "product key license issue"),
    ("Create License Key", "/licenses/new", "licenses:write", "payload claims issue"),
    ("Applications", "/applications", "applications:read", "versions compose helm"),
    ("Customers", "/customers", "customers:read", ""),
    ("New customer", "/customers/new", "customers:write", "create"),
    ("Licenses", "/licenses", "licenses:read", "keys entitlements"),
    ("Registries", "/registries", "registries:read", "images charts docker helm"),
    ("Alerts", "/alerts", "registries:read", "anomalies bucket"),
    ("Members", "/members", "members:read", "people team invite roles"),
    ("Management tokens", "/tokens", "tokens:read", "api scopes"),
    ("Webhooks", "/webhooks", "webhooks:read", "endpoints events"),
    ("Audit log", "/audit", "audit-events:read", "history activity events"),
    ("Settings", "/settings", "organizations:read", "organization name slug"),
    ("Plan", "/settings#plan", "organizations:read", "trial pro enterprise limits"),
    ("Signing keys", "/settings#keys", "signing-keys:read", "jwks public key rotate"),
    ("Mail notices", "/settings/notices", "organizations:read", "reminders expiry"),
    ("Your sessions", "/settings#sessions", "", "sign out browsers"),
    ("Your password", "/settings/password", "", "change"),
    ("Second factor", "/settings#second-factor", "", "authenticator totp recovery codes"),
];

/// One thing that was found.
struct Hit {
    name: String,
    detail: String,
    href: String,
}

/// What was found of one kind.
struct Kind {
    name: &'static str,
    hits: Vec<Hit>,
}

#[derive(Template)]
#[template(path = "console/search.html", blocks = ["hits"])]
struct SearchPage {
    shell: Shell,
    q: String,
    kinds: Vec<Kind>,
}

async fn search(
    request: HttpRequest,
    signed: Signed<ReadOrganization>,
    listing: web::Query<Listing>,
    engine: web::Data<Engine>,
) -> Page {
    let is_typing = request.headers().contains_key("hx-request");
    let most = if is_typing { MOST[0] } else { MOST[1] };
    let q = listing.text().unwrap_or_default().to_owned();
    let found = engine.search_view(&signed.access, &q, most).await?;
    let shell = Shell::vendor(&signed.person, &signed.csrf, "search", engine.now());
    let mut kinds = kinds(found);
    kinds.insert(0, Kind { name: "Pages", hits: pages(&shell, &q) });
    kinds.retain(|kind| !kind.hits.is_empty());
    let page = SearchPage { shell, q, kinds };
    if is_typing { page::send(&page.as_hits()) } else { page::send(&page) }
}

fn pages(shell: &Shell, q: &str) -> Vec<Hit> {
    let q = q.to_lowercase();
    let is_meant = |text: &str| text.split(' ').any(|word| word.to_lowercase().starts_with(&q));
    let meant = PAGES.iter().filter(|(name, _, scope, words)| {
        let may = scope.is_empty() || shell.may(scope);
        q.len() > 1 && may && (name.to_lowercase().contains(&q) || is_meant(words))
    });
    let hit = |(name, href, _, _): &(&str, &str, &str, &str)| Hit {
        name: (*name).to_owned(),
        detail: String::new(),
        href: (*href).to_owned(),
    };
    meant.map(hit).collect()
}

fn kinds(found: SearchView) -> Vec<Kind> {
    let hit = |name: String, detail: String, href: String| Hit { name, detail, href };
    let license = |one: License| {
        let key = one.key.map(|key| key.to_string()).unwrap_or_default();
        hit(one.name.to_string(), key, format!("/licenses/{}", one.id))
    };
    let customers = found.customers.into_iter();
    let customers = customers
        .map(|one| hit(one.name.to_string(), one.email.to_string(), format!("/customers/{}", one.id)));
    let products = found.products.into_iter().map(|one| {
        hit(one.name.to_string(), format!("API key {}…", one.key.hint), format!("/products/{}", one.id))
    });
    let applications = found.applications.into_iter();
    let applications = applications.map(|one| {
        hit(one.name.to_string(), one.kind.as_str().to_owned(), format!("/applications/{}", one.id))
    });
    let artifacts = found.artifacts.into_iter();
    let artifacts =
        artifacts.map(|one| hit(one.repository.to_string(), String::new(), format!("/artifacts/{}", one.id)));
    let registries = found.registries.into_iter();
    let registries = registries
        .map(|one| hit(one.name.to_string(), one.host.to_string(), format!("/registries/{}", one.id)));
    let keys = found.registry_keys.into_iter().map(|one| {
        let detail = format!("begins with {}…", one.secret.hint);
        hit(one.name.to_string(), detail, format!("/registries/{}/keys", one.registry))
    });
    let tokens = found
        .tokens
        .into_iter()
        .map(|one| hit(one.name.to_string(), format!("begins with {}…", one.hint), "/tokens".to_owned()));
    vec![
        Kind { name: "Customers", hits: customers.collect() },
        Kind { name: "Licenses", hits: found.licenses.into_iter().map(license).collect() },
        Kind { name: "Products", hits: products.collect() },
        Kind { name: "Applications", hits: applications.collect() },
        Kind { name: "Artifacts", hits: artifacts.collect() },
        Kind { name: "Registries", hits: registries.collect() },
        Kind { name: "Registry keys", hits: keys.collect() },
        Kind { name: "Management tokens", hits: tokens.collect() },
    ]
}
