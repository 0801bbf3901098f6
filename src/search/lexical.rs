//! BM25 over the texts of one account, in memory.
//!
//! It ranks as FTS5 does over the same texts: the same terms ([`analyze`]), the
//! same formula and constants (`fts5Bm25Function` in `fts5_aux.c` of `SQLite`),
//! so that either can answer. Documents are numbered by slots in the order in
//! which they are added. A removed document leaves nothing behind but the number
//! of its slot, which [`Lexical::compact`] takes back.
//!
//! A query is answered term at a time: the score of every document that has any
//! of the terms is summed up in an array by slot, and the best are picked from
//! those that were touched. Once the terms that are left can't lift any other
//! document among the best, they are looked up for those that may stay there
//! (`MaxScore` of Turtle and Flood, Query Evaluation, 1995). What is left then are
//! frequent words, which have most of the postings and tell the least.

mod best;

use std::cell::RefCell;
use std::hash::BuildHasher;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use self::best::Scratch;
use super::analyze;

/// How soon more occurrences of a term stop to count, as in FTS5.
const K1: f64 = 1.2;
/// How much a text's length counts, as in FTS5.
const B: f64 = 0.75;
/// The weight of a term that half of the texts or more have, as in FTS5.
const LEAST_IDF: f64 = 1e-6;
/// The length of a slot that is free.
const FREE: u32 = u32::MAX;
/// Up to how many documents are removed one by one.
const FEW: usize = 16;

/// A term of one [`Lexical`], until a document is removed from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TermId(u32);

/// The texts of one account, ready for BM25.
#[derive(Debug, Default)]
pub struct Lexical {
    /// The number of each term, by its text, which `terms` has.
    vocabulary: HashTable<u32>,
    hasher: DefaultHashBuilder,
    terms: Vec<Term>,
    /// Numbers that no term has at present.
    free: Vec<u32>,
    /// The different terms of each document, ascending, by slot.
    documents: Vec<Box<[u32]>>,
    /// How many tokens each document has, by slot; [`FREE`] for no document.
    lengths: Vec<u32>,
    /// How many documents there are.
    count: usize,
    /// How many tokens all documents have.
    tokens: u64,
}

/// A term and the documents that have it.
#[derive(Debug, Default)]
struct Term {
    text: Box<str>,
    /// Ascending.
    slots: Vec<u32>,
    /// How often a document has the term, for those that have it more than
    /// once; ascending by slot. In short texts few do.
    repeats: Vec<(u32, u32)>,
}

impl Term {
    fn push(&mut self, slot: u32, occurrences: u32) {
        push(&mut self.slots, slot);
        if occurrences > 1 {
            push(&mut self.repeats, (slot, occurrences));
        }
    }

    fn remove(&mut self, slot: u32) {
        if let Ok(at) = self.slots.binary_search(&slot) {
            self.slots.remove(at);
        }
        if let Ok(at) = self.repeats.binary_search_by_key(&slot, |repeat| repeat.0) {
            self.repeats.remove(at);
        }
        self.shrink();
    }

    fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        self.slots.retain(|slot| keep(*slot));
        self.repeats.retain(|(slot, _)| keep(*slot));
        self.shrink();
    }

    /// Gives back memory where there is much too much of it.
    fn shrink(&mut self) {
        if self.slots.capacity() > 16 && self.slots.len() < self.slots.capacity() / 2 {
            self.slots.shrink_to_fit();
            self.repeats.shrink_to_fit();
        }
    }

    fn document_frequency(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    fn occurrences(&self, slot: u32) -> u32 {
        match self.repeats.binary_search_by_key(&slot, |repeat| repeat.0) {
            Ok(at) => self.repeats[at].1,
            Err(_) => u32::from(self.slots.binary_search(&slot).is_ok()),
        }
    }
}

/// Adds an item to one of very many vectors, which grow by a quarter only.
fn push<T>(items: &mut Vec<T>, item: T) {
    if items.len() == items.capacity() {
        items.reserve_exact((items.len() / 4).max(1));
    }
    items.push(item);
}

/// The formula, with what is the same for all documents of a query worked out.
struct Bm25 {
    documents: f64,
    base: f32,
    by_length: f32,
}

