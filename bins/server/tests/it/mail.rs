//! Mail as it goes out by SMTP.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{refuses, run, server, stderr};

/// A mail server of the plain kind: it knows no SMTPUTF8. Gives all that it is told, one mail after the other.
fn mail_server() -> (u16, Receiver<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (mails, received) = channel();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mails = mails.clone();
            std::thread::spawn(move || serve(client.unwrap(), &mails));
        }
    });
    (port, received)
}

fn serve(mut client: TcpStream, mails: &Sender<Vec<String>>) -> Option<()> {
    let mut lines = BufReader::new(client.try_clone().ok()?).lines();
    let mut told = Vec::new();
    client.write_all(b"220 mail.example ESMTP\r\n").ok()?;
    loop {
        let line = lines.next()?.ok()?;
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        told.push(line);
        let answer: &[u8] = match verb.as_str() {
            "EHLO" => b"250-mail.example\r\n250 8BITMIME\r\n",
            "DATA" => {
                client.write_all(b"354 Go on\r\n").ok()?;
                loop {
                    let line = lines.next()?.ok()?;
                    if line == "." {
                        break;
                    }
                    told.push(line);
                }
                mails.send(std::mem::take(&mut told)).ok()?;
                b"250 Kept\r\n"
            }
            _ => b"250 OK\r\n",
        };
        client.write_all(answer).ok()?;
    }
}

/// A server that sends its mail to such a mail server.
struct Vendor {
    _folder: TempDir,
    child: Child,
    url: String,
    token: String,
    mails: Receiver<Vec<String>>,
}

impl Vendor {
    fn open(from: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = run(folder.path(), &["bootstrap", "--organization", "Acme", "--email", "a@acme.example"]);
        assert!(made.status.success(), "{}", stderr(&made));
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        let (port, mails) = mail_server();
        let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let child = server(folder.path(), &["--listen", &listen, "--drain-seconds", "0"])
            .env("KEYWARD_SMTP_URL", format!("smtp://127.0.0.1:{port}"))
            .env("KEYWARD_MAIL_FROM", from)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let url = format!("http://{listen}");
        let token = made["token"].as_str().unwrap().to_owned();
        let begun = std::time::Instant::now();
        while ureq::get(format!("{url}/readyz")).call().is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "the server does not get ready");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { _folder: folder, child, url, token, mails }
    }

    fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = agent.post(format!("{}{path}", self.url));
        let mut answer =
            request.header("Authorization", format!("Bearer {}", self.token)).send_json(body).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_json().unwrap_or_default())
    }

    fn mail(&self) -> Vec<String> {
        self.mails.recv_timeout(Duration::from_secs(20)).expect("a mail")
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn mail_goes_to_domains_beyond_ascii() {
    let acme = Vendor::open("Müller Lizenzen <noreply@müller-gmbh.example>");
    let customer = json!({"name": "Müller GmbH", "email": "Info@MÜLLER-gmbh.example"});
    let (status, customer) = acme.post("/api/v1/customers", customer);
    assert_eq!((status, &customer["email"]), (201, &"Info@MÜLLER-gmbh.example".into()), "shown as typed");
    let license = json!({"name": "Büro", "customer_id": customer["id"]});
    let (_, license) = acme.post("/api/v1/licenses", license);
    let path = format!("/api/v1/licenses/{}/mail-onboarding-link", license["id"].as_str().unwrap());
    let (status, mailed) = acme.post(&path, json!({}));
    assert_eq!((status, &mailed["email"]), (200, &"Info@MÜLLER-gmbh.example".into()));

    let told = acme.mail();
    let said = |start: &str| told.iter().find(|line| line.starts_with(start)).cloned().unwrap_or_default();
    assert_eq!(said("RCPT TO:"), "RCPT TO:<Info@xn--mller-gmbh-9db.example>");
    assert!(said("MAIL FROM:").starts_with("MAIL FROM:<noreply@xn--mller-gmbh-9db.example>"), "{told:#?}");
    assert!(!told.iter().any(|line| line.contains("SMTPUTF8")), "{told:#?}");
    assert_eq!(said("To:"), "To: Info@xn--mller-gmbh-9db.example");
    assert!(said("From:").ends_with("<noreply@xn--mller-gmbh-9db.example>"), "{told:#?}");
    assert!(told.iter().all(|line| line.is_ascii()), "the text is encoded");

    let refused = json!({"name": "Jörg", "email": "jörg@acme.example"});
    let (status, problem) = acme.post("/api/v1/customers", refused);
    assert_eq!((status, &problem["errors"][0]["code"]), (422, &"non_ascii_local_part".into()), "{problem}");
}

#[test]
fn a_sender_that_mail_servers_do_not_take_stops_the_start() {
    let folder = crate::bootstrapped();
    for command in ["check", "serve"] {
        for (from, why) in [
            ("jörg@acme.example", "KEYWARD_MAIL_FROM has “ö” before the @"),
            ("Keyward <jörg@acme.example>", "KEYWARD_MAIL_FROM has “ö” before the @"),
            ("nobody", "KEYWARD_MAIL_FROM is no address"),
        ] {
            let output = server(folder.path(), &[command]).env("KEYWARD_MAIL_FROM", from).output().unwrap();
            refuses(&output, why);
        }
    }
}
