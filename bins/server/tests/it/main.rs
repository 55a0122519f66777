//! The server program itself: its start, its refusals to start, its end.
#![allow(clippy::unwrap_used, reason = "tests")]

mod database;
mod ends;
mod jobs;
mod load;
mod mail;
mod metrics;
mod tls;
mod traces;
mod unmatched;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

fn server(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyward-server"));
    command.args(args).current_dir(folder).env_clear();
    command
}

fn run(folder: &Path, args: &[&str]) -> Output {
    server(folder, args).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// It ends with 1 and says why in one line.
fn refuses(output: &Output, why: &str) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    assert!(said.starts_with("keyward-server: ") && said.contains(why), "{said}");
}

fn bootstrapped() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["bootstrap", "--organization", "Acme", "--email", "a@acme.example"]);
    assert!(output.status.success(), "{}", stderr(&output));
    folder
}

fn started(folder: &Path) -> (Child, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    let mut command = server(folder, &["--listen", &listen, "--drain-seconds", "1"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let url = format!("http://{listen}");
    let begun = Instant::now();
    while ureq::get(format!("{url}/readyz")).call().is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the server does not get ready");
        std::thread::sleep(Duration::from_millis(20));
    }
    (child, url)
}

#[test]
fn bootstrap_prints_one_json_object_and_makes_private_files() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["bootstrap", "--organization", "Acme", "--email", "a@acme.example"]);
    let made: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&made["organization_slug"], &made["email"]), (&"acme".into(), &"a@acme.example".into()));
    assert!(made["token"].as_str().unwrap().starts_with("kw_mgmt_"));
    let log = stderr(&output);
    assert!(!log.contains(made["token"].as_str().unwrap()), "the token is in the log");
    #[cfg(unix)]
    for entry in std::fs::read_dir(folder.path().join("keyward-data")).unwrap() {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o077, 0);
    }
}

#[test]
fn a_wrong_setting_stops_the_start_with_one_line() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value, why) in [
        ("KEYWARD_PUBLIC_URL", "ftp://x", "KEYWARD_PUBLIC_URL"),
        ("KEYWARD_PUBLIC_URL", "https://x/?a=b", "KEYWARD_PUBLIC_URL"),
        (
            "KEYWARD_PUBLIC_URL",
            "https://x/keyward",
            "KEYWARD_PUBLIC_URL “https://x/keyward” must have no path",
        ),
        ("DATABASE_URL", "mysql://x", "DATABASE_URL"),
        ("DATABASE_URL", "sqlite:///nowhere/k.db", "DATABASE_URL"),
        ("KEYWARD_MASTER_KEY", "c2hvcnQ=", "KEYWARD_MASTER_KEY"),
        ("KEYWARD_MASTER_KEY_FILE", "/nowhere/key", "/nowhere/key"),
        ("KEYWARD_CONFIG", "/nowhere/keyward.toml", "/nowhere/keyward.toml"),
        ("KEYWARD_LOG", "a=b=c", "KEYWARD_LOG"),
        ("KEYWARD_REGISTRY_LOG_DAYS", "30", "KEYWARD_REGISTRY_LOG_DAYS “30”"),
        ("KEYWARD_RETENTION_LINK_DAYS", "7", "KEYWARD_RETENTION_LINK_DAYS “7”"),
        ("KEYWARD_RETENTION_USAGE_DAYS", "30", "KEYWARD_RETENTION_USAGE_DAYS “30”"),
        ("KEYWARD_RETENTION_AUDIT_DAYS", "x", "KEYWARD_RETENTION_AUDIT_DAYS “x”"),
        ("KEYWARD_REGISTRY_LOG_DAYS", "-1", "KEYWARD_REGISTRY_LOG_DAYS “-1”"),
        ("KEYWARD_OUTBOUND_ALLOW", "127.0.0.0/8,registry", "“registry”"),
        (
            "KEYWARD_OUTBOUND_ALLOW",
            "10.0.0.0/8,169.254.0.0/16",
            "(169.254.0.0/16) is never connected to: it is link-local",
        ),
        ("KEYWARD_REGISTRY_UPSTREAMS", "http://127.0.0.1:5000", "KEYWARD_OUTBOUND_ALLOW"),
        ("KEYWARD_HASH_MEMORY", "18", "KEYWARD_HASH_MEMORY “18”"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "OTEL_EXPORTER_OTLP_ENDPOINT must be http://"),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://u:p@collector",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT must be http://",
        ),
        ("KEYWARD_DATABASE_SCHEMA", "Keyward", "KEYWARD_DATABASE_SCHEMA “Keyward”"),
        ("KEYWARD_DATABASE_SCHEMA", "keyward", "a SQLite database has no schemas"),
    ] {
        refuses(&server(folder.path(), &["migrate"]).env(name, value).output().unwrap(), why);
    }
    assert!(!folder.path().join("keyward-data/keyward.db").exists(), "a refused start made a database");
    for (name, value, why) in [
        ("KEYWARD_LISTEN", "nowhere", "invalid socket address syntax"),
        ("KEYWARD_METRICS_LISTEN", "9464", "invalid socket address syntax"),
        ("KEYWARD_DRAIN_SECONDS", "soon", "can't be read"),
        ("KEYWARD_SHUTDOWN_SECONDS", "-1", "-1 is not in 0..="),
        ("KEYWARD_DATABASE_CONNECTIONS", "1000000000000", "is not in 0..="),
        ("KEYWARD_DATABASE_TIMEOUT", "", "can't be read"),
        ("KEYWARD_MAILS_PER_DAY", "many", "can't be read"),
        ("KEYWARD_HASH_MEMORY", "1.5", "can't be read"),
        ("KEYWARD_LOG_FORMAT", "xml", "must be one of pretty, json"),
    ] {
        let output = server(folder.path(), &["migrate"]).env(name, value).output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.starts_with(&format!("keyward-server: {name} “{value}” ")) && said.contains(why),
            "{said}"
        );
        assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    }
    let usage = run(folder.path(), &["migrate", "--nonsense"]);
    assert_eq!(usage.status.code(), Some(2), "{}", stderr(&usage));
    std::fs::write(folder.path().join("k.toml"), "listen = \"127.0.0.1:1\"\n\ncolour = \"red\"\n").unwrap();
    refuses(&run(folder.path(), &["migrate", "--config", "k.toml"]), "colour");
}

