//! Lexical search in memory against FTS5 over the same texts in the same
//! process: how long each takes, and whether both rank alike.

use std::hint::black_box;
use std::time::{Duration, Instant};

use commonplace::search::Terms;
use commonplace::search::lexical::{Lexical, TermId};
use rusqlite::Connection;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How many documents a search is for.
const BEST: usize = 100;
/// How often every question is asked; each time counts.
const ROUNDS: usize = 3;
/// How many documents a bulk removal removes at most.
const BULK: usize = 10_000;
/// How far scores may be apart that are equal, as a part of them: ours have the
/// precision of `f32`.
const TIE: f64 = 1e-5;

/// Of many durations those that count.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// The one in the middle.
    pub median: Duration,
    /// The one that 99 of 100 do not exceed.
    pub p99: Duration,
}

impl Times {
    /// Of at least one duration.
    fn of(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        let at = |share: usize| durations[(durations.len() - 1) * share / 100];
        Self { median: at(50), p99: at(99) }
    }
}

/// What [`against_fts5`] found.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// How many questions had a word that a text has.
    pub questions: usize,
    /// The best hundred from memory, from the question's words on.
    pub memory: Times,
    /// The best hundred from FTS5, from its query on.
    pub fts5: Times,
    /// Questions to which the two do not rank alike, ties aside.
    pub differing: Vec<String>,
    /// Adding all texts to an empty index, on one thread.
    pub load: Duration,
    /// What the index takes in memory then, in bytes.
    pub bytes: usize,
    /// How many texts were removed at once, and how long it took.
    pub bulk_removal: (usize, Duration),
    /// Removing one text.
    pub removal: Times,
}

/// A question for both.
struct Question<'a> {
    text: &'a str,
    terms: Terms,
    fts5: String,
}

/// Measures both over ASCII texts, which FTS5 takes as they are.
///
/// # Errors
/// Where there is no text or no question, a text is not ASCII, or `SQLite` fails.
pub fn against_fts5(texts: &[String], questions: &[String]) -> Result<Comparison> {
    if texts.is_empty() || !texts.iter().all(|text| text.is_ascii()) {
        return Err("there are to be texts, of ASCII only".into());
    }
    let start = Instant::now();
    let mut lexical = Lexical::new();
    for text in texts {
        lexical.push(text);
    }
    let load = start.elapsed();
    let bytes = lexical.bytes();

    let questions: Vec<Question> = questions.iter().filter_map(|text| question(&lexical, text)).collect();
    if questions.is_empty() {
        return Err("no question has a word of a text".into());
    }
    let db = index(texts)?;
    // By nothing but the rank, by which FTS5 sorts faster itself than it is sorted.
    let sql = format!("select rowid, -rank from t where t match ?1 order by rank limit {BEST}");
    let mut select = db.prepare(&sql)?;
    let mut by_fts5 = |question: &Question| -> Result<Vec<(u32, f64)>> {
        let rows = select.query_map([&question.fts5], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    };

    let (mut memory, mut fts5) = (Vec::new(), Vec::new());
    let mut differing = Vec::new();
    for round in 0..ROUNDS {
        for question in &questions {
            let start = Instant::now();
            let ours = lexical.best(&resolve(&lexical, &question.terms), BEST, |_| true);
            memory.push(start.elapsed());
            let start = Instant::now();
            let theirs = by_fts5(question)?;
            fts5.push(start.elapsed());
            if round == 0 && !rank_alike(&ours, &theirs) {
                differing.push(question.text.to_owned());
            }
        }
    }
    let (memory, fts5) = (Times::of(memory), Times::of(fts5));

    // Slots all over the index, the same in each run.
    let slots: Vec<u32> = (0..).take(texts.len()).collect();
    let (one_by_one, at_once): (Vec<u32>, Vec<u32>) = slots.iter().partition(|slot| **slot % 100 == 7);
    let at_once: Vec<u32> = at_once.into_iter().step_by((texts.len() / BULK).max(1)).take(BULK).collect();
    let remove = |slots: &[u32], lexical: &mut Lexical| {
        let start = Instant::now();
        lexical.remove(black_box(slots));
        start.elapsed()
    };
    let removal = one_by_one.iter().map(|slot| remove(&[*slot], &mut lexical)).collect::<Vec<_>>();
    let removal = Times::of(if removal.is_empty() { vec![remove(&[0], &mut lexical)] } else { removal });
    let bulk_removal = (at_once.len(), remove(&at_once, &mut lexical));
    Ok(Comparison { questions: questions.len(), memory, fts5, differing, load, bytes, bulk_removal, removal })
}

/// The question, unless it has no word that a text has.
fn question<'a>(lexical: &Lexical, text: &'a str) -> Option<Question<'a>> {
    let terms = Terms::of(text)?;
    let quoted: Vec<String> = terms.words().iter().map(|word| format!("\"{}\"", word.raw)).collect();
    let is_known = !resolve(lexical, &terms).is_empty();
    is_known.then(|| Question { text, terms, fts5: quoted.join(" OR ") })
}

fn resolve(lexical: &Lexical, terms: &Terms) -> Vec<(TermId, f32)> {
    terms.words().iter().filter_map(|word| lexical.term(&word.stem)).map(|term| (term, 1.0)).collect()
}

/// An FTS5 index as the storage has it, in its best state: in memory and merged.
fn index(texts: &[String]) -> Result<Connection> {
    let db = Connection::open_in_memory()?;
    db.execute_batch(
        "create table memory (doc integer primary key, text text not null);
         create virtual table t using fts5 (
             text, content = 'memory', content_rowid = 'doc', tokenize = 'porter ascii');
         begin;",
    )?;
    let mut insert = db.prepare("insert into memory values (?1, ?2)")?;
    for (doc, text) in (0_u32..).zip(texts) {
        insert.execute((doc, text))?;
    }
    db.execute_batch(
        "insert into t (rowid, text) select doc, text from memory;
         insert into t (t) values ('optimize');
         commit;",
    )?;
    drop(insert);
    Ok(db)
}

/// Whether the scores are the same from the first to the last, and every
/// document has the same in both. Which of several equally good documents come
/// last is left open.
fn rank_alike(ours: &[(u32, f32)], theirs: &[(u32, f64)]) -> bool {
    let is_tie = |a: f32, b: f64| (f64::from(a) / b - 1.0).abs() < TIE;
    let Some((_, last)) = theirs.last() else { return ours.is_empty() };
    ours.len() == theirs.len()
        && ours.iter().zip(theirs).all(|(our, their)| is_tie(our.1, their.1))
        && ours.iter().filter(|our| !is_tie(our.1, *last)).all(|our| theirs.iter().any(|their| their.0 == our.0))
}
