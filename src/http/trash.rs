//! The trash and the receipts over HTTP.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::ErrorResponse;
use super::extract::{Auth, Body, Params, PathId};
use super::memories::receipt_headers;
use crate::app::App;
use crate::error::Result;
use crate::memory::trash::{self, Part, Trashed};
use crate::receipt::{self, Receipt};

/// Ids of memories in the trash.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrashIdsRequest {
    /// The ids. One that is named twice counts once.
    #[schema(max_items = 10_000)]
    memory_ids: Vec<String>,
}

/// How many were restored.
#[derive(Debug, Serialize, ToSchema)]
pub struct RestoreResponse {
    /// Memories that are back.
    restored: usize,
    /// Every other distinct id.
    failed: usize,
}

/// Restore memories from the trash, all in one transaction
#[utoipa::path(
    post, path = "/api/memories/restore", operation_id = "RestoreMemories", tag = "trash",
    request_body = TrashIdsRequest,
    responses((status = 200, description = "Counted and back", body = RestoreResponse)),
)]
pub(super) async fn restore(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(body): Body<TrashIdsRequest>,
) -> Result<Json<RestoreResponse>> {
    let (restored, failed) = trash::restore(&app, &caller, body.memory_ids).await?;
    Ok(Json(RestoreResponse { restored, failed }))
}

/// A memory in the trash.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrashItem {
    /// Its id.
    id: String,
    /// What was remembered.
    text: String,
    /// The bucket it was in.
    bucket_id: i64,
    /// That bucket's name at the time.
    bucket_name: String,
    /// The tool that stored it.
    source: Option<String>,
    /// When it was stored.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was deleted.
    #[schema(format = DateTime)]
    deleted_at: String,
    /// When it will be purged.
    #[schema(format = DateTime)]
    purge_at: String,
    /// The receipt of its deletion.
    receipt: String,
}

impl From<Trashed> for TrashItem {
    fn from(trashed: Trashed) -> Self {
        Self {
            id: trashed.id,
            text: trashed.text,
            bucket_id: trashed.bucket_id.0,
            bucket_name: trashed.bucket_name,
            source: trashed.source,
            created_at: trashed.created_at.rfc3339(),
            deleted_at: trashed.deleted_at.rfc3339(),
            purge_at: trashed.purge_at.rfc3339(),
            receipt: trashed.deletion_id,
        }
    }
}

/// A part of the trash.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrashResponse {
    /// Latest deletions first.
    memories: Vec<TrashItem>,
    /// How many the trash holds in all.
    total: i64,
}

/// List the trash
#[utoipa::path(
    get, path = "/api/trash", operation_id = "ListTrash", tag = "trash",
    params(
        ("count" = Option<i64>, Query, minimum = 1, description = "At most how many; 100 without it"),
        ("skip" = Option<i64>, Query, minimum = 0, description = "How many of the first to leave out"),
    ),
    responses((status = 200, description = "The trash", body = TrashResponse)),
)]
pub(super) async fn list(State(app): State<App>, Auth(caller): Auth, params: Params) -> Result<Json<TrashResponse>> {
    let (skip, count) = params.slice()?;
    let (memories, total) = trash::list(&app, &caller, skip, count).await?;
    Ok(Json(TrashResponse { memories: memories.into_iter().map(TrashItem::from).collect(), total }))
}

/// How many were purged.
#[derive(Debug, Serialize, ToSchema)]
pub struct PurgeResponse {
    /// Memories that are now beyond recovery.
    purged: usize,
    /// Every other distinct id.
    failed: usize,
}

/// Empty the trash
#[utoipa::path(
    delete, path = "/api/trash", operation_id = "EmptyTrash", tag = "trash",
    responses(
        (status = 200, description = "Purged", body = PurgeResponse,
            headers(("Deletion-Receipt" = String, description = "Id of the receipt"))),
    ),
)]
pub(super) async fn empty(
    State(app): State<App>,
    Auth(caller): Auth,
    params: Params,
) -> Result<(HeaderMap, Json<PurgeResponse>)> {
    params.no_dry_run()?;
    let purged = trash::purge(&app, &caller, Part::All, None).await?;
    Ok((receipt_headers(&purged)?, Json(PurgeResponse { purged: purged.ids.len(), failed: purged.failed })))
}

/// Purge some of the trash, all in one transaction
#[utoipa::path(
    post, path = "/api/trash/purge", operation_id = "PurgeTrash", tag = "trash",
    request_body = TrashIdsRequest,
    responses(
        (status = 200, description = "Purged", body = PurgeResponse,
            headers(("Deletion-Receipt" = String, description = "Id of the receipt"))),
    ),
)]
pub(super) async fn purge(
    State(app): State<App>,
    Auth(caller): Auth,
    params: Params,
    Body(body): Body<TrashIdsRequest>,
) -> Result<(HeaderMap, Json<PurgeResponse>)> {
    params.no_dry_run()?;
    let purged = trash::purge(&app, &caller, Part::Ids(body.memory_ids), None).await?;
    Ok((receipt_headers(&purged)?, Json(PurgeResponse { purged: purged.ids.len(), failed: purged.failed })))
}

