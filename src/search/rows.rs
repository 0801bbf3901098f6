//! Rows that search keeps and reads: spaces, embeddings, and what has changed.

use super::Corpus;
use super::index::Document;
use crate::clock::Micros;
use crate::db::{Dialect, Row, Tx, Value};
use crate::embed::Vector;
use crate::error::Result;
use crate::id::{AccountId, BucketId};

/// The number of an embedding space in this storage; none where it is new.
pub(super) async fn space(tx: &mut Tx, name: &str) -> Result<Option<i64>> {
    let row = tx.row("select id from embedder where name = $1", &[name.into()]).await?;
    row.map(|row| row.int(0)).transpose()
}

/// Gives an embedding space a number, unless it has one; its number.
pub(super) async fn number_space(tx: &mut Tx, name: &str) -> Result<i64> {
    let sql = "insert into embedder (name) values ($1) on conflict (name) do nothing";
    tx.execute(sql, &[name.into()]).await?;
    tx.one("select id from embedder where name = $1", &[name.into()]).await?.int(0)
}

/// Whether embeddings of another space than this have ever been made.
pub(super) async fn has_other_spaces(tx: &mut Tx, space: i64) -> Result<bool> {
    Ok(tx.row("select id from embedder where id <> $1 limit 1", &[space.into()]).await?.is_some())
}

/// Where an account's changes stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    /// The number of its last change.
    pub seq: i64,
    /// Changes up to this one are no longer listed.
    pub listed_after: i64,
}

/// Where the account's changes stand; none for an account that is gone.
pub(super) async fn position(tx: &mut Tx, account: AccountId) -> Result<Option<Position>> {
    let row = tx.row("select seq, changes_after from account where id = $1", &[account.0.into()]).await?;
    row.map(|row| Ok(Position { seq: row.int(0)?, listed_after: row.int(1)? })).transpose()
}

/// How many documents the account has.
pub(super) async fn count(tx: &mut Tx, corpus: Corpus, account: AccountId) -> Result<i64> {
    let sql = match corpus {
        Corpus::Memories => "select cast(coalesce(sum(memory_count), 0) as bigint) from bucket where account_id = $1",
        Corpus::Chunks => {
            "select cast(coalesce(sum(chunk_count), 0) as bigint) from conversation where account_id = $1"
        }
    };
    tx.one(sql, &[account.0.into()]).await?.int(0)
}

/// Documents that are not new and have changed after `seq`, each once.
pub(super) async fn changed_after(tx: &mut Tx, account: AccountId, seq: i64) -> Result<Vec<i64>> {
    let sql = "select distinct doc from memory_change where account_id = $1 and seq > $2";
    tx.rows(sql, &[account.0.into(), seq.into()]).await?.iter().map(|row| row.int(0)).collect()
}

fn document(mut row: Row) -> Result<Document> {
    Ok(Document {
        doc: row.int(0)?,
        bucket: BucketId(row.int(1)?),
        content_type: row.text(2)?,
        source: row.text_or_null(3)?,
        created_at: Micros(row.int(4)?),
        text: row.text(5)?,
        is_embedded: row.int_or_null(6)?.is_some(),
        embedding: row.bytes_or_null(7)?,
    })
}

