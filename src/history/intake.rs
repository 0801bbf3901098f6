//! Taking in what an export holds: its conversations become chat history, its
//! facts memories. Doing it again adds only what is new, so one that was
//! interrupted is simply done again.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::import::container::{self, Summary, Unreadable};
use super::import::{Fact, Item, Limits};
use super::ops::{self, Incoming, Ingested, MOST_TOKENS, Outcome, Prepared};
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::error::{Error, Result};
use crate::memory::transfer;

/// Conversations written in one transaction, and how large they may be together, in bytes.
const BATCH: usize = 200;
const BATCH_BYTES: usize = 8 << 20;
/// Facts written at once.
const FACTS: usize = 500;
/// Items read ahead of what is written.
const AHEAD: usize = 64;
/// How many failures a report names; the others are counted.
const NAMED: usize = 100;
/// Longest text in a report, in characters.
const MOST_TEXT: usize = 300;
/// Texts read ahead of what is written, in KiB.
const AHEAD_KIB: u32 = 32 << 10;
/// A conversation of more bytes has too many tokens, whatever it says.
const MOST_BYTES: usize = 16 << 20;

/// What became of what was read.
/// What a version of the program before it did not count was none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Of how many files it was, by their formats. Their names may tell of what is in them, and are not kept.
    pub formats: BTreeMap<String, u64>,
    /// Conversations that were not known.
    pub new: u64,
    /// Conversations that something was new of.
    pub updated: u64,
    /// Conversations that were known.
    pub unchanged: u64,
    /// Conversations that are too long to be taken.
    pub too_long: u64,
    /// Conversations that are excluded.
    pub excluded: u64,
    /// Memories that were not known.
    pub memories: u64,
    /// Memories that were known.
    pub known_memories: u64,
    /// What was left out on purpose: conversations without a message that was shown, say.
    pub skipped: u64,
    /// What should have been read or stored and could not be.
    pub failed: u64,
    /// The first of these, and of the conversations that are too long.
    pub failures: Vec<Failure>,
}

/// Something that could not be read or stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Where it is, by its position in the file.
    pub place: String,
    /// What is wrong with it.
    pub why: String,
}

impl Report {
    /// How many conversations there were.
    #[must_use]
    pub fn conversations(&self) -> u64 {
        self.new + self.updated + self.unchanged + self.too_long + self.excluded
    }

    /// Counts what became of a conversation, and names one that is too long.
    pub(super) fn count(&mut self, outcome: Outcome, id: &str) {
        *match outcome {
            Outcome::New => &mut self.new,
            Outcome::Updated => &mut self.updated,
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::TooLong => &mut self.too_long,
            Outcome::Excluded => &mut self.excluded,
        } += 1;
        if outcome == Outcome::TooLong {
            self.name(&format!("conversation {id}"), &format!("it has more than {MOST_TOKENS} tokens"));
        }
    }

    /// Counts something that failed, and names it.
    fn fail(&mut self, place: &str, why: &str) {
        self.failed += 1;
        self.name(place, why);
    }

    fn name(&mut self, place: &str, why: &str) {
        if self.failures.len() < NAMED {
            let cut = |text: &str| text.chars().take(MOST_TEXT).collect();
            self.failures.push(Failure { place: cut(place), why: cut(why) });
        }
    }
}

/// How far an intake is, for whoever watches it.
#[derive(Debug, Default)]
pub struct Progress {
    read: AtomicU64,
    is_cancelled: AtomicBool,
    is_writing: AtomicBool,
    report: Mutex<Report>,
}

impl Progress {
    /// Bytes read of the file.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// What became of what was read until now.
    #[must_use]
    pub fn report(&self) -> Report {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks it to stop. What it has written stays, each conversation whole.
    pub fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }

    /// Whether conversations are being written that are not in the report yet.
    pub(super) fn is_writing(&self) -> bool {
        self.is_writing.load(Ordering::SeqCst)
    }

