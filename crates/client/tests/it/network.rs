//! The client against servers, proxies and certificates that are not what it hopes for.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use keyward_client::test_kit::Failure;
use keyward_client::{
    Client, ClientBuilder, CryptoProvider, Decision, Fault, NetworkKind, NoCertificate, Question, SetupError,
};
use keyward_testkit_authority::{Authority, head};

use crate::{GONE, KEY, asking, mock};

fn ring() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn fault(builder: ClientBuilder) -> Fault {
    match builder.build().unwrap().check(KEY, None) {
        Decision::Unknown { fault, lapsed: None, .. } => fault,
        other => panic!("{other:?}"),
    }
}

/// A server that answers each connection with these bytes, whatever it is asked.
fn says(answer: impl Into<String>) -> String {
    let (listener, answer) = (TcpListener::bind("127.0.0.1:0").unwrap(), answer.into());
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 8192]);
            let _ = stream.write_all(answer.as_bytes());
            let _ = stream.shutdown(Shutdown::Both);
        }
    });
    url
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn what_the_server_says_is_told_apart() {
    let server = mock();
    let answer = |status, body: &str| {
        server.fail(Some(Failure::Http { status, body: body.into() }));
        fault(asking(&server.url()))
    };
    let wrong_key = r#"{"valid":false,"status":"invalid_api_key","message":"No such key.\u0007"}"#;
    assert!(matches!(answer(401, wrong_key), Fault::Rejected(problem)
        if problem.status == 401 && problem.code.as_deref() == Some("invalid_api_key")
            && problem.detail.as_deref() == Some("No such key.")));
    let document =
        r#"{"type":"https://x/y","title":"Wrong","code":"invalid_request","detail":"nonce: too long"}"#;
    let told = answer(400, document);
    let unsigned = answer(200, r#"{"valid":true,"signature":null}"#);
    assert!(
        std::error::Error::source(&unsigned).is_some_and(|source| source.is::<keyward_client::Untrusted>())
    );
    assert!(told.to_string().contains("HTTP 400, invalid_request, nonce: too long"), "{told}");
    assert!(matches!(answer(404, "<html>"), Fault::Rejected(problem) if problem.code.is_none()));
    for status in [500, 502, 503, 504, 408] {
        assert!(matches!(answer(status, "[]"), Fault::Unavailable(problem) if problem.status == status));
    }
    for status in [204, 302, 307] {
        assert!(matches!(answer(status, ""), Fault::Unexpected(problem) if problem.status == status));
    }
    let busy = says("HTTP/1.1 429 Busy\r\nRetry-After: 90\r\nContent-Length: 0\r\n\r\n");
    assert!(
        matches!(fault(asking(&busy)), Fault::RateLimited { retry_after: Some(after), .. } if after.as_secs() == 90)
    );
    let moved = says("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n");
    assert!(matches!(fault(asking(&moved)), Fault::Unexpected(problem) if problem.status == 302));
}

#[test]
fn who_is_not_the_server_is_not_believed() {
    let replayed = Question::new(KEY, None, [9; 16]);
    let server = mock();
    let now = keyward_client::UnixSeconds::from(std::time::UNIX_EPOCH.elapsed().unwrap());
    let body = server.vendor().answer(&replayed, now).body();
    for body in ["<html>Sign in to the Wi-Fi</html>", "", "{}", "null", &body, &body.replace("true", "false")]
    {
        assert!(matches!(fault(asking(&says(ok(body)))), Fault::Untrusted(_)), "{body}");
    }
}

#[test]
fn what_breaks_is_told_apart() {
    let kind = |builder: ClientBuilder| {
        let fault = fault(builder);
        assert!(std::error::Error::source(&fault).is_some_and(|source| !source.to_string().is_empty()));
        match fault {
            Fault::Unreachable { kind, .. } => kind,
            other => panic!("{other:?}"),
        }
    };
    let quick = |url: &str| asking(url).timeout(Duration::from_millis(700));
    assert_eq!(kind(quick(GONE)), NetworkKind::Connection);
    assert_eq!(kind(quick(&says(""))), NetworkKind::Connection);
    assert_eq!(kind(quick(&says("nonsense\r\n\r\n"))), NetworkKind::Protocol);
    let endless = format!("HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n{}", "x".repeat(1_000_000));
    for broken in [ok("").replace("Length: 0", "Length: 99999999999999999999"), endless] {
        kind(quick(&says(broken)));
    }
    let server = mock();
    server.fail(Some(Failure::Silence));
    assert_eq!(kind(quick(&server.url())), NetworkKind::Timeout);
    assert!(matches!(
        kind(quick("http://no.such.host.invalid")),
        NetworkKind::Dns | NetworkKind::Connection | NetworkKind::Timeout
    ));
}

#[test]
fn what_works_nowhere_is_told_when_the_client_is_made() {
    for url in [
        "",
        "nonsense",
        "licenses.example",
        "ftp://licenses.example",
        "http://",
        "https://a:b@c",
        "https://a?b",
        "https://a#b",
        "https:///x",
        "http://a b",
    ] {
        assert!(matches!(asking(url).build(), Err(SetupError::Url)), "{url}");
    }
    let keys = mock().vendor().keys();
    let key = Client::builder(GONE, "kw_prod_\0", "p", keys).build();
    assert!(matches!(key, Err(SetupError::ApiKey)));
    for proxy in ["", "socks5://127.0.0.1:1080", "ftp://x", "://"] {
        assert!(matches!(asking(GONE).proxy(proxy).build(), Err(SetupError::Proxy)), "{proxy}");
    }
    let mut hollow = (*ring()).clone();
    hollow.cipher_suites.clear();
    let hollow = asking("https://licenses.example").tls_provider(Arc::new(hollow)).build();
    assert!(matches!(hollow, Err(SetupError::TlsProvider(_))));
    // With the feature `ring` there is always one.
    let none = asking("https://licenses.example").build();
    assert_eq!(matches!(none, Err(SetupError::NoTlsProvider)), !cfg!(feature = "ring"));
    let to_proxy = asking(GONE).proxy("https://proxy.example").build();
    assert_eq!(to_proxy.is_err(), !cfg!(feature = "ring"));
    assert!(CryptoProvider::get_default().is_none(), "the client installs none");
}

#[test]
fn a_server_with_a_certificate_of_its_own_authority() {
    let authority = Authority::new();
    let address = authority.serve(|mut reader| {
        head(&mut reader);
        let _ = reader
            .get_mut()
            .write_all(b"HTTP/1.1 429 Too Many\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
    let client = || asking(&format!("https://{address}")).tls_provider(ring());
    assert!(matches!(fault(client()), Fault::Unreachable { kind: NetworkKind::Tls, source }
        if source.to_string().contains("UnknownIssuer")));
    assert!(matches!(fault(client().authorities(&authority.pem()).unwrap()), Fault::RateLimited { .. }));
    let other = client().authorities(&Authority::new().pem()).unwrap();
    assert!(matches!(fault(other), Fault::Unreachable { kind: NetworkKind::Tls, .. }));
    for pem in ["", "text", "-----BEGIN CERTIFICATE-----\n"] {
        assert!(matches!(client().authorities(pem), Err(NoCertificate)), "{pem}");
    }
}

/// A proxy that passes requests on or connects (RFC 9110, section 9.3.6), and says which and to where.
fn proxy() -> (String, std::sync::mpsc::Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (to, from) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (mut request, mut byte) = (Vec::new(), [0]);
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                request.push(byte[0]);
            }
            let text = String::from_utf8_lossy(&request).into_owned();
            let mut words = text.split_whitespace().map(str::to_owned);
            let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let host = target.trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned();
            let Ok(mut server) = TcpStream::connect(&host) else { continue };
            if method == "CONNECT" {
                let _ = stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n");
            } else {
                let _ = server.write_all(&request);
            }
            let _ = to.send((method, host));
            let (mut back, mut there) = (stream.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut there, &mut back);
                back.shutdown(Shutdown::Both)
            });
            std::thread::spawn(move || std::io::copy(&mut stream, &mut server));
        }
    });
    (url, from)
}

