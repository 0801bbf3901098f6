//! Creating, finding and changing memories.

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use futures_util::FutureExt;

use super::delete::{changed_since, confirmation_of};
use super::fingerprint::{essence, fingerprint};
use super::select::Selection;
use super::{ID_PREFIX, Memory, MemoryText, Version, is_memory_id, rows};
use crate::app::App;
use crate::auth::{self, Caller, Scope};
use crate::bucket::{self, Bucket, BucketRef};
use crate::clock::Micros;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{self, AccountId, BucketId};
use crate::overview::usage;
use crate::search::fuse::Scored;
use crate::search::{self, Corpus, Correction, Embedding, Filter, Lack, Mode, Request, Search};

/// Most memories that one move takes.
pub const MOVE_MAX: usize = 100;

/// A memory to be stored.
#[derive(Debug, Clone)]
pub struct NewMemory {
    /// What is to be remembered.
    pub text: MemoryText,
    /// Where; General without it.
    pub bucket: Option<BucketRef>,
    /// Which tool it comes from.
    pub source: Option<String>,
    /// When it was first stored, where that was elsewhere.
    pub created_at: Option<Micros>,
}

/// What became of it.
#[derive(Debug, Clone)]
pub struct Created {
    /// Its id, or that of the memory that says the same.
    pub id: String,
    /// Whether the bucket had it already, and nothing was changed.
    pub duplicate: bool,
}

/// Stores a memory, unless its bucket has one that says the same.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `write`, [`Error::NotFound`] for the bucket.
pub async fn create(app: &App, caller: &Caller, new: NewMemory) -> Result<Created> {
    caller.require(Scope::Write)?;
    let embedding = app.search.embed(new.text.as_str());
    let args = (caller.account, new, embedding, app.clock.now());
    let created =
        app.db.write(args, |tx, (account, new, embedding, now)| create_in(tx, *account, new, embedding, *now).boxed());
    let created = created.await?;
    app.search.is_waiting();
    Ok(created)
}

/// [`create`] in a transaction.
pub(super) async fn create_in(
    tx: &mut Tx,
    account: AccountId,
    new: &NewMemory,
    embedding: &Embedding,
    now: Micros,
) -> Result<Created> {
    let seq = auth::advance(tx, account, 1).await?;
    let bucket = bucket::rows::find(tx, account, new.bucket.as_ref()).await?.ok_or_else(no_bucket)?;
    let fingerprint = fingerprint(new.text.as_str());
    let same = rows::with_fingerprint(tx, account, bucket.id, fingerprint).await?;
    if let Some((id, _)) = same.into_iter().find(|(_, text)| essence(text) == essence(new.text.as_str())) {
        return Ok(Created { id, duplicate: true });
    }
    let id = id::new(ID_PREFIX, now)?;
    let words = search::words(tx.dialect(), new.text.as_str());
    let row = rows::New {
        doc: account.doc(seq),
        id: &id,
        bucket: bucket.id,
        text: new.text.as_str(),
        words: words.as_deref(),
        embedding,
        fingerprint,
        source: new.source.as_deref(),
        created_at: new.created_at.unwrap_or(now),
    };
    rows::insert(tx, account, &row).await?;
    search::index_new(tx, Corpus::Memories, row.doc, row.text, row.words).await?;
    bucket::rows::count(tx, account, bucket.id, 1).await?;
    crate::failpoint::reach("create:counted");
    Ok(Created { id, duplicate: false })
}

fn no_bucket() -> Error {
    Error::not_found("There is no such bucket; see GET /api/buckets, or leave it out for General.")
}

/// What to find.
#[derive(Debug, Clone, Default)]
pub struct Find {
    /// What to look for; without it the newest are found.
    pub query: Option<String>,
    /// By what a query finds.
    pub mode: Mode,
    /// What is looked at. A bucket that does not exist holds nothing.
    pub filter: Filter,
    /// How many of the first to leave out.
    pub skip: i64,
    /// At most how many.
    pub limit: i64,
    /// Whether the list of buckets is wanted too.
    pub with_buckets: bool,
}

