//! Rows of imports.

use super::{Job, Kind, Report, State};
use crate::clock::Micros;
use crate::db::{Row, Tx};
use crate::error::{Error, Result};
use crate::id::AccountId;

fn job(mut row: Row) -> Result<Job> {
    let (kind, state) = (row.text(1)?, row.text(3)?);
    let kind = Kind::ALL.into_iter().find(|one| one.name() == kind);
    let state = State::ALL.into_iter().find(|one| one.name() == state);
    Ok(Job {
        id: row.text(0)?,
        kind: kind.ok_or_else(|| Error::internal("an import is of no known kind"))?,
        name: row.text(2)?,
        state: state.ok_or_else(|| Error::internal("an import has no known state"))?,
        error: row.text_or_null(4)?,
        bytes_total: row.int(5)?,
        bytes_read: row.int(6)?,
        attempts: row.int(7)?,
        report: serde_json::from_str(&row.text(8)?).map_err(Error::internal)?,
        created_at: Micros(row.int(9)?),
        updated_at: Micros(row.int(10)?),
        finished_at: row.int_or_null(11)?.map(Micros),
    })
}

pub(super) async fn insert(tx: &mut Tx, account: AccountId, job: &Job) -> Result<()> {
    let report = serde_json::to_string(&job.report).map_err(Error::internal)?;
    let sql = "insert into import (account_id, id, kind, name, state, error, bytes_total, bytes_read, attempts, \
               report, created_at, updated_at, finished_at) \
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    let values = [
        account.0.into(),
        (&job.id).into(),
        job.kind.name().into(),
        (&job.name).into(),
        job.state.name().into(),
        job.error.as_deref().into(),
        job.bytes_total.into(),
        job.bytes_read.into(),
        job.attempts.into(),
        report.as_str().into(),
        job.created_at.0.into(),
        job.updated_at.0.into(),
        job.finished_at.map(|at| at.0).into(),
    ];
    tx.execute(sql, &values).await.map(drop)
}

pub(super) async fn get(tx: &mut Tx, account: AccountId, id: &str) -> Result<Option<Job>> {
    let sql = "select id, kind, name, state, error, bytes_total, bytes_read, attempts, report, created_at, \
               updated_at, finished_at from import where account_id = $1 and id = $2";
    tx.row(sql, &[account.0.into(), id.into()]).await?.map(job).transpose()
}

pub(super) async fn list(tx: &mut Tx, account: AccountId, skip: i64, limit: i64) -> Result<(Vec<Job>, i64)> {
    let total = tx.one("select count(*) from import where account_id = $1", &[account.0.into()]).await?.int(0)?;
    let sql = "select id, kind, name, state, error, bytes_total, bytes_read, attempts, report, created_at, \
               updated_at, finished_at from import where account_id = $1 \
               order by created_at desc, id desc limit $3 offset $2";
    let rows = tx.rows(sql, &[account.0.into(), skip.into(), limit.into()]).await?;
    Ok((rows.into_iter().map(job).collect::<Result<_>>()?, total))
}

/// The imports of files that are over and have a name, but no conversation any more that they changed last, not in
/// the trash, either.
pub(super) async fn named_without_conversations(tx: &mut Tx, account: AccountId) -> Result<Vec<Job>> {
    let sql = "select id, kind, name, state, error, bytes_total, bytes_read, attempts, report, created_at, \
               updated_at, finished_at from import where account_id = $1 and kind <> 'online' and name <> '' \
               and finished_at is not null \
               and id not in (select import_id from conversation where account_id = $1 and import_id is not null) \
               and id not in (select import_id from conversation_trash where account_id = $1 and import_id is not null)";
    tx.rows(sql, &[account.0.into()]).await?.into_iter().map(job).collect()
}

/// How many uploads of the account are not over.
pub(super) async fn count_unfinished(tx: &mut Tx, account: AccountId) -> Result<i64> {
    let sql = "select count(*) from import where account_id = $1 and kind = 'upload' and finished_at is null";
    tx.one(sql, &[account.0.into()]).await?.int(0)
}

/// How many files of the account are being read, or wait for it.
pub(super) async fn count_running(tx: &mut Tx, account: AccountId) -> Result<i64> {
    let sql = "select count(*) from import where account_id = $1 and kind <> 'online' and finished_at is null";
    tx.one(sql, &[account.0.into()]).await?.int(0)
}

/// Begins an attempt. False where the import is over, or is none.
pub(super) async fn start(tx: &mut Tx, account: AccountId, id: &str, now: Micros) -> Result<bool> {
    let sql = "update import set state = 'running', attempts = attempts + 1, updated_at = $3 \
               where account_id = $1 and id = $2 and finished_at is null";
    Ok(tx.execute(sql, &[account.0.into(), id.into(), now.0.into()]).await? > 0)
}

