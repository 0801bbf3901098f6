//! Pairs of vectors that are near each other.
//!
//! Few vectors are compared each with each. Of many, only those that share a band
//! of signs: after the rotation, a sign of two vectors differs with the
//! probability of their angle over π, so that of a near pair one of some twenty
//! bands is most likely equal. In 256 dimensions that finds 99 of 100 pairs with
//! a cosine of 0.95, and nearly all that are nearer.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::f32::consts::PI;

use super::hits::Hit;
use super::{CHUNK, LANES, Vectors};

/// Up to so many vectors each is compared with each.
const FEW: usize = 8_192;
/// In a band, each is compared with at most so many of those that share it: texts
/// made from one template may share all bands, all of them.
const NEIGHBOURS: usize = 64;
/// How many pairs are compared exactly at most.
const MOST_COMPARED: usize = 1_000_000;
/// How many pairs are kept at most: the nearest.
const MOST_KEPT: usize = 50_000;
/// How many standard deviations more signs than expected may differ.
const CONFIDENCE: f32 = 3.0;

/// Pairs that were found.
#[derive(Debug, Clone, Default)]
pub struct Near {
    /// The slots of each pair and their cosine, nearest first.
    pub pairs: Vec<(u32, u32, f32)>,
    /// Whether there may be more, because a limit on the work was reached.
    pub is_capped: bool,
}

/// Pairs found so far.
struct Found {
    least: f32,
    /// The one that is least near on top; its slot is the place of the pair in `pairs`.
    best: BinaryHeap<Reverse<(Hit, u32)>>,
    is_capped: bool,
}

impl Found {
    fn offer(&mut self, low: u32, high: u32, cosine: f32) {
        if cosine < self.least {
            return;
        }
        self.best.push(Reverse((Hit { cosine, slot: low }, high)));
        if self.best.len() > MOST_KEPT {
            self.best.pop();
            self.is_capped = true;
        }
    }
}

impl Vectors {
    /// Pairs of slots whose vectors have a cosine of at least this.
    #[must_use]
    pub fn near_pairs(&self, least: f32) -> Near {
        let mut found = Found { least, best: BinaryHeap::new(), is_capped: false };
        if self.len <= FEW {
            self.compare_all(&mut found);
        } else {
            self.compare_banded(&mut found);
        }
        let sorted = found.best.into_sorted_vec().into_iter();
        let pairs = sorted.map(|Reverse((hit, high))| (hit.slot, high, hit.cosine)).collect();
        Near { pairs, is_capped: found.is_capped }
    }

    fn compare_all(&self, found: &mut Found) {
        let (mut rows, mut products) = (Vec::new(), Vec::new());
        for slot in 0..self.len {
            let Some(query) = self.query(self.row(slot)) else { continue };
            for (first, chunk) in (0..).step_by(CHUNK).zip(&self.chunks).skip(slot / CHUNK) {
                chunk.candidates(&query, found.least, &mut rows);
                rows.retain(|row| (first + row) as usize > slot);
                for (row, cosine) in rows.iter().zip(chunk.cosines(&query, &rows, &mut products)) {
                    found.offer(narrow(slot), first + row, cosine);
                }
            }
        }
    }

    fn compare_banded(&self, found: &mut Found) {
        let most = self.most_differing(found.least);
        let width = band_width(self.len);
        let mut compared = HashSet::new();
        for from in (0..self.dimensions.saturating_sub(width - 1)).step_by(width) {
            let filled = (0..self.len).filter(|slot| self.has(*slot));
            let mut slots: Vec<(u64, u32)> = filled.map(|slot| (self.band(slot, from, width), narrow(slot))).collect();
            slots.sort_unstable();
            for (place, (band, low)) in slots.iter().enumerate() {
                let sharing = slots[place + 1..].iter().take_while(|(other, _)| other == band);
                for (nth, (_, high)) in sharing.enumerate() {
                    if nth == NEIGHBOURS || compared.len() == MOST_COMPARED {
                        found.is_capped = true;
                        break;
                    }
                    let (one, other) = (*low as usize, *high as usize);
                    if self.differing(one, other) <= most && compared.insert((*low, *high)) {
                        found.offer(*low, *high, self.cosine_of(one, other));
                    }
                }
            }
        }
    }

