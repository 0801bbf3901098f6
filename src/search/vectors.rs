//! The vectors of one account, in memory, and the search for the nearest.
//!
//! Similarity is the cosine. A search reads every row, in two passes over a
//! chunk of rows after the other:
//!
//! 1. Of each row, one bit for each dimension, the sign, gives an estimate of
//!    the cosine. Only the row is reduced to bits; the query keeps four, so
//!    the estimate is far better than the Hamming distance. Where that does not
//!    rule a row out, a second bit, whether the value is large, halves the error.
//! 2. Rows that neither estimate can rule out are compared exactly, on their
//!    8-bit values.
//!
//! The estimate is that of `RaBitQ` (Gao and Long, arXiv 2405.12497; with more
//! bits: arXiv 2409.09913). For a row x with the signs b and a query q of length 1,
//! after a random rotation (`rotation`), `⟨b, q⟩ · |x|₂ / |x|₁` is the cosine on
//! average, and the standard deviation of its error is known for each row: with
//! `g = √d · |x|₂ / |x|₁` it is `√((g² - 1) / (d - 1)) · √(1 - cosine²)`. With two
//! bits the same holds of the values o that they stand for: `⟨o, q⟩ · |x|₂ / ⟨o, x⟩`,
//! and `g = |o|₂ · |x|₂ / ⟨o, x⟩`. A row is ruled out if it would have to be
//! 2½ deviations better than estimated to get among the best found so far. So
//! there is no number of candidates to choose: a filter that leaves few rows, or
//! vectors that are all equally far, make it compare more rows, and a clear answer
//! fewer. Of 100,000 random vectors it compares 5% for the best 10, most of them
//! the first chunk; with signs alone it were 14%. Where all have much in common,
//! as texts of a narrow kind do, the signs alone rule out far less.
//!
//! Two things are ours. The query's values are rounded to odd multiples of a
//! unit, from -15 to 15, which are sums of ±8, ±4, ±2 and ±1: the bits of each
//! plane are signs, as those of the row are, so their product is counted by an
//! exclusive or and needs no correction term. And `√(g² - 1)` is replaced by
//! its tangent at the value of a random vector, `g₀ = √(π/2)`. It is nowhere
//! below (the root is concave), so no row is ruled out that would not have been
//! before, and the comparison becomes `factor * (offset - differing) >= least`
//! with only one number stored for a row, `|x|₂ / |x|₁`; with two bits, too, a
//! tangent saves the root.
//!
//! Nothing is left of a row that is cleared: its values, signs and norms are
//! overwritten, and an index is equal, byte by byte, to one that is built of
//! the rows that remain. Copies that were freed as the last chunk grew are the
//! allocator's.

mod chunk;
mod hits;
mod kernels;
mod near;
mod query;
mod rotation;

use chunk::Chunk;
use hits::{Best, Hit};
pub use near::Near;
use query::Query;
use rotation::Rotation;

/// Rows to a block, whose words are interleaved so that one vector instruction
/// works on all: as many as 64-bit words fit in 512 bits.
const LANES: usize = 8;
/// Bits that the first pass keeps of each value of the query.
const PLANES: usize = 4;
/// Slots to a chunk, a multiple of [`LANES`]. Growing moves no more than a chunk.
/// A search compares the whole first chunk, which takes about 40 µs, and
/// tightens its bound at each; with smaller ones the first pass was slower.
const CHUNK: usize = 4096;

/// Vectors of one number of dimensions, each in a numbered slot.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    rotation: Rotation,
    dimensions: usize,
    len: usize,
    /// All are full but the last.
    chunks: Vec<Chunk>,
}

impl Vectors {
    /// No slots yet.
    ///
    /// # Panics
    /// If `dimensions` is 0.
    #[must_use]
    pub fn new(dimensions: usize) -> Self {
        Self { rotation: Rotation::new(dimensions), dimensions, len: 0, chunks: Vec::new() }
    }

