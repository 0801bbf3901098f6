//! The authorization request: what a client asks of a person, and the answer.

use futures_util::FutureExt;

use super::clients::{self, Client};
use super::{Grant, Params, rows, wanted_scopes};
use crate::address::{Addresses, MCP_PATH};
use crate::app::App;
use crate::auth::ops::hash;
use crate::auth::session::Session;
use crate::auth::{Scope, Scopes, advance};
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::id;

/// How long a code can be exchanged, in microseconds.
const CODE_TIME: i64 = 60 * 1_000_000;
/// Characters of an S256 challenge (RFC 7636 section 4.2).
const CHALLENGE: usize = 43;
/// Longest `state`, in bytes.
const MOST_STATE: usize = 8_192;

/// A request that was checked.
#[derive(Debug, Clone)]
pub struct Request {
    /// Who asks.
    pub client: Client,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// For what.
    pub scopes: Scopes,
    resource: String,
    challenge: String,
    state: Option<String>,
    /// The server's URL as this browser and client know it.
    issuer: String,
}

/// Why a request is not put to the person.
#[derive(Debug)]
pub enum Refusal {
    /// Who asks is not known, so the answer may go nowhere but to the person.
    Shown(Error),
    /// The client is told, at this address.
    Sent(String),
    /// The client would be told at this address, but it is on the web, and its
    /// person never allowed it anything: a link that looks like this server's
    /// must not lead there by itself (RFC 9700 section 4.11.2).
    Offered(String),
}

impl Request {
    /// Checks a request that came to `issuer`.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn check(
        app: &App,
        addresses: &Addresses,
        issuer: &str,
        session: &Session,
        params: &Params,
    ) -> Result<Self, Refusal> {
        let (client, redirect_uri) = who(app, params).await.map_err(Refusal::Shown)?;
        let state = params.get("state").ok().flatten().map(str::to_owned);
        let request = Self {
            client,
            redirect_uri,
            scopes: Scopes::of(&[]),
            resource: format!("{issuer}{MCP_PATH}"),
            challenge: String::new(),
            state: state.filter(|state| state.len() <= MOST_STATE),
            issuer: issuer.to_owned(),
        };
        match what(addresses, params, request.clone()) {
            Ok(request) => Ok(request),
            Err(Error::OAuth(code, why)) => {
                let address = request.refused(code, &why);
                if !request.redirect_uri.starts_with("https://") {
                    return Err(Refusal::Sent(address));
                }
                let args = (session.account.id, request.client.id);
                let known = app.db.read(args, |tx, (account, client)| rows::has_grant(tx, *account, client).boxed());
                let known = known.await.map_err(Refusal::Shown)?;
                Err(if known { Refusal::Sent(address) } else { Refusal::Offered(address) })
            }
            Err(error) => Err(Refusal::Shown(error)),
        }
    }

    /// The person says yes, perhaps to less than was asked for: the address that
    /// takes the code to the client.
    ///
    /// # Errors
    /// As [`crate::db::Db::write`].
    pub async fn allow(&self, app: &App, session: &Session, may_write: bool) -> Result<String> {
        let now = app.clock.now();
        let scopes = if may_write { self.scopes.clone() } else { self.scopes.without(Scope::Write) };
        let grant = Grant {
            id: id::new("grant", now)?,
            client_id: self.client.id.clone(),
            client_name: self.client.name.clone(),
            scopes,
            resource: self.resource.clone(),
            created_at: now,
            last_used_at: None,
        };
        let code = format!("cmpc_{}", hex::encode(id::random::<32>()?));
        let args = (session.account.id, grant, hash(&code), self.clone(), now);
        app.db
            .write(args, |tx, (account, grant, hash, request, now)| {
                async move {
                    // Also refuses where the account was removed meanwhile.
                    advance(tx, *account, 1).await?;
                    rows::use_client(tx, &grant.client_id, *now).await?;
                    rows::insert_grant(tx, *account, grant).await?;
                    let code = rows::Code {
                        redirect_uri: request.redirect_uri.clone(),
                        challenge: request.challenge.clone(),
                        expires_at: Micros(now.0 + CODE_TIME),
                    };
                    rows::insert_code(tx, *account, &grant.id, hash, &code).await
                }
                .boxed()
            })
            .await?;
        Ok(self.answer(&[("code", &code)]))
    }

    /// The person says no: the address that tells the client.
    #[must_use]
    pub fn deny(&self) -> String {
        self.refused("access_denied", "The person said no.")
    }

    /// Whether the client asks to change memories, too.
    #[must_use]
    pub fn wants_to_write(&self) -> bool {
        self.scopes.has(Scope::Write)
    }

    fn refused(&self, code: &str, why: &str) -> String {
        self.answer(&[("error", code), ("error_description", why)])
    }

    fn answer(&self, pairs: &[(&str, &str)]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        query.append_pair("iss", &self.issuer);
        let joint = if self.redirect_uri.contains('?') { '&' } else { '?' };
        format!("{}{joint}{}", self.redirect_uri, query.finish())
    }
}

/// Who asks, and where the answer goes: without both it must not go anywhere.
async fn who(app: &App, params: &Params) -> Result<(Client, String)> {
    let client = clients::find(app, params.require("client_id")?).await?;
    let redirect_uri = params.require("redirect_uri")?;
    if !client.takes(redirect_uri) {
        return Err(Error::OAuth(
            "invalid_request",
            "The client asked for an answer at an address that is not one of its own.".to_owned(),
        ));
    }
    Ok((client, redirect_uri.to_owned()))
}

fn what(addresses: &Addresses, params: &Params, mut request: Request) -> Result<Request> {
    let refuse = |code, why: &str| Err(Error::OAuth(code, why.to_owned()));
    if params.get("state")?.is_some_and(|state| state.len() > MOST_STATE) {
        return refuse("invalid_request", "The parameter 'state' is too long.");
    }
    if params.require("response_type")? != "code" {
        return refuse("unsupported_response_type", "The parameter 'response_type' must be 'code'.");
    }
    if params.get("code_challenge_method")? != Some("S256") {
        return refuse("invalid_request", "The parameter 'code_challenge_method' must be 'S256'.");
    }
    let challenge = params.require("code_challenge")?;
    let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if challenge.len() != CHALLENGE || !challenge.bytes().all(is_base64url) {
        return refuse("invalid_request", "The parameter 'code_challenge' is no SHA-256 in base64url.");
    }
    challenge.clone_into(&mut request.challenge);
    if let Some(resource) = params.get("resource")? {
        if !addresses.is_ours(resource) {
            return refuse("invalid_target", "The parameter 'resource' names another server.");
        }
        resource.clone_into(&mut request.resource);
    }
    request.scopes = wanted_scopes(params.get("scope")?)?;
    Ok(request)
}
