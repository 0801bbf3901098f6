//! The indexes that a process keeps in memory, and how they follow the rows.
//!
//! Each change of an account takes a number (`account.seq`, see
//! [`crate::auth::advance`]). A new memory has it in its document number; of
//! other changes the table `memory_change` lists the documents. A search reads
//! the account's last number in its own transaction, and brings the index up to
//! it first. So it finds what was stored before it began, whichever process did
//! that, and nothing that was deleted. An index may be ahead of the transaction
//! that searches it; the documents that it names are read from the rows after
//! that, so that one which is not there is not returned.
//!
//! What has changed between two numbers is read without a lock, and applied at
//! once. Searches that begin at the same number may apply theirs one after the
//! other: the later one has all that the earlier one had, as it is by then.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockWriteGuard};

use futures_util::FutureExt;

use super::index::{Changes, Index};
use super::{Corpus, Lack, rows};
use crate::db::{Db, Tx};
use crate::error::Result;
use crate::id::AccountId;

/// Up to this many memories are read by the search that needs them; more are
/// loaded beside it, and until then the full-text index of the storage answers.
const READ_AT_ONCE: i64 = 20_000;
/// How many rows are read at a time. Texts can be long.
const PAGE: i64 = 500;
/// What a memory takes in an index at least, in bytes, for judging one before it is loaded.
const LEAST: usize = 400;

impl rows::Position {
    /// Whether an index as of this number can be brought up to it. One that is far
    /// behind is as much work as one that is not there.
    fn is_near(&self, seq: i64) -> bool {
        seq >= self.listed_after && self.seq - seq <= READ_AT_ONCE
    }
}

/// The indexes of a process.
#[derive(Debug)]
pub(super) struct Indexes {
    /// How many bytes they may take together; 0 for none.
    budget: usize,
    uses: AtomicU64,
    kept: Mutex<HashMap<Key, Arc<Kept>>>,
    /// Held by the one large load at a time.
    loading: tokio::sync::Mutex<()>,
}

/// Whose index it is, and of what.
type Key = (AccountId, Corpus);

/// An index, once it is loaded.
#[derive(Debug)]
struct Kept {
    used: AtomicU64,
    bytes: AtomicUsize,
    /// How many memories it had when its bytes were counted.
    measured: AtomicUsize,
    is_loading: AtomicBool,
    /// With how many memories it was too large.
    too_many: AtomicI64,
    index: RwLock<Option<Index>>,
}