    /// Numbers in each vector.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The number of slots, with and without a vector.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no slot.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Resident memory in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let rows: usize = self.chunks.iter().map(Chunk::bytes).sum();
        size_of::<Self>() + self.rotation.bytes() + self.chunks.capacity() * size_of::<Chunk>() + rows
    }

    /// Adds the next slot. One without a vector, or with a vector of zeros, is never found.
    ///
    /// # Panics
    /// If the vector has another number of dimensions.
    pub fn push(&mut self, row: Option<&[i8]>) {
        let slot = self.len;
        self.grow().push();
        if row.is_some() {
            self.write(slot, row);
        }
    }

    /// Replaces the vector of a slot, or overwrites it with zeros.
    ///
    /// # Panics
    /// If there is no such slot, or the vector has another number of dimensions.
    pub fn set(&mut self, slot: u32, row: Option<&[i8]>) {
        self.write(slot as usize, row);
    }

    fn write(&mut self, slot: usize, row: Option<&[i8]>) {
        assert!(slot < self.len, "there are {} slots", self.len);
        assert!(row.is_none_or(|row| row.len() == self.dimensions), "a vector has {} dimensions", self.dimensions);
        let chunk = &mut self.chunks[slot / CHUNK];
        match row.filter(|row| row.iter().any(|value| *value != 0)) {
            Some(row) => chunk.set(slot % CHUNK, row, &self.rotation.apply(row)),
            None => chunk.clear(slot % CHUNK),
        }
    }

    /// The chunk to which the next slot must be added now.
    fn grow(&mut self) -> &mut Chunk {
        let chunk = self.len / CHUNK;
        if chunk == self.chunks.len() {
            self.chunks.push(Chunk::new(self.dimensions));
        }
        self.len += 1;
        &mut self.chunks[chunk]
    }

    /// Keeps exactly these slots and numbers them anew, from 0, in this order.
    ///
    /// # Panics
    /// If `kept` is not strictly ascending or names a slot that there is not.
    pub fn compact(&mut self, kept: &[u32]) {
        assert!(kept.is_sorted_by(|a, b| a < b), "the slots to keep are in ascending order");
        assert!(kept.last().is_none_or(|last| (*last as usize) < self.len), "there are {} slots", self.len);
        let mut kept = kept.iter().map(|slot| *slot as usize).peekable();
        self.len = 0;
        for (number, chunk) in std::mem::take(&mut self.chunks).into_iter().enumerate() {
            while let Some(slot) = kept.next_if(|slot| slot / CHUNK == number) {
                self.grow().push_copy(&chunk, slot % CHUNK);
            }
            chunk.erase();
        }
    }

    /// The cosines of the slots' vectors and the query, in their order; none for
    /// a slot without a vector, and for all if the query is all zeros.
    ///
    /// # Panics
    /// If there is no such slot, or the query has another number of dimensions.
    #[must_use]
    pub fn cosines(&self, slots: &[u32], query: &[i8]) -> Vec<Option<f32>> {
        let query = self.query(query);
        let cosine = |slot: &u32| {
            assert!((*slot as usize) < self.len, "there are {} slots", self.len);
            self.chunks[*slot as usize / CHUNK].cosine(*slot as usize % CHUNK, query.as_ref()?)
        };
        slots.iter().map(cosine).collect()
    }

    /// The `k` nearest of the slots that are accepted, with their cosines: best
    /// first, and of equals the higher slot. At least 99 of 100 of the truly
    /// nearest are found, on average; up to 4096 slots, all.
    ///
    /// `accept` is asked in ascending order, and only about slots with a vector
    /// that may be among the nearest.
    ///
    /// # Panics
    /// If the query has another number of dimensions.
    #[must_use]
    pub fn nearest(&self, query: &[i8], k: usize, accept: impl Fn(u32) -> bool) -> Vec<(u32, f32)> {
        self.search(query, k, &[], accept, false)
    }

    /// As [`Self::nearest`], with accepted slots whose cosines are known already. The
    /// nearer they are, the fewer of the others have to be compared.
    ///
    /// # Panics
    /// If the query has another number of dimensions.
    #[must_use]
    pub fn nearest_beside(
        &self,
        known: &[(u32, f32)],
        query: &[i8],
        k: usize,
        accept: impl Fn(u32) -> bool,
    ) -> Vec<(u32, f32)> {
        self.search(query, k, known, accept, false)
    }

    /// As [`Self::nearest`], but compares every accepted vector: none is missed.
    ///
    /// # Panics
    /// If the query has another number of dimensions.
    #[must_use]
    pub fn nearest_exact(&self, query: &[i8], k: usize, accept: impl Fn(u32) -> bool) -> Vec<(u32, f32)> {
        self.search(query, k, &[], accept, true)
    }

    /// How many slots the first pass alone does not rule out to have a cosine
    /// of at least this. It tells what that pass costs and what it is worth.
    ///
    /// # Panics
    /// If the query has another number of dimensions.
    #[must_use]
    pub fn candidates(&self, query: &[i8], cosine: f32) -> usize {
        let Some(query) = self.query(query) else { return 0 };
        let mut rows = Vec::new();
        let count = |chunk: &Chunk| {
            chunk.candidates(&query, cosine, &mut rows);
            rows.len()
        };
        self.chunks.iter().map(count).sum()
    }

    fn search(
        &self,
        query: &[i8],
        k: usize,
        known: &[(u32, f32)],
        accept: impl Fn(u32) -> bool,
        exact: bool,
    ) -> Vec<(u32, f32)> {
        let Some(query) = self.query(query).filter(|_| k > 0) else { return Vec::new() };
        let mut best = Best::new(k);
        for (slot, cosine) in known {
            best.offer(Hit { cosine: *cosine, slot: *slot });
        }
        let mut known: Vec<u32> = known.iter().map(|(slot, _)| *slot).collect();
        known.sort_unstable();
        let (mut rows, mut products) = (Vec::new(), Vec::new());
        for (first, chunk) in (0..).step_by(CHUNK).zip(&self.chunks) {
            match best.bound().filter(|_| !exact) {
                Some(cosine) => chunk.candidates(&query, cosine, &mut rows),
                None => chunk.all(&mut rows),
            }
            rows.retain(|row| accept(first + row) && known.binary_search(&(first + row)).is_err());
            for (row, cosine) in rows.iter().zip(chunk.cosines(&query, &rows, &mut products)) {
                best.offer(Hit { cosine, slot: first + row });
            }
        }
        best.into_sorted()
    }

    fn query(&self, values: &[i8]) -> Option<Query> {
        assert_eq!(values.len(), self.dimensions, "a query has as many dimensions as the vectors");
        Query::new(values, &self.rotation.apply(values))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// A pseudo-random sequence (xorshift), the same on each run.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }

        /// About normally distributed: the sum of eight bytes, from -127 to 127.
        fn value(&mut self) -> i8 {
            let sum: i32 = self.next().to_le_bytes().into_iter().map(i32::from).sum();
            i8::try_from((sum - 1020) / 9).expect("within 114 of zero")
        }

        fn vector(&mut self, dimensions: usize) -> Vec<i8> {
            (0..dimensions).map(|_| self.value()).collect()
        }

        /// As embeddings are at their worst: near one of a hundred topics, the
        /// dimensions of very different weight, and all with something in common.
        fn topical(&mut self, topics: &[Vec<i8>]) -> Vec<i8> {
            let topic = usize::try_from(self.next() % topics.len() as u64).expect("is small");
            let value = |(i, topic): (usize, &i8)| {
                let common = if i % 5 == 0 { 40 } else { 0 };
                let weight = if i % 7 == 0 { 6 } else { 1 };
                let mixed = (i16::from(*topic) + i16::from(self.value())) * weight / 6 + common;
                i8::try_from(mixed.clamp(-127, 127)).expect("was clamped")
            };
            topics[topic].iter().enumerate().map(value).collect()
        }
    }

    fn filled(rows: impl IntoIterator<Item = Vec<i8>>, dimensions: usize) -> Vectors {
        let mut vectors = Vectors::new(dimensions);
        rows.into_iter().for_each(|row| vectors.push(Some(&row)));
        vectors
    }

    /// What the search must find, by its definition.
    fn by_definition(rows: &[Option<Vec<i8>>], query: &[i8], k: usize, accept: impl Fn(u32) -> bool) -> Vec<u32> {
        let dot = |a: &[i8], b: &[i8]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let cosine = |row: &[i8]| dot(row, query) / (dot(row, row) * dot(query, query)).sqrt();
        let accepted = (0..).zip(rows).filter(|(slot, _)| accept(*slot));
        let mut all: Vec<_> = accepted
            .filter_map(|(slot, row)| Some((cosine(row.as_deref()?), slot)))
            .filter(|(cosine, _)| cosine.is_finite())
            .collect();
        all.sort_by(|a, b| b.partial_cmp(a).expect("both are numbers"));
        all.into_iter().take(k).map(|(_, slot)| slot).collect()
    }

    /// The part of the truly nearest that [`Vectors::nearest`] finds, the mean over the queries.
    fn recall(vectors: &Vectors, queries: &[Vec<i8>], k: usize, accept: impl Fn(u32) -> bool + Copy) -> f64 {
        let (mut found, mut all) = (0, 0);
        for query in queries {
            let nearest = vectors.nearest(query, k, accept);
            let truth = vectors.nearest_exact(query, k, accept);
            assert_eq!(nearest.len(), truth.len());
            found += truth.iter().filter(|hit| nearest.contains(hit)).count();
            all += truth.len();
        }
        f64::from(u32::try_from(found).expect("is small")) / f64::from(u32::try_from(all).expect("is small"))
    }

    #[derive(Debug, Clone)]
    enum Change {
        /// Pushes so many random rows, and one without a vector.
        Push(usize, u64),
        Set(usize, Option<u64>),
        /// Takes out one of so many slots, at random.
        Compact(u64),
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            (0_usize..3_000, 1_u64..).prop_map(|(count, seed)| Change::Push(count, seed)),
            (any::<usize>(), proptest::option::of(1_u64..)).prop_map(|(slot, seed)| Change::Set(slot, seed)),
            (2_u64..6).prop_map(Change::Compact),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn any_changes_leave_what_the_remaining_rows_alone_make(changes in vec(change(), 0..16), seed in 1_u64..) {
            const DIMENSIONS: usize = 5;
            let mut vectors = Vectors::new(DIMENSIONS);
            let mut rows: Vec<Option<Vec<i8>>> = Vec::new();
            for change in changes {
                match change {
                    Change::Push(count, seed) => {
                        let mut random = Random(seed);
                        rows.extend((0..count).map(|_| Some(random.vector(DIMENSIONS))).chain([None]));
                        rows[vectors.len()..].iter().for_each(|row| vectors.push(row.as_deref()));
                    }
                    Change::Set(slot, seed) if !rows.is_empty() => {
                        let slot = slot % rows.len();
                        rows[slot] = seed.map(|seed| Random(seed).vector(DIMENSIONS));
                        vectors.set(u32::try_from(slot).expect("is small"), rows[slot].as_deref());
                    }
                    Change::Set(..) => {}
                    Change::Compact(modulus) => {
                        let mut random = Random(seed);
                        let slots = 0..u32::try_from(rows.len()).expect("is small");
                        let kept: Vec<u32> = slots.filter(|_| !random.next().is_multiple_of(modulus)).collect();
                        vectors.compact(&kept);
                        rows = kept.iter().map(|slot| rows[*slot as usize].clone()).collect();
                    }
                }
            }
            let mut fresh = Vectors::new(DIMENSIONS);
            for row in &rows {
                fresh.push(row.as_deref());
            }
            prop_assert!(vectors == fresh, "something is left of a row that is gone");

            let query = Random(seed).vector(DIMENSIONS);
            for accept in [|_| true, |slot| slot % 3 == 0] {
                let truth = by_definition(&rows, &query, 10, accept);
                let exact = vectors.nearest_exact(&query, 10, accept);
                // Where two cosines differ by a rounding only, either may come first.
                prop_assert_eq!(exact.len(), truth.len());
                for ((slot, cosine), true_slot) in exact.iter().zip(truth) {
                    let true_cosine = vectors.cosines(&[true_slot], &query)[0].expect("has a vector");
                    prop_assert!((cosine - true_cosine).abs() < 1e-6, "{slot} in place of {true_slot}");
                    prop_assert!(accept(*slot));
                    prop_assert_eq!(vec![Some(*cosine)], vectors.cosines(&[*slot], &query));
                }
                let nearest = vectors.nearest(&query, 10, accept);
                prop_assert_eq!(&nearest, &fresh.nearest(&query, 10, accept));
                if rows.len() <= CHUNK {
                    prop_assert_eq!(nearest, exact);
                }
            }
        }
    }

    #[test]
    fn of_equals_the_higher_slot_comes_first() {
        let vectors = filled(std::iter::repeat_n(vec![1, 2, -3], 5_000), 3);
        let slots = |k| -> Vec<u32> {
            vectors.nearest(&[1, 2, -3], k, |slot| slot % 2 == 0).into_iter().map(|(slot, _)| slot).collect()
        };
        assert_eq!(slots(3), [4_998, 4_996, 4_994]);
        assert_eq!(slots(0), [0; 0]);
    }

    #[test]
    fn a_vector_of_zeros_is_not_found_and_finds_nothing() {
        let mut vectors = filled([vec![0, 0], vec![3, 4]], 2);
        assert_eq!(vectors.nearest(&[3, 4], 9, |_| true), [(1, 1.0)]);
        assert_eq!(vectors.nearest(&[0, 0], 9, |_| true), []);
        assert_eq!((vectors.cosines(&[0], &[3, 4]), vectors.cosines(&[1, 1], &[0, 0])), (vec![None], vec![None, None]));
        vectors.set(1, None);
        assert_eq!(vectors.nearest(&[3, 4], 9, |_| true), []);
    }

    #[test]
    fn a_cleared_slot_has_only_zeros_left() {
        let mut random = Random(1);
        let mut vectors = filled((0..20).map(|_| random.vector(70)), 70);
        (0..20).for_each(|slot| vectors.set(slot, None));
        let mut empty = Vectors::new(70);
        (0..20).for_each(|_| empty.push(None));
        assert!(vectors == empty);
    }

    #[test]
    fn few_of_the_nearest_of_random_vectors_are_missed() {
        let mut random = Random(2);
        let vectors = filled((0..12_000).map(|_| random.vector(64)), 64);
        let queries: Vec<_> = (0..100).map(|_| random.vector(64)).collect();
        for (k, one_in) in [(10, 1), (100, 1), (10, 20)] {
            let recall = recall(&vectors, &queries, k, |slot| slot % one_in == 0);
            assert!(recall >= 0.99, "{recall} of the best {k} of every {one_in}th");
        }
    }

    #[test]
    fn what_is_known_is_found_once_and_spares_comparing_others() {
        let mut random = Random(5);
        let vectors = filled((0..12_000).map(|_| random.vector(64)), 64);
        let (mut found, mut compared) = (0, [0, 0]);
        for _ in 0..100 {
            let query = random.vector(64);
            let slots: Vec<u32> =
                vectors.nearest_exact(&query, 40, |slot| slot % 3 == 0).iter().map(|hit| hit.0).collect();
            let cosines = vectors.cosines(&slots, &query).into_iter().flatten();
            let known: Vec<(u32, f32)> = slots.iter().copied().zip(cosines).collect();
            for (known, compared) in [&known[..], &[]].into_iter().zip(&mut compared) {
                let asked = std::cell::Cell::new(0);
                let nearest = vectors.nearest_beside(known, &query, 20, |_| {
                    asked.set(asked.get() + 1);
                    true
                });
                *compared += asked.get();
                let truth = vectors.nearest_exact(&query, 20, |_| true);
                assert_eq!(nearest.len(), truth.len());
                assert!(nearest.is_sorted_by(|a, b| a.1 >= b.1));
                found += truth.iter().filter(|hit| nearest.contains(hit)).count();
            }
        }
        assert!(found >= 4_000 * 99 / 100, "{found} of 4,000");
        assert!(compared[0] * 2 < compared[1], "{compared:?}");
    }

    #[test]
    fn few_of_the_nearest_of_topical_vectors_are_missed() {
        for dimensions in [64, 96] {
            let mut random = Random(3);
            let topics: Vec<_> = (0..100).map(|_| random.vector(dimensions)).collect();
            let vectors = filled((0..12_000).map(|_| random.topical(&topics)), dimensions);
            let queries: Vec<_> = (0..100).map(|_| random.topical(&topics)).collect();
            let recall = recall(&vectors, &queries, 10, |_| true);
            assert!(recall >= 0.99, "{recall} of the best 10 in {dimensions} dimensions");
        }
    }

    #[test]
    fn only_what_may_be_among_the_nearest_is_compared() {
        let mut random = Random(4);
        let topics: Vec<_> = (0..100).map(|_| random.vector(64)).collect();
        let vectors = filled((0..12_000).map(|_| random.topical(&topics)), 64);
        let asked = std::cell::Cell::new(0);
        let query = random.topical(&topics);
        let _ = vectors.nearest(&query, 10, |_| {
            asked.set(asked.get() + 1);
            true
        });
        assert!(asked.get() < 12_000 / 2, "{} were compared", asked.get());
    }
}
