//! Signing in and out.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;

use super::{Browser, Form, Notice, Shown, SignedForm, page, query, redirect};
use crate::app::App;
use crate::auth::session;
use crate::error::Result;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    csrf: String,
    next: String,
    name: String,
    notice: Option<Notice>,
    problem: Option<String>,
}

/// A path of this server and nothing else, so that a sign-in leads nowhere else.
pub(super) fn inside(next: &str) -> &str {
    let is_path = next.starts_with('/') && !next.starts_with("//");
    if is_path && !next.contains('\\') && !next.chars().any(char::is_control) { next } else { "/" }
}

pub(super) async fn show(headers: HeaderMap, uri: Uri, browser: Browser) -> Result<Response, Shown> {
    let params = query(&uri);
    let next = params.get("next")?.unwrap_or_default();
    if browser.signed_in.is_some() {
        return Ok(redirect(inside(next))?);
    }
    let (csrf, cookie) = browser.open_form(&headers)?;
    let notice = Notice::in_query(&params);
    let form = SignIn { csrf, next: next.to_owned(), name: "owner".to_owned(), notice, problem: None };
    let mut response = page(StatusCode::OK, &form);
    response.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    Ok(response)
}

pub(super) async fn submit(State(app): State<App>, form: Form) -> Result<Response, Shown> {
    let Form { fields, browser, secret } = form;
    let field = |name| Ok::<_, Shown>(fields.get(name)?.unwrap_or_default().to_owned());
    let (name, next) = (field("name")?, field("next")?);
    let Some(session) = session::sign_in(&app, &name, field("password")?).await? else {
        let problem = "This name and password don't match, or no password is set yet.".to_owned();
        let form = SignIn { csrf: session::csrf(&secret), next, name, notice: None, problem: Some(problem) };
        return Ok(page(StatusCode::FORBIDDEN, &form));
    };
    let mut response = redirect(inside(&next))?;
    response.headers_mut().insert(header::SET_COOKIE, browser.cookie.set_session(&session)?);
    Ok(response)
}

pub(super) async fn sign_out(State(app): State<App>, form: SignedForm) -> Result<Response, Shown> {
    session::sign_out(&app, &form.secret).await?;
    let mut response = redirect(&Notice::address("/sign-in", "signed-out", None))?;
    response.headers_mut().insert(header::SET_COOKIE, form.by.cookie.clear_session()?);
    Ok(response)
}

pub(super) async fn sign_out_everywhere(State(app): State<App>, form: SignedForm) -> Result<Response, Shown> {
    session::sign_out_everywhere(&app, &form.by.session).await?;
    let mut response = redirect(&Notice::address("/sign-in", "signed-out-everywhere", None))?;
    response.headers_mut().insert(header::SET_COOKIE, form.by.cookie.clear_session()?);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::inside;

    #[test]
    fn a_sign_in_leads_nowhere_else() {
        assert_eq!(inside("/oauth/authorize?a=b"), "/oauth/authorize?a=b");
        for bad in ["//evil.example", "/\\evil.example", "https://evil.example", "", "evil", "/a\nb"] {
            assert_eq!(inside(bad), "/", "{bad}");
        }
    }
}
