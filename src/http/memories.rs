//! Memories over HTTP: contract rows 1 and 4 to 6, and our additions.

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::ErrorResponse;
use super::extract::{Auth, Body, Params, PathId, time};
use crate::app::App;
use crate::bucket::BucketRef;
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::id::{BucketId, bucket_id_forms};
use crate::memory::delete::{self, Deleted, Filter, Mode};
use crate::memory::ops::{self, Change, Changed, NewMemory};
use crate::memory::select::Conditions;
use crate::memory::{Memory, MemoryText, Version, check_source};
use crate::receipt::Operation;
use crate::search;

/// A memory to be stored.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateMemoryRequest {
    /// The fact, best on its own and short. Begin it with the date (YYYY-MM-DD) it is about.
    #[schema(
        min_length = 1,
        max_length = 100_000,
        pattern = r"^[^\u0000]*[^\s\u0000][^\u0000]*$",
        examples("2026-07-26 - Ada drinks her coffee without milk.")
    )]
    text: String,
    /// The bucket to put it in; the General bucket without it. A number, or one as text.
    #[serde(default, deserialize_with = "bucket_id_forms")]
    #[schema(schema_with = super::openapi::bucket_id_schema)]
    bucket_id: Option<BucketId>,
    /// The tool that stores it.
    #[serde(default)]
    #[schema(max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$", nullable)]
    source: Option<String>,
}

/// The stored memory.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateMemoryResponse {
    /// Always `ok`.
    done: Done,
    /// The memory's id; that of the known one for a duplicate.
    memory_id: String,
    /// The same id.
    db_id: String,
    /// Whether the bucket had this memory already, and nothing was changed.
    is_duplicate: bool,
}

/// Always `ok`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Done {
    /// Done.
    Ok,
}

/// Store a memory
#[utoipa::path(
    post, path = "/api/memory", operation_id = "CreateMemory", tag = "memories",
    request_body = CreateMemoryRequest,
    responses(
        (status = 200, description = "Stored, or known already", body = CreateMemoryResponse),
        (status = 404, description = "No such bucket", body = ErrorResponse),
    ),
)]
pub(super) async fn create(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(body): Body<CreateMemoryRequest>,
) -> Result<Json<CreateMemoryResponse>> {
    let new = NewMemory {
        text: MemoryText::new(body.text, app.config.max_text_chars)?,
        bucket: body.bucket_id.map(BucketRef::Id),
        source: check_source(body.source)?,
        created_at: None,
    };
    let created = ops::create(&app, &caller, new).await?;
    Ok(Json(CreateMemoryResponse {
        done: Done::Ok,
        memory_id: created.id.clone(),
        db_id: created.id,
        is_duplicate: created.duplicate,
    }))
}

/// Store a memory (the same under its second path)
#[utoipa::path(
    post, path = "/api/v2/memory", operation_id = "CreateMemoryV2", tag = "memories",
    request_body = CreateMemoryRequest,
    responses(
        (status = 200, description = "Stored, or known already", body = CreateMemoryResponse),
        (status = 404, description = "No such bucket", body = ErrorResponse),
    ),
)]
pub(super) async fn create_v2(
    state: State<App>,
    auth: Auth,
    body: Body<CreateMemoryRequest>,
) -> Result<Json<CreateMemoryResponse>> {
    create(state, auth, body).await
}

/// An edit of one memory (`memoryId`, with `text`, a bucket, or both), or a
/// move of several (`memoryIds`, with a bucket).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(examples(
    json!({"memoryId": "mem_01983f2a6c5d7b8e9f00112233445566", "text": "2026-07-26 - Ada drinks tea now."}),
    json!({"memoryIds": ["mem_01983f2a6c5d7b8e9f00112233445566"], "bucketName": "General"}),
))]
pub struct UpdateMemoryRequest {
    /// The memory to edit or move.
    #[serde(default)]
    #[schema(nullable)]
    memory_id: Option<String>,
    /// The memories to move, all or none.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 100, nullable)]
    memory_ids: Option<Vec<String>>,
    /// The new text.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 100_000, pattern = r"^[^\u0000]*[^\s\u0000][^\u0000]*$", nullable)]
    text: Option<String>,
    /// The bucket to move to, by id.
    #[serde(default, deserialize_with = "bucket_id_forms")]
    #[schema(schema_with = super::openapi::bucket_id_schema)]
    bucket_id: Option<BucketId>,
    /// The bucket to move to, by name.
    #[serde(default)]
    #[schema(pattern = r"^[^\u0000]*$", nullable)]
    bucket_name: Option<String>,
}

