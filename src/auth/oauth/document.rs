//! OAuth Client ID Metadata Documents (draft-ietf-oauth-client-id-metadata-document,
//! sections cited as of its revision 02): a client whose id is an https address
//! publishes there who it is and where it may be redirected, and needs no registration.
//!
//! Whoever starts a sign-in names the address, so this server can be made to send
//! a request. What keeps that harmless: only https on public addresses, which are
//! judged after the name was resolved and are the very ones connected to; no
//! redirects, no proxy, one limit of time and one of size; few fetches at once.

mod address;
mod recent;
mod redirect;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Client, Response, StatusCode, Url, header};
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::sync::Semaphore;

use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::outbound;

pub use address::{Reach, is_address};
use recent::Recent;
pub use redirect::{check_redirect_uri, redirect_matches};

/// How long one fetch may take, from looking up the name to the last byte.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

const MAX_BYTES: usize = 32 * 1024;
/// Most redirect URIs of a client, however it makes itself known.
pub(super) const MAX_REDIRECT_URIS: usize = 20;
/// Longest name of a client, in characters.
pub(super) const MAX_NAME_CHARS: usize = 200;
const FETCHES_AT_ONCE: usize = 8;
const KEPT: usize = 256;
/// The draft lets a server set its own bounds of a document's life (section 5.2);
/// here both bounds are this one.
const FRESH: Duration = Duration::from_mins(10);
/// How long an address that failed is left alone. The failure itself is not
/// kept, which the draft forbids: the answer in between is another one.
const PAUSE: Duration = Duration::from_secs(30);

/// What a client says of itself. Nothing vouches for it but its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientDocument {
    /// The address the document was read from, which is the client's id.
    pub client_id: String,
    /// Name to show to people, without control and direction characters.
    pub name: Option<String>,
    /// Where the client may be redirected to; each passes [`check_redirect_uri`].
    pub redirect_uris: Vec<String>,
}

/// Why there is no document. The sentences name no address that was resolved and
/// don't tell a name that can't be resolved from one that must not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The client id is not an address in the form that the draft asks for.
    #[error(
        "A client id that is an address must be https in normal form, at most 2000 characters, \
         like https://example.com/client.json, without name, password, '#' or '..'."
    )]
    Address,
    /// The name leads nowhere, or to somewhere that is not public, or the connection failed.
    #[error(
        "The client's document can't be reached: its address must lead to a public server with a valid certificate."
    )]
    Unreachable,
    /// The document took too long.
    #[error("The server of the client's document took too long to answer.")]
    TimedOut,
    /// Too many other documents are being fetched.
    #[error("Too many clients' documents are being fetched right now; try again in a moment.")]
    Busy,
    /// The last try failed a moment ago.
    #[error("The client's document could not be read a moment ago; try again in half a minute.")]
    FailedLately,
    /// Any status but 200, redirects among them.
    #[error("The client's document must be answered with status 200, not {0}; redirects are not followed.")]
    Status(u16),
    /// The Content-Type is not JSON.
    #[error("The client's document must have the content type application/json.")]
    ContentType,
    /// The body is over the limit.
    #[error("The client's document is over 32 KiB.")]
    TooLarge,
    /// Not JSON, or not the fields it must have.
    #[error("The client's document must be a JSON object with a text client_id and a list of texts redirect_uris.")]
    Malformed,
    /// The document is about another client.
    #[error("The client_id in the client's document must be the address it is read from, letter for letter.")]
    OtherClient,
    /// A secret, or a kind of authentication other than none.
    #[error(
        "A client with a document must be a public one: token_endpoint_auth_method 'none' or absent, no client_secret."
    )]
    Authentication,
    /// Too many redirect URIs, or none.
    #[error("The client's document must list 1 to 20 redirect_uris.")]
    RedirectUris,
    /// A redirect URI that may not be used, and why.
    #[error("A redirect URI in the client's document can't be used: {0}")]
    RedirectUri(&'static str),
    /// The name is over the limit.
    #[error("The client_name in the client's document is over 200 characters.")]
    Name,
    /// The home page is not a web address.
    #[error("The client_uri in the client's document must be an http or https address without name and password.")]
    Uri,
}

/// Fetches clients' documents and keeps those used of late. Clones share both.
#[derive(Debug, Clone)]
pub struct Documents {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    http: Client,
    reach: Reach,
    timeout: Duration,
    places: Semaphore,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    documents: Recent<Arc<ClientDocument>>,
    failed: Recent<()>,
}

impl Documents {
    /// Fetches over connections secured by `tls`, only from where `reach` allows,
    /// each within `timeout`, usually [`FETCH_TIMEOUT`].
    ///
    /// # Errors
    /// [`Error::Internal`] if the HTTP client can't be set up.
    pub fn new(tls: rustls::ClientConfig, reach: Reach, timeout: Duration) -> Result<Self> {
        let http = outbound::client_with(tls)
            .https_only(true)
            .no_proxy()
            .dns_resolver(Arc::new(address::Resolver(reach)))
            // A kept connection would outlive the judgement of its address.
            .pool_max_idle_per_host(0)
            .timeout(timeout)
            .build()
            .map_err(Error::internal)?;
        let kept = Kept { documents: Recent::new(KEPT, FRESH), failed: Recent::new(KEPT, PAUSE) };
        let places = Semaphore::new(FETCHES_AT_ONCE);
        Ok(Self { shared: Arc::new(Shared { http, reach, timeout, places, kept: Mutex::new(kept) }) })
    }

