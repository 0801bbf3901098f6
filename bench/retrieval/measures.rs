//! How well a list of found facts answers a question.

use std::collections::HashSet;

/// The measures of one question, in the order of [`NAMES`].
pub type Scores = [f64; 5];

/// Recall among the first so many: the share of the facts that answer the
/// question that is there. nDCG among the first ten (Järvelin and Kekäläinen
/// 2002, with gain 1 or 0). The reciprocal of the rank of the first that answers.
pub const NAMES: [&str; 5] = ["R@5", "R@10", "R@20", "nDCG@10", "MRR"];

/// Scores what was found, best first, by places of facts.
pub fn score(found: &[usize], answers: &HashSet<usize>) -> Scores {
    let recall = |depth: usize| {
        let hits = found.iter().take(depth).filter(|place| answers.contains(place)).count();
        ratio(hits, answers.len())
    };
    let gain = |rank: usize| 1.0 / ratio(rank + 2, 1).log2();
    let ranks = found.iter().enumerate().filter(|(_, place)| answers.contains(place)).map(|(rank, _)| rank);
    let gained: f64 = ranks.clone().take_while(|rank| *rank < 10).map(gain).sum();
    let ideal: f64 = (0..answers.len().min(10)).map(gain).sum();
    let reciprocal = ranks.clone().next().map_or(0.0, |rank| 1.0 / ratio(rank + 1, 1));
    [recall(5), recall(10), recall(20), gained / ideal, reciprocal]
}

fn ratio(part: usize, whole: usize) -> f64 {
    f64::from(u32::try_from(part).unwrap_or(u32::MAX)) / f64::from(u32::try_from(whole).unwrap_or(u32::MAX))
}

/// A mean and its 95 % interval, in percent.
pub struct Mean {
    pub mean: f64,
    pub low: f64,
    pub high: f64,
}

/// The mean of one measure over all questions; the interval by the percentiles
/// of a bootstrap over questions (Efron 1979), of 2,000 samples.
pub fn mean(values: &[f64]) -> Mean {
    const SAMPLES: usize = 2_000;
    let average = |sum: f64| 100.0 * sum / ratio(values.len(), 1);
    // xorshift64*, so that the interval of a run can be had again.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |end: usize| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        usize::try_from(state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap_or(0) % end
    };
    let mut means: Vec<f64> =
        (0..SAMPLES).map(|_| average((0..values.len()).map(|_| values[below(values.len())]).sum())).collect();
    means.sort_by(f64::total_cmp);
    Mean { mean: average(values.iter().sum()), low: means[SAMPLES / 40], high: means[SAMPLES - 1 - SAMPLES / 40] }
}
