//! The Model Context Protocol: what an AI client's model can do here.
//!
//! The transport and the protocol are rmcp's. This face adds who may use it
//! ([`guard`]) and what there is to use ([`tools`]). The server keeps no session:
//! each request carries all that it needs, so that any node can answer it and a
//! restart loses nothing.

mod guard;
pub mod proxy;
mod tools;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use rmcp::ServerHandler;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

use crate::address::{Addresses, MCP_PATH};
use crate::app::App;
use guard::Guard;

pub use tools::Tools;

/// How an MCP endpoint is served.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The values of the header `Host` that are answered; without a port, with any.
    pub hosts: Vec<String>,
    /// The values of the header `Origin` that are answered, each with its port.
    pub origins: Vec<String>,
    /// Largest request, in bytes.
    pub max_body_bytes: usize,
    /// Whether clients of the revisions before 2026-07-28 get sessions, which a
    /// server that asks its client something needs. This one does not.
    pub sessions: bool,
}

/// An MCP endpoint at `path`, answered by handlers that `handler` makes, one for
/// each request or session.
pub fn endpoint<H: ServerHandler>(
    path: &str,
    settings: Endpoint,
    handler: impl Fn() -> H + Send + Sync + 'static,
) -> Router {
    let config = StreamableHttpServerConfig::default()
        .with_allowed_hosts(settings.hosts)
        .with_allowed_origins(settings.origins)
        .enforce_origin_validation()
        .with_max_request_body_bytes(settings.max_body_bytes)
        .with_legacy_session_mode(settings.sessions)
        .with_json_response(!settings.sessions);
    let service = StreamableHttpService::new(move || Ok(handler()), LocalSessionManager::default().into(), config);
    Router::new().route_service(path, service).layer(from_fn(guard::as_json))
}

/// The MCP endpoint of this server, for those with an API token or a grant.
pub fn router(app: App, addresses: Arc<Addresses>) -> Router {
    let settings = Endpoint {
        hosts: addresses.hosts().to_vec(),
        origins: addresses.origins().to_vec(),
        max_body_bytes: app.config.max_body_bytes,
        sessions: false,
    };
    let tools = Tools::for_callers(app.clone());
    let guard = Guard::new(app, addresses);
    endpoint(MCP_PATH, settings, move || tools.clone())
        .layer(from_fn_with_state(guard, guard::admit))
        .route("/api/mcp/sse", axum::routing::any(guard::old_transport))
}
