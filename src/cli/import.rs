//! `commonplace import`.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;

use super::print;
use crate::app::App;
use crate::auth::{Caller, ops as auth};
use crate::clock::Clock;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::history::intake::{self, Progress, Report, Source};
use crate::history::jobs::{self, Kind, State, run};
use crate::search::backlog;

/// How often to say how far a file is.
const TELL: Duration = Duration::from_millis(250);

/// What to import.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// Exports of other tools: zip or JSON files, or folders; what they are is told by what is in them
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Only say what would be new
    #[arg(long)]
    dry_run: bool,
    /// Into whose memory; the owner's without it
    #[arg(long)]
    user: Option<String>,
}

pub(super) async fn run(config: Config, import: Import) -> Result<ExitCode> {
    let app = App::open(config, Clock::default()).await?;
    let caller = Caller::operator(auth::account(&app, import.user.as_deref()).await?.id);
    let done = all(&app, &caller, &import).await;
    app.db.close().await;
    done
}

async fn all(app: &App, caller: &Caller, import: &Import) -> Result<ExitCode> {
    let (mut is_clean, mut is_stopped) = (true, false);
    for file in &import.files {
        let taken = one(app, caller, file, import.dry_run).await;
        let (text, is_sound) = match taken {
            Ok((report, stopped)) => {
                is_stopped = stopped;
                (told(file, &report, import.dry_run, stopped), report.failed == 0)
            }
            // The next file may be sound.
            Err(error @ Error::Invalid(_)) => (format!("{}\n  {error}\n", file.display()), false),
            Err(error) => return Err(error),
        };
        is_clean &= is_sound;
        print(&text)?;
        if is_stopped {
            return Ok(ExitCode::FAILURE);
        }
    }
    if !import.dry_run {
        backlog::embed_pending(app).await?;
    }
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Takes in one file; what became of it, and whether it was stopped by Ctrl-C.
async fn one(app: &App, caller: &Caller, file: &Path, dry_run: bool) -> Result<(Report, bool)> {
    let about = std::fs::metadata(file).map_err(|error| Error::invalid(format!("It can't be read: {error}.")))?;
    let bytes = if about.is_dir() { 0 } else { about.len() };
    let name = file.file_name().map_or_else(|| file.display().to_string(), |name| name.to_string_lossy().into_owned());
    let job = if dry_run { None } else { Some(jobs::begin(app, caller, Kind::File, &name, bytes).await?.id) };
    let source =
        Source { path: file.to_owned(), name: name.clone(), import: job.clone(), dry_run, is_automatic: false };
    let progress = Arc::new(Progress::default());
    let taking = async {
        match &job {
            Some(job) => run::told(app, caller, source, job, &progress).await,
            None => intake::take_in(app, caller, source, &progress).await,
        }
    };
    tokio::pin!(taking);
    let bar = Bar::new(name, bytes);
    let mut ticks = tokio::time::interval(TELL);
    let taken = loop {
        tokio::select! {
            taken = &mut taking => break taken,
            _ = ticks.tick() => bar.show(&progress),
            interrupted = tokio::signal::ctrl_c(), if !progress.is_cancelled() => {
                interrupted.map_err(Error::internal)?;
                progress.cancel();
            }
        }
    };
    bar.clear();
    if let Some(job) = &job {
        let (state, error) = match &taken {
            Ok(_) if progress.is_cancelled() => (State::Cancelled, None),
            Ok(_) => (State::Completed, None),
            Err(error) => (State::Failed, Some(error.to_string())),
        };
        jobs::end(app, caller.account, job, state, error).await?;
    }
    Ok((taken?, progress.is_cancelled()))
}

/// The line that says how far a file is, where somebody looks at it.
struct Bar {
    name: String,
    bytes: u64,
    begun: Instant,
    is_seen: bool,
}

impl Bar {
    fn new(name: String, bytes: u64) -> Self {
        Self { name, bytes, begun: Instant::now(), is_seen: std::io::stderr().is_terminal() }
    }

    fn show(&self, progress: &Progress) {
        if !self.is_seen {
            return;
        }
        let (read, seconds) = (progress.read(), self.begun.elapsed().as_secs_f64());
        let conversations = progress.report().conversations();
        #[expect(clippy::cast_precision_loss, reason = "a rate to look at")]
        let (share, rate) = (read as f64 / self.bytes.max(1) as f64, read as f64 / seconds.max(0.001));
        let mut line = format!("{}: {conversations} conversations", self.name);
        if self.bytes > 0 {
            let share = share.min(1.0);
            let left = if share > 0.0 { seconds / share - seconds } else { 0.0 };
            let _ = write!(line, ", {:.0} %, {:.1} MB/s, {left:.0} s left", share * 100.0, rate / 1e6);
        }
        eprint!("\r\x1b[K{line}");
        // It is only to look at; a terminal that is gone ends nothing.
        let _gone = std::io::stderr().flush();
    }

    fn clear(&self) {
        if self.is_seen {
            eprint!("\r\x1b[K");
        }
    }
}

/// What became of a file, to be read.
pub(super) fn told(file: &Path, report: &Report, dry_run: bool, is_stopped: bool) -> String {
    let mut out = format!("{}\n", file.display());
    for (format, count) in &report.formats {
        let _ = writeln!(out, "  {count} × {format}");
    }
    let counts = [
        (report.new, if dry_run { "conversations would be new" } else { "conversations new" }),
        (report.updated, if dry_run { "conversations would be updated" } else { "conversations updated" }),
        (report.unchanged, "conversations known already"),
        (report.too_long, "conversations longer than 100,000 tokens, not taken"),
        (report.excluded, "conversations excluded, not taken"),
        (report.memories, if dry_run { "memories there" } else { "memories new" }),
        (report.known_memories, "memories known already"),
        (report.skipped, "left out on purpose: without a message that was shown"),
        (report.failed, "could not be read or stored:"),
    ];
    for (count, name) in counts.into_iter().filter(|(count, _)| *count > 0) {
        let _ = writeln!(out, "  {count} {name}");
    }
    for failure in &report.failures {
        let _ = writeln!(out, "    {}: {}", super::search::shown(&failure.place), super::search::shown(&failure.why));
    }
    let more = (report.failed + report.too_long).saturating_sub(report.failures.len() as u64);
    if more > 0 {
        let _ = writeln!(out, "    and {more} more");
    }
    if is_stopped {
        let _ = writeln!(out, "  stopped; what was taken in stays, and importing it again adds the rest");
    }
    out
}
