//! What a row of a list shows of a text.

use std::ops::Range;

/// The most that is shown of a text, in characters.
const MOST: usize = 400;
/// What is shown before the first mark of a text that is cut, in characters.
const BEFORE: usize = 80;

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::web) struct Piece {
    pub text: String,
    pub is_marked: bool,
}

/// A text, cut where it is long, with its marks: byte ranges in it, in order.
pub(in crate::web) fn snippet(text: &str, marks: &[Range<usize>]) -> Vec<Piece> {
    let back = |from: usize, count: usize| text[..from].char_indices().rev().nth(count - 1).map_or(0, |(at, _)| at);
    let ahead = |from: usize| text[from..].char_indices().nth(MOST).map_or(text.len(), |(at, _)| from + at);
    let first = marks.first().map_or(0, |mark| mark.start);
    let mut start = 0;
    if ahead(0) < text.len() && first > ahead(0) / 2 {
        start = back(first, BEFORE);
    }
    let end = ahead(start);
    let mut pieces = Vec::new();
    let mut push = |text: &str, is_marked| {
        if !text.is_empty() {
            pieces.push(Piece { text: text.to_owned(), is_marked });
        }
    };
    push(if start > 0 { "…" } else { "" }, false);
    let mut at = start;
    for mark in marks.iter().filter(|mark| mark.start >= start && mark.end <= end) {
        push(&text[at..mark.start], false);
        push(&text[mark.clone()], true);
        at = mark.end;
    }
    push(&text[at..end], false);
    push(if end < text.len() { "…" } else { "" }, false);
    pieces
}

#[cfg(test)]
mod tests {
    use super::snippet;

    /// With a mark at the first place where `mark` is, if anywhere.
    fn shown(text: &str, mark: &str) -> String {
        let marks: Vec<_> = text.match_indices(mark).take(1).map(|(at, mark)| at..at + mark.len()).collect();
        let marks = if mark.is_empty() { Vec::new() } else { marks };
        let piece =
            |piece: &super::Piece| if piece.is_marked { format!("[{}]", piece.text) } else { piece.text.clone() };
        snippet(text, &marks).iter().map(piece).collect()
    }

    #[test]
    fn a_short_text_is_whole_with_its_marks() {
        assert_eq!(shown("black coffee", "coffee"), "black [coffee]");
        assert_eq!(shown("", ""), "");
        assert_eq!(shown("aé", "é"), "a[é]");
    }

    #[test]
    fn a_long_text_is_cut_around_its_first_mark() {
        let text = format!("{}coffee{}", "é".repeat(1_000), "ü".repeat(1_000));
        let expected = format!("…{}[coffee]{}…", "é".repeat(80), "ü".repeat(314));
        assert_eq!(shown(&text, "coffee"), expected);
        assert_eq!(shown(&text, ""), format!("{}…", "é".repeat(400)));
    }
}
