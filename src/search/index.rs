//! What a process keeps in memory of one account's memories, to search them
//! quickly: their words ([`Lexical`]), their embeddings ([`Vectors`]), and what
//! filters ask for. All three number documents alike, by slots.
//!
//! It has no text and nothing of it is on disk. It is built from the rows, and
//! brought up to date from them ([`super::follow`]); an index that followed any
//! changes answers as one that is built afresh does.

use std::collections::{HashMap, HashSet};

use super::fuse::{self, Candidate, Scored};
use super::lexical::{Lexical, TermId};
use super::terms::{Terms, Word};
use super::typo;
use super::vectors::Vectors;
use super::{Correction, DEPTH, Filter, Request};
use crate::clock::Micros;
use crate::embed::Vector;
use crate::id::BucketId;

/// A memory as it is read for the index.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its number in the storage.
    pub doc: i64,
    /// The bucket it is in.
    pub bucket: BucketId,
    /// `text` or `image`.
    pub content_type: String,
    /// Which tool stored it.
    pub source: Option<String>,
    /// When it was stored.
    pub created_at: Micros,
    /// Its text.
    pub text: String,
    /// Whether it was embedded in the space of the index.
    pub is_embedded: bool,
    /// Its embedding, if the text has one.
    pub embedding: Option<Vec<u8>>,
}

/// Changes between two states of an account.
#[derive(Debug, Default)]
pub struct Changes {
    /// Documents that may differ from what the index has, or be gone.
    pub stale: Vec<i64>,
    /// Those of them that there are, and new ones.
    pub documents: Vec<Document>,
    /// The number of the change up to which the index is whole with these.
    pub seq: i64,
}

/// What filters ask for.
#[derive(Debug, Clone, Copy)]
struct Facts {
    doc: i64,
    created_at: Micros,
    bucket: BucketId,
    source: u32,
    content_type: u32,
    is_embedded: bool,
}

/// One account's memories, ready to be searched; by default none.
#[derive(Debug, Default)]
pub struct Index {
    seq: i64,
    lexical: Lexical,
    /// None until the first embedding tells how many dimensions there are.
    vectors: Option<Vectors>,
    /// By slot; none for a slot that is free until the next compaction.
    facts: Vec<Option<Facts>>,
    slots: HashMap<i64, u32>,
    /// Sources and content types by number, from 1; 0 is none.
    labels: HashMap<String, u32>,
    last_label: u32,
    /// How many documents have not been embedded in the index's space yet.
    pending: usize,
}

impl Index {
    /// The number of the last change that it has followed.
    #[must_use]
    pub fn seq(&self) -> i64 {
        self.seq
    }

    /// How many documents it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether it has no document.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many documents are still to be embedded.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Whether some documents can't be compared with the meaning that is asked for,
    /// because their embedding is still to be made.
    #[must_use]
    pub fn is_pending(&self, request: &Request) -> bool {
        request.vector.as_ref().is_some_and(|query| {
            let is_other = |vectors: &Vectors| vectors.dimensions() != query.dimensions();
            self.pending > 0 || self.vectors.as_ref().is_some_and(is_other)
        })
    }

    /// Follows changes. They may begin before the state of the index, but must
    /// lead to a later one, or to none.
    pub fn apply(&mut self, changes: &Changes) {
        let stale = changes.stale.iter().chain(changes.documents.iter().map(|document| &document.doc));
        let mut free: Vec<u32> = stale.filter_map(|doc| self.slots.remove(doc)).collect();
        free.sort_unstable();
        self.lexical.remove(&free);
        for &slot in &free {
            if let Some(vectors) = &mut self.vectors {
                vectors.set(slot, None);
            }
            if let Some(facts) = self.facts[slot as usize].take() {
                self.pending -= usize::from(!facts.is_embedded);
            }
        }
        for document in &changes.documents {
            self.push(document);
        }
        if (self.facts.len() - self.slots.len()) * 4 > self.facts.len() {
            self.compact();
        }
        self.seq = self.seq.max(changes.seq);
    }

