//! Deleting conversations, and their trash.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::conversations::up_to;
use super::platform;
use crate::app::App;
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::history::delete::{self, How, InTrash, To};
use crate::history::read::Which;
use crate::http::error::ErrorResponse;
use crate::http::extract::{Auth, Body, Params};
use crate::http::memories::receipt_headers;

/// The conversations to delete.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeleteChatsRequest {
    /// Their ids. One that is named twice counts once.
    #[schema(max_items = 10_000)]
    ids: Vec<String>,
    /// Also those that are pinned.
    #[serde(default)]
    include_pinned: bool,
    /// The same as the parameter `purge`.
    #[serde(default)]
    purge: bool,
    /// The same as the parameter `exclude`.
    #[serde(default)]
    exclude: bool,
}

/// Which were deleted.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeleteChatsResponse {
    /// The ids of conversations that existed, were the caller's, and are now gone.
    deleted: Vec<String>,
    /// How many.
    count: usize,
    /// Every other distinct id.
    failed: usize,
    /// Those of the failed that were kept because they are pinned.
    pinned: Vec<String>,
}

fn to(exclude: bool, purge: bool) -> To {
    match (exclude, purge) {
        (true, _) => To::Exclusion,
        (false, true) => To::Nothing,
        (false, false) => To::Trash,
    }
}

/// Delete conversations, all in one transaction
#[utoipa::path(
    delete, path = "/api/chat-history/chats", operation_id = "DeleteConversations", tag = "history",
    params(
        ("purge" = Option<bool>, Query, description = "Beyond recovery, instead of to the trash"),
        ("exclude" = Option<bool>, Query,
            description = "Beyond recovery, those in the trash too, and never taken in again"),
    ),
    request_body = DeleteChatsRequest,
    responses(
        (status = 200, description = "Counted and gone", body = DeleteChatsResponse,
            headers(("Deletion-Receipt" = String, description = "Id of the receipt"))),
    ),
)]
pub(in crate::http) async fn delete_chats(
    State(app): State<App>,
    Auth(caller): Auth,
    params: Params,
    Body(body): Body<DeleteChatsRequest>,
) -> Result<(HeaderMap, Json<DeleteChatsResponse>)> {
    params.no_dry_run()?;
    let (exclude, purge) = (params.truth("exclude")? || body.exclude, params.truth("purge")? || body.purge);
    let how = How { to: to(exclude, purge), pinned_too: body.include_pinned };
    let outcome = delete::delete(&app, &caller, body.ids, how).await?;
    let headers = receipt_headers(&outcome.deleted)?;
    let (count, failed) = (outcome.deleted.ids.len(), outcome.deleted.failed);
    let answer = DeleteChatsResponse { deleted: outcome.deleted.ids, count, failed, pinned: outcome.pinned };
    Ok((headers, Json(answer)))
}

/// Which conversations to delete: those that meet every condition.
#[expect(clippy::struct_excessive_bools, reason = "they are fields of the request")]
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(examples(json!({"provider": "chatgpt", "dateTo": "2025-12-31", "dryRun": true})))]
pub struct DeleteChatsByFilterRequest {
    /// Of this platform.
    #[serde(default)]
    provider: Option<String>,
    /// With this in the title.
    #[serde(default)]
    title: Option<String>,
    /// Begun at or after this time or date.
    #[serde(default)]
    #[schema(schema_with = crate::http::openapi::time_schema)]
    date_from: Option<String>,
    /// Begun at or before this time or date.
    #[serde(default)]
    #[schema(schema_with = crate::http::openapi::time_schema)]
    date_to: Option<String>,
    /// Last changed by this import.
    #[serde(default)]
    import_id: Option<String>,
    /// Every conversation there is; instead of conditions.
    #[serde(default)]
    all: bool,
    /// Also those that are pinned.
    #[serde(default)]
    include_pinned: bool,
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
    /// Beyond recovery, and never taken in again.
    #[serde(default)]
    exclude: bool,
}

