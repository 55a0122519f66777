//! TLS by the server itself, and the authorities that it believes.

use std::fs;
use std::io::{BufRead as _, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use keyward_testkit_authority::{Authority, Pair, head};
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{bootstrapped, refuses, run, server, stderr};

/// A server that speaks TLS, and what it logs.
struct Secured {
    folder: TempDir,
    child: Child,
    address: String,
}

impl Secured {
    fn start(pair: &Pair) -> Self {
        let folder = bootstrapped();
        write(folder.path(), pair);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let log = || fs::File::options().create(true).append(true).open(folder.path().join("log")).unwrap();
        let child = server(folder.path(), &["--listen", &address])
            .envs([("KEYWARD_TLS_CERT", "cert.pem"), ("KEYWARD_TLS_KEY", "key.pem")])
            .stdout(log())
            .stderr(log())
            .spawn()
            .unwrap();
        Self { folder, child, address }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// The answer to a request, and the certificate that came with it.
    fn get(&self, authority: &Authority, path: &str) -> std::io::Result<(String, CertificateDer<'static>)> {
        let mut stream = authority.connect(&self.address, &["http/1.1"])?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let certificates = stream.conn.peer_certificates().unwrap();
        Ok((answer, certificates[0].clone().into_owned()))
    }

    fn within<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{what}: {}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write(folder: &Path, pair: &Pair) {
    fs::write(folder.join("cert.pem"), &pair.certificate).unwrap();
    fs::write(folder.join("key.pem"), &pair.key).unwrap();
}

#[test]
fn a_new_certificate_is_served_without_a_restart_and_half_a_one_is_not() {
    let authority = Authority::new();
    let (first, second, third) = (
        authority.issue(&["127.0.0.1"], 2100),
        authority.issue(&["127.0.0.1"], 2101),
        authority.issue(&["127.0.0.1"], 2102),
    );
    let secured = Secured::start(&first);
    let served = || secured.get(&authority, "/readyz").ok();
    let (answer, certificate) = secured.within("it does not get ready", || {
        served().filter(|(answer, _)| answer.starts_with("HTTP/1.1 200"))
    });
    assert_eq!(certificate, first.der());
    assert!(answer.contains("strict-transport-security: max-age="), "{answer}");
    assert!(
        secured.log().contains(&format!("address=https://{0} public_url=\"https://{0}\"", secured.address))
    );
    let (page, _) = secured.get(&authority, "/sign-in").unwrap();
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(
        page.lines().filter(|line| line.starts_with("set-cookie")).all(|line| line.contains("; Secure")),
        "{page}"
    );
    // Browsers and curl ask for it.
    let stream = authority.connect(&secured.address, &["h2", "http/1.1"]).unwrap();
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));

    write(secured.folder.path(), &second);
    let is_served = |pair: &Pair| {
        secured
            .within("the new certificate is not served", || served().filter(|(_, got)| *got == pair.der()));
    };
    is_served(&second);
    // Half a file, the key of another, nothing: what was right is still served, and each is told once.
    let path = |name: &str| secured.folder.path().join(name);
    let faults = [
        ("cert.pem", third.certificate[..third.certificate.len() / 2].to_owned(), "KEYWARD_TLS_CERT"),
        (
            "cert.pem",
            third.certificate.clone(),
            "KEYWARD_TLS_KEY is not the key of the certificate in KEYWARD_TLS_CERT",
        ),
        ("key.pem", String::new(), "KEYWARD_TLS_KEY holds no private key"),
    ];
    for (file, text, told) in faults {
        fs::write(path(file), text).unwrap();
        secured.within("it is not told", || secured.log().contains(told).then_some(()));
        std::thread::sleep(Duration::from_secs(5));
        assert_eq!(secured.log().matches(told).count(), 1, "{}", secured.log());
        assert_eq!(served().unwrap().1, second.der());
    }
    fs::remove_file(path("cert.pem")).unwrap();
    secured.within("it is not told", || {
        secured.log().contains("KEYWARD_TLS_CERT: reading cert.pem").then_some(())
    });
    assert_eq!(served().unwrap().1, second.der());
    write(secured.folder.path(), &third);
    is_served(&third);
    assert!(!secured.log().contains("PRIVATE KEY"));
}

#[test]
fn what_is_refused_before_its_body_is_read_is_told_by_http_2_too() {
    let authority = Authority::new();
    let secured = Secured::start(&authority.issue(&["127.0.0.1"], 2100));
    secured.within("it does not get ready", || secured.get(&authority, "/readyz").ok());
    actix_web::rt::System::new().block_on(async {
        let connector = awc::Connector::new().rustls_0_23(authority.client(&["h2", "http/1.1"]));
        let client = awc::Client::builder().connector(connector).finish();
        for length in [0, 10, 500_000] {
            let ask = client.post(format!("https://{}/api/v1/customers", secured.address));
            let answer = ask.content_type("application/json").send_body(vec![b'x'; length]).await.unwrap();
            assert_eq!(
                (answer.status().as_u16(), answer.version()),
                (401, awc::http::Version::HTTP_2),
                "{length}"
            );
        }
    });
}

#[test]
fn wrong_settings_of_tls_are_told_in_one_line() {
    let folder = bootstrapped();
    let authority = Authority::new();
    let pair = authority.issue(&["127.0.0.1"], 2100);
    write(folder.path(), &pair);
    fs::write(folder.path().join("other.pem"), &authority.issue(&["127.0.0.1"], 2100).key).unwrap();
    fs::write(folder.path().join("text"), "no PEM at all").unwrap();
    fs::write(
        folder.path().join("garbage.pem"),
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    let refused = |args: &[&str], why: &str| {
        for command in ["serve", "check"] {
            let args = [&[command, "--listen", "127.0.0.1:1"], args].concat();
            refuses(&run(folder.path(), &args), why);
        }
    };
    refused(&["--tls-cert", "cert.pem"], "KEYWARD_TLS_CERT needs KEYWARD_TLS_KEY");
    refused(&["--tls-key", "key.pem"], "KEYWARD_TLS_KEY needs KEYWARD_TLS_CERT");
    let files = |certificate, key, why: &str| refused(&["--tls-cert", certificate, "--tls-key", key], why);
    files("nowhere.pem", "key.pem", "KEYWARD_TLS_CERT: reading nowhere.pem");
    files("cert.pem", "nowhere.pem", "KEYWARD_TLS_KEY: reading nowhere.pem");
    files("text", "key.pem", "KEYWARD_TLS_CERT holds no certificate");
    files("garbage.pem", "key.pem", "KEYWARD_TLS_CERT holds a certificate that can't be read");
    files("cert.pem", "text", "KEYWARD_TLS_KEY holds no private key");
    files("cert.pem", "other.pem", "KEYWARD_TLS_KEY is not the key of the certificate in KEYWARD_TLS_CERT");
    refused(
        &["--tls-cert", "cert.pem", "--tls-key", "key.pem", "--public-url", "http://keyward.example"],
        "KEYWARD_PUBLIC_URL “http://keyward.example” must begin with https://",
    );
    refused(&["--ca-file", "nowhere.pem"], "KEYWARD_CA_FILE: reading nowhere.pem");
    refused(&["--ca-file", "text"], "KEYWARD_CA_FILE: there is no certificate in PEM in text");
    refused(&["--ca-file", "garbage.pem"], "KEYWARD_CA_FILE: a certificate in garbage.pem can't be used");
    assert!(run(folder.path(), &["check", "--ca-file", "ca.pem"]).status.success());

    // What a server serves all the same, `check` tells as well.
    let checked = |pair: &Pair, url: &str| {
        write(folder.path(), pair);
        let args = ["check", "--tls-cert", "cert.pem", "--tls-key", "key.pem", "--public-url", url];
        let output = run(folder.path(), &args);
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let in_order = checked(&pair, "https://127.0.0.1:8443");
    assert_eq!(in_order.lines().count(), 2, "{in_order}");
    assert!(
        checked(&authority.issue(&["127.0.0.1"], 2021), "https://127.0.0.1").contains("ended on 2021-01-01")
    );
    assert!(checked(&pair, "https://keyward.example").contains("is not for keyward.example"));
}

#[test]
fn an_authority_of_ones_own_counts_wherever_the_server_connects_to() {
    let authority = Authority::new();
    let (asked, mails) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(String::new())));
    let heard = Arc::clone(&asked);
    let web = authority.serve(move |mut reader| {
        let first = head(&mut reader);
        heard.lock().unwrap().push(first.split_whitespace().nth(1).unwrap_or_default().to_owned());
        let _ = reader
            .get_mut()
            .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
    let heard = Arc::clone(&mails);
    let smtp = authority.serve(move |mut reader| {
        let _ = reader.get_mut().write_all(b"220 test\r\n");
        let (mut line, mut in_data) = (String::new(), false);
        while reader.read_line(&mut line).is_ok_and(|length| length > 0) {
            let answer = match line.trim_end() {
                "." => "250 kept",
                _ if in_data => "",
                "DATA" => "354 go on",
                _ => "250 fine",
            };
            in_data = (in_data || line.starts_with("DATA")) && line.trim_end() != ".";
            if !answer.is_empty() {
                let _ = reader.get_mut().write_all(format!("{answer}\r\n").as_bytes());
            }
            heard.lock().unwrap().push_str(&line);
            line.clear();
        }
    });

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    let made = run(folder.path(), &["bootstrap", "--organization", "Acme", "--email", "a@acme.example"]);
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let (token, id) = (made["token"].as_str().unwrap().to_owned(), made["organization_id"].as_str().unwrap());
    let mut registry_id = String::new();
    // Without the setting none of them is reached, and the log names it.
    for trusts in [false, true] {
        asked.lock().unwrap().clear();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = format!("127.0.0.1:{port}");
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut command = server(folder.path(), &["--listen", &listen]);
        if trusts {
            command.env("KEYWARD_CA_FILE", "ca.pem");
        }
        let smtp_url = format!("smtps://127.0.0.1:{}", smtp.port());
        let child =
            command.env("KEYWARD_SMTP_URL", smtp_url).stdout(log.try_clone().unwrap()).stderr(log).spawn();
        let mut child = child.unwrap();
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let begun = Instant::now();
        while agent
            .get(format!("http://{listen}/readyz"))
            .call()
            .map_or(true, |answer| answer.status() != 200)
        {
            assert!(begun.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(50));
        }
        let send = |method: &str, path: &str, body: Value| {
            let request = ureq::http::Request::builder()
                .method(method)
                .uri(format!("http://{listen}{path}"))
                .header("Authorization", format!("Bearer {token}"))
                .header("Content-Type", "application/json");
            let mut answer = agent.run(request.body(body.to_string()).unwrap()).unwrap();
            answer.body_mut().read_json::<Value>().unwrap_or_default()
        };
        let issuer = format!("https://localhost:{}", web.port());
        let provider = json!({"issuer": issuer, "client_id": "keyward", "client_secret": "secret"});
        send("PUT", &format!("/api/v1/organizations/{id}/sign-in-provider"), provider);
        if !trusts {
            let upstream = format!("https://127.0.0.1:{}", web.port());
            let registry = json!({"name": "Main", "host": "releases.localhost", "upstream": upstream});
            registry_id = send("POST", "/api/v1/registries", registry)["id"].as_str().unwrap().to_owned();
        }
        let key = json!({"registry_id": registry_id, "name": format!("CI {trusts}"), "access": "read"});
        let key = send("POST", "/api/v1/registry-keys", key)["secret"].as_str().unwrap().to_owned();
        use base64::Engine as _;
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("x:{key}"));
        let pull = agent.get(format!("http://{listen}/v2/acme/app/manifests/1"));
        let _ = pull
            .header("Host", "releases.localhost")
            .header("Authorization", format!("Basic {basic}"))
            .call();
        let invited =
            json!({"name": "Vera", "email": format!("vera-{trusts}@acme.example"), "role": "member"});
        let member = send("POST", "/api/v1/members", invited)["id"].as_str().unwrap().to_owned();
        send("POST", &format!("/api/v1/members/{member}/invite"), json!({}));
        let log = || fs::read_to_string(folder.path().join("log")).unwrap();
        let begun = Instant::now();
        if trusts {
            while !mails.lock().unwrap().contains("RCPT TO:<vera-true@acme.example>") {
                assert!(begun.elapsed() < Duration::from_secs(20), "{}", log());
                std::thread::sleep(Duration::from_millis(50));
            }
            let asked = asked.lock().unwrap().clone();
            assert!(asked.contains(&"/.well-known/openid-configuration".to_owned()), "{asked:?} {}", log());
            assert!(
                asked.iter().any(|path| path.starts_with("/v2/acme/app/manifests/1")),
                "{asked:?} {}",
                log()
            );
        } else {
            let named = "KEYWARD_CA_FILE names certificate authorities of your own";
            while log().matches(named).count() < 3 {
                assert!(begun.elapsed() < Duration::from_secs(20), "{}", log());
                std::thread::sleep(Duration::from_millis(50));
            }
            assert!(asked.lock().unwrap().iter().all(String::is_empty));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