    fn push(&mut self, document: &Document) {
        let slot = u32::try_from(self.facts.len()).unwrap_or(u32::MAX);
        self.lexical.push(&document.text);
        let fits = self.push_embedding(document.embedding.as_deref().and_then(Vector::from_bytes).as_ref());
        let facts = Facts {
            doc: document.doc,
            created_at: document.created_at,
            bucket: document.bucket,
            source: document.source.as_deref().map_or(0, |source| self.label(source)),
            content_type: self.label(&document.content_type),
            is_embedded: document.is_embedded && fits,
        };
        self.pending += usize::from(!facts.is_embedded);
        self.facts.push(Some(facts));
        self.slots.insert(document.doc, slot);
    }

    /// Whether the embedding is one that can be compared with the others. A server
    /// that answers with another number of dimensions than before has changed its model.
    fn push_embedding(&mut self, embedding: Option<&Vector>) -> bool {
        let vectors = match (&mut self.vectors, embedding) {
            (Some(vectors), _) => vectors,
            (None, None) => return true,
            (None, Some(first)) => {
                let mut vectors = Vectors::new(first.dimensions());
                (0..self.facts.len()).for_each(|_| vectors.push(None));
                self.vectors.insert(vectors)
            }
        };
        let is_other = |embedding: &Vector| embedding.dimensions() != vectors.dimensions();
        let is_other = embedding.is_some_and(is_other);
        vectors.push(embedding.filter(|_| !is_other).map(Vector::values));
        !is_other
    }

    fn label(&mut self, text: &str) -> u32 {
        if let Some(&number) = self.labels.get(text) {
            return number;
        }
        self.last_label += 1;
        let number = self.last_label;
        self.labels.insert(text.to_owned(), number);
        number
    }

    fn compact(&mut self) {
        let is_kept = |(slot, facts): (usize, &Option<Facts>)| facts.and_then(|_| u32::try_from(slot).ok());
        let kept: Vec<u32> = self.facts.iter().enumerate().filter_map(is_kept).collect();
        self.lexical.compact(&kept);
        if let Some(vectors) = &mut self.vectors {
            vectors.compact(&kept);
        }
        self.facts.retain(Option::is_some);
        self.facts.shrink_to_fit();
        // Labels that only removed documents had go, too.
        let labels = std::mem::take(&mut self.labels);
        let used: HashSet<u32> =
            self.facts.iter().flatten().flat_map(|facts| [facts.source, facts.content_type]).collect();
        self.labels = labels.into_iter().filter(|(_, number)| used.contains(number)).collect();
        let slots = self.facts.iter().flatten().zip(0..);
        self.slots = slots.map(|(facts, slot)| (facts.doc, slot)).collect();
    }

    /// The best of what the request asks for, best first: enough of them for its
    /// page. And the words of the query that were taken for others.
    #[must_use]
    pub fn search(&self, request: &Request) -> (Vec<Scored>, Vec<Correction>) {
        if request.filter == Filter::default() {
            // Free slots have neither words nor an embedding, so there is nothing to ask of the rest.
            return self.search_accepted(request, |_| true);
        }
        match self.acceptance(&request.filter) {
            Some(accepts) => {
                self.search_accepted(request, |slot| self.facts[slot as usize].as_ref().is_some_and(&accepts))
            }
            None => (Vec::new(), Vec::new()),
        }
    }

