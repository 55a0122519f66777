//! What a thousand agents cost that have nothing to do, and how soon they hear of something.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use keyward_domain::session::SessionHolder;
use keyward_domain::{CustomerId, Secret, SecretKind, Session, SessionId};
use keyward_storage::{Store, Technical};
use serde_json::{Value, json};

use crate::host::{Host, News};
use crate::seed::{now, post, random};
use crate::server::{Server, bootstrap};

const AGENTS: usize = 1_000;
/// For how long they are left alone: several rounds of the long poll.
const IDLE: Duration = Duration::from_secs(150);
/// How often one of them is told something.
const WOKEN: usize = 200;
/// How often all of them are.
const ROUNDS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(60);

const COMPOSE: &str = "services:\n  app:\n    image: r.example/acme/app:1.0\n    environment:\n      KEY: '{{ .LicenseKeys.Server }}'\n";

/// What was found, for each database.
pub(crate) fn print(program: &str, databases: &[&str]) -> Result<()> {
    for database in databases {
        let folder = tempfile::tempdir()?;
        let database = match *database {
            "sqlite" => format!("sqlite://{}", folder.path().join("keyward.db").display()),
            url => url.to_owned(),
        };
        measure(program, folder.path(), &database)?;
    }
    Ok(())
}

fn measure(program: &str, folder: &Path, database: &str) -> Result<()> {
    let founded = bootstrap(program, folder, database, "Load")?;
    let token = founded["token"].as_str().context("a token")?;
    let (started, keyward) = (Instant::now(), Server::keyward(program, folder, database)?);
    let mut shop = Shop::open(&keyward.address, token, (database, &founded))?;
    let hosts = (0..AGENTS).map(|number| shop.host(number)).collect::<Result<Vec<_>>>()?;
    println!("\n{database}\n\n{AGENTS} hosts have joined in {:.0} s", started.elapsed().as_secs_f64());
    drop(keyward);

    // Started anew, so that what it has in memory is there for those who wait.
    let keyward = Server::keyward(program, folder, database)?;
    shop.address.clone_from(&keyward.address);
    let (send, news) = channel();
    let bytes = Arc::new(AtomicU64::new(0));
    let mut hosts = hosts.into_iter().enumerate();
    let listen = |(number, host): (usize, Host)| {
        host.listen(number, keyward.address.clone(), send.clone(), Arc::clone(&bytes))
    };
    hosts.next().map(listen).transpose()?;
    heard(&news, 1, Instant::now())?;
    let alone = rest(&keyward, database, None)?;
    let begun = Instant::now();
    hosts.try_for_each(listen)?;
    let all = heard(&news, AGENTS - 1, begun)?;
    println!("all have their first document after {:.1} s", all.as_secs_f64());
    sleep(Duration::from_secs(5));
    let together = rest(&keyward, database, Some(&bytes))?;
    ensure!(news.try_recv().is_err(), "an agent was told something although nothing had happened");
    println!("| beside | memory MiB | processor ms/s | rows written |\n|---|--:|--:|--:|");
    for (name, found) in [("one agent", alone), ("all agents", together)] {
        println!("| {name} | {} | {:.1} | {} |", found.memory, found.processor, found.written);
    }
    changes(&shop, &keyward, &news)?;
    println!("memory after that: {} MiB", keyward.memory()?);
    Ok(())
}