    /// How many signs of two vectors with this cosine differ, but in few cases.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is small"
    )]
    fn most_differing(&self, cosine: f32) -> u32 {
        let dimensions = self.dimensions as f32;
        let part = cosine.clamp(-1.0, 1.0).acos() / PI;
        (dimensions * part + CONFIDENCE * (dimensions * part * (1.0 - part)).sqrt()).ceil() as u32
    }

    fn row(&self, slot: usize) -> &[i8] {
        self.chunks[slot / CHUNK].values(slot % CHUNK)
    }

    fn has(&self, slot: usize) -> bool {
        self.chunks[slot / CHUNK].inverse_norm(slot % CHUNK) > 0.0
    }

    /// A word of the signs of a slot.
    fn word(&self, slot: usize, word: usize) -> u64 {
        self.chunks[slot / CHUNK].word(slot % CHUNK, word)
    }

    /// So many signs of a slot, at most 32, from one on.
    fn band(&self, slot: usize, from: usize, width: usize) -> u64 {
        let (word, shift) = (from / 64, from % 64);
        let mut bits = self.word(slot, word) >> shift;
        if shift + width > 64 {
            bits |= self.word(slot, word + 1) << (64 - shift);
        }
        bits & ((1 << width) - 1)
    }

    fn differing(&self, one: usize, other: usize) -> u32 {
        let words = 0..self.dimensions.div_ceil(64);
        words.map(|word| (self.word(one, word) ^ self.word(other, word)).count_ones()).sum()
    }

    #[expect(clippy::cast_precision_loss, reason = "it is rounded to the nearest")]
    fn cosine_of(&self, one: usize, other: usize) -> f32 {
        let pairs = self.row(one).iter().zip(self.row(other));
        let product: i32 = pairs.map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
        let norms = [one, other].map(|slot| self.chunks[slot / CHUNK].inverse_norm(slot % CHUNK));
        product as f32 * norms[0] * norms[1]
    }
}

/// So wide that a band of unlike vectors is shared by about [`LANES`] of so many.
fn band_width(vectors: usize) -> usize {
    ((vectors / LANES).max(1).ilog2() as usize).clamp(8, 16)
}

fn narrow(slot: usize) -> u32 {
    u32::try_from(slot).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pseudo-random sequence (xorshift), the same on each run.
    struct Random(u64);

    impl Random {
        fn value(&mut self) -> i8 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            let sum: i32 = self.0.to_le_bytes().into_iter().map(i32::from).sum();
            i8::try_from((sum - 1020) / 9).expect("within 114 of zero")
        }
    }

    /// So many vectors, of which each tenth is the one before it, a little changed.
    fn with_twins(count: usize, dimensions: usize) -> (Vectors, HashSet<(u32, u32)>) {
        let mut random = Random(7);
        let (mut vectors, mut twins) = (Vectors::new(dimensions), HashSet::new());
        let mut row: Vec<i8> = Vec::new();
        for slot in 0..count {
            if slot % 10 == 9 {
                for value in &mut row {
                    *value = value.saturating_add(random.value() / 5);
                }
                twins.insert((narrow(slot - 1), narrow(slot)));
            } else {
                row = (0..dimensions).map(|_| random.value()).collect();
            }
            vectors.push(Some(&row));
        }
        (vectors, twins)
    }

    #[test]
    fn of_few_vectors_each_near_pair_is_found() {
        let (mut vectors, mut twins) = with_twins(1_000, 64);
        vectors.set(8, None);
        twins.remove(&(8, 9));
        let near = vectors.near_pairs(0.9);
        let found: HashSet<(u32, u32)> = near.pairs.iter().map(|(low, high, _)| (*low, *high)).collect();
        assert_eq!(found, twins);
        assert!(near.pairs.is_sorted_by(|a, b| a.2 >= b.2) && !near.is_capped);
    }

    #[test]
    fn of_many_vectors_nearly_every_near_pair_is_found() {
        let (vectors, twins) = with_twins(12_000, 128);
        let near = vectors.near_pairs(0.9);
        let found: HashSet<(u32, u32)> = near.pairs.iter().map(|(low, high, _)| (*low, *high)).collect();
        assert!(found.is_subset(&twins));
        assert!(found.len() * 100 >= twins.len() * 97, "{} of {}", found.len(), twins.len());
        assert!(!near.is_capped);
    }

    #[test]
    fn vectors_that_are_all_alike_are_not_compared_each_with_each() {
        let mut vectors = Vectors::new(16);
        let mut random = Random(3);
        let row: Vec<i8> = (0..16).map(|_| random.value()).collect();
        (0..=FEW).for_each(|_| vectors.push(Some(&row)));
        let near = vectors.near_pairs(0.9);
        assert!(near.is_capped && near.pairs.len() == MOST_KEPT);
    }
}
