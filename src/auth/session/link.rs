//! Links with which a person sets a password: the first one, or a new one where
//! it is forgotten. Only whoever runs the server makes them.
//!
//! A link works once and for a day. Its secret has 256 random bits and is stored
//! hashed. Looking at it uses nothing up, since programs look at links, too.

use futures_util::FutureExt;

use super::{DAYS, hash, hashed, replace_password, rows, secret};
use crate::app::App;
use crate::auth::{Account, advance};
use crate::error::Result;
use crate::id::AccountId;

/// How long a link works, in hours.
pub const HOURS: i64 = 24;

/// Makes a link for an account and ends those made before: its secret.
///
/// # Errors
/// As [`crate::db::Db::write`].
pub async fn create(app: &App, account: AccountId) -> Result<String> {
    let secret = secret()?;
    let now = app.clock.now();
    let args = (account, hash(&secret), now, now.plus_minutes(60 * HOURS));
    let made = app.db.write(args, |tx, (account, hash, now, expires)| {
        async move {
            // Of two at once only one link is left.
            advance(tx, *account, 1).await?;
            rows::delete_links(tx, *account).await?;
            rows::insert_link(tx, *account, hash, *now, *expires).await
        }
        .boxed()
    });
    made.await?;
    Ok(secret)
}

/// Whether nobody can sign in yet, because no account has a password.
///
/// # Errors
/// As [`crate::db::Db::read`].
pub async fn is_needed(app: &App) -> Result<bool> {
    Ok(!app.db.read((), |tx, ()| rows::has_password(tx).boxed()).await?)
}

/// Whose link this is, if it still works.
///
/// # Errors
/// As [`crate::db::Db::read`].
pub async fn find(app: &App, link: &str) -> Result<Option<Account>> {
    let args = (hash(link), app.clock.now());
    app.db.read(args, |tx, (hash, now)| rows::account_of_link(tx, hash, *now).boxed()).await
}

/// Uses a link up: sets the password, ends every session of the account and
/// begins one. Its secret, or `None` where the link no longer works.
///
/// # Errors
/// [`crate::Error::Invalid`] for a password that is too short or too long, and
/// [`crate::Error::Busy`] where too many are hashed; the link still works then.
pub async fn redeem(app: &App, link: &str, password: String) -> Result<Option<String>> {
    // A stranger's guess must not take a turn at hashing.
    let Some(Account { name, .. }) = find(app, link).await? else { return Ok(None) };
    let secret = secret()?;
    let new = hashed(app, password).await?;
    let now = app.clock.now();
    let args = (hash(link), new, hash(&secret), now, now.plus_days(DAYS));
    let redeemed = app.db.write(args, |tx, (link, new, session, now, expires)| {
        async move {
            let Some(account) = rows::take_link(tx, link, *now).await? else { return Ok(false) };
            replace_password(tx, account, new).await?;
            rows::insert(tx, account, session, *now, *expires).await?;
            Ok(true)
        }
        .boxed()
    });
    if !redeemed.await? {
        return Ok(None);
    }
    // Whatever others tried before, the new password may be used.
    app.recent.sign_in.forget(&name);
    Ok(Some(secret))
}
