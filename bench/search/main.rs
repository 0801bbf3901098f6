//! How fast memories are found, and what it costs to have them found.
//!
//! See `bench/README.md` for what each figure means and how to run this.

#[path = "../serve/client.rs"]
mod client;
#[path = "../serve/corpus.rs"]
#[expect(dead_code, reason = "its other samples are not needed here")]
mod corpus;
#[path = "../encoded.rs"]
mod encoded;
mod lexical;
#[path = "../serve/postgres.rs"]
#[expect(dead_code, reason = "of it, only the place of a server's data is used here")]
mod postgres;
mod scan;
#[path = "../serve/server.rs"]
#[expect(dead_code, reason = "no server is started on a copy here")]
mod server;
#[path = "../table.rs"]
mod table;
mod texts;

use std::io::Write as _;
use std::process::{Command, ExitCode};
use std::time::Instant;

use client::{Client, request, send_all};
use commonplace::embed::StaticModel;
use commonplace::search::Terms;
use encoded::encoded;
use server::{Place, Server};
use table::{Line, Target, median, millis};
use texts::Texts;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const USAGE: &str = "cargo bench --bench search -- [embed] [lexical] [scan] [query] [create] [--quick] [LOCOMO.json]";
type Measure = fn(&mut Bench) -> Result<()>;

const MEASURES: &[(&str, Measure)] =
    &[("embed", embed), ("lexical", lexical), ("scan", scan), ("create", create), ("query", query)];
/// Memories to a request of an import.
const IMPORT: usize = 5_000;

/// What to measure, and on how much.
struct Bench {
    texts: Texts,
    /// Memories in the small and in the full storage.
    small: usize,
    full: usize,
    requests: usize,
    creates: usize,
    runs: usize,
}

impl Bench {
    /// The questions as hybrid queries for ten memories.
    fn queries(&self, token: &str) -> Vec<Vec<u8>> {
        let query = |question: &String| format!("/api/memory?count=10&query={}", encoded(question));
        let questions = self.texts.questions.iter().cycle().take(self.requests);
        questions.map(|question| request(token, "GET", &query(question), "")).collect()
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("search: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let (mut names, mut locomo, mut is_quick) = (Vec::new(), None, false);
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            // Cargo says so to every benchmark.
            "--bench" => {}
            "--quick" => is_quick = true,
            name if MEASURES.iter().any(|(known, _)| *known == name) => names.push(argument),
            path if locomo.is_none() && !path.starts_with('-') => locomo = Some(argument),
            _ => return Err(format!("'{argument}' is not known\n{USAGE}").into()),
        }
    }
    let texts = Texts::new(locomo.as_deref())?;
    let mut bench = Bench { texts, small: 10_000, full: 100_000, requests: 10_000, creates: 10_000, runs: 5 };
    if is_quick {
        bench = Bench { small: 1_000, full: 10_000, requests: 1_000, creates: 2_000, runs: 1, ..bench };
    }
    table::print_head();
    for (name, measure) in MEASURES {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            measure(&mut bench).map_err(|error| format!("{name}: {error}"))?;
        }
    }
    Ok(())
}

/// The built-in model against the reference in Python, one thread each.
fn embed(bench: &mut Bench) -> Result<()> {
    let python = std::env::var("COMMONPLACE_TEST_PYTHON")
        .map_err(|_| "COMMONPLACE_TEST_PYTHON must name a Python with tests/requirements.txt")?;
    let texts = bench.texts.many(20_000);
    let mut file = tempfile::NamedTempFile::new()?;
    for text in &texts {
        writeln!(file, "{}", serde_json::Value::from(text.as_str()))?;
    }
    let model = StaticModel::built_in();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..bench.runs {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embed_reference.py");
        let output = Command::new(&python).args([script, "--time"]).arg(file.path()).output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        theirs.push(String::from_utf8(output.stdout)?.trim().parse::<f64>()?);
        let begun = Instant::now();
        let embedded = texts.iter().filter(|text| std::hint::black_box(model.embed(text)).is_some()).count();
        ours.push(count(embedded) / begun.elapsed().as_secs_f64());
    }
    let (ours, theirs) = (median(ours), median(theirs));
    Line {
        measure: "embeddings of short facts, one thread, against NumPy and tokenizers",
        value: format!("{ours:.0}/s"),
        baseline: format!("{theirs:.0}/s"),
        ratio: Some(ours / theirs),
        target: Target::RatioAtLeast(2.0),
        samples: format!("{} × {}", bench.runs, texts.len()),
    }
    .print();
    Ok(())
}

