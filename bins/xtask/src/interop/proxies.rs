//! The configurations in `docs/operations/proxies`, each started as it stands there but for names, ports and folders, and
//! used as vendors, customers and their machines use it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::Checks;
use super::registry::images::{Image, digest};
use super::registry::upstream::Upstream;
use super::registry::{said, skopeo, text};
use super::server::{Server, Tenant};
use keyward_testkit_postgres::free_port;

/// A layer that is larger than nginx lets pass by itself.
const LAYER_BYTES: usize = 5 * 1024 * 1024;

/// A proxy, by the file with its configuration.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Nginx,
    /// As nginx is before 1.29.7, where nobody tells it to speak HTTP/1.1.
    OldNginx,
    Caddy,
    Haproxy,
}

/// Where everything is.
struct Site {
    folder: TempDir,
    /// The proxy's address; all that comes later finds the same.
    port: u16,
    plain_port: u16,
    server: Server,
    tenant: Tenant,
    registry: String,
    key: String,
    /// All that no log may hold.
    secrets: Vec<String>,
    license: String,
    /// A link that was used.
    setup_path: String,
}

/// A running proxy, killed when dropped.
struct Proxy {
    process: Child,
    logs: Vec<PathBuf>,
}

/// An answer that curl was given.
struct Answer {
    status: String,
    version: String,
    head: String,
    body: String,
}

/// All checks, behind each proxy.
pub(crate) fn judge(checks: &mut Checks) -> Result<()> {
    let mut upstream = Upstream::new()?;
    let site = Site::new(&upstream)?;
    upstream.start(&site.tenant, &site.registry)?;
    for kind in [Kind::Nginx, Kind::Caddy, Kind::Haproxy, Kind::OldNginx] {
        let proxy = Proxy::start(kind, &site)?;
        site.wait(kind, &proxy)?;
        pages(checks, kind, &site)?;
        api(checks, kind, &site)?;
        images(checks, kind, &site)?;
        addresses(checks, kind, &site)?;
        // The last lines are written when the connections have ended.
        std::thread::sleep(Duration::from_millis(500));
        logs(checks, kind, &site, &proxy)?;
    }
    upstream.stop();
    Ok(())
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::OldNginx => "nginx with HTTP/1.0",
            Self::Caddy => "Caddy",
            Self::Haproxy => "HAProxy",
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Nginx | Self::OldNginx => "nginx.conf",
            Self::Caddy => "Caddyfile",
            Self::Haproxy => "haproxy.cfg",
        }
    }
}