/// What was deleted, by whom and when. It holds no memory text.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptBody {
    /// Its id.
    id: String,
    /// Which operation deleted.
    operation: String,
    /// The token that asked for it.
    token_name: String,
    /// How many memories were deleted.
    deleted: i64,
    /// How many of the ids asked for were not.
    failed: i64,
    /// How many of the deleted were restored since.
    restored: i64,
    /// How many of the deleted are purged by now.
    purged: i64,
    /// When.
    #[schema(format = DateTime)]
    created_at: String,
    /// When some of them were last purged.
    #[schema(format = DateTime)]
    purged_at: Option<String>,
    /// When the storage had nothing left of all that was purged until then.
    #[schema(format = DateTime)]
    erased_at: Option<String>,
    /// What `erasedAt` stands for on this server.
    erasure: ErasureKind,
}

/// What erasing means: on SQLite that the bytes are gone from the database file
/// and its log; on PostgreSQL that the rows are removed and their tables
/// vacuumed, the bytes being the database server's.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErasureKind {
    /// The bytes are overwritten.
    BytesOverwritten,
    /// The rows are removed and vacuumed.
    RowsVacuumed,
}

impl ReceiptBody {
    fn new(app: &App, receipt: Receipt) -> Self {
        Self {
            id: receipt.id,
            operation: receipt.operation,
            token_name: receipt.token_name,
            deleted: receipt.deleted,
            failed: receipt.failed,
            restored: receipt.restored,
            purged: receipt.purged,
            created_at: receipt.created_at.rfc3339(),
            purged_at: receipt.purged_at.map(crate::clock::Micros::rfc3339),
            erased_at: receipt.erased_at.map(crate::clock::Micros::rfc3339),
            erasure: if receipt::overwrites_bytes(app) {
                ErasureKind::BytesOverwritten
            } else {
                ErasureKind::RowsVacuumed
            },
        }
    }
}

/// A part of the receipts.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReceiptsResponse {
    /// Newest first.
    deletions: Vec<ReceiptBody>,
    /// How many there are.
    total: i64,
}

/// List the receipts of deletions
#[utoipa::path(
    get, path = "/api/deletions", operation_id = "ListDeletions", tag = "receipts",
    params(
        ("count" = Option<i64>, Query, minimum = 1, description = "At most how many; 100 without it"),
        ("skip" = Option<i64>, Query, minimum = 0, description = "How many of the first to leave out"),
    ),
    responses((status = 200, description = "The receipts", body = ReceiptsResponse)),
)]
pub(super) async fn receipts(
    State(app): State<App>,
    Auth(caller): Auth,
    params: Params,
) -> Result<Json<ReceiptsResponse>> {
    let (skip, count) = params.slice()?;
    let (receipts, total) = receipt::ops::list(&app, &caller, skip, count).await?;
    let deletions = receipts.into_iter().map(|receipt| ReceiptBody::new(&app, receipt)).collect();
    Ok(Json(ReceiptsResponse { deletions, total }))
}

/// A receipt with the proof of which memories it is about.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptDetails {
    /// The receipt.
    #[serde(flatten)]
    receipt: ReceiptBody,
    /// Hexadecimal; what was hashed before each id.
    id_salt: String,
    /// Hexadecimal, sorted: the first 16 bytes of SHA-256 over the salt and a deleted id.
    id_hashes: Vec<String>,
}

/// Get the receipt of a deletion
#[utoipa::path(
    get, path = "/api/deletions/{deletionId}", operation_id = "GetDeletion", tag = "receipts",
    params(("deletionId" = String, Path, pattern = "^del_[0-9a-f]{32}$", description = "The receipt's id")),
    responses(
        (status = 200, description = "The receipt", body = ReceiptDetails),
        (status = 404, description = "No such receipt", body = ErrorResponse),
    ),
)]
pub(super) async fn receipt(
    State(app): State<App>,
    Auth(caller): Auth,
    PathId(id): PathId,
) -> Result<Json<ReceiptDetails>> {
    let (receipt, proof) = receipt::ops::get(&app, &caller, &id).await?;
    Ok(Json(ReceiptDetails {
        receipt: ReceiptBody::new(&app, receipt),
        id_salt: hex::encode(proof.salt),
        id_hashes: proof.hashes.iter().map(hex::encode).collect(),
    }))
}
