//! How long recall takes over HTTP, on a history as large as an export of a
//! gigabyte makes it and on one of a hundredth of that.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::Result;
use crate::chatgpt::{self, Numbers};
use crate::client::{self, Times, send_all};
use crate::server::{self, Place, Server};
use crate::table::{self, Line, Target, millis};

/// Bytes of the larger export: they make about half a million chunks.
pub const LARGE: u64 = 1_120_000_000;
const REQUESTS: usize = 2_000;
const CLIENTS: [usize; 2] = [1, 8];
/// Words of a question.
const WORDS: usize = 4;
/// The user that `serve` makes.
const USER: &str = "owner";

/// The bytes that a size names.
pub fn bytes(size: &str) -> Option<u64> {
    let (number, unit) = size.split_at(size.find(|c: char| !c.is_ascii_digit())?);
    let unit = match unit {
        "GB" => 1_000_000_000,
        "MB" => 1_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// What was measured on one history.
struct Measured {
    chunks: String,
    /// For each of [`CLIENTS`].
    times: Vec<Times>,
    /// Megabytes.
    resident: f64,
}

/// Measures recall on the history of an export of this many bytes, and of a hundredth.
pub fn measure(large: u64) -> Result<()> {
    let (small, large) = (recall(large / 100)?, recall(large)?);
    table::print_head();
    for ((clients, few), many) in CLIENTS.iter().zip(&small.times).zip(&large.times) {
        for percent in [50, 99] {
            let (few, many) = (millis(few.percentile(percent)), millis(many.percentile(percent)));
            let is_aim = (*clients, percent) == (8, 99);
            Line {
                measure: &format!(
                    "recall over HTTP, {} chunks, {clients} clients, p{percent}, against {} chunks",
                    large.chunks, small.chunks
                ),
                value: format!("{many:.1} ms"),
                baseline: format!("{few:.1} ms"),
                ratio: Some(many / few),
                target: if is_aim { Target::ValueAtMost(many, 50.0, "ms") } else { Target::None },
                samples: REQUESTS.to_string(),
            }
            .print();
        }
        Line {
            measure: &format!("the same, answers a second, {clients} clients"),
            value: format!("{:.0}/s", many.per_second()),
            baseline: format!("{:.0}/s", few.per_second()),
            ratio: Some(many.per_second() / few.per_second()),
            target: Target::None,
            samples: REQUESTS.to_string(),
        }
        .print();
    }
    Line {
        measure: "resident memory after that",
        value: format!("{:.0} MB", large.resident),
        baseline: format!("{:.0} MB", small.resident),
        ratio: None,
        target: Target::None,
        samples: "1".to_owned(),
    }
    .print();
    Ok(())
}

fn recall(size: u64) -> Result<Measured> {
    let folder = server::folder()?;
    let export = folder.path().join("conversations.json");
    let mut out = BufWriter::new(File::create(&export)?);
    chatgpt::export(&mut out, size, 1)?;
    out.into_inner()?.flush()?;
    let place = Place::new(None)?;
    // Makes the user, and the token.
    let server = Server::start(&place, None, None)?;
    let token = server.token.clone();
    server.stop()?;
    run(&place, &["import", "--user", USER, export.to_str().ok_or("the path is not text")?])?;
    std::fs::remove_file(&export)?;
    let server = Server::start(&place, Some(&token), None)?;
    let search = json!({"query": "house", "limit": 1}).to_string();
    server.wait_for_index("POST", "/api/chat-history/search", &search)?;
    let mut numbers = Numbers(2);
    let mut question = || {
        let body = json!({"query": chatgpt::words(&mut numbers, WORDS)}).to_string();
        client::request(&token, "POST", "/api/chat-history/inject", &body)
    };
    let warm: Vec<Vec<u8>> = (0..REQUESTS / 10).map(|_| question()).collect();
    let requests: Vec<Vec<u8>> = (0..REQUESTS).map(|_| question()).collect();
    let mut times = Vec::new();
    for clients in CLIENTS {
        send_all(server.address, clients, &warm)?;
        times.push(send_all(server.address, clients, &requests)?);
    }
    let resident = server.resident_mb()?;
    server.stop()?;
    Ok(Measured { chunks: chunks(&place)?, times, resident })
}

fn run(place: &Place, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_commonplace"));
    place.name_in(&mut command);
    let status = command.args(arguments).stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("{arguments:?} ended with {status}").into()) }
}

fn chunks(place: &Place) -> Result<String> {
    let file = rusqlite::Connection::open(place.path()?.join("commonplace.db"))?;
    let count: i64 = file.query_row("select count(*) from chunk", (), |row| row.get(0))?;
    Ok(count.to_string())
}
