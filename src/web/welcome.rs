//! The page that a link leads to: someone sets a password for their account, the
//! first one or a new one.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;

use super::{Browser, Form, Link, Notice, Problem, Shown, page, query, redirect};
use crate::app::App;
use crate::auth::session::link;
use crate::error::{Error, Result};

#[derive(Template)]
#[template(path = "welcome.html")]
struct Welcome {
    csrf: String,
    link: String,
    name: String,
    problem: Option<String>,
}

/// What is told of a link that was mistyped, used, replaced or too old alike.
fn gone() -> Response {
    let problem = format!(
        "A link works once and for {} hours, and a newer one ends it. If you have set a password, sign in with it. \
         Else get a new link where the server runs: commonplace user link NAME",
        link::HOURS
    );
    page(
        StatusCode::NOT_FOUND,
        &Problem { title: "This link does not work any more", problem, link: Some(Link::SignIn) },
    )
}

pub(super) async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    uri: Uri,
    browser: Browser,
) -> Result<Response, Shown> {
    let params = query(&uri);
    let link = params.get("link")?.unwrap_or_default();
    let Some(account) = link::find(&app, link).await? else { return Ok(gone()) };
    let (csrf, cookie) = browser.open_form(&headers)?;
    let welcome = Welcome { csrf, link: link.to_owned(), name: account.name, problem: None };
    let mut response = page(StatusCode::OK, &welcome);
    response.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    Ok(response)
}

pub(super) async fn submit(State(app): State<App>, headers: HeaderMap, form: Form) -> Result<Response, Shown> {
    let field = |name| Ok::<_, Shown>(form.fields.get(name)?.unwrap_or_default().to_owned());
    let (link, password) = (field("link")?, field("password")?);
    let redeemed = if password == field("again")? {
        link::redeem(&app, &link, password).await
    } else {
        Err(Error::invalid("The two passwords differ. Type the same one twice."))
    };
    match redeemed {
        Ok(Some(session)) => {
            let mut response = redirect(&Notice::address("/", "welcome", None))?;
            response.headers_mut().insert(header::SET_COOKIE, form.browser.cookie.set_session(&session)?);
            Ok(response)
        }
        Ok(None) => Ok(gone()),
        Err(Error::Invalid(problem)) => {
            let Some(account) = link::find(&app, &link).await? else { return Ok(gone()) };
            let (csrf, _) = form.browser.open_form(&headers)?;
            let welcome = Welcome { csrf, link, name: account.name, problem: Some(problem) };
            Ok(page(StatusCode::BAD_REQUEST, &welcome))
        }
        Err(error) => Err(error.into()),
    }
}