/// Says that an index is being loaded, until this goes, also by a failure.
struct Loading<'a>(&'a AtomicBool);

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Indexes {
    pub(super) fn new(budget: usize) -> Self {
        Self { budget, uses: AtomicU64::new(0), kept: Mutex::default(), loading: tokio::sync::Mutex::default() }
    }

    fn kept(&self, key: Key) -> Arc<Kept> {
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = Arc::clone(all.entry(key).or_default());
        kept.used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        kept
    }

    /// Whether an index of so many memories is to be loaded beside searches.
    pub(super) fn is_large(&self, memories: i64) -> bool {
        memories > READ_AT_ONCE && self.may_fit(memories)
    }

    fn may_fit(&self, memories: i64) -> bool {
        self.budget > 0 && usize::try_from(memories).unwrap_or(usize::MAX).saturating_mul(LEAST) <= self.budget
    }

    /// Asks the account's index, brought up to the state that `tx` sees. Where there
    /// is none, why: it has to be loaded first, by [`Indexes::load`], or would be too large.
    pub(super) async fn ask<T>(
        &self,
        tx: &mut Tx,
        corpus: Corpus,
        account: AccountId,
        space: i64,
        question: impl FnOnce(&Index) -> T + Send,
    ) -> Result<Result<T, Lack>> {
        let Some(position) = rows::position(tx, account).await? else { return Ok(Err(Lack::IndexTooLarge)) };
        let kept = self.kept((account, corpus));
        let has_grown = match kept.read(Index::seq).filter(|seq| position.is_near(*seq)) {
            Some(seq) if seq >= position.seq => false,
            Some(seq) => kept.apply(&changes(tx, corpus, account, space, seq, position.seq).await?),
            None => {
                let count = rows::count(tx, corpus, account).await?;
                if !self.may_fit(count) || count >= kept.too_many.load(Ordering::Relaxed) {
                    return Ok(Err(Lack::IndexTooLarge));
                }
                if count > READ_AT_ONCE {
                    return Ok(Err(Lack::IndexLoading));
                }
                let mut index = Index::default();
                let mut after = account.doc(0);
                while let Some(last) = read_page(tx, corpus, account, space, after, &mut index).await? {
                    after = last;
                }
                index.apply(&Changes { seq: position.seq, ..Changes::default() });
                kept.put(index);
                true
            }
        };
        if has_grown && !self.make_room((account, corpus), &kept) {
            kept.drop_index(rows::count(tx, corpus, account).await?);
            return Ok(Err(Lack::IndexTooLarge));
        }
        Ok(kept.read(question).ok_or(Lack::IndexLoading))
    }

    /// Loads the account's index, unless that is under way or it would not fit. It
    /// reads page by page, each in a transaction of its own, so that it keeps
    /// neither a reader nor an erasure waiting for long. What changes meanwhile is
    /// followed by the next search, like anything after the number that it begins with.
    pub(super) async fn load(&self, db: &Db, corpus: Corpus, account: AccountId, space: i64) -> Result<()> {
        let kept = self.kept((account, corpus));
        if kept.is_loading.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let _loading = Loading(&kept.is_loading);
        let _alone = self.loading.lock().await;
        let begin = db.read((corpus, account), |tx, (corpus, account)| {
            async move { Ok((rows::position(tx, *account).await?, rows::count(tx, *corpus, *account).await?)) }.boxed()
        });
        let (Some(position), count) = begin.await? else { return Ok(()) };
        // Whoever asked for it may have found it missing just before it was there.
        if !self.may_fit(count) || kept.read(Index::seq).is_some_and(|seq| position.is_near(seq)) {
            return Ok(());
        }
        let mut index = Index::default();
        let mut after = account.doc(0);
        loop {
            let page = db.read((corpus, account, space, after), |tx, (corpus, account, space, after)| {
                rows::documents_after(tx, *corpus, *account, *space, *after, PAGE).boxed()
            });
            let documents = page.await?;
            let Some(last) = documents.last() else { break };
            after = last.doc;
            index.apply(&Changes { documents, ..Changes::default() });
            if index.bytes() > self.budget {
                kept.drop_index(count);
                return Ok(());
            }
        }
        index.apply(&Changes { seq: position.seq, ..Changes::default() });
        kept.put(index);
        if !self.make_room((account, corpus), &kept) {
            kept.drop_index(count);
        }
        Ok(())
    }

    /// Drops the indexes that were not used for longest, until the rest fit. The one
    /// of `key`, which is in use, stays; whether it fits at all.
    fn make_room(&self, key: Key, kept: &Kept) -> bool {
        let own = kept.bytes.load(Ordering::Relaxed);
        if own > self.budget {
            return false;
        }
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut total: usize = all.values().map(|kept| kept.bytes.load(Ordering::Relaxed)).sum();
        while total > self.budget {
            let others = all.iter().filter(|(other, kept)| **other != key && kept.bytes.load(Ordering::Relaxed) > 0);
            let Some((&oldest, _)) = others.min_by_key(|(_, kept)| kept.used.load(Ordering::Relaxed)) else { break };
            total -= all.remove(&oldest).map_or(0, |kept| kept.bytes.load(Ordering::Relaxed));
        }
        true
    }

    /// What there is for an account, without asking for it.
    pub(super) fn look(&self, key: Key) -> super::Kept {
        let all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(kept) = all.get(&key) else { return super::Kept::NotYet };
        let bytes = kept.bytes.load(Ordering::Relaxed);
        if bytes > 0 {
            super::Kept::Loaded(bytes)
        } else if kept.is_loading.load(Ordering::Relaxed) {
            super::Kept::Loading
        } else if kept.too_many.load(Ordering::Relaxed) < i64::MAX {
            super::Kept::TooLarge
        } else {
            super::Kept::NotYet
        }
    }

    /// Whose indexes there are, without those that are not of one among `living`,
    /// which are dropped.
    pub(super) fn retain(&self, living: &HashSet<AccountId>) -> Vec<Key> {
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(account, _), _| living.contains(account));
        let loaded = all.iter().filter(|(_, kept)| kept.bytes.load(Ordering::Relaxed) > 0);
        loaded.map(|(key, _)| *key).collect()
    }
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            used: AtomicU64::new(0),
            bytes: AtomicUsize::new(0),
            measured: AtomicUsize::new(0),
            is_loading: AtomicBool::new(false),
            too_many: AtomicI64::new(i64::MAX),
            index: RwLock::new(None),
        }
    }
}