impl Site {
    fn new(upstream: &Upstream) -> Result<Self> {
        let (folder, port, plain_port) = (tempfile::tempdir()?, free_port()?, free_port()?);
        certificate(folder.path())?;
        let url = format!("https://localhost:{port}");
        let mut server = Server::start_with(
            None,
            &[
                ("KEYWARD_PUBLIC_URL", url),
                ("KEYWARD_TRUSTED_PROXIES", "127.0.0.1".to_owned()),
                (
                    "KEYWARD_LOG",
                    "warn,actix_http::h1=off,actix_http::h1::decoder=debug,keyward=info".to_owned(),
                ),
            ],
        )?;
        let link = server.setup_link()?;
        let secret = link.split_once("/setup/").context("a setup link")?.1.to_owned();
        let setup_path = format!("/setup/{secret}");
        let form = "organization=Vendor&name=Ada&email=ada%40vendor.example&password=a+long+password&again=a+long+password";
        let set_up = Command::new("curl")
            .args(["-sS", "--noproxy", "*", "-d", form, "-w", "%{http_code}"])
            .arg(format!("{}{setup_path}", server.url()))
            .output()?;
        ensure!(set_up.stdout == b"303", "setting up: {}", String::from_utf8_lossy(&set_up.stdout));
        let tenant = server.tenant("Depot")?;
        let registry = json!({"name": "Main", "host": "localhost", "upstream": upstream.url()}).to_string();
        let registry = text(&tenant.http.create("/api/v1/registries", &registry)?, "id")?;
        let key = json!({"registry_id": registry, "name": "CI", "access": "read_write"}).to_string();
        let key = text(&tenant.http.create("/api/v1/registry-keys", &key)?, "secret")?;
        let product = tenant.http.create("/api/v1/products", r#"{"name":"Server"}"#)?;
        let made = tenant.http.create(
            &format!("/api/v1/products/{}/keys", text(&product, "id")?),
            r#"{"name":"Example","email":"it@example.com"}"#,
        )?;
        let (license, license_key) = (text(&made["license"], "id")?, text(&made["license"], "license_key")?);
        let secrets = vec![
            key.clone(),
            license_key,
            text(&product, "secret")?,
            secret,
            tenant.http.bearer().to_owned(),
        ];
        Ok(Self { folder, port, plain_port, server, tenant, registry, key, secrets, license, setup_path })
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    fn curl(&self, path: &str, args: &[&str]) -> Result<Answer> {
        let (head, body) = (self.folder.path().join("head"), self.folder.path().join("body"));
        for file in [&head, &body] {
            fs::write(file, "")?;
        }
        let told = Command::new("curl")
            .args([
                "-sS",
                "--ipv4",
                "--max-time",
                "30",
                "--noproxy",
                "*",
                "-w",
                "%{http_code} %{http_version}",
            ])
            .arg("--cacert")
            .arg(self.folder.path().join("ca.pem"))
            .arg("-D")
            .arg(&head)
            .arg("-o")
            .arg(&body)
            .args(args)
            .arg(self.url(path))
            .output()
            .context("running curl")?;
        let written = String::from_utf8_lossy(&told.stdout).into_owned();
        let (status, version) = written.split_once(' ').unwrap_or_default();
        let read = |file| -> Result<String> { Ok(String::from_utf8_lossy(&fs::read(file)?).into_owned()) };
        let error = String::from_utf8_lossy(&told.stderr).into_owned();
        Ok(Answer {
            status: status.into(),
            version: version.into(),
            head: read(head)?.to_lowercase(),
            body: read(body)? + &error,
        })
    }

    fn wait(&self, kind: Kind, proxy: &Proxy) -> Result<()> {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(15) {
            if self.curl("/readyz", &[])?.status == "200" {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let errors = fs::read_to_string(self.folder.path().join("error.log"))?;
        let seen = self.curl("/readyz", &[])?.seen();
        bail!("{} does not serve within 15 seconds: {seen} {}{errors}", kind.name(), proxy.said()?)
    }
}

impl Answer {
    fn seen(&self) -> String {
        format!("{} {}", self.head, self.body.chars().take(400).collect::<String>())
    }
}

/// An authority, and a certificate of it.
fn certificate(folder: &Path) -> Result<()> {
    let mut authority = rcgen::CertificateParams::new(Vec::new())?;
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    authority.distinguished_name.push(rcgen::DnType::CommonName, "Authority of a test");
    let authority = rcgen::CertifiedIssuer::self_signed(authority, rcgen::KeyPair::generate()?)?;
    let key = rcgen::KeyPair::generate()?;
    let certificate =
        rcgen::CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &authority)?;
    fs::write(folder.join("ca.pem"), authority.pem())?;
    fs::write(folder.join("fullchain.pem"), certificate.pem())?;
    fs::write(folder.join("privkey.pem"), key.serialize_pem())?;
    fs::write(folder.join("keyward.pem"), certificate.pem() + &key.serialize_pem())?;
    Ok(())
}

impl Proxy {
    fn start(kind: Kind, site: &Site) -> Result<Self> {
        let folder = site.folder.path();
        let at = |name: &str| folder.join(name).display().to_string();
        let (upstream, tls, plain) = (
            format!("127.0.0.1:{}", site.server.port()),
            format!("127.0.0.1:{}", site.port),
            format!("127.0.0.1:{}", site.plain_port),
        );
        let names = "licenses.example.com registry.example.com *.registry.example.com";
        let mut changes = vec![("127.0.0.1:8080".to_owned(), upstream)];
        let mut change = |from: &str, to: String| changes.push((from.to_owned(), to));
        match kind {
            Kind::Nginx | Kind::OldNginx => {
                change(names, "localhost".into());
                change("listen 80;", format!("listen {plain};"));
                change("listen 443 ", format!("listen {tls} "));
                change("/etc/ssl/keyward/", at(""));
                change("/var/log/nginx/keyward.log", at("access.log"));
                change("/var/log/nginx/keyward-error.log", at("error.log"));
            }
            Kind::Caddy => {
                let listed = |scheme: &str| {
                    names.split(' ').map(|name| format!("{scheme}://{name}")).collect::<Vec<_>>().join(", ")
                };
                change(&listed("http"), format!("http://localhost:{}", site.plain_port));
                change(&listed("https"), format!("https://localhost:{}", site.port));
                change("/etc/ssl/keyward/", at(""));
                change("/var/log/caddy/keyward.log", at("access.log"));
            }
            Kind::Haproxy => {
                change("bind :80", format!("bind {plain}"));
                change("bind :443", format!("bind {tls}"));
                change("/etc/haproxy/keyward.pem", at("keyward.pem"));
                change("log /dev/log local0", "log stdout format raw daemon".into());
            }
        }
        if kind == Kind::OldNginx {
            change("    proxy_http_version 1.1;\n    proxy_set_header Connection \"\";\n", String::new());
        }
        let shown = crate::root()?.join("docs/operations/proxies").join(kind.file());
        let mut config =
            fs::read_to_string(&shown).with_context(|| format!("reading {}", shown.display()))?;
        for (from, to) in &changes {
            ensure!(config.contains(from), "{} does not say {from}", shown.display());
            config = config.replace(from, to);
        }
        for log in ["access.log", "error.log", "out.log"] {
            fs::write(folder.join(log), "")?;
        }
        let file = folder.join(kind.file());
        let mut command = match kind {
            Kind::Nginx | Kind::OldNginx => {
                // As Debian's own main file includes it.
                let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                    .map(|name| format!("{name}_temp_path {};\n", at(name)))
                    .concat();
                let main = format!(
                    "daemon off;\nmaster_process off;\npid {};\nerror_log {};\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{config}\n}}\n",
                    at("nginx.pid"),
                    at("error.log"),
                );
                fs::write(&file, main)?;
                let mut nginx = Command::new("/usr/sbin/nginx");
                nginx.arg("-p").arg(folder).arg("-c").arg(&file);
                nginx
            }
            Kind::Caddy => {
                // No port that others have.
                fs::write(&file, format!("{{\n\tadmin off\n\thttp_port {}\n}}\n{config}", site.plain_port))?;
                let mut caddy = Command::new("/usr/bin/caddy");
                caddy.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file).env("HOME", folder);
                caddy
            }
            Kind::Haproxy => {
                fs::write(&file, config)?;
                let mut haproxy = Command::new("/usr/sbin/haproxy");
                haproxy.arg("-db").arg("-f").arg(&file);
                haproxy
            }
        };
        let out = fs::File::create(folder.join("out.log"))?;
        let process = command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).spawn();
        let process = process.with_context(|| format!("starting {}", kind.name()))?;
        let logs = ["access.log", "out.log"].map(|name| folder.join(name)).into();
        Ok(Self { process, logs })
    }

    /// What is in its logs.
    fn said(&self) -> Result<String> {
        Ok(self.logs.iter().map(fs::read_to_string).collect::<Result<Vec<_>, _>>()?.concat())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Signing in by form, with the cookie over TLS alone, and not from another site's page.
fn pages(checks: &mut Checks, kind: Kind, site: &Site) -> Result<()> {
    let name = kind.name();
    let origin = format!("Origin: https://localhost:{}", site.port);
    let used = site.curl(&site.setup_path, &[])?;
    checks.check(&format!("{name}: a link that was used"), used.status == "410", &used.seen());
    let form = "email=ada%40vendor.example&password=a+long+password";
    let jar = site.folder.path().join("cookies").display().to_string();
    let signed_in = site.curl("/sign-in", &["-H", &origin, "-d", form, "-c", &jar])?;
    let cookie = signed_in
        .head
        .lines()
        .find(|line| line.starts_with("set-cookie: __host-keyward="))
        .unwrap_or_default();
    let right = signed_in.status == "303" && cookie.contains("; secure");
    checks.check(&format!("{name}: signing in by form"), right, &signed_in.seen());
    let home = site.curl("/", &["-b", &jar])?;
    checks.check(
        &format!("{name}: the portal"),
        home.status == "200" && home.body.contains("Vendor"),
        &home.seen(),
    );
    let foreign = site.curl(
        "/sign-in",
        &["-H", "Origin: https://evil.example", "-H", "X-Forwarded-Host: evil.example", "-d", form],
    )?;
    checks.check(&format!("{name}: a form of another site"), foreign.status == "403", &foreign.seen());
    let plain = Command::new("curl")
        .args(["-sS", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}"])
        .arg(format!("http://localhost:{}/sign-in", site.plain_port))
        .output()?;
    let sent = String::from_utf8_lossy(&plain.stdout).into_owned();
    checks.check(
        &format!("{name}: plain HTTP leads to TLS"),
        sent.starts_with("308 https://localhost"),
        &sent,
    );
    Ok(())
}

/// Requests with no body, with a large one, and with too large a one.
fn api(checks: &mut Checks, kind: Kind, site: &Site) -> Result<()> {
    let name = kind.name();
    let health = site.curl("/readyz", &["--http2"])?;
    checks.check(
        &format!("{name}: HTTP/2 to the client"),
        (health.status.as_str(), health.version.as_str()) == ("200", "2"),
        &health.seen(),
    );
    let bearer = format!("Authorization: Bearer {}", site.tenant.http.bearer());
    // A POST without a body has no Content-Length then, which HTTP/1.0 does not allow.
    let path = format!("/api/v1/licenses/{}/suspend", site.license);
    let empty = site.curl(&path, &["-H", &bearer, "-X", "POST", "--http1.1"])?;
    if kind == Kind::OldNginx {
        let told =
            site.server.log()?.matches("no Content-Length specified for HTTP/1.0 POST request").count();
        checks.check(
            &format!("{name}: a POST without a body is told in the server's log"),
            empty.status == "400" && told == 1,
            &empty.seen(),
        );
    } else {
        checks.check(&format!("{name}: a POST without a body"), empty.status == "200", &empty.seen());
        site.tenant.http.act(&format!("/api/v1/licenses/{}/resume", site.license))?;
    }
    let file = site.folder.path().join("large.json");
    let data = format!("@{}", file.display());
    let post = ["-H", &bearer, "-H", "Content-Type: application/json", "--data-binary", &data];
    let customer = |notes: usize| {
        json!({"name": "Example", "email": "it@example.com", "notes": "x".repeat(notes)}).to_string()
    };
    fs::write(&file, customer(3_000))?;
    let kept = site.curl("/api/v1/customers", &post)?;
    checks.check(&format!("{name}: a POST with a body"), kept.status == "201", &kept.seen());
    fs::write(&file, customer(1_200_000))?;
    let large = site.curl("/api/v1/customers", &post)?;
    let problem: Value = serde_json::from_str(&large.body).unwrap_or_default();
    checks.check(
        &format!("{name}: a body that is too large is refused by the server itself"),
        large.status == "413" && problem["code"] == "payload_too_large",
        &large.seen(),
    );
    let license_key = site.secrets[1].clone();
    let product = format!("Authorization: Bearer {}", site.secrets[2]);
    let looked_up = site.curl(&format!("/api/v1/license/{license_key}"), &["-H", &product])?;
    checks.check(&format!("{name}: a license key in the path"), looked_up.status == "200", &looked_up.seen());
    Ok(())
}

/// Push and pull of an image with a large layer, with the key as user name too.
fn images(checks: &mut Checks, kind: Kind, site: &Site) -> Result<()> {
    let name = kind.name();
    // Another one behind each proxy, and none that gets smaller on the way.
    let layer: Vec<u8> =
        (0..LAYER_BYTES / 32).flat_map(|block| Sha256::digest(format!("{name} {block}"))).collect();
    let config = json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]}});
    let image = Image::of(layer, config.to_string().into_bytes());
    let (local, back) = (site.folder.path().join("image"), site.folder.path().join("back"));
    for folder in [&local, &back] {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir(folder)?;
    }
    fs::write(local.join("version"), "Directory Transport Version: 1.1\n")?;
    fs::write(local.join("manifest.json"), &image.manifest)?;
    for part in [&image.layer, &image.config] {
        fs::write(local.join(digest(part).trim_start_matches("sha256:")), part)?;
    }
    let creds = format!("{0}:{0}", site.key);
    let remote = format!("docker://localhost:{}/acme/{}:1.0", site.port, kind.file().to_lowercase());
    let certificates = site.folder.path().join("certificates");
    fs::create_dir_all(&certificates)?;
    fs::copy(site.folder.path().join("ca.pem"), certificates.join("ca.crt"))?;
    let certificates = certificates.display().to_string();
    let at = |folder: &Path| format!("dir:{}", folder.display());
    let pushed = skopeo(&[
        "copy",
        "--preserve-digests",
        "--dest-cert-dir",
        &certificates,
        "--dest-creds",
        &creds,
        &at(&local),
        &remote,
    ])?;
    succeeded(checks, &format!("{name}: push of a layer of {LAYER_BYTES} bytes"), &pushed);
    let pulled = skopeo(&[
        "copy",
        "--preserve-digests",
        "--src-cert-dir",
        &certificates,
        "--src-creds",
        &creds,
        &remote,
        &at(&back),
    ])?;
    succeeded(checks, &format!("{name}: pull"), &pulled);
    let same = fs::read(back.join("manifest.json")).is_ok_and(|manifest| manifest == image.manifest);
    checks.check(&format!("{name}: what was pushed is what was pulled"), same, "another manifest");
    Ok(())
}

