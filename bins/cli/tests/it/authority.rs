//! A server whose certificate is of an authority that nobody else knows.

use std::net::SocketAddr;

use keyward_testkit_authority::{Authority, head};

use crate::Workdir;

/// Answers every request with an empty list, and gives its address and its authority.
fn server() -> (SocketAddr, String) {
    let authority = Authority::new();
    let address = authority.serve(|mut reader| {
        head(&mut reader);
        let body = r#"{"items":[],"next_cursor":null}"#;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        let _ = reader.get_mut().write_all((head + body).as_bytes());
    });
    (address, authority.pem())
}

#[test]
fn a_private_authority_is_named_and_counts() {
    let workdir = Workdir::new();
    let (address, authority) = server();
    std::fs::write(workdir.0.path().join("ca.pem"), authority).unwrap();
    std::fs::write(workdir.0.path().join("empty.pem"), "no certificate").unwrap();
    let url = format!("https://{address}");
    let list = |more: &[&str]| {
        let args = ["customers", "list", "--json", "--server", &url, "--token", "kw_mgmt_none"];
        let output = workdir.keyward(&[&args, more].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), said)
    };
    let (code, _, said) = list(&[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--ca-file or KEYWARD_CA_FILE") && said.contains(&url), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    let (code, answer, said) = list(&["--ca-file", "ca.pem"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(answer.contains("\"items\":[]"), "{answer}");
    for (file, why) in
        [("nowhere.pem", "reading nowhere.pem"), ("empty.pem", "no certificate in PEM in empty.pem")]
    {
        let (code, _, said) = list(&["--ca-file", file]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(why) && said.contains("KEYWARD_CA_FILE"), "{said}");
    }
}
