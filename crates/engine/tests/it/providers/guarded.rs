//! Where sign-in providers may be, and how much of them is listened to.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keyward_domain::{OutboundRules, ProviderUrl};
use keyward_engine::{Error, WireError};
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine_in;

use super::strange::Strange;
use super::{new, program};
use crate::addresses::{Verdict, addresses, network};

/// What is said of an issuer that is refused.
async fn refusal(vendor: &Vendor, issuer: &str) -> (&'static str, &'static str, String) {
    match vendor.engine.set_sign_in_provider(&vendor.access(), program(vendor), new(issuer), None).await {
        Err(Error::Invalid(faults)) => {
            (faults[0].field, faults[0].invalid.code, faults[0].invalid.message.clone())
        }
        other => panic!("{issuer}: {other:?}"),
    }
}

/// A server that answers every request with these bytes, as often as is read, and the bytes that were taken.
fn server(head: &'static str, chunk: &'static [u8], times: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&taken);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4_096]);
            let _ = stream.write_all(head.as_bytes());
            for _ in 0..times {
                if stream.write_all(chunk).is_err() {
                    break;
                }
                counted.fetch_add(chunk.len(), Ordering::SeqCst);
            }
        }
    });
    (issuer, taken)
}

#[database_test]
async fn an_issuer_is_where_the_operator_lets_it_be(store: Store) {
    let (engine, _) = engine_in(store, OutboundRules::default(), network());
    let vendor = Vendor::found(&engine, "Acme").await;
    let nowhere = refusal(&vendor, "https://nowhere.example").await;
    assert_eq!((nowhere.0, nowhere.1), ("issuer", "provider_unusable"));
    for (verdict, text) in addresses() {
        // Without TLS only this machine may be named at all.
        let text = text.replacen("http:", "https:", 1);
        match text.parse::<ProviderUrl>() {
            Ok(issuer) => assert_eq!(refusal(&vendor, issuer.as_str()).await, nowhere, "{text}"),
            Err(_) => assert_eq!(verdict, Verdict::Invalid, "{text}"),
        }
    }
    // It was never asked.
    let strange = Strange::start();
    assert_eq!(refusal(&vendor, &strange.issuer).await, nowhere);
    assert!(strange.says.lock().unwrap().asked.is_empty());
}

#[database_test]
async fn whatever_is_the_matter_with_a_provider_is_told_alike(store: Store) {
    let (engine, _) = engine_in(store, OutboundRules::loopback(), network());
    let vendor = Vendor::found(&engine, "Acme").await;
    let told = refusal(&vendor, "https://nowhere.example").await;
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (text, _) = server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n", b"no", 1);
    let (other, _) = server("SSH-2.0-OpenSSH_9.6\r\n", b"", 0);
    let (missing, _) =
        server("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", b"", 0);
    let (moved, _) = server(
        "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        b"",
        0,
    );
    let tls = text.replacen("http:", "https:", 1);
    for issuer in [
        &format!("http://{closed}"),
        &text,
        &other,
        &missing,
        &moved,
        &tls,
        "https://169.254.169.254",
        "https://10.0.0.1",
    ] {
        assert_eq!(refusal(&vendor, issuer).await, told, "{issuer}");
    }
}

#[database_test]
async fn a_provider_is_judged_again_each_time_it_is_asked(store: Store) {
    let net = network();
    let (engine, _) = engine_in(store, OutboundRules::loopback(), net.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    let strange = Strange::start();
    let named = strange.issuer.replacen("127.0.0.1", "id.localhost", 1);
    {
        let mut says = strange.says.lock().unwrap();
        says.described =
            serde_json::from_str(&says.described.to_string().replace(&strange.issuer, &named)).unwrap();
    }
    net.set(
        "id.localhost",
        &[&["127.0.0.1"], &["127.0.0.1"], &["10.0.0.1"], &["169.254.169.254"], &["127.0.0.1"]],
    );
    engine.set_sign_in_provider(&vendor.access(), program(&vendor), new(&named), None).await.unwrap();
    let depart = async || engine.depart(&"acme".parse().unwrap()).await.unwrap().unwrap();
    assert!(depart().await.is_ok());
    let asked = || strange.says.lock().unwrap().asked.len();
    let before = asked();
    for _ in 0..2 {
        assert!(matches!(depart().await, Err(WireError::NoAnswer)));
    }
    assert_eq!(asked(), before, "elsewhere it was not asked");
    assert!(depart().await.is_ok());
}

#[database_test]
async fn no_more_is_taken_of_a_provider_than_fits(store: Store) {
    static SPACE: [u8; 64 * 1_024] = [b' '; 64 * 1_024];
    let (engine, _) = engine_in(store, OutboundRules::loopback(), network());
    let vendor = Vendor::found(&engine, "Acme").await;
    let told = refusal(&vendor, "https://nowhere.example").await;
    let heads = [
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2147483648\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n",
        "HTTP/1.1 500 Oh\r\nconnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: ",
    ];
    for head in heads {
        let (issuer, taken) = server(head, &SPACE, 1_000);
        assert_eq!(refusal(&vendor, &issuer).await, told, "{head}");
        // What the buffers of the operating system hold counts as taken.
        assert!(taken.load(Ordering::SeqCst) < 16 * 1_024 * 1_024, "{head}");
    }
}
