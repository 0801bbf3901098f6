//! The last step from what these formats read to an [`Item`]: who said it, times
//! that a conversation lacks, and the counts of what was left out.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::format::{Place, Sink};
use super::{Conversation, Item, Role, text};

/// The first of two texts that isn't empty.
#[must_use]
pub fn either<'a>(one: &'a str, other: &'a str) -> &'a str {
    if one.is_empty() { other } else { one }
}

/// The role of this name; `None` for those that aren't shown, such as `system` and `tool`.
#[must_use]
pub fn role(name: &str) -> Option<Role> {
    match name.trim().to_ascii_lowercase().as_str() {
        "user" | "human" => Some(Role::Human),
        "assistant" | "model" | "ai" | "bot" => Some(Role::Assistant),
        _ => None,
    }
}

/// A text with the names of its files after it.
#[must_use]
pub fn with_files(text: &str, names: &[String]) -> String {
    let mut out = text.trim().to_owned();
    let mut files = text::Files::default();
    for name in names {
        files.add(&mut out, name);
    }
    out
}

/// Gives a conversation to the sink as [`text::give`] does. Where it has no times of its own, those of its messages
/// stand in.
///
/// # Errors
/// None; `Break` is what the sink answered.
pub fn give(mut conversation: Conversation, place: Place<'_>, sink: &mut Sink<'_>) -> ControlFlow<()> {
    let times = || conversation.messages.iter().filter_map(|message| message.created_at);
    let (first, last) = (times().min(), times().max());
    conversation.created_at = conversation.created_at.or(first);
    conversation.updated_at = conversation.updated_at.or(last);
    text::give(conversation, place, sink)
}

/// How often something was left out, for each reason.
#[derive(Debug, Default)]
pub struct Tally {
    counts: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Counts one. The reason reads after a number: `records of other products`.
    pub fn add(&mut self, why: &'static str) {
        self.add_many(why, 1);
    }

    /// Counts several.
    pub fn add_many(&mut self, why: &'static str, count: usize) {
        *self.counts.entry(why).or_default() += count as u64;
    }

    /// Gives an [`Item::Skipped`] for each reason.
    ///
    /// # Errors
    /// None; `Break` is what the sink answered.
    pub fn give(&self, place: &str, sink: &mut Sink<'_>) -> ControlFlow<()> {
        for (why, count) in self.counts.iter().filter(|(_, count)| **count > 0) {
            sink(Item::Skipped { place: place.to_owned(), why: format!("{count} {why}") })?;
        }
        ControlFlow::Continue(())
    }
}

/// Gives an [`Item::Skipped`] for messages of a conversation that are of no known form, if there are any.
///
/// # Errors
/// None; `Break` is what the sink answered.
pub fn give_unread(count: usize, place: &Place<'_>, id: &str, sink: &mut Sink<'_>) -> ControlFlow<()> {
    let mut tally = Tally::default();
    tally.add_many("messages of an unknown form", count);
    tally.give(&place.with_id(id), sink)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_stand_after_the_text() {
        assert_eq!(with_files(" a ", &["b.pdf".to_owned()]), "a\n\n[file: b.pdf]");
        assert_eq!(with_files("", &["b.pdf".to_owned()]), "[file: b.pdf]");
    }
}
