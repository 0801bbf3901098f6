//! What the storage itself can find, as each engine has it.
//!
//! On `SQLite` it is the FTS5 table `memory_fts`, kept by [`index_new`], [`index`]
//! and [`unindex`] in the transaction that changes the rows. It is the durable
//! form of what [`super::index`] keeps in memory, and answers where that is not
//! loaded. On `PostgreSQL` they are the columns
//! `memory.tsv` and `memory.embedding`, which need no keeping.

use std::collections::{HashMap, HashSet};

use super::analyze;
use super::fuse::Candidate;
use super::rows::{mark_history_unclean, note_changes, note_documents};
use super::terms::Terms;
use super::{Corpus, Correction, Filter, Request, typo};
use crate::db::{Dialect, Tx, Value};
use crate::embed::Vector;
use crate::error::Result;
use crate::id::AccountId;

/// How many of the newest memories `PostgreSQL` is asked for the words that a
/// mistyped one may have meant, and for their average length.
const SAMPLE: i64 = 5_000;
/// How many bytes of words the full-text index of `PostgreSQL` is given of a
/// memory, since it takes at most a megabyte with all that belongs to them, and of
/// a word, of which it takes 2,046. Of a memory with more words each is given
/// once; what is beyond even then is not found.
const POSTGRES_BYTES: usize = 500_000;
const POSTGRES_WORD_BYTES: usize = 1_000;

/// What the full-text index is given for a text, where that is not the text
/// itself: the value of `memory.words`.
#[must_use]
pub fn words(dialect: Dialect, text: &str) -> Option<String> {
    match dialect {
        Dialect::Sqlite => analyze::words(text),
        Dialect::Postgres => {
            let mut stems = String::new();
            analyze::terms(text, |stem| add(&mut stems, shortened(stem)));
            if stems.len() > POSTGRES_BYTES {
                let mut distinct = HashSet::new();
                let all = stems.split_ascii_whitespace().filter(|stem| distinct.insert(*stem));
                stems = all.fold(String::new(), |mut stems, stem| {
                    if stems.len() + stem.len() < POSTGRES_BYTES {
                        add(&mut stems, stem);
                    }
                    stems
                });
            }
            Some(stems)
        }
    }
}

fn add(stems: &mut String, stem: &str) {
    stems.push_str(stem);
    stems.push(' ');
}

/// The part of a word that `PostgreSQL` takes.
fn shortened(stem: &str) -> &str {
    &stem[..stem.floor_char_boundary(POSTGRES_WORD_BYTES)]
}

/// Adds a document that was just inserted.
///
/// # Errors
/// As [`Tx::execute`].
pub async fn index_new(tx: &mut Tx, corpus: Corpus, doc: i64, text: &str, words: Option<&str>) -> Result<()> {
    if tx.dialect() == Dialect::Sqlite {
        // Not `insert … select`: that is a savepoint to FTS5, at which it writes a segment.
        let values = [doc.into(), words.unwrap_or(text).into()];
        tx.execute(corpus.sql("insert into {table}_fts (rowid, text) values ($1, $2)"), &values).await?;
    }
    Ok(())
}

/// Puts the words of chunks that came lately into their places in the index of
/// `PostgreSQL`, which every search looks through until then.
///
/// # Errors
/// As [`Tx::execute`].
pub async fn settle(tx: &mut Tx) -> Result<()> {
    tx.execute("select gin_clean_pending_list('chunk_tsv')", &[]).await.map(drop)
}

/// Adds the memories with these ids. They must exist and not be in the index.
///
/// # Errors
/// As [`Tx::execute`].
pub async fn index(tx: &mut Tx, account: AccountId, ids: &[String]) -> Result<()> {
    if tx.dialect() == Dialect::Sqlite {
        let sql = "insert into memory_fts (rowid, text) \
                   select doc, coalesce(words, text) from memory where account_id = $1 and id {in $2} order by doc";
        tx.execute(sql, &[account.0.into(), ids.into()]).await?;
    }
    note_changes(tx, account, ids).await
}

