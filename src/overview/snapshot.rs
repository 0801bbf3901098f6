//! All that the overview shows, as of one moment.

use futures_util::FutureExt;

use super::usage::{self, Day};
use super::{Growth, Stored, first_day, growth_in, stored_in};
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::clock::Micros;
use crate::db::Tx;
use crate::error::Result;
use crate::history::{self, jobs};
use crate::id::AccountId;
use crate::memory;
use crate::search::{self, Corpus, Kept};

/// What the trash will let go of next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// When the first of it is purged.
    pub at: Micros,
    /// How many memories and conversations are, within a day from then.
    pub count: i64,
}

/// What an account has, how that grew, and how it is doing.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// How much there is.
    pub stored: Stored,
    /// The first instant of the first day that is looked back to.
    pub first: Micros,
    /// How it grew since then.
    pub growth: Growth,
    /// How it was searched since then, so many days together as was asked for.
    pub usage: Vec<Day>,
    /// What the trash lets go of next, if there is anything in it.
    pub due: Option<Due>,
    /// How many files are being read, or wait for it.
    pub imports: i64,
    /// How many memories are embedded. (An embedder of today, not an earlier one.)
    pub embedded: i64,
    /// How many passages of conversations there are.
    pub passages: i64,
    /// How many of these are embedded.
    pub embedded_passages: i64,
    /// Why the embedder could not be asked when that was last tried.
    pub embedder_failure: Option<String>,
    /// What this process keeps in memory for searching.
    pub kept: Kept,
}

/// What the caller's account has, read in one transaction. It looks back for
/// `days` days, today the last of them, and tells usage by `span` of them.
///
/// # Errors
/// [`crate::Error::Forbidden`] without the scope `read`, [`crate::Error::Invalid`]
/// for no day or more than [`super::MOST_DAYS`].
pub async fn snapshot(app: &App, caller: &Caller, days: i64, span: i64) -> Result<Snapshot> {
    caller.require(Scope::Read)?;
    let is_operator = caller.require(Scope::Admin).is_ok();
    let first = first_day(app.clock.now(), days)?;
    let pending = app.usage.of(caller.account);
    let embedder_failure = search::failure(app, caller);
    let kept = search::kept(app, caller.account);
    let args = (caller.account, app.search.clone(), first, span.max(1), pending, is_operator);
    let mut snapshot = app
        .db
        .read(args, |tx, (account, search, first, span, pending, is_operator)| {
            async move {
                let (embedded, _) = search::progress(tx, search, Corpus::Memories, *account).await?;
                let (embedded_passages, passages) = search::progress(tx, search, Corpus::Chunks, *account).await?;
                Ok(Snapshot {
                    stored: stored_in(tx, *account, *is_operator).await?,
                    first: *first,
                    growth: growth_in(tx, *account, *first).await?,
                    usage: usage::since(tx, *account, *first, *span, pending).await?,
                    due: due(tx, *account).await?,
                    imports: jobs::count_running(tx, *account).await?,
                    embedded,
                    passages,
                    embedded_passages,
                    embedder_failure: None,
                    kept: Kept::Unneeded,
                })
            }
            .boxed()
        })
        .await?;
    (snapshot.embedder_failure, snapshot.kept) = (embedder_failure, kept);
    Ok(snapshot)
}

async fn due(tx: &mut Tx, account: AccountId) -> Result<Option<Due>> {
    let firsts = [memory::trash::first_due(tx, account).await?, history::delete::first_due(tx, account).await?];
    let Some(at) = firsts.into_iter().flatten().min() else { return Ok(None) };
    let end = at.plus_days(1);
    let memories = memory::trash::count_due(tx, account, end).await?;
    Ok(Some(Due { at, count: memories + history::delete::count_due(tx, account, end).await? }))
}
