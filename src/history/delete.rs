//! Deleting conversations, with the promises of [`crate::memory::delete`]: one
//! transaction, exact counts, a receipt, and nothing but [`restore`] and [`purge`]
//! reads what is in the trash.
//!
//! The trash keeps the messages as they were; chunks are made of them again.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use futures_util::FutureExt;
use sha2::{Digest, Sha256};

use super::ops::{ID_PREFIX, Known, Plan};
use super::read::Which;
pub use super::rows::InTrash;
use super::rows::Located;
use super::{Conversation, jobs, rows};
use crate::app::App;
use crate::auth::{self, Caller, Scope};
use crate::clock::Micros;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{self, AccountId};
use crate::memory::delete::{Deleted, Preview, changed_since, confirmation, finish, record};
use crate::memory::trash::{self, Undone};
use crate::receipt::{self, Draft, Operation};
use crate::search;

/// How many conversations the housekeeping purges in one transaction.
const BATCH: i64 = 200;

/// What becomes of conversations that are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// They can be restored for some time.
    Trash,
    /// They are beyond recovery.
    Nothing,
    /// They are beyond recovery, and never taken in again.
    Exclusion,
}

/// The distinct ids of a request, those that a conversation can have, and how many there were.
pub(super) fn asked(app: &App, ids: Vec<String>) -> Result<(Vec<String>, usize)> {
    let most = app.config.max_bulk_ids;
    if ids.len() > most {
        return Err(Error::invalid(format!("'ids' has {} ids; at most {most} are taken in one request.", ids.len())));
    }
    let distinct: HashSet<String> = ids.into_iter().collect();
    let count = distinct.len();
    let mut ids: Vec<String> = distinct.into_iter().filter(|id| id::is_of(ID_PREFIX, id)).collect();
    ids.sort_unstable();
    Ok((ids, count))
}

/// What stands for a conversation that is excluded.
pub(super) fn exclusion(platform: &str, platform_id: &str) -> [u8; 32] {
    Sha256::new().chain_update(platform).chain_update([0]).chain_update(platform_id).finalize().into()
}

/// How a request wants conversations deleted.
#[derive(Debug, Clone, Copy)]
pub struct How {
    /// What becomes of them.
    pub to: To,
    /// Also those that are pinned.
    pub pinned_too: bool,
}

/// What a request deleted, and what it kept because it is pinned, which counts as failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What it deleted.
    pub deleted: Deleted,
    /// The ids of those that it kept, in order.
    pub pinned: Vec<String>,
}

/// Deletes conversations by their ids, each counted once. What is in the trash is
/// reached by [`To::Exclusion`] alone.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `write`, [`Error::Invalid`] for more ids
/// than the limit; nothing is deleted then.
pub async fn delete(app: &App, caller: &Caller, ids: Vec<String>, how: How) -> Result<Outcome> {
    caller.require(Scope::Write)?;
    let (ids, count) = asked(app, ids)?;
    let draft = begin(app, caller, how)?;
    let done = app.db.write((draft, ids, count, how), |tx, (draft, ids, count, how)| {
        async move {
            auth::advance(tx, draft.account, 1).await?;
            remove(tx, draft, ids, *count, *how).await
        }
        .boxed()
    });
    end(app, done.await?).await
}

fn begin(app: &App, caller: &Caller, how: How) -> Result<Draft> {
    let operation =
        if how.to == To::Exclusion { Operation::ExcludeConversations } else { Operation::DeleteConversations };
    Draft::new(app, caller, operation, how.to != To::Trash || app.config.trash_days == 0)
}

async fn end(app: &App, outcome: Outcome) -> Result<Outcome> {
    Ok(Outcome { deleted: finish(app, outcome.deleted).await?, ..outcome })
}

/// Finds what [`delete_where`] would delete.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `write`.
pub async fn preview(app: &App, caller: &Caller, which: Which, how: How) -> Result<Preview> {
    caller.require(Scope::Write)?;
    which.check()?;
    let args = (caller.account, which, how);
    let found = app.db.read(args, |tx, (account, which, how)| matching(tx, *account, which, *how).boxed()).await?;
    Ok(Preview { confirmation: confirmation_of(caller.account, &found), ids: ids_of(found) })
}