/// A memory found.
#[derive(Debug, Clone)]
pub struct Hit {
    /// The memory.
    pub memory: Memory,
    /// How well it fits the query, and why; none without a query.
    pub scored: Option<Scored>,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The memories, best or newest first.
    pub hits: Vec<Hit>,
    /// All buckets, where they were asked for.
    pub buckets: Vec<Bucket>,
    /// Words of the query that no memory has.
    pub corrected: Vec<Correction>,
    /// What an answer to the query lacks.
    pub lacks: Vec<Lack>,
    is_unloaded: bool,
}

/// Finds memories: with a query the best first, else the newest first. With
/// them, where wanted, the buckets, as of the same moment.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `read`.
pub async fn find(app: &App, caller: &Caller, find: Find) -> Result<Found> {
    caller.require(Scope::Read)?;
    let begun = Instant::now();
    let is_search = find.query.is_some();
    let request = match &find.query {
        Some(query) => {
            search::ask(app, Corpus::Memories, query, find.mode, find.filter.clone(), find.skip, find.limit).await
        }
        None => None,
    };
    let account = caller.account;
    let args = (account, find, request, app.search.clone());
    let found = app.db.read(args, |tx, (account, find, request, search)| {
        async move {
            let mut found = match (&find.query, request) {
                (None, _) => newest(tx, *account, find).await?,
                (Some(_), None) => Found::default(),
                (Some(_), Some(request)) => best(tx, search, *account, request).await?,
            };
            if find.with_buckets {
                found.buckets = bucket::rows::list(tx, *account).await?;
            }
            Ok(found)
        }
        .boxed()
    });
    let found = found.await?;
    if is_search {
        usage::count(app, caller, usage::Kind::Search, begun.elapsed());
    }
    if found.is_unloaded {
        search::load_beside(app, Corpus::Memories, account);
    }
    Ok(found)
}

async fn newest(tx: &mut Tx, account: AccountId, find: &Find) -> Result<Found> {
    let newest = rows::newest(tx, account, &find.filter, find.skip, find.limit).await?;
    let hits = newest.into_iter().map(|memory| Hit { memory, scored: None }).collect();
    Ok(Found { hits, ..Found::default() })
}

async fn best(tx: &mut Tx, search: &Search, account: AccountId, request: &Request) -> Result<Found> {
    let search::Found { hits, corrected, lacks, is_unloaded } = search::find(tx, search, account, request).await?;
    let docs: Vec<i64> = hits.iter().map(|scored| scored.candidate.doc).collect();
    // An index can be ahead of this transaction, so what it found may not be there yet, or no more,
    // or not be what it is in the index.
    let mut memories = rows::by_docs(tx, account, &docs).await?;
    let hit = |scored: Scored| {
        let memory = memories.remove(&scored.candidate.doc).filter(|memory| accepts(&request.filter, memory))?;
        Some(Hit { memory, scored: Some(scored) })
    };
    Ok(Found { hits: hits.into_iter().filter_map(hit).collect(), buckets: Vec::new(), corrected, lacks, is_unloaded })
}

fn accepts(filter: &Filter, memory: &Memory) -> bool {
    let Filter { bucket, content_type, source, after, before } = filter;
    bucket.is_none_or(|bucket| memory.bucket_id == bucket)
        && content_type.as_ref().is_none_or(|kind| memory.content_type == *kind)
        && (source.is_none() || memory.source == *source)
        && after.is_none_or(|after| memory.created_at >= after)
        && before.is_none_or(|before| memory.created_at < before)
}

