//! BERT's uncased `WordPiece`: a text as the numbers of pieces of words.
//!
//! The numbers are those that Hugging Face's `tokenizers` gives for the same
//! vocabulary with its `BertNormalizer`, `BertPreTokenizer` and `WordPiece`, for
//! every text; `tests/it/embedding.rs` holds this to it. So the characters are
//! told apart by the tables that it uses (`unicode_categories`, Unicode 8): newer
//! tables would split words at newer punctuation.
//!
//! One step differs, without effect. The reference puts the characters in the
//! order of full canonical decomposition (NFD). Here each is decomposed where it
//! stands: the order changes only among combining marks, and no piece has one.
//!
//! No special token is added, and none is read from a text: `[MASK]` in a text is
//! a word between brackets.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::FixedState;
use unicode_categories::UnicodeCategories;
use unicode_normalization::char::decompose_canonical;

/// The pieces, one to a line; a piece's number is that of its line, from 0.
const VOCABULARY: &str = include_str!("../../assets/model/vocab.txt");
/// What stands for a word that pieces cannot make up.
const UNKNOWN: &str = "[UNK]";
/// Marks a piece that continues a word.
const CONTINUES: &str = "##";
/// A word of more characters is unknown.
const LONGEST_WORD: usize = 100;

/// Pieces with their numbers.
#[derive(Debug, Default)]
struct Pieces {
    numbers: HashMap<&'static [u8], u32, FixedState>,
    /// Bytes of the longest.
    longest: usize,
}

impl Pieces {
    fn insert(&mut self, piece: &'static str, number: u32) {
        self.longest = self.longest.max(piece.len());
        self.numbers.insert(piece.as_bytes(), number);
    }

    /// The longest piece that `bytes` begins with: its number and its length.
    fn longest_prefix(&self, bytes: &[u8]) -> Option<(u32, usize)> {
        // A length that cuts a character in two matches no piece.
        (1..=bytes.len().min(self.longest))
            .rev()
            .find_map(|length| Some((*self.numbers.get(&bytes[..length])?, length)))
    }
}

/// The vocabulary, and how a text is taken apart by it.
#[derive(Debug)]
pub struct Tokenizer {
    /// What a word can be or begin with.
    beginnings: Pieces,
    /// What a word can go on with, without the mark.
    continuations: Pieces,
    unknown: u32,
    vocabulary_size: usize,
}

impl Tokenizer {
    /// The tokenizer of the vocabulary that is compiled in: that of
    /// `bert-base-uncased`, which many embedding models share.
    #[must_use]
    pub fn built_in() -> &'static Self {
        static BUILT_IN: LazyLock<Tokenizer> = LazyLock::new(|| {
            Tokenizer::new(VOCABULARY).expect("the built-in vocabulary has a piece for unknown words")
        });
        &BUILT_IN
    }

    /// `None` where the vocabulary has no piece for unknown words.
    fn new(vocabulary: &'static str) -> Option<Self> {
        let (mut beginnings, mut continuations) = (Pieces::default(), Pieces::default());
        for (number, piece) in (0..).zip(vocabulary.lines()) {
            match piece.strip_prefix(CONTINUES) {
                Some(rest) => continuations.insert(rest, number),
                None => beginnings.insert(piece, number),
            }
        }
        let unknown = *beginnings.numbers.get(UNKNOWN.as_bytes())?;
        Some(Self { beginnings, continuations, unknown, vocabulary_size: vocabulary.lines().count() })
    }

    /// How many pieces there are; every number is below it.
    #[must_use]
    pub fn vocabulary_size(&self) -> usize {
        self.vocabulary_size
    }

    /// Adds the numbers of the text's pieces to `ids`, in order. Takes time in
    /// proportion to the text's length, whatever is in it.
    pub fn ids(&self, text: &str, ids: &mut Vec<u32>) {
        let mut pass = Pass { tokenizer: self, word: Word::default(), ids };
        for c in text.chars() {
            pass.read(c);
        }
        pass.end_word();
    }

    /// Adds the numbers of one word's pieces.
    fn word(&self, word: &[u8], ids: &mut Vec<u32>) {
        if let Some(number) = self.beginnings.numbers.get(word) {
            ids.push(*number);
            return;
        }
        let before = ids.len();
        let (mut pieces, mut rest) = (&self.beginnings, word);
        while !rest.is_empty() {
            let Some((number, length)) = pieces.longest_prefix(rest) else {
                ids.truncate(before);
                ids.push(self.unknown);
                return;
            };
            ids.push(number);
            rest = &rest[length..];
            pieces = &self.continuations;
        }
    }
}

