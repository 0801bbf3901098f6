//! The endpoints of OAuth that clients talk to. What people see of it is in the
//! face `web`.
//!
//! Errors have the form of RFC 6749 section 5.2: `error` is a code there.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Web;
use super::extract::{Base, media_type, read_body};
use crate::address::{Addresses, MCP_PATH};
use crate::app::App;
use crate::auth::oauth::clients::{self, Registration};
use crate::auth::oauth::{OFFLINE, Params, SCOPES, tokens};
use crate::error::Error;

/// Largest body of these endpoints, in bytes.
const MOST_BYTES: usize = 64 << 10;

fn scopes() -> Vec<&'static str> {
    SCOPES.iter().map(|scope| scope.name()).collect()
}

/// RFC 9728, of the MCP endpoint.
pub(super) async fn mcp_resource(Base(base): Base) -> Json<Value> {
    Json(resource(&base, &format!("{base}{MCP_PATH}")))
}

/// RFC 9728, of the server as a whole.
pub(super) async fn server_resource(Base(base): Base) -> Json<Value> {
    Json(resource(&base, &base))
}

fn resource(base: &str, resource: &str) -> Value {
    json!({
        "resource": resource,
        "resource_name": "commonplace",
        "authorization_servers": [base],
        "scopes_supported": scopes(),
        "bearer_methods_supported": ["header"],
        "resource_documentation": format!("{base}/docs"),
    })
}

/// RFC 8414.
pub(super) async fn server_metadata(Base(base): Base) -> Json<Value> {
    let mut supported = scopes();
    supported.push(OFFLINE);
    Json(json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/oauth/authorize"),
        "token_endpoint": format!("{base}/oauth/token"),
        "registration_endpoint": format!("{base}/oauth/register"),
        "revocation_endpoint": format!("{base}/oauth/revoke"),
        "scopes_supported": supported,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "client_id_metadata_document_supported": true,
        "service_documentation": format!("{base}/docs"),
    }))
}

/// An error in OAuth's form.
pub(super) struct Refusal(Error);

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let kind = self.0.kind();
        let code = match &self.0 {
            Error::OAuth(code, _) => code,
            error if error.kind().status >= 500 => return self.0.into_response(),
            _ => "invalid_request",
        };
        let status = StatusCode::from_u16(kind.status).unwrap_or(StatusCode::BAD_REQUEST);
        (status, Json(json!({"error": code, "error_description": self.0.to_string()}))).into_response()
    }
}

/// RFC 7591.
pub(super) async fn register(
    State(app): State<App>,
    State(addresses): State<Arc<Addresses>>,
    request: Request,
) -> Result<Response, Refusal> {
    // Or else any page that someone visits could use up what a server on their machine takes.
    let page = request.headers().get(header::ORIGIN);
    if page.is_some_and(|page| !page.to_str().is_ok_and(|page| addresses.takes(page))) {
        let why = "Web pages register from the server's own origin, or from one in allowed_origins.";
        return Err(Error::Forbidden(why.to_owned()).into());
    }
    if media_type(request.headers()).is_none_or(|kind| kind != "application/json") {
        return Err(Error::UnsupportedMediaType("The body must be JSON.".to_owned()).into());
    }
    let body = read_body(request, &app, MOST_BYTES).await?;
    let wanted: Registration = serde_json::from_slice(&body)
        .map_err(|error| Error::OAuth("invalid_client_metadata", format!("The body can't be read: {error}.")))?;
    Ok((StatusCode::CREATED, Json(clients::register(&app, wanted).await?)).into_response())
}

/// The parameters in a form.
pub(super) struct Form(Params);

impl FromRequest<Web> for Form {
    type Rejection = Refusal;

    async fn from_request(request: Request, web: &Web) -> Result<Self, Refusal> {
        if media_type(request.headers()).is_none_or(|kind| kind != "application/x-www-form-urlencoded") {
            let wanted = "The body must be a form: send it with 'Content-Type: application/x-www-form-urlencoded'.";
            return Err(Error::UnsupportedMediaType(wanted.to_owned()).into());
        }
        let body = read_body(request, &web.app, MOST_BYTES).await?;
        Ok(Self(Params::new(url::form_urlencoded::parse(&body).into_owned().collect())))
    }
}

/// The token endpoint.
pub(super) async fn token(
    State(app): State<App>,
    State(addresses): State<Arc<Addresses>>,
    Form(params): Form,
) -> Result<Json<tokens::Tokens>, Refusal> {
    Ok(Json(tokens::issue(&app, &addresses, &params).await?))
}

/// RFC 7009.
pub(super) async fn revoke(State(app): State<App>, Form(params): Form) -> Result<StatusCode, Refusal> {
    tokens::revoke(&app, params.require("token")?).await?;
    Ok(StatusCode::OK)
}
