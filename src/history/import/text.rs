//! What the formats have in common when they put a conversation together.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::ops::ControlFlow;

use sha2::{Digest, Sha256};

use super::format::{Place, Sink};
use super::{Conversation, Item};

/// An id for what has none at its tool: the same for the same texts.
#[must_use]
pub fn made_id<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hex::encode(&hash.finalize()[..16])
}

/// Adds a paragraph, unless it is empty.
pub fn add(text: &mut String, more: &str) {
    let more = more.trim();
    if !more.is_empty() {
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(more);
    }
}

/// The files that a message names, each once.
#[derive(Debug, Default)]
pub struct Files(HashSet<String>);

impl Files {
    /// Adds a line that names an attached file, unless it is named.
    pub fn add(&mut self, text: &mut String, name: &str) {
        let name = name.trim();
        if !name.is_empty() && self.0.insert(name.to_owned()) {
            add(text, &format!("[file: {name}]"));
        }
    }
}

/// The longest id that is kept, in characters, as it is the longest that is taken in.
const MOST_ID: usize = 500;

/// Gives a conversation to the sink; without a message it is a thing left out. What has no id gets one, and an id that
/// would be refused where conversations are taken in becomes one made of it.
pub fn give(mut conversation: Conversation, place: Place<'_>, sink: &mut Sink<'_>) -> ControlFlow<()> {
    if conversation.messages.is_empty() {
        return sink(Item::Skipped { place: place.with_id(&conversation.id), why: "no message shown".into() });
    }
    fit(&mut conversation.id);
    if conversation.id.is_empty() {
        let began = conversation.created_at.map_or(0, |time| time.0).to_string();
        let first = &conversation.messages[0];
        // Neither what is said later nor a new title may change it.
        conversation.id = made_id(["conversation", &began, &first.text]);
    }
    let mut known = HashMap::new();
    for message in &mut conversation.messages {
        fit(&mut message.id);
        if message.id.is_empty() {
            let said = message.created_at.map_or(0, |time| time.0).to_string();
            message.id = made_id([&*conversation.id, &said, &message.text]);
            let again: &mut u32 = known.entry(message.id.clone()).or_default();
            *again += 1;
            if *again > 1 {
                let _ = write!(message.id, "-{again}");
            }
        }
    }
    sink(Item::Conversation(conversation))
}

/// Replaces an id that could not be taken in by one made of it.
fn fit(id: &mut String) {
    if id.chars().any(char::is_control) || id.char_indices().nth(MOST_ID).is_some() {
        *id = made_id(["id", id]);
    }
}

/// Removes what stands between `open` and `close`, with both, where `is` holds for what is between.
#[must_use]
pub fn without<'a>(text: Cow<'a, str>, open: &str, close: &str, is: impl Fn(&str) -> bool) -> Cow<'a, str> {
    if !text.contains(open) {
        return text;
    }
    let mut kept = String::with_capacity(text.len());
    // The next `close`, which several `open` can have before them; it is searched for once.
    let (mut from, mut at, mut end) = (0, 0, 0);
    while let Some(found) = text[at..].find(open) {
        let begin = at + found;
        let inner = begin + open.len();
        if end < inner {
            let Some(length) = text[inner..].find(close) else { break };
            end = inner + length;
        }
        at = inner;
        if is(&text[inner..end]) {
            kept.push_str(&text[from..begin]);
            at = end + close.len();
            from = at;
        }
    }
    kept.push_str(&text[from..]);
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use super::{Files, fit, made_id, without};

    #[test]
    fn an_id_that_would_be_refused_becomes_another() {
        for (given, is_kept) in [("c-1", true), ("", true), ("é", true), ("a\u{0}", false), ("a\u{85}b", false)] {
            let mut id = given.to_owned();
            fit(&mut id);
            assert_eq!(id == given, is_kept, "{given:?}");
        }
        let mut ids = ["x".repeat(501), "x".repeat(502), "x".repeat(500)];
        ids.iter_mut().for_each(fit);
        assert_ne!(ids[0], ids[1]);
        assert_eq!(ids.map(|id| id.len()), [32, 32, 500]);
    }

    #[test]
    fn ids_depend_on_where_one_text_ends_and_the_next_begins() {
        assert_eq!(made_id(["a", "b"]), made_id(["a", "b"]));
        assert_ne!(made_id(["ab", ""]), made_id(["a", "b"]));
    }

    #[test]
    fn a_file_is_named_once() {
        let (mut text, mut files) = ("see".to_owned(), Files::default());
        for name in ["a.pdf", " a.pdf", " "] {
            files.add(&mut text, name);
        }
        assert_eq!(text, "see\n\n[file: a.pdf]");
    }

    #[test]
    fn only_closed_spans_of_the_kind_are_removed() {
        let digits = |inner: &str| inner.chars().all(|c| c.is_ascii_digit());
        assert_eq!(without("a [1] b [x] c [2".into(), "[", "]", digits), "a  b [x] c [2");
        assert_eq!(without("[[1]2] [[x] [3]".into(), "[", "]", digits), "[2] [[x] ");
    }

    /// Otherwise it would not come to an end before the tests are stopped.
    #[test]
    fn many_openings_before_one_close_or_none_are_read_once() {
        let open = "[ ".repeat(2 << 20);
        assert_eq!(without(open.as_str().into(), "[", "]", |_| true), open);
        // Only the last of them is near enough to the close.
        let closed = format!("{open}]");
        assert_eq!(without(closed.as_str().into(), "[", "]", |inner| inner.len() < 2), open[2..]);
    }
}