/// What a filter matched or deleted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum DeleteChatsByFilterResponse {
    /// Of a dry run.
    #[serde(rename_all = "camelCase")]
    Preview {
        /// How many conversations match.
        matched: usize,
        /// Their ids.
        ids: Vec<String>,
        /// Sent with the same filter, it deletes exactly these.
        confirmation_token: String,
    },
    /// Of the deletion.
    Deleted {
        /// Conversations that are now gone.
        deleted: usize,
        /// Always 0.
        failed: usize,
    },
}

fn time(name: &str, written: Option<&str>) -> Result<Option<Micros>> {
    let Some(text) = written else { return Ok(None) };
    let wrong = || Error::invalid(format!("'{name}' is a time such as 2026-07-26T10:00:00Z, or a date."));
    Micros::parse(text.trim()).ok_or_else(wrong).map(Some)
}

/// Delete conversations by a filter, in two steps
///
/// First with `dryRun: true`; then the same filter with the `confirmationToken`
/// of the answer, and with `purge` or `exclude` if they are to be beyond recovery.
/// Where other conversations match by then, or one has changed, nothing is deleted
/// and the answer is 409.
#[utoipa::path(
    post, path = "/api/chat-history/delete-by-filter", operation_id = "DeleteConversationsByFilter", tag = "history",
    request_body = DeleteChatsByFilterRequest,
    responses(
        (status = 200, description = "Previewed or deleted", body = DeleteChatsByFilterResponse,
            headers(("Deletion-Receipt" = String, description = "Id of the receipt; not for a dry run"))),
        (status = 409, description = "The filter matches something else by now", body = ErrorResponse),
    ),
)]
pub(in crate::http) async fn delete_by_filter(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(body): Body<DeleteChatsByFilterRequest>,
) -> Result<(HeaderMap, Json<DeleteChatsByFilterResponse>)> {
    let which = Which {
        platform: platform(body.provider),
        title: body.title.filter(|title| !title.is_empty()),
        from: time("dateFrom", body.date_from.as_deref())?,
        to: up_to(body.date_to.as_deref(), time("dateTo", body.date_to.as_deref())?),
        is_pinned: false,
        import: body.import_id.filter(|import| !import.is_empty()),
    };
    let Which { platform, title, from, to: until, import, .. } = &which;
    if (platform.is_some() || title.is_some() || from.is_some() || until.is_some() || import.is_some()) == body.all {
        return Err(Error::invalid(
            "Give at least one of provider, title, dateFrom, dateTo and importId, or else 'all': true for every \
             conversation.",
        ));
    }
    let how = How { to: to(body.exclude, body.purge), pinned_too: body.include_pinned };
    if body.dry_run {
        let preview = delete::preview(&app, &caller, which, how).await?;
        let answer = DeleteChatsByFilterResponse::Preview {
            matched: preview.ids.len(),
            ids: preview.ids,
            confirmation_token: preview.confirmation,
        };
        return Ok((HeaderMap::new(), Json(answer)));
    }
    let confirmed = body.confirmation_token.ok_or_else(|| {
        Error::invalid("Send the filter with 'dryRun': true first, then with the confirmationToken of the answer.")
    })?;
    let deleted = delete::delete_where(&app, &caller, which, how, confirmed).await?.deleted;
    let answer = DeleteChatsByFilterResponse::Deleted { deleted: deleted.ids.len(), failed: deleted.failed };
    Ok((receipt_headers(&deleted)?, Json(answer)))
}

/// Ids of conversations in the trash.
#[derive(Debug, Deserialize, ToSchema)]
pub struct TrashedChatsRequest {
    /// The ids. One that is named twice counts once.
    #[schema(max_items = 10_000)]
    ids: Vec<String>,
}

/// A conversation in the trash.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrashedChat {
    /// Its id.
    id: String,
    /// Its title.
    title: String,
    /// Where it is from.
    platform: String,
    /// When it began.
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

impl From<InTrash> for TrashedChat {
    fn from(trashed: InTrash) -> Self {
        Self {
            id: trashed.id,
            title: trashed.title,
            platform: trashed.platform,
            created_at: trashed.created_at.rfc3339(),
            deleted_at: trashed.deleted_at.rfc3339(),
            purge_at: trashed.purge_at.rfc3339(),
            receipt: trashed.deletion_id,
        }
    }
}