/// What an edit or a move changed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum UpdateMemoryResponse {
    /// Of one memory.
    #[serde(rename_all = "camelCase")]
    One {
        /// Always `ok`.
        done: Done,
        /// The memory's id.
        memory_id: String,
        /// The same id.
        db_id: String,
        /// Its version now.
        version: i64,
    },
    /// Of several.
    #[serde(rename_all = "camelCase")]
    Many {
        /// Always `ok`.
        done: Done,
        /// How many.
        moved: usize,
        /// Which.
        memory_ids: Vec<String>,
    },
}

/// Edit a memory, or move memories to another bucket
#[utoipa::path(
    post, path = "/api/v2/memory/update", operation_id = "UpdateMemory", tag = "memories",
    request_body = UpdateMemoryRequest,
    responses(
        (status = 200, description = "Changed", body = UpdateMemoryResponse),
        (status = 404, description = "No such bucket, or some of the memories don't exist", body = ErrorResponse),
    ),
)]
pub(super) async fn update(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(body): Body<UpdateMemoryRequest>,
) -> Result<Json<UpdateMemoryResponse>> {
    let UpdateMemoryRequest { memory_id, memory_ids, text, bucket_id, bucket_name } = body;
    let change = Change { memory_id, memory_ids, text, bucket_id, bucket_name, version: None };
    Ok(Json(match ops::change(&app, &caller, change).await? {
        Changed::One { id, version } => {
            UpdateMemoryResponse::One { done: Done::Ok, memory_id: id.clone(), db_id: id, version }
        }
        Changed::Many { ids } => UpdateMemoryResponse::Many { done: Done::Ok, moved: ids.len(), memory_ids: ids },
    }))
}

/// A memory with its history.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemoryDetails {
    /// Its id.
    id: String,
    /// What is remembered.
    text: String,
    /// `text` or `image`.
    #[serde(rename = "content_type")]
    content_type: String,
    /// The bucket it is in.
    bucket_id: i64,
    /// That bucket's name.
    bucket_name: String,
    /// The tool that stored it.
    source: Option<String>,
    /// 1, and one more for each change.
    version: i64,
    /// When it was stored.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    updated_at: String,
    /// What it was before, oldest first.
    versions: Vec<VersionBody>,
}

/// What a memory was before a change.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VersionBody {
    /// Its number.
    version: i64,
    /// The text it had.
    text: String,
    /// The bucket it was in.
    bucket_id: i64,
    /// When it became so.
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<(Memory, Vec<Version>)> for MemoryDetails {
    fn from((memory, versions): (Memory, Vec<Version>)) -> Self {
        let version = |version: Version| VersionBody {
            version: version.version,
            text: version.text,
            bucket_id: version.bucket_id.0,
            created_at: version.created_at.rfc3339(),
        };
        Self {
            id: memory.id,
            text: memory.text,
            content_type: memory.content_type,
            bucket_id: memory.bucket_id.0,
            bucket_name: memory.bucket_name,
            source: memory.source,
            version: memory.version,
            created_at: memory.created_at.rfc3339(),
            updated_at: memory.updated_at.rfc3339(),
            versions: versions.into_iter().map(version).collect(),
        }
    }
}

/// Get a memory with its versions
#[utoipa::path(
    get, path = "/api/memories/{memoryId}", operation_id = "GetMemory", tag = "memories",
    params(("memoryId" = String, Path, description = "The memory's id")),
    responses(
        (status = 200, description = "The memory", body = MemoryDetails),
        (status = 404, description = "No such memory", body = ErrorResponse),
    ),
)]
pub(super) async fn get(State(app): State<App>, Auth(caller): Auth, PathId(id): PathId) -> Result<Json<MemoryDetails>> {
    Ok(Json(ops::get(&app, &caller, &id).await?.into()))
}

/// Confirms a deletion.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeleteMemoryResponse {
    /// Always the same.
    message: DeletedMessage,
}

/// Always the same.
#[derive(Debug, Serialize, ToSchema)]
pub enum DeletedMessage {
    /// Deleted.
    #[serde(rename = "Memory deleted")]
    Deleted,
}

/// Headers that name the receipt of a deletion.
type ReceiptHeaders = HeaderMap;

