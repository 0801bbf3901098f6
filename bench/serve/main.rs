//! How fast the server is, against what its storage could do without it.
//!
//! See `bench/README.md` for what each figure means and how to run this.

mod client;
mod corpus;
mod mcp;
mod postgres;
mod raw;
mod server;
#[path = "../table.rs"]
mod table;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use client::{Client, Times, request, send_all};
use corpus::Corpus;
use server::{Place, Server};
use table::{Line, Target, median, millis};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const USAGE: &str = "cargo bench --bench serve -- [create] [slow-flush] [batch] [bulk-delete] [single-delete] \
                     [start] [memory] [latency] [mcp] [mcp-pipes] [--quick] [--database-url postgres://…]";
/// Clients that create at the same time, and rows to a transaction of `batch`.
const CREATORS: usize = 32;
/// Clients that read at the same time.
const READERS: usize = 8;
/// Memories to a request of an import.
const IMPORT: usize = 5_000;

/// What to measure and how long.
struct Options {
    names: Vec<String>,
    database_url: Option<String>,
    /// How often what varies is measured, for the median.
    runs: usize,
    creates: usize,
    /// Memories in the small and in the full storage.
    small: usize,
    full: usize,
    deletes: usize,
    requests: usize,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self {
            names: Vec::new(),
            database_url: None,
            runs: 5,
            creates: 10_000,
            small: 10_000,
            full: 100_000,
            deletes: 10_000,
            requests: 10_000,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                // Cargo says so to every benchmark.
                "--bench" => {}
                "--quick" => {
                    options.runs = 1;
                    options.creates = 2_000;
                    (options.small, options.full) = (1_000, 10_000);
                    options.deletes = 1_000;
                    options.requests = 1_000;
                }
                "--database-url" => options.database_url = Some(arguments.next().ok_or(USAGE)?),
                name if MEASURES.iter().any(|(known, ..)| *known == name) => options.names.push(argument),
                _ => return Err(format!("'{argument}' is not known\n{USAGE}").into()),
            }
        }
        Ok(options)
    }

    fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| wanted == name)
    }
}

/// Data that copies are made of: a place, its token, the ids in it.
struct Stock {
    place: Place,
    token: String,
    ids: Vec<String>,
}

/// A run and what it has loaded so far.
struct Bench {
    options: Options,
    stock: Option<Stock>,
}

type Measure = fn(&mut Bench) -> Result<()>;

