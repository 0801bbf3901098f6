//! The terms of a text: what lexical search looks for and what it is looked for
//! by.
//!
//! A text becomes tokens, and each token, stemmed by [`porter`], a term. A text
//! of ASCII only is split and folded as FTS5's `ascii` tokenizer does it, so
//! that FTS5 can be given the text itself. Any other text is folded and split
//! here, and FTS5 is given the result ([`words`]): to its `ascii` tokenizer
//! whatever is not ASCII is a letter. Either way the index on `SQLite`, the one
//! on `PostgreSQL` and the one in memory have the same terms.
//!
//! Folding is NFKC and lower case, and then:
//! - Latin and Greek lose their diacritics, and letters like ß, æ, ø and ł
//!   become the plain ones they are written with; ς becomes σ.
//! - Cyrillic keeps й, ї, ў, which are letters of their own; ё becomes е, and
//!   stress marks go.
//! - Hebrew and Arabic lose their points. Arabic's alef has one form, as have the
//!   yeh and the kaf of Arabic and Persian, and teh marbuta is heh; tatweel goes.
//! - Scripts of India and South-East Asia keep their marks but the nukta, which
//!   many leave out. Candrabindu becomes anusvara in Devanagari.
//! - Digits of all scripts become ASCII digits.
//! - Invisible characters go. The zero-width space, and in Arabic the non-joiner,
//!   separate.
//!
//! Whatever is neither a letter, a digit nor a pictograph separates, an
//! apostrophe in all its forms included. Scripts that are written without spaces
//! have no words to be found without a dictionary. Their runs become overlapping
//! pairs of characters, so that a part of a run finds it:
//! - Han: pairs and single characters, as many words have one character only. It
//!   doubles the terms of a Chinese text, whose facts are about 20 characters long.
//! - Hangul and Hiragana: pairs, and the first of each run, as what follows it is
//!   often a particle or an ending.
//! - Katakana, Thai, Lao, Khmer and Myanmar, a consonant and its marks being one
//!   character: pairs.
//! - A run of one character is a term, and so is every pictograph.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, decompose_canonical, is_combining_mark};

use super::porter;

/// Longer tokens, in bytes, are cut: `FTS5_MAX_TOKEN_SIZE`.
const LONGEST: usize = 32_768;
/// From here on a character has three bytes or more in UTF-8.
const THREE_BYTES: char = '\u{800}';

/// What the full-text index of `SQLite` is given instead of the text: its
/// tokens, not stemmed, a space between them. `None` where it can be given the
/// text as it is.
#[must_use]
pub fn words(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let mut words = String::with_capacity(text.len());
    tokens(text, |token| {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(token);
    });
    Some(words)
}

/// Calls `out` with each token of a text in order, folded and not stemmed. A
/// query to FTS5 needs them like this, since FTS5 stems them.
pub fn tokens(text: &str, mut out: impl FnMut(&str)) {
    each(text, &mut |token| out(token));
}

/// Calls `out` with each term of a text in order: its tokens, stemmed.
pub fn terms(text: &str, mut out: impl FnMut(&str)) {
    each(text, &mut |token| {
        porter::stem(token);
        out(token);
    });
}

/// Whether a token is a word as it is written, and not a part of a run of
/// characters without spaces, or a pictograph.
#[must_use]
pub fn is_whole_word(token: &str) -> bool {
    token.chars().next().is_some_and(|c| Script::of(c, Script::Separator).has_spaces())
}

/// Calls `out` with each token; it may change it.
fn each(text: &str, out: &mut impl FnMut(&mut String)) {
    let mut token = String::new();
    let mut give = |word: &str| {
        token.clear();
        token.push_str(&word[..word.floor_char_boundary(LONGEST)]);
        token.make_ascii_lowercase();
        out(&mut token);
    };
    if text.is_ascii() {
        text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).for_each(give);
    } else {
        let folded = fold(text);
        split(&folded, &mut |range| give(&folded[range]));
    }
}

