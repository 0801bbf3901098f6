//! Exporting a conversation, and links to it.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::error::{Error, Result};
use crate::history::export::{self, Form};
use crate::history::{Conversation, Message, read};
use crate::http::error::ErrorResponse;
use crate::http::extract::{Auth, Base, Body, Params, PathId};

/// Form of a conversation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "describes a parameter that is read as text")]
pub enum ChatFormParam {
    /// JSON.
    Json,
    /// Markdown.
    Markdown,
}

/// Export a conversation
#[utoipa::path(
    get, path = "/api/chat-history/export", operation_id = "ExportConversation", tag = "history",
    params(
        ("conversationId" = String, Query, pattern = "^conv_[0-9a-f]{32}$", description = "The conversation's id"),
        ("format" = Option<ChatFormParam>, Query, description = "json without it"),
    ),
    responses(
        (status = 200, description = "The conversation", content(
            (serde_json::Value = "application/json"), (String = "text/markdown"),
        )),
        (status = 404, description = "No such conversation", body = ErrorResponse),
    ),
)]
pub(in crate::http) async fn export(
    State(app): State<App>,
    Auth(caller): Auth,
    params: Params,
) -> Result<Response<String>> {
    let id =
        params.text("conversationId").ok_or_else(|| Error::invalid("The parameter 'conversationId' is missing."))?;
    let form = Form::named(params.text("format").unwrap_or("json"))?;
    let (conversation, messages) = read::get(&app, &caller, id).await?;
    written(form, &conversation, &messages)
}

fn written(form: Form, conversation: &Conversation, messages: &[Message]) -> Result<Response<String>> {
    let (kind, extension) = form.file();
    let mut response = Response::new(export::write(form, conversation, messages)?);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let disposition = format!("attachment; filename=\"{}.{extension}\"", conversation.id);
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_str(&disposition).map_err(Error::internal)?);
    // What is under a link must be gone with it.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The conversation to make a link to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinkRequest {
    /// Its id.
    conversation_id: String,
}

/// A link.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinkResponse {
    /// Where the conversation can be read, without a token.
    url: String,
    /// Until when.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// Make a link to a conversation that needs no token, for 15 minutes
#[utoipa::path(
    post, path = "/api/chat-history/export", operation_id = "LinkConversation", tag = "history",
    request_body = LinkRequest,
    responses(
        (status = 200, description = "The link", body = LinkResponse),
        (status = 404, description = "No such conversation", body = ErrorResponse),
    ),
)]
pub(in crate::http) async fn link(
    State(app): State<App>,
    Auth(caller): Auth,
    Base(base): Base,
    Body(body): Body<LinkRequest>,
) -> Result<Json<LinkResponse>> {
    let (token, expires_at) = export::link(&app, &caller, &body.conversation_id).await?;
    let url = format!("{base}{}", export::path(&token));
    Ok(Json(LinkResponse { url, expires_at: expires_at.rfc3339() }))
}

/// Read what a link leads to
#[utoipa::path(
    get, path = "/api/chat-history/links/{token}", operation_id = "FollowLink", tag = "history", security(()),
    params(
        ("token" = String, Path, description = "The link's token"),
        ("format" = Option<ChatFormParam>, Query, description = "json without it"),
    ),
    responses(
        (status = 200, description = "The conversation", content(
            (serde_json::Value = "application/json"), (String = "text/markdown"),
        )),
        (status = 400, description = "There is no such format", body = ErrorResponse),
        (status = 404, description = "The link has ended", body = ErrorResponse),
    ),
)]
pub(in crate::http) async fn follow(
    State(app): State<App>,
    PathId(token): PathId,
    params: Params,
) -> Result<Response<String>> {
    let form = Form::named(params.text("format").unwrap_or("json"))?;
    let (conversation, messages) = export::follow(&app, &token).await?;
    written(form, &conversation, &messages)
}