/// The headers of an answer to a deletion.
pub(super) fn receipt_headers(deleted: &Deleted) -> Result<ReceiptHeaders> {
    let mut headers = HeaderMap::new();
    if let Some(receipt) = &deleted.receipt {
        let value = HeaderValue::from_str(receipt).map_err(Error::internal)?;
        headers.insert(HeaderName::from_static("deletion-receipt"), value);
    }
    if deleted.erasure_pending {
        headers.insert(HeaderName::from_static("deletion-erasure"), HeaderValue::from_static("pending"));
    }
    Ok(headers)
}

/// Delete a memory
#[utoipa::path(
    delete, path = "/api/memories/{memoryId}", operation_id = "DeleteMemory", tag = "memories",
    params(
        ("memoryId" = String, Path, description = "The memory's id"),
        ("purge" = Option<bool>, Query, description = "Beyond recovery, instead of to the trash"),
    ),
    responses(
        (status = 200, description = "Deleted", body = DeleteMemoryResponse,
            headers(("Deletion-Receipt" = String, description = "Id of the receipt"))),
        (status = 404, description = "No such memory", body = ErrorResponse),
    ),
)]
pub(super) async fn delete_one(
    State(app): State<App>,
    Auth(caller): Auth,
    PathId(id): PathId,
    params: Params,
) -> Result<(ReceiptHeaders, Json<DeleteMemoryResponse>)> {
    params.no_dry_run()?;
    let mode = Mode { purge: params.truth("purge")?, dry_run: false };
    let deleted = delete::by_ids(&app, &caller, Operation::Delete, vec![id], mode).await?;
    if deleted.ids.is_empty() {
        return Err(ops::no_memory());
    }
    Ok((receipt_headers(&deleted)?, Json(DeleteMemoryResponse { message: DeletedMessage::Deleted })))
}

/// The answer to a deletion without an id.
pub(super) async fn delete_none(Auth(_): Auth) -> Error {
    Error::invalid("Memory ID is required")
}

/// The memories to delete.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkDeleteRequest {
    /// Ids of memories. One that is named twice counts once.
    #[schema(max_items = 10_000)]
    memory_ids: Vec<String>,
    /// The same as the parameter `dryRun`.
    #[serde(default)]
    dry_run: bool,
    /// The same as the parameter `purge`.
    #[serde(default)]
    purge: bool,
}

/// How many were deleted.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkDeleteResponse {
    /// Memories that existed, were the caller's, and are now gone.
    deleted: usize,
    /// Every other distinct id.
    failed: usize,
    /// With `details=true`: each distinct id in order of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    results: Option<Vec<DeleteResult>>,
}

/// What became of an id.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeleteResult {
    /// The id.
    memory_id: String,
    /// What became of it.
    status: DeleteStatus,
}

/// What became of an id.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeleteStatus {
    /// The memory is gone.
    Deleted,
    /// There was no such memory of the caller's.
    NotFound,
}

/// Delete memories by their ids, all in one transaction
///
/// Every distinct id is counted once: in `deleted` if it was a memory of the
/// caller's and is now gone, else in `failed`. Either all of them are deleted or,
/// on any error, none. Deleted memories are in the trash until they are purged.
#[utoipa::path(
    post, path = "/api/memories/bulk-delete", operation_id = "BulkDeleteMemories", tag = "memories",
    params(
        ("purge" = Option<bool>, Query, description = "Beyond recovery, instead of to the trash"),
        ("dryRun" = Option<bool>, Query, description = "Count what would happen, and delete nothing"),
        ("details" = Option<bool>, Query, description = "Add what became of each id"),
    ),
    request_body = BulkDeleteRequest,
    responses(
        (status = 200, description = "Counted and gone", body = BulkDeleteResponse,
            headers(("Deletion-Receipt" = String, description = "Id of the receipt; not for a dry run"))),
    ),
)]
pub(super) async fn bulk_delete(
    State(app): State<App>,
    Auth(caller): Auth,
    params: Params,
    Body(body): Body<BulkDeleteRequest>,
) -> Result<(ReceiptHeaders, Json<BulkDeleteResponse>)> {
    let mode = Mode { purge: params.truth("purge")? || body.purge, dry_run: params.truth("dryRun")? || body.dry_run };
    let asked = params.truth("details")?.then(|| body.memory_ids.clone());
    let deleted = delete::by_ids(&app, &caller, Operation::BulkDelete, body.memory_ids, mode).await?;
    let headers = receipt_headers(&deleted)?;
    let answer = BulkDeleteResponse {
        deleted: deleted.ids.len(),
        failed: deleted.failed,
        results: asked.map(|asked| results(asked, &deleted)),
    };
    Ok((headers, Json(answer)))
}

