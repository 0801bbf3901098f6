//! `SQLite`: one writer thread with group commit, a few reader threads.

mod connection;
mod erase;
mod functions;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

pub use connection::Connection;
use connection::Role;

use super::{Erasure, Tx, migrate};
use crate::error::{Error, Result};

/// How much work may wait in front of the writer or the readers.
const QUEUE: usize = 4096;
/// How long work may wait for its turn. Once begun it is always finished, so
/// that an answer never leaves open whether it was done.
const WAIT: Duration = Duration::from_secs(15);
/// How many writes at most share a commit: it bounds how long the first waits.
const GROUP: usize = 256;
/// How long the writer waits for one more to share a commit, where the last was
/// shared by more. Most clients that were answered together come back together.
const GATHER: Duration = Duration::from_micros(300);

/// From how many pages on the write-ahead log is copied into the file, when there
/// is nothing else to do.
const LONG_LOG: i64 = 2_000;
/// From how many on it is copied whatever waits.
const TOO_LONG_LOG: i64 = 8 * LONG_LOG;

/// Settings of a file.
#[derive(Debug, Clone, Copy, Default)]
pub struct SqliteOptions {
    /// The file may not grow beyond this many bytes.
    pub max_bytes: Option<u64>,
    /// Threads that read; 0 for one for each processor, four at most.
    pub readers: usize,
}

/// An open file. Clones share it.
#[derive(Debug, Clone)]
pub struct Sqlite {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    write: Mutex<Option<Sender<Write>>>,
    read: Mutex<Option<Sender<Read>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

type Read = Box<dyn FnOnce(&mut Tx) + Send>;

enum Write {
    Job(Box<dyn Job>),
    Erase(oneshot::Sender<Result<Erasure>>),
}

/// One piece of work for the writer, its result kept until the commit.
trait Job: Send {
    /// Runs the work; whether it wants its changes kept.
    fn run(&mut self, tx: &mut Tx) -> bool;
    /// Answers: with the work's own result, or with the failure of the commit.
    fn answer(self: Box<Self>, failure: Option<Error>);
}

struct Work<A, T, F> {
    queued: Instant,
    args: A,
    work: F,
    result: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<A, T, F> Job for Work<A, T, F>
where
    A: Send + Sync,
    T: Send,
    F: for<'t> Fn(&'t mut Tx, &'t A) -> BoxFuture<'t, Result<T>> + Send,
{
    fn run(&mut self, tx: &mut Tx) -> bool {
        let result = if self.queued.elapsed() > WAIT { Err(Error::Busy) } else { drive((self.work)(tx, &self.args)) };
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn answer(self: Box<Self>, failure: Option<Error>) {
        let result = match (self.result, failure) {
            (Some(Err(own)), _) => Err(own),
            (_, Some(failure)) => Err(failure),
            (Some(result), None) => result,
            (None, None) => Err(Error::internal("a write was not run")),
        };
        // The caller may have gone; the write stands all the same.
        let _gone = self.reply.send(result);
    }
}

/// Runs a future that only awaits an [`super::sqlite`] transaction, whose calls
/// never suspend.
fn drive<T>(future: BoxFuture<'_, Result<T>>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(|| future.now_or_never())) {
        Ok(Some(result)) => result,
        Ok(None) => Err(Error::internal("a transaction awaited something else than itself")),
        Err(_) => Err(Error::internal("a transaction panicked")),
    }
}

impl Sqlite {
    pub(super) fn open(path: &Path, options: SqliteOptions) -> Result<Self> {
        let mut writer = Connection::open(path, Role::Writer, options)?;
        require_page_access(&mut writer)?;
        migrate_file(&mut writer)?;
        let (write, writes) = crossbeam_channel::bounded(QUEUE);
        let (read, reads) = crossbeam_channel::bounded::<Read>(QUEUE);
        let mut threads = vec![spawn("writer", move || write_loop(Tx::Sqlite(writer), &writes))?];
        let readers = match options.readers {
            0 => std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 4),
            readers => readers,
        };
        for _ in 0..readers {
            let mut tx = Tx::Sqlite(Connection::open(path, Role::Reader, options)?);
            let reads = reads.clone();
            threads.push(spawn("reader", move || reads.iter().for_each(|job| job(&mut tx)))?);
        }
        let shared =
            Shared { write: Mutex::new(Some(write)), read: Mutex::new(Some(read)), threads: Mutex::new(threads) };
        Ok(Self { shared: Arc::new(shared) })
    }

