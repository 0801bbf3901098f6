//! People signed in with a password: hashing it, the sessions that a sign-in
//! begins, how often one may try, and the links with which a first password is set.
//!
//! Passwords are hashed by argon2id with the parameters of RFC 9106's second
//! recommendation as OWASP has them for servers (19 MiB, 2 passes), which is the
//! crate's default. A session's secret has 256 random bits and is stored hashed.

pub mod link;
mod rows;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use futures_util::FutureExt;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use super::ops::NAME_MAX;
use super::ops::hash;
use super::{Account, By, Caller, Scope, Scopes};
use crate::app::App;
use crate::clock::Micros;
use crate::db::Tx;
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
/// How many may wait for their turn.
const MOST_WAITING: usize = 16;

/// Someone signed in.
#[derive(Debug, Clone)]
pub struct Session {
    /// Whose.
    pub account: Account,
    /// Whether it is the owner's, who runs the server: the oldest account.
    pub is_owner: bool,
    csrf: String,
}

impl Session {
    /// The person as the one who calls operations: they may do everything with their
    /// own. How the server is doing is for its owner.
    #[must_use]
    pub fn caller(&self) -> Caller {
        let token_name = "dashboard".to_owned();
        let scopes = if self.is_owner { Scopes::all() } else { Scopes::all().without(Scope::Admin) };
        Caller { account: self.account.id, token_name, scopes, by: By::Person }
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

/// Sets an account's password, and ends its sessions and its links.
///
/// # Errors
/// [`Error::Invalid`] for a password that is too short or too long.
pub async fn set_password(app: &App, account: AccountId, password: String) -> Result<()> {
    let args = (account, hashed(app, password).await?);
    app.db.write(args, |tx, (account, hash)| replace_password(tx, *account, hash).boxed()).await
}

/// A password's hash in PHC form.
async fn hashed(app: &App, password: String) -> Result<String> {
    check_password(&password)?;
    let salt = id::random::<16>()?;
    let hashed = app.recent.sign_in.work(move || {
        let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
        hash.map(|hash| hash.to_string()).map_err(|error| Error::internal(error.to_string()))
    });
    hashed.await?
}

fn check_password(password: &str) -> Result<()> {
    if password.chars().count() < LEAST_CHARS || password.len() > MOST_BYTES {
        return Err(Error::invalid(format!(
            "A password has at least {LEAST_CHARS} characters, and at most {MOST_BYTES} bytes."
        )));
    }
    Ok(())
}

/// What the old password opened ends with it.
async fn replace_password(tx: &mut Tx, account: AccountId, hash: &str) -> Result<()> {
    rows::set_password(tx, account, hash).await?;
    rows::delete_links(tx, account).await?;
    rows::delete_all(tx, account).await
}

/// Replaces the password of someone who is signed in and knows it, ends all of
/// their sessions and begins a new one: its secret, or `None` where the current
/// password is another.
///
/// # Errors
/// As [`sign_in`], with which tries are counted together, and [`set_password`].
pub async fn change_password(app: &App, session: &Session, current: String, new: String) -> Result<Option<String>> {
    check_password(&new)?;
    let Some((account, stored)) = recognized(app, &session.account.name, current).await? else { return Ok(None) };
    let secret = secret()?;
    let now = app.clock.now();
    let args = (account, stored, hashed(app, new).await?, hash(&secret), now, now.plus_days(DAYS));
    let changed = app.db.write(args, |tx, (account, stored, new, hash, now, expires)| {
        async move {
            if !rows::is_password(tx, *account, stored).await? {
                return Ok(false);
            }
            replace_password(tx, *account, new).await?;
            rows::insert(tx, *account, hash, *now, *expires).await?;
            Ok(true)
        }
        .boxed()
    });
    Ok(changed.await?.then_some(secret))
}

/// Begins a session: its secret, or `None` where the name and the password don't
/// match, for whatever reason.
///
/// # Errors
/// [`Error::TooMany`] after [`MOST_FAILURES`] failures with this name,
/// [`Error::Busy`] where too many sign in at once.
pub async fn sign_in(app: &App, name: &str, password: String) -> Result<Option<String>> {
    let Some((account, stored)) = recognized(app, name, password).await? else { return Ok(None) };
    let now = app.clock.now();
    let secret = secret()?;
    let args = (account, stored, hash(&secret), now, now.plus_days(DAYS));
    let begun = app.db.write(args, |tx, (account, stored, hash, now, expires)| {
        async move {
            // The password may have been changed since it was compared.
            if !rows::is_password(tx, *account, stored).await? {
                return Ok(false);
            }
            rows::insert(tx, *account, hash, *now, *expires).await?;
            Ok(true)
        }
        .boxed()
    });
    Ok(begun.await?.then_some(secret))
}

/// The account of this name and the hash of its password, where they match.
async fn recognized(app: &App, name: &str, password: String) -> Result<Option<(AccountId, String)>> {
    if name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        return Ok(None);
    }
    let attempts = &app.recent.sign_in;
    attempts.count(name, app.clock.now())?;
    let found = app.db.read(name.to_owned(), |tx, name| rows::password(tx, name).boxed()).await?;
    let (account, stored) = found.map_or((None, None), |(account, hash)| (Some(account), hash));
    let compared = stored.clone().unwrap_or_else(|| NOBODYS.to_owned());
    let matches = attempts.work(move || verify(&compared, &password)).await??;
    let (Some(account), Some(stored), true) = (account, stored, matches) else { return Ok(None) };
    attempts.forget(name);
    Ok(Some((account, stored)))
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
    let found = app.db.read(args, |tx, (hash, now)| rows::account(tx, hash, *now).boxed()).await?;
    Ok(found.map(|(account, is_owner)| Session { account, is_owner, csrf: csrf(secret) }))
}

/// Ends a session.
///
/// # Errors
/// As [`crate::db::Db::write`].
pub async fn sign_out(app: &App, secret: &str) -> Result<()> {
    app.db.write(hash(secret), |tx, hash| rows::delete(tx, hash).boxed()).await
}

/// Ends every session of whoever is signed in.
///
/// # Errors
/// As [`crate::db::Db::write`].
pub async fn sign_out_everywhere(app: &App, session: &Session) -> Result<()> {
    app.db.write(session.account.id, |tx, account| rows::delete_all(tx, *account).boxed()).await
}

/// Removes sessions and links that have expired.
///
/// # Errors
/// As [`crate::db::Db::write`].
pub async fn tidy(app: &App) -> Result<()> {
    app.db.write(app.clock.now(), |tx, now| rows::delete_expired(tx, *now).boxed()).await
}

/// Sign-ins of late that did not succeed, and the turns for hashing.
#[derive(Debug)]
pub struct Attempts {
    tried: Mutex<HashMap<String, (usize, Micros)>>,
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { tried: Mutex::default(), turns: Arc::new(Semaphore::new(AT_ONCE)), waiting: AtomicUsize::new(0) }
    }
}

