//! How fast the nearest vectors are found, and how many of them.
//!
//! The first pass reads all rows, so the speed of memory bounds it. That is
//! measured in the same run: a sum over a buffer far larger than the caches, by
//! one thread, with the vector instructions of the processor. What fits in a
//! cache is bound by its speed and by arithmetic instead; the sum over a buffer
//! of the same size stands beside it.

use std::cell::Cell;
use std::hint::black_box;
use std::time::Instant;

use commonplace::search::vectors::Vectors;
use multiversion::multiversion;

const DIMENSIONS: usize = 256;
/// Results to a search that is timed.
const RESULTS: usize = 100;
/// How often a time is measured; the shortest counts, as is usual for memory:
/// what is longer tells of what else the machine did.
const ROUNDS: usize = 50;
/// Queries to a recall.
const QUERIES: usize = 100;
/// Bytes that no cache holds.
const LARGE: usize = 256 << 20;

/// One figure, beside what bounds it or what it replaces.
pub struct Row {
    pub name: String,
    pub value: String,
    pub baseline: String,
    /// Of the value to the baseline.
    pub ratio: f64,
}

/// Random vectors, 100,000 and 1,000,000: the worst case, for all are about
/// equally far from a query.
pub fn run() -> Vec<Row> {
    let mut random = Random(1);
    let queries: Vec<_> = (0..QUERIES).map(|_| random.vector()).collect();
    let measure = |count: usize| {
        let mut vectors = Vectors::new(DIMENSIONS);
        (0..count).for_each(|_| vectors.push(Some(&random.vector())));
        figures(&format!("{count} random vectors"), &vectors, &queries)
    };
    [100_000, 1_000_000].into_iter().flat_map(measure).collect()
}

/// The figures of vectors and queries of any origin.
pub fn figures(name: &str, vectors: &Vectors, queries: &[Vec<i8>]) -> Vec<Row> {
    let mut rows = speed(name, vectors, queries);
    rows.push(time(name, vectors, queries));
    for (results, one_in) in [(10, 1), (RESULTS, 1), (10, 100)] {
        rows.push(recall(name, vectors, queries, results, one_in));
    }
    rows
}

/// Bytes that the first pass reads in a second against those that a sum reads.
fn speed(name: &str, vectors: &Vectors, queries: &[Vec<i8>]) -> Vec<Row> {
    // One bit for each dimension, in whole words, and a factor of four bytes.
    let bytes = vectors.len() * (queries[0].len().div_ceil(64) * 8 + 4);
    let buffer = |bytes: usize| vec![1_u64; bytes / 8];
    let (large, same) = (buffer(LARGE), buffer(bytes));
    // No vector has a cosine of 1, so nothing but the first pass is done.
    let of_pass = |query: &Vec<i8>| vectors.candidates(query, 1.0) as u64;
    let [of_pass, of_large, of_same] = shortest(queries, [&of_pass, &|_| sum(&large), &|_| sum(&same)]);
    let of_pass = giga(bytes) / of_pass;
    let row = |what: String, baseline: f64| Row {
        name: format!("{name}: first pass, against a sum over {what}"),
        value: format!("{of_pass:.1} GB/s"),
        baseline: format!("{baseline:.1} GB/s"),
        ratio: of_pass / baseline,
    };
    vec![
        row("memory".to_owned(), giga(LARGE) / of_large),
        row(format!("as much ({:.1} MB)", giga(bytes) * 1_000.0), giga(bytes) / of_same),
    ]
}

/// The time of a search against that of comparing all vectors.
fn time(name: &str, vectors: &Vectors, queries: &[Vec<i8>]) -> Row {
    let two_pass = |query: &Vec<i8>| vectors.nearest(query, RESULTS, |_| true).len() as u64;
    let exact = |query: &Vec<i8>| vectors.nearest_exact(query, RESULTS, |_| true).len() as u64;
    let [two_pass, exact] = shortest(queries, [&two_pass, &exact]).map(|seconds| seconds * 1_000.0);
    Row {
        name: format!("{name}: nearest {RESULTS}, against comparing all"),
        value: format!("{two_pass:.2} ms"),
        baseline: format!("{exact:.2} ms"),
        ratio: two_pass / exact,
    }
}

/// The part of the truly nearest that is found, where one vector in so many is accepted.
fn recall(name: &str, vectors: &Vectors, queries: &[Vec<i8>], results: usize, one_in: u32) -> Row {
    let (mut found, mut all) = (0, 0);
    let compared = Cell::new(0);
    for query in queries {
        let accept = |slot: u32| slot.is_multiple_of(one_in);
        let truth = vectors.nearest_exact(query, results, accept);
        let nearest = vectors.nearest(query, results, |slot| {
            let accepted = accept(slot);
            compared.set(compared.get() + u64::from(accepted));
            accepted
        });
        found += truth.iter().filter(|hit| nearest.contains(hit)).count();
        all += truth.len();
    }
    #[expect(clippy::cast_precision_loss, reason = "they are small")]
    let share = found as f64 / all as f64;
    let filter = if one_in == 1 { String::new() } else { format!(" of 1 in {one_in}") };
    let compared = compared.get() / queries.len() as u64;
    Row {
        name: format!("{name}: recall of the nearest {results}{filter}, {compared} compared"),
        value: format!("{share:.4}"),
        baseline: "1".to_owned(),
        ratio: share,
    }
}

/// The plainest reading, which the compiler makes one addition to a register of.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn sum(words: &[u64]) -> u64 {
    words.iter().fold(0, |sum, word| sum.wrapping_add(*word))
}

#[expect(clippy::cast_precision_loss, reason = "a measurement is not that exact")]
fn giga(bytes: usize) -> f64 {
    bytes as f64 / 1e9
}

/// Something done with a query; its result is of no interest.
type Measured<'a> = &'a dyn Fn(&Vec<i8>) -> u64;

/// The shortest time of each of these, in seconds, on the same queries in turn.
fn shortest<const N: usize>(queries: &[Vec<i8>], measured: [Measured; N]) -> [f64; N] {
    let mut shortest = [f64::INFINITY; N];
    for query in queries.iter().cycle().take(ROUNDS) {
        for (measured, shortest) in measured.iter().zip(&mut shortest) {
            // Once before, for what the one before it left in the caches.
            black_box(measured(query));
            let begun = Instant::now();
            black_box(measured(query));
            *shortest = shortest.min(begun.elapsed().as_secs_f64());
        }
    }
    shortest
}

/// A pseudo-random sequence (xorshift), the same on each run.
struct Random(u64);

impl Random {
    /// Values about normally distributed, each the sum of eight bytes.
    fn vector(&mut self) -> Vec<i8> {
        let value = |_| {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            let sum: i32 = self.0.to_le_bytes().into_iter().map(i32::from).sum();
            i8::try_from((sum - 1_020) / 9).expect("within 114 of zero")
        };
        (0..DIMENSIONS).map(value).collect()
    }
}
