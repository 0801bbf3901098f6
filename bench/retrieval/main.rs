//! How well memories are found, on the facts of LoCoMo.
//!
//! See `bench/README.md` for what each figure means and how to run this.

#[path = "../serve/client.rs"]
#[expect(dead_code, reason = "of the server that is started, only whether it is ready is asked this way")]
mod client;
#[path = "../serve/corpus.rs"]
#[expect(dead_code, reason = "its texts are not stored here")]
mod corpus;
#[path = "../encoded.rs"]
mod encoded;
mod locomo;
mod measures;
mod memory;
#[path = "../serve/postgres.rs"]
#[expect(dead_code, reason = "its measures are not made here")]
mod postgres;
#[path = "../serve/server.rs"]
#[expect(dead_code, reason = "its measures are not made here")]
mod server;

use std::collections::HashMap;
use std::process::ExitCode;

use locomo::Conversation;
use measures::{NAMES, Scores, mean, score};
use memory::{Memory, Ours, Peer};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const USAGE: &str = "cargo bench --bench retrieval -- LOCOMO.json [--peer PEER.toml | --database-url postgres://…]";
/// How many results are asked for.
const COUNT: usize = 20;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("retrieval: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let (mut file, mut peer, mut database_url) = (None, None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // Cargo says so to every benchmark.
            "--bench" => {}
            "--peer" => peer = Some(arguments.next().ok_or(USAGE)?),
            "--database-url" => database_url = Some(arguments.next().ok_or(USAGE)?),
            _ if file.is_none() && !argument.starts_with('-') => file = Some(argument),
            _ => return Err(format!("'{argument}' is not known\n{USAGE}").into()),
        }
    }
    let Some(file) = file else {
        println!("The measures need a file of LoCoMo, which is not part of this repository:\n{USAGE}");
        return Ok(());
    };
    let conversations = locomo::read(&file)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match peer {
        Some(peer) => runtime.block_on(measure(Peer::read(&peer)?, &conversations)),
        None => runtime.block_on(measure(Ours::start(database_url.as_deref())?, &conversations)),
    }
}

async fn measure(mut memory: impl Memory, conversations: &[Conversation]) -> Result<()> {
    let facts: usize = conversations.iter().map(|conversation| conversation.facts.len()).sum();
    for conversation in conversations {
        memory.store(&conversation.name, &conversation.facts).await?;
    }
    let mut table: Vec<(&str, Vec<Scores>)> = Vec::new();
    for mode in memory.modes() {
        let mut scores = Vec::new();
        for conversation in conversations {
            scores.extend(ask(&mut memory, mode, conversation).await?);
        }
        table.push((mode, scores));
    }
    let questions = table.first().map_or(0, |(_, scores)| scores.len());
    println!(
        "{facts} facts of {} conversations, {questions} questions; percent, with 95 % intervals\n",
        conversations.len()
    );
    println!("| | {} |\n|---|{}", NAMES.join(" | "), "---:|".repeat(NAMES.len()));
    for (mode, scores) in &table {
        print!("| {} |", if mode.is_empty() { "peer" } else { mode });
        for measure in 0..NAMES.len() {
            let values: Vec<f64> = scores.iter().map(|scores| scores[measure]).collect();
            let mean = mean(&values);
            print!(" {:.1} ({:.1}–{:.1}) |", mean.mean, mean.low, mean.high);
        }
        println!();
    }
    compare(&table);
    Ok(())
}

/// What the last row gains over the first, question by question.
fn compare(table: &[(&str, Vec<Scores>)]) {
    let [(first, baseline), .., (last, scores)] = table else { return };
    print!("| {last} − {first} |");
    for measure in 0..NAMES.len() {
        let gains: Vec<f64> = scores.iter().zip(baseline).map(|(a, b)| a[measure] - b[measure]).collect();
        let mean = mean(&gains);
        print!(" {:+.1} ({:+.1}–{:+.1}) |", mean.mean, mean.low, mean.high);
    }
    println!();
}

async fn ask(memory: &mut impl Memory, mode: &str, conversation: &Conversation) -> Result<Vec<Scores>> {
    let places: HashMap<&str, usize> =
        conversation.facts.iter().enumerate().map(|(place, fact)| (fact.as_str(), place)).collect();
    let mut scores = Vec::new();
    for (question, answers) in &conversation.questions {
        let found = memory.search(&conversation.name, mode, question, COUNT).await?;
        let found = found.iter().map(|text| places.get(text.as_str()).copied().ok_or("a text that was not stored"));
        let found: Vec<usize> = found.collect::<std::result::Result<_, _>>()?;
        scores.push(score(&found, answers));
    }
    Ok(scores)
}