/// Takes the memories with these ids out. Their rows must still be as they were
/// when they were added: FTS5 finds what to remove by the text.
///
/// # Errors
/// As [`Tx::execute`].
pub async fn unindex(tx: &mut Tx, account: AccountId, ids: &[String]) -> Result<()> {
    if tx.dialect() == Dialect::Sqlite {
        let sql = "insert into memory_fts (memory_fts, rowid, text) select 'delete', doc, coalesce(words, text) \
                   from memory where account_id = $1 and id {in $2} order by doc";
        tx.execute(sql, &[account.0.into(), ids.into()]).await?;
    }
    note_changes(tx, account, ids).await
}

/// Takes all memories of an account out, under the conditions of [`unindex`].
///
/// # Errors
/// As [`Tx::execute`].
pub async fn unindex_account(tx: &mut Tx, account: AccountId) -> Result<()> {
    unindex_all(tx, Corpus::Memories, account).await
}

/// Takes all chunks of an account out, under the same conditions.
///
/// # Errors
/// As [`Tx::execute`].
pub async fn unindex_all_chunks(tx: &mut Tx, account: AccountId) -> Result<()> {
    unindex_all(tx, Corpus::Chunks, account).await?;
    mark_history_unclean(tx).await
}

async fn unindex_all(tx: &mut Tx, corpus: Corpus, account: AccountId) -> Result<()> {
    if tx.dialect() == Dialect::Sqlite {
        let sql = "insert into {table}_fts ({table}_fts, rowid, text) \
                   select 'delete', m.doc, (select w.text from {table}_words w where w.doc = m.doc) \
                   from {table} m where m.account_id = $1 order by m.doc";
        tx.execute(corpus.sql(sql), &[account.0.into()]).await?;
    }
    Ok(())
}

/// Takes chunks out, under the conditions of [`unindex`].
///
/// # Errors
/// As [`Tx::execute`].
pub async fn unindex_chunks(tx: &mut Tx, account: AccountId, docs: &[i64]) -> Result<()> {
    if tx.dialect() == Dialect::Sqlite {
        let sql = "insert into chunk_fts (chunk_fts, rowid, text) select 'delete', doc, words_of(text) \
                   from chunk_text where {unindexed account_id} = $1 and doc {in $2} order by doc";
        tx.execute(sql, &[account.0.into(), docs.into()]).await?;
    }
    note_documents(tx, account, docs).await
}

/// The best memories for any of the words, by the full-text index of `SQLite`,
/// where there is no index in memory. A memory's score is the sum of its words'
/// inverse document frequencies in the account. (FTS5's own BM25 counts the
/// documents of all accounts, and would tell of one what another has.)
///
/// # Errors
/// As [`Tx::rows`].
pub(super) async fn lexical_sqlite(
    tx: &mut Tx,
    corpus: Corpus,
    account: AccountId,
    terms: &Terms,
    request: &Request,
) -> Result<Vec<Candidate>> {
    let Filter { bucket, content_type, source, after, before } = &request.filter;
    let (low, high) = account.doc_range();
    let total = super::rows::count(tx, corpus, account).await?;
    let mut scores: HashMap<i64, f32> = HashMap::new();
    for word in terms.words() {
        let sql = "select rowid from {table}_fts where {table}_fts match $1 and rowid between $2 and $3";
        let having = tx.rows(corpus.sql(sql), &[(&word.sqlite(corpus)).into(), low.into(), high.into()]).await?;
        let weight = narrow(frequency(total, i64::try_from(having.len()).unwrap_or(i64::MAX)));
        for row in having {
            *scores.entry(row.int(0)?).or_default() += weight;
        }
    }
    if request.filter != Filter::default() {
        let docs: Vec<i64> = scores.keys().copied().collect();
        let sql = "select doc from {table} where {unindexed account_id} = $1 and doc {in $2} \
                   and ($3 is null or bucket_id = $3) and ($4 is null or content_type = $4) \
                   and ($5 is null or source = $5) and ($6 is null or created_at >= $6) \
                   and ($7 is null or created_at < $7)";
        let values = [
            account.0.into(),
            docs.as_slice().into(),
            bucket.map(|bucket| bucket.0).into(),
            content_type.as_deref().into(),
            source.as_deref().into(),
            after.map(|after| after.0).into(),
            before.map(|before| before.0).into(),
        ];
        let rows = tx.rows(corpus.sql(sql), &values).await?;
        let accepted: HashSet<i64> = rows.iter().map(|row| row.int(0)).collect::<Result<_>>()?;
        scores.retain(|doc, _| accepted.contains(doc));
    }
    Ok(scores.into_iter().map(|(doc, bm25)| Candidate { doc, bm25, cosine: None }).collect())
}