    fn search_accepted(
        &self,
        request: &Request,
        accept: impl Fn(u32) -> bool + Copy,
    ) -> (Vec<Scored>, Vec<Correction>) {
        let (terms, corrected) = request.terms.as_ref().map(|terms| self.resolve(terms)).unwrap_or_default();
        let depth = request.depth(self.slots.len());
        let dense = self.vectors.as_ref().zip(request.vector.as_ref());
        let dense = dense.filter(|(vectors, query)| vectors.dimensions() == query.dimensions());
        let by_words = if terms.is_empty() { Vec::new() } else { self.lexical.best(&terms, depth, accept) };
        let slots: Vec<u32> = by_words.iter().map(|(slot, _)| *slot).collect();
        let cosines = match dense {
            Some((vectors, query)) => vectors.cosines(&slots, query.values()),
            None => vec![None; slots.len()],
        };
        let known: Vec<(u32, f32)> =
            slots.iter().zip(&cosines).filter_map(|(slot, cosine)| Some((*slot, (*cosine)?))).collect();
        let mut candidates: HashMap<u32, (f32, Option<f32>)> = HashMap::with_capacity(2 * depth.min(DEPTH));
        candidates.extend(by_words.into_iter().zip(cosines).map(|((slot, bm25), cosine)| (slot, (bm25, cosine))));
        if let Some((vectors, query)) = dense {
            for (slot, cosine) in vectors.nearest_beside(&known, query.values(), depth, accept) {
                candidates.entry(slot).or_insert_with(|| (self.lexical.score(&terms, slot), Some(cosine)));
            }
        }
        let candidate = |(slot, (bm25, cosine)): (u32, (f32, Option<f32>))| {
            self.facts[slot as usize].map(|facts| Candidate { doc: facts.doc, bm25, cosine })
        };
        (fuse::fuse(candidates.into_iter().filter_map(candidate).collect(), request.parts()), corrected)
    }

    /// What a filter accepts; none where it can't accept anything.
    fn acceptance(&self, filter: &Filter) -> Option<impl Fn(&Facts) -> bool + use<>> {
        let label = |text: &Option<String>| match text {
            Some(text) => self.labels.get(text).copied().map(Some),
            None => Some(None),
        };
        let (source, content_type) = (label(&filter.source)?, label(&filter.content_type)?);
        let (bucket, after, before) = (filter.bucket, filter.after, filter.before);
        Some(move |facts: &Facts| {
            bucket.is_none_or(|bucket| facts.bucket == bucket)
                && source.is_none_or(|source| facts.source == source)
                && content_type.is_none_or(|kind| facts.content_type == kind)
                && after.is_none_or(|after| facts.created_at >= after)
                && before.is_none_or(|before| facts.created_at < before)
        })
    }

    /// The words of a query as terms of this index, those that it does not have
    /// as the closest that it has.
    fn resolve(&self, terms: &Terms) -> (Vec<(TermId, f32)>, Vec<Correction>) {
        let (mut found, mut corrected) = (Vec::new(), Vec::new());
        let mut unknown: Vec<&Word> = Vec::new();
        for word in terms.words() {
            match self.lexical.term(&word.stem) {
                Some(term) => found.push((term, 1.0)),
                None => unknown.push(word),
            }
        }
        for word in unknown {
            for (stem, weight) in typo::closest(&word.stem, self.lexical.vocabulary()) {
                let Some(term) = self.lexical.term(stem) else { continue };
                if found.iter().all(|(known, _)| *known != term) {
                    found.push((term, weight));
                    corrected.push(Correction { from: word.raw.clone(), to: stem.to_owned() });
                }
            }
        }
        found.sort_by_key(|(term, _)| self.lexical.document_frequency(*term));
        (found, corrected)
    }

    /// About how much memory it takes, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let facts = self.facts.capacity() * size_of::<Option<Facts>>();
        let slots = self.slots.capacity() * (size_of::<(i64, u32)>() + 1);
        let labels: usize = self.labels.keys().map(|label| label.len() + size_of::<(String, u32)>()).sum();
        self.lexical.bytes() + self.vectors.as_ref().map_or(0, Vectors::bytes) + facts + slots + labels
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::search::Mode;
    use crate::search::fuse::Parts;

    /// Few, so that texts share them.
    const WORDS: [&str; 8] = ["tea", "coffee", "dog", "cats", "running", "Lisbon", "naïve", "東京都"];

    #[derive(Debug, Clone)]
    enum Step {
        Store(Vec<(Vec<u8>, Option<[i8; 4]>)>),
        Edit { which: usize, words: Vec<u8>, embedding: Option<[i8; 4]> },
        Move { which: usize, bucket: i64 },
        Delete(Vec<usize>),
        Restore,
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(0..8_u8, 1..6)
    }

