//! How much of what was said is found again, and how fast.
//!
//! See `bench/README.md` for what each figure means and how to run this.

#[path = "../import/chatgpt.rs"]
mod chatgpt;
#[path = "../serve/client.rs"]
mod client;
#[path = "../serve/corpus.rs"]
#[expect(dead_code, reason = "its texts are not stored here")]
mod corpus;
mod latency;
mod locomo;
#[path = "../retrieval/measures.rs"]
#[expect(dead_code, reason = "of a list of passages only recall is measured")]
mod measures;
#[path = "../serve/postgres.rs"]
#[expect(dead_code, reason = "its measures are not made here")]
mod postgres;
mod recall;
#[path = "../serve/server.rs"]
#[expect(dead_code, reason = "its measures are not made here")]
mod server;
#[path = "../table.rs"]
#[expect(dead_code, reason = "not all kinds of targets are needed here")]
mod table;

use std::process::ExitCode;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const USAGE: &str = "cargo bench --bench history -- [recall LOCOMO.json | latency [SIZE, such as 1GB]]";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("history: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    // Cargo says `--bench` to every benchmark.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => {
            println!("Recall needs a file of LoCoMo, which is not part of this repository:\n{USAGE}");
            Ok(())
        }
        ["recall", file] => tokio::runtime::Runtime::new()?.block_on(recall::measure(file)),
        ["latency"] => latency::measure(latency::LARGE),
        ["latency", size] => latency::measure(latency::bytes(size).ok_or(USAGE)?),
        _ => Err(USAGE.into()),
    }
}