/// Someone who waits for a turn, until this goes.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Attempts {
    /// Counts an attempt as failed until [`Attempts::forget`] says otherwise, so
    /// that those made at once are counted, too.
    fn count(&self, name: &str, now: Micros) -> Result<()> {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if tried.len() >= MOST_NAMES && !tried.contains_key(name) {
            tried.retain(|_, (count, since)| *count >= MOST_FAILURES && now.0 - since.0 < WINDOW);
            if tried.len() >= MOST_NAMES {
                return Err(Error::Busy);
            }
        }
        let (count, since) = tried.entry(name.to_owned()).or_insert((0, now));
        if now.0 - since.0 >= WINDOW {
            (*count, *since) = (0, now);
        }
        if *count >= MOST_FAILURES {
            return Err(Error::TooMany(
                "There were too many failed sign-ins with this name; wait a quarter of an hour.".to_owned(),
            ));
        }
        *count += 1;
        Ok(())
    }

    fn forget(&self, name: &str) {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Does something slow in its turn, beside the requests. The turn lasts until
    /// it is done, also for someone who does not wait for that.
    async fn work<R: Send + 'static>(&self, task: impl FnOnce() -> R + Send + 'static) -> Result<R> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let waiting = Waiting(&self.waiting);
        if before >= MOST_WAITING {
            return Err(Error::Busy);
        }
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(Error::internal)?;
        drop(waiting);
        let task = move || {
            let _turn = turn;
            task()
        };
        tokio::task::spawn_blocking(task).await.map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::{
        AT_ONCE, Attempts, MOST_FAILURES, MOST_NAMES, MOST_WAITING, NOBODYS, WINDOW, csrf, is_csrf, set_password,
        sign_in, verify,
    };
    use crate::app::App;
    use crate::auth::ops::create_account;
    use crate::clock::{Clock, Micros};
    use crate::config::Config;

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
            attempts.count("ann", Micros(0)).expect("not too many yet");
        }
        assert!(attempts.count("ann", Micros(WINDOW - 1)).is_err());
        attempts.count("bob", Micros(0)).expect("another name");
        attempts.count("ann", Micros(WINDOW)).expect("later");
        attempts.forget("bob");
        for _ in 0..MOST_FAILURES {
            attempts.count("bob", Micros(0)).expect("it had succeeded");
        }
    }

    #[test]
    fn made_up_names_do_not_make_a_stopped_one_forgotten() {
        let attempts = Attempts::default();
        for _ in 0..MOST_FAILURES {
            attempts.count("ann", Micros(0)).expect("not too many yet");
        }
        for number in 0..2 * MOST_NAMES {
            attempts.count(&number.to_string(), Micros(1)).expect("room is made");
        }
        assert!(attempts.count("ann", Micros(2)).is_err());
        assert!(attempts.tried.lock().expect("not poisoned").len() <= MOST_NAMES);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_turn_lasts_until_the_work_is_done_and_few_wait_for_one() {
        let attempts = std::sync::Arc::new(Attempts::default());
        let mut releases = Vec::new();
        for _ in 0..AT_ONCE {
            let (release, held) = std::sync::mpsc::channel::<()>();
            releases.push(release);
            let work = attempts.work(move || held.recv().is_ok());
            // Whoever asked goes away at once.
            assert!(tokio::time::timeout(std::time::Duration::from_millis(50), work).await.is_err());
        }
        assert_eq!(attempts.turns.available_permits(), 0);
        let mut waiting: Vec<_> = (0..MOST_WAITING)
            .map(|_| {
                let attempts = std::sync::Arc::clone(&attempts);
                tokio::spawn(async move { attempts.work(|| ()).await.is_ok() })
            })
            .collect();
        while attempts.waiting.load(super::Ordering::Relaxed) < MOST_WAITING {
            tokio::task::yield_now().await;
        }
        assert!(attempts.work(|| ()).await.is_err());
        drop(releases);
        for task in waiting.drain(..) {
            assert!(task.await.expect("ends"));
        }
    }

    async fn app() -> (tempfile::TempDir, App) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("config.toml");
        std::fs::write(&file, "").expect("written");
        let flags = [("data_dir", folder.path().join("data").display().to_string())];
        let config = Config::load(Some(&file), &flags).expect("valid settings");
        let app = App::open(config, Clock::default()).await.expect("opens");
        (folder, app)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_password_changed_while_it_is_compared_begins_no_session() {
        let (_folder, app) = app().await;
        let ann = create_account(&app, "ann").await.expect("made").id;
        set_password(&app, ann, "the old password".to_owned()).await.expect("set");
        let turns = app.recent.sign_in.turns.clone();
        for change in [false, true] {
            let all = u32::try_from(AT_ONCE).expect("few");
            let held = turns.clone().acquire_many_owned(all).await.expect("open");
            let signing_in = {
                let app = app.clone();
                tokio::spawn(async move { sign_in(&app, "ann", "the old password".to_owned()).await })
            };
            // Once it waits for its turn it knows the stored hash.
            while app.recent.sign_in.waiting.load(super::Ordering::Relaxed) == 0 {
                tokio::task::yield_now().await;
            }
            if change {
                // As another process does it.
                let other = NOBODYS.to_owned();
                let changed = app
                    .db
                    .write((ann, other), |tx, (account, hash)| super::rows::set_password(tx, *account, hash).boxed());
                changed.await.expect("changed");
            }
            drop(held);
            let begun = signing_in.await.expect("ends").expect("no failure");
            assert_eq!(begun.is_none(), change);
        }
        app.db.close().await;
    }
}
