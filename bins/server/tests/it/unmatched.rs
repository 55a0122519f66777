//! What no route takes.

use crate::database::Shop;

/// Status and type of the answer to a request.
fn answer(shop: &Shop, method: &str, path: &str, accept: &str) -> (u16, String, Option<String>) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", shop.url));
    let answer = agent.run(request.header("Accept", accept).body(()).unwrap()).unwrap();
    let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    (answer.status().as_u16(), header("content-type").unwrap_or_default(), header("allow"))
}

#[test]
fn another_method_is_told_from_another_address_and_people_get_a_page() {
    let data = tempfile::tempdir().unwrap();
    let shop = Shop::open_with(&format!("sqlite://{}", data.path().join("keyward.db").display()), &[], &[]);
    let (page, problem) = ("text/html", "application/problem+json");
    for (method, path, accept, status, kind) in [
        ("DELETE", "/api/v1/licenses", page, 405, problem),
        ("PUT", "/api/v1/alerts", problem, 405, problem),
        ("GET", "/api/v1/nowhere", page, 404, problem),
        ("GET", "/nowhere", problem, 404, problem),
        ("DELETE", "/nowhere", page, 404, problem),
        ("GET", "/nowhere", page, 404, page),
        ("GET", "/products/nowhere/at/all", page, 404, page),
    ] {
        let (found, told, allow) = answer(&shop, method, path, accept);
        assert!(found == status && told.starts_with(kind), "{method} {path}: {found} {told}");
        assert_eq!(allow.is_some(), status == 405, "{method} {path}");
    }
}
