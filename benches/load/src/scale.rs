//! Validation with many products, many servers, and a database that is far away.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::seed::Shop;
use crate::server::{Server, bootstrap};
use crate::table::{lua, median, wrk};
use crate::{delay, open_loop};

const ROUNDS: usize = 3;
const LICENSES: usize = 16;
const PRODUCTS: [usize; 4] = [1, 8, 32, 200];
const SERVERS: [usize; 3] = [1, 2, 4];
const ROUND_TRIPS: [u64; 3] = [0, 2, 10];

/// The tables, for each database.
pub(crate) fn print(program: &str, databases: &[&str]) -> Result<()> {
    for database in databases {
        let folder = tempfile::tempdir()?;
        let database = match *database {
            "sqlite" => format!("sqlite://{}", folder.path().join("keyward.db").display()),
            url => url.to_owned(),
        };
        let kind = database.split(':').next().unwrap_or_default();
        let founded = bootstrap(program, folder.path(), &database, "Scale")?;
        let token = founded["token"].as_str().context("a token")?;
        let server = Server::keyward(program, folder.path(), &database)?;
        let most = PRODUCTS.into_iter().max().unwrap_or_default();
        let open = |number: usize| Shop::open(&server.address, token, &format!("Product {number}"), LICENSES);
        let shops = (0..most).map(open).collect::<Result<Vec<_>>>()?;
        // Each license is seen once before it counts.
        let requests: Vec<_> = shops.iter().flat_map(Shop::requests).collect();
        open_loop::run(&server.address, &requests, 1_000, 4)?;
        let script = |products: usize| -> Result<_> {
            let path = folder.path().join(format!("{products}.lua"));
            std::fs::write(&path, lua(shops.get(..products).unwrap_or(&shops)))?;
            Ok(path)
        };

        println!(
            "\n| {kind}, products | requests/s | of one product's | CPU µs a request |\n|--:|--:|--:|--:|"
        );
        let cases = PRODUCTS
            .into_iter()
            .map(|products| Ok((products, script(products)?)))
            .collect::<Result<Vec<_>>>()?;
        let found = interleaved(&cases, |path| Measured::of(&[&server], 32, path))?;
        for ((products, _), one) in cases.iter().zip(&found) {
            println!("| {products} | {:.0} | {:.2} | {:.0} |", one.rate, one.rate / found[0].rate, one.cpu);
        }
        if kind == "sqlite" {
            continue;
        }

        println!("\n| {kind}, servers | requests/s | of one server's |\n|--:|--:|--:|");
        let more =
            (1..4).map(|_| Server::keyward(program, folder.path(), &database)).collect::<Result<Vec<_>>>()?;
        let servers: Vec<_> = std::iter::once(&server).chain(&more).collect();
        let path = script(1)?;
        let cases: Vec<_> =
            SERVERS.into_iter().map(|count| (count, servers.get(..count).unwrap_or_default())).collect();
        let found = interleaved(&cases, |servers| Measured::of(servers, 32, &path))?;
        for ((count, _), one) in cases.iter().zip(&found) {
            println!("| {count} | {:.0} | {:.2} |", one.rate, one.rate / found[0].rate);
        }
        drop(more);

        println!(
            "\n| {kind}, round trip | products | connections | requests/s | CPU µs a request |\n|--:|--:|--:|--:|--:|"
        );
        for round_trip in ROUND_TRIPS {
            let far = delay::through(&database, Duration::from_millis(round_trip))?;
            let server = Server::keyward(program, folder.path(), &far)?;
            open_loop::run(&server.address, &requests, 1_000, 4)?;
            for (products, connections) in [(1, 32), (32, 32), (1, 512), (32, 512)] {
                let one = Measured::of(&[&server], connections, &script(products)?)?;
                println!(
                    "| {round_trip} ms | {products} | {connections} | {:.0} | {:.0} |",
                    one.rate, one.cpu
                );
            }
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Measured {
    /// Requests a second.
    rate: f64,
    /// Microseconds of the first server's processor time a request.
    cpu: f64,
}

impl Measured {
    /// Of servers that share so many connections.
    fn of(servers: &[&Server], connections: usize, script: &std::path::Path) -> Result<Self> {
        let first = servers.first().context("a server")?;
        let before = first.processor_time()?;
        let each = connections / servers.len();
        let rates = std::thread::scope(|scope| {
            let runs: Vec<_> = servers
                .iter()
                .map(|server| scope.spawn(move || wrk(&server.address, each, Some(script))))
                .collect();
            runs.into_iter().map(|run| run.join().ok().context("wrk's thread")?).collect::<Result<Vec<f64>>>()
        })?;
        let answered = rates.first().copied().unwrap_or_default() * f64::from(crate::table::SECONDS);
        let cpu = (first.processor_time()? - before).as_secs_f64() * 1e6 / answered;
        Ok(Self { rate: rates.iter().sum(), cpu })
    }
}

/// Each case in turn, several times; the medians.
fn interleaved<T>(cases: &[(usize, T)], measure: impl Fn(&T) -> Result<Measured>) -> Result<Vec<Measured>> {
    let mut rounds = vec![Vec::new(); cases.len()];
    for _ in 0..ROUNDS {
        for ((_, case), found) in cases.iter().zip(&mut rounds) {
            found.push(measure(case)?);
        }
    }
    let middle = |found: Vec<Measured>| Measured {
        rate: median(found.iter().map(|one| one.rate).collect()),
        cpu: median(found.iter().map(|one| one.cpu).collect()),
    };
    Ok(rounds.into_iter().map(middle).collect())
}
