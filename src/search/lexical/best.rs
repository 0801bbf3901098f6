//! Scores while a query is answered, and the best of them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Term;

/// How many postings are read in the time in which a term is looked up for a document.
const LOOK_UP: usize = 64;
/// What rounding may add to a score of a few terms, as a part of it.
const ROUNDING: f32 = 1e-5;

/// What a query works with, kept by each thread for the next one.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// By slot; all zero between queries.
    pub(super) scores: Vec<f32>,
    /// The slots whose score is not zero.
    pub(super) touched: Vec<u32>,
}

impl Scratch {
    /// Forgets all documents that can't be among the `k` best accepted ones, if that can be told, and takes less time
    /// than to go on with the terms that are left. Whether it did so.
    pub(super) fn keep_only_best(&mut self, k: usize, rest: &[(&Term, f32)], accept: impl Fn(u32) -> bool) -> bool {
        let postings: usize = rest.iter().map(|(term, _)| term.slots.len()).sum();
        if postings <= self.touched.len() || self.touched.len() < k || k == 0 {
            return false;
        }
        let mut best = Best::new(k);
        for &slot in &self.touched {
            best.offer(slot, self.scores[slot as usize], &accept);
        }
        let Some(least) = best.least() else { return false };
        let most: f32 = rest.iter().map(|(_, scale)| scale).sum();
        let enough = least * (1.0 - ROUNDING) - most;
        // Another document has nothing yet.
        if enough <= 0.0 {
            return false;
        }
        let may_stay = |score: f32| score >= enough;
        let kept = self.touched.iter().filter(|slot| may_stay(self.scores[**slot as usize])).count();
        if kept * rest.len() * LOOK_UP > postings {
            return false;
        }
        let scores = &mut self.scores;
        self.touched.retain(|slot| {
            let score = &mut scores[*slot as usize];
            let stays = may_stay(*score);
            if !stays {
                *score = 0.0;
            }
            stays
        });
        true
    }

    /// Picks the best of the touched slots and forgets all scores.
    pub(super) fn best(&mut self, k: usize, accept: impl Fn(u32) -> bool) -> Vec<(u32, f32)> {
        let mut best = Best::new(k);
        for slot in self.touched.drain(..) {
            best.offer(slot, std::mem::take(&mut self.scores[slot as usize]), &accept);
        }
        best.into_sorted()
    }
}

/// The best so far, so many at most: of equals the later slot.
struct Best {
    k: usize,
    /// Scores are positive, and the bits of positive numbers are in their order.
    heap: BinaryHeap<Reverse<(u32, u32)>>,
}

impl Best {
    fn new(k: usize) -> Self {
        Self { k, heap: BinaryHeap::new() }
    }

    /// Takes a document that would be among them, if it is accepted, which only then is asked.
    fn offer(&mut self, slot: u32, score: f32, accept: impl Fn(u32) -> bool) {
        let key = Reverse((score.to_bits(), slot));
        if self.heap.len() < self.k {
            if accept(slot) {
                self.heap.push(key);
            }
        } else if let Some(mut worst) = self.heap.peek_mut()
            && key < *worst
            && accept(slot)
        {
            *worst = key;
        }
    }

    /// The score of the last of them, once there are as many as there may be.
    fn least(&self) -> Option<f32> {
        let last = self.heap.peek().filter(|_| self.heap.len() == self.k);
        last.map(|Reverse((score, _))| f32::from_bits(*score))
    }

    fn into_sorted(self) -> Vec<(u32, f32)> {
        let sorted = self.heap.into_sorted_vec().into_iter();
        sorted.map(|Reverse((score, slot))| (slot, f32::from_bits(score))).collect()
    }
}