    fn change(&self, change: impl FnOnce(&mut Report)) {
        change(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// What is taken in.
#[derive(Debug, Clone)]
pub struct Source {
    /// A file, or a folder of files.
    pub path: PathBuf,
    /// What it is called where something is said about it.
    pub name: String,
    /// The import that it is of.
    pub import: Option<String>,
    /// Only say what would become of it.
    pub dry_run: bool,
    /// Nobody asked for it now, so what was deleted stays so.
    pub is_automatic: bool,
}

/// Takes in all that is sound of a file and names what is not.
///
/// # Errors
/// [`Error::Invalid`] where it is of no known format or can't be read at all, as
/// [`ops::ingest`] otherwise. What was written until then stays.
pub async fn take_in(app: &App, caller: &Caller, source: Source, progress: &Arc<Progress>) -> Result<Report> {
    caller.require(Scope::Write)?;
    let (send, mut found) = mpsc::channel(AHEAD);
    let reading = tokio::task::spawn_blocking({
        let (source, progress) = (source.clone(), Arc::clone(progress));
        move || read(&source, &progress, &send)
    });
    let mut intake = Intake::new(app, caller, &source, progress);
    let taken = intake.all(&mut found).await;
    // Whatever happened, nothing is written once this has returned.
    let settled = intake.settle().await;
    taken.and(settled)?;
    // The reader stops where nobody takes what it finds.
    drop(found);
    let summary = reading.await.map_err(Error::internal)?;
    if progress.is_cancelled() {
        return Ok(progress.report());
    }
    match summary {
        Ok(summary) => {
            progress.change(|report| {
                for (_, format) in summary.files {
                    *report.formats.entry(format.name.to_owned()).or_default() += 1;
                }
            });
        }
        Err(Unreadable::Unknown) => intake.own_export().await?,
        Err(why) => return Err(Error::invalid(format!("{}: {why}.", source.name))),
    }
    Ok(progress.report())
}

/// What was found, and its share of what may be read ahead.
struct Found {
    platform: Option<&'static str>,
    item: Item,
    is_too_long: bool,
    _share: OwnedSemaphorePermit,
}

/// Reads a file on a thread of its own.
fn read(source: &Source, progress: &Arc<Progress>, send: &mpsc::Sender<Found>) -> Result<Summary, Unreadable> {
    let limits = Limits::default();
    let (ahead, waiting) = (Arc::new(Semaphore::new(AHEAD_KIB as usize)), Handle::current());
    let each = &mut |format: Option<&'static super::import::format::Format>, mut item| {
        let bytes = length(&item);
        let is_too_long = bytes > MOST_BYTES;
        if let (Item::Conversation(conversation), true) = (&mut item, is_too_long) {
            conversation.messages = Vec::new();
        }
        let share = u32::try_from(bytes.min(MOST_BYTES) / 1024).unwrap_or(AHEAD_KIB).min(AHEAD_KIB);
        let Ok(share) = waiting.block_on(Arc::clone(&ahead).acquire_many_owned(share)) else {
            return ControlFlow::Break(());
        };
        let platform = format.map(|format| format.platform);
        let sent = send.blocking_send(Found { platform, item, is_too_long, _share: share });
        if sent.is_err() || progress.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    if source.path.is_dir() {
        return container::read(&source.path, &limits, each);
    }
    let file = Counted { file: File::open(&source.path)?, progress };
    container::read_from(file, &source.name, &limits, each)
}

/// How long the texts of what was found are, in bytes.
fn length(item: &Item) -> usize {
    match item {
        Item::Conversation(conversation) => conversation.messages.iter().map(|message| message.text.len()).sum(),
        Item::Fact(fact) => fact.text.len(),
        Item::Skipped { .. } | Item::Failed { .. } => 0,
    }
}

/// A file that says how far it was read.
struct Counted<'a> {
    file: File,
    progress: &'a Progress,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.progress.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Seek for Counted<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = self.file.seek(to)?;
        // What is read again is not further on.
        self.progress.read.store(place, Ordering::Relaxed);
        Ok(place)
    }
}

struct Intake<'a> {
    app: &'a App,
    caller: &'a Caller,
    source: &'a Source,
    progress: &'a Arc<Progress>,
    batch: Vec<Incoming>,
    bytes: usize,
    facts: Vec<transfer::Item>,
    /// The batch before, which is being written.
    writing: Option<JoinHandle<Result<()>>>,
}

/// Counts what became of a conversation by this import.
fn count(report: &mut Report, Ingested { conversation, outcome }: &Ingested, import: Option<&str>) {
    // What an earlier run of the same import wrote is new by this import.
    let is_of_this = conversation.import.is_some() && conversation.import.as_deref() == import;
    let is_earlier = *outcome == Outcome::Unchanged && is_of_this;
    report.count(if is_earlier { Outcome::New } else { *outcome }, &conversation.platform_id);
}

impl<'a> Intake<'a> {
    fn new(app: &'a App, caller: &'a Caller, source: &'a Source, progress: &'a Arc<Progress>) -> Self {
        let (batch, facts) = (Vec::new(), Vec::new());
        Self { app, caller, source, progress, batch, bytes: 0, facts, writing: None }
    }

    /// Takes everything in, or all until it is cancelled.
    async fn all(&mut self, found: &mut mpsc::Receiver<Found>) -> Result<()> {
        while let Some(Found { platform, item, is_too_long, .. }) = found.recv().await {
            if self.progress.is_cancelled() {
                return Ok(());
            }
            match item {
                Item::Conversation(conversation) if is_too_long => {
                    self.progress.change(|report| report.count(Outcome::TooLong, &conversation.id));
                }
                item => self.item(platform, item).await?,
            }
        }
        if self.progress.is_cancelled() {
            return Ok(());
        }
        self.conversations().await?;
        self.memories().await
    }