/// Calls `out` with each token of a text in order, folded and not stemmed, and
/// where in the text it is, in bytes. Tokens of one run overlap.
pub fn places(text: &str, mut out: impl FnMut(Range<usize>, &str)) {
    let mut folded = String::with_capacity(text.len());
    // Where each character with its marks begins, folded and as written.
    let mut starts: Vec<(usize, usize)> = Vec::new();
    let (mut base, mut is_after_arabic) = (' ', false);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let at = text.len() - rest.len();
        let (mut run, after) = rest.split_at(end_of_first(rest));
        rest = after;
        starts.push((folded.len(), at));
        if first.is_ascii() {
            base = if first.is_ascii_alphanumeric() { first.to_ascii_lowercase() } else { ' ' };
            folded.push(base);
            is_after_arabic = false;
            run = &run[1..];
        }
        base = fold_run(run, base, &mut is_after_arabic, &mut folded);
    }
    split(&folded, &mut |range: Range<usize>| {
        let start = starts.partition_point(|(folded, _)| *folded <= range.start);
        let end = starts.partition_point(|(folded, _)| *folded < range.end);
        let start = start.checked_sub(1).map_or(0, |start| starts[start].1);
        let end = starts.get(end).map_or(text.len(), |(_, at)| *at);
        let token = &folded[range];
        out(start..end, &token[..token.floor_char_boundary(LONGEST)]);
    });
}

/// Where the first character of a text ends, in bytes, with what normalisation
/// may make one character of with it. Invisible characters between them do not
/// keep them apart; many of those are taken as one, lest each be looked at for
/// each before it.
fn end_of_first(text: &str) -> usize {
    let starts_invisible = text.starts_with(is_invisible);
    let mut end = 0;
    for (at, c) in text.char_indices() {
        let is_invisible = is_invisible(c);
        if at == 0 || is_combining_mark(c) || is_second_part(c) || (starts_invisible && is_invisible) {
            end = at + c.len_utf8();
        } else if !is_invisible {
            break;
        }
    }
    end
}

/// Whether normalisation may make one character of this and the one before it,
/// though it is no mark: vowels and final consonants of Korean syllables, vowels
/// of Kirat Rai, and the narrow sound marks of Katakana.
fn is_second_part(c: char) -> bool {
    matches!(
        c,
        '\u{1160}'..='\u{11ff}'
            | '\u{3131}'..='\u{318e}'
            | '\u{d7b0}'..='\u{d7ff}'
            | '\u{ff9e}'..='\u{ffdc}'
            | '\u{16d63}'..='\u{16d6a}'
    )
}

/// The text in one form: letters and digits folded, marks that matter after
/// them, and a space for everything that separates.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut base = ' ';
    let mut rest = text;
    // Normalisation is slow, and does nothing to ASCII but to compose it with marks, which go after ASCII.
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c: char| c.is_ascii() != first.is_ascii()).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        if first.is_ascii() {
            let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' };
            folded.extend(run.chars().map(plain));
            base = folded.chars().next_back().unwrap_or(' ');
        } else {
            base = fold_run(run, base, &mut false, &mut folded);
        }
        rest = after;
    }
    folded
}

/// Folds text without ASCII after the letter `base`, which may be Arabic; the last letter.
fn fold_run(run: &str, mut base: char, arabic: &mut bool, folded: &mut String) -> char {
    let visible = run.chars().filter_map(|c| {
        let after_arabic = *arabic;
        if !is_combining_mark(c) {
            *arabic = is_arabic(c);
        }
        match c {
            '\u{200c}' if after_arabic => Some(' '),
            c if is_invisible(c) => None,
            // Before normalisation, which would make letters of ™ and ℃.
            c if is_token(c) => Some(c),
            _ => Some(' '),
        }
    });
    for c in visible.nfkc().flat_map(char::to_lowercase) {
        match c {
            // Of a composed character, such as a vowel point on a tatweel.
            c if is_invisible(c) => {}
            c if is_combining_mark(c) && !takes_marks(base, c) => {}
            '\u{901}' => folded.push('\u{902}'),
            c if is_combining_mark(c) => folded.push(c),
            c if is_token(c) => base = push_letter(c, folded),
            _ => {
                folded.push(' ');
                base = ' ';
            }
        }
    }
    base
}

