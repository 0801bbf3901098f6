//! Where sentences end.
//!
//! By rules of thumb over bytes, because what is imported has gigabytes: the
//! segmentation of Unicode (UAX #29) was measured to be ten times slower than
//! all of the chunking, and it takes neither lines of code nor abbreviations into
//! account. A border that is missed or too many only makes a cut less neat.
//!
//! - A line ends a sentence, unless the next goes on in lower case.
//! - `.`, `!`, `?` and `…`, with whatever closes after them, end one before white
//!   space, unless what follows is in lower case, or the dot belongs to an
//!   abbreviation, an initial or the number of a list.
//! - `。`, `！`, `？`, the danda and the Arabic question mark always end one.

use std::ops::Range;

use crate::history::tokens;

/// Words that a dot does not end a sentence after.
const ABBREVIATIONS: &[&str] = &[
    "Dr", "Mr", "Mrs", "Ms", "Nr", "Prof", "St", "approx", "bzw", "ca", "cf", "e.g", "eg", "etc", "i.e", "ie", "vs",
    "z.B",
];
/// The longest of them and a character more, in bytes.
const LONGEST: usize = 8;

/// The sentences of a text in order, each with the white space after it, so that
/// together they are the text.
pub fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (sentence, after) = rest.split_at(end(rest));
        rest = after;
        Some(sentence)
    })
}

/// Calls `out` with the place of each sentence in a text, and what it costs in
/// [`tokens::parts`]. A sentence that costs more than `most`, which is that of a
/// character at least, is cut after white space or, where there is none near, anywhere. What
/// is blank is left out.
pub fn pieces(text: &str, most: usize, mut out: impl FnMut(Range<usize>, usize)) {
    let mut start = 0;
    for mut rest in sentences(text) {
        while !rest.is_empty() {
            // Not the cost of all that is left, or a long text without borders would be counted again for each piece.
            let fits = tokens::fit(rest, most);
            let length = if fits < rest.len() { cut(rest, fits) } else { fits };
            let parts = tokens::parts(&rest[..length]);
            if !rest[..length].trim_start().is_empty() {
                out(start..start + length, parts);
            }
            start += length;
            rest = &rest[length..];
        }
    }
}

/// Where to cut a text of which `longest` bytes fit: after white space if there is
/// some in the second half of them. Never at 0.
fn cut(text: &str, longest: usize) -> usize {
    let longest = longest.max(text.chars().next().map_or(0, char::len_utf8));
    let half = text.floor_char_boundary(longest / 2);
    let last = text[half..longest].char_indices().rfind(|(_, c)| c.is_whitespace());
    last.map_or(longest, |(at, c)| half + at + c.len_utf8())
}

/// Where the first sentence ends, with the white space after it.
fn end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(skipped) = bytes[at..].iter().position(|byte| MAY_END[usize::from(*byte)]) {
        at += skipped;
        let rest = &bytes[at..];
        let (length, needs_space) = match rest {
            [b'\n', ..] => {
                let after = white_space(text, at);
                if at > 0 && !goes_on(&bytes[..at], &bytes[after..], after - at) {
                    return after;
                }
                at = after;
                continue;
            }
            [b'.' | b'!' | b'?', ..] => (1, true),
            [0xe2, 0x80, 0xa6, ..] => (3, true),
            [0xd8, 0x9f, ..] => (2, false),
            [0xe0, 0xa5, 0xa4, ..] | [0xe3, 0x80, 0x82, ..] | [0xef, 0xbc, 0x81 | 0x9f, ..] => (3, false),
            _ => (0, false),
        };
        if length == 0 {
            at += 1;
            continue;
        }
        let closed = at + length + closing(&text[at + length..]);
        let after = white_space(text, closed);
        let is_end = if needs_space {
            (after > closed || closed == bytes.len())
                && !text[after..].starts_with(char::is_lowercase)
                && !(bytes[at] == b'.' && is_abbreviated(&bytes[..at]))
        } else {
            true
        };
        if is_end {
            return after;
        }
        at = closed;
    }
    bytes.len()
}

/// Whether a byte can be the first of what ends a sentence.
const MAY_END: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = [b'\n', b'.', b'!', b'?', 0xd8, 0xe0, 0xe2, 0xe3, 0xef];
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
};

/// The end of the white space at `from`.
fn white_space(text: &str, from: usize) -> usize {
    text.len() - text[from..].trim_start().len()
}

