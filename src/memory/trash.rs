//! The trash: what was deleted and can still be restored. Nothing else reads it.

use std::collections::BTreeMap;

use futures_util::FutureExt;

use super::delete::{Deleted, changed_since, check_count, confirmation, expect, finish, record};
pub use super::rows::Trashed;
use super::{Asked, rows};
use crate::app::App;
use crate::auth::{self, Caller, Scope};
use crate::bucket;
use crate::clock::Micros;
use crate::db::{Erasure, Tx};
use crate::error::{Error, Result};
use crate::id::AccountId;
use crate::receipt::{self, Draft, Operation};
use crate::search;

/// How many memories the housekeeping purges in one transaction.
const BATCH: i64 = 10_000;

/// What the trash holds, latest deletions first, and how many in all.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `read`.
pub async fn list(app: &App, caller: &Caller, skip: i64, limit: i64) -> Result<(Vec<Trashed>, i64)> {
    caller.require(Scope::Read)?;
    let args = (caller.account, skip, limit);
    app.db.read(args, |tx, (account, skip, limit)| rows::trash(tx, *account, *skip, *limit).boxed()).await
}

/// Puts memories back as they were, into General where their bucket is gone.
/// Returns how many, and how many of the distinct ids are not in the trash.
///
/// # Errors
/// As [`super::delete::by_ids`]; nothing is restored then.
pub async fn restore(app: &App, caller: &Caller, ids: Vec<String>) -> Result<(usize, usize)> {
    caller.require(Scope::Write)?;
    check_count(app, ids.len())?;
    let asked = Asked::new(ids);
    let (args, count) = ((caller.account, asked.ids, app.search.space(), app.clock.now()), asked.count);
    let restored = app.db.write(args, |tx, (account, ids, space, now)| {
        async move {
            auth::advance(tx, *account, 1).await?;
            restore_in(tx, *account, ids, *space, *now).await
        }
        .boxed()
    });
    let restored = restored.await?;
    app.search.wake();
    Ok((restored, count - restored))
}

/// What undoing a deletion did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undone {
    /// How many came back.
    pub restored: usize,
    /// How many had come back before.
    pub restored_before: i64,
    /// How many are purged, and can't come back.
    pub purged: i64,
    /// How many stay in the trash, because the same was taken in again meanwhile.
    pub left: usize,
}

/// Undoes a deletion: puts back all memories that it moved to the trash and that
/// are still there, as [`restore`] does. Repeating it changes nothing.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `write`, [`Error::NotFound`] for the receipt.
pub async fn restore_deletion(app: &App, caller: &Caller, receipt: &str) -> Result<Undone> {
    caller.require(Scope::Write)?;
    receipt::ops::check_id(receipt)?;
    let args = (caller.account, receipt.to_owned(), app.search.space(), app.clock.now());
    let undone = app.db.write(args, |tx, (account, receipt, space, now)| {
        async move {
            auth::advance(tx, *account, 1).await?;
            let found = receipt::rows::get(tx, *account, receipt).await?;
            let (before, _) = found.ok_or_else(receipt::ops::no_receipt)?;
            let ids = rows::trash_ids_of(tx, *account, receipt).await?;
            let restored = restore_in(tx, *account, &ids, *space, *now).await?;
            Ok(Undone { restored, restored_before: before.restored, purged: before.purged, left: 0 })
        }
        .boxed()
    });
    let undone = undone.await?;
    app.search.wake();
    Ok(undone)
}

/// The account must be locked by [`auth::advance`].
async fn restore_in(tx: &mut Tx, account: AccountId, ids: &[String], space: i64, now: Micros) -> Result<usize> {
    let general = bucket::rows::find(tx, account, None).await?;
    let general = general.ok_or_else(|| Error::internal("an account has no General bucket"))?;
    let copied = rows::copy_from_trash(tx, account, ids, general.id).await?;
    let (restored, receipts) = take(tx, account, ids).await?;
    expect(copied, restored.len())?;
    crate::failpoint::reach("restore:taken");
    search::backlog::renew(tx, account, &restored, space).await?;
    search::index(tx, account, &restored).await?;
    let mut in_bucket = BTreeMap::new();
    for one in rows::locate(tx, account, &restored).await? {
        *in_bucket.entry(one.bucket).or_insert(0) += 1;
    }
    for (bucket, count) in in_bucket {
        bucket::rows::count(tx, account, bucket, count).await?;
    }
    for (receipt, count) in receipts {
        receipt::rows::settle(tx, account, &receipt, count, 0, now).await?;
    }
    crate::failpoint::reach("restore:settled");
    Ok(restored.len())
}

/// Takes ids out of the trash: those that were in it, and how many by receipt.
async fn take(tx: &mut Tx, account: AccountId, ids: &[String]) -> Result<(Vec<String>, BTreeMap<String, i64>)> {
    let mut receipts: BTreeMap<String, i64> = BTreeMap::new();
    let mut taken = Vec::new();
    for (id, receipt) in rows::delete_from_trash(tx, account, ids).await? {
        *receipts.entry(receipt).or_default() += 1;
        taken.push(id);
    }
    taken.sort_unstable();
    Ok((taken, receipts))
}

/// How many memories are in the trash.
pub(crate) async fn count(tx: &mut Tx, account: AccountId) -> Result<i64> {
    rows::count_trash(tx, account).await
}

