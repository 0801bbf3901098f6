//! What was allowed to OAuth clients, over HTTP.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ErrorResponse;
use super::extract::{Auth, PathId};
use crate::app::App;
use crate::auth::oauth::{Grant, spaced, tokens};
use crate::error::Result;

/// What was allowed to a client.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrantBody {
    /// Its id.
    id: String,
    /// The client's id.
    client_id: String,
    /// What the client calls itself.
    client_name: String,
    /// What it may do: read, write, with a space between.
    scope: String,
    /// What its tokens are for.
    resource: String,
    /// When it was allowed.
    #[schema(format = DateTime)]
    created_at: String,
    /// When the client last used it, to the minute.
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
}

impl From<Grant> for GrantBody {
    fn from(grant: Grant) -> Self {
        Self {
            id: grant.id,
            client_id: grant.client_id,
            client_name: grant.client_name,
            scope: spaced(&grant.scopes),
            resource: grant.resource,
            created_at: grant.created_at.rfc3339(),
            last_used_at: grant.last_used_at.map(crate::clock::Micros::rfc3339),
        }
    }
}

/// All grants.
#[derive(Debug, Serialize, ToSchema)]
pub struct GrantsResponse {
    /// Oldest first.
    grants: Vec<GrantBody>,
}

/// List what was allowed to OAuth clients
#[utoipa::path(
    get, path = "/api/grants", operation_id = "ListGrants", tag = "access",
    responses((status = 200, description = "The grants", body = GrantsResponse)),
)]
pub(super) async fn list(State(app): State<App>, Auth(caller): Auth) -> Result<Json<GrantsResponse>> {
    let grants = tokens::grants(&app, &caller).await?;
    Ok(Json(GrantsResponse { grants: grants.into_iter().map(GrantBody::from).collect() }))
}

/// Confirms that a grant ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndGrantResponse {
    /// Always the same.
    message: GrantEndedMessage,
}

/// Always the same.
#[derive(Debug, Serialize, ToSchema)]
pub enum GrantEndedMessage {
    /// Ended.
    #[serde(rename = "Grant ended")]
    Ended,
}

/// End what was allowed to an OAuth client, at once
#[utoipa::path(
    delete, path = "/api/grants/{grantId}", operation_id = "EndGrant", tag = "access",
    params(("grantId" = String, Path, pattern = "^grant_[0-9a-f]{32}$", description = "The grant's id")),
    responses(
        (status = 200, description = "Ended", body = EndGrantResponse),
        (status = 404, description = "No such grant", body = ErrorResponse),
    ),
)]
pub(super) async fn end(
    State(app): State<App>,
    Auth(caller): Auth,
    PathId(id): PathId,
) -> Result<Json<EndGrantResponse>> {
    tokens::end_grant(&app, &caller, &id).await?;
    Ok(Json(EndGrantResponse { message: GrantEndedMessage::Ended }))
}
