//! Finding memories: by their words ([`lexical`], BM25) and by their meaning
//! ([`vectors`], the cosine of embeddings), both fused into one order ([`fuse`]).
//!
//! On `SQLite` a process keeps an index of each account in memory ([`index`]),
//! which follows the rows ([`follow`]); while it is being loaded the full-text
//! index of the storage answers. On `PostgreSQL` the storage does all of it
//! ([`candidates`]). What is stored before its embedding was made is embedded
//! afterwards ([`backlog`]).

pub(crate) mod analyze;
pub mod backlog;
mod candidates;
mod corpus;
mod follow;
pub mod fuse;
pub mod index;
pub mod lexical;
mod porter;
mod rows;
mod stems;
mod terms;
mod typo;
pub mod vectors;
pub mod why;

use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::Notify;

use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::clock::Micros;
use crate::db::{Db, Dialect, Tx};
use crate::embed::{Embedder, Vector};
use crate::error::{Error, Result};
use crate::id::{AccountId, BucketId};
use crate::memory::essence;
use follow::Indexes;
use fuse::{Parts, Scored};

pub use candidates::{
    index, index_new, matching_all, unindex, unindex_account, unindex_all_chunks, unindex_chunks, words,
};
pub use corpus::Corpus;
pub(crate) use rows::{mark_history_unclean, note_changes};
pub use stems::Stems;
pub use terms::{MOST_WORDS, Terms};

/// How many candidates of each kind are fused, for the first pages of memories.
const DEPTH: usize = 100;
/// The same for chunks, which have no pages. Twice as many find the same of LoCoMo.
const CHUNK_DEPTH: usize = 50;

/// What a process needs for searching. Clones share it.
#[derive(Debug, Clone)]
pub struct Search {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    embedder: Embedder,
    /// The number of the embedder's space in this storage.
    space: i64,
    indexes: Indexes,
    /// Rung when something is stored without its embedding.
    backlog: Notify,
    /// Held by the one comparison of all of an account's memories at a time.
    comparing: Arc<tokio::sync::Mutex<()>>,
}

/// An embedding as it is stored.
#[derive(Debug, Clone, Default)]
pub struct Embedding {
    /// The space that it is in; none while it is to be made.
    pub space: Option<i64>,
    /// The embedding, if the text has one.
    pub vector: Option<Vector>,
}

impl Search {
    /// Gets ready to search a storage. Indexes may take `budget` bytes together.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub async fn open(db: &Db, embedder: Embedder, budget: usize) -> Result<Self> {
        backlog::analyze(db).await?;
        let space = match db.read(embedder.space(), |tx, name| rows::space(tx, name).boxed()).await? {
            Some(space) => space,
            None => db.write(embedder.space(), |tx, name| rows::number_space(tx, name).boxed()).await?,
        };
        let shared = Shared {
            embedder,
            space,
            indexes: Indexes::new(budget),
            backlog: Notify::new(),
            comparing: Arc::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// What makes the embeddings.
    #[must_use]
    pub fn embedder(&self) -> &Embedder {
        &self.shared.embedder
    }

    /// The embedding to store with a text: at once where that is quick, else
    /// none, and [`Search::is_waiting`] is to be called after the text is stored.
    #[must_use]
    pub fn embed(&self, text: &str) -> Embedding {
        match &self.shared.embedder {
            Embedder::BuiltIn(model) => {
                Embedding { space: Some(self.shared.space), vector: model.embed(essence(text)) }
            }
            _ => Embedding::default(),
        }
    }

    /// Says that something may have been stored without its embedding.
    pub fn is_waiting(&self) {
        if !self.shared.embedder.is_immediate() {
            self.wake();
        }
    }

    /// Has what is embedded beside requests look for something to do.
    pub fn wake(&self) {
        self.shared.backlog.notify_one();
    }

    /// The turn to compare all of an account's memories with each other, which
    /// takes memory and a processor for itself. It is over when what this gives is dropped.
    ///
    /// # Errors
    /// [`Error::Busy`] while somebody else has it.
    pub fn turn_to_compare(&self) -> Result<tokio::sync::OwnedMutexGuard<()>> {
        Arc::clone(&self.shared.comparing).try_lock_owned().map_err(|_| Error::Busy)
    }

    /// The number of the space that embeddings are made in.
    #[must_use]
    pub fn space(&self) -> i64 {
        self.shared.space
    }
}

/// Conditions on a memory, all of which must hold; `None` holds always.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// In this bucket.
    pub bucket: Option<BucketId>,
    /// `text` or `image`.
    pub content_type: Option<String>,
    /// Stored by this tool.
    pub source: Option<String>,
    /// Stored at or after.
    pub after: Option<Micros>,
    /// Stored before.
    pub before: Option<Micros>,
}

