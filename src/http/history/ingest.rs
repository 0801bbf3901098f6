//! Taking conversations in.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::clock::Micros;
use crate::error::Result;
use crate::history::Conversation;
use crate::history::import::{self, Role};
use crate::history::jobs;
use crate::history::ops::{self, Incoming, Outcome};
use crate::http::extract::{Auth, LargeBody, time};

/// A conversation to be taken in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IngestRequest {
    /// The conversation.
    conversation: IngestConversation,
    /// Where it is from.
    #[serde(default)]
    #[schema(pattern = r"^[a-zA-Z0-9\-_.]{1,100}$", nullable)]
    platform: Option<String>,
}

/// What was said.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IngestConversation {
    /// Its id at the platform.
    #[schema(min_length = 1, max_length = 500, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    id: String,
    /// Its title.
    #[serde(default)]
    title: Option<String>,
    /// When it began.
    #[serde(default, deserialize_with = "time")]
    #[schema(schema_with = crate::http::openapi::time_schema)]
    created_at: Option<Micros>,
    /// When it was last changed.
    #[serde(default, deserialize_with = "time")]
    #[schema(schema_with = crate::http::openapi::time_schema)]
    updated_at: Option<Micros>,
    /// The messages, in order. Those that are known already may be left out.
    messages: Vec<IngestMessage>,
}

/// A message.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IngestMessage {
    /// Its id at the platform.
    #[schema(min_length = 1, max_length = 500, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    id: String,
    /// Who says it.
    role: IngestRole,
    /// What is said.
    content: String,
    /// When.
    #[serde(default, deserialize_with = "time")]
    #[schema(schema_with = crate::http::openapi::time_schema)]
    created_at: Option<Micros>,
}

/// Who says something.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum IngestRole {
    /// The person.
    #[serde(alias = "user")]
    Human,
    /// The assistant.
    Assistant,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IngestResponse {
    /// Whether it was taken.
    queued: bool,
    /// The import that this and all that comes from the platform one by one is of.
    import_id: String,
    /// Its id here; none of one that was not taken in.
    conversation_id: Option<String>,
    /// Where it is from.
    platform: String,
    /// The conversation.
    conversation: IngestedBody,
}

/// The conversation as it is now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IngestedBody {
    /// Its id here; none of one that was not taken in.
    id: Option<String>,
    /// Its id at the platform.
    platform_conversation_id: String,
    /// Its title.
    title: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    updated_at: String,
    /// How many messages it has.
    message_count: i64,
    /// `completed`; `unchanged` where nothing was new; `rejected` where it is too long, `excluded`.
    status: &'static str,
}

/// Take a conversation in
///
/// One that is known by its platform and id gets what is new; messages that are
/// known and differ are replaced. It is found by the very next search.
#[utoipa::path(
    post, path = "/api/chat-history/ingest/custom-online", operation_id = "UploadChatHistory", tag = "history",
    request_body = IngestRequest,
    responses((status = 200, description = "Taken in", body = IngestResponse)),
)]
pub(in crate::http) async fn ingest(
    State(app): State<App>,
    Auth(caller): Auth,
    LargeBody(body): LargeBody<IngestRequest>,
) -> Result<Json<IngestResponse>> {
    let platform = body.platform.unwrap_or_else(|| "custom".to_owned());
    let IngestConversation { id, title, created_at, updated_at, messages } = body.conversation;
    let message = |message: IngestMessage| import::Message {
        id: message.id,
        role: match message.role {
            IngestRole::Human => Role::Human,
            IngestRole::Assistant => Role::Assistant,
        },
        text: message.content,
        created_at: message.created_at,
    };
    let messages = messages.into_iter().map(message).collect();
    let conversation = import::Conversation { id, title: title.unwrap_or_default(), created_at, updated_at, messages };
    let incoming = Incoming { platform, conversation, is_whole: false, import: None, is_automatic: false };
    let ingested = ops::ingest_online(&app, &caller, incoming).await?;
    let status = match ingested.outcome {
        Outcome::New | Outcome::Updated => "completed",
        Outcome::Unchanged => "unchanged",
        Outcome::TooLong => "rejected",
        Outcome::Excluded => "excluded",
    };
    // One that was refused is there only if it was before.
    let is_there = ingested.is_there();
    let Conversation { id, platform, platform_id, title, updated_at, message_count, .. } = ingested.conversation;
    Ok(Json(IngestResponse {
        queued: !matches!(ingested.outcome, Outcome::TooLong | Outcome::Excluded),
        import_id: jobs::online(&platform),
        conversation_id: is_there.then(|| id.clone()),
        platform,
        conversation: IngestedBody {
            id: is_there.then_some(id),
            platform_conversation_id: platform_id,
            title,
            updated_at: updated_at.rfc3339(),
            message_count,
            status,
        },
    }))
}
