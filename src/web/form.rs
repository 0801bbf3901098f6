//! Who a browser belongs to, and forms that this server's own pages sent.

use axum::body::BodyDataStream;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::cookie::Cookie;
use super::multipart::Multipart;
use super::signed_in::{self, SignedIn};
use super::{Shown, Web, host};
use crate::auth::oauth::Params;
use crate::auth::session::{self, Session};
use crate::body;
use crate::error::{Error, Result};

/// Largest form of someone who need not be signed in, in bytes.
const MOST_BYTES: usize = 64 << 10;
/// Largest form of someone signed in: ten thousand ids and some.
const MOST_BYTES_SIGNED_IN: usize = 1 << 20;
/// The time that a form may take to arrive.
const TIME: std::time::Duration = std::time::Duration::from_secs(10);

/// Who is signed in in this browser, if anyone, and the secret of the cookie.
pub(super) struct Browser {
    pub cookie: Cookie,
    pub signed_in: Option<(String, Session)>,
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

impl Browser {
    /// The token of a form that anyone may send, and the cookie to set with it.
    pub(super) fn open_form(&self, headers: &HeaderMap) -> Result<(String, Option<HeaderValue>)> {
        if let Some((_, session)) = &self.signed_in {
            return Ok((session.csrf().to_owned(), None));
        }
        // Two pages in one browser share a cookie, so the second must not spoil the first.
        let secret = self.cookie.form(headers).map_or_else(session::secret, Ok)?;
        Ok((session::csrf(&secret), Some(self.cookie.set_form(&secret)?)))
    }
}

/// A form that this server's own page sent, by whoever it is.
pub(super) struct Form {
    pub fields: Params,
    pub browser: Browser,
    /// The secret of the cookie that the form belongs to.
    pub secret: String,
}

impl FromRequest<Web> for Form {
    type Rejection = Shown;

    async fn from_request(request: Request, web: &Web) -> Result<Self, Shown> {
        let (mut parts, body) = request.into_parts();
        check_origin(&parts.headers, web)?;
        let fields = read(body, MOST_BYTES).await?;
        let browser = Browser::from_request_parts(&mut parts, web).await?;
        let secret = match &browser.signed_in {
            Some((secret, _)) => Some(secret.clone()),
            None => browser.cookie.form(&parts.headers),
        };
        let secret = secret.ok_or_else(refused)?;
        check_token(&fields, &secret)?;
        Ok(Self { fields, browser, secret })
    }
}

/// A form of the dashboard: that of someone signed in. Everyone else is sent to
/// sign in, and nothing is done.
pub(super) struct SignedForm {
    pub fields: Params,
    pub by: SignedIn,
    /// The secret of the session.
    pub secret: String,
}

impl FromRequest<Web> for SignedForm {
    type Rejection = Response;

    async fn from_request(request: Request, web: &Web) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let (secret, by) = signed_in_at(&mut parts, web).await?;
        let fields = read(body, MOST_BYTES_SIGNED_IN).await.map_err(shown)?;
        check_token(&fields, &secret).map_err(shown)?;
        Ok(Self { fields, by, secret })
    }
}

/// Who is signed in and sends a form, and the secret of the session.
async fn signed_in_at(parts: &mut Parts, web: &Web) -> Result<(String, SignedIn), Response> {
    check_origin(&parts.headers, web).map_err(shown)?;
    let browser = Browser::from_request_parts(parts, web).await.map_err(Shown::into_response)?;
    let Some((secret, session)) = browser.signed_in else { return Err(signed_in::sent_away(parts)) };
    Ok((secret, SignedIn::new(session, browser.cookie, &parts.uri)))
}

impl SignedForm {
    /// A field, empty where it is not given.
    ///
    /// # Errors
    /// For one that is given twice.
    pub(super) fn field(&self, name: &str) -> Result<String> {
        Ok(self.fields.get(name)?.unwrap_or_default().to_owned())
    }
}

/// A form with files of someone signed in, whose first field is the token; what
/// follows has not been read.
pub(super) struct SignedUpload {
    pub parts: Multipart<BodyDataStream>,
    pub by: SignedIn,
}

impl FromRequest<Web> for SignedUpload {
    type Rejection = Response;

    async fn from_request(request: Request, web: &Web) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let (secret, by) = signed_in_at(&mut parts, web).await?;
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        // A form without files has no token where it is looked for, whatever else it has.
        let mut form = Multipart::new(kind, body.into_data_stream()).map_err(|_| shown(refused()))?;
        let token = async {
            match form.next().await? {
                Some(part) if part.name == "csrf" => form.text().await,
                _ => Err(refused()),
            }
        };
        let late = |_| Error::Timeout("The form did not arrive in time.".to_owned());
        let token = tokio::time::timeout(TIME, token).await.map_err(|elapsed| shown(late(elapsed)))?.map_err(shown)?;
        if !session::is_csrf(&secret, &token) {
            return Err(shown(refused()));
        }
        Ok(Self { parts: form, by })
    }
}

fn shown(error: Error) -> Response {
    Shown(error).into_response()
}

fn refused() -> Error {
    Error::Forbidden(
        "This form did not come from a page of this server. Go back, load the page again, and try once more. \
         If that does not help, the server does not know the address that you use: set it as public_url."
            .to_owned(),
    )
}

/// Refuses what another site's page sent, as far as the browser says so.
fn check_origin(headers: &HeaderMap, web: &Web) -> Result<()> {
    let page = headers.get(header::ORIGIN);
    if page.is_some_and(|page| !page.to_str().is_ok_and(|page| web.addresses.is_own(page))) {
        return Err(refused());
    }
    Ok(())
}

fn check_token(fields: &Params, secret: &str) -> Result<()> {
    if session::is_csrf(secret, fields.get("csrf")?.unwrap_or_default()) { Ok(()) } else { Err(refused()) }
}

async fn read(body: axum::body::Body, most: usize) -> Result<Params> {
    let body = body::read(body, most, TIME).await?;
    Ok(Params::new(url::form_urlencoded::parse(&body).into_owned().collect()))
}