/// Notes how far an import is, and how much of its file is read if that is given.
/// Also of one that was stopped, whose last batch may just have been written. Whether it goes on.
pub(super) async fn note(
    tx: &mut Tx,
    account: AccountId,
    id: &str,
    bytes_read: Option<i64>,
    report: Option<&Report>,
    now: Micros,
) -> Result<bool> {
    let report = report.map(serde_json::to_string).transpose().map_err(Error::internal)?;
    let sql = "update import set bytes_read = coalesce($3, bytes_read), report = coalesce($4, report), updated_at = $5 \
               where account_id = $1 and id = $2 and (finished_at is null or state = 'cancelled') returning finished_at";
    let values = [account.0.into(), id.into(), bytes_read.into(), report.as_deref().into(), now.0.into()];
    let row = tx.row(sql, &values).await?;
    Ok(row.map(|row| row.int_or_null(0)).transpose()?.is_some_and(|finished| finished.is_none()))
}

/// Notes that an import is over, unless it is already.
pub(super) async fn finish(
    tx: &mut Tx,
    account: AccountId,
    id: &str,
    state: State,
    error: Option<&str>,
    now: Micros,
) -> Result<()> {
    let sql = "update import set state = $3, error = $4, updated_at = $5, finished_at = $5, \
               bytes_read = case when $3 = 'completed' then bytes_total else bytes_read end \
               where account_id = $1 and id = $2 and finished_at is null";
    let values = [account.0.into(), id.into(), state.name().into(), error.into(), now.0.into()];
    tx.execute(sql, &values).await.map(drop)
}

/// Notes more of an import that is never over.
pub(super) async fn replace_report(
    tx: &mut Tx,
    account: AccountId,
    id: &str,
    report: &Report,
    now: Micros,
) -> Result<()> {
    let report = serde_json::to_string(report).map_err(Error::internal)?;
    let sql = "update import set report = $3, updated_at = $4, finished_at = $4 where account_id = $1 and id = $2";
    tx.execute(sql, &[account.0.into(), id.into(), report.as_str().into(), now.0.into()]).await.map(drop)
}

/// Gives an import another name, report and reason.
pub(super) async fn rename(tx: &mut Tx, account: AccountId, job: &Job) -> Result<()> {
    let report = serde_json::to_string(&job.report).map_err(Error::internal)?;
    let sql = "update import set name = $3, report = $4, error = $5 where account_id = $1 and id = $2";
    let (name, error) = ((&job.name).into(), job.error.as_deref().into());
    tx.execute(sql, &[account.0.into(), (&job.id).into(), name, report.as_str().into(), error]).await.map(drop)
}

/// Notes how large a file is that has arrived.
pub(super) async fn arrived(tx: &mut Tx, account: AccountId, id: &str, bytes: i64, now: Micros) -> Result<bool> {
    let sql = "update import set bytes_total = $3, updated_at = $4 \
               where account_id = $1 and id = $2 and finished_at is null";
    Ok(tx.execute(sql, &[account.0.into(), id.into(), bytes.into(), now.0.into()]).await? > 0)
}

/// Removes an import that came to nothing; one that was stopped stays.
pub(super) async fn delete(tx: &mut Tx, account: AccountId, id: &str) -> Result<()> {
    let sql = "delete from import where account_id = $1 and id = $2 and finished_at is null";
    tx.execute(sql, &[account.0.into(), id.into()]).await.map(drop)
}

/// Says of an import that is not over that it is still cared for.
pub(super) async fn touch(tx: &mut Tx, account: AccountId, id: &str, now: Micros) -> Result<()> {
    let sql = "update import set updated_at = $3 where account_id = $1 and id = $2 and finished_at is null";
    tx.execute(sql, &[account.0.into(), id.into(), now.0.into()]).await.map(drop)
}

/// Whether an import of any account is not over.
pub(super) async fn is_any_unfinished(tx: &mut Tx) -> Result<bool> {
    Ok(tx.row("select 1 from import where finished_at is null limit 1", &[]).await?.is_some())
}

/// Gives up the imports of all accounts that nobody has cared for since then; how many.
pub(super) async fn give_up(tx: &mut Tx, since: Micros, now: Micros) -> Result<u64> {
    let sql = "update import set state = 'failed', updated_at = $2, finished_at = $2, error = case kind \
               when 'upload' then 'The server that was reading it stopped. Upload the file again: only what is \
               missing is added.' \
               else 'It was interrupted. Import the file again: only what is missing is added.' end \
               where finished_at is null and updated_at < $1";
    tx.execute(sql, &[since.0.into(), now.0.into()]).await
}
