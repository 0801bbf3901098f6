//! The built-in embedding model, compared with the reference: Hugging Face's
//! tokenizer and `NumPy` (`tests/support/embed_reference.py`).

use std::io::Write;
use std::process::Command;

use commonplace::embed::wordpiece::Tokenizer;
use commonplace::embed::{StaticModel, Vector};
use serde::Deserialize;

use crate::harness::repository;

const TEXTS: usize = 10_000;
const SEED: u64 = 0x636f_6d6d_6f6e;
/// Floats are added in another order there.
const SAME: f64 = 0.9999;
/// The same once values are rounded to a byte.
const ROUNDED: f64 = 0.999;

/// What the reference says of a text.
#[derive(Deserialize)]
struct Reference {
    ids: Vec<u32>,
    embedding: Option<String>,
}

/// What the reference says of each of these texts.
fn reference(texts: &[String]) -> Vec<Reference> {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    for text in texts {
        writeln!(file, "{}", serde_json::json!(text)).expect("room for the texts");
    }
    let python = std::env::var("COMMONPLACE_TEST_PYTHON").expect(
        "COMMONPLACE_TEST_PYTHON must name a Python that has tests/requirements.txt; 'scripts/test' sets one up",
    );
    let mut command = Command::new(python);
    command.arg(repository("tests/support/embed_reference.py")).arg(file.path());
    let output = command.output().expect("COMMONPLACE_TEST_PYTHON names a Python interpreter");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let answers: Vec<Reference> = lines.lines().map(|line| serde_json::from_str(line).expect("an answer")).collect();
    assert_eq!(answers.len(), texts.len());
    answers
}

fn floats(digits: &str) -> Vec<f32> {
    let bytes = hex::decode(digits).expect("hexadecimal digits");
    bytes.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Holds the tokenizer to the reference.
fn compare_ids(text: &str, reference: &Reference) {
    let mut ids = Vec::new();
    Tokenizer::built_in().ids(text, &mut ids);
    assert_eq!(ids, reference.ids, "{text:?}");
}

/// Holds the embedding to the reference. Gives the cosines between them, of the
/// embedding itself and of the rounded one.
fn compare_embedding(text: &str, reference: &Reference) -> (f64, f64) {
    let model = StaticModel::built_in();
    match (model.embed_f32(text), model.embed(text), &reference.embedding) {
        (None, None, None) => (1.0, 1.0),
        (Some(values), Some(vector), Some(digits)) => {
            let expected = floats(digits);
            let (exact, rounded) = (cosine(&values, &expected), cosine(&as_floats(&vector), &expected));
            assert!(exact >= SAME && rounded >= ROUNDED, "{exact}, {rounded}: {text:?}");
            (exact, rounded)
        }
        (values, vector, expected) => panic!("{values:?}, {vector:?}, {expected:?}: {text:?}"),
    }
}

fn as_floats(vector: &Vector) -> Vec<f32> {
    vector.values().iter().map(|value| f32::from(*value)).collect()
}

#[test]
fn texts_of_all_kinds_are_embedded_as_the_reference_does() {
    let mut random = Random(SEED);
    let vocabulary = std::fs::read_to_string(repository("assets/model/vocab.txt")).expect("the vocabulary");
    let pieces: Vec<&str> = vocabulary.lines().map(|piece| piece.trim_start_matches("##")).collect();
    let texts: Vec<String> = (0..TEXTS).map(|_| text(&mut random, &pieces)).collect();
    let (mut exact, mut rounded) = (1.0_f64, 1.0_f64);
    for (text, reference) in texts.iter().zip(reference(&texts)) {
        compare_ids(text, &reference);
        let cosines = compare_embedding(text, &reference);
        (exact, rounded) = (exact.min(cosines.0), rounded.min(cosines.1));
    }
    println!("lowest cosine {exact}, rounded {rounded}");
}

#[test]
fn every_character_is_read_as_the_reference_reads_it() {
    // In a word, and alone.
    let uses = |c: char| format!("a{c}b {c} ");
    let all: Vec<char> = ('\0'..=char::MAX).collect();
    let texts: Vec<String> = all.chunks(500).map(|some| some.iter().map(|c| uses(*c)).collect()).collect();
    for (text, reference) in texts.iter().zip(reference(&texts)) {
        compare_ids(text, &reference);
    }
}

/// Numbers that are the same in every run: `SplitMix64` (Steele, Lea and Flood,
/// "Fast splittable pseudorandom number generators", 2014).
struct Random(u64);

impl Random {
    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).expect("below a usize")
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn some<T>(&mut self, most: usize, mut one: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = self.below(most) + 1;
        (0..count).map(|_| one(self)).collect()
    }

    /// A character between two, both included.
    fn character(&mut self, (first, last): (char, char)) -> char {
        let (first, last) = (u32::from(first), u32::from(last));
        let number = first + u32::try_from(self.below((last - first + 1) as usize)).expect("below a char");
        char::from_u32(number).unwrap_or('\u{fffd}')
    }
}