/// Which conversations a deletion is about.
#[derive(Debug, Clone)]
pub enum Selection {
    /// Those with these ids, each counted once however often it is named.
    Ids(Vec<String>),
    /// All that meet these conditions.
    Where(Which),
}

/// A selection that can be asked for: ids with how many distinct ones were given, or conditions.
enum Chosen {
    Ids(Vec<String>, usize),
    Where(Which),
}

impl Selection {
    fn check(self, app: &App) -> Result<Chosen> {
        match self {
            Self::Ids(ids) => asked(app, ids).map(|(ids, count)| Chosen::Ids(ids, count)),
            Self::Where(which) => {
                which.check()?;
                Ok(Chosen::Where(which))
            }
        }
    }
}

/// What a deletion would be about.
#[derive(Debug, Clone)]
pub struct Review {
    /// How many conversations.
    pub total: usize,
    /// How many of these are pinned.
    pub pinned: usize,
    /// How many of the distinct ids asked for are no conversations of the caller's.
    pub missing: usize,
    /// Some of them, latest changed first.
    pub some: Vec<Conversation>,
    /// Stands for those that are not pinned, for [`reviewed`].
    pub confirmation: String,
    /// Stands for all of them.
    pub confirmation_with_pinned: String,
}

/// Says what a deletion would be about, and names `limit` of it.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `write`, [`Error::Invalid`] for more ids
/// than the limit and for a condition that none can be.
pub async fn review(app: &App, caller: &Caller, selection: Selection, limit: i64) -> Result<Review> {
    caller.require(Scope::Write)?;
    let args = (caller.account, selection.check(app)?, limit);
    app.db
        .read(args, |tx, (account, chosen, limit)| {
            async move {
                let account = *account;
                let (found, some, missing) = match chosen {
                    Chosen::Where(which) => {
                        let (some, _) = rows::list(tx, account, which, 0, *limit).await?;
                        (rows::located_where(tx, account, which).await?, some, 0)
                    }
                    Chosen::Ids(ids, count) => {
                        let mut some = rows::by_ids(tx, account, ids).await?;
                        some.sort_by(|a, b| (b.updated_at, &b.id).cmp(&(a.updated_at, &a.id)));
                        some.truncate(usize::try_from(*limit).unwrap_or(usize::MAX));
                        let found = rows::locate(tx, account, ids).await?;
                        let missing = count - found.len();
                        (found, some, missing)
                    }
                };
                let (total, confirmation_with_pinned) = (found.len(), confirmation_of(account, &found));
                let (pinned, unpinned): (Vec<_>, Vec<_>) = found.into_iter().partition(|one| one.is_pinned);
                Ok(Review {
                    total,
                    pinned: pinned.len(),
                    missing,
                    some,
                    confirmation: confirmation_of(account, &unpinned),
                    confirmation_with_pinned,
                })
            }
            .boxed()
        })
        .await
}

async fn matching(tx: &mut Tx, account: AccountId, which: &Which, how: How) -> Result<Vec<Located>> {
    let found = rows::located_where(tx, account, which).await?;
    Ok(found.into_iter().filter(|one| how.pinned_too || !one.is_pinned).collect())
}

fn confirmation_of(account: AccountId, found: &[Located]) -> String {
    confirmation(account, found.iter().map(|one| (one.id.as_str(), one.revision)))
}

fn ids_of(found: Vec<Located>) -> Vec<String> {
    found.into_iter().map(|one| one.id).collect()
}

/// Deletes the conversations that meet some conditions, where these are still
/// those that were confirmed. Pinned ones are none of them, unless asked for.
///
/// # Errors
/// As [`preview`] and [`reviewed`].
pub async fn delete_where(app: &App, caller: &Caller, which: Which, how: How, confirmed: String) -> Result<Outcome> {
    reviewed(app, caller, Selection::Where(which), how, confirmed).await
}

