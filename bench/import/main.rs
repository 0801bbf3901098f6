//! How fast an export of `ChatGPT` is taken in, against what `serde_json` needs to read it into nothing.
//!
//! See `bench/README.md` for what each figure means and how to run this.

#[expect(dead_code, reason = "nothing is asked here")]
mod chatgpt;
#[path = "../serve/corpus.rs"]
#[expect(dead_code, reason = "its texts are not stored here")]
mod corpus;
mod floor;
#[path = "../serve/postgres.rs"]
#[expect(dead_code, reason = "its measures are not made here")]
mod postgres;
#[path = "../table.rs"]
#[expect(dead_code, reason = "no target here is a least ratio, and times are in seconds")]
mod table;

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use postgres::Database;
use serde::de::IgnoredAny;
use table::{Line, Target, median};
use tempfile::TempDir;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const USAGE: &str =
    "cargo bench --bench import -- [SIZE, such as 1GB or 100MB] [--runs N] [--seed N] [--database-url URL]";
/// Whose history it becomes.
const USER: &str = "bench";
/// How much is read of a file at a time.
const BUFFER: usize = 256 << 10;
/// How often the memory of the program is looked at.
const LOOK: Duration = Duration::from_millis(20);

struct Options {
    /// Bytes.
    size: u64,
    /// How often everything is measured, for the median.
    runs: usize,
    seed: u64,
    /// A `PostgreSQL` server, on which databases are made and removed; `SQLite` without one.
    server: Option<String>,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self { size: 1_000_000_000, runs: 3, seed: 1, server: None };
        while let Some(argument) = arguments.next() {
            if argument == "--database-url" {
                options.server = Some(arguments.next().ok_or(USAGE)?);
                continue;
            }
            let mut number = || arguments.next().and_then(|value| value.parse::<u64>().ok()).ok_or(USAGE);
            match argument.as_str() {
                // Cargo says so to every benchmark.
                "--bench" => {}
                "--runs" => options.runs = usize::try_from(number()?.max(1))?,
                "--seed" => options.seed = number()?,
                size => options.size = bytes(size).ok_or_else(|| format!("'{size}' is not known\n{USAGE}"))?,
            }
        }
        Ok(options)
    }
}

