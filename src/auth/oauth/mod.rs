//! What a person allows a client to do, by OAuth 2.1: this server is its own
//! authorization server.
//!
//! The order of things: a client makes itself known ([`clients`]), sends its
//! person's browser to ask ([`authorize`]), and exchanges what comes back for
//! tokens ([`tokens`]). What was allowed is a [`Grant`]. All codes and tokens are
//! opaque, random and stored hashed, each under its grant, so that ending a grant
//! ends them all, at once and on every node.
//!
//! Sources: OAuth 2.1 (draft-ietf-oauth-v2-1), the authorization chapter of the
//! Model Context Protocol (2025-11-25 and 2026-07-28), RFC 7591 (registration),
//! RFC 7009 (revocation), RFC 8252 (native clients), RFC 8707 (resources), RFC
//! 9207 (`iss`), and draft-ietf-oauth-client-id-metadata-document.

pub mod authorize;
pub mod clients;
mod document;
mod rows;
pub mod tokens;

use crate::auth::{Scope, Scopes};
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::outbound;
use document::{FETCH_TIMEOUT, Reach};

pub(super) use document::Documents;

/// What fetches clients' documents, from public addresses alone.
///
/// # Errors
/// [`Error::Internal`] where TLS can't be set up.
pub(super) fn documents() -> Result<Documents> {
    Documents::new(outbound::tls(outbound::roots())?, Reach::Public, FETCH_TIMEOUT)
}

/// What a client can be allowed: everything but [`Scope::Admin`].
pub const SCOPES: [Scope; 2] = [Scope::Read, Scope::Write];
/// The scope by which a client asks for a refresh token; every client gets one.
pub const OFFLINE: &str = "offline_access";

/// What a person allowed a client.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Its id.
    pub id: String,
    /// The client's id.
    pub client_id: String,
    /// What the client calls itself.
    pub client_name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// What the tokens are for (RFC 8707).
    pub resource: String,
    /// When the person allowed it.
    pub created_at: Micros,
    /// When the client last used it, to the minute.
    pub last_used_at: Option<Micros>,
}

/// The parameters of a request, from a query string or a form.
#[derive(Debug, Clone)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Takes the pairs as they came.
    #[must_use]
    pub fn new(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// A parameter; an empty one counts as not given (OAuth 2.1 section 3.1).
    ///
    /// # Errors
    /// `invalid_request` for one that is given twice.
    pub fn get(&self, name: &str) -> Result<Option<&str>> {
        let mut values = self.0.iter().filter(|(key, value)| key == name && !value.is_empty());
        let first = values.next();
        if values.next().is_some() {
            return Err(Error::OAuth("invalid_request", format!("The parameter '{name}' is given twice.")));
        }
        Ok(first.map(|(_, value)| value.as_str()))
    }

    /// Whether a parameter is given, be it empty.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// Every value of a parameter that may be given many times, in order.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that must be there.
    ///
    /// # Errors
    /// `invalid_request` where it is not.
    pub fn require(&self, name: &str) -> Result<&str> {
        self.get(name)?.ok_or_else(|| Error::OAuth("invalid_request", format!("The parameter '{name}' is missing.")))
    }
}

/// Scopes as OAuth writes them, with spaces between.
#[must_use]
pub fn spaced(scopes: &Scopes) -> String {
    scopes.to_string().replace(',', " ")
}

/// Reads scopes as OAuth writes them. Those that this server does not have are
/// left out (OAuth 2.1 section 3.2.2.1); without any, everything that there is.
///
/// # Errors
/// `invalid_scope` where none is left.
fn wanted_scopes(text: Option<&str>) -> Result<Scopes> {
    let named: Vec<&str> = text.unwrap_or_default().split_whitespace().filter(|name| *name != OFFLINE).collect();
    if named.is_empty() {
        return Ok(Scopes::of(&SCOPES));
    }
    let known: Vec<Scope> = named.into_iter().filter_map(Scope::named).filter(|scope| SCOPES.contains(scope)).collect();
    if known.is_empty() {
        return Err(Error::OAuth(
            "invalid_scope",
            "The scopes that a client can ask for are read and write.".to_owned(),
        ));
    }
    let scopes = Scopes::of(&known);
    // Changing answers with what is there, so who may write may read.
    Ok(if scopes.has(Scope::Write) { scopes.with(Scope::Read) } else { scopes })
}

#[cfg(test)]
mod tests {
    use super::{Params, spaced, wanted_scopes};

    #[test]
    fn a_parameter_is_given_once() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let params = Params::new(vec![pair("a", "1"), pair("a", "2"), pair("b", ""), pair("b", "3"), pair("c", "")]);
        assert!(params.get("a").is_err());
        assert_eq!(params.get("b").expect("once"), Some("3"));
        assert_eq!(params.get("c").expect("none"), None);
        assert!(params.require("d").is_err());
    }

    #[test]
    fn a_client_gets_the_scopes_that_it_names_and_there_are() {
        let wanted = |text| wanted_scopes(text).map(|scopes| spaced(&scopes));
        assert_eq!(wanted(None).expect("all"), "read write");
        assert_eq!(wanted(Some("offline_access")).expect("all"), "read write");
        assert_eq!(wanted(Some("write openid read")).expect("both"), "read write");
        assert_eq!(wanted(Some("write")).expect("both"), "read write");
        assert_eq!(wanted(Some("read admin")).expect("one"), "read");
        assert!(wanted(Some("admin")).is_err());
    }
}
