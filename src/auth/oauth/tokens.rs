//! Tokens: exchanging codes, refreshing, revoking, and knowing a client by one.
//!
//! A refresh token is replaced each time it is used. The one before works for
//! [`GRACE`] longer, because clients refresh from several places at once and
//! answers get lost. Used after that, it was stolen from the client or by it, and
//! the whole grant ends (OAuth 2.1 section 4.3.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt;
use serde::Serialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::rows::{self, Kind, Stored};
use super::{Grant, Params, clients, spaced};
use crate::address::Addresses;
use crate::app::App;
use crate::auth::ops::{self, bearer, hash, is_new_use};
use crate::auth::{By, Caller, Scopes};
use crate::clock::Micros;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{self, AccountId};

/// How long an access token works, in seconds.
const ACCESS_SECONDS: i64 = 3600;
/// How long a refresh token works that is not used, in days.
const REFRESH_DAYS: i64 = 90;
/// How long a replaced refresh token works on, in microseconds.
const GRACE: i64 = 30 * 1_000_000;

/// How long after its code expired a grant without tokens is kept, in microseconds.
const SPARED: i64 = 10 * 60 * 1_000_000;

/// What every access token begins with.
const ACCESS: &str = "cmpa_";
/// What every refresh token begins with.
const REFRESH: &str = "cmpr_";

/// The answer of the token endpoint (OAuth 2.1 section 3.2.3).
#[derive(Debug, Serialize)]
pub struct Tokens {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    refresh_token: String,
    scope: String,
}

/// New tokens of a grant, and their hashes.
#[derive(Clone)]
struct Pair {
    access: String,
    refresh: String,
    now: Micros,
}

impl Pair {
    fn new(now: Micros) -> Result<Self> {
        let random = || id::random::<32>().map(hex::encode);
        Ok(Self { access: format!("{ACCESS}{}", random()?), refresh: format!("{REFRESH}{}", random()?), now })
    }

    async fn store(&self, tx: &mut Tx, account: AccountId, grant: &str) -> Result<()> {
        let Self { access, refresh, now } = self;
        rows::delete_expired_tokens(tx, *now).await?;
        let expires_at = Micros(now.0 + ACCESS_SECONDS * 1_000_000);
        rows::insert_token(tx, account, grant, Kind::Access, &hash(access), *now, expires_at).await?;
        let expires_at = now.plus_days(REFRESH_DAYS);
        rows::insert_token(tx, account, grant, Kind::Refresh, &hash(refresh), *now, expires_at).await
    }

    fn answer(self, scopes: &Scopes) -> Tokens {
        Tokens {
            access_token: self.access,
            token_type: "Bearer",
            expires_in: ACCESS_SECONDS,
            refresh_token: self.refresh,
            scope: spaced(scopes),
        }
    }
}

fn refuse(why: &str) -> Error {
    Error::OAuth("invalid_grant", why.to_owned())
}

/// The token endpoint.
///
/// # Errors
/// The refusals of OAuth 2.1 section 3.2.4.
pub async fn issue(app: &App, addresses: &Addresses, params: &Params) -> Result<Tokens> {
    let client_id = params.require("client_id")?.to_owned();
    clients::check_known(app, &client_id).await?;
    if params.get("resource")?.is_some_and(|resource| !addresses.is_ours(resource)) {
        return Err(Error::OAuth("invalid_target", "The parameter 'resource' names another server.".to_owned()));
    }
    match params.require("grant_type")? {
        "authorization_code" => exchange(app, client_id, params).await,
        "refresh_token" => refresh(app, addresses, client_id, params).await,
        _ => Err(Error::OAuth(
            "unsupported_grant_type",
            "The parameter 'grant_type' is 'authorization_code' or 'refresh_token'.".to_owned(),
        )),
    }
}