fn bytes(size: &str) -> Option<u64> {
    let (number, unit) = size.split_at(size.find(|c: char| !c.is_ascii_digit()).unwrap_or(size.len()));
    let unit = match unit {
        "GB" => 1_000_000_000,
        "MB" => 1_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

fn main() -> ExitCode {
    match Options::read(std::env::args().skip(1)).and_then(|options| measure(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("import: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the runs took, in seconds but for the last three.
#[derive(Default)]
struct Samples {
    ignored: Vec<f64>,
    stored: Vec<f64>,
    cpu: Vec<f64>,
    embedding: Vec<f64>,
    again: Vec<f64>,
    floor: Vec<f64>,
    /// Megabytes.
    resident: Vec<f64>,
    file: Vec<f64>,
    /// Whether anything was written the second time.
    grown: Vec<f64>,
}

fn measure(options: &Options) -> Result<()> {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
    let export = folder.path().join("conversations.json");
    let written = generate(&export, options)?;
    let mut samples = Samples::default();
    for _ in 0..options.runs {
        run(&export, folder.path(), written.conversations, options.server.as_deref(), &mut samples)?;
    }
    report(&written, samples);
    Ok(())
}

fn generate(export: &Path, options: &Options) -> Result<chatgpt::Written> {
    let mut out = BufWriter::with_capacity(BUFFER, File::create(export)?);
    let written = chatgpt::export(&mut out, options.size, options.seed)?;
    out.flush()?;
    out.get_ref().sync_all()?;
    Ok(written)
}

/// Where a run stores what it imports.
struct Place {
    data: TempDir,
    database: Option<Database>,
}

fn run(export: &Path, folder: &Path, conversations: u64, server: Option<&str>, samples: &mut Samples) -> Result<()> {
    samples.ignored.push(ignored(export)?);
    let database = server.map(|server| Database::create(server, None)).transpose()?;
    let place = Place { data: TempDir::new_in(folder)?, database };
    if place.database.is_none() {
        samples.floor.push(floor::insert(export, folder)?.as_secs_f64());
    }
    if !place.program().args(["user", "add", USER]).stdout(Stdio::null()).status()?.success() {
        return Err("no user was added".into());
    }
    let first = import(export, &place, conversations, "new")?;
    samples.stored.push(first.stored.as_secs_f64());
    samples.cpu.push(first.cpu);
    samples.embedding.push(first.ended.saturating_sub(first.stored).as_secs_f64());
    let size = place.file_size()?;
    let second = import(export, &place, conversations, "known already")?;
    samples.again.push(second.stored.as_secs_f64());
    samples.resident.push(first.resident.max(second.resident));
    if let (Some(before), Some(after)) = (size, place.file_size()?) {
        samples.file.push(megabytes(before));
        samples.grown.push(megabytes(after.saturating_sub(before)));
    }
    Ok(())
}

/// How long `serde_json` reads the file into nothing, in seconds.
fn ignored(export: &Path) -> Result<f64> {
    let begun = Instant::now();
    let _: IgnoredAny = serde_json::from_reader(BufReader::with_capacity(BUFFER, File::open(export)?))?;
    Ok(begun.elapsed().as_secs_f64())
}

impl Place {
    fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_commonplace"));
        command.env("COMMONPLACE_DATA_DIR", self.data.path());
        if let Some(database) = &self.database {
            command.env("COMMONPLACE_DATABASE_URL", database.url());
        }
        command
    }

    /// In bytes; none where the file is not ours.
    fn file_size(&self) -> Result<Option<u64>> {
        if self.database.is_some() {
            return Ok(None);
        }
        let files = ["commonplace.db", "commonplace.db-wal"].map(|name| self.data.path().join(name));
        let size = |file: &PathBuf| file.metadata().map_or(0, |about| about.len());
        match files.iter().map(size).sum() {
            0 => Err("there is no database file".into()),
            size => Ok(Some(size)),
        }
    }
}

/// A run of the program.
struct Imported {
    /// From its start until everything was stored and found by its words.
    stored: Duration,
    /// What it had used of the processors by then, in seconds.
    cpu: f64,
    /// Until it was embedded, too, and the program gone.
    ended: Duration,
    /// The most memory that it had, in megabytes.
    resident: f64,
}

/// Imports the file, and makes sure that it says of all conversations that they are this.
fn import(export: &Path, place: &Place, conversations: u64, are: &str) -> Result<Imported> {
    let begun = Instant::now();
    let mut child = place.program().args(["import", "--user", USER]).arg(export).stdout(Stdio::piped()).spawn()?;
    let watch = std::thread::spawn({
        let id = child.id();
        move || most_resident(id)
    });
    let output = child.stdout.take().ok_or("the program has no output")?;
    let read = read_report(output, begun, &child);
    let status = child.wait()?;
    let ended = begun.elapsed();
    let (report, stored, cpu) = read?;
    if !status.success() || !report.contains(&format!("{conversations} conversations {are}")) {
        return Err(format!("the import ended with {status} and said:\n{report}").into());
    }
    let resident = watch.join().map_err(|_| "the memory was not watched")?;
    Ok(Imported { stored, cpu, ended, resident })
}

/// The report, which comes once everything is stored; when it came, and what was used by then.
fn read_report(output: impl Read, begun: Instant, child: &Child) -> Result<(String, Duration, f64)> {
    let mut output = BufReader::new(output);
    let mut report = String::new();
    output.read_line(&mut report)?;
    let (stored, cpu) = (begun.elapsed(), cpu_seconds(child.id()).unwrap_or(0.0));
    output.read_to_string(&mut report)?;
    Ok((report, stored, cpu))
}

/// The most memory that a process has had, looked at until it is gone, in megabytes.
fn most_resident(id: u32) -> f64 {
    let mut most = 0.0_f64;
    while let Ok(status) = std::fs::read_to_string(format!("/proc/{id}/status")) {
        let Some(line) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) else { break };
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().unwrap_or(0.0);
        most = most.max(kib * 1024.0 / 1e6);
        std::thread::sleep(LOOK);
    }
    most
}

/// What a process has used of the processors, in seconds: fields 14 and 15 of its `stat`, in hundredths.
fn cpu_seconds(id: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(2);
    fields.map(|field| field.parse::<f64>().ok()).sum::<Option<f64>>().map(|ticks| ticks / 100.0)
}

#[expect(clippy::cast_precision_loss, reason = "a size to be read by people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn report(written: &chatgpt::Written, samples: Samples) {
    let size = megabytes(written.bytes);
    println!(
        "An export of {size:.0} MB: {} conversations, {} messages that a person saw.\n",
        written.conversations, written.messages
    );
    table::print_head();
    let list = |values: &[f64]| values.iter().map(|value| format!("{value:.2}")).collect::<Vec<_>>().join(", ");
    let ignored = median(samples.ignored.clone());
    let resident = samples.resident.iter().copied().fold(0.0, f64::max);
    let against = |measure: &str, values: Vec<f64>, target| {
        if values.is_empty() {
            return;
        }
        let (samples, value) = (list(&values), median(values));
        Line {
            measure,
            value: format!("{value:.2} s"),
            baseline: format!("{ignored:.2} s"),
            ratio: Some(value / ignored),
            target,
            samples,
        }
        .print();
    };
    println!("| serde_json into nothing | {ignored:.2} s | – | – | – | – | {} |", list(&samples.ignored));
    let on_sqlite = !samples.floor.is_empty();
    let target = if on_sqlite { Target::RatioAtMost(4.0) } else { Target::None };
    against("stored and found by words", samples.stored, target);
    against("the same, time of all processors", samples.cpu, Target::None);
    against("messages and FTS5 alone, by its defaults", samples.floor, Target::None);
    against("embedding after that", samples.embedding, Target::None);
    against("the same file again", samples.again, Target::None);
    let value = |measure: &str, values: Vec<f64>, target| {
        if values.is_empty() {
            return;
        }
        let (samples, value) = (list(&values), median(values));
        let (value, baseline) = (format!("{value:.1} MB"), format!("{size:.0} MB"));
        Line { measure, value, baseline, ratio: None, target, samples }.print();
    };
    value("most memory", samples.resident, Target::ValueAtMost(resident, 300.0, "MB"));
    value("database file", samples.file, Target::None);
    value("its growth when imported again", samples.grown, Target::None);
}