#[test]
fn the_file_gives_way_to_the_environment_and_that_to_flags() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("k.toml"), "data_dir = \"from-file\"\n").unwrap();
    let migrate = |args: &[&str], env: Option<&str>| {
        let mut command = server(folder.path(), args);
        let output = command.envs(env.map(|dir| ("KEYWARD_DATA_DIR", dir))).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    };
    migrate(&["migrate", "--config", "k.toml"], None);
    migrate(&["migrate", "--config", "k.toml"], Some("from-env"));
    migrate(&["migrate", "--config", "k.toml", "--data-dir", "from-flag"], Some("from-env"));
    for dir in ["from-file", "from-env", "from-flag"] {
        assert!(folder.path().join(dir).join("master.key").exists(), "{dir}");
    }
}

#[test]
fn the_master_key_must_be_the_databases_own() {
    let folder = bootstrapped();
    let key = folder.path().join("keyward-data/master.key");
    assert!(stderr(&run(folder.path(), &["check"])).is_empty());
    let own = std::fs::read(&key).unwrap();
    std::fs::write(&key, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n").unwrap();
    refuses(&run(folder.path(), &[]), "not the master key that the database was made with");
    refuses(&run(folder.path(), &["check"]), "not the master key that the database was made with");
    std::fs::write(&key, "short\n").unwrap();
    refuses(&run(folder.path(), &[]), "32 bytes in base64");
    std::fs::remove_file(&key).unwrap();
    refuses(&run(folder.path(), &[]), "master key of this database is missing");
    assert!(!key.exists(), "no other key was made");
    std::fs::write(&key, own).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
        refuses(&run(folder.path(), &[]), "chmod 600");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    assert!(run(folder.path(), &["check"]).status.success());
}

#[test]
fn the_operator_resets_a_second_factor_and_is_told_what_was_done() {
    let empty = tempfile::tempdir().unwrap();
    let reset = |folder: &Path, slug, email| {
        run(folder, &["member", "reset-second-factor", "--organization", slug, "--email", email])
    };
    refuses(&reset(empty.path(), "acme", "a@acme.example"), "no database");
    let folder = bootstrapped();
    let none = reset(folder.path(), "acme", "A@acme.example");
    let told = String::from_utf8(none.stdout).unwrap();
    assert_eq!(told, "a@acme.example has no second factor. Nothing was changed.\n");
    refuses(&reset(folder.path(), "acme", "eve@acme.example"), "no such member");
    refuses(&reset(folder.path(), "other", "a@acme.example"), "no such organization");
}

#[test]
fn check_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    refuses(&run(folder.path(), &["check"]), "no database");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn openapi_is_printed_without_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["openapi"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
#[cfg(unix)]
fn told_to_stop_it_ends_well_and_starts_again() {
    let folder = bootstrapped();
    for _ in 0..2 {
        let (mut child, url) = started(folder.path());
        let health = ureq::get(format!("{url}/healthz")).call().unwrap().body_mut().read_to_string().unwrap();
        assert_eq!(health, "ok\n");
        // The shell's own: a bare machine has no program of that name.
        let told = Command::new("sh").args(["-c", &format!("kill -TERM {}", child.id())]).status().unwrap();
        assert!(told.success());
        assert!(child.wait().unwrap().success(), "SIGTERM is a good end");
    }
}

#[test]
fn a_backup_taken_in_use_is_restored_elsewhere() {
    let folder = bootstrapped();
    let (mut child, _) = started(folder.path());
    let taken = run(folder.path(), &["backup", "copy.db"]);
    assert!(taken.status.success(), "{}", stderr(&taken));
    refuses(&run(folder.path(), &["backup", "copy.db"]), "copy.db");
    refuses(&run(folder.path(), &["restore", "copy.db"]), "move it away");
    child.kill().unwrap();
    child.wait().unwrap();

    let elsewhere = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    let restored = run(elsewhere.path(), &["restore", copy.to_str().unwrap()]);
    assert!(restored.status.success(), "{}", stderr(&restored));
    refuses(&run(elsewhere.path(), &["check"]), "master key is missing");
    let data = |dir: &Path| dir.join("keyward-data/master.key");
    std::fs::copy(data(folder.path()), data(elsewhere.path())).unwrap();
    assert!(
        String::from_utf8_lossy(&run(elsewhere.path(), &["check"]).stdout).contains("1 signing keys open")
    );

    let third = tempfile::tempdir().unwrap();
    std::fs::write(
        third.path().join("text.db"),
        "no database at all, but long enough to be mistaken for one",
    )
    .unwrap();
    assert_eq!(run(third.path(), &["restore", "text.db"]).status.code(), Some(1));
    std::fs::write(third.path().join("empty.db"), "").unwrap();
    refuses(&run(third.path(), &["restore", "empty.db"]), "no database of Keyward");
    refuses(&run(third.path(), &["restore", "nowhere.db"]), "no backup");
    assert!(!third.path().join("keyward-data/keyward.db").exists());
}

fn meddle(folder: &Path, statement: &str) {
    let script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()";
    let database = folder.join("keyward-data/keyward.db");
    let meddled = Command::new("python3").args(["-c", script]).arg(&database).arg(statement).status();
    assert!(meddled.unwrap().success(), "python3 with sqlite3 is needed");
}

fn is_left_alone(folder: &Path, why: &str) {
    for command in
        [&[][..], &["migrate"], &["check"], &["bootstrap", "--organization", "B", "--email", "b@b.example"]]
    {
        refuses(&run(folder, command), why);
    }
}

/// A database on which another program has run a migration that this one does not know.
#[test]
fn a_newer_database_is_left_alone() {
    let folder = bootstrapped();
    // A migration that only adds something leaves the tables as this program knows them.
    meddle(folder.path(), "INSERT INTO keyward_migrations (version, applied_at) VALUES ('m9999_future', 0)");
    assert!(run(folder.path(), &["check"]).status.success());
    let (mut child, _) = started(folder.path());
    child.kill().unwrap();
    child.wait().unwrap();
    meddle(folder.path(), "UPDATE settings SET value = 'm9999_future' WHERE name = 'required_migration'");
    is_left_alone(folder.path(), "m9999_future");
}

#[test]
fn a_database_that_was_never_released_is_left_alone() {
    let folder = bootstrapped();
    meddle(folder.path(), "ALTER TABLE keyward_migrations RENAME TO seaql_migrations");
    meddle(
        folder.path(),
        "UPDATE seaql_migrations SET version = 'm0001_first_license' WHERE version = 'm0001_initial'",
    );
    is_left_alone(folder.path(), "before 0.1.0");
    let backup = folder.path().join("keyward-data/keyward.db");
    let other = tempfile::tempdir().unwrap();
    refuses(&run(other.path(), &["restore", backup.to_str().unwrap()]), "before 0.1.0");
    assert!(!other.path().join("keyward-data/keyward.db").exists());
}

#[test]
fn a_failure_in_the_log_has_the_id_that_its_client_was_given() {
    let folder = bootstrapped();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    let log = folder.path().join("log");
    let mut process = server(folder.path(), &["serve"])
        .env("KEYWARD_LOG_FORMAT", "json")
        .env("KEYWARD_LISTEN", &listen)
        .stdout(std::fs::File::create(&log).unwrap())
        .stderr(std::fs::File::create(folder.path().join("errors")).unwrap())
        .spawn()
        .unwrap();
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let get =
        |path: &str| agent.get(format!("http://{listen}{path}")).header("X-Request-Id", "mine-1").call();
    let started = std::time::Instant::now();
    while get("/readyz").is_err() && started.elapsed().as_secs() < 30 {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    // The database is lost from under the server.
    for file in ["keyward.db", "keyward.db-wal"] {
        let path = folder.path().join("keyward-data").join(file);
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
    }
    let answer = get("/o/acme/jwks.json").unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    let log = std::fs::read_to_string(log).unwrap()
        + &std::fs::read_to_string(folder.path().join("errors")).unwrap();
    assert_eq!(answer.status(), 500, "{log}");
    assert_eq!(answer.headers()["x-request-id"], "mine-1");
    let failures: Vec<_> = log.lines().filter(|line| line.contains("request failed")).collect();
    assert_eq!(failures.len(), 1, "{log}");
    assert!(failures[0].contains("\"request_id\":\"mine-1\""), "{}", failures[0]);
}

/// A folder may be called anything.
#[test]
fn any_data_directory_will_do() {
    let folder = tempfile::tempdir().unwrap();
    for dir in ["a b", "100%", "a%20b", "a?b#c", "ä/“ö”"] {
        let data = ["--data-dir", dir];
        let bootstrap = ["bootstrap", "--organization", "Acme", "--email", "a@acme.example"];
        let output = run(folder.path(), &[&bootstrap[..], &data].concat());
        assert!(output.status.success(), "{dir}: {}", stderr(&output));
        assert!(folder.path().join(dir).join("keyward.db").exists(), "{dir}");
        let checked = run(folder.path(), &[&["check"][..], &data].concat());
        assert!(checked.status.success(), "{dir}: {}", stderr(&checked));
        let copy = format!("{}.db", dir.replace('/', "-"));
        let taken = run(folder.path(), &[&["backup", &copy][..], &data].concat());
        assert!(taken.status.success(), "{dir}: {}", stderr(&taken));
        let restored = run(folder.path(), &["restore", &copy, "--data-dir", &format!("{dir} restored")]);
        assert!(restored.status.success(), "{dir}: {}", stderr(&restored));
    }
}

#[test]
fn what_a_proxy_gets_wrong_is_told() {
    use std::io::{Read as _, Write as _};

    let folder = bootstrapped();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    let log = folder.path().join("log");
    let mut process = server(folder.path(), &["--listen", &listen])
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while ureq::get(format!("http://{listen}/readyz")).call().is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the server does not get ready");
        std::thread::sleep(Duration::from_millis(20));
    }
    let ask = |request: &str| {
        let mut stream = std::net::TcpStream::connect(&listen).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let told = |what: &str| std::fs::read_to_string(&log).unwrap().matches(what).count();
    assert_eq!(told("KEYWARD_TRUSTED_PROXIES"), 0);
    for _ in 0..3 {
        let answer = ask("GET /healthz HTTP/1.0\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    }
    assert_eq!(told("name it in KEYWARD_TRUSTED_PROXIES"), 1);
    let answer = ask("POST /sign-out HTTP/1.0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(told("no Content-Length specified for HTTP/1.0 POST request"), 1);
    let answer = ask("POST /sign-out HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.0 303"), "{answer}");
    process.kill().unwrap();
    process.wait().unwrap();
}

#[test]
fn no_log_holds_the_password_of_the_database() {
    let Some(database) = database::block_on(keyward_testkit::database::FreshPostgres::create()) else {
        return;
    };
    let (scheme, rest) = database.url.split_once("://").unwrap();
    let (_, place) = rest.split_once('@').unwrap();
    let url = format!("{scheme}://postgres:s3cret%2Dword@{place}");
    let folder = tempfile::tempdir().unwrap();
    let mut command =
        server(folder.path(), &["bootstrap", "--organization", "Acme", "--email", "a@acme.example"]);
    let output = command.envs([("DATABASE_URL", url.as_str()), ("KEYWARD_LOG", "trace")]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(said.contains("TRACE") || said.contains("DEBUG"), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
    database::block_on(database.drop());
}
