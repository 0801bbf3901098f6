//! Deletion: the one way in which memories go, whoever asks.
//!
//! What it promises, and what each promise rests on:
//!
//! * **atomic**: one transaction, [`remove`], does all of it;
//! * **exact**: ids are counted once each, inside that transaction, while no
//!   other change of the account can run ([`auth::advance`]); of requests that
//!   name the same id exactly one finds it;
//! * **complete**: the row leaves `memory` and the full-text index in that same
//!   transaction, and no reader but [`super::trash`] looks at where it goes;
//! * **isolated**: every statement is bound to the caller's account, so another
//!   account's id is as unknown as one that never was;
//! * **provable**: each request leaves a receipt, and a purge is answered after
//!   its bytes are gone ([`receipt::ops::finish_erasure`]).

use std::cmp::Reverse;
use std::collections::BTreeMap;

use futures_util::FutureExt;
use sha2::{Digest, Sha256};

use super::rows::Located;
use super::select::{Conditions, Selection};
use super::{Asked, rows};
use crate::app::App;
use crate::auth::{self, Caller, Scope};
use crate::bucket::{self, Bucket};
use crate::db::{Erasure, Tx};
use crate::error::{Error, Result};
use crate::id::{AccountId, BucketId};
use crate::receipt::{self, Draft, Operation};
use crate::search;

/// How a request wants its memories deleted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mode {
    /// Beyond recovery, instead of to the trash.
    pub purge: bool,
    /// Only say what would be deleted.
    pub dry_run: bool,
}

/// What a request deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// The ids that were deleted, in order.
    pub ids: Vec<String>,
    /// How many of the distinct ids asked for could not be deleted.
    pub failed: usize,
    /// The receipt's id; none for a dry run.
    pub receipt: Option<String>,
    /// Whether the memories are past recovery.
    pub purged: bool,
    /// Whether the storage still has to erase what was purged.
    pub erasure_pending: bool,
}

/// Deletes memories by their ids, each counted once however often it is named.
/// An id that is unknown, malformed, already deleted or another account's counts
/// as failed, without a difference. Repeating the request changes nothing.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `write`, [`Error::Invalid`] for more
/// ids than the limit. Then, and on every other error, nothing is deleted.
pub async fn by_ids(app: &App, caller: &Caller, operation: Operation, ids: Vec<String>, mode: Mode) -> Result<Deleted> {
    caller.require(Scope::Write)?;
    check_count(app, ids.len())?;
    let asked = Asked::new(ids);
    if mode.dry_run {
        let (args, count) = ((caller.account, asked.ids), asked.count);
        let found = app.db.read(args, |tx, (account, ids)| rows::locate(tx, *account, ids).boxed()).await?;
        return Ok(Deleted::preview(ids_of(found), count));
    }
    let draft = Draft::new(app, caller, operation, mode.purge || app.config.trash_days == 0)?;
    let deleted = app.db.write((draft, asked), |tx, (draft, asked)| {
        async move {
            auth::advance(tx, draft.account, 1).await?;
            remove(tx, draft, &asked.ids, asked.count).await
        }
        .boxed()
    });
    finish(app, deleted.await?).await
}

/// Refuses a list of ids that is over the limit.
pub(super) fn check_count(app: &App, count: usize) -> Result<()> {
    let most = app.config.max_bulk_ids;
    if count > most {
        return Err(Error::invalid(format!(
            "'memoryIds' has {count} ids; at most {most} are taken in one request. Nothing was changed."
        )));
    }
    Ok(())
}

/// Deletes those of these ids that are memories, and writes the receipt, in which
/// the others of the `asked` distinct ids count as failed. The account must be
/// locked by [`auth::advance`], the ids must be distinct.
pub(crate) async fn remove(tx: &mut Tx, draft: &Draft, ids: &[String], asked: usize) -> Result<Deleted> {
    let account = draft.account;
    let found = rows::locate(tx, account, ids).await?;
    let mut in_bucket: BTreeMap<BucketId, i64> = BTreeMap::new();
    for one in &found {
        *in_bucket.entry(one.bucket).or_default() += 1;
    }
    let gone = ids_of(found);
    if !gone.is_empty() {
        search::unindex(tx, account, &gone).await?;
        crate::failpoint::reach("delete:unindexed");
        if draft.purge {
            rows::delete_versions(tx, account, &gone).await?;
        } else {
            let copied = rows::copy_to_trash(tx, account, &gone, &draft.id, draft.now, draft.purge_at).await?;
            expect(copied, gone.len())?;
        }
        crate::failpoint::reach("delete:copied");
        expect(rows::delete(tx, account, &gone).await?, gone.len())?;
        crate::failpoint::reach("delete:rows-gone");
        for (bucket, count) in in_bucket {
            bucket::rows::count(tx, account, bucket, -count).await?;
        }
    }
    let deleted = record(tx, draft, gone, asked).await?;
    crate::failpoint::reach("delete:receipt");
    Ok(deleted)
}