/// By what a query finds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// By words and meaning.
    #[default]
    Hybrid,
    /// By words alone.
    Lexical,
    /// By meaning alone.
    Dense,
}

/// A question to the indexes.
#[derive(Debug, Clone)]
pub struct Request {
    /// In what to look.
    pub corpus: Corpus,
    /// The words to look for, where words are asked for.
    pub terms: Option<Terms>,
    /// The meaning to look for, where it is asked for and there is one.
    pub vector: Option<Vector>,
    /// What is looked at.
    pub filter: Filter,
    /// How many of the first to leave out.
    pub skip: usize,
    /// At most how many.
    pub limit: usize,
    /// Whether the embedder was asked for the meaning and could not be reached.
    pub is_unembedded: bool,
    /// By what it was asked to find.
    pub mode: Mode,
}

impl Request {
    fn parts(&self) -> Parts {
        match (&self.terms, &self.vector) {
            (_, None) => Parts::Lexical,
            (None, Some(_)) => Parts::Dense,
            (Some(_), Some(_)) => Parts::Hybrid(self.corpus.dense_weight()),
        }
    }

    /// How many candidates of each kind to look at, of `all`. Pages up to the same
    /// depth are parts of one order, so there are only few depths.
    fn depth(&self, all: usize) -> usize {
        let end = self.skip.saturating_add(self.limit);
        let first = match self.corpus {
            Corpus::Memories => DEPTH,
            Corpus::Chunks => CHUNK_DEPTH,
        };
        let depth = [first, DEPTH, 10 * DEPTH, 100 * DEPTH].into_iter().find(|depth| end <= *depth);
        depth.unwrap_or(usize::MAX).min(all)
    }
}

/// Why an answer may lack hits that a whole search would have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// The embedder could not be asked, so only words were looked for.
    EmbedderUnavailable,
    /// The index is being loaded, so only words were looked for.
    IndexLoading,
    /// The index would take more memory than it may, so only words were looked for.
    IndexTooLarge,
    /// Some memories wait for their embedding, and were found by words only.
    EmbeddingsPending,
}

impl Lack {
    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EmbedderUnavailable => "embedder-unavailable",
            Self::IndexLoading => "index-loading",
            Self::IndexTooLarge => "index-too-large",
            Self::EmbeddingsPending => "embeddings-pending",
        }
    }
}

/// A word of a query that no memory has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// As it was asked for.
    pub from: String,
    /// The stem that was looked for instead.
    pub to: String,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// The page that was asked for, best first.
    pub hits: Vec<Scored>,
    /// Words of the query that no memory has.
    pub corrected: Vec<Correction>,
    /// What the answer lacks.
    pub lacks: Vec<Lack>,
    /// Whether the account's index is to be loaded, by [`load_beside`].
    pub is_unloaded: bool,
}

/// Makes a request of a query. `None` where the query has no word, so that
/// nothing can be found.
pub async fn ask(
    app: &App,
    corpus: Corpus,
    query: &str,
    mode: Mode,
    filter: Filter,
    skip: i64,
    limit: i64,
) -> Option<Request> {
    let terms = Terms::of(query)?;
    let mut request = Request {
        corpus,
        terms: (mode != Mode::Dense).then_some(terms),
        vector: None,
        filter,
        skip: usize::try_from(skip).unwrap_or(0),
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
        is_unembedded: false,
        mode,
    };
    if mode != Mode::Lexical {
        match app.search.embedder().query(query).await {
            Ok(vector) => request.vector = vector,
            Err(why) => {
                tracing::debug!(%why, "a query was not embedded");
                request.is_unembedded = true;
            }
        }
    }
    Some(request)
}

