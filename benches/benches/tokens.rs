//! Every candidate under criterion.

use criterion::{Criterion, criterion_group, criterion_main};
use keyward_benches::{Candidate, refuse, sign, verify};

fn all(criterion: &mut Criterion) {
    for (name, candidates) in
        [("verify", verify::candidates()), ("sign", sign::candidates()), ("refuse", refuse::candidates())]
    {
        let mut group = criterion.benchmark_group(name);
        for Candidate { name, mut run } in candidates {
            group.bench_function(name, |bencher| bencher.iter(&mut run));
        }
        group.finish();
    }
}

criterion_group!(tokens, all);
criterion_main!(tokens);
