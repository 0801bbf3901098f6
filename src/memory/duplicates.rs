//! Memories that say the same, for somebody to look at: equal after normalisation
//! ([`super::fingerprint`]), or with embeddings that are very near.
//!
//! What is compared is read page by page, and compared with no transaction open.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use futures_util::FutureExt;

use super::Memory;
use super::fingerprint::essence;
use super::rows::{self, Comparable};
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::error::{Error, Result};
use crate::search::vectors::Vectors;

/// The cosine from which on two memories are taken for duplicates. Below it are
/// too many that only speak of the same thing.
const NEAR: f32 = 0.9;
/// How many memories are compared, the newest.
const MOST_COMPARED: usize = 200_000;
/// Most memories in a group. More that are alike are further groups.
const MOST_IN_GROUP: usize = 20;
/// Most groups in an answer.
pub const MOST_GROUPS: usize = 200;
/// How many memories are read at a time.
const PAGE: usize = 5_000;

/// Memories that say the same.
#[derive(Debug, Clone)]
pub struct Group {
    /// The memories, oldest first; at least two.
    pub memories: Vec<Memory>,
    /// How alike they are, 0 to 1: the least of the cosines that brought them together.
    pub similarity: f32,
    /// Whether they are equal but for a leading date and spaces around them.
    pub is_exact: bool,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Duplicates {
    /// The groups, most alike first, at most [`MOST_GROUPS`].
    pub groups: Vec<Group>,
    /// How many groups there are in all.
    pub total: usize,
    /// How many memories were compared.
    pub compared: usize,
    /// Whether there may be more, because there are more memories or more pairs
    /// than are compared.
    pub is_capped: bool,
    /// How many of them have no embedding (yet), and were compared by their text alone.
    pub unembedded: usize,
}

/// Groups of memories that say the same.
///
/// It takes seconds for a hundred thousand memories, and one such comparison is
/// made at a time.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `read`, [`Error::Busy`] while another is made.
pub async fn find(app: &App, caller: &Caller) -> Result<Duplicates> {
    caller.require(Scope::Read)?;
    let turn = app.search.turn_to_compare()?;
    let account = caller.account;
    let mut all: Vec<Comparable> = Vec::new();
    let mut before = account.doc_range().1;
    let mut is_capped = false;
    loop {
        let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let args = (account, app.search.space(), before, limit);
        let page = app.db.read(args, |tx, (account, space, before, limit)| {
            rows::comparable(tx, *account, *space, *before, *limit).boxed()
        });
        let page = page.await?;
        let Some(last) = page.last() else { break };
        if all.len() >= MOST_COMPARED {
            is_capped = true;
            break;
        }
        before = last.doc;
        all.extend(page);
    }
    let compared = all.len();
    let unembedded = all.iter().filter(|one| one.vector.is_none()).count();
    // The turn lasts until it is done, also for someone who does not wait for that.
    let grouped = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        group(&all)
    });
    let (found, is_cut) = grouped.await.map_err(Error::internal)?;
    let total = found.len();
    let shown: Vec<Alike> = found.into_iter().take(MOST_GROUPS).collect();
    let docs: Vec<i64> = shown.iter().flat_map(|alike| alike.docs.iter().copied()).collect();
    let memories =
        app.db.read((account, docs), |tx, (account, docs)| rows::by_docs(tx, *account, docs).boxed()).await?;
    let groups = shown.iter().filter_map(|alike| alike.read(&memories)).collect();
    Ok(Duplicates { groups, total, compared, is_capped: is_capped || is_cut, unembedded })
}

/// Documents that are alike.
struct Alike {
    /// In order.
    docs: Vec<i64>,
    similarity: f32,
    is_exact: bool,
}

impl Alike {
    /// The memories; none where fewer than two are there by now.
    fn read(&self, memories: &HashMap<i64, Memory>) -> Option<Group> {
        let memories: Vec<Memory> = self.docs.iter().filter_map(|doc| memories.get(doc).cloned()).collect();
        let [first, _, ..] = memories.as_slice() else { return None };
        // Different texts may share a fingerprint.
        let is_exact = self.is_exact && memories.iter().all(|one| essence(&one.text) == essence(&first.text));
        Some(Group { is_exact, similarity: self.similarity, memories })
    }
}

/// Which documents are alike, most first, and whether there may be more.
fn group(all: &[Comparable]) -> (Vec<Alike>, bool) {
    let mut same: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (place, one) in all.iter().enumerate() {
        same.entry(one.fingerprint).or_default().push(place);
    }
    let mut sets = Sets::new(all.len());
    for places in same.values() {
        for part in places.chunks(MOST_IN_GROUP) {
            part.windows(2).for_each(|pair| sets.join(pair[0], pair[1], 1.0));
        }
    }
    let exact = sets.clone();
    // Of memories that are equal, one stands for all.
    let first: Vec<usize> = same.values().filter_map(|places| places.first().copied()).collect();
    let dimensions = first.iter().find_map(|place| all[*place].vector.as_ref()).map(crate::embed::Vector::dimensions);
    let mut is_capped = false;
    if let Some(dimensions) = dimensions {
        let mut vectors = Vectors::new(dimensions);
        for place in &first {
            let vector = all[*place].vector.as_ref().filter(|vector| vector.dimensions() == dimensions);
            vectors.push(vector.map(crate::embed::Vector::values));
        }
        let near = vectors.near_pairs(NEAR);
        is_capped = near.is_capped;
        for (one, other, cosine) in near.pairs {
            sets.join(first[one as usize], first[other as usize], cosine.min(1.0));
        }
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for place in 0..all.len() {
        groups.entry(sets.root(place)).or_default().push(place);
    }
    let alike = |(root, places): (usize, Vec<usize>)| {
        let mut docs: Vec<i64> = places.iter().map(|place| all[*place].doc).collect();
        docs.sort_unstable();
        let is_exact = exact.size(places[0]) == places.len();
        Alike { docs, similarity: sets.least[root], is_exact }
    };
    let mut found: Vec<Alike> = groups.into_iter().filter(|(_, places)| places.len() > 1).map(alike).collect();
    found.sort_by(|a, b| {
        let rank = |alike: &Alike| (Reverse(alike.is_exact), Reverse(alike.docs.len()), Reverse(alike.docs[0]));
        b.similarity.total_cmp(&a.similarity).then_with(|| rank(a).cmp(&rank(b)))
    });
    (found, is_capped)
}

/// Disjoint sets of places, none larger than [`MOST_IN_GROUP`].
#[derive(Clone)]
struct Sets {
    parents: Vec<usize>,
    sizes: Vec<usize>,
    /// The least similarity by which a root's set was joined.
    least: Vec<f32>,
}

impl Sets {
    fn new(count: usize) -> Self {
        Self { parents: (0..count).collect(), sizes: vec![1; count], least: vec![1.0; count] }
    }

    fn root(&self, place: usize) -> usize {
        let mut root = place;
        while self.parents[root] != root {
            root = self.parents[root];
        }
        root
    }

    fn size(&self, place: usize) -> usize {
        self.sizes[self.root(place)]
    }

    fn join(&mut self, one: usize, other: usize, similarity: f32) {
        let (mut large, mut small) = (self.root(one), self.root(other));
        if self.sizes[large] < self.sizes[small] {
            (large, small) = (small, large);
        }
        if large == small || self.sizes[large] + self.sizes[small] > MOST_IN_GROUP {
            return;
        }
        self.parents[small] = large;
        self.sizes[large] += self.sizes[small];
        self.least[large] = self.least[large].min(self.least[small]).min(similarity);
    }
}