/// Finds what a request asks for, as of the state that `tx` sees or a later one.
///
/// # Errors
/// As [`Tx::rows`].
pub async fn find(tx: &mut Tx, search: &Search, account: AccountId, request: &Request) -> Result<Found> {
    let (space, corpus) = (search.shared.space, request.corpus);
    let mut lacks = Vec::new();
    if request.is_unembedded {
        lacks.push(Lack::EmbedderUnavailable);
    }
    let mut is_unloaded = false;
    let (hits, corrected, is_pending) = match tx.dialect() {
        Dialect::Postgres => {
            let is_pending = request.vector.is_some() && rows::has_pending(tx, corpus, account).await?;
            let (candidates, corrected) = candidates::postgres(tx, corpus, account, space, request).await?;
            (fuse::fuse(candidates, request.parts()), corrected, is_pending)
        }
        Dialect::Sqlite => {
            let question = |index: &index::Index| (index.search(request), index.is_pending(request));
            match search.shared.indexes.ask(tx, corpus, account, space, question).await? {
                Ok(((hits, corrected), is_pending)) => (hits, corrected, is_pending),
                Err(lack) => {
                    is_unloaded = lack == Lack::IndexLoading;
                    // Words are found all the same.
                    lacks.extend((request.mode != Mode::Lexical).then_some(lack));
                    let candidates = match &request.terms {
                        Some(terms) => candidates::lexical_sqlite(tx, corpus, account, terms, request).await?,
                        None => Vec::new(),
                    };
                    (fuse::fuse(candidates, Parts::Lexical), Vec::new(), false)
                }
            }
        }
    };
    lacks.extend(is_pending.then_some(Lack::EmbeddingsPending));
    let hits = hits.into_iter().skip(request.skip).take(request.limit).collect();
    Ok(Found { hits, corrected, lacks, is_unloaded })
}

/// Loads the index of an account beside whatever else happens.
pub fn load_beside(app: &App, corpus: Corpus, account: AccountId) {
    let app = app.clone();
    tokio::spawn(async move {
        if let Err(error) = load(&app, corpus, account).await
            && !app.db.is_closed()
        {
            tracing::error!(error = ?error, "an index was not loaded; searches go by words until it is");
        }
    });
}

/// Loads the index of an account, unless that is under way or there is none to
/// load, because the storage searches by itself.
///
/// # Errors
/// As [`Db::read`].
pub async fn load(app: &App, corpus: Corpus, account: AccountId) -> Result<()> {
    match app.db.dialect() {
        Dialect::Sqlite => app.search.shared.indexes.load(&app.db, corpus, account, app.search.shared.space).await,
        Dialect::Postgres => Ok(()),
    }
}

/// How the account's memories are embedded.
#[derive(Debug, Clone)]
pub struct State {
    /// The embedder's space.
    pub space: String,
    /// Memories there are.
    pub memories: i64,
    /// Memories that are embedded in this space, or have been found to have no embedding.
    pub embedded: i64,
    /// Why the embedder could not be asked when that was last tried.
    pub failure: Option<String>,
}

/// What a process keeps in memory for searching an account's memories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Nothing: the storage itself is searched.
    Unneeded,
    /// Nothing yet; the next search needs it.
    NotYet,
    /// It is being loaded.
    Loading,
    /// All of it, in so many bytes.
    Loaded(usize),
    /// Nothing, for it would take more memory than it may.
    TooLarge,
}

/// What this process keeps in memory of the account's memories.
pub(crate) fn kept(app: &App, account: AccountId) -> Kept {
    match app.db.dialect() {
        Dialect::Sqlite => app.search.shared.indexes.look((account, Corpus::Memories)),
        Dialect::Postgres => Kept::Unneeded,
    }
}

/// How many are embedded, and how many there are.
pub(crate) async fn progress(tx: &mut Tx, search: &Search, corpus: Corpus, account: AccountId) -> Result<(i64, i64)> {
    rows::progress(tx, corpus, account, search.shared.space).await
}

/// How far the account's memories are embedded, and how the embedder is doing.
///
/// # Errors
/// [`crate::Error::Forbidden`] without the scope `read`.
pub async fn state(app: &App, caller: &Caller) -> Result<State> {
    caller.require(Scope::Read)?;
    let args = (caller.account, app.search.shared.space);
    let (embedded, memories) = app
        .db
        .read(args, |tx, (account, space)| rows::progress(tx, Corpus::Memories, *account, *space).boxed())
        .await?;
    let failure = failure(app, caller);
    Ok(State { space: app.search.embedder().space(), memories, embedded, failure })
}

/// Why the embedder could not be asked when that was last tried.
pub(crate) fn failure(app: &App, caller: &Caller) -> Option<String> {
    let failure = match app.search.embedder() {
        Embedder::OpenAi(server) => Some(server.state()).filter(|state| state.consecutive_failures > 0),
        Embedder::BuiltIn(_) | Embedder::MiniLm(_) => None,
    };
    // Where the server is, is not for everyone who has an account.
    let is_operator = caller.require(Scope::Admin).is_ok();
    let failure = failure.and_then(|state| state.last_error);
    failure.map(|why| if is_operator { why } else { "The embedder can't be asked.".to_owned() })
}
