//! The best results so far.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A slot and its cosine, ordered from worse to better: of equals, the higher
/// slot is better.
#[derive(Debug, Clone, Copy)]
pub struct Hit {
    pub cosine: f32,
    pub slot: u32,
}

impl Ord for Hit {
    fn cmp(&self, other: &Self) -> Ordering {
        self.cosine.total_cmp(&other.cosine).then(self.slot.cmp(&other.slot))
    }
}

impl PartialOrd for Hit {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Hit {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Hit {}

/// The best so many hits of those offered.
pub struct Best {
    most: usize,
    /// The worst is on top.
    hits: BinaryHeap<Reverse<Hit>>,
}

impl Best {
    /// Keeps `most` hits, at least 1.
    pub fn new(most: usize) -> Self {
        Self { most, hits: BinaryHeap::new() }
    }

    /// The cosine below which nothing more is kept, once there are enough hits.
    pub fn bound(&self) -> Option<f32> {
        self.hits.peek().filter(|_| self.hits.len() == self.most).map(|Reverse(worst)| worst.cosine)
    }

    /// Keeps the hit if it is among the best.
    pub fn offer(&mut self, hit: Hit) {
        if self.hits.len() < self.most {
            self.hits.push(Reverse(hit));
        } else if let Some(mut worst) = self.hits.peek_mut()
            && hit > worst.0
        {
            *worst = Reverse(hit);
        }
    }

    /// Slots and cosines, best first.
    pub fn into_sorted(self) -> Vec<(u32, f32)> {
        self.hits.into_sorted_vec().into_iter().map(|Reverse(hit)| (hit.slot, hit.cosine)).collect()
    }
}
