//! Memories to store and words to look for, the same in every run: texts of 8
//! to 20 words, drawn from some thousands by Zipf's law.

use std::collections::HashSet;

/// The most frequent words are those that every text has and no query needs.
const FUNCTION_WORDS: &[&str] = &[
    "the", "to", "of", "and", "a", "in", "is", "for", "my", "on", "with", "that", "i", "it", "at", "by", "was", "be",
    "as", "from", "not", "are", "we", "have", "this", "an", "or", "but", "when", "she", "he", "they", "all", "after",
    "before", "about", "our", "their", "which", "will",
];
const ONSETS: &[&str] =
    &["b", "br", "c", "ch", "d", "dr", "f", "g", "gr", "h", "l", "m", "n", "p", "pl", "r", "s", "st", "t", "tr", "v"];
const VOWELS: &[&str] = &["a", "e", "i", "o", "u", "ea", "ai", "ou"];
const CODAS: &[&str] = &["", "n", "r", "l", "st", "ck", "m", "t", "nd", "ble"];
const CONTENT_WORDS: usize = 4_000;

pub struct Corpus {
    words: Vec<String>,
    /// The sums of the words' frequencies up to each.
    sums: Vec<f64>,
    state: u64,
}

impl Corpus {
    pub fn new(seed: u64) -> Self {
        let mut corpus = Self { words: Vec::new(), sums: Vec::new(), state: 0x9e37_79b9_7f4a_7c15 };
        let mut known: HashSet<String> = FUNCTION_WORDS.iter().map(|&word| word.to_owned()).collect();
        corpus.words.extend(FUNCTION_WORDS.iter().map(|&word| word.to_owned()));
        while corpus.words.len() < FUNCTION_WORDS.len() + CONTENT_WORDS {
            let mut word = String::new();
            for _ in 0..=corpus.below(3) {
                word += ONSETS[corpus.below(ONSETS.len())];
                word += VOWELS[corpus.below(VOWELS.len())];
            }
            word += CODAS[corpus.below(CODAS.len())];
            if known.insert(word.clone()) {
                corpus.words.push(word);
            }
        }
        let mut sum = 0.0;
        for rank in 0..u32::try_from(corpus.words.len()).unwrap_or(u32::MAX) {
            sum += 1.0 / (f64::from(rank) + 2.7);
            corpus.sums.push(sum);
        }
        corpus.state ^= seed.wrapping_mul(0x2545_f491_4f6c_dd1d);
        corpus
    }

    /// A number, by xorshift64*.
    pub fn number(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below a small one.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number() >> 33).unwrap_or(0) % end
    }

    /// The position of a word, of those from `first` on.
    fn word(&mut self, first: usize) -> usize {
        let skipped = if first == 0 { 0.0 } else { self.sums[first - 1] };
        let share = f64::from(u32::try_from(self.number() >> 32).unwrap_or(0)) / 4_294_967_296.0;
        let at = skipped + share * (self.sums[self.sums.len() - 1] - skipped);
        self.sums.partition_point(|sum| *sum <= at).min(self.words.len() - 1)
    }

    pub fn text(&mut self) -> String {
        let count = 8 + self.below(13);
        let mut words = Vec::with_capacity(count);
        for _ in 0..count {
            let word = self.word(0);
            words.push(self.words[word].clone());
        }
        words.join(" ")
    }

    pub fn texts(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.text()).collect()
    }

    /// Three words, as they would stand in a URL.
    pub fn query(&mut self) -> String {
        let mut words = Vec::new();
        for _ in 0..3 {
            let word = self.word(FUNCTION_WORDS.len());
            words.push(self.words[word].clone());
        }
        words.join("+")
    }

    /// `count` different ones of `all`, anywhere among them.
    pub fn sample(&mut self, all: &[String], count: usize) -> Vec<String> {
        let mut all = all.to_vec();
        for index in 0..count {
            let other = index + self.below(all.len() - index);
            all.swap(index, other);
        }
        all.truncate(count);
        all
    }
}
