//! Clients: those that registered themselves (RFC 7591), and those whose id is
//! the address of a document about them.

use std::sync::Arc;

use futures_util::FutureExt;
use serde::{Deserialize, Serialize};

use super::document::{ClientDocument, MAX_NAME_CHARS, MAX_REDIRECT_URIS};
use super::{document, rows};
use crate::app::App;
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::id;

/// What the ids of registered clients begin with.
const ID_PREFIX: &str = "client";
/// Most registrations in an hour, by everyone.
const MOST_AN_HOUR: i64 = 100;
/// Most clients that are kept of those that nobody ever allowed anything.
const MOST_UNUSED: i64 = 1_000;
/// How long such a client is kept, in microseconds, unless others take its place.
const UNUSED: i64 = 30 * Micros::DAY;
/// How long a client without a grant is kept after it had one, in microseconds.
const FORGOTTEN: i64 = 90 * Micros::DAY;

/// A client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// What it calls itself. It may lie.
    pub name: String,
    /// Where codes may be sent.
    pub redirect_uris: Vec<String>,
}

impl Client {
    /// Whether a code may be sent there.
    #[must_use]
    pub fn takes(&self, redirect_uri: &str) -> bool {
        self.redirect_uris.iter().any(|registered| document::redirect_matches(registered, redirect_uri))
    }
}

/// What a client says of itself when it registers. It is never given a secret,
/// whatever method of authentication it asks for.
#[derive(Debug, Clone, Deserialize)]
pub struct Registration {
    /// Where codes may be sent.
    pub redirect_uris: Vec<String>,
    /// What it calls itself.
    #[serde(default)]
    pub client_name: Option<String>,
}

/// What it is told (RFC 7591 section 3.2.1).
#[derive(Debug, Clone, Serialize)]
pub struct Registered {
    client_id: String,
    client_id_issued_at: i64,
    client_name: String,
    redirect_uris: Vec<String>,
    grant_types: [&'static str; 2],
    response_types: [&'static str; 1],
    token_endpoint_auth_method: &'static str,
}

/// Registers a client.
///
/// # Errors
/// `invalid_redirect_uri` and `invalid_client_metadata`; [`Error::TooMany`] where
/// too many registered of late.
pub async fn register(app: &App, wanted: Registration) -> Result<Registered> {
    if !(1..=MAX_REDIRECT_URIS).contains(&wanted.redirect_uris.len()) {
        return Err(Error::OAuth(
            "invalid_redirect_uri",
            format!("A client has 1 to {MAX_REDIRECT_URIS} redirect URIs."),
        ));
    }
    for uri in &wanted.redirect_uris {
        document::check_redirect_uri(uri).map_err(|why| Error::OAuth("invalid_redirect_uri", why.to_string()))?;
    }
    let name = document::shown(&wanted.client_name.unwrap_or_default());
    if name.chars().count() > MAX_NAME_CHARS {
        let why = format!("A client's name has at most {MAX_NAME_CHARS} characters.");
        return Err(Error::OAuth("invalid_client_metadata", why));
    }
    let now = app.clock.now();
    let name = if name.is_empty() { "A client without a name".to_owned() } else { name };
    let client = Client { id: id::new(ID_PREFIX, now)?, name, redirect_uris: wanted.redirect_uris };
    let client = app.db.write((client, now), |tx, (client, now)| {
        async move {
            rows::delete_unused_clients(tx, Micros(now.0 - UNUSED), Micros(now.0 - FORGOTTEN)).await?;
            rows::delete_oldest_unused_clients(tx, MOST_UNUSED).await?;
            if rows::count_clients_since(tx, Micros(now.0 - Micros::DAY / 24)).await? >= MOST_AN_HOUR {
                return Err(Error::TooMany("Too many clients registered of late; try again in an hour.".to_owned()));
            }
            rows::insert_client(tx, client, *now).await?;
            Ok(client.clone())
        }
        .boxed()
    });
    let client = client.await?;
    Ok(Registered {
        client_id: client.id,
        client_id_issued_at: now.0 / 1_000_000,
        client_name: client.name,
        redirect_uris: client.redirect_uris,
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        token_endpoint_auth_method: "none",
    })
}

/// Refuses a client that would have to be registered and is not.
///
/// # Errors
/// `invalid_client`, upon which clients register anew.
pub(super) async fn check_known(app: &App, id: &str) -> Result<()> {
    if document::is_address(id) { Ok(()) } else { find(app, id).await.map(drop) }
}

/// The client with this id, wherever what it says of itself is.
///
/// # Errors
/// `invalid_client` where there is none.
pub async fn find(app: &App, id: &str) -> Result<Client> {
    if document::is_address(id) {
        let document = app.recent.documents()?.get(id, app.clock.now()).await;
        let document = document.map_err(|why| Error::OAuth("invalid_client", why.to_string()))?;
        // Only the address is sure, so it is always shown.
        let ClientDocument { client_id: id, name, redirect_uris } = Arc::unwrap_or_clone(document);
        let name = name.map_or_else(|| id.clone(), |name| format!("{name} ({id})"));
        return Ok(Client { id, name, redirect_uris });
    }
    let unknown =
        || Error::OAuth("invalid_client", "There is no client with this id; let it register anew.".to_owned());
    if !id::is_of(ID_PREFIX, id) {
        return Err(unknown());
    }
    let found = app.db.read(id.to_owned(), |tx, id| rows::client(tx, id).boxed()).await?;
    found.ok_or_else(unknown)
}
