//! Rows of memories, their versions, and the trash.

use std::collections::HashMap;

use super::{Memory, MemoryText, Version};
use crate::clock::Micros;
use crate::db::{Dialect, Row, Tx, Value};
use crate::embed::Vector;
use crate::error::{Error, Result};
use crate::id::{AccountId, BucketId};
use crate::search::{Embedding, Filter};

/// A memory to be added.
pub(super) struct New<'a> {
    pub doc: i64,
    pub id: &'a str,
    pub bucket: BucketId,
    pub text: &'a str,
    pub words: Option<&'a str>,
    pub embedding: &'a Embedding,
    pub fingerprint: i64,
    pub source: Option<&'a str>,
    pub created_at: Micros,
}

pub(super) async fn insert(tx: &mut Tx, account: AccountId, new: &New<'_>) -> Result<()> {
    let sql = "insert into memory (doc, account_id, id, bucket_id, text, fingerprint, source, created_at, updated_at, \
               words, analysis, embedder, embedding) \
               values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, 1, $10, {vector $11})";
    let values = [
        new.doc.into(),
        account.0.into(),
        new.id.into(),
        new.bucket.0.into(),
        new.text.into(),
        new.fingerprint.into(),
        new.source.into(),
        new.created_at.0.into(),
        new.words.into(),
        new.embedding.space.into(),
        Value::Embedding(new.embedding.vector.as_ref().map(Vector::values)),
    ];
    tx.execute(sql, &values).await.map(drop)
}

/// Ids and texts of the memories in a bucket that share a fingerprint, oldest first.
pub(super) async fn with_fingerprint(
    tx: &mut Tx,
    account: AccountId,
    bucket: BucketId,
    fingerprint: i64,
) -> Result<Vec<(String, String)>> {
    let sql = "select id, text from memory where account_id = $1 and fingerprint = $2 and bucket_id = $3 order by doc";
    let rows = tx.rows(sql, &[account.0.into(), fingerprint.into(), bucket.0.into()]).await?;
    rows.into_iter().map(|mut row| Ok((row.text(0)?, row.text(1)?))).collect()
}

fn memory(mut row: Row) -> Result<Memory> {
    Ok(Memory {
        id: row.text(0)?,
        bucket_id: BucketId(row.int(1)?),
        bucket_name: row.text(2)?,
        text: row.text(3)?,
        source: row.text_or_null(4)?,
        content_type: row.text(5)?,
        version: row.int(6)?,
        created_at: Micros(row.int(7)?),
        updated_at: Micros(row.int(8)?),
    })
}

/// The newest memories that a filter accepts.
pub(super) async fn newest(
    tx: &mut Tx,
    account: AccountId,
    filter: &Filter,
    skip: i64,
    limit: i64,
) -> Result<Vec<Memory>> {
    let values = [
        account.0.into(),
        filter.content_type.as_deref().into(),
        skip.into(),
        limit.into(),
        Value::Int(filter.bucket.map(|bucket| bucket.0)),
        filter.source.as_deref().into(),
        filter.after.map(|after| after.0).into(),
        filter.before.map(|before| before.0).into(),
    ];
    // Two statements, because one with "bucket or any" can use neither index.
    let sql = match filter.bucket {
        None => {
            "select m.id, m.bucket_id, b.name, m.text, m.source, m.content_type, m.version, m.created_at, m.updated_at \
             from memory m join bucket b on b.account_id = m.account_id and b.id = m.bucket_id \
             where m.account_id = $1 and ($2 is null or m.content_type = $2) and $5 is null \
             and ($6 is null or m.source = $6) and ($7 is null or m.created_at >= $7) \
             and ($8 is null or m.created_at < $8) \
             order by m.created_at desc, m.doc desc limit $4 offset $3"
        }
        Some(_) => {
            "select m.id, m.bucket_id, b.name, m.text, m.source, m.content_type, m.version, m.created_at, m.updated_at \
             from memory m join bucket b on b.account_id = m.account_id and b.id = m.bucket_id \
             where m.account_id = $1 and ($2 is null or m.content_type = $2) and m.bucket_id = $5 \
             and ($6 is null or m.source = $6) and ($7 is null or m.created_at >= $7) \
             and ($8 is null or m.created_at < $8) \
             order by m.created_at desc, m.doc desc limit $4 offset $3"
        }
    };
    tx.rows(sql, &values).await?.into_iter().map(memory).collect()
}

