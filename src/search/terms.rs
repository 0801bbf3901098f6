//! The words of a query.

use crate::db::Dialect;

/// How many different words of a query count; more only cost time.
const MOST: usize = 64;

/// Words that a question is made of but that no answer is about. Removing them
/// from the query (not from the index) was measured on the LoCoMo questions to
/// raise R@10 of BM25 by five points, and it makes a search faster by far.
const STOP_WORDS: &[&str] = &[
    "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "because", "been",
    "before", "being", "but", "by", "can", "could", "d", "did", "do", "does", "doing", "for", "from", "had", "has",
    "have", "having", "he", "her", "here", "hers", "him", "his", "how", "i", "if", "in", "into", "is", "it", "its",
    "just", "ll", "m", "me", "more", "most", "my", "no", "nor", "not", "of", "off", "on", "once", "only", "or",
    "other", "our", "out", "over", "re", "s", "same", "she", "should", "so", "some", "such", "t", "than", "that",
    "the", "their", "them", "then", "there", "these", "they", "this", "those", "through", "to", "too", "under",
    "until", "up", "ve", "very", "was", "we", "were", "what", "when", "where", "which", "while", "who", "whom", "why",
    "will", "with", "would", "you", "your",
];

/// The words to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms(Vec<String>);

impl Terms {
    /// The query's words that carry meaning, each once, in order. Where it has
    /// only stop-words, those; where it has no word at all, `None`.
    #[must_use]
    pub fn of(query: &str) -> Option<Self> {
        let mut words: Vec<String> = Vec::new();
        for word in query.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            let word = word.to_lowercase();
            if !words.contains(&word) && words.len() < MOST {
                words.push(word);
            }
        }
        let meaningful: Vec<String> =
            words.iter().filter(|word| !STOP_WORDS.contains(&word.as_str())).cloned().collect();
        let kept = if meaningful.is_empty() { words } else { meaningful };
        (!kept.is_empty()).then_some(Self(kept))
    }

    /// The full-text query for any of the words.
    pub(super) fn any(&self, dialect: Dialect) -> String {
        self.join(dialect, " OR ", " | ")
    }

    /// The full-text query for all of the words.
    pub(super) fn all(&self, dialect: Dialect) -> String {
        self.join(dialect, " AND ", " & ")
    }

    fn join(&self, dialect: Dialect, sqlite: &str, postgres: &str) -> String {
        // Words are alphanumeric, so nothing in them needs escaping.
        let (quote, separator) = match dialect {
            Dialect::Sqlite => ('"', sqlite),
            Dialect::Postgres => ('\'', postgres),
        };
        let quoted: Vec<String> = self.0.iter().map(|word| format!("{quote}{word}{quote}")).collect();
        quoted.join(separator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any(query: &str) -> Option<String> {
        Terms::of(query).map(|terms| terms.any(Dialect::Sqlite))
    }

    #[test]
    fn stop_words_go_unless_there_is_nothing_else() {
        assert_eq!(any("What is the name of my cat?").as_deref(), Some(r#""name" OR "cat""#));
        assert_eq!(any("who are you").as_deref(), Some(r#""who" OR "are" OR "you""#));
        assert_eq!(any(" ?!\" "), None);
    }

    #[test]
    fn no_query_can_speak_the_index_language() {
        assert_eq!(any(r#"x" OR NEAR(y) *"#).as_deref(), Some(r#""x" OR "near" OR "y""#));
        let terms = Terms::of("it's o'clock").expect("has words");
        assert_eq!(terms.all(Dialect::Postgres), "'o' & 'clock'");
    }

    #[test]
    fn stop_words_are_sorted_and_unique() {
        assert!(STOP_WORDS.is_sorted());
    }
}
