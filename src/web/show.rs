//! How pages write numbers, addresses and names, and lead to one another.

use std::fmt;

use super::layout::thousands;
use super::review::count;
use crate::auth::oauth::Params;
use crate::error::{Error, Result};
use crate::search::Lack;

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

/// An address with parameters; empty ones are left out.
pub(super) fn address<'a>(path: &str, parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let given = parameters.into_iter().filter(|(_, value)| !value.is_empty());
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// The last page that can be asked for where there is none to be clamped to.
const LAST_PAGE: i64 = 1_000_000;

/// A number among parameters: that of a page, or such.
pub(super) fn number(query: &Params, name: &str) -> Result<Option<i64>> {
    let wrong = || Error::invalid(format!("The parameter '{name}' is a number from 1 on."));
    let number = query.get(name)?.map(|text| text.parse::<i64>().ok().filter(|number| *number > 0).ok_or_else(wrong));
    number.transpose()
}

/// How many rows a page of a list has.
pub(super) const PAGE: i64 = 50;

/// The way from a page to its neighbours.
#[derive(Debug, Default)]
pub(super) struct Pager {
    /// Which page it is.
    pub text: String,
    /// Addresses.
    pub previous: Option<String>,
    pub next: Option<String>,
}

impl Pager {
    /// Of the page that is asked for, from 1, or the last that there is; which that is.
    pub(super) fn new(page: i64, total: i64, size: i64, address: impl Fn(i64) -> String) -> (i64, Self) {
        let pages = ((total + size - 1) / size).max(1);
        let page = page.min(pages);
        let text = format!("Page {} of {}", thousands(page), thousands(pages));
        let previous = (page > 1).then(|| address(page - 1));
        (page, Self { text, previous, next: (page < pages).then(|| address(page + 1)) })
    }

    /// The number of the page, from 0, that an address asks for.
    pub(super) fn asked(query: &Params) -> Result<i64> {
        let number = number(query, "page")?.unwrap_or(1);
        if number > LAST_PAGE {
            return Err(Error::invalid("There are not so many pages."));
        }
        Ok(number - 1)
    }

    /// Of a page, from 0, with so many rows of a total of something; `path` ends in a `?` or `&`.
    pub(super) fn of_rows(path: &str, page: i64, rows: usize, total: i64, noun: (&str, &str)) -> Self {
        let (first, rows) = (page * PAGE + 1, i64::try_from(rows).unwrap_or(i64::MAX));
        let end = first + rows - 1;
        let text = match rows {
            0 => format!("0 of {}", count(total, noun)),
            rows if rows == total => count(total, noun),
            _ => format!("{}–{} of {}", thousands(first), thousands(end), count(total, noun)),
        };
        let address = |page: i64| format!("{path}page={page}");
        let previous = (page > 0).then(|| address(page));
        Self { text, previous, next: (end < total && rows > 0).then(|| address(page + 2)) }
    }

    /// Whether there is any other page, for the template.
    pub(super) fn is_any(&self) -> bool {
        self.previous.is_some() || self.next.is_some()
    }
}

/// What a search lacks, for people.
pub(super) fn lack(lack: Lack) -> &'static str {
    match lack {
        Lack::EmbedderUnavailable => "The embedder can't be asked, so only words were looked for, not meaning.",
        Lack::IndexLoading => "The index is being loaded, so only words were looked for. Search again in a moment.",
        Lack::IndexTooLarge => {
            "The index would take more memory than it may (search_memory_mb), so only words were looked for."
        }
        Lack::EmbeddingsPending => "Some of what came lately is found by its words only, until it is embedded.",
    }
}

/// How a platform calls itself.
pub(super) fn platform(name: &str) -> &str {
    let known = [
        ("chatgpt", "ChatGPT"),
        ("claude", "Claude"),
        ("claude-code", "Claude Code"),
        ("codex", "Codex"),
        ("cursor", "Cursor"),
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
    use super::{Pager, address};
    use crate::web::review::MEMORIES;

    #[test]
    fn an_address_has_what_is_given() {
        assert_eq!(address("/a", [("q", "x&y <"), ("r", "")]), "/a?q=x%26y+%3C");
        assert_eq!(address("/a", [("r", "")]), "/a");
    }

    #[test]
    fn a_page_that_there_is_not_is_the_last() {
        let (page, pager) = Pager::new(9, 101, 50, |page| page.to_string());
        assert_eq!((page, pager.previous.as_deref(), pager.next), (3, Some("2"), None));
        let (page, pager) = Pager::new(1, 0, 50, |page| page.to_string());
        assert_eq!((page, pager.text.as_str(), pager.is_any()), (1, "Page 1 of 1", false));
    }

    #[test]
    fn a_page_knows_its_neighbours() {
        let shown = |page, rows, total| {
            let Pager { text, previous, next } = Pager::of_rows("/trash?", page, rows, total, MEMORIES);
            (text, previous.unwrap_or_default(), next.unwrap_or_default())
        };
        let text = |one: &str, two: &str, three: &str| (one.to_owned(), two.to_owned(), three.to_owned());
        assert_eq!(shown(0, 50, 1_234), text("1–50 of 1,234 memories", "", "/trash?page=2"));
        assert_eq!(shown(24, 34, 1_234), text("1,201–1,234 of 1,234 memories", "/trash?page=24", ""));
        assert_eq!(shown(0, 50, 50), text("50 memories", "", ""));
        assert_eq!(shown(9, 0, 3), text("0 of 3 memories", "/trash?page=9", ""));
    }
}