/// The memories with these ids that exist, in no order.
pub(super) async fn by_ids(tx: &mut Tx, account: AccountId, ids: &[String]) -> Result<Vec<Memory>> {
    let sql = "select m.id, m.bucket_id, b.name, m.text, m.source, m.content_type, m.version, m.created_at, m.updated_at \
               from memory m join bucket b on b.account_id = m.account_id and b.id = m.bucket_id \
               where m.account_id = $1 and m.id {in $2}";
    tx.rows(sql, &[account.0.into(), ids.into()]).await?.into_iter().map(memory).collect()
}

/// The memories with these document numbers that exist, by number.
pub(super) async fn by_docs(tx: &mut Tx, account: AccountId, docs: &[i64]) -> Result<HashMap<i64, Memory>> {
    let sql = "select m.id, m.bucket_id, b.name, m.text, m.source, m.content_type, m.version, m.created_at, \
               m.updated_at, m.doc \
               from memory m join bucket b on b.account_id = m.account_id and b.id = m.bucket_id \
               where {unindexed m.account_id} = $1 and m.doc {in $2}";
    let rows = tx.rows(sql, &[account.0.into(), docs.into()]).await?;
    rows.into_iter().map(|row| Ok((row.int(9)?, memory(row)?))).collect()
}

/// What a memory is compared by.
pub(super) struct Comparable {
    pub doc: i64,
    pub fingerprint: i64,
    pub vector: Option<Vector>,
}

/// The memories before a document, newest first, at most `limit`.
pub(super) async fn comparable(
    tx: &mut Tx,
    account: AccountId,
    space: i64,
    before: i64,
    limit: i64,
) -> Result<Vec<Comparable>> {
    let sql = match tx.dialect() {
        Dialect::Sqlite => {
            "select doc, fingerprint, case when embedder = $2 then embedding end from memory \
             where doc > $3 and doc < $4 and {unindexed account_id} = $1 order by doc desc limit $5"
        }
        Dialect::Postgres => {
            "select doc, fingerprint, case when embedder = $2 then halfvec_send(embedding) end from memory \
             where doc > $3 and doc < $4 and account_id = $1 order by doc desc limit $5"
        }
    };
    let values = [account.0.into(), space.into(), account.doc_range().0.into(), before.into(), limit.into()];
    let is_half = tx.dialect() == Dialect::Postgres;
    let comparable = |mut row: Row| {
        let bytes = row.bytes_or_null(2)?;
        let bytes = bytes.map(|bytes| if is_half { of_halves(&bytes) } else { bytes });
        let vector = bytes.as_deref().and_then(Vector::from_bytes);
        Ok(Comparable { doc: row.int(0)?, fingerprint: row.int(1)?, vector })
    };
    tx.rows(sql, &values).await?.into_iter().map(comparable).collect()
}

/// The bytes of an embedding in the form in which `PostgreSQL` sends it: two
/// numbers of 16 bits, then one of half precision for each dimension. All are
/// whole and from -127 to 127.
fn of_halves(sent: &[u8]) -> Vec<u8> {
    let halves = sent.get(4..).unwrap_or_default().as_chunks::<2>().0;
    let whole = |half: &[u8; 2]| {
        let bits = u16::from_be_bytes(*half);
        let exponent = (bits >> 10) & 0x1f;
        let magnitude = if exponent < 15 { 0 } else { ((bits & 0x3ff) | 0x400) >> (25_u16.saturating_sub(exponent)) };
        let [_, magnitude] = magnitude.to_be_bytes();
        if bits >> 15 == 1 { magnitude.wrapping_neg() } else { magnitude }
    };
    halves.iter().map(whole).collect()
}

pub(super) async fn versions(tx: &mut Tx, account: AccountId, id: &str) -> Result<Vec<Version>> {
    let sql = "select version, text, bucket_id, created_at from memory_version \
               where account_id = $1 and memory_id = $2 order by version";
    let rows = tx.rows(sql, &[account.0.into(), id.into()]).await?;
    let version = |mut row: Row| -> Result<Version> {
        Ok(Version {
            version: row.int(0)?,
            text: row.text(1)?,
            bucket_id: BucketId(row.int(2)?),
            created_at: Micros(row.int(3)?),
        })
    };
    rows.into_iter().map(version).collect()
}