/// When the first memory in the trash will be purged.
pub(crate) async fn first_due(tx: &mut Tx, account: AccountId) -> Result<Option<Micros>> {
    rows::first_due(tx, account).await
}

/// How many memories in the trash will be purged before a time.
pub(crate) async fn count_due(tx: &mut Tx, account: AccountId, before: Micros) -> Result<i64> {
    rows::count_due(tx, account, before).await
}

/// Which part of the trash to purge.
#[derive(Debug, Clone)]
pub enum Part {
    /// All of it.
    All,
    /// The memories with these ids.
    Ids(Vec<String>),
}

impl Part {
    fn asked(self, app: &App) -> Result<Option<Asked>> {
        match self {
            Self::All => Ok(None),
            Self::Ids(ids) => {
                check_count(app, ids.len())?;
                Ok(Some(Asked::new(ids)))
            }
        }
    }
}

/// What a purge would be about.
#[derive(Debug, Clone)]
pub struct Review {
    /// How many are in the trash.
    pub total: usize,
    /// What confirms exactly these.
    pub confirmation: String,
}

impl Review {
    /// Of these.
    pub(crate) fn of(account: AccountId, ids: &[String]) -> Self {
        // What is in the trash stays as it is.
        Self { total: ids.len(), confirmation: confirmation(account, ids.iter().map(|id| (id.as_str(), 0))) }
    }
}

/// What of a part of the trash is there to be purged.
///
/// # Errors
/// As [`purge`].
pub async fn review(app: &App, caller: &Caller, part: Part) -> Result<Review> {
    caller.require(Scope::Write)?;
    let args = (caller.account, part.asked(app)?);
    let found = app.db.read(args, |tx, (account, asked)| find_part(tx, *account, asked.as_ref()).boxed());
    Ok(Review::of(caller.account, &found.await?))
}

async fn find_part(tx: &mut Tx, account: AccountId, asked: Option<&Asked>) -> Result<Vec<String>> {
    match asked {
        Some(asked) => rows::trash_ids_among(tx, account, &asked.ids).await,
        None => rows::trash_ids(tx, account).await,
    }
}

/// Purges the trash or a part of it, beyond recovery. With `confirmed`, the
/// confirmation of a [`review`], only where that still is what is there.
///
/// # Errors
/// As [`super::delete::by_ids`], and [`Error::Conflict`] where something else is
/// there than was confirmed; nothing is purged then.
pub async fn purge(app: &App, caller: &Caller, part: Part, confirmed: Option<String>) -> Result<Deleted> {
    caller.require(Scope::Write)?;
    let asked = part.asked(app)?;
    let operation = if asked.is_some() { Operation::PurgeTrash } else { Operation::EmptyTrash };
    let draft = Draft::new(app, caller, operation, true)?;
    let deleted = app.db.write((draft, asked, confirmed), |tx, (draft, asked, confirmed)| {
        async move {
            auth::advance(tx, draft.account, 1).await?;
            let ids = find_part(tx, draft.account, asked.as_ref()).await?;
            let review = Review::of(draft.account, &ids);
            if confirmed.as_ref().is_some_and(|confirmed| *confirmed != review.confirmation) {
                return Err(changed_since());
            }
            let purged = purge_in(tx, draft.account, &ids, draft.now).await?;
            record(tx, draft, purged, asked.as_ref().map_or(ids.len(), |asked| asked.count)).await
        }
        .boxed()
    });
    finish(app, deleted.await?).await
}

/// Purges all of the account's trash, on the receipts of its deletions.
pub(super) async fn purge_all(tx: &mut Tx, draft: &Draft) -> Result<()> {
    let ids = rows::trash_ids(tx, draft.account).await?;
    purge_in(tx, draft.account, &ids, draft.now).await.map(drop)
}

async fn purge_in(tx: &mut Tx, account: AccountId, ids: &[String], now: Micros) -> Result<Vec<String>> {
    let (purged, receipts) = take(tx, account, ids).await?;
    crate::failpoint::reach("purge:taken");
    rows::delete_versions(tx, account, &purged).await?;
    for (receipt, count) in receipts {
        receipt::rows::settle(tx, account, &receipt, 0, count, now).await?;
    }
    Ok(purged)
}

/// Purges what the trash of every account has kept for its time, and finishes
/// erasures that were interrupted or blocked. How many memories were purged.
///
/// # Errors
/// As [`crate::db::Db::write`].
pub async fn purge_due(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let mut purged = 0;
    for account in app.db.read(now, |tx, now| rows::due_accounts(tx, *now).boxed()).await? {
        loop {
            let batch = app.db.write((account, now), |tx, (account, now)| {
                async move {
                    auth::advance(tx, *account, 1).await?;
                    let ids = rows::due_ids(tx, *account, *now, BATCH).await?;
                    purge_in(tx, *account, &ids, *now).await
                }
                .boxed()
            });
            let batch = batch.await?.len();
            purged += batch;
            if batch == 0 {
                break;
            }
        }
    }
    let unfinished = receipt::ops::to_erase(app).await?;
    if purged > 0 || !unfinished.is_empty() {
        match receipt::ops::finish_erasure(app).await? {
            Erasure::Bytes | Erasure::Vacuumed => tracing::info!("finished the erasure of what was purged"),
            Erasure::Blocked => tracing::warn!("another program keeps the database open; it is not erased yet"),
        }
    }
    Ok(purged)
}