/// What became of a code or a refresh token. That a used one ends its grant must
/// be committed, so it is no error of the transaction.
enum Outcome {
    Issued(Scopes),
    Refused(&'static str),
    Reused,
}

fn outcome(outcome: Outcome, pair: Pair) -> Result<Tokens> {
    match outcome {
        Outcome::Issued(scopes) => Ok(pair.answer(&scopes)),
        Outcome::Refused(why) => Err(refuse(why)),
        Outcome::Reused => {
            tracing::warn!("a used code or refresh token was used again; its grant is ended");
            Err(refuse("This was used before; everything that came of it is ended. Ask the person again."))
        }
    }
}

async fn exchange(app: &App, client_id: String, params: &Params) -> Result<Tokens> {
    let verifier = params.require("code_verifier")?;
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    let redirect_uri = params.get("redirect_uri")?.map(str::to_owned);
    let pair = Pair::new(app.clock.now())?;
    let args = (hash(params.require("code")?), client_id, redirect_uri, challenge, pair.clone());
    let exchanged = app.db.write(args, |tx, (hash, client_id, redirect_uri, challenge, pair)| {
        async move {
            let Some(Stored { account, grant, used_at, item: code }) = rows::code(tx, hash).await? else {
                return Ok(Outcome::Refused("The code is not known; codes can be exchanged for a minute."));
            };
            if grant.client_id != *client_id {
                return Ok(Outcome::Refused("The code was given to another client."));
            }
            if used_at.is_some() {
                rows::delete_grant(tx, account, &grant.id).await?;
                return Ok(Outcome::Reused);
            }
            if code.expires_at <= pair.now {
                return Ok(Outcome::Refused("The code's minute is over."));
            }
            if redirect_uri.as_ref().is_some_and(|uri| *uri != code.redirect_uri) {
                return Ok(Outcome::Refused("The redirect_uri is not the one of the request."));
            }
            if !bool::from(challenge.as_bytes().ct_eq(code.challenge.as_bytes())) {
                return Ok(Outcome::Refused("The code_verifier does not fit the challenge of the request."));
            }
            if !rows::touch_grant(tx, account, &grant.id, pair.now).await? {
                return Ok(Outcome::Refused("What the person allowed was ended."));
            }
            if !rows::use_code(tx, hash, pair.now).await? {
                // Another exchange of the same code ran at the same time and was first.
                rows::delete_grant(tx, account, &grant.id).await?;
                return Ok(Outcome::Reused);
            }
            rows::use_client(tx, client_id, pair.now).await?;
            pair.store(tx, account, &grant.id).await?;
            Ok(Outcome::Issued(grant.scopes))
        }
        .boxed()
    });
    outcome(exchanged.await?, pair)
}

async fn refresh(app: &App, addresses: &Addresses, client_id: String, params: &Params) -> Result<Tokens> {
    let pair = Pair::new(app.clock.now())?;
    let args = (hash(params.require("refresh_token")?), client_id, addresses.clone(), pair.clone());
    let refreshed = app.db.write(args, |tx, (hash, client_id, addresses, pair)| {
        async move {
            let Some(Stored { account, grant, used_at, item: token }) = rows::token(tx, hash).await? else {
                return Ok(Outcome::Refused("The refresh token is not known, or its grant has ended."));
            };
            if token.kind != Kind::Refresh || grant.client_id != *client_id {
                return Ok(Outcome::Refused("This is no refresh token of this client."));
            }
            if token.expires_at <= pair.now {
                return Ok(Outcome::Refused("The refresh token has expired."));
            }
            if !addresses.is_ours(&grant.resource) {
                return Ok(Outcome::Refused("The refresh token is for this server under another address."));
            }
            if !rows::touch_grant(tx, account, &grant.id, pair.now).await? {
                return Ok(Outcome::Refused("What the person allowed was ended."));
            }
            if used_at.is_some_and(|used| pair.now.0 - used.0 > GRACE) {
                rows::delete_grant(tx, account, &grant.id).await?;
                return Ok(Outcome::Reused);
            }
            rows::replace_token(tx, hash, pair.now).await?;
            rows::use_client(tx, client_id, pair.now).await?;
            pair.store(tx, account, &grant.id).await?;
            Ok(Outcome::Issued(grant.scopes))
        }
        .boxed()
    });
    outcome(refreshed.await?, pair)
}

/// Ends the grant that a token belongs to (RFC 7009). A token that is not known
/// is no error there.
///
/// # Errors
/// As [`crate::db::Db::write`].
pub async fn revoke(app: &App, token: &str) -> Result<()> {
    app.db
        .write(hash(token), |tx, hash| {
            async move {
                if let Some(Stored { account, grant, .. }) = rows::token(tx, hash).await? {
                    rows::delete_grant(tx, account, &grant.id).await?;
                }
                Ok(())
            }
            .boxed()
        })
        .await
}

/// Finds out who sends an `Authorization` header to the MCP endpoint: someone
/// with an API token, or a client that was allowed to use this server.
///
/// # Errors
/// [`Error::Unauthorized`]; [`Error::Unavailable`] where the storage fails.
pub async fn authenticate(app: &App, addresses: &Addresses, header: Option<&str>) -> Result<Caller> {
    let Some(token) = header.and_then(bearer).filter(|token| token.starts_with(ACCESS)) else {
        return ops::authenticate(app, header).await;
    };
    let found = app.db.read(hash(token), |tx, hash| rows::token(tx, hash).boxed()).await?;
    let Some(Stored { account, grant, item: token, .. }) = found else { return Err(Error::Unauthorized) };
    let now = app.clock.now();
    if token.kind != Kind::Access || token.expires_at <= now || !addresses.is_ours(&grant.resource) {
        return Err(Error::Unauthorized);
    }
    if is_new_use(app, &grant.id, now) {
        let (db, args) = (app.db.clone(), (account, grant.id, now));
        tokio::spawn(async move {
            let touched = db.write(args, |tx, (account, id, now)| rows::touch_grant(tx, *account, id, *now).boxed());
            if let Err(error) = touched.await {
                tracing::warn!(error = ?error, "a grant's last use was not recorded");
            }
        });
    }
    Ok(Caller { account, token_name: grant.client_name, scopes: grant.scopes, by: By::Client })
}

/// What the caller's person allowed to clients, oldest first.
///
/// # Errors
/// [`Error::Forbidden`] for a token without the scope `admin`.
pub async fn grants(app: &App, caller: &Caller) -> Result<Vec<Grant>> {
    caller.require_own()?;
    app.db.read(caller.account, |tx, account| rows::grants(tx, *account).boxed()).await
}

/// Ends a grant with all its tokens, at once and on every node.
///
/// # Errors
/// [`Error::Forbidden`] for a token without the scope `admin`, [`Error::NotFound`].
pub async fn end_grant(app: &App, caller: &Caller, grant: &str) -> Result<()> {
    caller.require_own()?;
    let none = || Error::not_found("There is no grant with that id; see GET /api/grants.");
    if !id::is_of("grant", grant) {
        return Err(none());
    }
    let args = (caller.account, grant.to_owned());
    let ended = app.db.write(args, |tx, (account, grant)| rows::delete_grant(tx, *account, grant).boxed()).await?;
    if ended { Ok(()) } else { Err(none()) }
}

/// Removes what has expired: tokens, and the grants that nothing is left of.
///
/// # Errors
/// As [`crate::db::Db::write`].
pub async fn tidy(app: &App) -> Result<()> {
    app.db
        .write(app.clock.now(), |tx, now| {
            async move {
                rows::delete_expired_tokens(tx, *now).await?;
                // Clocks of nodes differ, and a code may be on its way to be exchanged.
                rows::delete_dead_grants(tx, Micros(now.0 - SPARED)).await
            }
            .boxed()
        })
        .await
}