#[test]
fn a_proxy_passes_bytes_on_to_a_server_with_tls() {
    let authority = Authority::new();
    let address = authority.serve(|mut reader| {
        head(&mut reader);
        let _ = reader
            .get_mut()
            .write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
    let (url, asked) = proxy();
    let client = || asking(&format!("https://{address}")).tls_provider(ring()).proxy(&url);
    assert!(matches!(fault(client().authorities(&authority.pem()).unwrap()), Fault::Unavailable(_)));
    assert_eq!(asked.try_recv().unwrap(), ("CONNECT".to_owned(), address.to_string()));
    assert!(
        matches!(fault(client()), Fault::Unreachable { kind: NetworkKind::Tls, .. }),
        "it can't read along"
    );
}

#[test]
fn a_proxy_is_used_only_if_told() {
    let server = mock();
    let target = server.url().trim_start_matches("http://").to_owned();
    let (url, asked) = proxy();
    let decision = asking(&server.url()).proxy(&url).build().unwrap().check(KEY, None);
    assert!(decision.may_run(), "{decision}");
    assert_eq!(asked.try_recv().unwrap().1, target);
    assert!(matches!(fault(asking(&server.url()).proxy(GONE)), Fault::Unreachable { .. }));
    // What the environment says is nothing to a client that does not ask for it.
    let child = |environment: &str| {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "network::ask_in_an_environment"])
            .envs([
                ("ALL_PROXY", url.as_str()),
                ("KEYWARD_TEST_URL", &server.url()),
                ("KEYWARD_TEST_READ", environment),
            ])
            .env_remove("NO_PROXY")
            .env_remove("no_proxy")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        asked.try_recv().is_ok()
    };
    assert!(!child("no"));
    assert!(child("yes"));
}

#[test]
#[ignore = "it is run by the test above"]
#[expect(clippy::disallowed_methods, reason = "the settings of a process")]
fn ask_in_an_environment() {
    let builder = asking(&std::env::var("KEYWARD_TEST_URL").unwrap());
    let read = std::env::var("KEYWARD_TEST_READ").unwrap() == "yes";
    let builder = if read { builder.proxy_from_environment() } else { builder };
    assert!(builder.build().unwrap().check(KEY, None).may_run());
}