/// One memory with what it was before, oldest version first.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `read`, [`Error::NotFound`].
pub async fn get(app: &App, caller: &Caller, id: &str) -> Result<(Memory, Vec<Version>)> {
    caller.require(Scope::Read)?;
    if !is_memory_id(id) {
        return Err(no_memory());
    }
    let args = (caller.account, vec![id.to_owned()]);
    app.db
        .read(args, |tx, (account, ids)| {
            async move {
                let memory = rows::by_ids(tx, *account, ids).await?.pop().ok_or_else(no_memory)?;
                let versions = rows::versions(tx, *account, &memory.id).await?;
                Ok((memory, versions))
            }
            .boxed()
        })
        .await
}

/// The refusal of an id that is no memory of the caller's.
#[must_use]
pub fn no_memory() -> Error {
    Error::not_found("There is no memory with that id.")
}

/// A request to edit one memory, or to move several.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// The memory to edit or move.
    pub memory_id: Option<String>,
    /// Or the memories to move.
    pub memory_ids: Option<Vec<String>>,
    /// The new text.
    pub text: Option<String>,
    /// The bucket to move to, by id.
    pub bucket_id: Option<BucketId>,
    /// Or by name.
    pub bucket_name: Option<String>,
    /// The version that the one memory must still be.
    pub version: Option<i64>,
}

/// What a change changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// One memory.
    One {
        /// Its id.
        id: String,
        /// Its version now.
        version: i64,
    },
    /// Several, moved.
    Many {
        /// Their ids.
        ids: Vec<String>,
    },
}

/// Edits one memory, or moves several.
///
/// # Errors
/// [`Error::Invalid`] for a request that is neither; as [`update`] and [`move_to`].
pub async fn change(app: &App, caller: &Caller, change: Change) -> Result<Changed> {
    let bucket = match (change.bucket_id, change.bucket_name.filter(|name| !name.trim().is_empty())) {
        (Some(_), Some(_)) => return Err(Error::invalid("Give bucketId or bucketName, not both.")),
        (Some(id), None) => Some(BucketRef::Id(id)),
        (None, Some(name)) => Some(BucketRef::Name(name)),
        (None, None) => None,
    };
    match (change.memory_id, change.memory_ids) {
        (Some(_), Some(_)) => Err(Error::invalid("Give memoryId or memoryIds, not both.")),
        (None, None) => Err(Error::invalid("Give memoryId, or memoryIds to move several.")),
        (Some(id), None) => {
            let text = change.text.map(|text| MemoryText::new(text, app.config.max_text_chars)).transpose()?;
            if text.is_none() && bucket.is_none() {
                return Err(Error::invalid("Give a new text, or a bucketId or bucketName to move to."));
            }
            let version = update(app, caller, id.clone(), text, bucket, change.version).await?;
            Ok(Changed::One { id, version })
        }
        (None, Some(ids)) => {
            if change.text.is_some() {
                return Err(Error::invalid("Several memories can only be moved; a text goes with one memoryId."));
            }
            if ids.is_empty() || ids.len() > MOVE_MAX {
                return Err(Error::invalid(format!("'memoryIds' takes 1 to {MOVE_MAX} ids.")));
            }
            let bucket = bucket.ok_or_else(|| Error::invalid("Give the bucketId or bucketName to move to."))?;
            Ok(Changed::Many { ids: move_to(app, caller, ids, bucket).await? })
        }
    }
}

