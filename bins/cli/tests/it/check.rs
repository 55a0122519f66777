//! The plug-in for Nagios and Icinga.

use keyward_token::{SecretKey, Signer, Status, StatusTable, UnixSeconds};

use crate::Workdir;

const LIST: &str = "https://v.example/list";
const DAY: i64 = 86_400;
const END: i64 = 1_900_000_000;

/// A license for the product p that ends at `END`, with a grace of 14 days, and the key's status list.
pub(crate) fn licensed() -> Workdir {
    let workdir = Workdir::new();
    let status = format!("7@{LIST}");
    let args = ["--organization", "o", "--product", "p", "--status", &status, "--issued-at", "1800000000"];
    let end = END.to_string();
    workdir.write("license.jwt", &workdir.sign(&[&args[..], &["--ends", &end, "--grace", "14"]].concat()));
    workdir
}

/// A signed status list in which the license has a status.
pub(crate) fn list(workdir: &Workdir, status: Status, issued: i64, expires: Option<i64>) -> String {
    let key = std::fs::read_to_string(workdir.0.path().join("key.pem")).unwrap();
    let mut table = StatusTable::new(16);
    table.set(7, status).unwrap();
    let signer = Signer::new(SecretKey::from_pem(&key).unwrap());
    table.sign(&signer, LIST, UnixSeconds::new(issued), expires.map(UnixSeconds::new), None).unwrap()
}

impl Workdir {
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    /// Exit code, and the one line.
    fn check(&self, at: i64, more: &[&str]) -> (i32, String) {
        let at = at.to_string();
        let args = ["check", "--key", "key.pem.pub", "--product", "p", "--file", "license.jwt", "--at", &at];
        let output = self.keyward(&[&args[..], more].concat());
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said.lines().count(), 1, "{said}");
        (output.status.code().unwrap(), said.trim_end().to_owned())
    }
}

#[test]
fn the_level_follows_the_license() {
    let workdir = licensed();
    for (at, code, begins) in [
        (1_799_999_999, 2, "KEYWARD CRITICAL - the license begins at 2027-01-15T08:00:00+00:00 | to_end="),
        (
            END - 30 * DAY - 1,
            0,
            "KEYWARD OK - the license is valid and ends at 2030-03-17T17:46:40+00:00 | to_end=",
        ),
        (
            END - 30 * DAY,
            1,
            "KEYWARD WARNING - the license ends at 2030-03-17T17:46:40+00:00, and its grace at ",
        ),
        (END - 7 * DAY - 1, 1, "KEYWARD WARNING - "),
        (END - 7 * DAY, 2, "KEYWARD CRITICAL - the license ends at "),
        (
            END,
            2,
            "KEYWARD CRITICAL - the license ended at 2030-03-17T17:46:40+00:00, and is valid until its grace",
        ),
        (END + 14 * DAY - 1, 2, "KEYWARD CRITICAL - the license ended at "),
        (
            END + 14 * DAY,
            2,
            "KEYWARD CRITICAL - the license ended at 2030-03-17T17:46:40+00:00, and its grace at ",
        ),
    ] {
        let (exit, said) = workdir.check(at, &[]);
        assert!(exit == code && said.starts_with(begins), "at {at}: {exit} {said}");
    }
    let (_, said) = workdir.check(END - 100, &["--warning", "2", "--critical", "1"]);
    assert!(said.ends_with(" | to_end=100s;172800:;86400: to_grace_end=1209700s"), "{said}");
    assert_eq!(workdir.check(END - 10 * DAY, &["--warning", "5", "--critical", "2"]).0, 0);
    assert_eq!(workdir.check(END - 4 * DAY, &["--warning", "5", "--critical", "2"]).0, 1);
    workdir.write("license.jwt", &workdir.sign(&["--organization", "o", "--product", "p", "--no-end"]));
    let now = 190_000_000_000;
    assert_eq!(workdir.check(now, &[]), (0, "KEYWARD OK - the license is valid and has no end".to_owned()));
}

#[test]
fn status_lists_count() {
    let workdir = licensed();
    let check = |list: &str, at: i64, more: &[&str]| {
        workdir.write("list.jwt", list);
        workdir.check(at, &[&["--status-list", "list.jwt"], more].concat())
    };
    let fine = END - 100 * DAY;
    let of = |status| list(&workdir, status, fine - 2 * DAY, Some(fine + DAY));
    let good = of(Status::Valid);
    let (code, said) = check(&good, fine, &[]);
    assert!(code == 0 && said.ends_with(" status_list_age=172800s"), "{said}");
    let (code, said) = check(&good, fine, &["--max-list-age", "1"]);
    assert!(code == 3 && said.contains("the status list is too old; it ends at 2030"), "{said}");
    assert!(said.ends_with(" status_list_age=172800s;86400"), "{said}");
    let (code, said) = check(&good, fine + DAY, &[]);
    assert!(code == 3 && said.contains("expired") && said.ends_with(" status_list_age=259200s"), "{said}");
    let (code, said) = check(&good, END - 20 * DAY, &[]);
    assert!(code == 1 && said.contains("expired"), "its end is near, whatever the list: {said}");
    let (code, said) = check(&of(Status::Invalid), fine, &[]);
    assert!(code == 2 && said.starts_with("KEYWARD CRITICAL - the license is revoked |"), "{said}");
    let (code, said) = check(&of(Status::Suspended), fine, &[]);
    assert!(code == 2 && said.starts_with("KEYWARD CRITICAL - the license is suspended |"), "{said}");
    let (code, said) = check("x\ny|z", fine, &[]);
    assert!(code == 3 && said.contains("list.jwt: the token is malformed"), "{said}");
    let (code, said) = workdir.check(fine, &["--status-list", "nowhere"]);
    assert!(code == 3 && said.contains("reading nowhere"), "{said}");
}

