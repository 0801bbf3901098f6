//! What an account has and how it is used, in numbers: how much is stored, how
//! that grew, where it comes from, and ([`usage`]) how often and how fast it is
//! searched.

mod rows;
mod snapshot;
pub mod usage;

use crate::clock::Micros;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::history::{self, read::Volume};
use crate::id::AccountId;
use crate::memory;

pub use snapshot::{Due, Snapshot, snapshot};

/// Most days that are looked back.
pub const MOST_DAYS: i64 = 366;

/// How much an account has.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Memories.
    pub memories: i64,
    /// Buckets, General one of them.
    pub buckets: i64,
    /// Memories in the trash.
    pub trashed_memories: i64,
    /// Conversations in the trash.
    pub trashed_conversations: i64,
    /// Where memories come from, most first.
    pub sources: Vec<Source>,
    /// Conversations, by platform, most first.
    pub platforms: Vec<Volume>,
    /// Bytes that the storage takes for all accounts together; for callers with the
    /// scope `admin` alone.
    pub storage_bytes: Option<i64>,
}

impl Stored {
    /// How many conversations there are.
    #[must_use]
    pub fn conversations(&self) -> i64 {
        self.platforms.iter().map(|volume| volume.conversations).sum()
    }

    /// How many messages they have.
    #[must_use]
    pub fn messages(&self) -> i64 {
        self.platforms.iter().map(|volume| volume.messages).sum()
    }
}

/// Where memories come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The tool that stored them, if it said so.
    pub name: Option<String>,
    /// How many there are.
    pub memories: i64,
}

async fn stored_in(tx: &mut Tx, account: AccountId, is_operator: bool) -> Result<Stored> {
    let (memories, buckets) = rows::memories_and_buckets(tx, account).await?;
    Ok(Stored {
        memories,
        buckets,
        trashed_memories: memory::trash::count(tx, account).await?,
        trashed_conversations: history::delete::count_trash(tx, account).await?,
        sources: rows::sources(tx, account).await?,
        platforms: history::read::volumes(tx, account).await?,
        storage_bytes: if is_operator { Some(rows::storage_bytes(tx).await?) } else { None },
    })
}

/// How many of something began on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Began {
    /// The first instant of the day, in UTC.
    pub day: Micros,
    /// How many.
    pub count: i64,
}

/// What there is by the day on which it began. Days without any are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Growth {
    /// How many memories there are from before the first day.
    pub memories_before: i64,
    /// Memories, by when they were stored.
    pub memories: Vec<Began>,
    /// How many conversations there are from before the first day.
    pub conversations_before: i64,
    /// Conversations, by when they began.
    pub conversations: Vec<Began>,
}

async fn growth_in(tx: &mut Tx, account: AccountId, first: Micros) -> Result<Growth> {
    let (memories_before, memories) = rows::memories_by_day(tx, account, first).await?;
    let (conversations_before, conversations) = rows::conversations_by_day(tx, account, first).await?;
    Ok(Growth { memories_before, memories, conversations_before, conversations })
}

/// The number of the day that a time is in, from 1970-01-01.
fn day_of(time: Micros) -> i64 {
    time.0.div_euclid(Micros::DAY)
}

/// The first instant of the first of so many days, the last of which is now.
fn first_day(now: Micros, days: i64) -> Result<Micros> {
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(Error::invalid(format!("Give a number of days from 1 to {MOST_DAYS}.")));
    }
    Ok(Micros((day_of(now) - days + 1) * Micros::DAY))
}