/// The word that is being read, in its normal form.
struct Word {
    bytes: [u8; LONGEST_WORD * 4],
    /// Of its bytes.
    len: usize,
    /// Also of the characters that found no place.
    characters: usize,
}

impl Default for Word {
    fn default() -> Self {
        Self { bytes: [0; LONGEST_WORD * 4], len: 0, characters: 0 }
    }
}

impl Word {
    fn push(&mut self, c: char) {
        if self.characters < LONGEST_WORD {
            self.len += c.encode_utf8(&mut self.bytes[self.len..]).len();
        }
        self.characters += 1;
    }
}

/// One text on its way.
struct Pass<'a> {
    tokenizer: &'a Tokenizer,
    word: Word,
    ids: &'a mut Vec<u32>,
}

impl Pass<'_> {
    fn read(&mut self, c: char) {
        match ASCII.get(c as usize) {
            Some(Ascii::Word(lower)) => self.word.push(char::from(*lower)),
            Some(Ascii::Space) => self.end_word(),
            Some(Ascii::Punctuation) => self.alone(c),
            Some(Ascii::Control) => {}
            None => self.read_other(c),
        }
    }

    /// Reads what is not ASCII.
    fn read_other(&mut self, c: char) {
        if c == char::REPLACEMENT_CHARACTER || c.is_other() {
            return;
        }
        if c.is_whitespace() {
            self.end_word();
        } else if is_ideograph(c) {
            self.end_word();
            self.read_visible(c);
            self.end_word();
        } else {
            self.read_visible(c);
        }
    }

    /// Reads a character without its accents and in lower case.
    fn read_visible(&mut self, c: char) {
        decompose_canonical(c, |c| {
            if c.is_mark_nonspacing() {
                return;
            }
            for c in c.to_lowercase() {
                if c.is_ascii_punctuation() || c.is_punctuation() {
                    self.alone(c);
                } else {
                    self.word.push(c);
                }
            }
        });
    }

    /// Reads a character that is a word.
    fn alone(&mut self, c: char) {
        self.end_word();
        self.word.push(c);
        self.end_word();
    }

    fn end_word(&mut self) {
        match self.word.characters {
            0 => return,
            1..=LONGEST_WORD => self.tokenizer.word(&self.word.bytes[..self.word.len], self.ids),
            _ => self.ids.push(self.tokenizer.unknown),
        }
        self.word.len = 0;
        self.word.characters = 0;
    }
}

/// What an ASCII character is to the tokenizer.
#[derive(Debug, Clone, Copy)]
enum Ascii {
    /// Left out.
    Control,
    Space,
    /// A word of its own.
    Punctuation,
    /// Part of a word, in lower case.
    Word(u8),
}

const ASCII: [Ascii; 128] = {
    let mut all = [Ascii::Control; 128];
    let mut byte = 0_u8;
    while byte < 128 {
        all[byte as usize] = match byte {
            b' ' | b'\t' | b'\n' | b'\r' => Ascii::Space,
            _ if byte.is_ascii_punctuation() => Ascii::Punctuation,
            _ if byte.is_ascii_alphanumeric() => Ascii::Word(byte.to_ascii_lowercase()),
            _ => Ascii::Control,
        };
        byte += 1;
    }
    all
};