/// How soon a change is heard of by the one, or by all, that it concerns.
fn changes(shop: &Shop, keyward: &Server, news: &Receiver<News>) -> Result<()> {
    let mut waits = Vec::new();
    for turn in 0..WOKEN {
        // One after the other, each at another moment of the server's round.
        sleep(Duration::from_millis(150 + (turn as u64 * 37) % 200));
        let number = turn * (AGENTS / WOKEN);
        let begun = Instant::now();
        shop.own(&format!("/api/v1/customer/deployments/{}/stop", shop.deployments[number]), json!({}))?;
        let told = news.recv_timeout(PATIENCE).context("nobody heard of it")?;
        ensure!(told.agent == number, "another agent heard of it");
        waits.push(told.at.duration_since(begun));
    }
    waits.sort();
    let quantile = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_millis();
    let [p50, p99, most] = [0.5, 0.99, 1.0].map(quantile);
    println!("one is told something: p50 {p50} ms, p99 {p99} ms, at most {most} ms, from the click on");
    for round in 0..ROUNDS {
        let (begun, took) = (Instant::now(), keyward.processor_time()?);
        let path = format!("/api/v1/licenses/{}/renew", shop.license);
        post(&shop.address, &shop.token, &path, json!({"payload": {"round": round}}))?;
        let all = heard(news, AGENTS, begun)?;
        let took = keyward.processor_time()? - took;
        println!(
            "a license of all is renewed: all have it after {:.2} s ({:.2} s of the processor)",
            all.as_secs_f64(),
            took.as_secs_f64()
        );
        sleep(Duration::from_secs(3));
    }
    let took = keyward.processor_time()?;
    post(&shop.address, &shop.token, "/api/v1/products", json!({"name": "Another"}))?;
    sleep(Duration::from_secs(5));
    let took = keyward.processor_time()? - took;
    ensure!(news.try_recv().is_err(), "an agent was told of what does not concern it");
    println!("something is changed that concerns none: {:.2} s of the processor in 5 s", took.as_secs_f64());
    Ok(())
}

/// Waits until `many` different agents were told something; how long it took the last of them.
fn heard(news: &Receiver<News>, many: usize, begun: Instant) -> Result<Duration> {
    let (mut who, mut last) = (std::collections::BTreeSet::new(), begun);
    while who.len() < many {
        let told = match news.recv_timeout(PATIENCE) {
            Ok(told) => told,
            Err(RecvTimeoutError::Timeout) => anyhow::bail!("{} of {many} heard of it", who.len()),
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("no agent is left"),
        };
        who.insert(told.agent);
        last = last.max(told.at);
    }
    Ok(last.duration_since(begun))
}

/// What a server has cost while nothing happened.
struct Rest {
    memory: u64,
    /// Milliseconds of the processor in a second.
    processor: f64,
    /// How many rows were added, changed and removed.
    written: String,
}

fn rest(keyward: &Server, database: &str, traffic: Option<&AtomicU64>) -> Result<Rest> {
    let (before, took, begun) = (rows(database)?, keyward.processor_time()?, Instant::now());
    let bytes = traffic.map(|bytes| bytes.load(Ordering::Relaxed));
    sleep(IDLE);
    let seconds = begun.elapsed().as_secs_f64();
    if let (Some(traffic), Some(before)) = (traffic, bytes) {
        let bytes = traffic.load(Ordering::Relaxed) - before;
        println!(
            "bytes of an agent in a minute, without TCP: {:.0}",
            bytes as f64 / AGENTS as f64 * 60.0 / seconds
        );
    }
    let written = match (before, rows(database)?) {
        (Some(before), Some(after)) => {
            let [added, changed, removed] = [0, 1, 2].map(|kind| after[kind] - before[kind]);
            format!("{added} added, {changed} changed, {removed} removed in {seconds:.0} s")
        }
        _ => "not counted".to_owned(),
    };
    let processor = (keyward.processor_time()? - took).as_secs_f64() * 1_000.0 / seconds;
    Ok(Rest { memory: keyward.memory()?, processor, written })
}

/// How many rows were added, changed and removed so far, by the word of PostgreSQL. SQLite does not count them.
fn rows(database: &str) -> Result<Option<[i64; 3]>> {
    if !database.starts_with("postgres") {
        return Ok(None);
    }
    // What each session has done is told within a second or so.
    sleep(Duration::from_secs(2));
    let query = "select sum(n_tup_ins), sum(n_tup_upd), sum(n_tup_del) from pg_stat_user_tables";
    let output = Command::new("psql").args(["-XAt", "-F", " ", "-c", query, database]).output()?;
    ensure!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let numbers = text.split_whitespace().map(str::parse).collect::<Result<Vec<i64>, _>>()?;
    Ok(Some(numbers.try_into().map_err(|_| anyhow::anyhow!("psql said: {text}"))?))
}