impl Kept {
    /// Asks the index, if there is one.
    fn read<T>(&self, question: impl FnOnce(&Index) -> T) -> Option<T> {
        self.index.read().ok()?.as_ref().map(question)
    }

    /// Its place, to be changed. What a panic left half-changed is dropped, and loaded again.
    fn write(&self) -> RwLockWriteGuard<'_, Option<Index>> {
        self.index.write().unwrap_or_else(|poisoned| {
            let mut place = poisoned.into_inner();
            *place = None;
            self.index.clear_poison();
            place
        })
    }

    /// Keeps what was loaded, unless another search has something newer by now.
    fn put(&self, index: Index) {
        let mut place = self.write();
        if place.as_ref().is_none_or(|there| there.seq() < index.seq()) {
            self.measure(&index);
            *place = Some(index);
        }
    }

    /// Applies changes, unless the index is there already. Whether it has grown by
    /// so much that its size was taken again, which takes a while.
    fn apply(&self, changes: &Changes) -> bool {
        let mut place = self.write();
        let Some(index) = place.as_mut().filter(|index| index.seq() < changes.seq) else { return false };
        index.apply(changes);
        let measured = self.measured.load(Ordering::Relaxed);
        if index.len().abs_diff(measured) <= measured / 16 {
            return false;
        }
        self.measure(index);
        true
    }

    fn measure(&self, index: &Index) {
        self.bytes.store(index.bytes(), Ordering::Relaxed);
        self.measured.store(index.len(), Ordering::Relaxed);
    }

    /// Drops the index for good, or until the account has fewer memories than now.
    fn drop_index(&self, memories: i64) {
        let mut place = self.write();
        *place = None;
        self.bytes.store(0, Ordering::Relaxed);
        self.too_many.store(memories, Ordering::Relaxed);
    }
}

/// All that has changed from one number to another.
async fn changes(tx: &mut Tx, corpus: Corpus, account: AccountId, space: i64, from: i64, to: i64) -> Result<Changes> {
    let stale = rows::changed_after(tx, account, from).await?;
    let newest = account.doc(from);
    // New documents are read by their numbers, also those that have changed since.
    let older: Vec<i64> = stale.iter().copied().filter(|doc| *doc <= newest).collect();
    let mut documents = rows::documents(tx, corpus, account, space, &older).await?;
    documents.extend(rows::documents_after(tx, corpus, account, space, newest, i64::MAX).await?);
    Ok(Changes { stale, documents, seq: to })
}

/// Adds the page of documents after a number to an index; the last of them.
async fn read_page(
    tx: &mut Tx,
    corpus: Corpus,
    account: AccountId,
    space: i64,
    after: i64,
    index: &mut Index,
) -> Result<Option<i64>> {
    let documents = rows::documents_after(tx, corpus, account, space, after, PAGE).await?;
    let last = documents.last().map(|document| document.doc);
    index.apply(&Changes { documents, ..Changes::default() });
    Ok(last)
}