/// Deletes a selection, where what of it is there and not pinned, unless asked for,
/// is what was confirmed. What is in the trash already stays as it is.
///
/// # Errors
/// As [`review`]; [`Error::Conflict`] where they are others by now or one was changed,
/// and nothing is deleted.
pub async fn reviewed(
    app: &App,
    caller: &Caller,
    selection: Selection,
    how: How,
    confirmed: String,
) -> Result<Outcome> {
    caller.require(Scope::Write)?;
    let chosen = selection.check(app)?;
    let draft = begin(app, caller, how)?;
    let done = app.db.write((draft, chosen, how, confirmed), |tx, (draft, chosen, how, confirmed)| {
        async move {
            auth::advance(tx, draft.account, 1).await?;
            let (gone, kept, count) = match chosen {
                Chosen::Where(which) => {
                    let gone = matching(tx, draft.account, which, *how).await?;
                    let count = gone.len();
                    (gone, Vec::new(), count)
                }
                Chosen::Ids(ids, count) => {
                    let found = rows::locate(tx, draft.account, ids).await?;
                    let (kept, gone) = found.into_iter().partition(|one| one.is_pinned && !how.pinned_too);
                    (gone, kept, *count)
                }
            };
            if confirmation_of(draft.account, &gone) != *confirmed {
                return Err(changed_since());
            }
            Ok(Outcome { pinned: ids_of(kept), ..remove(tx, draft, &ids_of(gone), count, *how).await? })
        }
        .boxed()
    });
    end(app, done.await?).await
}

async fn remove(tx: &mut Tx, draft: &Draft, ids: &[String], asked: usize, how: How) -> Result<Outcome> {
    let account = draft.account;
    let is_exclusion = how.to == To::Exclusion;
    // Before one that is there takes with it what the trash has of it.
    let in_trash = if is_exclusion { rows::trashed_names(tx, account, ids).await? } else { Vec::new() };
    let mut found = rows::by_ids(tx, account, ids).await?;
    let (mut asked, mut known) = (asked, found.iter().map(|one| one.id.clone()).collect::<BTreeSet<_>>());
    for (_, platform, platform_id) in &in_trash {
        // It was taken in again since it was deleted, and is what is to be gone for good.
        let twin = rows::by_platform_id(tx, account, platform, platform_id).await?;
        if let Some(twin) = twin.filter(|twin| known.insert(twin.id.clone())) {
            found.push(twin);
            asked += 1;
        }
    }
    let (mut gone, mut pinned, mut imports) = (Vec::new(), Vec::new(), BTreeSet::new());
    for conversation in found {
        if conversation.is_pinned && !how.pinned_too {
            pinned.push(conversation.id);
            continue;
        }
        if !draft.purge {
            let messages = rows::messages(tx, account, &conversation.id).await?;
            rows::insert_trash(tx, draft, &conversation, &messages).await?;
        }
        let Conversation { platform, platform_id, .. } = &conversation;
        let hash = exclusion(platform, platform_id);
        rows::note_deleted(tx, account, &hash, is_exclusion, draft.now).await?;
        if is_exclusion {
            let trashed = rows::trash_of(tx, account, platform, platform_id).await?;
            purge_in(tx, account, &trashed, draft.now).await?;
        }
        let docs = rows::chunks(tx, account, &conversation.id).await?;
        let docs: Vec<i64> = docs.into_iter().map(|(doc, _)| doc).collect();
        search::unindex_chunks(tx, account, &docs).await?;
        rows::delete_conversation(tx, account, &conversation.id).await?;
        imports.extend(conversation.import);
        gone.push(conversation.id);
    }
    for (id, platform, platform_id) in in_trash {
        rows::note_deleted(tx, account, &exclusion(&platform, &platform_id), true, draft.now).await?;
        let trashed = rows::trash_of(tx, account, &platform, &platform_id).await?;
        purge_in(tx, account, &trashed, draft.now).await?;
        gone.push(id);
    }
    gone.sort_unstable();
    pinned.sort_unstable();
    crate::failpoint::reach("history:deleted");
    if draft.purge && !gone.is_empty() {
        search::mark_history_unclean(tx).await?;
        jobs::forget(tx, account, &imports).await?;
    }
    Ok(Outcome { deleted: record(tx, draft, gone, asked).await?, pinned })
}

