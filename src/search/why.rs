//! Why a text was found: which words of the query it has, and where. What it was
//! found by besides, its meaning, is the cosine of the hit's candidate.

use std::ops::Range;

use super::terms::Terms;
use super::{Correction, analyze, porter};

/// How much a word of a text is like one of the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// It is the same, but for case, accents and such.
    Word,
    /// It is another form of it.
    Form,
    /// No memory has the query's word; it was taken for a mistyped one.
    Mistyped,
}

/// A word of a query that a text has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The query's word, folded.
    pub word: String,
    /// How it is found, at its best.
    pub likeness: Likeness,
    /// Where in the text, in bytes; in order, none overlapping another.
    pub places: Vec<Range<usize>>,
}

/// The words of a query, ready to be looked for in what it found.
#[derive(Debug, Clone)]
pub struct Why {
    words: Vec<Wanted>,
}

#[derive(Debug, Clone)]
struct Wanted {
    raw: String,
    stem: String,
    /// The stems that it was taken for.
    others: Vec<String>,
}

impl Why {
    /// Of a query, and what an answer to it says of words that no memory has.
    #[must_use]
    pub fn of(query: &str, corrected: &[Correction]) -> Self {
        let terms = Terms::of(query);
        let words = terms.iter().flat_map(Terms::words).map(|word| Wanted {
            raw: word.raw.clone(),
            stem: word.stem.clone(),
            others: corrected.iter().filter(|one| one.from == word.raw).map(|one| one.to.clone()).collect(),
        });
        Self { words: words.collect() }
    }

    /// The words of the query that a text has, in the query's order. A text found
    /// by its meaning alone has none.
    #[must_use]
    pub fn matches(&self, text: &str) -> Vec<Match> {
        let mut found: Vec<Option<Match>> = vec![None; self.words.len()];
        let mut stem = String::new();
        analyze::places(text, |place, token| {
            token.clone_into(&mut stem);
            porter::stem(&mut stem);
            for (wanted, found) in self.words.iter().zip(&mut found) {
                let Some(likeness) = wanted.likeness(token, &stem) else { continue };
                let one = found.get_or_insert_with(|| Match { word: wanted.raw.clone(), likeness, places: Vec::new() });
                one.likeness = one.likeness.min(likeness);
                match one.places.last_mut() {
                    Some(last) if place.start < last.end => last.end = last.end.max(place.end),
                    _ => one.places.push(place.clone()),
                }
            }
        });
        found.into_iter().flatten().collect()
    }
}

impl Wanted {
    fn likeness(&self, token: &str, stem: &str) -> Option<Likeness> {
        if token == self.raw {
            Some(Likeness::Word)
        } else if stem == self.stem {
            Some(Likeness::Form)
        } else if self.others.iter().any(|other| other == stem) {
            Some(Likeness::Mistyped)
        } else {
            None
        }
    }
}

/// All places of some matches in one order, overlapping ones as one: what is to be
/// marked in the text.
#[must_use]
pub fn marks(matches: &[Match]) -> Vec<Range<usize>> {
    let mut all: Vec<Range<usize>> = matches.iter().flat_map(|one| one.places.iter().cloned()).collect();
    all.sort_unstable_by_key(|place| place.start);
    let mut marks: Vec<Range<usize>> = Vec::with_capacity(all.len());
    for place in all {
        match marks.last_mut() {
            Some(last) if place.start <= last.end => last.end = last.end.max(place.end),
            _ => marks.push(place),
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(query: &str, corrected: &[Correction], text: &str) -> Vec<(String, Likeness, Vec<String>)> {
        let matches = Why::of(query, corrected).matches(text);
        let written = |one: Match| {
            let places = one.places.iter().map(|place| text[place.clone()].to_owned()).collect();
            (one.word, one.likeness, places)
        };
        matches.into_iter().map(written).collect()
    }

    fn word(word: &str, likeness: Likeness, places: &[&str]) -> (String, Likeness, Vec<String>) {
        (word.to_owned(), likeness, places.iter().map(|place| (*place).to_owned()).collect())
    }

    #[test]
    fn words_and_their_forms_are_found_where_they_are_written() {
        let text = "Runs daily; a RUN of ten, running late at the Café.";
        let expected = [
            word("run", Likeness::Word, &["Runs", "RUN", "running"]),
            word("cafe", Likeness::Word, &["Café"]),
            word("late", Likeness::Word, &["late"]),
        ];
        assert_eq!(found("the run to a cafe, late, tomorrow", &[], text), expected);
        assert_eq!(found("runner", &[], "jogging"), []);
        assert_eq!(found("ponies", &[], "a pony"), [word("ponies", Likeness::Form, &["pony"])]);
    }

    #[test]
    fn a_mistyped_word_is_found_as_what_it_was_taken_for() {
        let corrected = [Correction { from: "cofee".to_owned(), to: "coffe".to_owned() }];
        assert_eq!(found("cofee", &corrected, "Black coffee"), [word("cofee", Likeness::Mistyped, &["coffee"])]);
    }

    #[test]
    fn pairs_of_characters_are_marked_as_one_run() {
        let text = "我在北京大学学习";
        let matches = Why::of("北京大学", &[]).matches(text);
        let marks: Vec<&str> = marks(&matches).into_iter().map(|mark| &text[mark]).collect();
        assert_eq!(marks, ["北京大学"]);
    }

    #[test]
    fn a_query_without_words_matches_nothing() {
        assert_eq!(found(" ?! ", &[], "text"), []);
    }
}
