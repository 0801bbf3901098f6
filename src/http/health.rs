//! How the server is doing: for load balancers, supervisors and Prometheus.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::Web;
use super::error::ErrorResponse;
use super::extract::Auth;
use crate::app::App;
use crate::auth::{self, Scope};
use crate::error::Result;

/// A state.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    status: HealthStatus,
}

/// Always `ok`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// Well.
    Ok,
}

/// Whether the process runs
#[utoipa::path(
    get, path = "/healthz", operation_id = "Health", tag = "operations", security(()),
    responses((status = 200, description = "It does", body = Health)),
)]
pub(super) async fn live() -> Json<Health> {
    Json(Health { status: HealthStatus::Ok })
}

/// Whether the server can serve: it reads from its storage
#[utoipa::path(
    get, path = "/readyz", operation_id = "Ready", tag = "operations", security(()),
    responses(
        (status = 200, description = "It can", body = Health),
        (status = 503, description = "It can't right now", body = ErrorResponse),
    ),
)]
pub(super) async fn ready(State(app): State<App>) -> Result<Json<Health>> {
    auth::ops::accounts(&app).await?;
    Ok(live().await)
}

/// Metrics in the Prometheus text format
#[utoipa::path(
    get, path = "/metrics", operation_id = "Metrics", tag = "operations",
    responses((status = 200, description = "The metrics", body = String, content_type = "text/plain")),
)]
pub(super) async fn metrics(State(web): State<Web>, Auth(caller): Auth) -> Result<Response> {
    caller.require(Scope::Admin)?;
    let text = web.metrics.encode()?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