/// Whether a character is a word of its own as those of Chinese are: the blocks
/// of CJK ideographs as BERT lists them.
fn is_ideograph(c: char) -> bool {
    matches!(
        u32::from(c),
        0x3400..=0x4DBF
            | 0x4E00..=0x9FFF
            | 0xF900..=0xFAFF
            | 0x20000..=0x2A6DF
            | 0x2A700..=0x2B81F
            | 0x2B920..=0x2CEAF
            | 0x2F800..=0x2FA1F
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_normalization::char::canonical_combining_class;

    use super::*;

    /// The pieces that a text becomes.
    fn pieces(text: &str) -> Vec<&'static str> {
        let all: Vec<&str> = VOCABULARY.lines().collect();
        ids(text).into_iter().map(|number| all[number as usize]).collect()
    }

    fn ids(text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        Tokenizer::built_in().ids(text, &mut ids);
        ids
    }

    #[test]
    fn words_are_split_into_the_longest_pieces() {
        assert_eq!(pieces("Unaffable tokenizers"), ["una", "##ffa", "##ble", "token", "##izer", "##s"]);
        assert_eq!(pieces("2026-07-26"), ["202", "##6", "-", "07", "-", "26"]);
        assert_eq!(pieces("don't"), ["don", "'", "t"]);
        assert_eq!(pieces(" \t\r\n"), [""; 0]);
    }

    #[test]
    fn case_accents_and_control_characters_do_not_count() {
        assert_eq!(pieces("CAF\u{c9} Cafe\u{301} c\u{0}a\u{200b}f\u{fffd}\u{7f}e\u{b}"), ["cafe"; 3]);
        assert_eq!(pieces("\u{130}stanbul\u{2003}\u{3000}IstanbuL"), ["istanbul"; 2]);
    }

    #[test]
    fn ideographs_and_punctuation_stand_alone() {
        assert_eq!(pieces("a東京b"), ["a", "東", "京", "b"]);
        // A Greek question mark is a semicolon once it is decomposed.
        assert_eq!(pieces("a\u{37e}b\u{2014}c\u{bf}d"), ["a", ";", "b", "—", "c", "¿", "d"]);
        assert_eq!(pieces("[MASK]##ing"), ["[", "mask", "]", "#", "#", "ing"]);
    }

    #[test]
    fn what_no_pieces_make_up_is_one_unknown_word() {
        assert_eq!(pieces("yes\u{1f980}no ok"), ["[UNK]", "ok"]);
        assert_eq!(pieces(&"a".repeat(101)), ["[UNK]"]);
        assert_ne!(pieces(&"a".repeat(100)), ["[UNK]"]);
        // Characters are counted, not bytes, and without what is left out.
        assert_ne!(pieces(&"и\u{301}".repeat(100)), ["[UNK]"]);
        assert_eq!(pieces(&"и".repeat(101)), ["[UNK]"]);
    }

    #[test]
    fn no_piece_has_a_character_whose_place_decomposition_could_change() {
        assert_eq!(VOCABULARY.chars().filter(|c| canonical_combining_class(*c) != 0).collect::<String>(), "");
    }

    #[test]
    fn every_word_of_the_vocabulary_is_one_piece() {
        let plain = |piece: &str| piece.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        for (number, piece) in (0..).zip(VOCABULARY.lines()).filter(|(_, piece)| plain(piece)) {
            assert_eq!(ids(piece), [number], "{piece}");
        }
    }

    proptest! {
        #[test]
        fn any_text_becomes_known_numbers_and_spaces_part_texts(a in any::<String>(), b in any::<String>()) {
            let together = ids(&format!("{a} {b}"));
            prop_assert_eq!(&together, &[ids(&a), ids(&b)].concat());
            prop_assert!(together.iter().all(|id| (*id as usize) < Tokenizer::built_in().vocabulary_size()));
        }
    }
}
