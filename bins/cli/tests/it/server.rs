//! The program and a real server: what a shell script does with them, without a tool that reads JSON.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use keyward_testkit::database::on_both_urls;
use serde_json::Value;
use tempfile::TempDir;

/// A server at work, and the token of its first owner.
struct Server {
    url: String,
    folder: TempDir,
    process: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs a test against a server on each database. Where the server was not built beside the program, that is reported.
fn on_servers(test: impl Fn(&Server)) {
    let program = Path::new(env!("CARGO_BIN_EXE_keyward")).with_file_name("keyward-server");
    if !program.exists() {
        return keyward_testkit::not_run::report("with a server", "keyward-server is not built");
    }
    on_both_urls(|database| test(&Server::start(&program, database)));
}

impl Server {
    fn start(program: &Path, database: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (listen, url) = (format!("127.0.0.1:{port}"), format!("http://127.0.0.1:{port}"));
        let command = |args: &[&str]| {
            let mut command = Command::new(program);
            command.args(args).current_dir(folder.path()).env_clear();
            command
                .env("DATABASE_URL", database)
                .env("KEYWARD_PUBLIC_URL", &url)
                .env("KEYWARD_LISTEN", &listen);
            command
        };
        let owner = ["bootstrap", "--organization", "Acme", "--email", "a@acme.example", "--operator"];
        let made = command(&[&owner[..], &["--token-file", "owner.token"]].concat()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        assert!(made["organization_id"].is_string() && made["token"].is_null(), "{made}");
        let again = command(&[&owner[..], &["--token-file", "owner.token"]].concat()).output().unwrap();
        assert_eq!(again.status.code(), Some(1), "a file is not overwritten");
        let process = command(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server = Self { url, folder, process };
        let begun = Instant::now();
        while ureq::get(format!("{}/readyz", server.url)).call().is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the server does not get ready");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// Runs a script, in which a command that fails ends it.
    fn script(&self, script: &str) -> Output {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_keyward"));
        let mut command = Command::new("sh");
        command.args(["-eu", "-c", script]).current_dir(self.folder.path()).env_clear();
        let path = format!("{}:/usr/bin:/bin", program.parent().unwrap_or(Path::new("/")).display());
        command.env("PATH", path).env("KEYWARD_SERVER", &self.url);
        command.env("KEYWARD_TOKEN", self.read("owner.token"));
        command.output().unwrap()
    }

    /// What a script prints that ends well.
    fn says(&self, script: &str) -> String {
        let output = self.script(script);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{script}\n{said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, command: &str) -> Value {
        serde_json::from_str(&self.says(&format!("{command} --output json"))).unwrap()
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(file)).unwrap()
    }
}

const SET_UP: &str = r#"
product=$(keyward products create --name Server --secret-file product.key --output id)
license=$(keyward products create-key "$product" --name Globex --email it@globex.example --output id)
keyward licenses token "$license" > license.jwt
keyward licenses key "$license" > license.key
customer=$(keyward customers list --output id)
member=$(keyward members create --name Ada --email ada@acme.example --role admin --output id)
keyward members update "$member" --role viewer > member.txt
keyward tokens create --name CI --scope licenses:read --secret-file ci.token --output json > token.json
kid=$(keyward signing-keys create --activate --output id)
keyward signing-keys public-key "$kid" > public.pem
registry=$(keyward registries create --name Releases --upstream http://127.0.0.1:5000 --output id)
keyward registries certificate "$registry" > registry.pem
keyward registries certificate "$registry" --configuration > registry.yaml
key=$(keyward registry-keys create --registry "$registry" --name CI --access read_write --secret-file ci.key --output id)
keyward registry-keys rotate "$key" --overlap-seconds 60 --secret-file ci-2.key > rotated.txt
keyward registry-keys rotation "$key" --every-days 90 --overlap-days 7 > rotation.txt
app=$(keyward artifacts create --registry "$registry" --repository acme/app --output id)
keyward artifact-entitlements preview --customer "$customer" --grant "$app:1.0,1.1" > preview.txt
granted=$(keyward artifact-entitlements create --customer "$customer" --grant "$app:1.0,1.1" --close --output id)
keyward artifact-entitlements update "$granted" --grant "$app" > granted.txt
for thing in "$product" "$license" "$customer" "$member" "$kid" "$registry" "$key" "$app" "$granted"; do echo "$thing"; done
"#;

#[test]
fn a_script_sets_up_an_organization_without_reading_json() {
    on_servers(sets_up);
}

fn sets_up(server: &Server) {
    let made = server.says(SET_UP);
    let made: Vec<_> = made.lines().collect();
    assert!(made.len() == 9 && made.iter().all(|id| !id.is_empty()), "{made:?}");
    let secrets = [
        ("product.key", "kw_prod_"),
        ("ci.token", "kw_mgmt_"),
        ("ci.key", "kw_reg_"),
        ("ci-2.key", "kw_reg_"),
    ];
    for (file, prefix) in secrets {
        assert!(server.read(file).starts_with(prefix), "{file}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(server.folder.path().join(file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
    }
    let token: Value = serde_json::from_str(&server.read("token.json")).unwrap();
    assert!(token["id"].is_string() && token["secret"].is_null(), "{token}");
    assert_ne!(server.read("ci.key"), server.read("ci-2.key"));
    for (file, says) in [
        ("member.txt", "role   viewer"),
        ("public.pem", "-----BEGIN PUBLIC KEY-----"),
        ("registry.pem", "-----BEGIN CERTIFICATE-----"),
        ("registry.yaml", "realm"),
        ("rotated.txt", "written to ci-2.key"),
        ("rotation.txt", "every 90 days, the old secret lives on for 7"),
        ("preview.txt", "(1.0, 1.1)"),
        ("granted.txt", &format!("{} all", made[7])),
        ("license.jwt", "ey"),
    ] {
        assert!(server.read(file).contains(says), "{file}: {}", server.read(file));
    }
    let key = server.says(&format!("keyward licenses key {}", made[1]));
    assert_eq!((key.trim().len(), key == server.read("license.key")), (29, true), "{key}");

    for (noun, id) in [
        "products",
        "licenses",
        "customers",
        "members",
        "signing-keys",
        "registries",
        "registry-keys",
        "artifacts",
        "artifact-entitlements",
    ]
    .into_iter()
    .zip(&made)
    {
        let listed = server.says(&format!("keyward {noun} list --output id"));
        assert!(listed.lines().any(|line| line == *id), "{noun}: {listed}");
        let shown = server.json(&format!("keyward {noun} show {id}"));
        assert!(shown["id"] == **id || shown["kid"] == **id, "{shown}");
        assert_eq!(server.says(&format!("keyward {noun} show {id} --output id")).trim(), *id);
        let table = server.says(&format!("keyward {noun} list"));
        assert!(table.starts_with("ID") || table.starts_with("KID"), "{table}");
        assert!(table.contains(id), "{table}");
    }
    let ended = format!(
        "keyward artifact-entitlements delete {}; keyward registry-keys revoke {} --output id; keyward members delete {} --json; keyward registries delete {}",
        made[8], made[6], made[3], made[5]
    );
    assert_eq!(server.says(&ended), "Ended.\nRemoved; its keys are revoked.\n");
}

#[test]
fn secrets_are_neither_lost_nor_overwritten() {
    on_servers(keeps_secrets);
}

fn keeps_secrets(server: &Server) {
    server.says("keyward products create --name A --secret-file a.key > a.txt");
    assert!(server.read("a.txt").contains("written to a.key"), "{}", server.read("a.txt"));
    // Where the file is there, nothing is made.
    let refused = server.script("keyward products create --name B --secret-file a.key");
    assert_eq!(refused.status.code(), Some(2));
    // Where the server refuses, no file is left.
    let refused = server.script("keyward products create --name A --secret-file b.key");
    assert_eq!(refused.status.code(), Some(1), "{}", String::from_utf8_lossy(&refused.stderr));
    assert!(!server.folder.path().join("b.key").exists());
    assert_eq!(server.says("keyward products list --output id").lines().count(), 1);
    let no_id = server.script("keyward products bucket $(keyward products list --output id) --output id");
    assert_eq!(no_id.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&no_id.stderr).contains("this has no id"));
    assert_eq!(server.script("keyward products list --output id --json").status.code(), Some(2));
}

#[test]
fn alerts_and_buckets_are_seen() {
    on_servers(|server| {
        server.says(
            "registry=$(keyward registries create --name Releases --upstream http://127.0.0.1:1 --output id)
             keyward registry-keys create --registry $registry --name CI --secret-file ci.key",
        );
        // A key to read with, which tries to push to many repositories.
        let credential = base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            format!("keyward:{}", server.read("ci.key").trim()),
        );
        for n in 0..25 {
            let pushed = ureq::post(format!("{}/v2/acme/app-{n}/blobs/uploads/", server.url))
                .header("Authorization", format!("Basic {credential}"))
                .send_empty();
            assert!(matches!(pushed, Err(ureq::Error::StatusCode(403))), "{pushed:?}");
        }
        let begun = Instant::now();
        let id = loop {
            let open = server.says("keyward alerts list --state open --output id");
            if !open.is_empty() {
                break open;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "no alert is raised");
            std::thread::sleep(Duration::from_millis(100));
        };
        assert!(server.says("keyward alerts list").contains("many_refusals"));
        let seen = server.says(&format!("keyward alerts acknowledge {id}"));
        assert!(seen.contains("state     acknowledged"), "{seen}");
        assert_eq!(server.says("keyward alerts list --state open --output id"), "");
        assert_eq!(server.says("keyward alerts list --state acknowledged --output id"), id);

        let bucket = server.says(
            "keyward organizations plan $(keyward organizations list --output id) --validations-per-day 0 > plan.txt
             keyward products bucket $(keyward products create --name Server --output id)",
        );
        assert!(bucket.contains("limit  0") && bucket.contains("unknown license keys"), "{bucket}");
        assert!(server.says("keyward alerts buckets").starts_with("ID"));
    });
}

#[test]
fn the_operator_sees_what_is_late_failing_or_full() {
    on_servers(|server| {
        let shown = server.script("keyward system --output json");
        let system: Value = serde_json::from_slice(&shown.stdout).unwrap();
        assert_eq!(system["database"]["state"], "ready");
        let errors =
            system["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] == "error");
        let code = i32::from(errors.count() > 0);
        let table = server.script("keyward system");
        assert_eq!(table.status.code(), Some(code), "{}", String::from_utf8_lossy(&table.stderr));
        let table = String::from_utf8(table.stdout).unwrap();
        assert!(table.starts_with("status    ") && table.contains("\nQUEUE"), "{table}");
    });
}
