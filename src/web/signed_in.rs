//! Who looks at a page of the dashboard.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::cookie::Cookie;
use super::form::Browser;
use super::{Shown, Web, is_fragment, query, to_sign_in};
use crate::auth::Caller;
use crate::auth::oauth::Params;
use crate::auth::session::Session;

/// The person that a page of the dashboard is for. Everyone else is sent to sign
/// in, and from there back to the page.
pub(super) struct SignedIn {
    /// Calls operations.
    pub caller: Caller,
    pub session: Session,
    pub cookie: Cookie,
    /// The parameters of the address.
    pub query: Params,
}

impl SignedIn {
    pub(super) fn new(session: Session, cookie: Cookie, uri: &Uri) -> Self {
        Self { caller: session.caller(), session, cookie, query: query(uri) }
    }
}

impl FromRequestParts<Web> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Response> {
        let browser = Browser::from_request_parts(parts, web).await.map_err(Shown::into_response)?;
        let Some((_, session)) = browser.signed_in else { return Err(sent_away(parts)) };
        Ok(Self::new(session, browser.cookie, &parts.uri))
    }
}

/// The answer to someone who is not signed in.
pub(super) fn sent_away(parts: &Parts) -> Response {
    if is_fragment(&parts.headers) {
        return (StatusCode::UNAUTHORIZED, "You are signed out. Load the page again to sign in.").into_response();
    }
    // A form is not sent again by itself.
    let next = if parts.method == Method::GET { parts.uri.to_string() } else { "/".to_owned() };
    to_sign_in(&next).unwrap_or_else(|error| Shown(error).into_response())
}
