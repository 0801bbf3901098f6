//! Operations on accounts and tokens.

use futures_util::FutureExt;
use sha2::{Digest, Sha256};
use std::sync::PoisonError;
use subtle::ConstantTimeEq;

use super::{Account, By, Caller, Scopes, Token, rows};
use crate::app::App;
use crate::clock::Micros;
use crate::db::Erasure;
use crate::error::{Error, Result};
use crate::id::{self, AccountId};
use crate::receipt::{Draft, Operation};
use crate::{bucket, history, memory, receipt, search};

/// What every token begins with, so that people and secret scanners know one.
const PREFIX: &str = "cmpl_";
/// What the ids of tokens begin with.
pub(super) const TOKEN_PREFIX: &str = "tok";
/// Hexadecimal digits of the look-up part and of the secret part.
const LOOKUP: usize = 16;
const SECRET: usize = 64;
/// Longest name of an account, in characters.
pub(super) const NAME_MAX: usize = 64;
/// How exactly a token's last use is kept.
const USE_PRECISION: i64 = 60_000_000;

/// Finds out who sends an `Authorization` header.
///
/// Every refusal does the same work (one look-up, one hash, one comparison)
/// and gives the same answer, so that neither tells why.
///
/// # Errors
/// [`Error::Unauthorized`]; [`Error::Unavailable`] where the storage fails.
pub async fn authenticate(app: &App, header: Option<&str>) -> Result<Caller> {
    let token = header.and_then(bearer).unwrap_or_default().to_owned();
    let lookup = lookup_of(&token).unwrap_or_default().to_owned();
    let found = app.db.read(lookup.clone(), |tx, lookup| rows::credential(tx, lookup).boxed()).await?;
    let hash = hash(&token);
    let now = app.clock.now();
    let expected = found.as_ref().map_or(&[0; 32][..], |credential| &credential.hash);
    let matches = bool::from(hash.as_slice().ct_eq(expected));
    let Some(credential) = found else { return Err(Error::Unauthorized) };
    if !matches || credential.expires_at.is_some_and(|at| at <= now) {
        return Err(Error::Unauthorized);
    }
    if is_new_use(app, &lookup, now) {
        let db = app.db.clone();
        tokio::spawn(async move {
            let args = (lookup, now);
            if let Err(error) = db.write(args, |tx, (lookup, now)| rows::touch_token(tx, lookup, *now).boxed()).await {
                tracing::warn!(error = ?error, "a token's last use was not recorded");
            }
        });
    }
    let scopes = credential.scopes.parse()?;
    Ok(Caller { account: credential.account, token_name: credential.name, scopes, by: By::Token })
}

/// The token in an `Authorization` header.
pub(super) fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn lookup_of(token: &str) -> Option<&str> {
    let (lookup, secret) = token.strip_prefix(PREFIX)?.split_once('_')?;
    (lookup.len() == LOOKUP && secret.len() == SECRET).then_some(lookup)
}

/// Tokens carry 256 random bits, so a fast hash is enough: there is nothing to guess.
pub(super) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// Whether a use at this time is to be recorded, which is at most once a minute.
pub(super) fn is_new_use(app: &App, of: &str, now: Micros) -> bool {
    let mut uses = app.recent.uses.lock().unwrap_or_else(PoisonError::into_inner);
    if uses.get(of).is_some_and(|last| now.0 - last.0 < USE_PRECISION) {
        return false;
    }
    uses.insert(of.to_owned(), now);
    true
}

/// Makes an account with its General bucket.
///
/// # Errors
/// [`Error::Conflict`] where the name is taken, [`Error::Invalid`] where it is
/// not 1 to 64 characters without spaces or control characters.
pub async fn create_account(app: &App, name: &str) -> Result<Account> {
    if !(1..=NAME_MAX).contains(&name.chars().count()) || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(Error::invalid(format!("A user name has 1 to {NAME_MAX} characters, none of them a space.")));
    }
    let args = (name.to_owned(), app.clock.now());
    app.db
        .write(args, |tx, (name, now)| {
            async move {
                let id = rows::insert_account(tx, name, *now).await?.ok_or_else(|| {
                    Error::Conflict(format!("There is a user '{name}' already; choose another name."))
                })?;
                bucket::ops::create_general(tx, id, *now).await?;
                Ok(Account { id, name: name.clone(), created_at: *now })
            }
            .boxed()
        })
        .await
}

/// All accounts, oldest first.
///
/// # Errors
/// As [`crate::db::Db::read`].
pub async fn accounts(app: &App) -> Result<Vec<Account>> {
    app.db.read((), |tx, ()| rows::accounts(tx).boxed()).await
}

