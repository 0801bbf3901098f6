//! The full-text index of memories, as each engine has it.
//!
//! On `SQLite` it is the FTS5 table `memory_fts`, kept by [`index`] and
//! [`unindex`] in the transaction that changes the rows. On `PostgreSQL` it is
//! the generated column `memory.tsv`, which needs no keeping.

use crate::db::{Dialect, Tx, Value};
use crate::error::Result;
use crate::id::{AccountId, BucketId};

use super::Terms;

/// Adds a memory that was just inserted.
///
/// # Errors
/// As [`Tx::execute`].
pub async fn index_new(tx: &mut Tx, doc: i64, text: &str) -> Result<()> {
    if tx.dialect() == Dialect::Sqlite {
        // Not `insert … select`: that is a savepoint to FTS5, at which it writes a segment.
        tx.execute("insert into memory_fts (rowid, text) values ($1, $2)", &[doc.into(), text.into()]).await?;
    }
    Ok(())
}

/// Adds the memories with these ids. They must exist and not be in the index.
///
/// # Errors
/// As [`Tx::execute`].
pub async fn index(tx: &mut Tx, account: AccountId, ids: &[String]) -> Result<()> {
    if tx.dialect() == Dialect::Sqlite {
        let sql = "insert into memory_fts (rowid, text) \
                   select doc, text from memory where account_id = $1 and id {in $2} order by doc";
        tx.execute(sql, &[account.0.into(), ids.into()]).await?;
    }
    Ok(())
}

/// Takes the memories with these ids out. Their rows must still be as they were
/// when they were added: FTS5 finds what to remove by the text.
///
/// # Errors
/// As [`Tx::execute`].
pub async fn unindex(tx: &mut Tx, account: AccountId, ids: &[String]) -> Result<()> {
    if tx.dialect() == Dialect::Sqlite {
        let sql = "insert into memory_fts (memory_fts, rowid, text) \
                   select 'delete', doc, text from memory where account_id = $1 and id {in $2} order by doc";
        tx.execute(sql, &[account.0.into(), ids.into()]).await?;
    }
    Ok(())
}

/// Takes all memories of an account out, under the conditions of [`unindex`].
///
/// # Errors
/// As [`Tx::execute`].
pub async fn unindex_account(tx: &mut Tx, account: AccountId) -> Result<()> {
    if tx.dialect() == Dialect::Sqlite {
        let sql = "insert into memory_fts (memory_fts, rowid, text) \
                   select 'delete', doc, text from memory where account_id = $1 order by doc";
        tx.execute(sql, &[account.0.into()]).await?;
    }
    Ok(())
}

/// The best memories for any of the words: id and score, best first. Scores
/// are positive and comparable within one answer only.
///
/// # Errors
/// As [`Tx::rows`].
pub async fn candidates(
    tx: &mut Tx,
    account: AccountId,
    terms: &Terms,
    bucket: Option<BucketId>,
    content_type: Option<&str>,
    skip: i64,
    limit: i64,
) -> Result<Vec<(String, f64)>> {
    let words = terms.any(tx.dialect());
    let bucket_value = Value::Int(bucket.map(|b| b.0));
    let (low, high) = account.doc_range();
    let rows = match tx.dialect() {
        Dialect::Sqlite => {
            // Without a condition on the rows, only those of the best are read. With one, `cross`
            // keeps the planner from searching the index once for each row of the account.
            let sql = if bucket.is_none() && content_type.is_none() {
                "select m.id, -f.rank as score from \
                 (select rowid, rank from memory_fts where memory_fts match $2 and rowid between $7 and $8 \
                  order by rank, rowid desc limit $6 offset $5) f \
                 cross join memory m on m.doc = f.rowid where m.account_id = $1 order by f.rank, m.doc desc"
            } else {
                "select m.id, -f.rank as score from memory_fts f cross join memory m on m.doc = f.rowid \
                 where f.memory_fts match $2 and f.rowid between $7 and $8 and m.account_id = $1 \
                 and ($3 is null or m.bucket_id = $3) and ($4 is null or m.content_type = $4) \
                 order by f.rank, m.doc desc limit $6 offset $5"
            };
            let values = [
                account.0.into(),
                (&words).into(),
                bucket_value,
                content_type.into(),
                skip.into(),
                limit.into(),
                low.into(),
                high.into(),
            ];
            tx.rows(sql, &values).await?
        }
        Dialect::Postgres => {
            let sql = "select m.id, ts_rank(m.tsv, q, 1)::float8 as score \
                       from memory m, to_tsquery('commonplace', $2) q \
                       where m.tsv @@ ($7::text::tsquery && q) and m.account_id = $1 \
                       and ($3 is null or m.bucket_id = $3) and ($4 is null or m.content_type = $4) \
                       order by score desc, m.doc desc limit $6 offset $5";
            let lexeme = account_lexeme(account);
            let values = [
                account.0.into(),
                (&words).into(),
                bucket_value,
                content_type.into(),
                skip.into(),
                limit.into(),
                (&lexeme).into(),
            ];
            tx.rows(sql, &values).await?
        }
    };
    rows.into_iter().map(|mut row| Ok((row.text(0)?, row.real(1)?))).collect()
}

/// The ids of the memories that have all of the words, in order of their ids.
///
/// # Errors
/// As [`Tx::rows`].
pub async fn matching_all(tx: &mut Tx, account: AccountId, terms: &Terms) -> Result<Vec<String>> {
    let words = terms.all(tx.dialect());
    let rows = match tx.dialect() {
        Dialect::Sqlite => {
            let (low, high) = account.doc_range();
            let sql = "select m.id from memory_fts f cross join memory m on m.doc = f.rowid \
                       where f.memory_fts match $2 and f.rowid between $3 and $4 and m.account_id = $1 \
                       order by m.id";
            tx.rows(sql, &[account.0.into(), (&words).into(), low.into(), high.into()]).await?
        }
        Dialect::Postgres => {
            let sql = "select id from memory where account_id = $1 \
                       and tsv @@ ($3::text::tsquery && to_tsquery('commonplace', $2)) order by id";
            let lexeme = account_lexeme(account);
            tx.rows(sql, &[account.0.into(), (&words).into(), (&lexeme).into()]).await?
        }
    };
    rows.into_iter().map(|mut row| row.text(0)).collect()
}

/// How the account stands in `memory.tsv`, as a query of its own.
fn account_lexeme(account: AccountId) -> String {
    format!("'account:{}'", account.0)
}
