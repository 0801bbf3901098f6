//! What the full-text index is given for chunks of conversations. Those come by
//! the million, so that on `SQLite` it is given each stem of a text once, for a
//! tokenizer that only parts them: it is the writer's time that counts, and this
//! is done beside it. What it finds is the same.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::{analyze, candidates, porter};
use crate::db::Dialect;

/// Makes words for the index of many texts; it remembers what the stems are.
#[derive(Debug)]
pub struct Stems {
    dialect: Dialect,
    /// The number of the stem of each token.
    tokens: HashMap<Box<str>, usize, RandomState>,
    numbers: HashMap<Box<str>, usize, RandomState>,
    stems: Vec<Box<str>>,
    /// In which text each stem was last.
    last_in: Vec<u64>,
    texts: u64,
    /// Room for the words of a text.
    words: String,
}

impl Stems {
    /// What kind of storage it is for.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// For a storage of this kind.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        let (tokens, numbers) = (HashMap::default(), HashMap::default());
        Self { dialect, tokens, numbers, stems: Vec::new(), last_in: Vec::new(), texts: 0, words: String::new() }
    }

    /// What the index is given for a chunk with this text. A version of the program that makes other words of
    /// it must rebuild the index on `SQLite`, which takes out by them what is deleted.
    pub fn words(&mut self, text: &str) -> String {
        if self.dialect == Dialect::Postgres {
            return candidates::words(self.dialect, text).unwrap_or_default();
        }
        self.texts += 1;
        let mut words = std::mem::take(&mut self.words);
        words.clear();
        analyze::tokens(text, |token| {
            let number = match self.tokens.get(token) {
                Some(number) => *number,
                None => self.number(token),
            };
            if self.last_in[number] != self.texts {
                self.last_in[number] = self.texts;
                if !words.is_empty() {
                    words.push(' ');
                }
                words.push_str(&self.stems[number]);
            }
        });
        self.words = words;
        self.words.clone()
    }

    fn number(&mut self, token: &str) -> usize {
        let mut stem = token.to_owned();
        porter::stem(&mut stem);
        let stem = stem.into_boxed_str();
        let number = *self.numbers.entry(stem.clone()).or_insert_with(|| {
            self.last_in.push(0);
            self.stems.push(stem);
            self.stems.len() - 1
        });
        self.tokens.insert(token.into(), number);
        number
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_the_stems_each_once() {
        let mut stems = Stems::new(Dialect::Sqlite);
        assert_eq!(stems.words("Dogs and a dog, the DOG's running: ran"), "dog and a the s run ran");
        assert_eq!(stems.words("A dog in Café 北京"), "a dog in cafe 北 北京 京");
        assert_eq!(stems.words(" - "), "");
    }

    proptest! {
        #[test]
        fn words_are_the_terms_whatever_came_before(texts in prop::collection::vec("[a-zA-Z ,.é北京]{0,40}|\\PC{0,20}", 1..5)) {
            let mut stems = Stems::new(Dialect::Sqlite);
            for text in texts {
                let mut terms = BTreeSet::new();
                analyze::terms(&text, |term| { terms.insert(term.to_owned()); });
                let words = stems.words(&text);
                let words: Vec<&str> = words.split_terminator(' ').collect();
                prop_assert_eq!(words.len(), terms.len());
                prop_assert!(words.iter().all(|word| terms.contains(*word)));
            }
        }
    }
}
