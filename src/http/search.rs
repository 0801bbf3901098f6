//! How searching is doing, over HTTP.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::Auth;
use crate::app::App;
use crate::error::Result;
use crate::search;

/// How the account's memories are embedded.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchState {
    /// The model whose embeddings are searched.
    embedder: String,
    /// Memories there are.
    memories: i64,
    /// Memories that are embedded; searches find the others by their words only.
    embedded: i64,
    /// Why the embedding server could not be asked when that was last tried, if it could not.
    failure: Option<String>,
}

/// How far memories are embedded, and how the embedder is doing
#[utoipa::path(
    get, path = "/api/search/state", operation_id = "SearchState", tag = "memories",
    responses((status = 200, description = "The state", body = SearchState)),
)]
pub(super) async fn state(State(app): State<App>, Auth(caller): Auth) -> Result<Json<SearchState>> {
    let search::State { space, memories, embedded, failure } = search::state(&app, &caller).await?;
    Ok(Json(SearchState { embedder: space, memories, embedded, failure }))
}