/// Removes all conversations of the account, those in the trash too, beyond
/// recovery. The account must be locked by [`auth::advance`].
pub(crate) async fn remove_all(tx: &mut Tx, account: AccountId) -> Result<()> {
    search::unindex_all_chunks(tx, account).await?;
    rows::delete_all(tx, account).await
}

/// Puts conversations back as they were. How many, and how many of the distinct
/// ids are not in the trash, or were taken in again meanwhile.
///
/// # Errors
/// As [`delete`]; nothing is restored then.
pub async fn restore(app: &App, caller: &Caller, ids: Vec<String>) -> Result<(usize, usize)> {
    caller.require(Scope::Write)?;
    let (ids, count) = asked(app, ids)?;
    let args = (caller.account, ids, app.clock.now());
    let restored = app.db.write(args, |tx, (account, ids, now)| {
        async move {
            auth::advance(tx, *account, 1).await?;
            restore_in(tx, *account, ids, *now).await
        }
        .boxed()
    });
    let restored = restored.await?;
    app.search.wake();
    Ok((restored, count - restored))
}

/// Undoes a deletion: puts back all conversations that it moved to the trash and
/// that are still there, but those that were taken in again meanwhile. Repeating
/// it changes nothing.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `write`, [`Error::NotFound`] for the receipt.
pub async fn restore_deletion(app: &App, caller: &Caller, receipt: &str) -> Result<Undone> {
    caller.require(Scope::Write)?;
    receipt::ops::check_id(receipt)?;
    let args = (caller.account, receipt.to_owned(), app.clock.now());
    let undone = app.db.write(args, |tx, (account, receipt, now)| {
        async move {
            auth::advance(tx, *account, 1).await?;
            let found = receipt::rows::get(tx, *account, receipt).await?;
            let (before, _) = found.ok_or_else(receipt::ops::no_receipt)?;
            let ids = rows::trash_ids_of(tx, *account, receipt).await?;
            let restored = restore_in(tx, *account, &ids, *now).await?;
            let left = ids.len() - restored;
            Ok(Undone { restored, restored_before: before.restored, purged: before.purged, left })
        }
        .boxed()
    });
    let undone = undone.await?;
    app.search.wake();
    Ok(undone)
}

/// The account must be locked by [`auth::advance`].
async fn restore_in(tx: &mut Tx, account: AccountId, ids: &[String], now: Micros) -> Result<usize> {
    let (mut restored, mut receipts) = (0, BTreeMap::new());
    for id in ids {
        let Some(trashed) = rows::trashed(tx, account, id).await? else { continue };
        let conversation = &trashed.conversation;
        let again = rows::by_platform_id(tx, account, &conversation.platform, &conversation.platform_id).await?;
        if again.is_some() {
            continue;
        }
        let known = Known { conversation: trashed.conversation, messages: trashed.messages, chunks: Vec::new() };
        Plan::restoring(known, tx.dialect()).write(tx, account).await?;
        *receipts.entry(trashed.deletion_id).or_insert(0) += 1;
        restored += 1;
    }
    let back = rows::restored_ids(tx, account, ids).await?;
    rows::delete_trash(tx, account, &back).await?;
    for (receipt, count) in receipts {
        receipt::rows::settle(tx, account, &receipt, count, 0, now).await?;
    }
    Ok(restored)
}

/// What the trash holds, latest deletions first, and how many in all.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `read`.
pub async fn trash(app: &App, caller: &Caller, skip: i64, limit: i64) -> Result<(Vec<InTrash>, i64)> {
    caller.require(Scope::Read)?;
    let args = (caller.account, skip, limit);
    app.db.read(args, |tx, (account, skip, limit)| rows::trash(tx, *account, *skip, *limit).boxed()).await
}