    /// The document of the client with this id, at most ten minutes old at `now`.
    ///
    /// # Errors
    /// A [`Refusal`], whose sentence can be shown to whoever is signing in.
    pub async fn get(&self, client_id: &str, now: Micros) -> Result<Arc<ClientDocument>, Refusal> {
        let url = address::parse(client_id).ok_or(Refusal::Address)?;
        if !self.shared.reach.allows_literal(&url) {
            return Err(Refusal::Unreachable);
        }
        if let Some(answer) = self.lately(client_id, now) {
            return answer;
        }
        let place = tokio::time::timeout(self.shared.timeout, self.shared.places.acquire()).await;
        let Ok(Ok(_place)) = place else { return Err(Refusal::Busy) };
        // Whoever had the place before may have been after the same document.
        if let Some(answer) = self.lately(client_id, now) {
            return answer;
        }
        let fetched = self.fetch(client_id, url).await.map(Arc::new);
        self.with_kept(|kept| match &fetched {
            Ok(document) => kept.documents.put(client_id, document.clone(), now),
            Err(_) => kept.failed.put(client_id, (), now),
        });
        fetched
    }

    fn lately(&self, client_id: &str, now: Micros) -> Option<Result<Arc<ClientDocument>, Refusal>> {
        self.with_kept(|kept| match kept.documents.get(client_id, now) {
            Some(document) => Some(Ok(document)),
            None => kept.failed.get(client_id, now).map(|()| Err(Refusal::FailedLately)),
        })
    }

    fn with_kept<T>(&self, body: impl FnOnce(&mut Kept) -> T) -> T {
        // What is kept is whole between any two calls, so a panic elsewhere does it no harm.
        body(&mut self.shared.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn fetch(&self, client_id: &str, url: Url) -> Result<ClientDocument, Refusal> {
        let request = self.shared.http.get(url).header(header::ACCEPT, "application/json");
        let mut response = request.send().await.map_err(|error| unreachable(&error))?;
        if response.status() != StatusCode::OK {
            return Err(Refusal::Status(response.status().as_u16()));
        }
        if !is_json(&response) {
            return Err(Refusal::ContentType);
        }
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| unreachable(&error))? {
            if body.len() + piece.len() > MAX_BYTES {
                return Err(Refusal::TooLarge);
            }
            body.extend_from_slice(&piece);
        }
        read(client_id, &body)
    }
}

/// The refusal for an error on the way, whose details are for the log alone.
fn unreachable(error: &reqwest::Error) -> Refusal {
    tracing::debug!(?error, "a client's document could not be fetched");
    if error.is_timeout() { Refusal::TimedOut } else { Refusal::Unreachable }
}

fn is_json(response: &Response) -> bool {
    let value = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default().trim().to_ascii_lowercase();
    // Section 4 allows more specific types of the second form.
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// The members of a document that matter here (RFC 7591 section 2); others are passed over.
#[derive(Deserialize)]
struct Members {
    client_id: String,
    client_name: Option<String>,
    client_uri: Option<String>,
    redirect_uris: Vec<String>,
    token_endpoint_auth_method: Option<String>,
    client_secret: Option<IgnoredAny>,
    client_secret_expires_at: Option<IgnoredAny>,
}

/// Reads and checks the document that was found at the address `client_id`.
fn read(client_id: &str, body: &[u8]) -> Result<ClientDocument, Refusal> {
    // The parser alone would let other bytes pass in members that are passed over.
    let text = str::from_utf8(body).map_err(|_| Refusal::Malformed)?;
    let members: Members = serde_json::from_str(text).map_err(|_| Refusal::Malformed)?;
    if members.client_id != client_id {
        return Err(Refusal::OtherClient);
    }
    // Section 4.1. A client that wants to prove itself by a key must not be let in without
    // (section 8.2), and this server has no such proof.
    if members.client_secret.is_some()
        || members.client_secret_expires_at.is_some()
        || members.token_endpoint_auth_method.is_some_and(|method| method != "none")
    {
        return Err(Refusal::Authentication);
    }
    if !(1..=MAX_REDIRECT_URIS).contains(&members.redirect_uris.len()) {
        return Err(Refusal::RedirectUris);
    }
    for uri in &members.redirect_uris {
        check_redirect_uri(uri).map_err(Refusal::RedirectUri)?;
    }
    let name = members.client_name.map(|name| shown(&name)).filter(|name| !name.is_empty());
    if name.as_ref().is_some_and(|name| name.chars().count() > MAX_NAME_CHARS) {
        return Err(Refusal::Name);
    }
    if members.client_uri.as_deref().is_some_and(|uri| !address::is_web(uri)) {
        return Err(Refusal::Uri);
    }
    Ok(ClientDocument { client_id: members.client_id, name, redirect_uris: members.redirect_uris })
}

/// A name without what could make other text on the page look different: control
/// characters, marks of direction, characters without width.
pub(super) fn shown(name: &str) -> String {
    use unicode_categories::UnicodeCategories;
    let visible = |c: &char| {
        !(c.is_other_control() || c.is_other_format() || c.is_separator_line() || c.is_separator_paragraph())
    };
    name.chars().filter(visible).collect::<String>().trim().to_owned()
}
