//! Whether a form was sent by one of this server's own pages, by what the browser says of it.

use actix_web::http::header;
use actix_web::{HttpRequest, web};

use crate::Settings;

/// Whether the browser says that a form comes from a page of this server. Browsers say where a form comes from
/// (`Sec-Fetch-Site`, or `Origin` on plain HTTP) and let no page change it; what says neither is no browser of these
/// years, and nobody's cookies are abused by it. `Origin: null` is what a page says that hides where it is.
pub fn is_from_own_page(request: &HttpRequest) -> bool {
    let text = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap_or("?"));
    match (text("sec-fetch-site"), text("origin")) {
        // Typed by the person, or from a page of the very same origin.
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => is_own_origin(request, origin),
        (None, None) => true,
    }
}

fn is_own_origin(request: &HttpRequest, origin: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let default = Settings::default();
    let settings = request.app_data::<web::Data<Settings>>().map_or(&default, |settings| settings.as_ref());
    if settings.https && scheme != "https" {
        return false;
    }
    let port = if scheme == "https" { ":443" } else { ":80" };
    let same = |host: &str| host.strip_suffix(port).unwrap_or(host).eq_ignore_ascii_case(authority);
    let own = settings.public_authority.as_deref().into_iter();
    own.map(str::to_owned).chain(host(request, settings)).any(|host| same(&host))
}

/// Host and port as the client wrote them. What others say of proxies is not listened to.
pub fn asked_host(request: &HttpRequest) -> Option<&str> {
    let authority = request.uri().authority().map(|authority| authority.as_str());
    authority.or_else(|| request.headers().get(header::HOST)?.to_str().ok())
}

/// The host by which the browser knows the server: what a trusted proxy says of it, or the request itself.
fn host(request: &HttpRequest, settings: &Settings) -> Option<String> {
    let peer = request.peer_addr().map(|peer| peer.ip());
    let forwarded = match peer {
        Some(peer) if settings.trusted_proxies.trusts_peer(peer) => forwarded_host(request),
        Some(_) | None => None,
    };
    let named = || request.headers().get(header::HOST)?.to_str().ok().map(str::to_owned);
    let addressed = || request.uri().authority().map(ToString::to_string);
    forwarded.or_else(named).or_else(addressed)
}

/// What the nearest proxy wrote, which is the last of several (RFC 7239, and the header that came before it).
fn forwarded_host(request: &HttpRequest) -> Option<String> {
    let last = |name: &str| request.headers().get_all(name).last()?.to_str().ok()?.rsplit(',').next();
    let standard = last("forwarded").and_then(|element| {
        let pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("host")).map(|(_, host)| host)
    });
    let host = standard.or_else(|| last("x-forwarded-host"))?.trim().trim_matches('"');
    (!host.is_empty()).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::TrustedProxies;

    fn settings(https: bool, proxies: &[&str], public: Option<&str>) -> Settings {
        Settings {
            https,
            trusted_proxies: TrustedProxies::new(
                proxies.iter().map(|range| range.parse().unwrap()).collect(),
            ),
            public_authority: public.map(str::to_owned),
            ..Settings::default()
        }
    }

    fn judged(settings: Settings, headers: &[(&str, &str)]) -> bool {
        let mut request = TestRequest::post().peer_addr(([10, 0, 0, 1], 1).into());
        for header in headers {
            request = request.insert_header(*header);
        }
        is_from_own_page(&request.app_data(web::Data::new(settings)).to_http_request())
    }

    #[test]
    fn what_the_browser_says_decides() {
        let plain = |headers: &[(&str, &str)]| judged(settings(false, &[], None), headers);
        let host = ("Host", "a.example:8080");
        assert!(plain(&[host, ("Sec-Fetch-Site", "same-origin"), ("Origin", "null")]));
        assert!(plain(&[host, ("Sec-Fetch-Site", "none")]));
        for site in ["cross-site", "same-site", "", "SAME-ORIGIN"] {
            assert!(!plain(&[host, ("Sec-Fetch-Site", site), ("Origin", "http://a.example:8080")]), "{site}");
        }
        assert!(plain(&[host, ("Origin", "http://a.example:8080")]));
        assert!(plain(&[("Host", "A.example:80"), ("Origin", "http://a.example")]));
        assert!(plain(&[("Host", "a.example:443"), ("Origin", "https://a.example")]));
        for origin in
            ["null", "", "http://a.example", "http://b.example:8080", "http://a.example:8080.evil.example"]
        {
            assert!(!plain(&[host, ("Origin", origin)]), "{origin}");
        }
        assert!(plain(&[host]), "no browser");
        let tls = |origin| {
            judged(settings(true, &[], Some("a.example")), &[("Host", "app:8080"), ("Origin", origin)])
        };
        assert!(tls("https://a.example") && tls("https://app:8080"));
        assert!(!tls("http://a.example"), "a page without TLS speaks for none with it");
    }

    #[test]
    fn only_trusted_proxies_name_another_host() {
        for forwarded in [
            ("X-Forwarded-Host", "a.example"),
            ("X-Forwarded-Host", "evil.example, a.example"),
            ("Forwarded", "for=192.0.2.1;Host=\"a.example\";proto=https"),
            ("Forwarded", "host=evil.example, for=192.0.2.1; host=a.example"),
        ] {
            let headers = [("Host", "app:8080"), ("Origin", "https://a.example"), forwarded];
            assert!(judged(settings(false, &["10.0.0.0/8"], None), &headers), "{forwarded:?}");
            assert!(!judged(settings(false, &["192.0.2.0/24"], None), &headers), "{forwarded:?}");
            assert!(!judged(settings(false, &[], None), &headers), "{forwarded:?}");
        }
    }
}
