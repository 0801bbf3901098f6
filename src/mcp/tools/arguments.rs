//! What the tools take.

use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;

use super::schema::plain;
use crate::id::{BucketId, bucket_id_forms};

/// How many memories a search answers.
pub(super) const SEARCH_COUNT: i64 = 10;
/// The most that it can be asked for.
pub(super) const SEARCH_MOST: i64 = 20;

/// A memory to be stored.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub(super) struct StoreMemory {
    /// The fact, in a sentence that can be understood alone, beginning with the date: "2026-07-26 - Ada drinks her coffee without milk."
    #[schemars(length(min = 1))]
    pub text: String,
    /// The bucket to put it in, from `list_buckets`; General without it.
    #[serde(default, deserialize_with = "bucket_id_forms")]
    #[schemars(with = "Option<i64>")]
    pub bucket_id: Option<BucketId>,
}

/// What to search for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub(super) struct SearchMemories {
    /// What to look for, in words or as a question.
    pub query: String,
    /// Only in this bucket.
    #[serde(default, deserialize_with = "bucket_id_forms")]
    #[schemars(with = "Option<i64>")]
    pub bucket_id: Option<BucketId>,
    /// At most how many; 10 without it, 20 at most.
    #[serde(default)]
    pub limit: Option<i64>,
}

/// What to list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub(super) struct GetMemories {
    /// Only in this bucket.
    #[serde(default, deserialize_with = "bucket_id_forms")]
    #[schemars(with = "Option<i64>")]
    pub bucket_id: Option<BucketId>,
    /// At most how many memories; 10 without it.
    #[serde(default)]
    pub count: Option<i64>,
    /// All memories, as many as an answer can hold.
    #[serde(default)]
    pub all: Option<bool>,
    /// How many of the first to leave out; the nextSkip of the answer before.
    #[serde(default)]
    pub skip: Option<i64>,
    /// What to look for; the best first instead of the newest.
    #[serde(default)]
    pub query: Option<String>,
}

/// No arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Nothing {}

/// A bucket to be made.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(transform = plain)]
pub(super) struct CreateBucket {
    /// Its name, which is not a number.
    #[schemars(length(min = 1, max = 100))]
    pub name: String,
    /// What belongs into it.
    #[serde(default)]
    pub description: Option<String>,
}

/// What to change: memoryId with a text, a bucket or both; or memoryIds with a bucket.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub(super) struct UpdateOrMove {
    /// The memory to change.
    #[serde(default)]
    pub memory_id: Option<String>,
    /// Or the memories to move, 1 to 100.
    #[serde(default)]
    pub memory_ids: Option<Vec<String>>,
    /// The new text, whole.
    #[serde(default)]
    pub text: Option<String>,
    /// The bucket to move to, by id.
    #[serde(default, deserialize_with = "bucket_id_forms")]
    #[schemars(with = "Option<i64>")]
    pub bucket_id: Option<BucketId>,
    /// Or by name.
    #[serde(default)]
    pub bucket_name: Option<String>,
}

/// What to delete.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub(super) struct DeleteMemories {
    /// The ids of the memories, as `search_memories` answers them.
    pub memory_ids: Vec<String>,
    /// Only count what would be deleted.
    #[serde(default, rename = "dry_run", alias = "dryRun")]
    pub dry_run: bool,
}

/// What to restore.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub(super) struct RestoreMemories {
    /// The ids of the memories.
    pub memory_ids: Vec<String>,
}