/// Changes the text of a memory, its bucket, or both. Its version afterwards,
/// which is one higher if anything changed.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `write`, [`Error::NotFound`] for the
/// bucket, [`Error::RejectedIds`] for the memory, [`Error::Conflict`] where it is
/// another version than is expected.
async fn update(
    app: &App,
    caller: &Caller,
    id: String,
    text: Option<MemoryText>,
    bucket: Option<BucketRef>,
    expected: Option<i64>,
) -> Result<i64> {
    caller.require(Scope::Write)?;
    if !is_memory_id(&id) {
        return Err(Error::RejectedIds(vec![id]));
    }
    let embedding = text.as_ref().map(|text| app.search.embed(text.as_str())).unwrap_or_default();
    let args = (caller.account, vec![id], text, embedding, bucket, expected, app.clock.now());
    let version = app
        .db
        .write(args, |tx, (account, ids, text, embedding, bucket, expected, now)| {
            async move {
                auth::advance(tx, *account, 1).await?;
                let memory = rows::by_ids(tx, *account, ids).await?.pop();
                let memory = memory.ok_or_else(|| Error::RejectedIds(ids.clone()))?;
                if expected.is_some_and(|expected| expected != memory.version) {
                    return Err(Error::Conflict("This memory was changed meanwhile, so nothing was saved.".to_owned()));
                }
                let target = match bucket {
                    Some(wanted) => bucket::rows::find(tx, *account, Some(wanted)).await?.ok_or_else(no_bucket)?.id,
                    None => memory.bucket_id,
                };
                let text = text.as_ref().filter(|text| text.as_str() != memory.text);
                if text.is_none() && target == memory.bucket_id {
                    return Ok(memory.version);
                }
                rows::keep_versions(tx, *account, ids).await?;
                if let Some(text) = text {
                    search::unindex(tx, *account, ids).await?;
                    let (words, fingerprint) = (search::words(tx.dialect(), text.as_str()), fingerprint(text.as_str()));
                    let words = words.as_deref();
                    rows::set_text(tx, *account, &memory.id, text, words, embedding, fingerprint).await?;
                    search::index(tx, *account, ids).await?;
                }
                if target != memory.bucket_id {
                    search::note_changes(tx, *account, ids).await?;
                    rows::set_bucket(tx, *account, ids, target).await?;
                    bucket::rows::count(tx, *account, memory.bucket_id, -1).await?;
                    bucket::rows::count(tx, *account, target, 1).await?;
                }
                rows::next_version(tx, *account, ids, *now).await?;
                Ok(memory.version + 1)
            }
            .boxed()
        })
        .await?;
    app.search.is_waiting();
    Ok(version)
}

/// Gives a memory the text that it had as an older version. That is a change like
/// any other: what it is now becomes a version, and its bucket stays. Its version afterwards.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `write`, [`Error::NotFound`] for the
/// memory and for the version.
pub async fn restore_version(app: &App, caller: &Caller, id: &str, version: i64) -> Result<i64> {
    caller.require(Scope::Write)?;
    if !is_memory_id(id) {
        return Err(no_memory());
    }
    // A version never changes, so that its text can be read and embedded beforehand.
    let args = (caller.account, vec![id.to_owned()], version);
    let text = app.db.read(args, |tx, (account, ids, version)| {
        async move {
            let memory = rows::by_ids(tx, *account, ids).await?.pop().ok_or_else(no_memory)?;
            let text = rows::version_text(tx, *account, &memory.id, *version).await?;
            text.ok_or_else(|| Error::not_found("This memory has no older version with that number."))
        }
        .boxed()
    });
    let text = MemoryText::new(text.await?, usize::MAX)?;
    match update(app, caller, id.to_owned(), Some(text), None, None).await {
        Err(Error::RejectedIds(_)) => Err(no_memory()),
        restored => restored,
    }
}

