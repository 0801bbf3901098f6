//! Texts as pages show them: in pieces, some of them marked, and cut where a row has no
//! room for more.

use std::ops::Range;

/// The most that is shown of a text, in characters.
const MOST: usize = 400;
/// What is shown before the first mark of a text that is cut, in characters.
const BEFORE: usize = 80;

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub text: String,
    pub is_marked: bool,
}

/// A text in pieces, those at `marks` marked. What is no place in the text is as
/// near as it has one.
pub(super) fn pieces(text: &str, marks: &[Range<usize>]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut push = |range: Range<usize>, is_marked| {
        if !range.is_empty() {
            pieces.push(Piece { text: text[range].to_owned(), is_marked });
        }
    };
    let mut end = 0;
    for mark in marks {
        let start = text.floor_char_boundary(mark.start).max(end);
        let stop = text.floor_char_boundary(mark.end).max(start);
        push(end..start, false);
        push(start..stop, true);
        end = stop;
    }
    push(end..text.len(), false);
    pieces
}

/// A text, cut where it is long, with its marks: byte ranges in it, in order.
pub(super) fn snippet(text: &str, marks: &[Range<usize>]) -> Vec<Piece> {
    let back = |from: usize, count: usize| text[..from].char_indices().rev().nth(count - 1).map_or(0, |(at, _)| at);
    let ahead = |from: usize| text[from..].char_indices().nth(MOST).map_or(text.len(), |(at, _)| from + at);
    let first = marks.first().map_or(0, |mark| mark.start);
    let mut start = 0;
    if ahead(0) < text.len() && first > ahead(0) / 2 {
        start = back(first, BEFORE);
    }
    let end = ahead(start);
    let inside = marks.iter().filter(|mark| mark.start >= start && mark.end <= end);
    let inside: Vec<Range<usize>> = inside.map(|mark| mark.start - start..mark.end - start).collect();
    let cut = |is_cut: bool| is_cut.then(|| Piece { text: "…".to_owned(), is_marked: false });
    cut(start > 0).into_iter().chain(pieces(&text[start..end], &inside)).chain(cut(end < text.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::{Piece, Range, pieces, snippet};

    fn range(start: usize, end: usize) -> Range<usize> {
        Range { start, end }
    }

    fn shown(pieces: &[Piece]) -> String {
        let one = |piece: &Piece| if piece.is_marked { format!("<{}>", piece.text) } else { piece.text.clone() };
        pieces.iter().map(one).collect()
    }

    #[test]
    fn marks_are_cut_to_the_text_they_are_in() {
        assert_eq!(shown(&pieces("a büro b", &[range(2, 7)])), "a <büro> b");
        // In the middle of a character, past the end, in wrong order, overlapping.
        assert_eq!(shown(&pieces("aüb", &[range(2, 99)])), "a<üb>");
        assert_eq!(shown(&pieces("abc", &[range(2, 1), range(0, 2)])), "abc");
        assert_eq!(shown(&pieces("abc", &[range(7, 9)])), "abc");
    }

    /// With a mark at the first place where `mark` is, if anywhere.
    fn cut(text: &str, mark: &str) -> String {
        let marks: Vec<_> = text.match_indices(mark).take(1).map(|(at, mark)| at..at + mark.len()).collect();
        let marks = if mark.is_empty() { Vec::new() } else { marks };
        shown(&snippet(text, &marks))
    }

    #[test]
    fn a_short_text_is_whole_with_its_marks() {
        assert_eq!(cut("black coffee", "coffee"), "black <coffee>");
        assert_eq!(cut("", ""), "");
        assert_eq!(cut("aé", "é"), "a<é>");
    }

    #[test]
    fn a_long_text_is_cut_around_its_first_mark() {
        let text = format!("{}coffee{}", "é".repeat(1_000), "ü".repeat(1_000));
        let expected = format!("…{}<coffee>{}…", "é".repeat(80), "ü".repeat(314));
        assert_eq!(cut(&text, "coffee"), expected);
        assert_eq!(cut(&text, ""), format!("{}…", "é".repeat(400)));
    }
}