/// The length of the marks at the start that close a sentence together with its end.
fn closing(text: &str) -> usize {
    let is_closing = |c: char| {
        matches!(
            c,
            '.' | '!'
                | '?'
                | '"'
                | '\''
                | ')'
                | ']'
                | '*'
                | '_'
                | '”'
                | '’'
                | '»'
                | '」'
                | '』'
                | '）'
                | '！'
                | '？'
                | '。'
                | '…'
        )
    };
    text.len() - text.trim_start_matches(is_closing).len()
}

/// Whether a line that ends with `before` goes on with `after`.
fn goes_on(before: &[u8], after: &[u8], break_length: usize) -> bool {
    let breaks_off = before.last().is_some_and(|byte| byte.is_ascii_lowercase() || *byte == b',');
    break_length == 1 && breaks_off && after.first().is_some_and(u8::is_ascii_lowercase)
}

/// Whether the dot after these bytes belongs to the word before it.
fn is_abbreviated(before: &[u8]) -> bool {
    let part = &before[before.len().saturating_sub(LONGEST)..];
    let from = part.iter().rposition(|byte| byte.is_ascii_whitespace() || *byte == b'(').map_or(0, |at| at + 1);
    let word = &part[from..];
    let begins_line = word.len() == before.len() || (from > 0 && part[from - 1] == b'\n');
    match word {
        [initial] if initial.is_ascii_uppercase() && *initial != b'I' => true,
        [b'0'..=b'9'] | [b'0'..=b'9', b'0'..=b'9'] => begins_line,
        _ => ABBREVIATIONS.iter().any(|known| known.as_bytes() == word),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(text: &str) -> Vec<&str> {
        sentences(text).map(str::trim_end).collect()
    }

    #[test]
    fn sentences_end_where_a_reader_would_end_them() {
        assert_eq!(split("Yes. It is 3.14! Is it? \"Sure.\" Ok"), ["Yes.", "It is 3.14!", "Is it?", "\"Sure.\"", "Ok"]);
        assert_eq!(
            split("See www.example.org... or not. **Done.** Next"),
            ["See www.example.org... or not.", "**Done.**", "Next"]
        );
        assert_eq!(split("是的。真的吗？「好。」再见"), ["是的。", "真的吗？", "「好。」", "再见"]);
        assert_eq!(split("हाँ। नहीं। هل هذا؟ نعم"), ["हाँ।", "नहीं।", "هل هذا؟", "نعم"]);
    }

    #[test]
    fn abbreviations_initials_and_list_numbers_end_nothing() {
        for whole in ["Ask Dr. Smith.", "J. R. R. Tolkien", "Use e.g. Rust.", "1. First", "It was ca. 30 m, z.B. Holz"]
        {
            assert_eq!(split(whole), [whole]);
        }
        assert_eq!(split("So do I. You?"), ["So do I.", "You?"]);
        assert_eq!(split("There were 10. Then"), ["There were 10.", "Then"]);
        assert_eq!(split("Buy:\n1. Milk\n12. Eggs"), ["Buy:", "1. Milk", "12. Eggs"]);
    }

    #[test]
    fn lines_are_sentences_unless_they_go_on() {
        assert_eq!(
            split("a list\n- one\n- two\n\n\nlet x = 1;\nlet y"),
            ["a list", "- one", "- two", "let x = 1;", "let y"]
        );
        assert_eq!(split("wrapped at\nsome width, and\nso on"), ["wrapped at\nsome width, and\nso on"]);
        assert_eq!(split("\n\n"), [""]);
    }

    /// Otherwise it would not come to an end before the tests are stopped.
    #[test]
    fn a_long_text_without_borders_is_read_once() {
        let text = "a".repeat(8 << 20);
        let mut end = 0;
        pieces(&text, 4_000, |range, parts| {
            assert!(range.start == end && parts <= 4_000);
            end = range.end;
        });
        assert_eq!(end, text.len());
    }

    proptest! {
        #[test]
        fn sentences_are_the_text(text in "[a-zA-Z0-9 .!?\n\"。é]{0,80}|\\PC{0,40}") {
            prop_assert_eq!(sentences(&text).collect::<String>(), text.clone());
            prop_assert!(sentences(&text).all(|sentence| !sentence.is_empty()));
        }
    }
}
