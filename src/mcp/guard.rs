//! Who may use the MCP endpoint, and how refusals look.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::address::{Addresses, MCP_PATH};
use crate::app::App;
use crate::auth::oauth::{SCOPES, spaced, tokens};
use crate::auth::{Caller, Scope, Scopes};
use crate::body;
use crate::error::{Error, Result};

/// Longest answer of the transport that is not JSON, in bytes; it is a sentence.
const MOST_SENTENCE: usize = 4096;

/// How much of a refused request is read, in bytes, and for how long.
const MOST_DRAINED: usize = 64 << 10;
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// Who sends a request. The tools find it beside the request.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    pub caller: Caller,
    /// The server's URL as the client knows it; none without a server.
    pub base: Option<String>,
    /// Set by a tool that the caller's scopes don't cover.
    pub lacks: Arc<OnceLock<Scope>>,
}

/// What stands before the endpoint.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    app: App,
    addresses: Arc<Addresses>,
}

impl Guard {
    pub(super) fn new(app: App, addresses: Arc<Addresses>) -> Self {
        Self { app, addresses }
    }

    /// The header that tells a client how it can be allowed (RFC 9728 section 5.1).
    fn challenge(&self, host: Option<&HeaderValue>, scopes: &Scopes, error: Option<&str>) -> Result<HeaderValue> {
        let host = host.and_then(|value| value.to_str().ok());
        let base = self.addresses.base_for(host);
        let scope = spaced(scopes);
        let error = error.map(|error| format!(", error=\"{error}\"")).unwrap_or_default();
        let value = format!(
            "Bearer resource_metadata=\"{base}/.well-known/oauth-protected-resource{MCP_PATH}\", scope=\"{scope}\"{error}"
        );
        HeaderValue::from_str(&value).map_err(Error::internal)
    }
}

/// Lets in who has a token, with the whole request.
pub(super) async fn admit(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match answer(&guard, request, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn answer(guard: &Guard, request: Request, next: Next) -> Result<Response> {
    let (mut parts, body) = request.into_parts();
    let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let caller = match tokens::authenticate(&guard.app, &guard.addresses, header).await {
        Ok(caller) => caller,
        Err(Error::Unauthorized) => {
            let error = parts.headers.contains_key(header::AUTHORIZATION).then_some("invalid_token");
            let challenge = guard.challenge(parts.headers.get(header::HOST), &Scopes::of(&SCOPES), error)?;
            drain(body).await;
            return Ok(with_challenge(Error::Unauthorized.into_response(), challenge));
        }
        Err(error) => return Err(error),
    };
    let config = &guard.app.config;
    let wait = Duration::from_secs(config.request_timeout_seconds);
    let bytes = body::read(body, config.max_body_bytes, wait).await?;
    let host = parts.headers.get(header::HOST).cloned();
    let named = host.as_ref().and_then(|host| host.to_str().ok());
    let base = Some(guard.addresses.base_for(named).to_owned());
    let asker = Asker { caller, base, lacks: Arc::default() };
    let (lacks, held) = (Arc::clone(&asker.lacks), asker.caller.scopes().clone());
    parts.extensions.insert(asker);
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    let Some(scope) = lacks.get() else { return Ok(response) };
    let challenge = guard.challenge(host.as_ref(), &held.with(*scope), Some("insufficient_scope"))?;
    let why = format!("The client was not allowed to '{}'; connect it again and allow that.", scope.name());
    Ok(with_challenge(Error::Forbidden(why).into_response(), challenge))
}

/// Reads what a client still sends with a request that is refused. Otherwise the
/// connection would be closed under its next one. A stranger gets little of it.
async fn drain(body: Body) {
    // Where more comes, or nothing, the connection is closed after all.
    let _read = tokio::time::timeout(DRAIN_TIME, to_bytes(body, MOST_DRAINED)).await;
}

fn with_challenge(mut response: Response, challenge: HeaderValue) -> Response {
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

/// Gives the refusals of the transport, which are plain sentences, the form of
/// this server's.
pub(super) async fn as_json(request: Request, next: Next) -> Response {
    let sent = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let sent_json = sent.to_ascii_lowercase().starts_with("application/json");
    let response = next.run(request).await;
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !status.is_client_error() || kind.starts_with("application/json") {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let sentence = to_bytes(body, MOST_SENTENCE).await.unwrap_or_default();
    let mut sentence = String::from_utf8_lossy(&sentence).into_owned();
    if status == StatusCode::FORBIDDEN {
        sentence.push_str(
            ". If this is the address by which clients reach the server, set it as public_url; \
             web pages of other origins are let in by allowed_origins.",
        );
    }
    if status == StatusCode::UNSUPPORTED_MEDIA_TYPE && sent_json {
        // The transport's word for what is no message (JSON-RPC 2.0 section 5.1).
        let error = json!({"code": -32700, "message": sentence});
        return (StatusCode::BAD_REQUEST, Json(json!({"jsonrpc": "2.0", "id": null, "error": error}))).into_response();
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.remove(header::CONTENT_TYPE);
    let code = status.canonical_reason().unwrap_or_default().to_lowercase().replace(' ', "_");
    (parts.status, parts.headers, Json(json!({"error": sentence, "code": code}))).into_response()
}

/// The answer of the transport that the protocol had before 2025-03-26.
pub(super) async fn old_transport(request: Request) -> Response {
    drain(request.into_body()).await;
    let error = format!("The SSE transport is not served; use streamable HTTP at {MCP_PATH}.");
    (StatusCode::GONE, Json(json!({"error": error, "code": "gone"}))).into_response()
}
