//! What is done for searching beside requests: embedding what was stored without
//! its embedding, or with one of another model; analyzing what an older version
//! stored; loading large indexes ahead; forgetting old changes.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::rows::{self, ToEmbed};
use super::{Corpus, candidates, load};
use crate::app::App;
use crate::auth;
use crate::db::{Db, Dialect, Tx};
use crate::embed::{Embedder, Failure, Vector};
use crate::error::Result;
use crate::id::AccountId;
use crate::memory::essence;

/// How many memories are embedded, cleared or analyzed in one transaction.
const BATCH: i64 = 256;
/// How many numbered changes of an account stay listed. Whoever is behind by
/// more reads all of its rows again.
const KEPT_CHANGES: i64 = 1_000;
/// How long to wait for an embedder that can't be asked, and for the next look
/// where nobody says that there is something to do.
const AGAIN: Duration = Duration::from_secs(30);

/// Gets everything embedded, now and whenever there is more. Never ends.
pub async fn keep_embedding(app: App) {
    warm(&app).await;
    if let Err(error) = clear_other_spaces(&app).await {
        tracing::error!(error = ?error, "embeddings of another model were not cleared; that is tried at the next start");
    }
    loop {
        match embed_pending(&app).await {
            Ok(Pending { embedded, unavailable }) => {
                if embedded > 0 {
                    tracing::info!(embedded, "embedded memories that waited for it");
                }
                if let Some(why) = unavailable {
                    tracing::warn!(why, "memories wait for their embedding; searches find them by their words");
                }
            }
            Err(error) => tracing::error!(error = ?error, "embedding failed; it is tried again"),
        }
        let _either = tokio::time::timeout(AGAIN, app.search.shared.backlog.notified()).await;
    }
}

/// Loads the indexes that are too large for the first search to load.
async fn warm(app: &App) {
    let loaded = async {
        for account in auth::ops::accounts(app).await? {
            for corpus in Corpus::ALL {
                let args = (corpus, account.id);
                let large = app.db.read(args, |tx, (corpus, account)| rows::count(tx, *corpus, *account).boxed());
                if app.search.shared.indexes.is_large(large.await?) {
                    load(app, corpus, account.id).await?;
                }
            }
        }
        Ok::<_, crate::Error>(())
    };
    if let Err(error) = loaded.await {
        tracing::error!(error = ?error, "an index was not loaded; the first search loads it");
    }
}

/// What was done about memories that wait for their embedding.
#[derive(Debug, Default)]
pub struct Pending {
    /// How many have it now.
    pub embedded: usize,
    /// Why the rest could not be embedded, if there is one.
    pub unavailable: Option<String>,
}

/// Puts words that wait for it into their places, and embeds what waits for that,
/// until the embedder can't be asked.
///
/// # Errors
/// As [`Db::write`].
pub async fn embed_pending(app: &App) -> Result<Pending> {
    if app.db.dialect() == Dialect::Postgres {
        app.db.write((), |tx, ()| candidates::settle(tx).boxed()).await?;
    }
    let mut pending = Pending::default();
    for corpus in Corpus::ALL {
        let accounts = app.db.read(corpus, |tx, corpus| rows::accounts_to_embed(tx, *corpus).boxed());
        for account in accounts.await? {
            embed_account(app, corpus, account, &mut pending).await?;
            if pending.unavailable.is_some() {
                return Ok(pending);
            }
        }
    }
    Ok(pending)
}

async fn embed_account(app: &App, corpus: Corpus, account: AccountId, pending: &mut Pending) -> Result<()> {
    let mut after = account.doc(0);
    loop {
        let args = (corpus, account, after);
        let batch = app
            .db
            .read(args, |tx, (corpus, account, after)| rows::to_embed(tx, *corpus, *account, *after, BATCH).boxed());
        let batch = batch.await?;
        let Some(last) = batch.last() else { return Ok(()) };
        after = last.doc;
        match embed_batch(app.search.embedder(), &batch).await {
            Ok(vectors) => {
                pending.embedded += batch.len();
                store(app, corpus, account, batch, vectors).await?;
            }
            Err(why) => {
                pending.unavailable = Some(why);
                return Ok(());
            }
        }
    }
}

/// The embeddings of a batch. One text that the embedder refuses must not keep
/// the others waiting, so a refused batch is halved until that text is alone; it
/// has no embedding then. A sentence where the embedder can't be asked.
fn embed_batch<'a>(embedder: &'a Embedder, batch: &'a [ToEmbed]) -> BoxFuture<'a, Result<Vec<Option<Vector>>, String>> {
    async move {
        match embedder.documents(batch.iter().map(|memory| essence(&memory.text).to_owned()).collect()).await {
            Ok(vectors) => Ok(vectors),
            Err(Failure::Unavailable(why) | Failure::Misconfigured(why)) => Err(why),
            Err(Failure::Rejected(why)) if batch.len() < 2 => {
                tracing::warn!(why, "the embedder refuses a memory; it is found by its words only");
                Ok(vec![None; batch.len()])
            }
            Err(Failure::Rejected(_)) => {
                let (one, two) = batch.split_at(batch.len() / 2);
                let mut vectors = embed_batch(embedder, one).await?;
                vectors.extend(embed_batch(embedder, two).await?);
                Ok(vectors)
            }
        }
    }
    .boxed()
}

