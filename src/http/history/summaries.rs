//! Summaries of conversations.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::error::Result;
use crate::history::summary::{self, Summary};
use crate::http::error::ErrorResponse;
use crate::http::extract::{Auth, Body};

/// Of what.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SummaryRequest {
    /// The conversation's id.
    conversation_id: String,
}

/// A summary.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SummaryResponse {
    /// `completed`: what is answered is whole.
    status: &'static str,
    /// The summary, of 200 tokens at most: sentences of the conversation, a line each, or what a
    /// language model wrote.
    summary: String,
    /// The conversation's id.
    conversation_id: String,
    /// The model that wrote it; `extractive` for sentences of the conversation, with the reason in
    /// brackets where a model was asked.
    model: String,
}

/// Get the summary of a conversation
///
/// It is kept until the conversation changes.
#[utoipa::path(
    post, path = "/api/chat-history/summaries/get-or-generate", operation_id = "GetOrGenerateSummary", tag = "history",
    request_body = SummaryRequest,
    responses(
        (status = 200, description = "The summary", body = SummaryResponse),
        (status = 404, description = "No such conversation", body = ErrorResponse),
    ),
)]
pub(in crate::http) async fn get_or_generate(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(body): Body<SummaryRequest>,
) -> Result<Json<SummaryResponse>> {
    let Summary { conversation, text, writer } = summary::get_or_generate(&app, &caller, &body.conversation_id).await?;
    let model = writer.to_string();
    Ok(Json(SummaryResponse { status: "completed", summary: text, conversation_id: conversation, model }))
}