/// Documents with numbers after `after`, in their order, at most `limit`.
pub(super) async fn documents_after(
    tx: &mut Tx,
    corpus: Corpus,
    account: AccountId,
    space: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<Document>> {
    let sql = "select doc, bucket_id, content_type, source, created_at, text, \
               case when embedder = $2 then 1 end, case when embedder = $2 then embedding end \
               from {table} where doc > $3 and doc <= $4 and {unindexed account_id} = $1 order by doc limit $5";
    let values = [account.0.into(), space.into(), after.into(), account.doc_range().1.into(), limit.into()];
    tx.rows(corpus.reading(sql), &values).await?.into_iter().map(document).collect()
}

/// Those of these documents that there are.
pub(super) async fn documents(
    tx: &mut Tx,
    corpus: Corpus,
    account: AccountId,
    space: i64,
    docs: &[i64],
) -> Result<Vec<Document>> {
    let sql = "select doc, bucket_id, content_type, source, created_at, text, \
               case when embedder = $2 then 1 end, case when embedder = $2 then embedding end \
               from {table} where doc {in $3} and {unindexed account_id} = $1 order by doc";
    let values = [account.0.into(), space.into(), docs.into()];
    tx.rows(corpus.reading(sql), &values).await?.into_iter().map(document).collect()
}

/// Notes that these memories change, for those who keep them in memory. To be
/// called while their rows are there, after [`crate::auth::advance`].
pub(crate) async fn note_changes(tx: &mut Tx, account: AccountId, ids: &[String]) -> Result<()> {
    if tx.dialect() == Dialect::Sqlite {
        let sql = "insert into memory_change (account_id, seq, doc) \
                   select m.account_id, a.seq, m.doc from memory m join account a on a.id = m.account_id \
                   where m.account_id = $1 and m.id {in $2} \
                   on conflict (account_id, seq, doc) do nothing";
        tx.execute(sql, &[account.0.into(), ids.into()]).await?;
    }
    Ok(())
}

/// The same for documents by their numbers, which need not be there.
pub(crate) async fn note_documents(tx: &mut Tx, account: AccountId, docs: &[i64]) -> Result<()> {
    if tx.dialect() == Dialect::Sqlite {
        let sql = "insert into memory_change (account_id, seq, doc) \
                   select a.id, a.seq, d.value from account a cross join (select value from rarray($2)) d \
                   where a.id = $1 on conflict (account_id, seq, doc) do nothing";
        tx.execute(sql, &[account.0.into(), docs.into()]).await?;
    }
    Ok(())
}

/// Notes that something was purged from the history, so that the next erasure
/// has to look at all that is kept of it, too.
pub(crate) async fn mark_history_unclean(tx: &mut Tx) -> Result<()> {
    if tx.dialect() == Dialect::Sqlite {
        tx.execute("insert into unclean (part) values ('history')", &[]).await?;
    }
    Ok(())
}

/// Forgets the list of changes up to the account's last one but `kept`.
pub(super) async fn forget_changes(tx: &mut Tx, account: AccountId, kept: i64) -> Result<()> {
    if tx.dialect() == Dialect::Sqlite {
        let sql = "update account set changes_after = coalesce((select max(c.seq) from memory_change c \
                   where c.account_id = $1 and c.seq <= account.seq - $2), changes_after) where id = $1";
        tx.execute(sql, &[account.0.into(), kept.into()]).await?;
        let sql = "delete from memory_change where account_id = $1 \
                   and seq <= (select changes_after from account where id = $1)";
        tx.execute(sql, &[account.0.into()]).await?;
    }
    Ok(())
}

/// Whether [`forget_changes`] has something to forget.
pub(super) async fn has_old_changes(tx: &mut Tx, account: AccountId, kept: i64) -> Result<bool> {
    if tx.dialect() == Dialect::Postgres {
        return Ok(false);
    }
    let sql = "select 1 from memory_change where account_id = $1 \
               and seq <= (select seq - $2 from account where id = $1) limit 1";
    Ok(tx.row(sql, &[account.0.into(), kept.into()]).await?.is_some())
}

/// The accounts that have documents without an embedding.
pub(super) async fn accounts_to_embed(tx: &mut Tx, corpus: Corpus) -> Result<Vec<AccountId>> {
    let sql = "select a.id from account a \
               where exists (select 1 from {table} m where m.account_id = a.id and m.embedder is null) order by a.id";
    tx.rows(corpus.sql(sql), &[]).await?.iter().map(|row| row.int(0).map(AccountId)).collect()
}

/// Whether the account has documents without an embedding.
pub(super) async fn has_pending(tx: &mut Tx, corpus: Corpus, account: AccountId) -> Result<bool> {
    let sql = "select doc from {table} where account_id = $1 and embedder is null limit 1";
    Ok(tx.row(corpus.sql(sql), &[account.0.into()]).await?.is_some())
}

/// The accounts that have texts which are not analyzed.
pub(super) async fn accounts_to_analyze(tx: &mut Tx) -> Result<Vec<AccountId>> {
    let sql = "select a.id from account a \
               where exists (select 1 from memory m where m.account_id = a.id and m.analysis is null) order by a.id";
    tx.rows(sql, &[]).await?.iter().map(|row| row.int(0).map(AccountId)).collect()
}

/// Ids and texts of memories that are not analyzed, at most `limit`.
pub(super) async fn to_analyze(tx: &mut Tx, account: AccountId, limit: i64) -> Result<Vec<(String, String)>> {
    let sql = "select id, text from memory where account_id = $1 and analysis is null order by doc limit $2";
    let rows = tx.rows(sql, &[account.0.into(), limit.into()]).await?;
    rows.into_iter().map(|mut row| Ok((row.text(0)?, row.text(1)?))).collect()
}

/// Gives a memory what the full-text index is given for it.
pub(super) async fn set_words(tx: &mut Tx, account: AccountId, id: &str, words: Option<&str>) -> Result<()> {
    let sql = "update memory set words = $3, analysis = 1 where account_id = $1 and id = $2";
    tx.execute(sql, &[account.0.into(), id.into(), words.into()]).await.map(drop)
}

/// A document that is to be embedded.
#[derive(Debug, Clone)]
pub(super) struct ToEmbed {
    pub doc: i64,
    pub version: i64,
    pub text: String,
}

/// Documents without an embedding, after the document `after`, at most `limit`.
pub(super) async fn to_embed(
    tx: &mut Tx,
    corpus: Corpus,
    account: AccountId,
    after: i64,
    limit: i64,
) -> Result<Vec<ToEmbed>> {
    let sql = "select doc, version, text from {table} \
               where account_id = $1 and embedder is null and doc > $2 order by doc limit $3";
    let rows = tx.rows(corpus.reading(sql), &[account.0.into(), after.into(), limit.into()]).await?;
    let document = |mut row: Row| Ok(ToEmbed { doc: row.int(0)?, version: row.int(1)?, text: row.text(2)? });
    rows.into_iter().map(document).collect()
}

/// Gives a document its embedding, if it is still the text that was embedded.
pub(super) async fn set_embedding(
    tx: &mut Tx,
    corpus: Corpus,
    account: AccountId,
    document: &ToEmbed,
    space: i64,
    embedding: Option<&Vector>,
) -> Result<()> {
    let sql = "update {table} set embedder = $4, embedding = {vector $5} \
               where {unindexed account_id} = $1 and doc = $2 and version = $3 and embedder is null";
    let values = [
        account.0.into(),
        document.doc.into(),
        document.version.into(),
        space.into(),
        Value::Embedding(embedding.map(Vector::values)),
    ];
    tx.execute(corpus.sql(sql), &values).await.map(drop)
}

/// Documents with an embedding of another space, at most `limit`.
pub(super) async fn in_other_spaces(
    tx: &mut Tx,
    corpus: Corpus,
    account: AccountId,
    space: i64,
    limit: i64,
) -> Result<Vec<i64>> {
    let sql = "select doc from {table} where account_id = $1 and embedder <> $2 limit $3";
    let rows = tx.rows(corpus.sql(sql), &[account.0.into(), space.into(), limit.into()]).await?;
    rows.iter().map(|row| row.int(0)).collect()
}

/// Removes the embeddings of these documents.
pub(super) async fn clear_embeddings(tx: &mut Tx, corpus: Corpus, account: AccountId, docs: &[i64]) -> Result<()> {
    let sql = "update {table} set embedder = null, embedding = null \
               where {unindexed account_id} = $1 and doc {in $2}";
    tx.execute(corpus.sql(sql), &[account.0.into(), docs.into()]).await.map(drop)
}

/// Of these memories, removes the embeddings that are of another space than this.
pub(super) async fn clear_other_embeddings(tx: &mut Tx, account: AccountId, ids: &[String], space: i64) -> Result<()> {
    let sql = "update memory set embedder = null, embedding = null \
               where account_id = $1 and id {in $2} and embedder <> $3";
    tx.execute(sql, &[account.0.into(), ids.into(), space.into()]).await.map(drop)
}

/// How many of the account's documents are embedded in this space, and how many there are.
pub(super) async fn progress(tx: &mut Tx, corpus: Corpus, account: AccountId, space: i64) -> Result<(i64, i64)> {
    let sql = "select count(*) filter (where embedder = $2), count(*) from {table} where account_id = $1";
    let row = tx.one(corpus.sql(sql), &[account.0.into(), space.into()]).await?;
    Ok((row.int(0)?, row.int(1)?))
}
