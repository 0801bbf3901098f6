//! People signed in with a password: hashing it, the sessions that a sign-in
//! begins, and how often one may try.
//!
//! Passwords are hashed by argon2id with the parameters of RFC 9106's second
//! recommendation as OWASP has them for servers (19 MiB, 2 passes), which is the
//! crate's default. A session's secret has 256 random bits and is stored hashed.

mod rows;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use futures_util::FutureExt;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use super::ops::hash;
use super::{Account, Caller, Scopes};
use crate::app::App;
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::id::{self, AccountId};

/// How long a sign-in lasts, in days.
pub const DAYS: i64 = 30;
/// Shortest password, in characters (NIST SP 800-63B).
const LEAST_CHARS: usize = 8;
/// Longest password, in bytes: hashing must not be given books.
const MOST_BYTES: usize = 1_000;
/// How many failed sign-ins of a name are taken within [`WINDOW`].
const MOST_FAILURES: usize = 10;
/// Microseconds.
const WINDOW: i64 = 15 * 60 * 1_000_000;
/// Of how many names failures are remembered; each is a name that somebody made up.
const MOST_NAMES: usize = 10_000;
/// Passwords hashed at once; each takes 19 MiB and a processor.
const AT_ONCE: usize = 2;

/// Someone signed in.
#[derive(Debug, Clone)]
pub struct Session {
    /// Whose.
    pub account: Account,
    csrf: String,
}

impl Session {
    /// Who this session acts for.
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller { account: self.account.id, token_name: "dashboard".to_owned(), scopes: Scopes::all(), is_client: false }
    }

    /// What every form of this session carries; see [`csrf`].
    #[must_use]
    pub fn csrf(&self) -> &str {
        &self.csrf
    }
}

/// The token that a form must carry, made from the secret of the cookie that
/// comes with it. Another site can make a browser send the cookie, but can't
/// read it, and so can't make this.
#[must_use]
pub fn csrf(secret: &str) -> String {
    hex::encode(Sha256::new().chain_update("commonplace form\0").chain_update(secret).finalize())
}

/// Whether a form's token is the one that belongs to the cookie's secret.
#[must_use]
pub fn is_csrf(secret: &str, given: &str) -> bool {
    !secret.is_empty() && bool::from(csrf(secret).as_bytes().ct_eq(given.as_bytes()))
}

/// A secret for a cookie.
///
/// # Errors
/// As [`id::random`].
pub fn secret() -> Result<String> {
    Ok(hex::encode(id::random::<32>()?))
}

/// Sets an account's password and ends its sessions.
///
/// # Errors
/// [`Error::Invalid`] for a password that is too short or too long.
pub async fn set_password(app: &App, account: AccountId, password: String) -> Result<()> {
    if password.chars().count() < LEAST_CHARS || password.len() > MOST_BYTES {
        return Err(Error::invalid(format!(
            "A password has at least {LEAST_CHARS} characters, and at most {MOST_BYTES} bytes."
        )));
    }
    let salt = id::random::<16>()?;
    let hashed = app.recent.sign_in.work(move || {
        let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
        hash.map(|hash| hash.to_string()).map_err(|error| Error::internal(error.to_string()))
    });
    let args = (account, hashed.await??);
    app.db
        .write(args, |tx, (account, hash)| {
            async move {
                rows::set_password(tx, *account, hash).await?;
                rows::delete_all(tx, *account).await
            }
            .boxed()
        })
        .await
}

/// Begins a session: its secret, or `None` where the name and the password don't
/// match, for whatever reason.
///
/// # Errors
/// [`Error::TooMany`] after [`MOST_FAILURES`] failures with this name.
pub async fn sign_in(app: &App, name: &str, password: String) -> Result<Option<String>> {
    let now = app.clock.now();
    let attempts = &app.recent.sign_in;
    attempts.check(name, now)?;
    if name.chars().any(char::is_control) {
        return Ok(None);
    }
    let found = app.db.read(name.to_owned(), |tx, name| rows::password(tx, name).boxed()).await?;
    let (account, stored) = found.map_or((None, None), |(account, hash)| (Some(account), hash));
    let known = stored.is_some();
    let stored = stored.unwrap_or_else(|| NOBODYS.to_owned());
    let matches = attempts.work(move || verify(&stored, &password)).await??;
    let account = account.filter(|_| known && matches);
    let Some(account) = account else {
        attempts.failed(name, now);
        return Ok(None);
    };
    attempts.forget(name);
    let secret = secret()?;
    let args = (account, hash(&secret), now, now.plus_days(DAYS));
    app.db
        .write(args, |tx, (account, hash, now, expires)| {
            async move {
                rows::delete_expired(tx, *now).await?;
                rows::insert(tx, *account, hash, *now, *expires).await
            }
            .boxed()
        })
        .await?;
    Ok(Some(secret))
}

