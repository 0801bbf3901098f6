//! `commonplace import`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::sync::mpsc;

use super::print;
use crate::app::App;
use crate::auth::{Caller, ops as auth};
use crate::clock::Clock;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::history::import::container::{self, Summary};
use crate::history::import::{Fact, Item, Limits};
use crate::history::ops::{self, Incoming, Outcome};
use crate::memory::MemoryText;
use crate::memory::ops::NewMemory;
use crate::search::backlog;

/// Conversations written in one transaction, and how large they may be together, in bytes.
const BATCH: usize = 100;
const BATCH_BYTES: usize = 4 << 20;
/// Items read ahead of what is written.
const AHEAD: usize = 64;

/// What to import.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// Exports of other tools: zip or JSON files, or folders; what they are is told by what is in them
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Only say what is there
    #[arg(long)]
    dry_run: bool,
    /// Into whose memory; the owner's without it
    #[arg(long)]
    user: Option<String>,
}

/// What was done.
#[derive(Debug, Default)]
struct Done {
    outcomes: HashMap<&'static str, u64>,
    facts: u64,
    known_facts: u64,
    failed: Vec<String>,
    skipped: u64,
}

impl Done {
    fn count(&mut self, outcome: Outcome) {
        let name = match outcome {
            Outcome::New => "new",
            Outcome::Updated => "updated",
            Outcome::Unchanged => "known already",
            Outcome::TooLong => "too long",
            Outcome::Excluded => "excluded",
        };
        *self.outcomes.entry(name).or_default() += 1;
    }
}

pub(super) async fn run(config: Config, import: Import) -> Result<ExitCode> {
    let app = App::open(config, Clock::default()).await?;
    let caller = Caller::operator(auth::account(&app, import.user.as_deref()).await?.id);
    let mut out = String::new();
    let mut clean = true;
    for file in &import.files {
        let (done, summary) = read(&app, &caller, file.clone(), import.dry_run).await?;
        clean &= done.failed.is_empty();
        write_report(&mut out, file, &done, &summary);
    }
    if !import.dry_run {
        backlog::embed_pending(&app).await?;
    }
    app.db.close().await;
    print(&out)?;
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write_report(out: &mut String, file: &std::path::Path, done: &Done, summary: &Summary) {
    let _ = writeln!(out, "{}", file.display());
    for (name, format) in &summary.files {
        let _ = writeln!(out, "  {name}: {}", format.name);
    }
    for name in ["new", "updated", "known already", "too long", "excluded"] {
        if let Some(count) = done.outcomes.get(name) {
            let _ = writeln!(out, "  {count} conversations {name}");
        }
    }
    if summary.facts > 0 {
        let _ = writeln!(out, "  {} memories new, {} known already", done.facts, done.known_facts);
    }
    if done.skipped > 0 {
        let _ = writeln!(out, "  {} left out on purpose", done.skipped);
    }
    for failed in &done.failed {
        let _ = writeln!(out, "  could not be read: {}", super::search::shown(failed));
    }
}

/// Reads a file on a thread of its own and writes what is found.
async fn read(app: &App, caller: &Caller, file: PathBuf, dry_run: bool) -> Result<(Done, Summary)> {
    let (send, mut found) = mpsc::channel(AHEAD);
    let shown = file.display().to_string();
    let reading = tokio::task::spawn_blocking(move || {
        container::read(&file, &Limits::default(), &mut |format, item| match send
            .blocking_send((format.map(|format| format.platform), item))
        {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        })
    });
    let mut done = Done::default();
    let (mut batch, mut bytes, mut told) = (Vec::new(), 0, Instant::now());
    let mut count = 0_u64;
    while let Some((platform, item)) = found.recv().await {
        match item {
            Item::Conversation(conversation) => {
                count += 1;
                if dry_run {
                    *done.outcomes.entry("new").or_default() += 1;
                    continue;
                }
                bytes += conversation.messages.iter().map(|message| message.text.len()).sum::<usize>();
                let platform = platform.unwrap_or("custom").to_owned();
                batch.push(Incoming { platform, conversation, is_whole: true });
                if batch.len() >= BATCH || bytes >= BATCH_BYTES {
                    write(app, caller, std::mem::take(&mut batch), &mut done).await?;
                    bytes = 0;
                }
            }
            Item::Fact(fact) if !dry_run => remember(app, caller, platform, fact, &mut done).await?,
            Item::Fact(_) => done.facts += 1,
            Item::Skipped { .. } => done.skipped += 1,
            Item::Failed { place, why } => done.failed.push(format!("{place}: {why}")),
        }
        if told.elapsed() > Duration::from_secs(1) {
            eprintln!("{shown}: {count} conversations");
            told = Instant::now();
        }
    }
    write(app, caller, batch, &mut done).await?;
    let summary = reading.await.map_err(Error::internal)?;
    let summary = summary.map_err(|why| Error::invalid(format!("{shown}: {why}.")))?;
    Ok((done, summary))
}

/// Writes conversations. One that is named twice is written after the other.
async fn write(app: &App, caller: &Caller, batch: Vec<Incoming>, done: &mut Done) -> Result<()> {
    let mut rest = batch;
    while !rest.is_empty() {
        let mut named = std::collections::HashSet::new();
        let (now, later): (Vec<_>, Vec<_>) = rest
            .into_iter()
            .partition(|incoming| named.insert((incoming.platform.clone(), incoming.conversation.id.clone())));
        for ingested in ops::ingest(app, caller, now, false).await? {
            done.count(ingested.outcome);
        }
        rest = later;
    }
    Ok(())
}

async fn remember(app: &App, caller: &Caller, platform: Option<&str>, fact: Fact, done: &mut Done) -> Result<()> {
    let text = match MemoryText::new(fact.text, app.config.max_text_chars) {
        Ok(text) => text,
        Err(why) => {
            done.failed.push(format!("a memory: {why}"));
            return Ok(());
        }
    };
    let source = platform.map(str::to_owned);
    let new = NewMemory { text, bucket: None, source, created_at: fact.created_at };
    let created = crate::memory::ops::create(app, caller, new).await?;
    if created.duplicate {
        done.known_facts += 1;
    } else {
        done.facts += 1;
    }
    Ok(())
}