/// Writes the receipt of what is deleted by now; the others of the `asked` distinct
/// ids count as failed.
pub(crate) async fn record(tx: &mut Tx, draft: &Draft, gone: Vec<String>, asked: usize) -> Result<Deleted> {
    let failed = asked - gone.len();
    receipt::rows::insert(tx, draft, &gone, i64::try_from(failed).unwrap_or(i64::MAX)).await?;
    Ok(Deleted {
        erasure_pending: draft.purge && !gone.is_empty(),
        ids: gone,
        failed,
        receipt: Some(draft.id.clone()),
        purged: draft.purge,
    })
}

/// Deletes every memory of the account and purges its trash, under the
/// conditions of [`remove`].
pub(crate) async fn remove_all(tx: &mut Tx, draft: &Draft) -> Result<()> {
    let ids = ids_of(rows::located_where(tx, draft.account, &search::Filter::default(), None).await?);
    remove(tx, draft, &ids, ids.len()).await?;
    super::trash::purge_all(tx, draft).await
}

/// A count that differs from the rows just found means that the promise of
/// exactness is broken, so the transaction must not stand.
pub(super) fn expect(changed: u64, wanted: usize) -> Result<()> {
    if changed == wanted as u64 {
        return Ok(());
    }
    Err(Error::internal(format!("{changed} rows changed where {wanted} were found")))
}

/// Erases what a committed purge left in the storage, before it is answered.
pub(crate) async fn finish(app: &App, mut deleted: Deleted) -> Result<Deleted> {
    crate::failpoint::reach("delete:committed");
    if deleted.erasure_pending {
        deleted.erasure_pending = match receipt::ops::finish_erasure(app).await {
            Ok(erasure) => erasure == Erasure::Blocked,
            Err(error) => {
                // The deletion stands; the receipt says that it is not erased yet, and housekeeping goes on.
                tracing::error!(error = ?error, "erasing after a purge failed");
                true
            }
        };
    }
    Ok(deleted)
}

impl Deleted {
    fn preview(ids: Vec<String>, asked: usize) -> Self {
        Self { failed: asked - ids.len(), ids, receipt: None, purged: false, erasure_pending: false }
    }
}

/// Which memories to delete: those that meet every condition.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The conditions.
    pub conditions: Conditions,
    /// All memories; without it some condition is needed.
    pub all: bool,
}

/// What a filter matches, and the word that confirms it.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The matching ids, in order.
    pub ids: Vec<String>,
    /// Stands for exactly these memories, of this account, as they are.
    pub confirmation: String,
}

/// Finds what [`by_filter`] would delete.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `write`, [`Error::Invalid`] for a
/// filter without a condition.
pub async fn preview_filter(app: &App, caller: &Caller, filter: Filter) -> Result<Preview> {
    caller.require(Scope::Write)?;
    let chosen = Selection::Where(filter.conditions()?).check(app)?;
    let args = (caller.account, chosen);
    app.db
        .read(args, |tx, (account, chosen)| {
            async move {
                let found = chosen.found(tx, *account).await?;
                Ok(Preview { confirmation: confirmation_of(*account, &found), ids: ids_of(found) })
            }
            .boxed()
        })
        .await
}

/// Deletes what a filter matches, where that is still what was confirmed.
///
/// # Errors
/// As [`preview_filter`] and [`reviewed`].
pub async fn by_filter(app: &App, caller: &Caller, filter: Filter, confirmed: String, purge: bool) -> Result<Deleted> {
    caller.require(Scope::Write)?;
    reviewed(app, caller, Selection::Where(filter.conditions()?), confirmed, purge).await
}

impl Filter {
    /// Its conditions, which must be some unless all memories are meant.
    fn conditions(self) -> Result<Conditions> {
        if (self.conditions == Conditions::default()) != self.all {
            return Err(Error::invalid(
                "Give at least one of bucketId, source, before, after and query, or else 'all': true for every memory.",
            ));
        }
        Ok(self.conditions)
    }
}

