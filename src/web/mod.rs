//! The pages: the dashboard, signing in, and allowing a client what it asks for.
//!
//! Pages are rendered here and work without script, except where one needs life;
//! scripts and styles come from this server only. Every form carries a token that
//! belongs to the cookie sent with it ([`session::csrf`]), and a form from another
//! site's page is refused by its `Origin` as well. No page may be framed.
//!
//! [`session::csrf`]: crate::auth::session::csrf

mod account;
mod assets;
mod buckets;
mod connect;
mod consent;
mod conversations;
mod cookie;
mod form;
mod layout;
mod memories;
mod moment;
mod multipart;
mod overview;
mod plot;
mod recall;
mod receipts;
mod review;
mod show;
mod sign_in;
mod signed_in;
mod snippet;
mod transfer;
mod trash;
mod welcome;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{FromRef, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};

use crate::address::Addresses;
use crate::app::App;
use crate::auth::oauth::Params;
use crate::error::{Error, Result};
use form::{Browser, Form, SignedForm, SignedUpload};
use layout::{Layout, Notice};
use signed_in::SignedIn;

/// Sent by scripts that fetch a part of a page.
const FRAGMENT: &str = "x-fragment";

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
        .route("/", get(overview::show))
        .route("/account", get(account::show))
        .route("/account/password", post(account::change_password))
        .route("/memories", get(memories::list::show).post(memories::act::add))
        .route("/memories/delete", post(memories::act::delete))
        .route("/memories/move", post(memories::act::move_to))
        .route("/memories/export", post(memories::act::send))
        .route("/memories/duplicates", get(memories::duplicates::show))
        .route("/memories/{id}", get(memories::one::show).post(memories::one::change))
        .route("/memories/{id}/restore", post(memories::one::restore))
        .route("/trash", get(trash::show))
        .route("/trash/restore", post(trash::restore))
        .route("/trash/purge", post(trash::purge))
        .route("/trash/empty", post(trash::empty))
        .route("/receipts", get(receipts::list))
        .route("/receipts/{id}", get(receipts::show))
        .route("/receipts/{id}/restore", post(receipts::undo))
        .route("/buckets", get(buckets::list).post(buckets::create))
        .route("/buckets/update", post(buckets::update))
        .route("/buckets/merge", post(buckets::merge))
        .route("/buckets/delete", post(buckets::remove))
        .route("/buckets/{id}", get(buckets::show))
        .route("/conversations", get(conversations::list))
        .route("/conversations/choose", post(conversations::choose))
        .route("/conversations/delete", get(conversations::review).post(conversations::confirm))
        .route("/conversations/deleted", get(conversations::deleted))
        .route("/conversations/restore", post(conversations::restore))
        .route("/conversations/summary", post(conversations::summarize))
        .route("/conversations/{id}", get(conversations::show))
        .route("/conversations/{id}/export", get(conversations::export))
        .route("/recall", get(recall::show))
        .route("/transfer", get(transfer::show).post(transfer::submit))
        .route("/transfer/cancel", post(transfer::cancel))
        .route("/transfer/export", get(transfer::export))
        .route("/transfer/{id}", get(transfer::one))
        .route("/connect", get(connect::show))
        .route("/connect/tokens", post(connect::create_token))
        .route("/connect/tokens/revoke", get(connect::ask_revoke).post(connect::revoke))
        .route("/connect/grants/end", get(connect::ask_end).post(connect::end))
        .route("/welcome", get(welcome::show).post(welcome::submit))
        .route("/sign-in", get(sign_in::show).post(sign_in::submit))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/sign-out-everywhere", post(sign_in::sign_out_everywhere))
        .route("/oauth/authorize", get(consent::show).post(consent::decide))
        .route("/assets/{name}", get(assets::send))
        .layer(axum::middleware::from_fn(for_fragments))
        .with_state(Web { app, addresses })
}

/// What a person sees who goes where there is nothing.
#[must_use]
pub fn no_page() -> Response {
    let problem = "There is no page at this address. It may have been mistyped, or what it was about is gone.";
    page(
        StatusCode::NOT_FOUND,
        &Problem { title: "Nothing here", problem: problem.to_owned(), link: Some(Link::Overview) },
    )
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
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
             base-uri 'none'; frame-ancestors 'none'",
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
    link: Option<Link>,
}

/// Where a person may go on to.
enum Link {
    /// The address of a client, and its host.
    Client(String, String),
    /// This server's first page.
    Overview,
    /// Where one signs in.
    SignIn,
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

/// The sentence of an error page, for a script that wanted no page.
#[derive(Clone)]
struct Sentence(String);

impl IntoResponse for Shown {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.kind().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status.is_server_error() {
            tracing::error!(error = ?self.0, "a page failed");
        }
        // A browser asked; 401 would have to name a way to authenticate.
        let status = if status == StatusCode::UNAUTHORIZED { StatusCode::BAD_REQUEST } else { status };
        let problem = self.0.to_string();
        let mut response =
            page(status, &Problem { title: TITLE, problem: problem.clone(), link: Some(Link::Overview) });
        response.extensions_mut().insert(Sentence(problem));
        response
    }
}

/// Answers a script that fetches a part of a page with a sentence where a person
/// would see a page that has it.
async fn for_fragments(request: Request, next: Next) -> Response {
    let is_fragment = is_fragment(request.headers());
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<Sentence>() {
        Some(Sentence(sentence)) if is_fragment => (response.status(), sentence).into_response(),
        _ => response,
    }
}

/// Whether a script asks, for a part of a page.
fn is_fragment(headers: &HeaderMap) -> bool {
    headers.get(FRAGMENT).is_some_and(|value| value == "1")
}

/// Sends the browser elsewhere.
fn redirect(to: &str) -> Result<Response> {
    let to = HeaderValue::from_str(to).map_err(|_| Error::invalid("The address to go to can't be written."))?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response())
}

/// Sends the browser to sign in, and from there on to `next`.
fn to_sign_in(next: &str) -> Result<Response> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("next", next);
    redirect(&format!("/sign-in?{}", query.finish()))
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST).and_then(|value| value.to_str().ok())
}

/// The parameters of a query string.
fn query(uri: &axum::http::Uri) -> Params {
    Params::new(url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect())
}