impl Bm25 {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "an average of counts")]
    fn of(lexical: &Lexical) -> Self {
        let documents = lexical.count as f64;
        let average = lexical.tokens as f64 / documents;
        Self { documents, base: (K1 * (1.0 - B)) as f32, by_length: (K1 * B / average) as f32 }
    }

    /// The most that a term can add to a score.
    #[expect(clippy::cast_possible_truncation, reason = "the precision of f32 will do")]
    fn scale(&self, documents: u32, weight: f32) -> f32 {
        let with_term = f64::from(documents);
        let idf = ((self.documents - with_term + 0.5) / (with_term + 0.5)).ln();
        (idf.max(LEAST_IDF) * (K1 + 1.0)) as f32 * weight
    }

    /// What a term adds to the score of a document.
    #[expect(clippy::cast_precision_loss, reason = "counts of tokens in a text are small")]
    fn score(&self, scale: f32, occurrences: u32, length: u32) -> f32 {
        let occurrences = occurrences as f32;
        scale * occurrences / (occurrences + self.base + self.by_length * length as f32)
    }
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Lexical {
    /// No text.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many slots there are, the free ones included.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.lengths.len()
    }

    /// How many documents there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no document.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The term with this text, if a document has it.
    #[must_use]
    pub fn term(&self, stem: &str) -> Option<TermId> {
        let hash = self.hasher.hash_one(stem);
        self.vocabulary.find(hash, |term| *self.terms[*term as usize].text == *stem).copied().map(TermId)
    }

    /// How many documents have the term.
    #[must_use]
    pub fn document_frequency(&self, term: TermId) -> u32 {
        self.terms[term.0 as usize].document_frequency()
    }

    /// Every term that a document has, and how many have it; in no order.
    pub fn vocabulary(&self) -> impl Iterator<Item = (&str, u32)> {
        let terms = self.terms.iter().filter(|term| !term.slots.is_empty());
        terms.map(|term| (&*term.text, term.document_frequency()))
    }

    /// Adds a document at the next slot.
    ///
    /// # Panics
    /// Where there are 2³² slots already.
    pub fn push(&mut self, text: &str) {
        let slot = u32::try_from(self.lengths.len()).expect("an account has less than 2^32 memories");
        let mut found: Vec<u32> = Vec::new();
        analyze::terms(text, |stem| found.push(self.intern(stem)));
        let length = u32::try_from(found.len()).unwrap_or(FREE - 1);
        found.sort_unstable();
        for occurrences in found.chunk_by(|one, other| one == other) {
            let count = u32::try_from(occurrences.len()).unwrap_or(FREE - 1);
            self.terms[occurrences[0] as usize].push(slot, count);
        }
        found.dedup();
        self.documents.push(found.into_boxed_slice());
        self.lengths.push(length);
        self.count += 1;
        self.tokens += u64::from(length);
    }

    /// The number of a term, which is a new one if need be.
    fn intern(&mut self, stem: &str) -> u32 {
        let (terms, hasher) = (&mut self.terms, &self.hasher);
        let found = self.vocabulary.entry(
            hasher.hash_one(stem),
            |term| *terms[*term as usize].text == *stem,
            |term| hasher.hash_one(&*terms[*term as usize].text),
        );
        match found {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let new = Term { text: stem.into(), ..Term::default() };
                let number = match self.free.pop() {
                    Some(number) => {
                        terms[number as usize] = new;
                        number
                    }
                    None => {
                        terms.push(new);
                        u32::try_from(terms.len() - 1).expect("there are less than 2^32 different words")
                    }
                };
                entry.insert(number);
                number
            }
        }
    }

    /// Adds a free slot, as a removed document leaves it.
    #[cfg(test)]
    fn push_empty(&mut self) {
        self.documents.push(Box::default());
        self.lengths.push(FREE);
    }

    /// Removes documents, given by their slots in any order. A slot that is free
    /// already stays so.
    pub fn remove(&mut self, slots: &[u32]) {
        let is_bulk = slots.len() > FEW;
        let mut is_affected = vec![false; if is_bulk { self.terms.len() } else { 0 }];
        for &slot in slots {
            let length = std::mem::replace(&mut self.lengths[slot as usize], FREE);
            if length == FREE {
                continue;
            }
            self.count -= 1;
            self.tokens -= u64::from(length);
            for number in std::mem::take(&mut self.documents[slot as usize]) {
                if is_bulk {
                    is_affected[number as usize] = true;
                } else {
                    self.terms[number as usize].remove(slot);
                    self.forget_unused(number);
                }
            }
        }
        for (number, _) in (0..).zip(is_affected).filter(|(_, is_affected)| *is_affected) {
            self.terms[number as usize].retain(|slot| self.lengths[slot as usize] != FREE);
            self.forget_unused(number);
        }
    }

    /// Drops a term if no document has it any more.
    fn forget_unused(&mut self, number: u32) {
        if !self.terms[number as usize].slots.is_empty() {
            return;
        }
        let text = std::mem::take(&mut self.terms[number as usize]).text;
        if let Ok(entry) = self.vocabulary.find_entry(self.hasher.hash_one(&*text), |term| *term == number) {
            entry.remove();
        }
        self.free.push(number);
    }

    /// Keeps the documents at these slots only, each slot once, and numbers them
    /// anew in the order in which they are given.
    pub fn compact(&mut self, kept: &[u32]) {
        let mut is_kept = vec![false; self.slots()];
        for slot in kept {
            is_kept[*slot as usize] = true;
        }
        let gone: Vec<u32> = (0..).zip(&is_kept).filter(|(_, kept)| !**kept).map(|(slot, _)| slot).collect();
        self.remove(&gone);

        let mut new_slots = vec![FREE; self.slots()];
        (0..).zip(kept).for_each(|(new, old)| new_slots[*old as usize] = new);
        self.documents = kept.iter().map(|slot| std::mem::take(&mut self.documents[*slot as usize])).collect();
        self.lengths = kept.iter().map(|slot| self.lengths[*slot as usize]).collect();

        let mut new_numbers = vec![0; self.terms.len()];
        for (new, (old, _)) in (0..).zip(self.terms.iter().enumerate().filter(|(_, term)| !term.slots.is_empty())) {
            new_numbers[old] = new;
        }
        self.terms.retain(|term| !term.slots.is_empty());
        self.terms.shrink_to_fit();
        self.free = Vec::new();
        let is_in_order = kept.is_sorted();
        for term in &mut self.terms {
            term.slots.iter_mut().for_each(|slot| *slot = new_slots[*slot as usize]);
            term.repeats.iter_mut().for_each(|(slot, _)| *slot = new_slots[*slot as usize]);
            if !is_in_order {
                term.slots.sort_unstable();
                term.repeats.sort_unstable();
            }
            term.slots.shrink_to_fit();
            term.repeats.shrink_to_fit();
        }
        self.documents.iter_mut().flatten().for_each(|term| *term = new_numbers[*term as usize]);
        self.vocabulary.iter_mut().for_each(|term| *term = new_numbers[*term as usize]);
        let (terms, hasher) = (&self.terms, &self.hasher);
        self.vocabulary.shrink_to_fit(|term| hasher.hash_one(&*terms[*term as usize].text));
    }

    /// The `k` best documents of those that have any of the terms and that
    /// `accept` accepts, by slot, with their BM25: best first, and of equally good
    /// ones the later first. Each term has a weight above 0, by which what it adds
    /// to a score is multiplied. It takes least time with the rarest terms first.
    #[must_use]
    pub fn best(&self, terms: &[(TermId, f32)], k: usize, accept: impl Fn(u32) -> bool) -> Vec<(u32, f32)> {
        // Taken, not borrowed: if `accept` panics, no score is left to the next query.
        let mut scratch = SCRATCH.take();
        if scratch.scores.len() < self.slots() {
            scratch.scores.resize(self.slots(), 0.0);
        }
        let bm25 = Bm25::of(self);
        let terms: Vec<(&Term, f32)> = terms.iter().map(|(term, weight)| self.scaled(&bm25, *term, *weight)).collect();
        let mut rest = &terms[..];
        while let Some(((term, scale), after)) = rest.split_first() {
            self.add(&bm25, term, *scale, &mut scratch);
            rest = after;
            if scratch.keep_only_best(k, rest, &accept) {
                break;
            }
        }
        // Of those that are kept, in the order in which a score is summed up.
        for (term, scale) in rest {
            for &slot in &scratch.touched {
                scratch.scores[slot as usize] += self.added(&bm25, term, *scale, slot);
            }
        }
        let best = scratch.best(k, accept);
        SCRATCH.set(scratch);
        best
    }

    /// A term with the most that it can add to a score.
    fn scaled(&self, bm25: &Bm25, term: TermId, weight: f32) -> (&Term, f32) {
        let term = &self.terms[term.0 as usize];
        (term, bm25.scale(term.document_frequency(), weight))
    }

    /// Adds what a term adds to the scores of all documents that have it.
    fn add(&self, bm25: &Bm25, term: &Term, scale: f32, scratch: &mut Scratch) {
        let mut repeats = term.repeats.iter().copied();
        let mut repeat = repeats.next();
        for &slot in &term.slots {
            let occurrences = match repeat {
                Some((repeated, occurrences)) if repeated == slot => {
                    repeat = repeats.next();
                    occurrences
                }
                _ => 1,
            };
            let score = &mut scratch.scores[slot as usize];
            if *score == 0.0 {
                scratch.touched.push(slot);
            }
            *score += bm25.score(scale, occurrences, self.lengths[slot as usize]);
        }
    }

    /// What a term adds to the score of one document.
    fn added(&self, bm25: &Bm25, term: &Term, scale: f32, slot: u32) -> f32 {
        match term.occurrences(slot) {
            0 => 0.0,
            occurrences => bm25.score(scale, occurrences, self.lengths[slot as usize]),
        }
    }

    /// The BM25 of one document, as [`Self::best`] has it; 0 if it has none of
    /// the terms.
    #[must_use]
    pub fn score(&self, terms: &[(TermId, f32)], slot: u32) -> f32 {
        let bm25 = Bm25::of(self);
        let score = |(term, weight): &(TermId, f32)| {
            let (term, scale) = self.scaled(&bm25, *term, *weight);
            self.added(&bm25, term, scale, slot)
        };
        // Not `sum`, which is -0 for no terms.
        terms.iter().map(score).fold(0.0, std::ops::Add::add)
    }

    /// How much memory it takes, in bytes, without what the allocator adds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let of_term = |term: &Term| {
            term.text.len()
                + term.slots.capacity() * size_of::<u32>()
                + term.repeats.capacity() * size_of::<(u32, u32)>()
        };
        self.vocabulary.allocation_size()
            + self.terms.capacity() * size_of::<Term>()
            + self.terms.iter().map(of_term).sum::<usize>()
            + self.documents.capacity() * size_of::<Box<[u32]>>()
            + self.documents.iter().map(|terms| size_of_val(&**terms)).sum::<usize>()
            + (self.lengths.capacity() + self.free.capacity()) * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rusqlite::Connection;

    fn of(texts: &[&str]) -> Lexical {
        let mut lexical = Lexical::new();
        for text in texts {
            lexical.push(text);
        }
        lexical
    }

    fn query(lexical: &Lexical, text: &str) -> Vec<(TermId, f32)> {
        let mut terms = Vec::new();
        analyze::terms(text, |stem| terms.extend(lexical.term(stem).map(|term| (term, 1.0))));
        terms
    }

    fn slots(found: &[(u32, f32)]) -> Vec<u32> {
        found.iter().map(|(slot, _)| *slot).collect()
    }

    #[test]
    fn the_best_come_first_and_the_later_of_equals() {
        let lexical = of(&["a cat", "a dog and a cat", "a cat", "a bird", "cat cat"]);
        let found = lexical.best(&query(&lexical, "cats"), 10, |_| true);
        assert_eq!(slots(&found), [4, 2, 0, 1]);
        assert_eq!(slots(&lexical.best(&query(&lexical, "cats"), 2, |_| true)), [4, 2]);
        assert_eq!(slots(&lexical.best(&query(&lexical, "cats"), 2, |slot| slot < 2)), [0, 1]);
        assert_eq!(lexical.best(&query(&lexical, "cats"), 0, |_| true), []);
        assert_eq!(lexical.best(&[], 10, |_| true), []);
    }

    #[test]
    fn what_is_left_of_frequent_words_is_looked_up_for_the_best_only() {
        let mut lexical = Lexical::new();
        for n in 0_u32..3_000 {
            let rare = if n % 300 == 7 { "rare ".repeat(1 + n as usize / 300 % 5) } else { String::new() };
            let often = if n % 2 == 0 { "often often" } else { "" };
            lexical.push(&format!("{rare} filler{} {often}", n % 7));
        }
        let terms = query(&lexical, "rare often");
        let mut scratch = Scratch { scores: vec![0.0; lexical.slots()], touched: Vec::new() };
        let bm25 = Bm25::of(&lexical);
        let [(rare, scale), often] = [0, 1].map(|at: usize| lexical.scaled(&bm25, terms[at].0, terms[at].1));
        lexical.add(&bm25, rare, scale, &mut scratch);
        assert!(!scratch.keep_only_best(11, &[often], |_| true), "there are ten");
        assert!(scratch.keep_only_best(5, &[often], |_| true));
        assert_eq!(scratch.touched.len(), 6, "{:?}", scratch.touched);
        let all = lexical.best(&terms, usize::MAX, |slot| slot % 3 > 0);
        assert_eq!(lexical.best(&terms, 5, |slot| slot % 3 > 0), all[..5]);
        assert_eq!(lexical.best(&terms, 12, |slot| slot % 3 > 0), all[..12]);
    }

    #[test]
    fn a_weight_scales_what_a_term_adds() {
        let lexical = of(&["red", "blue", "green", "black"]);
        let [red, blue] = ["red", "blue"].map(|stem| lexical.term(stem).expect("is known"));
        let found = lexical.best(&[(red, 0.5), (blue, 1.0)], 10, |_| true);
        assert_eq!(slots(&found), [1, 0]);
        assert!((found[0].1 - 2.0 * found[1].1).abs() < 1e-6);
    }

    #[test]
    fn removing_documents_leaves_no_term_of_theirs() {
        for removed in [3, FEW + 1] {
            let mut lexical = of(&["shared word"]);
            (0..removed).for_each(|n| lexical.push(&format!("shared secret{n}")));
            let slots: Vec<u32> = (1..).take(removed).collect();
            lexical.remove(&slots);
            lexical.remove(&slots);
            assert_eq!(lexical.vocabulary().collect::<Vec<_>>(), [("share", 1), ("word", 1)]);
            assert_eq!(lexical.term("secret0"), None);
            assert!(!format!("{lexical:?}").contains("secret"));
            assert_eq!((lexical.len(), lexical.slots()), (1, removed + 1));
        }
    }

    #[test]
    fn a_free_slot_does_not_count_but_a_text_without_words_does() {
        let mut lexical = of(&["one two", "three", "four"]);
        let before = lexical.best(&query(&lexical, "one"), 1, |_| true);
        lexical.push_empty();
        assert_eq!(lexical.best(&query(&lexical, "one"), 1, |_| true), before);
        lexical.push("…");
        assert_ne!(lexical.best(&query(&lexical, "one"), 1, |_| true), before);
        assert_eq!((lexical.len(), lexical.slots()), (4, 5));
    }

    #[test]
    fn a_query_that_panics_leaves_nothing_to_the_next() {
        let lexical = of(&["cat", "cat", "dog"]);
        let cats = query(&lexical, "cat");
        let expected = lexical.best(&cats, 10, |_| true);
        let panicking = std::panic::AssertUnwindSafe(|| lexical.best(&cats, 10, |_| panic!("in a test")));
        assert!(std::panic::catch_unwind(panicking).is_err());
        assert_eq!(lexical.best(&cats, 10, |_| true), expected);
    }

    /// Words of a small vocabulary, the first being the most frequent by far.
    fn text() -> impl Strategy<Value = String> {
        let word = (0_u32..400, 0_u32..400, 0_u32..400).prop_map(|(a, b, c)| format!("w{}", a.min(b).min(c)));
        let other = prop_oneof!["(running|café|东京塔|Straße|the) ", "[a-c]{1,3}"];
        prop::collection::vec(prop_oneof![9 => word, 1 => other], 0..24).prop_map(|words| words.join(" "))
    }

    /// The index of FTS5 over the same texts.
    fn fts5() -> Connection {
        let db = Connection::open_in_memory().expect("opens");
        db.execute_batch(
            "create table memory (doc integer primary key, text text not null, words text);
             create view memory_words as select doc, coalesce(words, text) as text from memory;
             create virtual table t using fts5 (
                 text, content = 'memory_words', content_rowid = 'doc', tokenize = 'porter ascii');",
        )
        .expect("is set up");
        db
    }

    fn insert(db: &Connection, doc: u32, text: &str) {
        db.execute("insert into memory values (?1, ?2, ?3)", (doc, text, analyze::words(text))).expect("inserts");
        db.execute("insert into t (rowid, text) select doc, text from memory_words where doc = ?1", [doc])
            .expect("indexes");
    }

    fn delete(db: &Connection, doc: u32) {
        db.execute("insert into t (t, rowid, text) select 'delete', doc, text from memory_words where doc = ?1", [doc])
            .expect("unindexes");
        db.execute("delete from memory where doc = ?1", [doc]).expect("deletes");
    }

    /// Asserts that a query has the same documents with the same scores from
    /// both, from ours best first.
    fn assert_ranks_alike(lexical: &Lexical, docs: &[u32], db: &Connection, words: &str) {
        let mut quoted: Vec<String> = Vec::new();
        analyze::tokens(words, |token| quoted.push(format!("\"{token}\"")));
        let mut select =
            db.prepare_cached("select rowid, -rank from t where t match ?1 order by rowid").expect("prepares");
        let rows = select.query_map([quoted.join(" OR ")], |row| Ok((row.get(0)?, row.get(1)?))).expect("selects");
        let expected: Vec<(u32, f64)> = rows.map(|row| row.expect("is read")).collect();
        let terms = query(lexical, words);
        let found = lexical.best(&terms, usize::MAX, |_| true);
        assert!(found.is_sorted_by(|a, b| (a.1, a.0) > (b.1, b.0)));
        let mut by_doc: Vec<(u32, f32, u32)> =
            found.iter().map(|(slot, score)| (docs[*slot as usize], *score, *slot)).collect();
        by_doc.sort_unstable_by_key(|found| found.0);
        assert_eq!(by_doc.len(), expected.len(), "for {words:?}");
        for ((doc, score, slot), (expected_doc, expected)) in by_doc.into_iter().zip(expected) {
            assert_eq!(doc, expected_doc, "for {words:?}");
            assert!((f64::from(score) / expected - 1.0).abs() < 1e-5, "{score} is not {expected} for {words:?}");
            assert!((lexical.score(&terms, slot) / score - 1.0).abs() < 1e-5);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn documents_rank_as_by_fts5_through_edits_and_deletions(
            texts in prop::collection::vec(text(), 600),
            edits in prop::collection::vec((any::<prop::sample::Index>(), prop::option::of(text())), 300),
            queries in prop::collection::vec(text(), 60),
            compact_at in 0_usize..300,
        ) {
            let (mut lexical, db) = (Lexical::new(), fts5());
            // The document of each slot, and the slots that are not free.
            let (mut docs, mut live): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
            db.execute_batch("begin").expect("begins");
            let add = |lexical: &mut Lexical, docs: &mut Vec<u32>, live: &mut Vec<u32>, text: &str, doc: u32| {
                insert(&db, doc, text);
                lexical.push(text);
                live.push(u32::try_from(docs.len()).expect("few"));
                docs.push(doc);
            };
            for (doc, text) in (0..).zip(&texts) {
                add(&mut lexical, &mut docs, &mut live, text, doc);
            }
            for (n, (which, new)) in edits.iter().enumerate() {
                let at = which.index(live.len());
                let slot = live.remove(at);
                let doc = docs[slot as usize];
                delete(&db, doc);
                lexical.remove(&[slot]);
                if let Some(text) = new {
                    add(&mut lexical, &mut docs, &mut live, text, doc);
                }
                if n == compact_at {
                    lexical.compact(&live);
                    docs = live.iter().map(|slot| docs[*slot as usize]).collect();
                    live = (0..).take(docs.len()).collect();
                }
            }
            db.execute_batch("commit").expect("commits");
            prop_assert_eq!(lexical.len(), live.len());
            for words in queries.iter().filter(|words| words.contains(char::is_alphanumeric)) {
                assert_ranks_alike(&lexical, &docs, &db, words);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn the_first_of_all_are_the_best(
            texts in prop::collection::vec(text(), 100),
            order in prop::collection::vec(any::<prop::sample::Index>(), 4_000),
            queries in prop::collection::vec((0..100, prop::collection::vec(0..20, 1..4), 1_usize..8, 1_u32..4), 100),
        ) {
            // So many, with a rare word each, that frequent ones are looked up.
            let both = |pair: &[prop::sample::Index]| format!("{} {}", pair[0].get(&texts), pair[1].get(&texts));
            let texts: Vec<String> = order.windows(2).zip(0..).map(|(pair, n)| format!("{} rare{}", both(pair), n % 100)).collect();
            let lexical = of(&texts.iter().map(String::as_str).collect::<Vec<_>>());
            for (rare, words, k, every) in queries {
                let words: Vec<String> = words.iter().map(|word| format!("w{word}")).collect();
                let mut terms = query(&lexical, &format!("rare{rare} {}", words.join(" ")));
                terms.sort_unstable_by_key(|(term, _)| lexical.document_frequency(*term));
                terms.dedup();
                let all = lexical.best(&terms, usize::MAX, |slot| slot % every == 0);
                prop_assert_eq!(&lexical.best(&terms, k, |slot| slot % every == 0)[..], &all[..k.min(all.len())]);
                for (slot, score) in all {
                    prop_assert_eq!(lexical.score(&terms, slot).to_bits(), score.to_bits());
                }
            }
        }

        #[test]
        fn what_was_changed_is_as_what_is_built_afresh(
            texts in prop::collection::vec(text(), 1..60),
            removed in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
            rounds in 1_usize..4,
            reverse in any::<bool>(),
            words in text(),
        ) {
            let mut changed = of(&texts.iter().map(String::as_str).collect::<Vec<_>>());
            let mut left: Vec<Option<&String>> = texts.iter().map(Some).collect();
            for removed in removed.chunks(removed.len() / rounds + 1) {
                let slots: Vec<usize> = removed.iter().map(|which| which.index(texts.len())).collect();
                for slot in &slots {
                    left[*slot] = None;
                }
                changed.remove(&slots.iter().map(|slot| u32::try_from(*slot).expect("few")).collect::<Vec<_>>());
            }
            let mut fresh = Lexical::new();
            for text in &left {
                match text {
                    Some(text) => fresh.push(text),
                    None => fresh.push_empty(),
                }
            }
            let best = |lexical: &Lexical| lexical.best(&query(lexical, &words), 20, |_| true);
            let vocabulary = |lexical: &Lexical| {
                let mut terms: Vec<(String, u32)> =
                    lexical.vocabulary().map(|(text, documents)| (text.to_owned(), documents)).collect();
                terms.sort_unstable();
                terms
            };
            prop_assert_eq!(best(&changed), best(&fresh));
            prop_assert_eq!(vocabulary(&changed), vocabulary(&fresh));

            let mut kept: Vec<u32> = (0..).zip(&left).filter(|(_, text)| text.is_some()).map(|(slot, _)| slot).collect();
            if reverse {
                kept.reverse();
            }
            changed.compact(&kept);
            let texts: Vec<&str> = kept.iter().filter_map(|slot| left[*slot as usize]).map(String::as_str).collect();
            let fresh = of(&texts);
            prop_assert_eq!(best(&changed), best(&fresh));
            prop_assert_eq!(vocabulary(&changed), vocabulary(&fresh));
            changed.push("w0 new");
            prop_assert_eq!(changed.document_frequency(changed.term("new").expect("is known")), 1);
        }
    }
}