/// The text that a memory had as an older version.
pub(super) async fn version_text(tx: &mut Tx, account: AccountId, id: &str, version: i64) -> Result<Option<String>> {
    let sql = "select text from memory_version where account_id = $1 and memory_id = $2 and version = $3";
    let row = tx.row(sql, &[account.0.into(), id.into(), version.into()]).await?;
    row.map(|mut row| row.text(0)).transpose()
}

/// Which of these ids are memories, and in which bucket, in order of the ids.
pub(super) async fn locate(tx: &mut Tx, account: AccountId, ids: &[String]) -> Result<Vec<Located>> {
    let sql = "select id, bucket_id, version from memory where account_id = $1 and id {in $2} order by id";
    tx.rows(sql, &[account.0.into(), ids.into()]).await?.into_iter().map(located).collect()
}

/// Where a memory is, and which version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Located {
    pub id: String,
    pub bucket: BucketId,
    pub version: i64,
}

fn located(mut row: Row) -> Result<Located> {
    Ok(Located { id: row.text(0)?, bucket: BucketId(row.int(1)?), version: row.int(2)? })
}

/// The values of [`accepted`].
fn condition_values(account: AccountId, filter: &Filter) -> Vec<Value<'_>> {
    vec![
        account.0.into(),
        filter.bucket.map(|bucket| bucket.0).into(),
        filter.source.as_deref().into(),
        filter.after.map(|after| after.0).into(),
        filter.before.map(|before| before.0).into(),
        filter.content_type.as_deref().into(),
    ]
}

/// The conditions of a filter, as [`condition_values`] are.
macro_rules! accepted {
    () => {
        "($2 is null or m.bucket_id = $2) and ($3 is null or m.source = $3) \
         and ($4 is null or m.created_at >= $4) and ($5 is null or m.created_at < $5) \
         and ($6 is null or m.content_type = $6) "
    };
}

/// Statements on memories that a filter accepts: all of the account, all of a
/// bucket (one with "bucket or any" can use neither index), and those with the
/// document numbers in the parameter `$docs`, the last.
macro_rules! three {
    ($docs:literal, [$($before:literal)+], [$($after:literal)*]) => {
        [
            concat!($($before,)+ " where m.account_id = $1 and $2 is null and ", accepted!(), $($after,)*),
            concat!($($before,)+ " where m.account_id = $1 and m.bucket_id = $2 and ", accepted!(), $($after,)*),
            concat!(
                $($before,)+
                " where {unindexed m.account_id} = $1 and m.doc {in ",
                $docs,
                "} and ",
                accepted!(),
                $($after,)*
            ),
        ]
    };
}

