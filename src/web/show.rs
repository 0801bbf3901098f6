//! How pages write times, addresses and texts that are marked in parts.

use std::fmt;
use std::ops::Range;

use super::layout::thousands;
use crate::auth::oauth::Params;
use crate::clock::Micros;
use crate::error::{Error, Result};

/// A moment: for programs, and for people.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    /// RFC 3339.
    pub iso: String,
    /// The day.
    pub day: String,
    /// The time of day, in UTC.
    pub time: String,
}

impl From<Micros> for Moment {
    fn from(at: Micros) -> Self {
        let iso = at.rfc3339();
        let day = at.date().map_or_else(|| iso.clone(), |date| date.strftime("%-d %b %Y").to_string());
        let time = iso.get(11..16).unwrap_or_default().to_owned();
        Self { iso, day, time }
    }
}

/// How many there are of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count(u64);

impl Count {
    pub(super) fn new(number: impl TryInto<u64>) -> Self {
        Self(number.try_into().unwrap_or_default())
    }

    pub(super) fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// A word for one, or for any other number.
    pub(super) fn word<'a>(self, one: &'a str, many: &'a str) -> &'a str {
        if self.0 == 1 { one } else { many }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&thousands(self.0))
    }
}

/// A stretch of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// The part of a text, of about `length` bytes, with the first of its marks, and
/// these marks in it. What is left out is shown by dots.
pub(super) fn excerpt(text: &str, marks: &[Range<usize>], length: usize) -> Vec<Piece> {
    let first = marks.first().map_or(0, |mark| mark.start);
    // The mark with a third of the room before it, and no room wasted at the end.
    let start = first.saturating_sub(length / 3).min(text.len().saturating_sub(length));
    let start = if start == 0 { 0 } else { word_border(text, text.floor_char_boundary(start)) };
    let stop = text.ceil_char_boundary(start.saturating_add(length).min(text.len()));
    let inside = marks.iter().filter(|mark| mark.start >= start && mark.end <= stop);
    let inside: Vec<Range<usize>> = inside.map(|mark| mark.start - start..mark.end - start).collect();
    let mut pieces = pieces(&text[start..stop], &inside);
    let dots = |text: &str| Piece { text: text.to_owned(), is_marked: false };
    if start > 0 {
        pieces.insert(0, dots("… "));
    }
    if stop < text.len() {
        pieces.push(dots(" …"));
    }
    pieces
}

/// The begin of the next word, where one is near.
fn word_border(text: &str, from: usize) -> usize {
    let near = text[from..].char_indices().take(30).find(|(_, c)| c.is_whitespace());
    near.map_or(from, |(at, blank)| from + at + blank.len_utf8())
}

/// An address with parameters; empty ones are left out.
pub(super) fn address<'a>(path: &str, parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let given = parameters.into_iter().filter(|(_, value)| !value.is_empty());
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// A number among parameters: that of a page, or such.
pub(super) fn number(query: &Params, name: &str) -> Result<Option<i64>> {
    let wrong = || Error::invalid(format!("The parameter '{name}' is a number from 1 on."));
    let number = query.get(name)?.map(|text| text.parse::<i64>().ok().filter(|number| *number > 0).ok_or_else(wrong));
    number.transpose()
}

/// A page among several.
#[derive(Debug)]
pub(super) struct Pager {
    /// From 1.
    pub page: i64,
    /// How many there are, 1 at least.
    pub pages: i64,
    /// Addresses.
    pub previous: Option<String>,
    pub next: Option<String>,
}

impl Pager {
    /// The page that is asked for, or the last that there is.
    pub(super) fn new(page: i64, total: i64, size: i64, address: impl Fn(i64) -> String) -> Self {
        let pages = ((total + size - 1) / size).max(1);
        let page = page.min(pages);
        let previous = (page > 1).then(|| address(page - 1));
        let next = (page < pages).then(|| address(page + 1));
        Self { page, pages, previous, next }
    }

    /// Which page it is, for people.
    pub(super) fn place(&self) -> String {
        format!("Page {} of {}", thousands(self.page), thousands(self.pages))
    }
}

/// How a platform calls itself.
pub(super) fn platform(name: &str) -> &str {
    let known = [
        ("chatgpt", "ChatGPT"),
        ("claude", "Claude"),
        ("claude-code", "Claude Code"),
        ("codex", "Codex"),
        ("deepseek", "DeepSeek"),
        ("gemini", "Gemini"),
        ("grok", "Grok"),
        ("librechat", "LibreChat"),
        ("open-webui", "Open WebUI"),
        ("typingmind", "TypingMind"),
    ];
    known.into_iter().find(|(known, _)| *known == name).map_or(name, |(_, label)| label)
}

/// What a conversation without a title is called, else its title.
pub(super) fn title(title: &str) -> String {
    if title.trim().is_empty() { "Untitled".to_owned() } else { title.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::{Pager, Piece, address, excerpt, pieces};

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

    #[test]
    fn an_excerpt_has_the_first_mark_and_says_what_it_leaves_out() {
        let text = format!("{}here it is{}", "word ".repeat(100), " more".repeat(100));
        let mark = text.find("here").map(|at| at..at + 4).expect("there");
        let cut = shown(&excerpt(&text, &[mark], 60));
        assert!(cut.starts_with("… word") && cut.ends_with(" …") && cut.contains("<here> it is"), "{cut}");
        assert_eq!(shown(&excerpt("short", &[range(0, 5)], 60)), "<short>");
        for length in 0..20 {
            excerpt("äöüß€😀 äöüß€😀", &[range(3, 5)], length);
        }
    }

    #[test]
    fn an_address_has_what_is_given() {
        assert_eq!(address("/a", [("q", "x&y <"), ("r", "")]), "/a?q=x%26y+%3C");
        assert_eq!(address("/a", [("r", "")]), "/a");
    }

    #[test]
    fn a_page_that_there_is_not_is_the_last() {
        let pager = Pager::new(9, 101, 50, |page| page.to_string());
        assert_eq!((pager.page, pager.pages, pager.previous.as_deref(), pager.next), (3, 3, Some("2"), None));
        let pager = Pager::new(1, 0, 50, |page| page.to_string());
        assert_eq!((pager.page, pager.pages, pager.previous, pager.next), (1, 1, None, None));
    }
}