/// Scores are compared and shown, not added up, so half the digits are enough.
#[expect(clippy::cast_possible_truncation, reason = "of scores between -1 and some hundred")]
fn narrow(score: f64) -> f32 {
    score as f32
}

/// What a query's words weigh in an account on `PostgreSQL`: each as a text
/// query of its own, with its inverse document frequency in millionths.
#[derive(Debug, Default)]
struct Weights {
    words: Vec<String>,
    millionths: Vec<i64>,
    /// Average number of words in a memory, in thousandths.
    average: i64,
}

/// The best memories by words and by meaning on `PostgreSQL`, each with both
/// scores, and the words that were taken for others.
///
/// BM25 is as of FTS5 (k1 = 1.2, b = 0.75), but a word counts once however often
/// a memory has it: facts seldom say a word twice.
///
/// # Errors
/// As [`Tx::rows`].
pub(super) async fn postgres(
    tx: &mut Tx,
    corpus: Corpus,
    account: AccountId,
    space: i64,
    request: &Request,
) -> Result<(Vec<Candidate>, Vec<Correction>)> {
    let (weights, corrected) = match &request.terms {
        Some(terms) => weigh(tx, corpus, account, terms).await?,
        None => (Weights::default(), Vec::new()),
    };
    let Filter { bucket, content_type, source, after, before } = &request.filter;
    let vector = request.vector.as_ref().map(Vector::values);
    let any = format!("{} & ({})", account_lexeme(account), weights.words.join(" | "));
    let depth = i64::try_from(request.depth(usize::MAX)).unwrap_or(i64::MAX);
    let values = [
        account.0.into(),
        bucket.map(|bucket| bucket.0).into(),
        content_type.as_deref().into(),
        source.as_deref().into(),
        after.map(|after| after.0).into(),
        before.map(|before| before.0).into(),
        depth.into(),
        space.into(),
        Value::Embedding(vector),
        i64::try_from(vector.map_or(0, <[i8]>::len)).unwrap_or(0).into(),
        weights.words.as_slice().into(),
        weights.millionths.as_slice().into(),
        weights.average.max(1).into(),
        (&any).into(),
    ];
    let mut found = Vec::new();
    if !weights.words.is_empty() {
        let sql = "select c.doc, c.bm25, \
                   case when c.embedder = $8 and vector_dims(c.embedding) = $10 \
                   then 1 - (c.embedding <=> {vector $9}) end \
                   from (select m.doc, m.embedder, m.embedding, \
                   (select sum(q.weight)::float8 from unnest($11::text[]::tsquery[], $12::bigint[]) q (word, weight) \
                   where m.tsv @@ q.word) / 1e6 * 2.2 \
                   / (1 + 1.2 * (0.25 + 0.75 * m.length * 1000 / $13::float8)) as bm25 \
                   from {table} m where m.tsv @@ $14::text::tsquery and m.account_id = $1 \
                   and ($2 is null or m.bucket_id = $2) and ($3 is null or m.content_type = $3) \
                   and ($4 is null or m.source = $4) and ($5 is null or m.created_at >= $5) \
                   and ($6 is null or m.created_at < $6) order by bm25 desc, m.doc desc limit $7) c";
        found.extend(tx.rows(corpus.sql(sql), &values).await?);
    }
    if vector.is_some() {
        let sql = "select c.doc, coalesce((select sum(q.weight)::float8 \
                   from unnest($11::text[]::tsquery[], $12::bigint[]) q (word, weight) where c.tsv @@ q.word), 0) \
                   / 1e6 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * c.length * 1000 / $13::float8)), 1 - c.distance \
                   from (select m.doc, m.tsv, m.length, m.embedding <=> {vector $9} as distance \
                   from {table} m where m.account_id = $1 and m.embedder = $8 and vector_dims(m.embedding) = $10 \
                   and ($2 is null or m.bucket_id = $2) and ($3 is null or m.content_type = $3) \
                   and ($4 is null or m.source = $4) and ($5 is null or m.created_at >= $5) \
                   and ($6 is null or m.created_at < $6) and $14::text is not null \
                   order by distance, m.doc desc limit $7) c";
        found.extend(tx.rows(corpus.sql(sql), &values).await?);
    }
    let candidate = |row: crate::db::Row| {
        let cosine = row.real_or_null(2)?.map(narrow);
        Ok(Candidate { doc: row.int(0)?, bm25: narrow(row.real(1)?), cosine })
    };
    let mut candidates: Vec<Candidate> = found.into_iter().map(candidate).collect::<Result<_>>()?;
    candidates.sort_unstable_by_key(|candidate| candidate.doc);
    candidates.dedup_by_key(|candidate| candidate.doc);
    Ok((candidates, corrected))
}

