//! Listing, pinning and reading conversations.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::platform;
use crate::app::App;
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::history::read::{self, Which};
use crate::history::{Conversation, Message};
use crate::http::error::ErrorResponse;
use crate::http::extract::{Auth, Body, Params};

/// A conversation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChatBody {
    /// Its id.
    id: String,
    /// Its title.
    title: String,
    /// Where it is from.
    platform: String,
    /// How many messages it has.
    message_count: i64,
    /// How many tokens they have.
    token_count: i64,
    /// When it began.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    updated_at: String,
    /// Whether it is pinned.
    pinned: bool,
}

impl From<Conversation> for ChatBody {
    fn from(conversation: Conversation) -> Self {
        Self {
            id: conversation.id,
            title: conversation.title,
            platform: conversation.platform,
            message_count: conversation.message_count,
            token_count: conversation.token_count,
            created_at: conversation.created_at.rfc3339(),
            updated_at: conversation.updated_at.rfc3339(),
            pinned: conversation.is_pinned,
        }
    }
}

/// A page of conversations.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChatsResponse {
    /// Latest changed first.
    items: Vec<ChatBody>,
    /// From 1.
    page: i64,
    /// How many to a page.
    page_size: i64,
    /// How many conversations there are.
    total: i64,
    /// How many pages.
    total_pages: i64,
}

/// The first moment after a last one; a date stands for all of its day.
pub(super) fn up_to(written: Option<&str>, last: Option<Micros>) -> Option<Micros> {
    let is_date = written.is_some_and(|text| text.trim().len() == "2026-07-26".len());
    last.map(|last| if is_date { last.plus_days(1) } else { Micros(last.0.saturating_add(1)) })
}

/// List conversations
#[utoipa::path(
    get, path = "/api/chat-history/chats", operation_id = "ListConversations", tag = "history",
    params(
        ("page" = Option<i64>, Query, minimum = 1, description = "From 1"),
        ("pageSize" = Option<i64>, Query, minimum = 1, description = "25 without it, 100 at most"),
        ("provider" = Option<String>, Query, description = "Only of this platform; all for any"),
        ("title" = Option<String>, Query, description = "With this in the title"),
        ("dateFrom" = Option<crate::http::openapi::TimeParam>, Query, description = "Begun at or after"),
        ("dateTo" = Option<crate::http::openapi::TimeParam>, Query, description = "Begun at or before"),
        ("importId" = Option<String>, Query, description = "Last changed by this import"),
        ("pinnedOnly" = Option<bool>, Query, description = "Only pinned ones"),
    ),
    responses((status = 200, description = "The page", body = ChatsResponse)),
)]
pub(in crate::http) async fn chats(
    State(app): State<App>,
    Auth(caller): Auth,
    params: Params,
) -> Result<Json<ChatsResponse>> {
    let page = params.number("page", 1)?.unwrap_or(1);
    let page_size = params.number("pageSize", 1)?.unwrap_or(25).min(100);
    let which = Which {
        platform: platform(params.text("provider").map(str::to_owned)),
        title: params.text("title").map(str::to_owned),
        from: params.time("dateFrom")?,
        to: up_to(params.text("dateTo"), params.time("dateTo")?),
        is_pinned: params.truth("pinnedOnly")?,
        import: params.text("importId").map(str::to_owned),
    };
    let (items, total) = read::list(&app, &caller, which, (page - 1).saturating_mul(page_size), page_size).await?;
    let items = items.into_iter().map(ChatBody::from).collect();
    Ok(Json(ChatsResponse { items, page, page_size, total, total_pages: (total + page_size - 1) / page_size }))
}

/// Which conversations to pin or to let go.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PinRequest {
    /// Their ids. One that is named twice counts once.
    #[schema(max_items = 10_000)]
    ids: Vec<String>,
    /// Whether they are pinned from now on.
    pinned: bool,
}

/// How many there were.
#[derive(Debug, Serialize, ToSchema)]
pub struct PinResponse {
    /// Conversations that are as asked for.
    updated: usize,
    /// Every other distinct id.
    failed: usize,
}

/// Pin conversations, so that they are kept where many are deleted
#[utoipa::path(
    patch, path = "/api/chat-history/chats", operation_id = "PinConversations", tag = "history",
    request_body = PinRequest,
    responses((status = 200, description = "Pinned or let go", body = PinResponse)),
)]
pub(in crate::http) async fn pin(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(body): Body<PinRequest>,
) -> Result<Json<PinResponse>> {
    let (updated, failed) = read::pin(&app, &caller, body.ids, body.pinned).await?;
    Ok(Json(PinResponse { updated, failed }))
}

/// A conversation with what was said in it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationResponse {
    /// Its id.
    id: String,
    /// Its title.
    title: String,
    /// The messages, in order.
    messages: Vec<MessageBody>,
    /// How many.
    total: usize,
    /// Its id at its platform.
    platform_conversation_id: String,
    /// Its platform.
    source_id: String,
    /// How many tokens the messages have.
    token_count: i64,
}

/// A message.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessageBody {
    /// Its place, from 0.
    message_index: usize,
    /// Who said it.
    sender: &'static str,
    /// What was said.
    text: String,
    /// When.
    #[schema(format = DateTime)]
    timestamp: Option<String>,
}

/// Get a conversation with its messages
#[utoipa::path(
    get, path = "/api/chat-history/conversation", operation_id = "GetConversation", tag = "history",
    params(("conversationId" = String, Query, pattern = "^conv_[0-9a-f]{32}$", description = "The conversation's id")),
    responses(
        (status = 200, description = "The conversation", body = ConversationResponse),
        (status = 404, description = "No such conversation", body = ErrorResponse),
    ),
)]
pub(in crate::http) async fn conversation(
    State(app): State<App>,
    Auth(caller): Auth,
    params: Params,
) -> Result<Json<ConversationResponse>> {
    let id =
        params.text("conversationId").ok_or_else(|| Error::invalid("The parameter 'conversationId' is missing."))?;
    let (conversation, messages) = read::get(&app, &caller, id).await?;
    let message = |(message_index, message): (usize, Message)| MessageBody {
        message_index,
        sender: message.role.name(),
        text: message.text,
        timestamp: message.created_at.map(Micros::rfc3339),
    };
    Ok(Json(ConversationResponse {
        id: conversation.id,
        title: conversation.title,
        total: messages.len(),
        messages: messages.into_iter().enumerate().map(message).collect(),
        platform_conversation_id: conversation.platform_id,
        source_id: conversation.platform,
        token_count: conversation.token_count,
    }))
}

/// How many there are.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountResponse {
    /// Conversations.
    count: i64,
}

/// Count conversations
#[utoipa::path(
    get, path = "/api/chat-history/count", operation_id = "CountConversations", tag = "history",
    responses((status = 200, description = "How many", body = CountResponse)),
)]
pub(in crate::http) async fn count(State(app): State<App>, Auth(caller): Auth) -> Result<Json<CountResponse>> {
    Ok(Json(CountResponse { count: read::count(&app, &caller).await? }))
}
