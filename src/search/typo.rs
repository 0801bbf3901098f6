//! Known terms that are close to a word that is not known, as a typing mistake
//! leaves it.
//!
//! Close is counted in edits: a character more, less or another, or two
//! neighbours swapped (Damerau-Levenshtein, in the form of optimal string
//! alignment). There is no completion of prefixes: stems make most of it
//! needless, and what is left would match what was not meant.

use std::cmp::Reverse;

use super::analyze::is_whole_word;

/// At most so many terms are taken for a word.
const MOST_TERMS: usize = 3;
/// Longer words, in characters, are taken as they are.
const LONGEST: usize = 32;
/// What a term counts by its edits, from none to two, a term that was asked for being 1.
const WEIGHTS: [f32; 3] = [1.0, 0.6, 0.4];

/// How many edits a word of so many characters may have. Short words are one
/// edit away from too many others.
fn allowed(length: usize) -> usize {
    match length {
        0..=3 => 0,
        4..=7 => 1,
        8..=LONGEST => 2,
        _ => 0,
    }
}

/// How many edits a word may have; none for one that no other is taken for.
fn edits_of(word: &str, letters: &[char]) -> usize {
    if has_digit(letters) || !is_whole_word(word) { 0 } else { allowed(letters.len()) }
}

/// Whether another word could be taken for this one.
#[must_use]
pub fn may_be_mistyped(word: &str) -> bool {
    edits_of(word, &word.chars().collect::<Vec<_>>()) > 0
}

/// The terms that are closest to a word, with a weight below 1. All are the same
/// number of edits away. Those with the word's first character come first, then
/// those that more documents have. `terms` are all that are known, each with the
/// number of documents that have it; the word, like them, is a stem. Neither
/// numbers nor parts of runs without spaces are taken for others.
pub fn closest<'a>(word: &str, terms: impl IntoIterator<Item = (&'a str, u32)>) -> Vec<(&'a str, f32)> {
    let letters: Vec<char> = word.chars().collect();
    let mut most = edits_of(word, &letters);
    if most == 0 {
        return Vec::new();
    }
    let signature = Signature::of(word);
    let mut close = Vec::new();
    let mut other = Vec::with_capacity(LONGEST);
    for (term, documents) in terms {
        // The cheaper first. A character is at least one byte, so that most terms are not even read.
        if term.len() + most < letters.len()
            || length(term).abs_diff(letters.len()) > most
            || !signature.may_become(Signature::of(term), most)
        {
            continue;
        }
        other.clear();
        other.extend(term.chars());
        let edits = edits(&letters, &other, most);
        if edits > most || edits == 0 || has_digit(&other) {
            continue;
        }
        if edits < most {
            close.clear();
            most = edits;
        }
        close.push((other[0] != letters[0], Reverse(documents), term));
    }
    close.sort_unstable();
    close.truncate(MOST_TERMS);
    close.into_iter().map(|(.., term)| (term, WEIGHTS[most])).collect()
}

/// Numbers, dates and the names of parts and versions are exact: another is
/// another thing.
fn has_digit(letters: &[char]) -> bool {
    letters.iter().any(char::is_ascii_digit)
}

/// In characters.
fn length(term: &str) -> usize {
    if term.is_ascii() { term.len() } else { term.chars().count() }
}

/// Which characters a word has, and has more than once, as bits; several
/// characters share one.
#[derive(Clone, Copy)]
struct Signature(u64);

impl Signature {
    fn of(word: &str) -> Self {
        let (mut once, mut twice) = (0_u64, 0_u64);
        for c in word.chars() {
            let bit = 1 << (u32::from(c) % 32);
            twice |= once & bit;
            once |= bit;
        }
        Self(once | twice << 32)
    }

    /// Whether a word with this signature may become one with the other by so
    /// many edits: an edit takes at most one bit away and adds at most one.
    fn may_become(self, other: Self, edits: usize) -> bool {
        let few = |bits: u64| bits.count_ones() as usize <= edits;
        few(self.0 & !other.0) && few(other.0 & !self.0)
    }
}

