//! Imports: what is being taken in and what was, with what became of it. An
//! uploaded file is read by [`run`]; what the command line and the interface of
//! single conversations take in is noted here, too.

mod rows;
pub mod run;
pub mod upload;

use std::collections::BTreeSet;

use futures_util::FutureExt;
use sha2::{Digest, Sha256};

use super::intake::Report;
use super::ops::Outcome;
use crate::app::App;
use crate::auth::{self, Caller, Scope};
use crate::clock::Micros;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{self, AccountId};

/// What the ids of imports begin with.
const ID_PREFIX: &str = "imp";

/// What is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file that was uploaded.
    Upload,
    /// A file that the command line was given.
    File,
    /// Conversations that come one by one.
    Online,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Upload, Self::File, Self::Online];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::File => "file",
            Self::Online => "online",
        }
    }
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It waits for its turn.
    Queued,
    /// It is being read.
    Running,
    /// All that is sound of it was taken in.
    Completed,
    /// It was given up; what was taken in until then stays.
    Failed,
    /// Somebody stopped it; what was taken in until then stays.
    Cancelled,
}

impl State {
    const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Completed, Self::Failed, Self::Cancelled];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more comes of it.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// An import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// What is taken in.
    pub kind: Kind,
    /// The name of the file, or the platform.
    pub name: String,
    /// How far it is.
    pub state: State,
    /// Why it failed.
    pub error: Option<String>,
    /// Size of the file, in bytes; 0 where it has none.
    pub bytes_total: i64,
    /// How much of it was read.
    pub bytes_read: i64,
    /// How often it was begun.
    pub attempts: i64,
    /// What became of what was read.
    pub report: Report,
    /// When it was asked for.
    pub created_at: Micros,
    /// When something of it last changed.
    pub updated_at: Micros,
    /// When it was over.
    pub finished_at: Option<Micros>,
}

impl Job {
    fn new(kind: Kind, name: &str, bytes_total: u64, now: Micros) -> Result<Self> {
        Ok(Self {
            id: id::new(ID_PREFIX, now)?,
            kind,
            name: name.chars().filter(|c| !c.is_control()).take(200).collect(),
            state: if kind == Kind::Upload { State::Queued } else { State::Running },
            error: None,
            bytes_total: i64::try_from(bytes_total).unwrap_or(i64::MAX),
            bytes_read: 0,
            attempts: 0,
            report: Report::default(),
            created_at: now,
            updated_at: now,
            finished_at: None,
        })
    }
}

/// Imports, newest first, and how many there are in all.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `read`.
pub async fn list(app: &App, caller: &Caller, skip: i64, limit: i64) -> Result<(Vec<Job>, i64)> {
    caller.require(Scope::Read)?;
    let args = (caller.account, skip, limit);
    app.db.read(args, |tx, (account, skip, limit)| rows::list(tx, *account, *skip, *limit).boxed()).await
}

/// How many files of the account are being read, or wait for it.
pub(crate) async fn count_running(tx: &mut Tx, account: AccountId) -> Result<i64> {
    rows::count_running(tx, account).await
}

/// An import.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `read`, [`Error::NotFound`].
pub async fn get(app: &App, caller: &Caller, id: &str) -> Result<Job> {
    caller.require(Scope::Read)?;
    if !id::is_of(ID_PREFIX, id) {
        return Err(no_import());
    }
    get_any(app, caller.account, id).await
}

async fn get_any(app: &App, account: AccountId, id: &str) -> Result<Job> {
    let job = app.db.read((account, id.to_owned()), |tx, (account, id)| rows::get(tx, *account, id).boxed()).await?;
    job.ok_or_else(no_import)
}

fn no_import() -> Error {
    Error::not_found("There is no import with that id.")
}

/// Stops an import, or leaves it as it is where it is over. What it has taken in
/// stays; no conversation is there in part.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `write`, [`Error::NotFound`].
pub async fn cancel(app: &App, caller: &Caller, id: &str) -> Result<Job> {
    caller.require(Scope::Write)?;
    if !id::is_of(ID_PREFIX, id) {
        return Err(no_import());
    }
    let args = (caller.account, id.to_owned(), app.clock.now());
    let job = app.db.write(args, |tx, (account, id, now)| {
        async move {
            auth::advance(tx, *account, 1).await?;
            rows::finish(tx, *account, id, State::Cancelled, None, *now).await?;
            rows::get(tx, *account, id).await
        }
        .boxed()
    });
    let job = job.await?.ok_or_else(no_import)?;
    upload::discard(app, caller.account, id)?;
    app.uploads.notify_one();
    Ok(job)
}