/// Whether a character is part of a token, if not by itself.
fn is_token(c: char) -> bool {
    match c {
        '\u{2bb}'..='\u{2bd}' => false,  // Apostrophes, though Unicode has them as letters.
        '\u{2e80}'..='\u{2fdf}' => true, // Radicals, though Unicode has them as symbols.
        _ => c.is_alphanumeric() || is_pictograph(c) || is_combining_mark(c),
    }
}

/// Emoji and the older symbols that are used as such, without what only makes
/// variants of them.
fn is_pictograph(c: char) -> bool {
    matches!(c, '\u{2600}'..='\u{27bf}' | '\u{1f300}'..='\u{1f3fa}' | '\u{1f400}'..='\u{1faff}')
}

/// Characters without a look or a sound of their own: variation selectors,
/// joiners, directions, the soft hyphen, tatweel, the colours of skin.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{640}' | '\u{180b}'..='\u{180f}' | '\u{200c}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0000}'..='\u{e01ef}'
    )
}

fn is_arabic(c: char) -> bool {
    matches!(c, '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{8a0}'..='\u{8ff}' | '\u{fb50}'..='\u{fdff}')
}

/// Whether a mark matters after this letter: where it is no mere diacritic.
fn takes_marks(base: char, mark: char) -> bool {
    const NUKTA: u8 = 7;
    match base {
        // Up to Syriac, marks are accents and vowel points.
        ..'\u{780}' => false,
        // A mark of three bytes does not belong to Thaana and its neighbours.
        '\u{780}'..THREE_BYTES => mark < THREE_BYTES,
        '\u{8a0}'..='\u{8ff}'
        | '\u{1d00}'..='\u{1fff}'
        | '\u{2c60}'..='\u{2c7f}'
        | '\u{a640}'..='\u{a69f}'
        | '\u{a720}'..='\u{a7ff}'
        | '\u{ab30}'..='\u{ab6f}' => false,
        _ => !is_pictograph(base) && canonical_combining_class(mark) != NUKTA,
    }
}

/// Adds a letter in its plain form; the letter that marks after it belong to.
fn push_letter(c: char, folded: &mut String) -> char {
    let plain = match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'þ' => "th",
        'ł' => "l",
        'ħ' => "h",
        'ŧ' => "t",
        'ı' => "i",
        'ς' => "σ",
        'ё' | 'ѐ' => "е",
        'ѝ' => "и",
        'آ' | 'أ' | 'إ' | 'ٱ' => "ا",
        'ى' | 'ی' => "ي",
        'ک' => "ك",
        'ة' => "ه",
        _ => "",
    };
    if !plain.is_empty() {
        folded.push_str(plain);
    } else if matches!(c, '\u{c0}'..='\u{3ff}' | '\u{1e00}'..='\u{1fff}') {
        decompose_canonical(c, |part| {
            if !is_combining_mark(part) {
                folded.push(part);
            }
        });
    } else {
        folded.push(ascii_digit(c));
    }
    folded.chars().next_back().unwrap_or(' ')
}

/// A decimal digit as the ASCII digit, another character as it is.
fn ascii_digit(c: char) -> char {
    /// The zeros of `DerivedNumericType.txt` of Unicode 17, those of scripts in
    /// daily use; the other nine digits follow each.
    const ZEROS: [u32; 23] = [
        0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0, 0xf20,
        0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x1a80, 0xa9d0,
    ];
    let code = u32::from(c);
    let zeros_before = ZEROS.partition_point(|zero| *zero <= code);
    let value = zeros_before.checked_sub(1).map(|zero| code - ZEROS[zero]);
    value.and_then(|value| char::from_digit(value, 10)).unwrap_or(c)
}

/// How the characters of a run become tokens. Runs of different kinds do not
/// share a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Separator,
    /// Written with spaces, a character having at most two bytes in UTF-8.
    Short,
    /// Written with spaces, a character having three bytes or more. Apart from
    /// [`Script::Short`], as the stemmer may halve such a character before `ed`.
    Long,
    Han,
    Hangul,
    Hiragana,
    Katakana,
    Thai,
    Lao,
    Khmer,
    Myanmar,
    Pictograph,
}