async fn weigh(tx: &mut Tx, corpus: Corpus, account: AccountId, terms: &Terms) -> Result<(Weights, Vec<Correction>)> {
    let stems: Vec<String> = terms.words().iter().map(|word| shortened(&word.stem).to_owned()).collect();
    let known = frequencies(tx, corpus, account, &stems).await?;
    let mut found: Vec<(String, i64, f32)> = Vec::new();
    let mut corrected = Vec::new();
    for (stem, count) in stems.iter().zip(&known).filter(|(_, count)| **count > 0) {
        found.push((stem.clone(), *count, 1.0));
    }
    let mut unknown = stems.iter().zip(&known).filter(|(_, count)| **count == 0);
    if unknown.any(|(stem, _)| typo::may_be_mistyped(stem)) {
        let vocabulary = vocabulary(tx, corpus, account).await?;
        let mut closest = Vec::new();
        for (word, _) in terms.words().iter().zip(&known).filter(|(_, count)| **count == 0) {
            let all = vocabulary.iter().map(|(stem, count)| (stem.as_str(), *count));
            for (stem, weight) in typo::closest(&word.stem, all) {
                if found.iter().all(|(known, ..)| known != stem) && closest.iter().all(|(known, _)| known != stem) {
                    closest.push((stem.to_owned(), weight));
                    corrected.push(Correction { from: word.raw.clone(), to: stem.to_owned() });
                }
            }
        }
        let stems: Vec<String> = closest.iter().map(|(stem, _)| stem.clone()).collect();
        let counts = frequencies(tx, corpus, account, &stems).await?;
        found.extend(closest.into_iter().zip(counts).map(|((stem, weight), count)| (stem, count, weight)));
    }
    let total = super::rows::count(tx, corpus, account).await?;
    let sql = "select (coalesce(avg(n.length), 1) * 1000)::bigint from \
               (select length from {table} where account_id = $1 order by created_at desc, doc desc limit $2) n";
    let average = tx.one(corpus.sql(sql), &[account.0.into(), SAMPLE.into()]).await?.int(0)?;
    let millionths = found.iter().map(|(_, count, weight)| millionths(total, *count, *weight)).collect();
    let words = found.iter().map(|(stem, ..)| lexeme(stem)).collect();
    Ok((Weights { words, millionths, average }, corrected))
}

