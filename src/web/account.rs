//! The page of one's own account.

use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::Response;

use super::{Layout, Notice, Shown, SignedForm, SignedIn, page, redirect};
use crate::app::App;
use crate::auth::session;
use crate::error::Error;

#[derive(Template)]
#[template(path = "account.html")]
struct Account {
    layout: Layout,
    since: String,
    /// Days.
    sign_in_lasts: i64,
    problem: Option<String>,
}

impl Account {
    fn new(of: &SignedIn, problem: Option<String>) -> Self {
        Self {
            layout: Layout::new(of, "/account"),
            since: of.session.account.created_at.rfc3339(),
            sign_in_lasts: session::DAYS,
            problem,
        }
    }
}

pub(super) async fn show(signed_in: SignedIn) -> Response {
    page(StatusCode::OK, &Account::new(&signed_in, None))
}

pub(super) async fn change_password(State(app): State<App>, form: SignedForm) -> Result<Response, Shown> {
    let (current, new) = (form.field("current")?, form.field("password")?);
    let changed = if new == form.field("again")? {
        session::change_password(&app, &form.by.session, current, new).await
    } else {
        Err(Error::invalid("The two new passwords differ. Type the same one twice."))
    };
    let (status, problem) = match changed {
        Ok(Some(session)) => {
            let mut response = redirect(&Notice::address("/account", "password", None))?;
            response.headers_mut().insert(header::SET_COOKIE, form.by.cookie.set_session(&session)?);
            return Ok(response);
        }
        Ok(None) => (StatusCode::FORBIDDEN, "That is not your current password; nothing was changed.".to_owned()),
        Err(Error::Invalid(problem)) => (StatusCode::BAD_REQUEST, problem),
        Err(error) => return Err(error.into()),
    };
    Ok(page(status, &Account::new(&form.by, Some(problem))))
}