/// How many conversations are in the trash.
pub(crate) async fn count_trash(tx: &mut Tx, account: AccountId) -> Result<i64> {
    rows::count_trash(tx, account).await
}

/// When the first conversation in the trash will be purged.
pub(crate) async fn first_due(tx: &mut Tx, account: AccountId) -> Result<Option<Micros>> {
    rows::first_due(tx, account).await
}

/// How many conversations in the trash will be purged before a time.
pub(crate) async fn count_due(tx: &mut Tx, account: AccountId, before: Micros) -> Result<i64> {
    rows::count_due(tx, account, before).await
}

/// What of these, or of all the trash, is there to be purged.
///
/// # Errors
/// As [`purge`].
pub async fn review_purge(app: &App, caller: &Caller, ids: Option<Vec<String>>) -> Result<trash::Review> {
    caller.require(Scope::Write)?;
    let asked = ids.map(|ids| asked(app, ids)).transpose()?;
    let args = (caller.account, asked.map(|(ids, _)| ids));
    let found = app.db.read(args, |tx, (account, ids)| find_in_trash(tx, *account, ids.as_deref()).boxed());
    Ok(trash::Review::of(caller.account, &found.await?))
}

async fn find_in_trash(tx: &mut Tx, account: AccountId, ids: Option<&[String]>) -> Result<Vec<String>> {
    match ids {
        Some(ids) => {
            let found = rows::trashed_names(tx, account, ids).await?;
            Ok(found.into_iter().map(|(id, ..)| id).collect())
        }
        None => rows::trash_ids(tx, account).await,
    }
}

/// Purges conversations that are in the trash: these, or all. With `confirmed`, the
/// confirmation of a [`review_purge`], only where that still is what is there.
///
/// # Errors
/// As [`delete`], and [`Error::Conflict`] where something else is there than was
/// confirmed; nothing is purged then.
pub async fn purge(app: &App, caller: &Caller, ids: Option<Vec<String>>, confirmed: Option<String>) -> Result<Deleted> {
    caller.require(Scope::Write)?;
    let asked = ids.map(|ids| asked(app, ids)).transpose()?;
    let operation = if asked.is_some() { Operation::PurgeTrash } else { Operation::EmptyTrash };
    let draft = Draft::new(app, caller, operation, true)?;
    let deleted = app.db.write((draft, asked, confirmed), |tx, (draft, asked, confirmed)| {
        async move {
            auth::advance(tx, draft.account, 1).await?;
            let ids = find_in_trash(tx, draft.account, asked.as_ref().map(|(ids, _)| ids.as_slice())).await?;
            let review = trash::Review::of(draft.account, &ids);
            if confirmed.as_ref().is_some_and(|confirmed| *confirmed != review.confirmation) {
                return Err(changed_since());
            }
            let count = asked.as_ref().map_or(ids.len(), |(_, count)| *count);
            let purged = purge_in(tx, draft.account, &ids, draft.now).await?;
            record(tx, draft, purged, count).await
        }
        .boxed()
    });
    finish(app, deleted.await?).await
}

async fn purge_in(tx: &mut Tx, account: AccountId, ids: &[String], now: Micros) -> Result<Vec<String>> {
    let mut receipts = BTreeMap::new();
    let (mut purged, mut imports) = (Vec::new(), BTreeSet::new());
    for (id, receipt, import) in rows::trash_receipts(tx, account, ids).await? {
        *receipts.entry(receipt).or_insert(0) += 1;
        imports.extend(import);
        purged.push(id);
    }
    rows::delete_trash(tx, account, &purged).await?;
    if !purged.is_empty() {
        search::mark_history_unclean(tx).await?;
        jobs::forget(tx, account, &imports).await?;
    }
    for (receipt, count) in receipts {
        receipt::rows::settle(tx, account, &receipt, 0, count, now).await?;
    }
    Ok(purged)
}

/// Purges what the trash of every account has kept for its time; how many. The
/// erasure is the next one's, [`crate::memory::trash::purge_due`]'s at the latest.
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
    Ok(purged)
}