/// Of [`three`] statements the one for these conditions.
fn one_of(statements: [&'static str; 3], filter: &Filter, docs: Option<&[i64]>) -> &'static str {
    let [of_account, of_bucket, of_docs] = statements;
    match (docs, filter.bucket) {
        (Some(_), _) => of_docs,
        (None, Some(_)) => of_bucket,
        (None, None) => of_account,
    }
}

/// The memories that a filter accepts, of these documents where some are given,
/// each with its bucket, in order of their ids.
pub(crate) async fn located_where(
    tx: &mut Tx,
    account: AccountId,
    filter: &Filter,
    docs: Option<&[i64]>,
) -> Result<Vec<Located>> {
    let sql =
        one_of(three!("$7", ["select m.id, m.bucket_id, m.version from memory m"], ["order by m.id"]), filter, docs);
    let mut values = condition_values(account, filter);
    values.extend(docs.map(Value::Ints));
    tx.rows(sql, &values).await?.into_iter().map(located).collect()
}

/// The documents of these memories, oldest first.
pub(super) async fn docs_oldest_first(tx: &mut Tx, account: AccountId, ids: &[String]) -> Result<Vec<i64>> {
    let sql = "select doc from memory where account_id = $1 and id {in $2} order by created_at, doc";
    tx.rows(sql, &[account.0.into(), ids.into()]).await?.iter().map(|row| row.int(0)).collect()
}

/// How many memories a filter accepts, of these documents, which there are, where some are given.
pub(super) async fn count_where(tx: &mut Tx, account: AccountId, filter: &Filter, docs: Option<&[i64]>) -> Result<i64> {
    if *filter == (Filter { bucket: filter.bucket, ..Filter::default() }) && docs.is_none() {
        let sql = "select cast(coalesce(sum(memory_count), 0) as bigint) from bucket \
                   where account_id = $1 and ($2 is null or id = $2)";
        let bucket = Value::Int(filter.bucket.map(|bucket| bucket.0));
        return tx.one(sql, &[account.0.into(), bucket]).await?.int(0);
    }
    if let Some(docs) = docs.filter(|_| *filter == Filter::default()) {
        return i64::try_from(docs.len()).map_err(Error::internal);
    }
    let sql = one_of(three!("$7", ["select count(*) from memory m"], []), filter, docs);
    let mut values = condition_values(account, filter);
    values.extend(docs.map(Value::Ints));
    tx.one(sql, &values).await?.int(0)
}

/// The documents that a filter accepts on one side of a place (a time and a
/// document), from there on, at most `limit`, each with its place.
pub(super) async fn places(
    tx: &mut Tx,
    account: AccountId,
    checked: (&Filter, Option<&[i64]>),
    by: Time,
    (side, from): (Side, (i64, i64)),
    limit: i64,
) -> Result<Vec<(i64, i64)>> {
    macro_rules! places {
        ($time:literal, $beyond:literal, $order:literal) => {
            three!(
                "$10",
                ["select m." $time ", m.doc from memory m"],
                ["and (m." $time ", m.doc) " $beyond " ($7, $8) order by m." $time " " $order ", m.doc " $order " limit $9"]
            )
        };
    }
    let statements = match (by, side) {
        (Time::Created, Side::Later) => places!("created_at", ">", "asc"),
        (Time::Created, Side::Earlier) => places!("created_at", "<", "desc"),
        (Time::Updated, Side::Later) => places!("updated_at", ">", "asc"),
        (Time::Updated, Side::Earlier) => places!("updated_at", "<", "desc"),
    };
    let (filter, docs) = checked;
    let mut values = condition_values(account, filter);
    values.extend::<[Value<'_>; 3]>([from.0.into(), from.1.into(), limit.into()]);
    values.extend(docs.map(Value::Ints));
    let rows = tx.rows(one_of(statements, filter, docs), &values).await?;
    rows.iter().map(|row| Ok((row.int(0)?, row.int(1)?))).collect()
}

/// How many of the documents that a filter accepts are on one side of a place.
pub(super) async fn count_beyond(
    tx: &mut Tx,
    account: AccountId,
    (filter, docs): (&Filter, Option<&[i64]>),
    by: Time,
    (side, from): (Side, (i64, i64)),
) -> Result<i64> {
    macro_rules! counted {
        ($place:literal) => {
            three!("$9", ["select count(*) from memory m"], ["and " $place])
        };
    }
    let statements = match (by, side) {
        (Time::Created, Side::Later) => counted!("(m.created_at, m.doc) > ($7, $8)"),
        (Time::Created, Side::Earlier) => counted!("(m.created_at, m.doc) < ($7, $8)"),
        (Time::Updated, Side::Later) => counted!("(m.updated_at, m.doc) > ($7, $8)"),
        (Time::Updated, Side::Earlier) => counted!("(m.updated_at, m.doc) < ($7, $8)"),
    };
    let mut values = condition_values(account, filter);
    values.extend::<[Value<'_>; 2]>([from.0.into(), from.1.into()]);
    values.extend(docs.map(Value::Ints));
    tx.one(one_of(statements, filter, docs), &values).await?.int(0)
}

/// A time of a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    Created,
    Updated,
}

/// A side of a place in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Earlier,
    Later,
}

/// Keeps what these memories are as versions, before they are changed.
pub(super) async fn keep_versions(tx: &mut Tx, account: AccountId, ids: &[String]) -> Result<()> {
    let sql = "insert into memory_version (account_id, memory_id, version, bucket_id, text, created_at) \
               select account_id, id, version, bucket_id, text, updated_at \
               from memory where account_id = $1 and id {in $2}";
    tx.execute(sql, &[account.0.into(), ids.into()]).await.map(drop)
}

pub(super) async fn set_text(
    tx: &mut Tx,
    account: AccountId,
    id: &str,
    text: &MemoryText,
    words: Option<&str>,
    embedding: &Embedding,
    fingerprint: i64,
) -> Result<()> {
    let sql = "update memory set text = $3, fingerprint = $4, words = $5, analysis = 1, embedder = $6, \
               embedding = {vector $7} where account_id = $1 and id = $2";
    let values = [
        account.0.into(),
        id.into(),
        text.as_str().into(),
        fingerprint.into(),
        words.into(),
        embedding.space.into(),
        Value::Embedding(embedding.vector.as_ref().map(Vector::values)),
    ];
    tx.execute(sql, &values).await.map(drop)
}

pub(super) async fn set_bucket(tx: &mut Tx, account: AccountId, ids: &[String], bucket: BucketId) -> Result<()> {
    let sql = "update memory set bucket_id = $3 where account_id = $1 and id {in $2}";
    tx.execute(sql, &[account.0.into(), ids.into(), bucket.0.into()]).await.map(drop)
}

pub(super) async fn next_version(tx: &mut Tx, account: AccountId, ids: &[String], now: Micros) -> Result<()> {
    let sql = "update memory set version = version + 1, updated_at = $3 where account_id = $1 and id {in $2}";
    tx.execute(sql, &[account.0.into(), ids.into(), now.0.into()]).await.map(drop)
}

/// Removes memories; how many there were.
pub(super) async fn delete(tx: &mut Tx, account: AccountId, ids: &[String]) -> Result<u64> {
    let sql = "delete from memory where account_id = $1 and id {in $2}";
    tx.execute(sql, &[account.0.into(), ids.into()]).await
}

pub(super) async fn delete_versions(tx: &mut Tx, account: AccountId, ids: &[String]) -> Result<()> {
    let sql = "delete from memory_version where account_id = $1 and memory_id {in $2}";
    tx.execute(sql, &[account.0.into(), ids.into()]).await.map(drop)
}

/// Copies memories to the trash; how many.
pub(super) async fn copy_to_trash(
    tx: &mut Tx,
    account: AccountId,
    ids: &[String],
    deletion: &str,
    deleted_at: Micros,
    purge_at: Micros,
) -> Result<u64> {
    let sql = "insert into trash (doc, account_id, id, deletion_id, bucket_id, bucket_name, text, fingerprint, source, \
               content_type, version, created_at, updated_at, deleted_at, purge_at, words, analysis, embedder, embedding) \
               select m.doc, m.account_id, m.id, $3, m.bucket_id, b.name, m.text, m.fingerprint, m.source, \
               m.content_type, m.version, m.created_at, m.updated_at, $4, $5, m.words, m.analysis, m.embedder, \
               m.embedding \
               from memory m join bucket b on b.account_id = m.account_id and b.id = m.bucket_id \
               where m.account_id = $1 and m.id {in $2}";
    let values = [account.0.into(), ids.into(), deletion.into(), deleted_at.0.into(), purge_at.0.into()];
    tx.execute(sql, &values).await
}

/// A memory in the trash.
#[derive(Debug, Clone)]
pub struct Trashed {
    /// Its id, the same as before.
    pub id: String,
    /// What was remembered.
    pub text: String,
    /// The bucket it was in, which may be gone.
    pub bucket_id: BucketId,
    /// That bucket's name at the time.
    pub bucket_name: String,
    /// Which tool stored it.
    pub source: Option<String>,
    /// When it was stored.
    pub created_at: Micros,
    /// When it was deleted.
    pub deleted_at: Micros,
    /// When it will be purged.
    pub purge_at: Micros,
    /// The receipt of its deletion.
    pub deletion_id: String,
}

/// How many memories are in the trash.
pub(super) async fn count_trash(tx: &mut Tx, account: AccountId) -> Result<i64> {
    tx.one("select count(*) from trash where account_id = $1", &[account.0.into()]).await?.int(0)
}

/// The trash, latest deletions first, and how many it holds.
pub(super) async fn trash(tx: &mut Tx, account: AccountId, skip: i64, limit: i64) -> Result<(Vec<Trashed>, i64)> {
    let total = count_trash(tx, account).await?;
    let sql = "select id, text, bucket_id, bucket_name, source, created_at, deleted_at, purge_at, deletion_id \
               from trash where account_id = $1 order by deleted_at desc, doc desc limit $3 offset $2";
    let rows = tx.rows(sql, &[account.0.into(), skip.into(), limit.into()]).await?;
    let trashed = |mut row: Row| -> Result<Trashed> {
        Ok(Trashed {
            id: row.text(0)?,
            text: row.text(1)?,
            bucket_id: BucketId(row.int(2)?),
            bucket_name: row.text(3)?,
            source: row.text_or_null(4)?,
            created_at: Micros(row.int(5)?),
            deleted_at: Micros(row.int(6)?),
            purge_at: Micros(row.int(7)?),
            deletion_id: row.text(8)?,
        })
    };
    Ok((rows.into_iter().map(trashed).collect::<Result<_>>()?, total))
}

/// Copies memories back from the trash, each into its bucket or, where that is
/// gone, into `general`.
pub(super) async fn copy_from_trash(tx: &mut Tx, account: AccountId, ids: &[String], general: BucketId) -> Result<u64> {
    let sql = "insert into memory (doc, account_id, id, bucket_id, text, fingerprint, source, content_type, version, \
               created_at, updated_at, words, analysis, embedder, embedding) \
               select t.doc, t.account_id, t.id, coalesce(b.id, $3), t.text, t.fingerprint, t.source, t.content_type, \
               t.version, t.created_at, t.updated_at, t.words, t.analysis, t.embedder, t.embedding \
               from trash t left join bucket b on b.account_id = t.account_id and b.id = t.bucket_id \
               where t.account_id = $1 and t.id {in $2}";
    tx.execute(sql, &[account.0.into(), ids.into(), general.0.into()]).await
}

/// Takes memories out of the trash; each with the receipt of its deletion.
pub(super) async fn delete_from_trash(
    tx: &mut Tx,
    account: AccountId,
    ids: &[String],
) -> Result<Vec<(String, String)>> {
    let sql = "delete from trash where account_id = $1 and id {in $2} returning id, deletion_id";
    let rows = tx.rows(sql, &[account.0.into(), ids.into()]).await?;
    rows.into_iter().map(|mut row| Ok((row.text(0)?, row.text(1)?))).collect()
}

/// The ids of all that is in the trash, in order.
pub(super) async fn trash_ids(tx: &mut Tx, account: AccountId) -> Result<Vec<String>> {
    let rows = tx.rows("select id from trash where account_id = $1 order by id", &[account.0.into()]).await?;
    rows.into_iter().map(|mut row| row.text(0)).collect()
}

/// Those of these that are in the trash, in order.
pub(super) async fn trash_ids_among(tx: &mut Tx, account: AccountId, ids: &[String]) -> Result<Vec<String>> {
    let sql = "select id from trash where account_id = $1 and id {in $2} order by id";
    let rows = tx.rows(sql, &[account.0.into(), ids.into()]).await?;
    rows.into_iter().map(|mut row| row.text(0)).collect()
}

/// The ids of what the trash has of a deletion, in order.
pub(super) async fn trash_ids_of(tx: &mut Tx, account: AccountId, deletion: &str) -> Result<Vec<String>> {
    let sql = "select id from trash where account_id = $1 and deletion_id = $2 order by id";
    let rows = tx.rows(sql, &[account.0.into(), deletion.into()]).await?;
    rows.into_iter().map(|mut row| row.text(0)).collect()
}

/// When the first in the trash is due.
pub(super) async fn first_due(tx: &mut Tx, account: AccountId) -> Result<Option<Micros>> {
    let sql = "select min(purge_at) from trash where account_id = $1";
    Ok(tx.one(sql, &[account.0.into()]).await?.int_or_null(0)?.map(Micros))
}

/// How many in the trash are due before a time.
pub(super) async fn count_due(tx: &mut Tx, account: AccountId, before: Micros) -> Result<i64> {
    let sql = "select count(*) from trash where account_id = $1 and purge_at < $2";
    tx.one(sql, &[account.0.into(), before.0.into()]).await?.int(0)
}

/// The ids of what the trash has kept for long enough, at most `limit`.
pub(super) async fn due_ids(tx: &mut Tx, account: AccountId, now: Micros, limit: i64) -> Result<Vec<String>> {
    let sql = "select id from trash where account_id = $1 and purge_at <= $2 order by purge_at, id limit $3";
    let rows = tx.rows(sql, &[account.0.into(), now.0.into(), limit.into()]).await?;
    rows.into_iter().map(|mut row| row.text(0)).collect()
}

/// The accounts whose trash has something that is due.
pub(super) async fn due_accounts(tx: &mut Tx, now: Micros) -> Result<Vec<AccountId>> {
    let sql = "select distinct account_id from trash where purge_at <= $1 order by account_id";
    tx.rows(sql, &[now.0.into()]).await?.iter().map(|row| row.int(0).map(AccountId)).collect()
}
