//! Finding what was said.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::platform;
use crate::app::App;
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::history::Message;
use crate::history::find::{self, Within};
use crate::http::extract::{Auth, Body, time, whole};
use crate::http::search::lack_header;

/// What to look for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchRequest {
    /// What to look for.
    query: String,
    /// At most how many passages; 20 without it.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 100, nullable)]
    limit: Option<i64>,
    /// Only of this platform; `all` for any.
    #[serde(default)]
    provider: Option<String>,
    /// How many messages around each; 4 without it.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 0, maximum = 20, nullable)]
    context_chunks: Option<i64>,
    /// Leaves the order to the search. Else a language model, where the server has one, orders the
    /// first twenty passages.
    #[serde(default)]
    skip_rerank: Option<bool>,
    /// Said at or after.
    #[serde(default, deserialize_with = "time")]
    #[schema(schema_with = crate::http::openapi::time_schema)]
    after: Option<Micros>,
    /// Said before.
    #[serde(default, deserialize_with = "time")]
    #[schema(schema_with = crate::http::openapi::time_schema)]
    before: Option<Micros>,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchResponse {
    /// The passages, best first.
    results: Vec<SearchResult>,
    /// How many there are in this answer.
    total_results: usize,
    /// What was asked for.
    query: String,
    /// The platform that was asked for.
    provider: String,
    /// Milliseconds.
    processing_time: u64,
}

/// A passage.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchResult {
    /// The conversation's id.
    conversation_id: String,
    /// The conversation's title.
    title: String,
    /// What was said.
    text: String,
    /// How well it fits, 0 to 1.
    score: f32,
    /// When.
    #[schema(format = DateTime)]
    timestamp: String,
    /// Who said it.
    sender: &'static str,
    /// The messages around it.
    context: Vec<ContextBody>,
}

/// A message.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContextBody {
    /// What was said.
    text: String,
    /// Who said it.
    sender: &'static str,
    /// When.
    #[schema(format = DateTime)]
    timestamp: Option<String>,
}

impl From<Message> for ContextBody {
    fn from(message: Message) -> Self {
        Self { text: message.text, sender: message.role.name(), timestamp: message.created_at.map(Micros::rfc3339) }
    }
}

/// Find what was said
#[utoipa::path(
    post, path = "/api/chat-history/search", operation_id = "SearchChatHistory", tag = "history",
    request_body = SearchRequest,
    responses((status = 200, description = "What was found", body = SearchResponse,
        headers(("Search-Lacks" = String, description = "What the answer lacks, if anything")))),
)]
pub(in crate::http) async fn search(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(body): Body<SearchRequest>,
) -> Result<(HeaderMap, Json<SearchResponse>)> {
    let begun = app.clock.now();
    let limit = body.limit.unwrap_or(20);
    let around = body.context_chunks.unwrap_or(4);
    if !(1..=100).contains(&limit) || !(0..=20).contains(&around) {
        return Err(Error::invalid("'limit' is 1 to 100, 'contextChunks' 0 to 20."));
    }
    let around = usize::try_from(around).unwrap_or(0);
    let provider = body.provider.clone().unwrap_or_else(|| "all".to_owned());
    let within = Within { platform: platform(body.provider), after: body.after, before: body.before };
    let found = if body.skip_rerank == Some(true) {
        find::find(&app, &caller, &body.query, within, limit, around).await?
    } else {
        find::find_ordered(&app, &caller, &body.query, within, limit, around).await?
    };
    let result = |hit: find::Hit| {
        let first = hit.messages.first();
        let text: Vec<&str> = hit.messages.iter().map(|message| message.text.as_str()).collect();
        SearchResult {
            text: text.join("\n"),
            score: hit.score,
            timestamp: first.and_then(|m| m.created_at).unwrap_or(hit.conversation.created_at).rfc3339(),
            sender: first.map_or("human", |message| message.role.name()),
            conversation_id: hit.conversation.id,
            title: hit.conversation.title,
            context: hit.around.into_iter().map(ContextBody::from).collect(),
        }
    };
    let results: Vec<SearchResult> = found.hits.into_iter().map(result).collect();
    let answer = SearchResponse {
        total_results: results.len(),
        results,
        query: body.query,
        provider,
        processing_time: u64::try_from((app.clock.now().0 - begun.0) / 1000).unwrap_or(0),
    };
    Ok((lack_header(&found.lacks)?, Json(answer)))
}