    async fn item(&mut self, platform: Option<&str>, item: Item) -> Result<()> {
        match item {
            Item::Conversation(conversation) => {
                self.bytes += conversation.messages.iter().map(|message| message.text.len()).sum::<usize>();
                let is_automatic = self.source.is_automatic;
                let platform = platform.unwrap_or("custom").to_owned();
                let import = self.source.import.clone();
                self.batch.push(Incoming { platform, conversation, is_whole: true, import, is_automatic });
                if self.batch.len() >= BATCH || self.bytes >= BATCH_BYTES {
                    self.conversations().await?;
                }
            }
            Item::Fact(Fact { text, bucket, created_at }) => {
                let created_at = created_at.map(crate::clock::Micros::rfc3339);
                self.facts.push(transfer::Item { text, bucket, source: platform.map(str::to_owned), created_at });
                if self.facts.len() >= FACTS {
                    self.memories().await?;
                }
            }
            Item::Skipped { .. } => self.progress.change(|report| report.skipped += 1),
            Item::Failed { place, why } => self.progress.change(|report| report.fail(&place, &why)),
        }
        Ok(())
    }

    /// Writes conversations. One that is named twice is written after the other.
    async fn conversations(&mut self) -> Result<()> {
        let mut rest = std::mem::take(&mut self.batch);
        self.bytes = 0;
        while !rest.is_empty() {
            let mut named = HashSet::new();
            let (now, later): (Vec<_>, Vec<_>) = rest
                .into_iter()
                .partition(|incoming| named.insert((incoming.platform.clone(), incoming.conversation.id.clone())));
            self.write(now).await?;
            rest = later;
        }
        Ok(())
    }

    /// Has conversations written after those before them, while the next are read and worked out.
    async fn write(&mut self, batch: Vec<Incoming>) -> Result<()> {
        let mut sound = Vec::new();
        for incoming in batch {
            let id = incoming.conversation.id.clone();
            match ops::checked(incoming) {
                Ok(incoming) => sound.push(incoming),
                Err(why) => {
                    self.progress.change(|report| report.fail(&format!("conversation {id}"), &why.to_string()));
                }
            }
        }
        if self.source.dry_run {
            let foreseen = ops::foresee(self.app, self.caller, sound).await?;
            self.progress.change(|report| foreseen.iter().for_each(|one| count(report, one, None)));
            return Ok(());
        }
        let prepared = Prepared::of(self.app, self.caller, sound).await?;
        self.settle().await?;
        let (app, caller, progress) = (self.app.clone(), self.caller.clone(), Arc::clone(self.progress));
        let import = self.source.import.clone();
        let mut report = progress.report();
        prepared.foreseen().for_each(|ingested| count(&mut report, &ingested, import.as_deref()));
        progress.is_writing.store(true, Ordering::SeqCst);
        self.writing = Some(tokio::spawn(async move {
            let ingested = prepared.write(&app, &caller, report).await?;
            progress.change(|report| ingested.iter().for_each(|one| count(report, one, import.as_deref())));
            progress.is_writing.store(false, Ordering::SeqCst);
            Ok(())
        }));
        Ok(())
    }

    /// Waits for the batch that is being written.
    async fn settle(&mut self) -> Result<()> {
        let Some(writing) = self.writing.take() else { return Ok(()) };
        writing.await.map_err(Error::internal)?
    }

    async fn memories(&mut self) -> Result<()> {
        let facts = std::mem::take(&mut self.facts);
        self.remember(facts).await
    }

    async fn remember(&self, facts: Vec<transfer::Item>) -> Result<()> {
        if self.source.dry_run {
            self.progress.change(|report| report.memories += facts.len() as u64);
            return Ok(());
        }
        let imported = transfer::import(self.app, self.caller, facts, None).await?;
        self.progress.change(|report| {
            report.memories += imported.created as u64;
            report.known_memories += imported.duplicates as u64;
            for (position, why) in imported.failed {
                report.fail(&format!("memory {position}"), &why);
            }
        });
        Ok(())
    }

    /// Reads what no other tool exports: the memories of this one.
    async fn own_export(&self) -> Result<()> {
        let (path, limit) = (self.source.path.clone(), self.app.config.max_import_bytes);
        let parsed = tokio::task::spawn_blocking(move || own_memories(&path, limit)).await.map_err(Error::internal)?;
        let Some((format, facts)) = parsed? else {
            return Err(Error::invalid(format!("{}: {}.", self.source.name, Unreadable::Unknown)));
        };
        self.progress.change(|report| report.formats = BTreeMap::from([(format.to_owned(), 1)]));
        self.remember(facts).await
    }
}

fn own_memories(path: &Path, limit: usize) -> Result<Option<(&'static str, Vec<transfer::Item>)>> {
    if path.is_dir() || path.metadata().map_err(Error::unavailable)?.len() > limit as u64 {
        return Ok(None);
    }
    let body = std::fs::read(path).map_err(Error::unavailable)?;
    Ok(transfer::parse_own(&body))
}