fn succeeded(checks: &mut Checks, what: &str, output: &Output) {
    checks.check(what, output.status.success(), &said(output));
}

/// The address of the client, whatever it says of itself.
fn addresses(checks: &mut Checks, kind: Kind, site: &Site) -> Result<()> {
    let user = format!("{0}:{0}", site.key);
    let path = format!("/v2/acme/{}/manifests/1.0", kind.file().to_lowercase());
    let args = [
        "--interface",
        "127.0.0.9",
        "-H",
        "X-Forwarded-For: 203.0.113.7",
        "-H",
        "Forwarded: for=203.0.113.8",
        "-u",
        &user,
    ];
    let accept = ["-H", "Accept: application/vnd.oci.image.manifest.v1+json"];
    let pulled = site.curl(&path, &[&args[..], &accept].concat())?;
    checks.check(
        &format!("{}: pull from another address", kind.name()),
        pulled.status == "200",
        &pulled.seen(),
    );
    let started = Instant::now();
    let mut seen = String::new();
    while started.elapsed() < Duration::from_secs(5) {
        seen = site.tenant.http.get("/api/v1/registry-events?limit=1")?;
        let newest: Value = serde_json::from_str(&seen)?;
        if newest["items"][0]["address"] == "127.0.0.9" {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    checks.check(
        &format!("{}: the address of the client", kind.name()),
        seen.contains("\"127.0.0.9\"") && !seen.contains("203.0.113"),
        &seen,
    );
    Ok(())
}

/// Lines, and no secret in them.
fn logs(checks: &mut Checks, kind: Kind, site: &Site, proxy: &Proxy) -> Result<()> {
    let said = proxy.said()?;
    let lines = ["/sign-in", "/setup/kw_...", "/v2/acme/", "/api/v1/customers", "/api/v1/license/..."];
    let missing: Vec<_> = lines.into_iter().filter(|line| !said.contains(line)).collect();
    checks.check(
        &format!("{}: the access log", kind.name()),
        missing.is_empty(),
        &format!("{missing:?} in {} bytes", said.len()),
    );
    let told: Vec<_> = site.secrets.iter().filter(|secret| said.contains(secret.as_str())).collect();
    checks.check(&format!("{}: no secret in the log", kind.name()), told.is_empty(), &format!("{told:?}"));
    Ok(())
}