    pub(super) async fn write<A, T, F>(&self, args: A, work: F) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'t> Fn(&'t mut Tx, &'t A) -> BoxFuture<'t, Result<T>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let work = Work { queued: Instant::now(), args, work, result: None, reply };
        submit(&self.shared.write, Write::Job(Box::new(work)))?;
        answer.await.map_err(|_| stopped())?
    }

    pub(super) async fn read<A, T, F>(&self, args: A, work: F) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'t> Fn(&'t mut Tx, &'t A) -> BoxFuture<'t, Result<T>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let queued = Instant::now();
        let job = move |tx: &mut Tx| {
            let result = if queued.elapsed() > WAIT { Err(Error::Busy) } else { snapshot(tx, &args, &work) };
            let _gone = reply.send(result);
        };
        submit(&self.shared.read, Box::new(job))?;
        answer.await.map_err(|_| stopped())?
    }

    pub(super) async fn erase(&self) -> Result<Erasure> {
        let (reply, answer) = oneshot::channel();
        submit(&self.shared.write, Write::Erase(reply))?;
        answer.await.map_err(|_| stopped())?
    }

    pub(super) fn is_closed(&self) -> bool {
        lock(&self.shared.read).is_none()
    }

    pub(super) async fn close(&self) {
        // Without senders the threads end when their queues are empty.
        lock(&self.shared.write).take();
        lock(&self.shared.read).take();
        let threads = std::mem::take(&mut *lock(&self.shared.threads));
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                if thread.join().is_err() {
                    tracing::error!("a storage thread panicked");
                }
            }
        });
        if joined.await.is_err() {
            tracing::error!("waiting for the storage threads failed");
        }
    }

    pub(super) async fn check(&self) -> Result<Vec<String>> {
        self.write((), |tx, ()| async move { check(tx).await }.boxed()).await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn submit<T>(queue: &Mutex<Option<Sender<T>>>, job: T) -> Result<()> {
    let queue = lock(queue).clone().ok_or_else(stopped)?;
    queue.try_send(job).map_err(|error| match error {
        TrySendError::Full(_) => Error::Busy,
        TrySendError::Disconnected(_) => stopped(),
    })
}

fn stopped() -> Error {
    Error::unavailable("the storage is closed")
}

fn spawn(role: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new().name(format!("sqlite-{role}")).spawn(body).map_err(Error::unavailable)
}

fn inner(tx: &mut Tx) -> Result<&mut Connection> {
    match tx {
        Tx::Sqlite(connection) => Ok(connection),
        Tx::Postgres(_) => Err(Error::internal("a PostgreSQL transaction on the SQLite thread")),
    }
}

/// Runs `work` inside a read transaction.
fn snapshot<A, T, F>(tx: &mut Tx, args: &A, work: &F) -> Result<T>
where
    F: for<'t> Fn(&'t mut Tx, &'t A) -> BoxFuture<'t, Result<T>>,
{
    inner(tx)?.execute("begin", &[])?;
    let result = drive(work(tx, args));
    inner(tx)?.execute("rollback", &[])?;
    result
}

fn write_loop(mut tx: Tx, queue: &Receiver<Write>) {
    let mut expected = 1;
    while let Ok(first) = queue.recv() {
        let mut next = Some(first);
        while let Some(write) = next.take() {
            match write {
                Write::Job(job) => next = write_group(&mut tx, job, queue, &mut expected),
                Write::Erase(reply) => next = erase_group(&mut tx, reply, queue),
            }
            if next.is_none() {
                next = shorten_log(&mut tx, queue);
            }
        }
    }
}

/// Copies a long write-ahead log into the file. `SQLite` would do so as a part of
/// the commit that made it long, and the caller would wait for it. What comes in
/// the meantime goes first, such as the erasing after a purge, which copies the
/// log itself; it is returned.
fn shorten_log(tx: &mut Tx, queue: &Receiver<Write>) -> Option<Write> {
    match inner(tx).and_then(Connection::log_pages) {
        Ok(pages) if pages < LONG_LOG => return None,
        Ok(pages) if pages < TOO_LONG_LOG => {
            if let Ok(write) = queue.recv_timeout(GATHER) {
                return Some(write);
            }
        }
        _ => {}
    }
    // Where a reader is in the way, the rest is copied another time.
    if let Err(error) = inner(tx).and_then(|connection| connection.rows("pragma wal_checkpoint(passive)", &[])) {
        tracing::error!(error = ?error, "the write-ahead log was not copied into the file");
    }
    None
}

/// Runs the first job and all that queued up behind it in one transaction, then
/// answers them. `expected` is how many the last group had, and then this one.
/// Returns the first request that is not a job.
fn write_group(tx: &mut Tx, first: Box<dyn Job>, queue: &Receiver<Write>, expected: &mut usize) -> Option<Write> {
    let mut jobs = vec![first];
    let mut other = None;
    let mut more = |so_far| {
        let wait = if so_far < *expected { GATHER } else { Duration::ZERO };
        match queue.recv_timeout(wait) {
            Ok(Write::Job(job)) => return Some(job),
            Ok(write) => other = Some(write),
            Err(_) => {}
        }
        None
    };
    // At each savepoint FTS5 writes a segment of its index, instead of one for the whole group.
    // So they are set only where a job must be undone by itself, which is rare.
    let committed = match run_jobs(tx, &mut jobs, false, &mut more) {
        Ok(false) => run_jobs(tx, &mut jobs, true, &mut more),
        result => result,
    };
    crate::failpoint::reach("write:after-commit");
    let failure = committed.err();
    if let Some(error) = &failure {
        tracing::error!(error = ?error, "a commit failed; its writes are undone");
        if let Ok(connection) = inner(tx)
            && !connection.is_autocommit()
            && let Err(error) = connection.batch("rollback")
        {
            tracing::error!(error = ?error, "a rollback failed");
        }
    }
    *expected = jobs.len();
    for job in jobs {
        job.answer(failure.as_ref().map(|error| Error::unavailable(error.to_string())));
    }
    other
}

/// Runs jobs, and then what `more` brings, in one transaction. Whether it was
/// committed: without savepoints it is rolled back as soon as a job fails that
/// has changed something.
fn run_jobs(
    tx: &mut Tx,
    jobs: &mut Vec<Box<dyn Job>>,
    savepoints: bool,
    more: &mut impl FnMut(usize) -> Option<Box<dyn Job>>,
) -> Result<bool> {
    inner(tx)?.execute("begin immediate", &[])?;
    let mut next = 0;
    while let Some(job) = jobs.get_mut(next) {
        if savepoints {
            run_in_savepoint(tx, job.as_mut())?;
        } else {
            let before = inner(tx)?.total_changes();
            let kept = job.run(tx);
            let connection = inner(tx)?;
            if !kept && connection.is_autocommit() {
                return Err(ended());
            }
            if !kept && connection.total_changes() != before {
                connection.execute("rollback", &[])?;
                return Ok(false);
            }
        }
        next += 1;
        if next == jobs.len() && next < GROUP {
            jobs.extend(more(next));
        }
    }
    crate::failpoint::reach("write:before-commit");
    inner(tx)?.execute("commit", &[])?;
    Ok(true)
}

/// A full disk can end the whole transaction, and with it the group.
fn ended() -> Error {
    Error::unavailable("the storage rolled the transaction back")
}

fn run_in_savepoint(tx: &mut Tx, job: &mut dyn Job) -> Result<()> {
    inner(tx)?.execute("savepoint job", &[])?;
    if !job.run(tx) {
        let connection = inner(tx)?;
        if connection.is_autocommit() {
            return Err(ended());
        }
        connection.execute("rollback to job", &[])?;
    }
    inner(tx)?.execute("release job", &[])?;
    Ok(())
}

/// Erases once for all who asked by now.
fn erase_group(tx: &mut Tx, first: oneshot::Sender<Result<Erasure>>, queue: &Receiver<Write>) -> Option<Write> {
    let mut replies = vec![first];
    let mut other = None;
    while let Ok(write) = queue.try_recv() {
        match write {
            Write::Erase(reply) => replies.push(reply),
            job @ Write::Job(_) => {
                other = Some(job);
                break;
            }
        }
    }
    let result = inner(tx).and_then(erase::erase);
    if let Err(error) = &result {
        tracing::error!(error = ?error, "erasing failed");
    }
    for reply in replies {
        let answer = match &result {
            Ok(erasure) => Ok(*erasure),
            Err(error) => Err(Error::unavailable(error.to_string())),
        };
        let _gone = reply.send(answer);
    }
    other
}

fn require_page_access(connection: &mut Connection) -> Result<()> {
    let built =
        connection.rows("select 1 from pragma_compile_options where compile_options = 'ENABLE_DBPAGE_VTAB'", &[])?;
    if built.is_empty() {
        return Err(Error::internal(
            "this binary was built without SQLITE_ENABLE_DBPAGE_VTAB, which purging needs; \
             build it inside the repository, whose .cargo/config.toml sets it",
        ));
    }
    Ok(())
}

fn migrate_file(connection: &mut Connection) -> Result<()> {
    // IMMEDIATE: of several processes that start at once, one migrates and the others find it done.
    connection.batch("begin immediate")?;
    let result = migrate_in(connection);
    connection.batch(if result.is_ok() { "commit" } else { "rollback" })?;
    result
}

fn migrate_in(connection: &mut Connection) -> Result<()> {
    connection.execute(migrate::TABLE, &[])?;
    let mut applied = Vec::new();
    for mut row in connection.rows("select number, checksum from migration order by number", &[])? {
        applied.push((row.int(0)?, row.text(1)?));
    }
    for step in migrate::pending(migrate::SQLITE, &applied)? {
        connection.batch(step.sql)?;
        let checksum = step.checksum();
        connection.execute(
            "insert into migration (number, checksum) values ($1, $2)",
            &[step.number.into(), (&checksum).into()],
        )?;
    }
    Ok(())
}

async fn check(tx: &mut Tx) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for mut row in tx.rows("pragma integrity_check(20)", &[]).await? {
        let line = row.text(0)?;
        if line != "ok" {
            findings.push(format!("The database file is damaged: {line}. Restore a backup."));
        }
    }
    let mut orphans: BTreeMap<String, usize> = BTreeMap::new();
    for mut row in tx.rows("pragma foreign_key_check", &[]).await? {
        *orphans.entry(row.text(0)?).or_default() += 1;
    }
    for (table, count) in orphans {
        findings.push(format!("{count} rows of {table} refer to rows that don't exist. Restore a backup."));
    }
    for (sql, with) in [
        ("insert into memory_fts (memory_fts, rank) values ('integrity-check', 1)", "memories"),
        ("insert into chunk_fts (chunk_fts, rank) values ('integrity-check', 1)", "conversations"),
    ] {
        if tx.execute(sql, &[]).await.is_err() {
            findings.push(format!("The full-text index disagrees with the {with}."));
        }
    }
    Ok(findings)
}
