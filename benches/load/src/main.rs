//! `cargo xtask load`: validations a second, in one run with what they are compared with.
//!
//! - **hello**: an actix handler that does nothing: what the machine can do at most.
//! - **naive**: the obvious handler, a transaction for each request, on the same tables.
//! - **validate**: `keyward-server`, its answers signed, counted durably, addresses enforced.
//!
//! Throughput is measured by `wrk` (closed loop), latency by [`open_loop`]: a fixed rate, each request timed
//! from the moment it was due. All on the same machine, so that only ratios mean anything.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]
#![expect(clippy::disallowed_methods, reason = "a benchmark has the clock of its machine")]

mod agents;
mod delay;
mod host;
mod naive;
mod open_loop;
mod pages;
mod refused;
mod scale;
mod seed;
mod server;
mod table;

use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
keyward-load table SERVER DATABASE…   the table; SERVER is the program keyward-server
keyward-load scale SERVER DATABASE…   the same with many products, many servers, and a database far away
keyward-load million SERVER           start and memory with a million licenses
keyward-load refused SERVER           what one customer's refused pulls cost another tenant
keyward-load pages SERVER             the console's pages with 10,000 customers and 50,000 licenses
keyward-load agents SERVER DATABASE… what a thousand agents cost that have nothing to do
keyward-load hello LISTEN             the handler that does nothing
keyward-load naive LISTEN DATABASE    the obvious handler";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("keyward-load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> Result<()> {
    match args {
        ["table", server, databases @ ..] if !databases.is_empty() => table::print(server, databases),
        ["scale", server, databases @ ..] if !databases.is_empty() => scale::print(server, databases),
        ["million", server] => table::million(server),
        ["refused", server] => refused::print(server),
        ["pages", server] => pages::print(server),
        ["agents", server, databases @ ..] if !databases.is_empty() => agents::print(server, databases),
        ["hello", listen] => naive::hello(listen),
        ["naive", listen, database] => naive::serve(listen, database),
        _ => bail!("{HELP}"),
    }
}
