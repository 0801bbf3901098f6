//! Errors as HTTP answers: always JSON with `error`, the sentence for the
//! person, and `code`, the stable word for the program.

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Error;

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorResponse {
    /// What was wrong and how to fix it.
    pub error: String,
    /// Stable name of the kind of error.
    pub code: String,
    /// For all-or-nothing requests: the ids that could not be resolved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejected_ids: Option<Vec<String>>,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let kind = self.kind();
        if kind.status >= 500 {
            tracing::error!(error = ?self, "a request failed");
        }
        let status = StatusCode::from_u16(kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let error = self.to_string();
        let rejected_ids = match self {
            Self::RejectedIds(ids) => Some(ids),
            _ => None,
        };
        let body = ErrorResponse { error, code: kind.code.to_owned(), rejected_ids };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"commonplace\""));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}

/// Where programs ask, whatever they accept.
const FOR_PROGRAMS: [&str; 4] = ["/api/", "/oauth/", "/.well-known/", "/assets/"];

/// The answer to a path that is not served: for a person a page.
pub(super) fn no_route(request: &Request, page: fn() -> Response) -> Response {
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let for_programs = FOR_PROGRAMS.iter().any(|path| request.uri().path().starts_with(path));
    if accept.contains("text/html") && !for_programs {
        return page();
    }
    Error::not_found("There is nothing at this path; see /docs for what there is.").into_response()
}

/// The answer to a method that a path does not take. Its `Allow` header is set by the router.
pub(super) async fn no_method() -> Response {
    let body = ErrorResponse {
        error: "This path does not take this method; the header Allow lists those that it takes.".to_owned(),
        code: "method_not_allowed".to_owned(),
        rejected_ids: None,
    };
    (StatusCode::METHOD_NOT_ALLOWED, Json(body)).into_response()
}