/// What a password is compared with where there is none, so that it takes as long.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5cyBzYWx0IQ$7mRkYvEnXqJ2oYHh0cQ1nYJfVb8rjH3nUq7xkP0m9xA";

fn verify(stored: &str, password: &str) -> Result<bool> {
    if password.len() > MOST_BYTES {
        return Ok(false);
    }
    let stored = PasswordHash::new(stored).map_err(|error| Error::internal(error.to_string()))?;
    Ok(Argon2::default().verify_password(password.as_bytes(), &stored).is_ok())
}

/// The session whose secret a cookie carries.
///
/// # Errors
/// As [`crate::db::Db::read`].
pub async fn find(app: &App, secret: &str) -> Result<Option<Session>> {
    let args = (hash(secret), app.clock.now());
    let account = app.db.read(args, |tx, (hash, now)| rows::account(tx, hash, *now).boxed()).await?;
    Ok(account.map(|account| Session { account, csrf: csrf(secret) }))
}

/// Ends a session.
///
/// # Errors
/// As [`crate::db::Db::write`].
pub async fn sign_out(app: &App, secret: &str) -> Result<()> {
    app.db.write(hash(secret), |tx, hash| rows::delete(tx, hash).boxed()).await
}

/// Failed sign-ins of late, and the turns for hashing.
#[derive(Debug)]
pub struct Attempts {
    failures: Mutex<HashMap<String, (usize, Micros)>>,
    turns: Semaphore,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { failures: Mutex::default(), turns: Semaphore::new(AT_ONCE) }
    }
}

impl Attempts {
    fn check(&self, name: &str, now: Micros) -> Result<()> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        match failures.get(name) {
            Some((count, since)) if *count >= MOST_FAILURES && now.0 - since.0 < WINDOW => Err(Error::TooMany(
                "There were too many failed sign-ins with this name; wait a quarter of an hour.".to_owned(),
            )),
            _ => Ok(()),
        }
    }

    fn failed(&self, name: &str, now: Micros) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MOST_NAMES && !failures.contains_key(name) {
            failures.retain(|_, (_, since)| now.0 - since.0 < WINDOW);
            if failures.len() >= MOST_NAMES {
                failures.clear();
            }
        }
        let (count, since) = failures.entry(name.to_owned()).or_insert((0, now));
        if now.0 - since.0 >= WINDOW {
            (*count, *since) = (0, now);
        }
        *count += 1;
    }

    fn forget(&self, name: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Does something slow in its turn, beside the requests.
    async fn work<R: Send + 'static>(&self, task: impl FnOnce() -> R + Send + 'static) -> Result<R> {
        let _turn = self.turns.acquire().await.map_err(Error::internal)?;
        tokio::task::spawn_blocking(task).await.map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::{Attempts, MOST_FAILURES, NOBODYS, WINDOW, csrf, is_csrf, verify};
    use crate::clock::Micros;

    #[test]
    fn nobodys_password_is_hashed_like_any_other_and_never_matches() {
        assert!(!verify(NOBODYS, "").expect("a hash in its form"));
        assert!(!verify(NOBODYS, "nobody").expect("a hash in its form"));
    }

    #[test]
    fn a_form_belongs_to_one_cookie() {
        assert!(is_csrf("a", &csrf("a")));
        assert!(!is_csrf("b", &csrf("a")));
        assert!(!is_csrf("", &csrf("")));
        assert!(!is_csrf("a", ""));
    }

    #[test]
    fn failures_of_one_name_stop_that_name_for_a_while() {
        let attempts = Attempts::default();
        for _ in 0..MOST_FAILURES {
            attempts.check("ann", Micros(0)).expect("not too many yet");
            attempts.failed("ann", Micros(0));
        }
        assert!(attempts.check("ann", Micros(WINDOW - 1)).is_err());
        attempts.check("bob", Micros(0)).expect("another name");
        attempts.check("ann", Micros(WINDOW)).expect("later");
        attempts.failed("ann", Micros(WINDOW));
        attempts.check("ann", Micros(WINDOW)).expect("counted anew");
    }
}