/// A customer with an application, who deploys it on many hosts.
struct Shop {
    address: String,
    token: String,
    /// An admin's session.
    cookie: String,
    application: String,
    license: String,
    deployments: Vec<String>,
}

impl Shop {
    fn open(address: &str, token: &str, (database, founded): (&str, &Value)) -> Result<Self> {
        let make = |path: &str, body: Value| post(address, token, path, body);
        let customer = make("/api/v1/customers", json!({"name": "Buyer", "email": "it@customer.example"}))?;
        let customer = text(&customer, "id")?;
        let body = json!({"name": "Server", "customer_id": customer, "payload": {}});
        let license = text(&make("/api/v1/licenses", body)?, "id")?;
        let made = make("/api/v1/applications", json!({"name": "App", "kind": "compose"}))?;
        let (id, application) = (text(&made, "id")?, text(&made, "slug")?);
        let path = format!("/api/v1/applications/{id}/versions");
        make(&path, json!({"name": "1.0", "compose": COMPOSE}))?;
        let body = json!({"customer_id": customer, "application_id": id, "all_versions": true});
        make("/api/v1/application-entitlements", body)?;
        let organization = text(founded, "organization_id")?;
        let cookie = session(database, &organization, customer.parse()?);
        let cookie = actix_web::rt::System::new().block_on(cookie)?;
        let (address, token, deployments) = (address.to_owned(), token.to_owned(), Vec::new());
        Ok(Self { address, token, cookie, application, license, deployments })
    }

    /// A new target whose host joins, and on which the application is deployed.
    fn host(&mut self, number: usize) -> Result<Host> {
        let body = json!({"name": format!("host-{number}"), "mode": "manage"});
        let made = self.own("/api/v1/customer/deployment-targets", body)?;
        let host = Host::join(&self.address, &text(&made, "join_code")?)?;
        let body = json!({
            "target_id": text(&made["target"], "id")?,
            "name": "Production",
            "application": self.application,
            "application_version": "1.0",
        });
        self.deployments.push(text(&self.own("/api/v1/customer/deployments", body)?, "id")?);
        Ok(host)
    }

    /// Asks as the customer's admin.
    fn own(&self, path: &str, body: Value) -> Result<Value> {
        let request = ureq::post(format!("http://{}{path}", self.address));
        let cookie = format!("keyward-customer={}", self.cookie);
        let mut answer = request.header("Cookie", cookie).send_json(body)?;
        Ok(answer.body_mut().read_json()?)
    }
}

fn text(json: &Value, name: &str) -> Result<String> {
    Ok(json[name].as_str().with_context(|| format!("no {name} in {json}"))?.to_owned())
}

/// Begins a session of a customer's admin; what its cookie holds.
async fn session(database: &str, organization: &str, customer: CustomerId) -> Result<String> {
    let store = Store::connect(database).await?;
    let (tx, secret, at) = (store.write().await?, Secret::new(SecretKind::Session, random()?), now()?);
    let all = tx.organizations().list(keyward_domain::PageRequest::default()).await?.newest();
    let organization = all.into_iter().find(|one| one.id.to_string() == organization);
    let scope = organization.context("the organization")?.scope();
    let admin = tx.customer_users(scope).admins(customer, 1).await?.pop().context("an admin")?;
    let session = Session {
        id: SessionId::new(u64::try_from(at.unix())? * 1_000, random()?),
        organization: scope.id(),
        holder: SessionHolder::CustomerUser(admin.reference()),
        hash: secret.hash(),
        address: "127.0.0.1".to_owned(),
        user_agent: "load".to_owned(),
        created_at: at,
        last_seen_at: at,
        expires_at: at.plus_days(1),
        form_key: secret.hash(),
        confirmed_at: None,
    };
    tx.sessions(scope).insert(&session).await?;
    tx.commit_unrecorded(Technical::Seed).await?;
    Ok(secret.expose().to_owned())
}