/// Every measure, and whether it has a meaning on `PostgreSQL`.
const MEASURES: &[(&str, bool, Measure)] = &[
    ("create", true, create),
    ("slow-flush", false, slow_flush),
    ("batch", false, batch),
    ("latency", true, latency),
    ("bulk-delete", true, bulk_delete),
    ("single-delete", true, single_delete),
    ("mcp", true, mcp::over_http),
    ("mcp-pipes", false, mcp::on_pipes),
    ("start", false, start),
    ("memory", false, memory),
];

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = if arguments.first().is_some_and(|first| first == raw::COMMAND) {
        raw::inserts(&arguments.split_off(1))
    } else {
        Options::read(arguments.into_iter()).and_then(measure)
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("serve: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: Options) -> Result<()> {
    table::print_head();
    let mut bench = Bench { options, stock: None };
    for (name, on_postgres, measure) in MEASURES {
        if bench.options.wants(name) && (*on_postgres || bench.options.database_url.is_none()) {
            measure(&mut bench).map_err(|error| format!("{name}: {error}"))?;
        }
    }
    Ok(())
}

fn create_requests(token: &str, texts: &[String]) -> Vec<Vec<u8>> {
    let body = |text: &String| serde_json::json!({ "text": text }).to_string();
    texts.iter().map(|text| request(token, "POST", "/api/memory", &body(text))).collect()
}

impl Bench {
    /// How many creates in a second a new server does.
    fn creates_per_second(&self, seed: u64, count: usize, preload: Option<&PathBuf>) -> Result<f64> {
        let place = Place::new(self.options.database_url.as_deref())?;
        let server = Server::start(&place, None, preload.map(PathBuf::as_path))?;
        let requests = create_requests(&server.token, &Corpus::new(seed).texts(count));
        let times = send_all(server.address, CREATORS, &requests)?;
        server.stop()?;
        Ok(times.per_second())
    }

    /// Creates by the server against inserts by `baseline`, in turn, so that
    /// both meet the machine in the same moods.
    fn compare_creates(
        &self,
        measure: &str,
        target: Target,
        preload: Option<&PathBuf>,
        baseline: impl Fn(u64) -> Result<f64>,
    ) -> Result<()> {
        let Options { runs, creates, .. } = self.options;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for seed in 1..=u64::try_from(runs)? {
            theirs.push(baseline(seed)?);
            ours.push(self.creates_per_second(seed, creates, preload)?);
        }
        let (ours, theirs) = (median(ours), median(theirs));
        Line {
            measure,
            value: format!("{ours:.0}/s"),
            baseline: format!("{theirs:.0}/s"),
            ratio: Some(ours / theirs),
            target,
            samples: format!("{runs} × {creates}"),
        }
        .print();
        Ok(())
    }

    /// The full storage; loaded, with what there is to measure on the way, the first time.
    fn stock(&mut self) -> Result<&Stock> {
        if self.stock.is_none() {
            let stock = self.load(false)?;
            self.stock = Some(stock);
        }
        Ok(self.stock.as_ref().ok_or("nothing was loaded")?)
    }

    fn load(&self, with_latency: bool) -> Result<Stock> {
        let place = Place::new(self.options.database_url.as_deref())?;
        let server = Server::start(&place, None, None)?;
        let mut corpus = Corpus::new(100);
        let small = self.options.small;
        import(&server, &corpus.texts(small))?;
        let few = with_latency.then(|| self.latencies(&server)).transpose()?;
        import(&server, &corpus.texts(self.options.full - small))?;
        if let Some(few) = few {
            self.print_latencies(&few, &self.latencies(&server)?);
        }
        let token = server.token.clone();
        let ids = self.ids(&server)?;
        server.stop()?;
        Ok(Stock { place, token, ids })
    }

    fn ids(&self, server: &Server) -> Result<Vec<String>> {
        #[derive(serde::Deserialize)]
        struct Item {
            id: String,
        }
        let list = request(&server.token, "GET", "/api/memory?all=true&includeIds=true", "");
        let items: Vec<Item> = serde_json::from_slice(Client::connect(server.address)?.send(&list)?)?;
        if items.len() != self.options.full {
            return Err(format!("{} memories were loaded", items.len()).into());
        }
        Ok(items.into_iter().map(|item| item.id).collect())
    }

    /// Times of the list and of the query.
    fn latencies(&self, server: &Server) -> Result<[Times; 2]> {
        let mut corpus = Corpus::new(200);
        let list = request(&server.token, "GET", "/api/memory?count=10", "");
        let lists = vec![list; self.options.requests];
        let queries: Vec<_> = (0..self.options.requests)
            .map(|_| request(&server.token, "GET", &format!("/api/memory?query={}&count=10", corpus.query()), ""))
            .collect();
        Ok([send_all(server.address, READERS, &lists)?, send_all(server.address, READERS, &queries)?])
    }

    fn print_latencies(&self, few: &[Times; 2], many: &[Times; 2]) {
        let Options { small, full, requests, .. } = self.options;
        for (name, few, many) in [("list", &few[0], &many[0]), ("query", &few[1], &many[1])] {
            for percent in [50, 99] {
                let (few, many) = (millis(few.percentile(percent)), millis(many.percentile(percent)));
                Line {
                    measure: &format!("{name} of 10, p{percent}, {full} memories against {small}, {READERS} clients"),
                    value: format!("{many:.2} ms"),
                    baseline: format!("{few:.2} ms"),
                    ratio: Some(many / few),
                    target: Target::None,
                    samples: requests.to_string(),
                }
                .print();
            }
        }
    }

    /// How long a bulk delete takes on a copy of the full storage.
    fn bulk_delete_time(&mut self, ids: &[String], purge: bool) -> Result<Duration> {
        let stock = self.stock()?;
        let place = stock.place.copy()?;
        let server = Server::start(&place, Some(&stock.token), None)?;
        server.wait_for_index("GET", "/api/memory?query=house", "")?;
        let path = format!("/api/memories/bulk-delete?purge={purge}");
        let body = serde_json::json!({ "memoryIds": ids }).to_string();
        let request = request(&server.token, "POST", &path, &body);
        let mut client = Client::connect(server.address)?;
        let begun = Instant::now();
        let answer: serde_json::Value = serde_json::from_slice(client.send(&request)?)?;
        let time = begun.elapsed();
        if answer["deleted"] != ids.len() {
            return Err(format!("the server answered {answer}").into());
        }
        server.stop()?;
        Ok(time)
    }
}

fn import(server: &Server, texts: &[String]) -> Result<()> {
    let mut client = Client::connect(server.address)?;
    for texts in texts.chunks(IMPORT) {
        let body = serde_json::to_string(texts)?;
        client.send(&request(&server.token, "POST", "/api/import?format=json", &body))?;
    }
    Ok(())
}

fn create(bench: &mut Bench) -> Result<()> {
    let count = bench.options.creates;
    let measure = format!("creates, {CREATORS} clients, against inserts, 1 to a transaction");
    let target = Target::RatioAtLeast(1.0);
    match &bench.options.database_url {
        None => bench.compare_creates(&measure, target, None, |seed| raw::inserts_in_child(seed, count, 1, None)),
        Some(url) => bench.compare_creates(&measure, Target::None, None, |seed| postgres::inserts(url, seed, count)),
    }
}

fn slow_flush(bench: &mut Bench) -> Result<()> {
    let folder = server::folder()?;
    let library = folder.path().join("slow_flush.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/serve/slow_flush.c");
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-O2", source, "-o"]).arg(&library).status()?;
    if !compiled.success() {
        return Err("cc could not compile slow_flush.c".into());
    }
    // At 5 ms each, the baseline would take its time over all of them.
    let count = bench.options.creates / 25;
    let measure = format!("the same, a flush takes 5 ms longer (baseline: {count} inserts)");
    bench.compare_creates(&measure, Target::RatioAtLeast(10.0), Some(&library), |seed| {
        raw::inserts_in_child(seed, count, 1, Some(&library))
    })
}

fn batch(bench: &mut Bench) -> Result<()> {
    let count = bench.options.creates;
    let measure = format!("creates, {CREATORS} clients, against inserts, {CREATORS} to a transaction");
    bench.compare_creates(&measure, Target::RatioAtLeast(0.3), None, |seed| {
        raw::inserts_in_child(seed, count, CREATORS, None)
    })
}

fn latency(bench: &mut Bench) -> Result<()> {
    let stock = bench.load(true)?;
    bench.stock = Some(stock);
    Ok(())
}

fn bulk_delete(bench: &mut Bench) -> Result<()> {
    let Options { runs, deletes, full, .. } = bench.options;
    for purge in [false, true] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for seed in 1..=u64::try_from(runs)? {
            let stock = bench.stock()?;
            let ids = Corpus::new(seed).sample(&stock.ids, deletes);
            if let Place::File(_) = stock.place {
                theirs.push(millis(raw::delete(stock.place.copy()?.path()?, &ids, purge)?));
            }
            ours.push(millis(bench.bulk_delete_time(&ids, purge)?));
        }
        let ours = median(ours);
        let theirs = (!theirs.is_empty()).then(|| median(theirs));
        Line {
            measure: &format!("bulk delete of {deletes} of {full}, {}", if purge { "purged" } else { "to the trash" }),
            value: format!("{ours:.0} ms"),
            baseline: theirs.map_or_else(|| "–".to_owned(), |theirs| format!("{theirs:.0} ms")),
            ratio: theirs.map(|theirs| ours / theirs),
            target: theirs.map_or(Target::None, |_| Target::RatioAtMost(1.5)),
            samples: format!("{runs}"),
        }
        .print();
    }
    Ok(())
}

