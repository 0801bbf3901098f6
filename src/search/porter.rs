//! The stem of an English word, exactly as FTS5's `porter` tokenizer makes it.
//!
//! M. F. Porter, "An algorithm for suffix stripping", Program 14 (3), 1980, with
//! the departures of FTS5 (`fts5_tokenize.c` of `SQLite`). They are kept because
//! our terms must be the ones in the index on `SQLite`: the rules `bli` and `logi`
//! of Porter's own later version; a suffix is never the whole word; and, in the
//! condition "has a vowel", a `y` is a vowel wherever it is not the first letter.

/// Longer words, in bytes, are not words: FTS5 leaves them as they are.
const LONGEST: usize = 64;
/// Shorter words, in bytes, are left as they are.
const SHORTEST: usize = 3;

/// A suffix and what takes its place.
type Rule = (&'static str, &'static str);

/// Applies where the rest of the word has at least one vowel-consonant sequence.
const STEP_2: &[Rule] = &[
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("logi", "log"),
    ("bli", "ble"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
    ("biliti", "ble"),
];

/// Under the same condition as [`STEP_2`].
const STEP_3: &[Rule] =
    &[("ical", "ic"), ("ness", ""), ("icate", "ic"), ("iciti", "ic"), ("ful", ""), ("ative", ""), ("alize", "al")];

/// Go where the rest has at least two vowel-consonant sequences.
const STEP_4: &[Rule] = &[
    ("al", ""),
    ("ance", ""),
    ("ence", ""),
    ("er", ""),
    ("ic", ""),
    ("able", ""),
    ("ible", ""),
    ("ant", ""),
    ("ement", ""),
    ("ment", ""),
    ("ent", ""),
    (ION, ""),
    ("ou", ""),
    ("ism", ""),
    ("ate", ""),
    ("iti", ""),
    ("ous", ""),
    ("ive", ""),
    ("ize", ""),
];
/// Goes only after an `s` or a `t`.
const ION: &str = "ion";

/// Mends what is left when `ed` or `ing` went.
const STEP_1B: &[Rule] = &[("at", "ate"), ("bl", "ble"), ("iz", "ize")];

/// Makes a lower-case word its stem. Only ASCII is ever taken away or put in
/// its place, but for one case, in which FTS5 cuts a character in half and this
/// does not: `ed` or `ing` after a character whose last two bytes in UTF-8 are
/// equal. Such a word does not leave [`super::analyze`].
pub fn stem(word: &mut String) {
    if !(SHORTEST..=LONGEST).contains(&word.len()) {
        return;
    }
    plural(word);
    past_or_participle(word);
    if let Some(rest) = word.strip_suffix('y')
        && has_vowel(rest.as_bytes())
    {
        word.pop();
        word.push('i');
    }
    replace(word, STEP_2, |rest, _| measure(rest) > 0);
    replace(word, STEP_3, |rest, _| measure(rest) > 0);
    replace(word, STEP_4, |rest, suffix| {
        measure(rest) > 1 && (suffix != ION || matches!(rest.last(), Some(b's' | b't')))
    });
    if let Some(rest) = word.strip_suffix('e') {
        let rest = rest.as_bytes();
        let sequences = measure(rest);
        if sequences > 1 || (sequences == 1 && !ends_short(rest)) {
            word.pop();
        }
    }
    if word.ends_with("ll") && measure(&word.as_bytes()[..word.len() - 1]) > 1 {
        word.pop();
    }
}

/// Step 1a.
fn plural(word: &mut String) {
    let cut = match word.as_bytes() {
        [.., b's', b's', b'e', b's'] if word.len() > 4 => 2,
        [.., b'i', b'e', b's'] if word.len() > 3 => 2,
        [.., b's', b's'] => 0,
        [.., b's'] => 1,
        _ => 0,
    };
    word.truncate(word.len() - cut);
}

/// Step 1b.
fn past_or_participle(word: &mut String) {
    if word.len() > 3 && word.ends_with("eed") {
        if measure(&word.as_bytes()[..word.len() - 3]) > 0 {
            word.pop();
        }
        return;
    }
    let Some(rest) = word.strip_suffix("ed").or_else(|| word.strip_suffix("ing")) else { return };
    if !has_vowel(rest.as_bytes()) {
        return;
    }
    word.truncate(rest.len());
    if replace(word, STEP_1B, |_, _| true) {
        return;
    }
    match word.as_bytes() {
        [.., one, two] if one == two && two.is_ascii() && !b"aeioulsz".contains(two) => {
            word.pop();
        }
        rest if measure(rest) == 1 && ends_short(rest) => word.push('e'),
        _ => {}
    }
}

/// Applies the first rule whose suffix the word has, if `condition` holds for
/// the rest of the word and that suffix; whether it did.
fn replace(word: &mut String, rules: &[Rule], condition: impl Fn(&[u8], &str) -> bool) -> bool {
    let bytes = word.as_bytes();
    let found = rules.iter().find(|(suffix, _)| bytes.len() > suffix.len() && bytes.ends_with(suffix.as_bytes()));
    let Some((suffix, replacement)) = found else { return false };
    let length = bytes.len() - suffix.len();
    let applies = condition(&bytes[..length], suffix);
    if applies {
        word.truncate(length);
        word.push_str(replacement);
    }
    applies
}

/// For every letter whether it is a vowel. A `y` is one after a consonant.
fn vowels(word: &[u8]) -> impl Iterator<Item = bool> {
    let mut after_consonant = false;
    word.iter().map(move |letter| {
        let vowel = matches!(letter, b'a' | b'e' | b'i' | b'o' | b'u') || (*letter == b'y' && after_consonant);
        after_consonant = !vowel;
        vowel
    })
}

/// Porter's m: how many times a consonant follows a vowel.
fn measure(word: &[u8]) -> usize {
    let mut after_vowel = false;
    vowels(word)
        .filter(|vowel| {
            let sequence = after_vowel && !vowel;
            after_vowel = *vowel;
            sequence
        })
        .count()
}

/// Porter's *v*.
fn has_vowel(word: &[u8]) -> bool {
    word.iter()
        .enumerate()
        .any(|(i, letter)| matches!(letter, b'a' | b'e' | b'i' | b'o' | b'u') || (i > 0 && *letter == b'y'))
}

/// Porter's *o: ends consonant, vowel, consonant, the last none of w, x and y.
fn ends_short(word: &[u8]) -> bool {
    let mut last = [false; 3];
    for vowel in vowels(word) {
        last = [last[1], last[2], vowel];
    }
    word.len() >= 3 && last == [false, true, false] && !matches!(word.last(), Some(b'w' | b'x' | b'y'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rusqlite::Connection;

    fn stemmed(word: &str) -> String {
        let mut word = word.to_owned();
        stem(&mut word);
        word
    }

    /// What FTS5 makes of each of the words, asked of FTS5.
    fn by_fts5(words: &[String]) -> Vec<String> {
        let db = Connection::open_in_memory().expect("opens");
        db.execute_batch(
            "create virtual table t using fts5 (text, tokenize = 'porter ascii');
             create virtual table v using fts5vocab (t, instance);
             begin;",
        )
        .expect("is set up");
        let mut insert = db.prepare("insert into t (rowid, text) values (?1, ?2)").expect("prepares");
        for (row, word) in (0_i64..).zip(words) {
            insert.execute((row, word)).expect("inserts");
        }
        let mut select = db.prepare("select term from v order by doc").expect("prepares");
        let terms = select.query_map((), |row| row.get(0)).expect("selects");
        terms.collect::<rusqlite::Result<_>>().expect("is text")
    }

    #[track_caller]
    fn assert_as_fts5(words: &[String]) {
        let expected = by_fts5(words);
        assert_eq!(expected.len(), words.len());
        for (word, expected) in words.iter().zip(expected) {
            assert_eq!(stemmed(word), expected, "of {word:?}");
        }
    }

    #[test]
    fn words_of_one_family_share_a_stem() {
        assert_eq!(stemmed("relational"), "relat");
        assert_eq!(stemmed("hopping"), "hop");
        assert_eq!(stemmed("hoping"), "hope");
        assert_eq!(stemmed("ponies"), "poni");
        assert_eq!(stemmed("oscillators"), stemmed("oscillate"));
    }

    #[test]
    fn all_suffixes_on_all_sorts_of_stems_are_as_fts5_makes_them() {
        let beginnings = [
            "", "a", "e", "y", "b", "bl", "st", "tr", "ay", "ya", "by", "yy", "oe", "tax", "bow", "fil", "hopp",
            "hiss", "fizz", "fall", "tann", "at", "iz", "agr", "syz", "conflat", "troubl", "adopt", "relat", "opera",
            "formal", "controll", "caresse", "z9", "9", "ж", "é", "aé", "éa", "日",
        ];
        let more =
            ["s", "es", "ies", "sses", "ss", "eed", "ed", "ing", "y", "e", "l", "ll", "le", "ed", "ings", "edly"];
        let suffixes: Vec<&str> = [STEP_2, STEP_3, STEP_4, STEP_1B]
            .iter()
            .flat_map(|rules| rules.iter().map(|rule| rule.0))
            .chain(more)
            .collect();
        let mut words = Vec::new();
        for beginning in beginnings {
            for suffix in &suffixes {
                words.push(format!("{beginning}{suffix}"));
                words.extend(suffixes.iter().map(|second| format!("{beginning}{suffix}{second}")));
            }
        }
        assert_as_fts5(&words);
    }

    #[test]
    fn length_is_counted_in_bytes_with_the_limits_of_fts5() {
        let words: Vec<String> = (1..70)
            .flat_map(|n| ["ing", "ed", "s"].map(|suffix| format!("{}{suffix}", "o".repeat(n))))
            .chain((1..40).map(|n| format!("{}ing", "ж".repeat(n))))
            .collect();
        assert_as_fts5(&words);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn any_words_are_as_fts5_makes_them(
            letters in prop::collection::vec("[a-z]{1,14}", 200),
            few in prop::collection::vec("[aeiyoustlnd]{1,10}", 400),
            other in prop::collection::vec("[a-z0-9à-ÿа-я]{1,20}(ed|ing|s|ational|y|e)", 200),
        ) {
            for words in [letters, few, other] {
                assert_as_fts5(&words);
            }
        }
    }
}
