//! Ratios that hold on a noisy machine: the candidates take turns, round by round, and each is compared with
//! the first of the same round. Prints Markdown.
#![allow(clippy::print_stdout, missing_docs, reason = "a program for the terminal")]

use std::time::{Duration, Instant};

use keyward_benches::{Candidate, refuse, sign, verify};

const ROUNDS: usize = 61;
const TURN: Duration = Duration::from_micros(1_500);

fn main() {
    // `cargo test --benches` asks only whether it runs.
    let rounds = if std::env::args().any(|arg| arg == "--bench") { ROUNDS } else { 1 };
    for (name, candidates) in
        [("verify", verify::candidates()), ("sign", sign::candidates()), ("refuse", refuse::candidates())]
    {
        table(name, candidates, rounds);
    }
}

fn table(name: &str, mut candidates: Vec<Candidate>, rounds: usize) {
    let mut nanoseconds = vec![Vec::new(); candidates.len()];
    for _ in 0..rounds {
        for (candidate, times) in candidates.iter_mut().zip(&mut nanoseconds) {
            times.push(turn(&mut candidate.run));
        }
    }
    println!("\n| {name} | ns | ÷ first | spread | allocations | bytes |\n|---|--:|--:|--:|--:|--:|");
    for (candidate, times) in candidates.iter_mut().zip(&nanoseconds) {
        let mut ratios: Vec<f64> =
            times.iter().zip(&nanoseconds[0]).map(|(own, first)| own / first).collect();
        ratios.sort_by(f64::total_cmp);
        let [low, high] =
            [ratios.len() / 10, ratios.len() * 9 / 10].map(|at| ratios[at.min(ratios.len() - 1)]);
        let counted = allocation_counter::measure(|| assert!((candidate.run)()));
        println!(
            "| {} | {:.0} | {:.2} | {low:.2}–{high:.2} | {} | {} |",
            candidate.name,
            median(times.clone()),
            median(ratios),
            counted.count_total,
            counted.bytes_total,
        );
    }
}

/// Nanoseconds a call, over at least one turn.
fn turn(run: &mut dyn FnMut() -> bool) -> f64 {
    let (started, mut calls) = (Instant::now(), 0_u32);
    loop {
        for _ in 0..8 {
            assert!(run());
        }
        calls += 8;
        let elapsed = started.elapsed();
        if elapsed >= TURN {
            return elapsed.as_secs_f64() * 1e9 / f64::from(calls);
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