/// The lexical index in memory against FTS5.
fn lexical(bench: &mut Bench) -> Result<()> {
    let full = bench.full;
    let texts = bench.texts.many(full);
    let compared = lexical::against_fts5(&texts, &bench.texts.questions)?;
    for (name, ours, theirs) in
        [("p50", compared.memory.median, compared.fts5.median), ("p99", compared.memory.p99, compared.fts5.p99)]
    {
        Line {
            measure: &format!("lexical top 100 of {full}, {name}, against FTS5"),
            value: format!("{:.3} ms", millis(ours)),
            baseline: format!("{:.3} ms", millis(theirs)),
            ratio: Some(millis(ours) / millis(theirs)),
            target: Target::RatioAtMost(0.25),
            samples: format!("{}", compared.questions),
        }
        .print();
    }
    let figure = |measure: &str, value: String| {
        Line { measure, value, baseline: "–".to_owned(), ratio: None, target: Target::None, samples: "1".to_owned() }
            .print();
    };
    figure("questions that the two rank differently, ties aside", compared.differing.len().to_string());
    figure(&format!("loading {full} texts"), format!("{:.0} ms", millis(compared.load)));
    figure("memory of the lexical index", format!("{:.1} MB", count(compared.bytes) / 1e6));
    let (removed, time) = compared.bulk_removal;
    figure(&format!("removing {removed} texts from it"), format!("{:.1} ms", millis(time)));
    figure("removing one", format!("{:.3} ms", millis(compared.removal.median)));
    Ok(())
}

/// The vector index alone.
#[expect(clippy::unnecessary_wraps, reason = "as every measure")]
fn scan(_: &mut Bench) -> Result<()> {
    for row in scan::run() {
        let scan::Row { name, value, baseline, ratio } = row;
        let samples = String::new();
        Line { measure: &name, value, baseline, ratio: Some(ratio), target: Target::None, samples }.print();
    }
    Ok(())
}

/// Creates with the built-in model against creates that leave the embedding for later.
fn create(bench: &mut Bench) -> Result<()> {
    const CLIENTS: usize = 32;
    // Nothing listens there, so nothing is embedded.
    let away = [
        ("COMMONPLACE_EMBEDDER", "openai"),
        ("COMMONPLACE_EMBEDDER_URL", "http://127.0.0.1:9/v1"),
        ("COMMONPLACE_EMBEDDER_MODEL", "none"),
    ];
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..bench.runs {
        let texts = bench.texts.many(bench.creates);
        for (settings, times) in [(&[][..], &mut with), (&away[..], &mut without)] {
            let place = Place::new(None)?;
            let server = Server::start_with(&place, None, settings)?;
            let body = |text: &String| serde_json::json!({ "text": text }).to_string();
            let requests: Vec<_> =
                texts.iter().map(|text| request(&server.token, "POST", "/api/memory", &body(text))).collect();
            times.push(1.0 / send_all(server.address, CLIENTS, &requests)?.per_second());
            server.stop()?;
        }
    }
    let (with, without) = (median(with), median(without));
    Line {
        measure: &format!("a create with its embedding, {CLIENTS} clients, against one without"),
        value: format!("{:.1} µs", with * 1e6),
        baseline: format!("{:.1} µs", without * 1e6),
        ratio: Some(with / without),
        target: Target::RatioAtMost(1.2),
        samples: format!("{} × {}", bench.runs, bench.creates),
    }
    .print();
    Ok(())
}