impl Script {
    /// The script of a folded character that is no mark, after a character of
    /// `before`. The ranges are of `Scripts.txt` of Unicode 17, blocks taken whole.
    fn of(c: char, before: Self) -> Self {
        match c {
            ' ' => Self::Separator,
            ..THREE_BYTES => Self::Short,
            'ー' if before == Self::Hiragana => before,
            '\u{e00}'..='\u{e7f}' => Self::Thai,
            '\u{e80}'..='\u{eff}' => Self::Lao,
            '\u{1780}'..='\u{17ff}' => Self::Khmer,
            '\u{1000}'..='\u{109f}' | '\u{a9e0}'..='\u{a9ff}' | '\u{aa60}'..='\u{aa7f}' => Self::Myanmar,
            '\u{3041}'..='\u{309f}' => Self::Hiragana,
            '\u{30a0}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' => Self::Katakana,
            '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}' => Self::Hangul,
            '\u{2e80}'..='\u{2fdf}'
            | '\u{3005}'..='\u{3007}'
            | '\u{3021}'..='\u{3029}'
            | '\u{3038}'..='\u{303b}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{3ffff}' => Self::Han,
            c if is_pictograph(c) => Self::Pictograph,
            _ => Self::Long,
        }
    }

    /// Whether a run is one word.
    fn has_spaces(self) -> bool {
        matches!(self, Self::Short | Self::Long)
    }

    /// Whether the character at `place` of a run of `length` is a token.
    fn has_single(self, place: usize, length: usize) -> bool {
        match self {
            Self::Han | Self::Pictograph => true,
            Self::Hangul | Self::Hiragana => place == 0,
            _ => length == 1,
        }
    }

    fn has_pairs(self) -> bool {
        self != Self::Pictograph
    }
}

/// Splits folded text; where its tokens are.
fn split(folded: &str, out: &mut impl FnMut(Range<usize>)) {
    let mut script = Script::Separator;
    // Where the run and each of its characters begin; marks belong to the one before.
    let mut starts: Vec<usize> = Vec::new();
    for (at, c) in folded.char_indices() {
        if !c.is_ascii() && is_combining_mark(c) && script != Script::Separator {
            continue;
        }
        let next = Script::of(c, script);
        if next != script {
            end_run(script, &starts, at, out);
            starts.clear();
            script = next;
        }
        if starts.is_empty() || !script.has_spaces() {
            starts.push(at);
        }
    }
    end_run(script, &starts, folded.len(), out);
}

