//! For the tests of formats: giving a reader parts as its layout says, without a
//! container around them, and looking at what it finds.

use std::ops::ControlFlow;

use super::format::{Format, Layout, Place};
use super::{Conversation, Fact, Item, Role};

/// Cuts a text into parts; `None` if it isn't laid out so.
pub fn cut(layout: Layout, text: &str) -> Option<Vec<String>> {
    match layout {
        Layout::Whole => Some(vec![text.to_owned()]),
        Layout::Split(between) => {
            Some(text.split(between).map(str::to_owned).filter(|part| !part.trim().is_empty()).collect())
        }
        Layout::Array(path) => {
            let mut json: serde_json::Value = serde_json::from_str(text).ok()?;
            for key in path.split('.').filter(|key| !key.is_empty()) {
                json = json.get_mut(key)?.take();
            }
            Some(json.as_array()?.iter().map(ToString::to_string).collect())
        }
    }
}

/// Reads a text that must be of the format.
pub fn read(format: &Format, text: &str) -> Vec<Item> {
    let mut layouts = format.layouts.iter().filter_map(|layout| Some((*layout, cut(*layout, text)?)));
    let (layout, parts) = layouts
        .find(|(_, parts)| parts.iter().any(|part| (format.is)(part.as_bytes())))
        .expect("the text is recognised");
    read_parts(format, layout, &parts)
}

/// Reads parts, whatever they are.
pub fn read_parts<T: AsRef<[u8]>>(format: &Format, layout: Layout, parts: &[T]) -> Vec<Item> {
    let mut items = Vec::new();
    let mut reader = (format.start)();
    let mut sink = |item| {
        items.push(item);
        ControlFlow::Continue(())
    };
    for (index, part) in (0..).zip(parts) {
        let index = (layout != Layout::Whole).then_some(index);
        let _ = reader.part(part.as_ref(), Place { file: "file", index, offset: 0 }, &mut sink);
    }
    let _ = reader.end("file", &mut sink);
    items
}

pub fn conversations(items: &[Item]) -> Vec<&Conversation> {
    let found = items.iter().filter_map(|item| match item {
        Item::Conversation(conversation) => Some(conversation),
        _ => None,
    });
    found.collect()
}

/// The first conversation.
pub fn conversation(items: &[Item]) -> &Conversation {
    conversations(items).first().copied().unwrap_or_else(|| panic!("no conversation in {items:?}"))
}

/// What was said, with `> ` before what the person said.
pub fn said(conversation: &Conversation) -> Vec<String> {
    let mark = |role| if role == Role::Human { "> " } else { "" };
    conversation.messages.iter().map(|message| format!("{}{}", mark(message.role), message.text)).collect()
}

pub fn facts(items: &[Item]) -> Vec<&Fact> {
    let found = items.iter().filter_map(|item| match item {
        Item::Fact(fact) => Some(fact),
        _ => None,
    });
    found.collect()
}

/// Why something was left out.
pub fn skipped(items: &[Item]) -> Vec<&str> {
    let found = items.iter().filter_map(|item| match item {
        Item::Skipped { why, .. } => Some(why.as_str()),
        _ => None,
    });
    found.collect()
}

/// What was wrong.
pub fn failed(items: &[Item]) -> Vec<&str> {
    let found = items.iter().filter_map(|item| match item {
        Item::Failed { why, .. } => Some(why.as_str()),
        _ => None,
    });
    found.collect()
}