/// Moves memories, all of them or none. Their ids, each once, in order of the request.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `write`, [`Error::NotFound`] for the
/// bucket, [`Error::RejectedIds`] with those that are no memories of the caller's.
async fn move_to(app: &App, caller: &Caller, ids: Vec<String>, bucket: BucketRef) -> Result<Vec<String>> {
    caller.require(Scope::Write)?;
    let mut seen = HashSet::new();
    let ids: Vec<String> = ids.into_iter().filter(|id| seen.insert(id.clone())).collect();
    let args = (caller.account, ids, bucket, app.clock.now());
    app.db
        .write(args, |tx, (account, ids, bucket, now)| {
            async move {
                auth::advance(tx, *account, 1).await?;
                let target = bucket::rows::find(tx, *account, Some(bucket)).await?.ok_or_else(no_bucket)?;
                let known: Vec<String> = ids.iter().filter(|id| is_memory_id(id)).cloned().collect();
                let found: HashSet<String> =
                    rows::locate(tx, *account, &known).await?.into_iter().map(|one| one.id).collect();
                let rejected: Vec<String> = ids.iter().filter(|id| !found.contains(*id)).cloned().collect();
                if !rejected.is_empty() {
                    return Err(Error::RejectedIds(rejected));
                }
                move_in(tx, *account, ids, target.id, *now).await?;
                Ok(ids.clone())
            }
            .boxed()
        })
        .await
}

/// What a move did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// How many memories are in another bucket now.
    pub moved: usize,
    /// How many were in that bucket before.
    pub there: usize,
    /// How many of the distinct ids asked for are no memories of the caller's.
    pub missing: usize,
}

/// Moves a selection of memories to a bucket, in one transaction. Repeating it
/// changes nothing. With `confirmed`, the confirmation of a
/// [`super::delete::review`], only where that still is what is there.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `write`, [`Error::NotFound`] for the
/// bucket, [`Error::Invalid`] for more ids than the limit and for a query without
/// a word, [`Error::Conflict`] where something else is there than was confirmed;
/// nothing is moved then.
pub async fn move_selected(
    app: &App,
    caller: &Caller,
    selection: Selection,
    bucket: BucketRef,
    confirmed: Option<String>,
) -> Result<Moved> {
    caller.require(Scope::Write)?;
    let args = (caller.account, selection.check(app)?, bucket, confirmed, app.clock.now());
    app.db
        .write(args, |tx, (account, chosen, bucket, confirmed, now)| {
            async move {
                auth::advance(tx, *account, 1).await?;
                let target = bucket::rows::find(tx, *account, Some(bucket)).await?.ok_or_else(no_bucket)?;
                let found = chosen.found(tx, *account).await?;
                if confirmed.as_ref().is_some_and(|confirmed| *confirmed != confirmation_of(*account, &found)) {
                    return Err(changed_since());
                }
                let (count, missing) = (found.len(), chosen.meant(found.len()) - found.len());
                let moved = move_located(tx, *account, found, target.id, *now).await?;
                Ok(Moved { moved, there: count - moved, missing })
            }
            .boxed()
        })
        .await
}

/// Moves memories that exist. Those that are there already keep their version.
/// The account must be locked by [`auth::advance`].
pub(crate) async fn move_in(
    tx: &mut Tx,
    account: AccountId,
    ids: &[String],
    target: BucketId,
    now: Micros,
) -> Result<usize> {
    let found = rows::locate(tx, account, ids).await?;
    move_located(tx, account, found, target, now).await
}

/// The same, of which it is known where they are; how many were moved.
async fn move_located(
    tx: &mut Tx,
    account: AccountId,
    found: Vec<rows::Located>,
    target: BucketId,
    now: Micros,
) -> Result<usize> {
    let mut left: BTreeMap<BucketId, i64> = BTreeMap::new();
    let mut moving = Vec::new();
    for rows::Located { id, bucket, .. } in found {
        if bucket != target {
            *left.entry(bucket).or_default() += 1;
            moving.push(id);
        }
    }
    if moving.is_empty() {
        return Ok(0);
    }
    rows::keep_versions(tx, account, &moving).await?;
    search::note_changes(tx, account, &moving).await?;
    rows::set_bucket(tx, account, &moving, target).await?;
    rows::next_version(tx, account, &moving, now).await?;
    for (bucket, count) in left {
        bucket::rows::count(tx, account, bucket, -count).await?;
        bucket::rows::count(tx, account, target, count).await?;
    }
    Ok(moving.len())
}
