//! Runs the servers and prints what came of it.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::open_loop;
use crate::seed::{self, Shop};
use crate::server::{Server, bootstrap};

const ROUNDS: usize = 5;
pub(crate) const SECONDS: u32 = 3;
const LICENSES: usize = 1_024;
const RATE: u32 = 10_000;

/// The table of throughput and latency, for each database.
pub(crate) fn print(program: &str, databases: &[&str]) -> Result<()> {
    println!("| database | handler | requests/s | of hello | of naive |");
    println!("|---|---|--:|--:|--:|");
    let mut latencies = Vec::new();
    for database in databases {
        let folder = tempfile::tempdir()?;
        let database = match *database {
            "sqlite" => format!("sqlite://{}", folder.path().join("keyward.db").display()),
            url => url.to_owned(),
        };
        let kind = database.split(':').next().unwrap_or_default();
        let founded = bootstrap(program, folder.path(), &database, "Load")?;
        let keyward = Server::keyward(program, folder.path(), &database)?;
        let token = founded["token"].as_str().context("a token")?;
        let shop = Shop::open(&keyward.address, token, "Server", LICENSES)?;
        let script = folder.path().join("validate.lua");
        std::fs::write(&script, lua(std::slice::from_ref(&shop)))?;
        let (hello, naive) = (Server::own("hello", None)?, Server::own("naive", Some(&database))?);
        // Every license is seen once before it counts, as in a day of normal work.
        open_loop::run(&keyward.address, &shop.requests(), 1_000, 2)?;

        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let hello = wrk(&hello.address, 32, None)?;
            let naive = wrk(&naive.address, 32, Some(&script))?;
            let validate = wrk(&keyward.address, 32, Some(&script))?;
            rounds.push([hello, naive, validate]);
        }
        let column = |of: fn(&[f64; 3]) -> f64| median(rounds.iter().map(of).collect());
        println!("| {kind} | hello | {:.0} | 1 | |", column(|round| round[0]));
        println!(
            "| {kind} | naive | {:.0} | {:.3} | 1 |",
            column(|round| round[1]),
            column(|round| round[1] / round[0])
        );
        println!(
            "| {kind} | validate | {:.0} | {:.3} | {:.1} |",
            column(|round| round[2]),
            column(|round| round[2] / round[0]),
            column(|round| round[2] / round[1]),
        );
        for _ in 0..3 {
            let found = open_loop::run(&keyward.address, &shop.requests(), RATE, 4)?;
            latencies.push(format!(
                "| {kind} | {RATE} | {} | {} | {} |",
                found.quantile(0.5),
                found.quantile(0.99),
                found.quantile(0.999)
            ));
        }
    }
    println!("\n| database | requests/s, open loop | p50 µs | p99 µs | p99.9 µs |\n|---|--:|--:|--:|--:|");
    latencies.iter().for_each(|line| println!("{line}"));
    Ok(())
}

/// Start and memory with a million licenses on SQLite.
pub(crate) fn million(program: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let database = format!("sqlite://{}", folder.path().join("keyward.db").display());
    let founded = bootstrap(program, folder.path(), &database, "Load")?;
    let keyward = Server::keyward(program, folder.path(), &database)?;
    let mut shop = Shop::open(&keyward.address, founded["token"].as_str().context("a token")?, "Server", 1)?;
    drop(keyward);
    let (organization, started) = (founded["organization_id"].as_str().context("an id")?, Instant::now());
    let copies = seed::multiply(&database, organization, &shop.codes[0], 1_000_000);
    shop.codes = actix_web::rt::System::new().block_on(copies)?;
    println!("seeded {} licenses in {:.0} s", shop.codes.len(), started.elapsed().as_secs_f64());

    let keyward = Server::keyward(program, folder.path(), &database)?;
    println!("start to ready: {:.2} s", keyward.started_in.as_secs_f64());
    println!("resident memory when ready: {} MiB", keyward.memory()?);
    let started = Instant::now();
    open_loop::run(&keyward.address, &shop.requests(), 1_000_000, 1)?;
    println!(
        "1,000,000 licenses asked for, one after the other, in {:.0} s",
        started.elapsed().as_secs_f64()
    );
    println!("resident memory after that: {} MiB", keyward.memory()?);
    let found = open_loop::run(&keyward.address, &shop.requests(), 5_000, 20)?;
    println!(
        "5,000 requests/s over all of them: p50 {} µs, p99 {} µs",
        found.quantile(0.5),
        found.quantile(0.99)
    );
    println!("resident memory after that: {} MiB", keyward.memory()?);
    Ok(())
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Requests a second of a server under full load.
pub(crate) fn wrk(address: &str, connections: usize, script: Option<&Path>) -> Result<f64> {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", &format!("-c{connections}"), &format!("-d{SECONDS}s")]);
    if let Some(script) = script {
        wrk.arg("-s").arg(script);
    }
    let output = wrk.arg(format!("http://{address}/")).output().context("starting wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(!text.contains("Non-2xx"), "answers that are none:\n{text}");
    let line = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    Ok(line.with_context(|| format!("wrk said:\n{text}"))?.trim().parse()?)
}

/// A script for wrk that asks for the licenses of all products in turn.
pub(crate) fn lua(shops: &[Shop]) -> String {
    let rows = shops.iter().flat_map(|shop| shop.codes.iter().map(|code| (code, &shop.key)));
    let mut rows: Vec<_> = rows.enumerate().collect();
    // One of each product, then the second of each.
    let each = shops.first().map_or(1, |shop| shop.codes.len().max(1));
    rows.sort_by_key(|(index, _)| index % each);
    let rows: Vec<_> =
        rows.iter().map(|(_, (code, key))| format!("{{\"{code}\",\"Bearer {key}\"}}")).collect();
    format!(
        "local rows = {{{}}}\nlocal n = 0\n\
         request = function()\n  n = n + 1\n  local row = rows[n % #rows + 1]\n  \
         local body = '{{\"license_key\":\"' .. row[1] .. '\",\"nonce\":\"' .. n .. '\"}}'\n  \
         local headers = {{ [\"Authorization\"] = row[2], [\"Content-Type\"] = \"application/json\" }}\n  \
         return wrk.format(\"POST\", \"/api/v1/validate\", headers, body)\nend\n",
        rows.join(",")
    )
}
