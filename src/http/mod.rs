//! The REST API: every route on this page, each handler one call of an
//! operation with the translation around it.

mod buckets;
mod docs;
mod error;
mod extract;
mod grants;
mod health;
mod history;
mod memories;
mod metrics;
mod oauth;
pub mod openapi;
mod search;
mod serve;
mod transfer;
mod trash;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{FromRef, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{Any, CorsLayer};
use tracing::Instrument;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::address::{Addresses, MCP_PATH};
use crate::app::App;
use crate::error::{Error, Result};
use crate::id;
use metrics::Metrics;

pub use serve::serve;

/// What handlers share beside the [`App`].
#[derive(Debug, Clone)]
struct Web {
    app: App,
    addresses: Arc<Addresses>,
    metrics: Arc<Metrics>,
    slots: Arc<tokio::sync::Semaphore>,
    /// The description of the API, and the page made from it.
    openapi: Arc<str>,
    page: Arc<str>,
}

impl FromRef<Web> for App {
    fn from_ref(web: &Web) -> Self {
        web.app.clone()
    }
}

impl FromRef<Web> for Arc<Addresses> {
    fn from_ref(web: &Web) -> Self {
        Self::clone(&web.addresses)
    }
}

/// Every operation that the description of the API has.
fn described() -> OpenApiRouter<Web> {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(memories::create, search::list))
        .routes(routes!(memories::create_v2, search::list_v2))
        .routes(routes!(memories::update))
        .routes(routes!(memories::bulk_delete))
        .routes(routes!(memories::delete_by_filter))
        .routes(routes!(trash::restore))
        .routes(routes!(memories::get, memories::delete_one))
        .routes(routes!(buckets::list, buckets::create))
        .routes(routes!(buckets::update, buckets::delete))
        .routes(routes!(trash::list, trash::empty))
        .routes(routes!(trash::purge))
        .routes(routes!(trash::receipts))
        .routes(routes!(trash::receipt))
        .routes(routes!(history::ingest::ingest))
        .routes(routes!(history::search::search))
        .routes(routes!(history::recall::inject))
        .routes(routes!(history::conversations::chats, history::conversations::pin, history::deleting::delete_chats))
        .routes(routes!(history::deleting::delete_by_filter))
        .routes(routes!(history::deleting::trash, history::deleting::empty))
        .routes(routes!(history::deleting::restore))
        .routes(routes!(history::deleting::purge))
        .routes(routes!(history::export::export, history::export::link))
        .routes(routes!(history::export::follow))
        .routes(routes!(history::imports::upload))
        .routes(routes!(history::imports::list))
        .routes(routes!(history::imports::get))
        .routes(routes!(history::imports::cancel))
        .routes(routes!(history::imports::follow))
        .routes(routes!(history::summaries::get_or_generate))
        .routes(routes!(history::conversations::conversation))
        .routes(routes!(history::conversations::count))
        .routes(routes!(grants::list))
        .routes(routes!(grants::end))
        .routes(routes!(transfer::export))
        .routes(routes!(transfer::import))
        .routes(routes!(search::state))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
}

/// The protocol endpoints of OAuth, which its documents describe.
fn protocol() -> Router<Web> {
    let resource = "/.well-known/oauth-protected-resource";
    Router::new()
        .route(resource, get(oauth::server_resource))
        .route(&format!("{resource}{MCP_PATH}"), get(oauth::mcp_resource))
        .route("/.well-known/oauth-authorization-server", get(oauth::server_metadata))
        .route("/.well-known/openid-configuration", get(oauth::server_metadata))
        .route("/oauth/register", post(oauth::register))
        .route("/oauth/token", post(oauth::token))
        .route("/oauth/revoke", post(oauth::revoke))
}

/// The whole server as a service: this face, the `others` beside it, and what a
/// person sees who goes where there is nothing.
///
/// # Errors
/// [`Error::Internal`] where the description of the API can't be written.
pub fn router(app: App, addresses: Arc<Addresses>, others: Router, no_page: fn() -> Response) -> Result<Router> {
    let (router, description) = described().split_for_parts();
    let description = openapi::finish(description, &app.config, addresses.base())?;
    let web = Web {
        metrics: Arc::new(Metrics::new()),
        slots: Arc::new(tokio::sync::Semaphore::new(app.config.max_requests)),
        openapi: serde_json::to_string_pretty(&description).map_err(Error::internal)?.into(),
        page: docs::page(&description).into(),
        addresses,
        app,
    };
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("mcp-protocol-version"),
            HeaderName::from_static("mcp-session-id"),
            HeaderName::from_static("mcp-method"),
            HeaderName::from_static("mcp-name"),
            HeaderName::from_static("last-event-id"),
        ])
        .expose_headers([
            header::WWW_AUTHENTICATE,
            HeaderName::from_static("deletion-receipt"),
            HeaderName::from_static("deletion-erasure"),
            HeaderName::from_static("search-lacks"),
        ])
        .allow_private_network(true);
    Ok(router
        .merge(protocol())
        .merge(others.with_state(()))
        .route("/api/memories/", delete(memories::delete_none))
        .route("/openapi.json", get(description_json))
        .route("/docs", get(docs_page))
        .fallback(move |request: Request| async move { error::no_route(&request, no_page) })
        .method_not_allowed_fallback(error::no_method)
        .layer(cors)
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            Error::internal("a handler panicked").into_response()
        }))
        .layer(axum::middleware::from_fn_with_state(web.clone(), observe))
        .with_state(web))
}

async fn description_json(State(web): State<Web>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], web.openapi.to_string()).into_response()
}

async fn docs_page(State(web): State<Web>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    ];
    (headers, web.page.to_string()).into_response()
}

/// Around every request: its id, its turn, its line in the log, its count.
async fn observe(State(web): State<Web>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("(none)", MatchedPath::as_str).to_owned();
    let id = id::new("req", web.app.clock.now()).unwrap_or_default();
    let span = tracing::info_span!("request", id, %method, route);
    // A busy server is not a dead one: its probes are answered.
    let probe = matches!(route.as_str(), "/healthz" | "/readyz");
    let slot = (!probe).then(|| web.slots.try_acquire()).transpose();
    web.metrics.in_flight.inc();
    let mut response = match slot {
        Ok(_) => next.run(request).instrument(span.clone()).await,
        Err(_) => Error::Busy.into_response(),
    };
    web.metrics.in_flight.dec();
    let status = response.status().as_u16();
    let time = begun.elapsed();
    web.metrics.answered(method.as_str(), &route, status, time);
    tracing::debug!(parent: &span, status, micros = time.as_micros(), "answered");
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
