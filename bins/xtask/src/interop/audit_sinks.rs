//! The audit log, streamed to a real rsyslog over TLS and to an OTLP receiver in Python that is made from the protocol's published types, while
//! the server and rsyslog are killed: nothing is lost, and what was collected is proven by the command.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Checks;
use super::server::{Server, Tenant, program};
use crate::root;
use keyward_testkit_postgres::free_port;

/// How long events may take after the last kill: a lease of a killed server, and the longest pause after failures.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often something is killed.
const ROUNDS: u32 = 6;

/// How much is done between two kills.
const CHANGES: u32 = 15;

/// A process that is killed when dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A certificate and its key in PEM, in files.
struct Pair {
    certificate: PathBuf,
    key: PathBuf,
}

/// An rsyslog that takes TLS alone, from clients with a certificate, and writes what it takes into a file.
struct Rsyslog {
    folder: TempDir,
    port: u16,
    process: Option<Killed>,
}

impl Rsyslog {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        std::fs::write(folder.path().join("ca.pem"), authority.pem())?;
        for name in ["localhost", "keyward"] {
            let key = KeyPair::generate()?;
            let certificate = CertificateParams::new(vec![name.to_owned()])?.signed_by(&key, &authority)?;
            std::fs::write(folder.path().join(format!("{name}.pem")), certificate.pem())?;
            std::fs::write(folder.path().join(format!("{name}.key")), key.serialize_pem())?;
        }
        let mut rsyslog = Self { folder, port: free_port()?, process: None };
        let at = |name: &str| rsyslog.folder.path().join(name).display().to_string();
        let configuration = format!(
            r#"global(workDirectory="{}" maxMessageSize="256k"
  defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="{}"
  defaultNetstreamDriverCertFile="{}" defaultNetstreamDriverKeyFile="{}")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
input(type="imtcp" address="127.0.0.1" port="{}")
template(name="line" type="string" string="%msg%\n")
action(type="omfile" file="{}" template="line")
"#,
            rsyslog.folder.path().display(),
            at("ca.pem"),
            at("localhost.pem"),
            at("localhost.key"),
            rsyslog.port,
            at("collected")
        );
        std::fs::write(rsyslog.folder.path().join("rsyslog.conf"), configuration)?;
        rsyslog.run()?;
        Ok(rsyslog)
    }

    fn run(&mut self) -> Result<()> {
        let path = |name: &str| self.folder.path().join(name);
        let mut command = Command::new("/usr/sbin/rsyslogd");
        command.arg("-n").arg("-f").arg(path("rsyslog.conf")).arg("-i").arg(path("pid"));
        self.process = Some(Killed(command.stdout(Stdio::null()).spawn().context("starting rsyslogd")?));
        listens(self.port)
    }

    /// `kill -9`.
    fn kill(&mut self) {
        self.process = None;
        let _ = std::fs::remove_file(self.folder.path().join("pid"));
    }

    fn client(&self) -> Pair {
        let path = |name: &str| self.folder.path().join(name);
        Pair { certificate: path("keyward.pem"), key: path("keyward.key") }
    }

    fn collected(&self) -> PathBuf {
        self.folder.path().join("collected")
    }
}

fn listens(port: u16) -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(30) {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("nothing listens on port {port} after 30 seconds")
}