async fn store(
    app: &App,
    corpus: Corpus,
    account: AccountId,
    batch: Vec<ToEmbed>,
    vectors: Vec<Option<Vector>>,
) -> Result<()> {
    let args = (corpus, account, app.search.shared.space, batch, vectors);
    app.db
        .write(args, |tx, (corpus, account, space, batch, vectors)| {
            async move {
                auth::advance(tx, *account, 1).await?;
                for (document, vector) in batch.iter().zip(vectors) {
                    rows::set_embedding(tx, *corpus, *account, document, *space, vector.as_ref()).await?;
                }
                let docs: Vec<i64> = batch.iter().map(|document| document.doc).collect();
                rows::note_documents(tx, *account, &docs).await
            }
            .boxed()
        })
        .await
}

/// Removes the embeddings of other models than the one in use, which are of no
/// use beside it, so that they are made again.
///
/// # Errors
/// As [`Db::write`].
pub async fn clear_other_spaces(app: &App) -> Result<()> {
    let space = app.search.shared.space;
    if !app.db.read(space, |tx, space| rows::has_other_spaces(tx, *space).boxed()).await? {
        return Ok(());
    }
    for account in auth::ops::accounts(app).await? {
        for corpus in Corpus::ALL {
            while clear_some(app, corpus, account.id, space).await? {}
        }
    }
    Ok(())
}

/// Clears a batch; whether there was one.
async fn clear_some(app: &App, corpus: Corpus, account: AccountId, space: i64) -> Result<bool> {
    let args = (corpus, account, space);
    let found = app
        .db
        .read(args, |tx, (corpus, account, space)| rows::in_other_spaces(tx, *corpus, *account, *space, 1).boxed());
    if found.await?.is_empty() {
        return Ok(false);
    }
    let cleared = app.db.write(args, |tx, (corpus, account, space)| {
        async move {
            let docs = rows::in_other_spaces(tx, *corpus, *account, *space, BATCH * 8).await?;
            if !docs.is_empty() {
                auth::advance(tx, *account, 1).await?;
                rows::clear_embeddings(tx, *corpus, *account, &docs).await?;
                rows::note_documents(tx, *account, &docs).await?;
            }
            Ok(())
        }
        .boxed()
    });
    cleared.await?;
    Ok(true)
}

/// Analyzes what was stored before the program analyzed texts as it does now.
///
/// # Errors
/// As [`Db::write`].
pub(super) async fn analyze(db: &Db) -> Result<()> {
    for account in db.read((), |tx, ()| rows::accounts_to_analyze(tx).boxed()).await? {
        loop {
            let analyzed = db.write(account, |tx, account| {
                async move {
                    auth::advance(tx, *account, 1).await?;
                    let memories = rows::to_analyze(tx, *account, BATCH * 4).await?;
                    let ids: Vec<String> = memories.iter().map(|(id, _)| id.clone()).collect();
                    candidates::unindex(tx, *account, &ids).await?;
                    set_words(tx, *account, &memories).await?;
                    candidates::index(tx, *account, &ids).await?;
                    Ok(memories.len())
                }
                .boxed()
            });
            if analyzed.await? == 0 {
                break;
            }
        }
    }
    Ok(())
}

/// Makes memories that have come back from the trash as if they had been stored
/// now: analyzed, and without an embedding of another model. They must not be
/// indexed yet, and [`super::Search::wake`] is to be called afterwards.
///
/// # Errors
/// As [`Tx::execute`].
pub async fn renew(tx: &mut Tx, account: AccountId, ids: &[String], space: i64) -> Result<()> {
    let memories = rows::to_analyze(tx, account, i64::MAX).await?;
    set_words(tx, account, &memories).await?;
    rows::clear_other_embeddings(tx, account, ids, space).await
}

async fn set_words(tx: &mut Tx, account: AccountId, memories: &[(String, String)]) -> Result<()> {
    for (id, text) in memories {
        let words = candidates::words(tx.dialect(), text);
        rows::set_words(tx, account, id, words.as_deref()).await?;
    }
    Ok(())
}

/// What the housekeeping does for searching: indexes of accounts that are gone
/// go, the others forget what was deleted even if nobody searches, and old
/// changes are no longer listed.
///
/// # Errors
/// As [`Db::write`].
pub async fn tidy(app: &App) -> Result<()> {
    if app.db.dialect() == Dialect::Postgres {
        return Ok(());
    }
    let accounts = auth::ops::accounts(app).await?.into_iter().map(|account| account.id).collect();
    for (account, corpus) in app.search.shared.indexes.retain(&accounts) {
        let args = (app.search.clone(), corpus, account);
        let follow = app.db.read(args, |tx, (search, corpus, account)| {
            async move { search.shared.indexes.ask(tx, *corpus, *account, search.space(), |_| ()).await.map(drop) }
                .boxed()
        });
        follow.await?;
    }
    for account in accounts {
        let old = app.db.read(account, |tx, account| rows::has_old_changes(tx, *account, KEPT_CHANGES).boxed());
        if old.await? {
            let forget = app.db.write(account, |tx, account| rows::forget_changes(tx, *account, KEPT_CHANGES).boxed());
            forget.await?;
        }
    }
    Ok(())
}
