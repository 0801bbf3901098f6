//! What the tools answer.

use rmcp::schemars::{self, JsonSchema};
use serde::Serialize;

use super::schema::plain;
use crate::bucket::Bucket;
use crate::memory::delete::Deleted;
use crate::memory::ops::{Found, Hit};

/// How many memories are listed without being asked for a number.
const LIST_COUNT: i64 = 10;
/// The most that are looked at for one answer.
const LIST_MOST: i64 = 1_000;
/// How long the texts of one answer may be together, in bytes: some 15,000
/// tokens, which clients still pass to their model whole. The first text is
/// answered whatever its length.
const MOST_TEXT: usize = 60_000;

/// The stored memory.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub(super) struct Stored {
    /// Its id; that of the known one for a duplicate.
    pub memory_id: String,
    /// Whether it was known already, and nothing was changed.
    pub is_duplicate: bool,
}

/// A memory.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub(super) struct MemoryItem {
    /// Its id.
    pub id: String,
    /// What is remembered.
    pub text: String,
    /// The bucket it is in.
    pub bucket_id: i64,
    /// That bucket's name.
    pub bucket_name: String,
    /// When it was stored.
    pub created_at: String,
    /// How well it fits the query, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
}

impl From<Hit> for MemoryItem {
    fn from(Hit { memory, scored }: Hit) -> Self {
        Self {
            id: memory.id,
            text: memory.text,
            bucket_id: memory.bucket_id.0,
            bucket_name: memory.bucket_name,
            created_at: memory.created_at.rfc3339(),
            score: scored.map(|scored| (f64::from(scored.score) * 1000.0).round() / 1000.0),
        }
    }
}

/// The memories found, best first.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub(super) struct Memories {
    /// The memories.
    pub memories: Vec<MemoryItem>,
    /// What the answer may lack, where something was not ready: search again later.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<&'static str>,
}

impl From<Found> for Memories {
    fn from(found: Found) -> Self {
        let lacks = found.lacks.iter().map(|lack| lack.name()).collect();
        Self { memories: found.hits.into_iter().map(MemoryItem::from).collect(), lacks }
    }
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    pub skip: i64,
    pub count: i64,
}

impl Page {
    /// Numbers that make no sense are taken as the next that does.
    pub(super) fn of(all: bool, count: Option<i64>, skip: Option<i64>) -> Self {
        let count = if all { LIST_MOST } else { count.unwrap_or(LIST_COUNT).clamp(1, LIST_MOST) };
        Self { skip: skip.unwrap_or_default().max(0), count }
    }
}

/// Memories and all buckets.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub(super) struct MemoriesAndBuckets {
    /// The memories.
    pub memories: Vec<MemoryItem>,
    /// The buckets.
    pub buckets: Vec<BucketItem>,
    /// What to give as skip for the memories after these; absent where there are no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_skip: Option<i64>,
    /// What the answer may lack, where something was not ready: search again later.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<&'static str>,
}

impl MemoriesAndBuckets {
    /// The part of what was found that is in the page and fits into an answer.
    pub(super) fn new(found: Found, page: Page) -> Self {
        let lacks = found.lacks.iter().map(|lack| lack.name()).collect();
        let there = found.hits.len();
        let (mut memories, mut length) = (Vec::new(), 0);
        for hit in found.hits.into_iter().take(usize::try_from(page.count).unwrap_or(usize::MAX)) {
            length += hit.memory.text.len();
            if length > MOST_TEXT && !memories.is_empty() {
                break;
            }
            memories.push(MemoryItem::from(hit));
        }
        let answered = memories.len();
        let next_skip = (answered < there).then(|| page.skip + i64::try_from(answered).unwrap_or(i64::MAX));
        Self { memories, buckets: found.buckets.into_iter().map(BucketItem::from).collect(), next_skip, lacks }
    }
}

/// A bucket.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub(super) struct BucketItem {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How many memories it holds.
    pub memory_count: i64,
    /// What belongs into it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl From<Bucket> for BucketItem {
    fn from(bucket: Bucket) -> Self {
        Self {
            id: bucket.id.to_string(),
            name: bucket.name,
            memory_count: bucket.memory_count,
            description: bucket.description,
        }
    }
}

/// All buckets.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(super) struct Buckets {
    /// General first, then by name.
    pub buckets: Vec<BucketItem>,
}

/// The new bucket.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(super) struct BucketMade {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// What was changed.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub(super) struct ChangeResult {
    /// The memories that were changed or moved.
    pub memory_ids: Vec<String>,
    /// The version of the one that was edited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

/// What was deleted.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub(super) struct DeleteResult {
    /// Memories that existed and are now gone; for a dry run, that would be.
    pub deleted: usize,
    /// Every other distinct id: there is no such memory.
    pub failed: usize,
    /// Whether nothing was deleted because only the count was asked for.
    pub dry_run: bool,
    /// The id of the receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// For how many days they can be restored; 0 for never.
    pub restorable_days: i64,
}

impl DeleteResult {
    pub(super) fn new(deleted: &Deleted, dry_run: bool, trash_days: i64) -> Self {
        Self {
            deleted: deleted.ids.len(),
            failed: deleted.failed,
            dry_run,
            receipt: deleted.receipt.clone(),
            restorable_days: trash_days,
        }
    }

    /// What a model can tell its person.
    pub(super) fn sentence(&self) -> String {
        let Self { deleted, failed, restorable_days: days, .. } = self;
        let failed = if *failed == 0 { String::new() } else { format!(" {failed} of the ids are no memories.") };
        if self.dry_run {
            return format!("Nothing was deleted. {deleted} memories would be.{failed}");
        }
        let receipt = self.receipt.as_ref().map(|id| format!(" Receipt: {id}.")).unwrap_or_default();
        let back = match (deleted, days) {
            (0, _) => String::new(),
            (_, 0) => " They are beyond recovery.".to_owned(),
            _ => format!(" They can be restored with restore_memories for {days} days."),
        };
        format!("Deleted {deleted} memories.{failed}{back}{receipt}")
    }
}

/// What was restored.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(super) struct RestoreResult {
    /// Memories that are back.
    pub restored: usize,
    /// Every other distinct id: it is not in the trash.
    pub failed: usize,
}