/// Queries over HTTP against FTS5 alone, memory, and the start.
fn query(bench: &mut Bench) -> Result<()> {
    let place = Place::new(None)?;
    let server = Server::start(&place, None, None)?;
    import(&server, &bench.texts.many(bench.small))?;
    let few = latencies(bench, &server)?;
    import(&server, &bench.texts.many(bench.full - bench.small))?;
    let many = latencies(bench, &server)?;
    let token = server.token.clone();
    server.stop()?;
    let fts5 = fts5_alone(bench, &place)?;
    for ((clients, many), (_, few)) in many.iter().zip(&few) {
        let (p50, p99) = (millis(many.percentile(50)), millis(many.percentile(99)));
        let line = |measure: String, value: f64, baseline: f64, target| {
            Line {
                measure: &measure,
                value: format!("{value:.2} ms"),
                baseline: format!("{baseline:.2} ms"),
                ratio: Some(value / baseline),
                target,
                samples: bench.requests.to_string(),
            }
            .print();
        };
        let name = format!("hybrid query over HTTP, {} memories, {clients} clients", bench.full);
        line(format!("{name}, p50, against FTS5 alone"), p50, fts5, Target::RatioAtMost(0.5));
        line(format!("{name}, p99, against its p50"), p99, p50, Target::RatioAtMost(4.0));
        let small = millis(few.percentile(50));
        line(format!("{name}, p50, against {} memories", bench.small), p50, small, Target::RatioAtMost(4.0));
    }
    start(bench, &place, &token)
}

/// Times of queries by one client and by eight.
fn latencies(bench: &Bench, server: &Server) -> Result<Vec<(usize, client::Times)>> {
    let requests = bench.queries(&server.token);
    server.wait_for_index("GET", "/api/memory?query=house", "")?;
    [1, 8].into_iter().map(|clients| Ok((clients, send_all(server.address, clients, &requests)?))).collect()
}

/// The median time of FTS5 for the best hundred, without stop-words, in milliseconds.
fn fts5_alone(bench: &Bench, place: &Place) -> Result<f64> {
    let file = rusqlite::Connection::open(place.path()?.join("commonplace.db"))?;
    let sql = "select rowid, -rank from memory_fts where memory_fts match ?1 order by rank, rowid desc limit 100";
    let mut select = file.prepare(sql)?;
    let mut times = Vec::new();
    for question in bench.texts.questions.iter().filter_map(|question| Terms::of(question)) {
        let words: Vec<String> = question.words().iter().map(|word| format!("\"{}\"", word.raw)).collect();
        let begun = Instant::now();
        let found = select.query_map([words.join(" OR ")], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?)))?;
        let found: Vec<_> = found.collect::<rusqlite::Result<_>>()?;
        times.push(millis(begun.elapsed()));
        drop(found);
    }
    Ok(median(times))
}

/// A start on the full storage, and a query at once.
fn start(bench: &Bench, place: &Place, token: &str) -> Result<()> {
    let server = Server::start(place, Some(token), None)?;
    let begun = Instant::now();
    let body = Client::connect(server.address)?.send(&request(token, "GET", "/api/memory?query=support", ""))?.len();
    let first = begun.elapsed();
    if body < 3 {
        return Err("the first query found nothing".into());
    }
    for (measure, time, target) in [
        ("start to ready", server.start, Target::ValueAtMost(millis(server.start), 300.0, "ms")),
        ("first query after that", first, Target::None),
    ] {
        Line {
            measure: &format!("{measure}, {} memories", bench.full),
            value: format!("{:.0} ms", millis(time)),
            baseline: "–".to_owned(),
            ratio: None,
            target,
            samples: "1".to_owned(),
        }
        .print();
    }
    server.wait_for_index("GET", "/api/memory?query=house", "")?;
    send_all(server.address, 8, &bench.queries(token))?;
    let resident = server.resident_mb()?;
    Line {
        measure: &format!("resident memory, {} memories, after {} queries", bench.full, bench.requests),
        value: format!("{resident:.1} MB"),
        baseline: "–".to_owned(),
        ratio: None,
        target: Target::ValueAtMost(resident, 150.0, "MB"),
        samples: "1".to_owned(),
    }
    .print();
    server.stop()
}

fn import(server: &Server, texts: &[String]) -> Result<()> {
    let mut client = Client::connect(server.address)?;
    for texts in texts.chunks(IMPORT) {
        let body = serde_json::to_string(texts)?;
        client.send(&request(&server.token, "POST", "/api/import?format=json", &body))?;
    }
    Ok(())
}

fn count(value: usize) -> f64 {
    f64::from(u32::try_from(value).unwrap_or(u32::MAX))
}