    fn embedding() -> impl Strategy<Value = Option<[i8; 4]>> {
        prop::option::weighted(0.9, prop::array::uniform4(-127..=127_i8))
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => prop::collection::vec((text(), embedding()), 1..12).prop_map(Step::Store),
            2 => (any::<usize>(), text(), embedding())
                .prop_map(|(which, words, embedding)| Step::Edit { which, words, embedding }),
            1 => (any::<usize>(), 1..4_i64).prop_map(|(which, bucket)| Step::Move { which, bucket }),
            2 => prop::collection::vec(any::<usize>(), 0..12).prop_map(Step::Delete),
            1 => Just(Step::Restore),
        ]
    }

    fn document(doc: i64, words: &[u8], embedding: Option<[i8; 4]>) -> Document {
        let words: Vec<&str> = words.iter().map(|word| WORDS[usize::from(*word)]).collect();
        Document {
            doc,
            bucket: BucketId(1),
            content_type: "text".to_owned(),
            source: (doc % 2 == 0).then(|| "even".to_owned()),
            created_at: Micros(doc),
            text: words.join(" "),
            is_embedded: doc % 5 != 0,
            embedding: embedding.map(|values| values.map(i8::cast_unsigned).to_vec()),
        }
    }

    /// The rows, those deleted last, and the index that follows them.
    #[derive(Default)]
    struct Account {
        rows: BTreeMap<i64, Document>,
        trash: Vec<Document>,
        seq: i64,
    }

    impl Account {
        fn pick(&self, which: usize) -> Option<i64> {
            (!self.rows.is_empty()).then(|| *self.rows.keys().nth(which % self.rows.len()).expect("there"))
        }

        /// Does a step to the rows; what changed.
        fn step(&mut self, step: &Step) -> Changes {
            let mut touched = Vec::new();
            match step {
                Step::Store(texts) => {
                    for (words, embedding) in texts {
                        self.seq += 1;
                        self.rows.insert(self.seq, document(self.seq, words, *embedding));
                        touched.push(self.seq);
                    }
                }
                Step::Edit { which, words, embedding } => {
                    if let Some(doc) = self.pick(*which) {
                        self.rows.insert(doc, document(doc, words, *embedding));
                        touched.push(doc);
                    }
                }
                Step::Move { which, bucket } => {
                    if let Some(doc) = self.pick(*which) {
                        self.rows.get_mut(&doc).expect("there").bucket = BucketId(*bucket);
                        touched.push(doc);
                    }
                }
                Step::Delete(which) => {
                    self.trash.clear();
                    for which in which {
                        if let Some(doc) = self.pick(*which) {
                            self.trash.extend(self.rows.remove(&doc));
                            touched.push(doc);
                        }
                    }
                }
                Step::Restore => {
                    for document in std::mem::take(&mut self.trash) {
                        touched.push(document.doc);
                        self.rows.insert(document.doc, document);
                    }
                }
            }
            self.seq += 1;
            let documents = touched.iter().filter_map(|doc| self.rows.get(doc).cloned()).collect();
            Changes { stale: touched, documents, seq: self.seq }
        }

        fn afresh(&self) -> Index {
            let mut index = Index::default();
            let documents = self.rows.values().cloned().collect();
            index.apply(&Changes { stale: Vec::new(), documents, seq: self.seq });
            index
        }
    }

    fn requests() -> Vec<Request> {
        let vector = |values: [i8; 4]| Vector::from_bytes(&values.map(i8::cast_unsigned));
        let filters = [
            Filter::default(),
            Filter { bucket: Some(BucketId(2)), ..Filter::default() },
            Filter { source: Some("even".to_owned()), after: Some(Micros(3)), ..Filter::default() },
            Filter { source: Some("nobody".to_owned()), ..Filter::default() },
            Filter { content_type: Some("text".to_owned()), before: Some(Micros(9)), ..Filter::default() },
        ];
        let questions = [
            (Some("cat and dogs in 東京"), None),
            (None, vector([100, -3, 50, 7])),
            (Some("run to lisbon for teas"), vector([-90, 100, 20, 1])),
        ];
        let request = |filter: &Filter, (query, vector): &(Option<&str>, Option<Vector>)| Request {
            corpus: super::super::Corpus::Memories,
            terms: query.and_then(Terms::of),
            vector: vector.clone(),
            filter: filter.clone(),
            skip: 0,
            limit: 10,
            is_unembedded: false,
            mode: Mode::Hybrid,
        };
        filters.iter().flat_map(|filter| questions.iter().map(|question| request(filter, question))).collect()
    }

    proptest! {
        #[test]
        fn an_index_that_followed_changes_answers_as_one_built_afresh(
            steps in prop::collection::vec(step(), 1..24),
        ) {
            let mut account = Account::default();
            let mut index = Index::default();
            for step in &steps {
                index.apply(&account.step(step));
            }
            let afresh = account.afresh();
            prop_assert_eq!(index.pending(), afresh.pending());
            for request in requests() {
                let (followed, expected) = (index.search(&request).0, afresh.search(&request).0);
                prop_assert_eq!(followed.len(), expected.len());
                for (a, b) in followed.iter().zip(&expected) {
                    prop_assert_eq!(a.candidate.doc, b.candidate.doc);
                    prop_assert!((a.score - b.score).abs() < 1e-5, "{:?} is not {:?}", a, b);
                }
                for hit in &followed {
                    let row = &account.rows[&hit.candidate.doc];
                    prop_assert!(request.filter.bucket.is_none_or(|bucket| row.bucket == bucket));
                    prop_assert!(request.filter.source.is_none() || row.source == request.filter.source);
                }
            }
        }
    }

    #[test]
    fn of_two_states_read_from_one_beginning_the_later_one_stays() {
        let mut account = Account::default();
        let beginning = account.step(&Step::Store(vec![(vec![0], None), (vec![1], None)]));
        let mut stale = Vec::new();
        let mut read = |account: &mut Account, step: Step| {
            stale.extend(account.step(&step).stale);
            let documents = account.rows.values().cloned().collect();
            Changes { stale: stale.clone(), documents, seq: account.seq }
        };
        // A document that the first reader sees is deleted before the second one reads, another is edited.
        let first = read(&mut account, Step::Store(vec![(vec![2], None), (vec![3], None)]));
        let deleted = account.pick(2).expect("there");
        let _ = read(&mut account, Step::Delete(vec![2]));
        let second = read(&mut account, Step::Edit { which: 0, words: vec![5], embedding: None });
        for order in [[&first, &second], [&second, &first]] {
            let mut index = Index::default();
            index.apply(&beginning);
            for changes in order {
                // As the follower does it.
                if index.seq() < changes.seq {
                    index.apply(changes);
                }
            }
            assert_eq!(index.len(), account.rows.len());
            assert!(!index.slots.contains_key(&deleted));
            let all = Request { terms: Terms::of("tea coffee dog cats lisbon"), ..requests().remove(0) };
            let found = |index: &Index| -> Vec<i64> {
                index.search(&all).0.iter().map(|scored| scored.candidate.doc).collect()
            };
            assert_eq!(found(&index), found(&account.afresh()));
        }
    }

    #[test]
    fn changes_that_begin_before_the_state_of_the_index_do_no_harm() {
        let mut account = Account::default();
        let first = account.step(&Step::Store(vec![(vec![0], None), (vec![1], None)]));
        let second = account.step(&Step::Delete(vec![0]));
        let mut index = Index::default();
        index.apply(&first);
        // Another search read from the same beginning, and is applied after it.
        let both = Changes { stale: vec![1], documents: account.rows.values().cloned().collect(), seq: second.seq };
        index.apply(&both);
        let request = Request { filter: Filter::default(), ..requests().remove(0) };
        assert_eq!(request.parts(), Parts::Lexical);
        let all = Request { terms: Terms::of("tea coffee"), ..request };
        let docs: Vec<i64> = index.search(&all).0.iter().map(|scored| scored.candidate.doc).collect();
        assert_eq!(docs, [2]);
    }
}