/// Gives the tokens of a run that ends before `end`.
fn end_run(script: Script, starts: &[usize], end: usize, out: &mut impl FnMut(Range<usize>)) {
    if script == Script::Separator {
        return;
    }
    for (place, start) in starts.iter().enumerate() {
        let start_of = |place: usize| starts.get(place).copied().unwrap_or(end);
        if script.has_single(place, starts.len()) {
            out(*start..start_of(place + 1));
        }
        if script.has_pairs() && place + 1 < starts.len() {
            out(*start..start_of(place + 2));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rusqlite::Connection;

    fn tokens_of(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        tokens(text, |token| found.push(token.to_owned()));
        found
    }

    fn terms_of(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        terms(text, |term| found.push(term.to_owned()));
        found
    }

    /// The tokens of a text as they are written in it.
    fn written(text: &str) -> Vec<(String, &str)> {
        let mut found = Vec::new();
        places(text, |range, token| found.push((token.to_owned(), &text[range])));
        found
    }

    #[test]
    fn tokens_are_told_where_they_are_written() {
        let found = |text| written(text).into_iter().map(|(_, written)| written).collect::<Vec<_>>();
        assert_eq!(found("It's “Café”, de\u{301}jà — ok"), ["It", "s", "Café", "de\u{301}jà", "ok"]);
        assert_eq!(found("Straße №5 ﬁle"), ["Straße", "5", "ﬁle"]);
        assert_eq!(found("在北京, x"), ["在", "在北", "北", "北京", "京", "x"]);
        assert_eq!(found("ｶﾞｽ"), ["ｶﾞｽ"]);
        assert_eq!(found("ｶ\u{200c}ﾞｽ\u{200d}"), ["ｶ\u{200c}ﾞｽ"]);
        assert_eq!(found("می\u{200c}روم"), ["می", "روم"]);
        assert_eq!(found(""), [""; 0]);
    }

    #[test]
    fn whatever_normalisation_joins_to_the_character_before_is_known() {
        let mut joined = std::collections::HashSet::new();
        for c in '\0'..=char::MAX {
            let mut parts = Vec::new();
            decompose_canonical(c, |part| parts.push(part));
            joined.extend(parts.into_iter().skip(1));
        }
        for c in '\0'..=char::MAX {
            let first = std::iter::once(c).nfkd().next().unwrap();
            if joined.contains(&first) || canonical_combining_class(first) != 0 {
                assert!(is_combining_mark(c) || is_second_part(c), "{c:?} U+{:X}", u32::from(c));
            }
        }
    }

    proptest! {
        #[test]
        fn tokens_with_places_are_the_tokens(text in any::<String>()) {
            let found: Vec<String> = written(&text).into_iter().map(|(token, _)| token).collect();
            prop_assert_eq!(found, tokens_of(&text));
        }

        #[test]
        fn tokens_with_places_are_the_tokens_in_mixed_scripts(
            text in "([a-zA-Z0-9 ,.é\u{301}ßﬁ№\u{627}-\u{64a}\u{200c}\u{200d}東京한국어\u{1100}-\u{11ff}ㄱㅏㄳガｶﾞไทยก\u{93f}क\u{94d}😀\u{fe0f}]){0,24}",
        ) {
            let found: Vec<String> = written(&text).into_iter().map(|(token, _)| token).collect();
            prop_assert_eq!(found, tokens_of(&text));
        }
    }

    /// Whether each term of the query is one of the text.
    #[track_caller]
    fn assert_finds(query: &str, text: &str) {
        let (wanted, there) = (terms_of(query), terms_of(text));
        assert!(!wanted.is_empty(), "{query:?} has no term");
        assert!(wanted.iter().all(|term| there.contains(term)), "{wanted:?} of {query:?} in {there:?}");
    }

    #[track_caller]
    fn assert_apart(query: &str, text: &str) {
        let there = terms_of(text);
        assert!(!terms_of(query).iter().any(|term| there.contains(term)), "{query:?} in {there:?}");
    }

    /// Looks for a text in all its normal forms and cases.
    #[track_caller]
    fn assert_finds_in_all_forms(query: &str, text: &str) {
        for query in [query.to_owned(), query.to_uppercase(), query.to_lowercase()] {
            assert_finds(&query, text);
            assert_finds(&query.nfc().collect::<String>(), text);
            assert_finds(&query.nfd().collect::<String>(), text);
            assert_finds(&query.nfkd().collect::<String>(), text);
            assert_finds(&query, &text.nfd().collect::<String>());
        }
    }

    #[test]
    fn ascii_is_split_as_by_fts5() {
        assert_eq!(tokens_of("It's Room_7B, e-mail: a@b.c"), ["it", "s", "room", "7b", "e", "mail", "a", "b", "c"]);
        assert_eq!(words("plain text"), None);
        assert_eq!(terms_of("Running horses"), ["run", "hors"]);
    }

    #[test]
    fn latin_is_found_without_its_diacritics() {
        assert_eq!(tokens_of("Café Ångström"), ["cafe", "angstrom"]);
        assert_eq!(words("Naïve, naïve!").as_deref(), Some("naive naive"));
        assert_finds_in_all_forms("phở việt đậu", "Ăn Phở Việt Nam với đậu phụ");
        assert_finds_in_all_forms("Straße", "Wohnt in der Strasse 5");
        assert_finds_in_all_forms("strasse", "WOHNT IN DER STRAẞE");
        assert_finds("lodz smorrebrod aether cœur", "Łódź, Smørrebrød, æther, coeur");
        assert_finds("istanbul IĞDIR", "İstanbul, Iğdır");
        assert_finds("office ﬁle", "oﬃce file");
    }

    #[test]
    fn an_apostrophe_separates_whatever_it_looks_like() {
        for text in ["it's", "it’s é", "itʼs é", "it＇s é"] {
            assert_eq!(tokens_of(text)[..2], ["it", "s"], "{text}");
        }
    }

    #[test]
    fn greek_is_found_without_accents_and_with_either_sigma() {
        assert_finds_in_all_forms("ΘΑΛΑΣΣΑ", "Αγαπά τη θάλασσα");
        assert_finds_in_all_forms("οδοσ", "Η οδός Ερμού");
        assert_finds("ἄνθρωπος", "ο ανθρωπος");
    }

    #[test]
    fn cyrillic_keeps_its_letters_but_yo() {
        assert_finds_in_all_forms("еще чай", "Пьёт ещё чай по утрам");
        assert_finds_in_all_forms("ЧАЙ", "зелёный чай");
        assert_finds("замок", "за\u{301}мок");
        assert_apart("мои", "мой");
    }

    #[test]
    fn arabic_is_found_without_points_and_in_any_form_of_its_letters() {
        assert_finds_in_all_forms("القهوه", "يحب القَهْوَة في الصباح");
        assert_finds_in_all_forms("أحمد", "اسمه احمد");
        assert_finds("کتاب فارسی", "كتاب فارسي");
        assert_finds("مـــحمد ١٢", "محمد عمره 12");
        assert_finds("خواهم", "می\u{200c}خواهم");
    }

    #[test]
    fn hebrew_is_found_without_points() {
        assert_finds_in_all_forms("שלום", "אמר שָׁלוֹם לכולם");
        assert_finds("צה\"ל", "שירת בצבא, צה״ל");
    }

    #[test]
    fn devanagari_keeps_its_vowel_signs() {
        assert_eq!(tokens_of("हिन्दी किताब"), ["हिन्दी", "किताब"]);
        assert_finds_in_all_forms("किताब", "उसे किताब पसंद है");
        assert_finds_in_all_forms("सड़क", "यह सडक है");
        assert_finds("हां २०२४", "हाँ, 2024 में");
        assert_apart("कल", "काल");
    }

    #[test]
    fn thai_is_found_by_a_part_of_a_run() {
        assert_finds_in_all_forms("กาแฟ", "เขาชอบดื่มกาแฟดำทุกเช้า");
        assert_finds_in_all_forms("น้ำ", "ดื่มน้ำ");
        assert_apart("ชา", "กาแฟดำ");
        assert_eq!(tokens_of("น้ำดี"), ["น้ํา", "าดี"]);
    }

    #[test]
    fn lao_khmer_and_myanmar_are_found_by_a_part_of_a_run() {
        assert_finds_in_all_forms("ກາເຟ", "ຂ້ອຍມັກກາເຟຫຼາຍ");
        assert_finds_in_all_forms("កាហ្វេ", "ខ្ញុំចូលចិត្តកាហ្វេណាស់");
        assert_finds_in_all_forms("ကော်ဖီ", "သူကကော်ဖီကြိုက်တယ်");
    }

    #[test]
    fn han_is_found_by_any_part_and_by_one_character() {
        assert_finds_in_all_forms("东京塔", "她去年去过东京塔一次");
        assert_finds("猫", "我家的猫很可爱");
        assert_eq!(tokens_of("东京塔"), ["东", "东京", "京", "京塔", "塔"]);
        assert_apart("塔东", "京都");
        assert_finds("\u{2f08}", "人"); // A radical is the character.
    }

    #[test]
    fn japanese_is_split_where_the_script_changes() {
        assert_eq!(tokens_of("コーヒーを飲む"), ["コー", "ーヒ", "ヒー", "を", "飲", "む"]);
        assert_finds_in_all_forms("コーヒー", "毎朝コーヒーを飲みます。");
        assert_finds("ｺｰﾋｰ", "コーヒー");
        assert_finds_in_all_forms("ガラス", "ガラスの靴");
        assert_finds("食べ", "すしを食べました");
        assert_eq!(tokens_of("らーめん"), ["ら", "らー", "ーめ", "めん"]);
        assert_finds("２０２４ abc", "2024年、ＡＢＣ");
    }

    #[test]
    fn hangul_is_found_without_the_particle() {
        assert_finds_in_all_forms("고양이", "그녀는 고양이를 키운다");
        assert_finds_in_all_forms("집", "우리 집에 왔다");
        assert_eq!(tokens_of("고양이"), ["고", "고양", "양이"]);
    }

    #[test]
    fn pictographs_are_terms_and_other_signs_separate() {
        assert_eq!(tokens_of("🎂🍕 Kuchen™ 20℃ ❤️"), ["🎂", "🍕", "kuchen", "20", "❤"]);
        assert_finds("👍", "👍🏽");
        assert_eq!(words("— … €").as_deref(), Some(""));
    }

    #[test]
    fn scripts_do_not_share_a_token_with_letters_of_another_size() {
        assert_eq!(tokens_of("कed iPhone的 covidом"), ["क", "ed", "iphone", "的", "covidом"]);
    }

    #[test]
    fn parts_of_runs_are_not_whole_words() {
        tokens("cat кошка किताब 2024", |token| assert!(is_whole_word(token), "{token}"));
        tokens("猫 コー น้ํา かな 고양 🎂", |token| assert!(!is_whole_word(token), "{token}"));
    }

    /// The terms that FTS5 has of each text, given what we give it.
    fn by_fts5(texts: &[String]) -> Vec<Vec<String>> {
        let db = Connection::open_in_memory().expect("opens");
        db.execute_batch(
            "create table memory (doc integer primary key, text text not null, words text);
             create view memory_words as select doc, coalesce(words, text) as text from memory;
             create virtual table t using fts5 (
                 text, content = 'memory_words', content_rowid = 'doc', tokenize = 'porter ascii');
             create virtual table v using fts5vocab (t, instance);",
        )
        .expect("is set up");
        for (doc, text) in (0_i64..).zip(texts) {
            db.execute("insert into memory values (?1, ?2, ?3)", (doc, text, words(text))).expect("inserts");
        }
        db.execute_batch("insert into t (rowid, text) select doc, text from memory_words").expect("indexes");
        let mut select = db.prepare("select doc, cast(term as blob) from v order by doc, offset").expect("prepares");
        let rows = select.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).expect("selects");
        let mut found = vec![Vec::new(); texts.len()];
        for row in rows {
            let (doc, term): (u32, Vec<u8>) = row.expect("is read");
            found[doc as usize].push(String::from_utf8(term).expect("no character is cut"));
        }
        found
    }

    #[test]
    fn tokens_too_long_for_fts5_are_cut_as_it_does() {
        let texts = [LONGEST - 1, LONGEST, LONGEST + 1, 2 * LONGEST]
            .map(|length| [format!("{} b", "a".repeat(length)), format!("{}é жb", "ж".repeat(length / 2))]);
        let texts = texts.concat();
        assert_eq!(by_fts5(&texts), texts.iter().map(|text| terms_of(text)).collect::<Vec<_>>());
    }

    /// Characters around which the rules turn, and any others.
    fn text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[ -~]{0,8}",
            "\\PC{0,6}",
            any::<String>(),
            "(ed|ing|s|y| |-){1,2}",
            "[ạ-ỿỻꝝⱱ\u{300}-\u{36f}ẞßİıǅŉſ]{1,4}",
            "[а-яёй\u{301}\u{308}α-ωάΣς]{1,6}",
            "[\u{5b0}-\u{5ea}\u{621}-\u{669}\u{780}-\u{7ff}\u{8a0}-\u{8ff}\u{200b}-\u{200f}]{1,6}",
            "[\u{900}-\u{9ff}\u{e01}-\u{eff}\u{1000}-\u{109f}\u{1780}-\u{17f9}]{1,8}",
            "[一-三々〇ぁ-んァ-ンー\u{3099}가-각\u{1100}-\u{1103}\u{1161}-\u{1163}\u{11a8}-\u{11aa}ｱ-ﾟＡ-ｚ]{1,8}",
            "[🎂-🎄🏻-🏿\u{fe0f}\u{200d}²½™℃①]{1,4}",
        ];
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn fts5_ends_up_with_our_terms(texts in prop::collection::vec(text(), 40)) {
            let expected = by_fts5(&texts);
            for (text, expected) in texts.iter().zip(expected) {
                prop_assert_eq!(terms_of(text), expected, "of {:?}", text);
            }
        }

        #[test]
        fn folding_what_is_folded_changes_nothing(text in text()) {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn a_text_finds_itself_in_any_normal_form(text in text()) {
            let terms = terms_of(&format!("{text} é"));
            for form in [text.nfc().collect::<String>(), text.nfd().collect(), text.clone()] {
                prop_assert_eq!(&terms_of(&format!("{form} é")), &terms);
            }
        }
    }
}