/// Makes sure that an import is still under way: what was stopped must not go on.
/// It stays so for a transaction that has locked the account.
///
/// # Errors
/// [`Error::Conflict`] where it is over, or gone.
pub(super) async fn require_going(tx: &mut Tx, account: AccountId, id: &str) -> Result<()> {
    let job = rows::get(tx, account, id).await?;
    if job.is_some_and(|job| !job.state.is_final()) { Ok(()) } else { Err(stopped()) }
}

fn stopped() -> Error {
    Error::Conflict("The import was stopped.".to_owned())
}

/// Notes what has become of everything until now, in the transaction that writes the last of it.
///
/// # Errors
/// As [`require_going`].
pub(super) async fn note_written(
    tx: &mut Tx,
    account: AccountId,
    id: &str,
    report: &Report,
    now: Micros,
) -> Result<()> {
    if rows::note(tx, account, id, None, Some(report), now).await? { Ok(()) } else { Err(stopped()) }
}

/// Removes from imports what may tell of conversations that were purged: the
/// names of what failed, and of files that held one conversation alone.
pub(super) async fn forget(tx: &mut Tx, account: AccountId, ids: &BTreeSet<String>) -> Result<()> {
    for id in ids {
        let Some(mut job) = rows::get(tx, account, id).await? else { continue };
        job.report.failures.clear();
        if job.kind != Kind::Online && job.report.conversations() <= 1 {
            nameless(&mut job);
        }
        rows::rename(tx, account, &job).await?;
    }
    // One that brought nothing, or what a later one changed, may have had the same conversation in its file.
    for mut job in rows::named_without_conversations(tx, account).await? {
        if job.report.conversations() <= 1 && job.report.memories == 0 {
            job.report.failures.clear();
            nameless(&mut job);
            rows::rename(tx, account, &job).await?;
        }
    }
    Ok(())
}

/// Takes the name of its file from an import, also where the reason of a failure begins with it.
fn nameless(job: &mut Job) {
    if let Some(error) = &mut job.error
        && let Some(why) = error.strip_prefix(&format!("{}: ", job.name))
    {
        *error = why.to_owned();
    }
    job.name.clear();
}

/// Notes that a file is being taken in by the command line.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `write`.
pub async fn begin(app: &App, caller: &Caller, kind: Kind, name: &str, bytes: u64) -> Result<Job> {
    caller.require(Scope::Write)?;
    let job = Job::new(kind, name, bytes, app.clock.now())?;
    insert(app, caller.account, job).await
}

async fn insert(app: &App, account: AccountId, job: Job) -> Result<Job> {
    let inserted = app.db.write((account, job.clone()), |tx, (account, job)| {
        async move {
            auth::advance(tx, *account, 1).await?;
            rows::insert(tx, *account, job).await
        }
        .boxed()
    });
    inserted.await?;
    Ok(job)
}

/// Notes how far it is, and what became of what was read if that is given. False where
/// it is over already, because somebody stopped it.
///
/// # Errors
/// As [`crate::db::Db::write`].
pub async fn note(app: &App, account: AccountId, id: &str, bytes_read: u64, report: Option<Report>) -> Result<bool> {
    let bytes_read = i64::try_from(bytes_read).unwrap_or(i64::MAX);
    let args = (account, id.to_owned(), bytes_read, report, app.clock.now());
    app.db
        .write(args, |tx, (account, id, bytes_read, report, now)| {
            rows::note(tx, *account, id, Some(*bytes_read), report.as_ref(), *now).boxed()
        })
        .await
}

/// Notes that it is over.
///
/// # Errors
/// As [`crate::db::Db::write`].
pub async fn end(app: &App, account: AccountId, id: &str, state: State, error: Option<String>) -> Result<()> {
    let args = (account, id.to_owned(), state, error, app.clock.now());
    app.db
        .write(args, |tx, (account, id, state, error, now)| {
            rows::finish(tx, *account, id, *state, error.as_deref(), *now).boxed()
        })
        .await
}

/// The import of what comes from a platform one by one: the same each time.
#[must_use]
pub fn online(platform: &str) -> String {
    let digest = Sha256::new().chain_update("online\0").chain_update(platform).finalize();
    format!("{ID_PREFIX}_{}", hex::encode(&digest[..16]))
}

/// Notes what became of a conversation that came by itself, in the transaction
/// that took it in.
pub(super) async fn count_online(
    tx: &mut Tx,
    account: AccountId,
    platform: &str,
    platform_id: &str,
    outcome: Outcome,
    now: Micros,
) -> Result<()> {
    let id = online(platform);
    let known = rows::get(tx, account, &id).await?;
    let is_known = known.is_some();
    let mut job = match known {
        Some(job) => job,
        None => {
            Job { id, state: State::Completed, finished_at: Some(now), ..Job::new(Kind::Online, platform, 0, now)? }
        }
    };
    job.report.count(outcome, platform_id);
    if is_known {
        rows::replace_report(tx, account, &job.id, &job.report, now).await
    } else {
        rows::insert(tx, account, &job).await
    }
}