/// A part of the trash.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrashedChatsResponse {
    /// Latest deletions first.
    conversations: Vec<TrashedChat>,
    /// How many the trash holds in all.
    total: i64,
}

/// List the conversations in the trash
#[utoipa::path(
    get, path = "/api/chat-history/trash", operation_id = "ListTrashedConversations", tag = "history",
    params(
        ("count" = Option<i64>, Query, minimum = 1, description = "At most how many; 100 without it"),
        ("skip" = Option<i64>, Query, minimum = 0, description = "How many of the first to leave out"),
    ),
    responses((status = 200, description = "The trash", body = TrashedChatsResponse)),
)]
pub(in crate::http) async fn trash(
    State(app): State<App>,
    Auth(caller): Auth,
    params: Params,
) -> Result<Json<TrashedChatsResponse>> {
    let (skip, count) = params.slice()?;
    let (conversations, total) = delete::trash(&app, &caller, skip, count).await?;
    Ok(Json(TrashedChatsResponse { conversations: conversations.into_iter().map(TrashedChat::from).collect(), total }))
}

/// How many were restored.
#[derive(Debug, Serialize, ToSchema)]
pub struct RestoreChatsResponse {
    /// Conversations that are back.
    restored: usize,
    /// Every other distinct id; also of those that were taken in again meanwhile.
    failed: usize,
}

/// Restore conversations from the trash, all in one transaction
#[utoipa::path(
    post, path = "/api/chat-history/restore", operation_id = "RestoreConversations", tag = "history",
    request_body = TrashedChatsRequest,
    responses((status = 200, description = "Counted and back", body = RestoreChatsResponse)),
)]
pub(in crate::http) async fn restore(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(body): Body<TrashedChatsRequest>,
) -> Result<Json<RestoreChatsResponse>> {
    let (restored, failed) = delete::restore(&app, &caller, body.ids).await?;
    Ok(Json(RestoreChatsResponse { restored, failed }))
}

/// How many were purged.
#[derive(Debug, Serialize, ToSchema)]
pub struct PurgeChatsResponse {
    /// Conversations that are now beyond recovery.
    purged: usize,
    /// Every other distinct id.
    failed: usize,
}

/// Purge some of the conversations in the trash, all in one transaction
#[utoipa::path(
    post, path = "/api/chat-history/trash/purge", operation_id = "PurgeTrashedConversations", tag = "history",
    request_body = TrashedChatsRequest,
    responses(
        (status = 200, description = "Purged", body = PurgeChatsResponse,
            headers(("Deletion-Receipt" = String, description = "Id of the receipt"))),
    ),
)]
pub(in crate::http) async fn purge(
    State(app): State<App>,
    Auth(caller): Auth,
    params: Params,
    Body(body): Body<TrashedChatsRequest>,
) -> Result<(HeaderMap, Json<PurgeChatsResponse>)> {
    params.no_dry_run()?;
    let purged = delete::purge(&app, &caller, Some(body.ids), None).await?;
    Ok((receipt_headers(&purged)?, Json(PurgeChatsResponse { purged: purged.ids.len(), failed: purged.failed })))
}

/// Purge all conversations in the trash
#[utoipa::path(
    delete, path = "/api/chat-history/trash", operation_id = "EmptyTrashOfConversations", tag = "history",
    responses(
        (status = 200, description = "Purged", body = PurgeChatsResponse,
            headers(("Deletion-Receipt" = String, description = "Id of the receipt"))),
    ),
)]
pub(in crate::http) async fn empty(
    State(app): State<App>,
    Auth(caller): Auth,
    params: Params,
) -> Result<(HeaderMap, Json<PurgeChatsResponse>)> {
    params.no_dry_run()?;
    let purged = delete::purge(&app, &caller, None, None).await?;
    Ok((receipt_headers(&purged)?, Json(PurgeChatsResponse { purged: purged.ids.len(), failed: purged.failed })))
}