fn single_delete(bench: &mut Bench) -> Result<()> {
    let deletes = bench.options.deletes;
    let stock = bench.stock()?;
    let ids = Corpus::new(1).sample(&stock.ids, deletes);
    let place = stock.place.copy()?;
    let server = Server::start(&place, Some(&stock.token), None)?;
    let requests: Vec<_> =
        ids.iter().map(|id| request(&server.token, "DELETE", &format!("/api/memories/{id}"), "")).collect();
    let single = millis(send_all(server.address, 1, &requests)?.total);
    server.stop()?;
    let bulk = millis(bench.bulk_delete_time(&ids, false)?);
    Line {
        measure: &format!("bulk delete of {deletes} against {deletes} single deletes, kept-alive connection"),
        value: format!("{bulk:.0} ms"),
        baseline: format!("{single:.0} ms"),
        ratio: Some(single / bulk),
        target: Target::RatioAtLeast(20.0),
        samples: "1".to_owned(),
    }
    .print();
    Ok(())
}

fn start(bench: &mut Bench) -> Result<()> {
    let Options { runs, full, .. } = bench.options;
    let stock = bench.stock()?;
    let mut times = Vec::new();
    for _ in 0..4 * runs {
        let server = Server::start(&stock.place, Some(&stock.token), None)?;
        times.push(millis(server.start));
        server.stop()?;
    }
    let samples = times.len().to_string();
    let time = median(times);
    Line {
        measure: &format!("start to /readyz, {full} memories"),
        value: format!("{time:.0} ms"),
        baseline: "–".to_owned(),
        ratio: None,
        target: Target::ValueAtMost(time, 150.0, "ms"),
        samples,
    }
    .print();
    Ok(())
}

fn memory(bench: &mut Bench) -> Result<()> {
    let Options { requests: count, full, .. } = bench.options;
    let stock = bench.stock()?;
    let place = stock.place.copy()?;
    let server = Server::start(&place, Some(&stock.token), None)?;
    let mut corpus = Corpus::new(300);
    let mut ids = corpus.sample(&stock.ids, count).into_iter();
    let token = &server.token;
    let requests: Vec<_> = (0..count)
        .map(|index| {
            let get = |path: &str| request(token, "GET", path, "");
            let id = ids.next().unwrap_or_default();
            match index % 10 {
                0 | 1 => create_requests(token, &[corpus.text()]).remove(0),
                2 => request(token, "DELETE", &format!("/api/memories/{id}"), ""),
                3 => get(&format!("/api/memories/{id}")),
                4..=6 => get("/api/memory?count=50&includeIds=true"),
                _ => get(&format!("/api/v2/memory?query={}", corpus.query())),
            }
        })
        .collect();
    send_all(server.address, READERS, &requests)?;
    let resident = server.resident_mb()?;
    server.stop()?;
    Line {
        measure: &format!("resident memory, {full} memories, after {count} requests"),
        value: format!("{resident:.1} MB"),
        baseline: "–".to_owned(),
        ratio: None,
        target: Target::ValueAtMost(resident, 150.0, "MB"),
        samples: "1".to_owned(),
    }
    .print();
    Ok(())
}