/// What a deletion or a move would take, and the word that confirms it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// How many memories.
    pub total: usize,
    /// How many of the distinct ids asked for are no memories of the caller's.
    pub missing: usize,
    /// How many from each bucket that loses some, most first.
    pub buckets: Vec<Share>,
    /// Stands for exactly these memories, of this account, as they are.
    pub confirmation: String,
}

/// What a bucket has of a selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The bucket.
    pub id: BucketId,
    /// Its name.
    pub name: String,
    /// How many memories.
    pub count: usize,
}

/// Says exactly what [`reviewed`] would delete, or [`super::ops::move_selected`] move,
/// and from where.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `write`, [`Error::Invalid`] for a
/// selection over a limit or with a query that has no word.
pub async fn review(app: &App, caller: &Caller, selection: Selection) -> Result<Review> {
    caller.require(Scope::Write)?;
    let args = (caller.account, selection.check(app)?);
    app.db
        .read(args, |tx, (account, chosen)| {
            async move {
                let found = chosen.found(tx, *account).await?;
                let (total, missing) = (found.len(), chosen.meant(found.len()) - found.len());
                let mut counts: BTreeMap<BucketId, usize> = BTreeMap::new();
                for one in &found {
                    *counts.entry(one.bucket).or_default() += 1;
                }
                let buckets = bucket::rows::list(tx, *account).await?;
                let share = |bucket: Bucket| {
                    counts.get(&bucket.id).map(|count| Share { id: bucket.id, name: bucket.name, count: *count })
                };
                let mut buckets: Vec<Share> = buckets.into_iter().filter_map(share).collect();
                buckets.sort_by_key(|share| Reverse(share.count));
                Ok(Review { total, missing, buckets, confirmation: confirmation_of(*account, &found) })
            }
            .boxed()
        })
        .await
}

/// Deletes a selection, where it is still what was reviewed.
///
/// # Errors
/// As [`review`]; [`Error::Conflict`] where the selection is other memories by
/// now, one of them was changed, or what was to stay is gone, and nothing is deleted.
pub async fn reviewed(
    app: &App,
    caller: &Caller,
    selection: Selection,
    confirmed: String,
    purge: bool,
) -> Result<Deleted> {
    caller.require(Scope::Write)?;
    let operation = match &selection {
        Selection::Ids(_) | Selection::Beside { .. } => Operation::BulkDelete,
        Selection::Where(_) => Operation::DeleteByFilter,
    };
    let draft = Draft::new(app, caller, operation, purge || app.config.trash_days == 0)?;
    let args = (draft, selection.check(app)?, confirmed);
    let deleted = app.db.write(args, |tx, (draft, chosen, confirmed)| {
        async move {
            auth::advance(tx, draft.account, 1).await?;
            let found = chosen.found(tx, draft.account).await?;
            if confirmation_of(draft.account, &found) != *confirmed {
                return Err(changed_since());
            }
            let ids = ids_of(found);
            remove(tx, draft, &ids, chosen.meant(ids.len())).await
        }
        .boxed()
    });
    finish(app, deleted.await?).await
}

/// The refusal of a confirmation of something else.
pub(crate) fn changed_since() -> Error {
    Error::Conflict(
        "What is there by now is not what was confirmed, so nothing was done. Look at it again and confirm that."
            .to_owned(),
    )
}

/// The ids of what was found.
pub(crate) fn ids_of(found: Vec<Located>) -> Vec<String> {
    found.into_iter().map(|one| one.id).collect()
}

/// What confirms the deletion of these memories as they are.
pub(crate) fn confirmation_of(account: AccountId, found: &[Located]) -> String {
    confirmation(account, found.iter().map(|one| (one.id.as_str(), one.version)))
}

/// A digest of the account, and of ids with versions. Whoever can make one knows
/// these, so it needs no secret; it only keeps a deletion to what its caller has seen.
pub(crate) fn confirmation<'a>(account: AccountId, seen: impl IntoIterator<Item = (&'a str, i64)>) -> String {
    let mut digest = Sha256::new();
    digest.update(account.0.to_be_bytes());
    for (id, version) in seen {
        digest.update(id);
        digest.update(b"\n");
        digest.update(version.to_be_bytes());
    }
    hex::encode(digest.finalize())
}
