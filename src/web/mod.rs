//! The pages: signing in, and allowing a client what it asks for.
//!
//! Every form carries a token that belongs to the cookie sent with it
//! ([`session::csrf`]), and a form from another site's page is refused by its
//! `Origin` as well. No page may be framed, and none runs a script.

mod consent;
mod cookie;
mod sign_in;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{FromRef, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use crate::address::Addresses;
use crate::app::App;
use crate::auth::oauth::Params;
use crate::auth::session::{self, Session};
use crate::body;
use crate::error::{Error, Result};
use cookie::Cookie;

/// Largest form, in bytes.
const MOST_BYTES: usize = 64 << 10;
/// The time that a form may take to arrive.
const FORM_TIME: std::time::Duration = std::time::Duration::from_secs(10);

/// What pages share.
#[derive(Debug, Clone)]
struct Web {
    app: App,
    addresses: Arc<Addresses>,
}

impl FromRef<Web> for App {
    fn from_ref(web: &Web) -> Self {
        web.app.clone()
    }
}

/// All pages.
pub fn router(app: App, addresses: Arc<Addresses>) -> Router {
    Router::new()
        .route("/sign-in", get(sign_in::show).post(sign_in::submit))
        .route("/sign-out", axum::routing::post(sign_in::sign_out))
        .route("/oauth/authorize", get(consent::show).post(consent::decide))
        .route("/assets/style.css", get(style))
        .with_state(Web { app, addresses })
}

async fn style() -> Response {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=3600")];
    (headers, include_str!("../../assets/style.css")).into_response()
}

/// A page with the headers that every page has.
///
/// `form-action` is left out on purpose: browsers apply it to where a form's
/// answer redirects to as well, which for a consent is the client's address and
/// wherever that leads.
fn page(status: StatusCode, template: &impl Template) -> Response {
    let html = match template.render() {
        Ok(html) => html,
        Err(error) => return Error::internal(error).into_response(),
    };
    let headers = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        (header::X_FRAME_OPTIONS, "DENY"),
        // With 'no-referrer' the browser would not say where a form comes from.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    (status, headers, Html(html)).into_response()
}

/// A page that says what went wrong.
#[derive(Template)]
#[template(path = "problem.html")]
struct Problem {
    title: &'static str,
    problem: String,
    /// An address that the person may go on to, and its host.
    link: Option<(String, String)>,
}

/// The title of such a page.
const TITLE: &str = "This did not work";

/// An error as a page.
struct Shown(Error);

impl From<Error> for Shown {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Shown {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.kind().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status.is_server_error() {
            tracing::error!(error = ?self.0, "a page failed");
        }
        // A browser asked; 401 would have to name a way to authenticate.
        let status = if status == StatusCode::UNAUTHORIZED { StatusCode::BAD_REQUEST } else { status };
        page(status, &Problem { title: TITLE, problem: self.0.to_string(), link: None })
    }
}

/// Sends the browser elsewhere.
fn redirect(to: &str) -> Result<Response> {
    let to = HeaderValue::from_str(to).map_err(|_| Error::invalid("The address to go to can't be written."))?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response())
}

/// Who is signed in in this browser, if anyone, and the secret of the cookie.
struct Browser {
    cookie: Cookie,
    signed_in: Option<(String, Session)>,
}

impl FromRequestParts<Web> for Browser {
    type Rejection = Shown;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Shown> {
        let cookie = Cookie::of(web.addresses.base_for(host(&parts.headers)));
        let signed_in = match cookie.session(&parts.headers) {
            Some(secret) => session::find(&web.app, &secret).await?.map(|session| (secret, session)),
            None => None,
        };
        Ok(Self { cookie, signed_in })
    }
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST).and_then(|value| value.to_str().ok())
}

/// The parameters of a query string.
fn query(uri: &axum::http::Uri) -> Params {
    Params::new(url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect())
}

/// A form that this server's own page sent.
struct Form {
    fields: Params,
    browser: Browser,
    /// The secret of the cookie that the form belongs to.
    secret: String,
}

impl FromRequest<Web> for Form {
    type Rejection = Shown;

    async fn from_request(request: Request, web: &Web) -> Result<Self, Shown> {
        let (mut parts, body) = request.into_parts();
        let refused = || {
            Shown(Error::Forbidden(
                "This form did not come from a page of this server. Go back, load the page again, and try once more. \
                 If that does not help, the server does not know the address that you use: set it as public_url."
                    .to_owned(),
            ))
        };
        let page = parts.headers.get(header::ORIGIN);
        if page.is_some_and(|page| !page.to_str().is_ok_and(|page| web.addresses.is_own(page))) {
            return Err(refused());
        }
        let body = body::read(body, MOST_BYTES, FORM_TIME).await?;
        let fields = Params::new(url::form_urlencoded::parse(&body).into_owned().collect());
        let browser = Browser::from_request_parts(&mut parts, web).await?;
        let secret = match &browser.signed_in {
            Some((secret, _)) => Some(secret.clone()),
            None => browser.cookie.form(&parts.headers),
        };
        let secret = secret.ok_or_else(refused)?;
        if !session::is_csrf(&secret, fields.get("csrf")?.unwrap_or_default()) {
            return Err(refused());
        }
        Ok(Self { fields, browser, secret })
    }
}
