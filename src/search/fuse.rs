//! From candidates of two kinds to one order.
//!
//! BM25 and cosine are on scales of their own, so each is brought to 0…1 first,
//! by the best of the answer, and then they are added with weights. Adding
//! reciprocal ranks instead (RRF with k = 60 and equal weights) was measured to be
//! worse than BM25 alone on dialogue, because it forgets by how much the best is
//! better. Cosines scaled from the worst candidate to the best gave the same
//! recall as this, but depend on what the worst happens to be.
//!
//! Neither scale depends on how many candidates there are, so pages that are cut
//! from the same candidates fit together.
//!
//! The constants were chosen on the tuning conversations of LoCoMo, with the
//! built-in model.

/// A best cosine below this is no sure hit, so it does not count as one. For a
/// question that an account can't answer the best has a median of 0.33, for one
/// that it can, of 0.59.
const SURE: f32 = 0.4;
/// A memory without any word of the query is a hit from this cosine on. Without a
/// floor every query would find something; this one leaves a quarter of an
/// account's memories, and costs at most 0.2 points of R@10. Of memories that
/// share no word with a question, 95 of 100 have less.
const ALONE: f32 = 0.2;

/// A document with both of its scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Its number.
    pub doc: i64,
    /// BM25 of the query's words, 0 where it has none of them.
    pub bm25: f32,
    /// The cosine of its embedding and the query's, where there are both.
    pub cosine: Option<f32>,
}

/// Which kinds of scores a request asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Parts {
    /// Words alone.
    Lexical,
    /// Embeddings alone.
    Dense,
    /// Both, the cosine counting so much, of 1, and the words the rest.
    Hybrid(f32),
}

/// A document with its score and what it is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// The candidate.
    pub candidate: Candidate,
    /// BM25 over the best of the answer.
    pub lexical: f32,
    /// The cosine, if above 0, over the best of the answer or [`SURE`].
    pub dense: f32,
    /// The weighted sum, 0 to 1.
    pub score: f32,
}

/// Orders candidates by their scores, best first, the newer first among equals.
/// Those that are no hit are left out.
#[must_use]
pub fn fuse(candidates: Vec<Candidate>, parts: Parts) -> Vec<Scored> {
    let best_bm25 = candidates.iter().map(|c| c.bm25).fold(0.0, f32::max);
    let best_cosine = candidates.iter().filter_map(|c| c.cosine).fold(SURE, f32::max);
    let scored = |candidate: Candidate| {
        let lexical = if best_bm25 > 0.0 { candidate.bm25 / best_bm25 } else { 0.0 };
        let dense = candidate.cosine.unwrap_or(0.0).max(0.0) / best_cosine;
        let (score, is_hit) = match parts {
            Parts::Lexical => (lexical, candidate.bm25 > 0.0),
            Parts::Dense => (dense, candidate.cosine.is_some()),
            Parts::Hybrid(weight) => (
                weight * dense + (1.0 - weight) * lexical,
                candidate.bm25 > 0.0 || candidate.cosine.is_some_and(|cosine| cosine >= ALONE),
            ),
        };
        is_hit.then_some(Scored { candidate, lexical, dense, score })
    };
    let mut hits: Vec<Scored> = candidates.into_iter().filter_map(scored).collect();
    hits.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(b.candidate.doc.cmp(&a.candidate.doc)));
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Parts = Parts::Hybrid(0.6);

    fn candidate(doc: i64, bm25: f32, cosine: f32) -> Candidate {
        Candidate { doc, bm25, cosine: Some(cosine) }
    }

    fn order(candidates: &[Candidate], parts: Parts) -> Vec<i64> {
        fuse(candidates.to_vec(), parts).iter().map(|scored| scored.candidate.doc).collect()
    }

    #[test]
    fn the_best_of_both_kinds_scores_one() {
        let scored = fuse(vec![candidate(1, 8.0, 0.6), candidate(2, 4.0, 0.3)], BOTH);
        assert!((scored[0].score - 1.0).abs() < 1e-6 && scored[1].score < 0.6);
        let unsure = fuse(vec![candidate(1, 0.0, SURE / 2.0)], Parts::Dense);
        assert!((unsure[0].score - 0.5).abs() < 1e-6);
    }

    #[test]
    fn each_kind_can_be_asked_for_alone() {
        let candidates = [candidate(1, 5.0, 0.1), candidate(2, 0.0, 0.9), candidate(3, 1.0, 0.5)];
        assert_eq!(order(&candidates, Parts::Lexical), [1, 3]);
        assert_eq!(order(&candidates, Parts::Dense), [2, 3, 1]);
    }

    #[test]
    fn what_shares_neither_words_nor_meaning_is_no_hit() {
        let far = candidate(1, 0.0, ALONE - 0.01);
        assert_eq!(order(&[far, candidate(2, 0.1, -1.0), candidate(3, 0.0, ALONE)], BOTH), [2, 3]);
        assert_eq!(order(&[Candidate { doc: 1, bm25: 0.0, cosine: None }], BOTH), [0; 0]);
    }

    #[test]
    fn the_newer_is_first_among_equals() {
        assert_eq!(order(&[candidate(1, 2.0, 0.4), candidate(2, 2.0, 0.4)], BOTH), [2, 1]);
    }

    #[test]
    fn more_candidates_change_no_order() {
        let few = [candidate(1, 3.0, 0.2), candidate(2, 1.0, 0.8)];
        let more = [few[0], few[1], candidate(3, 0.0, -0.5), candidate(4, 0.0, 0.26)];
        assert_eq!(order(&few, BOTH)[..], order(&more, BOTH)[..2]);
    }
}