/// The account with this name; without a name the oldest, which is the owner's.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn account(app: &App, name: Option<&str>) -> Result<Account> {
    let Some(name) = name else {
        let first = accounts(app).await?.into_iter().next();
        return first.ok_or_else(|| Error::not_found("There is no user yet; start 'commonplace serve' once."));
    };
    let found = app.db.read(name.to_owned(), |tx, name| rows::account_by_name(tx, name).boxed()).await?;
    found.ok_or_else(|| Error::not_found(format!("There is no user '{name}'; see 'commonplace user list'.")))
}

/// Removes an account with everything in it, beyond recovery.
///
/// Its memories, its conversations and whatever gives access to it go first, with a receipt, so that a crash or a
/// reader that blocks the erasure leaves an account behind that says so, and
/// the housekeeping finishes. Then it is repeated.
///
/// # Errors
/// As [`crate::db::Db::write`] and [`receipt::ops::finish_erasure`];
/// [`Error::Conflict`] where the erasure is blocked.
pub async fn remove_account(app: &App, account: AccountId) -> Result<()> {
    let draft = Draft::new(app, &Caller::operator(account), Operation::RemoveUser, true)?;
    app.db
        .write(draft, |tx, draft| {
            async move {
                rows::advance(tx, draft.account, 1).await?;
                rows::delete_all_access(tx, draft.account).await?;
                history::delete::remove_all(tx, draft.account).await?;
                memory::delete::remove_all(tx, draft).await
            }
            .boxed()
        })
        .await?;
    history::jobs::run::discard(app, account)?;
    if receipt::ops::finish_erasure(app).await? == Erasure::Blocked {
        return Err(Error::Conflict(
            "Every memory of this user is removed, but not overwritten yet, because another program keeps the \
             database open. Close it and repeat the command."
                .to_owned(),
        ));
    }
    app.db
        .write(account, |tx, account| {
            async move {
                rows::advance(tx, *account, 1).await?;
                // What another process added meanwhile.
                history::delete::remove_all(tx, *account).await?;
                search::unindex_account(tx, *account).await?;
                rows::delete_account(tx, *account).await
            }
            .boxed()
        })
        .await?;
    // What is left is the names of the account, its buckets and its tokens.
    match receipt::ops::finish_erasure(app).await? {
        Erasure::Bytes | Erasure::Vacuumed => Ok(()),
        Erasure::Blocked => Err(Error::Conflict(
            "The user is removed and every memory overwritten, but another program is reading the database and \
             holds on to its log, where the names of the user's buckets still are. They go with the next purge."
                .to_owned(),
        )),
    }
}

/// Makes a token; the secret text, which is stored nowhere, and its description.
///
/// # Errors
/// [`Error::Invalid`] for a name that is not 1 to 100 characters.
pub async fn create_token(
    app: &App,
    account: AccountId,
    name: &str,
    scopes: Scopes,
    expires_at: Option<Micros>,
) -> Result<(String, Token)> {
    let (secret, token) = new_token(app, name, scopes, expires_at)?;
    let args = (account, token.clone(), hash(&secret));
    app.db.write(args, |tx, (account, token, hash)| rows::insert_token(tx, *account, token, hash).boxed()).await?;
    Ok((secret, token))
}

/// A token that is not stored yet, and its secret text.
pub(super) fn new_token(app: &App, name: &str, scopes: Scopes, expires_at: Option<Micros>) -> Result<(String, Token)> {
    if !(1..=100).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(Error::invalid("A token's name has 1 to 100 characters."));
    }
    let lookup = hex::encode(id::random::<{ LOOKUP / 2 }>()?);
    let secret = format!("{PREFIX}{lookup}_{}", hex::encode(id::random::<{ SECRET / 2 }>()?));
    let now = app.clock.now();
    let token = Token {
        id: id::new(TOKEN_PREFIX, now)?,
        name: name.to_owned(),
        lookup,
        scopes,
        created_at: now,
        expires_at,
        last_used_at: None,
    };
    Ok((secret, token))
}

/// An account's tokens, oldest first.
///
/// # Errors
/// As [`crate::db::Db::read`].
pub async fn tokens(app: &App, account: AccountId) -> Result<Vec<Token>> {
    app.db.read(account, |tx, account| rows::tokens(tx, *account).boxed()).await
}

/// Ends the tokens with this id or name, at once and on every node; how many.
///
/// # Errors
/// [`Error::NotFound`] where there is none.
pub async fn revoke_tokens(app: &App, account: AccountId, id_or_name: &str) -> Result<u64> {
    let args = (account, id_or_name.to_owned());
    let revoked = app.db.write(args, |tx, (account, name)| rows::delete_tokens(tx, *account, name).boxed()).await?;
    if revoked == 0 {
        return Err(Error::not_found("This user has no token with that id or name; see 'commonplace token list'."));
    }
    Ok(revoked)
}
