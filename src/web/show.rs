//! How pages write numbers, addresses and texts that are marked in parts.

use std::fmt;
use std::ops::Range;

use super::layout::thousands;
use super::memories::snippet::Piece;
use crate::auth::oauth::Params;
use crate::error::{Error, Result};

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

    use super::{Pager, Piece, address, pieces};

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
