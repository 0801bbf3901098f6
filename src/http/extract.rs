//! Reading requests: who asks, the query string, the body.
//!
//! Clients send truth values and numbers as text, and bucket ids in two forms;
//! all of that is taken here, so that handlers see typed values.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRef, FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::de::{DeserializeOwned, Deserializer, Error as _};

use crate::address::Addresses;
use crate::app::App;
use crate::auth::{self, Caller};
use crate::body;
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::id::BucketId;

/// The caller, authenticated by the bearer token.
pub struct Auth(pub Caller);

impl<S> FromRequestParts<S> for Auth
where
    App: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let app = App::from_ref(state);
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        auth::ops::authenticate(&app, header).await.map(Self)
    }
}

/// The server's URL as the client that asks knows it.
pub struct Base(pub String);

impl<S> FromRequestParts<S> for Base
where
    Arc<Addresses>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let host = parts.headers.get(header::HOST).and_then(|value| value.to_str().ok());
        Ok(Self(Arc::<Addresses>::from_ref(state).base_for(host).to_owned()))
    }
}

/// The one id in a path.
pub struct PathId(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let path = Path::from_request_parts(parts, state).await;
        path.map(|Path(id)| Self(id)).map_err(|_| Error::invalid("The id in the path is not UTF-8 text."))
    }
}

/// The query string. Parameters that an operation does not know are ignored.
pub struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let Query(pairs) = Query::try_from_uri(&parts.uri)
            .map_err(|_| Error::invalid("The query string can't be read; write it as name=value&name=value."))?;
        Ok(Self(pairs))
    }
}

impl Params {
    /// A parameter that is there and not empty. Its name is read in any case, and with
    /// `_` or `-` in it: who writes `dry_run` must not get the real thing.
    pub fn text(&self, name: &str) -> Option<&str> {
        let is_it = |key: &str| {
            let letters = key.bytes().filter(|byte| !matches!(byte, b'_' | b'-'));
            letters.map(|byte| byte.to_ascii_lowercase()).eq(name.bytes().map(|byte| byte.to_ascii_lowercase()))
        };
        let (_, value) = self.0.iter().find(|(key, _)| is_it(key))?;
        (!value.trim().is_empty()).then_some(value)
    }

    /// For a deletion that can't be tried.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it is asked to be.
    pub fn no_dry_run(&self) -> Result<()> {
        if self.truth("dryRun")? {
            return Err(Error::invalid("This deletion has no 'dryRun', so nothing was done."));
        }
        Ok(())
    }

    /// A truth value; `false` where it is not there.
    pub fn truth(&self, name: &str) -> Result<bool> {
        match self.text(name) {
            None => Ok(false),
            Some(value) if value.eq_ignore_ascii_case("true") => Ok(true),
            Some(value) if value.eq_ignore_ascii_case("false") => Ok(false),
            Some(_) => Err(Error::invalid(format!("The parameter '{name}' is true or false."))),
        }
    }

    /// A whole number not below `least`.
    pub fn number(&self, name: &str, least: i64) -> Result<Option<i64>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.trim().parse() {
            Ok(number) if number >= least => Ok(Some(number)),
            _ => Err(Error::invalid(format!("The parameter '{name}' is a whole number, {least} or more."))),
        }
    }

    /// Which part of a list: how many of the first to leave out, and how many to give.
    pub fn slice(&self) -> Result<(i64, i64)> {
        Ok((self.number("skip", 0)?.unwrap_or(0), self.number("count", 1)?.unwrap_or(100)))
    }

    /// A time or a date.
    pub fn time(&self, name: &str) -> Result<Option<Micros>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let time = Micros::parse(text.trim());
        time.map(Some).ok_or_else(|| {
            Error::invalid(format!("The parameter '{name}' is a time such as 2026-07-26T10:00:00Z, or a date."))
        })
    }

    /// A bucket id.
    pub fn bucket(&self, name: &str) -> Result<Option<BucketId>> {
        self.text(name).map(bucket_id).transpose()
    }
}

/// Reads a bucket id as it stands in a path or a query string.
pub(super) fn bucket_id(text: &str) -> Result<BucketId> {
    BucketId::read(text).ok_or_else(|| Error::invalid("A bucket id is a whole number; see GET /api/buckets."))
}

/// For serde: a time as RFC 3339 or as a date.
pub(super) fn time<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<Micros>, D::Error> {
    let Some(text) = <Option<String> as serde::Deserialize>::deserialize(from)? else { return Ok(None) };
    let time = Micros::parse(&text);
    time.map(Some).ok_or_else(|| D::Error::custom("a time is written as 2026-07-26T10:00:00Z or as 2026-07-26"))
}

/// For serde: a whole number, also as `8.0`, which JSON doesn't tell from 8.
pub(super) fn whole<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<i64>, D::Error> {
    let Some(number) = <Option<serde_json::Number> as serde::Deserialize>::deserialize(from)? else { return Ok(None) };
    if let Some(number) = number.as_i64() {
        return Ok(Some(number));
    }
    match number.as_f64() {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole, and not too large")]
        Some(number) if number.fract() == 0.0 && number.abs() < 1e15 => Ok(Some(number as i64)),
        _ => Err(D::Error::custom(format!("{number} is no whole number"))),
    }
}

/// A JSON body of a known shape; fields that the shape does not have are ignored.
pub struct Body<T>(pub T);

impl<T, S> FromRequest<S> for Body<T>
where
    T: DeserializeOwned,
    App: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let app = App::from_ref(state);
        let limit = app.config.max_body_bytes;
        json(request, &app, limit).await.map(Self)
    }
}

/// The same, as large as an import may be.
pub struct LargeBody<T>(pub T);

impl<T, S> FromRequest<S> for LargeBody<T>
where
    T: DeserializeOwned,
    App: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let app = App::from_ref(state);
        let limit = app.config.max_import_bytes;
        json(request, &app, limit).await.map(Self)
    }
}

async fn json<T: DeserializeOwned>(request: Request, app: &App, limit: usize) -> Result<T> {
    if media_type(request.headers()).is_none_or(|kind| kind != "application/json" && !kind.ends_with("+json")) {
        return Err(Error::UnsupportedMediaType(
            "The body must be JSON; send it with the header 'Content-Type: application/json'.".to_owned(),
        ));
    }
    let bytes = read_body(request, app, limit).await?;
    // Serde would take a list of the fields' values, too.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(Error::invalid("The body is a JSON list; this operation takes an object with named fields."));
    }
    serde_json::from_slice(&bytes).map_err(|error| Error::invalid(describe(&error)))
}

fn describe(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Data => format!("The body is not what this operation takes: {error}."),
        _ => format!("The body is not JSON: {error}."),
    }
}

/// The `Content-Type` without its parameters, in lower case.
pub(super) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// The whole body, within a limit of size and the time limit of the settings.
pub(super) async fn read_body(request: Request, app: &App, limit: usize) -> Result<Bytes> {
    body::read(request.into_body(), limit, Duration::from_secs(app.config.request_timeout_seconds)).await
}