/// The least number of edits from one word to the other, none of which touches
/// what another has changed; some number above `most` if it is more than that.
/// Both have at most [`LONGEST`] characters and two.
fn edits(from: &[char], to: &[char], most: usize) -> usize {
    const WIDTH: usize = LONGEST + 3;
    // Rows of the usual table: for `from` up to the character before and up to this one.
    let mut last = [0; WIDTH];
    let mut row: [usize; WIDTH] = std::array::from_fn(|column| column);
    for (i, a) in from.iter().enumerate() {
        let before = std::mem::replace(&mut last, row);
        row[0] = i + 1;
        let mut least_of_row = row[0];
        for (j, b) in to.iter().enumerate() {
            let mut least = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                least = least.min(before[j - 1] + 1);
            }
            row[j + 1] = least;
            least_of_row = least_of_row.min(least);
        }
        // A row has at least the least of the row before, one edit apart from the one before that.
        if least_of_row > most {
            return least_of_row;
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TERMS: [(&str, u32); 12] = [
        ("restaur", 9),
        ("melani", 40),
        ("melon", 3),
        ("carolin", 50),
        ("photographi", 4),
        ("cat", 7),
        ("bat", 1),
        ("2023", 12),
        ("коллега", 2),
        ("tabl", 5),
        ("cabl", 6),
        ("fabl", 8),
    ];

    fn found(word: &str) -> Vec<(&'static str, f32)> {
        closest(word, TERMS)
    }

    #[test]
    fn each_kind_of_edit_is_mended() {
        assert_eq!(found("restauar"), [("restaur", 0.6)]);
        assert_eq!(found("restur"), [("restaur", 0.6)]);
        assert_eq!(found("meelani"), [("melani", 0.6)]);
        assert_eq!(found("carlin"), [("carolin", 0.6)]);
        assert_eq!(found("caroiln"), [("carolin", 0.6)]);
        assert_eq!(found("колега"), [("коллега", 0.6)]);
    }

    #[test]
    fn longer_words_may_have_two_edits_and_short_ones_none() {
        assert_eq!(found("fotographi"), [("photographi", 0.4)]);
        assert_eq!(found("resaru"), []);
        assert_eq!(found("hat"), []);
        assert_eq!(found("东京"), []);
    }

    #[test]
    fn numbers_and_parts_of_runs_are_never_others() {
        assert_eq!(found("2024"), []);
        assert_eq!(found("202e"), []);
        assert_eq!(closest("น้ํา", [("น้ีา", 1)]), []);
    }

    #[test]
    fn the_first_character_counts_more_than_the_number_of_documents() {
        assert_eq!(found("tablt"), [("tabl", 0.6)]);
        assert_eq!(found("tgbl"), [("tabl", 0.6)]);
        assert_eq!(found("gabl"), [("fabl", 0.6), ("cabl", 0.6), ("tabl", 0.6)]);
        assert_eq!(closest("gabl", [("zabl", 9), ("gbl", 1)]), [("gbl", 0.6), ("zabl", 0.6)]);
    }

    #[test]
    fn a_farther_term_does_not_come_with_a_closer_one() {
        assert_eq!(closest("birthdai", [("birthdaixx", 9), ("birthda", 1)]), [("birthda", 0.6)]);
    }

    /// The definition, by recursion from the ends.
    fn edits_by_definition(from: &[char], to: &[char]) -> usize {
        let (Some((a, from_rest)), Some((b, to_rest))) = (from.split_last(), to.split_last()) else {
            return from.len() + to.len();
        };
        let mut least = (edits_by_definition(from_rest, to_rest) + usize::from(a != b))
            .min(edits_by_definition(from_rest, to) + 1)
            .min(edits_by_definition(from, to_rest) + 1);
        if let (Some((c, from_rest)), Some((d, to_rest))) = (from_rest.split_last(), to_rest.split_last())
            && (a, c) == (d, b)
        {
            least = least.min(edits_by_definition(from_rest, to_rest) + 1);
        }
        least
    }

    proptest! {
        #[test]
        fn edits_are_counted_by_the_definition(from in "[abцß]{0,6}", to in "[abцß]{0,6}") {
            let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
            prop_assert_eq!(edits(&from, &to, 99), edits_by_definition(&from, &to));
        }

        #[test]
        fn no_close_term_is_passed_over(
            word in "[a-eб]{4,9}",
            terms in prop::collection::vec("[a-eб]{2,11}", 1..40),
        ) {
            let letters = |word: &str| word.chars().collect::<Vec<char>>();
            let distance = |term: &str| edits(&letters(&word), &letters(term), 99);
            let least = terms.iter().map(|term| distance(term)).filter(|edits| *edits > 0).min();
            let found = closest(&word, terms.iter().map(|term| (term.as_str(), 1)));
            match least.filter(|edits| *edits <= allowed(letters(&word).len())) {
                Some(least) => prop_assert!(!found.is_empty() && found.iter().all(|(term, _)| distance(term) == least)),
                None => prop_assert!(found.is_empty()),
            }
        }

        #[test]
        fn any_words_can_be_compared(word in any::<String>(), terms in prop::collection::vec(any::<String>(), 8)) {
            prop_assert!(closest(&word, terms.iter().map(|term| (term.as_str(), 1))).len() <= MOST_TERMS);
        }
    }
}