fn results(asked: Vec<String>, deleted: &Deleted) -> Vec<DeleteResult> {
    let gone: HashSet<&str> = deleted.ids.iter().map(String::as_str).collect();
    let mut seen = HashSet::new();
    let first = asked.into_iter().filter(|id| seen.insert(id.clone()));
    first
        .map(|memory_id| {
            let status = if gone.contains(memory_id.as_str()) { DeleteStatus::Deleted } else { DeleteStatus::NotFound };
            DeleteResult { memory_id, status }
        })
        .collect()
}

/// Which memories to delete: those that meet every condition given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(examples(json!({"source": "chatgpt", "before": "2026-01-01", "dryRun": true})))]
pub struct DeleteByFilterRequest {
    /// In this bucket.
    #[serde(default, deserialize_with = "bucket_id_forms")]
    #[schema(schema_with = super::openapi::bucket_id_schema)]
    bucket_id: Option<BucketId>,
    /// Stored by this tool.
    #[serde(default)]
    #[schema(pattern = r"^[^\u0000]*$", nullable)]
    source: Option<String>,
    /// Stored at or after this time or date.
    #[serde(default, deserialize_with = "time")]
    #[schema(schema_with = super::openapi::time_schema)]
    after: Option<Micros>,
    /// Stored before this time or date.
    #[serde(default, deserialize_with = "time")]
    #[schema(schema_with = super::openapi::time_schema)]
    before: Option<Micros>,
    /// Having every word of this; there must be one.
    #[serde(default)]
    #[schema(nullable)]
    query: Option<String>,
    /// Every memory there is; instead of conditions.
    #[serde(default)]
    all: bool,
    /// Say what would be deleted, and give the token that confirms it.
    #[serde(default)]
    dry_run: bool,
    /// The token from the dry run.
    #[serde(default)]
    #[schema(nullable)]
    confirmation_token: Option<String>,
    /// Beyond recovery, instead of to the trash.
    #[serde(default)]
    purge: bool,
}

/// What a filter matched or deleted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum DeleteByFilterResponse {
    /// Of a dry run.
    #[serde(rename_all = "camelCase")]
    Preview {
        /// How many memories match.
        matched: usize,
        /// Their ids.
        memory_ids: Vec<String>,
        /// Sent with the same filter, it deletes exactly these.
        confirmation_token: String,
    },
    /// Of the deletion.
    Deleted {
        /// Memories that are now gone.
        deleted: usize,
        /// Always 0.
        failed: usize,
    },
}

/// Delete memories by a filter, in two steps
///
/// First with `dryRun: true`; then the same filter with the `confirmationToken`
/// of the answer, and with `purge` if they are to be beyond recovery. Where other
/// memories match by then, or one has changed, nothing is deleted and the answer is
/// 409.
#[utoipa::path(
    post, path = "/api/memories/delete-by-filter", operation_id = "DeleteMemoriesByFilter", tag = "memories",
    request_body = DeleteByFilterRequest,
    responses(
        (status = 200, description = "Previewed or deleted", body = DeleteByFilterResponse,
            headers(("Deletion-Receipt" = String, description = "Id of the receipt; not for a dry run"))),
        (status = 409, description = "The filter matches something else by now", body = ErrorResponse),
    ),
)]
pub(super) async fn delete_by_filter(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(body): Body<DeleteByFilterRequest>,
) -> Result<(ReceiptHeaders, Json<DeleteByFilterResponse>)> {
    let filter = search::Filter {
        bucket: body.bucket_id,
        content_type: None,
        source: body.source,
        after: body.after,
        before: body.before,
    };
    let filter = Filter { conditions: Conditions { filter, query: body.query }, all: body.all };
    if body.dry_run {
        let preview = delete::preview_filter(&app, &caller, filter).await?;
        let answer = DeleteByFilterResponse::Preview {
            matched: preview.ids.len(),
            memory_ids: preview.ids,
            confirmation_token: preview.confirmation,
        };
        return Ok((HeaderMap::new(), Json(answer)));
    }
    let confirmed = body.confirmation_token.ok_or_else(|| {
        Error::invalid("Send the filter with 'dryRun': true first, then with the confirmationToken of the answer.")
    })?;
    let deleted = delete::by_filter(&app, &caller, filter, confirmed, body.purge).await?;
    let answer = DeleteByFilterResponse::Deleted { deleted: deleted.ids.len(), failed: deleted.failed };
    Ok((receipt_headers(&deleted)?, Json(answer)))
}
