//! A witness beside an engine that writes down what it is asked.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyward_agent::config::Config;
use keyward_agent::witness;
use keyward_protocol::desired::KnownVersion;
use keyward_protocol::enrolment::Mode;
use keyward_protocol::report::DeploymentHealth;

use crate::answers::deployment;
use crate::host::{Host, Recorder};
use crate::server::Server;

type Asked = Arc<Mutex<Vec<String>>>;

/// An engine with four containers: two of ours, one of a stranger's, one of a stranger's database.
fn engine(socket: &Path) -> Asked {
    let listener = UnixListener::bind(socket).unwrap();
    let asked: Asked = Arc::default();
    let kept = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let asked = Arc::clone(&kept);
            std::thread::spawn(move || answer(stream, &asked));
        }
    });
    asked
}

fn answer(mut stream: UnixStream, asked: &Asked) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    if reader.read_line(&mut first).is_err() {
        return;
    }
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        line.clear();
    }
    asked.lock().unwrap().push(first.trim().to_owned());
    let path = first.split_whitespace().nth(1).unwrap_or_default();
    let body = body(path);
    let status = if body.is_empty() { "404 Not Found" } else { "200 OK" };
    // In chunks, as engines do.
    let text = format!(
        "HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(if body.is_empty() {
        b"HTTP/1.1 404 N\r\nContent-Length: 0\r\n\r\n"
    } else {
        text.as_bytes()
    });
}

fn body(path: &str) -> String {
    let container = |id: &str, name: &str, image: &str, image_id: &str, labels: serde_json::Value| {
        serde_json::json!({"Id": id, "Names": [format!("/{name}")], "Image": image, "ImageID": image_id, "Labels": labels,
            "State": "running", "Status": "Up"})
    };
    let compose = |service: &str| serde_json::json!({"com.docker.compose.project": "acme", "com.docker.compose.service": service});
    let state = |status: &str, health: Option<&str>, code: i64, restart: &str| {
        serde_json::json!({
            "State": {"Status": status, "ExitCode": code, "Health": health.map(|status| serde_json::json!({"Status": status}))},
            "HostConfig": {"RestartPolicy": {"Name": restart}},
            "Config": {"Env": ["PASSWORD=canary"]},
        })
    };
    match path {
        "/containers/json?all=true" => serde_json::json!([
            container("aa", "acme-web-1", "r.example.com/shop/web:1.1", "sha256:1", compose("web")),
            container("bb", "acme-migrate-1", "r.example.com/shop/web:1.1", "sha256:1", compose("migrate")),
            container("cc", "payroll", "payroll.example.org/secret:7", "sha256:2", serde_json::Value::Null),
            container("dd", "their-db", "postgres:16", "sha256:3", serde_json::json!({})),
        ])
        .to_string(),
        "/images/json" => serde_json::json!([
            {"Id": "sha256:1", "RepoTags": ["r.example.com/shop/web:1.1"], "RepoDigests": ["r.example.com/shop/web@sha256:b"]},
            {"Id": "sha256:2", "RepoTags": ["payroll.example.org/secret:7"], "RepoDigests": null},
            {"Id": "sha256:3", "RepoTags": ["postgres:16"], "RepoDigests": ["postgres@sha256:p"]},
        ])
        .to_string(),
        "/containers/aa/json" => state("running", Some("healthy"), 0, "always").to_string(),
        "/containers/bb/json" => state("exited", None, 0, "no").to_string(),
        "/containers/dd/json" => state("running", None, 0, "always").to_string(),
        "/version" => serde_json::json!({"Version": "20.10.24", "Components": [{"Name": "Engine"}]}).to_string(),
        "/info" => serde_json::json!({"DockerRootDir": "/", "SecurityOptions": ["name=seccomp"]}).to_string(),
        _ => String::new(),
    }
}

fn versions() -> Vec<KnownVersion> {
    let version = |name: &str, digest: &str| KnownVersion {
        application: "shop".into(),
        version: name.into(),
        granted: true,
        images: [
            (format!("r.example.com/shop/web:{name}"), Some(digest.to_owned())),
            ("postgres:16".to_owned(), None),
        ]
        .into(),
    };
    vec![version("1.0", "sha256:a"), version("1.1", "sha256:b")]
}

fn only_get(asked: &Asked) {
    let asked = asked.lock().unwrap();
    assert!(asked.iter().all(|line| line.starts_with("GET ") && !line.contains("healthcheck")), "{asked:?}");
    assert!(asked.iter().all(|line| !line.contains("/cc/")), "a stranger was looked at: {asked:?}");
}

#[test]
fn a_witness_tells_which_version_runs_and_nothing_of_strangers() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("engine.sock");
    let asked = engine(&socket);
    let mut config = Config::default();
    config.socket = Some(socket);
    let seen = witness::look(&config, &versions()).unwrap();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!((seen[0].project.as_str(), seen[0].application.as_str()), ("acme", "shop"));
    assert_eq!(seen[0].version.as_deref(), Some("1.1"));
    assert_eq!(seen[0].health, DeploymentHealth::Healthy);
    assert_eq!(seen[0].images, ["r.example.com/shop/web@sha256:b"]);
    only_get(&asked);
    assert!(witness::look(&config, &[]).unwrap().is_empty());
    config.socket = Some(folder.path().join("none"));
    assert!(witness::look(&config, &versions()).is_err());
}

#[test]
fn a_witness_carries_out_nothing_and_writes_nowhere_else() {
    let server = Server::start();
    let host = Host::joined(&server, Mode::Witness);
    let socket = host.folder.path().join("engine.sock");
    let asked = engine(&socket);
    std::fs::write(host.paths.config(), format!("socket = {socket:?}\n")).unwrap();
    let around = |host: &Host| -> Vec<_> {
        let mut found: Vec<_> =
            std::fs::read_dir(host.folder.path()).unwrap().map(|found| found.unwrap().file_name()).collect();
        found.sort();
        found
    };
    let before = (around(&host), std::fs::read(host.paths.config()).unwrap());
    let deployer = Arc::new(Recorder::default());
    let running = host.run(Arc::clone(&deployer));
    // An update is pending, and is even ordered.
    server.change(|state| {
        let mut desired = state.desired();
        desired.versions = versions();
        desired.deployments = vec![keyward_protocol::desired::Entry::Deployment(Box::new(deployment(1, 1)))];
        state.desired = Some(desired);
    });
    let seen = server.until("it is told what runs", |state| {
        state
            .reports
            .iter()
            .rev()
            .find_map(|reports| reports.witnessed.clone())
            .filter(|seen| !seen.is_empty())
    });
    assert_eq!(seen[0].version.as_deref(), Some("1.1"));
    std::thread::sleep(Duration::from_millis(500));
    running.end().unwrap();
    assert!(deployer.calls().is_empty());
    only_get(&asked);
    assert_eq!((around(&host), std::fs::read(host.paths.config()).unwrap()), before);
    let told = serde_json::to_string(&server.state().reports).unwrap();
    for secret in ["payroll", "their-db", "canary"] {
        assert!(!told.contains(secret), "{secret} has left the host");
    }
}
