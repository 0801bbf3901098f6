//! Reading the files that were uploaded, one after another. Who reads a file has
//! it locked, so several processes can share a folder.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::{Job, State, rows, upload};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::history::intake::{self, Progress, Report, Source};
use crate::id::{self, AccountId};

/// How often to look for files that no other process reads any more.
const LOOK: Duration = Duration::from_secs(30);
/// How often to say how far a file is.
const TELL: Duration = Duration::from_millis(500);
/// How often a file is begun before it is given up.
const ATTEMPTS: i64 = 5;
/// The same, all in all: each stop of the server costs one.
const STARTS: i64 = 20;
/// How long an import that nobody says anything of is taken for one that goes on, in minutes.
const PATIENCE: i64 = 10;

/// Reads what was uploaded and what will be.
pub async fn keep_importing(app: App) {
    loop {
        if let Err(error) = read_waiting(&app).await {
            tracing::error!(error = ?error, "importing what was uploaded failed; trying again");
        }
        tokio::select! {
            () = app.uploads.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Files of uploads: whose, which, and where.
fn waiting(folder: &Path) -> Result<Vec<(AccountId, String, PathBuf)>> {
    let mut files = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(files),
        entries => entries.map_err(Error::unavailable)?,
    };
    for entry in entries {
        let entry = entry.map_err(Error::unavailable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let (account, id) = name.split_once('-').unwrap_or_default();
        let is_ours = id::is_of(super::ID_PREFIX, id.strip_suffix(upload::PART).unwrap_or(id));
        if let (Ok(account), true) = (account.parse(), is_ours) {
            files.push((AccountId(account), id.to_owned(), entry.path()));
        }
    }
    files.sort_by(|a, b| a.1.cmp(&b.1));
    Ok(files)
}

async fn read_waiting(app: &App) -> Result<()> {
    for (account, id, path) in waiting(&app.config.uploads_folder())? {
        // One that can't be read doesn't keep the others waiting.
        if let Err(error) = read(app, account, &id, &path).await {
            tracing::error!(import = id, error = ?error, "importing what was uploaded failed; trying again");
        }
    }
    Ok(())
}

async fn read(app: &App, account: AccountId, id: &str, path: &Path) -> Result<()> {
    let file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        file => file.map_err(Error::unavailable)?,
    };
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(()),
        locked => locked.map_err(|error| Error::unavailable(std::io::Error::from(error)))?,
    }
    // One that is not here whole and is not locked will never be.
    if !id.ends_with(upload::PART) {
        run(app, account, id, path).await?;
    }
    upload::remove(path)
}

/// Removes the files of an account that is removed, also those that are being read.
///
/// # Errors
/// [`Error::Unavailable`] where they can't be removed.
pub fn discard(app: &App, account: AccountId) -> Result<()> {
    let files = waiting(&app.config.uploads_folder())?;
    files.into_iter().filter(|(owner, ..)| *owner == account).try_for_each(|(_, _, path)| upload::remove(&path))
}

/// Reads one file to its end, whatever that is.
async fn run(app: &App, account: AccountId, id: &str, path: &Path) -> Result<()> {
    let mut tries = 0;
    loop {
        tries += 1;
        let args = (account, id.to_owned(), app.clock.now());
        let begun = app.db.write(args, |tx, (account, id, now)| {
            async move {
                if !rows::start(tx, *account, id, *now).await? {
                    return Ok(None);
                }
                rows::get(tx, *account, id).await
            }
            .boxed()
        });
        let Some(job) = begun.await? else { return Ok(()) };
        let error = match attempt(app, account, job, path).await {
            Ok(()) => return super::end(app, account, id, State::Completed, None).await,
            // Its account was removed, and the import with it.
            Err(Error::Unauthorized) => return Ok(()),
            Err(error) => error,
        };
        let is_passing = matches!(error, Error::Busy | Error::Unavailable(_));
        if !is_passing || tries >= ATTEMPTS {
            match &error {
                // Somebody stopped it.
                Error::Conflict(_) => {}
                // The reason has the name of the file, which may be the title of a conversation.
                Error::Invalid(_) => tracing::warn!(import = id, "an import failed; its row says why"),
                error => tracing::warn!(import = id, error = ?error, "an import failed"),
            }
            return super::end(app, account, id, State::Failed, Some(error.to_string())).await;
        }
        tracing::warn!(import = id, error = ?error, tries, "an import was interrupted; trying again");
        tokio::time::sleep(Duration::from_secs(1 << tries)).await;
    }
}

async fn attempt(app: &App, account: AccountId, job: Job, path: &Path) -> Result<()> {
    if job.attempts > STARTS {
        return Err(Error::invalid(
            "The server stopped each time while it was reading the file. Import it with 'commonplace import FILE', \
             and if that fails, too, report it.",
        ));
    }
    let caller = Caller::operator(account);
    let Job { id, name, .. } = job;
    let source = Source { path: path.to_owned(), name, import: Some(id.clone()), dry_run: false, is_automatic: false };
    told(app, &caller, source, &id, &Arc::default()).await.map(drop)
}

/// Takes a file in and says meanwhile how far it is.
///
/// # Errors
/// As [`intake::take_in`].
pub async fn told(app: &App, caller: &Caller, source: Source, id: &str, progress: &Arc<Progress>) -> Result<Report> {
    let taking = intake::take_in(app, caller, source, progress);
    tokio::pin!(taking);
    let mut ticks = tokio::time::interval(TELL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let taken = loop {
        tokio::select! {
            taken = &mut taking => break taken,
            _ = ticks.tick() => {
                // What is being written notes the report itself, and must not be followed by an older one.
                let report = (!progress.is_writing()).then(|| progress.report());
                if !super::note(app, caller.account, id, progress.read(), report).await? {
                    progress.cancel();
                }
            }
        }
    };
    super::note(app, caller.account, id, progress.read(), Some(progress.report())).await?;
    taken
}

/// Says that the files here are cared for, and gives up the imports that nobody cares for.
///
/// # Errors
/// As [`crate::db::Db::write`].
pub async fn tidy(app: &App) -> Result<()> {
    if !app.db.read((), |tx, ()| rows::is_any_unfinished(tx).boxed()).await? {
        return Ok(());
    }
    let files = waiting(&app.config.uploads_folder())?;
    let args = (files, app.clock.now());
    let given_up = app.db.write(args, |tx, (files, now)| {
        async move {
            for (account, id, _) in files {
                let id = id.strip_suffix(upload::PART).unwrap_or(id);
                rows::touch(tx, *account, id, *now).await?;
            }
            rows::give_up(tx, now.plus_minutes(-PATIENCE), *now).await
        }
        .boxed()
    });
    match given_up.await? {
        0 => {}
        count => tracing::warn!(count, "gave up imports that nobody goes on with"),
    }
    Ok(())
}