/// A word's inverse document frequency, as of FTS5. One that most memories have
/// still counts, for next to nothing.
#[expect(clippy::cast_precision_loss, reason = "of counts")]
fn frequency(total: i64, count: i64) -> f64 {
    let (total, count) = (total as f64, count as f64);
    ((total - count + 0.5) / (count + 0.5)).ln().max(1e-6)
}

/// The same with a weight of its own, in millionths.
#[expect(clippy::cast_possible_truncation, reason = "a logarithm is small")]
fn millionths(total: i64, count: i64, weight: f32) -> i64 {
    (frequency(total, count) * f64::from(weight) * 1e6).round() as i64
}

/// How many memories of the account have each of the stems.
async fn frequencies(tx: &mut Tx, corpus: Corpus, account: AccountId, stems: &[String]) -> Result<Vec<i64>> {
    if stems.is_empty() {
        return Ok(Vec::new());
    }
    let words: Vec<String> = stems.iter().map(|stem| lexeme(stem)).collect();
    let sql = "select (select count(*) from {table} m where m.account_id = $1 \
               and m.tsv @@ ($3::text::tsquery && q.word::tsquery)) \
               from unnest($2::text[]) with ordinality q (word, place) order by q.place";
    let own = account_lexeme(account);
    let values = [account.0.into(), words.as_slice().into(), (&own).into()];
    let rows = tx.rows(corpus.sql(sql), &values).await?;
    rows.iter().map(|row| row.int(0)).collect()
}

/// The stems of the account's newest memories, and how many have each.
async fn vocabulary(tx: &mut Tx, corpus: Corpus, account: AccountId) -> Result<Vec<(String, u32)>> {
    let sql = "select l.lexeme, count(*) from \
               (select tsv from {table} where account_id = $1 order by created_at desc, doc desc limit $2) m, \
               unnest(m.tsv) l where l.lexeme not like 'account:%' group by l.lexeme";
    let rows = tx.rows(corpus.sql(sql), &[account.0.into(), SAMPLE.into()]).await?;
    let entry = |mut row: crate::db::Row| Ok((row.text(0)?, u32::try_from(row.int(1)?).unwrap_or(u32::MAX)));
    rows.into_iter().map(entry).collect()
}

/// The documents of the memories that have all of the words.
///
/// # Errors
/// As [`Tx::rows`].
pub async fn matching_all(tx: &mut Tx, account: AccountId, terms: &Terms) -> Result<Vec<i64>> {
    let rows = match tx.dialect() {
        Dialect::Sqlite => {
            let (low, high) = account.doc_range();
            let words = terms.all_sqlite();
            let sql = "select rowid from memory_fts where memory_fts match $1 and rowid between $2 and $3";
            tx.rows(sql, &[(&words).into(), low.into(), high.into()]).await?
        }
        Dialect::Postgres => {
            let stems = terms.words().iter().map(|word| lexeme(shortened(&word.stem)));
            let all: Vec<String> = std::iter::once(account_lexeme(account)).chain(stems).collect();
            let all = all.join(" & ");
            let sql = "select doc from memory where account_id = $1 and tsv @@ $2::text::tsquery";
            tx.rows(sql, &[account.0.into(), (&all).into()]).await?
        }
    };
    rows.iter().map(|row| row.int(0)).collect()
}

/// A stem as a query of its own. Stems have letters, digits and marks only, so
/// nothing in them needs escaping.
fn lexeme(stem: &str) -> String {
    format!("'{stem}'")
}

/// How the account stands in `memory.tsv`, as a query of its own. No stem has a
/// colon in it.
fn account_lexeme(account: AccountId) -> String {
    format!("'account:{}'", account.0)
}