/// Scripts, and what else stands together in Unicode.
const BLOCKS: &[(char, char)] = &[
    ('\u{0}', '\u{1f}'),
    ('!', '~'),
    ('\u{80}', '\u{ff}'),
    ('\u{100}', '\u{24f}'),
    ('\u{300}', '\u{36f}'),
    ('\u{370}', '\u{3ff}'),
    ('\u{400}', '\u{52f}'),
    ('\u{590}', '\u{5ff}'),
    ('\u{600}', '\u{6ff}'),
    ('\u{900}', '\u{97f}'),
    ('\u{980}', '\u{dff}'),
    ('\u{e00}', '\u{fff}'),
    ('\u{1100}', '\u{11ff}'),
    ('\u{1ab0}', '\u{1aff}'),
    ('\u{1e00}', '\u{1fff}'),
    ('\u{2000}', '\u{206f}'),
    ('\u{2070}', '\u{2bff}'),
    ('\u{2e00}', '\u{2e7f}'),
    ('\u{3000}', '\u{30ff}'),
    ('\u{4e00}', '\u{9fff}'),
    ('\u{ac00}', '\u{d7a3}'),
    ('\u{e000}', '\u{e0ff}'),
    ('\u{f900}', '\u{faff}'),
    ('\u{fb00}', '\u{fdff}'),
    ('\u{fe00}', '\u{ffff}'),
    ('\u{10000}', '\u{11fff}'),
    ('\u{1d000}', '\u{1d7ff}'),
    ('\u{1f000}', '\u{1faff}'),
    ('\u{20000}', '\u{2fa1f}'),
    ('\u{e0000}', '\u{e01ef}'),
    ('\u{0}', '\u{10ffff}'),
];

/// Texts as people keep them.
const SAMPLES: &[&str] = &[
    "2026-07-26 - Prefers window seats and vegetarian meals",
    "Her sister Zoë moved to São Paulo; they're naïve about résumés.",
    "https://example.org/a/b?q=x%20y&z=1#top",
    "ann.smith+news@mail.example.com",
    "fn main() { let x: Vec<u8> = vec![0; 1_000]; println!(\"{x:?}\"); }",
    "SELECT * FROM t WHERE a <> 'b' -- comment",
    "/usr/local/bin/x.tar.gz C:\\Users\\Ann",
    "+47 22 33 44 55, $1,234.56 or 1.234,56 €, 3×4 m², 25 °C",
    "Привет, как дела? Ёлка и йогурт",
    "東京タワーは333メートル。北京在哪里?",
    "서울에서 만나요",
    "ΑΛΦΆ ΣΊΣΥΦΟΣ; τί;",
    "مرحبا بالعالم، كيف الحال؟",
    "שָׁלוֹם עולם",
    "नमस्ते दुनिया।",
    "Tiếng Việt Đặng Ngọc",
    "İSTANBUL IĞDIR straße ﬁne Ǆ",
    "👩\u{200d}👩\u{200d}👧\u{200d}👦 🇳🇴 ❤\u{fe0f} 1\u{fe0f}\u{20e3} 🏴\u{e0067}\u{e0062}\u{e007f}",
    "[CLS] [MASK] [UNK] ##ing <s> </s> <|im_end|>",
];

const SEPARATORS: &[&str] =
    &["", " ", " ", " ", "  ", "\n", "\t", ", ", ". ", "-", "/", "'", "\u{a0}", "\u{200b}", "\u{3000}"];

fn text(random: &mut Random, pieces: &[&str]) -> String {
    random
        .some(12, |random| {
            let part = match random.below(8) {
                0 => random.one_of(SAMPLES).to_owned(),
                1..=3 => random.some(5, |random| random.one_of(pieces)).join(random.one_of(SEPARATORS)),
                4 => random.some(20, |random| random.character(('!', '~'))).into_iter().collect(),
                5 => {
                    let block = random.one_of(BLOCKS);
                    random.some(20, |random| random.character(block)).into_iter().collect()
                }
                6 => {
                    // Letters with accents above and below, in any order.
                    let letter = |random: &mut Random| {
                        let block = random.one_of(&[('a', 'z'), ('A', 'Z'), ('\u{c0}', '\u{17f}')]);
                        let accents = random.some(3, |random| random.character(('\u{300}', '\u{345}')));
                        [random.character(block)].into_iter().chain(accents).collect::<String>()
                    };
                    random.some(8, letter).concat()
                }
                // Words about as long as the longest that are taken apart.
                _ => random.one_of(&["a", "Z", "é", "и", "7", "a\u{301}", "한"]).repeat(85 + random.below(30)),
            };
            let cased = match random.below(4) {
                0 => part.to_uppercase(),
                1 => part.to_lowercase(),
                _ => part,
            };
            cased + random.one_of(SEPARATORS)
        })
        .concat()
}
