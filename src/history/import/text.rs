//! What the formats have in common when they put a conversation together.

use std::borrow::Cow;
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

/// Adds a line that names an attached file, once.
pub fn add_file(text: &mut String, name: &str) {
    let name = name.trim();
    let line = format!("[file: {name}]");
    if !name.is_empty() && !text.contains(&line) {
        add(text, &line);
    }
}

/// Gives a conversation to the sink; without a message it is a thing left out. What has no id gets one.
pub fn give(mut conversation: Conversation, place: Place<'_>, sink: &mut Sink<'_>) -> ControlFlow<()> {
    if conversation.messages.is_empty() {
        return sink(Item::Skipped { place: place.with_id(&conversation.id), why: "no message shown".into() });
    }
    if conversation.id.is_empty() {
        let began = conversation.created_at.map_or(0, |time| time.0).to_string();
        let first = &conversation.messages[0];
        // Neither what is said later nor a new title may change it.
        conversation.id = made_id(["conversation", &began, &first.text]);
    }
    let mut known = std::collections::HashMap::new();
    for message in &mut conversation.messages {
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

/// Removes what stands between `open` and `close`, with both, where `is` holds for what is between.
#[must_use]
pub fn without<'a>(text: Cow<'a, str>, open: &str, close: &str, is: impl Fn(&str) -> bool) -> Cow<'a, str> {
    if !text.contains(open) {
        return text;
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(begin) = rest.find(open) {
        let inner = begin + open.len();
        match rest[inner..].find(close) {
            Some(length) if is(&rest[inner..inner + length]) => {
                kept.push_str(&rest[..begin]);
                rest = &rest[inner + length + close.len()..];
            }
            _ => {
                kept.push_str(&rest[..inner]);
                rest = &rest[inner..];
            }
        }
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use super::{add_file, made_id, without};

    #[test]
    fn ids_depend_on_where_one_text_ends_and_the_next_begins() {
        assert_eq!(made_id(["a", "b"]), made_id(["a", "b"]));
        assert_ne!(made_id(["ab", ""]), made_id(["a", "b"]));
    }

    #[test]
    fn a_file_is_named_once() {
        let mut text = "see".to_owned();
        add_file(&mut text, "a.pdf");
        add_file(&mut text, "a.pdf");
        add_file(&mut text, " ");
        assert_eq!(text, "see\n\n[file: a.pdf]");
    }

    #[test]
    fn only_closed_spans_of_the_kind_are_removed() {
        let digits = |inner: &str| inner.chars().all(|c| c.is_ascii_digit());
        assert_eq!(without("a [1] b [x] c [2".into(), "[", "]", digits), "a  b [x] c [2");
    }
}
