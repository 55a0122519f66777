//! The client against servers that misbehave.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener};
use std::time::Duration;

use keyward_client::{Client, Decision, Fault, NoCertificate};
use keyward_testkit_authority::{Authority, head};
use serde_json::Value;

use crate::{answer, keys};

#[test]
fn no_length_of_time_panics() {
    let client = Client::builder("http://127.0.0.1:9", "kw_prod_x", "p", keys())
        .grace_days(u16::MAX)
        .timeout(Duration::MAX);
    assert!(matches!(client.build().check("key", None), Decision::Unknown(_)));
    let none =
        Client::builder("http://127.0.0.1:9", "kw_prod_x", "p", keys()).timeout(Duration::ZERO).build();
    assert!(matches!(none.check("key", None), Decision::Unknown(_)));
}

/// A server that answers each request with what `reply` makes of its body; `None` hangs up.
fn server(reply: impl Fn(&Value) -> Option<String> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut chunk = [0; 4096];
            let body = loop {
                let read = stream.read(&mut chunk).unwrap_or(0);
                request.extend_from_slice(&chunk[..read]);
                let text = String::from_utf8_lossy(&request);
                let body = text.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str(body).ok());
                if read == 0 || body.is_some() {
                    break body.unwrap_or(Value::Null);
                }
            };
            if let Some(reply) = reply(&body) {
                let _ = stream.write_all(reply.as_bytes());
            }
            let _ = stream.shutdown(Shutdown::Both);
        }
    });
    url
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Signed now, whatever the day of the test is.
fn signed_now(question: &Value, valid: bool) -> String {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap();
    let now = keyward_client::UnixSeconds::from(now).to_rfc3339().unwrap();
    answer(question["nonce"].as_str().unwrap(), |answer| {
        answer["signed_at"] = now.into();
        answer["expires"] = Value::Null;
        answer["valid"] = valid.into();
        answer["status"] = if valid { "active" } else { "revoked" }.into();
    })
}

#[test]
fn refused_is_told_from_unreachable_and_ends_the_grace() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("license.json");
    let client = |url: &str| {
        Client::builder(url, "kw_prod_x", "p", keys()).keep_in(&file).timeout(Duration::from_secs(2)).build()
    };
    let good = server(|question| Some(ok(&signed_now(question, true))));
    let gone = "http://127.0.0.1:9";
    assert!(matches!(client(gone).check("KEY", None), Decision::Unknown(Fault::Unreachable(_))));
    assert!(matches!(client(&good).check("KEY", None), Decision::Licensed(_)));
    // Another process, later, with the server out of reach.
    let offline = client(gone).check("KEY", None);
    assert!(offline.may_run() && matches!(offline, Decision::Offline { .. }), "{offline:?}");
    assert!(!client(gone).check("OTHER", None).may_run());

    let kept = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, kept.replace("active", "superb")).unwrap();
    assert!(!client(gone).check("KEY", None).may_run(), "a changed file is worth nothing");
    std::fs::write(&file, kept).unwrap();

    let refusing = server(|question| Some(ok(&signed_now(question, false))));
    assert!(matches!(client(&refusing).check("KEY", None), Decision::Refused(_)));
    assert!(!client(gone).check("KEY", None).may_run(), "a refusal is remembered");

    assert!(client(&good).check("KEY", None).may_run());
    let mistyped = server(|question| {
        let refused = answer(question["nonce"].as_str().unwrap(), |answer| {
            let now = std::time::UNIX_EPOCH.elapsed().unwrap();
            answer["signed_at"] = keyward_client::UnixSeconds::from(now).to_rfc3339().unwrap().into();
            answer["valid"] = false.into();
            answer["license_key"] = "MISTYPED".into();
        });
        Some(ok(&refused))
    });
    assert!(matches!(client(&mistyped).check("MISTYPED", None), Decision::Refused(_)));
    assert!(client(gone).check("KEY", None).may_run(), "another license's refusal is another license's");
}

#[test]
fn whatever_comes_back_is_told_apart() {
    let check = |url: &str| {
        Client::builder(url, "kw_prod_x", "p", keys())
            .timeout(Duration::from_millis(700))
            .build()
            .check("KEY", None)
    };
    let status =
        |line: &'static str| server(move |_| Some(format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n")));
    for (line, expected) in [
        ("401 Unauthorized", 401),
        ("429 Too Many Requests", 429),
        ("503 Busy", 503),
        ("302 Found\r\nLocation: /x", 302),
    ] {
        match check(&status(line)) {
            Decision::Unknown(Fault::Undecided { status }) => assert_eq!(status, expected),
            other => panic!("{line}: {other:?}"),
        }
    }
    let html = server(|_| Some(ok("<html>Sign in to the Wi-Fi</html>")));
    assert!(matches!(check(&html), Decision::Unknown(Fault::Untrusted(_))));
    let forged = server(|question| Some(ok(&signed_now(question, false).replace("false", "true"))));
    assert!(matches!(check(&forged), Decision::Unknown(Fault::Untrusted(_))));
    let replayed = server(|_| Some(ok(&signed_now(&serde_json::json!({"nonce": "old"}), true))));
    assert!(matches!(check(&replayed), Decision::Unknown(Fault::Untrusted(_))));
    for broken in [
        server(|_| None),
        server(|_| Some("nonsense\r\n\r\n".into())),
        server(|_| Some(ok("").replace("Length: 0", "Length: 99999999999999999999"))),
        server(|_| {
            Some(format!("HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n{}", "x".repeat(1_000_000)))
        }),
        server(|_| {
            std::thread::sleep(Duration::from_secs(3));
            None
        }),
        "http://no.such.host.invalid".into(),
        "nonsense".into(),
    ] {
        assert!(matches!(check(&broken), Decision::Unknown(_)));
    }
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
    let client = || Client::builder(&format!("https://{address}"), "kw_prod_x", "p", keys());
    let asked = |client: Client| match client.check("key", None) {
        Decision::Unknown(fault) => fault,
        other => panic!("{other:?}"),
    };
    assert!(matches!(asked(client().build()), Fault::Unreachable(why) if why.contains("UnknownIssuer")));
    let trusting = client().authorities(&authority.pem()).unwrap();
    assert!(matches!(asked(trusting.build()), Fault::Undecided { status: 429 }));
    let other = client().authorities(&Authority::new().pem()).unwrap();
    assert!(matches!(asked(other.build()), Fault::Unreachable(_)));
    for pem in ["", "text", "-----BEGIN CERTIFICATE-----\n"] {
        assert!(matches!(client().authorities(pem), Err(NoCertificate)), "{pem}");
    }
}