#[test]
fn what_is_no_license_is_critical_and_what_cannot_be_read_unknown() {
    let workdir = licensed();
    let now = 1_850_000_000;
    let other =
        workdir.keyward(&["check", "--key", "key.pem.pub", "--product", "q|\n", "--file", "license.jwt"]);
    assert_eq!(other.status.code(), Some(2));
    workdir.write("license.jwt", &workdir.sign(&["--organization", "o", "--product", "x|y\nz", "--no-end"]));
    let (code, said) = workdir.check(now, &[]);
    assert!(code == 2 && said.contains("another product") && !said.contains('|'), "{said}");
    workdir.write("license.jwt", "hello");
    assert_eq!(workdir.check(now, &[]).0, 2);
    std::fs::remove_file(workdir.0.path().join("license.jwt")).unwrap();
    let (code, said) = workdir.check(now, &[]);
    assert!(code == 3 && said.starts_with("KEYWARD UNKNOWN - reading license.jwt: "), "{said}");
    let (code, said) = workdir.check(now, &["--critical", "31"]);
    assert!(code == 3 && said.contains("--critical"), "{said}");
    // Exit code 2 of wrong usage would be an alarm.
    let (code, said) = workdir.check(now, &["--frobnicate"]);
    assert_eq!((code, said.as_str()), (3, "KEYWARD UNKNOWN - wrong usage: see keyward check --help"));
    assert_eq!(workdir.keyward(&["check", "--help"]).status.code(), Some(0));
}

#[cfg(unix)]
#[test]
fn a_pipe_in_place_of_a_file_holds_nothing_up() {
    let workdir = licensed();
    let path = workdir.0.path().join("license.jwt");
    std::fs::remove_file(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let (code, said) = workdir.check(1_850_000_000, &[]);
    assert!(code == 3 && said.contains("this is no file"), "{said}");
}

#[test]
fn a_license_is_signed_with_two_ends() {
    let workdir = Workdir::new();
    let status = format!("7@{LIST}");
    let whose = ["--organization", "o", "--customer", "c", "--product", "p", "--status", &status];
    let signed = |more: &[&str]| {
        let token = workdir.sign(&[&whose[..], &["--issued-at", "1000"], more].concat());
        workdir.verify(&token, &["--at", "1000"]).1
    };
    let claims = signed(&["--ends", "2026-12-31", "--grace", "14"]);
    let keyward = &claims["keyward"];
    assert_eq!(
        (keyward["ends"].as_i64(), claims["exp"].as_i64()),
        (Some(1_798_761_600), Some(1_799_971_200))
    );
    assert_eq!((&keyward["customer"], &keyward["product"]), (&"c".into(), &"p".into()));
    assert_eq!(claims["status"]["status_list"], serde_json::json!({ "idx": 7, "uri": LIST }));
    let claims = signed(&["--ends", "2000", "--expires-at", "3000"]);
    assert_eq!((&claims["keyward"]["ends"], &claims["exp"]), (&2000.into(), &3000.into()));
    let claims = signed(&["--ends", "2000"]);
    assert_eq!((&claims["keyward"].get("ends"), &claims["exp"]), (&None, &2000.into()));
    let base = ["sign", "--key", "key.pem", "--issuer", "i", "--subject", "s", "--issued-at", "1000"];
    for refused in [
        &["--ends", "2000"][..],
        &["--organization", "o", "--ends", "3000", "--expires-at", "2000"],
        &["--organization", "o", "--ends", "2000", "--no-end"],
        &["--organization", "o", "--ends", "2000", "--grace", "4294967295"],
        &["--organization", "o", "--ends", "2000", "--grace", "1", "--expires-at", "3000"],
        &["--organization", "o", "--expires-at", "2000", "--grace", "1"],
        &["--organization", "o", "--ends", "900", "--expires-at", "1000"],
        &["--customer", "c", "--no-end"],
        &["--no-end", "--status", "7"],
        &["--no-end", "--status", "7@"],
        &["--no-end", "--status", "-7@https://v.example"],
    ] {
        assert_eq!(workdir.keyward(&[&base[..], refused].concat()).status.code(), Some(2), "{refused:?}");
    }
}
