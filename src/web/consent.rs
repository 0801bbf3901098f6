//! The page on which a person allows a client what it asks for.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;

use super::{Browser, Form, Link, Problem, Shown, TITLE, Web, host, page, query, redirect, to_sign_in};
use crate::auth::oauth::Params;
use crate::auth::oauth::authorize::{Refusal, Request};
use crate::auth::session::Session;

/// The parameters of a request that the form sends back, to be checked again.
const FIELDS: [&str; 8] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "resource",
    "code_challenge",
    "code_challenge_method",
];

#[derive(Template)]
#[template(path = "consent.html")]
struct Consent {
    client: String,
    name: String,
    destination: String,
    is_local: bool,
    wants_to_write: bool,
    csrf: String,
    fields: Vec<(&'static str, String)>,
}

/// Where an answer goes, as a person can judge it: the host, or the scheme by
/// which a program is called.
fn destination(redirect_uri: &str) -> (String, bool) {
    let Ok(uri) = url::Url::parse(redirect_uri) else { return (redirect_uri.to_owned(), false) };
    match (uri.scheme(), uri.host_str()) {
        ("http", Some(host)) => (host.to_owned(), true),
        ("https", Some(host)) => (host.to_owned(), false),
        (scheme, _) => (format!("{scheme}:"), true),
    }
}

/// What becomes of a request that was refused.
fn refused(refusal: Refusal) -> Result<Response, Shown> {
    match refusal {
        Refusal::Shown(error) => Err(error.into()),
        Refusal::Sent(address) => Ok(redirect(&address)?),
        Refusal::Offered(address) => {
            let (host, _) = destination(&address);
            let problem = "The client asked for something that this server does not do.".to_owned();
            Ok(page(
                StatusCode::BAD_REQUEST,
                &Problem { title: TITLE, problem, link: Some(Link::Client(address, host)) },
            ))
        }
    }
}

async fn check(web: &Web, headers: &HeaderMap, session: &Session, params: &Params) -> Result<Request, Refusal> {
    let issuer = web.addresses.base_for(host(headers));
    Request::check(&web.app, &web.addresses, issuer, session, params).await
}

pub(super) async fn show(
    State(web): State<Web>,
    headers: HeaderMap,
    uri: Uri,
    browser: Browser,
) -> Result<Response, Shown> {
    // Before anything is looked up: a client's document is fetched for no stranger.
    let Some((_, session)) = &browser.signed_in else {
        return Ok(to_sign_in(&uri.to_string())?);
    };
    let params = query(&uri);
    let request = match check(&web, &headers, session, &params).await {
        Ok(request) => request,
        Err(refusal) => return refused(refusal),
    };
    let mut fields = Vec::new();
    for name in FIELDS {
        if let Some(value) = params.get(name)? {
            fields.push((name, value.to_owned()));
        }
    }
    let (destination, is_local) = destination(&request.redirect_uri);
    let consent = Consent {
        wants_to_write: request.wants_to_write(),
        client: request.client.name,
        name: session.account.name.clone(),
        destination,
        is_local,
        csrf: session.csrf().to_owned(),
        fields,
    };
    Ok(page(StatusCode::OK, &consent))
}

pub(super) async fn decide(State(web): State<Web>, headers: HeaderMap, form: Form) -> Result<Response, Shown> {
    let Form { fields, browser, .. } = form;
    let Some((_, session)) = &browser.signed_in else { return Ok(redirect("/sign-in")?) };
    let request = match check(&web, &headers, session, &fields).await {
        Ok(request) => request,
        Err(refusal) => return refused(refusal),
    };
    let address = match fields.get("decision")? {
        Some("allow") => request.allow(&web.app, session, fields.get("may_write")?.is_some()).await?,
        _ => request.deny(),
    };
    Ok(redirect(&address)?)
}

#[cfg(test)]
mod tests {
    use super::destination;

    #[test]
    fn a_person_sees_the_host_that_the_answer_goes_to() {
        assert_eq!(destination("https://chat.example/cb?x=1"), ("chat.example".to_owned(), false));
        assert_eq!(destination("http://127.0.0.1:33418/cb"), ("127.0.0.1".to_owned(), true));
        assert_eq!(destination("cursor://any.thing/cb"), ("cursor:".to_owned(), true));
    }
}
