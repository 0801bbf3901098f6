//! `commonplace watch`: follows the folders in which coding agents keep their
//! sessions on this machine. It only reads them.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::Args;
use directories::BaseDirs;

use super::{import, print};
use crate::app::App;
use crate::auth::{Caller, ops as auth};
use crate::clock::Clock;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::history::intake::{self, Progress, Report, Source};
use crate::search::backlog;

/// How often to look, in seconds.
const EVERY: u64 = 10;
/// How deep folders are followed; sessions lie four deep at most.
const DEPTH: usize = 6;

/// What to follow.
#[derive(Debug, Args)]
pub(super) struct Watch {
    /// Folders of sessions; those of Claude Code and Codex without any
    folders: Vec<PathBuf>,
    /// Take in what is there and end
    #[arg(long)]
    once: bool,
    /// How often to look, in seconds
    #[arg(long, default_value_t = EVERY, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    every: u64,
    /// Into whose memory; the owner's without it
    #[arg(long)]
    user: Option<String>,
}

/// When a file was last changed, and how long it was then.
type Mark = (SystemTime, u64);

pub(super) async fn run(config: Config, watch: Watch) -> Result<ExitCode> {
    let folders = if watch.folders.is_empty() { usual()? } else { watch.folders.clone() };
    if let Some(missing) = folders.iter().find(|folder| !folder.is_dir()) {
        return Err(Error::invalid(format!("{} is no folder.", missing.display())));
    }
    let app = App::open(config, Clock::default()).await?;
    let caller = Caller::operator(auth::account(&app, watch.user.as_deref()).await?.id);
    let done = tokio::select! {
        done = follow(&app, &caller, &folders, &watch) => done,
        interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| ExitCode::SUCCESS).map_err(Error::internal),
    };
    app.db.close().await;
    done
}

/// Where Claude Code and Codex keep sessions, as far as there is something.
fn usual() -> Result<Vec<PathBuf>> {
    let home = BaseDirs::new().map(|folders| folders.home_dir().to_owned());
    let of = |variable: &str, folder: &str| {
        let set = std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
        set.or_else(|| home.as_ref().map(|home| home.join(folder)))
    };
    let claude = of("CLAUDE_CONFIG_DIR", ".claude").map(|folder| folder.join("projects"));
    let codex = of("CODEX_HOME", ".codex");
    let codex = codex.into_iter().flat_map(|folder| [folder.join("sessions"), folder.join("archived_sessions")]);
    let folders: Vec<PathBuf> = claude.into_iter().chain(codex).filter(|folder| folder.is_dir()).collect();
    if folders.is_empty() {
        return Err(Error::not_found(
            "There are no sessions of Claude Code (~/.claude/projects) or Codex (~/.codex/sessions) here. Name the \
             folders to follow.",
        ));
    }
    Ok(folders)
}

async fn follow(app: &App, caller: &Caller, folders: &[PathBuf], watch: &Watch) -> Result<ExitCode> {
    for folder in folders {
        print(&format!("Following {}\n", folder.display()))?;
    }
    let mut seen: HashMap<PathBuf, Mark> = HashMap::new();
    let mut is_clean = true;
    loop {
        let there = folders.to_vec();
        let there = tokio::task::spawn_blocking(move || sessions(&there)).await.map_err(Error::internal)??;
        let mut is_new = false;
        for (path, name, mark) in there {
            if seen.get(&path) == Some(&mark) {
                continue;
            }
            match take_in(app, caller, &path, name).await {
                Ok(report) => {
                    is_new |= report.new + report.updated > 0;
                    if report.new + report.updated + report.failed > 0 {
                        print(&import::told(&path, &report, false, false))?;
                    }
                    is_clean &= report.failed == 0;
                }
                // Files of other kinds lie between the sessions; what they are is told by what is in them.
                Err(Error::Invalid(_)) => {}
                // It is tried again the next time.
                Err(error @ (Error::Busy | Error::Unavailable(_))) if !watch.once => {
                    eprintln!("{}: {error}", path.display());
                    continue;
                }
                Err(error) => return Err(error),
            }
            seen.insert(path, mark);
        }
        if is_new {
            backlog::embed_pending(app).await?;
        }
        if watch.once {
            return Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        tokio::time::sleep(Duration::from_secs(watch.every)).await;
    }
}

async fn take_in(app: &App, caller: &Caller, path: &Path, name: String) -> Result<Report> {
    let source = Source { path: path.to_owned(), name, import: None, dry_run: false, is_automatic: true };
    intake::take_in(app, caller, source, &Arc::new(Progress::default())).await
}

/// The files of sessions below these folders, each with its place there.
fn sessions(folders: &[PathBuf]) -> Result<Vec<(PathBuf, String, Mark)>> {
    let mut found = Vec::new();
    for top in folders {
        let mut left = vec![(top.clone(), 0)];
        while let Some((folder, depth)) = left.pop() {
            // What vanishes while it is looked at is not there.
            let Some(entries) = there(std::fs::read_dir(&folder))? else { continue };
            for entry in entries {
                let Some(entry) = there(entry)? else { continue };
                let Some(about) = there(entry.metadata())? else { continue };
                let path = entry.path();
                if about.is_dir() && depth < DEPTH {
                    left.push((path, depth + 1));
                } else if about.is_file() && is_session(&path) {
                    let name = path.strip_prefix(top).unwrap_or(&path).to_string_lossy().into_owned();
                    let changed = about.modified().map_err(Error::unavailable)?;
                    found.push((path, name, (changed, about.len())));
                }
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a file is named as a session is, or one that is compressed.
fn is_session(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".jsonl") || name.ends_with(".jsonl.zst")
}

fn there<T>(result: io::Result<T>) -> Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some).map_err(Error::unavailable),
    }
}
