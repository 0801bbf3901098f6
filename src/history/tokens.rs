//! How many tokens a text has.
//!
//! Every language model counts its own way, so this is a count of our own: close
//! to that of `o200k_base`, which much in use counts by, and the same for ever.
//! Each byte has a price by its kind and the kind of the byte before; a token is
//! [`PARTS`] of it. The prices are a least-squares fit to `o200k_base` over
//! dialogue, Markdown, Rust, JSON, base64 and interface texts in 20 languages. Over
//! pieces of 600 bytes the count is off by 6% at the median and by 20% at the 95th
//! percentile. Summed up, English, JSON and Rust are within 6%; of the languages
//! Polish is lowest (-18%) and Greek highest (+23%).
//!
//! A text that ends with a line break adds up: the count of what follows it does
//! not depend on it.

/// Parts that make a token.
pub const PARTS: usize = 32;

/// How many tokens the text has.
#[must_use]
pub fn count(text: &str) -> usize {
    parts(text).div_ceil(PARTS)
}

/// The same in parts of a token.
#[must_use]
pub fn parts(text: &str) -> usize {
    let mut before = Kind::Newline as usize;
    let mut sum = 0;
    for byte in text.bytes() {
        let kind = usize::from(KINDS[usize::from(byte)]);
        sum += usize::from(PRICES[before][kind]);
        before = kind;
    }
    sum
}

/// The length of the longest beginning that has at most this many parts.
#[must_use]
pub fn fit(text: &str, most: usize) -> usize {
    let mut before = Kind::Newline as usize;
    let mut left = most;
    for (at, byte) in text.bytes().enumerate() {
        let kind = usize::from(KINDS[usize::from(byte)]);
        match left.checked_sub(usize::from(PRICES[before][kind])) {
            Some(rest) => left = rest,
            None => return text.floor_char_boundary(at),
        }
        before = kind;
    }
    text.len()
}

/// What a byte of UTF-8 is to the count. A first byte tells the script.
#[derive(Clone, Copy)]
enum Kind {
    Newline,
    Space,
    Lower,
    Upper,
    Digit,
    Punctuation,
    /// A byte that is not a character's first.
    Within,
    /// Latin with diacritics, Greek.
    Accented,
    /// Cyrillic to U+047F.
    Cyrillic,
    /// Hebrew, Arabic, Armenian.
    Semitic,
    /// India, South-East Asia, Georgia, Vietnam.
    Southern,
    /// Dashes, quotation marks, arrows.
    Symbol,
    Kana,
    Han,
    Hangul,
    Wide,
    /// Emoji and rare scripts.
    Astral,
}

const COUNT: usize = Kind::Astral as usize + 1;

#[expect(clippy::cast_possible_truncation, reason = "there are fewer than 256 kinds")]
const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b'\n' | b'\r' => Kind::Newline,
            b' ' | b'\t' => Kind::Space,
            b'a'..=b'z' => Kind::Lower,
            b'A'..=b'Z' => Kind::Upper,
            b'0'..=b'9' => Kind::Digit,
            0..=0x7f => Kind::Punctuation,
            0x80..=0xbf => Kind::Within,
            0xc0..=0xcf => Kind::Accented,
            0xd0..=0xd1 => Kind::Cyrillic,
            0xd2..=0xdf => Kind::Semitic,
            0xe0..=0xe1 => Kind::Southern,
            0xe2 => Kind::Symbol,
            0xe3 => Kind::Kana,
            0xe4..=0xe9 => Kind::Han,
            0xea..=0xed => Kind::Hangul,
            0xee..=0xef => Kind::Wide,
            0xf0..=0xff => Kind::Astral,
        } as u8;
        byte += 1;
    }
    kinds
};

/// What a byte costs, by the kind before it and its own.
const PRICES: [[u8; COUNT]; COUNT] = {
    let mut prices = [[0; COUNT]; COUNT];
    let mut before = 0;
    while before < COUNT {
        let is_letter =
            before == Kind::Lower as usize || before == Kind::Upper as usize || before == Kind::Within as usize;
        let of = &mut prices[before];
        // Long runs of spaces cost nearly nothing, but no run is free.
        of[Kind::Newline as usize] = if before == Kind::Newline as usize { 1 } else { 48 };
        of[Kind::Space as usize] = if before == Kind::Space as usize { 1 } else { 0 };
        of[Kind::Lower as usize] = if is_letter { 4 } else { 19 };
        of[Kind::Upper as usize] = if before == Kind::Upper as usize { 16 } else { 25 };
        of[Kind::Digit as usize] = if before == Kind::Digit as usize { 6 } else { 46 };
        of[Kind::Punctuation as usize] = if before == Kind::Punctuation as usize { 10 } else { 16 };
        of[Kind::Accented as usize] = if is_letter { 19 } else { 8 };
        of[Kind::Cyrillic as usize] = if is_letter { 8 } else { 19 };
        of[Kind::Semitic as usize] = if is_letter { 11 } else { 13 };
        of[Kind::Southern as usize] = 12;
        of[Kind::Symbol as usize] = 34;
        of[Kind::Kana as usize] = 19;
        of[Kind::Han as usize] = 19;
        of[Kind::Hangul as usize] = 20;
        of[Kind::Wide as usize] = 23;
        of[Kind::Astral as usize] = 96;
        before += 1;
    }
    prices
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_are_near_those_of_a_tokenizer() {
        // With what o200k_base says.
        let texts = [
            ("We decided to keep the old database until the new one has been tested.", 15),
            ("Der Umzug ist am ersten März, und die neue Wohnung liegt im dritten Stock.", 17),
            ("我们决定在三月搬家。", 8),
            ("fn main() { let total: u64 = values.iter().sum(); println!(\"{total}\"); }", 21),
            ("The invoice of 2026-03-04 is over 1,250.00 EUR, see https://example.org/a/b?c=d", 30),
        ];
        for (text, real) in texts {
            assert!(count(text).abs_diff(real) <= real / 4, "{text}: {} and {real}", count(text));
        }
        assert_eq!(count(""), 0);
        assert_eq!(count("a"), 1);
    }

    proptest! {
        #[test]
        fn what_follows_a_line_break_adds_up(a in any::<String>(), b in any::<String>()) {
            prop_assert_eq!(parts(&format!("{a}\n{b}")), parts(&format!("{a}\n")) + parts(&b));
        }

        #[test]
        fn what_fits_is_the_longest_that_does(text in any::<String>(), most in 0_usize..2_000) {
            let end = fit(&text, most);
            prop_assert!(parts(&text[..end]) <= most);
            if let Some(next) = text[end..].chars().next() {
                prop_assert!(parts(&text[..end + next.len_utf8()]) > most);
            }
        }
    }
}