/// Makes changes while rsyslog and servers are killed. With a database that two servers can have, a second one works beside the first.
pub(crate) fn judge(
    checks: &mut Checks,
    server: &mut Server,
    python: &Path,
    database: Option<String>,
) -> Result<()> {
    let mut rsyslog = Rsyslog::start()?;
    let key = server.data().join("master.key").display().to_string();
    let beside = database.map(|url| Server::start_with(Some(url), &[("KEYWARD_MASTER_KEY_FILE", key)]));
    let _beside = beside.transpose()?;
    let (port, otlp) = (free_port()?, tempfile::tempdir()?);
    let script = root()?.join("bins/xtask/src/interop/otlp_receiver.py");
    let collected = otlp.path().join("collected");
    let mut receiver = Command::new(python);
    receiver.arg(script).arg(port.to_string()).arg(&collected);
    let _receiver = Killed(receiver.spawn()?);
    listens(port)?;

    let tenant = server.tenant("Streamed")?;
    let pair = rsyslog.client();
    let read = |path: &Path| std::fs::read_to_string(path);
    let to_rsyslog = create(
        &tenant,
        &json!({
            "name": "rsyslog",
            "address": format!("syslog+tls://localhost:{}", rsyslog.port),
            "ca_certificates": read(&rsyslog.folder.path().join("ca.pem"))?,
            "client_certificate": read(&pair.certificate)?,
            "client_key": read(&pair.key)?,
        }),
    )?;
    let address = format!("http://127.0.0.1:{port}/v1/logs");
    let headers = ["Authorization: Bearer otlp"];
    let to_otlp = create(&tenant, &json!({"name": "OTLP", "address": address, "headers": headers}))?;
    for round in 0..ROUNDS {
        for number in 0..CHANGES {
            let customer =
                json!({"name": format!("Kundin {round} № {number}"), "email": "c@customer.example"});
            tenant.http.create("/api/v1/customers", &customer.to_string())?;
            if number == CHANGES / 2 && round % 2 == 1 {
                rsyslog.kill();
            }
        }
        std::thread::sleep(Duration::from_millis(u64::from(700 + round * 130)));
        if round % 2 == 1 {
            rsyslog.run()?;
        } else {
            server.kill_and_restart()?;
        }
    }
    // It signs what there is.
    tenant.http.get("/api/v1/audit-events/export")?;
    let began = Instant::now();
    while began.elapsed() < PATIENCE
        && !(is_up_to_date(&tenant, &to_rsyslog)? && is_up_to_date(&tenant, &to_otlp)?)
    {
        std::thread::sleep(Duration::from_millis(200));
    }
    // rsyslog writes a moment after it has read.
    std::thread::sleep(Duration::from_secs(1));
    let jwks = otlp.path().join("jwks.json");
    std::fs::write(&jwks, tenant.http.get(&format!("/o/{}/jwks.json", tenant.slug))?)?;
    let last = sink(&tenant, &to_rsyslog)?["last_seq"].as_u64().context("how many events there are")?;
    for (name, file) in [("rsyslog", rsyslog.collected()), ("OTLP", collected)] {
        let lines = std::fs::read_to_string(&file)?;
        let numbers: Vec<u64> = lines
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok()?["event"]["seq"].as_u64())
            .collect();
        let told: BTreeSet<_> = numbers.iter().copied().collect();
        let lost = (1..=last).filter(|number| !told.contains(number)).count();
        let seen = format!("{} lines for {last} events", numbers.len());
        println!("{name}: {lost} lost, {} repeated of {last} events", numbers.len() - told.len());
        checks.check(&format!("no event is lost to {name}"), lost == 0 && told.len() as u64 == last, &seen);
        let mut verify = Command::new(program("debug", "keyward")?);
        let output =
            verify.args(["audit", "verify", "--collected", "--jwks"]).args([&jwks, &file]).output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let proven: Value = serde_json::from_str(&said).unwrap_or_default();
        let whole = output.status.success() && proven["last"] == last && proven["unsigned"] == 0;
        checks.check(&format!("what {name} has collected is proven"), whole, &said);
    }
    for id in [to_rsyslog, to_otlp] {
        tenant.http.delete(&format!("/api/v1/audit-sinks/{id}"))?;
    }
    Ok(())
}

fn create(tenant: &Tenant, body: &Value) -> Result<String> {
    let made = tenant.http.create("/api/v1/audit-sinks", &body.to_string())?;
    ensure!(!made.to_string().contains("PRIVATE KEY"), "a private key is shown");
    Ok(made["id"].as_str().context("a sink has an id")?.to_owned())
}

fn sink(tenant: &Tenant, id: &str) -> Result<Value> {
    Ok(serde_json::from_str(&tenant.http.get(&format!("/api/v1/audit-sinks/{id}"))?)?)
}

fn is_up_to_date(tenant: &Tenant, id: &str) -> Result<bool> {
    let sink = sink(tenant, id)?;
    Ok(sink["seq"] == sink["last_seq"] && sink["failures"] == 0)
}
