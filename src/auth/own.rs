//! A person's own API tokens, as they see and change them while signed in. (The
//! command line does so for any account: [`super::ops`].)

use futures_util::FutureExt;

use super::ops::{TOKEN_PREFIX, hash, new_token};
use super::{Caller, Scopes, Token, rows};
use crate::app::App;
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::id;

/// Most tokens of an account that are made here.
pub const MOST_TOKENS: usize = 100;

/// The caller's tokens, oldest first, those that have expired too.
///
/// # Errors
/// [`Error::Forbidden`] for a token without the scope `admin`.
pub async fn tokens(app: &App, caller: &Caller) -> Result<Vec<Token>> {
    caller.require_own()?;
    super::ops::tokens(app, caller.account).await
}

/// Makes a token that may do no more than the caller; the secret text, which is
/// stored nowhere, and its description.
///
/// # Errors
/// [`Error::Forbidden`] for a token without the scope `admin`, and for scopes that
/// the caller has not, [`Error::Invalid`] for a name that is not 1 to 100 characters and for an
/// end that is over, [`Error::Conflict`] where there are [`MOST_TOKENS`] or one of
/// this name.
pub async fn create_token(
    app: &App,
    caller: &Caller,
    name: &str,
    scopes: Scopes,
    expires_at: Option<Micros>,
) -> Result<(String, Token)> {
    caller.require_own()?;
    scopes.0.iter().try_for_each(|scope| caller.require(*scope))?;
    if scopes.0.is_empty() {
        return Err(Error::invalid("Choose at least one thing that the token may do."));
    }
    if expires_at.is_some_and(|at| at <= app.clock.now()) {
        return Err(Error::invalid("The token would have expired already; choose a later end, or none."));
    }
    let (secret, token) = new_token(app, name.trim(), scopes, expires_at)?;
    let args = (caller.account, token.clone(), hash(&secret));
    let stored = app.db.write(args, |tx, (account, token, hash)| {
        async move {
            // So that two at once are counted one after the other.
            rows::advance(tx, *account, 1).await?;
            let others = rows::tokens(tx, *account).await?;
            if others.iter().any(|other| other.name == token.name) {
                let why =
                    "There is a token of this name already. Choose another name, so that you can tell them apart.";
                return Err(Error::Conflict(why.to_owned()));
            }
            if others.len() >= MOST_TOKENS {
                return Err(Error::Conflict(format!("There are {MOST_TOKENS} tokens; revoke one that is not used.")));
            }
            rows::insert_token(tx, *account, token, hash).await
        }
        .boxed()
    });
    stored.await?;
    Ok((secret, token))
}

/// Ends a token of the caller's, at once and on every node.
///
/// # Errors
/// [`Error::Forbidden`] for a token without the scope `admin`, [`Error::NotFound`].
pub async fn revoke_token(app: &App, caller: &Caller, id: &str) -> Result<()> {
    caller.require_own()?;
    let none = || Error::not_found("There is no token with that id; it may have been revoked already.");
    if !id::is_of(TOKEN_PREFIX, id) {
        return Err(none());
    }
    let args = (caller.account, id.to_owned());
    let revoked = app.db.write(args, |tx, (account, id)| rows::delete_token(tx, *account, id).boxed()).await?;
    if revoked { Ok(()) } else { Err(none()) }
}
