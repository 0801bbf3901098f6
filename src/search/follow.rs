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
//! No lock is held while the storage is read.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::index::{Changes, Index};
use super::rows;
use crate::db::Tx;
use crate::error::Result;
use crate::id::AccountId;

/// Up to this many memories are loaded by the search that needs them; more are
/// loaded beside it, and until then the full-text index of the storage answers.
const LOADED_AT_ONCE: i64 = 20_000;
/// How many rows are read at a time.
const PAGE: i64 = 2_000;
/// What a memory takes in an index, in bytes, for judging one before it is loaded.
const TYPICAL: usize = 600;

/// The indexes of a process.
#[derive(Debug)]
pub(super) struct Indexes {
    /// How many bytes they may take together; 0 for none.
    budget: usize,
    uses: AtomicU64,
    accounts: Mutex<HashMap<AccountId, Arc<Kept>>>,
}

/// The index of an account, once it is loaded.
#[derive(Debug, Default)]
struct Kept {
    used: AtomicU64,
    bytes: AtomicUsize,
    loading: AtomicBool,
    index: RwLock<Option<Index>>,
}

/// Says that an index is being loaded, until this goes, also by a failure.
struct Loading<'a>(&'a AtomicBool);

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// What a search can work with.
pub(super) enum Ready<T> {
    /// The index answered.
    Answer(T),
    /// It has to be loaded first, by [`Indexes::load`].
    Unloaded,
    /// There is none to be had, because it would not fit.
    TooLarge,
}

impl Indexes {
    pub(super) fn new(budget: usize) -> Self {
        Self { budget, uses: AtomicU64::new(0), accounts: Mutex::default() }
    }

    fn kept(&self, account: AccountId) -> Arc<Kept> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = Arc::clone(accounts.entry(account).or_default());
        kept.used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        kept
    }

    /// Whether an index of so many memories is to be loaded beside searches.
    pub(super) fn is_large(&self, memories: i64) -> bool {
        memories > LOADED_AT_ONCE && self.fits(memories)
    }

    fn fits(&self, memories: i64) -> bool {
        usize::try_from(memories).unwrap_or(usize::MAX).saturating_mul(TYPICAL) <= self.budget
    }

    /// Asks the account's index, brought up to the state that `tx` sees.
    pub(super) async fn ask<T>(
        &self,
        tx: &mut Tx,
        account: AccountId,
        space: i64,
        question: impl FnOnce(&Index) -> T + Send,
    ) -> Result<Ready<T>> {
        let Some(position) = rows::position(tx, account).await? else { return Ok(Ready::TooLarge) };
        let kept = self.kept(account);
        let has = kept.seq().filter(|seq| *seq >= position.listed_after);
        let changes = match has {
            Some(seq) if seq >= position.seq => None,
            Some(seq) => Some(changes(tx, account, space, seq, position.seq).await?),
            None => {
                let count = rows::count(tx, account).await?;
                if self.budget == 0 || !self.fits(count) {
                    return Ok(Ready::TooLarge);
                }
                if count > LOADED_AT_ONCE {
                    return Ok(Ready::Unloaded);
                }
                None
            }
        };
        match changes {
            Some(changes) => self.follow(account, &kept, &changes),
            None if has.is_none() => {
                let index = load(tx, account, space, position.seq).await?;
                self.keep(account, &kept, index);
            }
            None => {}
        }
        let index = kept.index.read().unwrap_or_else(PoisonError::into_inner);
        Ok(index.as_ref().map_or(Ready::Unloaded, |index| Ready::Answer(question(index))))
    }

    /// Loads the account's index, unless that is under way.
    pub(super) async fn load(&self, tx: &mut Tx, account: AccountId, space: i64) -> Result<()> {
        let kept = self.kept(account);
        if kept.loading.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let _loading = Loading(&kept.loading);
        if let Some(position) = rows::position(tx, account).await? {
            let index = load(tx, account, space, position.seq).await?;
            self.keep(account, &kept, index);
        }
        Ok(())
    }

    /// Keeps what was loaded, unless another search has something newer by now.
    fn keep(&self, account: AccountId, kept: &Kept, index: Index) {
        {
            let mut place = kept.index.write().unwrap_or_else(PoisonError::into_inner);
            if place.as_ref().is_none_or(|there| there.seq() < index.seq()) {
                kept.bytes.store(index.bytes(), Ordering::Relaxed);
                *place = Some(index);
            }
        }
        self.make_room(account);
    }

    fn follow(&self, account: AccountId, kept: &Kept, changes: &Changes) {
        let grown = {
            let mut place = kept.index.write().unwrap_or_else(PoisonError::into_inner);
            match place.as_mut().filter(|index| index.seq() < changes.seq) {
                Some(index) => {
                    index.apply(changes);
                    let bytes = index.bytes();
                    kept.bytes.swap(bytes, Ordering::Relaxed) < bytes
                }
                None => false,
            }
        };
        if grown {
            self.make_room(account);
        }
    }

    /// Drops the indexes that were not used for longest, until the rest fit. That
    /// of `account`, which is in use, stays.
    fn make_room(&self, account: AccountId) {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut total: usize = accounts.values().map(|kept| kept.bytes.load(Ordering::Relaxed)).sum();
        while total > self.budget {
            let others = accounts.iter().filter(|(id, _)| **id != account);
            let Some((&oldest, _)) = others.min_by_key(|(_, kept)| kept.used.load(Ordering::Relaxed)) else { break };
            total -= accounts.remove(&oldest).map_or(0, |kept| kept.bytes.load(Ordering::Relaxed));
        }
    }

    /// Drops the indexes of accounts that are not among these.
    pub(super) fn retain(&self, accounts: &[AccountId]) {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner).retain(|account, _| accounts.contains(account));
    }
}

impl Kept {
    fn seq(&self) -> Option<i64> {
        self.index.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(Index::seq)
    }
}

/// What has changed from one number to another.
async fn changes(tx: &mut Tx, account: AccountId, space: i64, from: i64, to: i64) -> Result<Changes> {
    let stale = rows::changed_after(tx, account, from).await?;
    let newest = account.doc(from);
    // New documents are read by their numbers, also those that changed since.
    let older: Vec<i64> = stale.iter().copied().filter(|doc| *doc <= newest).collect();
    let mut documents = rows::documents(tx, account, space, &older).await?;
    let mut after = newest;
    loop {
        let page = rows::documents_after(tx, account, space, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.doc;
        documents.extend(page);
    }
    Ok(Changes { stale, documents, seq: to })
}

/// An index of all that `tx` sees.
async fn load(tx: &mut Tx, account: AccountId, space: i64, seq: i64) -> Result<Index> {
    let mut index = Index::default();
    let mut after = account.doc(0);
    loop {
        let documents = rows::documents_after(tx, account, space, after, PAGE).await?;
        let Some(last) = documents.last() else { break };
        after = last.doc;
        index.apply(&Changes { stale: Vec::new(), documents, seq });
    }
    index.apply(&Changes { seq, ..Changes::default() });
    Ok(index)
}
